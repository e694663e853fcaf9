"""Keys of single meters and edits by two operators: what they let in, and what receipts show of it."""

import pytest

from ledger.errors import CommonwattError, SignatureError
from ledger.kinds import COMMUNITY
from ledger.statements import Statement, make_body, sign
from ledger.writer import Draft
from meters.batches import BatchContent, batch_id
from meters.readings import Channel, Quality
from settlement import deeds
from settlement.audit.receipt import Receipt
from settlement.audit.receipt_check import Trust, check_receipt
from settlement.audit.receipt_words import evidence, proves
from settlement.intake import import_readings
from settlement.receipts import reading_receipt
from settlement.signers import operator_keys
from tests.prepared import DAY, reopen, seeded_key
from tests.streets import SITES, street_readings

METER, OWN = "m-ben", seeded_key("ben's gateway")
READINGS = [r for r in street_readings(SITES, [DAY]) if (r.meter, r.channel) == (METER, "import")]


@pytest.fixture
def street(copy):
    community = reopen(*copy())
    yield community
    community.writer.database.close()


def bind(street, key=OWN, meter=METER, first=0, last=4_000_000, channels="import", **more):
    fields = {"key": key.public.hex(), "meter": meter, "channels": channels}
    fields |= {"first": first, "last": last} | more
    return deeds.say(street, "meter_key", COMMUNITY, fields, operator_keys)


def deliver(street, *, key=OWN, sequence=1, previous="0" * 64, wh=(7, 8), first=None):
    """Log a batch that a key signs."""
    writer = street.writer
    period = writer.now_period() - 4 if first is None else first
    content = BatchContent(period, wh, "A" * len(wh), bytes(32))
    chain = (METER, "import", key.key_id)
    now_ms = writer.clock.now_ms()
    body = make_body(
        "reading_batch",
        writer.origin,
        street.state.meters[METER][-1][1].member,
        batch_id(writer.origin, chain, sequence),
        sequence,
        now_ms + 60_000,
        {
            "meter": METER,
            "channel": "import",
            "sequence": sequence,
            "previous": previous,
            "created_at": now_ms,
            "first": period,
            "step": 30,
            "count": len(wh),
            "root": content.root().hex(),
            "backfill": False,
        },
    )
    envelope = sign(body, [key])
    with street.transaction() as connection:
        [position] = street.accept(connection, [Draft(envelope, content.encode())])
    return position, Statement.decode(envelope)


def known(street, period):
    with street.reading() as connection:
        found = street.readings.known(connection, range(period, period + 1), meters=[METER])
    return found.get((METER, Channel.IMPORT, period))


def test_a_bound_key_signs_its_meters_readings_in_a_chain_of_its_own(street):
    with pytest.raises(SignatureError, match="meter's own; 0 of"):
        deliver(street)
    bind(street)
    _, first = deliver(street)
    deliver(street, sequence=2, previous=first.tx_id, wh=(9,))
    # The operator's imports go on in theirs.
    report = import_readings(
        street,
        [READINGS[0].__class__(METER, Channel.IMPORT, READINGS[0].period, 1, Quality.ACTUAL)],
    )
    assert report.corrected == 1
    deliver(street, sequence=3, previous=deliver_id(street, 2), wh=(10,))


def deliver_id(street, sequence):
    with street.reading() as connection:
        end = street.readings.chain_end(connection, (METER, "import", OWN.key_id))
    assert end[0] == sequence
    return end[1]


@pytest.mark.parametrize(
    "changed",
    [
        {"meter": "m-ada"},
        {"channels": "export"},
        {"last": 989_000},
        {"first": 2_000_000},
        {"revoked": True},
    ],
)
def test_a_key_that_is_bound_to_something_else_signs_nothing(street, changed):
    bind(street, **changed)
    with pytest.raises(SignatureError, match="meter's own; 0 of"):
        deliver(street)


def test_a_key_is_revoked_by_a_later_binding_and_may_be_bound_again(street):
    bind(street)
    _, first = deliver(street)
    bind(street, revoked=True)
    with pytest.raises(SignatureError):
        deliver(street, sequence=2, previous=first.tx_id)
    bind(street)
    deliver(street, sequence=2, previous=first.tx_id)


def test_nobody_elses_key_becomes_a_meters(street):
    for key in (seeded_key("m-ben"), street.writer.keyring.load("adapter")):
        with pytest.raises(SignatureError, match="a member's or the roster's"):
            bind(street, key)


def test_a_meter_has_so_many_keys_and_no_more(street):
    for number in range(16):
        bind(street, seeded_key(f"gateway {number}"))
    bind(street, seeded_key("gateway 3"), revoked=True)
    with pytest.raises(SignatureError, match="has had 16 keys"):
        bind(street)


def edit(street, period, wh, **fields):
    values = wh if isinstance(wh, list) else [wh]
    body = {"meter": METER, "channel": "import", "first": period, "wh": values, "reason": "Fuse."}
    before = known(street, period)
    if before is not None:
        body["replaces"] = before.position
    member = street.state.meters[METER][-1][1].member
    return deeds.say(street, "reading_edit", member, body | fields, operator_keys)


def test_an_edit_outranks_what_it_replaces_and_what_comes_later(street):
    period, old = READINGS[20].period, READINGS[20].wh
    edit(street, period, old + 5)
    assert (known(street, period).wh, known(street, period).quality) == (old + 5, 0)
    later = READINGS[20].__class__(METER, Channel.IMPORT, period, old + 9, Quality.ACTUAL)
    assert import_readings(street, [later]).corrected == 1
    assert known(street, period).wh == old + 5
    # Two operators take the later one over.
    edit(street, period, old + 9)
    assert known(street, period).wh == old + 9


@pytest.mark.parametrize(
    ("place", "wh", "fields", "words"),
    [
        (20, 5, {"replaces": 1}, "does not name the version"),
        (-1, [1, 2], {}, "does not name the version"),
        (20, 5, {"first": 3_000_000}, "not over"),
        (20, 5, {"channel": "export"}, "did not consent"),
    ],
)
def test_an_edit_that_does_not_fit_is_refused(street, place, wh, fields, words):
    period = READINGS[place].period
    before = known(street, period)
    with pytest.raises(CommonwattError, match=words):
        edit(street, period, wh, **fields)
    assert known(street, period) == before


def test_an_edit_fills_a_gap(street):
    period = READINGS[-1].period + 3
    assert known(street, period) is None
    edit(street, period, 77)
    assert known(street, period).wh == 77


def receipt(street, period):
    member = street.state.meters[METER][-1][1].member
    with street.reading() as connection:
        made = reading_receipt(street, connection, member, (METER, Channel.IMPORT, period))
        trust = Trust(street.log_verifier(connection))
    return check_receipt(Receipt.decode(made.encode()), trust, member)


def test_receipts_show_who_let_the_reading_in(street):
    bind(street)
    position, batch = deliver(street)
    finding = receipt(street, batch.body["first"])
    assert finding.receipt.proof.index == position
    assert [signer.role for signer in finding.signers] == ["meter"]
    assert "7 Wh (actual) went into the home" in " ".join(proves(finding))
    assert "binding" in finding.receipt.fields
    edit(street, batch.body["first"], 3)
    finding = receipt(street, batch.body["first"])
    assert {signer.role for signer in finding.signers} == {"operator"}
    assert "operators say that 3 Wh went into the home" in " ".join(proves(finding))
    assert list(evidence(finding))
