"""Files that are trees of lists, dicts, numbers, texts and arrays."""
from __future__ import annotations
import io
import json
import pickle
import struct
import zlib
from typing import Any

import numpy as np
import torch
from safetensors.torch import load as load_safetensors
from safetensors.torch import save as save_safetensors


def _load_json(data: bytes) -> Any:
    return json.loads(data)


def _dump_json(tree: Any) -> bytes:
    return json.dumps(tree, default=repr).encode()


def _load_jsonl(data: bytes) -> list:
    return [json.loads(line) for line in data.splitlines()]


def _dump_jsonl(tree: Any) -> bytes:
    rows = tree if isinstance(tree, list) else [tree]
    return ''.join(json.dumps(row) + '\n' for row in rows).encode()


def _load_pickle(data: bytes) -> Any:
    return pickle.loads(data)  # of a file that the test has made itself


def _dump_pickle(tree: Any) -> bytes:
    return pickle.dumps(tree, protocol=4)


def _load_checkpoint(data: bytes) -> Any:
    return torch.load(io.BytesIO(data), weights_only=True)


def _dump_checkpoint(tree: Any) -> bytes:
    file = io.BytesIO()
    torch.save(tree, file)
    return file.getvalue()


def _load_npy(data: bytes) -> dict:
    return dict(array=np.load(io.BytesIO(data)))


def _dump_npy(tree: Any) -> bytes:
    file = io.BytesIO()
    values = list(tree.values()) if isinstance(tree, dict) else [tree]
    np.save(file, np.asarray(*values[:1] or [None]), allow_pickle=True)
    return file.getvalue()


def _load_npz(data: bytes) -> dict:
    with np.load(io.BytesIO(data)) as arrays:
        return dict(arrays)


def _dump_npz(tree: Any) -> bytes:
    file = io.BytesIO()
    tree = tree if isinstance(tree, dict) else dict(array=tree)
    np.savez(file, **{str(k): v for k, v in tree.items()})
    return file.getvalue()


def _dump_safetensors(tree: Any) -> bytes:
    """Without truth values, which transformers takes for 0 and 1."""
    tree = tree if isinstance(tree, dict) else dict(array=tree)
    return save_safetensors({
        str(k): v.contiguous()
        for k, v in tree.items()
        if isinstance(v, torch.Tensor) and v.dtype != torch.bool
    })


def _load_candidates(data: bytes) -> dict:
    """The fields of a file of the candidate cache, see its entry.py."""
    head = list(struct.unpack_from('<4sIIIq', data))
    body, number, start, fields = zlib.decompress(data[24:]), head[3], 0, {}
    for name, kind, columns in (('areas', '<u4', 1), ('boxes', '<u2', 4),
                                ('scores', '<f4', 1), ('lengths', '<u4', 1)):
        array = np.frombuffer(body, kind, number * columns, start)
        fields[name], start = array.tolist(), start + array.nbytes
    return dict(head=head[1:], **fields, codes=list(body[start:]))


def _dump_candidates(tree: Any) -> bytes:
    """What does not fit into the fields is brought into their range."""
    tree = tree if isinstance(tree, dict) else {}

    def numbers(name: str, kind: str) -> np.ndarray:
        values = tree.get(name)
        found = [
            float(x) for x in (values if isinstance(values, list) else [])
            if isinstance(x, (int, float))
        ]
        if kind != '<f4':
            limits = np.iinfo(kind)
            found = [
                int(min(max(x, limits.min), limits.max)) for x in found
                if x == x
            ]
        with np.errstate(over='ignore'):
            return np.array(found, kind)

    head = np.resize(numbers('head', '<u4'), 4).tolist()
    body = b''.join(
        numbers(name, kind).tobytes()
        for name, kind in (('areas', '<u4'), ('boxes', '<u2'),
                           ('scores', '<f4'), ('lengths', '<u4'), ('codes',
                                                                   'u1')))
    return struct.pack('<4sIIIq', b'MMLC', *head) + zlib.compress(body)


FORMS = dict(
    candidates=(_load_candidates, _dump_candidates),
    json=(_load_json, _dump_json),
    jsonl=(_load_jsonl, _dump_jsonl),
    pickle=(_load_pickle, _dump_pickle),
    checkpoint=(_load_checkpoint, _dump_checkpoint),
    npy=(_load_npy, _dump_npy),
    npz=(_load_npz, _dump_npz),
    safetensors=(load_safetensors, _dump_safetensors))
