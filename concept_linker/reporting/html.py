"""The skeleton of a self-contained HTML page.

A page loads nothing: its content security policy allows only the style sheet and the script of the
page itself, by their hashes, and images.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable
from hashlib import sha256
from html import escape

__all__ = ["STYLE", "html_page", "security_policy"]

#: Colours, headings and tables that reports share.
STYLE = """
:root { color-scheme: light dark; --ink: light-dark(#1c2430, #e4e8ee);
  --paper: light-dark(#ffffff, #14181f); --faint: light-dark(#d9dee6, #333b47);
  --quiet: light-dark(#5a6675, #9aa6b5); }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.2rem; margin-top: 2.5rem; } h3 { font-size: 1rem; }
p.about { color: var(--quiet); }
table { border-collapse: collapse; margin: .6rem 0 1.2rem; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: .25rem .7rem; border-bottom: 1px solid var(--faint);
  vertical-align: top; }
th.text, td.text { text-align: left; overflow-wrap: anywhere; }
td small { color: var(--quiet); white-space: nowrap; }
.scroll { overflow-x: auto; }
.charts { display: flex; flex-wrap: wrap; gap: 1.5rem; }
figcaption { font-size: .85rem; color: var(--quiet); }
"""


def html_page(
    title: str, style: str, body: Iterable[str], *, script: str = "", images: str = "data:"
) -> str:
    """Returns a page.

    Args:
        title: its title, which is escaped here.
        style: its style sheet.
        body: parts of the body; HTML, so texts in it must be escaped.
        script: its script, at the end of the body; empty for none.
        images: the sources of images that the policy allows.

    >>> "default-src &#x27;none&#x27;" in html_page("Title", "", ["<p>Text</p>"])
    True
    """
    policy = escape(security_policy(style, script=script, images=images))
    end = f"<script>{script}</script>\n" if script else ""
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{style}</style></head>\n<body>\n"
        + "\n".join(body)
        + f"\n{end}</body></html>\n"
    )


def security_policy(style: str, *, script: str = "", images: str = "data:") -> str:
    """Returns a content security policy for one style sheet and at most one script."""
    scripts = f"script-src {_hash(script)}; " if script else ""
    return (
        f"default-src 'none'; {scripts}style-src {_hash(style)}; img-src {images}; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode('ascii')}'"
