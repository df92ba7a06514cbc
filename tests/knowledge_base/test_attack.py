"""Flips bits of a base on disk: a small version of ``benchmarks/attack_kb.py``."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
PROGRAM = """
import sys
from pathlib import Path
import attack_kb
place, flips, small, pass_over = Path(sys.argv[1]), *map(int, sys.argv[2:])
base = attack_kb.small_base(place)
attack_kb.answers(base)
attack_kb.mapping.SMALL = small
if pass_over:
    attack_kb.mapping.Arrays.__getitem__ = lambda self, name: self._mapped[name][1]
counts = attack_kb.attack(base, flips, small, lambda line: print(line, file=sys.stderr))
print(*(counts[one] for one in attack_kb.OUTCOMES))
"""


def outcomes(place: Path, *, flips: int, small: int, pass_over: bool = False) -> list[int]:
    """Counts flips by outcome: reported, equal, another answer, another error, a crash."""
    command = [sys.executable, "-c", PROGRAM, str(place), str(flips), str(small), str(+pass_over)]
    paths = os.pathsep.join([str(BENCHMARKS), *sys.path])
    done = subprocess.run(
        command, check=True, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": paths}
    )
    return [int(one) for one in done.stdout.split()]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
@pytest.mark.parametrize("small", [1 << 20, 0], ids=["when opened", "when looked at"])
def test_a_flipped_bit_is_reported_or_changes_nothing(tmp_path: Path, small: int) -> None:
    slow = bool(os.environ.get("CONCEPT_LINKER_SLOW"))
    reported, equal, *others = outcomes(tmp_path, flips=2000 if slow else 60, small=small)
    assert others == [0, 0, 0]
    assert reported > 10 * equal


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
def test_without_checksums_flipped_bits_do_harm(tmp_path: Path) -> None:
    """Proves that the test above depends on the checksums."""
    *_, answer, error, _ = outcomes(tmp_path, flips=60, small=0, pass_over=True)
    assert answer > 0
    assert error > 0
