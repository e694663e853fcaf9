"""A report that an auditor signed: what it says, and that nothing of it can be changed."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import InputError
from ledger.primitives.canonical import encode
from ledger.primitives.signing import Envelope, SigningKey, seal_envelope
from settlement.audit.in_page import InPage, read_signed
from settlement.audit.report import render
from settlement.audit.signed import (
    LINE_CHARACTERS_MAX,
    TYPE,
    read_report,
    render_report,
    report_body,
    signed_report,
)
from settlement.audit.verdict import Report

KEY = SigningKey.from_seed(bytes(range(32)))
SOUND = Report("riverside.example/ledger/1", 3, "ab" * 32, key="riverside.example/ledger/1+00+11")


def test_it_says_what_the_audit_said():
    found = read_report(signed_report(SOUND, KEY, "Ann Evans", 1_700_000_000_000))
    text = render_report(found)
    said = [line for line in render(SOUND).splitlines() if line.startswith("  ")]
    assert [line for line in text.splitlines() if line in said] == said
    assert text.startswith("Ann Evans says of riverside.example/ledger/1,\n")
    assert "Signed on 2023-11-14 at 22:13 UTC" in text
    assert found.key_id == KEY.key_id
    assert KEY.key_id in text


@pytest.mark.parametrize("name", ["verdict", "name", "size", "root", "signed_at_ms"])
def test_a_report_that_was_changed_is_refused(name):
    body = report_body(SOUND, KEY.public, "Ann", 1)
    changed = {"verdict": "unsound", "name": "Bob", "size": 4, "root": "cd" * 32}.get(name, 2)
    signatures = Envelope.decode(seal_envelope(TYPE, encode(body), [KEY])).signatures
    forged = Envelope(TYPE, encode({**body, name: changed}), signatures)
    with pytest.raises(InputError, match="the signature does not hold"):
        read_report(forged.encode())


def test_somebody_elses_signature_is_none():
    body = encode(report_body(SOUND, KEY.public, "Ann", 1))
    other = SigningKey.from_seed(bytes(32))
    with pytest.raises(InputError, match="the signature does not hold"):
        read_report(seal_envelope(TYPE, body, [other]))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "no signed report"),
        (b"hello", "no signed report"),
        (
            seal_envelope("text/json", encode(report_body(SOUND, KEY.public, "Ann", 1)), [KEY]),
            "it is no report of an audit",
        ),
        (seal_envelope(TYPE, b"{}", [KEY]), "no signed report"),
        (seal_envelope(TYPE, b"[1]", [KEY]), "no signed report"),
        (seal_envelope(TYPE, encode(report_body(SOUND, b"1" * 31, "Ann", 1)), [KEY]), "key"),
    ],
)
def test_what_is_no_report_is_refused(data, words):
    with pytest.raises(InputError, match=words):
        read_report(data)
    assert words in read_signed(data)["trouble"]


@given(st.binary(max_size=300))
def test_no_bytes_are_a_surprise(data):
    assert set(read_signed(data)) == {"trouble"}


def test_a_bundle_whose_head_cannot_be_read_has_a_report_too():
    nothing = Report("", 0, "", failed="bundle", failure="manifest.json is missing")
    text = render_report(read_report(signed_report(nothing, KEY, "Ann", 1)))
    assert "✗ bundle                 manifest.json is missing" in text
    assert "UNSOUND" in text


def test_a_failure_of_any_length_and_any_letters_can_be_signed():
    odd = Report("a/1", 0, "", failed="bundle", failure="\x00\n\ud800" + "x" * 5000)
    found = read_report(signed_report(odd, KEY, "Ann", 1))
    said = found.said["checks"][0]["said"]
    assert len(said) == LINE_CHARACTERS_MAX
    assert said.startswith("���xxx")


@pytest.mark.parametrize("name", ["", "  ", "a" * 141, "two\nlines"])
def test_an_auditor_has_a_name(name):
    page = InPage()
    with pytest.raises(InputError, match="nothing was audited"):
        page.body(KEY.public, "Ann", 1)
    page._report = SOUND
    with pytest.raises(InputError, match="say who you are"):
        page.body(KEY.public, name, 1)


def test_a_page_gives_views_of_its_memory():
    page = InPage()
    page._report = SOUND
    body = page.body(memoryview(KEY.public), "  Zo\u0065\u0308  ", 7)
    assert json.loads(body)["name"] == "Zoë"
    sealed = seal_envelope(TYPE, body, [KEY])
    assert "Zoë says of" in read_signed(memoryview(sealed))["text"]
