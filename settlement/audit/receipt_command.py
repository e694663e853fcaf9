"""``python -m settlement.audit receipt FILE``: one receipt checked, with nothing but the file.

Exit codes: 0 proved, 1 not proved, 2 cannot be read.

>>> check_file(b"nothing", "", None)[0]
2
"""

import argparse
import json
import sys
from pathlib import Path

from ledger.errors import CommonwattError
from ledger.log.policy import Policy
from settlement.audit.given import read_file, read_key
from settlement.audit.receipt import Receipt
from settlement.audit.receipt_check import Trust, check_receipt
from settlement.audit.receipt_words import render, to_json
from settlement.audit.terminal import prepare, say
from settlement.errors import UnsoundError

PROVED, NOT_PROVED, CANNOT = 0, 1, 2
"""Exit codes."""


def check_file(
    data: bytes,
    vkey: str | None,
    policy: bytes | None,
    member: str | None = None,
    *,
    as_json: bool = False,
) -> tuple[int, str]:
    """Check a receipt's bytes.

    Args:
        data: the file.
        vkey: the log's key, as the group published it.
        policy: a policy file with the log's key; one of the two is needed.
        member: whom it must be about.
        as_json: for programs.

    Returns:
        The exit code, and what to print.
    """
    try:
        trust = Trust(
            None if vkey is None else read_key(vkey),
            Policy.decode(policy) if policy is not None else None,
        )
        finding = check_receipt(Receipt.decode(data), trust, member)
        text = json.dumps(to_json(finding), indent=2) if as_json else render(finding)
    except UnsoundError as error:
        return NOT_PROVED, _no("not proved", f"NOT PROVED: {error}.", str(error), as_json)
    except CommonwattError as error:
        return CANNOT, _no("cannot be read", f"Cannot be read: {error}", str(error), as_json)
    return PROVED, text


def _no(verdict: str, sentence: str, reason: str, as_json: bool) -> str:  # noqa: FBT001 - as printed
    return json.dumps({"verdict": verdict, "reason": reason}, indent=2) if as_json else sentence


def main(arguments: list[str]) -> int:
    """Check the receipt that the arguments name and return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m settlement.audit receipt",
        description="Check a receipt offline: one line of one household, proved by the log.",
        epilog="A bundle whose name is receipt: python -m settlement.audit ./receipt",
    )
    parser.add_argument("file", type=Path, help="a receipt, as in line.tlog-proof")
    parser.add_argument("--vkey", help="the log's public key, as your group published it")
    parser.add_argument("--policy", type=Path, help="a policy file: the log's key and witnesses")
    parser.add_argument("--member", help="the member's id that it must be about")
    parser.add_argument("--json", action="store_true", help="print the answer for programs")
    chosen = parser.parse_args(arguments)
    prepare()
    try:
        policy = read_file(chosen.policy, "--policy")
        data = chosen.file.read_bytes()
    except (CommonwattError, OSError) as error:
        print(f"Cannot be read: {error}", file=sys.stderr)  # noqa: T201 - a command prints
        return CANNOT
    code, text = check_file(data, chosen.vkey, policy, chosen.member, as_json=chosen.json)
    say(text)
    return code
