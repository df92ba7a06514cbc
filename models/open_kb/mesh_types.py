"""MeSH tree numbers and their semantic types, by longest prefix."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

__all__ = ["LEFT_OUT", "types_of_trees"]

#: Branches with no place in a figure: publication types, geography.
LEFT_OUT: Final = ("V", "Z")

_TABLE = """
A01 T029; A02 T023; A02.165 T024; A02.835.583 T030; A03 T023; A04 T023; A05 T023; A06 T023
A07 T023; A08 T023; A08.637 T025; A08.675 T025; A08.850 T026; A09 T023; A10 T024; A10.690 T024
A10.336 T023; A11 T025; A11.284 T026; A12 T031; A13 T023; A14 T023; A15.145 T031; A15.145.229 T025
A15.378 T022; A15.382 T022; A15.382.490 T025; A15.382.812 T025; A15.382.680 T025
A15.382.520 T023; A16 T018; A17 T023; A18 T002; A19 T026; A20 T026; A21 T026
A01.047 T029; A01.598 T029; A01.456 T029; A02.835.232 T023
B01 T204; B01.050 T008; B01.050.150 T010; B01.050.150.900.649 T015; B01.050.150.900.248 T012
B01.050.150.900.493 T013; B01.050.150.900.090 T011; B01.050.150.900.833 T014; B01.050.500 T008
B01.300 T004; B01.650 T002; B01.875 T002; B02 T194; B03 T007; B04 T005; B05 T001
B01.050.150.900.649.313.988.400.112.400.400 T016
C01 T047; C04 T191; C05 T047; C06 T047; C07 T047; C08 T047; C09 T047; C10 T047; C10.597 T184
C11 T047; C12 T047; C13 T047; C14 T047; C15 T047; C16 T047; C16.131 T019; C17 T047; C18 T047
C19 T047; C20 T047; C21 T047; C22 T047; C23 T046; C23.149 T033; C23.300 T190; C23.550 T046
C23.888 T184; C24 T047; C25 T037; C25.775 T048; C26 T037
D01 T197; D01.268 T196; D01.496 T196; D02 T109; D03 T109; D04 T109; D05 T109; D05.500 T116
D06 T125; D06.347 T121; D08 T126; D08.211 T123; D09 T109; D10 T109; D12 T116; D12.776.543.750 T192
D12.776.826 T192; D12.644.276.374 T129; D12.776.467.374 T129; D12.776.124.486 T129
D12.776.124.790.651 T129; D12.644.548 T125; D13 T114; D20 T121; D20.215.894 T129; D23 T123
D20.345 T131; D20.633 T131; D20.721 T167; D20.832 T131; D20.944 T131; D20.888 T131
D23.050 T129; D23.101 T123; D23.946 T131; D25 T122; D26 T121; D27 T121; D27.505.259 T130
D27.505.954.122.085 T195; D27.720 T120; D27.720.102 T122; D27.720.470 T130; D27.888 T131
E01 T060; E01.370 T060; E01.370.225 T059; E02 T061; E03 T061; E04 T061; E05 T062; E05.196 T059
E05.200 T059; E05.242 T059; E05.393 T063; E05.478 T059; E05.318 T062; E05.595 T059; E05.601 T063
E05.598 T050; E06 T061; E07 T074; E07.325 T122; E07.858.442 T073
F01 T055; F01.470 T041; F01.752 T055; F01.829 T054; F02 T041; F03 T048; F04 T061; F04.711 T060
F04.096 T091; F04.754 T061; F04.408 T058
G01 T070; G02 T070; G02.111 T044; G02.111.570 T086; G03 T039; G04 T043; G05 T045; G05.360 T028
G06 T039; G07 T040; G08 T040; G09 T042; G10 T042; G11 T042; G12 T039; G13 T042; G14 T042
G15 T040; G16 T070; G16.500 T070; G17 T081; G05.380 T032; G05.695 T032
H01 T090; H02 T091; I01 T054; I02 T065; I03 T056; J01 T073; J01.897 T057; J02 T168; J03 T073
K01 T090; L01 T170; L01.224 T066; M01 T098; M01.060 T100; M01.526 T097; M01.643 T101
N01 T102; N02 T058; N02.278 T093; N03 T057; N04 T058; N05 T081; N06 T070; N06.850 T058
N05.715.360 T081; N06.230 T070; D05.875 T116; E05.595.402 T059
"""


def _parse(table: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for entry in table.replace("\n", ";").split(";"):
        if entry.strip():
            prefix, tui = entry.split()
            found[prefix] = tui
    return found


_BY_PREFIX: Final = _parse(_TABLE)
# A type → more specific types; it is left out if the concept has one of these.
_WEAKER: Final = {
    "T047": {"T191", "T048", "T037", "T019", "T184", "T190"},
    "T046": {"T191", "T047", "T037", "T184", "T190", "T033"},
    "T062": {"T059", "T060", "T061", "T063"},
    "T120": {"T121", "T122", "T130", "T131", "T109", "T116", "T197"},
    "T116": {"T126", "T192", "T129", "T125"},
    "T031": {"T025"},
    "T022": {"T025", "T023", "T024"},
    "T029": {"T023"},
    "T023": {"T025"},
    "T024": {"T025", "T023"},
    "T123": {"T116", "T126", "T192", "T129", "T109", "T121"},
    "T010": {"T015"},
    "T070": {"T039", "T040", "T042", "T043", "T044"},
}


def _of_tree(tree: str) -> str | None:
    prefix = tree
    while prefix:
        if prefix in _BY_PREFIX:
            return _BY_PREFIX[prefix]
        prefix = prefix.rpartition(".")[0]
    return None


def types_of_trees(trees: Iterable[str]) -> list[str]:
    """Returns the TUIs of a descriptor, most frequent first, without the less specific ones.

    >>> types_of_trees(["A08.186.211", "A15.145.229.637"])
    ['T025']
    >>> types_of_trees(["C04.588.274.623", "C06.552.697"])
    ['T191']
    """
    counted: dict[str, int] = {}
    for tree in trees:
        tui = _of_tree(tree)
        if tui is not None:
            counted[tui] = counted.get(tui, 0) + 1
    strong = {tui for tui in counted if not _WEAKER.get(tui, set()) & set(counted)}
    return sorted(strong, key=lambda tui: (-counted[tui], tui))[:3]
