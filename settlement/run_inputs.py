"""What a run knows of a day: its readings as they stood in the log before it.

>>> inputs_of.__name__
'inputs_of'
"""

from sqlalchemy import Connection

from meters.silence import since_day
from meters.versions import payable
from settlement.community import Community
from settlement.orders import PeriodInputs, by_half_hour, period_inputs


def inputs_of(
    community: Community,
    connection: Connection,
    periods: range,
    before: int,
    *,
    final: bool = False,
) -> list[PeriodInputs]:
    """Gather the readings of a day as they stood in the log before a position.

    What is only guessed of a meter that said nothing for long counts as missing.

    Args:
        community: open for work.
        connection: an open transaction.
        periods: the day's half-hours.
        before: log position.
        final: for the run that closes the day, or one after it: estimated exports count.
    """
    stored = community.readings.known(connection, periods, before=before)
    said = community.readings.said_since(connection, since_day(periods), before)
    readings = by_half_hour(
        {
            key: payable(key[1], version.quality, version.wh, final=final)
            for key, version in stored.items()
            if (key[0], key[1]) in said
        }
    )
    return period_inputs(community.state, periods, readings)


def surely_unchanged(
    community: Community, connection: Connection, periods: range, since: int
) -> bool:
    """Return whether it takes no look at readings to know that a day's are as they were.

    Nothing more was said of the day, and none of it is an estimate of ours, which later readings of
    other days could make worthless and the closing run counts in full.

    Args:
        community: open for work.
        connection: an open transaction.
        periods: the day's half-hours.
        since: log position before which the day's last run knew its readings.
    """
    readings = community.readings
    return readings.latest(connection, periods) < since and not readings.any_estimate(
        connection, periods
    )
