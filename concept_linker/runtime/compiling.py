"""Compilation with numba, with a cache that works in more places.

numba itself fails if it can write neither to the folder of the source nor to the user's home.  Here
the cache is the first writable one of ``NUMBA_CACHE_DIR``, the folder of the source, the library's
cache (:func:`~concept_linker.runtime.resources.cache_folder`) and a temporary folder.  If none is
writable, a read-only cache that was filled earlier is used, as in a container image.  Code that
cannot be cached is compiled again in every run.
"""

from __future__ import annotations

import hashlib
import logging
import os
import pickle
import tempfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numba
from numba.core import caching, config
from numba.core.compiler_lock import global_compiler_lock

from concept_linker.runtime.resources import cache_folder, make_temporary_folder, temporary_folder

__all__ = ["njit"]

_LOG = logging.getLogger(__name__)
# A full disk or a power failure left half a file, or it names a class that is elsewhere by now.
_UNREADABLE = (EOFError, pickle.UnpicklingError, ImportError, AttributeError)
# Some versions of numba have types, others do not.
_caching: Any = caching
_config: Any = config
# Folders that were tried, and why they are not writable.
_problems: dict[Path, str | None] = {}
_has_warned = False


def njit(*, cache: bool, **options: Any) -> Callable[[Callable[..., Any]], Any]:
    """``numba.njit`` with this module's cache.

    Args:
        cache: whether compiled code is cached.
        options: the options of ``numba.njit``.
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
    """Returns the folder of a module's cache: writable, or else filled earlier."""
    places = list(_places(source))
    for place in places:
        if _problem(place) is None:
            return place
    for place in places:
        if any(place.glob(f"{source.stem}.*.nbi")):
            return place
    return places[-1]


def _places(source: Path) -> Iterator[Path]:
    subfolder: str = _Locator.get_suitable_cache_subpath(str(source))
    if _config.CACHE_DIR:
        yield Path(_config.CACHE_DIR, subfolder)
    yield source.parent / "__pycache__"
    yield cache_folder() / "numba" / subfolder
    if temporary := temporary_folder():
        yield temporary / "numba" / subfolder


def _problem(place: Path) -> str | None:
    """Creates a folder; returns why it is not writable, or ``None`` if it is."""
    if place not in _problems:
        try:
            place.mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=place).close()
            _problems[place] = None
        except OSError as error:
            _problems[place] = error.strerror or str(error)
    return _problems[place]


def _folders(function: Callable[..., Any], known: frozenset[Path] = frozenset()) -> set[Path]:
    """Returns the folders of a function and of the kernels that it can call, however deep."""
    folder = Path(function.__code__.co_filename).parent
    found = {folder}
    if folder not in known:
        for value in list(function.__globals__.values()):
            kernel = getattr(value, "py_func", None)
            if kernel is not None:
                found |= _folders(kernel, known | found)
    return found


@cache
def _stamp(folder: Path) -> str:
    """Returns the names, sizes and times of the modules in a folder."""
    files = ((path.name, path.stat()) for path in sorted(folder.glob("*.py")))
    return repr([(name, status.st_size, status.st_mtime_ns) for name, status in files])


class _Locator(_caching.CompileResultCacheImpl._locator_classes[1]):  # type: ignore[misc]
    """Tells numba where the cache of a function is."""

    def __init__(self, function: Callable[..., Any], source: str) -> None:
        super().__init__(function, source)
        self._function = function
        self._cache_path = str(_place(Path(source)))

    def get_source_stamp(self) -> str:
        """Returns a checksum that changes with all code that may be compiled in.

        numba looks at the function's own file only.  But kernels that it calls and constants that
        it imports are compiled in too; so the stamp covers the folders of all of them.
        """
        stamps = (_stamp(folder) for folder in sorted(_folders(self._function)))
        return hashlib.sha256("".join(stamps).encode()).hexdigest()

    @classmethod
    def from_function(cls, function: Callable[..., Any], source: str) -> _Locator:
        return cls(function, source)


class _Code(_caching.CompileResultCacheImpl):  # type: ignore[misc]
    _locator_classes = (_Locator,)


class _Cache(_caching.FunctionCache):  # type: ignore[misc]
    """A cache that ignores errors of reading and writing."""

    _impl_class = _Code

    def load_overload(self, signature: Any, context: Any) -> Any:
        try:
            return super().load_overload(signature, context)
        except (OSError, *_UNREADABLE):
            return None

    def save_overload(self, signature: Any, data: Any) -> None:
        try:
            try:
                self._save(signature, data)
            except OSError as error:
                place = Path(self.cache_path)
                _problems[place] = error.strerror or str(error)
                if all(map(_problem, _places(Path(self._py_func.__code__.co_filename)))):
                    make_temporary_folder(f"{place} is not writable ({_problems[place]})")
                super().__init__(self._py_func)  # in another folder
                self._save(signature, data)
        except OSError as error:
            _warn(error)

    def _save(self, signature: Any, data: Any) -> None:
        try:
            super().save_overload(signature, data)
        except _UNREADABLE:
            self.flush()
            super().save_overload(signature, data)


def _warn(error: OSError) -> None:
    """Logs, once, that compiled code is not cached."""
    global _has_warned
    if not _has_warned:
        _has_warned = True
        _LOG.warning(
            "%s: compiled code cannot be cached (%s) and is compiled again in every run; "
            "set CONCEPT_LINKER_CACHE to a writable folder",
            error.filename or "cache",
            error.strerror or error,
        )


if hasattr(os, "register_at_fork"):  # Windows does not fork
    # If another thread was compiling at the fork, the child would inherit a lock nobody releases.
    os.register_at_fork(
        before=global_compiler_lock.acquire,
        after_in_parent=global_compiler_lock.release,
        after_in_child=global_compiler_lock.release,
    )
