"""render: print policies as they are served."""

from __future__ import annotations

from pathlib import Path

import click

from mtasts.cli._common import load_served, policy_file
from mtasts.cli._usage import unknown, verb
from mtasts.sts.policy import policy_url
from mtasts.system.output import write_served


@verb("render", "render example.com")
@click.argument("domain", required=False)
@policy_file
def command(domain: str | None, path: Path) -> None:
    """Print the policy of DOMAIN as it is served.

    Without DOMAIN, print the policies of all domains in policy.yaml.
    """
    policies = {each.name: each.policy.render() for each in load_served(path).domains}
    if domain is None and len(policies) > 1:
        for name, text in policies.items():
            click.echo(policy_url(name))
            write_served(text)
            click.echo()
        return
    name = domain.rstrip(".").lower() if domain else next(iter(policies))
    if name not in policies:
        raise unknown(name, policies, f"a domain in {path}")
    write_served(policies[name])
