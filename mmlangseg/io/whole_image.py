"""Whether a sample still shows all of its image."""
from __future__ import annotations


def require_whole_image(results: dict, name: str, over: str) -> None:
    """Refuse an image that a step of the pipeline has cropped or padded.

    Masks of the whole image would be stretched over a part of it, or over its
    padding, and lie beside what they are of. Most steps that do so leave
    nothing in the sample, but another size than the image has by the factor
    that a resize leaves there.

    Args:
        results: The sample. Without ``ori_shape``, the size of the file, and
            ``img_shape`` only :class:`RandomResizedCrop` is seen.
        name: Of the transform that loads the masks.
        over: What of them lies over the image, for the message.

    Raises:
        ValueError: The image is not whole.
    """
    if 'crop_box' in results:
        raise ValueError(
            f'{name} must stand before RandomResizedCrop: {over} of the whole '
            'image, but a part is left of it')
    if 'ori_shape' not in results or 'img_shape' not in results:
        return
    height, width = results['img_shape'][:2]
    x, y = results.get('scale_factor', (1., 1.))
    rows, columns = results['ori_shape'][0] * y, results['ori_shape'][1] * x
    if abs(height - rows) >= 1 or abs(width - columns) >= 1:
        raise ValueError(
            f'{results.get("img_path") or results.get("key")}: {name} must '
            'stand before whatever crops or pads the image, and behind one '
            f'Resize at most: {over} of the whole image, which has {rows:.0f} '
            f'x {columns:.0f} pixels (height, width) here, but there are '
            f'{height} x {width}')
