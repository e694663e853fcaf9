"""Elements of XML one by one. Every document here is made up."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import InputError
from meters.formats import xml_elements
from meters.formats.xml_elements import elements, root_of

DOCUMENT = """<?xml version="1.0" encoding="utf-8"?>
<!-- a licence > with <tags/> -->
<n:feed xmlns:n="urn:one" xmlns="urn:two">
  <n:entry n:id="7" note="a > b">
    <link href="x"/>
    <link href="y" ></link >
    <title>Ada &amp; Bo <![CDATA[<3]]></title>
    <entry><deep/></entry>
  </n:entry>
  <other><entry>zweite Ähre</entry></other>
</n:feed>
"""


class Slow(io.BytesIO):
    """Gives a few bytes at a time, as a pipe may."""

    def read(self, _size=-1):
        return super().read(3)


def read(text, wanted=("entry",)):
    return list(elements(io.BytesIO(text.encode()), set(wanted)))


def each(element):
    yield element
    for child in element.children:
        yield from each(child)


@pytest.mark.parametrize("opened", [io.BytesIO, Slow])
def test_wanted_elements_come_whole_and_know_their_bytes(opened):
    data = DOCUMENT.encode()
    first, second = elements(opened(data), {"entry"})
    assert first.attributes == {"id": "7", "note": "a > b"}
    assert [link.attributes["href"] for link in first.all("link")] == ["x", "y"]
    assert first.text_of("title") == "Ada & Bo <3"
    assert first.child("entry").child("deep").text == ""
    assert second.text == "zweite Ähre"
    found = [data[p.offset : p.offset + p.length] for p in (node.place for node in each(first))]
    assert found[1:3] == [b'<link href="x"/>', b'<link href="y" ></link >']
    assert found[3].startswith(b"<title>")
    assert found[3].endswith(b"</title>")
    assert found[4:] == [b"<entry><deep/></entry>", b"<deep/>"]
    assert found[0].startswith(b'<n:entry n:id="7"')
    assert found[0].endswith(b"</n:entry>")
    assert [node.place.line for node in each(first)] == [4, 5, 6, 7, 8, 8]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "line 1: the file is not well-formed XML"),
        ("<feed>\n<entry></feed>", "line 2: the file is not well-formed XML"),
        ("<feed>\n<entry>\n", "line 3: the file is not well-formed XML"),
        ("<feed/>\n<feed/>", "line 2: the file is not well-formed XML"),
        ('<!DOCTYPE a [<!ENTITY b "c">]>\n<a>&b;</a>', "line 1: the file has a document type"),
        ("<feed>\n&b;</feed>", "line 2: the file is not well-formed XML"),
        ('<?xml version="1.0" encoding="latin-1"?><feed/>', "line 1: the file says it is"),
        ("<a>" * 65, "nested deeper than 64"),
        (f"<feed><entry>{'x' * 10_001}</entry></feed>", "longer than 10,000 characters"),
        (f"<feed><!--{'x' * 1_100_000}--></feed>", "longer than 1,000,000 bytes"),
        (
            "<entry " + " ".join(f'a{n}="1"' for n in range(65)) + "/>",
            "has more than 64 attributes",
        ),
    ],
)
def test_bad_documents_are_refused_with_their_line(text, reason):
    with pytest.raises(InputError, match=reason):
        read(text)


def test_what_is_skipped_is_left_out_with_all_in_it():
    data = b"<entry><a>1</a><b>2<a>3<b/></a></b>4<c/></entry>"
    [entry] = elements(io.BytesIO(data), {"entry"}, {"b", "entry"})
    assert [node.name for node in each(entry)] == ["entry", "a", "c"]
    assert entry.text == "4"


@pytest.mark.parametrize("child", ["b", "c"])
def test_white_space_around_many_children_is_not_text(child):
    data = "<entry>\n" + f"<{child}/>\n" * 20_000 + "</entry>"
    [entry] = elements(io.BytesIO(data.encode()), {"entry"}, {"c"})
    assert entry.text == ""


def test_an_element_holds_so_many_others(monkeypatch):
    monkeypatch.setattr(xml_elements, "NODES_MAX", 3)
    assert len(read("<a><entry><b/><b/></entry><entry><b/><b/></entry></a>")) == 2
    with pytest.raises(InputError, match="line 2: an element holds more than 3 others"):
        read("<a>\n<entry><b/><b/><b/></entry></a>")


def test_places_are_of_utf_8_alone():
    data = b"\xef\xbb\xbf<a>\r\n<entry>\xc3\xa4</entry></a>"
    [entry] = elements(io.BytesIO(data), {"entry"})
    assert entry.place == (2, 8, 17)
    with pytest.raises(InputError, match="is not UTF-8"):
        list(elements(io.BytesIO("<a><entry>x</entry></a>".encode("utf-16")), {"entry"}))


def test_only_one_child_of_a_name_is_expected():
    [entry] = read("<entry><a>1</a><a>2</a><b><c/></b></entry>")
    with pytest.raises(InputError, match="has 2 elements 'a'"):
        entry.child("a")
    with pytest.raises(InputError, match="has no element 'd'"):
        entry.text_of("b", "d")
    with pytest.raises(InputError, match="the element 'c' is empty"):
        entry.text_of("b", "c")


@pytest.mark.parametrize(
    ("head", "root"),
    [
        (DOCUMENT.encode(), ("urn:one", "feed")),
        (b"\xef\xbb\xbf<feed", ("", "")),
        (b"<feed><entry>", ("", "feed")),
        (b"<!DOCTYPE feed><feed>", ("", "")),
        (b"meter,channel", ("", "")),
        (b'<?xml version="1.0" encoding="klingon"?><a/>', ("", "")),
    ],
)
def test_the_root_of_a_head(head, root):
    assert root_of(head) == root


@given(
    st.integers(0, len(DOCUMENT.encode())),
    st.one_of(
        st.binary(max_size=8), st.sampled_from([b"<", b">", b"</entry>", b"<![CDATA[", b"&"])
    ),
    st.integers(0, 40),
)
def test_whatever_bytes_come_in(at, more, cut):
    data = DOCUMENT.encode()
    data = data[:at] + more + data[at + cut :]
    root_of(data)
    try:
        found = list(elements(io.BytesIO(data), {"entry"}))
    except InputError:
        return
    for element in found:
        for node in each(element):
            assert 0 <= node.place.offset < node.place.offset + node.place.length <= len(data)
            assert data[node.place.offset : node.place.offset + 1] == b"<"
