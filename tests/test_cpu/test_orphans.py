"""Worker processes end with the process that started them."""
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

CONVERTERS = Path(__file__).resolve().parents[2] / 'tools/dataset_converters'

SCRIPT = '''
import sys, time
sys.path.insert(0, {converters!r})
from convert_files import run_jobs

def work(seconds):
    print('at work', flush=True)
    time.sleep(seconds)

if __name__ == '__main__':
    jobs = {{str(i): (600, ) for i in range(3)}}
    run_jobs(work, jobs, workers=3, chunksize=1)
'''


def test_workers_end_when_the_parent_is_killed(tmp_path):
    script = tmp_path / 'parent.py'
    script.write_text(SCRIPT.format(converters=str(CONVERTERS)))
    parent = subprocess.Popen([sys.executable, str(script)],
                              stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL,
                              start_new_session=True)
    try:
        seen = b''
        while seen.count(b'at work') < 3:
            line = parent.stdout.readline()
            assert line, 'the parent ended by itself'
            seen += line
        parent.send_signal(signal.SIGKILL)
        # The workers hold the other end of the pipe until they end.
        rest, _ = parent.communicate(timeout=60)
    finally:
        with suppress(ProcessLookupError):  # none of the group is left
            os.killpg(parent.pid, signal.SIGKILL)
    assert b'at work' not in rest and parent.returncode == -signal.SIGKILL
