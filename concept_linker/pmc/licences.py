"""Licence codes as PMC writes them, such as ``CC BY``, ``CC0``, ``CC BY-NC``."""

from __future__ import annotations

import re

from concept_linker.errors import SettingsError
from concept_linker.runtime.registry import list_names

__all__ = ["CODES", "DEFAULT", "licence_code", "licence_of_url", "parse_licences"]

#: The codes of the Open Access Subset.
CODES = ("CC0", "CC BY", "CC BY-SA", "CC BY-ND", "CC BY-NC", "CC BY-NC-SA", "CC BY-NC-ND")
#: Licences that allow any use and redistribution.
DEFAULT = ("CC BY", "CC0")

_URL = re.compile(
    r"creativecommons\.org/(?:licen[sc]es/(by(?:-nc)?(?:-nd|-sa)?)|publicdomain/(zero))\b", re.I
)
_KEYS = {re.sub("[^A-Z0-9]", "", code): code for code in CODES}


def licence_code(written: str) -> str:
    """Returns the code of a licence in any spelling, or an empty string.

    >>> licence_code("cc-by-nc"), licence_code("CC BY 4.0"), licence_code("TDM")
    ('CC BY-NC', 'CC BY', '')
    """
    without_version = re.sub(r"[\s-]+\d+\.\d+\s*$", "", written.strip())
    return _KEYS.get(re.sub(r"[\s_-]", "", without_version).upper(), "")


def licence_of_url(url: str) -> str:
    """Returns the code of a licence's URL, or an empty string.

    >>> licence_of_url("http://creativecommons.org/licenses/by/4.0/")
    'CC BY'
    """
    match = _URL.search(url)
    if not match:
        return ""
    return "CC0" if match[2] else f"CC {match[1].upper()}"


def parse_licences(written: str) -> tuple[str, ...]:
    """Parses a comma-separated list of codes.

    >>> parse_licences("CC-BY,CC0")
    ('CC BY', 'CC0')

    Raises:
        SettingsError: a code is unknown, or the list is empty.
    """
    codes = []
    for one in written.split(","):
        code = licence_code(one)
        if not code:
            known = list_names(code.replace(" ", "-") for code in CODES)
            raise SettingsError(f"licence is {one.strip()!r}, expected {known}")
        codes.append(code)
    return tuple(dict.fromkeys(codes))
