"""A signed batch of readings is stored as it is logged: chain, number and root are checked first."""

from dataclasses import replace

import pytest

from ledger import log_store
from ledger.errors import CommonwattError
from ledger.statements import Statement, make_body, sign
from ledger.writer import Draft
from meters.batches import BatchContent, batch_id
from meters.readings import Channel
from tests.prepared import reopen, seeded_key

METER = "m-ben"
NEW_ID = "0123456789ab4def8123456789abcdef"


@pytest.fixture
def street(copy):
    community = reopen(*copy())
    yield community
    community.writer.database.close()


def batch(community, connection, *, sequence=None, previous=None, content=None, **changed):
    """Return a batch of two readings that follows, but for what is changed."""
    writer = community.writer
    key = writer.keyring.load("adapter")
    chain = (METER, "import", key.key_id)
    last, before = community.readings.chain_end(connection, chain)
    sequence = last + 1 if sequence is None else sequence
    period = writer.now_period() - 2
    content = content or BatchContent(period, (7, 8), "AA", bytes(32))
    now_ms = writer.clock.now_ms()
    body = make_body(
        "reading_batch",
        writer.origin,
        community.state.meters[METER][-1][1].member,
        batch_id(writer.origin, chain, sequence),
        log_store.last_seq(connection, writer.community, key.key_id) + 1,
        now_ms + 60_000,
        {
            "meter": METER,
            "channel": "import",
            "sequence": sequence,
            "previous": previous or before,
            "created_at": now_ms,
            "first": period,
            "step": 30,
            "count": 2,
            "root": content.root().hex(),
            "backfill": False,
        }
        | changed,
    )
    return Draft(sign(body, [key]), content.encode())


def counts(community):
    with community.reading() as connection:
        head = log_store.head(connection, community.writer.community)
        stored = community.readings.known(connection, range(10**6))
        key_id = community.writer.keyring.load("adapter").key_id
        end = community.readings.chain_end(connection, (METER, "import", key_id))
        return head, stored, end


def test_what_follows_is_stored_with_its_link(street):
    _, before, (sequence, _) = counts(street)
    with street.transaction() as connection:
        draft = batch(street, connection)
        [position] = street.accept(connection, [draft])
    _, after, end = counts(street)
    added = {key: stored for key, stored in after.items() if before.get(key) != stored}
    assert [stored.wh for stored in added.values()] == [7, 8]
    assert {stored.position for stored in added.values()} == {position}
    assert end == (sequence + 1, Statement.decode(draft.envelope).tx_id)


def test_several_of_one_chain_are_taken_in_one_go(street):
    with street.transaction() as connection:
        first = batch(street, connection)
        [_] = street.accept(connection, [first])
        second = batch(street, connection)
        assert street.accept(connection, [first, second]) != []
    _, stored, _ = counts(street)
    key = (METER, Channel.IMPORT, street.writer.now_period() - 1)
    assert stored[key].version == 2


WRONG = {
    "a gap": ({"sequence": 99}, "is broken"),
    "another predecessor": ({"previous": "ab" * 32}, "is broken"),
    "another root": ({"root": "ab" * 32}, "not those that were signed"),
    "another number": ({"count": 1}, "not those that were signed"),
    "somebody else's meter": ({"meter": "m-ada"}, "is broken|consent|id is not"),
    "no step back": ({"first": 989_737_000}, "not over|first"),
}


@pytest.mark.parametrize(("changed", "words"), WRONG.values(), ids=WRONG)
def test_what_does_not_follow_is_refused_and_nothing_is_kept(street, changed, words):
    before = counts(street)
    with pytest.raises(CommonwattError, match=words), street.transaction() as connection:
        street.accept(connection, [batch(street, connection, **changed)])
    assert counts(street) == before


def test_a_detail_that_is_not_there_or_not_of_its_form_is_refused(street):
    before = counts(street)
    for detail in (None, b"", b"{}", b"\x00" * 100):
        with pytest.raises(CommonwattError), street.transaction() as connection:
            street.accept(connection, [replace(batch(street, connection), detail=detail)])
    assert counts(street) == before


def forged(draft):
    return Draft(draft.envelope[:-20] + b"AAAAAAAA" + draft.envelope[-12:], draft.detail)


def test_what_is_refused_makes_nobody_fold_the_log_again(street, monkeypatch):
    folded = []
    facts = log_store.facts

    def counted(*args, **kwargs):
        folded.append(kwargs.get("first"))
        return facts(*args, **kwargs)

    with street.transaction():
        before, members = counts(street), street.state.members
    monkeypatch.setattr(log_store, "facts", counted)
    for changed in ({"sequence": 99}, {"root": "ab" * 32}):
        with pytest.raises(CommonwattError), street.transaction() as connection:
            street.accept(connection, [batch(street, connection, **changed)])
    with pytest.raises(CommonwattError), street.transaction() as connection:
        street.accept(connection, [forged(batch(street, connection))])
    assert counts(street) == before
    assert street.state.members is members
    assert folded == []


def test_what_changed_agreements_and_was_undone_is_folded_again(street):
    before = {member: list(offers) for member, offers in street.state.offers.items()}
    with pytest.raises(ZeroDivisionError):
        offer_and_fail(street)
    assert street.state.offers == {}, "what was undone is dropped at once"
    counts(street)
    assert street.state.offers == before


def offer_and_fail(street):
    member = street.state.meters[METER][-1][1].member
    ticks = ("buy_ticks", "sell_ticks", "import_tariff_ticks", "export_tariff_ticks")
    with street.transaction() as connection:
        key = seeded_key(METER)
        terms = dict.fromkeys(ticks, 5)
        offer = street.writer.sign_new(connection, "offer", member, NEW_ID, terms, [key])
        street.accept(connection, [Draft(offer)])
        assert street.state.offers[member][-1][1].buy_ticks == 5
        raise ZeroDivisionError
