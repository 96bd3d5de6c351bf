"""Run the toolkit: python -m mtasts VERB, in the repository; from elsewhere python PATH/mtasts VERB."""

import gc
import os
import sys
from contextlib import suppress

if not __package__:  # run by its path: Python looks for modules in this folder then, not in the repository
    sys.path[0] = os.path.dirname(os.path.abspath(sys.path[0]))  # noqa: PTH100, PTH120 - pathlib is slow to import

gc.set_threshold(50_000)  # most of a run is importing, and imports leave no garbage to look for

from mtasts.system import output, signals  # noqa: E402 - after the line above
from mtasts.system.exit_codes import wrong_use  # noqa: E402


def run() -> None:
    """Run a verb, and end with its exit code."""
    try:
        from mtasts.cli import main

        try:
            main(prog_name="python -m mtasts")
        finally:
            output.finish()
    except ModuleNotFoundError as missing:
        if str(missing.name).startswith("mtasts."):
            print(
                f"This repository has no {missing.name}, since what it was made for does not need it.", file=sys.stderr
            )
            sys.exit(wrong_use(sys.argv))
        lock = "function/local.txt" if str(missing.name).startswith("azure") else "requirements.txt"
        print(f"{missing.name} is not installed. Run: python -m pip install -r {lock}", file=sys.stderr)
        sys.exit(wrong_use(sys.argv))
    except OSError as error:  # the output cannot be written; what the verbs read and write, they report themselves
        print(f"The output could not be written: {error.strerror}", file=sys.stderr)
        _forget_output()
        sys.exit(1)


def _forget_output() -> None:
    """Lead what is still to be written to nowhere: Python tries once more when it ends, and would print a traceback."""
    with suppress(OSError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


signals.install()
output.guard()
try:
    run()
except signals.Interrupted as interrupted:
    with suppress(OSError):
        print("Interrupted.", file=sys.stderr)
        output.finish()
    os._exit(interrupted.number)  # threads that wait for an answer must not hold the process
