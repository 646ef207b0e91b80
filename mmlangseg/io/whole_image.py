"""Whether a sample still shows all of its image."""
from __future__ import annotations


def whole_size(results: dict) -> tuple[float, float] | None:
    """Height and width that all of the image has behind the resize of a
    sample; None without ``ori_shape``, the size of the file."""
    if 'ori_shape' not in results or 'img_shape' not in results:
        return None
    x, y = results.get('scale_factor', (1., 1.))
    height, width = results['ori_shape'][:2]
    return height * y, width * x


def is_whole_image(results: dict) -> bool:
    """Whether no step of a pipeline has cropped or padded an image.

    Most steps that do so leave nothing in the sample, but another size than
    the image has by the factor that a resize leaves there. Of two resizes
    only the last one is known.
    """
    if 'crop_box' in results:  # of RandomResizedCrop
        return False
    size = whole_size(results)
    return size is None or all(
        abs(side - whole) < 1
        for side, whole in zip(results['img_shape'], size))


def require_whole_image(results: dict, name: str, over: str) -> None:
    """Refuse an image that is not whole.

    Masks of the whole image would be stretched over a part of it, or over its
    padding, and lie beside what they are of.

    Args:
        results: The sample.
        name: Of the transform that loads the masks.
        over: What of them lies over the image, for the message.

    Raises:
        ValueError: The image is not whole, see :func:`is_whole_image`.
    """
    if is_whole_image(results):
        return
    if 'crop_box' in results:
        raise ValueError(
            f'{name} must stand before RandomResizedCrop: {over} of the whole '
            'image, but a part is left of it')
    rows, columns = whole_size(results) or (0, 0)
    height, width = results['img_shape'][:2]
    raise ValueError(
        f'{results.get("img_path") or results.get("key")}: {name} must stand '
        'before whatever crops or pads the image, and behind one Resize at '
        f'most: {over} of the whole image, which has {rows:.0f} x '
        f'{columns:.0f} pixels (height, width) here, but there are {height} x '
        f'{width}')
