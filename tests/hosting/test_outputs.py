"""outputs: what infra/ has made, written into a policy.yaml that people have written."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import Bake, verb
from mtasts.config.model import read as load
from mtasts.config.yaml_edit import with_values
from mtasts.findings import UserError
from mtasts.hosting import azure

HOST = "agreeable-sand-0a1b2c3d.5.azurestaticapps.net"
PROOF = "9C1F6D0B7A"


def arm(**values: Any) -> dict[str, Any]:
    """Return outputs as Azure gives them."""
    return {name: {"type": "String", "value": value} for name, value in values.items()}


def policy(kind: str, domains: str = "  example.com:\n", hosting: str = "") -> str:
    """Return a policy.yaml whose hosting is not known yet."""
    return (
        "version: STSv1 # the only one\nmode: testing\nmax_age: 604800\nmx: [mx1.example.com]\n"
        f"domains:\n{domains}tls_reporting: {{rua: [mailto:tls@example.com]}}\n"
        f"hosting:\n  kind: {kind} # chosen in May\n{hosting}# the end\n"
    )


def taken(folder: Path, text: str, outputs: object) -> tuple[int, str, str]:
    """Run the verb; return its exit code, what it said, and policy.yaml."""
    (folder / "policy.yaml").write_text(text, encoding="utf-8", newline="")
    (folder / "outputs.json").write_text(json.dumps(outputs), encoding="utf-8")
    done = verb(folder, "outputs", "outputs.json")
    said = (done.stdout + done.stderr).decode().replace("\r\n", "\n")
    return done.returncode, said, (folder / "policy.yaml").read_bytes().decode()


def test_a_static_web_app_gets_its_host_name(bake: Bake) -> None:
    """One line more, and every comment where it was."""
    code, said, after = taken(bake(hosting="static-web-app"), policy("static-web-app"), arm(hostname=HOST))
    assert (code, said) == (
        0,
        "policy.yaml was updated with the values from Azure. Commit it.\n",
    )
    assert after == policy("static-web-app", hosting=f'  hostname: "{HOST}"\n')


def test_a_function_gets_its_verification(bake: Bake) -> None:
    """The host name that is there already stays as it is written."""
    known = f"  hostname: {HOST}\n"
    outputs = arm(hostname=HOST, verification=PROOF)
    code, _, after = taken(bake(), policy("function", hosting=known), outputs)
    assert (code, after) == (0, policy("function", hosting=f'{known}  verification: "{PROOF}"\n'))


def test_front_door_gives_its_host_name(bake: Bake) -> None:
    """What proves a domain to it ends after days, so none of that is written; and the storage account is named."""
    domains = "  Example.com: # the main one\n  example.net: {zone: example.net}\n"
    proofs = [{"domain": name, "verification": f"_{name[-3:]}"} for name in ("Example.com", "example.net")]
    outputs = arm(hostname=HOST, verifications=proofs, storageAccount="mtastsabc123")
    code, said, after = taken(bake(hosting="front-door"), policy("front-door", domains), outputs)
    assert (code, said.splitlines()[1]) == (
        0,
        "For the pipeline deploy, set the variable AZURE_STORAGE_ACCOUNT to mtastsabc123",
    )
    assert after == policy("front-door", domains, f'  hostname: "{HOST}"\n')


def test_a_second_run_changes_nothing(bake: Bake) -> None:
    """The pipeline may be run again at any point."""
    folder = bake(hosting="static-web-app")
    after = taken(folder, policy("static-web-app"), arm(hostname=HOST))[2]
    assert taken(folder, after, arm(hostname=HOST)) == (0, "policy.yaml already has these values.\n", after)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_what_windows_powershell_writes_is_read(bake: Bake, encoding: str) -> None:
    """Its `>` makes UTF-16, and other programs there put a byte order mark before UTF-8."""
    folder = bake(hosting="static-web-app")
    (folder / "outputs.json").write_text(json.dumps(arm(hostname=HOST)), encoding=encoding)
    assert verb(folder, "outputs", "outputs.json").returncode == 0


def test_a_new_value_takes_the_place_of_the_old_one(bake: Bake) -> None:
    """Front Door gives a new token after seven days."""
    known = "  hostname: old.example.net # soon gone\n"
    after = taken(bake(hosting="static-web-app"), policy("static-web-app", hosting=known), arm(hostname=HOST))[2]
    assert after == policy("static-web-app", hosting=f'  hostname: "{HOST}" # soon gone\n')


def test_windows_line_endings_stay(bake: Bake) -> None:
    """Git would show every line as changed."""
    text = policy("static-web-app").replace("\n", "\r\n")
    after = taken(bake(hosting="static-web-app"), text, arm(hostname=HOST))[2]
    assert after == policy("static-web-app", hosting=f'  hostname: "{HOST}"\n').replace("\n", "\r\n")


ANOTHER_KIND = "hosting.kind is {}, but these outputs are of another kind."
NO_OUTPUTS = "outputs.json does not contain the outputs of a deployment."


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "outputs", "why"),
    [
        ("function", arm(hostname=HOST), ANOTHER_KIND.format("function")),
        ("static-web-app", arm(hostname=HOST, verification=PROOF), ANOTHER_KIND.format("static-web-app")),
        ("front-door", arm(hostname=HOST, verification=PROOF), ANOTHER_KIND.format("front-door")),
        ("function", None, NO_OUTPUTS),
        ("function", [1], NO_OUTPUTS),
        ("function", {"hostname": HOST}, NO_OUTPUTS),
        ("function", arm(verification=PROOF), NO_OUTPUTS),
        ("function", arm(hostname=7, verification=PROOF), NO_OUTPUTS),
        ("function", arm(hostname="a b", verification=PROOF), NO_OUTPUTS),
        ("function", arm(hostname=HOST, verification="x\n::error::"), NO_OUTPUTS),
        ("front-door", arm(hostname=HOST, verifications=[{"domain": 1}]), NO_OUTPUTS),
    ],
)
def test_what_does_not_fit_is_refused(bake: Bake, kind: str, outputs: object, why: str) -> None:
    """policy.yaml stays as it was, and the message says how the file is made."""
    text = policy(kind)
    code, said, after = taken(bake(hosting=kind), text, outputs)
    how = "Create it with: az deployment group show --name mta-sts --resource-group GROUP --query properties.outputs"
    assert (code, said, after) == (1, f"Error: {why} {how}\n", text)


def test_a_missing_file_is_named(bake: Bake) -> None:
    """It is easy to run the verb before the deployment."""
    done = verb(bake(), "outputs", "none.json")
    assert done.returncode == 1
    assert done.stderr.startswith(b"Error: none.json cannot be read: No such file or directory. Create it with: az")


def test_a_file_that_cannot_be_edited_is_left_alone(bake: Bake) -> None:
    """What edits do not foresee is refused, with what to write by hand."""
    text = policy("static-web-app").replace("  kind: ", "  ? kind\n  : ")
    code, said, after = taken(bake(hosting="static-web-app"), text, arm(hostname=HOST))
    lines = f"hosting.hostname: '{HOST}'"
    why = "policy.yaml has a layout that cannot be edited automatically."
    assert (code, said, after) == (1, f"Error: {why} Add by hand: {lines}\n", text)


TABS = ["\t", "\t# more", " \t ", "\t\n    # only this"]


@pytest.mark.slow
@pytest.mark.parametrize("tab", TABS)
@pytest.mark.parametrize("place", ["domains:", "example.com:", "hosting:", "kind: front-door", "604800"])
def test_a_tab_where_lint_takes_one_does_no_harm(bake: Bake, tab: str, place: str) -> None:
    """J15: PyYAML has two readers, and the one that edits must be the one that lints."""
    text = policy("front-door").replace(place, place + tab, 1)
    outputs = arm(hostname=HOST, verifications=[{"domain": "example.com", "verification": "_com"}])
    code, said, after = taken(bake(hosting="front-door"), text, outputs)
    assert code == 0, said
    config, _ = load(after)
    assert config
    assert (config.hosting.hostname, config.domains[0].verification) == (HOST, None)
    assert after.count("#") == text.count("#")


@settings(max_examples=500)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9) | st.sampled_from([HOST, PROOF]),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["hostname", "value", "verification", "verifications", "domain", "storageAccount"])
                | st.text(),
                inner,
                max_size=4,
            )
        ),
    )
)
def test_outputs_of_any_shape_are_taken_or_refused(tmp_path_factory: pytest.TempPathFactory, found: object) -> None:
    """Null for a region or a host name, lists for texts: what is taken makes a valid policy.yaml."""
    path = tmp_path_factory.getbasetemp() / "shape.json"
    path.write_text(json.dumps(found), encoding="utf-8")
    before = policy("static-web-app")
    config, _ = load(before)
    assert config
    with contextlib.suppress(UserError):
        after = azure.with_outputs(before, config, azure.read_outputs(path))
        assert load(after)[0]


KEYS = st.sampled_from(["kind", "mode", "mx", "zone"])
SCALARS = st.one_of(st.none(), st.integers(), st.booleans(), st.text("ab #:'\"\\é-{}[],&*!|>%@`\n", max_size=12))


@given(
    data=st.dictionaries(KEYS, st.one_of(SCALARS, st.lists(SCALARS, max_size=3)), max_size=4),
    flow=st.booleans(),
    value=st.text(max_size=20).filter(str.isprintable),
)
def test_a_value_is_set_and_nothing_else(data: dict[str, Any], flow: bool, value: str) -> None:
    """In any mapping that YAML writes, block or flow, with any scalars and lists."""
    text = yaml.safe_dump({"first": 1, "hosting": data, "last": [2]}, default_flow_style=flow, allow_unicode=True)
    after = with_values(text, {("hosting", "hostname"): value})
    assert yaml.safe_load(after) == {"first": 1, "hosting": {**data, "hostname": value}, "last": [2]}
