"""``commonwatt db``: make, upgrade and check databases."""

from typing import Annotated

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
def grant(
    context: typer.Context,
    role: Annotated[str, typer.Argument(help="A role that was made with CREATE ROLE … LOGIN")],
) -> None:
    """Let a PostgreSQL role do the daily work: read and add everywhere, change nothing kept.

    Run it as the tables' owner, after each upgrade; then let everything else connect as the role.
    Only the owner could take the append-only guards away, and nothing needs the owner any more.

    Example: commonwatt --database postgresql://owner@host/village db grant village_app
    """
    settings = settings_of(context)
    databases.grant(Database(settings.database_url), role)
    say(f"{role} may read and add; balances and the log's head it may rewrite, nothing else.")


@app.command()
def check(context: typer.Context) -> None:
    """Check revision, tables and append-only guards.

    Example: commonwatt db check
    """
    settings = settings_of(context)
    database = Database(settings.database_url)
    revision = databases.check(database)
    say(f"{settings.database_url} is at revision {revision}; tables and guards are in order.")
    if database.dialect == "postgresql" and databases.could_remove_guards(database):
        say("This role could remove the guards: work as one made by 'commonwatt db grant'.")
