"""Words on a terminal, or into a pipe whose reader may have seen enough.

>>> say("SOUND.")
SOUND.
"""

import io
import os
import sys


def prepare() -> None:
    """Let a terminal without some letters show others in their place."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def say(text: str) -> None:
    """Print; a reader that closed the pipe is no error."""
    try:
        print(text, flush=True)  # noqa: T201 - a command prints
    except BrokenPipeError:
        # What is left in the buffer has nowhere to go when Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
