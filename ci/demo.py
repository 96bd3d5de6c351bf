"""Create a repository with the default answers; lint, build and serve its policy, and fetch it.

Run it with Python 3.10 or newer: python ci/demo.py
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from workshop import DEMO, ROOT, environment

POLICY = ".well-known/mta-sts.txt"


def main() -> None:
    """Create a repository and use it, and print each step."""
    python = str(environment(DEMO))
    with tempfile.TemporaryDirectory() as folder:
        show([python, "-m", "cookiecutter", str(ROOT), "--no-input", "--output-dir", folder], Path(folder))
        repository = Path(folder, "example.com")
        for words in (["lint"], ["records"], ["build"]):
            show([python, "-m", "mtasts", *words], repository)
        with served(python, repository) as url:
            fetch(f"{url}/{POLICY}", "mta-sts.example.com")
    print("\nDone. To create a repository for your own domain, see the next section of README.md.")


def show(command: list[str], folder: Path) -> None:
    """Print a command as a person would type it, and run it."""
    words = [
        "python" if word == sys.executable or word.endswith(("/python", "python.exe")) else word for word in command
    ]
    print(f"\n$ {' '.join(words)}", flush=True)
    subprocess.run(command, cwd=folder, check=True)


@contextmanager
def served(python: str, repository: Path) -> Iterator[str]:
    """Serve the repository on a free port, and yield its address."""
    command = [python, "-u", "-m", "mtasts", "serve", "--port", "0"]
    print("\n$ python -m mtasts serve")
    with subprocess.Popen(command, cwd=repository, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            first = process.stdout.readline()
            print(first, end="", flush=True)
            yield first.split()[1].removesuffix(f"/{POLICY}")
        finally:
            process.kill()


def fetch(url: str, host: str) -> None:
    """Fetch a policy as a sender does, and print what comes."""
    print(f'\n$ curl -i -H "Host: {host}" {url}')
    with urllib.request.urlopen(urllib.request.Request(url, headers={"Host": host}), timeout=10) as answer:
        print(answer.status, answer.reason)
        for name in ("Content-Type", "Cache-Control", "Strict-Transport-Security", "X-Content-Type-Options"):
            print(f"{name}: {answer.headers[name]}")
        print(f"\n{answer.read().decode()}", end="")


if __name__ == "__main__":
    main()
