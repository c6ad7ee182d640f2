"""Suggestions for misspelled words."""

from collections.abc import Iterable
from difflib import get_close_matches


def did_you_mean(word: str, allowed: Iterable[str]) -> str:
    """Return ` Did you mean "x"?`, with a space before it, or an empty string if no word is similar."""
    match = nearest(word, allowed)
    return f' Did you mean "{match}"?' if match is not None else ""


def nearest(word: str, allowed: Iterable[str]) -> str | None:
    """Return the allowed word that is most similar, ignoring case and separators, or None."""
    folded = {fold(candidate): candidate for candidate in allowed}
    matches = get_close_matches(fold(word), folded, n=1, cutoff=0.6)
    return folded[matches[0]] if matches else None


def fold(word: str) -> str:
    """Normalize a word: lower case, underscores for spaces and hyphens, no final question mark."""
    return word.strip().rstrip("?").strip().casefold().replace(" ", "_").replace("-", "_")
