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
            try:
                key = SigningKey.from_pem(data, os.environ.get(PASSPHRASE_VARIABLE))
            except SetupError as error:
                raise SetupError(f"{path}: {error} (see {PASSPHRASE_VARIABLE})") from error
            self._loaded[name] = key
        return self._loaded[name]

    def has(self, name: str) -> bool:
        """Return whether there is a key of this name."""
        return name in self._loaded or self._path(name).exists()

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.key"
