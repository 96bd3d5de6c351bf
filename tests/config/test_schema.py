"""policy.schema.json: for editors and for lint, and what each says of the other."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from conftest import TEMPLATE, Bake
from mtasts.config.lint import lint
from mtasts.config.yaml_file import DocumentError
from mtasts.config.yaml_file import parse as parse_document
from mtasts.findings import has_errors

SCHEMA = json.loads((TEMPLATE / "policy.schema.json").read_text(encoding="utf-8"))
CONFIGS = sorted((Path(__file__).parent / "configs").glob("*.yaml"))


def described(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, bool]]:
    """Yield every property and item of a schema, and whether it or what it refers to has a description."""
    for name, inner in {**schema.get("properties", {}), **schema.get("$defs", {})}.items():
        yield f"{path}/{name}", "description" in inner or "$ref" in inner
        yield from described(inner, f"{path}/{name}")
    if "items" in schema:
        yield f"{path}[]", "description" in schema["items"]


def test_the_schema_is_valid_and_describes_every_property() -> None:
    """An editor shows the description while one types."""
    Draft202012Validator.check_schema(SCHEMA)
    properties = dict(described(SCHEMA))
    assert len(properties) > 12
    assert [path for path, has in properties.items() if not has] == []


def test_every_object_refuses_unknown_keys() -> None:
    """A misspelt key must not pass, whichever tool looks."""
    objects = [
        SCHEMA,
        SCHEMA["$defs"]["domain"],
        *(SCHEMA["properties"][name] for name in ("tls_reporting", "hosting")),
    ]
    assert all(schema["additionalProperties"] is False for schema in objects)


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_what_the_schema_refuses_lint_refuses(path: Path) -> None:
    """An editor is never red where lint is silent."""
    try:
        data = parse_document(path.read_text(encoding="utf-8")).data
    except DocumentError:
        return
    if not Draft202012Validator(SCHEMA).is_valid(data):
        assert has_errors(lint(path))


@pytest.mark.parametrize("hosting", ["function", "web-server"])
def test_another_validator_takes_the_policy_of_a_new_repository(bake: Bake, hosting: str) -> None:
    """check-jsonschema, as editors and other pipelines use it."""
    folder = bake(hosting=hosting)
    command = [sys.executable, "-m", "check_jsonschema", "--schemafile", "policy.schema.json", "policy.yaml"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("mx", ["mx.example.com."]),
        ("mx", ["mx*.example.com"]),
        ("mx", ["bücher.example"]),
        ("max_age", 0),
        ("max_age", 31557601),
        ("mode", "Testing"),
        ("mod", "testing"),
        ("domains", {}),
        ("tls_reporting", {"rua": ["tls@example.com"]}),
        ("tls_reporting", {"rua": ["mailto:a,b@example.com"]}),
        ("hosting", {"kind": "nginx"}),
    ],
)
def test_an_editor_sees_the_most_frequent_slips_by_the_schema_alone(key: str, value: object) -> None:
    """Before lint runs at all."""
    good = yaml.safe_load((Path(__file__).parent / "configs" / "one-domain.yaml").read_text(encoding="utf-8"))
    assert Draft202012Validator(SCHEMA).is_valid(good)
    assert not Draft202012Validator(SCHEMA).is_valid({**good, key: value})
