"""The template: the whole matrix of answers, what is left in a bake, and updates with cruft."""

import ast
import itertools
import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import yaml

from conftest import ROOT, Bake, verb
from mtasts.config.model import load
from pipeline_files import tool

pytestmark = pytest.mark.slow  # bakes every combination of answers

QUESTIONS = json.loads((ROOT / "cookiecutter.json").read_text(encoding="utf-8"))
MENUS = {name: value for name, value in QUESTIONS.items() if isinstance(value, list) and not name.startswith("_")}
HOSTNAME_MISSING = {"function": [], "static-web-app": ["MTS155"], "front-door": ["MTS155"], "web-server": ["MTS155"]}


def combinations(*names: str) -> Iterator[dict[str, str]]:
    """Yield every combination of the answers to these questions, read from cookiecutter.json."""
    for values in itertools.product(*(MENUS[name] for name in names)):
        yield dict(zip(names, values, strict=True))


def test_the_matrix_is_the_menus() -> None:
    """A new menu must not slip past the matrix."""
    assert list(MENUS) == ["mail_provider", "mode", "hosting", "pipelines", "dns_provider"]
    assert len(list(combinations(*FILES))) == 40
    tried = {name: {answers.get(name, MENUS[name][0]) for answers in POLICIES.values()} for name in MENUS}
    assert {name: tried[name] for name in ("mail_provider", "mode")} == {
        name: set(MENUS[name]) for name in ("mail_provider", "mode")
    }


# What decides which files there are; the other answers change policy.yaml and the README alone.
FILES = ("hosting", "pipelines", "dns_provider")
POLICIES: dict[str, dict[str, str]] = {
    "the defaults": {},
    "Exchange Online, enforce": {"mode": "enforce"},
    "Exchange Online, none": {"mode": "none"},
    "Google Workspace, testing": {"mail_provider": "google-workspace"},
    "Google Workspace, enforce": {"mail_provider": "google-workspace", "mode": "enforce"},
    "Google Workspace, none": {"mail_provider": "google-workspace", "mode": "none"},
    "another provider, testing": {"mail_provider": "other"},
    "another provider, enforce": {"mail_provider": "other", "mode": "enforce"},
    "another provider, none": {"mail_provider": "other", "mode": "none"},
    "MX hosts, a max_age and an address of one's own": {
        "mx_hosts": "mx1.example.net, *.mx.example.net", "max_age": "1209600", "tls_report_address": "tls@example.net"
    },
    "a web server on Azure DevOps that takes reports itself": {
        "hosting": "web-server", "pipelines": "azure-devops", "tls_report_address": "https://reports.example.com/tls"
    },
    "a domain and an app in other letters": {
        "domain": "xn--bcher-kva.example", "app_name": "buecher", "region": "northeurope"
    },
}  # fmt: skip


def passes(folder: Path, hosting: str) -> None:
    """Expect that a repository lints, builds and passes its own tests as its pipeline runs them."""
    assert verb(folder, "lint").returncode == 0
    config, findings = load(folder / "policy.yaml")
    assert [finding.rule.id for finding in findings] == HOSTNAME_MISSING[hosting]
    assert config
    assert not [path for path in folder.rglob("*") if "cookiecutter" in path.name]
    left = [path for path in folder.rglob("*") if path.is_file() and b"cookiecutter" in path.read_bytes()]
    assert left == []
    command = [sys.executable, "-m", "unittest", "discover", "-s", "tests"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert ("Ran 5 tests" if hosting == "function" else "Ran 3 tests") in done.stderr
    built = verb(folder, "build", "--no-packages")
    assert (built.returncode, built.stdout.decode().split()) == (0, BUILDS[hosting])


SCHEMAS = {
    ".github/workflows/*.yml": ("github-workflows",),
    ".github/actions/*/action.yml": ("github-actions",),
    ".github/dependabot.yml": ("dependabot",),
    ".azuredevops/*.yml": ("azure-pipelines", "--data-transform=azure-pipelines", "--regex-variant=nonunicode"),
}


def has_valid_pipelines(folders: Sequence[Path], pipelines: str) -> None:
    """Expect that the pipelines of repositories meet their schemas, and that zizmor finds nothing in them."""
    for pattern, (schema, *options) in SCHEMAS.items():
        files = [path for folder in folders for path in sorted(folder.glob(pattern))]
        assert len(files) >= (len(folders) if pattern.startswith(f".{pipelines.replace('-', '')}/") else 0)
        if files:
            done = tool("check-jsonschema", f"--builtin-schema=vendor.{schema}", *options, *files)
            assert (done.returncode, done.stdout) == (0, "ok -- validation done\n"), done.stdout + done.stderr
    if pipelines == "github":
        done = tool("zizmor", "--offline", "--no-config", "--persona=pedantic", "--strict-collection", *folders)
        assert (done.returncode, "No findings to report" in done.stdout) == (0, True), done.stdout + done.stderr


def can_be_overseen(folder: Path) -> None:
    """Expect at most 18 modules in a folder: more, and nobody finds the one that they look for."""
    modules = Counter(path.parent.relative_to(folder).as_posix() for path in folder.rglob("*.py"))
    assert {name: number for name, number in modules.items() if number > 18} == {}


# What only one pipeline system has. Both systems' output forms, and what recognises the system, are always there.
OF_A_SYSTEM = {
    "github": r"GH_TOKEN|github\.token|uses: ",
    "azure-devops": r"SYSTEM_ACCESSTOKEN|dev\.azure\.com|TfsGit|_apis/|vmImage",
}


def has_nothing_of_the_other_system(folder: Path, pipelines: str) -> None:
    """Expect no pipeline and no module of the other system."""
    (other,) = {*OF_A_SYSTEM} - {pipelines}
    named = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if other in path.name.replace("_", "-")]
    assert named == []
    assert not (folder / {"github": ".github", "azure-devops": ".azuredevops"}[other]).exists()
    assert found_in(folder, OF_A_SYSTEM[other]) == set()


def found_in(folder: Path, pattern: str) -> set[str]:
    """Return each place of a pattern in a repository: in the name of a file, and in the text of every file."""
    paths = [path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    texts = {path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8") for path in paths}
    return {f"{name}: {each[0]}" for name in texts for each in re.finditer(pattern, f"{name}\n{texts[name]}")}


def offers(folder: Path, pipelines: str, hosting: str, provider: str) -> None:
    """Expect the verbs and rules that the answers need, and that nothing calls what is not there."""
    shown = verb(folder, "--help").stdout.decode().partition("Verbs:")[2].partition("Example:")[0]
    verbs = [*VERBS, *(AZURE_VERBS if hosting in AZURE else ()), *(("comment",) if pipelines == "azure-devops" else ())]
    assert re.findall("^  ([a-z]+) ", shown, re.MULTILINE) == sorted(verbs)
    listed = verb(folder, "explain").stdout.decode().replace("\r\n", "\n").partition("\n\n")[0]
    assert f"\n\n{listed}\n\n" in (folder / "README.md").read_text(encoding="utf-8")
    assert ("| MTS231 |" in listed) == (provider != "manual")
    modules = {path.relative_to(folder).with_suffix("").as_posix().replace("/", ".") for path in folder.rglob("*.py")}
    modules |= {name.removesuffix(".__init__") for name in modules}
    assert [name for name in imported(folder) if name not in modules] == []
    called = {name for path in commands(folder) for name in re.findall(r"-m (mtasts[\w.]*)(?= )", path.read_text())}
    assert called - modules - {"mtasts"} == set()
    pipelines_text = "".join(path.read_text(encoding="utf-8") for path in commands(folder))
    assert not re.search("# (only|except):", pipelines_text)
    assert ("function/local.txt" in pipelines_text) == (hosting == "function")


def imported(folder: Path) -> Iterator[str]:
    """Yield each module of the toolkit that a file imports whenever it is read."""
    for path in sorted([*folder.glob("mtasts/**/*.py"), *folder.glob("tests/*.py")]):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ImportFrom) and str(node.module).startswith("mtasts."):
                package = folder / str(node.module).replace(".", "/")
                inner = [f"{node.module}.{each.name}" for each in node.names if package.is_dir()]
                names = {name for name in inner if not name.rpartition(".")[2][0].isupper()}
                exported = (package / "__init__.py").read_text(encoding="utf-8") if package.is_dir() else ""
                yield str(node.module)
                yield from (name for name in names if f'"{name.rpartition(".")[2]}"' not in exported)


def commands(folder: Path) -> list[Path]:
    """Return the files that run the toolkit."""
    found = [folder.rglob(pattern) for pattern in (".github/**/*.yml", ".azuredevops/**/*.*", "infra/*.sh")]
    return [path for paths in found for path in paths]


AZURE = ("function", "static-web-app", "front-door")
VERBS = ("build", "check", "explain", "import", "lint", "plan", "publish", "records", "render", "serve", "wait")
AZURE_VERBS = ("hosts", "outputs", "parameters")
BUILDS = {
    "function": ["build/function/", "build/function.zip", "build/static/"],
    "static-web-app": ["build/static/"],
    "front-door": ["build/static/"],
    "web-server": ["build/Caddyfile", "build/nginx.conf", "build/static/"],
}


@pytest.mark.parametrize("hosting", MENUS["hosting"])
@pytest.mark.parametrize("pipelines", MENUS["pipelines"])
def test_every_choice_of_files_lints_builds_and_passes_its_own_tests(
    bake: Bake, tmp_path: Path, hosting: str, pipelines: str
) -> None:
    """No errors, and no warning but that the host name is not known yet."""
    folders = []
    for provider in MENUS["dns_provider"]:
        folder = bake(output=tmp_path / provider, hosting=hosting, pipelines=pipelines, dns_provider=provider)
        has_nothing_of_the_other_system(folder, pipelines)
        can_be_overseen(folder)
        passes(folder, hosting)
        offers(folder, pipelines, hosting, provider)
        folders.append(folder)
    has_valid_pipelines(folders, pipelines)


def test_a_hosting_that_a_repository_was_not_made_for(bake: Bake) -> None:
    """Who only writes another kind into policy.yaml is told what else it takes; lint judges it all the same."""
    folder = bake(hosting="web-server")
    policy = (folder / "policy.yaml").read_text(encoding="utf-8").replace("kind: web-server", "kind: static-web-app")
    (folder / "policy.yaml").write_text(policy, encoding="utf-8")
    said = (
        "This repository has no files for the hosting static-web-app. "
        """To add them, run: cruft update --variables-to-update '{"hosting": "static-web-app"}'"""
    )
    for words in (["build"], ["serve", "--port", "0"]):
        done = verb(folder, *words)
        assert (done.returncode, said in done.stderr.decode(), b"Traceback" in done.stderr) == (1, True, False)
    assert verb(folder, "lint").returncode == 0


# In no file of a repository with a web server of one's own, whose owner enters the records by hand.
NAMED_NOWHERE = {
    "azure login": "azure/login|AzureCLI@|azureSubscription|AZURE_(CLIENT|TENANT|SUBSCRIPTION)_ID|AZURE_RESOURCE_GROUP",
    "Azure's command line": "az (login|rest|deployment|account|role)|Microsoft[.](Web|Cdn|Network)",
    "what Azure answers": r"hosts[.]json|outputs[.]json|parameters[.]json|[.]wheels/$",
    "secrets of GitHub": r"secrets[.]\w",
    "all secrets but the token of a comment": r"\$[(]\w*(TOKEN|SECRET|KEY)\w*[)](?<!SYSTEM_ACCESSTOKEN[)])",
    "azure functions": "azure-functions|azure[.]functions|function_app",
    "secrets of providers": "CLOUDFLARE_TOKEN|AWS_[A-Z]+|RFC2136_[A-Z]+",
    "id tokens": "id-token",
    "octoDNS providers": "octodns[-_](azure|cloudflare|route53|bind)|AzureProvider|Rfc2136Provider",
    "Bicep": r"\binfra/|[Bb]icep",
    "sign-ins": r"\baz login\b|[Tt]enant|[Ss]ubscription|[Ff]ederat|[Ww]orkload identity|[Ss]ervice connection",
    "what a pipeline reads from the settings": r"\$\{\{ *(secrets|vars)\b|secrets: inherit|mta-sts-dns",
    "what is provisioned": r"environment: provision|[Pp]rovision[.]yml|[*`]provision[*`]|(FUNCTION|STATICWEB)APP_",
    "keys of providers": "API token|access key|TSIG",
}


@pytest.mark.parametrize("pipelines", MENUS["pipelines"])
@pytest.mark.parametrize("words", NAMED_NOWHERE)
def test_a_web_server_and_dns_by_hand_name_nothing_of_azure_or_a_provider(
    bake: Bake, pipelines: str, words: str
) -> None:
    """Security teams read every line, and ask about every secret that they find."""
    folder = bake(hosting="web-server", dns_provider="manual", pipelines=pipelines)
    assert found_in(folder, NAMED_NOWHERE[words]) == set()


@pytest.mark.parametrize(("word", "left_out"), [("build", "packages|Function"), ("publish", "--(doit|force)|octoDNS")])
def test_help_offers_no_option_that_does_nothing_here(bake: Bake, word: str, left_out: str) -> None:
    """A web server has no package, and nothing changes DNS by hand. The pipelines pass --doit all the same."""
    folder = bake(hosting="web-server", dns_provider="manual")
    shown = verb(folder, word, "--help").stdout.decode()
    assert "--file FILE" in shown
    assert not re.search(left_out, shown)
    assert re.search(left_out, verb(bake(domain="example.net"), word, "--help").stdout.decode())
    assert verb(folder, "publish", "hosting", "--doit", "--force").returncode == 0


def test_help_offers_the_tokens_of_front_door_with_dns_by_hand_too(bake: Bake) -> None:
    """Without the option, the token is not among the records to enter."""
    folder = bake(hosting="front-door", dns_provider="manual")
    assert "--verification FILE" in verb(folder, "publish", "--help").stdout.decode()


@pytest.mark.parametrize("name", POLICIES)
def test_every_choice_of_policy_lints_builds_and_passes_its_own_tests(bake: Bake, name: str) -> None:
    """What stands in policy.yaml and in the README alone."""
    answers = POLICIES[name]
    folder = bake(**answers)
    passes(folder, answers.get("hosting", "function"))
    has_valid_pipelines([folder], answers.get("pipelines", "github"))
    policy = yaml.safe_load((folder / "policy.yaml").read_text(encoding="utf-8"))
    assert policy["mode"] == answers.get("mode", "testing")


def test_the_licence_travels_with_the_toolkit(bake: Bake) -> None:
    """J22: MIT requires its notice with the copied toolkit. The repository also names the template."""
    folder = bake()
    assert (folder / "mtasts" / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()
    for name in ("README.md", "mtasts/__init__.py"):
        assert "copied from the template" in (folder / name).read_text(encoding="utf-8")


def test_the_tree_is_what_was_chosen(bake: Bake) -> None:
    """Nothing of the other hostings and the other CI system is left."""
    folder = bake(hosting="static-web-app", pipelines="azure-devops")
    tops = {path.name for path in folder.iterdir()}
    assert {".azuredevops", "static", "policy.yaml", "policy.schema.json", "mtasts", "tests", "README.md"} <= tops
    assert not {".github", "function"} & tops
    assert sorted(path.name for path in (folder / ".azuredevops").glob("*.yml")) == [
        "deploy-static-web-app.yml",
        "provision.yml",
        "pull-request.yml",
        "watch.yml",
    ]


@pytest.mark.parametrize(
    ("answers", "mx"),
    [
        ({}, ["*.mail.protection.outlook.com"]),
        ({"mail_provider": "google-workspace"}, ["smtp.google.com", "aspmx.l.google.com", "*.aspmx.l.google.com"]),
        ({"mail_provider": "other"}, ["mx.example.com"]),
        ({"mail_provider": "other", "mx_hosts": "a.example.net;b.example.net"}, ["a.example.net", "b.example.net"]),
        (
            {"mail_provider": "other", "mx_hosts": " a.example.net ,  b.example.net,"},
            ["a.example.net", "b.example.net"],
        ),
        ({"mx_hosts": "example-com.o-v1.mx.microsoft"}, ["example-com.o-v1.mx.microsoft"]),
        ({"mode": "none", "mx_hosts": " "}, []),
    ],
)
def test_the_mx_hosts_come_from_the_provider_or_the_answer(bake: Bake, answers: dict[str, str], mx: list[str]) -> None:
    """One line in, a list out."""
    policy = yaml.safe_load((bake(**answers) / "policy.yaml").read_text(encoding="utf-8"))
    assert policy.get("mx", []) == mx


@pytest.mark.parametrize(
    ("address", "rua"),
    [
        ("tls@example.com", "mailto:tls@example.com"),
        ("mailto:tls@example.com", "mailto:tls@example.com"),
        ("https://reports.example.com/tls", "https://reports.example.com/tls"),
    ],
)
def test_the_report_address_may_be_given_in_any_form(bake: Bake, address: str, rua: str) -> None:
    """policy.yaml has a URI."""
    policy = yaml.safe_load((bake(tls_report_address=address) / "policy.yaml").read_text(encoding="utf-8"))
    assert policy["tls_reporting"] == {"rua": [rua]}


def test_the_longest_domain(bake: Bake) -> None:
    """Labels of 63 octets: the names made from the domain stay within Azure's limits."""
    domain = f"{'a' * 63}.{'b' * 63}.{'c' * 63}.com"
    folder = bake(domain=domain)
    config, findings = load(folder / "policy.yaml")
    assert [finding.rule.id for finding in findings] == ["MTS133"]  # it is two labels below a registered domain
    assert config
    assert config.hosting.hostname == "mtasts-" + "a" * 33 + ".azurewebsites.net"
    assert verb(folder, "build", "--no-packages").returncode == 0


def test_without_hooks_lint_catches_what_the_hook_would_have(bake: Bake) -> None:
    """`--accept-hooks no` skips the checks, and still succeeds."""
    folder = bake(hooks=False, max_age="1w", mx_hosts="mx.example.com.")
    _, findings = load(folder / "policy.yaml")
    assert [finding.rule.id for finding in findings] == ["MTS112", "MTS120"]


def test_every_prompt_is_for_people() -> None:
    """Each question and each choice has words of its own."""
    prompts = QUESTIONS["__prompts__"]
    questions = [name for name in QUESTIONS if not name.startswith("_")]
    assert list(prompts) == questions
    for name, choices in MENUS.items():
        assert set(prompts[name]) == {"__prompt__", *choices}


def test_cruft_creates_and_updates_without_touching_the_policy(tmp_path: Path) -> None:
    """A later template changes the toolkit; policy.yaml stays as its owner wrote it."""
    template, folder = tmp_path / "template", tmp_path / "example.com"

    def run(*words: str, cwd: Path = tmp_path) -> str:
        home = {"HOME": str(tmp_path), "GIT_CONFIG_NOSYSTEM": "1"}
        author = {f"GIT_{who}_{what}": "x@example.com" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        environment = {**os.environ, **home, **author}
        return subprocess.run(words, cwd=cwd, env=environment, check=True, capture_output=True, text=True).stdout

    files = run("git", "ls-files", "--cached", "--others", "--exclude-standard", cwd=ROOT).splitlines()
    for name in files:
        if re.match(r"cookiecutter\.json|hooks/|\{\{", name) and (ROOT / name).is_file():
            (template / name).parent.mkdir(parents=True, exist_ok=True)
            (template / name).write_bytes((ROOT / name).read_bytes())
    for words in (("init", "-b", "main"), ("add", "."), ("commit", "-m", "one")):
        run("git", *words, cwd=template)
    cruft = [sys.executable, "-m", "cruft"]
    run(*cruft, "create", str(template), "--no-input")
    policy = (folder / "policy.yaml").read_text(encoding="utf-8").replace("604800", "86400")
    (folder / "policy.yaml").write_text(policy, encoding="utf-8")
    for words in (("init", "-b", "main"), ("add", "."), ("commit", "-m", "mine")):
        run("git", *words, cwd=folder)
    inner = template / "{{cookiecutter.domain}}"
    (inner / "requirements.txt").write_text("click\n", encoding="utf-8")
    (inner / "policy.yaml").write_text("version: STSv9\n", encoding="utf-8")
    run("git", "commit", "-am", "two", cwd=template)
    run(*cruft, "update", "--skip-apply-ask", cwd=folder)
    assert (folder / "requirements.txt").read_text(encoding="utf-8") == "click\n"
    assert (folder / "policy.yaml").read_text(encoding="utf-8") == policy
