"""What a brief never says: a word of a verdict, whatever a source wrote."""

from __future__ import annotations

import re

# Stems: what begins with one of these is not printed, be it our word or a source's.
VERDICT_STEMS = (
    "approv", "deny", "denie", "denial", "disapprov", "authoris", "authoriz", "reject", "refus",
    "grant", "certif", "declin", "eligib", "ineligib", "entitle", "covered", "coverage", "reimburs",
    "indicat", "contraindicat", "recommend", "warrant", "justif", "appropriat", "inappropriat",
    "necessar", "unnecessar", "should", "must", "ought", "allow", "disallow", "permit", "qualif",
    "accept", "unaccept", "endors", "advis", "verdict", "criteria met", "meets criteria",
)  # fmt: skip
# What this page has to say of itself.
_OWN_WORDS = ("not medical advice",)
# Covariates are named by their plain fact.
_PLAIN = {
    "contraindicated": "ruled out",
    "contraindication": "reason against",
    "indication": "reason",
}
_STEM = re.compile(r"\b(?:" + "|".join(VERDICT_STEMS) + r")\w*", re.IGNORECASE)
_PLAIN_WORD = re.compile(r"\b(" + "|".join(_PLAIN) + r")\b", re.IGNORECASE)


def verdict_words(text: str) -> list[str]:
    """Return the words of a verdict in a text.

    Examples
    --------
    >>> verdict_words("The request is denied; research use, not medical advice.")
    ['denied']
    """
    for own in _OWN_WORDS:
        text = re.sub(own, "", text, flags=re.IGNORECASE)
    return [match[0] for match in _STEM.finditer(text)]


def plain(text: str) -> str:
    """Return a label with the plain fact in place of a word that also passes a verdict.

    Examples
    --------
    >>> plain("Corticosteroids contraindicated")
    'Corticosteroids ruled out'
    """
    return _PLAIN_WORD.sub(lambda match: _PLAIN[match[1].lower()], text)


def neutral(text: str, instead: str = "") -> str:
    """Return a source's words in one line, or others instead where they hold a verdict's.

    Examples
    --------
    >>> neutral("Gate A: grade 3 or 4 is enough.")
    'Gate A: grade 3 or 4 is enough.'
    >>> neutral("It is recommended.", "it speaks for it")
    'it speaks for it'
    """
    line = plain(" ".join(text.split()))
    return instead if verdict_words(line) else line
