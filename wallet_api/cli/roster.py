"""``commonwatt community roster``: whose keys count for the community, and the next version."""

from typing import Annotated, Any

import typer

from ledger.errors import InputError, RefusedError
from ledger.keyring import Keyring
from ledger.primitives.periods import load_zone, of_local_day, parse_date, start_text
from ledger.primitives.signing import SigningKey, key_id_of
from settlement import deeds
from settlement.community import Community
from settlement.constitution import OPERATOR, RosterChange, next_roster
from wallet_api.cli.context import say, say_json
from wallet_api.cli.fields import AsJson, At, local_time, open_at

HELPER, AUDITOR = "helper", "auditor"


def roster(
    context: typer.Context,
    add_operator: Annotated[
        list[str] | None, typer.Option(metavar="FILENAME", help="Key file of one more operator")
    ] = None,
    replace_operator: Annotated[
        list[str] | None, typer.Option(metavar="OLD=NEW", help="Key files: OLD goes, NEW comes")
    ] = None,
    replace_settlement: Annotated[
        str | None, typer.Option(metavar="OLD=NEW", help="The key that settles, by its files")
    ] = None,
    replace_adapter: Annotated[
        str | None, typer.Option(metavar="OLD=NEW", help="The key that signs what is imported")
    ] = None,
    remove_operator: Annotated[
        list[str] | None, typer.Option(metavar="FILENAME", help="An operator who goes")
    ] = None,
    add_helper: Annotated[
        list[str] | None, typer.Option(metavar="FILENAME", help="Key file of one more helper")
    ] = None,
    remove_helper: Annotated[
        list[str] | None, typer.Option(metavar="FILENAME", help="A helper who goes")
    ] = None,
    add_auditor: Annotated[
        list[str] | None, typer.Option(metavar="FILENAME", help="Key file of one more auditor")
    ] = None,
    remove_auditor: Annotated[
        list[str] | None, typer.Option(metavar="FILENAME", help="An auditor who goes")
    ] = None,
    threshold: Annotated[
        int | None, typer.Option(help="How many operators must sign", min=1, max=16)
    ] = None,
    expires: Annotated[
        str | None,
        typer.Option(metavar="DATE", help="No key counts from this local day on; or: never"),
    ] = None,
    at: At = None,
    as_json: AsJson = False,
) -> None:
    """Show the roster in force, or log the next one, signed by its operators and those before.

    A key file that is not there is made, in the folder of keys; its name is a FILENAME without
    ".key". Later commands sign with whichever files hold the keys that the roster names.

    Example: commonwatt community roster

    Or: commonwatt community roster --replace-operator operator-2=operator-3

    Or: commonwatt community roster --add-helper helper-rosa --add-helper helper-sam

    Or: commonwatt community roster --add-auditor auditor-lee
    """
    community = open_at(context, at)
    fields = deeds.roster_now(community)
    pairs = [(*_pair(text), OPERATOR) for text in replace_operator or []]
    for said, role in ((replace_settlement, "settlement"), (replace_adapter, "adapter")):
        pairs += [(*_pair(said), role)] if said else []
    coming = [(new, role) for _, new, role in pairs]
    coming += [(name, OPERATOR) for name in add_operator or []]
    coming += [(name, HELPER) for name in add_helper or []]
    coming += [(name, AUDITOR) for name in add_auditor or []]
    going = [(old, role) for old, _, role in pairs]
    going += [(name, OPERATOR) for name in remove_operator or []]
    going += [(name, HELPER) for name in remove_helper or []]
    going += [(name, AUDITOR) for name in remove_auditor or []]
    if coming or going or threshold is not None or expires is not None:
        keyring = community.writer.keyring
        # Whoever goes is looked for first: a wrong name makes no key files.
        remove = [_of_role(keyring, fields, name, role) for name, role in going]
        end = None if expires in (None, "never") else _end(community, str(expires))
        keys = [(_key(keyring, name), role) for name, role in coming]
        change = RosterChange(
            [(key.public, role) for key, role in keys], remove, threshold, end, expires == "never"
        )
        made = next_roster(fields, change)
        new_operators = [key for key, role in keys if role == OPERATOR]
        statement = deeds.new_roster(community, made, new_operators)
        if not as_json:
            say(f"Roster version {statement.body['version']} is in force from now on.")
    show(community, as_json=as_json)


def show(community: Community, *, as_json: bool) -> None:
    """Show the roster in force, with the key files that are here."""
    fields = deeds.roster_now(community)
    publics = [bytes.fromhex(entry["key"]) for entry in fields["keys"]]
    files = community.writer.keyring.names_of(publics)
    rows: list[dict[str, Any]] = [
        {
            "role": entry["role"],
            "id": key_id_of(public),
            "key": entry["key"],
            "file": files.get(public),
        }
        for entry, public in zip(fields["keys"], publics, strict=True)
    ]
    expires = fields.get("expires")
    with community.transaction():
        version = community.writer.key_book.roster_version
    if as_json:
        end = None if expires is None else start_text(expires)
        say_json(
            {
                "version": version,
                "threshold": fields["threshold"],
                "expires_utc": end,
                "keys": rows,
            }
        )
        return
    operators = sum(row["role"] == OPERATOR for row in rows)
    end = "without end" if expires is None else f"until {local_time(community, expires)}"
    say(f"Roster version {version}: {fields['threshold']} of {operators} operators sign, {end}.")
    say(f"{'role':<12}{'key':<10}file")
    for row in rows:
        say(f"{row['role']:<12}{row['id'][:8]:<10}{row['file'] or 'not in this keyring'}")


def _pair(text: str) -> tuple[str, str]:
    old, equals, new = text.partition("=")
    if not (old and equals and new):
        raise InputError(f"{text!r}: write OLD=NEW, with names of key files")
    return old, new


def _key(keyring: Keyring, name: str) -> SigningKey:
    """Return a key by its file's name, making the file if it is not there."""
    if not name or not all(letter.isalnum() or letter in "-_" for letter in name):
        raise InputError(f"{name!r} is not a key file's name: letters, digits, - and _")
    return keyring.load(name) if keyring.has(name) else keyring.create(name)


def _of_role(keyring: Keyring, fields: dict[str, Any], name: str, role: str) -> bytes:
    """Return the public key of somebody whom the roster names, by file or beginning of the id.

    Raises:
        RefusedError: nobody, or several.
    """
    named = [bytes.fromhex(e["key"]) for e in fields["keys"] if e["role"] == role]
    if keyring.has(name) and keyring.load(name).public in named:
        return keyring.load(name).public
    found = [key for key in named if key_id_of(key).startswith(name)]
    if len(found) != 1:
        raise RefusedError(
            f"{name!r} is no {role} of the roster in force. See 'commonwatt community roster'."
        )
    return found[0]


def _end(community: Community, day: str) -> int:
    """Return the first half-hour of a local day, which is still to come."""
    first = of_local_day(parse_date(day), load_zone(community.state.rules_now.zone)).start
    if first <= community.writer.now_period():
        raise InputError(f"--expires {day}: the roster would be over before it began.")
    return first
