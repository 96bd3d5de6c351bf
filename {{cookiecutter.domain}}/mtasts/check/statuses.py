"""What mends an answer that is no policy: a status other than 200, a redirect, or a web page (RFC 8461 §3.3)."""

from __future__ import annotations

import re
from collections.abc import Mapping

from mtasts.sts.policy import PATH

# Senders take 200 alone, whatever another one means.
_STATUS = {
    401: "It asks senders to sign in, and none does. Allow this path for everyone.",
    403: "A firewall, a filter for bots or countries, or the file's rights refuse senders. Allow this path.",
    404: "No file is there. Deploy the policy, and see that the upload takes folders that begin with a dot.",
    405: "It does not take GET. Allow it for this path.",
    407: "A proxy asks senders to sign in. Allow this path for everyone.",
    410: "The hosting says that the file is gone for good. Deploy the policy.",
    421: "It does not serve this host name. Bind the name at the hosting.",
    429: "It limits how often it may be asked, and many senders ask at once. Take this path out of the limit.",
    451: "It refuses for legal reasons, often by country. Allow this path.",
    502: "What stands before the hosting gets no good answer from it. Start the hosting, and see its log.",
    503: "The hosting does not run, is overloaded, or a firewall stands before it. Start it, and allow this path.",
    504: "What stands before the hosting gets no answer in time. Start the hosting, and see its log.",
}
_CLASSES = {
    1: "That is no answer yet. Look at what stands between.",
    2: "Senders take 200 alone. Serve the policy itself at this path.",
    4: "It does not take the request that senders make. See its log, and allow a plain GET for this path.",
    5: "The hosting fails, or does not run: that is not the policy's fault. See its log, and start it again.",
}

# What providers say by their own pages and headers: statuses, a header and what it begins with, words of the body.
BOUND = "Run *deploy* again: it adds the host name and its certificate."
_PROVIDERS: tuple[tuple[str, str, str, bytes, str], ...] = (
    ("403", "", "", b"web app is stopped", "Azure says that the app is stopped. Start it in the portal."),
    ("404", "", "", b"404 web site not found", f"Azure does not know this host name. {BOUND}"),
    ("404", "", "", b"azure static web apps", f"The Static Web App has no such file, or not this host name. {BOUND}"),
    (
        "404|50[0-9]",
        "x-azure-ref",
        "",
        b"",
        "Front Door answers, and not the hosting behind it: see that the custom domain is validated and has a route.",
    ),
    ("52[0-9]|530", "server", "cloudflare", b"", "Cloudflare does not reach the hosting behind it. Start that."),
    ("403|503", "cf-mitigated", "", b"", "Cloudflare wants a browser to answer. Take this path out of that rule."),
    ("403|503", "server", "cloudflare", b"", "Cloudflare refuses senders. Take this path out of its rules."),
)


def advice(status: int, headers: Mapping[str, str], body: bytes) -> str:
    """Return what mends a status."""
    start = body[:8192].lower()
    for statuses, header, begins, words, what in _PROVIDERS:
        said = header == "" or (header in headers and headers[header].lower().startswith(begins))
        if said and words in start and re.fullmatch(statuses, str(status)):
            return what
    return _STATUS.get(status) or _CLASSES.get(status // 100, "Serve the policy with status 200.")


# What mends a redirect, by where it leads: the first that fits.
_SIGN_IN = re.compile(r"(?i)login\.microsoftonline\.com|/\.auth/|/(?:wp-)?log-?in\b|/sign-?in\b|/sso\b|/oauth")
_TARGET = re.compile(r"(?i)(?:(?:(https?):)?//([^/:?#]*)[^/?#]*)?([^?#]*)")


def redirect(target: str, host: str) -> str:
    """Return what mends a redirect. host: the policy host, to tell whether it stays there."""
    found = _TARGET.match(target)
    scheme, name, path = found.groups("") if found else ("", "", "")
    stays = name.lower() in ("", host.lower())
    if _SIGN_IN.search(target):
        return "It asks senders to sign in, and none does: allow this path for everyone."
    if stays and path == PATH and scheme.lower() != "http":
        return "It leads back to itself, as where a proxy speaks HTTP to the hosting: let it speak HTTPS."
    if stays and path.rstrip("/") == PATH:
        return "Serve the policy at this very address, which has https and no slash at its end."
    if stays:
        return f"Serve the policy itself at {PATH}."
    if path == PATH:
        return f"Serve the policy itself, or let {host or 'the policy host'} be a CNAME to a hosting that does."
    return f"The hosting sends visitors to its main host name: take {PATH} out of that rule."


def page(body: bytes) -> str:
    """Return what a web page is that stands in the policy's place, and what mends it."""
    if re.search(rb"<i?frame", body, re.IGNORECASE):
        return "a web page with a frame, as forwarding at a registrar does. Switch that off, and serve the text alone."
    if b"STSv1" in body:
        return "a web page around the policy. Serve the text alone, without HTML."
    if re.search(rb"""(?i)type=["']?password|login\.microsoftonline""", body):
        return f"a page to sign in. Allow {PATH} for everyone, and serve the policy's text there."
    return f"a web page and no policy. Put the policy's file at {PATH}, and take it out of a rule for all paths."
