"""The mistakes of people who follow a guide, each made by itself in a repository as it is baked.

Each row: what is written in place of what, the rule, and the words of the message that lead to the mend without the
README. The slips are those of public guides and of the cases that this project collects.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import verb

pytestmark = pytest.mark.slow  # bakes a repository, and starts a process for each row

MX = "mx:\n  - mx1.example.com\n  - mx2.example.com\n"
RUA = "  rua:\n    - mailto:tls@example.com\n"
MISTAKES: dict[str, tuple[str, str, str, str]] = {
    "no-space": ("mode: testing", "mode:testing", "MTS102", "missing after the colon. Write 'mode: testing'"),
    "equals": ("mode: testing", "mode = testing", "MTS102", "is not a colon. Write 'mode: testing'"),
    "no-break-space": ("mode: testing", "mode:\u00a0testing", "MTS102", "Write 'mode: testing'"),
    "tab": ("  - mx1", "\t- mx1", "MTS102", "indented with a tab. Use spaces instead"),
    "wildcard-bare": ("  - mx1.", "  - *.", "MTS102", 'needs quotes. Write it as "*.example.com"'),
    "html": ("", "<!DOCTYPE html>\n<html>\n", "MTS102", "this is HTML, such as a page that a browser saved"),
    "record": ("", "v=STSv1; id=20261126;\n", "MTS102", "this is a TXT record, and that belongs in DNS"),
    "served-form": (MX, "mx: mx1.example.com\nmx: mx2.example.com\n", "MTS103", "Write all hosts under one mx"),
    "mode-case": ("mode: testing", "mode: Testing", "MTS111", "Did you mean testing?"),
    "mode-word": ("mode: testing", "mode: enforced", "MTS111", "Did you mean enforce?"),
    "mode-on": ("mode: testing", "mode: on", "MTS111", "mode is on, which YAML reads as true"),
    "version-case": ("STSv1", "stsv1", "MTS110", "Did you mean STSv1?"),
    "version-of-reports": ("STSv1", "TLSRPTv1", "MTS110", "Did you mean STSv1?"),
    "max-age-unit": ("604800", "7d", "MTS112", "Write 604800."),
    "max-age-quotes": ("604800", '"604800"', "MTS112", "Write 604800."),
    "max-age-commas": ("604800", "604,800", "MTS112", "Write 604800."),
    "max-age-key": ("max_age:", "maxage:", "MTS104", "Did you mean max_age?"),
    "mx-dot": ("mx1.example.com", "mx1.example.com.", "MTS120", "Write 'mx1.example.com'."),
    "mx-preference": ("- mx1", "- 10 mx1", "MTS123", "Write 'mx1.example.com'."),
    "mx-port": ("mx1.example.com", "mx1.example.com:25", "MTS123", "Write 'mx1.example.com'."),
    "mx-address": ("mx1.example.com", "192.0.2.1", "MTS121", "is an IP address"),
    "mx-half-wildcard": ("- mx1.example.com", '- "mx*.example.com"', "MTS125", "Write '*.example.com'."),
    "mx-one-line": (MX, "mx: mx1.example.com, mx2.example.com\n", "MTS105", '["mx1.example.com", "mx2.example.com"]'),
    "mx-one-host": (MX, "mx: mx1.example.com\n", "MTS105", 'Write mx: ["mx1.example.com"].'),
    "mx-empty": (MX, "mx:\n", "MTS105", "mx is empty"),
    "mx-exchange": ("mx1.example.com", "mail.protection.outlook.com", "MTS129", "Write '*.mail.protec"),
    "domain-host": ("  example.com:\n", "  mta-sts.example.com:\n", "MTS130", "Write 'example.com'."),
    "domain-url": ("  example.com:\n", '  "https://example.com":\n', "MTS123", "Write 'example.com'."),
    "domain-bare": ("domains:\n  example.com:\n", "domains: example.com\n", "MTS105", "colon: `  example.com:`."),
    "domain-list": ("domains:\n  example.com:\n", "domains:\n  - example.com\n", "MTS105", "colon: `  example.com:`."),
    "rua-bare": ("mailto:tls@", "tls@", "MTS141", "Write 'mailto:tls@example.com'."),
    "rua-record": ("mailto:tls@", "v=TLSRPv1; rua=mailto:tls@", "MTS142", "Write 'mailto:tls@example.com'."),
    "rua-size": ("tls@example.com", "tls@example.com!10m", "MTS143", "Write 'mailto:tls@example.com'."),
    "rua-one-line": (RUA, "  rua: mailto:tls@example.com\n", "MTS105", 'Write rua: ["mailto:tls@example.com"].'),
    "hosting-name": ("web-server", "webserver", "MTS105", "Did you mean web-server?"),
    "hostname-loop": ("www.example.org", "mta-sts.example.com", "MTS156", "would point to itself"),
}  # fmt: skip


@pytest.fixture
def right(baked_with: Callable[[str], Path], tmp_path: Path) -> tuple[Path, Path, str]:
    """Return a repository, a file for its policy.yaml beside it, and the text that has no finding."""
    repository = baked_with("manual")
    text = (repository / "policy.yaml").read_text(encoding="utf-8").replace("tls-reports@", "tls@")
    text = re.sub(r"(?m)^mx:\n(  - .*\n)+", MX, text)
    text = re.sub(r"(?m)^hosting:\n(  .*\n)+", "hosting:\n  kind: web-server\n  hostname: www.example.org\n", text)
    return repository, tmp_path / "policy.yaml", text


@pytest.mark.parametrize("name", MISTAKES)
def test_the_message_leads_to_the_mend_in_policy_yaml(right: tuple[Path, Path, str], name: str) -> None:
    """One slip has one error; its words say what to write."""
    repository, path, text = right
    old, new, rule, words = MISTAKES[name]
    assert old in text
    path.write_text(text.replace(old, new, 1) if old else new + text, encoding="utf-8")
    done = verb(repository, "lint", "--format", "json", str(path))
    found = json.loads(done.stdout)["findings"]
    (finding,) = (each for each in found if each["rule"] == rule)
    assert words in finding["message"]
    assert [each["rule"] for each in found if each["severity"] == "error"] in ([rule], [])


def test_without_a_slip_there_is_no_finding(right: tuple[Path, Path, str]) -> None:
    """So each finding above is of its slip."""
    repository, path, text = right
    path.write_text(text, encoding="utf-8")
    assert json.loads(verb(repository, "lint", "--format", "json", str(path)).stdout)["findings"] == []
