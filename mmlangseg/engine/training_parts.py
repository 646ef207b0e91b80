from __future__ import annotations


def drop_training_parts(model: dict) -> None:
    """Leave out of a model's config what only its training needs.

    These are checkpoints to begin with and, of S-Seg, the network that makes
    pseudo-masks; other models divide images by them.

    Args:
        model: Config of the model, which is changed.
    """
    if str(model.get('type')).split('.')[-1] == 'SSeg':
        model.update(pseudo_mask_generator=None, mask_loss=None)
    _drop_checkpoints(model)


def _drop_checkpoints(node: dict | list | tuple) -> None:
    if isinstance(node, dict):
        start = node.get('init_cfg')
        if isinstance(start, dict) and start.get('type') == 'Pretrained':
            node['init_cfg'] = None
    children = node.values() if isinstance(node, dict) else node
    for child in children:
        if isinstance(child, (dict, list, tuple)):
            _drop_checkpoints(child)
