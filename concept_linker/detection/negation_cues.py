"""The cues by which captions say that something is absent, and what ends their scope.

``SCAN`` finds them in one pass over a text in lower case with single spaces and plain apostrophes;
the group that matched is the kind of cue (:mod:`concept_linker.detection.negation` says what each
does). The first kind that matches at a place counts. No part may repeat a pattern that matches the
same text in several ways, so that the scan is linear in the text.
"""

from __future__ import annotations

import re

__all__ = ["EVIDENCE", "HINT", "SCAN", "SEEN"]

EVIDENCE = (
    "evidence|signs?|sings|presence|recurrences?|areas?|regions?|focus|foci|features?|suggestions?|"
    "indications?|manifestations?|findings?|symptoms?|forms?|kinds?|types?|traces?|residue|degree|"
    "amounts?|cases?|history|possibility|appearances?|development|occurrences?|episodes?|incidence|"
    "suspicion|mention|images?|complaints?"
)
SEEN = (
    "seen|visuali[sz]ed|visible|identified|detect(?:ed|able)|observed|found|demonstrated|noted|"
    "present|evident|appreciated|apparent|recogni[sz]ed|delineated|revealed|identifiable|"
    "discern(?:ible|able)|appreciable|palpable|depicted|imaged|noticed|encountered|existent|exist|located|locali[sz]ed|elicited|occur(?:red)?"
)
_BE = (
    r"(?:(?:is|are|was|were|be|been|has|have|had|can|could|may|might|would|appear(?:s|ed)?|"
    r"remain(?:s|ed)?|tested|became|becomes?|proved|returned|came\sback|turned\sout)\s(?:to\s)?)"
)
_NOT = r"(?:not|cannot|(?:is|are|was|were|has|have|had|do|does|did|could|would|ca|wo|should)n'?t)"
_SHOWS = (
    r"show|reveal|demonstrate|detect|identify|display|exhibit|have(?!\s\w+ed)|contain|find|see|"
    "visuali[sz]e|confirm|disclose|depict|present|develop|suggest|cause|produce|receive|involve|"
    "include|use|require|need|undergo|induce|manifest|experience|report|form|express|carry|"
    "harbou?r|achieve|allow|permit|support|represent|indicate|delineate|discern|appreciate|locate|"
    "complain\\sof"
)
_GONE = "disappeared|vanished|subsided|cleared|resolved|excluded|ruled[-\\s]out"
_LOST = (
    "absent|missing|invisible|unseen|undetect(?:ed|able)|unidentifiable|indiscernible|non-?existent|"
    "gone|nil|lacking(?!\\s\\w)|negative(?!\\s(?:for|pressure|control|predict|correlat|feedback)\\b)"
)
# What may follow a word that refers to the text before it.
_END = r"(?=\s?(?:[.,;:!?)\]\n]|$))"
_AFTER = (
    r"(?=\s?(?:[.,;:!?)\]\n]|$)|\s(?:in|on|at|by|with|after|following|and|via|using|within|during|"
    "over|under|through|as|due|because|since|but|while|without|if|when|until|before|prior)\\b)"
)

_WORDS = {
    "pseudo": r"""
        no\s(?:doubt|question\b|wonder|images?(?!\sof\b)|more|less|matter|one|sooner
            |fewer|(?:later|longer|earlier)\sthan)\b
        | no-\w+ | (?<=[:/])no\b | no\.?\s?\d+ | no\.\sof\b
        | (?:no|without|lack\sof|failed\sto|failure\sto|unable\sto|insufficient\sto|difficult\sto)\s
            (?:(?:any|the|significant|complete|interval|total|further|spontaneous|definite|
                apparent|partial|(?:EVIDENCE)\sof)\s){0,2}
            (?:resolution|disappearance|clearing|absence|exclusion|regression|exclud(?:e|ing)|
                rul(?:e|ing)\sout)\b
        | without\s(?!includ|hav|show)\w+ing\s(?:the|an?|any|its|their)\b
        | (?:BE){0,3}NOT\s(?:
            (?:(?:be|been|being|yet|to|\w+ly)\s){0,4}(?:exclud(?:e[ds]?|ing)|rul(?:e[ds]?|ing)\sout|
                resol(?:v\w+|ution)|disappear\w*|subside[ds]?|vanish\w*|regress\w*|lack(?:ing)?|
                free|devoid|negative|without|absent|missing|
                clear(?:ed)?(?=\s(?:whether|if|completely|from)\b))\b
            | (?:been\s|be\s)?(?:SEEN)\s(?:previously|before|earlier|here|initially|
                (?:at|on|in)\s(?:this|these|prior|previous|initial|earlier|other|
                    the\s(?:prior|previous|initial|first|earlier|present|shown)))
            | (?:been\s)?(?:previously|hitherto)\s\w+
            | only|merely|just|simply|solely|necessarily|certain\w*|sure|known|
                shown(?!\s(?:any|an?|evidence)\b)|reported|applicable|to\sscale|always|uncommon\w*|unusual\w*|infrequent\w*|until|before
            | (?:clearly|well|fully|completely|adequately|entirely|easily|significant\w*)\s\w+
            | (?:due|related|attributable|associated|connected|secondary)\b)
        | (?:presence|present)(?:\s(?:and|or|and/or)\s|/)(?:absence|absent)\b
        | (?:absence|absent)(?:\s(?:and|or|and/or)\s|/)(?:presence|present)\b
        | (?:positive|negative)(?:\s(?:and|or|and/or)\s|/)(?:positive|negative)\b
        | (?:with|without)(?:\s(?:and|or|and/or)\s|/)(?:with|without) | whether\sor\snot | if\snot
        | (?:to|tor)\s(?:rule\sout|exclude)
        | (?:should|must|to|can|may|might|could)\sbe\s(?:excluded|ruled\sout)
        | (?:BE){0,3}(?:\w+ly\s)?excluded\sfrom\b
        | (?:partial|incomplete|near|nearly|almost|near-complete|high|higher|low|spatial|temporal|
            image|lateral|isotropic|angular|energy|\d\S{0,8}|(?:near|nearly|almost)\scomplete)[-\s]
            (?:resolution|disappearance|regression|absence)
        | (?:partially|partly|incompletely|poorly|spatially|temporally|clearly|well|un)[-\s]?
            (?:resolved|cleared|subsided|disappeared|regressed)
        """,
    "after": r"""
        (?:do|does|did)(?:\snot|n'?t)\s(?:occur|exist)\b
        | (?<!\bdo\s)(?<!\bdoes\s)(?<!\bdid\s)(?!do(?:es)?n'?t|didn'?t)
            (?!(?:has|have|had)(?:\snot|n'?t)\s(?!been))
            (?:BE){0,3}(?:NOT|no\slonger|never)\s(?:(?:yet|been|be|being|longer|actually|anymore|readily|
            directly|otherwise|to\sbe|at\sall)\s){0,4}(?:SEEN)\b
        | (?:BE){1,2}(?:(?:also|both|all|now|\w+ly)\s){0,2}
            (?<!\bhas\s)(?<!\bhave\s)(?<!\bhad\s)(?:LOST)\b
        | absent(?=\s?(?:[,.;:)\]\n]|$)|\s(?:in|on|at|from|and)\b)
        | (?:BE){1,3}(?:(?:now|since|also|almost|been|\w+ly)\s){0,3}(?:GONE)\b
        | (?:BE){1,2}(?:shown|found|noted|seen)\sto\s(?:have\s|be\s)
            (?:disappeared|resolved|absent)\b
        | (?:\w{4,12}ly\s)?(?:disappeared|vanished)\b | (?:completely|totally)\sregressed\b
        | (?:excluded|ruled[-\s]out)AFTER
        | (?:(?:completely|totally|spontaneously|fully)\s)?resolved(?=\s?(?:[.,;:)\]\n]|$)|
            \s(?:after|following|spontaneously|completely|within|without|by|under)\b)
        | (?:negative|lacking|denied|nil|none(?:\s(?:SEEN))?)END
        """,
    "listed": r"""
        den(?:y|ies|ied|ying|ial\sof)\b(?:(?:\s(?:any|all|of|the|following|symptoms)){0,5}\s?:)?
        """,
    "before": r"""
        (?:no|without|nor|neither|w/o)\s(?:any\s|the\s)?(?:\w+\s){0,2}?(?:EVIDENCE)\s
            (?:of|for|to\ssuggest|suggesting|(?:consistent|compatible)\swith|
            (?:suggestive|indicative|suspicious)\s(?:of|for))\b
        | NOT\s(?:any\s|an?\s)?(?:EVIDENCE)\s(?:of|for)\b
        | (?:has|have|had)(?:\snot|n'?t)\s(?:shown|revealed|demonstrated|detected|identified|found|
            developed|had|displayed|disclosed|produced|undergone|received)\s(?=\w)
        | nil\b
        | no\b(?![-.]) | without\b | w/o\b | neither\b | nor\b | never\b
        | nothing\sto\ssuggest | none\sof
        | (?:absence|lack|disappearance|resolution|vanishing|non-?visuali[sz]ation)\sof\b
            (?:\s(?:the\s)?(?:EVIDENCE)\sof\b)?
        | (?:complete|interval|total)\s(?:clear(?:ing|ance)|regression)\sof\b
        | lack(?:s|ing|ed)\b | devoid\sof | free\s(?:of|from)\b | clear(?:ed)?\sof\b
        | instead\sof | rather\sthan
        | (?:ruled|ruling|rules)\sout(?:\sfor\b)? | (?<=\w\s)exclud(?:ed|es)\s(?!the\s)(?=\w)
        | NOT\s(?:(?:clearly|actually|to)\s)?(?:SHOWS)\b
        | not\s(?:(?:suggestive|suspicious|indicative|typical|characteristic)\s(?:of|for)|
            (?:consistent|compatible|accompanied)\s(?:with|by))\b
        | not\s(?:show|reveal|demonstrat|contain|exhibit|hav|display|involv|includ|requir|allow|
            permit|suggest)\w*(?:\s(?:any\s)?(?:EVIDENCE)\sof\b)?
        | (?:fail(?:s|ed|ing|ure)?|unable|inability|impossible|not\spossible)\sto\s(?:SHOWS)\b
        | (?:be|been|is|are|was|were|easily|commonly|often)\s
            (?:mistaken|misinterpreted|misdiagnosed)\s(?:for|as)\b
        | no\slonger\b
        | absent\b(?!\s(?:or|and)\b) | missing\s(?!from|in|on|at|or|and|data|values?)(?=\w)
        | resolved\s(?!after|following|with|by|in|on|at|over|under|within|and|spontan|complet|
            two|three|\d)(?=\w)
        """,
    "negative": r"(?:neg(?:ative|\.)?|unremarkable)\sfor\b",
    "whole": r"""
        negative\s(?:[\w-]+\s){0,2}(?:tests?|cultures?|smears?|serology|cytology|pcr|titers?|
            biops(?:y|ies))\b
        """,
    "next": r"NOT\s(?:\w+ly\s)?(?:a\s|an\s|the\s|any\s)?",
    "link": r"(?:suggestive|suspicious|indicative|diagnostic|typical|characteristic)\s(?:of|for)\b",
    "stop": r"""
        and\s(?=(?:an?|the|there|this|these|that|its|their|his|her|also|only|is|are|was|were|with|
            has|have|then|thus|thereby|so|normal|intact|patent|preserved|correct|similar|comparable|
            mild|moderate|severe|marked|increased|decreased|reduced|thickened|dilated|enlarged|restricted|
            multiple|bilateral|small|large|scarce|good|clear|complete|still|irregular|improved|
            shows?|confirm\w*|return|continued|\w+ing|to|of|in|from|\d\S{0,20})\b)
        | (?:but|however|although|though|except|besides|while|whereas|yet|which|who|whose|
            that|where|when|until|unless|because|since|despite|otherwise|therefore|then|
            apart\sfrom|other\sthan|aside\sfrom|due\sto|secondary\sto|owing\sto|as\swell\sas|
            consistent\swith|compatible\swith|such\sas|after|before|following|prior\sto)\b
        | (?:is|are|was|were|has|have|had|can|could|may|did|does|appears?|remains?|became|causing|
            caused|causes|leading|resulting|mimicking|representing|followed|arising|located|
            extending|seen|visible|noted|identified|detected|observed|found)\b
        | (?:show|demonstrat|reveal|indicat|suggest|confirm|display|exhibit|depict|illustrat|
            report)(?:s|ed|es|ing)?\b
        """,
    "place": r"""
        (?:in|within|inside|on|at|into|onto|to|from|around|along|near|through|throughout|over|
            under|behind|between|among|above|below|beneath|beyond|during|with|by|for|as|like|per|via|
            across|against|towards?|outside|adjacent|surrounding|compared|
            considering|regarding|concerning|affecting|involving|of)\b
        """,
}
# "Effusion: none", "Fracture? No."
_ANSWER = r"""
    \s?(?:[:?=]|\s[-–—])\s?(?:none(?:\s(?:SEEN))?|nil|no|nothing|absent|negative|neg|[-–−]ve|
        not\s(?:SEEN)|excluded|ruled\sout|denied|resolved)END
    | \s[-–−]ve END
    """
_MARK = r"[.!?](?:'|”)?(?=\s|$) | [;:\n] | \s[-–—]\s | —"
_MINUS = r"(?<!\w)[-–−]ve\sfor\b"


def _filled(part: str) -> str:
    for word, choices in (
        *(("EVIDENCE", EVIDENCE), ("SEEN", SEEN), ("SHOWS", _SHOWS), ("GONE", _GONE)),
        *(("LOST", _LOST), ("NOT", _NOT), ("BE", _BE), ("END", _END), ("AFTER", _AFTER)),
    ):
        part = part.replace(word, choices)
    return part


def _compiled() -> re.Pattern[str]:
    words = "|".join(f"(?P<{name}>{_filled(part)})" for name, part in _WORDS.items())
    return re.compile(
        rf"(?=[a-z])\b(?<!-)(?:{words})|"
        rf"(?=[,.!?;:=\s–—−-])(?:(?P<answer>{_filled(_ANSWER)})|(?P<mark>{_MARK})|"
        rf"(?P<comma>,)|(?P<minus>{_MINUS}))",
        re.X,
    )


def _hint() -> re.Pattern[str]:
    """Grouped by the first letter, which is three times as fast; most texts have no cue."""
    beginnings = r"""
        no\b not\b nor\b none\b nothing\b non[-–‐\s] non-?visuali non-?existent never\b neither\b
        nil\b neg(?:ative)?\b cannot\b without\b w/o\b free\b clear\sof\b cleared\b complete\sclear
        interval\sclear total\sclear absen lack devoid fail unable\b inability\b impossible\b
        unremarkable\b unseen\b undetect unidentif invisible\b indiscern gone\b mistaken\b misinter
        misdiag rule[sd]\b ruling\b exclude[sd]\b instead\b rather\b missing\b resol regress
        disappear vanish subsided\b den(?:y|ied|ies|ying|ial)\b isnt\b arent\b wasnt\b werent\b
        hasnt\b havent\b hadnt\b doesnt\b dont\b didnt\b couldnt\b wouldnt\b cant\b wont\b
        shouldnt\b ve\b(?<=[-–−]ve)
        """.split()
    letters = sorted({word[0] for word in beginnings})
    groups = "|".join(
        f"{letter}(?:{'|'.join(word[1:] for word in beginnings if word[0] == letter)})"
        for letter in letters
    )
    return re.compile(rf"\b(?:(?=[{''.join(letters)}])(?:{groups})|['’‘ʼ´`]t\b)")


SCAN = _compiled()
#: Matches every lower-case text with a cue; a quick test.
HINT = _hint()
