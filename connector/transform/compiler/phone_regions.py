"""Compile the region of a row's phone numbers without a country code: its phone_region, else its country."""

from collections.abc import Iterator

from connector.catalogue import Kind
from connector.transform.binding import Binding
from connector.transform.compiler.context import Level, literal
from connector.transform.layers import Layers
from connector.transform.sql.identity import UNMARKED, country_code
from connector.transform.sql.text import is_text, lower, text_of

_REGIONS = ("phone_region", "country")


def put_unknown_country(layers: Layers, binding: Binding) -> str | None:
    """Put whether the text that says where a row's phone numbers belong is no country; None if nothing says it."""
    if (country := put_country_of_phones(layers, binding)) is None:
        return None
    small = layers.put(Level.NORMAL, "region_small", lower(country))
    return layers.put(Level.CLEAN, "region_unknown", f"({small} IS NOT NULL AND {country_code(small)} IS NULL)")


def put_country_of_phones(layers: Layers, binding: Binding) -> str | None:
    """Put the text that says where a row's phone numbers belong, the first there is; None if nothing says it."""
    texts = [text for name in _REGIONS for text in _region_texts(binding, name)]
    return layers.put(Level.GIVEN, "region_of_phones", f"coalesce({', '.join(texts)})") if texts else None


def region_placeholders(binding: Binding) -> list[str]:
    """Return the conditions that a word for no value was given for where a row's phone numbers belong."""
    fields = (field for name in _REGIONS for field in binding.fields.get(name, ())[:1])
    return [f"c{field.index} < {UNMARKED}" for field in fields if is_text(field.kind)]


def _region_texts(binding: Binding, name: str) -> Iterator[str]:
    if constant := binding.constants.get(name):
        yield literal(constant.value, Kind.REGION)
    for field in binding.fields.get(name, ())[:1]:
        text = text_of(f"c{field.index}", field.kind)
        yield f"CASE WHEN {text} >= {UNMARKED} THEN {text} END" if is_text(field.kind) else text
