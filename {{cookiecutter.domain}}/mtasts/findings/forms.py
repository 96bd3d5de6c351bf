"""One list of findings, many forms: for people, for tools, and for the two CI systems.

All text in a finding may come from outside. Each form escapes what would mean something to its reader.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence

from mtasts.findings import Finding, Severity

SHOWN = 1000  # findings in one list: a file can be made to have a million
ROWS = 200  # of a table

# Runners read `::name::` at the start of a line, and `##[name]` and `##vso[name]` anywhere in it. They compare by the
# rules of a language, by which marks that do not show are not there: so any letters outside ASCII may stand between.
# Here and below, an expression is compiled when it is needed first: few runs need all, and lint is to begin at once.
_HASHES = r"#(?:[^\x00-\x7f]*#)+(?P<heading>(?: |$))?"
_COLONS = r"^([^\x21-\x7e]*):(?=[^\x00-\x7f]*:)"


def plain(text: str) -> str:
    """Return one line that neither moves a terminal's cursor nor gives a CI runner a command."""
    if not text.isprintable():
        text = "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
    if text.count("#") > 1:
        text = re.sub(_HASHES, _parted, text)
    return re.sub(_COLONS, r"\1: ", text) if text.count(":") > 1 else text


def _parted(hashes: re.Match[str]) -> str:
    is_heading = hashes["heading"] is not None and hashes[0].isascii()
    return hashes[0] if is_heading else hashes[0].replace("#", "# ").rstrip(" ")


def as_text(findings: Sequence[Finding]) -> str:
    """Return a line per finding, `file:line:column: severity rule: message`, and a line that counts them."""
    return "\n".join([*map(_text_line, shown(findings)), *more(findings), count(findings)])


def as_json(findings: Sequence[Finding]) -> str:
    """Return the findings as the stable JSON document for other tools."""
    return json_text({"findings": [finding.as_dict() for finding in shown(findings)], **more_by_rule(findings)})


def json_text(document: object) -> str:
    """Return a document as JSON that gives no runner a command, should it be printed into a pipeline's log."""
    return json.dumps(document, indent=2).replace("##", "\\u0023#")


def github_annotations(findings: Sequence[Finding]) -> str:
    """Return a line per finding that GitHub shows beside the file's line."""
    return "\n".join(map(_github_line, shown(findings)))


def azure_devops_issues(findings: Sequence[Finding]) -> str:
    """Return a line per finding that Azure DevOps shows on the run's page."""
    return "\n".join(map(_azure_devops_line, shown(findings)))


def as_github(findings: Sequence[Finding]) -> str:
    """Return the annotations and the text: GitHub shows ten of each severity, the text shows all."""
    return "\n".join(filter(None, [github_annotations(findings), as_text(findings)]))


def as_azure_devops(findings: Sequence[Finding]) -> str:
    """Return the text and an issue for the run's page per finding."""
    return "\n".join(filter(None, [azure_devops_issues(findings), as_text(findings)]))


def as_markdown(findings: Sequence[Finding]) -> str:
    """Return a heading with the verdict, and a table where there is something to show."""
    head = f"**{count(findings)}**"
    if not findings:
        return head
    rows = [
        f"| {finding.rule.severity.value} | {finding.rule.id} | {markdown(_place(finding))} "
        f"| {markdown(finding.message)} |"
        for finding in shown(findings, ROWS)
    ]
    rows += [f"\n{markdown(line)}" for line in more(findings, ROWS)]
    return "\n".join([head, "", "| severity | rule | where | what |", "|---|---|---|---|", *rows])


def shown(findings: Sequence[Finding], most: int = SHOWN) -> list[Finding]:
    """Return the findings in their order, or so many that each rule is there: the errors before the warnings."""
    if len(findings) <= most:
        return list(findings)
    seen: Counter[str] = Counter()
    keys = []
    for number, finding in enumerate(findings):
        seen[finding.rule.id] += 1
        keys.append((seen[finding.rule.id], finding.rule.severity is not Severity.ERROR, number))
    return [findings[number] for number in sorted(number for *_, number in sorted(keys)[:most])]


def more_by_rule(findings: Sequence[Finding], most: int = SHOWN) -> dict[str, dict[str, int]]:
    """Return under `more` how many findings of each rule are not shown; nothing if all are."""
    left = Counter(finding.rule.id for finding in findings) - Counter(each.rule.id for each in shown(findings, most))
    return {"more": dict(sorted(left.items()))} if left else {}


def more(findings: Sequence[Finding], most: int = SHOWN) -> Iterator[str]:
    """Yield a line that says how many findings are not shown, if there are any."""
    for left in more_by_rule(findings, most).values():
        rules = ", ".join(f"{number} {rule}" for rule, number in left.items())
        yield f"and {sum(left.values())} more: {rules}"


_NOWHERE: dict[str, str | int | None] = {"file": None, "line": None, "col": None}


def count(findings: Sequence[Finding]) -> str:
    """Return the line that sums up: `1 error, 2 warnings`, or `no findings`."""
    numbers = [
        f"{number} {severity.value}{'s' if number != 1 else ''}"
        for severity in Severity
        if (number := sum(finding.rule.severity is severity for finding in findings))
    ]
    return ", ".join(numbers) or "no findings"


# @name, //host, www.host, #1, !1, GH-1: the first letters of each.
_LINKS = r"(?i:(?<!\w)@|/(?=/)|w(?=ww\.)|&#35;(?=\d)|&#33;(?=\d)|gh(?=-\d))"


def markdown(text: str) -> str:
    """Return text that Markdown shows as it is: one line, no markup, no HTML, no mention, no link but to an address."""
    escaped = re.sub(r"[\\`*_{}\[\]<>()#+!|~&\"$]", lambda found: f"&#{ord(found[0])};", plain(text))
    # A zero-width space parts what GitHub or Azure DevOps would turn into a mention or a link, also after unescaping.
    return re.sub(_LINKS, lambda found: f"{found[0]}&#8203;", escaped)


FORMATS: Mapping[str, Callable[[Sequence[Finding]], str]] = {
    "text": as_text,
    "json": as_json,
    "github": as_github,
    "azure-devops": as_azure_devops,
    "markdown": as_markdown,
}


def format_for(environment: Mapping[str, str]) -> str:
    """Return the format that suits the CI system whose variables these are, else `text`."""
    if environment.get("GITHUB_ACTIONS"):
        return "github"
    return "azure-devops" if environment.get("TF_BUILD") else "text"


def _place(finding: Finding) -> str:
    parts = (finding.file, finding.line, finding.column)
    return ":".join(str(part) for part in parts if part is not None) or finding.domain or ""


def _text_line(finding: Finding) -> str:
    place = _place(finding)
    text = f"{finding.rule.severity.value} {finding.rule.id}: {finding.message}"
    return plain(f"{place}: {text}" if place else text)


def _local(finding: Finding) -> dict[str, str | int | None]:
    """Return where in a file it is, but not of what was fetched from elsewhere."""
    here = finding.file and "://" not in finding.file
    return {"file": finding.file, "line": finding.line, "col": finding.column} if here else _NOWHERE


def _github_line(finding: Finding) -> str:
    fields = {**_local(finding), "title": finding.rule.id}
    properties = ",".join(f"{key}={_github(str(value), ':,')}" for key, value in fields.items() if value)
    return f"::{finding.rule.severity.value} {properties}::{_github(finding.message)}"


def _github(text: str, more: str = "") -> str:
    return re.sub(f"[%\r\n{more}]", lambda c: f"%{ord(c[0]):02X}", plain(text))


def _azure_devops_line(finding: Finding) -> str:
    fields = {
        "type": finding.rule.severity.value,
        "sourcepath": _local(finding)["file"],
        "linenumber": _local(finding)["line"],
        "columnnumber": _local(finding)["col"],
        "code": finding.rule.id,
    }
    properties = ";".join(f"{key}={_azure_devops(str(value))}" for key, value in fields.items() if value)
    return f"##vso[task.logissue {properties}]{_azure_devops(finding.message)}"


def _azure_devops(text: str) -> str:
    escapes = {"%": "%AZP25", ";": "%3B", "]": "%5D", "\r": "%0D", "\n": "%0A"}
    return re.sub(r"[%;\]\r\n]", lambda c: escapes[c[0]], plain(text))
