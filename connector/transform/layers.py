"""Stack SELECTs, so that an expression can use the results of lower layers."""

import re
from collections.abc import Iterable, Sequence

_NAME = re.compile(r"[A-Za-z_]\w*")


class Layers:
    """Named expressions, each in a numbered layer; an expression may name columns of lower layers."""

    def __init__(self) -> None:
        self._layers: dict[int, dict[str, str]] = {}
        self._usual: dict[str, str] = {}

    def put(self, layer: int, name: str, expression: str) -> str:
        """Add `expression AS name` to `layer` and return the name."""
        self._layers.setdefault(layer, {})[name] = expression
        return name

    def put_usual(self, name: str, expression: str) -> None:
        """Replace the expression of a name in queries over usual rows."""
        self._usual[name] = expression

    def select(self, columns: Sequence[str], below: str, *, usual: bool = False) -> str:
        """Return the query for `columns` over the relation `below`, which has a column row_number."""
        if usual:
            return self._of_usual().select(columns, below)
        parts: list[str] = []
        previous, needed = below, self.read(columns)
        for number, whole in sorted(self._layers.items()):
            layer = {name: expression for name, expression in whole.items() if name in needed}
            if not layer:
                continue
            body = ",\n    ".join(["*", *(f"{expression} AS {name}" for name, expression in layer.items())])
            parts.append(f"layer_{number} AS (\n  SELECT\n    {body}\n  FROM {previous}\n)")
            previous = f"layer_{number}"
        return "WITH " + ",\n".join(parts) + f"\nSELECT {', '.join(columns)}\nFROM {previous}"

    def _of_usual(self) -> "Layers":
        layers = Layers()
        for number, layer in self._layers.items():
            for name, expression in layer.items():
                layers.put(number, name, self._usual.get(name, expression))
        return layers

    def read(self, columns: Iterable[str]) -> frozenset[str]:
        """Return the names of all expressions, and of the columns below them, that `columns` are computed from.

        Words in literals count as names: at worst an expression too many is kept.
        """
        names = {name for column in columns for name in _NAME.findall(column)}
        for _, layer in sorted(self._layers.items(), reverse=True):
            for name in layer.keys() & names:
                names.update(_NAME.findall(layer[name]))
        return frozenset(names)
