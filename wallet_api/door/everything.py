"""All that is kept of one member, as an archive of open formats.

>>> README.splitlines()[0]
'All that is kept here of your account.'
"""

import csv
import io
import json
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import Connection

from ledger import history, log_store
from ledger.accounts import wallet
from ledger.primitives.periods import load_zone, local_date, start_text
from ledger.statements import Statement
from meters.readings import Quality
from settlement.community import Community
from settlement.export import ZIP_TIME
from settlement.member_facts import member_facts
from settlement.statement import household_statement
from settlement.statement_csv import guarded
from wallet_api.cli.member_show import facts_json
from wallet_api.door import contact_store, look_store, passkey_store, proposal_store
from wallet_api.door.contact_store import Contact, Way
from wallet_api.door.forms import Form, rendered

README = """\
All that is kept here of your account.

account.json    who you are here: name, offer, mandate, meters, shares, what is in the wallet
signed/         everything that you signed, as it was signed, by its position in the log:
                docs/spec/statements.md tells how to read it, docs/spec/log.md how to prove it
wallet.csv      every line of your wallet, in ledger units (0.0000001 of the currency)
readings.csv    your meters' readings that count now, in Wh
statements/     each month's statement, for people and for programs
addresses.json  where you are told of things, your browsers, programs and passkeys, and what waits for signatures
looks.json      who of the community's operators and helpers looked into your account, and why

Your keys are not here: they never left your devices.
"""

LOOKS_MAX = look_store.LOOKS_MAX
QUALITIES = tuple(Quality)


def everything_of(community: Community, connection: Connection, member: str) -> bytes:
    """Return all that is kept of a member as a ZIP archive; the same ledger gives the same bytes.

    Args:
        community: with what was agreed folded in.
        connection: a read transaction.
        member: id of one who is there.
    """
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in _files(community, connection, member):
            info = zipfile.ZipInfo(path, ZIP_TIME)
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, data)
    return out.getvalue()


def _files(
    community: Community, connection: Connection, member: str
) -> Iterator[tuple[str, bytes]]:
    yield "README.txt", README.encode()
    yield "account.json", _json(_facts(community, member))
    yield from _signed(community, connection, member)
    yield "wallet.csv", _wallet(community, connection, member)
    yield "readings.csv", _readings(community, connection, member)
    for month in _months(community, connection, member):
        model = household_statement(community, connection, member, month)
        for form in (Form.TEXT, Form.JSON):
            yield f"statements/{month}.{form}", rendered(model, form)
    seen = look_store.looks_of(connection, community.writer.community, member, None, LOOKS_MAX)
    looks = [
        {
            "at_ms": s.at_ms,
            "role": s.look.role,
            "key_id": s.look.key_id,
            "what": s.look.what,
            "reason": s.look.reason,
        }
        for s in seen
    ]
    yield "looks.json", _json(looks)
    yield "addresses.json", _json(_addresses(community, connection, member))


def _addresses(community: Community, connection: Connection, member: str) -> dict[str, Any]:
    """Return where a member is told of things and what looks in their name; secrets stay where they are."""
    number = community.writer.community
    contacts = [
        {
            "kind": each.way.value,
            "address": _address(each),
            "events": [event.value for event in each.events],
            "created_at_ms": each.created_ms,
            "confirmed_at_ms": each.confirmed_ms,
            "key_id": each.key_id,
        }
        for each in contact_store.of_account(connection, number, member, tuple(Way))
    ]
    passkeys = [
        {"name": each.name, "created_at_ms": each.created_ms, "used_at_ms": each.used_ms}
        for each in passkey_store.of_owner(connection, number, member, "")
    ]
    waiting = [
        {"id": each.id, "kind": each.kind, "created_at_ms": each.created_ms}
        for each in proposal_store.all_about(connection, number, member, 0)
    ]
    return {"contacts": contacts, "passkeys": passkeys, "waiting": waiting}


def _address(contact: Contact) -> str:
    """Return an address; of a browser where its messages go, without what opens them."""
    if contact.way is not Way.PUSH:
        return contact.address
    return str(json.loads(contact.address)["endpoint"])


def _facts(community: Community, member: str) -> dict[str, Any]:
    """Return a member's account; of neighbours who share a generator with them, ids alone."""
    return facts_json(member_facts(community, member))


def _signed(
    community: Community, connection: Connection, member: str
) -> Iterator[tuple[str, bytes]]:
    """Yield what a member signed or was signed for them; readings have a file of their own."""
    number = community.writer.community
    for position, kind, entry in log_store.stored_facts(connection, number):
        if entry is None or kind == "reading_batch":
            continue
        if Statement.decode(entry.envelope).account == member:
            yield f"signed/{position:09d}-{kind}.json", entry.envelope


def _wallet(community: Community, connection: Connection, member: str) -> bytes:
    ledger, rules = community.writer.ledger, community.state.rules_now
    number = ledger.chart.number_of(connection, wallet(member, rules.asset))
    header = ("line", "half_hour_utc", "amount_units", "balance_units", "log_entry")
    return _csv(
        header,
        (
            (line.number, start_text(line.effective), line.amount, line.balance, line.position)
            for line in history.entries(connection, ledger.community, number)
        ),
    )


def _readings(community: Community, connection: Connection, member: str) -> bytes:
    state, now = community.state, community.writer.now_period()
    mine = sorted(
        meter
        for meter, uses in state.meters.items()
        if any(use.member == member for _, use in uses)
    )
    return _csv(
        ("meter", "channel", "half_hour_utc", "wh", "quality", "log_entry"),
        (
            (
                meter,
                channel.value,
                start_text(period),
                stored.wh,
                QUALITIES[stored.quality].value,
                stored.position,
            )
            for (meter, channel), of in sorted(
                community.readings.series(connection, range(now), meters=mine).items()
            )
            for period, stored in sorted(of.items())
            if state.reader_of(meter, channel, period) == member
        ),
    )


def _months(community: Community, connection: Connection, member: str) -> list[str]:
    """Return the local months of which something stands in a member's wallet, or that were worked out."""
    ledger, rules = community.writer.ledger, community.state.rules_now
    number = ledger.chart.number_of(connection, wallet(member, rules.asset))
    zone = load_zone(rules.zone)
    periods = {line.effective for line in history.entries(connection, ledger.community, number)}
    return sorted({local_date(period, zone).isoformat()[:7] for period in periods})


def _csv(header: Sequence[str], rows: Iterable[tuple[Any, ...]]) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(header)
    for row in rows:  # a meter may be called what a spreadsheet would compute
        writer.writerow([guarded(cell) if isinstance(cell, str) else cell for cell in row])
    return out.getvalue().encode()


def _json(value: Any) -> bytes:
    return json.dumps(value, indent=1, ensure_ascii=False).encode() + b"\n"
