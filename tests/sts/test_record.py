"""The two TXT records."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtasts.sts.policy import Policy
from mtasts.sts.record import RecordError, StsRecord, policy_id
from mtasts.tlsrpt.record import TlsRptRecord

GOOD_STS = {
    "v=STSv1; id=20160831085700Z;": "20160831085700Z",
    "v=STSv1;id=1": "1",
    "v=STSv1;\t id=a \t;\t ": "a",
    "v=STSv1; id=abc; id=def": "abc",
    "v=STSv1; a.b-c_d=x:y/z; id=abc;": "abc",
    "v=STSv1; id=" + "a" * 32: "a" * 32,
    # aykevl/mta-sts#19: by the grammar blanks may stand around any `;`, and the prose discards this (erratum 6285).
    "v=STSv1 ; id=1234;": "1234",
    "v=STSv1\t ;id=a": "a",
}
BAD_STS = {
    "": 0,
    "v=STSv1": 0,
    "V=STSv1; id=a;": 0,
    " v=STSv1; id=a;": 0,
    "v=STSv2; id=a;": 0,
    "v=STSv1;": 8,
    "v=STSv1;;id=a": 8,
    "v=STSv1; id=a;;": 14,
    "v=STSv1; id=a ": 9,  # white space at the end without a ;
    "v=STSv1; id=": 9,
    "v=STSv1; ID=a": 13,
    "v=STSv1; id=a-b": 12,
    "v=STSv1; id=" + "a" * 33: 12,
    "v=STSv1; id = a": 9,
    "v=STSv1; id=a; note=": 15,
    "v=STSv1; id=a; note=x=y": 15,
    "v=STSv1; id=ä": 9,
    "v=STSv1; id=a\n": 9,
}


@pytest.mark.parametrize(("txt", "identity"), GOOD_STS.items())
def test_a_good_record_gives_its_id(txt: str, identity: str) -> None:
    """RFC 8461 §3.1."""
    assert StsRecord.parse(txt).id == identity


@pytest.mark.parametrize(("txt", "position"), BAD_STS.items())
def test_a_bad_record_says_where(txt: str, position: int) -> None:
    """The error carries the position."""
    with pytest.raises(RecordError) as caught:
        StsRecord.parse(txt)
    assert caught.value.position == position
    assert f"character {position + 1}:" in str(caught.value)


@pytest.mark.parametrize(
    ("txts", "identity"),
    [
        ([], None),
        (["v=spf1 -all", "google-site-verification=x"], None),
        (["v=STSv1; id=a;", "v=spf1 -all"], "a"),
        (["v=STSv1; id=a;", "v=STSv1; id=a;"], None),
        (["v=STSv1; id=a;", "v=STSv1; id=-;"], None),
        (["v=STSv1; id=-;"], None),
        (["v=STSv1; id=a;", "v=STSv1 ; id=b;"], "a"),
        (["v=STSv1; id=a;", "v=STSv10; id=b;"], "a"),
        (["v=STSv1 ; id=b;", "v=spf1 -all"], "b"),
        (["v=STSv1 ; id=a;", "v=STSv1\t; id=b;"], None),
        (["v=STSv1 ; id=-;"], None),
    ],
)
def test_select_finds_the_only_record(txts: list[str], identity: str | None) -> None:
    """Others are discarded; with two, or a malformed one, the domain has none."""
    record = StsRecord.select(txts)
    assert (record.id if record else None) == identity


@pytest.mark.parametrize(
    ("txt", "rua"),
    [
        ("v=TLSRPTv1; rua=mailto:tls@example.com", ("mailto:tls@example.com",)),
        (
            "v=TLSRPTv1;rua=mailto:a@example.com , https://x.example/tls?a=b;",
            ("mailto:a@example.com", "https://x.example/tls?a=b"),
        ),
        ("v=TLSRPTv1; note=x; rua=mailto:a%21b@example.com;", ("mailto:a%21b@example.com",)),
    ],
)
def test_a_reporting_record_gives_its_addresses(txt: str, rua: tuple[str, ...]) -> None:
    """RFC 8460 §3."""
    assert TlsRptRecord.parse(txt).rua == rua


@pytest.mark.parametrize(
    "txt",
    [
        "v=TLSRPv1; rua=mailto:a@example.com",
        "v=TLSRPTv1; rua=a@example.com",
        "v=TLSRPTv1; rua=",
        "v=TLSRPTv1; rua=mailto:a@example.com,",
        "v=TLSRPTv1; rua=mailto:a!b@example.com",
        "v=TLSRPTv1; rua=http://example.com",
        "v=TLSRPTv1; ruf=mailto:a@example.com",
        "v=TLSRPTv1;",
    ],
)
def test_published_mistakes_are_refused(txt: str) -> None:
    """Senders would send no report."""
    with pytest.raises(RecordError):
        TlsRptRecord.parse(txt)


def test_the_id_is_the_hash_of_the_policy() -> None:
    """As `printf 'version: STSv1\\r\\n…' | sha256sum | head -c 32` prints it."""
    text = "version: STSv1\r\nmode: testing\r\nmx: mx1.example.com\r\nmax_age: 604800\r\n"
    assert policy_id(Policy.parse(text)) == "31a77c838c175b1b2452dcced324368f"


@given(st.text(max_size=80) | st.from_regex(r"v=STSv1;[ \t]?(id=[a-z0-9]{1,33}[;= \t]?)*", fullmatch=True))
def test_any_text_is_a_record_or_an_error_within_it(txt: str) -> None:
    """And what is a record, renders to the same."""
    try:
        record = StsRecord.parse(txt)
    except RecordError as error:
        assert 0 <= error.position <= len(txt)
        assert StsRecord.select([txt]) is None
    else:
        assert re.fullmatch("[A-Za-z0-9]{1,32}", record.id)
        assert StsRecord.parse(record.render()) == record == StsRecord.select([txt])


@given(st.text(max_size=80) | st.from_regex(r"v=TLSRPTv1; rua=(mailto:[a-z@.,!;]{1,20},?)*", fullmatch=True))
def test_any_text_is_a_reporting_record_or_an_error(txt: str) -> None:
    """And what is a record, renders to the same."""
    try:
        record = TlsRptRecord.parse(txt)
    except RecordError as error:
        assert 0 <= error.position <= len(txt)
    else:
        assert TlsRptRecord.parse(record.render()) == record
