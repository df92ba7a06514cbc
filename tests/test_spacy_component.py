"""The spaCy component: its attributes, saving, and several processes."""

from __future__ import annotations

import json
import logging
import os
import pickle
import re
import subprocess
import sys
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy import displacy
from spacy.language import Language
from spacy.tokens import Doc, DocBin, Span
from spacy.training import Example
from spacy.vocab import Vocab

from concept_linker import ConceptLinker, KnowledgeBase, KnowledgeBaseError, Mention, SettingsError
from concept_linker.knowledge_base.build import build_knowledge_base
from concept_linker.knowledge_base.readers import read_source

TEXTS = [
    "Axial MRI shows a lesion in the left hippocampus.",
    "",
    "Nothing to see.",
    "Hippocampus/pelvis; hippocampal formation 🧠 and Ammon's horn.",
    "A lesion. A lesion. No lesion.",
]


def make_base(folder: Path, concepts: dict[str, tuple[str, ...]]) -> Path:
    rows = [
        {"concept_id": cui, "canonical_name": names[0], "aliases": names[1:], "types": ["T023"]}
        for cui, names in concepts.items()
    ]
    source = folder.with_suffix(".jsonl")
    source.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    build_knowledge_base([read_source("jsonl", source)], folder)
    return folder


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    concepts = {
        "C0019564": ("Hippocampus", "hippocampal formation", "Ammon's horn"),
        "C0221198": ("lesion",),
        "C0030797": ("pelvis",),
    }
    return make_base(tmp_path_factory.mktemp("bases") / "umls", concepts)


@pytest.fixture(scope="module")
def other_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    concepts = {"UBERON:0002421": ("hippocampal formation", "hippocampus")}
    return make_base(tmp_path_factory.mktemp("bases") / "uberon", concepts)


def pipeline(base: Path | str, **config: Any) -> Language:
    nlp = spacy.blank("en")
    nlp.add_pipe("concept_linker", config={"kb": str(base), "detector": "dictionary", **config})
    return nlp


def with_entities(base: Path, *patterns: tuple[str, str], **config: Any) -> Language:
    nlp = spacy.blank("en")
    ruler = nlp.add_pipe("entity_ruler")
    ruler.add_patterns([{"label": label, "pattern": text, "id": "x"} for label, text in patterns])
    nlp.add_pipe("concept_linker", config={"kb": str(base), "detector": "dictionary", **config})
    return nlp


def written(doc: Doc, suffix: str = "") -> list[Any]:
    """All attributes that the component has set in a document."""
    return [
        (
            ent.text,
            ent.label_,
            ent.kb_id_,
            ent._.get(f"kb_ents{suffix}"),
            ent._.get(f"linked{suffix}"),
        )
        for ent in doc.ents
    ] + [(span.text, span.kb_id_) for span in doc.spans[f"concepts{suffix}"]]


def test_it_needs_no_import_and_spacy_alone_does_not_load_the_linker(base: Path) -> None:
    code = (
        "import sys, spacy\n"
        "nlp = spacy.blank('en')\n"
        "heavy = {'numba', 'pyarrow', 'concept_linker.linker'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
        f"config = {{'kb': {str(base)!r}, 'detector': 'dictionary'}}\n"
        "nlp.add_pipe('concept_linker', config=config)\n"
        "print([ent.kb_id_ for ent in nlp('a lesion in the hippocampus').ents])\n"
    )
    root = str(Path(__file__).resolve().parents[1])
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": root},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "['C0221198', 'C0019564']"


def test_it_finds_mentions_and_sets_the_linker_s_answers(base: Path) -> None:
    linker = ConceptLinker.load(base, detector="dictionary")
    nlp = pipeline(base)
    for text in TEXTS:
        doc = nlp(text)
        expected = linker.link(text)
        spans = doc.spans["concepts"]
        assert [span._.linked for span in spans] == list(expected)
        assert [span.kb_id_ for span in spans] == [
            mention.best.concept_id if mention.best else "" for mention in expected
        ]
        for ent in doc.ents:
            linked = ent._.linked
            assert doc.text[linked.start : linked.end] == linked.text
            assert ent._.kb_ents == [(c.concept_id, c.score) for c in linked.candidates]
            assert ent._.kb_ents[0][0] == ent.kb_id_ == ent[0].ent_kb_id_
            assert ent.label_ == "ANAT"
    assert [ent.text for ent in nlp(TEXTS[3]).ents][-1] == "Ammon's horn"


def test_a_mention_within_a_token_has_exact_offsets(base: Path) -> None:
    nlp = pipeline(base)
    nlp.tokenizer = spacy.tokenizer.Tokenizer(nlp.vocab)  # splits at white space
    doc = nlp("(hippocampus) was seen")
    [span] = doc.spans["concepts"]
    assert span.text == "(hippocampus)"
    assert (span._.linked.start, span._.linked.text) == (1, "hippocampus")


@settings(max_examples=40)
@given(
    names=st.lists(st.sampled_from(["hippocampus", "lesion", "pelvis"]), min_size=1, max_size=6),
    signs=st.lists(st.sampled_from([";", "/", "+", ") (", " ", ", "]), min_size=6, max_size=6),
)
def test_mentions_in_the_same_tokens_have_separate_attributes(
    base: Path, names: list[str], signs: list[str]
) -> None:
    """Also after the document has been stored or merged."""
    nlp = _by_white_space(base)
    text = "".join(f"{name}{sign}" for name, sign in zip(names, signs, strict=False))
    expected = list(nlp.get_pipe("concept_linker").linker.link(text))
    assert [mention.text for mention in expected] == names
    doc = nlp(text)
    stored = Doc(_elsewhere()).from_bytes(doc.to_bytes())
    [binned] = DocBin(store_user_data=True, docs=[doc]).get_docs(nlp.vocab)
    joined = Doc.from_docs([nlp("A lesion;pelvis."), doc])
    for one, before in ((doc, 0), (stored, 0), (binned, 0), (joined, 2)):
        spans = list(one.spans["concepts"])[before:]
        assert len(spans) == len(expected)
        for span, mention in zip(spans, expected, strict=True):
            start = mention.start + (len(one.text) - len(text))
            assert span._.linked == replace(mention, start=start, end=start + len(mention.text))
            assert span.kb_id_ == mention.best.concept_id == span._.kb_ents[0][0]
    # An entity has the attributes, and the id, of the first mention in its tokens.
    for ent in doc.ents:
        assert ent._.linked.best.concept_id == ent._.kb_ents[0][0] == ent.kb_id_
        first = next(m for m in expected if ent.start_char <= m.start < ent.end_char)
        assert ent._.linked == doc[ent.start : ent.end]._.linked == first


@lru_cache
def _elsewhere() -> Vocab:
    return spacy.blank("en").vocab


@lru_cache
def _by_white_space(base: Path) -> Language:
    nlp = pipeline(base)
    nlp.tokenizer = spacy.tokenizer.Tokenizer(nlp.vocab)
    return nlp


def test_it_links_the_entities_of_the_pipeline(base: Path) -> None:
    nlp = with_entities(base, ("ORGAN", "left hippocampus"), ("X", "MRI"), ("ORGAN", "hippocampus"))
    doc = nlp(TEXTS[0])
    assert [(ent.text, ent.label_, ent.id_) for ent in doc.ents] == [
        ("MRI", "X", "x"),
        ("left hippocampus", "ORGAN", "x"),
    ]
    linker = ConceptLinker.load(base, detector="dictionary")
    linked = linker.link_spans(doc.text, [(6, 9), (32, 48)])
    assert [ent._.linked for ent in doc.ents] == list(linked)
    nil = doc.ents[0]
    assert (nil.kb_id_, nil._.kb_ents, nil._.linked.best) == ("", [], None)


def test_an_empty_set_of_entities_is_respected(base: Path) -> None:
    """The detector is not used if the pipeline's own model found no entities."""
    nlp = with_entities(base, ("X", "nothing of the kind"))
    assert len(nlp(TEXTS[0]).spans["concepts"]) == 0


def test_finding_keeps_existing_entities(base: Path) -> None:
    nlp = with_entities(base, ("X", "MRI"), mentions="find")
    doc = nlp(TEXTS[0])
    assert [(ent.text, ent.kb_id_) for ent in doc.ents] == [("MRI", "")]
    assert [span.kb_id_ for span in doc.spans["concepts"]] == ["C0221198", "C0019564"]


@pytest.mark.parametrize("batch_size", [1, 2, 100])
def test_pipe_gives_what_single_calls_give(base: Path, batch_size: int) -> None:
    nlp = pipeline(base)
    single = [written(nlp(text)) for text in TEXTS]
    assert [written(doc) for doc in nlp.pipe(TEXTS, batch_size=batch_size)] == single
    pairs = nlp.pipe(((text, n) for n, text in enumerate(TEXTS)), as_tuples=True)
    assert [n for _, n in pairs] == list(range(len(TEXTS)))


def test_two_processes_give_what_one_gives(base: Path) -> None:
    nlp = pipeline(base)
    many = TEXTS * 3
    one = [written(doc) for doc in nlp.pipe(many)]
    assert [written(doc) for doc in nlp.pipe(many, n_process=2, batch_size=4)] == one


def test_a_document_that_fails_goes_to_the_error_handler(
    base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nlp = pipeline(base)
    component = nlp.get_pipe("concept_linker")
    monkeypatch.setattr(component, "_link", lambda batch: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        nlp("a lesion")
    seen: list[str] = []
    nlp.set_error_handler(lambda name, part, docs, error: seen.append(f"{name}: {error}"))
    assert list(nlp.pipe(["a lesion"])) == []
    assert seen == ["concept_linker: division by zero"]


def test_it_is_saved_with_the_pipeline(base: Path, tmp_path: Path) -> None:
    nlp = pipeline(base, settings={"k": 3, "min_similarity": 0.6})
    expected = [written(nlp(text)) for text in TEXTS]
    nlp.to_disk(tmp_path / "pipeline")
    from_bytes = spacy.blank("en").from_config(nlp.config).from_bytes(nlp.to_bytes())
    for copy in (spacy.load(tmp_path / "pipeline"), from_bytes, pickle.loads(pickle.dumps(nlp))):  # noqa: S301
        assert [written(copy(text)) for text in TEXTS] == expected
        assert copy.get_pipe("concept_linker").linker.settings.k == 3
    assert json.loads(json.dumps(nlp.config["components"]["concept_linker"]))["kb"] == str(base)


def test_a_different_base_after_loading_is_logged(
    base: Path, other_base: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pipeline(base).to_disk(tmp_path / "pipeline")
    with caplog.at_level(logging.WARNING):
        spacy.load(tmp_path / "pipeline")
    assert not caplog.records
    with caplog.at_level(logging.WARNING):
        moved = {"components": {"concept_linker": {"kb": str(other_base)}}}
        nlp = spacy.load(tmp_path / "pipeline", config=moved)
    [record] = caplog.records
    assert "umls" in record.getMessage()
    assert "uberon" in record.getMessage()
    assert nlp("hippocampus").ents[0].kb_id_ == "UBERON:0002421"


def test_documents_keep_attributes_when_stored_cut_and_merged(base: Path) -> None:
    nlp = pipeline(base)
    doc = nlp(TEXTS[0])
    stored = Doc(nlp.vocab).from_bytes(doc.to_bytes())
    [binned] = DocBin(store_user_data=True, docs=[doc]).get_docs(nlp.vocab)
    assert written(stored) == written(binned) == written(doc)
    for moved in (Doc.from_docs([nlp(TEXTS[4]), doc]), doc[3:].as_doc(copy_user_data=True)):
        linked: Mention = moved.ents[-1]._.linked
        assert moved.text[linked.start : linked.end] == "hippocampus"


def test_two_components_with_different_bases(base: Path, other_base: Path) -> None:
    nlp = pipeline(base)
    alone = written(nlp(TEXTS[0]))
    config = {"kb": str(other_base), "detector": "dictionary", "suffix": "uberon"}
    nlp.add_pipe("concept_linker", name="uberon", config=config)
    doc = nlp(TEXTS[0])
    assert written(doc) == alone
    assert [ent._.kb_ents_uberon for ent in doc.ents] == [
        [],
        [("UBERON:0002421", pytest.approx(0.5, abs=0.5))],
    ]
    assert [span.kb_id_ for span in doc.spans["concepts_uberon"]] == ["", "UBERON:0002421"]
    pickle.loads(pickle.dumps(nlp))  # noqa: S301


def test_a_second_component_needs_a_suffix(base: Path) -> None:
    nlp = pipeline(base)
    with pytest.raises(SettingsError, match=r"'concept_linker' and 'second' set the same .*suffix"):
        nlp.add_pipe("concept_linker", name="second", config={"kb": str(base)})


def test_attributes_survive_a_forced_extension(base: Path) -> None:
    """Every new scispaCy linker forces its extension."""
    nlp = pipeline(base)
    doc = nlp(TEXTS[0])
    before = [[list(pair) for pair in ent._.kb_ents] for ent in doc.ents]
    kept = Span.get_extension("kb_ents")
    try:
        Span.set_extension("kb_ents", default=[], force=True)
        for again in (doc, nlp(TEXTS[0])):
            assert [[list(pair) for pair in ent._.kb_ents] for ent in again.ents] == before
        pipeline(base)("a lesion").ents[0]._.kb_ents[0]
    finally:
        _, _, getter, setter = kept
        Span.set_extension("kb_ents", getter=getter, setter=setter, force=True)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"mentions": "some"}, "mentions is 'some', expected 'auto', 'ents' or 'find'"),
        ({"suffix": "a b"}, "suffix is 'a b'"),
        ({"settings": {"min_similarity": 7}}, "'min_similarity' is 7"),
        ({"settings": {"treshold": 0.7}}, "'treshold'"),
        ({"detector": "nonsense"}, "detector is 'nonsense'"),
    ],
)
def test_bad_settings_raise_when_it_is_added(
    base: Path, config: dict[str, Any], message: str
) -> None:
    with pytest.raises(SettingsError, match=message) as caught:
        pipeline(base, **config)
    assert "\n" not in str(caught.value)


def test_a_missing_base_raises_when_it_is_added(tmp_path: Path) -> None:
    with pytest.raises(KnowledgeBaseError, match="nowhere"):
        pipeline(tmp_path / "nowhere")


def test_it_is_scored_like_spacy_s_linker(base: Path) -> None:
    nlp = pipeline(base)
    examples = []
    for text, gold in ((TEXTS[0], "C0221198"), ("a lesion", "C9999999")):
        start = text.index("lesion")
        entities = [(start, start + 6, "ANAT")]
        links = {(start, start + 6): {gold: 1.0}}
        examples.append(
            Example.from_dict(nlp.make_doc(text), {"entities": entities, "links": links})
        )
    scores = nlp.evaluate(examples)
    assert scores["nel_micro_f"] == pytest.approx(0.5)


def test_displacy_shows_links(base: Path) -> None:
    doc = pipeline(base)(TEXTS[0])
    options = {"kb_url_template": "https://uts.nlm.nih.gov/uts/umls/concept/{}"}
    html = displacy.render(doc, style="ent", options=options, jupyter=False)
    assert 'href="https://uts.nlm.nih.gov/uts/umls/concept/C0019564"' in html
    spans = displacy.render(
        doc, style="span", options={**options, "spans_key": "concepts"}, jupyter=False
    )
    assert "concept/C0221198" in spans


def test_the_readme_example_of_scispacy(open_base: KnowledgeBase) -> None:
    """The example with two changed lines: the component, and the lookup of concepts."""
    nlp = spacy.blank("en")
    nlp.add_pipe("concept_linker", config={"kb": str(open_base.path), "detector": "dictionary"})

    doc = nlp(
        "Spinal and bulbar muscular atrophy (SBMA) is an inherited motor neuron disease caused by "
        "the expansion of a polyglutamine tract within the androgen receptor (AR). SBMA can be "
        "caused by this easily."
    )
    linker = nlp.get_pipe("concept_linker")
    names = {
        entity.text: [linker.kb.concept(umls_ent[0]).name for umls_ent in entity._.kb_ents]
        for entity in doc.ents
    }
    assert names["Spinal and bulbar muscular atrophy"]
    assert "receptor" in names["androgen receptor"][0].lower()
    for entity in doc.ents:
        scores = [score for _, score in entity._.kb_ents]
        assert scores == sorted(scores, reverse=True)


def test_the_tests_named_on_the_scispacy_page_exist() -> None:
    root = Path(__file__).resolve().parents[1]
    page = (root / "docs/coming-from-scispacy.md").read_text(encoding="utf-8")
    named = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", page)
    assert len(named) > 20
    for path, test in named:
        assert f"def {test}" in (root / path).read_text(encoding="utf-8"), (path, test)


@pytest.mark.scispacy
@pytest.mark.filterwarnings("default")
def test_with_scispacy_s_components(base: Path, other_base: Path) -> None:
    """scispaCy's abbreviations and linker in one pipeline with this linker, in any order."""
    pytest.importorskip("scispacy", reason="needs the scispacy extra")
    from scispacy.abbreviation import AbbreviationDetector  # noqa: F401
    from scispacy.candidate_generation import MentionCandidate
    from scispacy.linking import EntityLinker

    class Generator:
        kb = type("Base", (), {"cui_to_entity": {}})()

        def __call__(self, texts: list[str], k: int) -> list[list[MentionCandidate]]:
            return [[MentionCandidate("THEIRS", [text], [0.9])] for text in texts]

    @Language.component("their_linker")
    def their_linker(doc: Doc) -> Doc:
        options = {"filter_for_definitions": False, "resolve_abbreviations": False}
        return EntityLinker(candidate_generator=Generator(), **options)(doc)

    text = "Ammon's horn (AH). The AH has a lesion."
    for order in (("ours", "theirs"), ("theirs", "ours")):
        nlp = spacy.blank("en")
        nlp.add_pipe("abbreviation_detector")
        ruler = nlp.add_pipe("entity_ruler")
        ruler.add_patterns([{"label": "X", "pattern": "lesion"}])
        for which in order:
            if which == "theirs":
                nlp.add_pipe("their_linker")
            else:
                config = {"kb": str(base), "detector": "dictionary", "suffix": "ours"}
                nlp.add_pipe("concept_linker", config=config)
        doc = nlp(text)
        assert [ent._.kb_ents for ent in doc.ents] == [[("THEIRS", 0.9)]]
        assert [ent._.kb_ents_ours[0][0] for ent in doc.ents] == ["C0221198"]
        assert {str(short._.long_form) for short in doc._.abbreviations} == {"Ammon's horn"}
