"""Text as it comes in, without white space at its ends."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from connector.transform.sql.text import WHITE_SPACE, is_text
from connector.transform.texts import in_memory

_NOTHING, _NULL = pa.scalar(""), pa.scalar(None, pa.string())


def stripped(column: pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    """A column of text, each value as `str.strip` leaves it, NULL where nothing is left; other columns as they are.

    Most columns are clean, which is seen by the first and the last bytes of their texts: in SQL it costs several
    times as much to find that out.
    """
    if not is_text(column.type):
        return column
    texts = column.cast(pa.string()).combine_chunks()
    bounds, found = in_memory(texts)
    some, characters = np.flatnonzero(np.diff(bounds)), np.frombuffer(found, np.uint8)
    if not (_printed(characters[bounds[some]]) & _printed(characters[bounds[some + 1] - 1])).all():
        texts = pc.utf8_trim(texts, WHITE_SPACE)
        some = some[:0]
    # A NULL has no bytes, or has some that mean nothing: either way it is none of the empty texts.
    if len(some) < len(texts) and pc.any(pc.equal(texts, _NOTHING)).as_py():
        return pc.if_else(pc.equal(texts, _NOTHING), _NULL, texts)
    return texts


def _printed(found: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
    """Which bytes are characters of ASCII that can be seen."""
    return found - ord("!") <= ord("~") - ord("!")
