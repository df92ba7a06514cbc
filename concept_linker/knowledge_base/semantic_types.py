"""The UMLS Semantic Network: its 127 types, their tree numbers and their 15 groups.

Based on the public files of the Semantic Network and the Semantic Groups
(https://lhncbc.nlm.nih.gov/semanticnetwork/), which, unlike the Metathesaurus, need no licence.
Types with a tree number that begins with ``A`` are entities, those with ``B`` are events.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from concept_linker.errors import InputError

__all__ = [
    "GROUP_NAMES",
    "SEMANTIC_TYPES",
    "SemanticType",
    "group_name",
    "semantic_group",
    "semantic_groups",
    "type_name",
]


class SemanticType(NamedTuple):
    """One type of the Semantic Network.

    Args:
        name: its name, such as ``Body Part, Organ, or Organ Component``.
        tree_number: its place in the network, such as ``A1.2.3.1``.
        group: its semantic group's abbreviation, a key of :data:`GROUP_NAMES`.
    """

    name: str
    tree_number: str
    group: str


#: A semantic group's abbreviation → its name.
GROUP_NAMES: Final[dict[str, str]] = {
    "ACTI": "Activities & Behaviors",
    "ANAT": "Anatomy",
    "CHEM": "Chemicals & Drugs",
    "CONC": "Concepts & Ideas",
    "DEVI": "Devices",
    "DISO": "Disorders",
    "GENE": "Genes & Molecular Sequences",
    "GEOG": "Geographic Areas",
    "LIVB": "Living Beings",
    "OBJC": "Objects",
    "OCCU": "Occupations",
    "ORGA": "Organizations",
    "PHEN": "Phenomena",
    "PHYS": "Physiology",
    "PROC": "Procedures",
}

# TUI|tree number|group|name
_TABLE = """\
T001|A1.1|LIVB|Organism
T002|A1.1.3.3|LIVB|Plant
T004|A1.1.3.2|LIVB|Fungus
T005|A1.1.4|LIVB|Virus
T007|A1.1.2|LIVB|Bacterium
T008|A1.1.3.1|LIVB|Animal
T010|A1.1.3.1.1|LIVB|Vertebrate
T011|A1.1.3.1.1.1|LIVB|Amphibian
T012|A1.1.3.1.1.2|LIVB|Bird
T013|A1.1.3.1.1.3|LIVB|Fish
T014|A1.1.3.1.1.5|LIVB|Reptile
T015|A1.1.3.1.1.4|LIVB|Mammal
T016|A1.1.3.1.1.4.1|LIVB|Human
T017|A1.2|ANAT|Anatomical Structure
T018|A1.2.1|ANAT|Embryonic Structure
T019|A1.2.2.1|DISO|Congenital Abnormality
T020|A1.2.2.2|DISO|Acquired Abnormality
T021|A1.2.3|ANAT|Fully Formed Anatomical Structure
T022|A2.1.4.1|ANAT|Body System
T023|A1.2.3.1|ANAT|Body Part, Organ, or Organ Component
T024|A1.2.3.2|ANAT|Tissue
T025|A1.2.3.3|ANAT|Cell
T026|A1.2.3.4|ANAT|Cell Component
T028|A1.2.3.5|GENE|Gene or Genome
T029|A2.1.5.2|ANAT|Body Location or Region
T030|A2.1.5.1|ANAT|Body Space or Junction
T031|A1.4.2|ANAT|Body Substance
T032|A2.3|PHYS|Organism Attribute
T033|A2.2|DISO|Finding
T034|A2.2.1|PHEN|Laboratory or Test Result
T037|B2.3|DISO|Injury or Poisoning
T038|B2.2.1|PHEN|Biologic Function
T039|B2.2.1.1|PHYS|Physiologic Function
T040|B2.2.1.1.1|PHYS|Organism Function
T041|B2.2.1.1.1.1|PHYS|Mental Process
T042|B2.2.1.1.2|PHYS|Organ or Tissue Function
T043|B2.2.1.1.3|PHYS|Cell Function
T044|B2.2.1.1.4|PHYS|Molecular Function
T045|B2.2.1.1.4.1|PHYS|Genetic Function
T046|B2.2.1.2|DISO|Pathologic Function
T047|B2.2.1.2.1|DISO|Disease or Syndrome
T048|B2.2.1.2.1.1|DISO|Mental or Behavioral Dysfunction
T049|B2.2.1.2.2|DISO|Cell or Molecular Dysfunction
T050|B2.2.1.2.3|DISO|Experimental Model of Disease
T051|B|ACTI|Event
T052|B1|ACTI|Activity
T053|B1.1|ACTI|Behavior
T054|B1.1.1|ACTI|Social Behavior
T055|B1.1.2|ACTI|Individual Behavior
T056|B1.2|ACTI|Daily or Recreational Activity
T057|B1.3|ACTI|Occupational Activity
T058|B1.3.1|PROC|Health Care Activity
T059|B1.3.1.1|PROC|Laboratory Procedure
T060|B1.3.1.2|PROC|Diagnostic Procedure
T061|B1.3.1.3|PROC|Therapeutic or Preventive Procedure
T062|B1.3.2|PROC|Research Activity
T063|B1.3.2.1|PROC|Molecular Biology Research Technique
T064|B1.3.3|ACTI|Governmental or Regulatory Activity
T065|B1.3.4|PROC|Educational Activity
T066|B1.4|ACTI|Machine Activity
T067|B2|PHEN|Phenomenon or Process
T068|B2.1|PHEN|Human-caused Phenomenon or Process
T069|B2.1.1|PHEN|Environmental Effect of Humans
T070|B2.2|PHEN|Natural Phenomenon or Process
T071|A|OBJC|Entity
T072|A1|OBJC|Physical Object
T073|A1.3|OBJC|Manufactured Object
T074|A1.3.1|DEVI|Medical Device
T075|A1.3.2|DEVI|Research Device
T077|A2|CONC|Conceptual Entity
T078|A2.1|CONC|Idea or Concept
T079|A2.1.1|CONC|Temporal Concept
T080|A2.1.2|CONC|Qualitative Concept
T081|A2.1.3|CONC|Quantitative Concept
T082|A2.1.5|CONC|Spatial Concept
T083|A2.1.5.4|GEOG|Geographic Area
T085|A2.1.5.3|GENE|Molecular Sequence
T086|A2.1.5.3.1|GENE|Nucleotide Sequence
T087|A2.1.5.3.2|GENE|Amino Acid Sequence
T088|A2.1.5.3.3|GENE|Carbohydrate Sequence
T089|A2.4.2|CONC|Regulation or Law
T090|A2.6|OCCU|Occupation or Discipline
T091|A2.6.1|OCCU|Biomedical Occupation or Discipline
T092|A2.7|ORGA|Organization
T093|A2.7.1|ORGA|Health Care Related Organization
T094|A2.7.2|ORGA|Professional Society
T095|A2.7.3|ORGA|Self-help or Relief Organization
T096|A2.9|LIVB|Group
T097|A2.9.1|LIVB|Professional or Occupational Group
T098|A2.9.2|LIVB|Population Group
T099|A2.9.3|LIVB|Family Group
T100|A2.9.4|LIVB|Age Group
T101|A2.9.5|LIVB|Patient or Disabled Group
T102|A2.8|CONC|Group Attribute
T103|A1.4.1|CHEM|Chemical
T104|A1.4.1.2|CHEM|Chemical Viewed Structurally
T109|A1.4.1.2.1|CHEM|Organic Chemical
T114|A1.4.1.2.1.5|CHEM|Nucleic Acid, Nucleoside, or Nucleotide
T116|A1.4.1.2.1.7|CHEM|Amino Acid, Peptide, or Protein
T120|A1.4.1.1|CHEM|Chemical Viewed Functionally
T121|A1.4.1.1.1|CHEM|Pharmacologic Substance
T122|A1.4.1.1.2|CHEM|Biomedical or Dental Material
T123|A1.4.1.1.3|CHEM|Biologically Active Substance
T125|A1.4.1.1.3.2|CHEM|Hormone
T126|A1.4.1.1.3.3|CHEM|Enzyme
T127|A1.4.1.1.3.4|CHEM|Vitamin
T129|A1.4.1.1.3.5|CHEM|Immunologic Factor
T130|A1.4.1.1.4|CHEM|Indicator, Reagent, or Diagnostic Aid
T131|A1.4.1.1.5|CHEM|Hazardous or Poisonous Substance
T167|A1.4|OBJC|Substance
T168|A1.4.3|OBJC|Food
T169|A2.1.4|CONC|Functional Concept
T170|A2.4|CONC|Intellectual Product
T171|A2.5|CONC|Language
T184|A2.2.2|DISO|Sign or Symptom
T185|A2.4.1|CONC|Classification
T190|A1.2.2|DISO|Anatomical Abnormality
T191|B2.2.1.2.1.2|DISO|Neoplastic Process
T192|A1.4.1.1.3.6|CHEM|Receptor
T194|A1.1.1|LIVB|Archaeon
T195|A1.4.1.1.1.1|CHEM|Antibiotic
T196|A1.4.1.2.3|CHEM|Element, Ion, or Isotope
T197|A1.4.1.2.2|CHEM|Inorganic Chemical
T200|A1.3.3|CHEM|Clinical Drug
T201|A2.3.1|PHYS|Clinical Attribute
T203|A1.3.1.1|DEVI|Drug Delivery Device
T204|A1.1.3|LIVB|Eukaryote
"""


def _parse(table: str) -> dict[str, SemanticType]:
    types = {}
    for line in table.splitlines():
        tui, tree_number, group, name = line.split("|")
        types[tui] = SemanticType(name, tree_number, group)
    return types


#: TUI → the type, in the order of the TUIs.
SEMANTIC_TYPES: Final[dict[str, SemanticType]] = _parse(_TABLE)


def type_name(tui: str) -> str:
    """Returns the name of a semantic type.

    Raises:
        InputError: the network has no such type.

    >>> type_name("T023")
    'Body Part, Organ, or Organ Component'
    """
    if tui not in SEMANTIC_TYPES:
        raise InputError(
            f"{tui!r} is not a type of the UMLS Semantic Network, expected a TUI such as 'T023'"
        )
    return SEMANTIC_TYPES[tui].name


def semantic_groups(types: Iterable[str]) -> tuple[str, ...]:
    """Returns the groups of semantic types, each once, in order; unknown types have none.

    >>> semantic_groups(["T999", "T191", "T047", "T023"])
    ('DISO', 'ANAT')
    """
    known = (SEMANTIC_TYPES[tui].group for tui in types if tui in SEMANTIC_TYPES)
    return tuple(dict.fromkeys(known))


def semantic_group(types: Iterable[str]) -> str:
    """Returns the group of the first known semantic type, or ``""``.

    >>> semantic_group(["T999", "T023", "T191"]), semantic_group([])
    ('ANAT', '')
    """
    return next(iter(semantic_groups(types)), "")


def group_name(group: str) -> str:
    """Returns the full name of a group; any other label is returned as it is.

    >>> group_name("ANAT"), group_name("ORG")
    ('Anatomy', 'ORG')
    """
    return GROUP_NAMES.get(group, group)
