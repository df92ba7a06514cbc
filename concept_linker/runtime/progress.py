"""Progress of long work, as one bar."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["Progress", "progress_bar", "silent"]

#: Called with the current stage and the fraction done, 0 to 1.
Progress = Callable[[str, float], None]


def silent(stage: str, done: float) -> None:
    """Ignores progress."""


@contextmanager
def progress_bar(title: str, *, quiet: bool = False) -> Iterator[Progress]:
    """Shows a bar on standard error with the stage and the time left, unless ``quiet``."""
    if quiet:
        yield silent
        return
    from tqdm import tqdm

    layout = "{desc}: {percentage:3.0f}%|{bar}| {elapsed}<{remaining}{postfix}"
    with tqdm(total=1.0, desc=title, bar_format=layout) as bar:

        def show(stage: str, done: float) -> None:
            bar.set_postfix_str(stage, refresh=False)
            bar.update(max(0.0, done - bar.n))
            bar.refresh()

        yield show
        show("done", 1.0)
