"""The comment on GitHub: an issue comment, by the workflow's own token.

REST API: docs.github.com/rest/issues/comments. Every pull request is an issue there.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mtasts.ci.api import Api, ApiError
from mtasts.ci.comment import Comment, is_marked
from mtasts.ci.variables import ADDRESS, NUMBER, Variables

AUTHOR = "github-actions[bot]"  # whom each workflow's token writes as; no person's name has brackets
PAGES = 30  # of 100 comments: an issue takes no more than 2,500

_STEP = "`env: GITHUB_TOKEN: ${{ github.token }}`"
_RIGHT = "`permissions: pull-requests: write`"
_ORIGIN = (
    f"Give the step {_STEP} and its job {_RIGHT}, and run it for pull_request alone: "
    "GITHUB_REF is refs/pull/NUMBER/merge then. The runner sets all but the token."
)
_READ_ONLY = (
    f"The token may not write here: give the job {_RIGHT}, and leave this step out for pull requests "
    "from a fork and by Dependabot, whose token can only read."
)
_HINTS = {
    401: f"The token is not accepted: give the step {_STEP}.",
    403: _READ_ONLY,
    404: _READ_ONLY,
}


class GitHub:
    """The comments of the pull request that a workflow runs for."""

    limit = 65_536

    def __init__(self, variables: Variables, seconds: float) -> None:
        """Read the runner's variables. Raises WrongUseError."""
        token = variables.take_secret("GITHUB_TOKEN")
        address = variables.take("GITHUB_API_URL", ADDRESS, "an address that begins with https://")
        repository = variables.take("GITHUB_REPOSITORY", r"[\w.-]+/[\w.-]+", "OWNER/NAME")
        ref = variables.take("GITHUB_REF", rf"refs/pull/{NUMBER}/(merge|head)", "that of a pull request")
        variables.finish(_ORIGIN)
        self.number = ref.split("/")[2]
        accept = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
        self._api = Api(f"{address.rstrip('/')}/repos/{repository}/issues", token, accept, _HINTS, seconds)

    def ours(self) -> Iterator[Comment]:
        """Yield our comments, oldest first, page by page: a page is fetched when it is needed."""
        for number in range(1, PAGES + 1):
            path = f"/{self.number}/comments?per_page=100&page={number}"
            page, headers = self._api.ask("GET", path)
            if not isinstance(page, list):
                raise ApiError(f"GET {self._api.address}{path}: the answer is not a list. Run the job again.")
            yield from map(_comment, filter(is_ours, page))
            if 'rel="next"' not in headers.get("link", ""):
                return

    def edit(self, comment: Comment, text: str) -> bool:
        """Replace a comment's text; tell whether it was still there."""
        try:
            self._api.ask("PATCH", comment.path, {"body": text})
        except ApiError as error:
            if error.status != 404:
                raise
            return False
        return True

    def create(self, text: str) -> None:
        """Write the comment for the first time."""
        self._api.ask("POST", f"/{self.number}/comments", {"body": text})


def is_ours(item: Any) -> bool:
    """Tell whether a comment is by the pipeline and marked: anyone can paste the marker, no one the author."""
    if not isinstance(item, dict) or type(item.get("id")) is not int or not isinstance(item.get("body"), str):
        return False
    user = item.get("user")
    return isinstance(user, dict) and user.get("login") == AUTHOR and is_marked(item["body"])


def _comment(item: dict[str, Any]) -> Comment:
    return Comment(f"/comments/{item['id']}", item["body"])
