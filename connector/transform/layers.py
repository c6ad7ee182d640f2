"""SELECTs stacked on one another, so that an expression can use what was computed below it."""

from collections.abc import Sequence


class Layers:
    """Named expressions, each in a numbered layer; an expression may name columns of lower layers."""

    def __init__(self) -> None:
        self._layers: dict[int, dict[str, str]] = {}

    def put(self, layer: int, name: str, expression: str) -> str:
        """Adds `expression AS name` to `layer` and gives the name."""
        self._layers.setdefault(layer, {})[name] = expression
        return name

    def select(self, columns: Sequence[str], below: str) -> str:
        """The whole query over the relation `below`, which has a column row_number."""
        parts: list[str] = []
        previous = below
        for number, layer in sorted(self._layers.items()):
            body = ",\n    ".join(["*", *(f"{expression} AS {name}" for name, expression in layer.items())])
            parts.append(f"layer_{number} AS (\n  SELECT\n    {body}\n  FROM {previous}\n)")
            previous = f"layer_{number}"
        return "WITH " + ",\n".join(parts) + f"\nSELECT {', '.join(columns)}\nFROM {previous}"
