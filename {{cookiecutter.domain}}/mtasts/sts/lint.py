"""What is wrong or unwise in a policy: in the text that is served, and in values from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from mtasts.findings import Finding, Rule, Severity, quote
from mtasts.findings.suggest import Review, suggest
from mtasts.sts import corrections
from mtasts.sts.names import pattern_fault, public_suffix_fault
from mtasts.sts.policy import KEYS, MAX_AGE, MAX_AGE_LIMIT, MxPattern, Policy, read
from mtasts.sts.policy_lines import Field

DUPLICATE_KEY = Rule(
    "MTS103",
    "A key appears twice",
    Severity.ERROR,
    "RFC 8461 §3.2",
    """If a key appears twice, some readers take the first value and some the last. Senders differ in the same
way over a repeated line of the policy. What you see must be what senders get: keep one of the two.""",
)
MAX_AGE_SENSE = Rule(
    "MTS113",
    "max_age does not suit the mode",
    Severity.WARNING,
    "RFC 8461 §10.2",
    """In `testing`, the policy should leave senders' caches soon, but last long enough to be used: between a
day (86400) and two weeks (1209600). In `enforce`, an attacker who blocks the policy host only has to wait until
a short `max_age` is over: use several weeks, and at least one (604800).""",
)
TOO_LARGE = Rule(
    "MTS115",
    "The policy is larger than 64 KB",
    Severity.ERROR,
    "RFC 8461 §3.3",
    """Senders read at most 64 KB of a policy, and ignore a larger one. A wildcard such as `*.mx.example.com`
can replace many hosts.""",
)
EXTENSION = Rule(
    "MTS117",
    "A policy has a key that is not in the RFC",
    Severity.WARNING,
    "RFC 8461 §3.2",
    """Senders ignore keys that they do not know, so a misspelt `mx` names no host at all. The keys are `version`,
`mode`, `mx` and `max_age`, in lower case.""",
)
MX_DUPLICATE = Rule(
    "MTS127",
    "An mx pattern appears twice",
    Severity.WARNING,
    "RFC 8461 §3.2",
    """Host names are not case-sensitive, and one line per host is enough. The second line does nothing: remove
it. Perhaps you meant another host: compare the list with `nslookup -type=mx DOMAIN`.""",
)
MX_COVERED = Rule(
    "MTS128",
    "An mx pattern is covered by another",
    Severity.WARNING,
    "RFC 8461 §4.1",
    """The wildcard already matches this host, so the line changes nothing. Remove the host or, better, remove
the wildcard and list each host: the narrower the policy, the less it lets through.""",
)


PROVIDER_SLIP = Rule(
    "MTS129",
    "A pattern matches no MX host of its provider",
    Severity.WARNING,
    "RFC 8461 §4.1",
    """Exchange Online gives each domain a host under `mail.protection.outlook.com`, such as
`example-com.mail.protection.outlook.com`, or, with DNSSEC, a host under a zone such as `h-v1.mx.microsoft`. A
`*` stands for exactly one label, so `*.mail.protection.outlook.com` covers the first kind, but `*.mx.microsoft`
does not cover the second: write the zone, as in `*.h-v1.mx.microsoft`. Compare the pattern with
`nslookup -type=mx DOMAIN`.""",
)


BYTES = 65_536  # what senders read, RFC 8461 §3.3
DAY = 86_400

Key = tuple[str | int, ...]  # of a value: ("mx", 0), ("max_age",)

# The sensible lifetimes by mode, in seconds. There is none for mode none: it is short-lived by itself.
_SENSE = {"testing": (DAY, 14 * DAY), "enforce": (7 * DAY, MAX_AGE_LIMIT)}


def lint_policy(text: str) -> list[Finding]:
    """Return every finding in the text of a policy, in the order of its lines."""
    return [finding for _, finding in suggest(_review(text), lambda offers: _review(_with_values(text, offers)))]


def _review(text: str) -> Review[int]:
    fields = {field.line: field for field in read(text)[0]}
    mode = next((field.value for field in fields.values() if field.key == "mode"), None)

    def better(line: int, finding: Finding) -> str | None:
        return _better(fields[line], finding, mode) if line in fields else None

    return Review(_found(text), better)


def _found(text: str) -> list[tuple[int, Finding]]:
    """Return what is wrong with the text of a policy, each with its line."""
    fields, found = read(text)
    for part in (_keys(fields), _sense(fields), _size(text)):
        found += part
    return sorted(((finding.line or 0, finding) for finding in dict.fromkeys(found)), key=lambda each: each[0])


def _with_values(text: str, offers: Mapping[int, str | int]) -> str:
    """Return the text with other values in some of its lines."""
    lines = enumerate(text.split("\n"), 1)
    return "\n".join(f"{line.partition(':')[0]}: {offers[n]}" if n in offers else line for n, line in lines)


def _better(field: Field, finding: Finding, mode: str | None) -> str | None:
    """Return the value that was most likely meant in a line of a policy."""
    if finding.rule in (MX_DUPLICATE, MX_COVERED, DUPLICATE_KEY):
        return None
    if finding.rule is MAX_AGE_SENSE:
        return str(sensible_max_age(mode, int(field.value)))
    better = corrections.of_policy(field.key, field.value)
    return better if better != field.value else None


def _keys(fields: list[Field]) -> Iterator[Finding]:
    first: dict[str, Field] = {}
    for field in fields:
        if field.key not in KEYS:
            message = f"Unknown key {quote(field.key)}. Senders ignore this line. Correct it or remove it."
            yield Finding(EXTENSION, message, line=field.line, column=1)
        elif field.key != "mx" and field.key in first:
            message = f"{field.key} is already in line {first[field.key].line}. Remove one of the two."
            yield Finding(DUPLICATE_KEY, message, line=field.line, column=1)
        first.setdefault(field.key, field)


def _sense(fields: list[Field]) -> Iterator[Finding]:
    first = {field.key: field for field in reversed(fields)}
    hosts = [field for field in fields if field.key == "mx"]
    age = first["max_age"].value if "max_age" in first else ""
    max_age = int(age) if age.isascii() and age.isdigit() and len(age) <= 10 else None
    mode = first["mode"].value if "mode" in first else None
    for (key, *number), finding in value_findings(mode, max_age, [field.value for field in hosts]):
        field = hosts[int(number[0])] if number else first[str(key)]
        yield finding.at(line=field.line, column=field.column)


def _size(text: str) -> Iterator[Finding]:
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > BYTES:
        message = f"The file has {size} bytes, but senders read at most {BYTES}. Replace hosts with a wildcard."
        yield Finding(TOO_LARGE, message, line=1, column=1)


def value_findings(mode: str | None, max_age: int | None, mx: Sequence[object]) -> Iterator[tuple[Key, Finding]]:
    """Yield what is wrong with the values of a policy, each with the path of the value: ("mx", 0), ("max_age",).

    A malformed mode or max_age is passed as None, and items of mx that are not text are skipped.
    """
    if max_age is not None and (fault := _max_age_fault(mode, max_age)):
        yield ("max_age",), fault
    yield from _mx_findings(mx)


def size_fault(policy: Policy) -> Finding | None:
    """Return a finding if senders would ignore the policy because of its size."""
    size = len(policy.render())
    if size <= BYTES:
        return None
    message = f"The policy has {size} bytes, but senders read at most {BYTES}. Replace hosts with a wildcard."
    return Finding(TOO_LARGE, message)


def _max_age_fault(mode: str | None, max_age: int) -> Finding | None:
    if max_age < 1:
        message = f"max_age is {max_age}, so no sender keeps the policy. A week is 604800."
        return Finding(MAX_AGE, message)
    bound = sensible_max_age(mode, max_age)
    if max_age < bound:
        return Finding(MAX_AGE_SENSE, f"max_age is {max_age} seconds, too short for {mode}: {bound} is the minimum.")
    if bound < max_age <= MAX_AGE_LIMIT:
        return Finding(MAX_AGE_SENSE, f"max_age is {max_age} seconds, too long for {mode}: {bound} is the maximum.")
    return None


def sensible_max_age(mode: str | None, max_age: int) -> int:
    """Return the nearest max_age that suits a mode, in seconds."""
    least, most = _SENSE.get(mode or "", (1, MAX_AGE_LIMIT))
    return min(max(max_age, least), most)


def _mx_findings(mx: Sequence[object]) -> Iterator[tuple[Key, Finding]]:
    patterns = [(number, MxPattern(item)) for number, item in enumerate(mx) if isinstance(item, str)]
    parents = {pattern[2:].lower(): pattern for _, pattern in patterns if pattern.startswith("*.")}
    seen: set[str] = set()
    for number, pattern in patterns:
        covering = None if pattern.startswith("*.") else parents.get(pattern.lower().partition(".")[2])
        fault = pattern_fault(pattern) or public_suffix_fault(pattern)
        if fault := fault or _provider_slip(pattern) or _idle(pattern, pattern.lower() in seen, covering):
            yield ("mx", number), fault
        seen.add(pattern.lower())


def _provider_slip(pattern: str) -> Finding | None:
    name = pattern.lower()
    if name.removeprefix("*.") == "mx.microsoft":
        form = "two labels before mx.microsoft. Name the zone, as in '*.h-v1.mx.microsoft'."
    elif name in corrections.EXCHANGE_SLIPS:
        form = "one label before mail.protection.outlook.com."
    else:
        return None
    message = f"mx {quote(pattern)} matches no MX host of Exchange Online: those have {form}"
    return Finding(PROVIDER_SLIP, message)


def _idle(pattern: str, again: bool, covering: str | None) -> Finding | None:
    if again:
        return Finding(MX_DUPLICATE, f"mx {quote(pattern)} is listed twice. Remove one of the two.")
    if covering:
        message = f"mx {quote(pattern)} is already covered by {quote(covering)}. Remove one of the two."
        return Finding(MX_COVERED, message)
    return None
