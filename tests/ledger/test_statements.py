"""Signed statements: every kind round trips, and whatever is changed is refused."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.errors import CanonicalError, CommonwattError, InputError, SignatureError
from ledger.keys import MEMBER_KINDS, SIGNER_ROLES, KeyBook
from ledger.primitives.canonical import encode
from ledger.primitives.signing import (
    LOW_ORDER_ENCODINGS,
    SIGNATURES_MAX,
    Envelope,
    SigningKey,
    check_public_key,
    pre_authentication_encoding,
    seal_envelope,
    verify,
)
from ledger.statements import COMMUNITY, KINDS, Statement, make_body, payload_type, sign
from meters.batches import BatchContent

ORIGIN = "riverside.example/ledger/1"
MEMBER = "0f" * 16
IDS = "1e" * 16
LATER = 10**12


def key_of(number: int) -> SigningKey:
    return SigningKey.from_seed(bytes([number]) * 32)


OPERATORS = [key_of(1), key_of(2), key_of(3)]
SETTLEMENT, ADAPTER, DEVICE, SECOND_DEVICE, STRANGER, LOG = (key_of(n) for n in range(4, 10))
HASH = "ab" * 32

FIELDS: dict[str, dict[str, Any]] = {
    "roster": {
        "version": 1,
        "log_key": LOG.public.hex(),
        "threshold": 2,
        "keys": [
            *({"key": key.public.hex(), "role": "operator"} for key in OPERATORS),
            {"key": SETTLEMENT.public.hex(), "role": "settlement"},
            {"key": ADAPTER.public.hex(), "role": "adapter"},
        ],
    },
    "rules": {
        "version": 1,
        "currency": "BRM",
        "issuance": {
            "floor_units": -200_000_000,
            "kind": "mutual-credit",
            "promise": "Sums to zero. Nobody owes it outside.",
        },
        "zone": "Europe/London",
        "feeder": "street",
        "replay": True,
        "market": {"price": "uniform", "sharing": "pro-rata"},
    },
    "account_open": {
        "class": "household",
        "keys": [DEVICE.public.hex(), SECOND_DEVICE.public.hex()],
        "threshold": 1,
        "floor_units": -500_000_000,
    },
    "consent": {
        "meter": "m-ada",
        "channels": "both",
        "purpose": "settlement",
        "granularity": "half-hour",
        "wording": 1,
    },
    "offer": {
        "buy_ticks": 2450,
        "sell_ticks": -1,
        "import_tariff_ticks": 2450,
        "export_tariff_ticks": 410,
    },
    "mandate": {
        "may_debit": "settlement",
        "wh_period_max": 10_000,
        "price_ticks_max": 2450,
        "units_period_max": 30_000_000,
        "units_day_max": 100_000_000,
        "first": 989_000,
        "last": 4_000_000,
    },
    "transfer": {"to": "2d" * 16, "amount": 1, "reference": "Cake for the street party é"},
    "reading_batch": {
        "meter": "m-ada",
        "channel": "import",
        "sequence": 1,
        "previous": "0" * 64,
        "created_at": 1_781_500_000_000,
        "first": 989_737,
        "step": 30,
        "count": 48,
        "root": HASH,
        "backfill": False,
    },
    "opening": {"count": 3, "root": HASH},
    "hold": {"day": "2026-06-15", "run": "SF", "known_at": 5, "count": 0, "root": HASH},
    "clearing": {"period": 989_737, "run": "SF", "known_at": 5, "market": HASH, "result": HASH},
    "settlement": {
        "period": 989_737,
        "run": "SF",
        "known_at": 5,
        "clearing": HASH,
        "count": 12,
        "root": HASH,
    },
    "seal": {
        "day": "2026-06-15",
        "run": "SF",
        "periods": 48,
        "totals": HASH,
        "balances": HASH,
        "previous": "0" * 64,
    },
}

SIGNERS: dict[str, list[SigningKey]] = {
    "roster": OPERATORS[:2],
    "rules": OPERATORS[:2],
    "opening": OPERATORS[:2],
    "account_open": [DEVICE, *OPERATORS[:2]],
    **{kind: [DEVICE] for kind in MEMBER_KINDS},
    **{kind: [SETTLEMENT] for kind in SIGNER_ROLES},
    "reading_batch": [ADAPTER],
}

OF_MEMBERS = {*MEMBER_KINDS, "account_open", "reading_batch"}


def body_of(kind: str, **changes: Any) -> dict[str, Any]:
    account = MEMBER if kind in OF_MEMBERS else COMMUNITY
    fields = {**FIELDS[kind], **changes}
    return make_body(kind, fields.pop("ledger", ORIGIN), account, IDS, 1, LATER, fields)


def statement_of(
    kind: str, signers: list[SigningKey] | None = None, /, **changes: Any
) -> Statement:
    body = body_of(kind, **changes)
    return Statement.decode(sign(body, SIGNERS[kind] if signers is None else signers))


def sealed(body: dict[str, Any], kind: str | None = None) -> bytes:
    """Seal a body that `make_body` would refuse."""
    return seal_envelope(payload_type(kind or body["kind"]), encode(body), [DEVICE])


def open_book() -> KeyBook:
    """A book that knows the roster, and one member with two devices."""
    book = KeyBook(ORIGIN)
    for kind in ("roster", "account_open"):
        statement = statement_of(kind)
        book.check(statement)
        book.apply(statement)
    return book


# Round trips.


def test_there_is_an_example_of_every_kind():
    assert set(FIELDS) == set(SIGNERS) == set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_round_trips_and_its_signers_are_taken(kind):
    body = body_of(kind)
    data = sign(body, SIGNERS[kind])
    statement = Statement.decode(data)
    assert statement.body == body
    assert (statement.kind, statement.id, statement.account) == (kind, IDS, body["account"])
    assert statement.key_id == SIGNERS[kind][0].key_id
    assert statement.envelope.encode() == data
    if kind in ("roster", "account_open"):
        open_book()
    else:
        open_book().check(statement)


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
        with pytest.raises(InputError, match=f"{kind}: the field '{field}' is missing"):
            Statement.decode(sealed(short, kind))


def open_field(kind: str, field: str) -> bool:
    """The market's rules are checked by the market."""
    return (kind, field) == ("rules", "market")


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
                assert isinstance(wrong, int | str), field
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
        ("roster", "keys", [{"key": HASH, "role": "auditor"}]),
        ("roster", "keys", [{"key": HASH, "role": "operator", "name": "Ada"}]),
        ("rules", "currency", "brm"),
        ("rules", "feeder", "Street"),
        ("rules", "issuance", {"kind": "gold", "promise": "shiny"}),
        ("mandate", "may_debit", "anybody"),
        ("mandate", "last", 4_000_001),
        ("hold", "day", "15-06-2026"),
        ("hold", "run", "R1"),
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


@pytest.mark.parametrize("kind", ["gift", "", None, 5, ["offer"], {"kind": "offer"}])
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
        open_book().check(Statement.decode(data))


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


# Who signs.


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("roster", "account_open")])
def test_nobody_else_can_sign(kind):
    book = open_book()
    everybody = [*OPERATORS, SETTLEMENT, ADAPTER, DEVICE, SECOND_DEVICE, STRANGER, LOG]
    takes = {
        "rules": [],
        "opening": [],
        "reading_batch": [ADAPTER],
        **{member_kind: [DEVICE, SECOND_DEVICE] for member_kind in MEMBER_KINDS},
    }.get(kind, [SETTLEMENT])
    for key in everybody:
        statement = statement_of(kind, [key])
        if key in takes:
            book.check(statement)
            continue
        with pytest.raises(SignatureError, match=f"a {kind} needs"):
            book.check(statement)


def test_one_signature_too_few_is_refused():
    book = open_book()
    with pytest.raises(SignatureError, match="a rules needs 2 of operators; 1 of the signatures"):
        book.check(statement_of("rules", OPERATORS[:1]))
    with pytest.raises(SignatureError, match="a rules needs 2 of operators; 1 of the signatures"):
        book.check(statement_of("rules", [OPERATORS[0], SETTLEMENT, STRANGER]))
    for keys in ([DEVICE], [SECOND_DEVICE], [OPERATORS[0]], [STRANGER, OPERATORS[0]]):
        fresh = KeyBook(ORIGIN)
        fresh.apply(statement_of("roster"))
        with pytest.raises(SignatureError, match="a account_open needs"):
            fresh.check(statement_of("account_open", keys, threshold=1 + (keys == [DEVICE])))


def test_one_key_twice_is_not_two_signatures():
    data = sign(body_of("rules"), [OPERATORS[0], OPERATORS[0]])
    with pytest.raises(SignatureError, match="the same key signed twice"):
        open_book().check(Statement.decode(data))


def test_before_the_first_roster_nothing_counts():
    for kind in ("rules", "hold", "reading_batch", "account_open", "offer"):
        with pytest.raises(SignatureError):
            KeyBook(ORIGIN).check(statement_of(kind))


def test_a_statement_for_another_ledger_is_refused():
    for kind in KINDS:
        statement = statement_of(kind, ledger="elsewhere.example/ledger/1")
        with pytest.raises(SignatureError, match=r"is for elsewhere\.example/ledger/1, not for"):
            open_book().check(statement)


def test_a_member_that_was_not_opened_cannot_sign():
    body = make_body("offer", ORIGIN, "3c" * 16, IDS, 1, LATER, FIELDS["offer"])
    with pytest.raises(SignatureError, match="no account 3c3c"):
        open_book().check(Statement.decode(sign(body, [DEVICE])))


@settings(max_examples=200)
@given(st.sampled_from(sorted(KINDS)), st.data())
def test_a_tampered_body_or_signature_is_refused(kind, data):
    book = KeyBook(ORIGIN) if kind == "roster" else open_book()
    if kind == "account_open":
        book.used.clear()
        book.members.clear()
    envelope = statement_of(kind).envelope
    book.check(Statement(envelope, body_of(kind)))
    [(first_id, first), *rest] = envelope.signatures
    place = data.draw(st.integers(0, 8 * 64 - 1))
    broken = bytearray(first)
    broken[place // 8] ^= 1 << place % 8
    changed = encode({**body_of(kind), "seq": data.draw(st.integers(2, 99))})
    for other in (
        Envelope(envelope.payload_type, envelope.body, ((first_id, bytes(broken)), *rest)),
        Envelope(envelope.payload_type, envelope.body, ((first_id, first[:63]), *rest)),
        Envelope(envelope.payload_type, envelope.body, ((first_id, b""), *rest)),
        Envelope(envelope.payload_type, changed, envelope.signatures),
    ):
        with pytest.raises(SignatureError):
            book.check(Statement.decode(other.encode()))


# Rosters and openings.


def roster(version: int, signers: list[SigningKey], /, **changes: Any) -> Statement:
    return statement_of("roster", signers, version=version, **changes)


def test_a_new_roster_needs_the_thresholds_of_both():
    book = open_book()
    new = [key_of(number) for number in (31, 32)]
    entries = [{"key": key.public.hex(), "role": "operator"} for key in new]
    book.check(roster(2, [*OPERATORS[:2], *new], keys=entries))
    with pytest.raises(SignatureError, match="needs 2 of the new roster's operators; 1"):
        book.check(roster(2, [*OPERATORS, new[0]], keys=entries))
    with pytest.raises(SignatureError, match="needs 2 of the old roster's operators; 1"):
        book.check(roster(2, [OPERATORS[0], *new], keys=entries))


def test_after_a_new_roster_the_old_keys_count_no_longer():
    book = open_book()
    new = [key_of(number) for number in (31, 32)]
    entries = [{"key": key.public.hex(), "role": "operator"} for key in new]
    statement = roster(2, [*OPERATORS[:2], *new], keys=entries)
    book.check(statement)
    book.apply(statement)
    book.check(statement_of("rules", new))
    with pytest.raises(SignatureError):
        book.check(statement_of("rules", OPERATORS))
    with pytest.raises(SignatureError):
        book.check(statement_of("hold"))


@pytest.mark.parametrize("version", [1, 3, 100])
def test_roster_versions_follow_each_other(version):
    with pytest.raises(SignatureError, match=f"roster version {version} does not follow 1"):
        open_book().check(roster(version, OPERATORS))


def test_a_roster_that_could_never_be_met_is_refused():
    book = open_book()
    with pytest.raises(SignatureError, match="threshold is above its number of operators"):
        book.check(roster(2, OPERATORS, threshold=4))
    twice = [{"key": OPERATORS[0].public.hex(), "role": role} for role in ("operator", "adapter")]
    with pytest.raises(SignatureError, match="names each key once"):
        book.check(roster(2, OPERATORS, keys=twice))


@pytest.mark.parametrize("low", sorted(LOW_ORDER_ENCODINGS), ids=bytes.hex)
def test_keys_of_low_order_are_refused_everywhere(low):
    with pytest.raises(SignatureError, match="small order"):
        check_public_key(low)
    book = open_book()
    entries = [*FIELDS["roster"]["keys"], {"key": low.hex(), "role": "adapter"}]
    with pytest.raises(SignatureError, match="small order"):
        book.check(roster(2, OPERATORS, keys=entries))
    with pytest.raises(SignatureError, match="small order"):
        book.check(roster(2, OPERATORS, log_key=low.hex()))
    fresh = KeyBook(ORIGIN)
    fresh.apply(statement_of("roster"))
    with pytest.raises(SignatureError, match="small order"):
        fresh.check(statement_of("account_open", keys=[DEVICE.public.hex(), low.hex()]))
    # With such a key, or such an R, one signature can hold for many messages.
    assert not verify(low, low + bytes(32), b"anything")
    assert not verify(DEVICE.public, low + DEVICE.sign(b"anything")[32:], b"anything")


def test_there_are_fourteen_encodings_of_low_order():
    assert len(LOW_ORDER_ENCODINGS) == 14


def test_an_account_is_opened_once_and_its_keys_differ():
    with pytest.raises(SignatureError, match="is open already"):
        open_book().check(statement_of("account_open"))
    fresh = KeyBook(ORIGIN)
    fresh.apply(statement_of("roster"))
    key = DEVICE.public.hex()
    for changes in ({"keys": [key, key]}, {"keys": [key], "threshold": 2}):
        with pytest.raises(SignatureError, match="must differ and reach its threshold"):
            fresh.check(statement_of("account_open", **changes))


def test_a_member_with_a_threshold_of_two_signs_with_both_devices():
    book = KeyBook(ORIGIN)
    book.apply(statement_of("roster"))
    opening = statement_of("account_open", [DEVICE, SECOND_DEVICE, *OPERATORS[:2]], threshold=2)
    book.check(opening)
    book.apply(opening)
    book.check(statement_of("transfer", [SECOND_DEVICE, DEVICE]))
    with pytest.raises(SignatureError, match="a transfer needs 2 of the member's keys; 1"):
        book.check(statement_of("transfer", [DEVICE]))


# Reading batches.


def test_a_reading_batch_binds_every_reading():
    base = BatchContent(989_737, (412, 380, 0), "AAE", bytes(32))
    assert BatchContent.decode(989_737, base.encode()) == base
    others = [
        BatchContent(989_738, (412, 380, 0), "AAE", bytes(32)),
        BatchContent(989_737, (412, 381, 0), "AAE", bytes(32)),
        BatchContent(989_737, (412, 380, 0), "AAA", bytes(32)),
        BatchContent(989_737, (412, 380), "AA", bytes(32)),
        BatchContent(989_737, (412, 380, 0), "AAE", b"\x01" + bytes(31)),
    ]
    assert len({content.root() for content in [base, *others]}) == 6


@pytest.mark.parametrize(
    "changes",
    [
        {"wh": []},
        {"wh": [-1, 2]},
        {"wh": [1]},
        {"quality": "AX"},
        {"quality": "A"},
        {"seed": "00"},
        {"first": 1},
    ],
)
def test_a_wrong_detail_is_refused(changes):
    value = {"wh": [412, 380], "quality": "AA", "seed": "00" * 32, **changes}
    with pytest.raises(InputError, match="readings"):
        BatchContent.decode(989_737, encode(value))


# Mutated bytes.

ENVELOPES = [sign(body_of(kind), SIGNERS[kind]) for kind in KINDS]
PIECES = [b"null", b"5", b"[]", b"{}", b'""', b"AAAA", b"=", b'"', b",", b"\\u00e9", b"\xff", b"[["]


@settings(max_examples=500)
@given(st.sampled_from(ENVELOPES), st.data())
def test_mutated_envelopes_raise_only_our_errors(envelope, data):
    mutated = envelope
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(mutated)))
        end = data.draw(st.integers(start, min(len(mutated), start + 8)))
        piece = data.draw(st.one_of(st.sampled_from(PIECES), st.binary(max_size=3)))
        mutated = mutated[:start] + piece + mutated[end:]
    try:
        statement = Statement.decode(mutated)
    except CommonwattError:
        return
    assert statement.envelope.encode() == mutated


@settings(max_examples=500)
@given(st.sampled_from(sorted(KINDS)), st.data())
def test_mutated_bodies_raise_only_our_errors(kind, data):
    """Past the envelope and the encoding, so that the fields' own checks are met."""
    body: Any = body_of(kind)
    place = data.draw(st.sampled_from(sorted(body)))
    wrong = data.draw(
        st.one_of(
            st.integers(-(2**53) + 1, 2**53 - 1),
            st.sampled_from(["", "a", HASH, [], {}, [{}], [[]], True, False, [HASH], {"key": 1}]),
        )
    )
    try:
        statement = Statement.decode(sealed({**body, place: wrong}, kind))
    except CommonwattError:
        return
    with pytest.raises(SignatureError):
        KeyBook(ORIGIN).check(statement)
