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
    community: Community, connection: Connection, periods: range, before: int
) -> list[PeriodInputs]:
    """Gather the readings of a day as they stood in the log before a position.

    What is only guessed of a meter that said nothing for long counts as missing.
    """
    stored = community.readings.known(connection, periods, before=before)
    said = community.readings.said_since(connection, since_day(periods), before)
    readings = by_half_hour(
        {
            key: payable(key[1], version.quality, version.wh)
            for key, version in stored.items()
            if (key[0], key[1]) in said
        }
    )
    return period_inputs(community.state, periods, readings)
