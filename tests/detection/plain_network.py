"""What :mod:`concept_linker.detection.ner.network` does, in numpy, for one text."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from concept_linker.detection.ner.network import PIECES
from concept_linker.detection.ner.word_features import word_rows

Parameters = dict[str, np.ndarray]


def scores(
    p: Parameters, reaches: Sequence[int], words: Sequence[str], labels: Sequence[np.ndarray]
) -> np.ndarray:
    """The scores of the tags of each word, without any rounding.

    Args:
        p: the parameters by name.
        reaches: for each layer the distance of the neighbours in its window.
        words: the words of one text.
        labels: the labels of the words: of names, groups and buckets.
    """

    def layer(pre: np.ndarray, suffix: str) -> np.ndarray:
        top = pre.reshape(len(pre), PIECES, -1).max(1)
        normed = (top - top.mean(1, keepdims=True)) / np.sqrt(top.var(1, keepdims=True) + 1e-5)
        return normed * p["gain" + suffix] + p["shift" + suffix]

    slots = [np.concatenate([p["table"][list(r)].mean(0) for r in word_rows(w)]) for w in words]
    pre = np.array(slots) @ p["mix"] + p["bias"]
    for name, label in zip(("names", "groups", "buckets"), labels, strict=True):
        pre = pre + p[name][label]
    x = layer(pre, "")
    for i, reach in enumerate(reaches):
        padded = np.pad(x, ((reach, reach), (0, 0)))
        window = np.concatenate([padded[: len(x)], x, padded[2 * reach :]], 1)
        x = x + layer(window @ p[f"weight{i}"] + p[f"bias{i}"], str(i))
    return x @ p["out"] + p["out_bias"]
