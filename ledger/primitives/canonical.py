"""Canonical JSON: the one encoding in which things are hashed and signed.

A strict subset of RFC 8785: objects, arrays, strings, booleans and integers up to 2^53 - 1.
No null (absent means null), no floats. On this subset the standard library's compact, sorted
encoding equals RFC 8785. ``docs/spec/canonical-json.md`` is the specification.

>>> encode({"b": [1, True], "a": "é"}).decode()
'{"a":"é","b":[1,true]}'
>>> decode(b'{"a":1.0}')
Traceback (most recent call last):
ledger.errors.CanonicalError: a number with a fraction or exponent ('1.0') is not canonical
"""

import json
import re
import unicodedata
from typing import Any, Never

from ledger.errors import CanonicalError

INTEGER_MAX = 2**53 - 1
"""Largest magnitude of an integer: what every JSON reader keeps exactly."""

STATEMENT_BYTES_MAX = 60_000
"""Longest statement."""

FREE_TEXT_CHARACTERS_MAX = 140
"""Longest text that a person writes into a statement."""

DEPTH_MAX = 16
"""Deepest nesting, so that a hostile body cannot exhaust the stack."""

_KEY = re.compile(r"[a-z][a-z0-9_]{0,31}")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


def encode(value: Any) -> bytes:
    """Return the canonical bytes of a value.

    Raises:
        CanonicalError: a float, null, bad key, control character or integer out of range.
    """
    check_value(value)
    return encode_trusted(value)


def encode_trusted(value: Any) -> bytes:
    """Return the canonical bytes of a value that our own code built and need not be checked."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode()


def decode(data: bytes, bytes_max: int = STATEMENT_BYTES_MAX) -> Any:
    """Return the value of canonical bytes, and refuse any other bytes.

    Re-encoding must give the same bytes, which refuses duplicate keys, spaces, escapes,
    ``1.0`` and ``-0`` in one comparison.

    Raises:
        CanonicalError: too long, not UTF-8, not JSON, or not canonical.
    """
    if len(data) > bytes_max:
        raise CanonicalError(f"{len(data):,} bytes are more than the {bytes_max:,} allowed")
    plain = _is_plain(data)
    hooks: dict[str, Any] = {} if plain else {"parse_int": _parse_int}
    try:
        value = json.loads(
            data.decode(), parse_float=_refuse_float, parse_constant=_refuse_float, **hooks
        )
    except CanonicalError:
        raise
    except (ValueError, RecursionError) as error:
        raise CanonicalError(f"not JSON: {error}") from error
    if not plain:
        check_value(value)
    if encode_trusted(value) != data:
        raise CanonicalError(
            "not in canonical form: sort the keys, leave out spaces and needless escapes"
        )
    return value


def _is_plain(data: bytes) -> bool:
    """Return whether bytes, if they are JSON at all, hold nothing that `check_value` refuses.

    Most do: ASCII without escapes, keys of the right form, no null, no long number, not deep.
    Looking at the bytes is five times as fast as looking at each value; where it is not sure,
    the values are looked at.
    """
    if b"\\" in data or b"\x7f" in data or not data.isascii():
        return False
    # Without escapes a string ends at the next quote. What lies between two strings has commas or
    # brackets in it, so that no such piece passes for a key.
    if not all(map(_KEY_BYTES.fullmatch, set(_KEYS.findall(data)))):
        return False
    bare = _STRINGS.sub(b"", data)
    if b"n" in bare or _LONG_NUMBER.search(bare):  # null, or perhaps beyond 2^53
        return False
    brackets = bare.translate(_ONE_KIND, _NOT_BRACKETS)
    for _ in range(DEPTH_MAX):
        brackets = brackets.replace(b"[]", b"")
    return not brackets


_KEYS = re.compile(rb'"([^"]*)":')
_KEY_BYTES = re.compile(rb"[a-z][a-z0-9_]{0,31}")
_STRINGS = re.compile(rb'"[^"]*"')
_LONG_NUMBER = re.compile(rb"[0-9]{16}")
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_ONE_KIND = bytes.maketrans(b"{}", b"[]")


def check_value(value: Any, depth: int = 0) -> None:
    """Refuse what canonical JSON does not hold.

    Raises:
        CanonicalError: names what is wrong.
    """
    if depth > DEPTH_MAX:
        raise CanonicalError(f"nested deeper than {DEPTH_MAX} levels")
    if isinstance(value, str):
        _check_text(value)
    elif isinstance(value, int):  # true and false are integers to Python
        if abs(value) > INTEGER_MAX:
            raise CanonicalError("an integer is beyond 2^53 - 1")
    elif isinstance(value, list):
        for item in value:
            check_value(item, depth + 1)
    elif isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str) or _KEY.fullmatch(key) is None:
                raise CanonicalError(f"{key!r} is not a key: use a-z, 0-9 and _")
            check_value(item, depth + 1)
    else:
        raise CanonicalError(f"{type(value).__name__} is not part of canonical JSON")


def _check_text(value: str) -> None:
    if _CONTROL.search(value):
        raise CanonicalError("a string holds a control character")
    if not value.isascii() and not unicodedata.is_normalized("NFC", value):
        raise CanonicalError("a string is not in Unicode normal form C")


def _refuse_float(text: str) -> Never:
    raise CanonicalError(f"a number with a fraction or exponent ({text!r}) is not canonical")


def _parse_int(text: str) -> int:
    if len(text) > len(str(INTEGER_MAX)) + 1:  # int() of a very long text is slow
        raise CanonicalError(f"an integer of {len(text)} digits is beyond 2^53 - 1")
    return int(text)
