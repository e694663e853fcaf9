"""What an audit came to: each check's state, the first failure, and what the next audit goes on from.

>>> Report("riverside.example/ledger/1", 0, "").verdict
'sound'
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from ledger.log.policy import Witnessed
from ledger.log.tree import Frontier
from ledger.primitives.periods import SECONDS
from settlement.audit.memory import Memory
from settlement.audit.replay import CHECKS, Replay
from settlement.timetable import first_due_ms

ALL_CHECKS = (
    "bundle",
    "checkpoint",
    "witnesses",
    "earlier checkpoint",
    "tiles",
    "leaves",
    "commitments",
    *CHECKS,
)
"""Names of all checks, in the order in which they are reported."""


PASSED, FAILED, UNKNOWN, NOT_REACHED = "passed", "failed", "cannot tell", "not reached"
"""What a check came to."""


@dataclass
class Report:
    """What an audit found.

    Attributes:
        origin: the log's origin, empty before it is known.
        size: entries in the log.
        root: the log's root, in hexadecimal.
        counts: what was checked, by name.
        failed: name of the check that failed, or None.
        failure: what is wrong, in a sentence.
        replay: the replayed state, for figures; None where the audit did not come so far.
        earlier: whether an earlier checkpoint was compared.
        witnessed: who cosigned the checkpoint.
        frontier: of the tree, for the next audit.
        asked: whether the auditor brought a policy; else the bundle's own names the witnesses.
        wanting: what is wanting of the witnesses that the auditor asks for; the rest is checked.
        key: the log's key, in its text form.
        key_given: whether the auditor brought it; else it is the bundle's own word.
        resumed: entries that an earlier audit checked, and this one did not read.
    """

    origin: str
    size: int
    root: str
    counts: dict[str, int] = field(default_factory=dict)
    failed: str | None = None
    failure: str = ""
    replay: Replay | None = None
    earlier: bool = False
    witnessed: Witnessed | None = None
    frontier: Frontier | None = None
    resumed: int = 0
    asked: bool = False
    wanting: str = ""
    key: str = ""
    key_given: bool = False

    def memory(self) -> bytes | None:
        """Return what the next audit may go on from: of a sound ledger only."""
        if self.verdict != "sound" or self.replay is None or self.frontier is None:
            return None
        return Memory(self.replay, self.frontier).encode()

    @property
    def verdict(self) -> str:
        """``sound``, ``unsound`` or ``cannot tell``."""
        if self.failed:
            return "unsound"
        return "cannot tell" if self.unknown else "sound"

    @property
    def only_wanting(self) -> bool:
        """Whether nothing is wrong but that fewer witnesses cosigned than the auditor asks for."""
        return bool(self.wanting) and self.failure == self.wanting

    @property
    def exit_code(self) -> int:
        """0 sound, 1 unsound, 2 cannot tell."""
        return {"sound": 0, "unsound": 1}.get(self.verdict, 2)

    @property
    def unknown(self) -> dict[str, str]:
        """Why a check cannot tell, by its name."""
        return self.replay.unknown if self.replay else {}

    def days_without_run(self) -> list[date]:
        """Return the days, from the first that was run, that were due and were never run."""
        if self.replay is None:
            return []
        run = self.replay.run_state.sealed | set(self.replay.run_state.days)
        if not run:
            return []
        rules = self.replay.community.rules_now
        table = rules.timetable
        ends_ms = self.replay.order.period * SECONDS * 1000
        day, left_out = min(run), []
        while first_due_ms(day, rules.zone, table) <= ends_ms:
            if day not in run:
                left_out.append(day)
            day += timedelta(days=1)
        return left_out

    def states(self) -> Iterator[tuple[str, str]]:
        """Yield each check with one of `PASSED`, `FAILED`, `UNKNOWN` and `NOT_REACHED`."""
        reached = True
        for check in ALL_CHECKS:
            if check == "witnesses" and self.wanting:
                yield check, FAILED
            elif check == self.failed:
                reached = False
                yield check, FAILED
            elif not reached:
                yield check, NOT_REACHED
            else:
                yield check, UNKNOWN if check in self.unknown else PASSED

    def reason(self, check: str) -> str:
        """Say why a check failed or cannot tell."""
        if check == self.failed:
            return self.failure
        if check == "witnesses" and self.wanting:
            return self.wanting
        return self.unknown.get(check, "")

    def to_json(self) -> dict[str, Any]:
        """Return the report for programs."""
        erased = self.replay.erased if self.replay else []
        value: dict[str, Any] = {
            "verdict": self.verdict,
            "origin": self.origin,
            "size": self.size,
            "root": self.root,
            "key": self.key,
            "key_given": self.key_given,
            "witnessed": bool(self.witnessed and self.witnessed.met),
            "witnesses": dict(self.witnessed.times_s) if self.witnessed else {},
            "compared_with_earlier_checkpoint": self.earlier,
            "entries_audited_before": self.resumed,
            "days_held_and_not_sealed": sorted(
                day.isoformat() for day in (self.replay.run_state.days if self.replay else ())
            ),
            "days_due_and_not_run": [day.isoformat() for day in self.days_without_run()],
            "witnesses_of_your_policy": self.asked,
            "counts": self.counts,
            "checks": [
                {"check": check, "state": state}
                | ({"reason": self.reason(check)} if state in (UNKNOWN, FAILED) else {})
                for check, state in self.states()
            ],
            "erased": [{"entry": at, "what": what, "kind": kind} for at, what, kind in erased],
        }
        if self.failed:
            value["failed"] = {"check": self.failed, "reason": self.failure}
        return value
