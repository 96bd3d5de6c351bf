"""The comment on Azure DevOps: the first of a thread, by the job's access token.

REST API 7.1: learn.microsoft.com/rest/api/azure/devops/git, Pull Request Threads and Pull Request Thread Comments.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

from mtasts.ci.api import Api, ApiError
from mtasts.ci.comment import Comment
from mtasts.ci.variables import ADDRESS, NUMBER, Variables

PROPERTY = "mta-sts-plan"
VERSION = "?api-version=7.1"
TRIED = 10  # threads that say they are ours

TEXT = 1  # the comment's type
# Where a branch policy asks for all comments to be resolved, active threads (1) and pending ones (6) block the merge.
# What a pipeline says is nobody's to resolve: its verdict is the job's own exit code.
CLOSED = 4

_STEP = "`env: SYSTEM_ACCESSTOKEN: $(System.AccessToken)`"
_ORIGIN = (
    f'Give the step {_STEP}, and the build service the right "Contribute to pull requests" on the repository, '
    "and run it in builds of a pull request alone. The agent sets all but the token."
)
_NO_TOKEN = f"The token is not accepted: give the step {_STEP}."
_NO_RIGHT = (
    'The token may not write here: give the build service the right "Contribute to pull requests" on the repository '
    "(Project settings, Repositories, Security)."
)
# Who is not signed in is shown a page to do so (203), or led to it (302).
_HINTS = {203: _NO_TOKEN, 302: _NO_TOKEN, 401: _NO_TOKEN, 403: _NO_RIGHT, 404: _NO_RIGHT}


class AzureDevOps:
    """The threads of the pull request that a build runs for."""

    limit = 150_000

    def __init__(self, variables: Variables, seconds: float) -> None:
        """Read the agent's variables. Raises WrongUseError."""
        token = variables.take_secret("SYSTEM_ACCESSTOKEN")
        collection = variables.take("SYSTEM_COLLECTIONURI", ADDRESS, "an address that begins with https://")
        project = variables.take("SYSTEM_TEAMPROJECTID", r"[\w-]+", "the id of a project")
        repository = variables.take("BUILD_REPOSITORY_ID", r"[\w-]+", "the id of a repository")
        self.number = variables.take("SYSTEM_PULLREQUEST_PULLREQUESTID", NUMBER, "the number of a pull request")
        variables.finish(_ORIGIN)
        address = (
            f"{collection.rstrip('/')}/{project}/_apis/git/repositories/{repository}/pullRequests/{self.number}/threads"
        )
        self._api = Api(address, token, {"Accept": "application/json"}, _HINTS, seconds)

    def ours(self) -> Iterator[Comment]:
        """Yield the comments that may be ours, oldest first. All threads come in one answer."""
        document, _ = self._api.ask("GET", VERSION)
        threads = document.get("value") if isinstance(document, dict) else None
        if not isinstance(threads, list):
            raise ApiError(f"GET {self._api.address}{VERSION}: the answer is not a list. Run the job again.")
        # By the property alone: a thread that has it is found even where the marker, an HTML comment, was dropped.
        yield from islice((found for thread in threads if (found := first_comment(thread))), TRIED)

    def edit(self, comment: Comment, text: str) -> bool:
        """Replace a comment's text; tell whether we may.

        A person can give a thread our property through the API. No one can edit what another wrote, so theirs is left.
        """
        try:
            self._api.ask("PATCH", comment.path, {"content": text})
        except ApiError as error:
            if error.status not in (400, 403, 404, 409):
                raise
            return False
        return True

    def create(self, text: str) -> None:
        """Write the comment for the first time, in a thread that has our property."""
        thread = {
            "comments": [{"parentCommentId": 0, "content": text, "commentType": TEXT}],
            "status": CLOSED,
            "properties": {PROPERTY: {"$type": "System.String", "$value": "1"}},
        }
        self._api.ask("POST", VERSION, thread)


def first_comment(thread: Any) -> Comment | None:
    """Return the first comment of a thread that has our property, None where either is missing or deleted."""
    if not isinstance(thread, dict) or thread.get("isDeleted") or type(thread.get("id")) is not int:
        return None
    comments, properties = thread.get("comments"), thread.get("properties")
    if not isinstance(comments, list) or not isinstance(properties, dict) or PROPERTY not in properties:
        return None
    return _comment(thread["id"], comments[0]) if comments else None


def _comment(thread: int, comment: Any) -> Comment | None:
    if not isinstance(comment, dict) or comment.get("isDeleted") or type(comment.get("id")) is not int:
        return None
    content = comment.get("content")
    return Comment(f"/{thread}/comments/{comment['id']}{VERSION}", content) if isinstance(content, str) else None
