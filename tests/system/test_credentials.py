"""Secrets in the environment: refused before use if something was pasted with them, and never printed in any form."""

from __future__ import annotations

import base64
import html
import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_httpserver import HTTPServer

from conftest import TEMPLATE, verb
from mtasts.dns.publish import fault
from mtasts.findings.forms import markdown, plain
from mtasts.system.credentials import MASK, Mask, mask

TOKEN = "v1.0-3f'2/a+b=\"c&d<e>#[f]_$g%h~zßΩ|0123456789"
FORMS = {
    "as it is": TOKEN,
    "repr of it": repr(TOKEN),
    "repr of its bytes (http.client: Invalid header value b'…')": repr(TOKEN.encode()),
    "repr of a dict that has it": repr({"Authorization": f"Bearer {TOKEN}"}),
    "ASCII": ascii(TOKEN),
    "in a URL's path": quote(TOKEN),
    "in a URL": quote(TOKEN, safe=""),
    "in a URL, small letters": re.sub("%..", lambda found: found[0].lower(), quote(TOKEN, safe="")),
    "in a form": quote_plus(TOKEN),
    "in JSON": json.dumps({"token": TOKEN}),
    "in JSON, not ASCII": json.dumps({"token": TOKEN}, ensure_ascii=False),
    "in HTML": html.escape(TOKEN),
    "Base64": base64.b64encode(TOKEN.encode()).decode(),
    "Base64 for URLs": base64.urlsafe_b64encode(TOKEN.encode()).decode(),
    **{
        f"Basic authentication of {user}": base64.b64encode(f"{user}:{TOKEN}".encode()).decode()
        for user in ("", "u", "us", "user", "x-access-token")
    },
    "Base64 of more": base64.b64encode(f'{{"a":"{TOKEN}","b":1}}'.encode()).decode(),
    "Base64 in a URL": quote(base64.b64encode(TOKEN.encode()).decode(), safe=""),
    "hexadecimal": TOKEN.encode().hex(),
    "hexadecimal, large": TOKEN.encode().hex().upper(),
    "in a table of Markdown": markdown(TOKEN),
    "made harmless": plain(TOKEN),
    "cut off": TOKEN[:30] + "…",
}
LEAST = 12  # characters of a secret in a row that nobody may see in any form


def leaks(text: str, secret: str) -> list[str]:
    """Return what is left of a secret in a text, in any of the forms."""
    octets = secret.encode()
    codes = [base64.b64encode(bytes(before) + octets).decode()[4:-4] for before in range(3)]
    whole = [secret, octets.hex(), octets.hex().upper(), *codes, quote(secret, safe=""), json.dumps(secret)[1:-1]]
    parts = {form[start : start + LEAST] for form in whole for start in range(len(form) - LEAST + 1)}
    return [part for part in parts if part in text]


@pytest.mark.parametrize("form", list(FORMS))
def test_each_form_is_masked(form: str) -> None:
    """http.client printed a token with a line end, as a repr. Other libraries print it in other forms."""
    said = f"before {FORMS[form]} after"
    done = mask({"CLOUDFLARE_TOKEN": TOKEN})(said)
    assert MASK in done
    assert leaks(done, TOKEN) == []
    assert done.startswith("before ") and done.endswith(" after")


@pytest.mark.parametrize("around", ["{}\n", "\n{}", " {} ", "{}\r\n", "first line\n{}", "\ufeff{}"])
def test_what_was_pasted_with_it_does_not_hide_it(around: str) -> None:
    """It is also masked as libraries strip it, in one line, and line by line."""
    hide = mask({"CLOUDFLARE_TOKEN": around.format(TOKEN)})
    lines = around.format(TOKEN).splitlines()
    for said in (around.format(TOKEN), around.format(TOKEN).strip(), " ".join(around.format(TOKEN).split()), *lines):
        assert leaks(hide(said), TOKEN) == []
        assert leaks(hide(repr(said)), TOKEN) == []


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=12, max_size=60), st.text(max_size=20))
def test_no_form_of_any_secret_is_left(secret: str, around: str) -> None:
    """Whatever the secret is, and wherever it is printed."""
    hide = Mask([secret])
    for make in (str, repr, quote, markdown, plain, json.dumps, html.escape):
        assert secret not in hide(around + make(secret) + around) or not secret.strip()


@pytest.mark.parametrize(
    ("name", "value", "read", "masked"),
    [
        ("GITHUB_TOKEN", "ghs_0123456789", [], True),
        ("SYSTEM_ACCESSTOKEN", "eyJhbGciOi", [], True),
        ("AWS_SECRET_ACCESS_KEY", "wJalrXUtnF", [], True),
        ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7", [], True),
        ("RFC2136_KEY_SECRET", "c2VjcmV0c2VjcmV0", [], True),
        ("azure_client_secret", "abcdefghij", [], True),
        ("PDNS_API_KEY", "abcdefghij", [], True),
        ("AZURE_STORAGE_CONNECTION_STRING", "AccountKey=abc", [], True),
        ("HETZNER", "abcdefghij", ["HETZNER"], True),  # what dns/provider.yaml reads, whatever its name is
        ("HTTPS_PROXY", "abcdefghij", [], False),
        ("RFC2136_HOST", "ns.example.com", ["RFC2136_HOST"], False),
        ("RFC2136_KEY_NAME", "mta-sts-key", ["RFC2136_KEY_NAME"], False),
        ("RFC2136_KEY_ALGORITHM", "hmac-sha256", ["RFC2136_KEY_ALGORITHM"], False),
        ("AZURE_SUBSCRIPTION_ID", "11111111-2222", ["AZURE_SUBSCRIPTION_ID"], False),
        ("AZURE_DNS_RESOURCE_GROUP", "mail-dns-group", ["AZURE_DNS_RESOURCE_GROUP"], False),
        ("PATH", "/usr/local/bin", [], False),
    ],
)
def test_which_variables_are_secret(name: str, value: str, read: list[str], masked: bool) -> None:
    """By their names, and all that the DNS provider reads but what is plainly none: an error still says the host."""
    assert (mask({name: value}, read)(f"said: {value}.") == f"said: {MASK}.") is masked


def test_a_password_in_the_address_of_a_proxy() -> None:
    """requests and pip print the whole address."""
    hide = mask({"HTTPS_PROXY": "http://me:pass-word-1@proxy.example:3128"})
    assert hide("http://me:pass-word-1@proxy.example:3128") == f"http://me:{MASK}@proxy.example:3128"


@pytest.mark.parametrize(
    ("written", "password"),
    [("p%40ss%2Fword-9", "p@ss/word-9"), ("pass@word-9", "pass@word-9"), ("p%C3%A4ssword-9", "pässword-9")],
)
def test_a_password_in_an_address_is_masked_as_it_is_sent(written: str, password: str) -> None:
    """Libraries decode it, and send the Base64 of user:password, in Latin-1 if they can (requests, _basic_auth_str)."""
    hide = mask({"HTTPS_PROXY": f"http://me:{written}@proxy.example:3128"})
    assert hide(f"http://me:{written}@proxy.example:3128") == f"http://me:{MASK}@proxy.example:3128"
    assert hide(f"said {password}.") == f"said {MASK}."
    for encoding in ("utf-8", "latin-1"):
        sent = base64.b64encode(f"me:{password}".encode(encoding)).decode()
        assert sent[6:-4] not in hide(f"Proxy-Authorization: Basic {sent}")


@pytest.mark.parametrize(
    ("secret", "said"),
    [
        ("", "a text"), ("a", "a text"), ("  ", "a  text"), ("\n", "a\ntext"), ("abc", "abc, abcd"),
        ("true", "it is true"),
        ("test", f"{MASK}, testing, my_test? no: {MASK}."), ("12345678", f"x{MASK}y"),
    ],
)  # fmt: skip
def test_a_short_secret_does_not_blank_the_output(secret: str, said: str) -> None:
    """Below four characters it is no secret; below eight only the whole word is."""
    text = said.replace(MASK, secret) if MASK in said else said
    done = Mask([secret])(text.replace("my_test", "mytest"))
    assert done == said.replace("my_test", "mytest")


@pytest.mark.parametrize(
    ("value", "where"),
    [
        ("abc\n", "at its beginning or end"), ("abc\r\n", "at its beginning or end"),
        (" abc", "at its beginning or end"),
        ("abc\t", "at its beginning or end"), ("ab\nc", "in the middle"), ("ab c", "in the middle"),
        ("ab\x00c", "in the middle"),
        ("ab\x1bc", "in the middle"), ("abc\xa0", "at its beginning or end"), ("\ufeffabc", "in the middle"),
        ("ab\u200bc", "in the middle"), ("ab\u2028c", "in the middle"),
        ("abc", None), ("a/b+c==", None), ("schlüssel", None),
    ],
)  # fmt: skip
def test_what_cannot_be_used(value: str, where: str | None) -> None:
    """Line ends, and what else is copied along with a secret. The message never contains the value."""
    found = fault(value)
    assert (found.rpartition(" character ")[2] if found else None) == where
    assert not found or value not in found


# --- Through the verbs ----------------------------------------------------------------------------------------------

HOSTILE = """
import base64, json, os, sys, threading, urllib.parse, warnings
from octodns.provider.base import BaseProvider
class Hostile(BaseProvider):
    SUPPORTS = {"TXT", "CNAME"}
    SUPPORTS_GEO = False
    def __init__(self, id, token, **more):
        import logging
        self.log = logging.getLogger("Hostile")
        super().__init__(id)
        self.token = token
        forms = [token, repr(token), repr(token.encode()), urllib.parse.quote(token, ""), json.dumps(token),
                 base64.b64encode(f"user:{token}".encode()).decode(), token.encode().hex()]
        print(*forms, sep="\\n")
        print(*forms, sep="\\n", file=sys.stderr)
        warnings.warn(" ".join(forms))
        thread = threading.Thread(target=self.fails)
        thread.start()
        thread.join()
        self.forms = forms
        if os.environ.get("WHEN") == "begin":
            raise RuntimeError(" ".join(forms))
        if os.environ.get("WHEN") == "die":
            raise GeneratorExit(" ".join(forms))
    def fails(self):
        raise ValueError(self.token)
    def populate(self, zone, target=False, lenient=False):
        raise RuntimeError(" ".join(self.forms))
"""


@pytest.fixture
def hostile(baked_with: Callable[[str], Path], tmp_path: Path) -> Path:
    """A repository whose DNS provider says its token in every form."""
    folder = Path(shutil.copytree(baked_with("cloudflare"), tmp_path / "hostile"))
    (folder / "hostile.py").write_text(HOSTILE, encoding="utf-8")
    provider = folder / "dns" / "provider.yaml"
    text = provider.read_text(encoding="utf-8")
    assert "octodns_cloudflare.CloudflareProvider" in text
    provider.write_text(text.replace("octodns_cloudflare.CloudflareProvider", "hostile.Hostile"), encoding="utf-8")
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("when", ["begin", "populate", "die"])
@pytest.mark.parametrize("words", [(), ("--format", "markdown"), ("--doit",), ("--output", "out.md")], ids=" ".join)
@pytest.mark.parametrize("ci", [{}, {"GITHUB_ACTIONS": "true"}, {"TF_BUILD": "True"}], ids=["", "github", "azure"])
def test_no_output_of_publish_has_the_token(
    hostile: Path, when: str, words: tuple[str, ...], ci: dict[str, str]
) -> None:
    """A provider's words, its own prints and warnings, tracebacks of its threads and of Python itself."""
    given_ = {"CLOUDFLARE_TOKEN": TOKEN, "WHEN": when, **ci}
    done = verb(hostile, "publish", "hosting", *words, env=given_)
    printed = (done.stdout + done.stderr).decode()
    out = hostile / "out.md"
    printed += out.read_text(encoding="utf-8") if out.exists() else ""
    assert done.returncode == 1
    assert MASK in printed
    assert leaks(printed, TOKEN) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "value", [f"{TOKEN}\n", f" {TOKEN}", f"{TOKEN}\r\n", f"{TOKEN[:20]}\n{TOKEN[20:]}", f"{TOKEN}\t"]
)
@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("", "dns/provider.yaml: error MTS230: CLOUDFLARE_TOKEN contains"),
        ("--doit", "dns/provider.yaml: error MTS230: CLOUDFLARE_TOKEN contains"),
        ("--format=markdown", "| error | MTS230 | dns/provider.yaml | CLOUDFLARE&#95;TOKEN contains"),
    ],
)
def test_a_token_with_a_line_end_is_refused_before_use(hostile: Path, value: str, words: str, said: str) -> None:
    """The message names the variable, but not its value, and the provider is never created."""
    done = verb(hostile, "publish", "hosting", *words.split(), env={"CLOUDFLARE_TOKEN": value})
    printed = (done.stdout + done.stderr).decode()
    assert done.returncode == 1
    assert f"{said} white space, a line break or an invisible character" in printed
    assert "Traceback" not in printed and MASK not in printed
    assert leaks(printed, TOKEN[20:]) + leaks(printed, TOKEN[:20]) == []


def test_another_provider_s_variables_are_looked_at_too(hostile: Path) -> None:
    """Whatever dns/provider.yaml reads, at any depth, with a default or without."""
    provider = hostile / "dns" / "provider.yaml"
    with provider.open("a", encoding="utf-8") as file:
        file.write("\nmore: {deep: env/DEEP, other: env/OTHER/default}\n")
    given_ = {"CLOUDFLARE_TOKEN": TOKEN, "DEEP": "deep-secret\n", "OTHER": "other\x1bsecret"}
    printed = verb(hostile, "publish", "hosting", env=given_).stdout.decode()
    assert re.findall(r"MTS230: (\w+) contains", printed) == ["DEEP", "OTHER"]
    assert "secret" not in printed


@pytest.mark.parametrize("value", [f"{TOKEN}\n", f"\n{TOKEN}", f"a {TOKEN}"])
def test_comment_refuses_such_a_token(value: str) -> None:
    """It was trimmed silently; what stores it otherwise may not be so kind."""
    environment = {"TF_BUILD": "True", "SYSTEM_ACCESSTOKEN": value, "PYTHONDONTWRITEBYTECODE": "1"}
    done = verb(TEMPLATE, "comment", "policy.yaml", env=environment)
    printed = (done.stdout + done.stderr).decode()
    assert done.returncode == 2
    assert "Not set or not usable: SYSTEM_ACCESSTOKEN" in printed
    assert leaks(printed, TOKEN) == []


def test_comment_posts_no_token(httpserver: HTTPServer, tmp_path: Path) -> None:
    """Neither its own nor another of the job, if a tool wrote one into the file."""
    token = "ghs_0123456789abcdefghijABCDEFGHIJ012345"
    other = "another-secret-of-the-job"
    httpserver.expect_request(re.compile(".*"), "GET").respond_with_json({"value": []})
    httpserver.expect_request(re.compile(".*"), "POST").respond_with_json({"message": token}, 403)
    (tmp_path / "plan.md").write_text(f"# Plan\n\n{token} {other} {quote(token)}\n", encoding="utf-8")
    environment = {
        "TF_BUILD": "True", "SYSTEM_ACCESSTOKEN": token, "OTHER_SECRET": other, "PYTHONDONTWRITEBYTECODE": "1",
        "SYSTEM_COLLECTIONURI": httpserver.url_for("/a/"), "SYSTEM_TEAMPROJECTID": "b", "BUILD_REPOSITORY_ID": "c",
        "SYSTEM_PULLREQUEST_PULLREQUESTID": "1",
    }  # fmt: skip
    done = verb(TEMPLATE, "comment", str(tmp_path / "plan.md"), env=environment)
    sent = httpserver.log[-1][0].get_data(as_text=True)
    assert "# Plan" in sent
    for text in (sent, (done.stdout + done.stderr).decode()):
        assert leaks(text, token) + leaks(text, other) == []


def test_other_verbs_change_no_word(bake: Callable[..., Path]) -> None:
    """They print no secret, and a variable whose name contains KEY must not mask parts of a record."""
    folder = bake()
    plain_ = verb(folder, "records", "--format", "json").stdout
    assert verb(folder, "records", "--format", "json", env={"MAIL_KEY": "example.com"}).stdout == plain_
    assert os.environ.get("MAIL_KEY") is None
