"""scikit-learn's TF-IDF of character 3-grams and sparse_dot_topn: exact, the 30 nearest names."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
from measure import K, Ranked, concepts_by_name, distinct, run
from sklearn.feature_extraction.text import TfidfVectorizer
from sparse_dot_topn import sp_matmul_topn


def prepare() -> Callable[[list[str]], Ranked]:
    """Builds the matrix of the names in small letters."""
    concepts = concepts_by_name()
    names = list(concepts)
    vectorizer = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 3), dtype=np.float32)
    matrix = vectorizer.fit_transform(names).T.tocsr()

    def search(texts: list[str]) -> Ranked:
        found = sp_matmul_topn(vectorizer.transform(texts), matrix, top_n=K, sort=True, n_threads=1)
        begins = found.indptr.tolist()
        return [
            distinct(c for i in found.indices[begin:end] for c in concepts[names[i]])
            for begin, end in pairwise(begins)
        ]

    return search


run(prepare)
