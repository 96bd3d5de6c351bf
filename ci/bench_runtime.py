"""Compare our function app with one that returns a constant, through Microsoft's own Python runtime.

Run it with a Python 3.13 that has azure-functions-runtime: bench_runtime.py PACKAGE, the folder build/function of a
build with that Python. It prints one JSON object. A ratio of 1 means that choosing the policy by host name, the
security headers and the page for people cost nothing. The package is also imported as it is shipped, beside a copy of
it without bytecode.
"""

import asyncio
import gc
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median

import azure_functions_runtime as runtime  # type: ignore[import-not-found, import-untyped, unused-ignore]

ROOT = Path(__file__).resolve().parent.parent
FUNCTION = ROOT / "{{cookiecutter.domain}}" / "function"
DRIVER = ROOT / "tests" / "hosting" / "runtime"  # no package, so its path comes before its import
sys.path.insert(0, str(DRIVER))

import driver  # noqa: E402

INVOKING_ROUNDS = 40
INVOCATIONS_PER_ROUND = 250
STARTING_ROUNDS = 15

POLICY = "version: STSv1\r\nmode: enforce\r\nmx: mx1.example.com\r\nmx: mx2.example.com\r\nmax_age: 86400\r\n"
CONSTANT_APP = f"""import azure.functions as func

CONSTANT = {POLICY!r}

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)


@app.route(route=".well-known/mta-sts.txt", methods=["GET", "HEAD"])
def constant(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(CONSTANT)
"""
# The runtime calls `async def` in its own thread, which is far quicker. So the constant comes in both forms.
ASYNC_APP = CONSTANT_APP.replace("def constant", "async def constant_async")
# Starting Python and importing the runtime cost the same for every app: the clock starts after them.
INDEXING = """
import sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import driver
start = time.perf_counter()
driver.Runtime(Path(sys.argv[2]))
print(time.perf_counter() - start)
"""
# The host's process has loaded the runtime, and with it much of the standard library, before it imports the app.
IMPORTING = """
import sys, time
sys.path.insert(0, sys.argv[1])
import driver
sys.path[:0] = [sys.argv[2], sys.argv[2] + "/.python_packages/lib/site-packages"]
start = time.process_time()
import function_app
print(time.process_time() - start)
"""


def make_ours(folder: Path) -> Path:
    """Build our function folder with two domains."""
    shutil.copytree(FUNCTION, folder, ignore=shutil.ignore_patterns("__pycache__"))
    built = {"hostname": None, "policies": {"example.com": POLICY, "example.net": POLICY}}
    (folder / "policies.json").write_text(json.dumps(built))
    (folder / "index.html").write_text("<!doctype html>\n")
    return folder


def make_constant(folder: Path, text: str) -> Path:
    """Write the least function app that serves the same text."""
    folder.mkdir()
    (folder / "function_app.py").write_text(text)
    return folder


def request_for(app: driver.Runtime, function: str) -> driver.Message:
    """Return a sender's request, after a look at the answer: an error would be fast too."""
    url = "https://mta-sts.example.net/.well-known/mta-sts.txt"
    headers = {"Host": "mta-sts.example.net", "Accept": "*/*", "User-Agent": "bench"}
    answer = app.invoke(function, "GET", url, headers)
    if (answer.status, answer.body) != (200, POLICY.encode()):
        raise SystemExit(f"{function} does not serve the policy: {answer}")
    return app.request(function, "GET", url, headers)


def in_turns(rounds: int, measures: list[Callable[[], float]]) -> list[float]:
    """Return each measure's median. They take turns, so that the machine's moods meet all alike."""
    times: list[list[float]] = [[] for _ in measures]
    for turn in range(rounds):
        for offset in range(len(measures)):
            which = (turn + offset) % len(measures)
            times[which].append(measures[which]())
    return [median(seconds) for seconds in times]


def invoke_round(loop: asyncio.AbstractEventLoop, request: driver.Message) -> float:
    """Return the seconds that one invocation takes, as the mean of a round."""

    async def invoke_all() -> None:
        for _ in range(INVOCATIONS_PER_ROUND):
            await runtime.invocation_request(request)

    start = time.perf_counter()
    loop.run_until_complete(invoke_all())
    return (time.perf_counter() - start) / INVOCATIONS_PER_ROUND


def invocation_medians(apps: list[tuple[Path, str]]) -> list[float]:
    """Return the seconds that an invocation of each app takes, all in this one process."""
    runtimes = [driver.Runtime(folder) for folder, _ in apps]
    loop = runtimes[0].loop
    requests = [request_for(app, function) for app, (_, function) in zip(runtimes, apps, strict=True)]
    gc.collect()
    gc.freeze()
    return in_turns(INVOKING_ROUNDS, [partial(invoke_round, loop, request) for request in requests])


def start_once(program: str, folder: Path) -> float:
    """Return the seconds that a program measures in a fresh interpreter."""
    command = [sys.executable, "-c", program, str(DRIVER), str(folder)]
    # A package that is mounted read-only keeps no bytecode: each cold start compiles function_app.py again.
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    return float(done.stdout)


def starting_medians(program: str, folders: list[Path]) -> list[float]:
    """Return what a program measures for each app, once the disk cache is warm."""
    for folder in folders:
        start_once(program, folder)
    return in_turns(STARTING_ROUNDS, [partial(start_once, program, folder) for folder in folders])


def summary(invoking: list[float], indexing: list[float], importing: list[float]) -> dict[str, float]:
    """Return the ratios, rounded, and the medians that they come from."""
    shipped, bare = (seconds * 1e3 for seconds in importing)
    ours, plain, quick = (seconds * 1e6 for seconds in invoking)
    ours_start, plain_start = (seconds * 1e3 for seconds in indexing)
    figures = {
        "invocation_ratio": ours / plain,
        "invocation_ratio_to_async": ours / quick,
        "indexing_ratio": ours_start / plain_start,
        "invocation_ours_us": ours,
        "invocation_constant_us": plain,
        "invocation_constant_async_us": quick,
        "indexing_ours_ms": ours_start,
        "indexing_constant_ms": plain_start,
        "bytecode_ratio": shipped / bare,
        "import_shipped_ms": shipped,
        "import_bare_ms": bare,
    }
    return {name: round(value, 3) for name, value in figures.items()}


def main() -> None:
    """Measure all costs and print them."""
    shipped = Path(sys.argv[1])
    with tempfile.TemporaryDirectory() as name:
        ours = make_ours(Path(name, "ours"))
        plain = make_constant(Path(name, "constant"), CONSTANT_APP)
        quick = make_constant(Path(name, "constant_async"), ASYNC_APP)
        bare = Path(shutil.copytree(shipped, Path(name, "bare"), ignore=shutil.ignore_patterns("__pycache__")))
        indexing = starting_medians(INDEXING, [ours, plain])
        importing = starting_medians(IMPORTING, [shipped, bare])
        invoking = invocation_medians([(ours, "policy"), (plain, "constant"), (quick, "constant_async")])
    print(json.dumps(summary(invoking, indexing, importing), indent=2))


if __name__ == "__main__":
    main()
