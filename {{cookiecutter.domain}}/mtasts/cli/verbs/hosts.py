"""hosts: compare the host names in Azure with policy.yaml."""

from __future__ import annotations

import os
from pathlib import Path

import click

from mtasts.ci.outputs import set_output, write_summary
from mtasts.cli._common import load_served, policy_file
from mtasts.cli._usage import verb
from mtasts.config.model import Config
from mtasts.findings import UserError, WrongUseError
from mtasts.findings.forms import as_markdown, as_text
from mtasts.findings.report import Report, Section, Table
from mtasts.hosting import hosts
from mtasts.hosting.hosts import Comparison, Host
from mtasts.sts.policy import policy_host


@verb("hosts", "hosts hosts.json --group mtasts-example-com")
@click.argument("file", type=click.Path(path_type=Path), required=False)
@click.option(
    "--group",
    envvar="AZURE_RESOURCE_GROUP",
    metavar="NAME",
    help="The resource group of the hosting. Default: the variable AZURE_RESOURCE_GROUP.",
)
@policy_file
def command(file: Path | None, group: str | None, path: Path) -> None:
    """Compare the host names that Azure has, listed in FILE by infra/hosts.sh, with policy.yaml.

    The report lists the host names that are missing in Azure, the status of the others, and the commands with which an
    owner removes those of earlier domains. Without FILE, print the addresses to read with `az rest`. In a pipeline,
    also set the outputs missing, pending and unrouted.
    """
    config = load_served(path)
    if not group:
        raise WrongUseError("The resource group is missing. Add --group NAME, or set AZURE_RESOURCE_GROUP.")
    read_from = hosts.addresses(config, group)
    if file is None:
        click.echo("\n".join(read_from))
        return
    found = hosts.read(file)
    try:
        compared = hosts.compare(config, found)
    except UserError:
        _show(_report(config, group, found, Comparison((), (), hosts.left(config, found))))
        raise
    _show(_report(config, group, found, compared))
    unrouted = hosts.unrouted(file)
    if unrouted and compared.missing:
        raise UserError(
            "The route in Front Door has no rule set yet, because an older version of this template created it. First "
            f"deploy this version without new domains. Then add {compared.missing[0]}."
        )
    set_output(os.environ, "unrouted", str(config.hosting.hostname) if unrouted else "")
    set_output(os.environ, "missing", " ".join(compared.missing))
    set_output(os.environ, "pending", " ".join(compared.pending))


def _show(report: Report) -> None:
    click.echo(as_text(report))
    write_summary(os.environ, "hosts", as_markdown(report))


def _report(config: Config, group: str, found: list[Host], compared: Comparison) -> Report:
    there = {host.name: host for host in found}
    names = [policy_host(domain.name) for domain in config.domains]
    rows = [(name, there[name].status if name in there else "not in Azure yet") for name in names]
    sections = [Section("Host names in Azure", table=Table(("host name", "Azure says"), rows))]
    if expired := [host for host in found if host.expired and host not in compared.left]:
        line = "Front Door no longer accepts these tokens. As an owner, have it create new ones, then run this again:"
        renewals = [hosts.renewal(config, group, host) for host in expired]
        sections.append(Section("Expired tokens", lines=[line], code=renewals))
    if compared.left:
        sections.append(_removals(config, group, compared.left))
    return Report("", sections=sections)


def _removals(config: Config, group: str, left: tuple[Host, ...]) -> Section:
    """Return how an owner removes the host names of earlier domains: no pipeline has the right to."""
    lines = [
        f"{', '.join(host.name for host in left)}: the domain is not in policy.yaml any more. When DNS has none of "
        "its records (this run removes those that it can), remove the host name and its certificate, as an owner:"
    ]
    if hosts.routed(config.hosting.kind):
        lines.append("Before that, run the pipeline provision with create: it removes them from the route.")
    commands = [command for host in left for command in hosts.removal(config, group, host)]
    return Section("Left in Azure", lines=lines, code=commands)
