"""``commonwatt member till``: keys that ask in a shop's name, and take no money out."""

from typing import Annotated

import typer

from ledger.primitives.shape import HEX_64
from ledger.primitives.signing import key_id_of
from settlement import till_deeds
from wallet_api.cli.context import say, say_json
from wallet_api.cli.fields import AsJson, At, Who, open_at, who

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

NOT_HERE = "not in this keyring"


@app.callback()
def tills() -> None:
    """Tills of a shop: each has a key that may ask to be paid, and nothing else."""


@app.command()
def add(
    context: typer.Context,
    name: Who,
    key: Annotated[
        str | None,
        typer.Option(metavar="HEX", help="The till's public key [one is made and kept here]"),
    ] = None,
    at: At = None,
) -> None:
    """Let a till ask in a member's name, signed by the member. Whoever steals it takes nothing.

    Example: commonwatt member till add "Green Stores"

    Or: commonwatt member till add "Green Stores" --key 3f0c…81d2
    """
    community = open_at(context, at)
    member, name = who(community, name)
    made = till_deeds.add_till(community, member, None if key is None else _public(key))
    file = till_deeds.tills_now(community, member)[made]
    say(f"The till {key_id_of(made)[:8]} may ask in the name of {name}: {file or NOT_HERE}")
    say(f'Stolen or sold: commonwatt member till revoke "{name}" {key_id_of(made)[:8]}')


@app.command()
def revoke(
    context: typer.Context,
    name: Who,
    key: Annotated[str, typer.Argument(metavar="KEY", help="Beginning of the key's id")],
    at: At = None,
) -> None:
    """Let a till ask nothing more, at once and for ever, signed by the member.

    Example: commonwatt member till revoke "Green Stores" 1f2e3d4c
    """
    community = open_at(context, at)
    member, name = who(community, name)
    gone = till_deeds.revoke_till(community, member, key)
    say(f"The till {key_id_of(gone)[:8]} asks nothing more in the name of {name}.")


@app.command("list")
def list_tills(context: typer.Context, name: Who, at: At = None, as_json: AsJson = False) -> None:
    """List a member's tills.

    Example: commonwatt member till list "Green Stores"
    """
    community = open_at(context, at)
    member, name = who(community, name)
    found = till_deeds.tills_now(community, member)
    if as_json:
        say_json([{"key": k.hex(), "id": key_id_of(k), "file": f} for k, f in found.items()])
        return
    for key, file in found.items():
        say(f"{key_id_of(key)[:8]:<10}{file or NOT_HERE}")
    if not found:
        say(f'{name} has no till. Add one: commonwatt member till add "{name}"')


def _public(text: str) -> bytes:
    HEX_64(text.lower(), "--key")
    return bytes.fromhex(text)
