"""Text from outside that would be a command to a terminal, a runner or Markdown: in every verb and every form."""

from __future__ import annotations

import ast
import io
import json
import re
import socket
import subprocess
import sys
import unicodedata
from pathlib import Path

import dns.zone
import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

import mtasts
from conftest import TEMPLATE, Bake, verb
from mtasts.cli.catalogue import CATALOGUE
from mtasts.config.model import read
from mtasts.dns.forms import FORMATS
from mtasts.dns.records import records
from mtasts.findings import Finding
from mtasts.findings.forms import FORMATS as REPORTS
from mtasts.findings.forms import markdown, plain
from mtasts.findings.report import Report
from mtasts.system.output import Stream, line
from mtasts.tlsrpt.rua import rua_fault
from repositories import Repository

pytestmark = pytest.mark.slow  # starts every verb in every form

# Each is a command, or a part of one. Where it is read: actions/runner src/Runner.Common/ActionCommand.cs (TryParseV2,
# TryParse), microsoft/azure-pipelines-agent Command.cs; both compare by the rules of a language, not letter by letter.
FOLDER = Path(mtasts.__file__).parent
SAYINGS = {
    "a command in a URI": "https://a.example/?x=##vso[task.prependpath]/tmp/evil",
    "Azure Pipelines": "##vso[task.setvariable variable=x;issecret=true]y",
    "Azure Pipelines, in the middle": "a ##vso[task.complete result=Succeeded;]",
    "Azure Pipelines' colours": "##[error]x",
    "GitHub, version 1": "a ##[add-path]/tmp/evil",
    "GitHub": "::error file=a::x",
    "GitHub, behind blanks": "  ::set-env name=PATH::/tmp/evil",
    "GitHub, behind a tab": "\t::add-mask::x",
    "a carriage return": "a\r::error::x",
    "a line feed": "a\n::error::x",
    "other ends of lines": "a\x0b::error::x\x0c::error::x\x85::error::x\u2028::error::x\u2029::error::x",
    "marks that .NET passes over": "#\u034f#vso[task.complete]",
    "variation selectors": "#\ufe0f#\ufe0f[error]x",
    "a mark before a colon": "\u034f:\ufe0f:error::x",
    "soft hyphens": "#\xad#vso\xad[task.complete]",
    "more hashes": "####vso[task.complete]",
    "a terminal's cursor": "\x1b[2J\x1b]0;title\x07",
    "a terminal's link, OSC 8": "\x1b]8;;https://evil.example\x1b\\x\x1b]8;;\x1b\\",
    "one byte for ESC [": "\x9b31m",
    "CVE-2021-42574": "\u202egnp.exe\u2066x\u2069",
    "HTML": "<img src=x onerror=alert(1)><!-- mta-sts-plan -->",
    "a table's end": "a | b |\n|---|",
    "a link": "[x](https://evil.example) ![x](https://evil.example) https://evil.example www.evil.example",
    "a mention": "@octocat @org/team",
    "a reference": "#1 GH-1 !1 owner/repo#1",
    "a code span": "`x` ```\n",
    "half a letter": "\ud800\udcff",
}
ALL = " ".join(SAYINGS.values())


def commands(text: str) -> list[str]:
    """Return what a terminal, GitHub's runner or Azure's agent would obey, each line as .NET reads it."""
    found = [char for char in text if char != "\n" and unicodedata.category(char)[0] in "CZ" and char != " "]
    for one in re.split(r"\r\n|\n|\r", text):
        seen = "".join(char for char in one if char.isascii())  # what a comparison passes over is outside of ASCII
        found += re.findall(r"##vso\[\S*|##\[\w*", seen)
        found += re.findall(r"^\s*::\S*", seen)
    return found


@pytest.mark.parametrize("source", list(SAYINGS))
def test_no_saying_is_a_command_in_a_line(source: str) -> None:
    """Before they are made harmless, the commands among them are seen: this test can fail."""
    said = SAYINGS[source]
    assert commands(plain(said)) == []
    assert commands(line(said)) == []
    assert commands(plain(f"policy.yaml:1:1: error MTS105: {said}")) == []
    html = MarkdownIt("commonmark", {"html": True}).enable("table").render(f"| a |\n|---|\n| {markdown(said)} |\n")
    assert set(re.findall(r"<([a-z0-9!]+)", html)) == {"table", "thead", "tbody", "tr", "th", "td"}
    # GitHub looks for these in the text that is shown.
    shown = "".join(re.findall(r"<td>(.*?)</td>", html))
    assert not re.search(r"(?<!\w)@\w|#\d|!\d|gh-\d", shown, re.IGNORECASE)
    assert not re.search(r"(?<!\w)@\w|#\d|!\d|gh-\d", re.sub("&#(35|33|64);", lambda c: chr(int(c[1])), shown))


def test_the_commands_are_commands() -> None:
    """The model of the runners sees what is to be made harmless."""
    assert [source for source in list(SAYINGS)[:20] if not commands(SAYINGS[source])] == []


@given(st.lists(st.text() | st.sampled_from([*SAYINGS.values(), "\n", "#", ":", "["]), max_size=8))
@example(["#", "#vso[task.complete]\n"])
@example([":", ":error::x\n"])
def test_whatever_is_written_in_whatever_pieces_is_harmless(pieces: list[str]) -> None:
    """A command that is written in two pieces is one, too; and nothing is lost but what is escaped."""
    raw = io.TextIOWrapper(io.BytesIO(), "utf-8", errors="backslashreplace", newline="\n")
    stream = Stream(raw)
    for piece in pieces:
        stream.write(piece)
        stream.flush()
    stream.finish()
    raw.seek(0)
    text = raw.read().replace("\r\n", "\n")
    assert commands(text) == []
    assert text.count("\n") == "".join(pieces).count("\n")


ANNOTATED = Finding(CATALOGUE["MTS120"], f"mx {ALL}", f"{ALL}/policy.yaml", 4, 5, "example.com")


@pytest.mark.parametrize("form", list(REPORTS))
def test_our_own_annotations_come_through(form: str) -> None:
    """Line by line as they were made, and with what is hostile in them escaped."""
    made = REPORTS[form](Report.of([ANNOTATED, ANNOTATED]))
    assert "\n".join(map(line, made.split("\n"))) == made


@pytest.mark.parametrize(
    "text",
    [
        "::error title=MTS120::a::error::b",
        "##vso[task.logissue type=error;code=MTS120]a ##vso[task.complete]",
        "::error file=a,title=MTS120::##[error]x",
    ],
)
def test_nothing_hides_behind_an_annotation(text: str) -> None:
    """What follows the head of one is text."""
    assert len(commands(line(text))) == 1


def test_a_library_finds_no_way_round() -> None:
    """click looks for `buffer`, to write bytes itself; Rich and logging call write."""
    stream = Stream(io.TextIOWrapper(io.BytesIO(), "ascii"))
    assert not hasattr(stream, "buffer")
    with pytest.raises(TypeError):
        stream.write(b"::error::x\n")  # type: ignore[arg-type]


def test_no_module_writes_past_the_exit() -> None:
    """Only the bar of check, which moves the cursor and shows nothing from outside, has the terminal itself."""
    past = re.compile(r"sys\.__std|os\.write|\.buffer\b|/dev/(tty|std)")
    found = {
        path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*.py") if past.search(path.read_text("utf-8"))
    }
    assert found <= {"check/report.py", "system/files.py", "system/output.py"}


# --- Every verb, every form -----------------------------------------------------------------------------------------

NAME = "##vso[task.complete]\r\n ::error::x\x1b[2J\u202e\u2028<b>|`@octocat ##[error]#\u034f#vso[x] [a](b)"
BAD = f"""version: STSv1
mode: {json.dumps(ALL.encode("utf-8", "replace").decode())}
max_age: 604800
mx: [{json.dumps("a ##vso[task.x]")}, {json.dumps(chr(0x202E) + " ::error::x")}]
domains:
  {json.dumps("::error::x ##[x]")}:
  {json.dumps("b" + chr(27) + "[2J")}: {{{json.dumps("##vso[x]|<b>@u")}: 1}}
{json.dumps("::error::y")}: {json.dumps("##vso[y]")}
tls_reporting: {{rua: ["https://a.example/?x=##vso[task.prependpath]/tmp/evil"]}}
hosting: {{kind: web-server, hostname: "##vso[z]"}}
"""
CIS: tuple[dict[str, str], ...] = ({}, {"GITHUB_ACTIONS": "true"}, {"TF_BUILD": "True"})
FILE = ("--file", "FILE")
WORDS = [
    *[("lint", "FILE", "--format", form) for form in REPORTS],
    *[("plan", *FILE, "--format", form) for form in REPORTS],
    *[("records", *FILE, "--format", form) for form in FORMATS],
    *[(verb, *FILE) for verb in ("render", "build", "serve", "parameters", "check", "lint", "records", "plan")],
    *[("publish", "hosting", "--format", form, *FILE) for form in ("text", "markdown")],
    *[("publish", "announcement", "--format", form, *FILE) for form in ("text", "markdown")],
    *[("check", *FILE, "--format", form) for form in REPORTS],
    ("outputs", "FILE", *FILE), ("outputs", "FILE"), ("import", "example.com", *FILE), ("comment", "FILE"),
    ("lint", "MISSING"), ("plan", "--file", "MISSING"), ("build", "--file", "MISSING"), ("comment", "MISSING"),
    ("outputs", "MISSING"), ("check", "--ca-file", "MISSING", "example.com"), ("lint", "--output", "NAME"),
    ("NAME",), ("--NAME",), ("explain", "NAME"), ("render", "NAME"), ("check", "NAME"), ("import", "NAME"),
    ("lint", "--format", "NAME"), ("records", "--format", "NAME"), ("records", "--only", "NAME"),
    ("plan", "--base", "NAME"), ("plan", "--format", "NAME"), ("plan", "--exit-code", "--NAME"),
    ("check", "--only", "NAME"), ("check", "--resolver", "NAME"), ("check", "--wait", "NAME"),
    ("serve", "--port", "NAME"),
    ("publish", "NAME"), ("publish", "hosting", "--format", "NAME"), ("parameters", "--phase", "NAME"),
    ("parameters", "--output", "NAME/NAME"), ("lint", "NAME", "NAME"),
]  # fmt: skip


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory, cookiecutter_config: Path) -> Path:
    """A baked repository under git, with a hostile policy file."""
    from cookiecutter.main import cookiecutter

    where = {"output_dir": str(tmp_path_factory.mktemp("output")), "config_file": str(cookiecutter_config)}
    folder = Path(cookiecutter(str(TEMPLATE.parent), no_input=True, extra_context={"hosting": "web-server"}, **where))
    made = Repository(folder)
    made.commit({}, "2026-01-01")
    (folder / _file_name()).write_text(BAD, encoding="utf-8")
    return folder


def _file_name() -> str:
    """Return a name that the system takes."""
    return "##vso[x] ::error::x.yaml" if sys.platform == "win32" else f"{NAME.replace('/', '')}.yaml"


def test_the_hostile_file_is_read_to_its_end(repository: Path) -> None:
    """What is hostile in it reaches the findings: the tests that follow prove something."""
    rules = re.findall("error (MTS[0-9]{3})", verb(repository, "lint", _file_name()).stdout.decode())
    assert {"MTS104", "MTS111", "MTS123", "MTS144"} <= set(rules)


@pytest.mark.skipif(sys.platform == "win32", reason="the words of a command line are others there")
@pytest.mark.parametrize("words", WORDS, ids=" ".join)
def test_no_verb_prints_a_command(repository: Path, words: tuple[str, ...]) -> None:
    """Neither what a file holds, nor its name, nor the user's own words."""
    put = {
        "FILE": _file_name(),
        "MISSING": f"missing {NAME}",
        "NAME": NAME,
        "NAME/NAME": f"{NAME}/{NAME}",
        "--NAME": f"--{NAME}",
    }
    given_ci = CIS if len(words) < 4 else CIS[:1]
    for ci in given_ci:
        done = verb(repository, *(put.get(word, word) for word in words), env={**ci, "COLUMNS": "500"})
        text = (done.stdout + done.stderr).decode()
        assert done.returncode in (1, 2), text
        assert "Traceback" not in text
        assert commands(_without_ours(text) if {"github", "azure-devops"} & set(words) or ci else text) == []


def _without_ours(text: str) -> str:
    """Return the text without the heads of annotations: what is in them is escaped as the two systems want it."""
    github = r"^::(?:error|warning) (?:file=[^:,\n]*,)?(?:line=\d+,col=\d+,)?title=MTS\d{3}::"
    azure = r"^##vso\[task\.logissue type=(?:error|warning);[^\]\n]*code=MTS\d{3}\]"
    return re.sub(f"{github}|{azure}", ".", text, flags=re.MULTILINE)


def test_what_serve_logs_is_no_command(bake: Bake) -> None:
    """A request's line and host are anyone's words."""
    folder = bake(hosting="web-server")
    command = [sys.executable, "-u", "-m", "mtasts", "serve", "--port", "0"]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        assert process.stdout
        port = int(process.stdout.readline().split(b"localhost:")[1].split(b"/")[0])
        octets = NAME.encode()
        for said in (
            b"GET /" + octets.replace(b" ", b"") + b" HTTP/1.1\r\nHost: " + octets.replace(b"\r\n", b"") + b"\r\n\r\n",
            octets + b"\r\n\r\n",
            b"##vso[x] ::error::x\x1b[2J HTTP/1.1\r\n\r\n",
        ):
            with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
                connection.sendall(said)
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(4096):
                    pass
        process.terminate()
        text = process.stdout.read().decode()
    assert text.count("\n") >= 3
    assert commands(text) == []


# --- Records are right and harmless ---------------------------------------------------------------------------------

_PARTS = ["##[", "#", "[", "]", "::", "%23", "?x=", "/", "a", "://", "@", "\\", '"', "'"]
_URIS = st.builds(
    lambda head, parts: head + "".join(parts),
    st.sampled_from(["https://a.example/", "mailto:a@b.example?"]),
    st.lists(st.sampled_from([*SAYINGS.values(), *_PARTS]), max_size=6),
)


@given(_URIS)
@example("https://a.example/?x=##vso[task.prependpath]/tmp/evil")
@example("https://a.example/#a#[x]")
def test_lint_takes_no_address_that_is_a_command(uri: str) -> None:
    """So what records prints for machines need not be changed on its way out, and is right."""
    fault = rua_fault(uri)
    if fault:
        offered = re.search(r"Write ('(?:mailto|https):.*')\.$", fault.message)
        assert not offered or rua_fault(ast.literal_eval(offered[1])) is None
        return
    text = (
        "version: STSv1\nmode: testing\nmax_age: 604800\nmx: [mx.example.com]\ndomains: {example.com: }\n"
        f"tls_reporting: {{rua: [{json.dumps(uri)}]}}\nhosting: {{kind: web-server, hostname: www.example.com}}\n"
    )
    config, findings = read(text)
    assert config, findings
    for form, make in FORMATS.items():
        made = make(records(config))
        assert "\n".join(map(line, made.split("\n"))) == made, form
    zone = dns.zone.from_text(FORMATS["zone"](records(config)), "example.com", relativize=False, check_origin=False)
    (found,) = zone.find_rdataset("_smtp._tls.example.com.", "TXT")
    assert b"".join(found.strings).decode() == f"v=TLSRPTv1; rua={uri};"
    octodns = yaml.safe_load(FORMATS["octodns"](records(config)).partition("---\n")[2])
    assert octodns["_smtp._tls"]["value"].replace("\\;", ";") == f"v=TLSRPTv1; rua={uri};"
    assert json.loads(FORMATS["json"](records(config)))["records"][2]["value"] == f"v=TLSRPTv1; rua={uri};"


def test_a_record_s_suggestion_passes(bake: Bake) -> None:
    """J12: the address is refused with one that is none."""
    policy = bake() / "policy.yaml"
    text = policy.read_text(encoding="utf-8")
    bad = "https://a.example/?x=##vso[task.prependpath]/tmp/evil"
    policy.write_text(re.sub(r"mailto:\S+@example\.com\"?", f'"{bad}"', text, count=1), encoding="utf-8")
    done = verb(policy.parent, "records")
    assert done.returncode == 1
    assert b"error MTS144" in done.stdout
    assert b"Write 'https://a.example/?x=#%23vso%5Btask.prependpath%5D/tmp/evil'." in done.stdout
