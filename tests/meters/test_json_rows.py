"""Rows of JSON documents of any size, each with its bytes."""

import io
import itertools
import json
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import InputError
from meters.formats.json_rows import (
    CHUNK_BYTES,
    EACH,
    ELEMENT_BYTES_MAX,
    MEMBERS_MAX,
    Ended,
    JsonRows,
    Number,
    Row,
)


class Dribble(io.BytesIO):
    """A stream that hands out a few bytes at a time, as a socket or a zip member may."""

    def read(self, size=-1):
        return super().read(min(size, 7) if size > 0 else size)


def rows(data, *paths, stream=io.BytesIO):
    data = data if isinstance(data, bytes) else data.encode()
    return [row for row in JsonRows(stream(data), paths) if isinstance(row, Row)]


def test_every_row_can_be_cut_out_of_the_file():
    data = '\ufeff{"a": ["ü", 1.50, {"é": [2]}],\n\n "b": {"c": [ null\n, true ]}}'.encode()
    found = rows(data, ("a",), ("b", "c"))
    cut = [data[row.place.offset :][: row.place.length] for row in found]
    assert [json.loads(part) for part in cut] == ["ü", 1.5, {"é": [2]}, None, True]
    assert [row.value for row in found] == ["ü", "1.50", {"é": ["2"]}, None, True]
    assert [row.place.line for row in found] == [1, 1, 1, 3, 4]
    assert [row.number for row in found] == [1, 2, 3, 1, 2]


def test_members_around_a_row_are_those_before_it():
    data = '{"a": 1, "list": [{"b": 2, "rows": [3, 4], "c": 5}, {"rows": []}, 7], "d": "é"}'
    document = JsonRows(io.BytesIO(data.encode()), [("list", EACH, "rows")])
    found = iter(document)
    first = next(found)
    assert first.around == ({"a": "1"}, {"b": "2"})
    second, ended, other = found
    assert first.around[1] is second.around[1] is ended.members
    assert ended == Ended({"b": "2", "c": "5"}, 1)
    assert other == Ended({}, 1)
    assert document.header == {"a": "1", "d": "é"}
    assert document.arrays == 2


def test_a_document_may_be_an_array():
    assert [row.value for row in rows("[1, 2]", ())] == ["1", "2"]
    assert rows("[]", ()) == []
    assert rows("{}", ()) == []


def test_an_array_that_is_not_there_is_counted():
    for text in ('{"other": [1]}', '{"rows": null}', '{"rows": {"a": 1}}'):
        document = JsonRows(io.BytesIO(text.encode()), [("rows",)])
        assert list(document) in ([], [Ended({"a": "1"}, 1)])
        assert document.arrays == 0


def test_numbers_are_the_text_of_the_file():
    texts = ["0", "-0.0", "1e-7", "0.1000", "9" * 5000, "1.00000000000000000001"]
    found = rows(f"[{', '.join(texts)}]", ())
    assert [row.value for row in found] == texts
    assert all(isinstance(row.value, Number) for row in found)


@given(st.recursive(st.none() | st.booleans() | st.text(), st.lists, max_leaves=20), st.data())
def test_any_array_comes_back(value, data):
    indent = data.draw(st.sampled_from([None, 1]))
    text = json.dumps([value] * 3, indent=indent, ensure_ascii=data.draw(st.booleans()))
    assert [row.value for row in rows(text, (), stream=Dribble)] == [value] * 3


def test_a_file_larger_than_what_is_read_at_a_time():
    element = '{"value": 0.125, "name": "é"}'
    count = 3 * CHUNK_BYTES // len(element)
    data = ("[\n" + ",\n".join([element] * count) + "]").encode()
    found = rows(data, ())
    assert len(found) == count
    assert found[-1].place.line == count + 1
    assert {data[row.place.offset :][: row.place.length] for row in found} == {element.encode()}


def test_memory_does_not_grow_with_the_file():
    element = '{"value": "' + "1" * 1000 + '"},\n'
    pieces = itertools.chain(["["], itertools.repeat(element, 16_000), ["0]"])

    class Long(io.RawIOBase):
        def read(self, size=-1):
            return "".join(itertools.islice(pieces, size // len(element))).encode()

    tracemalloc.start()
    try:
        assert sum(isinstance(row, Row) for row in JsonRows(Long(), [()])) == 16_001
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < 8 * CHUNK_BYTES


def test_white_space_may_be_long():
    assert [row.value for row in rows("[" + " \n" * CHUNK_BYTES + "1]", ())] == ["1"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "line 1: JSON begins with a brace"),
        ("7", "line 1: JSON begins with a brace"),
        ("\n\nrows", "line 3: JSON begins with a brace"),
        ('{"rows": [1]} {"rows": [2]}', "line 1: something stands after the end"),
        ('{"rows": [1]}\n,', "line 2: something stands after the end"),
        ('{"rows": [1', "line 1: a comma or ] is missing"),
        ('{"rows": [1,]}', "line 1: this is not JSON"),
        ('{"rows": [1],}', "line 1: the name of a member is missing"),
        ('{"rows" [1]}', "line 1: a colon is missing after 'rows'"),
        ('{"rows": [1}', "line 1: a comma or ] is missing"),
        ('{"rows": [01]}', "line 1: a comma or ] is missing"),
        ('{"rows": [\n{"a": nul}]}', "line 2: this is not JSON"),
        ('{"rows": ["a\n"]}', "line 1: this is not JSON"),
        ('{"rows": [NaN]}', "line 1: NaN is not JSON"),
        ('{"rows": [{"a": -Infinity}]}', "line 1: -Infinity is not JSON"),
        ('{"rows": [\n{"a": 1, "a": 2}]}', "line 2: the member 'a' stands twice"),
        ('{"a": 1,\n"a": 2}', "line 2: the member 'a' stands twice"),
        ('{"rows": [],\n"rows": []}', "line 2: the member 'rows' stands twice"),
        ('{"rows": [' + "[" * 50_000, "line 1: values are nested too deeply"),
        ('[{"rows": []}]', "line 1: an array stands where an object is expected"),
        (b'{"rows": [\n"\xff"]}', "line 2: this is not UTF-8"),
        (b'{"\xe9": 1, "rows": []}', "line 1: this is not UTF-8"),
        (b"\xff\xfe{\x00}\x00", "line 1: JSON begins with a brace"),
        ("{" + ",".join(f'"{n}": 1' for n in range(MEMBERS_MAX + 1)) + "}", "more than 256"),
    ],
)
def test_what_is_not_one_json_document_is_refused(text, reason):
    with pytest.raises(InputError) as error:
        rows(text, ("rows",))
    assert reason in str(error.value)


@pytest.mark.parametrize("length", [ELEMENT_BYTES_MAX, 2 * CHUNK_BYTES])
@pytest.mark.parametrize(
    "element",
    ['"{}"', "1{}", '{{"a": [{}2]}}', '{{"{}": 1}}'],
    ids=["text", "number", "list", "name"],
)
def test_a_long_element_is_refused(element, length):
    filling = "1," * (length // 2) if "[" in element else "1" * length
    for text in ("[\n" + element.format(filling) + "]", "[\n" + element.format(filling)):
        with pytest.raises(InputError, match=r"line 2: this value is longer than 65,536 bytes"):
            rows(text, ())
    assert len(rows("[" + '"' + "1" * (ELEMENT_BYTES_MAX - 2) + '"]', ())) == 1


def test_fields_of_a_row():
    [row] = rows('[{"a": "x", "b": 1.0, "c": null}]', ())
    assert (row.text("a"), row.numeral("b")) == ("x", "1.0")
    for name in "bcd":
        with pytest.raises(InputError, match=name):
            row.text(name)
    for name in "acd":
        with pytest.raises(InputError, match=name):
            row.numeral(name)
    [bare] = rows("[7]", ())
    with pytest.raises(InputError, match="not an object"):
        bare.text("a")
    assert bare.refuse("why").reason == "row 1: why"
