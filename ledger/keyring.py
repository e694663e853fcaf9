"""The operator's private keys, as files in one folder.

Each is PKCS #8 PEM, readable by its owner alone, encrypted where COMMONWATT_KEY_PASSPHRASE is
set. Household keys belong on the households' phones; the folder ``devices`` holds those of
people whom a helper signs up on paper, and of simulations.

>>> import tempfile
>>> ring = Keyring(Path(tempfile.mkdtemp()))
>>> ring.create("settlement").key_id == ring.load("settlement").key_id
True
"""

import os
from collections.abc import Sequence
from pathlib import Path

from ledger.errors import SetupError
from ledger.primitives.signing import SigningKey

PASSPHRASE_VARIABLE = "COMMONWATT_KEY_PASSPHRASE"  # noqa: S105 - the variable's name
"""Environment variable with the passphrase of the key files."""


class Keyring:
    """A folder of key files, loaded once each."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._loaded: dict[str, SigningKey] = {}

    def create(self, name: str, key: SigningKey | None = None) -> SigningKey:
        """Write a new key file, of a random key or the given one.

        Raises:
            SetupError: there is one of this name already.
        """
        key = key or SigningKey.generate()
        path = self._path(name)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError as error:
            raise SetupError(
                f"The key file {path} is there already; keys are never replaced."
            ) from error
        with os.fdopen(handle, "wb") as file:
            file.write(key.to_pem(os.environ.get(PASSPHRASE_VARIABLE)))
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
            passphrase = os.environ.get(PASSPHRASE_VARIABLE)
            try:
                key = SigningKey.from_pem(data, passphrase)
            except SetupError as error:
                if not passphrase and b"ENCRYPTED" in data:
                    raise SetupError(f"{path} is encrypted: set {PASSPHRASE_VARIABLE}.") from error
                raise SetupError(f"{path}: {error} (see {PASSPHRASE_VARIABLE})") from error
            self._loaded[name] = key
        return self._loaded[name]

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
