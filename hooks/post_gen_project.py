"""Check the answers by the toolkit's own rules, remove what was not chosen, and say what comes next.

The answers come as JSON, so none can become code. Updates run it again, so it bears that.
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

sys.dont_write_bytecode = True  # the toolkit is imported from the new repository, and nothing is to be left in it

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
STAND_IN = "refused"  # stands for a domain that must not name a folder; __domain has what was answered
TEMPLATE = "gh:org/mtasts-template"

UNSEEN = {"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"}  # the Unicode categories of what does not show

Answers = Mapping[str, "Any"]
Check = Callable[[str, Answers], "list[str]"]  # the answer, the good ones before it → its faults, as sentences
Correct = Callable[[str, Answers], str]  # the same → a better answer, which may be as bad

# A bad answer. better: what to answer, None if only the user can know.
Problem = namedtuple("Problem", "question answer faults better")  # noqa: PYI024 - needs typing

unseen_suffixes = False  # whether the public suffix list was needed, and this Python has none


def problems(answers: Answers) -> list[Problem]:
    """Return every bad answer."""
    return review(answers)[1]


def corrected(answers: Answers) -> dict[str, str]:
    """Return all answers without their problems. The default stands if no correction is known."""
    return review(answers)[0]


def review(answers: Answers) -> tuple[dict[str, str], list[Problem]]:
    """Check each answer in the light of the corrected ones before it."""
    given, regions = asked(answers), answers.get("_regions", {})
    good: dict[str, str] = {}
    found = []
    for question, (check, correct) in QUESTIONS.items():
        text = fallback = defaults(good, regions)[question]
        # A default made from a bad domain is not the user's mistake: it follows the corrected domain.
        if question in given and given[question] != defaults(given, regions)[question]:
            text = given[question]
        good[question] = text
        # A default made from good answers is good: few bakes need all of the toolkit's rules.
        if text != fallback and (faults := hidden(text) or check(text, good)):
            better = correct(visible(text), good)
            known = not (hidden(better) or check(better, good))
            good[question] = better if known else fallback
            found.append(Problem(question, text, faults, better if known else None))
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
    """Say which characters of an answer do not show, or mean something to YAML, Jinja or a shell."""
    bad = [char for char in text if char in "'\"`\\{}$" or unicodedata.category(char) in UNSEEN]
    return [f"It holds {', '.join(map(repr, dict.fromkeys(bad[:5])))}, which no answer may hold."] if bad else []


def visible(text: str) -> str:
    """Return an answer without what does not show, and with plain blanks."""
    blanks = re.sub(r"\s", " ", text)
    return "".join(char for char in blanks if unicodedata.category(char) not in UNSEEN).strip()


def said(*findings: Finding | None) -> list[str]:
    """Return the toolkit's findings of severity error, as its lint says them."""
    from mtasts.findings import has_errors

    return [f"{finding.rule.id} {finding.message}" for finding in findings if finding and has_errors([finding])]


def domain_faults(text: str, _: Answers) -> list[str]:
    """Say what keeps a text from being a mail domain, and the name of a folder."""
    from mtasts.sts.names import domain_fault

    if faults := said(domain_fault(text)) or partial_name(text):
        return faults
    if text != text.lower():
        return ["It has capital letters, and it names the repository's folder. Write it in lower case."]
    if DEVICES.fullmatch(text.split(".")[0]):
        return ["It cannot name a folder on Windows. Answer another name, then write the domain into policy.yaml."]
    return []


def correct_domain(text: str, _: Answers) -> str:
    """Return the mail domain that was meant."""
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
    """Return the hosts that are right or can be put right, from a list or from what a DNS tool printed."""
    from mtasts.sts.corrections import mx_hosts

    hosts = map(correct_pattern, mx_hosts(text))
    return ", ".join(dict.fromkeys(host for host in hosts if not pattern_faults(host)))


def pattern_faults(pattern: str) -> list[str]:
    """Say what keeps a text from being a host name, or `*.` and a host name."""
    from mtasts.sts.names import pattern_fault, public_suffix_fault

    global unseen_suffixes
    if re.fullmatch("[0-9]+", pattern):
        return [f"{quote(pattern)} is the preference of an MX record. Name the hosts alone."]
    if faults := said(pattern_fault(pattern)):
        return faults
    try:
        if faults := said(public_suffix_fault(pattern)):
            return faults
    except ModuleNotFoundError:
        unseen_suffixes = True
    return partial_name(pattern.removeprefix("*."))


def partial_name(name: str) -> list[str]:
    """Say that a name is not one in full. Lint takes it; here it is a slip."""
    if "." in name and not name.rpartition(".")[2].isdigit():
        return []
    return [f"{quote(name)} is not a name in full, with its top-level domain, as mx.example.com is."]


def correct_pattern(pattern: str) -> str:
    """Return the pattern that was meant: mx*.example.com can only be had as *.example.com."""
    from mtasts.sts.corrections import mx_pattern

    return mx_pattern(pattern) if pattern_faults(pattern) else pattern


def max_age_faults(text: str, _: Answers) -> list[str]:
    """Say what keeps a text from being a max_age that policy.yaml can hold."""
    from mtasts.sts.lint import value_findings
    from mtasts.sts.policy import value_fault

    if faults := said(value_fault("max_age", text)):
        return faults
    if text != str(int(text)):
        return [f"{quote(text)} begins with 0, which YAML can take for another number. Leave the 0 out."]
    return said(*(finding for _, finding in value_findings(None, int(text), [])))


def correct_max_age(text: str, _: Answers) -> str:
    """Return the seconds that a number with a unit or with thousands separators means, at most a year."""
    from mtasts.sts.corrections import of_policy

    return of_policy("max_age", text) or ""


def report_faults(text: str, _: Answers) -> list[str]:
    """Say what is wrong with the address for reports. policy.yaml writes mailto: if it has no scheme."""
    from mtasts.tlsrpt.rua import RUA_RECORD, rua_fault

    uri = text if re.match("(mailto|https):", text, re.IGNORECASE) else f"mailto:{text}"
    whole = rua_fault(text)
    if faults := said(whole if whole and whole.rule is RUA_RECORD else rua_fault(uri)):
        return faults
    if uri.endswith(":"):
        return ["It ends in a colon, and YAML takes that for a key. Write the whole address."]
    if uri[:7].lower() != "mailto:":
        return []
    if text.count("@") > 1:
        return ["It is more than one address. Answer one, and write the others into policy.yaml."]
    return partial_name(uri.rpartition("@")[2].partition("?")[0])


def correct_report(text: str, good: Answers) -> str:
    """Return the one address that was meant, percent-encoded if it must be, with a scheme if one was answered."""
    from mtasts.tlsrpt.corrections import rua

    better = rua(text) or rua(re.split("[,; ]+", text.strip(",; "))[0])
    plain = better.removeprefix("mailto:")
    return better if "mailto:" in text.lower() or report_faults(plain, good) else plain


def schema_faults(key: str, text: str) -> list[str]:
    """Say what policy.schema.json finds wrong with a value below `hosting`."""
    hosting = json.loads(Path("policy.schema.json").read_bytes())["properties"]["hosting"]
    rule = hosting["properties"][key]
    return [] if re.search(rule["pattern"], text) else [rule["description"]]


def app_name_faults(text: str, _: Answers) -> list[str]:
    """Say what keeps a text from being an app's name in Azure."""
    if faults := schema_faults("name", text):
        return faults
    reserved = re.search("microsoft|windows|^login", text.lower())
    return [f"It holds {quote(reserved[0])}, which Azure reserves. Choose another name."] if reserved else []


def correct_app_name(text: str, _: Answers) -> str:
    """Return a name like the text that Azure takes."""
    from mtasts.config.corrections import app_name

    return app_name(text)


def region_faults(text: str, good: Answers) -> list[str]:
    """Say what keeps a text from being the region of the app."""
    if faults := schema_faults("region", text):
        return faults
    if good["hosting"] == "static-web-app" and text not in SWA_REGIONS:
        return [f"Azure has no Static Web Apps there, but in {', '.join(SWA_REGIONS)}."]
    return []


def correct_region(text: str, _: Answers) -> str:
    """Return the short name of a region that was given by its long one."""
    from mtasts.config.corrections import region

    return region(text)


def choices(question: str) -> tuple[str, ...]:
    """Return what a menu offers."""
    from mtasts.pruning import HOSTINGS, PIPELINES, PROVIDERS
    from mtasts.sts.policy import Mode

    menus = ((*PROVIDER_MX, "other"), tuple(map(str, Mode)), HOSTINGS, PIPELINES, PROVIDERS)
    return dict(zip(MENUS, menus, strict=True))[question]


def menu(question: str) -> tuple[Check, Correct]:
    """Return how to check a choice and correct it: a configuration file or a replay can bring any text."""

    def check(text: str, good: Answers) -> list[str]:
        if text not in choices(question):
            return [f"The choices are {', '.join(choices(question))}."]
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


# In the order in which they depend on each other.
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
    """Return the line that runs again with every answer, corrected, by the tool that ran now."""
    good, template = corrected(answers), str(answers.get("_template") or TEMPLATE)
    if "_commit" in answers:  # cruft's own mark
        update = is_update(answers, Path.cwd())
        words = ["cruft", "update"] if update else ["cruft", "create", template, "--no-input"]
        option = "--variables-to-update" if update else "--extra-context"
        words += [f"{option}-file", saved(answers)[0]] if windows else [option, json.dumps(good)]
    else:
        checkout = ["--checkout", str(answers["_checkout"])] if answers.get("_checkout") else []
        words = ["cookiecutter", template, "--no-input", *checkout, *map("=".join, good.items())]
    if windows:
        return " ".join(map(windows_quote, words))
    import shlex  # here, since a good bake needs it not

    return shlex.join(words)


def saved(answers: Answers) -> tuple[str, str]:
    """Return the file that gives cruft all answers, corrected: its name and content.

    `cruft update` takes it in the form of .cruft.json, and refuses a repository with a file that git does not know.
    """
    good = corrected(answers)
    if is_update(answers, Path.cwd()):
        return "../answers.json", json.dumps({"context": {"cookiecutter": good}})
    return "answers.json", json.dumps(good)


def windows_quote(word: str) -> str:
    """Quote a word of a command line, also for the characters that only the shells of Windows read."""
    import subprocess  # here, since a good bake needs it not

    quoted = subprocess.list2cmdline([word])
    return quoted if re.fullmatch(r"[\w.:/\\@=+-]+|\".*\"", quoted) else f'"{quoted}"'


def message(answers: Answers, windows: bool = os.name == "nt") -> str:
    """Return all that is to be said about the bad answers."""
    # No quotes around JSON are read alike by cmd and by PowerShell.
    name, content = saved(answers)
    save = [f"Save this as {name}:", "", f"  {content}", ""]
    return "\n".join(
        [
            "These answers cannot be used. (The traceback below is cookiecutter's own way to stop.)",
            "",
            *lines(answers),
            "",
            *(save if windows and "_commit" in answers else []),
            "Run again with all answers, corrected:",
            "",
            f"  {command(answers, windows)}",
            "",
        ]
    )


def lines(answers: Answers) -> Iterator[str]:
    """Yield each bad answer, what is wrong with it, and what to answer."""
    good = corrected(answers)
    for question, answer, faults, better in problems(answers):
        yield f"  {question}: {quote(answer)}"
        yield from (f"    {fault}" for fault in faults[:10])
        unsure = f"There is no sure correction. The command has {quote(good[question])}: look at it."
        yield f"    {unsure if better is None else f'Answer {quote(better)}.'}"


def quote(text: str) -> str:
    """Return a text in quotes, escaped and shortened, fit for a message."""
    return repr(text if len(text) <= 80 else text[:80] + "…")


# None of these was there before the bake, or pre_gen would have stopped it.
MADE = (
    *("policy.yaml", "policy.schema.json", "pyproject.toml", "requirements.in", "requirements.txt"),
    *("dns", "function", "infra", "mtasts", "static", "tests", ".github", ".azuredevops"),
)

# What is said at the end

PYTHONS = {True: ("py", r".venv\Scripts\python"), False: ("python3", ".venv/bin/python")}  # on Windows, and elsewhere


def next_steps(folder: str, answers: Mapping[str, str], unseen: bool = False, windows: bool = os.name == "nt") -> str:
    """Return what to do next, in commands that every shell takes. unseen: MTS126 could not be checked."""
    domain, lock = answers["domain"], "function/local.txt" if answers["hosting"] == "function" else "requirements.txt"
    python, own = PYTHONS[windows]
    debian = "" if windows else "\nOn Debian and Ubuntu, the second needs the package python3-venv.\n"
    unchecked = "\nLint is also the first to look for wildcards that cover a public suffix (MTS126), such as *.co.uk.\n"
    return f"""{enforce_warning(answers)}
{domain} is ready. Go to it, make a virtual environment, and check it:

  cd {folder}
  {python} -m venv .venv
  {own} -m pip install -r {lock}
  {own} -m mtasts lint
{debian}{unchecked if unseen else ""}
Compare the mx of policy.yaml with the MX records that the domain has:

  {own} -m mtasts check --only mx
{mailbox(answers)}
Commit it, then open README.md: it leads from here to the first deployment.

  git init -b main
  git add .
  git commit -m "Add the MTA-STS policy of {domain}"
"""


def mailbox(answers: Mapping[str, str]) -> str:
    """Return that the mailbox for reports must exist: senders do not say that they cannot reach it."""
    address = answers.get("tls_report_address", "").removeprefix("mailto:")
    if "@" not in address or address.startswith("https:"):
        return ""
    return f"\nMake the mailbox {address}, if it is not there yet: TLS reports go to it.\n"


def enforce_warning(answers: Mapping[str, str]) -> str:
    """Return what to know before a domain begins in enforce: nobody has tested it, and its MX host may be a guess."""
    if answers.get("mode") != "enforce":
        return ""
    domain, hosts = answers["domain"], answers.get("mx_hosts", "")
    guess = answers.get("mail_provider") == "other" and hosts == f"mx.{domain}"
    invented = f"\n{hosts} is only a guess, since mx_hosts was not answered.\n" if guess else ""
    return f"""
WARNING: {domain} begins in mode enforce, and nobody has tested it. Senders that enforce MTA-STS deliver to these
MX hosts and to no other, and only over TLS with a valid certificate:

  {hosts}
{invented}
Begin with mode: testing in policy.yaml, unless the domain enforces this very policy already.
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
    """Tell whether `cruft update` or `cruft diff` bakes, to compare: in a temporary folder, where nobody goes.

    cruft sets _commit.
    """
    if "_commit" not in answers:
        return False
    import tempfile  # here, since it slows every other bake

    parent = folder.resolve().parent
    return parent.parent == Path(tempfile.gettempdir()).resolve() and parent.name.startswith(tempfile.gettempprefix())


if __name__ == "__main__":
    main()
