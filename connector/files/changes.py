"""How the columns of one file differ from those of another, in words."""

from collections.abc import Iterator, Sequence

_SHOWN = 10


def column_changes(before: Sequence[str], after: Sequence[str]) -> str:
    """Say which columns are new, gone, renamed or moved; nothing when they are alike.

    A column is renamed when one is gone and a new one stands at its place.
    """
    return "; ".join(_changes(before, after))


def _changes(before: Sequence[str], after: Sequence[str]) -> Iterator[str]:
    gone = [name for name in before if name not in after]
    new = [name for name in after if name not in before]
    renamed = _renamed(before, after) if len(before) == len(after) else {}
    for old, name in list(renamed.items())[:_SHOWN]:
        yield f'column {after.index(name) + 1} is renamed from "{old}" to "{name}"'
    if len(renamed) > _SHOWN:
        yield f"{len(renamed) - _SHOWN:,} more are renamed"
    if some := [name for name in new if name not in renamed.values()]:
        yield f"new: {_listed(some)}"
    if some := [name for name in gone if name not in renamed]:
        yield f"gone: {_listed(some)}"
    kept = [renamed.get(name, name) for name in before if name in after or name in renamed]
    if kept != [name for name in after if name in kept]:
        yield f"the order is now {_listed(after)}"


def _renamed(before: Sequence[str], after: Sequence[str]) -> dict[str, str]:
    pairs = zip(before, after, strict=True)
    return {old: new for old, new in pairs if old not in after and new not in before}


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
    return ", ".join(f'"{name[:60]}"' for name in names[:_SHOWN]) + more
