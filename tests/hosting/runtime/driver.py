"""Drive Microsoft's own Python runtime for Azure Functions against a built function folder.

Needs Python 3.13 and azure-functions-runtime: the part of the Functions host that imports function_app.py,
indexes its functions and calls them. On Azure, gRPC messages reach it from the .NET host. Here plain
namespaces take their place, because the runtime lets its caller choose the message classes.
"""

import asyncio
import base64
import contextlib
import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import azure_functions_runtime as runtime  # type: ignore[import-not-found, import-untyped, unused-ignore]


class Message(SimpleNamespace):
    """A protobuf message: its fields are its attributes."""

    def WhichOneof(self, _group: str) -> str | None:  # noqa: N802 - protobuf's name
        """Return which of a group of alternatives is set. Only `name` ever stands beside such a group."""
        return next((field for field in vars(self) if field != "name"), None)


class StatusResult(Message):
    """The runtime reads these numbers from the message class."""

    Failure, Success = 0, 1


class BindingInfo(Message):
    """The runtime compares the direction and type of each binding with these numbers."""

    undefined, out, inout = 0, 1, 2


PLAIN = [
    "FunctionLoadResponse",
    "FunctionMetadataResponse",
    "InvocationResponse",
    "ParameterBinding",
    "RpcException",
    "RpcFunctionMetadata",
    "RpcHttp",
    "TypedData",
    "WorkerInitResponse",
    "WorkerMetadata",
]
PROTOS = SimpleNamespace(StatusResult=StatusResult, BindingInfo=BindingInfo, **dict.fromkeys(PLAIN, Message))


class Function(NamedTuple):
    """A function as the runtime reports it to the host."""

    name: str
    route: str | None
    methods: list[str]
    auth_level: str


class Answer(NamedTuple):
    """What a function gave back. The .NET host would still drop the body of an answer to HEAD."""

    status: int
    headers: dict[str, str]
    body: bytes


class IndexingError(Exception):
    """The runtime could not import or index the app: on Azure it would have no functions at all."""


def envelope(kind: str, **fields: Any) -> Message:
    """Return a message of this kind, wrapped as the host sends it."""
    return Message(request=Message(**{kind: Message(**fields)}), properties={"protos": PROTOS, "host": ""})


def checked(response: Any) -> Any:
    """Return the response, unless the runtime reports a failure."""
    if response.result.status != StatusResult.Success:
        raise IndexingError(response.result.exception.message)
    return response


def http_trigger(metadata: Any) -> dict[str, Any]:
    """Return a function's HTTP trigger from the JSON texts that the runtime reports for its bindings."""
    bindings: list[dict[str, Any]] = [json.loads(text) for text in metadata.raw_bindings]
    return next(binding for binding in bindings if binding["type"] == "httpTrigger")


class Runtime:
    """The runtime with one function folder loaded."""

    def __init__(self, folder: Path) -> None:
        """Import and index the folder's function_app.py, as the host does when an app starts."""
        self.functions: list[Function] = []
        self._triggers: dict[str, tuple[str, str]] = {}
        self.loop = asyncio.new_event_loop()
        sys.path.insert(0, str(folder))
        sys.modules.pop("function_app", None)  # another folder's, when one process loads two
        runtime.start_threadpool_executor()
        self.loop.run_until_complete(self._load(folder))

    async def _load(self, folder: Path) -> None:
        """Send the requests that the host sends before it lets any traffic in."""
        init = envelope("worker_init_request", capabilities={}, function_app_directory=str(folder))
        checked(await runtime.worker_init_request(init))
        found = checked(await runtime.functions_metadata_request(envelope("functions_metadata_request")))
        for metadata in found.function_metadata_results or ():
            load = envelope("function_load_request", function_id=metadata.function_id)
            checked(await runtime.function_load_request(load))
            self._add(metadata)
        if not self.functions:
            raise IndexingError(f"no functions in {folder}")

    def _add(self, metadata: Any) -> None:
        """Remember a function and the name of the parameter that takes its request."""
        trigger = http_trigger(metadata)
        self._triggers[metadata.name] = metadata.function_id, trigger["name"]
        route, methods, auth_level = trigger.get("route"), trigger["methods"], trigger["authLevel"]
        self.functions.append(Function(metadata.name, route, methods, auth_level))

    def request(self, function_name: str, method: str, url: str, headers: dict[str, str]) -> Message:
        """Return the message for an HTTP request. The host sends header names in lower case."""
        function_id, parameter = self._triggers[function_name]
        lower = {name.lower(): value for name, value in headers.items()}
        body = Message(bytes=b"")
        http = Message(method=method, url=url, headers=lower, params={}, query={}, body=body)
        return envelope(
            "invocation_request",
            invocation_id="1",
            function_id=function_id,
            input_data=[Message(name=parameter, data=Message(http=http))],
            trigger_metadata={},
            trace_context=Message(trace_parent="", trace_state="", attributes={}),
            retry_context=Message(retry_count=0, max_retry_count=0, exception=None),
        )

    def invoke(self, function_name: str, method: str, url: str, headers: dict[str, str]) -> Answer:
        """Call a function. Routing is the .NET host's work, so the caller names the function."""
        request = self.request(function_name, method, url, headers)
        response = self.loop.run_until_complete(runtime.invocation_request(request))
        if response.result.status != StatusResult.Success:
            # The host answers 500 as well. The message in the body tells a failed test why.
            return Answer(500, {}, response.result.exception.message.encode())
        http = response.return_value.http
        fields = {name.lower(): value for name, value in http.headers.items()}
        return Answer(int(http.status_code), fields, http.body.bytes)


def json_ready(answer: Answer) -> dict[str, Any]:
    """Return an answer whose body JSON can hold."""
    return {**answer._asdict(), "body": base64.b64encode(answer.body).decode()}


def run(folder: Path, requests: list[dict[str, Any]]) -> dict[str, Any]:
    """Load the folder and answer the requests."""
    try:
        app = Runtime(folder)
    except IndexingError as error:
        return {"error": str(error)}
    answers = [app.invoke(r["function"], r["method"], r["url"], r["headers"]) for r in requests]
    functions = [function._asdict() for function in app.functions]
    return {"functions": functions, "answers": [json_ready(answer) for answer in answers]}


def main() -> int:
    """Answer the requests on stdin. Whatever the runtime or the app prints goes to stderr."""
    with contextlib.redirect_stdout(sys.stderr):
        result = run(Path(sys.argv[1]).resolve(), json.load(sys.stdin))
    print(json.dumps(result))
    return 1 if "error" in result else 0


if __name__ == "__main__":
    sys.exit(main())
