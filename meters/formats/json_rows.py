r"""JSON read row by row: the elements of named arrays, each with its place in the file.

Only one element is in memory at a time, so a file may be of any size; what stands around the
arrays is kept as members. Numbers stay the text that the file has. What is not JSON, in UTF-8
and with each member once, is refused.

>>> import io
>>> text = b'{"unit": "kWh",\n "rows": [{"wh": 1.50}, 7]}'
>>> document = JsonRows(io.BytesIO(text), [("rows",)])
>>> for row in document:
...     print(row.number, row.value, row.place)
1 {'wh': '1.50'} Place(line=2, offset=26, length=12)
2 7 Place(line=2, offset=40, length=1)
>>> document.header
{'unit': 'kWh'}
"""

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO, NamedTuple

from ledger.errors import InputError
from meters.formats.lines import LINES_MAX, excerpt
from meters.readings import Place, Refusal

ELEMENT_BYTES_MAX = 65_536
"""Longest element of an array, and longest value beside one: a row needs about 150 bytes, and a
message that refuses a request a few hundred."""

CHUNK_BYTES = 262_144
"""Read at a time: some thousand rows."""

MEMBERS_MAX = 256
"""Most members of an object around the rows: the formats have at most a dozen."""

EACH = None
"""In a path: every element of an array."""

Path = tuple[str | None, ...]
"""Names from the outermost value to an array of rows; `EACH` where arrays stand in between."""

Members = dict[str, Any]

_BYTE_ORDER_MARK = "\xef\xbb\xbf"  # its three bytes
_SPACE = re.compile(r"[ \t\r\n]*")
_CUT_CHARACTERS = 16
"""A mistake this near to the end of what was read is the cut itself."""


class Number(str):
    """A number, as the file writes it."""

    __slots__ = ()


class Row(NamedTuple):
    """An element of an array that was asked for.

    Attributes:
        value: what it is, with each number as `Number`.
        place: where it stands.
        number: its number in its array, from 1.
        around: the members so far of the objects around it, the outermost first.
    """

    value: Any
    place: Place
    number: int
    around: tuple[Members, ...]

    def refuse(self, reason: object) -> Refusal:
        """Return that the row is refused; its number finds it where a file is one line."""
        return Refusal(self.place.line, f"row {self.number}: {reason}")

    def text(self, name: str) -> str:
        """Return a member that is a string.

        Raises:
            InputError: the row is no object, or has no such member, or not a string.
        """
        found = self._member(name)
        if not isinstance(found, str) or isinstance(found, Number):
            raise InputError(f"its {name} is not a text in quotes; ask for the file again")
        return found

    def numeral(self, name: str) -> str:
        """Return a member that is a number.

        Raises:
            InputError: the row is no object, or has no such member, or not a number.
        """
        found = self._member(name)
        if found is None:
            raise InputError(f"its {name} is null, so it is a gap; ask for the missing data")
        if not isinstance(found, Number):
            raise InputError(f"its {name} is not a number without quotes; ask for the file again")
        return found

    def _member(self, name: str) -> Any:
        if not isinstance(self.value, dict):
            raise InputError("it is not an object in braces; ask for the file again")
        if name not in self.value:
            raise InputError(f"it has no member {name}; ask for the file again")
        return self.value[name]


class Ended(NamedTuple):
    """An object around rows, or one that might have had some, has been read to its end.

    Attributes:
        members: what it held beside the rows.
        line: of its end.
    """

    members: Members
    line: int


class JsonRows:
    """Reads one document; iterate over it once.

    Args:
        stream: UTF-8 text, with or without a byte order mark.
        paths: the arrays whose elements are rows.

    Attributes:
        header: the members of the outermost object beside the rows, as far as it was read.
        arrays: how many arrays of rows were found.
    """

    def __init__(self, stream: BinaryIO, paths: Sequence[Path]) -> None:
        self.header: Members = {}
        self.arrays = 0
        self._stream, self._paths = stream, tuple(paths)
        self._decoder = json.JSONDecoder(
            object_pairs_hook=_members,
            parse_int=Number,
            parse_float=Number,
            parse_constant=_constant,
        )
        # Bytes as Latin-1, so that positions in the text are positions in the file.
        self._text, self._position, self._ended = "", 0, False
        self._offset, self._line, self._counted = 0, 1, 0

    def __iter__(self) -> Iterator[Row | Ended]:
        """Yield the rows, and what ended.

        Raises:
            InputError: not one JSON document in UTF-8, or over a limit; says the line.
        """
        self._peek()
        if self._offset == 0 and self._text.startswith(_BYTE_ORDER_MARK):
            self._position = len(_BYTE_ORDER_MARK)
        if self._peek() not in ("{", "["):
            raise self._mistake("JSON begins with a brace or a bracket; is this the right file?")
        yield from self._walk(self._paths, ())
        if self._peek():
            raise self._mistake(
                "something stands after the end of the document; a file holds one: save each"
                " page of an answer as a file of its own"
            )

    def _walk(self, paths: tuple[Path, ...], around: tuple[Members, ...]) -> Iterator[Row | Ended]:
        """Read the object or array that begins here, and the rows in it."""
        if self._peek() == "{":
            yield from self._object(paths, around)
        elif () in paths:
            self.arrays += 1
            for number in self._elements():
                value, place = self._value()
                yield Row(value, place, number, around)
        elif inside := tuple(path[1:] for path in paths if path[0] is EACH):
            for _ in self._elements():
                if self._peek() in ("{", "["):
                    yield from self._walk(inside, around)
                    continue
                self._value()
        else:
            raise self._mistake("an array stands where an object is expected; is the file whole?")

    def _object(
        self, paths: tuple[Path, ...], around: tuple[Members, ...]
    ) -> Iterator[Row | Ended]:
        members: Members = {} if around else self.header
        walked: set[str] = set()
        for number in self._elements():
            key = self._key()
            if key in members or key in walked:
                raise self._mistake(f"the member {excerpt(key)} stands twice in one object")
            if number > MEMBERS_MAX:
                raise self._mistake(f"an object has more than {MEMBERS_MAX} members")
            inside = tuple(path[1:] for path in paths if path and path[0] == key)
            if inside and self._peek() in ("{", "["):
                walked.add(key)
                yield from self._walk(inside, (*around, members))
            else:
                members[key] = self._value()[0]
        if around:
            yield Ended(members, self._line_at(self._position))

    def _elements(self) -> Iterator[int]:
        """Yield the number of each element or member, with the position at its beginning."""
        end = {"{": "}", "[": "]"}[self._text[self._position]]
        self._position += 1
        number = 0
        if self._peek() == end:
            self._position += 1
            return
        while True:
            number += 1
            yield number
            found = self._peek()
            if found not in (",", end):
                raise self._mistake(f"a comma or {end} is missing; is the file whole?")
            self._position += 1
            if found == end:
                return

    def _key(self) -> str:
        if self._peek() != '"':
            raise self._mistake("the name of a member is missing; is the file whole?")
        key = str(self._value()[0])
        if self._peek() != ":":
            raise self._mistake(f"a colon is missing after {excerpt(key)}; is the file whole?")
        self._position += 1
        return key

    def _value(self) -> tuple[Any, Place]:
        """Read the value that begins here in one piece."""
        self._peek()
        begin = self._position
        place = Place(self._line_at(begin), self._offset + begin, 0)
        value, end = self._scan(self._text, begin)
        if end - begin > ELEMENT_BYTES_MAX:
            raise self._mistake(_TOO_LONG)
        written = self._text[begin:end]
        if not written.isascii():
            try:
                value, _ = self._scan(written.encode("latin-1").decode(), 0)
            except UnicodeDecodeError as error:
                raise self._mistake("this is not UTF-8; save the file as UTF-8") from error
        self._position = end
        return value, place._replace(length=end - begin)

    def _scan(self, text: str, begin: int) -> tuple[Any, int]:
        try:
            return self._decoder.raw_decode(text, begin)
        except json.JSONDecodeError as error:
            cut = error.pos > len(text) - _CUT_CHARACTERS or error.msg.startswith("Unterminated")
            if cut and not self._ended:
                raise self._mistake(_TOO_LONG) from error
            line = self._line + text.count("\n", self._counted, error.pos)
            raise InputError(
                f"line {line}: this is not JSON ({error.msg}); is the file whole?"
            ) from error
        except RecursionError as error:
            raise self._mistake("values are nested too deeply; is this the right file?") from error
        except InputError as error:
            raise self._mistake(str(error)) from error

    def _peek(self) -> str:
        """Skip white space; return the next character, or nothing at the end of the file.

        From there on, a whole element is in memory.
        """
        while True:
            found = _SPACE.match(self._text, self._position)
            assert found is not None  # noqa: S101 -- it matches nothing as well
            self._position = found.end()
            if self._ended or len(self._text) - self._position > ELEMENT_BYTES_MAX:
                return self._text[self._position : self._position + 1]
            self._fill()

    def _fill(self) -> None:
        self._line_at(self._position)
        if self._line > LINES_MAX:
            raise InputError(f"the file has more than {LINES_MAX:,} lines; split it")
        chunk = self._stream.read(CHUNK_BYTES)
        self._ended = not chunk
        self._text = self._text[self._position :] + chunk.decode("latin-1")
        self._offset += self._position
        self._position = self._counted = 0

    def _line_at(self, position: int) -> int:
        """Return the line of a position that is not before the last one asked for."""
        self._line += self._text.count("\n", self._counted, position)
        self._counted = max(self._counted, position)
        return self._line

    def _mistake(self, reason: str) -> InputError:
        return InputError(f"line {self._line_at(self._position)}: {reason}")


_TOO_LONG = f"this value is longer than {ELEMENT_BYTES_MAX:,} bytes; is this the right file?"


def begins_like_json(head: bytes, *names: str) -> bool:
    """Return whether a file may be JSON that has all these members; for recognising it."""
    text = head.decode("utf-8", "replace").lstrip("\ufeff \t\r\n")
    return text[:1] in ("{", "[") and all(f'"{name}"' in text for name in names)


def _members(pairs: list[tuple[str, Any]]) -> Members:
    members = dict(pairs)
    if len(members) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise InputError(f"the member {excerpt(twice)} stands twice in one object")
    return members


def _constant(name: str) -> Any:
    raise InputError(f"{name} is not JSON; write null where there is no value")
