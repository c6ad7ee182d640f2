"""Colours of SQL and YAML, by classes of the style sheet."""

from functools import lru_cache

from markupsafe import Markup


@lru_cache(maxsize=64)
def highlighted(text: str, language: str) -> Markup:
    """Return a text as HTML with colours; `language` is the name of a lexer. Everything in the text is escaped."""
    from pygments import highlight
    from pygments.formatters.html import HtmlFormatter
    from pygments.lexers import get_lexer_by_name

    formatter = HtmlFormatter(nowrap=True, classprefix="h-")
    return Markup(highlight(text, get_lexer_by_name(language, stripnl=False), formatter))  # noqa: S704 - it escapes
