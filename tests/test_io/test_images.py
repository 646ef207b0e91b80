"""Every path from the file of an image to its pixels gives the same ones."""
from __future__ import annotations
import struct
import sys
import warnings
import zlib
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from image_kinds import HEIGHT, KINDS, RGB, WIDTH, encode, encode_png, exif
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.registry import TRANSFORMS
from PIL import Image

import mmlangseg.semires  # noqa: F401  (both register the loaders)
import mmlangseg.sseg  # noqa: F401
from mmlangseg.apis.images import image_pipeline, open_image
from mmlangseg.io.images import (FORMATS, ImageFileError, decode_image,
                                 read_image)
from mmlangseg.io.load_image import (IMAGE_LOADERS, LoadImage,
                                     ignores_orientation)
from mmlangseg.sseg.datasets import BrokenPairError

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / 'tools' / 'semires'))

import generate_candidates  # noqa: E402

OWN = {
    'refcoco.py', 'own_images.py', 'own_pairs.py', 'semires_toy.py',
    'toy_web.py'
}
# Their label maps were drawn on the pixels as they are stored.
BENCHMARKS = {
    'sseg_imagenet_s.py', 'sseg_lvis.py', 'sseg_test_images.py',
    'sseg_evaluation.py', 'sseg_ade20k.py', 'sseg_coco_object.py',
    'sseg_coco_object80.py', 'sseg_coco_stuff.py', 'sseg_context59.py',
    'sseg_context60.py', 'sseg_voc20.py', 'sseg_voc21.py'
}


@pytest.fixture(autouse=True)
def scope():
    init_default_scope('mmseg')


def loaders_in(value) -> list[dict]:
    """Everything in a config that loads an image."""
    if isinstance(value, dict):
        found = [x for item in value.values() for x in loaders_in(item)]
        if str(value.get('type')).split('.')[-1] in IMAGE_LOADERS:
            found.append(dict(value))
        return found
    if isinstance(value, (list, tuple)):
        return [x for item in value for x in loaders_in(item)]
    return []


def config_loaders() -> dict[str, list[dict]]:
    """The loaders of every file that has some, without repetition."""
    paths = [*(ROOT / 'configs/_base_/datasets').glob('*.py'),
             ROOT / 'configs/sseg/toy/sseg_toy_plus.py']  # yapf: disable
    found = {}
    for path in paths:
        loaders = loaders_in(Config.fromfile(path)._cfg_dict.to_dict())
        unique = {repr(sorted(x.items())): x for x in loaders}
        if unique:
            found[path.name] = list(unique.values())
    return found


LOADERS = config_loaders()


@pytest.mark.parametrize('name', KINDS)
def test_decoding(name):
    data, rgb, _ = KINDS[name]
    image = decode_image(data)
    assert image.dtype == np.uint8
    assert np.array_equal(image, rgb)


def test_configs_have_one_reader():
    """OpenCV's and Pillow's pixels of MMCV differ from those of inference."""
    assert OWN | BENCHMARKS | {'sseg_plus.py', 'cc12m.py'} <= set(LOADERS)
    for path, loaders in LOADERS.items():
        for loader in loaders:
            assert loader['type'] in ('LoadImage', 'LoadPairImage'), path
            ignored = loader.get('ignore_orientation', False)
            if path in OWN | BENCHMARKS:
                assert ignored == (path in BENCHMARKS), path


@pytest.mark.parametrize('name', KINDS)
def test_all_paths_agree(name, tmp_path):
    """Training, testing, candidates, pairs, pictures, and inference."""
    data, rgb, turned = KINDS[name]
    path = tmp_path / name
    path.write_bytes(data)
    args = SimpleNamespace(ignore_orientation=False)
    seen = dict(
        inference=open_image(path)[1],
        pictures=mmlangseg.visualization.read_image(str(path)),
        candidates=generate_candidates.load_image(path, args, (HEIGHT, WIDTH)))
    configs = {
        repr(loader): loader
        for loaders in LOADERS.values()
        for loader in loaders
    }
    for title, config in configs.items():
        if config.get('ignore_orientation') and turned:
            continue
        sample = TRANSFORMS.build(config)(dict(img_path=str(path)))
        assert sample['img_shape'] == sample['ori_shape'] == rgb.shape[:2]
        assert sample['img'].flags.c_contiguous
        seen[title] = sample['img'][..., ::-1]
    pair = TRANSFORMS.build(dict(type='LoadPairImage'))
    seen['pair in a tar'] = pair(dict(img_bytes=data))['img'][..., ::-1]
    assert len(seen) >= 6
    for title, pixels in seen.items():
        assert np.array_equal(pixels, rgb), title


@pytest.mark.parametrize('form', ['JPEG', 'PNG', 'WEBP'])
@pytest.mark.parametrize('orientation', range(1, 9))
def test_orientation(form, orientation):
    data = encode(RGB, form, exif=exif(orientation))
    plain = decode_image(encode(RGB, form))
    stored = decode_image(data, ignore_orientation=True)
    assert np.array_equal(stored, plain)
    operations = [
        lambda x: x, lambda x: x[:, ::-1], lambda x: x[::-1, ::-1],
        lambda x: x[::-1], lambda x: x.transpose(1, 0, 2),
        lambda x: np.rot90(x, -1), lambda x: x.transpose(1, 0, 2)[::-1, ::-1],
        lambda x: np.rot90(x)
    ]
    assert np.array_equal(
        decode_image(data), operations[orientation - 1](plain))


def test_orientation_of_tiff():
    """Pillow turns it at once: what was stored cannot be had."""
    data = encode(RGB, 'TIFF', exif=exif(6))
    assert np.array_equal(decode_image(data), np.rot90(RGB, -1))
    with pytest.raises(ImageFileError, match='is a TIFF with an orientation'):
        decode_image(data, ignore_orientation=True)


def test_cmyk_jpeg():
    """Colors, and not those of the negative."""
    smooth = np.linspace(0, 255, 32 * 32 * 3).reshape(32, 32, 3)
    smooth = smooth.astype(np.uint8)
    data = encode(Image.fromarray(smooth).convert('CMYK'), 'JPEG', quality=100)
    assert np.abs(decode_image(data).astype(int) - smooth).max() < 8


def test_benchmarks_leave_images_as_they_are(tmp_path):
    path = tmp_path / 'a.webp'
    path.write_bytes(KINDS['turned_6.webp'][0])
    for name in BENCHMARKS:
        config, = LOADERS[name]
        transform = TRANSFORMS.build(config)
        image = transform(dict(img_path=str(path)))['img'][..., ::-1]
        assert np.array_equal(image, np.rot90(RGB))
        assert ignores_orientation([transform])
    assert not ignores_orientation([LoadImage()])
    assert ignores_orientation([
        TRANSFORMS.build(
            dict(
                type='LoadImageFromFile',
                color_type='color_ignore_orientation'))
    ])


@pytest.mark.parametrize('loader', IMAGE_LOADERS)
def test_inference_loads_images_itself(loader):
    config = Config(dict(test_pipeline=[dict(type=loader)]))
    loaded = image_pipeline(config)(dict(img=RGB))
    assert loaded['img'] is RGB and loaded['ori_shape'] == (HEIGHT, WIDTH)


@pytest.mark.parametrize('ignored', [False, True])
def test_pictures_show_what_the_network_saw(ignored, tmp_path):
    """A mask lies over the image as its pipeline loaded it."""
    path = tmp_path / 'a.webp'
    path.write_bytes(KINDS['turned_6.webp'][0])
    loader = LoadImage(ignore_orientation=ignored)
    dataset = SimpleNamespace(pipeline=SimpleNamespace(transforms=[loader]))
    hook = mmlangseg.visualization.ReferringVisualizationHook()
    image = hook._image(dataset, SimpleNamespace(img_path=str(path)))
    loaded = loader(dict(img_path=str(path)))['img'][..., ::-1]
    assert np.array_equal(image, loaded)
    assert image.shape[:2] == ((WIDTH, HEIGHT) if ignored else (HEIGHT, WIDTH))


def damaged_files() -> dict[str, bytes]:
    """Content by what is wrong."""
    noise = np.random.default_rng(0).integers(
        0, 256, (64, 64, 3), dtype=np.uint8)
    png, jpeg, webp = (encode(noise, form) for form in ('PNG', 'JPEG', 'WEBP'))
    bomb = encode_png(np.zeros((1, 1), np.uint8), 8, 0, size=(20000, 20000))
    return {
        'empty': b'',
        'text': b'<html>404</html>',
        'another format': encode(RGB, 'EPS'),
        'half a PNG': png[:len(png) // 2],
        'half a JPEG': jpeg[:len(jpeg) // 2],
        'half a WebP': webp[:len(webp) // 2],
        'half a GIF': encode(noise, 'GIF')[:2000],
        'half a TIFF': encode(noise, 'TIFF')[:200],
        'damaged PNG': png.replace(b'IDAT', b'IDAX'),
        'bomb': bomb,
        'large bomb': _resized(bomb, 1 << 30),
        'floating point': encode(np.ones((9, 9), np.float32), 'TIFF'),
    }


def _resized(png: bytes, side: int) -> bytes:
    """A PNG whose header lies about its size."""
    header = b'IHDR' + struct.pack('>II', side, side) + png[24:29]
    return png[:12] + header + struct.pack('>I', zlib.crc32(header)) + png[33:]


@pytest.mark.parametrize('kind', damaged_files())
def test_damaged_files(kind, tmp_path):
    """One error with file and remedy, of every reader, before memory goes."""
    path = tmp_path / 'photo.jpg'
    path.write_bytes(damaged_files()[kind])
    remedy = 'Download|Make it smaller|Save it with'
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        for read in (read_image, open_image, lambda p: LoadImage()
                     (dict(img_path=p))):
            with pytest.raises(
                    ImageFileError,
                    match=rf'{path} is not an image .*: .*({remedy})'):
                read(str(path))
        with pytest.raises(BrokenPairError, match=f'{path}: .*({remedy})'):
            TRANSFORMS.build(dict(type='LoadPairImage'))(
                dict(img_path=str(path)))


def test_limit_of_pixels():
    assert decode_image(encode(RGB), max_pixels=HEIGHT * WIDTH).size
    with pytest.raises(ImageFileError, match='16 x 12 pixels, more than max'):
        decode_image(encode(RGB), max_pixels=HEIGHT * WIDTH - 1)


def test_errors_of_the_disk_stay_what_they_are(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_image(tmp_path / 'none.png')
    with pytest.raises(OSError):
        LoadImage()(dict(img_path=str(tmp_path)))


def test_formats_that_run_programs_are_refused():
    assert not {'EPS', 'PDF', 'MSP', 'FITS'} & set(FORMATS)
