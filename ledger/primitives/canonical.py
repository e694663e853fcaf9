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
from collections.abc import Iterable
from functools import lru_cache
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
    return _ENCODER.encode(value).encode()


def decode(data: bytes, bytes_max: int = STATEMENT_BYTES_MAX) -> Any:
    """Return the value of canonical bytes, and refuse any other bytes.

    Re-encoding must give the same bytes, which refuses duplicate keys, spaces, escapes,
    ``1.0`` and ``-0`` in one comparison.

    Raises:
        CanonicalError: too long, not UTF-8, not JSON, or not canonical.
    """
    if len(data) > bytes_max:
        raise CanonicalError(f"{len(data):,} bytes are more than the {bytes_max:,} allowed")
    try:
        value = _DECODER.decode(data.decode())
        check_value(value)
        if encode_trusted(value) == data:
            return value
    except (ValueError, RecursionError, CanonicalError):
        pass
    raise _refusal(data)


def _refusal(data: bytes) -> CanonicalError:
    """Return what is not canonical about some bytes: read again, with an eye on each number."""
    try:
        value = json.loads(
            data.decode(),
            parse_int=_parse_int,
            parse_float=_refuse_float,
            parse_constant=_refuse_float,
        )
        check_value(value)
    except CanonicalError as error:
        return error
    except (ValueError, RecursionError) as error:
        return CanonicalError(f"not JSON: {error}")
    return CanonicalError(
        "not in canonical form: sort the keys, leave out spaces and needless escapes"
    )


def check_value(value: Any, depth: int = 0) -> None:
    """Refuse what canonical JSON does not hold.

    Raises:
        CanonicalError: names what is wrong.
    """
    if isinstance(value, dict):
        for key in value:
            if not _is_key(key):
                raise CanonicalError(f"{key!r} is not a key: use a-z, 0-9 and _")
        items: Iterable[Any] = value.values()
    elif isinstance(value, list):
        items = value
    else:
        _check_scalar(value)
        return
    if value and depth >= DEPTH_MAX:
        raise CanonicalError(f"nested deeper than {DEPTH_MAX} levels")
    for item in items:
        # Nearly all are small numbers and plain ASCII: told at once, without a call.
        kind = type(item)
        if kind is int and -INTEGER_MAX <= item <= INTEGER_MAX:
            continue
        if kind is str and item.isascii() and item.isprintable():
            continue
        check_value(item, depth + 1)


def _check_scalar(value: Any) -> None:
    if isinstance(value, str):
        _check_text(value)
    elif not isinstance(value, int):  # true and false are integers to Python
        raise CanonicalError(f"{type(value).__name__} is not part of canonical JSON")
    elif abs(value) > INTEGER_MAX:
        raise CanonicalError("an integer is beyond 2^53 - 1")


@lru_cache(maxsize=1024)
def _is_key(key: object) -> bool:
    """Return whether a key has the right form: the same few come again and again."""
    return isinstance(key, str) and _KEY.fullmatch(key) is not None


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


_ENCODER = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, check_circular=False
)
_DECODER = json.JSONDecoder(parse_float=_refuse_float, parse_constant=_refuse_float)
