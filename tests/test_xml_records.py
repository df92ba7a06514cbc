"""Records of large XML files against ElementTree, which reads a file as a whole."""

from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree
from xml.parsers.expat import ExpatError

import pytest
from hypothesis import given
from hypothesis import strategies as st

from concept_linker.errors import SourceError
from concept_linker.runtime.xml_records import read_records

XML = (
    b'<?xml version="1.0"?>\n<all>\n<r id="1">a &lt; b<x>c</x>\n<r>inner</r></r>text\n'
    b"<other><r><y/>d</r></other>\n<z>no record</z></all>"
)
PATH = Path("a.xml")


def outer_records() -> list[bytes]:
    root = ElementTree.fromstring(XML)
    records = [element for child in root for element in [child, *child] if element.tag == "r"]
    records = [one for one in records if one.text != "inner"]
    for one in records:
        one.tail = None
    return list(map(ElementTree.tostring, records))


@given(st.lists(st.integers(0, len(XML)), max_size=5))
def test_a_file_cut_anywhere(cuts: list[int]) -> None:
    places = [0, *sorted(cuts), len(XML)]
    pieces = [XML[begin:end] for begin, end in pairwise(places)]
    found = list(read_records(pieces, PATH, ["r"], longest=1 << 20, line_tags=["x", "y"]))
    assert [ElementTree.tostring(record.element) for record in found] == outer_records()
    assert [record.line for record in found] == [3, 5]
    lines = [{element.tag: line for element, line in record.lines.items()} for record in found]
    assert lines == [{"x": 3}, {"y": 5}]


def test_records_before_an_error_are_yielded() -> None:
    records = read_records([XML[:-10] + b"</wrong>"], PATH, ["r"], longest=1 << 20)
    assert [next(records).line, next(records).line] == [3, 5]
    with pytest.raises(ExpatError):
        next(records)


def test_a_record_that_never_ends() -> None:
    pieces = [b"<all><r>", *[b"x" * (1 << 20)] * 4]
    with pytest.raises(SourceError, match="line 1: more than 2 MiB without the end of a record"):
        list(read_records(pieces, PATH, ["r"], longest=2 << 20))


def test_entities_are_rejected() -> None:
    xml = b'<!DOCTYPE all [<!ENTITY a "b">]>\n<all><r>&a;</r></all>'
    with pytest.raises(SourceError, match="line 1: declares the entity a, expected none"):
        list(read_records([xml], PATH, ["r"], longest=1 << 20))
