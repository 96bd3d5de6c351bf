"""hosts: compare the host names that Azure has with policy.yaml."""

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
@click.option("--group", envvar="AZURE_RESOURCE_GROUP", help="The resource group. Default: $AZURE_RESOURCE_GROUP.")
@policy_file
def command(file: Path | None, group: str | None, path: Path) -> None:
    """Compare the host names in FILE, as infra/hosts.sh reads them, with policy.yaml.

    It says what is missing in Azure, how far Azure is, and how an owner removes what is left of earlier domains.
    Without FILE, print the addresses that `az rest` reads. A pipeline gets the outputs missing, pending and unrouted.
    """
    config = load_served(path)
    if not group:
        raise WrongUseError("There is no resource group. Give --group, or set AZURE_RESOURCE_GROUP.")
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
            "Front Door's route asks for no folder yet, since an older version made it. Deploy this version with the "
            f"domains that were there before. Then add {compared.missing[0]}."
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
        line = "Front Door takes these tokens no more. An owner lets it make new ones; then run this again:"
        renewals = [hosts.renewal(config, group, host) for host in expired]
        sections.append(Section("Expired tokens", lines=[line], code=renewals))
    if compared.left:
        sections.append(_removals(config, group, compared.left))
    return Report("", sections=sections)


def _removals(config: Config, group: str, left: tuple[Host, ...]) -> Section:
    """Return how an owner removes what is left of earlier domains: no pipeline may delete."""
    lines = [
        f"{', '.join(host.name for host in left)}: of no domain in policy.yaml any more. Once DNS has none of their "
        "records (this run removes those that it may), an owner removes the host names, and their certificates:"
    ]
    if config.hosting.kind.routed:
        lines.append("Run the pipeline provision with create before that: it takes them out of the route.")
    commands = [command for host in left for command in hosts.removal(config, group, host)]
    return Section("Left in Azure", lines=lines, code=commands)
