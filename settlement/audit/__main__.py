"""``python -m settlement.audit BUNDLE``: the audit without the rest of the product.

Exit codes: 0 sound, 1 unsound, 2 cannot tell (facts were erased, or what was given cannot be read),
130 stopped. ``python -m settlement.audit receipt FILE`` checks one household's receipt.
"""

import sys

STOPPED = 130
"""Exit code of what the person at the keyboard stopped."""


def main(arguments: list[str] | None = None) -> int:
    """Audit the bundle that the arguments name and return the exit code."""
    try:
        # What is missing is said in words, also to somebody who only asks for help.
        from settlement.audit import command  # noqa: PLC0415 - may fail

        return command.main(sys.argv[1:] if arguments is None else arguments)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "cryptography":
            raise
        print("The audit needs one package: pip install cryptography", file=sys.stderr)  # noqa: T201 - a command prints
        return 2
    except KeyboardInterrupt:
        print("Stopped: nothing is known of the bundle.", file=sys.stderr)  # noqa: T201 - as above
        return STOPPED


if __name__ == "__main__":
    sys.exit(main())
