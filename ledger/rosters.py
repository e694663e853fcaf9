"""What a roster says: keys by their role, and whether it can follow the one before. Pure.

>>> roles_of({"keys": [{"key": "ab" * 32, "role": "helper"}]})["helper"][0].hex()[:4]
'abab'
"""

from collections.abc import Mapping
from typing import Any

from ledger.errors import SignatureError
from ledger.key_life import keys_of
from ledger.primitives.signing import check_public_key


def roles_of(body: Mapping[str, Any]) -> dict[str, tuple[bytes, ...]]:
    """Return a roster's public keys by role, in its order."""
    roles: dict[str, tuple[bytes, ...]] = {}
    for entry in body["keys"]:
        key = bytes.fromhex(entry["key"])
        roles[entry["role"]] = (*roles.get(entry["role"], ()), key)
    return roles


def check_roster(body: Mapping[str, Any], version_before: int) -> tuple[bytes, ...]:
    """Return the operators of a roster that may follow, whoever signed it.

    Raises:
        SignatureError: another version's turn, a weak key, one twice, or too few operators.
    """
    if body["version"] != version_before + 1:
        raise SignatureError(f"roster version {body['version']} does not follow {version_before}")
    keys = keys_of({"keys": [entry["key"] for entry in body["keys"]]})
    for key in [*keys, bytes.fromhex(body["log_key"])]:
        check_public_key(key)
    new = roles_of(body).get("operator", ())
    if len(set(keys)) != len(keys):
        raise SignatureError("a roster names each key once")
    if body["threshold"] > len(new):
        raise SignatureError("a roster's threshold is above its number of operators")
    return new
