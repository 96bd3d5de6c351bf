"""The steps of a move to another hosting: the CNAME and the certificate, in an order that loses no mail."""

from __future__ import annotations

from collections.abc import Iterator

from mtasts.config.hosting import Kind
from mtasts.config.model import Config
from mtasts.plan.dates import duration

_AZURE = (
    "Azure issues the certificate of each policy host within minutes after its CNAME points there. Until then, "
    "senders that know the policy keep following it, and others deliver as if there were none."
)
_CERTIFICATE = {
    Kind.FUNCTION: _AZURE,
    Kind.STATIC_WEB_APP: _AZURE,
    Kind.FRONT_DOOR: "Front Door issues the certificate of each policy host before that, using the record "
    "_dnsauth.mta-sts that the deployment publishes. Change the CNAME when the certificate is there.",
    Kind.WEB_SERVER: "The new server needs a certificate for each policy host (mta-sts.<domain>). Get it before "
    "you change the CNAME, or let a server such as Caddy get it right after.",
}


def moves(before: Config | None, after: Config) -> bool:
    """Tell whether the policies move to another place. To set a host name for the first time is not a move."""
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
    known = "" if not stale else " In this change, set hosting.hostname in policy.yaml to its host name."
    yield f"Before the merge, create the new hosting beside the old one, and upload the policy to it.{known}"
    where = "the new hosting" if stale else target
    yield (
        f"After the merge, the deployment points the CNAME of each policy host to {where}. If you enter DNS by hand, "
        "change it there."
    )
    yield _CERTIFICATE[after.hosting.kind]
    ttl = duration(max(before.ttl, after.ttl))
    yield (
        f"Keep the old hosting until the CNAME has changed, {ttl} (its TTL) has passed, and python -m mtasts check "
        "finds no error. Then delete it. python -m mtasts explain hosting says more."
    )
