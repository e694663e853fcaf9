"""The help fund gives no more than it has, whichever statement would take it."""

import pytest

from ledger.accounts import fund
from ledger.errors import RefusedError
from settlement import deeds
from tests.settlement.later import BEN, CLEO, balances, checked, owner, transfers
from tests.settlement.test_debts import ASSET, base, opened

assert base  # a fixture


@pytest.fixture
def spent(base, tmp_path):
    """A fund that gave all it got; the ids of what it got and what it gave."""
    community = opened(base, tmp_path / "street")
    ben, cleo = owner(community, BEN), owner(community, CLEO)
    deeds.donate(community, cleo, 1_000_000, "For the help fund")
    deeds.grant(community, ben, 1_000_000, "A hard winter.")
    got, gave = (transfer.id.hex() for transfer in transfers(community)[-2:])
    yield community, got, gave
    community.writer.database.close()


def test_neither_a_correction_nor_a_reversal_takes_what_the_fund_has_not(spent, tmp_path):
    community, got, gave = spent
    refused = (
        lambda: deeds.correct(community, gave, 1, "It was more.", back=False),
        lambda: deeds.reverse(community, got, "By mistake."),
        lambda: deeds.correct(community, got, 1, "It was less.", back=True),
    )
    for deed in refused:
        with pytest.raises(RefusedError, match=r"fund has £0\.00: it gives no more than it has"):
            deed()
    deeds.correct(community, gave, 400_000, "It was less.", back=True)
    deeds.correct(community, got, 400_000, "It was less.", back=True)
    assert balances(community)[fund(ASSET)] == 0
    checked(community, tmp_path)
