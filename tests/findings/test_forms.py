"""Findings in five forms, and hostile text in each."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from mtasts.cli.catalogue import CATALOGUE
from mtasts.findings import Finding
from mtasts.findings.forms import FORMATS, format_for, markdown, plain
from mtasts.findings.report import Part, Report, Section, Table

DOT, AGE = CATALOGUE["MTS120"], CATALOGUE["MTS113"]
FINDINGS = [
    Finding(DOT, "mx 'a.' ends in a dot. Write 'a'.", "policy.yaml", 4, 5, "example.com"),
    Finding(AGE, "max_age is 1, short.", "policy.yaml", 3, 1),
]
HOSTILE = [
    "\x1b[2Jcleared",
    "a\r\nb",
    "::error::owned",
    "  ::set-output name=x::y",
    "##vso[task.setvariable variable=x]y",
    "##[group]x",
    "<script>alert(1)</script>",
    "| a | b |",
    "[x](https://evil.example)",
    "@octocat https://evil.example www.evil.example",
    "`code` **bold** _it_",
    "100%;]",
    "\u202egnp.exe",
    "\ud800",
]


def test_text() -> None:
    """A line per finding, and one that counts."""
    assert FORMATS["text"](Report.of(FINDINGS)) == (
        "policy.yaml:4:5: error MTS120: mx 'a.' ends in a dot. Write 'a'.\n"
        "policy.yaml:3:1: warning MTS113: max_age is 1, short.\n"
        "1 error, 1 warning"
    )
    assert FORMATS["text"](Report.of([])) == "no findings"


def test_json_is_the_stable_form() -> None:
    """Other tools read these keys."""
    assert json.loads(FORMATS["json"](Report.of(FINDINGS)))["findings"][0] == {
        "rule": "MTS120",
        "severity": "error",
        "message": "mx 'a.' ends in a dot. Write 'a'.",
        "file": "policy.yaml",
        "line": 4,
        "column": 5,
        "domain": "example.com",
        "suggestion": None,
    }
    assert json.loads(FORMATS["json"](Report.of([]))) == {"findings": []}


def test_github_annotates_the_line_and_prints_the_text_too() -> None:
    """Only ten annotations show per step; the text shows all."""
    lines = FORMATS["github"](Report.of(FINDINGS)).splitlines()
    assert lines[0] == "::error file=policy.yaml,line=4,col=5,title=MTS120::mx 'a.' ends in a dot. Write 'a'."
    assert lines[2:] == FORMATS["text"](Report.of(FINDINGS)).splitlines()


def test_azure_devops_logs_an_issue_and_prints_the_text_too() -> None:
    """The form that its agents read."""
    lines = FORMATS["azure-devops"](Report.of(FINDINGS)).splitlines()
    assert lines[1] == (
        "##vso[task.logissue type=warning;sourcepath=policy.yaml;linenumber=3;columnnumber=1;code=MTS113]"
        "max_age is 1, short."
    )


def test_markdown_is_a_table_under_its_verdict() -> None:
    """The verdict comes first."""
    lines = FORMATS["markdown"](Report.of(FINDINGS)).splitlines()
    assert lines[0] == "**1 error, 1 warning**"
    assert lines[4] == "| error | MTS120 | policy.yaml:4:5 | mx 'a.' ends in a dot. Write 'a'. |"


@pytest.mark.parametrize(
    ("environment", "name"),
    [({}, "text"), ({"GITHUB_ACTIONS": "true"}, "github"), ({"TF_BUILD": "True"}, "azure-devops")],
)
def test_the_ci_chooses_the_form(environment: dict[str, str], name: str) -> None:
    """Without --format."""
    assert format_for(environment) == name


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("name", list(FORMATS))
def test_hostile_text_gives_no_command_and_no_markup(name: str, text: str) -> None:
    """In the message as in the file's name: nothing but our own lines begins a command."""
    shown = FORMATS[name](Report.of([Finding(DOT, text, text, 1, 1, text)]))
    assert "\x1b" not in shown
    assert "\r" not in shown
    if name == "json":
        assert json.loads(shown)["findings"][0]["message"] == text
        return
    assert "\u202e" not in shown
    commands = re.findall(r"^\s*::\S+|##vso\[[a-z.]+|##\[\w+", shown, re.MULTILINE)
    assert commands == {"github": ["::error"], "azure-devops": ["##vso[task.logissue"]}.get(name, [])
    if name == "markdown":
        row = shown.splitlines()[4]
        assert row.count("|") == 5
        assert not re.search(r"[<>`*\[\]]|://|(?<!\w)@\w|www\.", row)


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("name", list(FORMATS))
def test_hostile_text_means_nothing_anywhere_in_a_report(name: str, text: str) -> None:
    """Whatever a verb puts into a report, and wherever: a form that is new is tried with all of it."""
    finding = Finding(DOT, text, text, 1, 1, text)
    sections = [
        Section(text, parts=[Part(text, [text, finding])], closing=text),
        Section(text, [text], [text], folded=True),
        Section(lines=[text], table=Table(("a", "b"), [(text, text)])),
    ]
    shown = FORMATS[name](Report("1 error", [finding], [text], sections, "MTA-STS", "Compared."))
    assert not [char for char in shown if char != "\n" and not char.isprintable()]
    commands = re.findall(r"^\s*::\S+|##vso\[[a-z.]+|##\[\w+", shown, re.MULTILINE)
    assert commands == {"github": ["::error"] * 2, "azure-devops": ["##vso[task.logissue"] * 2}.get(name, [])
    if name == "markdown":
        html = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render(shown)
        own = {"h2", "h3", "p", "ul", "li", "table", "thead", "tbody", "tr", "th", "td"}
        assert set(re.findall(r"<([a-z0-9!]+)", html)) == own | {"details", "summary", "pre", "code"}


@given(st.text())
def test_plain_is_one_printable_line(text: str) -> None:
    """For any text."""
    assert plain(text).isprintable() or plain(text) == ""


@given(st.text())
def test_markdown_has_no_markup(text: str) -> None:
    """For any text: what could be markup is an entity."""
    assert not re.search(r"[\\`*_{}\[\]<>|~$]", markdown(text))
