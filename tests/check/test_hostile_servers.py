"""check with hostile servers: their words never act as commands or markup."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from functools import cache

import pytest
from markdown_it import MarkdownIt

from servers import https, smtp
from servers.bind import escaped, txt
from servers.internet import POLICY, STS, Internet, Site, raw, talks
from servers.smtp import NAME

pytestmark = pytest.mark.slow  # starts servers, and a process for every form

Printed = Callable[[str], str]

# What moves a terminal's cursor, what GitHub's and Azure's runners obey, what Markdown and HTML show as more than text.
HOSTILE = (
    "\x1b[2J\x07\x9b1m\u202e\u2028::error::{0}\x85##vso[task.setvariable variable=x;]{0} ##[error]{0} "
    "<script>{0}</script><img src=x onerror={0}> |{0}| [{0}](javascript:{0}) ![{0}](https://evil.example/{0}) @{0} "
    "https://evil.example/{0} www.evil.example **{0}** `{0}` &lt;{0} \\ %0A::error::{0}"
)
SHORT = b"::error::{0}##vso[task.x]{0}<b>|`\x1b[2J@{0}"  # what survives where a message is cut short
OK = b"HTTP/1.1 200 OK\r\n"
LABEL = b"\x1b[2J\n::error::name<b>|`##vso[x]@name\\"


def hostile(mark: str) -> str:
    """Return the text, with a mark that tells where it came from."""
    return HOSTILE.replace("{0}", mark)


def octets(mark: str) -> bytes:
    """Return the text as servers send it, with line ends of its own."""
    return hostile(mark).replace("::error", "\n::error").encode()


def short(mark: str) -> bytes:
    """Return the few words that fit into a header."""
    return SHORT.replace(b"{0}", mark.encode())


def lines(code: bytes, text: bytes) -> bytes:
    """Return an answer of SMTP that has the text, line by line."""
    return b"".join(code + b"-" + line + b"\r\n" for line in text.split(b"\n")) + code + b" end\r\n"


SITES = {
    "txt-malformed": Site(sts=f"_mta-sts {txt(b'v=STSv1; id=' + octets('txtmalformed'))}"),
    "txt-two": Site(sts=f"_mta-sts {txt(STS)}\n_mta-sts {txt(b'v=STSv1; ' + octets('txttwo'))}"),
    "txt-other": Site(sts=f"_mta-sts {txt(b'sts=' + octets('txtother'))}"),
    "txt-good": Site(sts=f"_mta-sts {txt(f'{STS} x=::error::txtgood##vso[x]<b>|`@txtgood')}"),
    "tlsrpt": Site(tlsrpt=f"_smtp._tls {txt(b'v=TLSRPTv1; rua=' + octets('tlsrpt'))}"),
    "tlsrpt-good": Site(tlsrpt=f"_smtp._tls {txt('v=TLSRPTv1; rua=mailto:a@b.example?::error::rptgood')}"),
    "cname": Site(host=f"mta-sts CNAME {escaped(LABEL)}.azure.example."),
    "status": Site(https=talks(https.redirects(short("reason"), b"/" + short("location")))),
    "folded": Site(https=talks(https.redirects(b"Found", b"/\r\n ::error::folded\r\n\t##vso[task.x]folded"))),
    "type": Site(https=talks(https.answers(POLICY, head=OK + b"Content-Type: " + short("type") + b"\r\n"))),
    "encoding": Site(https=talks(https.answers(POLICY, b"Content-Encoding: " + short("encoding")))),
    "garbage": Site(https=talks(https.sends(octets("garbage") * 3))),
    "body": Site(https=talks(https.answers(POLICY + octets("body") + b"\r\n"))),
    "value": Site(https=talks(https.answers(POLICY.replace(b"enforce", short("value"))))),
    "pattern": Site(https=talks(https.answers(POLICY.replace(b"*.mx", short("pattern"))))),
    "greeting": Site(smtp=raw(smtp.greets(lines(b"554", octets("greeting"))))),
    "ehlo": Site(smtp=raw(smtp.extends(lines(b"250", octets("ehlo"))))),
    "starttls": Site(smtp=raw(smtp.extends(b"250-" + NAME + b"\r\n250-::error::extension\r\n250 STARTTLS\r\n"))),
    "exchange": Site(mx=f"@ MX 10 {escaped(LABEL)}.mx.example."),
}  # fmt: skip
FACTS = ["txtgood"]  # shown though nothing is wrong with them
FAULTS = ["txtmalformed", "txttwo", "txtother", "rptgood", "tlsrpt", "location", "folded", "type", "encoding", "body",
          "value", "pattern", "name"]  # fmt: skip
RULES = {
    "txt-malformed": "MTS203", "txt-two": "MTS202", "txt-other": "MTS201", "tlsrpt": "MTS222", "tlsrpt-good": "MTS223",
    "cname": "MTS208", "status": "MTS308", "folded": "MTS308", "type": "MTS310", "encoding": "MTS317",
    "garbage": "MTS314", "body": "MTS116", "value": "MTS116", "pattern": "MTS116", "greeting": "MTS412",
    "ehlo": "MTS414", "starttls": "MTS415", "exchange": "MTS212",
}  # fmt: skip


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Printed]:
    """Return what check prints in a form. No control character, no line separator, no turn of direction is in any."""
    with Internet(tmp_path_factory.mktemp("hostile"), SITES) as internet:

        @cache
        def report(form: str) -> str:
            done = internet.check(*(f"{name}.example" for name in SITES), "--format", form)
            assert (done.returncode, done.stderr) == (1, b"")
            text = done.stdout.decode()
            assert not [char for char in text if char != "\n" and not char.isprintable()]
            return text

        yield report


def test_the_hostile_words_are_seen_and_judged(printed: Printed) -> None:
    """The tests here prove something: the words do reach the report, and the fault behind them is found as ever."""
    text = printed("json")
    found = {(finding["domain"], finding["rule"]) for finding in json.loads(text)["findings"]}
    assert {(f"{name}.example", rule) for name, rule in RULES.items()} - found == set()
    assert [mark for mark in FACTS + FAULTS if mark not in text] == []


def test_text_gives_no_command(printed: Printed) -> None:
    """A pipeline that prints it runs no command."""
    text = printed("text")
    assert [mark for mark in FACTS + FAULTS if mark not in text] == []
    assert commands(text) == []


def test_github_annotations_are_ours_alone(printed: Printed) -> None:
    """One for each finding, at the start of a line, and GitHub's runner sees no other command."""
    text = printed("github")
    findings = json.loads(printed("json"))["findings"]
    assert commands(text) == [f"::{finding['severity']}" for finding in findings]
    ours = [line for line in text.splitlines() if line.startswith("::")]
    assert [re.findall(r"title=(MTS\d+)::", line)[:1] for line in ours] == [[finding["rule"]] for finding in findings]


def test_azure_devops_issues_are_ours_alone(printed: Printed) -> None:
    """One for each finding, and the agent sees no other command: it looks for them anywhere in a line."""
    text = printed("azure-devops")
    findings = json.loads(printed("json"))["findings"]
    assert commands(text) == ["##vso[task.logissue"] * len(findings)


def test_markdown_shows_the_words_as_words(printed: Printed) -> None:
    """By another implementation of Markdown: the report has our elements, and none of theirs; no link, no mention."""
    text = printed("markdown")
    assert [mark for mark in FAULTS if mark not in text] == []
    assert commands(text) == []
    html = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render(text)
    assert set(re.findall(r"<([a-z0-9!]+)", html)) == {"p", "strong", "h3", "table", "thead", "tbody", "tr", "th", "td"}
    rows = [row.count("<td") for row in html.split("<tr>")[1:]]
    assert set(rows) == {0, 3}
    assert not re.search(r"://|www\.|(?<![\w;])@\w", text)


def test_json_is_ascii(printed: Printed) -> None:
    """A terminal that prints it is safe too."""
    assert printed("json").isascii()


def commands(text: str) -> list[str]:
    """Return what GitHub's and Azure's runners would take for a command."""
    return re.findall(r"^\s*::\w+|##vso\[[a-z.]+|##\[\w+", text, re.MULTILINE)
