"""``commonwatt meters edit``: what a meter should have said, by two operators."""

from typing import Annotated

import typer

from ledger.errors import InputError
from ledger.kinds import EDITED_MAX
from ledger.primitives.energy import WH_MAX
from ledger.primitives.periods import load_zone, local_date, local_label, start_text
from settlement import deeds
from settlement.signers import operator_keys
from settlement.statement_store import seals
from settlement.tracing import slot_of
from wallet_api.cli.context import say
from wallet_api.cli.fields import At, Reason, agreed, half_hour_of, open_at
from wallet_api.cli.meter_trace import Channel, Meter


def edit(
    context: typer.Context,
    meter: Meter,
    channel: Channel,
    start: Annotated[str, typer.Argument(help="First half-hour: 2026-06-15T13:30")],
    wh: Annotated[list[int], typer.Argument(help="Wh of each half-hour from there on")],
    reason: Reason,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask")] = False,
    at: At = None,
) -> None:
    """Say what a meter should have said, signed by two operators. Nothing delivered is changed.

    The edit outranks what the meter said, and what it says later, until another edit takes that
    over: edit again with the later value to accept it. A time is local, as in 2026-06-15T13:30, or
    UTC, as in 2026-06-15T12:30:00Z.

    Example: commonwatt meters edit lw-03 import 2026-06-15T13:30 412 380 --reason "Fuse out."
    """
    community = open_at(context, at)
    slot, first = (
        slot_of(community, meter, channel),
        half_hour_of(start, community.state.rules_now.zone),
    )
    if len(wh) > EDITED_MAX or any(not 0 <= value <= WH_MAX for value in wh):
        raise InputError(f"Give 1 to {EDITED_MAX} values of 0 to {WH_MAX:,} Wh.")
    span = range(first, first + len(wh))
    with community.reading() as connection:
        known = community.readings.known(connection, span, meters=[meter])
        member = community.state.reader_of(meter, slot[1], first)
    if member is None:
        raise InputError(f"No member consents to meter {meter} {channel} at {start_text(first)}.")
    entries = {known[(*slot, p)].position if (*slot, p) in known else None for p in span}
    if len(entries) > 1:
        raise InputError(
            "These half-hours came in different deliveries: edit each by itself. See 'commonwatt"
            " meters known'."
        )
    zone = load_zone(community.state.rules_now.zone)
    for period, value in zip(span, wh, strict=True):
        before = known.get((*slot, period))
        was = "no reading" if before is None else f"{before.wh:,} Wh"
        say(f"{start_text(period)[:10]} {local_label(period, zone)}: {was}, now {value:,} Wh")
    if not agreed("Sign this with two operators' keys?", yes=yes):
        say("Nothing was written.")
        return
    fields = {"meter": meter, "channel": channel, "first": first, "wh": wh, "reason": reason}
    [entry] = entries
    if entry is not None:
        fields["replaces"] = entry
    deeds.say(community, "reading_edit", member, fields, operator_keys)
    day = local_date(first, zone).isoformat()
    with community.reading() as connection:
        is_settled = bool(seals(connection, community.writer.community, day, day))
    if is_settled:
        say(f"Signed and logged. {day} is settled, and stays as it is until a later run of it.")
    else:
        say("Signed and logged. The next run of the day uses it.")
