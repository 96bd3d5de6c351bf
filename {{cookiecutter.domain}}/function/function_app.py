"""Serve the MTA-STS policies that the build put beside this file (RFC 8461, section 3.3).

Nothing is parsed or rendered here: the Host header picks one of the finished answers.
"""

import json
import os
from pathlib import Path

import azure.functions as func

HERE = Path(__file__).parent
# {"hostname": the app's own name or null, "policies": {domain: text}}, in the order of policy.yaml
BUILT = json.loads((HERE / "policies.json").read_bytes())

HEADERS = {
    "Cache-Control": "no-store",
    "Strict-Transport-Security": "max-age=31536000",
    "X-Content-Type-Options": "nosniff",
}
PAGE_HEADERS = {
    **HEADERS,
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
}


def host_name(header: str) -> str:
    """Return the name in a Host header: lower case, without the port and a final dot."""
    return header.partition(":")[0].rstrip(".").lower()


ANSWERS = {f"mta-sts.{name}": func.HttpResponse(text, headers=HEADERS) for name, text in BUILT["policies"].items()}
# The app's own name gives the first policy, so that a new app can be tried before its DNS.
FIRST = next(iter(ANSWERS.values()))
for own_name in (BUILT["hostname"], os.environ.get("WEBSITE_HOSTNAME")):
    ANSWERS.setdefault(host_name(own_name or ""), FIRST)
ANSWERS.pop("", None)

PAGE = func.HttpResponse((HERE / "index.html").read_bytes(), mimetype="text/html", headers=PAGE_HEADERS)
UNKNOWN = func.HttpResponse("Nothing is published under this host name.\n", status_code=404, headers=HEADERS)

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)


# Both are async since the worker then calls them at once, and not through its pool of threads.
@app.route(route=".well-known/mta-sts.txt", methods=["GET", "HEAD"])
async def policy(req: func.HttpRequest) -> func.HttpResponse:
    """Answer with the policy of the domain that the request names as its host."""
    return ANSWERS.get(host_name(req.headers.get("host", "")), UNKNOWN)


@app.route(route="/", methods=["GET", "HEAD"])
async def page(req: func.HttpRequest) -> func.HttpResponse:
    """Answer with a page for people: the domains, their policies and ids, and how to check them."""
    return PAGE if host_name(req.headers.get("host", "")) in ANSWERS else UNKNOWN
