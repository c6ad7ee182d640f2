"""Memory that was freed, in a process of its own: what is told an allocator cannot be taken back."""

import platform
import subprocess
import sys

import pytest

BUFFERS, PAGES = 40, 512
"""As many as a slice may have, and of pages each: too few for the system to hand out huge ones."""

TOUCHED_AGAIN = f"""
import resource, sys
sys.argv[1] == "kept" and __import__("connector.cli.process", fromlist=["retain_freed_memory"]).retain_freed_memory()
import numpy as np

def faults(work):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    work()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

def touch():
    [np.ones({PAGES} * 4_096, np.uint8) for _ in range({BUFFERS})]

touch()
print(faults(touch))
"""


def pages_mapped_anew(how: str) -> int:
    command = [sys.executable, "-c", TOUCHED_AGAIN, how]
    return int(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries are not told anything")
def test_what_was_freed_is_there_for_the_next_slice() -> None:
    assert pages_mapped_anew("given back") > BUFFERS * PAGES / 2
    assert pages_mapped_anew("kept") < BUFFERS * PAGES / 100


def test_whoever_sets_up_arrows_allocator_is_left_to_it() -> None:
    said = (
        "import os; os.environ['MIMALLOC_PURGE_DELAY'] = '7'; from connector.core.memory import retain_freed_memory; "
    )
    command = [sys.executable, "-c", f"{said} retain_freed_memory(); print(os.environ['MIMALLOC_PURGE_DELAY'])"]
    assert subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout == "7\n"
