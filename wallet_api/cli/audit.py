"""``commonwatt audit``: a bundle for strangers, and their check of it."""

from pathlib import Path
from typing import Annotated

import typer

from settlement.audit.report import render
from settlement.audit.verify import audit
from settlement.export import export_bundle
from wallet_api.cli.context import open_here, progress, say, say_json, settings_of, stop

app = typer.Typer(help="Export a bundle, and audit one offline.", no_args_is_help=True)


@app.command()
def export(
    context: typer.Context,
    out: Annotated[Path, typer.Argument(help="A folder to make, or a name ending in .zip")],
) -> None:
    """Write all that an auditor needs: the log, its facts, keys and rules.

    Example: commonwatt audit export street.zip
    """
    community = open_here(settings_of(context))
    with progress("Facts", None) as advance:
        size = export_bundle(community, out, lambda _done, _all: advance(1000))
    say(f"{size:,} entries written to {out}. Check it: commonwatt audit verify {out}")


@app.command()
def verify(
    bundle: Annotated[Path, typer.Argument(help="A bundle: a folder or a .zip")],
    vkey: Annotated[
        str | None, typer.Option(help="The log's key, as the group published it")
    ] = None,
    since: Annotated[
        Path | None, typer.Option(help="A checkpoint kept from an earlier audit")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs")] = False,
) -> None:
    """Check every signature, reading, clearing, posting and balance of a bundle, offline.

    Exit code 0: sound; 1: unsound; 2: cannot tell. Needs no database and trusts nobody; the
    same check runs without this program's other parts: python -m settlement.audit BUNDLE

    Example: commonwatt audit verify street.zip --since checkpoint-last-month
    """
    with progress("Entries", None) as advance:
        report = audit(
            bundle,
            vkey=vkey,
            since=since.read_bytes() if since else None,
            progress=lambda _done, _all: advance(500),
        )
    if as_json:
        say_json(report.to_json())
    else:
        say(render(report))
    if report.exit_code:
        stop(report.exit_code)
