"""Converts formulas to one readable line: MathML without layout, TeX without commands."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from concept_linker.pmc.entities import character_named, character_of
from concept_linker.pmc.safe_xml import XML_SPACE, local_name

if TYPE_CHECKING:
    from lxml.etree import _Element

__all__ = ["math_text", "readable_tex"]

_NO_TEXT = frozenset(("annotation", "annotation-xml"))

#: TeX command → sign. The commands of ``_AS_IN_HTML`` have the same name in HTML.
_SIGNS = {
    "cdot": "·", "circ": "°", "degree": "°", "textdegree": "°", "celsius": "°C", "AA": "Å",
    "infty": "∞", "ldots": "…", "dots": "…", "cdots": "…", "sqrt": "√", "ell": "ℓ", "mid": "|",
    "to": "→", "rightarrow": "→", "leftarrow": "←", "Rightarrow": "⇒", "leftrightarrow": "↔",
    "uparrow": "↑", "downarrow": "↓", "leqslant": "≤", "geqslant": "≥", "upmu": "μ", "textmu": "μ",
    "quad": " ", "qquad": " ", " ": " ", ",": " ", ";": " ", ":": " ", "\\": " ", "{": "{",
    "}": "}", "%": "%", "&": "&", "#": "#", "_": "_", "$": "$",
}  # fmt: skip
_AS_IN_HTML = """alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta iota kappa lambda
    mu nu xi pi rho sigma tau upsilon phi varphi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma
    Upsilon Phi Psi Omega times pm mp div leq geq le ge ne sim simeq approx equiv cong propto in
    notin cup cap forall exist part nabla sum prod int prime ast star bull perp parallel angle
    dagger""".split()
_SIGNS |= {name: character_named(name) or "" for name in _AS_IN_HTML}
#: Functions keep their names.
_SIGNS |= {
    name: f"{name} "
    for name in "log ln exp sin cos tan max min lim arg det sinh cosh tanh cot sup inf".split()
}
#: Commands whose argument is words with blanks, and commands whose argument is not shown.
_WORDS = frozenset("text textrm textit textbf textsf mbox hbox mathrm".split())
_UNSEEN = re.compile(
    r"\\(?:documentclass|usepackage|setlength|begin|end|label|[hv]space|color)\*?"
    r"(?:\[[^\]]{0,200}\])?(?:\{[^{}]{0,200}\}){1,2}"
)
_TOKEN = re.compile(r"\\[A-Za-z]+|\\.|[{}]|[^\\{}]+|\\", re.DOTALL)


def math_text(element: _Element) -> str:
    """Returns MathML as one line; its white space is ignored.

    Raises:
        ArticleError: an entity is defined in the DTD only, which is never read.
    """
    name = local_name(element)
    if not name:
        return character_of(element) + (element.tail or "").strip(XML_SPACE)
    if name in _NO_TEXT:
        return ""
    texts = [(element.text or "").strip(XML_SPACE)]
    for child in element:
        tail = (child.tail or "").strip(XML_SPACE) if local_name(child) else ""
        texts += [math_text(child), tail]
    if name == "mfrac" and len(element) == 2:
        return f"{texts[1]}/{texts[3]}"
    return "".join(texts)


def readable_tex(tex: str) -> str:
    r"""Returns TeX as one line, as far as possible; only the body of a document is read.

    >>> readable_tex(r"\documentclass{x}\begin{document}$$10^{-3}\,\mu m$$\end{document}")
    '10-3 μm'
    >>> readable_tex(r"$\frac{a}{b} \leq \alpha_{1}$")
    'a/b≤α1'
    """
    body = tex.partition(r"\begin{document}")[2] or tex
    body = _UNSEEN.sub("", body.partition(r"\end{document}")[0])
    parts: list[str] = []
    braces: list[tuple[str, bool]] = []  # text after the brace; whether words are around it
    words, follows, begins_words = False, "", False
    for token in _TOKEN.findall(body):
        if token == "{":
            braces.append((follows, words))
            words = words or begins_words
        elif token == "}" and braces:
            end, words = braces.pop()
            parts.append(end)
        elif token[0] == "\\":
            parts.append(_SIGNS.get(token[1:], ""))
        elif token != "}":
            parts.append(token if words else re.sub(r"[\s$^_&]", "", token))
        follows = "/" if token in (r"\frac", r"\dfrac", r"\tfrac") else ""
        begins_words = token[1:] in _WORDS
    return " ".join("".join(parts).replace("~", " ").split())
