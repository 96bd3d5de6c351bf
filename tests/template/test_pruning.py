"""What the post_gen hook removes: parts of YAML by marker, in cases and in any document, and files by their names."""

from __future__ import annotations

import itertools
import json
import re
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from conftest import ROOT
from mtasts import pruning
from mtasts.pruning import UnknownAnswerError, prune, pruned

GIVEN = ("function", "github", "cloudflare")

CASES = {
    "a key": ("a: 1 # only: github\nb: 2 # only: azure-devops\nc: 3\n", "a: 1\nc: 3\n"),
    "any of several answers": ("a: 1 # only: manual, github\nb: 2 # only: manual,route53\n", "a: 1\n"),
    "all other answers": ("a: 1 # except: manual\nb: 2 # except: manual, cloudflare\n", "a: 1\n"),
    "everything below it": ("a: # except: github\n  b: 1\nc: # except: azure-devops\n  d: 1\n", "c:\n  d: 1\n"),
    "a comment for others": ("# a # except: manual\n# b # except: cloudflare\nc: 1\n", "# a\nc: 1\n"),
    "a list item": ("- a # only: github\n- b # only: manual\n- c\n", "- a\n- c\n"),
    "everything below a key": ("a: # only: manual\n  b:\n    - c\n\n  # d\n  e: 1\nf: 2\n", "f: 2\n"),
    "everything below an item": ("- a: 1 # only: manual\n  b:\n    c: 2\n- d\n", "- d\n"),
    "a list that is not indented": ("a: # only: manual\n- b\n- c\nd: 1\n", "d: 1\n"),
    "a block scalar": ("a: | # only: manual\n  x\n\n    y\nb: 1\n", "b: 1\n"),
    "no marker in a block scalar": ("- a: |\n    x # only: manual\n  b: 1\n", "- a: |\n    x # only: manual\n  b: 1\n"),
    "nor a comment": ("a: >\n  # x # only: manual\n  # only: b\n", "a: >\n  # x # only: manual\n  # only: b\n"),
    "no marker in quotes": ("a: 'x # only: manual'\nb: \"# only: b\"\n", "a: 'x # only: manual'\nb: \"# only: b\"\n"),
    "no marker in the middle of a word": ("a: x# only: manual\n", "a: x# only: manual\n"),
    "behind another comment": ("a: 1 # v1.0 # only: github\nb: 2 # v2 # only: manual\n", "a: 1 # v1.0\n"),
    "comments directly above": ("# a\n\n# b\n# c\nd: 1 # only: manual\n# four\nb: 2\n", "# a\n\n# four\nb: 2\n"),
    "no comment of another column": ("a:\n  b: 1\n  # of a\nc: 1 # only: manual\n", "a:\n  b: 1\n  # of a\n"),
    "a mapping that is left empty": ("a:\n  # of b\n  b: 1 # only: manual\nc: 1\n", "c: 1\n"),
    "and what is left empty then": ("# of a\na:\n  b:\n    - c: # only: manual\n        d: 1\ne: 1\n", "e: 1\n"),
    "not what was empty before": ("a:\nb: {}\nc: 1 # only: manual\n", "a:\nb: {}\n"),
    "an item that begins with what goes": ("- a:\n    b: 1 # only: manual\n  # of c\n  c: 1\n", "# of c\n- c: 1\n"),
    "an item of which nothing is left": ("- a:\n    b: 1 # only: manual\n- c\n", "- c\n"),
    "a list in a list": ("- - a # only: manual\n  - b\n- - c\n  - d # only: manual\n", "- - c\n"),
    "the blank line above": ("a: 1\n\nb: 2 # only: manual\n\nc: 3\n", "a: 1\n\nc: 3\n"),
    "no blank line at the beginning": ("x:\n  a: 1 # only: manual\n\n  b: 2\n", "x:\n  b: 2\n"),
    "a comment by itself": ("# a # only: manual\n# b # only: github\nc: 1\n", "# b\nc: 1\n"),
    "a flow collection": ("a: [b, 'c # d'] # only: github\ne: {f: 1} # only: manual\n", "a: [b, 'c # d']\n"),
    "an apostrophe": ("a: it's # only: github\nb: it's # only: manual\n", "a: it's\n"),
    "a value with a colon": ("a: b:c # only: github\nhttps://x: # only: manual\n  d: 1\n", "a: b:c\n"),
    "line ends": ("a: 1 # only: github\r\nb: 2 # only: manual\r\nc: 3", "a: 1\r\nc: 3"),
    "no line end at the end": ("a: 1\nb: 2 # only: manual", "a: 1\n"),
    "a document of its own": ("---\na: 1 # only: manual\n---\nb: 1 # only: github\n", "---\n---\nb: 1\n"),
    "nothing is left": ("# of a\na: 1 # only: manual\n", ""),
    "no marker at all": ("a:   1 #only: manual\n", "a:   1 #only: manual\n"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "left"), CASES.values(), ids=CASES)
def test_what_is_left(text: str, left: str) -> None:
    """What the answers need, as it was written; and once more changes nothing."""
    assert pruned(text, GIVEN) == left
    assert pruned(left, GIVEN) == left


@pytest.mark.parametrize("marker", ["gitlab", "", "github, manul", "GitHub", "github manual", "function and github"])
def test_a_marker_with_an_unknown_answer_stops_the_bake(marker: str) -> None:
    """A slip would remove from every repository what some of them need."""
    with pytest.raises(UnknownAnswerError):
        pruned(f"a: 1 # only: {marker}\n", GIVEN)
    with pytest.raises(UnknownAnswerError):
        pruned(f"a: 1 # except: {marker}\n", GIVEN)


@pytest.mark.parametrize("marker", ["manual, github", "github, azure-devops"])
def test_an_exception_is_of_some_answers_to_one_question(marker: str) -> None:
    """Else it would keep nothing, or what it keeps would depend on the order of the questions."""
    with pytest.raises(UnknownAnswerError):
        pruned(f"a: 1 # except: {marker}\n", GIVEN)


# Any document


class Child(NamedTuple):
    """What stands in a mapping or in a list. key: None in a list. below: its children, or a scalar as it is written."""

    key: str | None
    below: Any
    only: str | None
    lead: list[str]
    on_line: bool


ONLY = st.sampled_from([None, None, None, "github", "manual", "manual, function", "route53,rfc2136"])
LEAD = st.lists(st.sampled_from(["", "# text", "  # deeper", "# it's: 'x"]), max_size=3)
SCALARS = st.sampled_from(
    ["1", "x y", "it's", "'a # only: manual'", '"b: # only: github"', "[a, 'b # c', {d: e}]", "{}", "[]", "''", "a:b",
     "'", "&"]
).filter(lambda text: text not in ("'", "&"))  # fmt: skip
BLOCKS = st.tuples(
    st.sampled_from(["|", ">", "|-", ">-"]),
    st.lists(st.sampled_from(["x", "# only: manual", "a: 1 # only: github", "- b", "  deeper", "", "'"]), max_size=4),
).map(lambda drawn: (drawn[0], ["first", *drawn[1]]))


def children(below: st.SearchStrategy[Any], keyed: bool) -> st.SearchStrategy[list[Child]]:
    """Return what can stand in a mapping, or in a list."""
    keys = st.sampled_from(["a", "b b", "'c'", '"d: #"', "e-e", "on", "x:y"]) if keyed else st.none()
    child = st.builds(Child, keys, below, ONLY, LEAD, st.booleans())
    return st.lists(child, min_size=1, max_size=4, unique_by=(lambda each: each.key) if keyed else None)


DOCUMENTS = st.recursive(
    SCALARS | BLOCKS, lambda below: children(below, True) | children(below, False), max_leaves=14
).filter(lambda document: isinstance(document, list))


def written(document: list[Child], column: int, inline: bool = False) -> list[str]:
    """Return the lines of a document. inline: its first line follows a dash, so it has no marker."""
    lines = []
    for number, child in enumerate(document):
        first = inline and number == 0
        lines += [] if first else [" " * column + text if text else "" for text in child.lead]
        head = " " * column + ("-" if child.key is None else f"{child.key}:")
        marker = f" # only: {child.only}" if child.only and not first else ""
        if isinstance(child.below, str):
            lines.append(f"{head} {child.below}{marker}")
        elif isinstance(child.below, tuple):
            style, content = child.below
            lines += [f"{head} {style}{marker}", *(" " * (column + 2) + text if text else "" for text in content)]
        elif child.key is None and child.on_line:
            inner = written(child.below, column + 2, inline=True)
            lines += [f"{head} {inner[0][column + 2 :]}{marker}", *inner[1:]]
        else:
            flat = child.key is not None and child.on_line and child.below[0].key is None
            lines += [f"{head}{marker}", *written(child.below, column + (0 if flat else 2))]
    return lines


def without(document: list[Child], value: Any, inline: bool = False) -> Any:
    """Return a parsed document without what its markers remove; None if nothing is left of it."""
    parsed = list(value.items()) if isinstance(value, dict) else [(None, each) for each in value]
    left = []
    for number, (child, (key, each)) in enumerate(zip(document, parsed, strict=True)):
        marked = child.only and not (inline and number == 0)
        if marked and not set(re.split(", *", str(child.only))) & set(GIVEN):
            continue
        if isinstance(child.below, list):
            each = without(child.below, each, child.key is None and child.on_line)
            if each is None:
                continue
        left.append((key, each))
    if not left:
        return None
    return dict(left) if isinstance(value, dict) else [each for _, each in left]


@given(DOCUMENTS, st.sampled_from(["\n", "\r\n"]), st.booleans())
def test_any_document(document: list[Child], end: str, ended: bool) -> None:
    """What is left is YAML, it is the document without what is marked, and it was written just so before."""
    lines = written(document, 0)
    text = end.join(lines) + (end if ended else "")
    found = pruned(text, GIVEN)
    assert yaml.safe_load(found) == without(document, yaml.safe_load(text))
    assert pruned(found, GIVEN) == found
    assert found.replace(end, "").isprintable()
    before = {plain(line) for line in lines} | {plain(re.sub(" # only: [^#]*$", "", line)) for line in lines}
    assert {plain(line) for line in found.split(end)} <= before | {""}


def plain(line: str) -> str:
    """Return a line without its indentation and dashes: what follows what goes can take its dash."""
    return re.sub(r"[\s-]", "", line)


WORDS = ("a", "b: ", ":", "- ", "#", " # only: manual", "'", '"', "|", ">", "[", "]", "{", "}", " ", "  ", "\n", "\r\n")


@given(st.lists(st.sampled_from(WORDS), max_size=30).map("".join))
def test_any_text(text: str) -> None:
    """Whatever stands in a file, nothing breaks off, and no line is made up."""
    try:
        found = pruned(text, GIVEN)
    except UnknownAnswerError:
        return
    lines = text.split("\n")
    before = {plain(line) for line in lines} | {plain(re.sub(" *# only: manual *", "", line)) for line in lines}
    assert {plain(line) for line in found.split("\n")} <= before | {""}


# Files

COMMON = [
    *("README.md", "policy.yaml", "tests/test_policy.py", "static/index.html", "docs/cloudflare.md"),
    # What lint, plan and check need for each hosting and provider stays: the base branch judges a change of them.
    *("mtasts/cli/verbs/check.py", "mtasts/config/hosting.py", "mtasts/dns/records.py", "mtasts/hosting/build.py"),
]
HOSTINGS = {
    "function": [
        *("infra/function.bicep", "function/host.json", "tests/test_function.py", "mtasts/hosting/function.py"),
        *("mtasts/hosting/bytecode.py", "mtasts/hosting/functions_host.py"),
    ],
    "static-web-app": [
        *("infra/static-web-app.bicep", "static/staticwebapp.config.json", "mtasts/hosting/static_web_app.py"),
    ],
    "front-door": ["infra/front-door.bicep", "mtasts/hosting/front_door.py"],
    "web-server": ["static/Caddyfile", "static/nginx.conf", "mtasts/hosting/web_server.py"],
}
NOT_FOR_WEB_SERVER = {
    "github": [".github/actions/variables/action.yml", ".github/workflows/provision.yml"],
    "azure-devops": [".azuredevops/steps/variables.yml", ".azuredevops/provision.yml"],
}
AZURE = ["infra/deploy.sh", "mtasts/cli/verbs/outputs.py", "mtasts/cli/verbs/parameters.py", "mtasts/hosting/azure.py"]
PIPELINES = {"github": ".github/workflows", "azure-devops": ".azuredevops"}
SHARED = {
    "github": [".github/dependabot.yml", ".github/actions/toolkit/action.yml"],
    "azure-devops": [".azuredevops/steps/toolkit.yml", "mtasts/ci/azure_devops.py", "mtasts/cli/verbs/comment.py"],
}
OCTODNS = [
    *("dns/README.md", "mtasts/dns/octodns.py", "mtasts/dns/publish.py", "mtasts/dns/recordset.py"),
    *("mtasts/dns/providers/__init__.py", "mtasts/check/announcing.py", "mtasts/dns/names.py"),
    *("mtasts/cli/_announced.py", "mtasts/cli/_octodns.py"),
]
DNS: dict[str, list[str]] = {
    "azure-dns": [
        *(*OCTODNS, "dns/azure-dns.yaml", "infra/azure-dns.rights.json", "mtasts/dns/providers/azure_dns.py"),
    ],
    "cloudflare": [*OCTODNS, "dns/cloudflare/config.yaml", "mtasts/dns/providers/cloudflare.py"],
    "route53": [*OCTODNS, "dns/route53.in", "dns/route53.txt", "mtasts/dns/providers/route53.py"],
    "rfc2136": [*OCTODNS, "dns/rfc2136.yaml", "mtasts/dns/providers/rfc2136.py"],
    "manual": [],
}


def tree(root: Path) -> set[str]:
    """Return the files under a folder."""
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}


def chosen(hosting: str, pipelines: str, dns: str) -> set[str]:
    """Return the files that these choices are to leave."""
    folder = PIPELINES[pipelines]
    workflows = [f"{folder}/{name}.yml" for name in ("pull-request", "watch", f"deploy-{hosting}")]
    azure = [] if hosting == "web-server" else [*AZURE, *NOT_FOR_WEB_SERVER[pipelines]]
    bootstrap = [] if hosting == "web-server" and dns != "azure-dns" else ["infra/bootstrap.bicep"]
    secrets = [] if (pipelines, dns) == ("github", "manual") else ["mtasts/system/credentials.py"]
    return {*COMMON, *HOSTINGS[hosting], *azure, *SHARED[pipelines], *workflows, *DNS[dns], *bootstrap, *secrets}


@pytest.mark.parametrize("hosting", HOSTINGS)
@pytest.mark.parametrize("pipelines", PIPELINES)
@pytest.mark.parametrize("dns", DNS)
def test_pruning(tmp_path: Path, hosting: str, pipelines: str, dns: str) -> None:
    """Of everything that there is, exactly what was chosen stays; a second run changes nothing."""
    every = set().union(*(chosen(*choice) for choice in itertools.product(HOSTINGS, PIPELINES, DNS)))
    for name in every:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "mtasts" / "pruning.py").touch()
    for _ in range(2):
        prune(tmp_path, [hosting, pipelines, dns])
        assert tree(tmp_path) == chosen(hosting, pipelines, dns)
    assert (tmp_path / "dns").exists() == (dns != "manual")
    assert (tmp_path / "infra").exists() == (hosting != "web-server" or dns == "azure-dns")


@pytest.mark.parametrize(
    ("hosting", "left"),
    [
        ("web-server", "/build/\r\n# mine: /hosts.json\n*.json\n"),
        ("front-door", "/build/\r\n/hosts.json\r\n# mine: /hosts.json\n*.json\n"),
        ("function", "/build/\r\n/hosts.json\r\n# mine: /hosts.json\n/.wheels/\n*.json\n"),
    ],
)
def test_git_ignores_what_is_written(tmp_path: Path, hosting: str, left: str) -> None:
    """A name in .gitignore that nothing in the repository writes is a question that somebody has to answer."""
    text = "/build/\r\n/hosts.json\r\n# mine: /hosts.json\n/.wheels/\n*.json\n"
    (tmp_path / ".gitignore").write_bytes(text.encode())
    for _ in range(2):
        prune(tmp_path, [hosting, "github", "manual"])
        assert (tmp_path / ".gitignore").read_bytes().decode() == left


def test_pruning_leaves_no_empty_static_folder(tmp_path: Path) -> None:
    """static/ goes with the last file in it."""
    (tmp_path / "static").mkdir()
    (tmp_path / "static" / "staticwebapp.config.json").touch()
    prune(tmp_path, ["function", "github", "manual"])
    assert not (tmp_path / "static").exists()


def test_pruning_where_nothing_is(tmp_path: Path) -> None:
    """What is not there need not be removed."""
    prune(tmp_path, ["web-server", "azure-devops", "manual"])
    assert list(tmp_path.iterdir()) == []


def test_every_choice_is_known() -> None:
    """What is named after a choice that pruning does not know would stay everywhere."""
    questions = json.loads((ROOT / "cookiecutter.json").read_text(encoding="utf-8"))
    menus = {choice for menu in ("hosting", "pipelines", "dns_provider") for choice in questions[menu]}
    assert menus == pruning.CHOICES


@pytest.mark.parametrize("provider", ["route53", "rfc2136"])
def test_a_dns_provider_stands_in_few_files(provider: str) -> None:
    """Seven files and a compiled lock make a provider, so that a stranger can add one: no list names it elsewhere."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, encoding="utf-8", check=True).stdout
    inner = "{{cookiecutter.domain}}/"
    aside = ("tests/", "ci/requirements.", "CHANGELOG.md", "CONTRIBUTING.md")
    paths = [ROOT / name for name in listed.splitlines() if not name.startswith(aside)]
    found = [
        path.relative_to(ROOT).as_posix()
        for path in paths
        if provider in path.name or provider in path.read_text(encoding="utf-8").lower()
    ]
    assert found == [
        "cookiecutter.json",
        f"{inner}.azuredevops/steps/publish.yml",
        f"{inner}.github/workflows/publish.yml",
        f"{inner}README.md",
        f"{inner}dns/provider.yaml",
        f"{inner}dns/{provider}.in",
        f"{inner}dns/{provider}.txt",
        f"{inner}mtasts/dns/providers/{provider}.py",
    ]
