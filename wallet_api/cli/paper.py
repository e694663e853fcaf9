"""Words on paper as they are printed, once: paper codes, invitations, vouchers.

>>> card("Ada", "Our Street", ("one",) * 12).splitlines()[1]
'Paper code of Ada'
"""

import getpass
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from ledger.recovery import CODE_CHARACTERS_MAX

WIDTH = 64
"""Columns of a card: fits half a sheet, and every terminal."""

WORDS_A_LINE = 4

WordsFile = Annotated[
    Path | None,
    typer.Option("--words", metavar="FILE", help="File with the words [asked for, not shown]"),
]
"""Words are never taken from the command line itself, where others could read them."""


def card(name: str, community: str, words: Sequence[str]) -> str:
    """Return the card that a member keeps: words, what they are for, and what never to do."""
    below = (
        "If your telephone is lost, these words bring your account back in",
        "three days. Keep them in a drawer, not in a telephone.",
        "Nobody of the community will ever ask you for these words: only",
        "you type them, yourself, if your telephone is lost.",
    )
    return sheet((f"Paper code of {name}", community), words, below)


def sheet(above: Sequence[str], words: Sequence[str], below: Sequence[str]) -> str:
    """Return a card to cut out: what it is, its words, numbered, and what to do with them."""
    edge = "- " * (WIDTH // 2) + "8<"
    lines = [edge, *above, ""]
    for first in range(0, len(words), WORDS_A_LINE):
        numbered = enumerate(words[first : first + WORDS_A_LINE], start=first + 1)
        lines.append("".join(f"{number:>3} {word:<12}" for number, word in numbered).rstrip())
    lines += ["", *below, edge, "This is shown once and kept nowhere. Cut it out now."]
    return "\n".join(lines)


def ask_words(file: Path | None = None) -> str:
    """Return the words of a file, or typed without being shown, or from standard input."""
    if file is not None:
        with file.open(encoding="utf-8", errors="replace") as stream:
            return stream.read(CODE_CHARACTERS_MAX + 1)
    if sys.stdin.isatty():
        return getpass.getpass("The twelve words, which are not shown: ")
    return sys.stdin.read(CODE_CHARACTERS_MAX + 1)
