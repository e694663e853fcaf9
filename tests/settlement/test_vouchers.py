"""Vouchers at work: paid once, until their last half-hour, and a stranger's audit agrees."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger import log_store
from ledger.accounts import vouchers, wallet
from ledger.check import check_ledger
from ledger.errors import CommonwattError, RefusedError, SignatureError
from ledger.primitives.periods import SECONDS
from ledger.recovery import VOUCHER, key_of_code
from settlement import deeds, joining, key_deeds, till_deeds, voucher_deeds
from settlement import vouchers as vouchers_module
from settlement.audit.verify import audit
from settlement.enrol import enter_openings, pay
from settlement.export import export_bundle
from settlement.key_deeds import FreezeBy
from settlement.run import settle_day
from settlement.voucher_deeds import end_voucher, make_voucher, pay_with_voucher
from settlement.vouchers import Standing
from tests.prepared import DAY, reopen

ASSET = "LWD/7"
POT = vouchers(ASSET)


@pytest.fixture
def street(copy):
    community = reopen(*copy())
    yield community
    community.writer.database.close()


def people(community):
    return sorted(community.state.members)


def posted(community, account):
    with community.reading() as connection:
        balances = community.writer.ledger.balances(connection)
    return balances[account].posted if account in balances else None


def made(community, member, units, periods=48):
    last = community.writer.now_period() + periods
    return make_voucher(community, member, units, last)


def spend(community, member, card):
    return pay_with_voucher(community, member, " ".join(card.words))


def later(community, periods):
    clock = community.writer.clock
    clock.set_ms(clock.now_ms() + periods * SECONDS * 1000)


def audited(community, path, memory=None):
    export_bundle(community, path)
    report = audit(path, memory=memory)
    assert report.verdict == "sound", report.failure
    with community.reading() as connection:
        checked = check_ledger(connection, community.writer.community)
    assert checked.failure is None, checked.failure
    return report


def test_a_member_without_a_phone_carries_money_to_the_shop(street, tmp_path):
    ada, ben, *_ = people(street)
    assert posted(street, POT) is None  # this community never had one
    start = posted(street, wallet(ada, ASSET)), posted(street, wallet(ben, ASSET))
    card = made(street, ada, 700)
    assert posted(street, POT) == 700
    with pytest.raises(SignatureError, match="needs 1 of the voucher's key"):
        deeds.say(street, "voucher_pay", ben, {"voucher": card.id}, [deeds.device(street, ben)])
    spend(street, ben, card)
    assert posted(street, POT) == 0
    after = posted(street, wallet(ada, ASSET)), posted(street, wallet(ben, ASSET))
    assert after == (start[0] - 700, start[1] + 700)
    with pytest.raises(RefusedError, match="No voucher that is open has these words"):
        spend(street, ben, card)
    with pytest.raises(SignatureError, match="it was paid or taken back, or never made"):
        end_voucher(street, card.id)
    settle_day(street, DAY)
    report = audited(street, tmp_path / "bundle.zip")
    assert report.replay.community.vouchers.vouchers[card.id].payee == ben
    assert report.replay.book.balances[POT].posted == 0


def test_the_first_to_show_the_words_is_paid_and_nobody_after(street):
    ada, ben, cleo, *_ = people(street)
    card = made(street, ada, 700)
    key = key_of_code(" ".join(card.words), VOUCHER)
    deeds.say(street, "voucher_pay", cleo, {"voucher": card.id}, [key])
    for payee in (ben, cleo, ada):
        with pytest.raises(CommonwattError):
            deeds.say(street, "voucher_pay", payee, {"voucher": card.id}, [key])
    assert posted(street, POT) == 0


def test_two_programs_pay_a_voucher_once(copy):
    """What one program logged, another one knows before it writes."""
    url, keys = copy()
    one, other = reopen(url, keys), reopen(url, keys)
    ada, ben, cleo, *_ = people(one)
    card = made(one, ada, 300)
    other.writer.clock.set_ms(one.writer.clock.now_ms() + 1)
    spend(other, ben, card)
    for program in (one, other):
        with pytest.raises(RefusedError, match="No voucher that is open"):
            spend(program, cleo, card)
    assert posted(one, POT) == posted(other, POT) == 0
    for program in (one, other):
        program.writer.database.close()


def test_a_voucher_pays_until_its_last_half_hour(street, tmp_path):
    ada, ben, *_ = people(street)
    first, second = made(street, ada, 300, 4), made(street, ada, 400, 4)
    later(street, 4)
    spend(street, ben, first)
    later(street, 1)
    with pytest.raises(RefusedError, match="paid until the half-hour from"):
        spend(street, ben, second)
    assert posted(street, POT) == 400  # what expired still holds its money
    standing = [standing for _, standing in voucher_deeds.vouchers_now(street)]
    assert standing == [Standing.PAID, Standing.EXPIRED]
    end_voucher(street, second.id, by_operators=True)
    assert posted(street, POT) == 0
    audited(street, tmp_path / "bundle.zip")


def test_before_its_end_only_the_member_takes_it_back(street, tmp_path):
    ada, ben, *_ = people(street)
    card = made(street, ada, 300)
    with pytest.raises(SignatureError, match="needs 1 of the member's keys; 0"):
        end_voucher(street, card.id, by_operators=True)
    mine = [deeds.device(street, ben)]
    with pytest.raises(RefusedError, match="is another member's"):
        deeds.say(street, "voucher_end", ben, {"voucher": card.id}, mine)
    with pytest.raises(SignatureError, match="needs 1 of the member's keys; 0"):
        deeds.say(street, "voucher_end", ada, {"voucher": card.id}, mine)
    assert posted(street, POT) == 300
    end_voucher(street, card.id)
    with pytest.raises(RefusedError, match="No voucher that is open"):
        spend(street, ben, card)
    audited(street, tmp_path / "bundle.zip")


def test_one_operator_alone_takes_nothing_back(street):
    ada, *_ = people(street)
    card = made(street, ada, 300, 1)
    later(street, 2)
    [one] = deeds.operator_keys(street, 1)
    with pytest.raises(SignatureError, match="needs 2 of operators; 1"):
        deeds.say(street, "voucher_end", ada, {"voucher": card.id}, [one])
    assert posted(street, POT) == 300


def test_a_thiefs_voucher_can_be_stopped_no_more_than_his_payment(street):
    """Frozen keys make none and take none back; what was made before still pays, like a banknote."""
    ada, ben, *_ = people(street)
    card = made(street, ada, 300)
    key_deeds.freeze(street, ada, "Lost.", FreezeBy.OPERATOR)
    for act in (lambda: made(street, ada, 1), lambda: end_voucher(street, card.id)):
        with pytest.raises(SignatureError, match="the account is frozen"):
            act()
    spend(street, ben, card)
    assert posted(street, POT) == 0


def test_operators_amend_nothing_of_a_voucher(street, tmp_path):
    ada, ben, *_ = people(street)
    spend(street, ben, made(street, ada, 300))
    with street.reading() as connection:
        moved = [
            t for t, _ in street.writer.ledger.transfers(connection) if POT in (t.debit, t.credit)
        ]
    assert len(moved) == 2
    for transfer in moved:
        with pytest.raises(RefusedError, match="No payment has this id"):
            deeds.reverse(street, transfer.id.hex(), "No.")
        with pytest.raises(RefusedError, match="No payment has this id"):
            deeds.correct(street, transfer.id.hex(), 1, "No.", back=True)
    audited(street, tmp_path / "bundle.zip")


def test_a_voucher_is_not_erased(street):
    ada, *_ = people(street)
    made(street, ada, 300)
    with street.reading() as connection:
        size, _, _ = log_store.head(connection, street.writer.community)
    with pytest.raises(RefusedError, match="a voucher, must stay"):
        deeds.erase(street, {size - 1: "fact"}, "Asked.")


def test_a_refused_voucher_leaves_nothing_behind(street, tmp_path):
    ada, ben, *_ = people(street)
    card = made(street, ada, 300)
    for units, words in ((10**12, "below floor"), (2**53 - 1, "amount out of range")):
        with pytest.raises(CommonwattError, match=words):
            made(street, ada, units)
    with pytest.raises(RefusedError, match="over before it began"):
        made(street, ada, 1, -1)
    assert (street.state.vouchers.units, len(street.state.vouchers.vouchers)) == (300, 1)
    spend(street, ben, card)
    audited(street, tmp_path / "bundle.zip")


def test_a_member_has_so_many_open_ones(street, monkeypatch):
    monkeypatch.setattr(vouchers_module, "VOUCHERS_OPEN_MAX", 2)
    ada, ben, *_ = people(street)
    cards = [made(street, ada, 1) for _ in range(2)]
    with pytest.raises(RefusedError, match="has 2 open vouchers"):
        made(street, ada, 1)
    made(street, ben, 1)
    spend(street, ben, cards[0])
    made(street, ada, 1)


@settings(
    max_examples=3, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(st.randoms(use_true_random=False))
def test_each_step_is_remembered_between_audits(copy, tmp_path_factory, random):
    folder, memory = tmp_path_factory.mktemp("steps"), None
    street = reopen(*copy())
    ada, ben, cleo, *_ = people(street)
    cards = [made(street, ada, 100 + each, 2) for each in range(4)]
    letter = joining.invite(street, "shop", street.writer.now_period() + 48)
    till = till_deeds.add_till(street, ben)
    steps = [
        lambda: spend(street, ben, cards[0]),
        lambda: spend(street, cleo, cards[1]),
        lambda: end_voucher(street, cards[2].id),
        lambda: made(street, cleo, 7),
        lambda: pay(street, ben, cleo, 5, "bread"),
        lambda: joining.end_invitation(street, letter.id, "Lost."),
        lambda: deeds.say(
            street, "till_key", ben, {"key": till.hex(), "revoked": True}, deeds.by_member(ben)
        ),
    ]
    random.shuffle(steps)
    for number, step in enumerate(steps):
        resumed = audited(street, folder / f"{number}.zip", memory)
        whole = audit(folder / f"{number}.zip")
        assert resumed.memory() == whole.memory()
        memory = resumed.memory()
        step()
    later(street, 3)
    end_voucher(street, cards[3].id, by_operators=True)
    report = audited(street, folder / "last.zip", memory)
    assert report.replay.community.vouchers == street.state.vouchers
    assert report.replay.keys.vouchers == street.writer.key_book.vouchers
    assert report.replay.keys.tills == {ben: ()}
    assert report.replay.book.balances[POT].posted == street.state.vouchers.units == 7
    street.writer.database.close()


def test_an_erased_payment_leaves_vouchers_that_cannot_be_told(street, tmp_path):
    ada, ben, cleo, *_ = people(street)
    card, other = made(street, ada, 300), made(street, ada, 40)
    position = pay(street, ada, ben, 5, "bread")
    deeds.erase(street, {position: "fact"}, "She asked.")
    spend(street, cleo, card)
    end_voucher(street, other.id)
    made(street, cleo, 7)
    export_bundle(street, tmp_path / "bundle.zip")
    report = audit(tmp_path / "bundle.zip")
    assert report.verdict == "cannot tell"
    assert report.replay.community.vouchers == street.state.vouchers


def test_after_a_voucher_no_balance_is_opened_any_more(street):
    ada, ben, *_ = people(street)
    openings = {wallet(ada, ASSET): 5, wallet(ben, ASSET): -5}
    enter_openings(street, openings, dry_run=True)
    made(street, ada, 1)
    with pytest.raises(RefusedError, match="Opening balances come before the first payment"):
        enter_openings(street, openings)
