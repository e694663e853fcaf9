"""Erasure: what goes is gone, every proof stays valid, and whoever needs it cannot tell."""

import sqlite3

import pytest

from ledger import log_store
from ledger.check import check_ledger
from ledger.erasure import DETAIL_KEPT_PERIODS
from ledger.errors import RefusedError
from ledger.kinds import a_kind
from ledger.primitives.periods import SECONDS
from settlement import deeds
from settlement.audit.__main__ import main
from settlement.audit.report import render
from settlement.audit.verdict import UNKNOWN
from settlement.audit.verify import audit
from settlement.enrol import pay
from settlement.export import export_bundle
from settlement.run import settle_day
from tests.prepared import DAY, reopen

WORDS = "for the blue bicycle"


@pytest.fixture
def street(copy):
    community = reopen(*copy())
    yield community
    community.writer.database.close()


def entries_of(community, kind):
    with community.reading() as connection:
        found = log_store.stored_facts(connection, community.writer.community, kinds=[kind])
        return [position for position, _, _ in found]


def bought(community, reference=WORDS):
    """Pay for something and return the entry's position."""
    ada, ben, *_ = sorted(community.state.members)
    return pay(community, ada, ben, 700, reference)


def audited(community, folder):
    export_bundle(community, folder)
    return audit(folder)


def unknown(report):
    return {check for check, state in report.states() if state == UNKNOWN}


def later(community, periods):
    clock = community.writer.clock
    clock.set_ms(clock.now_ms() + periods * SECONDS * 1000)


def checked(community):
    with community.reading() as connection:
        return check_ledger(connection, community.writer.community).failure


def test_a_payments_words_are_gone_from_the_database_and_the_bundle(street, tmp_path):
    position = bought(street)
    path = street.writer.database.file
    before = path.read_bytes() + path.with_name(path.name + "-wal").read_bytes()
    encoded = WORDS.encode()
    export_bundle(street, tmp_path / "before")
    statement_bytes = (tmp_path / "before/facts/000000.jsonl").read_bytes().splitlines()[position]
    assert statement_bytes[20:120] in before
    root = audit(tmp_path / "before").root

    deeds.erase(street, {position: "fact"}, "She asked for it.")

    export_bundle(street, tmp_path / "after")
    everything = b"".join(p.read_bytes() for p in (tmp_path / "after").rglob("*") if p.is_file())
    assert statement_bytes[20:120] not in everything
    assert encoded not in everything
    street.writer.database.close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    assert statement_bytes[20:120] not in path.read_bytes()
    # The log is the same as before, and longer by the erasure.
    report = audit(tmp_path / "after", since=(tmp_path / "before/log/checkpoint").read_bytes())
    assert report.earlier
    assert report.root != root
    assert report.verdict == "cannot tell"


def test_whoever_needs_it_cannot_tell_and_everything_else_is_checked(street, tmp_path, capsys):
    position = bought(street)
    settle_day(street, DAY)
    assert audited(street, tmp_path / "before").verdict == "sound"
    deeds.erase(street, {position: "fact"}, "She asked for it.")
    report = audited(street, tmp_path / "after")
    assert report.verdict == "cannot tell"
    assert unknown(report) == {
        "keys and signatures",
        "sequence and expiry",
        "funds and mandates",
        "postings",
        "balances and seals",
    }
    assert report.replay.erased == [(position, "fact", "transfer")]
    text = render(report)
    assert f"erased: the fact of entry {position}, a transfer" in text
    assert "CANNOT TELL." in text
    assert main([str(tmp_path / "after"), "--json"]) == 2
    assert '"cannot tell"' in capsys.readouterr().out
    assert checked(street) is None


def test_a_claim_that_moved_nothing_leaves_the_books_as_sure_as_before(street, tmp_path):
    ada, ben, *_ = sorted(street.state.members)
    fields = {"of": ben, "amount": 5, "reference": "eggs", "last": street.writer.now_period()}
    deeds.say(street, "ask", ada, fields, [deeds.device(street, ada)])
    [position] = entries_of(street, "ask")
    settle_day(street, DAY)
    deeds.erase(street, {position: "fact"}, "She asked for it.")
    report = audited(street, tmp_path / "bundle")
    assert unknown(report) == {"keys and signatures", "sequence and expiry"}
    assert checked(street) is None


@pytest.mark.parametrize(
    ("kind", "lost"),
    [
        (
            "reading_batch",
            {"readings", "funds and mandates", "postings", "balances and seals"},
        ),
        ("hold", {"funds and mandates", "clearings", "postings", "balances and seals"}),
        ("clearing", {"clearings", "postings", "balances and seals"}),
        ("settlement", {"postings"}),
    ],
)
def test_half_hours_of_homes_go_after_five_weeks(street, tmp_path, kind, lost):
    settle_day(street, DAY)
    positions = entries_of(street, kind)
    erase = dict.fromkeys(positions, "detail")
    later(street, 20 * 48)
    with pytest.raises(RefusedError, match="must stay for 100 days"):
        deeds.erase(street, erase, "Kept as long as needed.")
    later(street, DETAIL_KEPT_PERIODS)
    deeds.erase(street, erase, "Kept as long as needed.")
    report = audited(street, tmp_path / "bundle")
    assert report.failed is None, report.failure
    assert unknown(report) == lost
    assert {(at, what) for at, what, _ in report.replay.erased} == {(p, "detail") for p in erase}
    assert checked(street) is None


@pytest.mark.parametrize("kind", ["roster", "rules", "account_open", "offer", "consent", "seal"])
def test_what_others_stand_on_stays(street, kind):
    settle_day(street, DAY)
    position = entries_of(street, kind)[0]
    for what in ("fact", "detail"):
        with pytest.raises(RefusedError, match=f"{a_kind(kind)}, must stay"):
            deeds.erase(street, {position: what}, "Away with it.")
    with pytest.raises(RefusedError, match="no log entry 10000"):
        deeds.erase(street, {10_000: "fact"}, "Away with it.")


def test_a_fact_that_is_gone_without_an_erasure_is_unsound(street, tmp_path):
    position = bought(street)
    with street.writer.database.write() as connection:
        log_store.erase(
            connection,
            street.writer.community,
            {"entries": [{"entry": position, "what": "fact"}]},
        )
    report = audited(street, tmp_path / "bundle")
    assert (report.verdict, report.failed) == ("unsound", "erasures")
    assert f"entry {position}: the fact of this transfer is not in the bundle" in report.failure
    assert "no erasure names it" in checked(street)


def test_a_fact_of_another_kind_that_is_gone_is_unsound(street, tmp_path):
    [position, *_] = entries_of(street, "offer")
    with street.writer.database.write() as connection:
        log_store.erase(
            connection, street.writer.community, {"entries": [{"entry": position, "what": "fact"}]}
        )
    report = audited(street, tmp_path / "bundle")
    assert (report.verdict, report.failed) == ("unsound", "commitments")


def test_an_operators_program_that_erases_too_much_is_found_by_the_audit(
    street, tmp_path, monkeypatch
):
    settle_day(street, DAY)
    [position, *_] = entries_of(street, "account_open")
    with monkeypatch.context() as patch:
        patch.setattr("settlement.community.check_erasure", lambda *_: None)
        deeds.erase(street, {position: "fact"}, "Away with it.")
    report = audited(street, tmp_path / "bundle")
    assert report.verdict == "unsound"


def test_what_is_erased_is_not_erased_again_and_a_run_goes_on_afterwards(street, tmp_path):
    position = bought(street)
    deeds.erase(street, {position: "fact"}, "She asked for it.")
    with pytest.raises(RefusedError, match=f"entry {position} is already erased"):
        deeds.erase(street, {position: "fact"}, "She asked again.")
    assert entries_of(street, "erasure") == [position + 1]
    settle_day(street, DAY)
    report = audited(street, tmp_path / "bundle")
    assert report.verdict == "cannot tell"
    assert report.replay.run_state.matched_wh > 0
    assert checked(street) is None
