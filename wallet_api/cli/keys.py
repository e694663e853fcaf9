"""``commonwatt keys``: the files of private keys: what each is for, who can read it, and its passphrase.

>>> state_of(Protection.STRONG, False), state_of(Protection.NONE, True)
('encrypted', 'in clear, others can read it')
"""

import getpass
import sys
from typing import Any

import typer

from ledger.errors import InputError, SetupError
from ledger.keyfile import Protection
from ledger.keyring import PASSPHRASE_VARIABLE, Keyring, is_exposed, passphrase_here
from ledger.primitives.signing import key_id_of
from settlement.community import Community
from settlement.deeds import roster_now
from wallet_api.cli.context import keyring_here, open_here, say, say_json, settings_of, warn
from wallet_api.cli.fields import AsJson

app = typer.Typer(help="The files of private keys.", no_args_is_help=True)

PASSPHRASE_MIN = 12
"""Shortest passphrase, in characters: files can be tried without end by whoever copied them."""


def state_of(protection: Protection, exposed: bool) -> str:  # noqa: FBT001 - two facts of one file
    """Return how a file is kept, in words."""
    return protection + (", others can read it" if exposed else "")


@app.command("list")
def list_keys(context: typer.Context, as_json: AsJson = False) -> None:
    """Show every key file: whose key it is, whether it counts, and how it is kept.

    Example: commonwatt keys list
    """
    settings = settings_of(context)
    keyring = keyring_here(settings)
    passphrase_here()  # where its file cannot be read, say so and not that no key can
    known = _known(open_here(settings))
    rows: list[dict[str, Any]] = []
    for name in keyring.names():
        try:
            public: bytes | None = keyring.load(name).public
        except SetupError:
            public = None
        rows.append(
            {
                "file": f"{name}.key",
                "id": None if public is None else key_id_of(public),
                "counts_as": None if public is None else known.get(public),
                "encrypted": keyring.protection_of(name) is not Protection.NONE,
                "kept": keyring.protection_of(name),
                "others_can_read": is_exposed(keyring.folder / f"{name}.key"),
            }
        )
    if as_json:
        say_json(rows)
        return
    width = max([len(row["file"]) for row in rows], default=4) + 2
    say(f"{'file':<{width}}{'key':<10}{'counts as':<14}kept")
    for row in rows:
        counts = row["counts_as"] or ("cannot be read" if row["id"] is None else "nothing")
        kept = state_of(row["kept"], row["others_can_read"])
        say(f"{row['file']:<{width}}{(row['id'] or '')[:8]:<10}{counts:<14} {kept}")


@app.command()
def protect(context: typer.Context) -> None:
    """Encrypt every key file that is in clear or encrypted weakly, as files of earlier versions are.

    The passphrase is the environment's, that of the files that have one, or typed twice.

    Example: commonwatt keys protect
    """
    keyring = keyring_here(settings_of(context))
    open_ones = [
        name for name in keyring.names() if keyring.protection_of(name) is not Protection.STRONG
    ]
    if not open_ones:
        say("Every key file is encrypted.")
        return
    # Read before anything is typed: of a file that cannot be read, nothing is changed.
    _read(keyring, open_ones)
    passphrase = keyring.passphrase_for_new() or _typed_twice()
    if len(passphrase) < PASSPHRASE_MIN:
        raise InputError(f"A passphrase has at least {PASSPHRASE_MIN} characters: take five words.")
    for name in open_ones:
        keyring.protect(name, passphrase)
    say(
        f"Encrypted: {len(open_ones)} key files. Without the passphrase nobody can use them: not you either."
    )


@app.command()
def unprotect(context: typer.Context) -> None:
    """Write every key file in clear, as for a machine whose whole disk is encrypted.

    Example: commonwatt keys unprotect
    """
    keyring = keyring_here(settings_of(context))
    sealed = [
        name for name in keyring.names() if keyring.protection_of(name) is not Protection.NONE
    ]
    _read(keyring, sealed)
    for name in sealed:
        keyring.protect(name, None)
    say(f"In clear: {len(sealed)} key files." if sealed else "No key file is encrypted.")
    if sealed:
        warn("Whoever copies these files can use them.")


def _read(keyring: Keyring, names: list[str]) -> None:
    for name in names:
        keyring.load(name)


def _typed_twice() -> str:
    """Return a new passphrase.

    Raises:
        InputError: the two were not the same.
        SetupError: nobody is there to be asked.
    """
    if not sys.stdin.isatty():
        raise SetupError(f"Nobody is there to type a passphrase: set {PASSPHRASE_VARIABLE}.")
    typed = getpass.getpass("New passphrase for the key files: ")
    if getpass.getpass("The same again: ") != typed:
        raise InputError("The two were not the same. Nothing was changed.")
    return typed


def _known(community: Community) -> dict[bytes, str]:
    """Return as what each public key counts now."""
    fields = roster_now(community)
    known = {bytes.fromhex(entry["key"]): str(entry["role"]) for entry in fields["keys"]}
    known[bytes.fromhex(fields["log_key"])] = "log"
    with community.reading() as connection:
        community.writer.refresh_keys(connection)
    book, now = community.writer.key_book, community.writer.now_period()
    for keys in book.members.values():
        known |= dict.fromkeys(keys.at(now).keys, "member")
    for tills in book.tills.values():
        known |= dict.fromkeys(tills, "till")
    return known
