"""gilda: its annotator, without the disambiguation models that it would download."""

from __future__ import annotations

from collections.abc import Callable

from find import Found, names, run
from gilda.grounder import Grounder
from gilda.ner import annotate
from gilda.process import normalize
from gilda.term import Term


def prepare() -> Callable[[str], Found]:
    """Builds a grounder from the names."""
    terms = [
        Term(
            norm_text=normalize(name),
            text=name,
            db="KB",
            id=concept["concept_id"],
            entry_name=concept["canonical_name"],
            status="name" if preferred else "synonym",
            source="kb",
        )
        for concept, name, preferred in names()
    ]
    grounder = Grounder(terms)
    grounder.gilda_disambiguators = {}
    grounder.adeft_disambiguators = {}
    return lambda text: [
        (found.start, found.end, found.matches[0].term.id)
        for found in annotate(text, grounder=grounder)
    ]


run(prepare)
