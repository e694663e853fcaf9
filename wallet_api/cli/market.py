"""``commonwatt market``: clear and verify one half-hour from files; pure."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from market.certificate import verify as verify_result
from market.clearing import clear as clear_market
from market.errors import CertificateError
from market.wire import read_market, read_result, result_bytes
from wallet_api.cli.context import EXIT_NO, say, stop, warn

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


def _bytes(path: Path) -> bytes:
    return sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
