"""Refuse answers that would make a bad repository: all at once, each corrected, with a command to run again.

The answers come as JSON, so none can become code. It runs in cookiecutter's Python: standard library only.
"""

from __future__ import annotations

import json
import os
import re
import sys
import unicodedata
from collections import namedtuple
from collections.abc import Callable, Mapping

TYPE_CHECKING = False  # typing itself takes as long to import as the rest of this hook
if TYPE_CHECKING:
    from typing import Any

MENUS = {
    "mail_provider": ("exchange-online", "google-workspace", "other"),
    "mode": ("testing", "enforce", "none"),
    "hosting": ("function", "static-web-app", "front-door", "web-server"),
    "pipelines": ("github", "azure-devops"),
    "dns_provider": ("azure-dns", "cloudflare", "route53", "rfc2136", "manual"),
}
PROVIDER_MX = {
    "exchange-online": "*.mail.protection.outlook.com",
    "google-workspace": "smtp.google.com, aspmx.l.google.com, *.aspmx.l.google.com",
}
SWA_REGIONS = ("westus2", "centralus", "eastus2", "westeurope", "eastasia")
DEVICES = re.compile("con|prn|aux|nul|(com|lpt)[1-9]")
STAND_IN = "refused"  # stands for a domain that must not name a folder; __domain has what was answered
TEMPLATE = "gh:org/mtasts-template"

LABEL = "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
NAME = re.compile(rf"(?:{LABEL}\.)+(?![0-9]+\Z){LABEL}")
ADDRESS = re.compile(r"\[?(?:[0-9.]+|(?:ipv6:)?[0-9a-f]*:[0-9a-f:.]*:[0-9a-f.]*)\]?", re.IGNORECASE)
URI = re.compile(
    r"(?=[\w.~:/?#\[\]@$&'()*+=%-]+\Z)(?:mailto:[^@/?]+@[a-z0-9.-]+(?:\?.*)?|https://[a-z0-9\[].*)",
    re.IGNORECASE | re.ASCII,
)
RECORD = re.compile(r"\s*(?:v\s*=\s*TLSRPT?v1|rua\s*=)", re.IGNORECASE)
DNS_TOOL = re.compile(r"(?:\bexchanger = (?:[0-9]+ )?|\bmx [0-9]+ |\bhandled by [0-9]+ )(\S+)", re.IGNORECASE)
UNITS = {"s": 1, "min": 60, "h": 3600, "d": 86400, "w": 604800, "mo": 2592000, "y": 31536000}
UNSEEN = {"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"}  # the Unicode categories of what does not show

Answers = Mapping[str, "Any"]
Judge = Callable[[str, Answers], str]  # the answer, the good ones before it → its fault, empty if none
Mend = Callable[[str, Answers], str]  # the same → a better answer, which may be as bad


# A bad answer. fault ends a sentence; better: what to answer, None where only the user can know.
Problem = namedtuple("Problem", "question answer fault better")  # noqa: PYI024 - needs typing


def problems(answers: Answers) -> list[Problem]:
    """Return every bad answer."""
    return review(answers)[1]


def corrected(answers: Answers) -> dict[str, str]:
    """Return all answers without their problems. The default stands where no correction is known."""
    return review(answers)[0]


def review(answers: Answers) -> tuple[dict[str, str], list[Problem]]:
    """Judge each answer in the light of the corrected ones before it."""
    given, regions = asked(answers), answers.get("_regions", {})
    good: dict[str, str] = {}
    found = []
    for question, (judge, mend) in QUESTIONS.items():
        text = fallback = defaults(good, regions)[question]
        # A default made from a bad domain is not the user's mistake: it follows the corrected domain.
        if question in given and given[question] != defaults(given, regions)[question]:
            text = given[question]
        good[question] = text
        if fault := hidden(text) or judge(text, good):
            better = mend(visible(text), good)
            known = not (hidden(better) or judge(better, good))
            good[question] = better if known else fallback
            found.append(Problem(question, text, fault, better if known else None))
    return good, found


def asked(answers: Answers) -> dict[str, str]:
    """Return what was answered, as text. cookiecutter.json hides a domain that must not name a folder."""
    given = {question: str(answers[question]) for question in QUESTIONS if question in answers}
    if given.get("domain") == STAND_IN:
        given["domain"] = str(answers.get("__domain", STAND_IN))
    return given


def defaults(answers: Answers, regions: Answers) -> dict[str, str]:
    """Return cookiecutter.json's defaults in the light of the answers so far."""
    domain, provider = answers.get("domain", "example.com"), answers.get("mail_provider", "exchange-online")
    label = domain.lower().replace(".", "-").replace("microsoft", "ms").replace("windows", "win")
    pair = regions.get(domain.split(".")[-1], ("eastus", "eastus2"))
    return {
        "domain": "example.com",
        **{question: choices[0] for question, choices in MENUS.items()},
        "mx_hosts": PROVIDER_MX.get(provider, f"mx.{domain}"),
        "max_age": "604800",
        "tls_report_address": f"tls-reports@{domain}",
        "app_name": f"mtasts-{label}"[:40].strip("-"),
        "region": pair[1 if answers.get("hosting") == "static-web-app" else 0],
    }


def hidden(text: str) -> str:
    """Say which characters of an answer do not show, or mean something to YAML, Jinja or a shell."""
    bad = [char for char in text if char in "'\"`\\{}$" or unicodedata.category(char) in UNSEEN]
    return f"holds {', '.join(map(repr, dict.fromkeys(bad[:5])))}, which no answer may hold" if bad else ""


def visible(text: str) -> str:
    """Return an answer without what does not show, and with plain blanks."""
    blanks = re.sub(r"\s", " ", text)
    return "".join(char for char in blanks if unicodedata.category(char) not in UNSEEN).strip()


def name_fault(name: str, octets: int = 253) -> str:
    """Say what keeps a name from being the full name of a host."""
    faults = {
        "is empty (MTS123)": not name,
        "holds white space (MTS123)": re.search(r"\s", name),
        "is a URL or a path, not a name (MTS123)": "/" in name,
        "is a mail address, not a name (MTS123)": "@" in name,
        "ends in a dot (MTS120)": name.endswith("."),
        "is an IP address, not a name (MTS121)": ADDRESS.fullmatch(name),
        "is not written in A-labels, as DNS has it (MTS122)": not name.isascii(),
        f"has {len(name)} octets, and {octets} is the most (MTS124)": len(name) > octets,
        "has a label of more than 63 octets (MTS123)": any(len(label) > 63 for label in name.split(".")),
        "has no dot, so it is no full name (MTS123)": "." not in name,
        "is not a host name: labels of letters, digits and hyphens (MTS123)": not NAME.fullmatch(name),
    }
    return next((fault for fault, found in faults.items() if found), "")


def bare_name(text: str) -> str:
    """Return the name in a URL, a mail address or a pasted name: small letters, A-labels, no final dot."""
    text = re.sub(r"^(?:mailto:|[a-z][a-z0-9+.-]*://)", "", text.strip(" <>()[]'\"`,;"), flags=re.IGNORECASE)
    host = re.sub(r":[0-9]*$", "", re.split(r"[/?#\\]", text)[0].rpartition("@")[2])
    # IDNA2008 wants small, composed letters. NFKC also undoes full-width ones, and changes no valid name.
    host = unicodedata.normalize("NFC", unicodedata.normalize("NFKC", host).lower())
    return ".".join(map(a_label, host.replace("。", ".").strip(". ").split(".")))


def a_label(label: str) -> str:
    """Return a label as an A-label where it is made of letters, marks and digits, else as it is."""
    plain = all(char.isascii() or unicodedata.category(char)[0] in "LMN" for char in label)
    return f"xn--{label.encode('punycode').decode()}" if plain and not label.isascii() else label


def domain_fault(text: str, _: Answers) -> str:
    """Say what keeps a text from being a mail domain, and the name of a folder."""
    if re.match(r"_?mta-sts\.", text, re.IGNORECASE):
        return "is the policy host or a record's name, not the mail domain (MTS130)"
    if fault := name_fault(text, octets=244):
        return fault
    if text != text.lower():
        return "has capital letters"
    if DEVICES.fullmatch(text.split(".")[0]):
        return "cannot name a folder on Windows: take another name, then write the domain into policy.yaml"
    return ""


def mend_domain(text: str, _: Answers) -> str:
    """Return the mail domain that was meant."""
    return re.sub(r"^(_?mta-sts\.)+", "", bare_name(text))


def mx_fault(text: str, good: Answers) -> str:
    """Say what is wrong with each MX host."""
    hosts = re.split("[,; ]+", text.strip(",; "))
    if hosts == [""]:
        return "" if good["mode"] == "none" else "names no host (MTS114)"
    faults = [f"{quote(host)}, which {fault}" for host in hosts if (fault := pattern_fault(host))]
    return f"lists {'; '.join(faults)}" if faults else ""


def mend_mx(text: str, _: Answers) -> str:
    """Return the hosts that are right or can be put right, from a list or from what a DNS tool printed."""
    mended = map(mend_pattern, DNS_TOOL.findall(text) or re.split("[,; ]+", text))
    return ", ".join(dict.fromkeys(host for host in mended if not pattern_fault(host)))


def pattern_fault(pattern: str) -> str:
    """Say what keeps a text from being a host name, or `*.` and a host name."""
    host = pattern.removeprefix("*.")
    if re.fullmatch("[0-9]+", pattern):
        return "is the preference of an MX record, not a host (MTS123)"
    if "*" in host:
        return "has a `*` that is not the whole first label (MTS125)"
    if host != pattern and re.fullmatch(r"[^.]+\.?", host):
        return "matches any name under a top-level domain (MTS126)"
    return name_fault(host)


def mend_pattern(pattern: str) -> str:
    """Return the pattern that was meant: mx*.example.com can only be had as *.example.com."""
    wild = re.fullmatch(r"['\"]*(?:\*\.)*[^.]*\*\.?([^*]*)", pattern)
    better = f"*.{bare_name(wild[1])}" if wild else bare_name(pattern)
    return better if pattern_fault(pattern) else pattern


def max_age_fault(text: str, _: Answers) -> str:
    """Say whether a text is no valid max_age."""
    valid = re.fullmatch("[1-9][0-9]{0,7}", text) and int(text) <= 31557600
    return "" if valid else "is not a whole number of seconds from 1 to 31557600 (MTS112)"


def mend_max_age(text: str, _: Answers) -> str:
    """Return the seconds that a number with a unit or with thousands separators means, at most a year."""
    text = re.sub(r"(?<=[0-9])[,._' ](?=[0-9]{3}(?![0-9]))", "", unicodedata.normalize("NFKC", text).lower())
    found = re.fullmatch("0*([0-9]{1,99}) ?([a-z]*)", text.strip("'\""))
    if not found:
        return ""
    size = next((size for unit, size in UNITS.items() if (found[2] or "s").startswith(unit)), 0)
    return str(min(int(found[1]) * size, 31557600))


def report_fault(text: str, _: Answers) -> str:
    """Say what is wrong with the address for reports. policy.yaml writes mailto: where it has no scheme."""
    scheme = re.match("(mailto|https):", text, re.IGNORECASE)
    uri = text if scheme else f"mailto:{text}"
    mail = uri[:7].lower() == "mailto:"
    faults = {
        "holds a piece of the DNS record (MTS142)": RECORD.match(text),
        "has no @ (MTS144)": mail and not re.search("[@/]", text),
        "is more than one address: the others go into policy.yaml (MTS144)": mail and text.count("@") > 1,
        "holds `,` `!` or `;`, which must be percent-encoded (MTS143)": re.search("[,!;]", text),
        # YAML takes a colon at the end for a key.
        "is neither a mail address nor an https: URI (MTS144)": not URI.fullmatch(uri) or uri.endswith(":"),
    }
    host_fault = name_fault(uri.rpartition("@")[2].partition("?")[0]) if mail else ""
    first = next((fault for fault, found in faults.items() if found), "")
    return first or (host_fault and f"has a domain that {host_fault}")


def mend_report(text: str, good: Answers) -> str:
    """Return the one address that was meant, percent-encoded where it must be."""
    found = re.search(r"rua\s*=\s*([^;\s]+)", text, re.IGNORECASE)
    text = (found[1] if found else text).strip(" <>()'\"`,;")
    if text.count("@") > 1:
        text = re.split("[,; ]+", text)[0]
    encoded = re.sub("[,!;'\"`\\\\{}$]", lambda char: f"%{ord(char[0]):02X}", text)
    local, _, host = encoded.rpartition("@")
    return encoded if not report_fault(encoded, good) else f"{local}@{bare_name(host)}"


def app_name_fault(text: str, _: Answers) -> str:
    """Say what keeps a text from being an app's name in Azure."""
    if not re.fullmatch("[A-Za-z0-9][A-Za-z0-9-]{0,38}[A-Za-z0-9]", text):
        return "is not 2 to 40 letters, digits and hyphens, with no hyphen at either end"
    return "holds a word that Azure reserves" if re.search("microsoft|windows|^login", text.lower()) else ""


def mend_app_name(text: str, _: Answers) -> str:
    """Return a name like the text that Azure takes."""
    ascii_text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    spared = re.sub("^login", "mtasts-login", ascii_text.replace("microsoft", "ms").replace("windows", "win"))
    return re.sub("[^a-z0-9]+", "-", spared).strip("-")[:40].strip("-")


def region_fault(text: str, good: Answers) -> str:
    """Say what keeps a text from being the region of the app."""
    if not re.fullmatch("[a-z]{4,30}[0-9]?", text):
        return "is not the short name of an Azure region, such as westeurope"
    if good["hosting"] == "static-web-app" and text not in SWA_REGIONS:
        return f"has no Static Web Apps; these have: {', '.join(SWA_REGIONS)}"
    return ""


def mend_region(text: str, _: Answers) -> str:
    """Return the short name of a region that was given by its long one."""
    return re.sub("[^a-z0-9]", "", re.sub(r"^\(.*?\)", "", text.lower()))


def menu(question: str) -> tuple[Judge, Mend]:
    """Return how to judge a choice and mend it: a configuration file or a replay can bring any text."""
    choices = MENUS[question]

    def judge(text: str, good: Answers) -> str:
        if text == "static-web-app" and "xn--" in good["domain"]:
            return "takes no internationalised domain (MTS154)"
        return "" if text in choices else f"is none of {', '.join(choices)}"

    return judge, lambda text, _: re.sub("[ _]+", "-", text.strip("'\" ").lower())


# In the order in which they depend on each other.
QUESTIONS: dict[str, tuple[Judge, Mend]] = {
    "domain": (domain_fault, mend_domain),
    **{question: menu(question) for question in MENUS},
    "mx_hosts": (mx_fault, mend_mx),
    "max_age": (max_age_fault, mend_max_age),
    "tls_report_address": (report_fault, mend_report),
    "app_name": (app_name_fault, mend_app_name),
    "region": (region_fault, mend_region),
}


def command(answers: Answers, windows: bool = os.name == "nt") -> str:
    """Return the line that runs again with every answer, corrected, by the tool that ran now."""
    good, template = corrected(answers), str(answers.get("_template") or TEMPLATE)
    if "_commit" in answers:  # cruft's own mark
        words = ["cruft", "create", template, "--no-input", "--extra-context", json.dumps(good)]
    else:
        checkout = ["--checkout", str(answers["_checkout"])] if answers.get("_checkout") else []
        words = ["cookiecutter", template, "--no-input", *checkout, *map("=".join, good.items())]
    if windows:
        return " ".join(map(windows_quote, words))
    import shlex  # here, since a good bake needs it not

    return shlex.join(words)


def windows_quote(word: str) -> str:
    """Quote a word of a command line, also for the characters that only the shells of Windows read."""
    import subprocess  # here, since a good bake needs it not

    quoted = subprocess.list2cmdline([word])
    return quoted if re.fullmatch(r"[\w.:/\\@=+-]+|\".*\"", quoted) else f'"{quoted}"'


def message(answers: Answers) -> str:
    """Return all that is to be said about the bad answers."""
    lines = ["These answers cannot be used. (The traceback below is cookiecutter's own way to stop.)", ""]
    good = corrected(answers)
    for question, answer, fault, better in problems(answers):
        lines.append(f"  {question}: {quote(answer)} {fault}.")
        unsure = f"There is no sure correction. The command has {quote(good[question])}: look at it."
        lines.append(f"    {unsure if better is None else f'Write {quote(better)}.'}")
    return "\n".join([*lines, "", "Run again with all answers, corrected:", "", f"  {command(answers)}", ""])


def quote(text: str) -> str:
    """Return a text in quotes, escaped and shortened, fit for a message."""
    return repr(text if len(text) <= 80 else text[:80] + "…")


def main() -> None:
    """Stop cookiecutter where an answer is bad."""
    answers = json.loads(r"""{{ cookiecutter | tojson }}""")
    if problems(answers):
        sys.exit(message(answers))


if __name__ == "__main__":
    main()
