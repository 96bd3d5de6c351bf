"""The comment on a pull request in Azure Repos: the first of a thread, by the job's access token.

REST API 7.1: learn.microsoft.com/rest/api/azure/devops/git, Pull Request Threads and Pull Request Thread Comments.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import urllib3
import urllib3.exceptions as failed

from mtasts.findings import UserError, WrongUseError, quote

MARKER = "<!-- mta-sts-plan -->"
CUT = "*The end of this comment is cut off. The whole text is on the summary page of the run.*"
PROPERTY = "mta-sts-plan"
VERSION = "?api-version=7.1"
LIMIT = 150_000  # of a comment, in UTF-16
BYTES = 5 * 1024 * 1024  # of an answer
TRIED = 10  # threads that say they are ours

TEXT = 1  # the comment's type
# Where a branch policy asks for all comments to be resolved, active threads (1) and pending ones (6) block the merge.
# What a pipeline says is nobody's to resolve: its verdict is the job's own exit code.
CLOSED = 4

# Over plain HTTP anyone on the way could read the token. This machine itself is where the tests have their server.
_ADDRESS = r"(https://[\w.-]+|http://(localhost|127\.0\.0\.1))(:\d{1,5})?(/[\w.~%-]+)*/?"
_FORMS = {
    "SYSTEM_ACCESSTOKEN": r"(?!\$\()[!-~]+",  # a macro that is left as it was, $(NAME), is none
    "SYSTEM_COLLECTIONURI": _ADDRESS,
    "SYSTEM_TEAMPROJECTID": r"[\w-]+",
    "BUILD_REPOSITORY_ID": r"[\w-]+",
    "SYSTEM_PULLREQUEST_PULLREQUESTID": r"[1-9]\d{0,9}",
}
_STEP = "`env: SYSTEM_ACCESSTOKEN: $(System.AccessToken)`"
_ORIGIN = f"Give the step {_STEP}, and run it in builds of a pull request alone. The agent sets all but the token."
_NO_TOKEN = f"The token is not accepted. Give the step {_STEP}."
_NO_RIGHT = (
    'The token may not write here. Give the build service the right "Contribute to pull requests" on the repository '
    "(Project settings, Repositories, Security)."
)
_AGAIN = "Run the job again."
# Who is not signed in is shown a page to do so (203), or led to it (302).
_HINTS = {203: _NO_TOKEN, 302: _NO_TOKEN, 401: _NO_TOKEN, 403: _NO_RIGHT, 404: _NO_RIGHT}


class ApiError(UserError):
    """The API did not do what was asked. status: of its answer, 0 without one. The message holds no token."""

    def __init__(self, message: str, status: int = 0) -> None:
        self.status = status
        super().__init__(message)


@dataclass(frozen=True)
class Threads:
    """The threads of the pull request that a build runs for. seconds: for connecting, and for each wait for octets."""

    address: str
    number: str
    token: str = field(repr=False)
    seconds: float = 30.0

    @classmethod
    def of(cls, environment: Mapping[str, str], seconds: float = 30.0) -> Threads:
        """Read the agent's variables. Raises WrongUseError."""
        values = {name: environment.get(name, "") for name in _FORMS}
        wrong = [name for name, form in _FORMS.items() if not re.fullmatch(form, values[name], re.ASCII)]
        if wrong:
            raise WrongUseError(f"Not set, or not usable: {', '.join(wrong)}. {_ORIGIN}")
        token, collection, project, repository, number = values.values()
        path = f"{project}/_apis/git/repositories/{repository}/pullRequests/{number}/threads"
        return cls(f"{collection.rstrip('/')}/{path}", number, token, seconds)

    def keep(self, text: str) -> str:
        """Write our comment, or edit the first of ours if it says something else; return what was done."""
        wanted = body(text)
        for path, content in islice(self._ours(), TRIED):
            if content.replace("\r\n", "\n").rstrip() == wanted.rstrip():  # the service may change line ends
                return f"The comment on pull request {self.number} says so already."
            if self._edit(path, wanted):
                return f"The comment on pull request {self.number} is edited."
        self._create(wanted)
        return f"A comment on pull request {self.number} is written."

    def _ours(self) -> Iterator[tuple[str, str]]:
        """Yield path and text of the comments that may be ours, oldest first. All threads come in one answer."""
        document = self._ask("GET", VERSION)
        threads = document.get("value") if isinstance(document, dict) else None
        if not isinstance(threads, list):
            raise ApiError(f"GET {self.address}{VERSION}: the answer is not a list. {_AGAIN}")
        yield from filter(None, map(first_comment, threads))

    def _edit(self, path: str, text: str) -> bool:
        """Replace a comment's text; tell whether we may.

        A person can give a thread our property through the API. No one can edit what another wrote, so theirs is left.
        """
        try:
            self._ask("PATCH", path, {"content": text})
        except ApiError as error:
            if error.status not in (400, 403, 404, 409):
                raise
            return False
        return True

    def _create(self, text: str) -> None:
        """Write the comment for the first time, in a thread that has our property."""
        thread = {
            "comments": [{"parentCommentId": 0, "content": text, "commentType": TEXT}],
            "status": CLOSED,
            "properties": {PROPERTY: {"$type": "System.String", "$value": "1"}},
        }
        self._ask("POST", VERSION, thread)

    def _ask(self, method: str, path: str, document: object = None) -> Any:
        """Return the JSON of an answer. Raises ApiError."""
        where = f"{method} {self.address}{path}"
        try:
            status, answer = self._exchange(method, path, document)
        except failed.HTTPError as error:
            raise ApiError(f"{where}: {_why(error)}. {_AGAIN}") from None
        if len(answer) > BYTES:
            raise ApiError(f"{where}: the answer is larger than {BYTES // 1024 // 1024} MiB. {_AGAIN}")
        try:
            said = json.loads(answer)
        except (ValueError, RecursionError):
            said = None
        if status not in (200, 201):
            message = said.get("message") if isinstance(said, dict) else None
            shown = f" ({quote(str(message).replace(self.token, '***'), 200)})" if message else ""
            raise ApiError(f"{where} is answered with {status}{shown}. {_HINTS.get(status, _AGAIN)}", status)
        return said

    def _exchange(self, method: str, path: str, document: object) -> tuple[int, bytes]:
        """Return status and body, asked for again after a moment if that may help. A redirect would take the token."""
        again = urllib3.Retry(
            2,
            status_forcelist=(429, 500, 502, 503, 504),
            allowed_methods=None,
            backoff_factor=1,
            raise_on_status=False,
            respect_retry_after_header=False,
        )
        headers = {"Accept": "application/json", "Authorization": f"Bearer {self.token}"}
        if document is not None:
            headers["Content-Type"] = "application/json"
        with urllib3.PoolManager(timeout=self.seconds, retries=again) as pool:
            answer = pool.request(
                method,
                f"{self.address}{path}",
                body=None if document is None else json.dumps(document),
                headers=headers,
                redirect=False,
                preload_content=False,
            )
            return answer.status, answer.read(BYTES + 1)


def body(text: str) -> str:
    """Return the text under the marker. Of one that is too long, the beginning says so, and the end is cut off."""
    whole = f"{MARKER}\n{text}".encode("utf-16-le", "surrogatepass")
    if len(whole) <= 2 * LIMIT:
        return f"{MARKER}\n{text}"
    head = f"{MARKER}\n{CUT}\n\n"
    return head + text.encode("utf-16-le", "surrogatepass")[: 2 * (LIMIT - len(head))].decode("utf-16-le", "ignore")


def first_comment(thread: Any) -> tuple[str, str] | None:
    """Return path and text of the first comment of a thread that has our property, None if either is missing."""
    if not isinstance(thread, dict) or thread.get("isDeleted") or type(thread.get("id")) is not int:
        return None
    comments, properties = thread.get("comments"), thread.get("properties")
    # By the property alone: a thread that has it is found even if the marker, an HTML comment, was dropped.
    if not isinstance(comments, list) or not isinstance(properties, dict) or PROPERTY not in properties:
        return None
    first = comments[0] if comments else None
    if not isinstance(first, dict) or first.get("isDeleted") or type(first.get("id")) is not int:
        return None
    content = first.get("content")
    return (f"/{thread['id']}/comments/{first['id']}{VERSION}", content) if isinstance(content, str) else None


def _why(error: failed.HTTPError) -> str:
    """Return what stopped an exchange, without the address and its token."""
    cause = error.reason if isinstance(error, failed.MaxRetryError) else error
    for kind, why in _FAILURES:
        if isinstance(cause, kind):
            return why
    return _BROKEN


_BROKEN = "there is no connection, or it breaks off"
_FAILURES: tuple[tuple[type[Exception], str], ...] = (
    (failed.NameResolutionError, "the name has no address"),
    (failed.NewConnectionError, _BROKEN),  # urllib3 counts it among the timeouts
    (failed.SSLError, "TLS fails, or the certificate is not trusted"),
    (failed.TimeoutError, "there is no answer in time"),
)
