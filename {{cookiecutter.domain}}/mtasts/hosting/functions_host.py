"""A local stand-in for the host of Azure Functions, around the real function_app.py.

It routes as the host does: any case, a trailing slash or none, 404 for a wrong method, no body for HEAD.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Iterable, Mapping
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any

from werkzeug.wrappers import Request, Response

from mtasts.hosting.serve import LOOPBACK


class FunctionsHost:
    """The HTTP side of the Azure Functions host around the app in a folder."""

    def __init__(self, folder: Path, name: str) -> None:
        """Load the app. name: its own host name, as Azure sets it in WEBSITE_HOSTNAME."""
        os.environ["WEBSITE_HOSTNAME"] = self.name = name
        http = json.loads((folder / "host.json").read_text(encoding="utf-8")).get("extensions", {}).get("http", {})
        self.headers: Mapping[str, str] = http.get("customHeaders", {})
        prefix = http.get("routePrefix", "api")
        self.routes = {_path(f"{prefix}/{route}"): found for route, found in _functions(folder)}

    def __call__(self, request: Request) -> Response:
        """Answer as the host would."""
        methods, function = self.routes.get(_path(request.path), ((), None))
        if function is None or request.method not in methods:
            return Response(status=404)
        return self._answer(request, function)

    def _answer(self, request: Request, function: Callable[[Any], Any]) -> Response:
        import azure.functions as func

        headers = {name.lower(): value for name, value in request.headers.items()}
        # Azure hands the app its own names alone, and here the loopback ones stand for the default name.
        if request.host.rpartition(":")[0] in LOOPBACK or request.host in LOOPBACK:
            headers["host"] = self.name
        call = func.HttpRequest(request.method, request.url, headers=headers, body=request.get_data())
        answer = asyncio.run(function(call))
        response = Response(answer.get_body(), answer.status_code, content_type=_content_type(answer))
        response.headers.update(answer.headers)
        for name, value in self.headers.items():
            response.headers.setdefault(name, value)
        return response


def _functions(folder: Path) -> Iterable[tuple[str, tuple[tuple[str, ...], Callable[[Any], Any]]]]:
    loader = SourceFileLoader("function_app", str(folder / "function_app.py"))
    module = ModuleType(loader.name)
    module.__file__ = loader.path
    loader.exec_module(module)
    for function in module.app.get_functions():
        trigger = function.get_trigger().get_dict_repr()
        yield trigger["route"], (tuple(str(m.value) for m in trigger["methods"]), function.get_user_function())


def _path(text: str) -> str:
    return text.strip("/").lower()


def _content_type(answer: Any) -> str:
    """Return the type as the Functions worker puts it: with the charset for text."""
    charset = f"; charset={answer.charset}" if answer.mimetype.startswith("text/") else ""
    return f"{answer.mimetype}{charset}"
