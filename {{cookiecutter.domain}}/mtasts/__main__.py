"""Run the toolkit: python -m mtasts VERB."""

import gc
import sys

gc.set_threshold(50_000)  # most of a run is importing, and imports leave no garbage to look for

try:
    from mtasts.cli import main

    main(prog_name="python -m mtasts")
except ModuleNotFoundError as missing:
    lock = "function/local.txt" if str(missing.name).startswith("azure") else "requirements.txt"
    print(f"{missing.name} is not installed. Run: python -m pip install -r {lock}", file=sys.stderr)
    sys.exit(2)
except OSError as error:  # the output cannot be written; what the verbs read and write, they report themselves
    print(f"The output could not be written: {error.strerror}", file=sys.stderr)
    sys.exit(1)
