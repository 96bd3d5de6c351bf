"""The comment on a pull request in Azure Repos: the first one of a thread, written with the job's access token.

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
CUT = "*This comment is cut off. The whole text is on the run's summary page.*"
PROPERTY = "mta-sts-plan"
VERSION = "?api-version=7.1"
LIMIT = 150_000  # of a comment, in UTF-16
BYTES = 5 * 1024 * 1024  # of an answer
TRIED = 10  # threads that have our property

TEXT = 1  # the comment's type
# If a branch policy requires resolved comments, active threads (1) and pending ones (6) block the merge. Nobody should
# have to resolve a pipeline's comment: its verdict is the job's exit code.
CLOSED = 4

# Over plain HTTP, anyone on the way could read the token. Only the tests use HTTP, with a server on this machine.
_ADDRESS = r"(https://[\w.-]+|http://(localhost|127\.0\.0\.1))(:\d{1,5})?(/[\w.~%-]+)*/?"
_FORMS = {
    "SYSTEM_ACCESSTOKEN": r"(?!\$\()[!-~]+",  # an unset variable remains the macro $(NAME)
    "SYSTEM_COLLECTIONURI": _ADDRESS,
    "SYSTEM_TEAMPROJECTID": r"[\w-]+",
    "BUILD_REPOSITORY_ID": r"[\w-]+",
    "SYSTEM_PULLREQUEST_PULLREQUESTID": r"[1-9]\d{0,9}",
}
_STEP = "`env: SYSTEM_ACCESSTOKEN: $(System.AccessToken)`"
_ORIGIN = f"Give the step {_STEP}, and run it only in pull request builds. The agent sets the other variables."
_NO_TOKEN = f"Azure DevOps does not accept the token. Give the step {_STEP}."
_NO_RIGHT = (
    'The token may not write here. Give the build service the permission "Contribute to pull requests" on the '
    "repository (Project settings, Repositories, Security)."
)
_AGAIN = "Run the job again."
# Without a valid token, Azure DevOps shows a sign-in page (203), or redirects to it (302).
_HINTS = {203: _NO_TOKEN, 302: _NO_TOKEN, 401: _NO_TOKEN, 403: _NO_RIGHT, 404: _NO_RIGHT}


class ApiError(UserError):
    """A call of the API failed. status: of its answer, 0 if there was none. The message never contains the token."""

    def __init__(self, message: str, status: int = 0) -> None:
        self.status = status
        super().__init__(message)


@dataclass(frozen=True)
class Threads:
    """The threads of the build's pull request. seconds: the timeout for connecting and for each read."""

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
            raise WrongUseError(f"Not set or not usable: {', '.join(wrong)}. {_ORIGIN}")
        token, collection, project, repository, number = values.values()
        path = f"{project}/_apis/git/repositories/{repository}/pullRequests/{number}/threads"
        return cls(f"{collection.rstrip('/')}/{path}", number, token, seconds)

    def keep(self, text: str) -> str:
        """Write our comment, or edit the first of ours if its text differs; return what was done."""
        wanted = body(text)
        for path, content in islice(self._ours(), TRIED):
            if content.replace("\r\n", "\n").rstrip() == wanted.rstrip():  # the service can change line ends
                return f"The comment on pull request {self.number} is already up to date."
            if self._edit(path, wanted):
                return f"Edited the comment on pull request {self.number}."
        self._create(wanted)
        return f"Added a comment to pull request {self.number}."

    def _ours(self) -> Iterator[tuple[str, str]]:
        """Yield path and text of the comments that can be ours, oldest first. One answer contains all threads."""
        document = self._ask("GET", VERSION)
        threads = document.get("value") if isinstance(document, dict) else None
        if not isinstance(threads, list):
            raise ApiError(f"GET {self.address}{VERSION}: the answer is not a list. {_AGAIN}")
        yield from filter(None, map(first_comment, threads))

    def _edit(self, path: str, text: str) -> bool:
        """Replace a comment's text; return whether that is allowed.

        Anyone can give a thread our property through the API, but nobody can edit another's comment: skip such a one.
        """
        try:
            self._ask("PATCH", path, {"content": text})
        except ApiError as error:
            if error.status not in (400, 403, 404, 409):
                raise
            return False
        return True

    def _create(self, text: str) -> None:
        """Write the comment in a new thread that has our property."""
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
            raise ApiError(f"{where} failed with status {status}{shown}. {_HINTS.get(status, _AGAIN)}", status)
        return said

    def _exchange(self, method: str, path: str, document: object) -> tuple[int, bytes]:
        """Return status and body, with retries if they can help. Follow no redirect, which would get the token."""
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
    """Return the text after the marker. Cut off the end of a text that is too long, and say so at its beginning."""
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
    # The property is enough: it remains even if the marker, an HTML comment, was removed.
    if not isinstance(comments, list) or not isinstance(properties, dict) or PROPERTY not in properties:
        return None
    first = comments[0] if comments else None
    if not isinstance(first, dict) or first.get("isDeleted") or type(first.get("id")) is not int:
        return None
    content = first.get("content")
    return (f"/{thread['id']}/comments/{first['id']}{VERSION}", content) if isinstance(content, str) else None


def _why(error: failed.HTTPError) -> str:
    """Return why an exchange failed, without the address and the token."""
    cause = error.reason if isinstance(error, failed.MaxRetryError) else error
    for kind, why in _FAILURES:
        if isinstance(cause, kind):
            return why
    return _BROKEN


_BROKEN = "the connection failed or was lost"
_FAILURES: tuple[tuple[type[Exception], str], ...] = (
    (failed.NameResolutionError, "the host name has no address"),
    (failed.NewConnectionError, _BROKEN),  # urllib3 counts it among the timeouts
    (failed.SSLError, "TLS failed, or the certificate is not trusted"),
    (failed.TimeoutError, "no answer came in time"),
)
