"""``settle --due`` goes on whatever a single day has: one without readings stops no other."""

from datetime import timedelta

import pytest

from settlement.errors import RunRefusedError
from settlement.timetable import due_at_ms
from tests.prepared import CHARTER, DAY, reopen
from tests.settlement.later import GB
from wallet_api.cli.settle import _How, _one, _wanted

HOW = _How(estimates=True, dry_run=False, as_json=True, lenient=True)


def test_a_day_without_any_reading_refuses_each_of_its_runs_as_a_run_and_no_more(copy):
    community = reopen(*copy())
    gone = DAY + timedelta(days=2)
    community.writer.clock.set_ms(due_at_ms(GB.run("R1"), gone, CHARTER.zone))
    wanted = [run for run in _wanted(community, None, None, None, due=True) if run.day == gone]
    assert [run.code for run in wanted] == ["SF", "R1"]
    for run in wanted:
        with pytest.raises(RunRefusedError):
            _one(community, run, HOW)
    community.writer.database.close()
