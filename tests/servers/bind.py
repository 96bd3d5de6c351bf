"""A real name server: bind9, with zones of the test's own. It is the whole Internet to whoever asks it.

It answers as a resolver does: a name that is in no zone does not exist, and a CNAME is followed into another zone.
"""

from __future__ import annotations

import base64
import subprocess
import time
from collections.abc import Collection, Mapping
from contextlib import AbstractContextManager
from pathlib import Path

import dns.exception
import dns.message
import dns.query

from conftest import give_up, program
from servers.loopback import Loopback

UPDATE_KEY = base64.b64encode(b"the key of the tests, 32 octets.").decode()  # hmac-sha256, by the name of `update`

_CONFIG = """
options {{
  directory "{folder}"; pid-file "{folder}/named.pid"; session-keyfile "{folder}/session.key";
  managed-keys-directory "{folder}";
  listen-on port {port} {{ {address}; }}; listen-on-v6 {{ none; }};
  recursion yes; allow-query {{ any; }}; allow-recursion {{ any; }}; allow-query-cache {{ any; }};
  dnssec-validation no; empty-zones-enable no; notify no; check-names primary ignore; resolver-query-timeout 30000;
  max-cache-size 16M; rrset-order {{ order none; }};
}};
controls {{ }};
key "update" {{ algorithm hmac-sha256; secret "{key}"; }};
"""
_HEAD = "$TTL {ttl}\n@ SOA ns.invalid. root.invalid. 1 60 60 60 {ttl}\n@ NS ns.invalid.\n"


class Named(AbstractContextManager["Named"]):
    """A running bind9.

    zones: the records of each, as in a zone file, names relative to it. failing: zones that do not load (SERVFAIL).
    refusing: zones that nobody may ask. forwarded: zones, and the server (address, port) that is asked in their place.
    updates: whether the zones take dynamic updates (RFC 2136) that are signed with UPDATE_KEY. grants: to which names
    and types alone, as the lines of an update-policy have them behind the key (`name a.example.com TXT`). ttl: of all
    records, and of the answer that there is none.
    """

    def __init__(
        self,
        folder: Path,
        port: int,
        zones: Mapping[str, str],
        *,
        failing: Collection[str] = (),
        refusing: Collection[str] = (),
        forwarded: Mapping[str, tuple[str, int]] | None = None,
        updates: bool = False,
        grants: Collection[str] = (),
        ttl: int = 60,
    ) -> None:
        self.port = port
        self.resolver = f"{Loopback.dns}:{port}"
        config = [_CONFIG.format(folder=folder, port=port, address=Loopback.dns, key=UPDATE_KEY)]
        delegations = "".join(f"{zone}. NS ns.invalid.\n" for zone in forwarded or ())  # or they would not exist
        contents = {
            ".": f"ns.invalid. A {Loopback.dns}\n{delegations}",
            **zones,
            **dict.fromkeys(refusing, ""),
            **dict.fromkeys(failing, "@ BROKEN\n"),
        }
        for number, (zone, records) in enumerate(contents.items()):
            file = folder / f"{number}.zone"
            file.write_text(_HEAD.format(ttl=ttl) + records + "\n", encoding="ascii")
            asked = "allow-query { none; }; " if zone in refusing else ""
            changed = 'allow-update { key "update"; }; ' if updates else ""
            if grants:
                changed = f"update-policy {{ {' '.join(f'grant update {grant};' for grant in grants)} }}; "
            config.append(f'zone "{zone}" {{ type primary; file "{file}"; {asked}{changed}}};')
        for zone, (server, at) in (forwarded or {}).items():
            config.append(f'zone "{zone}" {{ type forward; forward only; forwarders {{ {server} port {at}; }}; }};')
        (folder / "named.conf").write_text("\n".join(config), encoding="ascii")
        self._log = folder / "named.log"
        with self._log.open("wb") as log:
            command = [program("named"), "-4", "-n", "2", "-g", "-c", str(folder / "named.conf")]
            self._process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=subprocess.STDOUT)
        self._wait()

    def __exit__(self, *error: object) -> None:
        self._process.kill()
        self._process.wait()

    def log(self) -> str:
        """Return what the server wrote about itself."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    def _wait(self) -> None:
        question = dns.message.make_query(".", "SOA")
        for _ in range(100):
            if self._process.poll() is not None:
                if "permission denied" in self.log():  # AppArmor on Ubuntu lets named read its own folders alone
                    give_up("named may not read the folder of the tests.")
                raise RuntimeError(f"named ended by itself:\n{self.log()}")
            try:
                dns.query.udp(question, Loopback.dns, timeout=0.3, port=self.port)
            except (dns.exception.Timeout, OSError):
                time.sleep(0.1)
            else:
                return
        self._process.kill()
        self._process.wait()
        raise RuntimeError(f"named does not answer:\n{self.log()}")


def txt(value: str | bytes) -> str:
    """Return a TXT value for a zone file: in strings of 255 octets, with every octet that means something escaped."""
    data = value if isinstance(value, bytes) else value.encode()
    strings = [data[start : start + 255] for start in range(0, len(data), 255)] or [b""]
    return "TXT " + " ".join(f'"{escaped(string)}"' for string in strings)


def escaped(data: bytes) -> str:
    r"""Return octets for a zone file: letters, digits and a few marks as they are, all others as \DDD."""
    return "".join(chr(octet) if chr(octet).isalnum() and octet < 128 else f"\\{octet:03}" for octet in data)
