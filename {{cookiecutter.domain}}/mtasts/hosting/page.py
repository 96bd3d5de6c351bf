"""The page for people at `/`: which domains, the policy and id in force, and how to check them."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from pathlib import Path
from string import Template

from mtasts.config.model import Domain
from mtasts.sts.record import StsRecord, policy_id

_PAGE = Template(Path(__file__).with_name("page.html").read_text(encoding="utf-8"))
_SECTION = Template("""<section>
<h2>$name</h2>
<dl>
<dt>Mode</dt><dd>$mode</dd>
<dt>Id</dt><dd>$id</dd>
</dl>
<pre>$policy</pre>
<p>To check it, compare the policy and the id with what these two commands print:</p>
<pre>curl https://mta-sts.$name/.well-known/mta-sts.txt
nslookup -type=txt _mta-sts.$name</pre>
<p>The record should read:</p>
<pre>$record</pre>
</section>
""")


def page(domains: Iterable[Domain]) -> str:
    """Return the HTML page for the domains: no script, nothing loaded from elsewhere."""
    return _PAGE.substitute(sections="".join(map(_section, domains)))


def _section(domain: Domain) -> str:
    identity = policy_id(domain.policy)
    values = {
        "name": domain.name,
        "mode": domain.policy.mode.value,
        "id": identity,
        "policy": domain.policy.render().replace("\r\n", "\n"),
        "record": StsRecord(identity).render(),
    }
    return _SECTION.substitute({key: escape(value) for key, value in values.items()})
