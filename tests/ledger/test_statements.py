"""Signed statements: every kind round trips, and no other bytes are taken."""

import base64
import json
from typing import Any

import pytest

from ledger.errors import CanonicalError, CommonwattError, InputError
from ledger.kinds import DERIVED_KINDS, KINDS, OPTIONAL
from ledger.primitives.signing import (
    SIGNATURES_MAX,
    pre_authentication_encoding,
    seal_envelope,
)
from ledger.statements import Statement, payload_type, sign
from tests.ledger.statement_examples import (
    DERIVED,
    DEVICE,
    FIELDS,
    HASH,
    IDS,
    OPERATORS,
    PERIOD,
    SIGNERS,
    body_of,
    book_for,
    key_of,
    open_book,
    sealed,
    statement_of,
)


def test_there_is_an_example_of_every_kind():
    assert set(FIELDS) == set(SIGNERS) == set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_round_trips_and_its_signers_are_taken(kind):
    body = body_of(kind)
    data = sign(body, SIGNERS[kind])
    statement = Statement.decode(data)
    assert statement.body == body
    assert (statement.kind, statement.id, statement.account) == (kind, body["id"], body["account"])
    assert statement.key_id == SIGNERS[kind][0].key_id
    assert statement.envelope.encode() == data
    book_for(kind).check(statement, PERIOD)


def test_the_id_of_a_statement_does_not_depend_on_who_signed():
    one, other = (statement_of("rules", keys) for keys in (OPERATORS[:2], OPERATORS[1:]))
    assert one.tx_id == other.tx_id
    assert one.tx_id != statement_of("rules", version=2).tx_id


def test_the_signed_bytes_are_dsse():
    # The example of the DSSE specification.
    encoded = pre_authentication_encoding("http://example.com/HelloWorld", b"hello world")
    assert encoded == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    assert pre_authentication_encoding("é", b"") == b"DSSEv1 2 \xc3\xa9 0 "


# Bodies.


@pytest.mark.parametrize("kind", KINDS)
def test_a_field_too_many_or_too_few_is_refused_by_name(kind):
    body = body_of(kind)
    with pytest.raises(InputError, match=f"{kind}: unknown field 'surprise'"):
        Statement.decode(sealed({**body, "surprise": 1}))
    for field in body:
        if field == "kind":
            continue
        short = {name: value for name, value in body.items() if name != field}
        if field in OPTIONAL.get(kind, ()):
            Statement.decode(sealed(short))
            continue
        with pytest.raises(InputError, match=f"{kind}: the field '{field}' is missing"):
            Statement.decode(sealed(short, kind))


@pytest.mark.parametrize("kind", KINDS)
def test_nobody_takes_the_id_of_a_run_beforehand(kind):
    other = IDS if kind in DERIVED_KINDS else DERIVED
    with pytest.raises(InputError, match=rf"{kind}\.id: must"):
        Statement.decode(sealed({**body_of(kind), "id": other}))


def open_field(kind: str, field: str) -> bool:
    """The market's rules are checked by the market, what a helper does by its own kind."""
    return (kind, field) in (("rules", "market"), ("act_for", "fields"))


@pytest.mark.parametrize("kind", KINDS)
def test_a_field_of_another_type_is_refused_by_name(kind):
    body = body_of(kind)
    for field in body:
        if field == "kind" or open_field(kind, field):
            continue
        for wrong in ({}, [], "", True, -(2**53 - 1), 2**53 - 1, "\u2603"):
            if wrong is True and isinstance(body[field], bool):
                continue
            try:
                decoded = Statement.decode(sealed({**body, field: wrong}))
            except InputError as error:
                assert f"{kind}.{field}" in str(error)  # noqa: PT017 - the field, not only the type
            else:
                assert isinstance(wrong, int | str) or field == "holders", field
                assert type(decoded.body[field]) is type(body[field])


@pytest.mark.parametrize(
    ("kind", "field", "wrong"),
    [
        ("offer", "v", 2),
        ("offer", "v", True),
        ("offer", "seq", 0),
        ("offer", "not_after", -1),
        ("offer", "id", "1E" * 16),
        ("offer", "account", "ada"),
        ("offer", "ledger", "Riverside.example"),
        ("offer", "ledger", "a/" * 40),
        ("offer", "buy_ticks", 1_000_001),
        ("transfer", "amount", 0),
        ("transfer", "amount", -5),
        ("transfer", "reference", "x" * 36),
        ("account_open", "threshold", 0),
        ("account_open", "floor_units", 1),
        ("account_open", "keys", []),
        ("account_open", "keys", [HASH] * 9),
        ("account_open", "class", "bank"),
        ("reading_batch", "step", 15),
        ("reading_batch", "count", 0),
        ("reading_batch", "count", 1501),
        ("reading_batch", "meter", "m ada"),
        ("roster", "threshold", 17),
        ("roster", "keys", [{"key": HASH, "role": "banker"}]),
        ("roster", "keys", [{"key": HASH, "role": "operator", "name": "Ada"}]),
        ("rules", "currency", "brm"),
        ("rules", "feeder", "Street"),
        ("rules", "issuance", {"kind": "gold", "promise": "shiny"}),
        ("mandate", "may_debit", "anybody"),
        ("mandate", "last", 4_000_001),
        ("hold", "day", "15-06-2026"),
        ("hold", "run", "r1"),
        ("seal", "periods", 51),
        ("seal", "previous", "0" * 63),
    ],
)
def test_a_field_out_of_range_is_refused_by_name(kind, field, wrong):
    with pytest.raises(InputError, match=f"{kind}.{field}"):
        Statement.decode(sealed({**body_of(kind), field: wrong}))


def test_a_day_is_written_in_ascii_digits():
    with pytest.raises(InputError, match=r"hold\.day"):
        Statement.decode(sealed({**body_of("hold"), "day": "\uff12\uff10\uff12\uff16-06-15"}))


@pytest.mark.parametrize("kind", ["present", "", None, 5, ["offer"], {"kind": "offer"}])
def test_an_unknown_kind_is_refused(kind):
    body = {name: value for name, value in body_of("offer").items() if name != "kind"}
    if kind is not None:
        body["kind"] = kind
    with pytest.raises(CanonicalError, match="unknown kind of statement"):
        Statement.decode(sealed(body, "offer"))


@pytest.mark.parametrize("body", [[], 5, "offer", True, ["kind"]])
def test_a_body_that_is_no_object_is_refused(body):
    with pytest.raises(CanonicalError, match="unknown kind of statement"):
        Statement.decode(sealed(body, "offer"))


def test_a_body_that_is_not_canonical_is_refused():
    body = json.dumps(body_of("offer")).encode()
    with pytest.raises(CanonicalError, match="not in canonical form"):
        Statement.decode(seal_envelope(payload_type("offer"), body, [DEVICE]))


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "offer"])
def test_the_payload_type_of_another_kind_is_refused(kind):
    with pytest.raises(CanonicalError, match="the payload type is not that of a offer"):
        Statement.decode(sealed(body_of("offer"), kind))


# Envelopes.


def envelope_json(**changes: Any) -> dict[str, Any]:
    value = json.loads(sign(body_of("offer"), [DEVICE]))
    return {**value, **changes}


def packed(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def test_the_envelope_has_one_encoding():
    value = envelope_json()
    assert Statement.decode(packed(value)).kind == "offer"
    others = [
        json.dumps(value).encode(),
        packed(value) + b"\n",
        packed(dict(reversed(value.items()))),
        packed(envelope_json(extra=1)),
        packed(envelope_json(signatures=[{**value["signatures"][0], "extra": 1}])),
        packed(value).replace(b"/", b"\\/", 1),
        packed(value).decode().encode("utf-16"),
        packed(value).replace(b'"signatures"', b'"payload":"","signatures"'),
        # Base64 whose last digit has bits that nobody reads.
        packed(envelope_json(payload=base64.b64encode(b'{"a"').decode().replace("==", "1=="))),
    ]
    for data in others:
        with pytest.raises(CanonicalError):
            Statement.decode(data)


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        5,
        "x",
        {},
        {"payload": "e30="},
        envelope_json(payload=5),
        envelope_json(payload="e30"),
        envelope_json(payload="*30="),
        envelope_json(payload="é"),
        envelope_json(payloadType=5),
        envelope_json(payloadType=None),
        envelope_json(payloadType=["a"]),
        envelope_json(signatures=[]),
        envelope_json(signatures=None),
        envelope_json(signatures=[5]),
        envelope_json(signatures={"keyid": "sig"}),
        envelope_json(signatures=17 * envelope_json()["signatures"]),
        envelope_json(signatures=[{"keyid": HASH}]),
        envelope_json(signatures=[{"keyid": HASH, "sig": 5}]),
    ],
    ids=lambda value: str(value)[:24],
)
def test_what_is_not_an_envelope_is_refused(value):
    with pytest.raises(CanonicalError):
        Statement.decode(packed(value))


@pytest.mark.parametrize(
    "key_id", [[], {}, 5, None, True, "", "zz", HASH.upper(), "\ud800", HASH[1:]]
)
def test_a_key_id_that_is_no_hash_is_refused(key_id):
    signature = envelope_json()["signatures"][0]["sig"]
    data = packed(envelope_json(signatures=[{"keyid": key_id, "sig": signature}]))
    with pytest.raises(CommonwattError):
        open_book().check(Statement.decode(data), PERIOD)


@pytest.mark.parametrize(
    "data", [b"", b"{", b"\xff", b"[" * 90_000, b"0" * 5000, b'"' + b"a" * 100_000 + b'"']
)
def test_bytes_that_are_no_envelope_are_refused(data):
    with pytest.raises(CanonicalError):
        Statement.decode(data)


def test_as_many_signatures_as_a_roster_may_ask_for_are_taken():
    keys = [key_of(number) for number in range(20, 20 + SIGNATURES_MAX)]
    statement = statement_of("offer", keys)
    assert statement.envelope.verified_by([key.public for key in keys]) == list(range(16))
