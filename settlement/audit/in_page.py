"""The audit as the auditor's page calls it: the same checks, in a browser (ADR 0032).

The page keeps one report, so that what is signed or remembered later is of what was audited.

>>> InPage().audit("nowhere.zip", {}, 0, lambda done, size: None)["trouble"]
"nowhere.zip is not there; make one with 'commonwatt audit export'"
"""

import unicodedata
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ledger.errors import CommonwattError, InputError
from ledger.primitives.canonical import FREE_TEXT_CHARACTERS_MAX, encode
from settlement.audit.report import checks, verdict_lines
from settlement.audit.signed import read_report, render_report, report_body
from settlement.audit.verdict import ALL_CHECKS, Report
from settlement.audit.verify import audit

Buffer = bytes | memoryview
"""Bytes of the page come as a view of its memory."""

CHECKS = list(ALL_CHECKS)
"""Names of all checks, for the page to list before they are made."""


class InPage:
    """One audit at a time, and what it found."""

    def __init__(self) -> None:
        self._report: Report | None = None

    def audit(
        self,
        path: str,
        given: Mapping[str, Any],
        now_ms: int,
        progress: Callable[[int, int], None],
    ) -> dict[str, Any]:
        """Audit a bundle.

        Args:
            path: of the .zip.
            given: what the auditor knows: ``vkey`` (text), ``policy``, ``since``, ``state`` (bytes);
                what they do not know is left out.
            now_ms: the auditor's clock.
            progress: told (entries done, entries in all).

        Returns:
            ``trouble``: why nothing can be said; or what the report says.
        """
        self._report = None
        try:
            report = audit(
                Path(path),
                vkey=given.get("vkey"),
                policy=_bytes(given.get("policy")),
                since=_bytes(given.get("since")),
                memory=_bytes(given.get("state")),
                now_ms=now_ms,
                progress=progress,
            )
        except (CommonwattError, OSError) as error:
            return {"trouble": str(error)}
        self._report = report
        return {
            "origin": report.origin,
            "size": report.size,
            "root": report.root,
            "verdict": report.verdict,
            "failed": report.failed or "",
            "failure": report.failure,
            "checks": [
                {"check": check, "mark": mark, "said": said} for check, mark, said in checks(report)
            ],
            "lines": verdict_lines(report),
        }

    def memory(self) -> bytes | None:
        """Return what the next audit may go on from: of a sound ledger only."""
        return self._report.memory() if self._report else None

    def body(self, public_key: Buffer, name: str, at_ms: int) -> bytes:
        """Return the bytes that the auditor's key is to sign.

        Raises:
            InputError: nothing was audited, or the name cannot be written.
        """
        if self._report is None:
            raise InputError("nothing was audited yet")
        clean = unicodedata.normalize("NFC", name.strip())
        if not 0 < len(clean) <= FREE_TEXT_CHARACTERS_MAX or not clean.isprintable():
            raise InputError("say who you are, in at most 140 letters")
        return encode(report_body(self._report, bytes(public_key), clean, at_ms))


def read_signed(data: Buffer) -> dict[str, str]:
    """Return a signed report in words, or the ``trouble`` with it."""
    try:
        return {"text": render_report(read_report(bytes(data)))}
    except CommonwattError as error:
        return {"trouble": str(error)}


def _bytes(given: Buffer | None) -> bytes | None:
    """Return a copy in Python of what the page holds."""
    return None if given is None else bytes(given)
