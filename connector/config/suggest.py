"""Suggestions for misspelled words."""

from collections.abc import Iterable
from difflib import SequenceMatcher, get_close_matches

_SIMILAR, _SHORTEST = 0.7, 3


def did_you_mean(word: str, allowed: Iterable[str]) -> str:
    """Return ` Did you mean "x"?`, with a space before it, or an empty string if no word is similar."""
    match = nearest(word, allowed)
    return f' Did you mean "{match}"?' if match is not None else ""


def nearest(word: str, allowed: Iterable[str]) -> str | None:
    """Return the allowed word that is most similar, ignoring case and separators, or None."""
    folded = {fold(candidate): candidate for candidate in allowed}
    matches = get_close_matches(fold(word), folded, n=1, cutoff=0.6)
    return folded[matches[0]] if matches else None


def similar_column(word: str, columns: Iterable[str]) -> str:
    """Return ` Did you mean "x"?` for the column that probably holds the same, or an empty string.

    That is one whose words are all spelled alike, else one whose name contains the other: not `guest_tel` for
    `guest_mail`, but `mail`.
    """
    own, folded = fold(word), {fold(column): column for column in columns}
    near = get_close_matches(own, folded, n=len(folded) or 1, cutoff=_SIMILAR)
    contained = sorted((name for name in folded if _contains(own, name)), key=lambda name: -_ratio(own, name))
    match = next((name for name in near if _is_spelled_alike(own, name)), next(iter(contained), None))
    return f' Did you mean "{folded[match]}"?' if match is not None else ""


def _is_spelled_alike(word: str, other: str) -> bool:
    words, others = word.split("_"), other.split("_")
    if len(words) != len(others):
        return word.replace("_", "") == other.replace("_", "")
    return all(_ratio(one, another) >= _SIMILAR for one, another in zip(words, others, strict=True))


def _contains(word: str, other: str) -> bool:
    """Return true if one name contains the other, or the last word of the other if it is one word itself."""
    shorter, longer = sorted((word, other), key=lambda name: name.count("_"))
    pairs = [(shorter, longer)] if "_" in shorter else [(shorter, longer), (shorter, longer.rpartition("_")[2])]
    for pair in pairs:
        part, whole = sorted((name.replace("_", "") for name in pair), key=len)
        if len(part) >= _SHORTEST and part in whole:
            return True
    return False


def _ratio(one: str, other: str) -> float:
    return SequenceMatcher(None, one, other).ratio()


def fold(word: str) -> str:
    """Normalize a word: lower case, underscores for spaces and hyphens, no final question mark."""
    return word.strip().rstrip("?").strip().casefold().replace(" ", "_").replace("-", "_")
