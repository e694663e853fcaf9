"""The operator's private keys, as files in one folder.

Each is readable by its owner alone, and encrypted where there is a passphrase: in
COMMONWATT_KEY_PASSPHRASE, in the file that COMMONWATT_KEY_PASSPHRASE_FILE names, or typed.
Household keys belong on the households' phones; the folder ``devices`` holds those of people whom a
helper signs up on paper, and of simulations.

>>> import tempfile
>>> ring = Keyring(Path(tempfile.mkdtemp()))
>>> ring.create("settlement").key_id == ring.load("settlement").key_id
True
"""

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from ledger.errors import SetupError
from ledger.keyfile import Protection, protection_of, read_key, write_key
from ledger.primitives.signing import SigningKey

PASSPHRASE_VARIABLE = "COMMONWATT_KEY_PASSPHRASE"  # noqa: S105 - the variable's name
"""Environment variable with the passphrase of the key files."""

FILE_VARIABLE = "COMMONWATT_KEY_PASSPHRASE_FILE"
"""Environment variable that names a file with the passphrase, as service managers hand secrets over."""

OTHERS = 0o077
"""Bits of a file's mode that let anybody but its owner in."""


def passphrase_here() -> str | None:
    """Return the passphrase that the environment holds or names a file of, if any.

    Raises:
        SetupError: the file cannot be read, or is empty.
    """
    said = os.environ.get(PASSPHRASE_VARIABLE)
    named = os.environ.get(FILE_VARIABLE)
    if said or not named:
        return said or None
    try:
        found = Path(named).read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise SetupError(f"{FILE_VARIABLE}: {named} cannot be read.") from error
    if not found:
        raise SetupError(f"{FILE_VARIABLE}: {named} is empty.")
    return found


def is_exposed(path: Path) -> bool:
    """Return whether others than its owner may read a file or look into a folder."""
    return os.name == "posix" and bool(path.stat().st_mode & OTHERS)


class Keyring:
    """A folder of key files, loaded once each.

    Args:
        folder: where they are.
        ask: returns the passphrase for a file, where the environment has none; asked once.
    """

    def __init__(self, folder: Path, ask: Callable[[Path], str] | None = None) -> None:
        self.folder = folder
        self._ask = ask
        self._typed: str | None = None
        self._loaded: dict[str, SigningKey] = {}

    def create(self, name: str, key: SigningKey | None = None) -> SigningKey:
        """Write a new key file, of a random key or the given one.

        Raises:
            SetupError: there is one of this name already.
        """
        key = key or SigningKey.generate()
        path = self._path(name)
        pem = write_key(key, self.passphrase_for_new())
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError as error:
            raise SetupError(
                f"The key file {path} is there already; keys are never replaced."
            ) from error
        with os.fdopen(handle, "wb") as file:
            file.write(pem)
            file.flush()
            os.fsync(file.fileno())
        self._loaded[name] = key
        return key

    def load(self, name: str) -> SigningKey:
        """Return a key by its name.

        Raises:
            SetupError: no such file, or the wrong passphrase.
        """
        if name not in self._loaded:
            path = self._path(name)
            try:
                data = path.read_bytes()
            except OSError as error:
                raise SetupError(
                    f"The key file {path} cannot be read. Keys are looked for beside the database "
                    "or in COMMONWATT_KEYS."
                ) from error
            passphrase = self._passphrase(path, data)
            try:
                key = read_key(data, passphrase)
            except SetupError as error:
                if not passphrase and protection_of(data) is not Protection.NONE:
                    raise SetupError(f"{path} is encrypted: set {PASSPHRASE_VARIABLE}.") from error
                raise SetupError(f"{path}: {error} (see {PASSPHRASE_VARIABLE})") from error
            self._loaded[name] = key
        return self._loaded[name]

    def names(self) -> Iterator[str]:
        """Yield the name of every key file, in order."""
        for path in sorted(self.folder.rglob("*.key")):
            yield path.relative_to(self.folder).with_suffix("").as_posix()

    def protection_of(self, name: str) -> Protection:
        """Return whether a key file needs a passphrase, and how hard that is to guess."""
        return protection_of(self._path(name).read_bytes())

    def passphrase_for_new(self) -> str | None:
        """Return the environment's passphrase or that of the other files, if there is one.

        Raises:
            SetupError: what was typed does not open a file.
        """
        found = passphrase_here() or self._typed
        if found is None and self._ask is not None:
            for name in self.names():
                if self.protection_of(name) is not Protection.NONE:
                    self.load(name)
                    break
        return found or self._typed

    def protect(self, name: str, passphrase: str | None) -> None:
        """Write a key's file anew under a passphrase, or in clear under none.

        The new file is read back before it takes the old one's place.

        Raises:
            SetupError: the key cannot be read.
        """
        key, path = self.load(name), self._path(name)
        new = path.with_name(path.name + ".new")
        new.unlink(missing_ok=True)
        handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(write_key(key, passphrase))
            file.flush()
            os.fsync(file.fileno())
        if read_key(new.read_bytes(), passphrase).public != key.public:
            raise AssertionError("a key was written as another one")
        new.replace(path)

    def key_of_role(self, role: str, public_keys: Sequence[bytes]) -> SigningKey:
        """Return the key with which a program signs in a role, whatever its file is called.

        Args:
            role: the usual name of its file.
            public_keys: those that the roster names for it.

        Raises:
            SetupError: none of them is here.
        """
        if self.has(role):
            usual = self.load(role)
            if usual.public in public_keys or not public_keys:
                return usual
        elif not public_keys:
            return self.load(role)
        [found] = self.some_of(public_keys, 1, f"the roster's keys of the role {role}")
        return found

    def has(self, name: str) -> bool:
        """Return whether there is a key of this name."""
        return name in self._loaded or self._path(name).exists()

    def names_of(self, public_keys: Sequence[bytes], names: str = "*") -> dict[bytes, str]:
        """Return in which file each of some keys lies, for those that are here.

        Args:
            public_keys: whose private halves are looked for.
            names: of the files to look into, as in ``devices/0f*``.
        """
        return self._look(public_keys, names)[0]

    def some_of(
        self, public_keys: Sequence[bytes], count: int, whose: str, names: str = "*"
    ) -> list[SigningKey]:
        """Return the first so many of some keys whose files are here, in the keys' order.

        Raises:
            SetupError: there are fewer; names the file that could not be read, if one could not.
        """
        found, unreadable = self._look(public_keys, names)
        if len(found) < count:
            here = f"{len(found)} of them {'is' if len(found) == 1 else 'are'} in {self.folder}"
            raise SetupError(
                f"This needs {count} of {whose}; {here}."
                + (f" One file cannot be read: {unreadable}" if unreadable else "")
            ) from unreadable
        return [self.load(found[key]) for key in public_keys if key in found][:count]

    def _look(
        self, public_keys: Sequence[bytes], names: str
    ) -> tuple[dict[bytes, str], SetupError | None]:
        """Return names by key, and why a file could not be read."""
        found: dict[bytes, str] = {}
        unreadable = None
        for path in sorted(self.folder.glob(f"{names}.key")):
            name = path.relative_to(self.folder).with_suffix("").as_posix()
            try:
                public = self.load(name).public
            except SetupError as error:
                unreadable = error
                continue
            if public in public_keys:
                found.setdefault(public, name)
        return found, unreadable

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.key"

    def _passphrase(self, path: Path, data: bytes) -> str | None:
        if protection_of(data) is Protection.NONE:
            return None
        found = passphrase_here()
        if found is None and self._ask is not None:
            self._typed = self._typed or self._ask(path)
        return found or self._typed
