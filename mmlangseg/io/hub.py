"""Whether a model is on HuggingFace's hub."""
from __future__ import annotations
import os

HUB_SECONDS = 10


def why_not_loaded(name: str) -> str | None:
    """Say why transformers will not find a network, if it will not.

    It asks the hub once, where a download repeats a request that fails for
    half a minute and more.

    Args:
        name: Folder, or name on the hub.

    Returns:
        str | None: Such as 'there is no such folder'; None if it is there.
    """
    if os.path.isdir(name):
        return None
    from huggingface_hub import (get_hf_file_metadata, hf_hub_url,
                                 try_to_load_from_cache)
    from huggingface_hub.errors import HFValidationError
    try:
        if isinstance(try_to_load_from_cache(name, 'config.json'), str):
            return None
        get_hf_file_metadata(
            hf_hub_url(name, 'config.json'), timeout=HUB_SECONDS)
    except HFValidationError:  # a path, which no model is called
        return 'there is no such folder'
    except Exception as error:  # no connection, no such model, no permission
        return ('the hub was not reached or does not have it '
                f'({type(error).__name__})')
    return None


def is_unreachable(name: str) -> bool:
    """Whether the hub does not answer, as without a connection.

    Args:
        name: Of a model on it.
    """
    from huggingface_hub import get_hf_file_metadata, hf_hub_url
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError
    try:
        get_hf_file_metadata(
            hf_hub_url(name, 'config.json'), timeout=HUB_SECONDS)
    except (HFValidationError, HfHubHTTPError):  # no name, or an answer
        return False
    except Exception:  # of many kinds
        return True
    return False
