"""The questions and the hooks: what is refused, what is offered instead, what is pruned.

Most tests load the hooks from their raw files. The bakes run the real cookiecutter, as people do.
"""

from __future__ import annotations

import ast
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import jinja2
import pytest
from cookiecutter.generate import generate_context  # type: ignore[import-untyped, unused-ignore]
from cookiecutter.main import cookiecutter  # type: ignore[import-untyped, unused-ignore]
from cookiecutter.prompt import prompt_for_config  # type: ignore[import-untyped, unused-ignore]
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.text import Text

from mtasts.config import model
from mtasts.findings import finding as findings
from mtasts.sts import names
from mtasts.tlsrpt import rua

pytestmark = pytest.mark.slow  # bakes a repository for every row

ROOT = Path(__file__).resolve().parents[2]
TOOLKIT = ROOT / "{{cookiecutter.domain}}"
POLICY = jinja2.Template((TOOLKIT / "policy.yaml").read_text(encoding="utf-8"), autoescape=False)
QUESTIONS: dict[str, Any] = json.loads((ROOT / "cookiecutter.json").read_text(encoding="utf-8"))


def load(name: str) -> ModuleType:
    """Import a hook from its raw file, the Jinja in it unrendered."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "hooks" / f"{name}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


pre = load("pre_gen_project")
post = load("post_gen_project")


@pytest.fixture(autouse=True)
def in_the_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    """post_gen runs in the repository that was made: the schema is there."""
    monkeypatch.chdir(TOOLKIT)


def answers(**given: str) -> dict[str, Any]:
    """Return answers as the hook gets them: with the private constants."""
    return {"_regions": QUESTIONS["_regions"], **given}


def only_problem(**given: str) -> Any:
    """Return the problem of the first answer, and make sure that there is no other."""
    (problem,) = post.problems(answers(**given))
    assert problem.question == next(iter(given))
    return problem


# What is refused, and what is offered

LONG_LABEL = "a" * 64 + ".com"
LONG_DOMAIN = "a." * 121 + "com"  # 245 octets

DOMAINS = [
    ("Example.COM", "capital letters", "example.com"),
    ("example.com.", "MTS120 ", "example.com"),
    ("example.com ", "MTS123 ", "example.com"),
    ("exam ple.com", "MTS123 ", None),
    ("exämple.de", "MTS122 ", "xn--exmple-cua.de"),
    ("exa\u0308mple.de", "MTS122 ", "xn--exmple-cua.de"),
    ("Straße.de", "MTS122 ", "xn--strae-oqa.de"),
    ("例え。jp", "MTS122 ", "xn--r8jz45g.jp"),
    ("ｅxample.com", "MTS122 ", "example.com"),
    ("☃.net", "MTS122 ", None),
    ("mta-sts.example.com", "MTS130 ", "example.com"),
    ("_mta-sts.example.com", "MTS130 ", "example.com"),
    ("https://example.com/", "MTS123 ", "example.com"),
    ("https://MTA-STS.example.com:443/.well-known/mta-sts.txt", "MTS123 ", "example.com"),
    ("postmaster@example.com", "MTS123 ", "example.com"),
    ("mailto:postmaster@example.com", "MTS123 ", "example.com"),
    ("example.com:25", "MTS123 ", "example.com"),
    ("../../evil", "MTS123 ", None),
    ("/etc/passwd", "MTS123 ", None),
    ("..\\evil", r"contains '\\'", None),
    ("..", "MTS120 ", None),
    ("", "MTS123 ", None),
    (LONG_LABEL, "MTS123 ", None),
    (LONG_DOMAIN, "MTS124 ", None),
    ("example", "no dot", None),
    ("exa_mple.com", "MTS123 ", None),
    ("-example.com", "MTS123 ", None),
    ("example..com", "MTS123 ", None),
    ("example.123", "'example.123' is not a full name", None),
    ("192.0.2.1", "MTS121 ", None),
    ("2001:db8::1", "MTS121 ", None),
    ("con.example", "cannot name a folder on Windows", None),
    ("lpt9.example", "cannot name a folder on Windows", None),
    ("exam\u200bple.com", r"contains '\u200b'", "example.com"),
    ("\u202eexample.com", r"contains '\u202e'", "example.com"),
    ("example.com\n", r"contains '\n'", "example.com"),
    ('"example.com"', "contains '\"'", "example.com"),
    ("{{ 7 * 7 }}.com", "contains '{', '}'", None),
    ("{% raw %}", "contains '{', '}'", None),
    ("$(id).example.com", "contains '$'", None),
]
MX_HOSTS = [
    ("10 mx.example.com.", "'10' is the preference of an MX record. Give only the host names.", "mx.example.com"),
    ("10 a.example.com, 20 b.example.com", "'20' is the preference of an MX record", "a.example.com, b.example.com"),
    ("mx.example.com.", "MTS120 ", "mx.example.com"),
    ("a.example.com;B.example.com.", "MTS120 ", "a.example.com, b.example.com"),
    ("a.example.com 192.0.2.1", "MTS121 ", "a.example.com"),
    ("[192.0.2.1]", "MTS121 ", None),
    ("mx.exämple.de", "MTS122 ", "mx.xn--exmple-cua.de"),
    ("*.exämple.de", "MTS122 ", "*.xn--exmple-cua.de"),
    ("smtp://mx.example.com:25", "MTS123 ", "mx.example.com"),
    ("mx", "'mx' is not a full name", None),
    ("*", "MTS125 ", None),
    ("mx*.example.com", "MTS125 ", "*.example.com"),
    ("*.*.example.com", "MTS125 ", "*.example.com"),
    ("mx.*.example.com", "MTS125 ", None),
    ("*.com", "MTS126 ", None),
    ("*.com.", "MTS120 ", None),
    ("*example.com", "MTS125 ", "*.example.com"),
    ("", "MTS114 ", None),
    (" ,; ", "MTS114 ", None),
    ("'*.example.com'", 'contains "\'"', "*.example.com"),
    ("a.example.com\nb.example.com", r"contains '\n'", "a.example.com, b.example.com"),
    ("example.com\tmail exchanger = 10 mx.example.com.", r"contains '\t'", "mx.example.com"),
    ("example.com MX preference = 10, mail exchanger = mx.example.com", "'MX' is not a full name", "mx.example.com"),
    ("example.com. 3600 IN MX 10 mx.example.com.", "MTS120 ", "mx.example.com"),
    ("example.com mail is handled by 10 mx.example.com.", "'mail' is not a full name", "mx.example.com"),
    ("a.example.com(10), b.example.com (20)", "MTS123 ", "a.example.com, b.example.com"),
    (", ".join(f"mx{number}.example.com" for number in range(4000)), "MTS115 ", None),
]
MAX_AGES = [
    ("1w", "MTS112 ", "604800"),
    ("7d", "MTS112 ", "604800"),
    ("7 days", "MTS112 ", "604800"),
    ("2 Weeks", "MTS112 ", "1209600"),
    ("168h", "MTS112 ", "604800"),
    ("90 minutes", "MTS112 ", "5400"),
    ("1 month", "MTS112 ", "2592000"),
    ("1y", "MTS112 ", "31536000"),
    ("604800s", "MTS112 ", "604800"),
    ("604,800", "MTS112 ", "604800"),
    ("604.800", "MTS112 ", "604800"),
    ("1 209 600", "MTS112 ", "1209600"),
    ("0604800", "begins with 0", "604800"),
    ("６０４８００", "MTS112 ", "604800"),
    ('"604800"', "contains '\"'", "604800"),
    ("31557601", "MTS112 ", "31557600"),
    ("9" * 99, "MTS112 ", "31557600"),
    ("9" * 5000, "MTS112 ", None),
    ("0", "MTS112 ", "604800"),
    ("-1", "MTS112 ", None),
    ("1e6", "MTS112 ", None),
    ("5m", "MTS112 ", None),  # minutes or months?
    ("2 wks", "MTS112 ", "1209600"),
    ("2 settimane", "MTS112 ", None),  # weeks, and not what begins with the s of seconds
    ("1 decade", "MTS112 ", None),
    ("soon", "MTS112 ", None),
    ("", "MTS112 ", None),
]
ADDRESSES = [
    ("tls,reports@example.com", "MTS143 ", "tls%2Creports@example.com"),
    ("tls!reports;x@example.com", "MTS143 ", "tls%21reports%3Bx@example.com"),
    ("https://example.com/a,b", "MTS143 ", "https://example.com/a%2Cb"),
    ("a@example.com, b@example.com", "MTS143 ", "a@example.com"),
    ("example.com", "MTS144 ", None),
    ("a b@example.com", "MTS144 ", None),
    (" a@example.com", "MTS144 ", "a@example.com"),
    ("<a@example.com>", "MTS144 ", "a@example.com"),
    ("http://example.com/report", "MTS144 ", None),
    ("https://example.com/:", "ends in a colon", None),
    ("v=TLSRPTv1; rua=mailto:a@example.com", "MTS142 ", "mailto:a@example.com"),
    ("v=TLSRPv1;rua=mailto:a@example.com;", "MTS142 ", "mailto:a@example.com"),
    ("rua=mailto:a@example.com", "MTS142 ", "mailto:a@example.com"),
    ("a@exämple.de", "MTS144 ", "a@xn--exmple-cua.de"),
    ("a@example.com.", "MTS144 ", "a@example.com"),
    ("a@localhost", "'localhost' is not a full name", None),
    ("o'brien@example.com", 'contains "\'"', "o%27brien@example.com"),
    ("{{ x }}@example.com", "contains '{', '}'", None),
    ("{{x}}@example.com", "contains '{', '}'", "%7B%7Bx%7D%7D@example.com"),
    ("mailto:mailto:a@example.com", "MTS144 ", "mailto:a@example.com"),
    ("mailto: a@example.com", "MTS144 ", "mailto:a@example.com"),
    ("a\x1b@example.com", r"contains '\x1b'", "a@example.com"),
    ("", "MTS144 ", None),
]
APP_NAMES = [
    ("my app", "2 to 40 letters, digits and hyphens", "my-app"),
    ("my_app.", "2 to 40 letters, digits and hyphens", "my-app"),
    ("-app-", "2 to 40 letters, digits and hyphens", "app"),
    ("Äpp für Mail", "letters, digits and hyphens", "app-fur-mail"),
    ("a" * 41, "2 to 40", "a" * 40),
    ("a", "2 to 40", None),
    ("日本", "letters", None),
    ("my-Windows-app", "which Azure reserves", "my-win-app"),
    ("microsoft", "which Azure reserves", "ms"),
    ("login-app", "which Azure reserves", "mtasts-login-app"),
    ("https://my-app.azurewebsites.net/", "letters, digits and hyphens", "my-app"),
    ("app\n", r"contains '\n'", "app"),
]
REGIONS = [
    ("West Europe", "short name of the app's Azure region, such as westeurope", "westeurope"),
    ("(Europe) West Europe", "The short name of the app's", "westeurope"),
    ("EastUS2", "The short name of the app's", "eastus2"),
    ("west-us-3", "The short name of the app's", "westus3"),
    ("", "The short name of the app's", None),
    ("eu", "The short name of the app's", None),
    ("Sweden Central (swedencentral)", "The short name of the app's", None),  # not swedencentralswedencentral
    ("westeurope;x", "The short name of the app's", None),
    ("éast us", "The short name of the app's", None),
]
CHOICES = [
    (
        "mail_provider",
        "Exchange Online",
        "Choose from exchange-online, google-workspace, other.",
        "exchange-online",
    ),
    ("mode", "Enforce", "Choose from enforce, testing, none.", "enforce"),
    (
        "hosting",
        "static_web_app",
        "Choose from function, static-web-app, front-door, web-server.",
        "static-web-app",
    ),
    ("pipelines", "gitlab", "Choose from github, azure-devops.", None),
    ("dns_provider", "Route53\n", r"contains '\n'", "route53"),
]


def cases() -> Iterator[tuple[str, str, str, str | None]]:
    """Yield question, answer, words of the message, and the answer that is offered."""
    tables = {
        "domain": DOMAINS,
        "mx_hosts": MX_HOSTS,
        "max_age": MAX_AGES,
        "tls_report_address": ADDRESSES,
        "app_name": APP_NAMES,
        "region": REGIONS,
    }
    for question, table in tables.items():
        for answer, words, better in table:
            yield question, answer, words, better
    yield from CHOICES


@pytest.mark.parametrize(("question", "answer", "words", "better"), list(cases()))
def test_refused(question: str, answer: str, words: str, better: str | None) -> None:
    """Each bad answer is named with what is wrong, and with what was meant, where that can be known."""
    problem = only_problem(**{question: answer})
    assert words in "\n".join(problem.faults)
    assert problem.better == better


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("domain", "example.com"),
        ("domain", "xn--exmple-cua.de"),
        ("domain", "a." * 120 + "com"),  # 243 octets
        ("domain", "a" * 63 + ".com"),
        ("domain", "console.example"),
        ("domain", "3.example"),
        ("mx_hosts", "MX1.Example.com, *.example.org;a.example.net b.example.net,"),
        ("max_age", "1"),
        ("max_age", "31557600"),
        ("tls_report_address", "mailto:tls@example.com"),
        ("tls_report_address", "MAILTO:tls@Example.com"),
        ("tls_report_address", "https://example.com/tls?x=1&y=2"),
        ("tls_report_address", "tls+reports%2C@example.com"),
        ("app_name", "My-App-1"),
        ("app_name", "a" * 40),
        ("region", "westus3"),
        ("region", "austriaeast"),
    ],
)
def test_accepted(question: str, answer: str) -> None:
    """Good answers pass, and are handed on letter by letter."""
    assert post.problems(answers(**{question: answer})) == []
    assert post.corrected(answers(**{question: answer}))[question] == answer


def test_no_mx_host_with_mode_none() -> None:
    """A policy that ends needs no MX host."""
    assert post.problems(answers(mx_hosts="", mode="none")) == []


def test_static_web_app_regions() -> None:
    """A Static Web App is refused where there is none, and the nearest region to the domain is taken."""
    given = answers(domain="example.de", hosting="static-web-app", region="germanywestcentral")
    (problem,) = post.problems(given)
    assert problem.faults == [
        "Azure offers no Static Web Apps there. Choose from westus2, centralus, eastus2, westeurope, eastasia."
    ]
    assert post.corrected(given)["region"] == "westeurope"


def test_static_web_app_with_internationalised_domain() -> None:
    """Azure takes no A-label there, and lint would refuse it too (MTS154): it is said before, not after."""
    given = answers(domain="xn--exmple-cua.de", hosting="static-web-app")
    (problem,) = post.problems(given)
    assert problem.faults[0].startswith("MTS154 ")
    assert post.corrected(given)["hosting"] == "function"


def test_defaults_follow_the_domain() -> None:
    """What cookiecutter made from a bad domain is no mistake of the user's: it changes with the domain."""
    given = answers(
        domain="https://Example.DE/",
        mail_provider="other",
        mx_hosts="mx.https://Example.DE/",
        tls_report_address="tls-reports@https://Example.DE/",
        app_name="mtasts-https://example-de/",
        region="eastus",
    )
    assert [problem.question for problem in post.problems(given)] == ["domain"]
    assert post.corrected(given) == {
        "domain": "example.de",
        "mail_provider": "other",
        "mode": "testing",
        "hosting": "function",
        "pipelines": "github",
        "dns_provider": "azure-dns",
        "mx_hosts": "mx.example.de",
        "max_age": "604800",
        "tls_report_address": "tls-reports@example.de",
        "app_name": "mtasts-example-de",
        "region": "germanywestcentral",
    }


def test_all_problems_in_one_message() -> None:
    """One message has every bad answer, escaped, with its correction if there is one. The command ends it."""
    text = post.message(answers(domain="Example.com.", max_age="soon\x1b[31m", _template="gh:org/template"))
    lines = [line.strip() for line in text.splitlines()]
    assert lines[2:6] == [
        "domain: 'Example.com.'",
        "MTS120 domain 'Example.com.' ends in a dot. Remove the dot.",
        "Did you mean 'example.com'?",
        r"max_age: 'soon\x1b[31m'",
    ]
    assert lines[6] == r"It contains '\x1b', which answers cannot contain."
    assert "The command below has '604800' instead. Replace it with your own answer." in text
    last = text.rstrip().splitlines()[-1]
    assert last.startswith("  cookiecutter gh:org/template --no-input domain=example.com ")


def test_long_answers_are_shortened() -> None:
    """An answer of a megabyte does not bury the message."""
    assert len(post.message(answers(app_name="x!" * 500_000))) < 2000


# The command

ODD = {
    "mail_provider": "other",
    "mx_hosts": "*.example.com, mx.example.com",
    "tls_report_address": "a&b@example.com",
}
MENUS = "mail_provider=other mode=testing hosting=function pipelines=github dns_provider=azure-dns"


def test_command_for_posix() -> None:
    """Wildcards, blanks and ampersands are quoted for a POSIX shell."""
    given = answers(**ODD, _template="my templates/it", _checkout="v1")
    assert post.command(given, windows=False) == (
        f"cookiecutter 'my templates/it' --no-input --checkout v1 domain=example.com {MENUS} "
        "'mx_hosts=*.example.com, mx.example.com' max_age=604800 'tls_report_address=a&b@example.com' "
        "app_name=mtasts-example-com region=eastus"
    )


def test_command_for_windows() -> None:
    """The same for cmd and PowerShell, which know double quotes only."""
    given = answers(**ODD, _template="C:\\my templates\\it")
    assert post.command(given, windows=True) == (
        f'cookiecutter "C:\\my templates\\it" --no-input domain=example.com {MENUS} '
        '"mx_hosts=*.example.com, mx.example.com" max_age=604800 "tls_report_address=a&b@example.com" '
        "app_name=mtasts-example-com region=eastus"
    )


def test_command_without_a_template() -> None:
    """Where the tool does not say which template runs, the command names the public one."""
    assert post.command(answers()).startswith("cookiecutter gh:org/mtasts-template --no-input ")


def test_command_for_cruft() -> None:
    """Who came with cruft goes on with cruft, or could never update."""
    line = post.command(answers(_template="it", _commit="0123"), windows=False)
    assert line.startswith("""cruft create it --no-input --extra-context '{"domain": "example.com", """)


# Any answer at all

TRICKY = st.text(alphabet="aZ09.-_*@:/\\,;! \t\n'\"{}%#$=&é。\u200b\ud800", max_size=30)
PIECES = ["mx", "example.com", "10", "*", ".", " ", "mta-sts.", "https://", "@", "xn--", "rua=", "7", "d"]
FRAGMENTS = st.lists(st.sampled_from(PIECES), max_size=8).map("".join)
ANSWER = st.text(max_size=30) | TRICKY | FRAGMENTS
NAMES = [name for name in QUESTIONS if not name.startswith("_")]
ANYTHING = st.fixed_dictionaries({}, optional=dict.fromkeys(NAMES, ANSWER))
QUICK = settings(max_examples=300, deadline=None, database=None)


@QUICK
@given(ANYTHING)
def test_any_answer(given_answers: dict[str, str]) -> None:
    """No answer makes the hook fail, and what it offers is good: the command that it prints always works."""
    assert isinstance(post.problems(answers(**given_answers)), list)
    good = post.corrected(answers(**given_answers))
    assert list(good) == list(post.QUESTIONS)
    assert post.problems(answers(**good)) == []
    assert post.corrected(answers(**good)) == good


@QUICK
@given(ANYTHING)
def test_message_shows_nothing_hidden(given_answers: dict[str, str]) -> None:
    """Whatever was answered, the terminal gets lines of characters that show."""
    lines = post.message(answers(**given_answers)).split("\n")
    assert [line for line in lines if not line.isprintable()] == []


@QUICK
@given(ANYTHING)
def test_what_passes_lints(tmp_path_factory: pytest.TempPathFactory, given_answers: dict[str, str]) -> None:
    """Corrected answers make a policy.yaml in which lint, by the toolkit's own rules, finds no error."""
    policy = tmp_path_factory.getbasetemp() / "policy.yaml"
    policy.write_text(POLICY.render(cookiecutter=post.corrected(answers(**given_answers))), encoding="utf-8")
    assert [finding for finding in model.load(policy)[1] if findings.has_errors([finding])] == []


@pytest.mark.parametrize(
    ("judge", "question", "text"),
    [
        (names.name_fault, "domain", "example.com."),
        (names.name_fault, "domain", "192.0.2.1"),
        (names.name_fault, "domain", "exämple.de"),
        (names.name_fault, "domain", "a." * 127 + "com"),
        (names.name_fault, "domain", LONG_LABEL),
        (names.name_fault, "domain", "exa_mple.com"),
        (names.pattern_fault, "mx_hosts", "mx*.example.com"),
        (names.pattern_fault, "mx_hosts", "*.example.com."),
        (names.public_suffix_fault, "mx_hosts", "*.com"),
        (rua.rua_fault, "tls_report_address", "mailto:a,b@example.com"),
        (rua.rua_fault, "tls_report_address", "rua=mailto:a@example.com"),
        (rua.rua_fault, "tls_report_address", "mailto:a b@example.com"),
    ],
)
def test_same_rules_as_lint(judge: Callable[..., findings.Finding], question: str, text: str) -> None:
    """Hook and lint call a mistake by the same rule."""
    finding = judge(text, "domain", names.DOMAIN_OCTETS) if judge is names.name_fault else judge(text)
    assert only_problem(**{question: text}).faults == [f"{finding.rule.id} {finding.message}"]


# The questions


def rendered(**given: str) -> dict[str, Any]:
    """Return the answers that cookiecutter itself makes from cookiecutter.json and what is given."""
    context = generate_context(str(ROOT / "cookiecutter.json"), extra_context=given)
    return dict(prompt_for_config(context, no_input=True))


def test_order_of_the_questions() -> None:
    """The domain comes first, and no question is lost or renamed: scripts and cruft rely on them."""
    assert NAMES == [
        "domain",
        "mail_provider",
        "mx_hosts",
        "mode",
        "max_age",
        "tls_report_address",
        "hosting",
        "pipelines",
        "dns_provider",
        "app_name",
        "region",
    ]


def test_hook_knows_the_choices() -> None:
    """The hook accepts exactly what the menus offer."""
    menus = {name: sorted(QUESTIONS[name]) for name in NAMES if isinstance(QUESTIONS[name], list)}
    assert menus == {name: sorted(post.choices(name)) for name in post.MENUS}


def test_every_question_and_choice_is_put_in_words() -> None:
    """Each question has a prompt and each choice a label, and Rich shows them as they are written."""
    prompts = QUESTIONS["__prompts__"]
    assert list(prompts) == NAMES
    for name, prompt in prompts.items():
        labels = prompt if isinstance(prompt, dict) else {"__prompt__": prompt}
        choices = QUESTIONS[name] if isinstance(prompt, dict) else []
        assert list(labels) == ["__prompt__", *choices]
        assert [str(Text.from_markup(label)) for label in labels.values()] == list(labels.values())


@pytest.mark.parametrize(
    ("domain", "hosting", "region"),
    [
        ("example.com", "function", "eastus"),
        ("example.com", "static-web-app", "eastus2"),
        ("example.de", "function", "germanywestcentral"),
        ("example.de", "front-door", "germanywestcentral"),
        ("example.de", "static-web-app", "westeurope"),
        ("mail.example.co.uk", "function", "uksouth"),
        ("example.jp", "static-web-app", "eastasia"),
    ],
)
def test_region_is_near_the_domain(domain: str, hosting: str, region: str) -> None:
    """The region comes from the top-level domain; a Static Web App goes to the nearest that has them."""
    assert rendered(domain=domain, hosting=hosting)["region"] == region


def test_static_web_apps_stay_in_their_five_regions() -> None:
    """No top-level domain leads to a region that has no Static Web Apps."""
    nearest = {pair[1] for pair in QUESTIONS["_regions"].values()}
    assert nearest <= {"westus2", "centralus", "eastus2", "westeurope", "eastasia"}


@pytest.mark.parametrize(
    ("domain", "name"),
    [
        ("example.com", "mtasts-example-com"),
        ("Example.Com", "mtasts-example-com"),
        ("a" * 63 + ".com", "mtasts-" + "a" * 33),
        ("a" * 32 + ".com", "mtasts-" + "a" * 32),  # the cut would leave a hyphen at the end
        ("xn--exmple-cua.de", "mtasts-xn--exmple-cua-de"),
        ("windows.microsoft.example", "mtasts-win-ms-example"),
    ],
)
def test_app_name_is_one_that_azure_takes(domain: str, name: str) -> None:
    """At most 40 letters, digits and hyphens, no hyphen at either end, no reserved word, for any domain."""
    assert rendered(domain=domain)["app_name"] == name


@pytest.mark.parametrize(
    ("provider", "hosts"),
    [
        ("exchange-online", "*.mail.protection.outlook.com"),
        ("google-workspace", "smtp.google.com, aspmx.l.google.com, *.aspmx.l.google.com"),
        ("other", "mx.example.net"),
    ],
)
def test_mx_hosts_come_from_the_provider(provider: str, hosts: str) -> None:
    """The provider's own MX hosts are the default."""
    assert rendered(domain="example.net", mail_provider=provider)["mx_hosts"] == hosts


@pytest.mark.parametrize("domain", ["example.com", "Example.DE.", "https://example.co.uk/", "a" * 80, ""])
@pytest.mark.parametrize("provider", ["exchange-online", "other"])
@pytest.mark.parametrize("hosting", ["function", "static-web-app"])
def test_hook_makes_the_same_defaults(domain: str, provider: str, hosting: str) -> None:
    """The hook's defaults are those of cookiecutter.json, or it would take them for the user's answers."""
    made = rendered(domain=domain, mail_provider=provider, hosting=hosting)
    given = {"domain": domain, "mail_provider": provider, "hosting": hosting}
    for question in ("mx_hosts", "mode", "max_age", "tls_report_address", "app_name", "region"):
        assert post.defaults(given, QUESTIONS["_regions"])[question] == made[question]


@QUICK
@given(ANSWER | st.text(alphabet="comnlptaux19.", max_size=6))
def test_only_plain_names_become_folders(domain: str) -> None:
    """Cookiecutter makes the folder before the hook runs: what could do harm is replaced, then refused."""
    seen = {"domain": domain}
    jinja2.Environment(autoescape=False).from_string(QUESTIONS["__domain"]).render(cookiecutter=seen)
    if seen["domain"] == domain:
        assert re.fullmatch("[A-Za-z0-9-][A-Za-z0-9.-]{0,243}", domain)
    else:
        assert seen["domain"] == "refused"
        assert post.problems(answers(domain="refused", __domain=domain))[0].answer == domain


# Real bakes


class Bake(NamedTuple):
    """A run of cookiecutter in an empty folder of its own."""

    status: int
    output: str
    message: str
    folder: Path

    def left(self) -> list[str]:
        """Return what stands in and beside the folder that the run was started in."""
        return sorted(path.name for path in (*self.folder.parent.iterdir(), *self.folder.iterdir()))


class Template:
    """A clean copy of the template, and how to run it."""

    def __init__(self, tmp: Path) -> None:
        self.root, self.config = tmp / "template", tmp / "config.yaml"
        caches = shutil.ignore_patterns("__pycache__", ".*_cache")
        for name in ("hooks", TOOLKIT.name):
            shutil.copytree(ROOT / name, self.root / name, ignore=caches)
        shutil.copy(ROOT / "cookiecutter.json", self.root)
        self.config.write_text(
            json.dumps({"cookiecutters_dir": str(tmp / "cookiecutters"), "replay_dir": str(tmp / "replay")})
        )

    def run(self, folder: Path, command: list[str] | str, typed: str = "", **environment: str) -> Bake:
        """Run a command line where cookiecutter is on the path. A text goes through the shell."""
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        done = subprocess.run(
            command,
            shell=isinstance(command, str),
            cwd=folder,
            env={**os.environ, "PATH": path, "COOKIECUTTER_CONFIG": str(self.config), **environment},
            input=typed,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=60,
            check=False,
        )
        return Bake(done.returncode, done.stdout, done.stderr, folder)

    def commit(self) -> None:
        """Make it a repository: cruft takes no other."""
        commit = ["-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "--quiet", "--allow-empty"]
        for words in (["init", "--quiet"], ["add", "."], [*commit, "--message", "x"]):
            subprocess.run(["git", *words], cwd=self.root, check=True)

    def bake(self, folder: Path, *words: str, **given: str) -> Bake:
        """Bake into a folder without questions."""
        pairs = map("=".join, given.items())
        return self.run(folder, ["cookiecutter", str(self.root), "--no-input", *words, *pairs])


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Template:
    """The template, free of what tests and editors leave in it."""
    return Template(tmp_path_factory.mktemp("template"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder, two levels deep, so that what escapes from it is seen."""
    path = tmp_path / "outer" / "inner"
    path.mkdir(parents=True)
    return path


@pytest.mark.slow
@pytest.mark.parametrize(
    ("hostile", "words", "made"),
    [
        ({"domain": "Example.com."}, "MTS120", "example.com"),
        ({"domain": " example.com"}, "MTS123", "example.com"),
        ({"domain": "bücher.example"}, "MTS122", "xn--bcher-kva.example"),
        ({"domain": "https://example.com/a/b"}, "MTS123", "example.com"),
        ({"domain": "../evil"}, "MTS123", "example.com"),
        ({"domain": ""}, "MTS123", "example.com"),
        ({"domain": "x" * 300}, "MTS124", "example.com"),
        ({"domain": "nul.example"}, "Windows", "example.com"),
        ({"domain": "{{ '{{ 7 * 7 }}' }}"}, "It contains '{', '}'", "example.com"),
        ({"domain": '""");open("owned","w")#\\'}, "contains", "example.com"),
        ({"mx_hosts": "a.example.com\n  - '*.com'"}, r"contains '\n'", "example.com"),
        ({"tls_report_address": "a@example.com\\"}, r"contains '\\'", "example.com"),
        ({"tls_report_address": "$(touch owned)@example.com"}, "contains '$'", "example.com"),
        ({"app_name": "app\x1b[2J", "region": "West Europe", "max_age": "1w"}, r"\x1b", "example.com"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
def test_hostile(template: Template, folder: Path, hostile: dict[str, str], words: str, made: str) -> None:
    """Cookiecutter fails with one message and leaves nothing. The command in the message then succeeds."""
    refused = template.bake(folder, **hostile)
    assert refused.status == 1
    assert refused.message.startswith("Some answers cannot be used, so cookiecutter stopped.")
    assert words in refused.message
    assert "Traceback" not in refused.message
    assert refused.left() == ["inner"]
    again = template.run(folder, refused.message.rstrip().splitlines()[-1])
    assert (again.status, again.message) == (0, "")
    assert again.left() == sorted(["inner", made])


def test_absolute_path(template: Template, folder: Path) -> None:
    """A path from the root is no way out of the folder."""
    refused = template.bake(folder, domain=str(folder.parent / "evil"))
    assert refused.status == 1
    assert refused.left() == ["inner"]


def test_choice_from_the_command_line(template: Template, folder: Path) -> None:
    """Cookiecutter itself refuses what is not on a menu."""
    refused = template.bake(folder, mode="Enforce")
    assert refused.status == 1
    assert "the choices are ['testing', 'enforce', 'none']" in refused.message
    assert refused.left() == ["inner"]


def test_choice_from_a_replay(template: Template, folder: Path, tmp_path: Path) -> None:
    """A replay goes past the menus, so the hook looks at choices too."""
    replay = tmp_path / "replay.json"
    replay.write_text(json.dumps({"cookiecutter": {**rendered(), "mode": "Enforce"}}))
    refused = template.run(folder, ["cookiecutter", str(template.root), "--replay-file", str(replay)])
    assert refused.status == 1
    assert "mode: 'Enforce'\n    Choose from enforce, testing, none." in refused.message
    assert refused.left() == ["inner"]


def test_without_hooks_nothing_escapes(template: Template, folder: Path) -> None:
    """Without hooks the folder still is where it was asked for. Lint then finds the bad domain."""
    made = cookiecutter(
        str(template.root),
        no_input=True,
        extra_context={"domain": "../../evil"},
        output_dir=str(folder),
        config_file=str(template.config),
        accept_hooks=False,
    )
    assert Path(made) == folder / "refused"
    assert "  refused:" in (folder / "refused" / "policy.yaml").read_text()


def test_answering_with_return(template: Template, folder: Path) -> None:
    """All questions can be answered with the return key, and the next steps are said once."""
    baked = template.run(folder, ["cookiecutter", str(template.root)], typed="\n" * 11)
    assert (baked.status, baked.message) == (0, "")
    assert "The mail domain" in baked.output
    assert baked.output.count("example.com is ready") == 1
    assert (folder / "example.com" / "policy.yaml").is_file()


def tree(root: Path) -> set[str]:
    """Return the files under a folder."""
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    "name", ["policy.yaml", "infra/main.tf", "static/logo.png", ".github/CODEOWNERS", "pyproject.toml"]
)
def test_a_folder_that_is_in_use_is_left_as_it_is(template: Template, folder: Path, name: str) -> None:
    """With -f, cookiecutter writes over a folder and our hook prunes it: a living repository would lose its policy.

    The first row is the issue's own; the others are what another project keeps at the names that are pruned.
    """
    own = folder / "example.com" / name
    own.parent.mkdir(parents=True)
    own.write_text("mine\n")
    refused = template.bake(folder, "--overwrite-if-exists", hosting="web-server", dns_provider="manual")
    assert refused.status == 1
    assert f"The folder 'example.com' already has {name.split('/')[0]}." in refused.message
    assert "cruft update" in refused.message
    assert (tree(folder), own.read_text()) == ({f"example.com/{name}"}, "mine\n")


def test_a_folder_with_other_things_can_be_baked_into(template: Template, folder: Path) -> None:
    """A fresh clone has its .git and perhaps a licence: they stay, also if the answers are refused."""
    own = folder / "example.com" / "LICENSE"
    own.parent.mkdir()
    own.write_text("mine\n")
    refused = template.bake(folder, "--overwrite-if-exists", max_age="soon")
    assert (refused.status, own.read_text()) == (1, "mine\n")
    assert tree(own.parent) <= {"LICENSE", "README.md", ".gitignore", ".gitattributes"}
    made = template.bake(folder, "--overwrite-if-exists")
    assert (made.status, own.read_text()) == (0, "mine\n")
    assert (own.parent / "policy.yaml").is_file()


def test_what_is_kept_safe_is_what_the_bake_would_damage() -> None:
    """All that the template has, in both hooks, but for what a new repository on GitHub begins with."""
    names = {path.name for path in TOOLKIT.iterdir() if "cache" not in path.name}
    assert set(pre.TAKEN) == set(post.MADE) == names - {"README.md", ".gitignore", ".gitattributes"}
    assert set(pre.BEGUN) == names - set(pre.TAKEN)


@pytest.mark.parametrize("name", ["README.md", ".gitignore", ".gitattributes"])
@pytest.mark.parametrize("kind", ["link", "folder"])
def test_a_bake_writes_through_no_link_and_into_no_folder(
    template: Template, folder: Path, name: str, kind: str
) -> None:
    """With -f, cookiecutter follows a link and writes over the file elsewhere; a folder stops it half-way."""
    (folder / "example.com").mkdir()
    (folder / "own").write_text("mine\n")
    if kind == "link":
        (folder / "example.com" / name).symlink_to(folder / "own")
    else:
        (folder / "example.com" / name).mkdir()
    refused = template.bake(folder, "--overwrite-if-exists")
    assert refused.status == 1
    assert f"The folder 'example.com' already has {name}." in refused.message
    assert (folder / "own").read_text() == "mine\n"
    assert [path.name for path in (folder / "example.com").iterdir()] == [name]


def test_bakes_leave_no_bytecode(template: Template, folder: Path) -> None:
    """The hook imports the toolkit from the new repository."""
    made = template.run(folder, ["cookiecutter", str(template.root), "--no-input"], PYTHONDONTWRITEBYTECODE="")
    assert made.status == 0
    assert [path for path in tree(folder) if "__pycache__" in path or path.endswith(".pyc")] == []


@pytest.mark.parametrize(
    ("version", "said"),
    [
        ((3, 9, 21), "needs Python 3.10 or newer, but cookiecutter runs on Python 3.9"),
        ((3, 10, 0), ""),
        ((4, 0, 1), ""),
    ],
)
def test_an_old_python_says_what_it_lacks(version: tuple[int, ...], said: str) -> None:
    """With Python 3.9 there was a traceback out of the toolkit."""
    assert said in pre.version_fault(version)
    assert bool(pre.version_fault(version)) == bool(said)


def test_the_first_hook_parses_with_any_python_3() -> None:
    """Or a Python that is too old would end in a SyntaxError, before it can say so."""
    ast.parse((ROOT / "hooks" / "pre_gen_project.py").read_text(encoding="utf-8"), feature_version=(3, 4))


def test_without_the_public_suffix_list_one_rule_waits_for_lint(
    template: Template, folder: Path, tmp_path: Path
) -> None:
    """cookiecutter's own Python, as pipx makes it, has no such list. The bake says what it did not look at."""
    blocked = tmp_path / "blocked" / "publicsuffixlist"
    blocked.mkdir(parents=True)
    (blocked / "__init__.py").write_text("raise ModuleNotFoundError(name='publicsuffixlist')\n")
    command = ["cookiecutter", str(template.root), "--no-input", "mx_hosts=*.co.uk"]
    made = template.run(folder, command, PYTHONPATH=str(blocked.parent))
    assert (made.status, made.message) == (0, "")
    assert "wildcards that cover a public suffix (MTS126)" in made.output
    assert "MTS126" not in template.bake(folder, "--output-dir", str(tmp_path / "with")).output


def test_update_with_cruft(template: Template, folder: Path) -> None:
    """Cruft bakes again to compare: the same files come out, and the hooks keep quiet."""
    template.commit()
    made = template.run(folder, ["cruft", "create", str(template.root), "--no-input"])
    assert (made.status, made.message) == (0, "")
    compared = template.run(folder / "example.com", ["cruft", "diff", "--exit-code"])
    assert (compared.status, compared.output, compared.message) == (0, "", "")


@pytest.fixture
def repository(template: Template, folder: Path) -> Path:
    """A repository for example.de that was made with cruft, and committed."""
    template.commit()
    answer = '{"domain": "example.de", "region": "germanywestcentral"}'
    made = template.run(folder, ["cruft", "create", str(template.root), "--no-input", "--extra-context", answer])
    assert (made.status, made.message) == (0, "")
    author = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
    for words in (["init", "--quiet"], ["add", "."], [*author, "commit", "--quiet", "--message", "x"]):
        subprocess.run(["git", *words], cwd=folder / "example.de", check=True)
    return folder / "example.de"


@pytest.mark.slow
def test_a_change_of_hosting_that_is_refused_names_the_command_that_works(template: Template, repository: Path) -> None:
    """Most regions have no Static Web Apps, and the advice was `cruft create`: it goes nowhere."""
    change = ["cruft", "update", "--skip-apply-ask", "--variables-to-update", '{"hosting": "static-web-app"}']
    refused = template.run(repository, change)
    assert refused.status == 1
    assert "region: 'germanywestcentral'\n    Azure offers no Static Web Apps there" in refused.message
    (line,) = re.findall(r"^  (cruft update .*)$", refused.message, re.MULTILINE)
    assert '"hosting": "static-web-app"' in line
    assert '"region": "westeurope"' in line
    done = template.run(repository, f"{line} --skip-apply-ask")
    assert done.status == 0, done.message
    assert (repository / "static" / "staticwebapp.config.json").is_file()
    assert not (repository / "function").exists()


@pytest.mark.slow
def test_on_windows_a_file_has_the_answers_for_an_update(
    template: Template, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same without quotes around JSON. The file is not in the repository, which must be clean for cruft."""
    given = answers(domain="example.de", region="germanywestcentral", hosting="static-web-app", _commit="0123")
    with tempfile.TemporaryDirectory() as compared:
        (baked := Path(compared, "example.de")).mkdir()
        shutil.copy(TOOLKIT / "policy.schema.json", baked)
        monkeypatch.chdir(baked)  # as cruft bakes there to compare
        name, content = post.saved(given)
        line = post.command(given, windows=True)
        monkeypatch.chdir(TOOLKIT)
    (repository / name).write_text(content, encoding="utf-8")
    assert line == "cruft update --variables-to-update-file ../answers.json"
    done = template.run(repository, f"{line} --skip-apply-ask")
    assert done.status == 0, done.message
    assert (repository / "static" / "staticwebapp.config.json").is_file()


def test_command_for_cruft_on_windows(template: Template, folder: Path) -> None:
    """Cmd and PowerShell read no quotes around JSON alike, and cmd would run what follows an `&` in it."""
    text = post.message(answers(**ODD, max_age="1w", _template=str(template.root), _commit="0123"), windows=True)
    given, line = [line.strip() for line in text.splitlines() if line.startswith("  {") or "cruft create" in line]
    assert line.endswith(" --no-input --extra-context-file answers.json")
    assert "Save this as answers.json:" in text
    (folder / "answers.json").write_text(given, encoding="utf-8")
    template.commit()
    made = template.run(folder, line)
    assert (made.status, made.message) == (0, "")
    assert "- mailto:a&b@example.com\n" in (folder / "example.com" / "policy.yaml").read_text(encoding="utf-8")


PYTHONS = [(False, "python3", ".venv/bin/python"), (True, "py", r".venv\Scripts\python")]


@pytest.mark.parametrize(("windows", "python", "own"), PYTHONS)
@pytest.mark.parametrize(("hosting", "lock"), [("function", "function/local.txt"), ("front-door", "requirements.txt")])
def test_next_steps(hosting: str, lock: str, windows: bool, python: str, own: str) -> None:
    """I9: in the order in which they work on a bare Debian and on Windows, alone on their lines, for any shell."""
    text = post.next_steps("example.com", {"domain": "example.com", "hosting": hosting}, windows=windows)
    commands = [line.strip() for line in text.splitlines() if line.startswith("  ")]
    assert commands == [
        "cd example.com",
        f"{python} -m venv .venv",
        f"{own} -m pip install -r {lock}",
        f"{own} -m mtasts lint",
        f"{own} -m mtasts check --only mx",
        "git init -b main",
        "git add .",
        'git commit -m "Add the MTA-STS policy of example.com"',
    ]
    assert "open README.md" in text and "WARNING" not in text
    assert ("python3-venv" in text) == (not windows)


@pytest.mark.parametrize(
    ("address", "said"),
    [
        # D5: no step said that the default must exist.
        ("tls-reports@example.com", "Make sure that the mailbox tls-reports@example.com exists"),
        ("mailto:a@example.org", "Make sure that the mailbox a@example.org exists"),
        ("https://example.com/a@b", ""),
    ],
)
def test_the_mailbox_for_reports_must_exist(address: str, said: str) -> None:
    """Nobody is told of reports that bounce."""
    given = {"domain": "example.com", "hosting": "function", "tls_report_address": address}
    text = post.next_steps("example.com", given)
    assert said in text and ("mailbox" in text) == bool(said)


@pytest.mark.parametrize(
    ("given", "warned", "guessed"),
    [
        # I2: an invented MX host was enforced without a word.
        ({"mode": "enforce", "mail_provider": "other", "mx_hosts": "mx.example.com"}, True, True),
        ({"mode": "enforce", "mail_provider": "other", "mx_hosts": "mail.example.net"}, True, False),
        (
            {"mode": "enforce", "mail_provider": "exchange-online", "mx_hosts": "*.mail.protection.outlook.com"},
            True,
            False,
        ),
        ({"mode": "testing", "mail_provider": "other", "mx_hosts": "mx.example.com"}, False, False),
        ({"mode": "none", "mail_provider": "other", "mx_hosts": "mx.example.com"}, False, False),
    ],
)
def test_a_domain_that_begins_in_enforce_is_warned_of(given: dict[str, str], warned: bool, guessed: bool) -> None:
    """Before anything else is said, with the hosts that senders would deliver to."""
    text = post.next_steps("example.com", {"domain": "example.com", "hosting": "function", **given})
    assert text.lstrip().startswith("WARNING: example.com starts in mode enforce") == warned
    assert (f"\n  {given['mx_hosts']}\n" in text) == warned
    assert ("mx.example.com is only a guess" in text) == guessed
