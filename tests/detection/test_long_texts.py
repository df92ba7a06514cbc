"""The rules of text take time linear in the text, whatever it is.

Steps are counted, not seconds: lines of Python run, characters that patterns read, characters that
are copied. Twice the text may take little more than twice the steps.
"""

from __future__ import annotations

import os
import random
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import pytest

from concept_linker.detection import (
    abbreviations,
    cleaning,
    cue_trimming,
    long_forms,
    mention_finder,
    negation,
    noise,
    numerals,
    preprocessing,
    short_form_rules,
)
from concept_linker.detection.detector import Span

MODULES: list[ModuleType] = [
    abbreviations, cleaning, cue_trimming, long_forms, mention_finder, negation, noise, numerals,
    preprocessing, short_form_rules,
]  # fmt: skip
ALPHABET = "aAbBcC ,;:=()[].-–\t\nsi1noTt/ "


def noisy(size: int) -> str:
    return "".join(random.Random(1).choices(ALPHABET, k=size))


#: What is repeated, or a function that makes a text of about the given length.
SHAPES: dict[str, str | Callable[[int], str]] = {
    "a list that an or closes": lambda n: "lung, " + "no a, " * (n // 6) + "or b",
    "one list": lambda n: "no a" + ", b" * (n // 3) + " or c",
    "a list of subjects": lambda n: "a, " * (n // 3) + "and b were not seen",
    "one word": lambda n: "no " + "a" * n,
    "one capital word": lambda n: "CT, " + "A" * n,
    "commas": ",",
    "commas and blanks": "no, ",
    "no": "no ",
    "or": "no or ",
    "not": "not ",
    "is not": "has been not, ",
    "denials": "denies a, ",
    "denied of": "denies a in b, c and ",
    "not seen": "a in b of c, not seen ",
    "prepositions": lambda n: "a " + "in b " * (n // 5) + "was not seen",
    "answers": "a: none, ",
    "evidence": "no evidence of ",
    "free": "a-free (b) negative ",
    "open brackets": "(",
    "nested brackets": lambda n: "no " + "(" * (n // 2) + ")" * (n // 2),
    "mixed brackets": "[(",
    "cues in nested brackets": lambda n: "no (" * (n // 5) + ")" * (n // 5),
    "short forms in brackets": "(CT) ",
    "definitions": "ant bear (AB) ",
    "many definitions": lambda n: " ".join(f"ant bear (AB{i})" for i in range(n // 17)),
    "an unclosed bracket": "ant bear (AB ",
    "brackets in a phrase": "no (a) b ",
    "a legend": "a=b; ",
    "a legend of long forms": "AB=ant bear; ",
    "a legend of short forms": "AB, ",
    "a legend of colons": "CT: ",
    "an unclosed legend": lambda n: "CT, " + "computed " * (n // 9),
    "a legend of one form": lambda n: "CT, computed tomography; " * (n // 25),
    "a legend without marks": "CT is ",
    "headings": "Abbreviations: ",
    "one form next to itself": lambda n: "computed tomography (CT) " + "CT" * (n // 2),
    "one form, often": lambda n: "computed tomography (CT) " + "CT " * (n // 3),
    "prose": lambda n: "computed tomography (CT) " + "no mass in the liver and " * (n // 25),
    "said twice": "ant bear (ant bear) AB ",
    "blanks": lambda n: "no a" + " " * n + "was not seen",
    "blanks in a legend": lambda n: "CT" + " " * n + "=" + " " * n + "computed tomography",
    "tabs": "CT\t",
    "line breaks": "no\n",
    "thin spaces": "no\u2009\u2009a ",
    "dashes": "-",
    "dashes and blanks": "a - ",
    "dashed words": "no-A-",
    "numbers": "1.",
    "ratios": "1:2 ",
    "quotes": "isn't ’",
    "other scripts": "no αβ ünd İ 漢字 ",
    "colours": "white, red and ",
    "addresses": "http://",
    "slashes": "a/b ",
    "numerals": "nerve 7 ",
    "broken words": "pneumo-\n",
    "missing blanks": "kidney;liver+",
    "invisible characters": "\u200ba\u00ad",
    "units": "mg L−1 ",
    "anything": noisy,
}


def made(shape: str, size: int) -> str:
    maker = SHAPES[shape]
    return maker * (size // len(maker)) if isinstance(maker, str) else maker(size)


def words(text: str) -> list[Span]:
    return [Span(*word.span()) for word in re.finditer(r"\w+", text)]


def read(text: str, spans: list[Span]) -> None:
    """Applies all rules to a text."""
    negation.negated(text, spans)
    definitions = abbreviations.find_abbreviations(text)
    write_out = abbreviations.expander(text, definitions)
    for start, end, *_ in spans:
        write_out(start, end)
    write_out(0, len(text))
    noise.without_noise(text, [*spans, Span(0, len(text))])
    passage = preprocessing.Passage(text, 0, cleaning.CleanText(text), text, definitions)
    mention_finder._short_forms(passage, spans)
    mention_finder._with_long_forms(passage, spans)
    for change in (cue_trimming.without_negation_cues, numerals.with_numerals):
        list(change(text, [*spans, Span(0, len(text))], {"a", "nerve 7"}.__contains__))
    preprocessing.preprocess(text, tuple((span.start, span.end) for span in spans))


class Counter:
    """Patterns, texts and lines that count what they do."""

    def __init__(self) -> None:
        self.steps = 0
        self.files = {module.__file__ for module in MODULES}

    def trace(self, frame: Any, event: str, _: object) -> Any:
        if frame.f_code.co_filename not in self.files:
            return None
        self.steps += event == "line"
        return self.trace

    def pattern(self, given: re.Pattern[str]) -> Any:
        return CountingPattern(given, self)

    def text(self, given: str) -> str:
        counter = self

        class Text(str):
            __slots__ = ()

            def __getitem__(self, key: Any) -> str:
                part = str.__getitem__(self, key)
                counter.steps += len(part)
                return part

        return Text(given)


class CountingPattern:
    """A pattern that counts the characters it reads, a search as far as it gets."""

    def __init__(self, real: re.Pattern[str], counter: Counter) -> None:
        self.real, self.counter = real, counter

    def __getattr__(self, name: str) -> Any:
        real = getattr(self.real, name)

        def counted(*given: Any, **named: Any) -> Any:
            self.counter.steps += len(next(one for one in given if isinstance(one, str)))
            return real(*given, **named)

        return counted if callable(real) else real

    def _bounds(self, text: str, begin: int, end: int) -> tuple[int, int]:
        return begin, min(end, len(text))

    def match(self, text: str, begin: int = 0, end: int = sys.maxsize) -> Any:
        found = self.real.match(text, begin, end)
        self.counter.steps += found.end() - begin if found else 1
        return found

    def search(self, text: str, begin: int = 0, end: int = sys.maxsize) -> Any:
        found = self.real.search(text, begin, end)
        begin, end = self._bounds(text, begin, end)
        self.counter.steps += 1 + (found.end() if found else end) - begin
        return found

    def finditer(self, text: str, begin: int = 0, end: int = sys.maxsize) -> Iterator[Any]:
        last, stop = self._bounds(text, begin, end)
        for found in self.real.finditer(text, begin, end):
            self.counter.steps += 1 + found.end() - last
            last = found.end()
            yield found
        self.counter.steps += max(0, stop - last)


class CountingRe:
    """The module ``re`` for what is compiled while reading."""

    def __init__(self, counter: Counter) -> None:
        self.counter = counter

    def __getattr__(self, name: str) -> Any:
        return getattr(re, name)

    def compile(self, *given: Any) -> Any:
        return self.counter.pattern(re.compile(*given))


@contextmanager
def counting(monkeypatch: pytest.MonkeyPatch) -> Iterator[Counter]:
    counter = Counter()

    def counted(value: Any) -> Any:
        if isinstance(value, re.Pattern):
            return counter.pattern(value)
        if isinstance(value, tuple):
            return tuple(map(counted, value))
        return value

    small = negation._small
    with monkeypatch.context() as patch:
        for module in MODULES:
            for name, value in vars(module).items():
                if isinstance(value, re.Pattern) or name == "_CONTEXTS":
                    patch.setattr(module, name, counted(value))
            patch.setattr(module, "re", CountingRe(counter))
        patch.setattr(negation, "_small", lambda text: counter.text(small(text)))
        noise._by_itself.cache_clear()
        before = sys.gettrace()
        sys.settrace(counter.trace)
        try:
            yield counter
        finally:
            sys.settrace(before)
            noise._by_itself.cache_clear()


def steps(monkeypatch: pytest.MonkeyPatch, text: str) -> int:
    spans = words(text)
    with counting(monkeypatch) as counter:
        read(counter.text(text), spans)
    return counter.steps


@pytest.mark.parametrize("shape", SHAPES)
def test_twice_the_text_takes_twice_the_steps(shape: str, monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = (steps(monkeypatch, made(shape, size)) for size in (1500, 3000))
    assert two <= 2.3 * one + 1000
    assert two <= 300 * 3000


def test_many_passages_cost_no_more_than_few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a text of many passages each short form is carried into each."""
    monkeypatch.setattr(preprocessing, "LONGEST_PASSAGE", 100)
    hashed = 0

    class Counted(abbreviations.Definition):
        def __hash__(self) -> int:
            nonlocal hashed
            hashed += len(self.occurrences)
            return super().__hash__()

    real = preprocessing.find_abbreviations
    monkeypatch.setattr(
        preprocessing, "find_abbreviations", lambda text: tuple(Counted(*one) for one in real(text))
    )
    text = made("one form, often", 3000)
    assert len(preprocessing.preprocess(text).passages) > 30
    assert hashed <= len(text)


@pytest.mark.slow
@pytest.mark.skipif(
    "CONCEPT_LINKER_SLOW" not in os.environ, reason="CONCEPT_LINKER_SLOW is not set"
)
@pytest.mark.parametrize("shape", SHAPES)
def test_a_megabyte_takes_seconds(shape: str) -> None:
    """What patterns do by themselves, which steps do not show: going back and trying again."""
    seconds = []
    for size in (100_000, 1_000_000):
        text = made(shape, size)
        spans = words(text)
        begin = time.perf_counter()
        read(text, spans)
        seconds.append(time.perf_counter() - begin)
    assert seconds[1] < 25 * seconds[0] + 1
    assert seconds[1] < 30
