"""The word that a misspelt one was probably meant to be."""

from collections.abc import Iterable
from difflib import get_close_matches


def did_you_mean(word: str, allowed: Iterable[str]) -> str:
    """Give ` Did you mean "x"?`, with the space before it, or the empty string when nothing comes near."""
    match = nearest(word, allowed)
    return f' Did you mean "{match}"?' if match is not None else ""


def nearest(word: str, allowed: Iterable[str]) -> str | None:
    """Give the allowed word that comes nearest, whatever its case and separators, or None."""
    folded = {fold(candidate): candidate for candidate in allowed}
    matches = get_close_matches(fold(word), folded, n=1, cutoff=0.6)
    return folded[matches[0]] if matches else None


def fold(word: str) -> str:
    """Take a word without its case, and with underscores for spaces, hyphens and a final question mark."""
    return word.strip().rstrip("?").strip().casefold().replace(" ", "_").replace("-", "_")
