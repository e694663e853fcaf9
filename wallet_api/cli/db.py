"""``commonwatt db``: make, upgrade and check databases."""

import typer

from ledger.db import Database
from wallet_api import database as databases
from wallet_api.cli.context import say, settings_of

app = typer.Typer(help="Make, upgrade and check databases.", no_args_is_help=True)


@app.command()
def upgrade(context: typer.Context) -> None:
    """Make the database, or bring it to this version's revision, with its guards in place.

    Example: commonwatt --database sqlite:///village.sqlite db upgrade
    """
    settings = settings_of(context)
    revision = databases.upgrade(Database(settings.database_url))
    say(f"{settings.database_url} is at revision {revision}, append-only guards in place.")


@app.command()
def check(context: typer.Context) -> None:
    """Check revision, tables and append-only guards.

    Example: commonwatt db check
    """
    settings = settings_of(context)
    revision = databases.check(Database(settings.database_url))
    say(f"{settings.database_url} is at revision {revision}; tables and guards are in order.")
