"""Words on a terminal, or into a pipe whose reader may have seen enough.

>>> say("SOUND.")
SOUND.
"""

import codecs
import io
import os
import sys

PLAIN = {
    "✓": "ok",
    "✗": "FAIL",
    "·": ".",
    "–": "-",
    "—": "-",
    "−": "-",
    "─": "-",
    "…": "...",
    "“": '"',
    "”": '"',
}
"""What is shown in place of letters that a terminal has not: the marks must stay apart."""


def _plainly(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    letters = error.object[error.start : error.end]
    return "".join(PLAIN.get(letter, "?") for letter in letters), error.end


def prepare() -> None:
    """Let a terminal without some letters show others in their place."""
    codecs.register_error("plainly", _plainly)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="plainly")


def say(text: str) -> None:
    """Print; a reader that closed the pipe is no error."""
    try:
        print(text, flush=True)  # noqa: T201 - a command prints
    except BrokenPipeError:
        # What is left in the buffer has nowhere to go when Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
