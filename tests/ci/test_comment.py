"""comment: one comment on the pull request. Both APIs are real HTTP servers, and what they are asked is literal."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from conftest import TEMPLATE, verb
from mtasts.ci.api import Answer, ApiError, pause
from mtasts.ci.comment import body, length, shortened
from mtasts.ci.pipeline import comment
from mtasts.findings import WrongUseError
from servers.loopback import Connection, Listener, Loopback, Talk
from servers.tls import Authority

MARKED = "<!-- mta-sts-plan -->\n"
REST = "*This comment is cut here. The whole text is on the summary page of the pipeline's run.*"
TOKEN = "ghs_0123456789abcdefghijABCDEFGHIJ012345"
COMMENTS = "/api/v3/repos/example/mta-sts/issues/12/comments"
THREADS = (
    "/fabrikam/8d1f2a3b-0000-4000-8000-1b2c3d4e5f60/_apis/git/repositories"
    "/3411ebc1-d5aa-464f-9615-0b527bc66719/pullRequests/22/threads"
)
Environment = dict[str, str]


def on_github(address: str) -> Environment:
    """Return what a runner sets in a step for a pull request."""
    return {
        "GITHUB_ACTIONS": "true",
        "GITHUB_TOKEN": TOKEN,
        "GITHUB_API_URL": f"{address}/api/v3",
        "GITHUB_REPOSITORY": "example/mta-sts",
        "GITHUB_REF": "refs/pull/12/merge",
    }


def on_azure_devops(address: str) -> Environment:
    """Return what an agent sets in a step for a pull request."""
    return {
        "TF_BUILD": "True",
        "SYSTEM_ACCESSTOKEN": TOKEN,
        "SYSTEM_COLLECTIONURI": f"{address}/fabrikam/",
        "SYSTEM_TEAMPROJECTID": "8d1f2a3b-0000-4000-8000-1b2c3d4e5f60",
        "BUILD_REPOSITORY_ID": "3411ebc1-d5aa-464f-9615-0b527bc66719",
        "BUILD_REPOSITORY_PROVIDER": "TfsGit",
        "SYSTEM_PULLREQUEST_PULLREQUESTID": "22",
    }


@pytest.fixture
def github(httpserver: HTTPServer) -> Environment:
    """The environment on GitHub, with the test's server as its API."""
    return on_github(httpserver.url_for("").rstrip("/"))


@pytest.fixture
def azure_devops(httpserver: HTTPServer) -> Environment:
    """The environment on Azure DevOps, with the test's server as its API."""
    return on_azure_devops(httpserver.url_for("").rstrip("/"))


@pytest.fixture
def hostile() -> Iterator[Any]:
    """Start servers at 127.0.0.1 that talk as a test says, and return their addresses."""
    listeners: list[Listener] = []

    def started(talk: Talk) -> str:
        port = Loopback().https_port
        listeners.append(Listener("127.0.0.1", port, talk))
        return f"http://127.0.0.1:{port}"

    yield started
    for listener in listeners:
        listener.__exit__()


def asked(server: HTTPServer) -> list[tuple[str, str, Any]]:
    """Return each request: method, path with query, and the JSON that was sent. Requests nobody expected fail."""
    server.check()
    return [
        (request.method, request.full_path.rstrip("?"), json.loads(request.data) if request.data else None)
        for request, _ in server.log
    ]


def issue_comment(number: int, text: str, login: str | None = "github-actions[bot]") -> dict[str, Any]:
    """Return a comment as GitHub lists it. The user is null where the account is gone."""
    return {"id": number, "body": text, "user": {"login": login, "type": "Bot"} if login else None}


def thread(number: int, text: str | None, ours: bool = True, **fields: Any) -> dict[str, Any]:
    """Return a thread as Azure DevOps lists it."""
    name = "mta-sts-plan" if ours else "Microsoft.TeamFoundation.Discussion.UniqueID"
    properties = {name: {"$type": "System.String", "$value": "1"}}
    first = {"id": 1, "parentCommentId": 0, "content": text, "commentType": "text"}
    return {"id": number, "comments": [first], "status": "closed", "properties": properties, **fields}


# --- GitHub ---------------------------------------------------------------------------------------------------------


def test_github_gets_a_first_comment(httpserver: HTTPServer, github: Environment) -> None:
    """In the form of "List issue comments" and "Create an issue comment"."""
    httpserver.expect_request(COMMENTS, "GET").respond_with_json([])
    httpserver.expect_request(COMMENTS, "POST").respond_with_json({"id": 1}, 201)
    assert comment(github, "**no findings**\n") == "A comment on pull request 12 is written."
    assert asked(httpserver) == [
        ("GET", f"{COMMENTS}?per_page=100&page=1", None),
        ("POST", COMMENTS, {"body": f"{MARKED}**no findings**\n"}),
    ]
    sent = httpserver.log[1][0].headers
    assert sent["Authorization"] == f"Bearer {TOKEN}"
    assert sent["Accept"] == "application/vnd.github+json"
    assert sent["X-GitHub-Api-Version"] == "2022-11-28"
    assert sent["User-Agent"] == "mtasts"  # GitHub answers 403 without one
    assert sent["Content-Type"] == "application/json"


def test_github_comment_is_edited_in_place(httpserver: HTTPServer, github: Environment) -> None:
    """A second push must not make a second comment, however long the discussion. Pages go by number, not by a link."""
    people = [issue_comment(number, "Looks good", "octocat") for number in range(100)]
    elsewhere = {"Link": '<http://127.0.0.1:9/steal?page=2>; rel="next", <http://127.0.0.1:9/>; rel="last"'}
    httpserver.expect_request(COMMENTS, "GET", query_string="per_page=100&page=1").respond_with_json(
        people, headers=elsewhere
    )
    httpserver.expect_request(COMMENTS, "GET", query_string="per_page=100&page=2").respond_with_json(
        [issue_comment(1001, f"{MARKED}old"), issue_comment(1002, f"{MARKED}older race")]
    )
    httpserver.expect_request(re.compile(".*/comments/1001"), "PATCH").respond_with_json({})
    assert comment(github, "new") == "The comment on pull request 12 is edited."
    assert asked(httpserver) == [
        ("GET", f"{COMMENTS}?per_page=100&page=1", None),
        ("GET", f"{COMMENTS}?per_page=100&page=2", None),
        ("PATCH", "/api/v3/repos/example/mta-sts/issues/comments/1001", {"body": f"{MARKED}new"}),
    ]


def test_github_comment_that_says_so_already_is_left(httpserver: HTTPServer, github: Environment) -> None:
    """No edit, so nobody is shown one. GitHub may answer with other line ends."""
    httpserver.expect_request(COMMENTS, "GET").respond_with_json([issue_comment(7, "<!-- mta-sts-plan -->\r\na\r\nb")])
    assert comment(github, "a\nb\n") == "The comment on pull request 12 says so already."
    assert len(asked(httpserver)) == 1


@pytest.mark.parametrize(
    "theirs",
    [
        issue_comment(5, f"{MARKED}pasted", "mallory"),
        issue_comment(5, f"{MARKED}by an account that is gone", None),
        issue_comment(5, f"Another bot's report\n{MARKED}"),
        {"id": True, "body": MARKED, "user": {"login": "github-actions[bot]"}},
        {"id": "../../../pulls/12", "body": MARKED, "user": {"login": "github-actions[bot]"}},
        {"id": 5, "body": None, "user": {"login": "github-actions[bot]"}},
        "not a comment",
        None,
    ],
)
def test_github_comments_of_others_are_left_alone(httpserver: HTTPServer, github: Environment, theirs: Any) -> None:
    """A stranger who pastes the marker gets nothing overwritten, and does not stop ours."""
    httpserver.expect_request(COMMENTS, "GET").respond_with_json([theirs])
    httpserver.expect_request(COMMENTS, "POST").respond_with_json({}, 201)
    assert comment(github, "text") == "A comment on pull request 12 is written."
    assert [method for method, *_ in asked(httpserver)] == ["GET", "POST"]


def test_github_comment_that_is_gone_is_written_anew(httpserver: HTTPServer, github: Environment) -> None:
    """Someone deletes it while the job runs."""
    httpserver.expect_request(COMMENTS, "GET").respond_with_json([issue_comment(7, f"{MARKED}old")])
    httpserver.expect_request(re.compile(".*/comments/7"), "PATCH").respond_with_json({"message": "Not Found"}, 404)
    httpserver.expect_request(COMMENTS, "POST").respond_with_json({}, 201)
    assert comment(github, "new") == "A comment on pull request 12 is written."


def test_github_pages_end(httpserver: HTTPServer, github: Environment) -> None:
    """An API that always has a next page does not hold the job."""
    httpserver.expect_request(COMMENTS, "GET").respond_with_json([], headers={"Link": '<x>; rel="next"'})
    httpserver.expect_request(COMMENTS, "POST").respond_with_json({}, 201)
    comment(github, "text")
    assert [method for method, *_ in asked(httpserver)] == ["GET"] * 30 + ["POST"]


# --- Azure DevOps ---------------------------------------------------------------------------------------------------


def test_azure_devops_gets_a_first_thread(httpserver: HTTPServer, azure_devops: Environment) -> None:
    """In the form of "Pull Request Threads - Create". Closed, so that no policy waits for someone to resolve it."""
    httpserver.expect_request(THREADS, "GET").respond_with_json({"value": [], "count": 0})
    httpserver.expect_request(THREADS, "POST").respond_with_json({"id": 148})
    assert comment(azure_devops, "**1 error**") == "A comment on pull request 22 is written."
    assert asked(httpserver) == [
        ("GET", f"{THREADS}?api-version=7.1", None),
        (
            "POST",
            f"{THREADS}?api-version=7.1",
            {
                "comments": [{"parentCommentId": 0, "content": f"{MARKED}**1 error**", "commentType": 1}],
                "status": 4,
                "properties": {"mta-sts-plan": {"$type": "System.String", "$value": "1"}},
            },
        ),
    ]
    sent = httpserver.log[1][0].headers
    assert sent["Authorization"] == f"Bearer {TOKEN}"
    assert sent["Accept"] == "application/json"
    assert sent["Content-Type"] == "application/json"


def test_azure_devops_comment_is_edited_in_place(httpserver: HTTPServer, azure_devops: Environment) -> None:
    """In the form of "Pull Request Thread Comments - Update". The first of ours, where two runs raced."""
    threads = [
        thread(140, f"{MARKED}pasted", ours=False),
        thread(141, f"{MARKED}deleted", isDeleted=True),
        {"id": 142, "comments": [{"id": 1, "isDeleted": True}], "properties": {"mta-sts-plan": {}}},
        thread(148, f"{MARKED}old"),
        thread(149, f"{MARKED}old"),
    ]
    httpserver.expect_request(THREADS, "GET").respond_with_json({"value": threads, "count": 5})
    httpserver.expect_request(f"{THREADS}/148/comments/1", "PATCH").respond_with_json({})
    assert comment(azure_devops, "new") == "The comment on pull request 22 is edited."
    assert asked(httpserver)[1:] == [
        ("PATCH", f"{THREADS}/148/comments/1?api-version=7.1", {"content": f"{MARKED}new"})
    ]


def test_azure_devops_comment_that_says_so_already_is_left(httpserver: HTTPServer, azure_devops: Environment) -> None:
    """No edit, so nobody is sent a mail."""
    httpserver.expect_request(THREADS, "GET").respond_with_json({"value": [thread(148, f"{MARKED}text")]})
    assert comment(azure_devops, "text") == "The comment on pull request 22 says so already."
    assert len(asked(httpserver)) == 1


@pytest.mark.parametrize("status", [400, 403, 404])
def test_azure_devops_threads_of_others_do_not_stop_ours(
    httpserver: HTTPServer, azure_devops: Environment, status: int
) -> None:
    """Anyone may set our property through the API, and none can let us edit what they wrote."""
    forged = [thread(number, f"{MARKED}forged") for number in range(1, 13)]
    httpserver.expect_request(THREADS, "GET").respond_with_json({"value": forged})
    httpserver.expect_request(re.compile(".*/comments/1"), "PATCH").respond_with_json({"message": "no"}, status)
    httpserver.expect_request(THREADS, "POST").respond_with_json({"id": 148})
    assert comment(azure_devops, "text") == "A comment on pull request 22 is written."
    assert [method for method, *_ in asked(httpserver)] == ["GET"] + ["PATCH"] * 10 + ["POST"]


@pytest.mark.parametrize(
    "odd",
    [
        None,
        "thread",
        {"id": 1},
        thread(148, None),
        thread(148, MARKED, id="148/../../../../pullRequests/1"),
        thread(148, MARKED, comments=[]),
        thread(148, MARKED, comments={}),
        thread(148, MARKED, comments=["text"]),
        thread(148, MARKED, comments=[{"id": "1?", "content": MARKED}]),
        thread(148, MARKED, properties=["mta-sts-plan"]),
    ],
)
def test_azure_devops_threads_of_another_shape_are_left_alone(
    httpserver: HTTPServer, azure_devops: Environment, odd: Any
) -> None:
    """System threads have no text, and new kinds may come."""
    httpserver.expect_request(THREADS, "GET").respond_with_json({"value": [odd]})
    httpserver.expect_request(THREADS, "POST").respond_with_json({"id": 148})
    assert comment(azure_devops, "text") == "A comment on pull request 22 is written."


def test_azure_devops_building_a_github_repository_says_so(httpserver: HTTPServer, azure_devops: Environment) -> None:
    """There is no such API, nothing is asked, and the job goes on. No variable is missed."""
    environment = {"TF_BUILD": "True", "BUILD_REPOSITORY_PROVIDER": "GitHub"}
    assert comment(environment, "text") == (
        "There is no comment: the repository is of the kind 'GitHub', and Azure DevOps has threads for "
        "pull requests in Azure Repos alone. The text is on the run's summary page."
    )
    done = run(azure_devops | {"BUILD_REPOSITORY_PROVIDER": "GitHub"}, TEMPLATE / "policy.yaml")
    assert (done.returncode, done.stderr) == (0, b"")
    assert httpserver.log == []


# --- The environment ------------------------------------------------------------------------------------------------


def test_all_that_lacks_is_named_at_once() -> None:
    """With where it comes from: the first run in a new repository."""
    with pytest.raises(WrongUseError) as github:
        comment({"GITHUB_ACTIONS": "true", "GITHUB_REF": "refs/heads/main"}, "text")
    assert str(github.value) == (
        "GITHUB_TOKEN is not set; GITHUB_API_URL is not set; GITHUB_REPOSITORY is not set; "
        "GITHUB_REF is 'refs/heads/main', not that of a pull request. "
        "Give the step `env: GITHUB_TOKEN: ${{ github.token }}` and its job `permissions: pull-requests: write`, "
        "and run it for pull_request alone: GITHUB_REF is refs/pull/NUMBER/merge then. "
        "The runner sets all but the token."
    )
    with pytest.raises(WrongUseError) as azure:
        comment({"TF_BUILD": "True", "SYSTEM_PULLREQUEST_PULLREQUESTID": "$(System.PullRequest.PullRequestId)"}, "text")
    assert str(azure.value) == (
        "SYSTEM_ACCESSTOKEN is not set; SYSTEM_COLLECTIONURI is not set; SYSTEM_TEAMPROJECTID is not set; "
        "BUILD_REPOSITORY_ID is not set; SYSTEM_PULLREQUEST_PULLREQUESTID is not set. "
        "Give the step `env: SYSTEM_ACCESSTOKEN: $(System.AccessToken)`, and the build service the right "
        '"Contribute to pull requests" on the repository, and run it in builds of a pull request alone. '
        "The agent sets all but the token."
    )
    with pytest.raises(WrongUseError, match="Neither GITHUB_ACTIONS nor TF_BUILD is set"):
        comment({}, "text")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GITHUB_API_URL", "http://api.github.com"),
        ("GITHUB_API_URL", "http://localhost.example.com"),
        ("GITHUB_API_URL", "https://user@api.github.com"),
        ("GITHUB_API_URL", "https://api.github.com?x="),
        ("GITHUB_API_URL", "file:///etc/passwd"),
        ("GITHUB_REPOSITORY", "example/mta-sts/issues/1?"),
        ("GITHUB_REPOSITORY", "mta-sts"),
        ("GITHUB_REF", "refs/pull/0/merge"),
        ("GITHUB_REF", "refs/pull/12/merge/../../1"),
        ("GITHUB_REF", "refs/pull/١٢/merge"),
        ("GITHUB_REF", "refs/pull/99999999999/merge"),
    ],
)
def test_a_variable_that_cannot_be_used_is_refused(github: Environment, name: str, value: str) -> None:
    """Before the token goes anywhere."""
    with pytest.raises(WrongUseError, match=rf"^{name} is .*, not "):
        comment(github | {name: value}, "text")


@pytest.mark.parametrize("token", ["abc\r\nX-Other:secret", "two words", "schlüssel"])
def test_a_token_that_is_none_is_not_shown(github: Environment, token: str) -> None:
    """A secret with a line end in it would become a header; the message must not print it either."""
    with pytest.raises(WrongUseError) as error:
        comment(github | {"GITHUB_TOKEN": token}, "text")
    assert str(error.value).startswith("GITHUB_TOKEN is not a token. ")
    assert token not in str(error.value)


# --- Faults ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "hint"),
    [
        (401, "The token is not accepted: give the step `env: GITHUB_TOKEN: ${{ github.token }}`."),
        (403, "from a fork and by Dependabot, whose token can only read."),
        (404, "The token may not write here: give the job `permissions: pull-requests: write`"),
        (422, "What was sent is refused, and would be again"),
        (418, "Run the job again."),
        (500, "The service fails. Run the job again later."),
    ],
)
def test_what_github_refuses_is_one_sentence(
    httpserver: HTTPServer, github: Environment, status: int, hint: str
) -> None:
    """Where, what, why, and what to do. An API that echoes the token does not get it into the log."""
    httpserver.expect_request(COMMENTS, "GET").respond_with_json([])
    message = {"message": f"Resource not accessible\n::error::{TOKEN}"}
    httpserver.expect_request(COMMENTS, "POST").respond_with_json(message, status)
    with pytest.raises(ApiError) as error:
        comment(github, "text")
    said = str(error.value)
    assert said.startswith(f"POST {httpserver.url_for(COMMENTS)} is answered with {status} ")
    assert r"('Resource not accessible\n::error::***'). " in said
    assert hint in said
    assert TOKEN not in said


@pytest.mark.parametrize(
    ("status", "hint"),
    [
        (203, "The token is not accepted: give the step `env: SYSTEM_ACCESSTOKEN: $(System.AccessToken)`."),
        (302, "The token is not accepted"),
        (401, "The token is not accepted"),
        (403, 'give the build service the right "Contribute to pull requests" on the repository'),
        (404, "The token may not write here"),
    ],
)
def test_what_azure_devops_refuses_is_one_sentence(
    httpserver: HTTPServer, azure_devops: Environment, status: int, hint: str
) -> None:
    """Who is not signed in gets a page of HTML there."""
    httpserver.expect_request(THREADS, "GET").respond_with_data("<html>Sign in</html>", status)
    with pytest.raises(ApiError, match=re.escape(f"?api-version=7.1 is answered with {status}. ")) as error:
        comment(azure_devops, "text")
    assert hint in str(error.value)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(httpserver: HTTPServer, github: Environment, status: int) -> None:
    """The token would travel along."""
    httpserver.expect_request(COMMENTS, "GET").respond_with_data("", status, {"Location": "/elsewhere"})
    with pytest.raises(ApiError, match="A redirect is not followed, because the token would go along"):
        comment(github, "text")
    assert len(asked(httpserver)) == 1


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("<html></html>", "the answer is not JSON"),
        ("", "the answer is not JSON"),
        ("[" * 200_000, "the answer is not JSON"),
        ("\xff", "the answer is not JSON"),
        ('{"message": "hello"}', "the answer is not a list"),
        ("null", "the answer is not a list"),
        ('"' + "a" * 5 * 1024 * 1024 + '"', "the answer is larger than 5 MiB"),
    ],
)
def test_an_answer_of_another_shape_is_one_sentence(
    httpserver: HTTPServer, github: Environment, azure_devops: Environment, content: str, said: str
) -> None:
    """A proxy's page, half an answer, too much of one."""
    httpserver.expect_request(re.compile(".*")).respond_with_data(content.encode("latin-1"))
    for environment in (github, azure_devops):
        with pytest.raises(ApiError, match=said):
            comment(environment, "text")


def drips(connection: Connection) -> None:
    """Send a header a byte at a time: each comes before a socket gives up."""
    connection.hear(b"\r\n\r\n")
    connection.drip(b"HTTP/1.1 200 OK\r\nX-Slow: " + b"a" * 1000, 0.2)


def hangs(connection: Connection) -> None:
    """Take the request, and say nothing."""
    connection.hang()


@pytest.mark.parametrize("talk", [drips, hangs])
def test_a_server_that_does_not_come_to_an_end_is_left(hostile: Any, talk: Talk) -> None:
    """Pipelines are paid by the minute."""
    start = time.monotonic()
    with pytest.raises(
        ApiError, match=r"/comments\?per_page=100&page=1: (there is )?no answer (in time|within 1 seco)"
    ):
        comment(on_github(hostile(talk)), "text", seconds=1)
    assert time.monotonic() - start < 3


def breaks_off(connection: Connection) -> None:
    """Promise more than is sent."""
    connection.hear(b"\r\n\r\n")
    connection.say(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[")


def many_headers(connection: Connection) -> None:
    """Send headers without end."""
    connection.hear(b"\r\n\r\n")
    connection.say(b"HTTP/1.1 200 OK\r\n")
    connection.repeat(b"X-Many: a\r\n")


def no_http(connection: Connection) -> None:
    """Speak something else."""
    connection.say(b"220 mx.example.com ESMTP\r\n")


@pytest.mark.parametrize("talk", [breaks_off, many_headers, no_http, Connection.reset])
def test_an_answer_that_is_none_is_one_sentence(hostile: Any, talk: Talk) -> None:
    """Not a traceback of five libraries."""
    with pytest.raises(ApiError, match=r"page=1: the answer breaks off\. Run the job again\.$"):
        comment(on_github(hostile(talk)), "text", seconds=5)


def test_a_server_that_is_not_there_is_one_sentence() -> None:
    """Down, or named wrong."""
    address = f"http://127.0.0.1:{Loopback().https_port}"
    with pytest.raises(ApiError, match=r": the connection is refused\. Run the job again\.$"):
        comment(on_github(address), "text")
    with pytest.raises(ApiError, match=r"GET https://api\.invalid/.*: the name has no address\. "):
        comment(on_github("https://api.invalid"), "text")
    with pytest.raises(ApiError, match=r"GET https://.*\. Run the job again\.$"):
        comment(on_github(f"https://{'a' * 64}.invalid:99999"), "text")


def test_certificates_are_verified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the system's roots, and for the name: whoever is in between does not get the token."""
    authority = Authority()
    server, other, unknown = (HTTPServer("localhost", ssl_context=each) for each in contexts(authority))
    with server, other, unknown:
        server.expect_request(COMMENTS).respond_with_json([issue_comment(7, f"{MARKED}text")])
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.write(tmp_path / "ca.pem")))
        assert comment(on_github(f"https://localhost:{server.port}"), "text").endswith("says so already.")
        for bad, said in ((other, "the certificate is for another name"), (unknown, "the certificate is not trusted")):
            with pytest.raises(ApiError, match=f": {said}. Run the job again."):
                comment(on_github(f"https://localhost:{bad.port}"), "text")
            assert bad.log == []


def contexts(authority: Authority) -> Iterator[Any]:
    """Yield a good server's TLS, one for another name, and one by an issuer whom nobody knows."""
    import ssl

    for certificate in (authority.valid("localhost"), authority.valid("example.com"), authority.untrusted("localhost")):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate.configure_cert(context)
        yield context


# --- Asking once more -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_what_may_help_is_asked_once_more(httpserver: HTTPServer, github: Environment, status: int) -> None:
    """A moment of overload does not cost the comment."""
    answers = [Response(status=status, headers={"Retry-After": "0"}), Response("[]"), Response("{}", 201)]
    httpserver.expect_request(COMMENTS).respond_with_handler(lambda _: answers.pop(0))
    assert comment(github, "text") == "A comment on pull request 12 is written."
    assert [method for method, *_ in asked(httpserver)] == ["GET", "GET", "POST"]


def test_it_is_asked_once_more_and_no_oftener(httpserver: HTTPServer, github: Environment) -> None:
    """Nor where the wait would be long."""
    answers = [{"Retry-After": "0"}, {"Retry-After": "0"}, {"Retry-After": "31"}]

    def answer(_: Request) -> Response:
        return Response("{}", 429, answers.pop(0))

    httpserver.expect_request(COMMENTS).respond_with_handler(answer)
    for requests in (2, 3):
        with pytest.raises(
            ApiError, match=r"answered with 429\. These are too many requests\. Run the job again later"
        ):
            comment(github, "text")
        assert len(asked(httpserver)) == requests


@pytest.mark.parametrize(
    ("status", "asked_for", "wait"),
    [
        (429, "7", 7.0),
        (503, "30", 30.0),
        (503, "31", None),
        (429, "999999999", None),
        (429, "Fri, 31 Dec 2027 23:59:59 GMT", 1.0),
        (429, "-1", 1.0),
        (429, "9" * 5000, 1.0),
        (500, None, 1.0),
        (403, "1", None),
        (200, "1", None),
    ],
)
def test_the_wait_is_what_the_api_asks_for(status: int, asked_for: str | None, wait: float | None) -> None:
    """Up to half a minute."""
    assert pause(Answer(status, {"retry-after": asked_for} if asked_for else {}, b"")) == wait


# --- The text -------------------------------------------------------------------------------------------------------


def test_the_marker_stands_once() -> None:
    """Whatever the text holds, even a marker that would come to be where another is taken out."""
    assert body("text", 1000) == "<!-- mta-sts-plan -->\ntext"
    assert body("<!-- mta-sts-plan -->\ntext", 1000) == "<!-- mta-sts-plan -->\ntext"
    nested = body("<!-- mta<!-- mta-sts-plan -->-sts-plan --> <!-- mta-sts-plan -->", 1000)
    assert nested.count("<!-- mta-sts-plan -->") == 1


def test_a_long_text_ends_with_where_the_rest_is() -> None:
    """At a whole line, with the fold and the code block closed, so that the last line is not hidden in them."""
    text = "# Verdict\n\n<details><summary>Served</summary>\n\n~~~~diff\n+mode: enforce\n" + "+mx: a.example\n" * 99
    assert shortened(text, 210) == (
        "# Verdict\n\n<details><summary>Served</summary>\n\n~~~~diff\n+mode: enforce\n+mx: a.example\n+mx: a.example"
        f"\n~~~~\n\n</details>\n\n{REST}"
    )
    assert shortened("a" * 500, 200) == REST


@pytest.mark.parametrize(("fixture", "limit"), [("github", 65_536), ("azure_devops", 150_000)])
def test_each_system_gets_what_it_takes(
    httpserver: HTTPServer, request: pytest.FixtureRequest, fixture: str, limit: int
) -> None:
    """GitHub answers 422 to a longer one, Azure DevOps 400, which counts letters outside the BMP as two."""
    httpserver.expect_request(re.compile(".*"), "GET").respond_with_json([] if fixture == "github" else {"value": []})
    httpserver.expect_request(re.compile(".*"), "POST").respond_with_json({})
    for line in ("letters\n", "📨📨📨\n"):
        comment(request.getfixturevalue(fixture), line * 50_000)
        sent = asked(httpserver)[-1][2]
        text = sent["body"] if fixture == "github" else sent["comments"][0]["content"]
        assert limit - 20 < len(text.encode("utf-16-le")) / 2 <= limit
        assert text.startswith(MARKED + line)
        assert text.endswith(f"\n\n{REST}")


words = st.text(st.characters(exclude_categories=["C", "Z"], exclude_characters="<>&`~") | st.just("📨"), max_size=30)
inline = words.map(lambda word: f"w{word}")
inner_lines = ["", "+mode: testing", "<details>", "</details>", "``", "~~", "    ```", "``` x"]


def fenced(mark: str, *others: str) -> st.SearchStrategy[str]:
    """Return code blocks of one kind, which may have the fences of others in them."""
    lines = st.lists(st.sampled_from([*inner_lines, *others]))
    return st.builds(lambda info, inside: "\n".join([mark + info, *inside, mark]), st.sampled_from(["", "diff"]), lines)


code = fenced("```", "~~~") | fenced("~~~", "```") | fenced("`````", "```", "~~~")
blocks = st.recursive(
    inline | code | st.sampled_from(["- a\n- b", "| a | b |\n|---|---|\n| 1 | 2 |", "> quoted", "## Head"]),
    lambda inner: st.lists(inner, max_size=5).map(
        lambda parts: "\n\n".join(["<details><summary>fold</summary>", *parts, "</details>"])
    ),
    max_leaves=20,
)


class Folds(HTMLParser):
    """What a browser makes of it: the folds that are open, and where the last line stands."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.strays = 0
        self.last: list[str] | None = None
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: object) -> None:  # noqa: ARG002
        if tag in ("details", "pre", "li", "blockquote", "table"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in ("details", "pre", "li", "blockquote", "table"):
            self.strays += not self.open or self.open.pop() != tag

    def handle_data(self, data: str) -> None:
        if data.startswith("This comment is cut here."):
            self.last = list(self.open)


@given(st.lists(blocks, max_size=12).map("\n\n".join), st.integers(100, 700))
def test_what_is_cut_is_still_markdown(text: str, limit: int) -> None:
    """Never too long; whole lines; nothing is left open, as another implementation of Markdown reads it."""
    done = shortened(text, limit)
    assert len(done.encode("utf-16-le")) / 2 <= limit
    if len(text.encode("utf-16-le")) / 2 <= limit:
        assert done == text
        return
    assert done.endswith(REST)
    folds = Folds(MarkdownIt("commonmark", {"html": True}).enable("table").render(done))
    assert (folds.open, folds.strays, folds.last) == ([], 0, [])
    pairs = list(zip(done.split("\n"), text.split("\n"), strict=False))
    whole = next((number for number, (one, other) in enumerate(pairs) if one != other), len(pairs))
    assert set(done.split("\n")[whole:]) <= {"", "</details>", "```", "~~~", "`````", REST}


@given(st.text(), st.integers(100, 300))
def test_nothing_makes_it_too_long(text: str, limit: int) -> None:
    """Not even a text that is no Markdown."""
    assert length(shortened(text, limit)) <= limit
    assert length(body(text, limit)) <= limit


# --- The command line -----------------------------------------------------------------------------------------------


def run(environment: Environment, file: Path | str) -> subprocess.CompletedProcess[bytes]:
    """Run the verb as a pipeline does."""
    return verb(TEMPLATE, "comment", str(file), env=environment | {"PYTHONDONTWRITEBYTECODE": "1"})


def test_the_verb_sends_the_file(httpserver: HTTPServer, github: Environment, tmp_path: Path) -> None:
    """As `plan` has written it, on Windows too."""
    httpserver.expect_request(COMMENTS, "GET").respond_with_json([])
    httpserver.expect_request(COMMENTS, "POST").respond_with_json({}, 201)
    (tmp_path / "plan.md").write_bytes("\ufeff**Sicher** – 📨\r\n".encode())
    done = run(github, tmp_path / "plan.md")
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.strip() == b"A comment on pull request 12 is written."
    assert asked(httpserver)[1][2] == {"body": f"{MARKED}**Sicher** – 📨\n"}


def test_a_refusal_is_exit_code_1(httpserver: HTTPServer, github: Environment) -> None:
    """One line, no command to the runner, no traceback, no token."""
    message = {"message": f"##vso[task.setvariable variable=x]{TOKEN}"}
    httpserver.expect_request(COMMENTS, "GET").respond_with_json(message, 403)
    done = run(github, TEMPLATE / "policy.yaml")
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.startswith(b"Error: GET http://")
    assert done.stderr.count(b"\n") == 1
    for never in (b"##vso[", b"Traceback", TOKEN.encode()):
        assert never not in done.stderr


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, b"cannot be read: No such file or directory. Name a file that exists."),
        (b" \n", b"is empty. Name what `plan` has written."),
        (b"caf\xe9", b"is not UTF-8 text, from byte 4 on."),
        (b"a" * (1024 * 1024 + 1), b"is larger than 1 MiB. Name what `plan` has written."),
    ],
)
def test_a_file_that_is_none_is_wrong_use(
    github: Environment, tmp_path: Path, content: bytes | None, said: bytes
) -> None:
    """Exit code 2, and the file is named."""
    if content is not None:
        (tmp_path / "plan.md").write_bytes(content)
    done = run(github, tmp_path / "plan.md")
    assert done.returncode == 2
    assert b"plan.md' " + said in done.stderr
    assert b"Traceback" not in done.stderr


def test_outside_of_a_pipeline_is_wrong_use() -> None:
    """Someone tries it at home."""
    done = run({}, TEMPLATE / "policy.yaml")
    assert done.returncode == 2
    assert b"this is no pipeline" in done.stderr
