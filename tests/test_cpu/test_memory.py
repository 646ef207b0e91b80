"""keep_freed_memory changes the whole process: tested in one of its own."""
import platform
import subprocess
import sys

import pytest

SCRIPT = """
import resource, torch
from mmlangseg.cpu.memory import keep_freed_memory
if KEEP:
    assert keep_freed_memory()
faults = []
for _ in range(20):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    block = torch.ones(12_000_000)  # 48 MB, more than glibc keeps
    del block
    faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
print(sum(faults[-3:]))
"""


@pytest.mark.skipif(
    platform.libc_ver()[0] != 'glibc', reason='only glibc has these settings')
def test_freed_memory_is_used_again():

    def faults(keep):
        script = SCRIPT.replace('KEEP', str(keep))
        out = subprocess.run([sys.executable, '-c', script],
                             capture_output=True,
                             text=True,
                             check=True)
        return int(out.stdout)

    returned = faults(False)
    assert returned > 3000  # a page is 4 kB, or larger
    assert faults(True) < returned / 10
