"""Random collections, and hostile captions."""

from __future__ import annotations

import random

from concept_linker.viewing.collection import Collection, RecordView, Span, compare

WORDS = (
    "arrow axial lesion in the left hippocampus shows scan of lung with mass and vessel µm".split()
)
GROUPS = ("ANAT", "DISO", "PROC", "CHEM", "")
CONCEPTS = {f"C{number:07}": GROUPS[number % len(GROUPS)] for number in range(1, 400)}

HOSTILE = [
    "<script>window.hacked = 1</script>",
    "</script><script>window.hacked = 1</script>",
    "</script ><script >window.hacked = 1</script/> <!-- <script x",
    '<img src=x onerror="window.hacked = 1">',
    "</style><script>window.hacked = 1</script><style>",
    "\" onmouseover=\"window.hacked = 1\" ' onfocus='window.hacked = 1' autofocus tabindex=0",
    "<!-- <script> --> ]]> {{SCRIPT}} {{DATA}} &lt;b&gt; &amp; \\u003cb\\u003e ${window.hacked=1}",
    "javascript:window.hacked=1 \u2028\u2029\u202e desrever \x7f `backtick`",
    "<svg onload=window.hacked=1><iframe srcdoc='<script>parent.hacked=1</script>'></iframe>",
    "<meta http-equiv=refresh content='0;url=https://example.org/'><base href=//example.org>",
    "<link rel=stylesheet href=https://example.org/a.css><b>🧠 wide</b>",
]


def collection(
    number: int, *, compared: bool = False, scored: bool = False, seed: int = 0
) -> Collection:
    """Records with random words and spans; ``scored`` gives the first annotation scores."""
    draw = random.Random(seed)
    cuis = list(CONCEPTS)
    records = []
    for i in range(number):
        words = draw.choices(WORDS, k=draw.randint(5, 60))
        one = RecordView(
            " ".join(words), f"{i}.jpg", _spans(words, cuis, draw), f"Figure {i}", str(i)
        )
        if scored:
            one.spans = [
                span._replace(probability=0.5, score=draw.randint(0, 1000) / 1000)
                for span in one.spans
            ]
        if compared:
            one.spans, one.others = compare(one.spans, _spans(words, cuis[:40], draw))
        records.append(one)
    return Collection(
        ["ours.jsonl", "theirs.jsonl"] if compared else ["ours.jsonl"],
        records,
        names={cui: f"concept {cui[-3:]}" for cui in cuis[::2]},
        groups={cui: group for cui, group in CONCEPTS.items() if group},
    )


def _spans(words: list[str], cuis: list[str], draw: random.Random) -> list[Span]:
    spans, start = [], 0
    for word in words:
        if draw.random() < 0.2:
            cui = cuis[int(len(cuis) * draw.random() ** 3)]
            spans.append(Span(start, start + len(word), cui, draw.randint(0, 1000) / 1000))
        start += len(word) + 1
    return spans


def hostile() -> Collection:
    """Every field that is text means harm."""
    records = [
        RecordView(
            caption=text,
            image=f"{text[:40]}.jpg",
            spans=[Span(0, 2, "C0000001", 1.0), Span(len(text) - 3, len(text), "C0000002", 0.5)],
            label=text,
            pmc="1",
            licence=text,
        )
        for text in HOSTILE
    ]
    names = {"C0000001": HOSTILE[0], "C0000002": HOSTILE[4]}
    return Collection([HOSTILE[2]], records, names=names, groups={"C0000001": "ANAT"})
