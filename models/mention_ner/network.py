"""The network with a hand-written gradient: no framework trains it faster on a CPU.

An embedding of words and labels; then residual layers over a window of three words, each a maxout
of three pieces with normalisation and dropout; then a linear chain over the tags.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from concept_linker.detection.detector import GROUPS
from concept_linker.detection.gazetteer import BUCKET_LABELS, GROUP_LABELS, NAME_LABELS
from concept_linker.detection.ner import network as ner_network
from concept_linker.detection.ner.word_features import ROWS, SLOTS

from . import kernels
from .data import TAGS

F = np.float32
Floats = NDArray[np.float32]
PIECES = ner_network.PIECES


class Parameters:
    """All parameters in one flat array, with a view of each."""

    def __init__(self, shapes: dict[str, tuple[int, ...]]) -> None:
        self.shapes = shapes
        sizes = [int(np.prod(shape)) for shape in shapes.values()]
        self.flat = np.zeros(sum(sizes), F)
        ends = np.cumsum(sizes)
        self.views = {
            name: self.flat[end - size : end].reshape(shape)
            for (name, shape), size, end in zip(shapes.items(), sizes, ends, strict=True)
        }

    def __getitem__(self, name: str) -> Floats:
        return self.views[name]


class Network:
    """The network in training.

    Args:
        width: the width of the layers.
        slot_width: the width of a word's slots.
        reaches: for each layer the distance of the neighbours in its window.
        seed: the seed of the initial weights and of dropout.
    """

    def __init__(self, *, width: int, slot_width: int, reaches: tuple[int, ...], seed: int) -> None:
        self.width, self.slot_width, self.reaches = width, slot_width, reaches
        self.sizes: dict[str, Any] = {
            "rows": ROWS,
            "slot_width": slot_width,
            "width": width,
            "layers": len(reaches),
            "labels": [NAME_LABELS, GROUP_LABELS, BUCKET_LABELS],
            "tags": TAGS,
        }
        shapes = ner_network.parameter_shapes(**self.sizes)
        self.value, self.gradient = Parameters(shapes), Parameters(shapes)
        self.first, self.second = np.zeros_like(self.value.flat), np.zeros_like(self.value.flat)
        self.average = Parameters(shapes)
        self.rng = np.random.default_rng(seed)
        v = self.value
        v["table"][:] = self.rng.uniform(-0.1, 0.1, v["table"].shape)
        for name in ("names", "groups", "buckets"):
            v[name][1:] = self.rng.uniform(-0.1, 0.1, v[name][1:].shape)
        v["mix"][:] = self._glorot(v["mix"].shape)
        for i in range(len(reaches)):
            v[f"weight{i}"][:] = self._glorot(v[f"weight{i}"].shape)
            v[f"gain{i}"][:] = 1
        v["gain"][:] = 1
        self.average.flat[:] = v.flat
        self.step = 0

    def _glorot(self, shape: tuple[int, ...]) -> NDArray[np.float64]:
        edge = np.sqrt(6 / (shape[0] + shape[1] / PIECES))
        return self.rng.uniform(-edge, edge, shape)

    def forward(self, batch: Any, p: Parameters, *, dropout: float = 0.0) -> tuple[Floats, Any]:
        """Scores of the tags of each word, and what :meth:`backward` needs.

        Args:
            batch: see ``training.Batch``.
            p: the parameters to use.
            dropout: the share of a layer's outputs set to 0.
        """
        n, width = batch.types.size, self.width
        slots = np.empty((batch.own.size, SLOTS, self.slot_width), F)
        kernels.gather(*batch.lexicon, p["table"], batch.own, slots)
        own = slots.reshape(batch.own.size, -1) @ p["mix"]
        pre = np.empty((n, PIECES * width), F)
        labels = (batch.names, batch.groups, batch.buckets)
        tables = (p["names"], p["groups"], p["buckets"])
        kernels.embed(own, batch.types, *labels, *tables, p["bias"], pre)
        inside = (batch.types >= 0).astype(F)[:, None]
        kept: list[Any] = []

        def layer(pre: Floats, suffix: str) -> Floats:
            best, hat = np.empty((n, width), np.uint8), np.empty((n, width), F)
            scale, y = np.empty(n, F), np.empty((n, width), F)
            kernels.normed_maxout(pre, p["gain" + suffix], p["shift" + suffix], best, hat, scale, y)
            mask = inside
            if dropout:
                alive = self.rng.random((n, width), F) >= dropout
                mask = alive * (inside / F(1 - dropout))
            kept.append((best, hat, scale, mask))
            return y * mask

        x = layer(pre, "")
        windows = []
        for i, reach in enumerate(self.reaches):
            cat = np.empty((n, 3 * width), F)
            kernels.window(x, reach, cat)
            windows.append(cat)
            x = x + layer(cat @ p[f"weight{i}"] + p[f"bias{i}"], str(i))
        return x @ p["out"] + p["out_bias"], (slots, kept, windows, x)

    def backward(self, batch: Any, d_scores: Floats, memo: Any) -> None:
        """Adds the gradient of the parameters, given that of the scores."""
        p, g, width = self.value, self.gradient, self.width
        slots, kept, windows, x = memo
        n = batch.types.size
        g["out"][:] += x.T @ d_scores
        g["out_bias"][:] += d_scores.sum(0)
        dx = d_scores @ p["out"].T

        def layer_back(dy: Floats, suffix: str, memo: Any) -> Floats:
            best, hat, scale, mask = memo
            d_pre = np.empty((n, PIECES * width), F)
            kernels.normed_maxout_back(
                dy * mask,
                p["gain" + suffix],
                best,
                hat,
                scale,
                g["gain" + suffix],
                g["shift" + suffix],
                d_pre,
            )
            return d_pre

        for i in reversed(range(len(self.reaches))):
            d_pre = layer_back(dx, str(i), kept[i + 1])
            g[f"weight{i}"][:] += windows[i].T @ d_pre
            g[f"bias{i}"][:] += d_pre.sum(0)
            kernels.window_back(d_pre @ p[f"weight{i}"].T, self.reaches[i], dx)
        d_pre = layer_back(dx, "", kept[0])
        inside = np.flatnonzero(batch.types >= 0)
        d_pre = d_pre[inside]
        g["bias"][:] += d_pre.sum(0)
        kernels.add_rows(d_pre, batch.names[inside], g["names"])
        kernels.add_rows(d_pre, batch.groups[inside], g["groups"])
        kernels.add_rows(d_pre, batch.buckets[inside], g["buckets"])
        for name in ("names", "groups", "buckets"):
            g[name][0] = 0  # no label, no effect
        d_own = np.zeros((batch.own.size, PIECES * width), F)
        kernels.add_rows(d_pre, batch.types[inside], d_own)
        flat = slots.reshape(batch.own.size, -1)
        g["mix"][:] += flat.T @ d_own
        d_slots = (d_own @ p["mix"].T).reshape(slots.shape)
        kernels.scatter(*batch.lexicon, d_slots, batch.own, g["table"])

    def update(self, rate: float, *, decay: float, blend: float, clip: float) -> None:
        """One step of Adam; see ``kernels.adam``."""
        self.step += 1
        norm = float(np.sqrt(np.dot(self.gradient.flat, self.gradient.flat)))
        kernels.adam(
            self.value.flat,
            self.gradient.flat,
            self.first,
            self.second,
            self.average.flat,
            F(rate),
            F(self.step),
            F(decay),
            F(blend),
            F(min(1.0, clip / (norm + 1e-9))),
        )

    def chain_loss(self, batch: Any, scores: Floats) -> tuple[float, int, Floats]:
        """Returns the loss, the number of words it sums over, and the gradient of the scores."""
        gradient = np.zeros_like(scores)
        loss, words = 0.0, 0
        groups = len(GROUPS)
        for begin, one in zip(batch.begins, batch.examples, strict=True):
            end = begin + len(one.words)
            if one.targets is None:
                lost, counts = kernels.chain_loss(
                    scores[begin:end], one.allowed, groups, gradient[begin:end]
                )
            else:
                targets, counts = one.targets.astype(F), True
                lost = kernels.distillation_loss(
                    scores[begin:end], targets, groups, gradient[begin:end]
                )
            loss += lost
            words += len(one.words) if counts else 0
        return loss, words, gradient

    def for_use(self) -> ner_network.Network:
        """Returns the network for inference, with averaged weights in half precision."""
        kept = {name: one.astype(np.float16).astype(F) for name, one in self.average.views.items()}
        return ner_network.Network(kept, self.reaches)

    def save(self, folder: Path) -> None:
        """Writes the averaged weights in half precision."""
        np.save(folder / "network.npy", self.average.flat.astype(np.float16))
        about = {"format": ner_network.FORMAT, "sizes": self.sizes, "reaches": self.reaches}
        text = json.dumps(about, indent=1) + "\n"
        (folder / "network.json").write_text(text, encoding="utf-8")
