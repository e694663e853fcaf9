"""What entries mean is the same on both engines, and however the log is cut into looks."""

import pytest

from ledger import log_store
from ledger.kinds import COMMUNITY
from settlement.enrol import pay
from settlement.run import settle_day
from tests.engines import fresh_url
from tests.prepared import DAY, found, reopen
from tests.streets import SITES
from wallet_api.door.happenings import What, happenings

ENGINES = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)]
WHATS = (What.BALANCE, What.PRICES, What.KEYS)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_day_and_a_payment_mean_the_same_whole_or_entry_by_entry(engine, tmp_path):
    with fresh_url(engine, tmp_path) as url:
        found(url, tmp_path / "keys").writer.database.close()
        community = reopen(url, tmp_path / "keys")
        settle_day(community, DAY)
        members = [community.state.meters[site.meter][-1][1].member for site in SITES]
        pay(community, *members[:2], 700, "bread")
        with community.reading() as connection:
            size, _, _ = log_store.head(connection, community.writer.community)
            everybody = {*members, COMMUNITY}
            whole = happenings(community, connection, range(size), everybody)
            cut = [
                each
                for entry in range(size)
                for each in happenings(community, connection, range(entry, entry + 1), everybody)
            ]
            assert whole == cut
            moved = [each for each in whole if each.what is What.BALANCE]
            assert {each.told["kind"] for each in moved} == {"energy", "transfer"}
            for account in members:
                mine = happenings(community, connection, range(size), {account})
                assert mine == [each for each in whole if each.account == account]
                moves = [each.told for each in mine if each.what is What.BALANCE]
                wallet = sum(each["units"] for each in moves)
                floor = community.state.members[account].floor_units
                assert {each["available_units"] for each in moves} == {max(0, wallet - floor)}
            assert {each.what for each in whole} == set(WHATS)
            assert happenings(community, connection, range(size), set()) == []
        community.writer.database.close()
