"""check in a network namespace: a small Internet, looked at by a machine with the routes that were given.

Run by test_namespace.py, in a namespace of its own: namespace.py FOLDER COMMAND…, where the commands set routes.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from servers.internet import Internet, Site, mx, nobody

SITES = {
    "both": Site(host="mta-sts A {https}\nmta-sts AAAA 2001:db8::1"),
    "six": Site(host="mta-sts AAAA 2001:db8::1"),
    "elsewhere": Site(host="mta-sts A 192.0.2.1"),
    "refused": Site(host="mta-sts A {nobody}\nmta-sts AAAA 2001:db8::1"),
    "mx-both": Site(smtp=mx(), mx_host="{mx} A {smtp}\n{mx} AAAA 2001:db8::2"),
    "mx-elsewhere": Site(smtp=nobody, mx_host="{mx} A 192.0.2.2"),
}


def main() -> None:
    """Print what check finds, one JSON document for each run: alone, with --wait, and of HTTPS alone."""
    folder, *commands = sys.argv[1:]
    for command in ("ip link set lo up", *commands):
        subprocess.run(command.split(), check=True)
    with Internet(Path(folder), SITES) as internet:
        print(
            json.dumps(
                [
                    run(internet, *words)
                    for words in (
                        [],
                        ["six.example", "--wait", "1"],
                        ["both.example", "--wait", "1"],
                        ["mx-elsewhere.example", "--wait", "1"],
                    )
                ]
            )
        )


def run(internet: Internet, *words: str) -> dict[str, object]:
    """Return the exit code, and what was printed."""
    done = internet.check(*words, "--format", "json", timeout=5)
    return {"code": done.returncode, "stderr": done.stderr.decode(), **json.loads(done.stdout)}


if __name__ == "__main__":
    main()
