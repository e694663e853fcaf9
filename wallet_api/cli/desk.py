"""``commonwatt community desk``: a card with which an operator, a helper or an auditor opens the console."""

from enum import StrEnum
from typing import Annotated

import typer

from settlement.desk_cards import desk_card
from wallet_api.cli.context import say
from wallet_api.cli.fields import At, open_at
from wallet_api.cli.paper import sheet


class DeskRole(StrEnum):
    """What somebody at a desk may do."""

    OPERATOR = "operator"
    HELPER = "helper"
    AUDITOR = "auditor"


def desk(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Whose it is: printed on the card, and kept nowhere")],
    role: Annotated[DeskRole, typer.Option(help="What they may do")] = DeskRole.OPERATOR,
    url: Annotated[
        str,
        typer.Option(help="Where the console is served", envvar="COMMONWATT_PUBLIC_URL"),
    ] = "http://127.0.0.1:8000",
    at: At = None,
) -> None:
    """Make a desk card: twelve words with which a browser opens the console.

    The words' key stands in the roster from now on, and two operators sign for it. They are shown once and
    kept nowhere: the browser keeps the key. End it: in the console, under Keys and roles.

    Example: commonwatt community desk "Ann Evans" --role operator
    """
    community = open_at(context, at)
    words = desk_card(community, role.value)
    below = (
        f"These words are the key of {'an' if role[0] in 'ao' else 'a'} {role.value}. Open the console on the",
        "computer that you work at, and type them, or open the link below there.",
        "Whoever has them can sign as you: do not keep this sheet.",
    )
    say(sheet((f"Desk card of {name}", community.name), words, below))
    say()
    say(f"{url.rstrip('/')}/console/#/enter/{'-'.join(words)}")
