"""``commonwatt witness``: cosign the logs of neighbouring groups."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from ledger.errors import InputError, SetupError
from ledger.keyring import Keyring
from ledger.log.cosignature import Cosigner
from ledger.log.note import Verifier, check_name
from ledger.peer import check_address
from ledger.primitives.signing import SigningKey
from ledger.witness_store import KnownLog, SqliteWitnessStore
from wallet_api.cli.context import EXIT_NO, say, say_json, stop
from wallet_api.cli.listen import check_listen

app = typer.Typer(
    help="Be a witness: cosign the logs of neighbouring groups.", no_args_is_help=True
)

KEY_NAME = "witness"
"""Name of the key file in the witness's folder."""

ADDRESS = "address"
"""Name of the file that keeps where groups reach the witness."""

NO_ADDRESS = "https://ADDRESS-OF-THIS-WITNESS"

CONNECTIONS_MAX = 64
"""Most requests at once: a few neighbours ask, each within seconds."""

Folder = Annotated[
    Path, typer.Option(envvar="COMMONWATT_WITNESS", help="The witness's folder, its key included")
]
DEFAULT_FOLDER = Path("commonwatt-witness")


@app.command()
def init(
    name: Annotated[str, typer.Option(help="Unique and lasting: witness.riverside.example/w1")],
    folder: Folder = DEFAULT_FOLDER,
    url: Annotated[str, typer.Option(help="Where groups will reach it")] = NO_ADDRESS,
) -> None:
    """Make a witness: a key, an empty memory, and the line that groups put into their policy.

    Example: commonwatt witness init --name witness.riverside.example/w1 --url
    https://witness.riverside.example
    """
    check_name(name)
    check_address(url)
    if (folder / "witness.sqlite").exists():
        raise SetupError(f"There is a witness in {folder} already.")
    ring = Keyring(folder)
    key = ring.load(KEY_NAME) if ring.has(KEY_NAME) else ring.create(KEY_NAME)
    SqliteWitnessStore.create(folder / "witness.sqlite", name)
    (folder / ADDRESS).write_text(f"{url}\n", encoding="utf-8")
    vkey = Cosigner(name, key.public).vkey
    say(f"The witness {name} is in {folder}. Keep its key safe, and never put an old copy back.")
    say(f"Key: {vkey}")
    say("Give this line to the groups; they put it into their policy:")
    say(_line(folder, name, key))
    say("Next: commonwatt witness add-log VKEY-OF-A-GROUP, then commonwatt witness serve")


@app.command("add-log")
def add_log(
    vkey: Annotated[str, typer.Argument(help="The log's key, as its group published it")],
    folder: Folder = DEFAULT_FOLDER,
) -> None:
    """Let the witness cosign a log. A witness that is being served sees it at once.

    Ask the group for its key in person or on paper: whoever sends it to you is whom you witness.

    Example: commonwatt witness add-log riverside.example/ledger/1+90ad6ddb+ATtqJ7zO…
    """
    store, _ = _open(folder)
    verifier = Verifier.from_vkey(vkey.strip())
    new = store.add_log(verifier)
    say(f"{verifier.name} is {'now known' if new else 'known already'} to {store.name}.")


@app.command()
def serve(
    folder: Folder = DEFAULT_FOLDER,
    host: Annotated[str, typer.Option(help="Address to listen on")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on", min=1, max=65_535)] = 8100,
) -> None:
    """Answer the groups that ask for a cosignature.

    Put a web server with a certificate before it, or ask the groups to reach it within a private
    network: the answers are signed, so nothing secret passes.

    Example: commonwatt witness serve --host 0.0.0.0 --port 8100
    """
    import uvicorn  # noqa: PLC0415 - commands that serve nothing need not wait for it

    from wallet_api.witness_http import create_witness_app  # noqa: PLC0415 - as above

    store, key = _open(folder)
    check_listen(host, port)
    say(f"{store.name} answers at http://{host}:{port}/. Stop with Ctrl-C.")
    uvicorn.run(
        create_witness_app(store, key),
        host=host,
        port=port,
        log_level="warning",
        limit_concurrency=CONNECTIONS_MAX,
    )


@app.command()
def status(
    folder: Folder = DEFAULT_FOLDER,
    as_json: Annotated[bool, typer.Option("--json", help="For programs")] = False,
) -> None:
    """Show the logs this witness knows, how far each is, evidence of forks, and its line for groups.

    Exit code 1 where a log told two histories.

    Example: commonwatt witness status --json
    """
    store, key = _open(folder)
    logs = store.logs()
    if as_json:
        say_json(
            {
                "name": store.name,
                "vkey": Cosigner(store.name, key.public).vkey,
                "policy_line": _line(folder, store.name, key),
                "logs": [_to_json(log) for log in logs],
            }
        )
    else:
        say(f"{store.name} knows {len(logs):,} {'log' if len(logs) == 1 else 'logs'}.")
        say("\n".join(_table(logs)))
        say("The line for groups' policies:")
        say(_line(folder, store.name, key))
    if any(log.fork for log in logs):
        stop(EXIT_NO)


@app.command()
def evidence(
    origin: Annotated[str, typer.Argument(help="The log's origin, as 'status' shows it")],
    folder: Folder = DEFAULT_FOLDER,
) -> None:
    """Print the proof that a log told two histories, as a file to give to anybody.

    Example: commonwatt witness evidence riverside.example/ledger/1 > fork.txt
    """
    store, _ = _open(folder)
    fork = store.fork(origin)
    if fork is None:
        raise InputError(f"{store.name} has no evidence against {origin}.")
    say(fork.encode().decode().removesuffix("\n"))


def _open(folder: Path) -> tuple[SqliteWitnessStore, SigningKey]:
    store = SqliteWitnessStore(folder / "witness.sqlite")
    return store, Keyring(folder).load(KEY_NAME)


def _line(folder: Path, name: str, key: SigningKey) -> str:
    """Return the line that groups put into their policy."""
    file = folder / ADDRESS
    url = file.read_text(encoding="utf-8").strip() if file.exists() else NO_ADDRESS
    return f"witness {name} {Cosigner(name, key.public).vkey} {url}"


def _table(logs: list[KnownLog]) -> list[str]:
    if not logs:
        return ["Add one: commonwatt witness add-log VKEY"]
    width = max(len("log"), *(len(log.verifier.name) for log in logs))
    lines = [f"{'log':<{width}}  {'entries':>11}  {'last cosigned':<20}  evidence"]
    for log in logs:
        size = f"{log.seen.size:,}" if log.seen else "none yet"
        time = _time(log.seen.time_s) if log.seen else ""
        found = f"FORK, found {_time(log.fork_time_s)}" if log.fork_time_s is not None else "none"
        lines.append(f"{log.verifier.name:<{width}}  {size:>11}  {time:<20}  {found}")
    return lines


def _to_json(log: KnownLog) -> dict[str, Any]:
    forked = log.fork_time_s is not None
    return {
        "origin": log.verifier.name,
        "vkey": log.verifier.vkey,
        "size": log.seen.size if log.seen else None,
        "root": log.seen.root.hex() if log.seen else None,
        "cosigned_at": _time(log.seen.time_s) if log.seen else None,
        "fork": forked,
        "fork_found_at": _time(log.fork_time_s) if log.fork_time_s is not None else None,
    }


def _time(time_s: int) -> str:
    return datetime.fromtimestamp(time_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
