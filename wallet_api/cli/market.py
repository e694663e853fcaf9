"""``commonwatt market``: clear and verify one half-hour from files; pure."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from market.certificate import verify as verify_result
from market.clearing import clear as clear_market
from market.errors import CertificateError, MarketInputError
from market.explain import explain as explain_order
from market.explain import explanation_to_json
from market.explain_words import sentences
from market.model import Market, Orders, Side
from market.result_wire import read_result, result_bytes
from market.wire import read_market
from wallet_api.cli.context import EXIT_NO, say, say_json, stop, warn

app = typer.Typer(help="Clear one half-hour from a file, and verify results.", no_args_is_help=True)


@app.command()
def clear(
    market: Annotated[Path, typer.Argument(help="A market file; - is standard input")],
    out: Annotated[Path | None, typer.Option(help="Write the result here [stdout]")] = None,
) -> None:
    """Clear a market and print the result with its certificate, as canonical JSON.

    Example: commonwatt market clear half-hour.json
    """
    result = result_bytes(clear_market(read_market(_bytes(market)))) + b"\n"
    if out is None:
        sys.stdout.write(result.decode())
    else:
        out.write_bytes(result)


@app.command()
def verify(
    market: Annotated[Path, typer.Argument(help="The market file")],
    result: Annotated[Path, typer.Argument(help="The result to check")],
) -> None:
    """Prove without a solver that a result is the one that the rules give.

    Exit code 0: proved; 1: it is not.

    Example: commonwatt market verify half-hour.json result.json
    """
    cleared = read_result(_bytes(result))
    try:
        verify_result(read_market(_bytes(market)), cleared)
    except CertificateError as error:
        warn(f"Not verified: {error}")
        stop(EXIT_NO)
    say(f"Verified: {cleared.matched_wh} Wh matched, and no better matching exists.")


@app.command()
def explain(
    market: Annotated[Path, typer.Argument(help="The market file")],
    order: Annotated[str, typer.Argument(help="Id of the order")],
    side: Annotated[Side | None, typer.Option(help="Where the id stands on both sides")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs")] = False,
) -> None:
    """Clear a market and say why an order got what it got, and at that price.

    Names nobody else. What another limit would have brought is cleared, not guessed.

    Example: commonwatt market explain half-hour.json m2
    """
    found = read_market(_bytes(market))
    sides = [side] if side else [s for s in Side if order in _side(found, s).ids]
    if len(sides) > 1:
        raise MarketInputError(f"{order!r} is an ask and a bid: say --side ask or --side bid")
    if not sides:
        raise MarketInputError(f"there is no ask and no bid {order!r}")
    told = explain_order(found, clear_market(found), sides[0], order)
    if as_json:
        say_json(explanation_to_json(told))
        return
    for sentence in sentences(told):
        say(sentence)


def _side(market: Market, side: Side) -> Orders:
    return market.asks if side is Side.ASK else market.bids


def _bytes(path: Path) -> bytes:
    return sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
