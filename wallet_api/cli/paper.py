"""The paper code as it is printed: once, to be cut out and put in a drawer.

>>> card("Ada", "Our Street", ("one",) * 12).splitlines()[1]
'Paper code of Ada'
"""

import getpass
import sys
from collections.abc import Sequence

from ledger.recovery import CODE_CHARACTERS_MAX

WIDTH = 64
"""Columns of a card: fits half a sheet, and every terminal."""

WORDS_A_LINE = 4


def card(name: str, community: str, words: Sequence[str]) -> str:
    """Return the card that a member keeps: words, what they are for, and what never to do."""
    edge = "- " * (WIDTH // 2) + "8<"
    lines = [edge, f"Paper code of {name}", community, ""]
    for first in range(0, len(words), WORDS_A_LINE):
        numbered = enumerate(words[first : first + WORDS_A_LINE], start=first + 1)
        lines.append("".join(f"{number:>3} {word:<12}" for number, word in numbered).rstrip())
    lines += [
        "",
        "If your telephone is lost, these words bring your account back in",
        "three days. Keep them in a drawer, not in a telephone.",
        "Nobody of the community will ever ask you for these words: only",
        "you type them, yourself, if your telephone is lost.",
        edge,
        "This is shown once and kept nowhere. Cut it out now.",
    ]
    return "\n".join(lines)


def ask_words() -> str:
    """Return the words that somebody types without being shown, or that come on standard input."""
    if sys.stdin.isatty():
        return getpass.getpass("The twelve words, which are not shown: ")
    return sys.stdin.read(CODE_CHARACTERS_MAX + 1)
