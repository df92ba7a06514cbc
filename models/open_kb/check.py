"""Reports on the result of the recipe: ``python -m models.open_kb.check WHEELS MEDMENTIONS``.

It merges with a simple union-find, only to count; the build merges by its own rules.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from concept_linker.knowledge_base.semantic_types import SEMANTIC_TYPES
from concept_linker.knowledge_base.source import NameKind, SourceTables, is_cui

from .infer import Evidence
from .sources import load, write_evidence
from .vocabulary import key_of

__all__ = ["Merged", "main"]

_WORDS = """hippocampus lesion MRI CT PET axial coronal sagittal T1-weighted T2-weighted FLAIR
ultrasound ultrasonography radiograph X-ray chest+radiograph angiography echocardiography
endoscopy colonoscopy mammography DWI CT+scan fluoroscopy scintigraphy contrast enhancement
computed+tomography magnetic+resonance+imaging H&E hematoxylin+and+eosin
immunohistochemistry Western+blot flow+cytometry scanning+electron+microscopy
transmission+electron+microscopy immunofluorescence in+situ+hybridization PCR qPCR biopsy
catheter stent guide+wire pacemaker prosthesis implant screw electrode lymph+node liver kidney
spleen pancreas lung heart brain left+ventricle right+atrium aorta pulmonary+artery
inferior+vena+cava portal+vein bile+duct gallbladder bladder prostate uterus ovary breast
thyroid spinal+cord cerebellum thalamus frontal+lobe temporal+lobe corpus+callosum
white+matter gray+matter cortex bone+marrow femur tibia vertebra mandible maxilla skull
orbit retina cornea lens optic+nerve skin muscle tendon ligament cartilage meniscus knee
hepatocellular+carcinoma adenocarcinoma squamous+cell+carcinoma metastasis metastases tumor
mass nodule cyst abscess hematoma edema fracture pneumonia pneumothorax pleural+effusion
ascites hydrocephalus infarct infarction hemorrhage ischemia stenosis thrombus thrombosis
embolism aneurysm dissection calcification fibrosis cirrhosis inflammation necrosis
apoptosis atrophy hyperplasia meningioma glioblastoma glioma lymphoma melanoma sarcoma
osteosarcoma neuroblastoma tuberculosis stroke hypertension diabetes obesity fever pain
macrophage neutrophil lymphocyte T+cell B+cell fibroblast hepatocyte neuron astrocyte
microglia epithelium endothelium goblet+cell nucleus mitochondria cytoplasm p53 GFP EGFR
Ki-67 CD3 CD20 CD34 actin GAPDH insulin collagen hemoglobin glucose DAPI gadolinium FDG
mouse mice rat zebrafish human rabbit pig Drosophila+melanogaster Caenorhabditis+elegans
Escherichia+coli HIV SARS-CoV-2 Staphylococcus+aureus patient woman man child surgery
resection chemotherapy radiotherapy transplantation left right anterior posterior bilateral
arrow control hepatic renal cerebral pulmonary cardiac carotid+artery coronary+artery
hip+joint shoulder disc intervertebral+disc trachea esophagus stomach colon appendix small+bowel
rectum cervix placenta fetus embryo eye ear nose tongue tooth artery vein nerve"""


class Merged:
    """The concepts of several tables, joined by their equivalences."""

    def __init__(self, tables: Sequence[SourceTables]) -> None:
        self._parent: dict[str, str] = {}
        self.names: dict[str, list[tuple[str, int, str, str]]] = defaultdict(list)
        self.types: dict[str, set[str]] = defaultdict(set)
        self.cui: dict[str, tuple[str, bool]] = {}
        self.clashes = 0
        rows = [row for t in tables for row in zip(*t.same_as.to_pydict().values(), strict=True)]
        asserted: dict[str, bool] = {}
        for one, other, sure in sorted(rows, key=lambda row: not row[2]):
            self._parent[self.root(one)] = self.root(other)
            if is_cui(other):
                asserted[other] = asserted.get(other, False) or sure
        own = set()
        for table in tables:
            for cid, name, kind, source in zip(*table.names.to_pydict().values(), strict=True):
                self.names[self.root(cid)].append((name, kind, source, cid))
                if is_cui(cid):
                    own.add(cid)
            for cid, tui in zip(*table.types.to_pydict().values(), strict=True):
                self.types[self.root(cid)].add(tui)
        for cui in own | set(asserted):
            root = self.root(cui)
            self.clashes += root in self.cui
            self.cui[root] = (cui, asserted.get(cui, cui in own))
        self.by_key: dict[str, set[str]] = defaultdict(set)
        for root, names in self.names.items():
            for name, kind, *_ in names:
                if kind != NameKind.RELATED:
                    self.by_key[key_of(name)].add(root)

    def root(self, cid: str) -> str:
        """Returns the representative of an id's set."""
        while (above := self._parent.get(cid, cid)) != cid:
            cid = above
        return cid

    def packed_size(self) -> int:
        """Returns the size of names and ids as one Parquet file, zstd level 19, in bytes."""
        rows = [
            (self.cui.get(root, (root,))[0], name, kind)
            for root, names in self.names.items()
            for name, kind in sorted({key_of(n): (n, k) for n, k, *_ in names}.values())
        ]
        ids, names_, kinds = zip(*rows, strict=True)
        table = pa.table({"id": ids, "name": names_, "kind": pa.array(kinds, pa.uint8())})
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "names.parquet"
            pq.write_table(table, path, compression="zstd", compression_level=19)
            self.name_count = len(rows)
            return path.stat().st_size


def main(arguments: Sequence[str]) -> None:
    """Prints the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("wheels", type=Path)
    parser.add_argument("medmentions", type=Path)
    parser.add_argument("--samples", type=int, default=5)
    parser.add_argument("--evidence", type=Path, help="write inferred_cuis.tsv here")
    options = parser.parse_args(arguments)
    evidence: list[Evidence] = []
    tables = load(options.wheels, options.medmentions, evidence=evidence)
    if options.evidence:
        write_evidence(evidence, options.evidence)
    generator = random.Random(0)
    for table in tables:
        count = len(set(table.names["id"].to_pylist()))
        print(f"{table.info.name}: {count} concepts, {table.names.num_rows} names")
        names = table.names["name"].to_pylist()
        print("    " + " | ".join(generator.sample(names, min(options.samples, len(names)))))
    report(Merged(tables))


def report(merged: Merged) -> None:
    """Prints counts, collisions, and the concepts of words that are frequent in captions."""
    total = len(merged.names)
    sure = sum(asserted for _, asserted in merged.cui.values())
    typed = sum(bool(merged.types.get(root)) for root in merged.names)
    size = merged.packed_size()
    print(f"concepts {total}, names {merged.name_count}, {size / 1e6:.1f} MB packed")
    print(f"CUIs {len(merged.cui)}: asserted {sure}, inferred {len(merged.cui) - sure}")
    print(f"two CUIs in one concept {merged.clashes}, typed {typed / total:.1%}")
    types = [tui for root in merged.names for tui in merged.types.get(root, ())]
    groups = Counter(SEMANTIC_TYPES[tui].group for tui in types if tui in SEMANTIC_TYPES)
    print("groups", dict(groups.most_common()))
    shared = sorted(((len(r), k) for k, r in merged.by_key.items() if len(r) > 1), reverse=True)
    print(f"names of several concepts: {len(shared)}; most: {shared[:25]}")
    for word in _WORDS.split():
        text = word.replace("+", " ")
        hits = []
        for root in merged.by_key.get(key_of(text), ()):
            cui = merged.cui.get(root, (root,))[0]
            hits.append(f"{cui} {merged.names[root][0][0]} {sorted(merged.types.get(root, ()))}")
        print(f"  {text}: {'; '.join(hits) or '--'}")


if __name__ == "__main__":
    main(sys.argv[1:])
