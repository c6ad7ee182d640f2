"""Access columns of text in memory."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa


def in_memory(texts: pa.StringArray) -> tuple[npt.NDArray[np.int32], memoryview]:
    """Return the start of the first text and the end of each one, and the bytes to which they refer."""
    _, bounds, found = texts.buffers()
    if not len(texts) or found is None:
        return np.zeros(len(texts) + 1, np.int32), memoryview(b"")
    return np.frombuffer(bounds, np.int32)[texts.offset : texts.offset + len(texts) + 1], memoryview(found)
