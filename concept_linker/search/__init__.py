"""Search for the nearest names: normalisation, exact lookup, and an index of character 3-grams.

*   :mod:`~concept_linker.search.normalise`: a text becomes a *key*, its normal form.
*   :mod:`~concept_linker.search.index`: the arrays of the index, and the class that searches them.
*   :mod:`~concept_linker.search.grams`, :mod:`~concept_linker.search.build`: compiled code that
    builds the arrays.
*   :mod:`~concept_linker.search.scan`, :mod:`~concept_linker.search.probe`: compiled search, for
    few and for many keys.
*   :mod:`~concept_linker.search.best`: the best concepts found so far.

This package knows only strings and numbers; the knowledge base gives them a meaning.
"""
