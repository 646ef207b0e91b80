from __future__ import annotations
import io
import pickle
import struct
import zlib

import mmcv
import numpy as np
import pytest
from mmengine.registry import init_default_scope
from mmseg.registry import TRANSFORMS
from PIL import Image

from mmlangseg.sseg.datasets import BrokenPairError
from mmlangseg.sseg.transforms import LoadPairImage

RGB = np.random.default_rng(0).integers(0, 255, (10, 14, 3), dtype=np.uint8)


def encode(image, form='PNG', **kwargs) -> bytes:
    if isinstance(image, np.ndarray):
        image = Image.fromarray(image)
    file = io.BytesIO()
    image.save(file, form, **kwargs)
    return file.getvalue()


def load(data: bytes, **kwargs) -> np.ndarray:
    results = LoadPairImage(**kwargs)(dict(img_bytes=data, key='a.tar/1'))
    image = results['img']
    assert 'img_bytes' not in results and results['seg_fields'] == []
    assert results['ori_shape'] == results['img_shape'] == image.shape[:2]
    assert image.dtype == np.uint8 and image.shape[2] == 3
    assert image.flags.c_contiguous
    return image


def test_registered():
    init_default_scope('mmseg')
    transform = TRANSFORMS.build(dict(type='LoadPairImage', min_size=2))
    assert 'min_size=2' in repr(pickle.loads(pickle.dumps(transform)))


@pytest.mark.parametrize('form', ['PNG', 'JPEG', 'WEBP'])
def test_color(form):
    data = encode(RGB, form)
    expected = mmcv.imfrombytes(data, backend='pillow')
    assert np.array_equal(load(data), expected)
    if form == 'PNG':
        assert np.array_equal(load(data), RGB[..., ::-1])


def test_from_path(tmp_path):
    path = tmp_path / '1.png'
    path.write_bytes(encode(RGB))
    results = LoadPairImage()(dict(img_path=str(path)))
    assert np.array_equal(results['img'], RGB[..., ::-1])
    with pytest.raises(
            BrokenPairError, match='2.png: image is unusable: .*No'):
        LoadPairImage()(dict(img_path=str(tmp_path / '2.png')))


@pytest.mark.parametrize('orientation', [1, 3, 6, 7])
def test_exif(orientation):
    image = Image.fromarray(RGB)
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encode(image, 'JPEG', exif=exif)
    expected = mmcv.imfrombytes(data, backend='pillow')
    assert np.array_equal(load(data), expected)
    assert load(data).shape[0] == (10 if orientation < 5 else 14)


def test_grayscale():
    gray = RGB[..., 0]
    for data in (encode(gray), encode(gray, 'JPEG', quality=100)):
        loaded = load(data)
        assert (loaded == loaded[..., :1]).all()
        assert np.abs(loaded[..., 0].astype(int) - gray).max() < 4


def test_deep_grayscale():
    """16 bits keep their upper half; Pillow alone gives white."""
    deep = np.array([[0, 256, 32768, 65535]], np.uint16).repeat(8, 0)
    loaded = load(encode(deep), min_size=4)
    assert loaded[0, :, 0].tolist() == [0, 1, 128, 255]


def test_black_and_white():
    image = Image.fromarray(RGB[..., 0] > 128)
    assert set(np.unique(load(encode(image)))) == {0, 255}


def test_palette():
    image = Image.fromarray(RGB).quantize(16)
    expected = np.asarray(image.convert('RGB'))[..., ::-1]
    assert np.array_equal(load(encode(image)), expected)


def test_cmyk():
    data = encode(Image.fromarray(RGB).convert('CMYK'), 'JPEG', quality=95)
    assert np.array_equal(load(data), mmcv.imfrombytes(data, backend='pillow'))


@pytest.mark.parametrize('mode', ['RGBA', 'LA', 'P'])
def test_transparent_is_white(mode):
    pixels = np.zeros((8, 8, 4), np.uint8)  # black below, half of it hidden
    pixels[:, 4:, 3] = 255
    image = Image.fromarray(pixels).convert(mode)
    kwargs = {}
    if mode == 'P':
        image = Image.fromarray(pixels[..., 3] // 255).convert('P')
        image.putpalette([0, 0, 0, 0, 0, 0])
        kwargs = dict(transparency=0)
    loaded = load(encode(image, **kwargs))
    assert (loaded[:, :4] == 255).all() and (loaded[:, 4:] == 0).all()


def test_half_transparent():
    pixels = np.full((8, 8, 4), 128, np.uint8)
    pixels[..., :3] = 0
    assert np.abs(load(encode(pixels)).astype(int) - 127).max() <= 1


def test_first_of_an_animation():
    frames = [Image.fromarray(RGB), Image.fromarray(255 - RGB)]
    data = encode(
        frames[0],
        'WEBP',
        save_all=True,
        append_images=frames[1:],
        lossless=True)
    assert np.array_equal(load(data), RGB[..., ::-1])


def test_small_images():
    """Pixels that visits are counted with, and lines, teach nothing."""
    for size in ((1, 1), (7, 14)):
        data = encode(RGB[:size[0], :size[1]])
        with pytest.raises(
                BrokenPairError,
                match=f'{size[1]} x {size[0]} pixels, less than min_size=8'):
            load(data)
        assert load(data, min_size=1).shape == (*size, 3)
    assert load(encode(RGB[:8, :8])).shape == (8, 8, 3)


@pytest.mark.parametrize('data', [b'<html>404</html>', b'GIF', b'\0' * 100])
def test_unknown_formats(data):
    with pytest.raises(BrokenPairError) as error:
        load(data)
    assert str(error.value) == (
        'a.tar/1: image is unusable: it is none of JPEG, PNG, WEBP, GIF, BMP, '
        'TIFF, or damaged from the beginning on. Download it again, or '
        'convert it to .jpg, .jpeg, .png or .webp')


def test_unknown_format_of_a_file(tmp_path):
    path = tmp_path / '1.jpg'
    path.write_bytes(b'<html>')
    with pytest.raises(
            BrokenPairError, match=rf'^1: .*: {path} is none of JPEG'):
        LoadPairImage()(dict(img_path=str(path), key='1'))


def broken_files() -> dict[str, bytes]:
    jpeg, png = encode(RGB, 'JPEG'), encode(RGB)
    return {
        'empty': b'',
        'text': b'<html>404</html>',
        'a program': encode(RGB, 'EPS'),
        'cut off JPEG': jpeg[:len(jpeg) * 2 // 3],
        'cut off PNG': png[:len(png) // 2],
        'header only': jpeg[:20],
        'damaged PNG': png.replace(b'IDAT', b'IDAX'),
        'cut off WebP': encode(RGB, 'WEBP')[:60],
    }


@pytest.mark.parametrize('name', broken_files())
def test_broken(name):
    with pytest.raises(BrokenPairError, match='a.tar/1: image is unus') as e:
        load(broken_files()[name])
    assert e.value.part == 'image'
    assert pickle.loads(pickle.dumps(e.value)).part == 'image'


@pytest.mark.parametrize('side', [10000, 1 << 30])
def test_decompression_bomb(side, recwarn):
    """Some bytes that say they are gigabytes of pixels."""
    data = encode(np.zeros((2, 2), np.uint8))
    chunk = b'IHDR' + struct.pack('>II', side, side) + data[24:29]
    bomb = data[:12] + chunk + struct.pack('>I', zlib.crc32(chunk)) + data[33:]
    with pytest.raises(BrokenPairError, match='pixels'):
        load(bomb)
    with pytest.raises(BrokenPairError, match='14 x 10 pixels, more than max'):
        load(encode(RGB), max_pixels=139)
    assert load(encode(RGB), max_pixels=140).size
