"""Whether a text is in another language than English: by its script, else by the little words that a language cannot do without."""

from __future__ import annotations

import re

FEWEST = 8
"""Words below which nothing is said of a text in Latin letters."""
LEAST = 0.12
"""Share of little words, of those that are not English, from which on a text is taken to be in another language."""
ENGLISH = "the of and to a in is that it for on with as are this you be or not can by have from an i"
OTHERS = {
    "Spanish": "el los las una del que en por para con se su como más es lo al no pero",
    "French": "le les des une et est dans pour qui sur avec ce il elle ne pas vous je sont au",
    "German": "der das und ist nicht ein eine zu mit von den für auf sich ich sie wird dem im auch",
    "Portuguese": "os um uma da dos não na para mais como ao por que em se",
    "Italian": "il gli di che per non sono una della nel con si più le",
    "Dutch": "de het een van en dat niet op te zijn voor met ik er",
    "Swedish, Danish, Norwegian": "och att det som på är av för inte jag till og ikke til er",
    "Polish": "nie się jest na że to jak dla",
    "Turkish": "bir ve bu için ile da de çok",
    "Indonesian": "yang dan untuk dengan ini itu dari tidak adalah",
    "Vietnamese": "các và của là không cho một được",
}
"""The little words of other languages in Latin letters."""

_ENGLISH = frozenset(ENGLISH.split())
_OTHERS = frozenset(" ".join(OTHERS.values()).split()) - _ENGLISH
_WORDS = re.compile(r"[^\W\d_]+")
_LATIN = re.compile(r"[a-z\u00c0-\u024f\u1e00-\u1eff]", re.IGNORECASE)


def foreign(text: str) -> bool:
    """Whether `text` is in another language than English: most of its letters are not Latin, or its little words are not English.

    Lists of names, code and formulas have no little words and are not foreign.
    """
    words = _WORDS.findall(text.lower())
    letters = sum(map(len, words))
    if letters and 2 * len(_LATIN.findall(text)) < letters:
        return True
    if len(words) < FEWEST:
        return False
    others = sum(word in _OTHERS for word in words)
    return others >= LEAST * len(words) and others > sum(word in _ENGLISH for word in words)
