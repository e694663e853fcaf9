"""The check of a ledger with vouchers: an owner who makes everything agree is found by the log alone."""
# ruff: noqa: S608 - statements made of our own words and numbers

import pytest

from ledger.accounts import vouchers, wallet
from ledger.check import check_ledger
from settlement.voucher_deeds import end_voucher, make_voucher, pay_with_voucher
from tests.ledger.check_lives import check, insider, told
from tests.ledger.test_check_forgeries import rebuild
from tests.prepared import reopen

UPDATE = "UPDATE transfer SET {set} WHERE community = {c} AND number = {number}"


@pytest.fixture
def street(copy):
    """A street with a voucher that paid, one that was taken back, and one that is open."""
    community = reopen(*copy())
    ada, ben, *_ = sorted(community.state.members)
    last = community.writer.now_period() + 48
    paid, back, _ = (make_voucher(community, ada, units, last) for units in (300, 40, 7))
    pay_with_voucher(community, ben, " ".join(paid.words))
    end_voucher(community, back.id)
    yield community
    community.writer.database.close()


@pytest.mark.parametrize(
    ("number", "change", "sentence"),
    [
        (1, "amount = 301", "its amount"),
        (4, "amount = 299", "its amount"),
        (5, "amount = 41", "its amount"),
        (4, "credit = {cleo}", "its payee"),
        (5, "credit = {cleo}", "its payee"),
        (2, "debit = {cleo}", "its payer"),
        (3, "credit = {cleo}", "its payee"),
        (4, "debit = {cleo}", "its payer"),
    ],
)
def test_only_the_log_notices_what_became_of_a_voucher(street, number, change, sentence):
    database, store = street.writer.database, street.writer.ledger
    me, asset = store.community, street.state.rules_now.asset
    _, _, cleo, *_ = sorted(street.state.members)
    cleos = store.chart.numbers[wallet(cleo, asset)]
    with insider(database) as connection:
        command = UPDATE.format(set=change.format(cleo=cleos), c=me, number=number)
        assert connection.exec_driver_sql(command).rowcount
        rebuild(connection, store)
        assert check_ledger(connection, me, with_log=False).failure is None
        told(connection, me, sentence, "log")
    assert check(database, me).failure is None


def test_the_pots_limit_is_known(street):
    """An owner who lets the pot go below zero, or takes its limit away, is found."""
    database, me = street.writer.database, street.writer.community
    pot = street.writer.ledger.chart.numbers[vouchers(street.state.rules_now.asset)]
    for command in (
        f"UPDATE limit_change SET floor = -5 WHERE community = {me} AND account = {pot}",
        f"DELETE FROM limit_change WHERE community = {me} AND account = {pot}",
    ):
        with insider(database) as connection:
            assert connection.exec_driver_sql(command).rowcount
            assert check_ledger(connection, me).failure is not None
    assert check(database, me).failure is None
