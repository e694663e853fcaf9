"""Receipts refused: every byte, every part swapped, other logs, other keys, other rosters."""

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.errors import CommonwattError, InputError
from ledger.log.checkpoint import Checkpoint, sign_checkpoint
from ledger.log.cosignature import Cosigner, add_lines, cosign
from ledger.log.note import Verifier
from ledger.log.policy import Policy
from ledger.log.proof import LogProof
from ledger.log.tree import inclusion_proof, leaf_hash, root_of
from ledger.primitives import canonical
from ledger.primitives.signing import SigningKey
from settlement.audit.receipt import Receipt, leaf_of
from settlement.audit.receipt_check import Trust, check_receipt
from settlement.audit.receipt_words import render, to_json
from settlement.errors import UnsoundError
from tests.prepared import CHARTER
from tests.settlement.receipts import (
    KINDS,
    LOG_KEY,
    PERIOD,
    changed,
    receipts,
    small_log,
    street,
)

__all__ = ["receipts", "street"]

ADA, BEN = "0a" * 16, "0b" * 16
OPERATOR, SETTLER, DEVICE = (SigningKey.from_seed(bytes([n]) * 32) for n in (1, 2, 3))
TRUST = Trust(Verifier(CHARTER.origin, LOG_KEY.public))


def proved(data, trust, member=None):
    """Say whether bytes prove anything; only our own errors may come."""
    try:
        finding = check_receipt(Receipt.decode(data), trust, member)
        assert render(finding)
        assert json.dumps(to_json(finding))
    except CommonwattError:
        return False
    return True


# Any one byte.


@pytest.mark.parametrize("kind", KINDS)
def test_no_byte_can_be_changed(street, receipts, kind):
    data = receipts[kind]
    assert proved(data, street.trust)
    for place in range(len(data)):
        twin = bytearray(data)
        twin[place] ^= 1 << place % 7
        assert not proved(bytes(twin), street.trust), place


@settings(max_examples=400)
@given(data=st.data())
def test_no_byte_can_become_another_or_go_or_come(street, receipts, data):
    whole = receipts[data.draw(st.sampled_from(KINDS))]
    place = data.draw(st.integers(0, len(whole) - 1))
    gone = data.draw(st.integers(0, 2))
    twin = whole[:place] + data.draw(st.binary(max_size=2)) + whole[place + gone :]
    if twin != whole:
        assert not proved(twin, street.trust)


VALUES = st.recursive(
    st.booleans() | st.integers(-(2**54), 2**54) | st.text(max_size=70) | st.none() | st.floats(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=6,
)


@settings(max_examples=400)
@given(data=st.data())
def test_the_extra_data_is_fuzzed(street, receipts, data):
    proof = Receipt.decode(receipts[data.draw(st.sampled_from(KINDS))]).proof
    value = json.loads(proof.extra)
    inside = value
    while True:
        place = data.draw(
            st.sampled_from(sorted(inside) if isinstance(inside, dict) else range(len(inside)))
        )
        if isinstance(inside[place], dict | list) and inside[place] and data.draw(st.booleans()):
            inside = inside[place]
            continue
        break
    how = data.draw(st.sampled_from(["replace", "remove", "add"]))
    if how == "remove":
        del inside[place]
    elif how == "replace":
        inside[place] = data.draw(VALUES)
    elif isinstance(inside, dict):
        inside[data.draw(st.text(max_size=8))] = data.draw(VALUES)
    else:
        inside.append(inside[place])
    try:
        extra = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        twin = replace(proof, extra=extra.encode())
    except (UnicodeEncodeError, CommonwattError):
        return
    if how == "remove" and inside is value.get("lines"):
        return  # a receipt may show fewer of the member's lines, and says so
    if twin.extra != proof.extra:
        assert not proved(twin.encode(), street.trust)


@given(extra=st.binary(min_size=1, max_size=200))
def test_any_bytes_as_extra_data_are_refused_with_our_own_error(street, receipts, extra):
    proof = Receipt.decode(receipts["payment"]).proof
    with pytest.raises(InputError):
        Receipt.decode(replace(proof, extra=extra).encode())


def test_a_log_proof_without_extra_data_is_no_receipt(receipts):
    proof = Receipt.decode(receipts["payment"]).proof
    with pytest.raises(InputError, match="no receipt"):
        Receipt.decode(replace(proof, extra=None).encode())


# Parts swapped for others that are true in another place.


def field_of(data, name):
    return canonical.decode(Receipt.decode(data).proof.extra, 70_000)[name]


def refused(data, street, match=None):
    with pytest.raises(UnsoundError, match=match):
        check_receipt(Receipt.decode(data), street.trust)


def test_another_members_account_is_refused(street, receipts):
    ada, ben = street.members["m-ada"], street.members["m-ben"]

    def swap(value):
        shown = value.get("lines", [value.get("line", value.get("balance", {}))])
        for line in shown:
            for name in ("debit", "credit", "account", "member"):
                if name in line:
                    line[name] = line[name].replace(ada, ben).replace("m-ada", "m-ben")

    for kind in ("line", "net"):
        refused(changed(receipts[kind], swap), street, "not one that the statement binds")
    refused(changed(receipts["balance"], swap), street, "not one that the seal binds")


def test_another_line_another_index_and_a_line_twice_are_refused(street, receipts):
    def other_index(value):
        value["lines"][0]["index"] += 1

    def other_line(value):
        first, second = value["lines"][:2]
        first["amount"], second["amount"] = second["amount"], first["amount"]

    def exchanged(value):
        value["lines"].reverse()

    def twice(value):
        value["lines"].insert(0, value["lines"][0])

    for change in (other_index, other_line, exchanged, twice):
        refused(changed(receipts["net"], change), street)

    def neighbours_place(value):
        value["line"]["index"] += 1

    for name in ("bought_wh", "sold_units", "own_use_wh"):

        def more(value, name=name):
            value["line"][name] += 1

        refused(changed(receipts["line"], more), street, "not one that the statement binds")
    refused(changed(receipts["line"], neighbours_place), street)


def test_a_record_of_another_half_hour_is_refused(street, receipts):
    for kind, name in (("line", "line"), ("reading", "reading")):
        other = field_of(street.make(kind, period=PERIOD + 1).encode(), name)
        twin = changed(receipts[kind], lambda value: value.update({name: other}))  # noqa: B023
        if kind == "line":
            refused(twin, street, "not one that the statement binds")
        else:  # of the same batch: it is proved, as the other half-hour's
            finding = check_receipt(Receipt.decode(twin), street.trust)
            assert finding.receipt.fields["reading"]["period"] == PERIOD + 1

    def moved(value):
        value["reading"]["period"] += 1

    refused(changed(receipts["reading"], moved), street)

    def before_the_batch(value):
        value["reading"]["period"] = 0

    refused(changed(receipts["reading"], before_the_batch), street)


def test_lines_of_two_members_are_refused(street, receipts):
    ben = field_of(street.make("net", "m-ben").encode(), "lines")

    def both(value):
        value["lines"] = sorted([*value["lines"], *ben], key=lambda line: line["index"])

    refused(changed(receipts["net"], both), street, "several members")


def test_whom_a_receipt_names_is_checked(street, receipts):
    for kind, named in (
        ("payment", {"m-ada", "m-ben"}),
        ("line", {"m-ada"}),
        ("net", {"m-ada"}),
        ("reading", {"m-ada"}),
        ("balance", {"m-ada"}),
        ("reversal", set()),
    ):
        for meter, member in street.members.items():
            assert proved(receipts[kind], street.trust, member) == (meter in named), (kind, meter)


def test_the_proof_of_another_entry_is_refused(street, receipts):
    proofs = {kind: Receipt.decode(receipts[kind]).proof for kind in KINDS}
    for kind, proof in proofs.items():
        for other, theirs in proofs.items():
            if kind != other:
                twin = replace(theirs, extra=proof.extra).encode()
                assert not proved(twin, street.trust), (kind, other)


# Other logs and keys.


def test_the_key_of_another_log_or_none_proves_nothing(street, receipts):
    other = Verifier(street.verifier.name, LOG_KEY.public)
    elsewhere = Verifier("other.example/ledger/1", street.verifier.public_key)
    for kind in KINDS:
        receipt = Receipt.decode(receipts[kind])
        for verifier in (other, elsewhere):
            with pytest.raises(UnsoundError):
                check_receipt(receipt, Trust(verifier))
        with pytest.raises(InputError, match="Say which log"):
            check_receipt(receipt, Trust())
        with pytest.raises(UnsoundError):
            check_receipt(receipt, Trust(other, street.quorum_none.policy))
        assert proved(receipts[kind], Trust(street.verifier, street.quorum_none.policy))


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_leaves_in_another_log_are_refused(street, receipts, kind):
    """Whoever runs another log can copy every entry into it: it is not this ledger's log."""
    receipt = Receipt.decode(receipts[kind])
    for origin, words in (("other.example/ledger/1", "another ledger"), (CHARTER.origin, "key")):
        hashes = [leaf_hash(receipt.leaf)]
        fields = dict(receipt.fields)
        if receipt.roster is not None:
            hashes.insert(0, leaf_hash(leaf_of(receipt.roster, fields["roster"])))
            path = [h.hex() for h in inclusion_proof(hashes, 0)]
            fields["roster"] = {**fields["roster"], "index": 0, "path": path}
        elif origin == CHARTER.origin:
            continue  # a key that the reader gives is the reader's own choice
        note = sign_checkpoint(Checkpoint(origin, len(hashes), root_of(hashes)), LOG_KEY)
        last = len(hashes) - 1
        proof = LogProof(last, inclusion_proof(hashes, last), note, canonical.encode(fields))
        with pytest.raises(UnsoundError, match=words):
            check_receipt(Receipt.decode(proof.encode()), Trust(Verifier(origin, LOG_KEY.public)))


def test_a_checkpoint_of_another_log_is_refused(street, receipts):
    note = sign_checkpoint(Checkpoint("other.example/ledger/1", 200, bytes(32)), LOG_KEY)
    mine = sign_checkpoint(Checkpoint(CHARTER.origin, 200, bytes(32)), LOG_KEY)
    for kind in KINDS:
        for checkpoint in (note, mine):
            proof = replace(Receipt.decode(receipts[kind]).proof, checkpoint=checkpoint)
            assert not proved(proof.encode(), street.trust)


# Witnesses.


def test_witnesses_count_where_a_policy_names_them(street, receipts):
    key = SigningKey.from_seed(b"w" * 32)
    witness = Cosigner("witness.example/w1", key.public)
    text = f"log {street.verifier.vkey}\nwitness east {witness.vkey}\nquorum east\n"
    strict = Trust(policy=Policy.decode(text.encode()))
    for kind in KINDS:
        assert not proved(receipts[kind], strict)
        proof = Receipt.decode(receipts[kind]).proof
        line = cosign(proof.checkpoint, witness.name, key, 1_790_000_000)
        note = add_lines(proof.checkpoint, [line])
        data = replace(proof, checkpoint=note).encode()
        finding = check_receipt(Receipt.decode(data), strict)
        assert "The witness east cosigned it at 2026-09-21T14:13:20Z." in render(finding)
        # Without the policy its line counts for nothing, and the sentences say so.
        finding = check_receipt(Receipt.decode(data), street.trust)
        assert finding.strange_lines == 1
        assert "No witness was counted" in render(finding)
    for place in range(data.index(b"\n\n"), len(data)):
        twin = bytearray(data)
        twin[place] ^= 1
        assert not proved(bytes(twin), strict), place


# Signatures and rosters, in small logs made by hand.


def roster(*keys, **fields):
    entries = [{"key": key.public.hex(), "role": role} for key, role in keys]
    body = {"version": 1, "log_key": LOG_KEY.public.hex(), "threshold": 1, "keys": entries}
    return ("roster", "community", {**body, **fields}, [OPERATOR])


GOOD = roster((OPERATOR, "operator"), (SETTLER, "settlement"))
PAYMENT = ("transfer", ADA, {"to": BEN, "amount": 5, "reference": "eggs"}, [DEVICE])
ISSUE = ("issue", ADA, {"amount": 5, "evidence": "00" * 32, "note": "cash"}, [OPERATOR])


def test_a_payment_shows_a_key_whose_signature_holds():
    mine, other = DEVICE.public.hex(), SETTLER.public.hex()
    assert proved(small_log(GOOD, PAYMENT)(keys=[mine]), TRUST, ADA)
    for keys in ([other], [mine, other], [mine, mine], ["00" * 32]):
        assert not proved(small_log(GOOD, PAYMENT)(keys=keys), TRUST)
    both = (*PAYMENT[:3], [DEVICE, SETTLER])
    finding = check_receipt(Receipt.decode(small_log(GOOD, both)(keys=[mine])), TRUST)
    assert finding.unchecked == (SETTLER.key_id,)
    assert not proved(small_log(GOOD, both)(keys=[other]), TRUST)  # not the first signature


@pytest.mark.parametrize(
    ("shown", "statement", "words"),
    [
        (GOOD, ISSUE, None),
        (GOOD, (*ISSUE[:3], [SETTLER]), "first signature"),
        (roster((OPERATOR, "operator"), threshold=2), ISSUE, "roster's own operators"),
        (roster((SETTLER, "operator")), ISSUE, "roster's own operators"),
        (roster((OPERATOR, "operator"), log_key="11" * 32), ISSUE, "another key of the log"),
        (roster((OPERATOR, "operator"), expires=7), ISSUE, "expired"),
        (roster((OPERATOR, "operator"), expires=8), ISSUE, None),
        (GOOD, ("issue", "community", *ISSUE[2:]), "is not for community"),
        (("roster", ADA, *GOOD[2:]), ISSUE, "of another ledger"),
    ],
)
def test_the_roster_that_is_shown_must_bind_the_signer(shown, statement, words):
    data = small_log(shown, statement)()
    if words is None:
        assert proved(data, TRUST, ADA)
    else:
        with pytest.raises(UnsoundError, match=words):
            check_receipt(Receipt.decode(data), TRUST)


def test_operators_sign_by_their_threshold():
    two = roster((OPERATOR, "operator"), (SETTLER, "operator"), threshold=2)
    shown = (*two[:3], [OPERATOR, SETTLER])
    assert not proved(small_log(shown, ISSUE)(), TRUST)
    assert proved(small_log(shown, (*ISSUE[:3], [OPERATOR, SETTLER]))(), TRUST)


def test_a_roster_that_is_not_in_the_log_or_stands_later_is_refused(street, receipts):
    forged = small_log(roster((OPERATOR, "operator"), (SETTLER, "settlement")), ISSUE)
    theirs = json.loads(Receipt.decode(forged()).proof.extra)["roster"]
    refused(changed(receipts["line"], lambda value: value.update(roster=theirs)), street)

    def as_it_stands_elsewhere(value):
        value["roster"]["index"] += 1

    refused(changed(receipts["line"], as_it_stands_elsewhere), street)


def test_a_roster_after_the_statement_is_refused():
    receipt = Receipt.decode(small_log(GOOD, ISSUE)())
    fields = dict(receipt.fields)
    hashes = [leaf_hash(receipt.leaf), leaf_hash(leaf_of(receipt.roster, fields["roster"]))]
    fields["roster"] = {**fields["roster"], "index": 1, "path": [hashes[0].hex()]}
    note = sign_checkpoint(Checkpoint(CHARTER.origin, 2, root_of(hashes)), LOG_KEY)
    proof = LogProof(0, [hashes[1]], note, canonical.encode(fields))
    with pytest.raises(UnsoundError, match="after the statement"):
        check_receipt(Receipt.decode(proof.encode()), TRUST)
