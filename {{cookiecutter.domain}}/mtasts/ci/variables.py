"""The environment of a pipeline's step, as far as a comment needs it. What is wrong with it is said all at once."""

from __future__ import annotations

import re
from collections.abc import Mapping

from mtasts.findings import WrongUseError, quote
from mtasts.system import credentials

# Over plain HTTP anyone on the way could read the token. This machine itself is where the tests have their servers.
ADDRESS = r"(https://[\w.-]+|http://(localhost|127\.0\.0\.1))(:\d{1,5})?(/[\w.~%-]+)*/?"
NUMBER = r"[1-9]\d{0,9}"


class Variables:
    """The variables of an environment, taken one by one."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._wrong: list[str] = []

    def get(self, name: str) -> str:
        """Return a variable's value. It is empty where Azure Pipelines left the macro, `$(NAME)`, as it was."""
        value = self._environment.get(name, "").strip()
        return "" if value.startswith("$(") and value.endswith(")") else value

    def take(self, name: str, pattern: str, form: str) -> str:
        """Return a variable's value, or note what is wrong with it."""
        value = self.get(name)
        if not re.fullmatch(pattern, value, re.ASCII):
            self._wrong.append(f"{name} is {quote(value)}, not {form}" if value else f"{name} is not set")
        return value

    def take_secret(self, name: str) -> str:
        """Return a token, or note what is wrong with it. No message shows it."""
        value = self.get(name)
        if value and (wrong := credentials.fault(self._environment[name])):  # as it is, and not as `get` trims it
            self._wrong.append(f"{name} is not a token. It {wrong}: store it again without")
        elif not re.fullmatch("[!-~]+", value):
            self._wrong.append(f"{name} is not a token" if value else f"{name} is not set")
        return value

    def finish(self, origin: str) -> None:
        """Raise WrongUseError with all that is wrong. origin: where the variables come from, a sentence."""
        if self._wrong:
            raise WrongUseError(f"{'; '.join(self._wrong)}. {origin}")
