"""Check the answers by the toolkit's own rules, remove the files that they do not need, and print the next steps.

The answers come as JSON, so no answer can become code. An update runs this hook again, with the same result.
"""

from __future__ import annotations

import json
import os
import re
import sys
import unicodedata
from collections import namedtuple
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

sys.dont_write_bytecode = True  # importing the toolkit must leave nothing in the new repository

TYPE_CHECKING = False  # typing itself takes as long to import as the rest of this hook
if TYPE_CHECKING:
    from typing import Any

    from mtasts.findings import Finding

MENUS = ("mail_provider", "mode", "hosting", "pipelines", "dns_provider")
PROVIDER_MX = {
    "exchange-online": "*.mail.protection.outlook.com",
    "google-workspace": "smtp.google.com, aspmx.l.google.com, *.aspmx.l.google.com",
}
SWA_REGIONS = ("westus2", "centralus", "eastus2", "westeurope", "eastasia")
DEVICES = re.compile("con|prn|aux|nul|(com|lpt)[1-9]")
STAND_IN = "refused"  # replaces a domain that must not name a folder; __domain has the answer itself
TEMPLATE = "gh:org/mtasts-template"

UNSEEN = {"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"}  # the Unicode categories of invisible characters

Answers = Mapping[str, "Any"]
Check = Callable[[str, Answers], "list[str]"]  # an answer, and the good answers before it → its faults, as sentences
Correct = Callable[[str, Answers], str]  # the same → a better answer, which still has to be checked

# A bad answer. better: what to answer, None if only the user can know.
Problem = namedtuple("Problem", "question answer faults better")  # noqa: PYI024 - needs typing

unseen_suffixes = False  # whether a check needed the public suffix list, which this Python does not have


def problems(answers: Answers) -> list[Problem]:
    """Return every bad answer."""
    return review(answers)[1]


def corrected(answers: Answers) -> dict[str, str]:
    """Return all answers, corrected. An answer without a known correction is replaced by the default."""
    return review(answers)[0]


def review(answers: Answers) -> tuple[dict[str, str], list[Problem]]:
    """Check each answer, given the corrected answers before it."""
    given, regions = asked(answers), answers.get("_regions", {})
    good: dict[str, str] = {}
    found = []
    for question, (check, correct) in QUESTIONS.items():
        text = fallback = defaults(good, regions)[question]
        # A default made from a bad domain is not the user's mistake: make it again from the corrected domain.
        if question in given and given[question] != defaults(given, regions)[question]:
            text = given[question]
        good[question] = text
        # A default made from good answers is good, so most bakes need few of the toolkit's rules.
        if text != fallback and (faults := hidden(text) or check(text, good)):
            better = correct(visible(text), good)
            known = not (hidden(better) or check(better, good))
            good[question] = better if known else fallback
            found.append(Problem(question, text, faults, better if known else None))
    return good, found


def asked(answers: Answers) -> dict[str, str]:
    """Return the answers as text. cookiecutter.json replaces a domain that must not name a folder."""
    given = {question: str(answers[question]) for question in QUESTIONS if question in answers}
    if given.get("domain") == STAND_IN:
        given["domain"] = str(answers.get("__domain", STAND_IN))
    return given


def defaults(answers: Answers, regions: Answers) -> dict[str, str]:
    """Return the defaults of cookiecutter.json, given the answers so far."""
    domain, provider = answers.get("domain", "example.com"), answers.get("mail_provider", "exchange-online")
    label = domain.lower().replace(".", "-").replace("microsoft", "ms").replace("windows", "win")
    pair = regions.get(domain.split(".")[-1], ("eastus", "eastus2"))
    return {
        "domain": "example.com",
        "mail_provider": "exchange-online",
        "mode": "testing",
        "hosting": "function",
        "pipelines": "github",
        "dns_provider": "azure-dns",
        "mx_hosts": PROVIDER_MX.get(provider, f"mx.{domain}"),
        "max_age": "604800",
        "tls_report_address": f"tls-reports@{domain}",
        "app_name": f"mtasts-{label}"[:40].strip("-"),
        "region": pair[1 if answers.get("hosting") == "static-web-app" else 0],
    }


def hidden(text: str) -> list[str]:
    """Name the characters of an answer that are invisible, or special to YAML, Jinja or a shell."""
    bad = [char for char in text if char in "'\"`\\{}$" or unicodedata.category(char) in UNSEEN]
    return [f"It contains {', '.join(map(repr, dict.fromkeys(bad[:5])))}, which answers cannot contain."] if bad else []


def visible(text: str) -> str:
    """Return an answer without invisible characters, and with plain spaces."""
    blanks = re.sub(r"\s", " ", text)
    return "".join(char for char in blanks if unicodedata.category(char) not in UNSEEN).strip()


def said(*findings: Finding | None) -> list[str]:
    """Return the toolkit's errors, in the words of lint."""
    from mtasts.findings import has_errors

    return [f"{finding.rule.id} {finding.message}" for finding in findings if finding and has_errors([finding])]


def domain_faults(text: str, _: Answers) -> list[str]:
    """Say why a text cannot be a mail domain or the name of a folder."""
    from mtasts.sts.names import domain_fault

    if faults := said(domain_fault(text)) or partial_name(text):
        return faults
    if text != text.lower():
        return ["It has capital letters, but it also names the repository's folder. Write it in lower case."]
    if DEVICES.fullmatch(text.split(".")[0]):
        return ["It cannot name a folder on Windows. Answer another domain, then correct it in policy.yaml."]
    return []


def correct_domain(text: str, _: Answers) -> str:
    """Return the mail domain that was probably meant."""
    from mtasts.sts.corrections import domain

    return domain(text)


def mx_faults(text: str, good: Answers) -> list[str]:
    """Say what is wrong with each MX host."""
    from mtasts.sts.lint import size_fault
    from mtasts.sts.policy import MAX_AGE_LIMIT, Mode, MxPattern, Policy, missing

    hosts = re.split("[,; ]+", text.strip(",; "))
    if hosts == [""]:
        return [] if good["mode"] == "none" else said(missing("mx"))
    faults = [fault for host in hosts for fault in pattern_faults(host)]
    policy = Policy(Mode(good["mode"]), tuple(map(MxPattern, hosts)), MAX_AGE_LIMIT)
    return faults or said(size_fault(policy))


def correct_mx(text: str, _: Answers) -> str:
    """Return the hosts that are valid or can be corrected, from a list or from the output of a DNS tool."""
    from mtasts.sts.corrections import mx_hosts

    hosts = map(correct_pattern, mx_hosts(text))
    return ", ".join(dict.fromkeys(host for host in hosts if not pattern_faults(host)))


def pattern_faults(pattern: str) -> list[str]:
    """Say why a text is neither a host name, nor `*.` and a host name."""
    from mtasts.sts.names import pattern_fault, public_suffix_fault

    global unseen_suffixes
    if re.fullmatch("[0-9]+", pattern):
        return [f"{quote(pattern)} is the preference of an MX record. Give only the host names."]
    if faults := said(pattern_fault(pattern)):
        return faults
    try:
        if faults := said(public_suffix_fault(pattern)):
            return faults
    except ModuleNotFoundError:
        unseen_suffixes = True
    return partial_name(pattern.removeprefix("*."))


def partial_name(name: str) -> list[str]:
    """Say that a name has no top-level domain. Lint accepts it, but in an answer it is a mistake."""
    if "." in name and not name.rpartition(".")[2].isdigit():
        return []
    return [f"{quote(name)} is not a full name. Include the top-level domain, as in mx.example.com."]


def correct_pattern(pattern: str) -> str:
    """Return the pattern that was probably meant: for mx*.example.com, it is *.example.com."""
    from mtasts.sts.corrections import mx_pattern

    return mx_pattern(pattern) if pattern_faults(pattern) else pattern


def max_age_faults(text: str, _: Answers) -> list[str]:
    """Say why a text cannot be the max_age in policy.yaml."""
    from mtasts.sts.lint import value_findings
    from mtasts.sts.policy import value_fault

    if faults := said(value_fault("max_age", text)):
        return faults
    if text != str(int(text)):
        return [f"{quote(text)} begins with 0, so some YAML readers read another number. Remove the 0."]
    return said(*(finding for _, finding in value_findings(None, int(text), [])))


def correct_max_age(text: str, _: Answers) -> str:
    """Return a number with a unit or with thousands separators in seconds, at most a year."""
    from mtasts.sts.corrections import of_policy

    return of_policy("max_age", text) or ""


def report_faults(text: str, _: Answers) -> list[str]:
    """Say what is wrong with the address for reports. If it has no scheme, policy.yaml adds mailto:."""
    from mtasts.tlsrpt.rua import RUA_RECORD, rua_fault

    uri = text if re.match("(mailto|https):", text, re.IGNORECASE) else f"mailto:{text}"
    whole = rua_fault(text)
    if faults := said(whole if whole and whole.rule is RUA_RECORD else rua_fault(uri)):
        return faults
    if uri.endswith(":"):
        return ["It ends in a colon, which makes it a key in YAML. Give the whole address."]
    if uri[:7].lower() != "mailto:":
        return []
    if text.count("@") > 1:
        return ["It contains more than one address. Answer one, and add the others to policy.yaml."]
    return partial_name(uri.rpartition("@")[2].partition("?")[0])


def correct_report(text: str, good: Answers) -> str:
    """Return the address that was probably meant, percent-encoded if needed, with a scheme if the answer has one."""
    from mtasts.tlsrpt.corrections import rua

    better = rua(text) or rua(re.split("[,; ]+", text.strip(",; "))[0])
    plain = better.removeprefix("mailto:")
    return better if "mailto:" in text.lower() or report_faults(plain, good) else plain


def schema_faults(key: str, text: str) -> list[str]:
    """Say what policy.schema.json finds wrong with a value under `hosting`."""
    hosting = json.loads(Path("policy.schema.json").read_bytes())["properties"]["hosting"]
    rule = hosting["properties"][key]
    return [] if re.search(rule["pattern"], text) else [rule["description"]]


def app_name_faults(text: str, _: Answers) -> list[str]:
    """Say why a text cannot be the name of an app in Azure."""
    if faults := schema_faults("name", text):
        return faults
    reserved = re.search("microsoft|windows|^login", text.lower())
    return [f"It contains {quote(reserved[0])}, which Azure reserves. Choose another name."] if reserved else []


def correct_app_name(text: str, _: Answers) -> str:
    """Return a similar name that Azure accepts."""
    from mtasts.config.corrections import app_name

    return app_name(text)


def region_faults(text: str, good: Answers) -> list[str]:
    """Say why a text cannot be the region of the app."""
    if faults := schema_faults("region", text):
        return faults
    if good["hosting"] == "static-web-app" and text not in SWA_REGIONS:
        return [f"Azure offers no Static Web Apps there. Choose from {', '.join(SWA_REGIONS)}."]
    return []


def correct_region(text: str, _: Answers) -> str:
    """Return the short name of a region for its long name."""
    from mtasts.config.corrections import region

    return region(text)


def choices(question: str) -> tuple[str, ...]:
    """Return what a menu offers."""
    from mtasts.pruning import HOSTINGS, PIPELINES, PROVIDERS
    from mtasts.sts.policy import Mode

    menus = ((*PROVIDER_MX, "other"), tuple(map(str, Mode)), HOSTINGS, PIPELINES, PROVIDERS)
    return dict(zip(MENUS, menus, strict=True))[question]


def menu(question: str) -> tuple[Check, Correct]:
    """Return the functions that check and correct a choice: a replay or a configuration file can contain any text."""

    def check(text: str, good: Answers) -> list[str]:
        if text not in choices(question):
            return [f"Choose from {', '.join(choices(question))}."]
        return hosting_faults(text, good) if question == "hosting" else []

    def correct(text: str, _: Answers) -> str:
        from mtasts.sts.corrections import word

        return word(text, choices(question), 0.8) or ""  # gitlab is not github

    return check, correct


def hosting_faults(kind: str, good: Answers) -> list[str]:
    """Say why a kind of hosting cannot serve the domain."""
    from mtasts.config.hosting import Kind, limits
    from mtasts.sts.policy import Mode, Policy

    return said(*limits(Kind(kind), {good["domain"]: Policy(Mode.NONE, (), 1)}))


# In this order, because defaults and checks use the answers before them.
QUESTIONS: dict[str, tuple[Check, Correct]] = {
    "domain": (domain_faults, correct_domain),
    **{question: menu(question) for question in MENUS},
    "mx_hosts": (mx_faults, correct_mx),
    "max_age": (max_age_faults, correct_max_age),
    "tls_report_address": (report_faults, correct_report),
    "app_name": (app_name_faults, correct_app_name),
    "region": (region_faults, correct_region),
}


def command(answers: Answers, windows: bool = os.name == "nt") -> str:
    """Return the command that runs the same tool again, with all answers corrected."""
    good, template = corrected(answers), str(answers.get("_template") or TEMPLATE)
    if "_commit" in answers:  # set by cruft
        update = is_update(answers, Path.cwd())
        words = ["cruft", "update"] if update else ["cruft", "create", template, "--no-input"]
        option = "--variables-to-update" if update else "--extra-context"
        words += [f"{option}-file", saved(answers)[0]] if windows else [option, json.dumps(good)]
    else:
        checkout = ["--checkout", str(answers["_checkout"])] if answers.get("_checkout") else []
        words = ["cookiecutter", template, "--no-input", *checkout, *map("=".join, good.items())]
    if windows:
        return " ".join(map(windows_quote, words))
    import shlex  # not at the top: only a failed bake needs it

    return shlex.join(words)


def saved(answers: Answers) -> tuple[str, str]:
    """Return the name and content of a file with all answers, corrected, for cruft.

    `cruft update` expects the format of .cruft.json, and refuses a repository with untracked files.
    """
    good = corrected(answers)
    if is_update(answers, Path.cwd()):
        return "../answers.json", json.dumps({"context": {"cookiecutter": good}})
    return "answers.json", json.dumps(good)


def windows_quote(word: str) -> str:
    """Quote a word of a command line, including the characters that only cmd and PowerShell treat as special."""
    import subprocess  # not at the top: only a failed bake needs it

    quoted = subprocess.list2cmdline([word])
    return quoted if re.fullmatch(r"[\w.:/\\@=+-]+|\".*\"", quoted) else f'"{quoted}"'


def message(answers: Answers, windows: bool = os.name == "nt") -> str:
    """Return the whole message about the bad answers."""
    # cmd and PowerShell read quotes around JSON differently.
    name, content = saved(answers)
    save = [f"Save this as {name}:", "", f"  {content}", ""]
    return "\n".join(
        [
            "Some answers cannot be used, so cookiecutter stopped. (You can ignore the traceback below.)",
            "",
            *lines(answers),
            "",
            *(save if windows and "_commit" in answers else []),
            "To run again with the corrected answers:",
            "",
            f"  {command(answers, windows)}",
            "",
        ]
    )


def lines(answers: Answers) -> Iterator[str]:
    """Yield each bad answer, what is wrong with it, and the correction."""
    good = corrected(answers)
    for question, answer, faults, better in problems(answers):
        yield f"  {question}: {quote(answer)}"
        yield from (f"    {fault}" for fault in faults[:10])
        unsure = f"The command below has {quote(good[question])} instead. Replace it with your own answer."
        yield f"    {unsure if better is None else f'Did you mean {quote(better)}?'}"


def quote(text: str) -> str:
    """Return a text for a message: in quotes, escaped and shortened."""
    return repr(text if len(text) <= 80 else text[:80] + "…")


# The bake made these: if one had been there before, pre_gen would have stopped.
MADE = (
    *("policy.yaml", "policy.schema.json", "pyproject.toml", "requirements.in", "requirements.txt"),
    *("dns", "function", "infra", "mtasts", "static", "tests", ".github", ".azuredevops"),
)

# The next steps

PYTHONS = {True: ("py", r".venv\Scripts\python"), False: ("python3", ".venv/bin/python")}  # on Windows, and elsewhere


def next_steps(folder: str, answers: Mapping[str, str], unseen: bool = False, windows: bool = os.name == "nt") -> str:
    """Return what to do next, in commands that work in every shell. unseen: whether MTS126 could not be checked."""
    domain, lock = answers["domain"], "function/local.txt" if answers["hosting"] == "function" else "requirements.txt"
    python, own = PYTHONS[windows]
    debian = "" if windows else "\nOn Debian and Ubuntu, the second command needs the package python3-venv.\n"
    unchecked = (
        "\nlint also finds wildcards that cover a public suffix (MTS126), such as *.co.uk: not checked so far.\n"
    )
    return f"""{enforce_warning(answers)}
The repository for {domain} is ready. Install what its toolkit needs, and check the policy:

  cd {folder}
  {python} -m venv .venv
  {own} -m pip install -r {lock}
  {own} -m mtasts lint
{debian}{unchecked if unseen else ""}
Compare the mx list in policy.yaml with the MX records in DNS:

  {own} -m mtasts check --only mx
{mailbox(answers)}
Commit the repository. Then open README.md, which explains the first deployment.

  git init -b main
  git add .
  git commit -m "Add the MTA-STS policy of {domain}"
"""


def mailbox(answers: Mapping[str, str]) -> str:
    """Return a reminder that the mailbox for reports must exist: senders do not tell you if it does not."""
    address = answers.get("tls_report_address", "").removeprefix("mailto:")
    if "@" not in address or address.startswith("https:"):
        return ""
    return f"\nMake sure that the mailbox {address} exists: senders mail TLS reports to it.\n"


def enforce_warning(answers: Mapping[str, str]) -> str:
    """Return a warning if a domain starts in enforce: nobody has tested it, and its MX host may be a guess."""
    if answers.get("mode") != "enforce":
        return ""
    domain, hosts = answers["domain"], answers.get("mx_hosts", "")
    guess = answers.get("mail_provider") == "other" and hosts == f"mx.{domain}"
    invented = f"\n{hosts} is only a guess, because you did not answer mx_hosts.\n" if guess else ""
    return f"""
WARNING: {domain} starts in mode enforce, and nobody has tested it. Senders that support MTA-STS will deliver only to
these MX hosts, and only over TLS with a valid certificate:

  {hosts}
{invented}
Start with mode: testing in policy.yaml, unless the domain already enforces this policy today.
"""


def main() -> None:
    """Finish the new repository in the current folder, or stop cookiecutter if an answer is bad."""
    answers = json.loads(r"""{{ cookiecutter | tojson }}""")
    folder = Path.cwd()
    sys.path.insert(0, str(folder))  # the toolkit is here
    from mtasts.pruning import prune, remove

    if problems(answers):
        text = message(answers)
        for name in MADE:
            remove(folder / name)
        sys.exit(text)
    prune(folder, [answers[question] for question in ("hosting", "pipelines", "dns_provider")])
    if not is_update(answers, folder):
        print(next_steps(folder.name, answers, unseen_suffixes))


def is_update(answers: Mapping[str, str], folder: Path) -> bool:
    """Tell whether `cruft update` or `cruft diff` runs this bake: both bake into a temporary folder, to compare.

    cruft sets _commit.
    """
    if "_commit" not in answers:
        return False
    import tempfile  # not at the top: it would slow every other bake

    parent = folder.resolve().parent
    return parent.parent == Path(tempfile.gettempdir()).resolve() and parent.name.startswith(tempfile.gettempprefix())


if __name__ == "__main__":
    main()
