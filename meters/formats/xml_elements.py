r"""XML elements one after another: each wanted one as a small tree that knows where it stands.

What is around the wanted elements is not kept, so a file of any length needs the memory of its
largest wanted element. Names are local: a prefix or namespace does not matter. Document types
are refused, and with them entities; comments and processing instructions are skipped. Places are
counted in bytes, so a document must be UTF-8.

>>> import io
>>> data = b'<feed xmlns="urn:x"><entry id="7">\n  <title>Ada </title></entry></feed>'
>>> [entry] = elements(io.BytesIO(data), {"entry"})
>>> entry.attributes["id"], entry.text_of("title"), entry.child("title").place
('7', 'Ada', Place(line=2, offset=37, length=19))
"""

import re
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from contextlib import suppress
from dataclasses import dataclass, field
from typing import BinaryIO, NoReturn
from xml.parsers import expat

from ledger.errors import InputError
from meters.formats.lines import excerpt
from meters.readings import Place

CHUNK_BYTES = 8192
"""How much is read at a time: for each node the parser copies what it has left of it."""

TOKEN_BYTES_MAX = 1_000_000
"""Longest tag, comment or piece of text: the licence above a sample file has 3,000."""

DEPTH_MAX = 64
"""Deepest nesting: the formats need a dozen."""

NODES_MAX = 200_000
"""Most nodes of one wanted element, 80 MB: a day of quarter-hours has 500, a year 180,000."""

TEXT_CHARACTERS_MAX = 10_000
"""Longest text of one node: values and names are short; a notice may be a page."""

ATTRIBUTES_MAX = 64
"""Most attributes of one node: an Atom link has three."""

_ENCODINGS = frozenset(("utf-8", "us-ascii"))
_START_TAG = re.compile(rb"""<(?:[^<>"']|"[^"]*"|'[^']*')*>""")


@dataclass(slots=True)
class Element:
    """A node and what is below it.

    Attributes:
        name: without its namespace.
        attributes: by their names without namespaces.
        place: from its first byte to its last.
        children: in the file's order.
        text: of itself, not of its children, without white space around it.
    """

    name: str
    attributes: dict[str, str]
    place: Place
    children: "list[Element]" = field(default_factory=list)
    text: str = ""

    def all(self, name: str) -> "Iterator[Element]":
        """Yield the children of that name."""
        return (child for child in self.children if child.name == name)

    def child(self, name: str) -> "Element | None":
        """Return the only child of that name, or None.

        Raises:
            InputError: there are several.
        """
        found = list(self.all(name))
        if len(found) > 1:
            raise InputError(
                f"{excerpt(self.name)} has {len(found)} elements {excerpt(name)}, the second in"
                f" line {found[1].place.line}; one is expected"
            )
        return found[0] if found else None

    def text_of(self, *path: str) -> str:
        """Return the text of a descendant, each step the only one of its name.

        Raises:
            InputError: it is not there, is empty, or is not the only one.
        """
        node = self
        for name in path:
            below = node.child(name)
            if below is None:
                raise InputError(
                    f"{excerpt(node.name)} has no element {excerpt(name)}; correct the file"
                )
            node = below
        if not node.text:
            raise InputError(f"the element {excerpt(node.name)} is empty; correct the file")
        return node.text


def elements(
    stream: BinaryIO, wanted: AbstractSet[str], skipped: AbstractSet[str] = frozenset()
) -> Iterator[Element]:
    """Yield each element of a wanted name that is not inside another one, when it ends.

    Args:
        stream: an XML document in UTF-8.
        wanted: names without namespaces.
        skipped: names of elements that are left out of the wanted ones, with all in them.

    Raises:
        InputError: not well formed, with a document type, or beyond a limit; says the line.
    """
    builder = _Builder(wanted, skipped)
    while chunk := stream.read(CHUNK_BYTES):
        builder.feed(chunk, final=False)
        yield from builder.take()
    builder.feed(b"", final=True)
    yield from builder.take()


def root_of(head: bytes) -> tuple[str, str]:
    """Return the first element's namespace and name, or two empty texts; never raises."""
    found: list[str] = []
    parser = expat.ParserCreate(namespace_separator=" ")

    def start(name: str, _: object) -> None:
        found.append(name)

    parser.StartElementHandler = start
    parser.StartDoctypeDeclHandler = _refuse_doctype
    with suppress(expat.ExpatError, InputError, ValueError, LookupError):
        parser.Parse(head, False)
    namespace, _, name = found[0].rpartition(" ") if found else ("", "", "")
    return namespace, name


class _Builder:
    """Builds trees of wanted elements from what the parser reports."""

    def __init__(self, wanted: AbstractSet[str], skipped: AbstractSet[str]) -> None:
        self._wanted = wanted
        self._skipped = skipped
        self._open: list[Element] = []  # the wanted element that is open, and those within
        self._texts: list[list[str]] = []  # of each open one
        self._lengths: list[int] = []
        self._done: list[Element] = []
        self._depth = self._nodes = self._fed = 0
        self._depth_skipped = 0  # of the outermost element that is being skipped, or 0
        parser = self._parser = expat.ParserCreate("UTF-8", namespace_separator=" ")
        parser.ordered_attributes = True
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.XmlDeclHandler = _check_declaration
        parser.StartDoctypeDeclHandler = _refuse_doctype

    def feed(self, chunk: bytes, *, final: bool) -> None:
        """Parse more bytes.

        Raises:
            InputError: not well formed, or refused.
        """
        self._fed += len(chunk)
        if b"\0" in chunk:  # as in UTF-16, which the parser would take without being asked
            raise InputError(f"line {self._line}: the file is not UTF-8; save it as that")
        try:
            self._parser.Parse(chunk, final)
            if self._fed - self._parser.CurrentByteIndex > TOKEN_BYTES_MAX:
                raise InputError(f"a tag, comment or text is longer than {TOKEN_BYTES_MAX:,} bytes")
        except expat.ExpatError as error:
            raise InputError(
                f"line {max(1, error.lineno)}: the file is not well-formed XML"
                f" ({expat.ErrorString(error.code)}); ask for it again"
            ) from error
        except InputError as error:
            raise InputError(f"line {self._line}: {error}") from error

    def take(self) -> list[Element]:
        """Return the elements that are complete."""
        done, self._done = self._done, []
        return done

    @property
    def _line(self) -> int:
        return max(1, self._parser.CurrentLineNumber)

    def _start(self, name: str, attributes: list[str]) -> None:
        self._depth += 1
        if self._depth > DEPTH_MAX:
            raise InputError(f"elements are nested deeper than {DEPTH_MAX}")
        if self._depth_skipped:
            return
        local = _local(name)
        if self._open and local in self._skipped:
            self._depth_skipped = self._depth
            return
        if not self._open:
            if local not in self._wanted:
                return
            self._nodes = 0
        self._nodes += 1
        if self._nodes > NODES_MAX:
            raise InputError(f"an element holds more than {NODES_MAX:,} others; split the file")
        if len(attributes) > 2 * ATTRIBUTES_MAX:
            raise InputError(f"element {excerpt(local)} has more than {ATTRIBUTES_MAX} attributes")
        pairs = zip(attributes[::2], attributes[1::2], strict=True)
        tag = _START_TAG.match(self._parser.GetInputContext() or b"")
        # An empty element is one tag (<a/>): it is as long as that. Any other ends with its own.
        closed = tag is not None and tag.group().endswith(b"/>")
        length = tag.end() if closed and tag is not None else 0
        place = Place(self._line, self._parser.CurrentByteIndex, length)
        element = Element(local, {_local(key): value for key, value in pairs}, place)
        if self._open:
            self._open[-1].children.append(element)
        self._open.append(element)
        self._texts.append([])
        self._lengths.append(0)

    def _end(self, _: str) -> None:
        self._depth -= 1
        if self._depth_skipped:
            if self._depth < self._depth_skipped:
                self._depth_skipped = 0
            return
        if not self._open:
            return
        element = self._open.pop()
        element.text = "".join(self._texts.pop()).strip()
        self._lengths.pop()
        if not element.place.length:
            tag = (self._parser.GetInputContext() or b"").find(b">") + 1
            end = self._parser.CurrentByteIndex + tag
            place = element.place
            element.place = place._replace(length=end - place.offset)
        if not self._open:
            self._done.append(element)

    def _text(self, data: str) -> None:
        if not self._open or self._depth_skipped:
            return
        texts = self._texts[-1]
        # White space between the children of a long element comes in pieces, and is not its text.
        if data.isspace() and (not texts or self._open[-1].children):
            return
        texts.append(data)
        self._lengths[-1] += len(data)
        if self._lengths[-1] > TEXT_CHARACTERS_MAX:
            raise InputError(
                f"the text of {excerpt(self._open[-1].name)} is longer than"
                f" {TEXT_CHARACTERS_MAX:,} characters"
            )


def _check_declaration(_version: str, encoding: str | None, _standalone: int) -> None:
    if encoding is not None and encoding.lower() not in _ENCODINGS:
        raise InputError(f"the file says it is {excerpt(encoding)}; save it as UTF-8")


def _refuse_doctype(*_: object) -> NoReturn:
    raise InputError("the file has a document type, which can hide entities; take it out")


def _local(name: str) -> str:
    return name.rpartition(" ")[2]
