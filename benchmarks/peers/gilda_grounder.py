"""gilda: exact lookup after its normalisation."""

from __future__ import annotations

from collections.abc import Callable

from gilda.grounder import Grounder
from gilda.process import normalize
from gilda.term import Term
from measure import Ranked, names, run


def prepare() -> Callable[[list[str]], Ranked]:
    """Builds a grounder from the names."""
    terms = [
        Term(
            norm_text=normalize(name),
            text=name,
            db="KB",
            id=concept,
            entry_name=name,
            status="synonym" if number else "name",
            source="kb",
        )
        for concept, name, number in names()
    ]
    grounder = Grounder(terms)
    grounder.gilda_disambiguators = {}
    grounder.adeft_disambiguators = {}
    return lambda texts: [[match.term.id for match in grounder.ground(text)] for text in texts]


run(prepare)
