"""Image files and their pixels: the one decoder of all pipelines and tools."""
from __future__ import annotations
import io
import os
import warnings

import numpy as np
from mmengine.fileio import get
from PIL import Image, ImageOps, UnidentifiedImageError

# Other formats of Pillow run foreign programs.
FORMATS = ('JPEG', 'PNG', 'WEBP', 'GIF', 'BMP', 'TIFF')
# Of their files, in small letters; what else is in a folder is no image.
SUFFIXES = frozenset('.jpg .jpeg .png .webp .gif .bmp .tif .tiff'.split())
# 400 MB as RGB. Pillow itself refuses images of more than 179 megapixels.
MAX_PIXELS = 1 << 27
_DEEP_GRAY = ('I;16', 'I;16L', 'I;16B', 'I;16N', 'I')
_ORIENTATION = 0x0112  # tag of EXIF, 1 for an image that stands upright
_BIT_DEPTH = 24  # where the header of a PNG has it


class ImageFileError(ValueError):
    """A file is no image that can be used; says which, why and what to do."""


def read_image(path: str | os.PathLike,
               *,
               ignore_orientation: bool = False,
               max_pixels: int = MAX_PIXELS,
               backend_args: dict | None = None) -> np.ndarray:
    """Read an image file as :func:`decode_image` does.

    Args:
        path: The file, or anything else that MMEngine's file backends read.
        ignore_orientation: See :func:`decode_image`.
        max_pixels: See :func:`decode_image`.
        backend_args: Of the file backend.

    Returns:
        np.ndarray: uint8 RGB (H, W, 3).

    Raises:
        FileNotFoundError: There is no such file.
        ImageFileError: It is no image that can be used.
    """
    path = os.fspath(path)
    data = get(path, backend_args=backend_args)
    try:
        return decode_image(
            data, ignore_orientation=ignore_orientation, max_pixels=max_pixels)
    except ImageFileError as error:
        raise ImageFileError(
            f'{path} is not an image that can be used: {error}') from error


def decode_image(data: bytes,
                 name: str = 'it',
                 *,
                 ignore_orientation: bool = False,
                 max_pixels: int = MAX_PIXELS,
                 min_size: int = 1) -> np.ndarray:
    """Decode an image to 8 bits of red, green and blue.

    The format is that of the content, whatever the name of the file says.
    Grayscale, palette and CMYK become color; of 16 bits the upper 8 are
    kept; what is transparent lies on white; of an animation or of several
    pages the first picture is taken. Color profiles are not applied.

    It is Pillow that decodes, as in the released LAVT and SemiRES: it says
    size and mode before it takes memory, knows transparency and orientation
    in every format, and does not fill what is cut off with gray. OpenCV drops
    transparency, turns no WebP, and makes do with half a file.

    Args:
        data: Content of the file.
        name: Of the image, for messages.
        ignore_orientation: Whether pixels stay as they are stored, which is
            how label maps of benchmarks lie over them. By default an image is
            turned as its EXIF data say, as people see it. Data that cannot be
            read say nothing.
        max_pixels: Images with more pixels are refused before they are
            decoded: a small file may hold a picture that fills the memory.
        min_size: Images whose shorter side has fewer pixels are refused.

    Returns:
        np.ndarray: uint8 RGB (H, W, 3).

    Raises:
        ImageFileError: The data are no image, damaged, cut off or refused.
    """
    if not data:
        raise ImageFileError(f'{name} is empty. Download or copy it again')
    try:
        with _open(data) as image:
            _check_size(image.size, name, max_pixels, min_size)
            if ignore_orientation and image.format == 'TIFF' \
                    and image.getexif().get(_ORIENTATION, 1) != 1:
                raise ImageFileError(
                    f'{name} is a TIFF with an orientation, which Pillow '
                    'cannot ignore. Convert it to .png as it is stored')
            image.load()
            if not ignore_orientation:
                _turn(image)
            if image.mode == 'F':
                raise ImageFileError(
                    f'{name} has pixels of floating point, whose range '
                    'nothing says. Save it with 8 bits')
            return np.asarray(_to_rgb(image, data))
    except (ImageFileError, MemoryError):
        raise
    except Image.DecompressionBombError:
        raise ImageFileError(
            f'{name} has too many pixels for Pillow, and more than '
            f'max_pixels={max_pixels}. Make it smaller') from None
    except UnidentifiedImageError:  # whose text names an object of Python
        raise ImageFileError(
            f'{name} is none of {", ".join(FORMATS)}, or damaged from the '
            'beginning on. Download it again, or convert it to .jpg, .jpeg, '
            '.png or .webp') from None
    except Exception as error:  # a damaged file raises almost anything
        reason = str(error) or type(error).__name__
        raise ImageFileError(f'{name} is damaged or cut off: {reason}. '
                             'Download or copy it again') from error


def _open(data: bytes) -> Image.Image:
    with warnings.catch_warnings():  # `max_pixels` is the limit
        warnings.simplefilter('ignore', Image.DecompressionBombWarning)
        return Image.open(io.BytesIO(data), formats=FORMATS)


def _check_size(size: tuple[int, int], name: str, max_pixels: int,
                min_size: int) -> None:
    width, height = size
    if width * height > max_pixels:
        raise ImageFileError(f'{name} has {width} x {height} pixels, more '
                             f'than max_pixels={max_pixels}. Make it smaller, '
                             'or raise the limit where it is loaded')
    if min(size) < min_size:
        raise ImageFileError(f'{name} has {width} x {height} pixels, less '
                             f'than min_size={min_size} on a side')


def _turn(image: Image.Image) -> None:
    try:
        ImageOps.exif_transpose(image, in_place=True)
    except MemoryError:
        raise
    except Exception:  # the pixels were read, so it is the EXIF data
        pass


def _to_rgb(image: Image.Image, data: bytes) -> Image.Image:
    if image.format == 'PNG':
        _narrow_transparency(image, data[_BIT_DEPTH])
    if image.mode in _DEEP_GRAY:  # Pillow would cut off above 255
        image = _narrow(image)
    if image.has_transparency_data:
        rgba = image.convert('RGBA')
        white = Image.new('RGBA', rgba.size, 'white')
        image = Image.alpha_composite(white, rgba)
    return image.convert('RGB')


def _narrow(image: Image.Image) -> Image.Image:
    """Upper 8 of 16 bits, with transparency as a channel."""
    deep = np.asarray(image).astype(np.int64).clip(0, 65535)
    gray = Image.fromarray((deep >> 8).astype(np.uint8))
    if 'transparency' in image.info:
        visible = deep != image.info['transparency']
        gray.putalpha(Image.fromarray(visible.astype(np.uint8) * 255))
    return gray


def _narrow_transparency(image: Image.Image, depth: int) -> None:
    """Bring the color that is transparent to 8 bits, as Pillow brings the
    pixels, but not this color."""

    def narrow(value: int) -> int:
        return value >> 8 if depth == 16 else value * 255 // (2**depth - 1)

    clear = image.info.get('transparency')
    if image.mode == 'L' and isinstance(clear, int):
        image.info['transparency'] = narrow(clear)
    elif image.mode == 'RGB' and isinstance(clear, tuple):
        image.info['transparency'] = tuple(narrow(value) for value in clear)
