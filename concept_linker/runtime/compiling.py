"""Compiling, and where compiled code is kept for the next run.

numba gives up where it can write neither beside the source nor into the user's home.  Here the
places are, in this order: ``NUMBA_CACHE_DIR``, beside the source, the folder for what is derived
(:func:`~concept_linker.runtime.resources.cache_folder`), a temporary one.  A place that can only be
read will do where no other can be written, if it was filled before: when a container's image was
made.  What cannot be kept is compiled again in the next run.
"""

from __future__ import annotations

import logging
import os
import pickle
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numba
from numba.core import caching, config
from numba.core.compiler_lock import global_compiler_lock

from concept_linker.runtime.resources import cache_folder, make_temporary_folder, temporary_folder

__all__ = ["njit"]

_LOG = logging.getLogger(__name__)
# Some versions have types, others none.
_caching: Any = caching
_config: Any = config
# Places that were tried, and why they cannot be written.
_problems: dict[Path, str | None] = {}
_has_warned = False


def njit(*, cache: bool, **options: Any) -> Callable[[Callable[..., Any]], Any]:
    """``numba.njit``, with another cache.

    Args:
        cache: whether compiled code is kept.
        options: numba's.
    """

    def decorate(function: Callable[..., Any]) -> Any:
        compiled = numba.njit(**options)(function)
        if cache and not _config.DISABLE_JIT:
            try:
                compiled._cache = _Cache(function)
            except OSError as error:
                _warn(error)
        return compiled

    return decorate


def _place(source: Path) -> Path:
    """Where the compiled code of a module is kept, or was kept by who could write there."""
    places = list(_places(source))
    for place in places:
        if _problem(place) is None:
            return place
    for place in places:
        if any(place.glob(f"{source.stem}.*.nbi")):
            return place
    return places[-1]


def _places(source: Path) -> Iterator[Path]:
    own: str = _Locator.get_suitable_cache_subpath(str(source))
    if _config.CACHE_DIR:
        yield Path(_config.CACHE_DIR, own)
    yield source.parent / "__pycache__"
    yield cache_folder() / "numba" / own
    if temporary := temporary_folder():
        yield temporary / "numba" / own


def _problem(place: Path) -> str | None:
    """Why nothing can be written into a folder, which is made; ``None`` if it can."""
    if place not in _problems:
        try:
            place.mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=place).close()
            _problems[place] = None
        except OSError as error:
            _problems[place] = error.strerror or str(error)
    return _problems[place]


class _Locator(_caching.CompileResultCacheImpl._locator_classes[1]):  # type: ignore[misc]
    """Tells numba where the compiled code of a function is; but for that as its own."""

    def __init__(self, function: Callable[..., Any], source: str) -> None:
        super().__init__(function, source)
        self._cache_path = str(_place(Path(source)))

    @classmethod
    def from_function(cls, function: Callable[..., Any], source: str) -> _Locator:
        return cls(function, source)


class _Code(_caching.CompileResultCacheImpl):  # type: ignore[misc]
    _locator_classes = (_Locator,)


class _Cache(_caching.FunctionCache):  # type: ignore[misc]
    """Compiled code that is kept if it can be."""

    _impl_class = _Code

    def load_overload(self, signature: Any, context: Any) -> Any:
        try:
            return super().load_overload(signature, context)
        except (OSError, EOFError, pickle.UnpicklingError):  # a disk was full, or lost its power
            return None

    def save_overload(self, signature: Any, data: Any) -> None:
        try:
            try:
                self._save(signature, data)
            except OSError as error:
                place = Path(self.cache_path)
                _problems[place] = error.strerror or str(error)
                if all(map(_problem, _places(Path(self._py_func.__code__.co_filename)))):
                    make_temporary_folder(f"{place}: cannot be written ({_problems[place]})")
                super().__init__(self._py_func)  # in another place
                self._save(signature, data)
        except OSError as error:
            _warn(error)

    def _save(self, signature: Any, data: Any) -> None:
        try:
            super().save_overload(signature, data)
        except (EOFError, pickle.UnpicklingError):  # what is there cannot be read
            self.flush()
            super().save_overload(signature, data)


def _warn(error: OSError) -> None:
    """Says, once, that compiled code is not kept."""
    global _has_warned
    if not _has_warned:
        _has_warned = True
        _LOG.warning(
            "%s: compiled code cannot be kept (%s) and is compiled again in every run; "
            "set CONCEPT_LINKER_CACHE to a folder that can be written",
            error.filename or "cache",
            error.strerror or error,
        )


if hasattr(os, "register_at_fork"):  # Windows does not fork
    # A child of a process that was compiling in another thread could never compile.
    os.register_at_fork(
        before=global_compiler_lock.acquire,
        after_in_parent=global_compiler_lock.release,
        after_in_child=global_compiler_lock.release,
    )
