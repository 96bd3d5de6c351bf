"""comment: one comment on a pull request in Azure Repos. The API is a real HTTP server; what it is asked is literal."""

from __future__ import annotations

import json
import re
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_httpserver import HTTPServer
from werkzeug import Response

from conftest import TEMPLATE, verb
from mtasts.ci.azure_devops import ApiError, Threads, body
from mtasts.cli.verbs.comment import comment
from mtasts.findings import WrongUseError
from servers.loopback import Connection, Listener, Loopback, Talk
from servers.tls import Authority

MARKED = "<!-- mta-sts-plan -->\n"
CUT = "*This comment is cut off. The whole text is on the run's summary page.*\n\n"
TOKEN = "eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiJ9.0123456789abcdefghij"
THREADS = (
    "/fabrikam/8d1f2a3b-0000-4000-8000-1b2c3d4e5f60/_apis/git/repositories"
    "/3411ebc1-d5aa-464f-9615-0b527bc66719/pullRequests/22/threads"
)
Environment = dict[str, str]


def on(address: str) -> Environment:
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
def agent(httpserver: HTTPServer) -> Environment:
    """The environment of a step, with the test's server as the API."""
    return on(httpserver.url_for("").rstrip("/"))


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


def thread(number: int, text: str | None, ours: bool = True, **fields: Any) -> dict[str, Any]:
    """Return a thread as Azure DevOps lists it."""
    name = "mta-sts-plan" if ours else "Microsoft.TeamFoundation.Discussion.UniqueID"
    properties = {name: {"$type": "System.String", "$value": "1"}}
    first = {"id": 1, "parentCommentId": 0, "content": text, "commentType": "text"}
    return {"id": number, "comments": [first], "status": "closed", "properties": properties, **fields}


def listed(server: HTTPServer, *threads: Any) -> None:
    """Let the pull request have these threads."""
    server.expect_request(THREADS, "GET").respond_with_json({"value": threads, "count": len(threads)})


def test_a_first_thread(httpserver: HTTPServer, agent: Environment) -> None:
    """In the form of "Pull Request Threads - Create". Closed, so that no policy waits for someone to resolve it."""
    listed(httpserver)
    httpserver.expect_request(THREADS, "POST").respond_with_json({"id": 148})
    assert comment(agent, "**1 error**") == "Added a comment to pull request 22."
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


def test_a_comment_is_edited_in_place(httpserver: HTTPServer, agent: Environment) -> None:
    """In the form of "Pull Request Thread Comments - Update". If two runs raced, the first of ours."""
    deleted = {"id": 142, "comments": [{"id": 1, "isDeleted": True}], "properties": {"mta-sts-plan": {}}}
    listed(
        httpserver,
        thread(140, f"{MARKED}pasted", ours=False),
        thread(141, f"{MARKED}deleted", isDeleted=True),
        deleted,
        thread(148, f"{MARKED}old"),
        thread(149, f"{MARKED}old"),
    )
    httpserver.expect_request(f"{THREADS}/148/comments/1", "PATCH").respond_with_json({})
    assert comment(agent, "new") == "Edited the comment on pull request 22."
    assert asked(httpserver)[1:] == [
        ("PATCH", f"{THREADS}/148/comments/1?api-version=7.1", {"content": f"{MARKED}new"})
    ]


def test_a_comment_that_says_so_already_is_left(httpserver: HTTPServer, agent: Environment) -> None:
    """No edit, so nobody gets a mail. The service can answer with other line ends."""
    listed(httpserver, thread(148, "<!-- mta-sts-plan -->\r\na\r\nb"))
    assert comment(agent, "a\nb\n") == "The comment on pull request 22 is already up to date."
    assert len(asked(httpserver)) == 1


@pytest.mark.parametrize("status", [400, 403, 404, 409])
def test_threads_of_others_do_not_stop_ours(httpserver: HTTPServer, agent: Environment, status: int) -> None:
    """Anyone can set our property through the API, but we cannot edit what others wrote."""
    listed(httpserver, *(thread(number, f"{MARKED}forged") for number in range(1, 13)))
    httpserver.expect_request(re.compile(".*/comments/1"), "PATCH").respond_with_json({"message": "no"}, status)
    httpserver.expect_request(THREADS, "POST").respond_with_json({"id": 148})
    assert comment(agent, "text") == "Added a comment to pull request 22."
    assert [method for method, *_ in asked(httpserver)] == ["GET"] + ["PATCH"] * 10 + ["POST"]


@pytest.mark.parametrize(
    "odd",
    [
        None,
        "thread",
        {"id": 1},
        thread(148, None),
        thread(148, MARKED, id="148/../../../../pullRequests/1"),
        thread(148, MARKED, id=True),
        thread(148, MARKED, comments=[]),
        thread(148, MARKED, comments={}),
        thread(148, MARKED, comments=["text"]),
        thread(148, MARKED, comments=[{"id": "1?", "content": MARKED}]),
        thread(148, MARKED, properties=["mta-sts-plan"]),
    ],
)
def test_threads_of_another_shape_are_left_alone(httpserver: HTTPServer, agent: Environment, odd: Any) -> None:
    """System threads have no text, and new kinds may come."""
    listed(httpserver, odd)
    httpserver.expect_request(THREADS, "POST").respond_with_json({"id": 148})
    assert comment(agent, "text") == "Added a comment to pull request 22."


# --- The environment ------------------------------------------------------------------------------------------------


def test_a_repository_elsewhere_gets_no_comment(httpserver: HTTPServer, agent: Environment) -> None:
    """Azure Pipelines builds GitHub's repositories too. Nothing is asked, and the job goes on."""
    assert comment({"TF_BUILD": "True", "BUILD_REPOSITORY_PROVIDER": "GitHub"}, "text") == (
        "No comment was posted: this repository is of the kind 'GitHub', and Azure DevOps accepts comments only for "
        "pull requests in Azure Repos. See the run's summary page for the text."
    )
    done = run(agent | {"BUILD_REPOSITORY_PROVIDER": "GitHub"}, TEMPLATE / "policy.yaml")
    assert (done.returncode, done.stderr) == (0, b"")
    assert httpserver.log == []


def test_all_that_lacks_is_named_at_once() -> None:
    """It says where each comes from, as in the first run of a new repository. Azure leaves an unset macro as it is."""
    with pytest.raises(WrongUseError) as error:
        comment({"TF_BUILD": "True", "SYSTEM_PULLREQUEST_PULLREQUESTID": "$(System.PullRequest.PullRequestId)"}, "text")
    assert str(error.value) == (
        "Not set or not usable: SYSTEM_ACCESSTOKEN, SYSTEM_COLLECTIONURI, SYSTEM_TEAMPROJECTID, BUILD_REPOSITORY_ID, "
        "SYSTEM_PULLREQUEST_PULLREQUESTID. Give the step `env: SYSTEM_ACCESSTOKEN: $(System.AccessToken)`, "
        "and run it only in pull request builds. The agent sets the other variables."
    )


@pytest.mark.parametrize("environment", [{}, {"GITHUB_ACTIONS": "true", "GITHUB_TOKEN": TOKEN}])
def test_elsewhere_it_is_wrong_use(environment: Environment) -> None:
    """At home, and on GitHub, where the workflow has `gh`."""
    with pytest.raises(WrongUseError, match="On GitHub, the workflow writes the comment with `gh api`"):
        comment(environment, "text")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SYSTEM_COLLECTIONURI", "http://dev.azure.com/fabrikam/"),
        ("SYSTEM_COLLECTIONURI", "http://localhost.example.com"),
        ("SYSTEM_COLLECTIONURI", "https://user@dev.azure.com"),
        ("SYSTEM_COLLECTIONURI", "https://dev.azure.com?x="),
        ("SYSTEM_COLLECTIONURI", "file:///etc/passwd"),
        ("SYSTEM_TEAMPROJECTID", "../other"),
        ("BUILD_REPOSITORY_ID", "a/b"),
        ("SYSTEM_PULLREQUEST_PULLREQUESTID", "0"),
        ("SYSTEM_PULLREQUEST_PULLREQUESTID", "22/../1"),
        ("SYSTEM_PULLREQUEST_PULLREQUESTID", "١٢"),
        ("SYSTEM_PULLREQUEST_PULLREQUESTID", "99999999999"),
        ("SYSTEM_ACCESSTOKEN", "abc\r\nX-Other:secret"),
        ("SYSTEM_ACCESSTOKEN", "two words"),
        ("SYSTEM_ACCESSTOKEN", f"{TOKEN}\n"),
        ("SYSTEM_ACCESSTOKEN", "$(System.AccessToken)"),
        ("SYSTEM_ACCESSTOKEN", "schlüssel"),
    ],
)
def test_a_variable_that_cannot_be_used_is_refused(agent: Environment, name: str, value: str) -> None:
    """Before the token is sent anywhere; and a malformed token is not shown."""
    with pytest.raises(WrongUseError, match=rf"^Not set or not usable: {name}\. ") as error:
        comment(agent | {name: value}, "text")
    assert name != "SYSTEM_ACCESSTOKEN" or value not in str(error.value).replace("`env: SYSTEM_ACCESSTOKEN: $(", "")


# --- Faults ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "hint"),
    [
        (
            203,
            "Azure DevOps does not accept the token. Give the step `env: SYSTEM_ACCESSTOKEN: $(System.AccessToken)`.",
        ),
        (302, "Azure DevOps does not accept the token."),
        (401, "Azure DevOps does not accept the token."),
        (403, 'The token may not write here. Give the build service the permission "Contribute to pull requests"'),
        (404, "The token may not write here."),
        (418, "Run the job again."),
    ],
)
def test_a_refusal_is_one_sentence(httpserver: HTTPServer, agent: Environment, status: int, hint: str) -> None:
    """Without a valid token, the service answers with a web page."""
    httpserver.expect_request(THREADS, "GET").respond_with_data("<html>Sign in</html>", status)
    with pytest.raises(ApiError, match=re.escape(f"?api-version=7.1 failed with status {status}. ")) as error:
        comment(agent, "text")
    assert hint in str(error.value)


def test_what_the_service_says_is_shown_without_the_token(httpserver: HTTPServer, agent: Environment) -> None:
    """An API that echoes the token, or a command to the agent, does not get them into the log."""
    listed(httpserver)
    message = {"message": f"TF401027: You need the permission\n##vso[x]{TOKEN}"}
    httpserver.expect_request(THREADS, "POST").respond_with_json(message, 403)
    with pytest.raises(ApiError) as error:
        comment(agent, "text")
    assert r"failed with status 403 ('TF401027: You need the permission\n##vso[x]***'). The token" in str(error.value)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(httpserver: HTTPServer, agent: Environment, status: int) -> None:
    """The token would travel along."""
    httpserver.expect_request(THREADS, "GET").respond_with_data("", status, {"Location": "/elsewhere"})
    with pytest.raises(ApiError, match=f"failed with status {status}"):
        comment(agent, "text")
    assert len(asked(httpserver)) == 1


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("<html></html>", "the answer is not a list"),
        ("", "the answer is not a list"),
        ("[" * 200_000, "the answer is not a list"),
        ("\xff", "the answer is not a list"),
        ('{"message": "hello"}', "the answer is not a list"),
        ("null", "the answer is not a list"),
        ('"' + "a" * 5 * 1024 * 1024 + '"', "the answer is larger than 5 MiB"),
    ],
    ids=["html", "empty", "deep", "octets", "object", "null", "large"],
)
def test_an_answer_of_another_shape_is_one_sentence(
    httpserver: HTTPServer, agent: Environment, content: str, said: str
) -> None:
    """A proxy's page, half an answer, too much of one."""
    httpserver.expect_request(re.compile(".*")).respond_with_data(content.encode("latin-1"))
    with pytest.raises(ApiError, match=said):
        comment(agent, "text")


def hangs(connection: Connection) -> None:
    """Accept the request, and never answer."""
    connection.hang()


def breaks_off(connection: Connection) -> None:
    """Promise more than is sent."""
    connection.hear(b"\r\n\r\n")
    connection.say(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[")


def no_http(connection: Connection) -> None:
    """Speak something else."""
    connection.say(b"220 mx.example.com ESMTP\r\n")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("talk", "said"),
    [
        (hangs, "no answer came in time"),
        (breaks_off, "the connection failed or was lost"),
        (no_http, "the connection failed or was lost"),
        (Connection.reset, "the connection failed or was lost"),
    ],
)
def test_no_answer_is_one_sentence(hostile: Any, talk: Talk, said: str) -> None:
    """Not a traceback of five libraries, and not for ever."""
    with pytest.raises(ApiError, match=rf"/threads\?api-version=7\.1: {said}\. Run the job again\.$"):
        Threads.of(on(hostile(talk)), seconds=0.5).keep("text")


@pytest.mark.slow
def test_a_server_that_is_not_there_is_one_sentence() -> None:
    """Down, or named wrong."""
    with pytest.raises(ApiError, match=r": the connection failed or was lost\. Run the job again\.$"):
        comment(on(f"http://127.0.0.1:{Loopback().https_port}"), "text")
    with pytest.raises(ApiError, match=r"GET https://api\.invalid/.*: the host name has no address\. "):
        comment(on("https://api.invalid"), "text")
    with pytest.raises(ApiError, match=r"GET https://.*\. Run the job again\.$"):
        comment(on(f"https://{'a' * 64}.invalid:99999"), "text")


@pytest.mark.slow
def test_certificates_are_verified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the system's roots, and for the name: whoever is in between does not get the token."""
    authority = Authority()
    server, other, unknown = (HTTPServer("localhost", ssl_context=each) for each in contexts(authority))
    with server, other, unknown:
        listed(server, thread(148, f"{MARKED}text"))
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.write(tmp_path / "ca.pem")))
        assert comment(on(f"https://localhost:{server.port}"), "text").endswith("is already up to date.")
        for bad in (other, unknown):
            with pytest.raises(
                ApiError, match=r": TLS failed, or the certificate is not trusted\. Run the job again\."
            ):
                comment(on(f"https://localhost:{bad.port}"), "text")
            assert bad.log == []


def contexts(authority: Authority) -> Iterator[ssl.SSLContext]:
    """Yield a good server's TLS, one for another name, and one by an issuer whom nobody knows."""
    for certificate in (authority.valid("localhost"), authority.valid("example.com"), authority.untrusted("localhost")):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate.configure_cert(context)
        yield context


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_what_may_help_is_asked_once_more(httpserver: HTTPServer, agent: Environment, status: int) -> None:
    """A short overload does not lose the comment. A long pause that the service asks for is ignored."""
    answers = [Response(status=status, headers={"Retry-After": "999999999"}), Response('{"value": []}'), Response("{}")]
    httpserver.expect_request(THREADS).respond_with_handler(lambda _: answers.pop(0))
    assert comment(agent, "text") == "Added a comment to pull request 22."
    assert [method for method, *_ in asked(httpserver)] == ["GET", "GET", "POST"]


@pytest.mark.slow
def test_it_is_asked_three_times_at_most(httpserver: HTTPServer, agent: Environment) -> None:
    """A service that is down ends the job with a message."""
    httpserver.expect_request(THREADS).respond_with_data("{}", 503)
    with pytest.raises(ApiError, match=r"failed with status 503\. Run the job again\.$"):
        comment(agent, "text")
    assert len(asked(httpserver)) == 3


# --- The text -------------------------------------------------------------------------------------------------------


def test_a_long_text_begins_with_where_the_rest_is() -> None:
    """Azure DevOps answers 400 to more than 150,000 letters, and counts those outside the BMP as two."""
    assert body("text") == "<!-- mta-sts-plan -->\ntext"
    assert body("a" * 149_978) == f"{MARKED}{'a' * 149_978}"
    assert body("a" * 149_979) == f"{MARKED}{CUT}{'a' * (150_000 - 22 - len(CUT))}"
    assert body("📨" * 75_000) == f"{MARKED}{CUT}{'📨' * ((150_000 - 22 - len(CUT)) // 2)}"


@given(st.text(), st.integers(0, 150_000))
def test_nothing_makes_it_too_long(text: str, more: int) -> None:
    """Not even a text that is no Markdown; and none of it is broken within a letter."""
    done = body("a" * more + text)
    assert len(done.encode("utf-16-le")) // 2 <= 150_000
    assert done.startswith(MARKED)


# --- The command line -----------------------------------------------------------------------------------------------


def run(environment: Environment, file: Path | str) -> subprocess.CompletedProcess[bytes]:
    """Run the verb as a pipeline does."""
    return verb(TEMPLATE, "comment", str(file), env=environment | {"PYTHONDONTWRITEBYTECODE": "1"})


def test_the_verb_sends_the_file(httpserver: HTTPServer, agent: Environment, tmp_path: Path) -> None:
    """As `plan` has written it, on Windows too."""
    listed(httpserver)
    httpserver.expect_request(THREADS, "POST").respond_with_json({"id": 1})
    (tmp_path / "plan.md").write_bytes("\ufeff**Sicher** – 📨\r\n".encode())
    done = run(agent, tmp_path / "plan.md")
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.strip() == b"Added a comment to pull request 22."
    assert asked(httpserver)[1][2]["comments"][0]["content"] == f"{MARKED}**Sicher** – 📨\n"


def test_a_refusal_is_exit_code_1(httpserver: HTTPServer, agent: Environment) -> None:
    """One line, no command to the agent, no traceback, no token."""
    message = {"message": f"##vso[task.setvariable variable=x]{TOKEN}"}
    httpserver.expect_request(THREADS, "GET").respond_with_json(message, 403)
    done = run(agent, TEMPLATE / "policy.yaml")
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.startswith(b"Error: GET http://")
    assert done.stderr.count(b"\n") == 1
    for never in (b"##vso[", b"Traceback", TOKEN.encode()):
        assert never not in done.stderr


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, b"cannot be read: No such file or directory. Give the file that `plan --output` wrote."),
        (b" \n", b"is empty. Give the file that `plan --output` wrote."),
        (b"caf\xe9", b"is not UTF-8 text (see byte 4)."),
        (b"a" * (1024 * 1024 + 1), b"is larger than 1 MiB. Give the file that `plan --output` wrote."),
    ],
    ids=["missing", "empty", "latin-1", "large"],
)
def test_a_file_that_is_none_is_wrong_use(
    agent: Environment, tmp_path: Path, content: bytes | None, said: bytes
) -> None:
    """Exit code 2, and the message names the file."""
    if content is not None:
        (tmp_path / "plan.md").write_bytes(content)
    done = run(agent, tmp_path / "plan.md")
    assert done.returncode == 2
    assert b"plan.md' " + said in done.stderr
    assert b"Traceback" not in done.stderr
