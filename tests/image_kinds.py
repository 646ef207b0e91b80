"""Small image files of every kind, each with the pixels that it shows."""
from __future__ import annotations
import io
import struct
import zlib

import numpy as np
from PIL import Image

HEIGHT, WIDTH = 12, 16
RGB = np.random.default_rng(0).integers(
    0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
GRAY = RGB[..., 0]
# every upper byte, with lower bytes that would round it up
DEEP = (GRAY.astype(np.uint16) << 8) + 200
HIDDEN = np.arange(WIDTH) % 3 == 0  # columns that are transparent
ORIENTATION = 0x0112


def encode(image: np.ndarray | Image.Image,
           form: str = 'PNG',
           **options) -> bytes:
    """An image in a format of Pillow."""
    if isinstance(image, np.ndarray):
        image = Image.fromarray(image)
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def encode_png(rows: np.ndarray,
               depth: int,
               color: int,
               clear: bytes = b'',
               size: tuple = (WIDTH, HEIGHT)) -> bytes:
    """A PNG of bytes (H, row), of a kind that Pillow does not write."""
    parts = [(b'IHDR', struct.pack('>IIBBBBB', *size, depth, color, 0, 0, 0))]
    if clear:
        parts.append((b'tRNS', clear))
    data = b''.join(b'\0' + row.tobytes() for row in rows)
    parts += [(b'IDAT', zlib.compress(data)), (b'IEND', b'')]
    return b'\x89PNG\r\n\x1a\n' + b''.join(
        struct.pack('>I', len(body)) + name + body +
        struct.pack('>I', zlib.crc32(name + body)) for name, body in parts)


def exif(orientation: int) -> Image.Exif:
    """EXIF data that say nothing else."""
    data = Image.Exif()
    data[ORIENTATION] = orientation
    return data


def color(gray: np.ndarray) -> np.ndarray:
    """Gray (H, W) as RGB."""
    return np.repeat(gray[..., None], 3, 2)


def on_white(rgb: np.ndarray) -> np.ndarray:
    """With the hidden columns."""
    return np.where(HIDDEN[:, None], 255, rgb).astype(np.uint8)


def _palette() -> tuple[np.ndarray, list[int]]:
    """Indices, and a palette that has black twice."""
    return GRAY // 64, [0, 0, 0, 200, 0, 0, 0, 90, 255, 0, 0, 0]


def make_kinds() -> dict[str, tuple[bytes, np.ndarray, bool]]:
    """Content, RGB (H, W, 3), and whether EXIF data turn it, by name."""
    alpha = np.where(HIDDEN, 0, 255).astype(np.uint8) + 0 * GRAY
    deep = DEEP.astype('>u2')
    deep_rgb = ((RGB.astype(np.uint16) << 8) + 77).astype('>u2')
    hidden_rgb = deep_rgb.copy()
    hidden_rgb[:, HIDDEN] = (0x1234, 0x5678, 0x9abc)
    hidden_gray = deep.copy()
    hidden_gray[:, HIDDEN] = 0x1234
    four = np.where(HIDDEN, 5, GRAY // 17 % 5).astype(np.uint8)
    indices, table = _palette()
    palette = Image.fromarray(indices).convert('P')
    palette.putpalette(table)
    colors = np.array(table, np.uint8).reshape(-1, 3)[indices]
    bits = Image.fromarray(GRAY > 128)
    cmyk = Image.fromarray(RGB).convert('CMYK')
    shown = np.where((indices == 2)[..., None], 255, colors).astype(np.uint8)
    kinds = {
        'rgb.png': (RGB, encode(RGB)),
        'rgb.bmp': (RGB, encode(RGB, 'BMP')),
        'rgb.webp': (RGB, encode(RGB, 'WEBP', lossless=True)),
        'gray.png': (color(GRAY), encode(GRAY)),
        'gray16.png': (color(GRAY), encode(DEEP)),
        'gray16.tiff': (color(GRAY), encode(DEEP, 'TIFF')),
        'rgb16.png': (RGB, encode_png(deep_rgb, 16, 2)),
        'bits.png': (color((GRAY > 128) * np.uint8(255)), encode(bits)),
        'la.png':
        (on_white(color(GRAY)),
         encode(Image.merge('LA', list(map(Image.fromarray, (GRAY, alpha)))))),
        'rgba.png': (on_white(RGB), encode(np.dstack([RGB, alpha]))),
        'rgba.webp': (on_white(RGB),
                      encode(np.dstack([RGB, alpha]), 'WEBP', lossless=True)),
        'rgba16.png':
        (on_white(RGB),
         encode_png(
             np.dstack([deep_rgb,
                        alpha.astype(np.uint16) * 257]).astype('>u2'), 16, 6)),
        'rgb16_transparent.png':
        (on_white(RGB),
         encode_png(hidden_rgb, 16, 2,
                    struct.pack('>HHH', 0x1234, 0x5678, 0x9abc))),
        'gray16_transparent.png': (on_white(color(GRAY)),
                                   encode_png(hidden_gray, 16, 0,
                                              struct.pack('>H', 0x1234))),
        'gray4_transparent.png': (on_white(color(17 * four)),
                                  encode_png(four[:, ::2] << 4 | four[:, 1::2],
                                             4, 0, struct.pack('>H', 5))),
        'palette.png': (colors, encode(palette)),
        'palette_transparent.png': (shown, encode(palette, transparency=2)),
        'palette.gif': (shown, encode(palette, 'GIF', transparency=2)),
        'animated.webp': (RGB,
                          encode(
                              RGB,
                              'WEBP',
                              lossless=True,
                              save_all=True,
                              append_images=[Image.fromarray(255 - RGB)])),
        'animated.png': (RGB,
                         encode(
                             RGB,
                             save_all=True,
                             append_images=[Image.fromarray(255 - RGB)])),
        'cmyk.tiff': (np.asarray(cmyk.convert('RGB')), encode(cmyk, 'TIFF')),
        'damaged_exif.png': (RGB, encode(RGB, exif=b'Exif\0\0junkjunkjunk')),
        'damaged_exif.webp':
        (RGB, encode(RGB, 'WEBP', lossless=True, exif=b'Exif\0\0II*\0')),
    }
    kinds = {name: (data, rgb, False) for name, (rgb, data) in kinds.items()}
    for form in ('webp', 'png'):
        options = dict(lossless=True) if form == 'webp' else {}
        # stored so that a quarter to the right, or half a turn, gives RGB
        for orientation, stored in ((6, np.rot90(RGB)), (3, np.rot90(RGB, 2))):
            kinds[f'turned_{orientation}.{form}'] = (encode(
                np.ascontiguousarray(stored),
                form.upper(),
                exif=exif(orientation),
                **options), RGB, True)
    return kinds


KINDS = make_kinds()
