"""What a process has needed so far."""

import resource
import sys
from pathlib import Path


def peak_bytes() -> int:
    """The greatest resident memory of this process.

    What `getrusage` tells begins with the peak of whoever started the process; the file, where there is one, does not.
    """
    status = Path("/proc/self/status")
    if status.exists():
        return int(status.read_text().partition("VmHWM:")[2].split()[0]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
