"""The steps of a move to another hosting: the CNAME and the certificate, in the order in which no mail is lost."""

from __future__ import annotations

from collections.abc import Iterator

from mtasts.config.hosting import Kind
from mtasts.config.model import Config
from mtasts.plan.dates import duration

_AZURE = (
    "Azure makes the certificate of each policy host within minutes after its CNAME leads there. Until then senders "
    "that know the policy go on with it, and others deliver as if there were none."
)
_CERTIFICATE = {
    Kind.FUNCTION: _AZURE,
    Kind.STATIC_WEB_APP: _AZURE,
    Kind.FRONT_DOOR: "Front Door makes the certificate of each policy host before that, by the record _dnsauth.mta-sts "
    "that provision publishes. Change the CNAME when it is there.",
    Kind.WEB_SERVER: "The new server needs a certificate for each policy host (mta-sts and the domain). Have it before "
    "the CNAME leads there, or let a server such as Caddy get it right after.",
}


def moves(before: Config | None, after: Config) -> bool:
    """Tell whether the policies move to another place. A host name that was not known before is none."""
    if not before:
        return False
    old, new = before.hosting, after.hosting
    if old.kind is not new.kind:
        return True
    pairs = ((old.name, new.name), (old.region, new.region), (old.hostname, new.hostname))
    return any(known not in (None, now) for known, now in pairs)


def steps(before: Config | None, after: Config) -> Iterator[str]:
    """Yield the steps of a move to another hosting, none if it stays."""
    if not before or not moves(before, after):
        return
    target = after.hosting.hostname
    stale = target is None or (target == before.hosting.hostname and before.hosting.kind is not after.hosting.kind)
    known = "" if not stale else " Write its host name into hosting.hostname of policy.yaml, in this change."
    yield f"Before the merge, make the new hosting beside the old one, and put the policy on it.{known}"
    publish = "run provision with create, or python -m mtasts publish hosting --doit"
    where = "it" if stale else target
    yield f"After the merge, {publish}. The CNAME of each policy host then leads to {where}; by hand, change it in DNS."
    yield _CERTIFICATE[after.hosting.kind]
    ttl = duration(max(before.ttl, after.ttl))
    yield (
        f"Keep the old hosting until {ttl}, the CNAME's TTL, has passed since, and python -m mtasts check finds no "
        "error. Then delete it. python -m mtasts explain hosting says more."
    )
