"""Run the toolkit: python -m mtasts VERB inside the repository, or python PATH/mtasts VERB from elsewhere."""

import gc
import os
import sys
from contextlib import suppress

if not __package__:  # run by its path: Python then looks for modules in this folder, not in the repository
    sys.path[0] = os.path.dirname(os.path.abspath(sys.path[0]))  # noqa: PTH100, PTH120 - pathlib is slow to import

gc.set_threshold(50_000)  # most of a run is imports, which leave no garbage

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
                f"This repository has no module {missing.name}: the template left it out, because your answers do not "
                "need it. To change an answer, use: cruft update --variables-to-update",
                file=sys.stderr,
            )
            sys.exit(wrong_use(sys.argv))
        lock = "function/local.txt" if str(missing.name).startswith("azure") else "requirements.txt"
        print(f"{missing.name} is not installed. Run: python -m pip install -r {lock}", file=sys.stderr)
        sys.exit(wrong_use(sys.argv))
    except OSError as error:  # while writing the output: the verbs report errors in other files themselves
        print(f"The output could not be written: {error.strerror}.", file=sys.stderr)
        _forget_output()
        sys.exit(1)


def _forget_output() -> None:
    """Discard the rest of the output: Python tries to write it again at exit, and would print a traceback."""
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
    os._exit(interrupted.number)  # do not wait for threads that are still waiting for an answer
