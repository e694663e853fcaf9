"""The audit's own command line, with the standard library alone.

>>> _parser().parse_args(["street.zip"]).bundle.name
'street.zip'
"""

import argparse
import json
import sys
from pathlib import Path

from ledger.errors import CommonwattError
from ledger.primitives.clock import SystemClock
from settlement.audit import receipt_command
from settlement.audit.given import read_file, read_state
from settlement.audit.memory import save_state
from settlement.audit.pool import processes_here
from settlement.audit.report import render
from settlement.audit.terminal import prepare, say
from settlement.audit.verify import audit

EPILOG = """Exit code 0: sound. 1: unsound. 2: cannot tell: facts were erased that a check needs, or what you
gave is no bundle, key, policy or checkpoint; the words say which.

Example: python -m settlement.audit street.zip --vkey KEY --since checkpoint-last-month
One household's receipt: python -m settlement.audit receipt line.tlog-proof --vkey KEY
"""


def main(arguments: list[str]) -> int:
    """Audit the bundle that the arguments name and return the exit code."""
    if arguments[:1] == ["receipt"] and arguments[1:]:
        return receipt_command.main(arguments[1:])
    chosen = _parser().parse_args(arguments)
    prepare()
    try:
        report = audit(
            chosen.bundle,
            vkey=chosen.vkey,
            policy=read_file(chosen.policy, "--policy"),
            since=read_file(chosen.since, "--since"),
            memory=read_state(chosen.state),
            processes=max(1, chosen.processes),
            now_ms=SystemClock().now_ms(),
            progress=_progress,
        )
    except (CommonwattError, OSError) as error:
        print(f"Cannot tell: {error}", file=sys.stderr)  # noqa: T201 - a command prints
        return 2
    say(json.dumps(report.to_json(), indent=2) if chosen.json else render(report))
    save_state(chosen.state, report)
    return report.exit_code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m settlement.audit",
        description="Audit a Commonwatt bundle offline: nobody needs to be trusted.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("bundle", type=Path, help="a bundle: a folder or a .zip")
    parser.add_argument("--vkey", help="the log's public key, as your group published it")
    parser.add_argument("--since", type=Path, help="a checkpoint kept from an earlier audit")
    parser.add_argument("--policy", type=Path, help="a policy file: the witnesses you ask for")
    parser.add_argument("--state", type=Path, help="go on from this file, and remember in it")
    parser.add_argument("--processes", type=int, default=processes_here(), help="work at once")
    parser.add_argument("--json", action="store_true", help="print the report for programs")
    return parser


def _progress(done: int, size: int) -> None:
    if sys.stderr.isatty():
        end = "\n" if done == size else ""
        print(f"\r{done:,} of {size:,} entries", end=end, file=sys.stderr)  # noqa: T201 - as above
