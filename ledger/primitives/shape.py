"""Shapes: what a JSON value from outside must look like, said as data.

The wire of the HTTP interface is guarded by Pydantic; statements, bundles and market files
are read by the offline audit too, which has the standard library alone.

>>> offer = record({"sell_ticks": integer(0, 9)}, {"note": text(5)})
>>> offer({"sell_ticks": 12}, "offer")
Traceback (most recent call last):
ledger.errors.InputError: offer.sell_ticks: 12 is not between 0 and 9
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from ledger.errors import InputError

Check = Callable[[Any, str], Any]
"""Takes a value and its path; returns the value or raises `InputError` naming the path."""


def integer(low: int, high: int) -> Check:
    """Take an integer between two bounds, both included."""

    def check(value: Any, path: str) -> Any:
        if isinstance(value, bool) or not isinstance(value, int):
            raise InputError(f"{path}: must be a whole number, not {_kind(value)}")
        if not low <= value <= high:
            raise InputError(f"{path}: {value} is not between {low} and {high}")
        return value

    return check


def text(length_max: int, pattern: str | None = None) -> Check:
    """Take a string that is not empty, of bounded length, and of a pattern if one is given."""
    compiled = re.compile(pattern) if pattern else None

    def check(value: Any, path: str) -> Any:
        if not isinstance(value, str):
            raise InputError(f"{path}: must be a text, not {_kind(value)}")
        if not 1 <= len(value) <= length_max:
            raise InputError(f"{path}: must have 1 to {length_max} characters, has {len(value)}")
        if compiled and compiled.fullmatch(value) is None:
            raise InputError(f"{path}: {value!r} is not of the form {pattern}")
        return value

    return check


def one_of(*choices: Any) -> Check:
    """Take one of the named values, of the same type."""

    def check(value: Any, path: str) -> Any:
        if not any(value == choice and type(value) is type(choice) for choice in choices):
            known = ", ".join(str(choice) for choice in choices)
            raise InputError(f"{path}: {value!r} is not one of: {known}")
        return value

    return check


def boolean(value: Any, path: str) -> Any:
    """Take true or false."""
    if not isinstance(value, bool):
        raise InputError(f"{path}: must be true or false, not {_kind(value)}")
    return value


def array(item: Check, length_max: int, length_min: int = 0) -> Check:
    """Take a list of bounded length with every item of one shape."""

    def check(value: Any, path: str) -> Any:
        if not isinstance(value, list):
            raise InputError(f"{path}: must be a list, not {_kind(value)}")
        if not length_min <= len(value) <= length_max:
            raise InputError(
                f"{path}: must have {length_min} to {length_max} items, has {len(value)}"
            )
        for index, entry in enumerate(value):
            item(entry, f"{path}[{index}]")
        return value

    return check


def integers(low: int, high: int, length_max: int, length_min: int = 0) -> Check:
    """Take a list of bounded length of integers between two bounds: an `array`, seen at once."""
    one_by_one = array(integer(low, high), length_max, length_min)

    def check(value: Any, path: str) -> Any:
        numbers = isinstance(value, list) and set(map(type, value)) == {int}
        bounded = numbers and low <= min(value) and max(value) <= high
        if bounded and length_min <= len(value) <= length_max:
            return value
        return one_by_one(value, path)  # says which is wrong

    return check


def record(required: Mapping[str, Check], optional: Mapping[str, Check] | None = None) -> Check:
    """Take an object with just these fields."""
    known = {**required, **(optional or {})}

    def check(value: Any, path: str) -> Any:
        if not isinstance(value, dict):
            raise InputError(f"{path}: must be an object, not {_kind(value)}")
        for key in required:
            if key not in value:
                raise InputError(f"{path}: the field {key!r} is missing")
        for key, entry in value.items():
            if key not in known:
                raise InputError(f"{path}: unknown field {key!r}")
            known[key](entry, f"{path}.{key}")
        return value

    return check


def _kind(value: Any) -> str:
    names = {bool: "true or false", int: "a number", float: "a number with a fraction"}
    names |= {str: "a text", list: "a list", dict: "an object", type(None): "null"}
    return names.get(type(value), type(value).__name__)


HEX_32 = text(32, r"[0-9a-f]{32}")
"""An id: 128 bits."""

HEX_64 = text(64, r"[0-9a-f]{64}")
"""A hash, a public key or a key id: 256 bits."""
