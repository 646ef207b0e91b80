#!/usr/bin/env bash
# gradio 6.31.0: an input for files leaves an empty file behind each time that
# it is used, which `delete_cache` does not delete.
#
# Input: a Blocks with a `gr.File` (type='filepath', the default), whose
# function is called five times with one uploaded file; `delete_cache` lets
# all temporary files be deleted every second, and when the app is closed.
# Expected: GRADIO_TEMP_DIR holds the upload while it is used, and nothing
# after the app was closed.
# Seen: the upload is deleted, five empty files `tmp...` stay. `File.preprocess`
# opens a `NamedTemporaryFile(delete=False)` in the folder and renames the
# object, not the file, to the path of the upload (gradio/components/file.py,
# `_process_single_file`). One more stays for each file of each call.
#
# Exit status 0 while this is so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q gradio==6.31.0
export GRADIO_TEMP_DIR=$folder/temporary GRADIO_ANALYTICS_ENABLED=False
export NO_PROXY=127.0.0.1,localhost
mkdir "$GRADIO_TEMP_DIR"
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import os
import time
from pathlib import Path

import gradio
from gradio_client import Client, handle_file

CALLS = 5
temporary = Path(os.environ['GRADIO_TEMP_DIR'])
with gradio.Blocks(analytics_enabled=False, delete_cache=(1, 1)) as blocks:
    given, size = gradio.File(), gradio.Number()
    gradio.Button().click(lambda path: os.path.getsize(path), given, size,
                          api_name='size')
_, url, _ = blocks.launch(prevent_thread_lock=True, quiet=True)
Path('mine.txt').write_text('some text')
client = Client(url, verbose=False)
for _ in range(CALLS):
    assert client.predict(handle_file('mine.txt'), api_name='/size') == 9
client.close()
time.sleep(4)
blocks.close(verbose=False)
time.sleep(1)
left = [path for path in temporary.rglob('*') if path.is_file()]
print('left behind:', [(path.name, path.stat().st_size) for path in left])
assert len(left) == CALLS and {path.stat().st_size for path in left} == {0}
PYTHON
