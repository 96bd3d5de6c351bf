"""What to do about an answer that is not the policy: a wrong status, a redirect or a web page (RFC 8461 §3.3)."""

from __future__ import annotations

import re
from collections.abc import Mapping

from mtasts.sts.policy import PATH

# Senders accept only 200. Every other status means that they get no policy.
_STATUS = {
    401: "It asks senders to sign in, which they cannot do. Allow this path without signing in.",
    403: "A firewall, a bot or country filter, or the file's permissions block senders. Allow this path.",
    404: "The file is missing. Deploy the policy, and check that the upload includes folders whose name begins with a "
    "dot.",
    405: "It does not allow GET. Allow it for this path.",
    407: "A proxy asks senders to sign in. Allow this path without signing in.",
    410: "The hosting says that the file is gone for good. Deploy the policy.",
    421: "It does not serve this host name. Bind the name at the hosting.",
    429: "Its rate limit blocks senders, many of which ask at the same time. Exempt this path from the limit.",
    451: "It refuses for legal reasons, often by country. Allow this path.",
    502: "The proxy in front of the hosting gets no valid answer from it. Start the hosting, and check its log.",
    503: "The hosting is stopped or overloaded, or a firewall blocks senders. Start it, and allow this path.",
    504: "The proxy in front of the hosting gets no answer in time. Start the hosting, and check its log.",
}
_CLASSES = {
    1: "This is not a final answer. Check the proxies in front of the hosting.",
    2: "Senders accept only 200. Serve the policy itself at this path.",
    4: "It refuses the request that senders make. Check its log, and allow a plain GET for this path.",
    5: "The hosting has failed or is not running; the policy is not the cause. Check its log, and restart it.",
}

# What providers say in their own pages and headers: statuses, a header and how its value begins, words in the body.
BOUND = "Run *deploy* again: it adds the host name and its certificate."
_PROVIDERS: tuple[tuple[str, str, str, bytes, str], ...] = (
    ("403", "", "", b"web app is stopped", "Azure says that the app is stopped. Start it in the portal."),
    ("404", "", "", b"404 web site not found", f"Azure does not know this host name. {BOUND}"),
    (
        "404",
        "",
        "",
        b"azure static web apps",
        f"The Static Web App does not have the file, or does not know this host name. {BOUND}",
    ),
    (
        "404|50[0-9]",
        "x-azure-ref",
        "",
        b"",
        "Front Door itself answers, not the hosting behind it. Check that the custom domain is validated and has a "
        "route.",
    ),
    ("52[0-9]|530", "server", "cloudflare", b"", "Cloudflare cannot reach the hosting behind it. Start the hosting."),
    (
        "403|503",
        "cf-mitigated",
        "",
        b"",
        "Cloudflare challenges senders as if they were browsers. Exempt this path from that rule.",
    ),
    ("403|503", "server", "cloudflare", b"", "Cloudflare blocks senders. Exempt this path from its rules."),
)


def advice(status: int, headers: Mapping[str, str], body: bytes) -> str:
    """Return what to do about a status."""
    start = body[:8192].lower()
    for statuses, header, begins, words, what in _PROVIDERS:
        said = header == "" or (header in headers and headers[header].lower().startswith(begins))
        if said and words in start and re.fullmatch(statuses, str(status)):
            return what
    return _STATUS.get(status) or _CLASSES.get(status // 100, "Serve the policy with status 200.")


_SIGN_IN = re.compile(r"(?i)login\.microsoftonline\.com|/\.auth/|/(?:wp-)?log-?in\b|/sign-?in\b|/sso\b|/oauth")
_TARGET = re.compile(r"(?i)(?:(?:(https?):)?//([^/:?#]*)[^/?#]*)?([^?#]*)")


def redirect(target: str, host: str) -> str:
    """Return what to do about a redirect. host: the policy host, to tell whether the redirect stays on it."""
    found = _TARGET.match(target)
    scheme, name, path = found.groups("") if found else ("", "", "")
    stays = name.lower() in ("", host.lower())
    if _SIGN_IN.search(target):
        return "It asks senders to sign in, which they cannot do. Allow this path without signing in."
    if stays and path == PATH and scheme.lower() != "http":
        return "It redirects to itself, often because a proxy uses HTTP to reach the hosting. Let the proxy use HTTPS."
    if stays and path.rstrip("/") == PATH:
        return "Serve the policy at exactly this address, with https and without a slash at the end."
    if stays:
        return f"Serve the policy itself at {PATH}."
    if path == PATH:
        return f"Serve the policy here, or make {host or 'the policy host'} a CNAME to a hosting that serves it."
    return f"The hosting redirects visitors to its main host name. Exempt {PATH} from that rule."


def page(body: bytes) -> str:
    """Return what kind of web page is served instead of the policy, and what to do."""
    if re.search(rb"<i?frame", body, re.IGNORECASE):
        return (
            "a web page with a frame, which is how registrars forward a domain. Turn forwarding off, and serve only "
            "the policy text."
        )
    if b"STSv1" in body:
        return "a web page around the policy. Serve only the text, without HTML."
    if re.search(rb"""(?i)type=["']?password|login\.microsoftonline""", body):
        return f"a sign-in page. Allow {PATH} without signing in, and serve the policy text there."
    return (
        f"a web page instead of the policy. Put the policy file at {PATH}, and exempt this path from catch-all rules."
    )
