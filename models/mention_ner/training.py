"""Batches, the learning-rate schedule and the training loop."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from concept_linker.detection.gazetteer import without_groups
from concept_linker.detection.ner.word_features import word_rows

from .data import Example
from .network import Network, Parameters

_logger = logging.getLogger(__name__)
Ints = NDArray[np.int64]


class Options(NamedTuple):
    """The hyperparameters of a training."""

    width: int = 128
    slot_width: int = 96
    reaches: tuple[int, ...] = (1, 1, 1, 1)
    steps: int = 1000
    words: int = 1000
    rate: float = 0.002
    warmup: int = 150
    decay: float = 0.01
    clip: float = 5.0
    dropout: float = 0.45
    word_dropout: float = 0.2
    names_dropout: float = 0.1
    names_untyped: float = 0.0
    share: float = 1 / 3
    blend: float = 0.005
    seed: int = 1


TEACHER = Options()
STUDENT = Options(steps=4000, share=0.5, names_untyped=0.2)


class Lexicon:
    """The word types of some examples: the rows of their slots, with and without the word itself.

    Type ``2 t`` is a word; ``2 t + 1`` the same with its key and n-grams hidden.
    """

    def __init__(self) -> None:
        self.ids: dict[str, int] = {}
        self._rows: list[tuple[int, ...]] = []

    def types(self, words: Sequence[str]) -> Ints:
        """The types of words, added where new."""
        found = np.empty(len(words), np.int64)
        for i, word in enumerate(words):
            number = self.ids.get(word)
            if number is None:
                number = self.ids[word] = len(self.ids)
                rows = word_rows(word)
                self._rows += [*rows, (), *rows[1:-1], ()]
            found[i] = 2 * number
        return found

    def arrays(self) -> tuple[Ints, Ints, NDArray[np.float32]]:
        """Begins (one more than types times slots), rows, weights."""
        sizes = np.fromiter(map(len, self._rows), np.int64, len(self._rows))
        begins = np.concatenate([[0], np.cumsum(sizes)])
        rows = np.fromiter((r for rows in self._rows for r in rows), np.int64, begins[-1])
        return begins, rows, (1 / np.repeat(sizes, sizes)).astype(np.float32)


class Batch(NamedTuple):
    """Texts one after the other, with empty rows between."""

    types: Ints
    own: Ints
    names: Ints
    groups: Ints
    buckets: Ints
    begins: list[int]
    examples: list[Example]
    lexicon: Any


class Encoded(NamedTuple):
    """An example with its word types."""

    example: Example
    types: Ints


def encode(examples: Sequence[Example], lexicon: Lexicon) -> list[Encoded]:
    """Examples with their word types."""
    return [Encoded(one, lexicon.types(one.words)) for one in examples]


def make_batch(
    items: Sequence[Encoded],
    arrays: Any,
    gap: int,
    rng: np.random.Generator | None,
    options: Options,
) -> Batch:
    """Makes a batch of examples; applies word and name dropout if ``rng`` is given."""
    size = sum(len(one.types) + gap for one in items) + gap
    types = np.full(size, -1, np.int64)
    names, groups, buckets = (np.zeros(size, np.int64) for _ in range(3))
    begins, at = [], gap
    for one in items:
        n = len(one.types)
        types[at : at + n] = one.types
        if rng is not None:
            types[at : at + n] += rng.random(n) < options.word_dropout
        if rng is None or rng.random() >= options.names_dropout:
            features = one.example.features
            if options.names_untyped and rng is not None and rng.random() < options.names_untyped:
                features = without_groups(features)
            names[at : at + n] = features.names
        groups[at : at + n] = one.example.features.groups
        buckets[at : at + n] = one.example.features.buckets
        begins.append(at)
        at += n + gap
    inside = types >= 0
    own, places = np.unique(types[inside], return_inverse=True)
    types[inside] = places
    examples = [one.example for one in items]
    return Batch(types, own, names, groups, buckets, begins, examples, arrays)


def _orders(
    whole: list[Encoded], partial: list[Encoded], options: Options, rng: np.random.Generator
) -> Iterator[list[Encoded]]:
    """Yields batches forever, in a new order each epoch."""
    while True:
        some = rng.permutation(len(partial))[: int(len(partial) * options.share)]
        items = whole + [partial[i] for i in some.tolist()]
        batch: list[Encoded] = []
        words = 0
        for i in rng.permutation(len(items)).tolist():
            batch.append(items[i])
            words += len(items[i].types)
            if words >= options.words:
                yield batch
                batch, words = [], 0
        if batch:
            yield batch


def untrained(options: Options) -> Network:
    """Returns an untrained network."""
    return Network(
        width=options.width,
        slot_width=options.slot_width,
        reaches=options.reaches,
        seed=options.seed,
    )


def restored(options: Options, average: NDArray[np.float32]) -> Network:
    """Returns a trained network from its averaged weights."""
    network = untrained(options)
    network.average.flat[:] = average
    return network


def train(
    whole: Sequence[Example], partial: Sequence[Example], options: Options, check: Any = None
) -> Network:
    """Trains a network; ``check`` is called with it every 250 steps."""
    lexicon = Lexicon()
    whole_, partial_ = encode(whole, lexicon), encode(partial, lexicon)
    arrays = lexicon.arrays()
    network = untrained(options)
    rng = np.random.default_rng(options.seed + 1)
    loss, words = 0.0, 0
    for items in _orders(whole_, partial_, options, rng):
        step = network.step
        if step == options.steps:
            return network
        batch = make_batch(items, arrays, max(options.reaches), rng, options)
        scores, memo = network.forward(batch, network.value, dropout=options.dropout)
        one, count, gradient = network.chain_loss(batch, scores)
        network.backward(batch, gradient / np.float32(max(count, 1)), memo)
        loss, words = loss + one, words + count
        rate = options.rate * min((step + 1) / options.warmup, 1) * (1 - step / options.steps)
        network.update(
            rate,
            decay=options.decay,
            blend=max(options.blend, 1 / (step + 1)),
            clip=options.clip,
        )
        if (step + 1) % 250 == 0:
            _logger.info("step %d: loss %.4f", step + 1, loss / words)
            loss, words = 0.0, 0
            if check is not None:
                check(network)
    raise AssertionError("the orders never end")


def predict(
    network: Network, examples: Sequence[Example], p: Parameters | None = None
) -> list[Any]:
    """Returns the scores of the tags of each example's words."""
    lexicon = Lexicon()
    items = encode(examples, lexicon)
    arrays = lexicon.arrays()
    found = []
    for i in range(0, len(items), 16):
        batch = make_batch(items[i : i + 16], arrays, max(network.reaches), None, Options())
        scores, _ = network.forward(batch, p or network.average)
        for begin, one in zip(batch.begins, items[i : i + 16], strict=True):
            found.append(scores[begin : begin + len(one.types)])
    return found
