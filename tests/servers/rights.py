"""Azure's rights, as far as the pipelines meet them: who was given which actions, and which action a call needs.

A call's action follows from its method and path, as Azure names them: PUT …/Microsoft.Web/sites/NAME/config/web is
`Microsoft.Web/sites/config/write`. What does not follow from that stands in deployments.py, with its source.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

_VERBS = {"GET": "read", "HEAD": "read", "PUT": "write", "PATCH": "write", "DELETE": "delete"}
_NAMES_THAT_ARE_TYPES = ("ftp", "scm")  # of basicPublishingCredentialsPolicies
_IN_CONTAINER = re.compile(r"containers:name\] StringEquals(?:IgnoreCase)? '([^']+)'")


@dataclass(frozen=True)
class Grant:
    """A role that an identity has at a scope. data: its data actions. condition: what its assignment adds."""

    identity: str
    role: str
    scope: str
    actions: tuple[str, ...]
    data: tuple[str, ...] = ()
    condition: str = ""

    def without(self, action: str) -> Grant:
        """Return it without an action."""
        kept, data = ([each for each in found if each != action] for found in (self.actions, self.data))
        return replace(self, actions=tuple(kept), data=tuple(data))

    def allows(self, need: Need) -> bool:
        """Tell whether it lets its identity do this."""
        actions = self.data if need.data else self.actions
        return (
            self.identity == need.identity
            and within(need.scope, self.scope)
            and any(covers(each, need.action) for each in actions)
            and self._holds(need)
        )

    def _holds(self, need: Need) -> bool:
        if not (self.condition and need.data):  # it is of data actions: see granted.py
            return True
        (container,) = _IN_CONTAINER.findall(self.condition)
        return need.scope.lower().endswith(f"/containers/{container}".lower())


@dataclass(frozen=True)
class Need:
    """What a call needs: an action at a scope. data: an action of the data plane."""

    identity: str
    action: str
    scope: str
    data: bool = False


def covers(pattern: str, action: str) -> bool:
    """Tell whether a role's action means this one. Its `*` stands for anything, and case is nothing."""
    form = ".*".join(map(re.escape, pattern.split("*")))
    return bool(re.fullmatch(form, action, re.IGNORECASE))


def within(scope: str, outer: str) -> bool:
    """Tell whether a scope is another, or lies in it."""
    return f"{scope}/".lower().startswith(f"{outer.rstrip('/')}/".lower())


def allowed(grants: Iterable[Grant], need: Need) -> bool:
    """Tell whether any role allows it. Roles add up."""
    return any(grant.allows(need) for grant in grants)


def action_of(method: str, parts: tuple[str, ...]) -> tuple[str, str]:
    """Return the action and the scope of a call of the resource manager, from its path in parts."""
    at = max((index for index, part in enumerate(parts) if part.lower() == "providers"), default=len(parts))
    outer, (provider, *rest) = parts[:at], parts[at + 1 :] or ("Microsoft.Resources/subscriptions/resourceGroups",)
    types, names = rest[::2], rest[1::2]
    verb = _VERBS.get(method, "action")
    if method == "POST":  # what is to be done stands last
        verb = f"{types.pop()}/{verb}"
    elif len(types) > len(names):  # a list is a right at what holds it
        rest = rest[:-1]
    types += [name for name in names if name.lower() in _NAMES_THAT_ARE_TYPES]
    scope = [*outer, "providers", provider, *rest[: 2 * len(names)]] if names else outer
    return "/".join([provider, *types, verb]), f"/{'/'.join(scope)}"
