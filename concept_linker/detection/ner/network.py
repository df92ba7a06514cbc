"""The network that scores the tags of words: embedding, layers with a window of words, tags.

Trained in ``models/mention_ner``, where the same network is written with its gradient.  The part of
the embedding that depends only on the letters of a word is computed once per word and cached.

The order of summation in a matrix product differs between machines.  So that a text has the same
scores everywhere, both factors are rounded to multiples of powers of two that are coarse enough for
all sums to be exact in single precision.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from concept_linker.detection.gazetteer import Features
from concept_linker.detection.ner.products import packed, product, room
from concept_linker.detection.ner.word_features import SLOTS, word_rows
from concept_linker.errors import ConceptLinkerError
from concept_linker.runtime.compiling import njit
from concept_linker.runtime.forking import renew_when_forked

__all__ = ["FORMAT", "Network", "parameter_shapes"]

Floats = NDArray[np.float32]

#: The version of the weights' folder.
FORMAT = 1
PIECES = 3
_EPSILON = np.float32(1e-5)
# Factors are rounded to multiples of 1 / steps.  A sum is exact below 2²⁴ divided by both: 256 in
# the layers, 32 in the projection of letters, several times what occurs.
_WEIGHT_STEPS = np.float32(512)
_INPUT_STEPS = np.float32(128)
_LETTER_STEPS = np.float32(1024)
#: The most words in the cache; 50 MB at a width of 128.
_CACHED_WORDS = 1 << 15
#: Words that go through the layers together, so that their data stays in the core's cache.
_BLOCK = 1024


def parameter_shapes(
    *, rows: int, slot_width: int, width: int, layers: int, labels: Sequence[int], tags: int
) -> dict[str, tuple[int, ...]]:
    """Returns the shapes of the parameters, in the order of the file.

    Args:
        rows: the number of rows of the embedding table.
        slot_width: the width of the embedding table.
        width: the width of the layers.
        layers: the number of layers.
        labels: the number of labels of names, groups and buckets.
        tags: the number of tags.
    """
    pre = PIECES * width
    shapes: dict[str, tuple[int, ...]] = {
        "table": (rows, slot_width),
        "mix": (SLOTS * slot_width, pre),
        "names": (labels[0], pre),
        "groups": (labels[1], pre),
        "buckets": (labels[2], pre),
        "bias": (pre,),
        "gain": (width,),
        "shift": (width,),
    }
    for i in range(layers):
        shapes |= {f"weight{i}": (3 * width, pre), f"bias{i}": (pre,)}
        shapes |= {f"gain{i}": (width,), f"shift{i}": (width,)}
    return shapes | {"out": (width, tags), "out_bias": (tags,)}


class _WordCache:
    """The cached projections of words, one row each; for threads that share a network.

    It only grows.  A row is written before its word is published and never changed, so readers need
    no lock.

    Args:
        columns: the width of a row.
    """

    def __init__(self, columns: int) -> None:
        self.rows: dict[str, int] = {}
        self.projected: Floats = np.empty((1024, columns), np.float32)

    def add(self, words: Sequence[str], projected: Floats) -> None:
        """Adds new words; for one thread at a time."""
        begin, end = len(self.rows), len(self.rows) + len(words)
        if end > len(self.projected):
            grown = np.empty(
                (max(end, 2 * len(self.projected)), self.projected.shape[1]), np.float32
            )
            grown[:begin] = self.projected[:begin]
            self.projected = grown
        self.projected[begin:end] = projected
        self.rows.update(zip(words, range(begin, end), strict=True))


class Network:
    """The network, for use only.  Threads may share it.

    Args:
        parameters: by name, see :func:`parameter_shapes`.
        reaches: for each layer the distance of the neighbours in its window.
    """

    def __init__(self, parameters: Mapping[str, NDArray[Any]], reaches: Sequence[int]) -> None:
        self._p = {name: np.ascontiguousarray(one, np.float32) for name, one in parameters.items()}
        for name in ("mix", "out", *(f"weight{i}" for i in range(len(reaches)))):
            self._p[name] = packed(np.rint(self._p[name] * _WEIGHT_STEPS) / _WEIGHT_STEPS)
        self._reaches = tuple(reaches)
        self.gap = max(self._reaches)
        self.width = self._p["gain"].size
        self.tags = self._p["out_bias"].size
        self._known = _WordCache(PIECES * self.width)
        self.renew()
        renew_when_forked(self)

    def renew(self) -> None:
        """Makes a new lock in a forked child; the cache is complete there."""
        self._lock = threading.Lock()

    @classmethod
    def open(cls, folder: Path) -> Network:
        """Opens what :meth:`save` wrote.

        Raises:
            ConceptLinkerError: files are missing, damaged or of another format.
        """
        try:
            about = json.loads((folder / "network.json").read_text(encoding="utf-8"))
            flat = np.load(folder / "network.npy", allow_pickle=False)
            if about["format"] != FORMAT:
                raise ConceptLinkerError(
                    f"{folder}: network format is {about['format']}, expected {FORMAT}"
                )
            shapes = parameter_shapes(**about["sizes"])
            ends = np.cumsum([int(np.prod(shape)) for shape in shapes.values()])
            if flat.shape != (ends[-1],):
                raise ValueError(
                    f"the shape of the weights is {flat.shape}, expected ({ends[-1]},)"
                )
        except (OSError, EOFError, ValueError, KeyError, TypeError) as error:
            raise ConceptLinkerError(f"{folder}: cannot read the network: {error}") from error
        parts = np.split(flat, ends[:-1])
        named = zip(shapes.items(), parts, strict=True)
        return cls({name: part.reshape(shape) for (name, shape), part in named}, about["reaches"])

    def scores(self, features: Features) -> tuple[Floats, NDArray[np.int64]]:
        """Returns the scores of the tags, float32 of shape (rows, tags), and the row of each word.

        Between texts are rows without words.
        """
        tokens = features.tokens
        places = np.arange(tokens.word_starts.size) + self.gap * (tokens.word_texts + 1)
        scores = np.zeros((places.size + self.gap * tokens.text_starts.size, self.tags), np.float32)
        if places.size:
            projected, types = self._types(tokens)
            # Whole texts only, so that no window is cut.
            cuts = [0]
            ends = np.flatnonzero(np.diff(tokens.word_texts)) + 1
            for end in [*ends.tolist(), places.size]:
                if end - cuts[-1] >= _BLOCK or end == places.size:
                    self._score(features, projected, types, places, cuts[-1], end, scores)
                    cuts.append(end)
        return scores, places

    def _score(
        self,
        features: Features,
        projected: Floats,
        types: NDArray[np.int64],
        places: NDArray[np.int64],
        begin: int,
        end: int,
        scores: Floats,
    ) -> None:
        """Fills in the scores of the words of whole texts."""
        p, width = self._p, self.width
        low, high = places[begin] - self.gap, places[end - 1] + 1 + self.gap
        x = np.zeros((high - low, width), np.float32)
        at = places[begin:end] - low
        _embed(
            projected,
            types[begin:end],
            at,
            features.names[begin:end],
            features.groups[begin:end],
            features.buckets[begin:end],
            p["names"],
            p["groups"],
            p["buckets"],
            p["bias"],
            p["gain"],
            p["shift"],
            x,
        )
        windows = np.zeros((room(at.size), 3 * width), np.float32)
        for i, reach in enumerate(self._reaches):
            _window(x, at, reach, windows)
            pre = _times(windows, p[f"weight{i}"])
            _add_layer(pre, at, p[f"bias{i}"], p[f"gain{i}"], p[f"shift{i}"], x)
        top = np.zeros((len(windows), width), np.float32)
        top[: at.size] = np.rint(x[at] * _INPUT_STEPS) / _INPUT_STEPS
        scores[places[begin:end]] = _times(top, p["out"])[: at.size, : self.tags] + p["out_bias"]

    def _types(self, tokens: Any) -> tuple[Floats, NDArray[np.int64]]:
        """The cached projections, and the row of each word there."""
        text = tokens.text
        bounds = zip(tokens.word_starts.tolist(), tokens.word_ends.tolist(), strict=True)
        words = [text[start:end] for start, end in bounds]
        known = self._known
        rows = list(map(known.rows.get, words))
        if None in rows:
            known = self._learn(words)
            rows = list(map(known.rows.get, words))
        # Only after the rows are known: the array may have been replaced meanwhile.
        return known.projected, np.array(rows, np.int64)

    def _learn(self, words: Sequence[str]) -> _WordCache:
        """The cache with all of the given words added."""
        with self._lock:
            known = self._known
            new = [word for word in dict.fromkeys(words) if word not in known.rows]
            if (
                len(known.rows) + len(new) > _CACHED_WORDS
            ):  # other threads may still read the full one
                known, new = _WordCache(known.projected.shape[1]), list(dict.fromkeys(words))
            for begin in range(0, len(new), _BLOCK):
                some = new[begin : begin + _BLOCK]
                known.add(some, self._project_words(some))
            self._known = known
            return known

    def _project_words(self, words: Sequence[str]) -> Floats:
        """The projection of the letters of each word, the input of the first layer."""
        table = self._p["table"]
        lists = [rows for word in words for rows in word_rows(word)]
        sizes = np.fromiter(map(len, lists), np.int64, len(lists))
        rows = np.fromiter((row for one in lists for row in one), np.int64, int(sizes.sum()))
        begins = np.concatenate([[0], np.cumsum(sizes)])
        slots = np.zeros((room(len(words)) * SLOTS, table.shape[1]), np.float32)
        _mean_rows(table, rows, begins, slots)
        slots = np.rint(slots * _LETTER_STEPS) / _LETTER_STEPS
        projected = _times(slots.reshape(-1, SLOTS * table.shape[1]), self._p["mix"])
        return projected[: len(words), : PIECES * self.width]


def _times(left: Floats, right: Floats) -> Floats:
    """The product of two matrices; see :func:`~concept_linker.detection.ner.products.product`."""
    out = np.empty((len(left), right.shape[0] * right.shape[2]), np.float32)
    product(left, right, out)
    return out


@njit(cache=True, nogil=True, fastmath=True)
def _mean_rows(table, rows, begins, out):  # type: ignore[no-untyped-def]
    for i in range(begins.size - 1):
        for k in range(out.shape[1]):
            out[i, k] = 0
        weight = np.float32(1.0 / (begins[i + 1] - begins[i]))
        for r in range(begins[i], begins[i + 1]):
            row = table[rows[r]]
            for k in range(out.shape[1]):
                out[i, k] += weight * row[k]


@njit(cache=True, nogil=True, fastmath=True, inline="always")
def _normed(top, gain, shift, out, add):  # type: ignore[no-untyped-def]
    """Normalises a row, and writes it or adds it to the output."""
    width = top.size
    mean = np.float32(0)
    for k in range(width):
        mean += top[k]
    mean /= width
    spread = np.float32(0)
    for k in range(width):
        top[k] -= mean
        spread += top[k] * top[k]
    scale = np.float32(1) / np.sqrt(spread / width + _EPSILON)
    for k in range(width):
        value = top[k] * scale * gain[k] + shift[k]
        out[k] = out[k] + value if add else value


@njit(cache=True, nogil=True, fastmath=True)
def _embed(  # type: ignore[no-untyped-def]
    projected, types, at, names, groups, buckets, of_name, of_group, of_bucket, bias, gain, shift, x
):
    """The first layer: words and labels are added, then maxout of three pieces, normalised."""
    width = x.shape[1]
    top = np.empty(width, np.float32)
    for i in range(types.size):
        a, b, c, d = (
            projected[types[i]],
            of_name[names[i]],
            of_group[groups[i]],
            of_bucket[buckets[i]],
        )
        for k in range(width):
            top[k] = a[k] + b[k] + c[k] + d[k] + bias[k]
        for k in range(width):
            j = width + k
            top[k] = max(top[k], a[j] + b[j] + c[j] + d[j] + bias[j])
        for k in range(width):
            j = 2 * width + k
            top[k] = max(top[k], a[j] + b[j] + c[j] + d[j] + bias[j])
        _normed(top, gain, shift, x[at[i]], False)


@njit(cache=True, nogil=True)
def _window(x, at, reach, out):  # type: ignore[no-untyped-def]
    """Each word's vector with those of the words ``reach`` before and after it, rounded."""
    width = x.shape[1]
    for i in range(at.size):
        for k in range(width):
            out[i, k] = np.rint(x[at[i] - reach, k] * _INPUT_STEPS) / _INPUT_STEPS
            out[i, width + k] = np.rint(x[at[i], k] * _INPUT_STEPS) / _INPUT_STEPS
            out[i, 2 * width + k] = np.rint(x[at[i] + reach, k] * _INPUT_STEPS) / _INPUT_STEPS


@njit(cache=True, nogil=True, fastmath=True)
def _add_layer(pre, at, bias, gain, shift, x):  # type: ignore[no-untyped-def]
    """Adds to each vector the maxout of three pieces, normalised."""
    width = x.shape[1]
    top = np.empty(width, np.float32)
    for i in range(at.size):
        for k in range(width):
            top[k] = max(
                pre[i, k] + bias[k],
                pre[i, width + k] + bias[width + k],
                pre[i, 2 * width + k] + bias[2 * width + k],
            )
        _normed(top, gain, shift, x[at[i]], True)
