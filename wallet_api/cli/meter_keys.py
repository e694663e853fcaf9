"""``commonwatt meters new-key``, ``bind-key``, ``revoke-key``, ``keys``: adapters' own keys."""

from pathlib import Path
from typing import Annotated

import typer

from ledger.errors import InputError, SetupError
from ledger.keyring import Keyring
from ledger.kinds import COMMUNITY
from ledger.meter_keys import CHANNELS, MeterKey
from ledger.primitives.periods import (
    PERIOD_MAX,
    load_zone,
    of_local_day,
    parse_date,
    start_text,
)
from ledger.primitives.signing import key_id_of
from meters.adapter import Adapter
from meters.readings import Channel
from settlement import deeds
from settlement.community import Community
from settlement.signers import operator_keys
from wallet_api.cli.context import open_here, say, say_json, settings_of, stop, warn
from wallet_api.cli.fields import AsJson, At, open_at

MeterName = Annotated[str, typer.Argument(help="The meter, as its member consented to it")]

DEFAULT_URL = "http://127.0.0.1:8000/v1/readings"
"""Where ``commonwatt serve`` takes readings."""

KEY_DIGITS_MIN = 8
"""Fewest digits of a key: fewer are a typing mistake."""


def new_key(
    file: Annotated[Path, typer.Argument(help="Key file to make, as in gateway.key")],
) -> None:
    """Make a key on the adapter's own machine; only its public half is told to the operators.

    Example: commonwatt meters new-key gateway.key
    """
    if file.suffix != ".key":
        raise InputError(f"{file}: call the file something.key.")
    key = Keyring(file.parent).create(file.stem)
    say(f"{file} holds the private key: it stays on this machine.")
    say("Tell the operators the public one:")
    say(f"  {key.public.hex()}")


def bind_key(
    context: typer.Context,
    meter: MeterName,
    key: Annotated[str, typer.Argument(help="The adapter's public key: 64 hexadecimal digits")],
    out: Annotated[Path, typer.Option(help="File for the adapter to write, as in gateway.json")],
    channels: Annotated[str, typer.Option(help="import, export or both")] = "both",
    first: Annotated[str | None, typer.Option("--from", help="First local day [today]")] = None,
    last: Annotated[str | None, typer.Option("--until", help="Last local day [none]")] = None,
    url: Annotated[str, typer.Option(help="Where the adapter delivers")] = DEFAULT_URL,
    at: At = None,
) -> None:
    """Let an adapter's own key sign a meter's readings, by two operators.

    Example: commonwatt meters bind-key m-ada 3f0c…81d2 --out gateway.json --from 2026-12-01
    """
    community = open_at(context, at)
    member = _member_of(community, meter)
    if channels not in CHANNELS:
        raise typer.BadParameter("--channels is import, export or both")
    span = _span(community, first, last)
    fields = {"key": _public(key), "meter": meter, "channels": channels}
    fields |= {"first": span.start, "last": span.stop - 1}  # type: ignore[dict-item]
    deeds.say(community, "meter_key", COMMUNITY, fields, operator_keys)
    with community.reading() as connection:
        log_key = community.log_verifier(connection).public_key
    sides = tuple(map(Channel, CHANNELS[channels]))
    adapter = Adapter(
        community.writer.origin, log_key, member, meter, sides, url, span.start, span.stop - 1
    )
    out.write_bytes(adapter.encode())
    say(f"The key {key[:16]}… may sign {_words(channels)} of meter {meter}, {_dates(span)}.")
    say(f"Give {out} to the adapter: commonwatt meters push --adapter {out} --key-file …")


def revoke_key(
    context: typer.Context,
    meter: MeterName,
    key: Annotated[str, typer.Argument(help="Beginning of the public key")],
    at: At = None,
) -> None:
    """Take a meter's key back, by two operators: it signs nothing more, of whatever half-hour.

    What it signed before stays.

    Example: commonwatt meters revoke-key m-ada 3f0c81d2
    """
    community = open_at(context, at)
    found = [
        each
        for each in _keys_of(community).get(meter, ())
        if each.key.hex().startswith(key.lower())
    ]
    if len(key) < KEY_DIGITS_MIN or len(found) != 1:
        raise InputError(
            f"{key!r} begins {len(found)} keys of meter {meter}: give at least {KEY_DIGITS_MIN} digits"
            " of one. See 'commonwatt meters keys'."
        )
    [bound] = found
    fields = {"key": bound.key.hex(), "meter": meter, "first": bound.first, "last": bound.last}
    channels = "both" if len(bound.channels) > 1 else bound.channels[0]
    fields |= {"channels": channels, "revoked": True}
    deeds.say(community, "meter_key", COMMUNITY, fields, operator_keys)
    say(f"The key {bound.key.hex()[:16]}… signs nothing more of meter {meter}.")


def keys(
    context: typer.Context,
    meter: Annotated[str | None, typer.Argument(help="Only this meter")] = None,
    as_json: AsJson = False,
) -> None:
    """List the keys that are bound to meters.

    Example: commonwatt meters keys
    """
    community = open_here(settings_of(context))
    found = [
        (name, each)
        for name, bound in sorted(_keys_of(community).items())
        if meter in (None, name)
        for each in bound
    ]
    if as_json:
        say_json([_key_json(name, each) for name, each in found])
        return
    if not found:
        say("No meter has a key of its own: operators import its files. See 'meters bind-key'.")
    for name, each in found:
        state = "revoked" if each.revoked else _dates(range(each.first, each.last + 1))
        say(f"{name:<20} {each.key.hex()[:16]}…  {' and '.join(each.channels):<17}  {state}")


def alerts(context: typer.Context, as_json: AsJson = False) -> None:
    """Show what waits for a batch that is missing, and what adapters did that is not right.

    Exit code 1 where something waits.

    Example: commonwatt meters alerts
    """
    community = open_here(settings_of(context))
    with community.reading() as connection:
        held = community.held.counts(connection)
        noted = community.held.alerts(connection)
    if as_json:
        say_json(
            {
                "held": [
                    {"meter": m, "channel": c, "key_id": s, "from": first, "batches": count}
                    for (m, c, s), (first, count) in held.items()
                ],
                "alerts": [
                    {"at_ms": a.at_ms, "kind": a.kind, "meter": a.meter, "text": a.text}
                    for a in noted
                ],
            }
        )
    else:
        for (m, c, signer), (first, count) in held.items():
            say(f"{m} {c}: {count} held from batch {first} on (key id {signer[:16]}…)")
        for alert in noted:
            say(f"{start_text(alert.at_ms // 1_800_000)}  {alert.kind:<8} {alert.text}")
        if not held and not noted:
            say("Nothing waits, and nothing was noted.")
    if held:
        warn("The adapters of these meters must deliver what is missing.")
        stop(1)


def _keys_of(community: Community) -> dict[str, tuple[MeterKey, ...]]:
    with community.transaction():
        return dict(community.writer.key_book.meter_keys)


def _member_of(community: Community, meter: str) -> str:
    with community.reading():
        uses = community.state.meters.get(meter)
    if not uses or not uses[-1][1].channels:
        raise InputError(
            f"No member consents to a meter {meter!r}. See 'commonwatt meter add --help'."
        )
    return uses[-1][1].member


def _public(text: str) -> str:
    try:
        if len(bytes.fromhex(text)) == 32:  # noqa: PLR2004 - bytes of an Ed25519 key
            return text.lower()
    except ValueError:
        pass
    raise InputError(
        f"{text!r} is not a public key: 64 hexadecimal digits, as 'commonwatt meters new-key' prints."
    )


def _span(community: Community, first: str | None, last: str | None) -> range:
    zone = load_zone(community.state.rules_now.zone)
    begin = community.writer.now_period()
    if first is not None:
        begin = of_local_day(parse_date(first), zone).start
    end = PERIOD_MAX + 1 if last is None else of_local_day(parse_date(last), zone).stop
    if end <= begin:
        raise SetupError("--until is before --from.")
    return range(begin, end)


def _words(channels: str) -> str:
    return "import and export" if channels == "both" else channels


def _dates(span: range) -> str:
    begin = start_text(span.start)
    if span.stop > PERIOD_MAX:
        return f"from {begin} on"
    return f"from {begin} until {start_text(span.stop)}"


def _key_json(meter: str, key: MeterKey) -> dict[str, object]:
    return {
        "meter": meter,
        "key": key.key.hex(),
        "key_id": key_id_of(key.key),
        "channels": list(key.channels),
        "first": start_text(key.first),
        "last": start_text(key.last),
        "revoked": key.revoked,
    }
