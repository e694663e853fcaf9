"""Signed batches for tests: what a meter's own gateway makes."""

from array import array

from ledger.kinds import COMMUNITY
from ledger.primitives.signing import SigningKey
from meters.adapter import Adapter
from meters.outbox import Outbox
from meters.pages import Run
from meters.readings import NO_PLACE, Channel
from meters.wire import WireBatch
from settlement import deeds
from settlement.signers import operator_keys
from tests.prepared import ENTROPY, seeded_key

METER = "m-ben"
SLOT = (METER, Channel.IMPORT)
OWN: SigningKey = seeded_key("ben's gateway")


def bind(street, key=OWN, meter=METER, first=0, last=4_000_000, channels="import", **more):
    """Bind a key to a meter, by two operators."""
    fields = {"key": key.public.hex(), "meter": meter, "channels": channels}
    fields |= {"first": first, "last": last} | more
    return deeds.say(street, "meter_key", COMMUNITY, fields, operator_keys)


def adapter(street, url="http://127.0.0.1:9/v1/readings", channels=(Channel.IMPORT,)):
    """Return what Ben's gateway is told."""
    with street.reading() as connection:
        log_key = street.log_verifier(connection).public_key
    member = street.state.meters[METER][-1][1].member
    return Adapter(street.writer.origin, log_key, member, METER, channels, url)


def outbox(street, path, key=OWN, **more):
    return Outbox(path, adapter(street, **more), key, ENTROPY)


def made(street, path, runs, key=OWN, now_ms=None):
    """Return the batches that a gateway makes of some runs, in order."""
    box = outbox(street, path, key)
    now_ms = street.writer.clock.now_ms() if now_ms is None else now_ms
    for first, wh in runs:
        box.add(SLOT, Run(first, array("i", wh), "A" * len(wh)), now_ms)
    rows = box._database.execute("SELECT envelope, readings FROM outbox_batch ORDER BY number")
    found = [WireBatch(*row, NO_PLACE) for row in rows]
    box.close()
    return found
