"""What every command shares: where the database and keys are, and how things are said.

>>> Settings("sqlite:///street/commonwatt.sqlite").keys_folder.as_posix()
'street/keys'
"""

import getpass
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from sqlalchemy import func, select

from ledger import people
from ledger.db import Database
from ledger.errors import InputError, LogError, SetupError
from ledger.keyring import FILE_VARIABLE, PASSPHRASE_VARIABLE, Keyring, is_exposed
from ledger.log.policy import Policy
from ledger.primitives.clock import FixedClock, SystemClock
from ledger.tables import StatementRow
from settlement.community import Community
from settlement.enrol import open_community
from wallet_api.database import require_current

DEMO_FOLDER = Path("commonwatt-demo")
"""Where ``make demo`` puts everything."""

DEFAULT_DATABASE = f"sqlite:///{DEMO_FOLDER}/commonwatt.sqlite"
"""The database of commands that name none."""

EXIT_NO = 1
"""The answer is no: not verified, unsound, refused by a rule."""

EXIT_CANNOT = 2
"""It could not be done: wrong arguments, unreadable input, missing database or key."""

EXIT_PARTLY = 3
"""Done, but some rows were refused; each is named on standard error."""

EXIT_STOPPED = 130
"""Stopped by the person at the keyboard."""

RATE_VARIABLE = "COMMONWATT_REQUESTS_PER_SECOND"
"""Environment variable: requests a second that a server takes from one address in the long run."""

PUSH_VARIABLE = "COMMONWATT_PUSH_CONTACT"
"""Environment variable: where push services find whoever sends; without it there is no web push."""

error_console = Console(stderr=True)


@dataclass
class Settings:
    """Global options.

    Attributes:
        database_url: where the ledger is.
        keys: the folder of key files, if it was named.
        origin: which community, if it was named.
        public_url: where a server is reached, as https://street.example; passkeys need it.
        is_typed: a person types commands: they may be asked for a passphrase.
    """

    database_url: str = DEFAULT_DATABASE
    keys: Path | None = None
    origin: str | None = None
    is_typed: bool = False
    public_url: str | None = None

    @property
    def keys_folder(self) -> Path:
        """Where key files are: beside a SQLite file, unless named."""
        if self.keys is not None:
            return self.keys
        file = Database(self.database_url).file
        if file is None:
            raise SetupError("Say where the keys are: --keys FOLDER or COMMONWATT_KEYS.")
        return file.parent / "keys"

    @property
    def log_folder(self) -> Path:
        """Where the log's public files are published: beside the keys."""
        return self.keys_folder.parent / "log"

    @property
    def outbox_folder(self) -> Path:
        """Where messages to people are written as files, unless another way is named: beside the keys."""
        return self.keys_folder.parent / "outbox"

    @property
    def policy_file(self) -> Path:
        """Where the group says who its witnesses are: beside the keys."""
        return self.keys_folder.parent / "policy"

    @property
    def policy(self) -> Policy | None:
        """The group's witnesses, if it names any."""
        file = self.policy_file
        if not file.exists():
            return None
        try:
            return Policy.decode(file.read_bytes())
        except LogError as error:
            raise SetupError(f"{file}: {error}. See docs/witness.md.") from error


def settings_of(context: typer.Context) -> Settings:
    """Return the global options of a command."""
    settings: Settings = context.obj
    return settings


def open_database(settings: Settings) -> Database:
    """Open a database that is at the current revision.

    Raises:
        SetupError: it is missing or needs an upgrade; says what to do.
    """
    database = Database(settings.database_url)
    require_current(database)
    return database


def open_here(settings: Settings, database: Database | None = None) -> Community:
    """Open the community that the options name, in an open database if one is given.

    One that replays past readings goes on at the time where it stopped.
    """
    if database is None:
        database = open_database(settings)
    else:
        require_current(database)
    keyring = keyring_here(settings)
    community = open_community(database, keyring, SystemClock(), settings.origin)
    if community.state.rules_history and community.state.rules_now.replay:
        community.writer.clock = FixedClock(_last_recorded_ms(community) + 1)
    return community


def keyring_here(settings: Settings) -> Keyring:
    """Return the key files; whoever types is asked for a passphrase, and told who else could read them."""
    keyring = Keyring(settings.keys_folder, ask_passphrase if settings.is_typed else None)
    if settings.is_typed:
        exposed = [name for name in keyring.names() if is_exposed(keyring.folder / f"{name}.key")]
        if exposed:
            warn(
                f"Warning: others than you can read {len(exposed)} key files, as {exposed[0]}.key."
                f" Mend it: chmod -R go= {keyring.folder}"
            )
    return keyring


def ask_passphrase(path: Path) -> str:
    """Ask for the passphrase of key files, without showing it.

    Raises:
        SetupError: nobody is there to be asked.
    """
    if not sys.stdin.isatty():
        raise SetupError(
            f"{path} is encrypted: set {PASSPHRASE_VARIABLE}, or {FILE_VARIABLE} to a file with it."
        )
    return getpass.getpass(f"Passphrase of the keys in {path.parent}: ")


def move_clock(community: Community, time_ms: int) -> None:
    """Let the clock of a community that replays past readings reach a time."""
    clock = community.writer.clock
    if isinstance(clock, FixedClock) and clock.now_ms() < time_ms:
        clock.set_ms(time_ms)


def _last_recorded_ms(community: Community) -> int:
    table = StatementRow.__table__  # type: ignore[attr-defined]
    with community.reading() as connection:
        query = select(func.max(table.c.recorded_at)).where(
            table.c.community == community.writer.community
        )
        return connection.scalar(query) or 0


def member_named(community: Community, name: str) -> str:
    """Return the id of the member whose name, or beginning of id, is given.

    Raises:
        InputError: none, or several.
    """
    with community.reading() as connection:
        known = people.names(connection, community.writer.community)
    exact = [member for member, found in known.items() if found.casefold() == name.casefold()]
    if len(exact) == 1:
        return exact[0]
    begins = [m for m, found in known.items() if found.casefold().startswith(name.casefold())]
    if len(begins) == 1:
        return begins[0]
    if len(begins) > 1:
        options = ", ".join(sorted(known[member] for member in begins))
        raise InputError(f"{name!r} could be any of: {options}")
    return community.find_member(name)


def say(text: str = "") -> None:
    """Print a line of the command's answer."""
    sys.stdout.write(text + "\n")


def say_json(value: Any) -> None:
    """Print the answer for programs."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def warn(text: str) -> None:
    """Print a line beside the answer."""
    sys.stderr.write(text + "\n")


def stop(code: int) -> NoReturn:
    """End with an exit code."""
    raise typer.Exit(code)


@contextmanager
def progress(what: str, total: int | None) -> Iterator[Any]:
    """Show a progress bar on a terminal's standard error; yields ``advance(count)``."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(
        *columns, console=error_console, transient=True, disable=not error_console.is_terminal
    ) as bar:
        task = bar.add_task(what, total=total)
        yield lambda count: bar.advance(task, count)
