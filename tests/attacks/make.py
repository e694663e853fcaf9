"""``python -m tests.attacks.make``: a folder for each attack, and one for the honest twin.

It also writes the tables of ``docs/threat-model.md``, which say the same.

>>> FOLDER.name
'attacks'
"""

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from tests.attacks import dates, doors, forms, histories, markets, meters, payments, people
from tests.attacks.catalogue import ATTACKS, shown
from tests.attacks.members import metered
from tests.attacks.run import Run
from tests.attacks.village import Files

FOLDER = Path(__file__).parents[1] / "fixtures/attacks"

PAGE = Path(__file__).parents[2] / "docs/threat-model.md"

TABLE = ("| folder | what was done | check | what the audit says |", "| --- | --- | --- | --- |")

THEMES = (histories, dates, forms, markets, meters, people, doors, payments)
"""Modules that fill the list of attacks."""

HONEST = "honest_pass"


def honest() -> Files:
    """Return what an auditor gets of the same village and day, with nothing wrong."""
    village = Run(metered()).go()
    village.pay("ben", "ada", 70)
    look = asdict(shown("", "SOUND", exit_code=0))
    expected = {"threat": "", "what": "Nothing is wrong here.", "looks": [look]}
    text = json.dumps(expected, indent=2) + "\n"
    return {"bundle.zip": village.bundle(), "expected.json": text.encode()}


def folders() -> Iterator[tuple[str, Files]]:
    """Yield each folder's name and files."""
    yield HONEST, honest()
    for name, attack in sorted(ATTACKS.items()):
        yield name, attack.files()


def with_tables(page: str) -> str:
    """Return the threat model with the table under each threat's heading made anew."""
    for threat in {attack.threat for attack in ATTACKS.values()}:
        rows = [
            f"| `{name}` | {attack.what} | {attack.looks[0].check or 'receipt'} | "
            f"“{attack.looks[0].sentence}” |"
            for name, attack in sorted(ATTACKS.items())
            if attack.threat == threat
        ]
        head, heading, rest = page.partition(f"### {threat.capitalize()}\n")
        section, end, others = rest.partition("\n#")
        table = "\n".join([*TABLE, *rows, ""])
        section = re.sub(r"(^\|.*\n)+", lambda _match: table, section, count=1, flags=re.MULTILINE)  # noqa: B023
        page = f"{head}{heading}{section}{end}{others}"
    return page


def main(folder: Path = FOLDER) -> None:
    """Write all folders anew."""
    made = dict(folders())
    PAGE.write_text(with_tables(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    shutil.rmtree(folder, ignore_errors=True)
    for name, files in made.items():
        (folder / name).mkdir(parents=True)
        for path, data in files.items():
            (folder / name / path).write_bytes(data)


if __name__ == "__main__":
    main()
