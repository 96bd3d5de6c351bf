"""Shared by the verbs that use the network: options, and the clients made from them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from mtasts.cli._usage import Number
from mtasts.findings import WrongUseError
from mtasts.sts.corrections import domain as corrected_domain
from mtasts.sts.names import domain_fault, name_fault

if TYPE_CHECKING:  # imported only when clients are made: plan has these options, but seldom uses the network
    from mtasts.check.walk import Clients

Command = TypeVar("Command", bound=Callable[..., Any])

TIMEOUT = 60  # seconds, as RFC 8461 §3.3 suggests for a fetch


def _resolver(_: click.Context, __: click.Parameter, value: str | None) -> tuple[str, int] | None:
    if not value:
        return None
    from mtasts.check.clients.resolver import address_and_port

    try:
        return address_and_port(value)
    except ValueError:
        raise click.BadParameter(
            "give an IP address, or ADDRESS:PORT, such as 192.0.2.53 or [2001:db8::53]:53."
        ) from None


class _Seconds(click.FloatRange):
    """A number of seconds. NaN is refused: no comparison with a limit would catch it."""

    def _describe_range(self) -> str:
        return f"{self.min:g} to {self.max:g}"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the number."""
        found: float = super().convert(value, param, ctx)
        if math.isnan(found):
            self.fail(f"{value} is not a number of seconds.", param, ctx)
        return found


def _port(name: str, default: int, what: str) -> Callable[[Command], Command]:
    return click.option(name, type=Number(1, 65535), default=default, show_default=True, metavar="PORT", help=what)


_OPTIONS = (
    click.option(
        "--resolver",
        callback=_resolver,
        metavar="ADDRESS[:PORT]",
        help="Send DNS queries to this name server. Default: the system's resolver.",
    ),
    click.option(
        "--ca-file",
        type=click.Path(exists=True, dir_okay=False),
        metavar="FILE",
        help="Trust the CA certificates in FILE. Default: those that the system trusts.",
    ),
    _port("--https-port", 443, "Fetch policies from this port."),
    _port("--smtp-port", 25, "Connect to MX hosts on this port."),
    click.option(
        "--timeout",
        type=_Seconds(0.1, 600),
        default=TIMEOUT,
        show_default=True,
        metavar="SECONDS",
        help="Spend at most this many seconds on a domain.",
    ),
)


jobs_option = click.option(
    "--jobs",
    type=Number(1, 1000),
    default=256,
    show_default=True,
    metavar="NUMBER",
    help="Check this many domains at the same time.",
)


def network_options(command: Command) -> Command:
    """Add the options from which `clients` makes clients, and --timeout."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def clients(resolver: tuple[str, int] | None, ca_file: str | None, https_port: int, smtp_port: int) -> Clients:
    """Return the clients for DNS, HTTPS and SMTP."""
    from mtasts.check.clients import tls
    from mtasts.check.clients.https import Fetch
    from mtasts.check.clients.resolver import Lookup
    from mtasts.check.clients.smtp import Probe
    from mtasts.check.walk import Clients

    try:
        verifying = tls.context(ca_file)
        return Clients(Lookup(resolver), Fetch(verifying, https_port), Probe(verifying, smtp_port))
    except OSError as error:
        raise WrongUseError(f"--ca-file: {ca_file} contains no certificates that can be read: {error}.") from None


def domain_name(text: str) -> str:
    """Return a domain from the command line in lower case. Raises a usage error if it is not a domain."""
    name = text.removesuffix(".").lower()
    is_policy_host = name.startswith(("mta-sts.", "_mta-sts."))
    if fault := domain_fault(name) if is_policy_host else name_fault(name, "domain"):
        better = corrected_domain(text)
        hint = f" Did you mean {better}?" if not domain_fault(better) else ""
        raise click.UsageError(f"{fault.message}{hint}")
    return name
