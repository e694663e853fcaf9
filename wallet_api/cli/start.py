"""Where the program starts: a Ctrl-C while it still loads is no traceback either.

>>> callable(main)
True
"""

import sys


def main() -> None:
    """Run the command line of this process."""
    try:
        from wallet_api.cli.app import main as run  # noqa: PLC0415 - loading is what takes time

        run()
    except KeyboardInterrupt:
        sys.stderr.write("Stopped.\n")
        sys.exit(130)
