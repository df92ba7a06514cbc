"""What the kernels of :mod:`concept_linker.detection.span_features` do, span by span."""

from __future__ import annotations

from collections.abc import Sequence

Span = tuple[int, int]


def probability_features(
    span: Span, spans: Sequence[Span], probabilities: Sequence[float], texts: Sequence[int]
) -> dict[str, float]:
    """The features that come from the probabilities of all spans.

    Args:
        span: first and last word of the candidate.
        spans: first and last word of each span that the network finds likely.
        probabilities: the probability of each of them.
        texts: for each word the number of its text.
    """
    pairs = list(zip(spans, probabilities, strict=True))
    first, last = span

    def starting(word: int) -> float:
        return sum(p for (a, _), p in pairs if a == word)

    def ending(word: int) -> float:
        return sum(p for (_, b), p in pairs if b == word)

    def covered(word: int, neighbour: int | None = None) -> float:
        if neighbour is not None and not (
            0 <= word < len(texts) and texts[word] == texts[neighbour]
        ):
            return 0.0
        return sum(p for (a, b), p in pairs if a <= word <= b)

    rivals = [p for (a, b), p in pairs if a <= last and b >= first and (a, b) != span]
    return {
        "rival": max(rivals, default=0.0),
        "starts": starting(first),
        "ends": ending(last),
        "covered": min(covered(word) for word in range(first, last + 1)),
        "starts_inside": max(map(starting, range(first + 1, last + 1)), default=0.0),
        "ends_inside": max(map(ending, range(first, last)), default=0.0),
        "covered_before": covered(first - 1, first),
        "covered_after": covered(last + 1, last),
    }


def within(span: Span, runs: Sequence[Span]) -> int:
    """How many words longer than a candidate the run around it is; runs do not overlap."""
    longer = (b - a - span[1] + span[0] for a, b in runs if a <= span[0] and span[1] <= b)
    return next(longer, 0)


def letter_features(text: str, start: int, end: int) -> dict[str, int]:
    """The features that come from the characters in and around a candidate."""
    inside = text[start:end]
    return {
        "capitals": sum("A" <= char <= "Z" for char in inside),
        "digits": sum("0" <= char <= "9" for char in inside),
        "mark_before": _kind(text[start - 1]) if start else 1,
        "mark_after": _kind(text[end]) if end < len(text) else 1,
    }


def _kind(char: str) -> int:
    groups = (' \n"‘’‚‛“”„‟', "-–", "()")
    return next((kind for kind, group in enumerate(groups, 1) if char in group), 0)
