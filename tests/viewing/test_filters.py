"""The page's filters without a browser: they select the same as a plain loop."""

from __future__ import annotations

import json
import random
import re
import shutil
import subprocess
from typing import Any

import pytest
from made_collections import collection

from concept_linker.viewing.assets import asset
from concept_linker.viewing.collection import Span
from concept_linker.viewing.page import page

#: Just enough of a document for data and filters.
DOCUMENT = """
const elements = {};
const document = { getElementById: (id) => elements[id] ??= { textContent: "" } };
elements.data = { textContent: DATA };
"""
ASK = """
console.log(JSON.stringify(CASES.map((case_) => {
  ranges.forEach((range, at) => Object.assign(range, case_[at]));
  filter();
  return [...shown];
})));
"""


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node")
@pytest.mark.parametrize("compared", [False, True])
@pytest.mark.parametrize("scored", [False, True])
def test_sliders_select_what_a_plain_loop_selects(scored: bool, compared: bool) -> None:
    made = collection(200, scored=scored, compared=compared, seed=4)
    html = page(made, title="Sliders")
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', html, re.DOTALL)
    assert found
    draw = random.Random(1)
    limits = [{"least": 0, "most": 1000}, {"least": 500, "most": 1000}, {"least": 0, "most": 300}]
    limits += [{"least": 200, "most": 800}, {"least": 900, "most": 100}]
    cases = [(draw.choice(limits), draw.choice(limits)) for _ in range(40)]
    script = DOCUMENT.replace("DATA", json.dumps(found[1]))
    script += asset("browser/1-data.js") + asset("browser/2-filters.js")
    script += ASK.replace("CASES", json.dumps(cases))
    done = subprocess.run(
        ["node", "-"], input=script, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    for case, shown in zip(cases, json.loads(done.stdout), strict=True):
        assert shown == [
            number
            for number, one in enumerate(made.records)
            if not any(map(limited, case))
            or any(fits(span, case) for span in [*one.spans, *(one.others or ())])
        ]


def limited(limit: dict[str, int]) -> bool:
    return limit != {"least": 0, "most": 1000}


def fits(span: Span, case: tuple[dict[str, int], dict[str, int]]) -> bool:
    values: tuple[Any, Any] = (span.similarity, span.score)
    return all(
        not limited(limit)
        or (value is not None and limit["least"] <= round(value * 1000) <= limit["most"])
        for value, limit in zip(values, case, strict=True)
    )
