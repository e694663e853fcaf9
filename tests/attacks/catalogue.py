"""The list of attacks: each a function that makes an auditor's files, and what must be said of them.

>>> shown("sequence and expiry", "used before").exit
1
"""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field

from tests.attacks.village import LOG, Files, Village

VERIFY = ("audit", "verify", "bundle.zip", "--vkey", LOG.vkey)
"""How an auditor looks at a bundle, who has the log's key from elsewhere."""


@dataclass(frozen=True)
class Look:
    """One look at the files, and what must come of it.

    Attributes:
        commonwatt: arguments of the command; file names are of the fixture's folder.
        exit: exit code.
        sentence: a distinctive part of what is said.
        check: name of the audit's check that fails, empty where none does.
    """

    commonwatt: tuple[str, ...]
    exit: int
    sentence: str
    check: str = ""


@dataclass(frozen=True)
class Attack:
    """An attack.

    Attributes:
        name: of its folder.
        threat: of the list in ``docs/threat-model.md`` that it belongs to.
        what: what the attacker did, in a sentence.
        looks: who looks how; the first one notices.
        make: returns the files.
    """

    name: str
    threat: str
    what: str
    looks: tuple[Look, ...]
    make: Callable[[], Files | Village] = field(compare=False)

    def files(self) -> Files:
        """Return the folder's files."""
        made = self.make()
        files = {"bundle.zip": made.bundle()} if isinstance(made, Village) else made
        expected = {
            "threat": self.threat,
            "what": self.what,
            "looks": [asdict(look) for look in self.looks],
        }
        text = json.dumps(expected, indent=2, ensure_ascii=False) + "\n"
        return {**files, "expected.json": text.encode()}


ATTACKS: dict[str, Attack] = {}
"""By name; filled by the modules of this folder."""


def shown(check: str, sentence: str, *more: str, exit_code: int = 1) -> Look:
    """Return the look of an auditor who gives some more arguments."""
    return Look((*VERIFY, *more), exit_code, sentence, check)


def attack(
    threat: str, check: str, sentence: str, *more: str
) -> Callable[[Callable[[], Files | Village]], Callable[[], Files | Village]]:
    """Enter a function into the list: it makes the files of the attack that its docstring tells.

    Args:
        threat: of the list in the docs.
        check: that fails.
        sentence: a distinctive part of what is said.
        more: further arguments of the auditor's.
    """
    return entered(threat, shown(check, sentence, *more))


def entered(
    threat: str, *looks: Look
) -> Callable[[Callable[[], Files | Village]], Callable[[], Files | Village]]:
    """Enter a function into the list with all its looks."""

    def enter(make: Callable[[], Files | Village]) -> Callable[[], Files | Village]:
        name = f"{make.__name__}_fail"
        what = " ".join((make.__doc__ or "").split())
        ATTACKS[name] = Attack(name, threat, what, looks, make)
        return make

    return enter
