"""``commonwatt audit``: a bundle for strangers, and their check of it."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from ledger.errors import CommonwattError, InputError, LogError
from ledger.log.checkpoint import Checkpoint
from ledger.log.fork import HEADER, ForkProof
from ledger.log.note import Verifier, split_note
from ledger.primitives.clock import SystemClock
from ledger.primitives.counted import counted
from settlement.audit.given import read_file, read_state
from settlement.audit.memory import save_state
from settlement.audit.pool import processes_here
from settlement.audit.report import render
from settlement.audit.signed import read_report, render_report
from settlement.audit.verify import audit
from settlement.export import export_bundle
from wallet_api.cli.context import EXIT_NO, open_here, progress, say, say_json, settings_of, stop
from wallet_api.cli.publish import policy_here

app = typer.Typer(help="Export a bundle, and audit one offline.", no_args_is_help=True)


@app.command()
def export(
    context: typer.Context,
    out: Annotated[Path, typer.Argument(help="A folder to make, or a name ending in .zip")],
) -> None:
    """Write all that an auditor needs: the log, its facts, keys and rules.

    Example: commonwatt audit export street.zip
    """
    settings = settings_of(context)
    community = open_here(settings)
    with community.reading() as connection:
        verifier = community.log_verifier(connection)
    policy = policy_here(settings, verifier)
    with progress("Facts", None) as advance:
        size = export_bundle(
            community,
            out,
            lambda _done, _all: advance(1000),
            policy=policy,
            log_folder=settings.log_folder,
        )
    say(f"{counted(size, 'entry', 'entries')} written to {out}.")
    say(f"Check it: commonwatt audit verify {shlex.quote(str(out))} --vkey {verifier.vkey}")


@app.command()
def verify(
    bundle: Annotated[Path, typer.Argument(help="A bundle: a folder or a .zip")],
    vkey: Annotated[
        str | None, typer.Option(help="The log's key, as the group published it")
    ] = None,
    policy: Annotated[
        Path | None, typer.Option(help="Witnesses that you ask for: a policy file of your own")
    ] = None,
    since: Annotated[
        Path | None, typer.Option(help="A checkpoint kept from an earlier audit")
    ] = None,
    state: Annotated[
        Path | None,
        typer.Option(help="Go on from what this file remembers, and remember this audit in it"),
    ] = None,
    processes: Annotated[int, typer.Option(min=1, help="How many work at once")] = processes_here(),
    as_json: Annotated[bool, typer.Option("--json", help="For programs")] = False,
) -> None:
    """Check every signature, reading, clearing, posting and balance of a bundle, offline.

    Exit code 0: sound; 1: unsound; 2: cannot tell: facts were erased that a check needs, or what
    you gave is no bundle, key, policy or checkpoint; the words say which. Needs no database and
    trusts nobody; the same check runs without this program's other parts: python -m
    settlement.audit BUNDLE (docs/auditor.md)

    Example: commonwatt audit verify street.zip --vkey KEY --state my-audits/riverside
    """
    with progress("Entries", None) as advance:
        report = audit(
            bundle,
            vkey=vkey,
            policy=read_file(policy, "--policy"),
            since=read_file(since, "--since"),
            memory=read_state(state),
            processes=processes,
            now_ms=SystemClock().now_ms(),
            progress=lambda _done, _all: advance(500),
        )
    if as_json:
        say_json(report.to_json())
    else:
        say(render(report))
    save_state(state, report)
    if report.exit_code:
        stop(report.exit_code)


@app.command()
def report(
    file: Annotated[Path, typer.Argument(help="A report that an auditor signed")],
) -> None:
    """Read an auditor's signed report: whether the signature holds, and what they found.

    The auditor's page saves such reports (docs/auditor.md). Exit code 0: the signature holds, whatever
    the report says of the ledger; 1: it is no report, or was changed.

    Example: commonwatt audit report street-audit-report.json
    """
    data = read_file(file, "The report")
    try:
        found = read_report(data or b"")
    except InputError as error:
        say(f"Not a report to go by: {error}.")
        stop(EXIT_NO)
    say(render_report(found))


@app.command()
def fork(
    file_a: Annotated[Path, typer.Argument(help="A checkpoint, or a file of evidence")],
    file_b: Annotated[Path | None, typer.Argument(help="Another checkpoint of the log")] = None,
    vkey: Annotated[str, typer.Option(help="The log's key, as the group published it")] = "",
) -> None:
    """Say whether two checkpoints, or a file of evidence, prove that a log told two histories.

    Exit code 0: proved; 1: not proved; 2: the files or the key cannot be read. Needs no network
    and trusts nobody.

    Example: commonwatt audit fork mine.txt theirs.txt --vkey riverside.example/ledger/1+90ad…
    """
    if not vkey:
        raise LogError("Say which log it is: --vkey and the key that its group published.")
    verifier = Verifier.from_vkey(vkey.strip())
    found = _fork_of(file_a, file_b)
    try:
        checkpoint = found.check(verifier)
    except CommonwattError as error:
        say(f"Not proved: {error}.")
        stop(EXIT_NO)
    say(f"Proved: the log {verifier.name} told two histories.")
    if found.other_root is None:
        say(f"Its key signed two different roots over the first {checkpoint.size:,} entries.")
    else:
        say(
            f"Its key signed one root over the first {checkpoint.size:,} entries, and later a"
            " longer log that begins with other entries."
        )
    say("Only the holder of the log's key can have done this. Keep the files and show them.")


def _fork_of(file_a: Path, file_b: Path | None) -> ForkProof:
    if file_b is not None:
        return ForkProof(_checkpoint_in(file_a), _checkpoint_in(file_b))
    if file_a.is_file() and file_a.read_bytes().startswith(HEADER):
        return ForkProof.decode(file_a.read_bytes())
    _checkpoint_in(file_a)
    raise LogError(f"{file_a} is one checkpoint: give the other one, too.")


def _checkpoint_in(file: Path) -> bytes:
    """Return a checkpoint's note, signed by whomever.

    Raises:
        LogError: the file is none; says how to get one out of a bundle.
    """
    if file.is_dir():
        raise LogError(f"{file} is a folder; of a bundle, give its {file}/log/checkpoint")
    note = file.read_bytes()
    try:
        Checkpoint.decode(split_note(note).text.encode())
    except LogError as error:
        raise LogError(
            f"{file} is no checkpoint ({error}). One of a bundle: "
            "unzip -p street.zip log/checkpoint > mine.txt"
        ) from error
    return note
