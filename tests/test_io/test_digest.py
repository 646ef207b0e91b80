"""Files told apart by what they hold."""
from __future__ import annotations
import hashlib

from mmlangseg.io.digest import (digests_of, sha256_of_onnx_data,
                                 sha256_of_weights)


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_weights_that_transformers_reads(tmp_path):
    """One file or several; PyTorch's only where there are no others."""
    for name in ('config.json', 'optimizer.bin', 'sam3.pt'):
        (tmp_path / name).write_bytes(b'no weights')
    assert sha256_of_weights(tmp_path) == {}
    (tmp_path / 'pytorch_model.bin').write_bytes(b'old')
    assert sha256_of_weights(str(tmp_path)) == {
        'pytorch_model.bin': digest(b'old')
    }
    names = [f'model-0000{i}-of-00002.safetensors' for i in (1, 2)]
    for name in reversed(names):
        (tmp_path / name).write_bytes(name.encode())
    found = sha256_of_weights(tmp_path)
    assert found == {name: digest(name.encode()) for name in names}
    assert list(found) == names  # headers are compared, and read by people


def test_names_on_the_hub(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert sha256_of_weights('facebook/sam-vit-huge') == {}
    assert digests_of('facebook/sam-vit-huge') == {}


def test_what_else_predictions_depend_on(tmp_path):
    """The size of images and the words stand in files of their own."""
    for name in ('model.safetensors', 'preprocessor_config.json', 'vocab.txt',
                 'README.md', 'model.safetensors.index.json'):
        (tmp_path / name).write_bytes(name.encode())
    assert digests_of(tmp_path) == dict(
        sha256={'model.safetensors': digest(b'model.safetensors')},
        settings_sha256={
            name: digest(name.encode())
            for name in ('preprocessor_config.json', 'vocab.txt')
        })


def test_data_of_an_onnx_file(tmp_path):
    for name in ('a.onnx', 'a.onnx.data', 'a.onnx_data_1', 'b.onnx.data'):
        (tmp_path / name).write_bytes(name.encode())
    assert sha256_of_onnx_data(tmp_path / 'a.onnx') == {
        name: digest(name.encode())
        for name in ('a.onnx.data', 'a.onnx_data_1')
    }
    assert sha256_of_onnx_data(tmp_path / 'b.onnx').keys() == {'b.onnx.data'}
