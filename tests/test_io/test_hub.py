from __future__ import annotations

import huggingface_hub
import pytest
import transformers
from huggingface_hub.errors import HfHubHTTPError

from mmlangseg.io.hub import is_unreachable, why_not_loaded
from mmlangseg.io.huggingface_folder import load_huggingface_config


def answer(error: Exception | None):
    """A hub that answers so; keeps what was asked."""

    def ask(url: str, timeout: float) -> None:
        ask.urls.append(url)
        assert 0 < timeout <= 10
        if error is not None:
            raise error

    ask.urls = []
    return ask


class Refusal(HfHubHTTPError):
    """The hub answers that it does not have the file."""

    def __init__(self) -> None:
        Exception.__init__(self, 'no such file')


@pytest.mark.parametrize('error, unreachable', [
    (ConnectionError('no network'), True),
    (TimeoutError(), True),
    (Refusal(), False),
    (None, False),
])
def test_unreachable(monkeypatch, error, unreachable):
    ask = answer(error)
    monkeypatch.setattr(huggingface_hub, 'get_hf_file_metadata', ask)
    assert is_unreachable('org/none') == unreachable
    url, = ask.urls
    assert url.endswith('/org/none/resolve/main/config.json')
    assert (why_not_loaded('org/none') is None) == (error is None)
    assert not is_unreachable('/no/such/folder')  # which is no name


@pytest.mark.parametrize('error, cache_only', [
    (ConnectionError('no network'), True), (Refusal(), False)
])  # yapf: disable
def test_the_cache_alone_without_a_connection(monkeypatch, error, cache_only):
    """transformers would ask again and again, for half a minute."""
    options = {}

    def load(name, **given):
        options.update(given)
        raise OSError('not here')

    monkeypatch.setattr(huggingface_hub, 'get_hf_file_metadata', answer(error))
    monkeypatch.setattr(transformers.AutoConfig, 'from_pretrained', load)
    with pytest.raises(OSError, match='org/none is no folder'):
        load_huggingface_config('org/none')
    assert options['local_files_only'] == cache_only
