"""A real Postfix, with a configuration and a queue of its own, beside whatever the machine runs."""

from __future__ import annotations

import os
import shutil
import smtplib
import subprocess
import sys
import tempfile
import time
from contextlib import AbstractContextManager
from pathlib import Path

import trustme

from conftest import give_up, program

_MAIN = """
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
maillog_file = {folder}/postfix.log
maillog_file_prefixes = {folder}
myhostname = {name}
mydestination = {domain}
inet_interfaces = loopback-only
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
alias_maps =
alias_database =
local_recipient_maps =
smtpd_tls_security_level = may
smtpd_tls_chain_files = {folder}/chain.pem
smtpd_tls_mandatory_protocols = >=TLSv1.2
smtpd_tls_loglevel = 1
smtpd_peername_lookup = no
"""
_MASTER = """
{address}:{port} inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
"""
_QUEUE = (
    "active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming", "maildrop", "pid", "private",
    "public", "saved", "trace",
)  # fmt: skip


class Postfix(AbstractContextManager["Postfix"]):
    """A running Postfix that takes mail for a domain at an address, and offers STARTTLS with a certificate."""

    def __init__(self, address: str, port: int, name: str, domain: str, leaf: trustme.LeafCert) -> None:
        postconf = program("postconf")
        if sys.platform == "win32" or os.geteuid() != 0:
            give_up("Postfix starts as root alone.")
        # Not in pytest's folder: nobody but its owner may enter that, and Postfix runs as a user of its own.
        self._temporary = tempfile.TemporaryDirectory(prefix="postfix-")
        folder = Path(self._temporary.name)
        folder.chmod(0o755)
        for made in ("config", "data", *(f"queue/{name}" for name in _QUEUE)):
            (folder / made).mkdir(parents=True)
            if made != "config":
                shutil.chown(folder / made, "postfix")
        values = {"folder": folder, "address": address, "port": port, "name": name, "domain": domain}
        leaf.private_key_and_cert_chain_pem.write_to_path(str(folder / "chain.pem"))
        for file, text in (("main.cf", _MAIN), ("master.cf", _MASTER)):
            (folder / "config" / file).write_text(text.format(**values), encoding="ascii")
            os.utime(folder / "config" / file, (0, 0))  # Postfix waits until nobody seems to be writing it any more
        self._log = folder / "postfix.log"
        where = subprocess.run([postconf, "-dh", "daemon_directory"], capture_output=True, text=True, check=True)
        # Not by the command `postfix`: that looks after the whole machine's installation.
        master = [f"{where.stdout.strip()}/master", "-d", "-c", str(folder / "config")]
        self._process = subprocess.Popen(master, start_new_session=True)
        self._wait(address, port)

    def __exit__(self, *error: object) -> None:
        self._process.terminate()  # it ends all that it started
        self._process.wait()
        self._temporary.cleanup()

    def log(self) -> str:
        """Return what the server wrote."""
        return self._log.read_text(encoding="utf-8", errors="replace") if self._log.exists() else ""

    def logged(self, text: str) -> bool:
        """Tell whether the server writes this: what it logs comes a little after what it does."""
        for _ in range(100):
            if text in self.log():
                return True
            time.sleep(0.1)
        return False

    def _wait(self, address: str, port: int) -> None:
        for _ in range(100):
            if self._process.poll() is not None:
                raise RuntimeError(f"Postfix ended by itself:\n{self.log()}")
            try:
                with smtplib.SMTP(address, port, "test.invalid", timeout=1) as client:
                    client.ehlo()
            except OSError:
                time.sleep(0.1)
            else:
                return
        self.__exit__()
        raise RuntimeError(f"Postfix does not answer:\n{self.log()}")
