"""The rules of a record, each broken separately."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from concept_linker.triplets.breach import BadRow, Breach
from concept_linker.triplets.checking import Checker, Rules
from concept_linker.triplets.json_lines import Line, parse_line
from concept_linker.triplets.record import RECORD_KEYS, SPAN_KEYS, minimise
from concept_linker.triplets.wordpiece import WordPiece

Change = Callable[[dict[str, Any]], object]


def span(**changes: Any) -> Change:
    return lambda record: record["umls_meta_info"][0].update(changes)


def field(key: str, value: Any) -> Change:
    return lambda record: record.update({key: value})


def twice(record: dict[str, Any]) -> None:
    record["umls_meta_info"].append(dict(record["umls_meta_info"][0]))


def reordered(record: dict[str, Any]) -> None:
    record["pmid"] = record.pop("pmid")


def reordered_span(record: dict[str, Any]) -> None:
    one = record["umls_meta_info"][0]
    one["umls_cui"] = one.pop("umls_cui")


S = "umls_meta_info[0]"


@pytest.mark.parametrize(
    ("change", "key", "reason"),
    [
        *((lambda r, key=key: r.pop(key), key, "is missing") for key in RECORD_KEYS),
        *((field(key, None), key, "is null, expected") for key in RECORD_KEYS),
        *((field(key, 5), key, "is int, expected") for key in RECORD_KEYS),
        *((field(key, math.nan), key, "is NaN, which JSON does not have") for key in RECORD_KEYS),
        *(
            (lambda r, key=key: r["umls_meta_info"][0].pop(key), f"{S}.{key}", "is missing")
            for key in SPAN_KEYS
        ),
        (field("more", 1), "more", "is not a key of the record"),
        (reordered, "record", "its keys are out of order"),
        (field("pmid", "PMC1"), "pmid", "expected at most 18 digits"),
        (field("pmc", "12\n"), "pmc", "expected at most 18 digits"),
        (field("caption", ""), "caption", "is empty"),
        (field("caption", "\ud800 lesion"), "caption", "half of a surrogate pair at character 0"),
        (field("image", ""), "image", "expected a path inside"),
        (field("image", "/etc/passwd"), "image", "expected a path inside"),
        (field("image", "a/../../b"), "image", "expected a path inside"),
        (field("image", "a\\..\\b"), "image", "expected a path inside"),
        (field("fig_list-items", ["a", 1]), "fig_list-items[1]", "is int, expected str"),
        (field("fig_list-items", ["\udfff"]), "fig_list-items[0]", "half of a surrogate"),
        (field("umls_meta_info", [[1, 2]]), S, "is list, expected an object"),
        (field("provenance", {"pmc": 1}), "provenance", "has the key 'pmc'"),
        (span(more=1), f"{S}.more", "is not a key of a span"),
        (reordered_span, S, "its keys are out of order"),
        (span(umls_cui="D0221198"), f"{S}.umls_cui", "expected C and seven digits"),
        (span(umls_cui=1), f"{S}.umls_cui", "expected C and seven digits"),
        (span(umls_similarity=1), f"{S}.umls_similarity", "is int, expected float"),
        (
            span(umls_similarity=math.nan),
            f"{S}.umls_similarity",
            "is NaN, which JSON does not have, expected float",
        ),
        (span(umls_similarity=math.inf), f"{S}.umls_similarity", "is Infinity, which"),
        (span(umls_similarity=1.1), f"{S}.umls_similarity", "is 1.1, expected 0 to 1"),
        (span(umls_similarity=0.9), f"{S}.umls_similarity", "expected a float32"),
        (span(start_char=True), f"{S}.start_char", "is bool, expected int"),
        (span(end_char=23.0), f"{S}.end_char", "is float, expected int"),
        (span(start_char=-1), f"{S}.end_char", "expected 0 <= start < end"),
        (span(end_char=17), f"{S}.end_char", "expected 0 <= start < end"),
        (span(end_char=10**12), f"{S}.end_char", "expected 0 <= start < end"),
        (span(end_char=500), f"{S}.start_char", "but the tokens say 'lesion'"),
        (span(start_char=3), f"{S}.start_char", "but the tokens say 'lesion'"),
        (span(tokens=[]), f"{S}.tokens", "non-empty"),
        (span(tokens="lesion"), f"{S}.tokens", "expected a non-empty list"),
        (span(tokens=["lesions"]), f"{S}.start_char", "but the tokens say 'lesions'"),
        (span(start_token=None), f"{S}.start_token", "is null, expected int"),
        (span(end_token=2**31), f"{S}.end_token", "expected 0 <= start < end"),
        (span(end_token=9), f"{S}.end_token", "but it has 1 tokens"),
        (twice, "umls_meta_info[1].start_char", "but the span before ends at 23"),
    ],
)
def test_a_broken_rule_is_named(
    records: list[dict[str, Any]], change: Change, key: str, reason: str
) -> None:
    record = records[0]
    assert Checker().breaches(record) == []
    change(record)
    if (key, reason) == (f"{S}.start_char", "but the tokens say 'lesions'"):
        # A mention may end within its last token.
        assert Checker().breaches(record) == []
        return
    found = Checker().breaches(record)
    assert key in [breach.key for breach in found]
    reasons = [breach.reason for breach in found if breach.key == key]
    assert any(reason in one for one in reasons), reasons


def test_every_breach_is_named_at_once(records: list[dict[str, Any]]) -> None:
    record = records[0]
    record["pmid"] = 5
    record["image"] = ""
    record["umls_meta_info"][0]["umls_cui"] = "x"
    keys = [breach.key for breach in Checker().breaches(record)]
    assert keys == ["pmid", "image", f"{S}.umls_cui"]


@pytest.mark.parametrize("value", [None, 5, "text", [], math.nan])
def test_a_value_that_is_not_an_object(value: object) -> None:
    [breach] = Checker().breaches(value)
    assert breach.key == "record"


def test_which_text_the_offsets_index(records: list[dict[str, Any]]) -> None:
    checker = Checker()
    assert [checker.breaches(record) for record in records] == [[], [], []]
    assert checker.offsets == {"medconcept23m": 1, "caption": 1, "no spans": 1}
    caption, other = Rules(offsets="caption"), Rules(offsets="medconcept23m")
    assert [bool(Checker(caption).breaches(record)) for record in records] == [True, False, False]
    assert [bool(Checker(other).breaches(record)) for record in records] == [False, False, False]


def test_limits_of_the_profile(records: list[dict[str, Any]]) -> None:
    assert not Checker(Rules(min_similarity=0.875, max_words=4)).breaches(records[0])
    found = Checker(Rules(min_similarity=0.9, max_words=3)).breaches(records[0])
    assert [breach.key for breach in found] == [f"{S}.umls_similarity", f"{S}.end_char"]


def test_an_empty_image_is_valid_only_without_images(records: list[dict[str, Any]]) -> None:
    without = {**records[0], "image": ""}
    assert [breach.key for breach in Checker().breaches(without)] == ["image"]
    assert Checker(Rules(images=False)).breaches(without) == []
    outside = {**records[0], "image": "../a.jpg"}
    assert [one.key for one in Checker(Rules(images=False)).breaches(outside)] == ["image"]


def test_tokens_are_checked_with_a_vocabulary(
    records: list[dict[str, Any]], wordpiece: WordPiece
) -> None:
    rules = Rules(wordpiece=wordpiece)
    record = records[1]
    assert Checker(rules).breaches(record) == []
    record["umls_meta_info"][0] |= {"start_token": 1, "end_token": 3}
    [breach] = Checker(rules).breaches(record)
    assert breach.key == f"{S}.tokens"


def test_other_keys_are_checked_too(records: list[dict[str, Any]]) -> None:
    checker = Checker(Rules(other_keys=True))
    assert checker.breaches(records[0] | {"more": {"a": [1.5, "x"]}}) == []
    found = checker.breaches(records[0] | {"more": {"a": [math.nan, "\ud800"]}})
    assert [breach.key for breach in found] == ["more.a[0]", "more.a[1]"]


@pytest.mark.parametrize(
    ("spans", "key"),
    [
        (None, "umls_meta_info"),
        ([[1]], S),
        ([[1, 2.0]], S),
        ([[2, 2]], S),
        ([[-1, -1]], S),
        ([[0, 5], [4, 6]], "umls_meta_info[1]"),
        ([[0, 999]], S),
    ],
)
def test_minimised(records: list[dict[str, Any]], spans: Any, key: str) -> None:
    record: Any = minimise(records[0])[0]  # type: ignore[arg-type]
    assert Checker().breaches(record) == []
    assert [breach.key for breach in Checker(Rules(form="full")).breaches(record)] == ["record"]
    record["umls_meta_info"] = spans
    assert [breach.key for breach in Checker().breaches(record)] == [key]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
SPAN = st.fixed_dictionaries({}, optional=dict.fromkeys(SPAN_KEYS, JSON))
RECORD = st.fixed_dictionaries(
    {}, optional={**dict.fromkeys(RECORD_KEYS, JSON), "umls_meta_info": JSON | st.lists(SPAN)}
)


@given(JSON | RECORD)
def test_any_value_is_checked_without_an_exception(value: object) -> None:
    for breach in Checker().breaches(value):
        assert isinstance(breach, Breach)
        assert len(str(breach)) < 2000


@given(st.binary() | st.text().map(str.encode) | JSON.map(lambda v: json.dumps(v).encode()))
def test_any_bytes_are_a_value_or_a_bad_row(data: bytes) -> None:
    row = parse_line(Line(data))
    if isinstance(row, BadRow):
        assert row.breaches
    else:
        Checker().breaches(row)


def test_the_published_sample_breaks_no_rule(
    sample: list[dict[str, Any]], published: WordPiece
) -> None:
    rules = Rules(
        form="full",
        offsets="medconcept23m",
        min_similarity=0.8,
        max_words=75,
        wordpiece=published,
    )
    assert [Checker(rules).breaches(record) for record in sample] == [[]] * 40
