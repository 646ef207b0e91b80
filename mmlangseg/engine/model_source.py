"""What a user may name as a model: a config, a folder, a name on the hub."""
from __future__ import annotations
import json
import os
from types import EllipsisType
from typing import Any

from mmengine.config import Config

from mmlangseg.cli.command_line import is_hub_name
from mmlangseg.cli.config_keys import change_config, read_config
from mmlangseg.cli.config_path import find_config
from mmlangseg.io.hub import HUB_SECONDS
from .model_folder import (MANIFEST, ModelFolderError, is_model_folder,
                           read_model_folder)

_PATTERNS = ['*.json', '*.txt', '*.safetensors', '*.model']


def open_model(model: str | os.PathLike | Config,
               checkpoint: str | os.PathLike | None | EllipsisType = ...,
               options: dict[str, Any] | None = None,
               takes: str | None = None) -> tuple[Config, str | None]:
    """Read the config of a model and find its weights.

    Args:
        model: A config, its file or its name in the metafiles, which need a
            checkpoint; or a folder of
            ``tools/publish_model.py``, or the name of one on the hub, such as
            ``name/model`` or ``name/model@revision``.
        checkpoint: File of the weights, or a URL; None keeps the initial
            weights. Leave it out where the model has its weights: in its
            folder, or by ``model.pretrained`` of the config.
        options: Values of ``--cfg-options``.
        takes: What the model is asked by, 'classes' or 'sentences'; then it
            may also be a public one, see
            :func:`mmlangseg.prompted.public_config`.

    Returns:
        tuple[Config, str | None]: The config, and the weights to be loaded
        into its model, None for none.

    Raises:
        OSError: There is no such file or folder, nor a model on the hub.
        ValueError: The folder is damaged, or there is a checkpoint too many
            or too few.
        SystemExit: See :func:`read_config`.
    """
    if isinstance(model, Config):
        return model, _weights(model, checkpoint, model.filename)
    name = find_config(os.fspath(model))
    if os.path.isfile(name):
        config = read_config(name, options) if options else \
            Config.fromfile(name)
        return config, _weights(config, checkpoint, name)
    if checkpoint is not ...:
        kind = 'a model folder' if os.path.isdir(name) else 'no config file'
        raise ValueError(f'{name} is {kind}, but a checkpoint is given: '
                         'folders have their own, so leave it out; else give '
                         'the file of the config')
    if takes is not None and _is_public(name):
        from mmlangseg.prompted import public_config
        try:
            config, weights = public_config(name, takes), None
        except OSError as error:  # its cause is what the hub has said
            raise _not_found(name, error.__cause__ or error) from error
    else:
        config, weights = read_model_folder(find_model_folder(name))
    if options:
        change_config(config, config.filename or name, options, ())
    return config, weights


def find_model_folder(name: str) -> str:
    """The folder of a published model, from the hub if need be.

    Args:
        name: Path of a folder, or a name on the hub.

    Raises:
        FileNotFoundError: It is neither.
    """
    if os.path.isdir(name):
        return name
    if not is_hub_name(name):
        raise FileNotFoundError(f'{name} does not exist')
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError
    repository, _, revision = name.partition('@')
    try:
        folder = snapshot_download(
            repository, revision=revision or None, allow_patterns=_PATTERNS)
    except HFValidationError:
        raise FileNotFoundError(f'{name} does not exist') from None
    except Exception as error:  # of many kinds, by the connection
        raise _not_found(name, error) from error
    if not is_model_folder(folder):
        raise ModelFolderError(
            f'{name} on the hub is no model folder, as it has no {MANIFEST}: '
            'see docs/public_models.md for the models of transformers that '
            'are known by name, or give a config and a checkpoint')
    return folder


def _not_found(name: str, error: BaseException) -> OSError:
    lines = str(error).strip().splitlines() or ['']
    return OSError(
        f'{name} is no file or folder, and was not found on the hub or in its '
        f'cache ({type(error).__name__}: {lines[0][:200]}); where there is no '
        'connection, download the model elsewhere and give its folder')


def _is_public(name: str) -> bool:
    """Whether a name is that of a model of transformers, and not of one of
    ours, which only a connection, or the hub's cache, can tell."""
    if os.path.isdir(name):
        return not is_model_folder(name) and _is_of_transformers(name)
    if not is_hub_name(name) or '@' in name:
        return False
    from huggingface_hub import (get_hf_file_metadata, hf_hub_url,
                                 try_to_load_from_cache)
    from huggingface_hub.errors import EntryNotFoundError
    try:  # once: downloads repeat a request that fails for half a minute
        get_hf_file_metadata(hf_hub_url(name, MANIFEST), timeout=HUB_SECONDS)
    except EntryNotFoundError:
        return True
    except Exception:  # which `find_model_folder` explains
        return [
            isinstance(try_to_load_from_cache(name, file), str)
            for file in (MANIFEST, 'config.json')
        ] == [False, True]
    return False


def _is_of_transformers(folder: str) -> bool:
    try:
        with open(os.path.join(folder, 'config.json'), 'rb') as file:
            config = json.load(file)
    except (OSError, ValueError):
        return False
    return isinstance(config, dict) and 'model_type' in config


def _weights(config: Config, checkpoint: Any, name: str | None) -> str | None:
    if checkpoint is not ...:
        return None if checkpoint is None else str(checkpoint)
    model = config.get('model', {})
    # that of mmseg's models is of their backbone
    if model.get('pretrained') and 'backbone' not in model:
        return None
    raise ValueError(
        f'{name or "the config"} needs a checkpoint, the file of its trained '
        'weights: without one give a model folder, as tools/publish_model.py '
        'writes it, or a config whose model.pretrained names a public model')
