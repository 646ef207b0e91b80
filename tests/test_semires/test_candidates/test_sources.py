from __future__ import annotations
import shutil
import sys

import numpy as np
import pytest
import tiny_public
import tiny_sam
import torch
import transformers
from mmengine.utils import digit_version
from PIL import Image
from safetensors.torch import load_file, save_file
from tiny_sam import picture

from mmlangseg.semires import candidates as room
from mmlangseg.semires.candidates import region_tree
from mmlangseg.semires.candidates.layer_prompts import LayerPrompts

# random weights are sure of nothing
ANYTHING = dict(
    pred_iou_thresh=-100., stability_score_thresh=0., points_per_batch=8)


def best_iou(candidates: room.Candidates, mask: np.ndarray) -> float:
    inter = candidates.intersections(mask)
    return (inter / (candidates.areas + mask.sum() - inter)).max()


def discs() -> list[np.ndarray]:
    rows, columns = np.mgrid[:48, :64]
    return [
        np.hypot(rows - y, columns - x) < 10 for y, x in ((16, 16), (30, 46))
    ]


class TestRegions:

    def test_finds_what_stands_out(self):
        candidates = room.ImageRegions()(picture(0))
        assert candidates.size == (48, 64)
        for disc in discs():
            assert best_iou(candidates, disc) > 0.8
        assert (np.diff(candidates.scores) <= 0).all()

    def test_limits(self):
        candidates = room.ImageRegions(
            max_candidates=3, min_area=0.05, max_area=0.5)(
                picture(0))
        assert 0 < len(candidates) <= 3
        assert (candidates.areas >= 0.04 * 48 * 64).all()
        assert (candidates.areas <= 0.5 * 48 * 64).all()

    def test_no_duplicates(self):
        candidates = room.ImageRegions(duplicate_iou=0.7)(picture(1))
        for i in range(len(candidates)):
            inter = candidates.intersections(candidates.mask(i))
            iou = inter / (candidates.areas + candidates.areas[i] - inter)
            assert (iou > 0.7).sum() == 1

    def test_same_every_time(self):
        assert room.ImageRegions()(picture(0)).rles == room.ImageRegions()(
            picture(0)).rles

    def test_large_images_are_segmented_small(self):
        image = np.kron(picture(0), np.ones((10, 10, 1), np.uint8))
        candidates = room.ImageRegions(longest_side=64)(image)
        assert candidates.size == (480, 640)
        disc = np.kron(discs()[0], np.ones((10, 10), bool))
        assert best_iou(candidates, disc) > 0.8

    @pytest.mark.parametrize('shape', [(48, 64, 3), (1, 1, 3), (1, 9, 3)])
    def test_nothing_to_see(self, shape):
        assert len(room.ImageRegions()(np.zeros(shape, np.uint8))) == 0


def test_region_tree():
    """Four stripes; the two similar ones in the middle are merged first."""
    labels = np.repeat([[0, 1, 2, 3]], 8, 0).repeat(5, 1)
    lab = np.float32([0, 50, 52, 95])[labels][..., None] * [1, 0, 0]
    tree = region_tree.build_region_tree(lab, labels)
    assert tree.members.shape == (7, 4)
    assert (tree.members[:4] == np.eye(4)).all()
    assert tree.members[4].tolist() == [False, True, True, False]
    assert tree.members[6].all()
    assert tree.areas.tolist()[:5] == [40, 40, 40, 40, 80]
    assert (tree.lifetimes >= 0).all() and (tree.lifetimes <= 1).all()
    # what is left longest, and what disappears at once
    assert tree.lifetimes[1] == tree.lifetimes[2] == tree.lifetimes[:6].min()


@pytest.mark.parametrize('image', [
    np.zeros((4, 5), np.uint8),
    np.zeros((4, 5, 4), np.uint8),
    np.zeros((4, 5, 3), np.float32),
])
def test_bad_images(image):
    with pytest.raises(ValueError, match='uint8 RGB'):
        room.ImageRegions()(image)


def test_own_source():

    class Halves(room.CandidateSource):
        parameters = {}

        def propose(self, image):
            mask = np.zeros(image.shape[:2])
            mask[:, :3] = 255
            yield mask, 0.25
            yield room.Candidates.from_masks([mask == 0]).rles[0], 0.75

    candidates = Halves()(np.zeros((4, 8, 3), np.uint8))
    assert candidates.areas.tolist() == [12, 20]
    assert candidates.scores.tolist() == [0.25, 0.75]


class TestSegmentAnything:

    @pytest.fixture(autouse=True)
    def tiny(self, monkeypatch, tmp_path):
        tiny_sam.stand_in_torchvision(monkeypatch)
        module = pytest.importorskip('segment_anything')
        monkeypatch.setitem(module.sam_model_registry, 'tiny',
                            tiny_sam.build_tiny_sam)
        torch.manual_seed(0)
        self.checkpoint = str(tmp_path / 'sam_tiny.pth')
        torch.save(tiny_sam.build_tiny_sam().state_dict(), self.checkpoint)

    def build(self, **settings):
        return room.SegmentAnything(
            self.checkpoint, 'tiny',
            **dict(ANYTHING, points_per_side=3) | settings)

    def test_masks(self):
        source = self.build()
        candidates = source(picture(0))
        assert candidates.size == (48, 64) and len(candidates) > 0
        assert source(picture(0)).rles == candidates.rles
        assert source.parameters['checkpoint'] == 'sam_tiny.pth'
        assert len(source.parameters['sha256']) == 64

    def test_thresholds_reach_the_generator(self):
        assert len(self.build(pred_iou_thresh=100.)(picture(0))) == 0

    def test_point_grids(self):
        grids = [[[0.5, 0.5], [0.2, 0.3]]]
        source = self.build(points_per_side=None, point_grids=grids)
        assert source.parameters['point_grids'] == grids
        assert len(source(picture(0))) > 0
        with pytest.raises(ValueError, match='points_per_side'):
            self.build(point_grids=grids)

    def test_nothing_in_any_crop(self):
        """segment-anything ends in an IndexError here."""
        source = self.build(crop_n_layers=1, pred_iou_thresh=1e9)
        empty = source(picture(0))
        assert len(empty) == 0 and empty.size == (48, 64)

    def test_defaults_are_those_of_the_package(self):
        import inspect

        from segment_anything import SamAutomaticMaskGenerator
        ours = inspect.signature(room.SegmentAnything).parameters
        theirs = inspect.signature(SamAutomaticMaskGenerator).parameters
        for name in set(theirs) - {'model', 'output_mode'}:
            assert ours[name].default == theirs[name].default, name

    def test_bad_settings(self, tmp_path):
        with pytest.raises(ValueError, match='model_type=.vit_x'):
            room.SegmentAnything(self.checkpoint, 'vit_x')
        with pytest.raises(ValueError, match='downscale_factor=4 leaves no'):
            self.build(crop_n_layers=1, crop_n_points_downscale_factor=4)
        with pytest.raises(FileNotFoundError, match='none.pth.*checkpoint'):
            room.SegmentAnything(str(tmp_path / 'none.pth'), 'tiny')
        torch.save(dict(a=torch.ones(1)), tmp_path / 'other.pth')
        with pytest.raises(ValueError, match='other.pth does not hold'):
            room.SegmentAnything(str(tmp_path / 'other.pth'), 'tiny')


def test_segment_anything_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, 'segment_anything', None)
    with pytest.raises(ImportError, match='pip install segment-anything'):
        room.SegmentAnything('sam_vit_h_4b8939.pth')


@pytest.fixture(scope='module')
def folder(tmp_path_factory) -> str:
    folder = tmp_path_factory.mktemp('sam')
    tiny_sam.save_huggingface_sam(folder)
    return str(folder)


needs_crops = pytest.mark.skipif(
    digit_version(transformers.__version__) < digit_version('5.21.0'),
    reason='transformers before 5.21 cannot search crops')


class TestHuggingFace:

    def test_masks(self, folder):
        source = room.HuggingFaceSAM(folder, points_per_crop=3, **ANYTHING)
        candidates = source(picture(0))
        assert candidates.size == (48, 64) and len(candidates) > 0
        assert source.parameters['points_per_crop'] == 3
        assert source(picture(0)).rles == candidates.rles

    def test_thresholds(self, folder):
        settings = dict(ANYTHING, pred_iou_thresh=100.)
        source = room.HuggingFaceSAM(folder, points_per_crop=3, **settings)
        empty = source(picture(0))
        assert len(empty) == 0 and empty.size == (48, 64)

    def test_duplicates_are_removed(self, folder):

        def count(threshold: float) -> int:
            return len(
                room.HuggingFaceSAM(
                    folder,
                    points_per_crop=3,
                    crops_nms_thresh=threshold,
                    **ANYTHING)(picture(0)))

        assert count(0.1) < count(1.)

    def test_other_weights_in_the_same_folder(self, folder, tmp_path):
        """Candidates of the two do not come into one cache."""
        model = tmp_path / 'model'
        shutil.copytree(folder, model)

        def create() -> None:
            source = room.HuggingFaceSAM(str(model))
            generator = dict(name='huggingface', parameters=source.parameters)
            room.CandidateCache.create(
                tmp_path / 'cache',
                dict(dataset='toy', size=[8, 8], generator=generator))

        create()
        create()  # goes on
        tiny_public.replace_weights(model)
        with pytest.raises(
                room.CandidateCacheError, match='field "generator".*sha256'):
            create()

    @needs_crops
    def test_layers_of_crops(self, folder):
        """Each layer has its own grid of prompts over each of its crops."""
        source = room.HuggingFaceSAM(
            folder,
            points_per_crop=4,
            crops_n_layers=2,
            crop_n_points_downscale_factor=2,
            **ANYTHING)
        points = watch_prompts(source)
        candidates = source(picture(0))
        assert candidates.size == (48, 64) and len(candidates) > 0
        sides = [4] + [2] * 4 + [1] * 16  # of the crops of three layers
        assert sum(map(len, points)) == sum(side**2 for side in sides)
        # SAM pads the image: 48 x 64 pixels are all the network's rows to 48
        assert torch.cat(points)[:16].amax(0).tolist() == [56., 42.]

    @needs_crops
    def test_same_factor_as_transformers(self, folder):
        """With one grid for all layers nothing changes."""
        from transformers import pipeline
        settings = dict(ANYTHING, crops_n_layers=1, points_per_crop=2)
        points = watch_prompts(
            source := room.HuggingFaceSAM(folder, **settings))
        source(picture(0))
        theirs = pipeline('mask-generation', model=folder)
        expected = []
        for batch in theirs.preprocess(
                source_image(0),
                points_per_batch=8,
                crops_n_layers=1,
                points_per_crop=2):
            expected.append(batch['input_points'].reshape(-1, 2))
        torch.testing.assert_close(
            torch.cat(points),
            torch.cat(expected).float())

    @pytest.mark.parametrize('size', [(48, 64), (64, 48)])
    def test_prompts_reach_all_of_a_squashed_image(self, folder, monkeypatch,
                                                   size):
        """Of a 3:4 image transformers leaves a quarter without prompts."""
        monkeypatch.setattr('transformers.AutoImageProcessor.from_pretrained',
                            lambda *_, **__: tiny_sam.squashing_processor())
        source = room.HuggingFaceSAM(folder, points_per_crop=4, **ANYTHING)
        points = watch_prompts(source)
        candidates = source(picture(0, *size))
        assert candidates.size == size and len(candidates) > 0
        assert source.parameters['prompts'] == 'all of the image'
        centers = torch.tensor([8., 24., 40., 56.])  # of what is squashed
        grid = torch.cartesian_prod(centers, centers).flip(1)
        assert torch.equal(torch.cat(points), grid)

    def test_real_processors_squash(self):
        """Those of SAM 2 (and EdgeTAM) and SAM 3."""
        pytest.importorskip('torchvision', exc_type=ImportError)
        from transformers import Sam2ImageProcessor, Sam3ImageProcessor
        for real in Sam2ImageProcessor, Sam3ImageProcessor:
            prompts = LayerPrompts(real())
            assert prompts.squashes
            side = real.size['height']
            points = prompts.generate_crop_boxes(
                source_image(0), side, points_per_crop=32)[1]
            assert points.amin() == side / 64
            assert points.amax((0, 1, 2)).tolist() == [side * 63 / 64] * 2

    def test_edgetam(self, tmp_path):
        """Its real network and processor, with random weights."""
        pytest.importorskip('torchvision', exc_type=ImportError)
        pytest.importorskip('timm', exc_type=ImportError)
        from transformers import (EdgeTamConfig, EdgeTamModel,
                                  EdgeTamVisionConfig, Sam2ImageProcessor,
                                  TimmWrapperConfig)
        backbone = TimmWrapperConfig(
            architecture='repvit_m1.dist_in1k',
            model_args=dict(
                in_chans=3, features_only=True, out_indices=[0, 1, 2, 3]))
        config = EdgeTamConfig(
            vision_config=EdgeTamVisionConfig(backbone_config=backbone))
        torch.manual_seed(0)
        EdgeTamModel(config).save_pretrained(tmp_path)
        Sam2ImageProcessor().save_pretrained(tmp_path)
        source = room.HuggingFaceSAM(
            str(tmp_path), points_per_crop=2, **ANYTHING)
        points = watch_prompts(source)
        candidates = source(picture(0))
        assert candidates.size == (48, 64) and len(candidates) > 0
        assert torch.cat(points).amax(0).tolist() == [768., 768.]

    def test_missing_weights(self, folder, tmp_path):
        """As in a checkpoint saved with its prefix twice."""
        shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
        weights = load_file(tmp_path / 'model.safetensors')
        renamed = {
            name.replace('mask_decoder.', 'mask_decoder.mask_decoder.'): value
            for name, value in weights.items()
        }
        save_file(renamed, tmp_path / 'model.safetensors', dict(format='pt'))
        with pytest.raises(ValueError) as error:
            room.HuggingFaceSAM(str(tmp_path))
        for part in (str(tmp_path), 'mask_decoder.iou_prediction_head',
                     'mask_decoder.mask_decoder.', 'save_pretrained'):
            assert part in str(error.value)

    def test_torchvision_is_missing(self, folder, monkeypatch):
        """transformers raises a ValueError for SAM 2, not an ImportError."""

        def refuse(*_, **__):
            raise ValueError('None of these classes could be imported. '
                             'Missing optional dependencies: torchvision.')

        monkeypatch.setattr('transformers.AutoImageProcessor.from_pretrained',
                            refuse)
        with pytest.raises(ImportError, match='pip install torchvision'):
            room.HuggingFaceSAM(folder)

    def test_crops_need_a_new_transformers(self, folder, monkeypatch):
        """Others end with a ValueError on batch sizes, at the first image."""
        monkeypatch.setattr(transformers, '__version__', '5.20.2')
        with pytest.raises(ValueError, match='transformers 5.20.2 .* 5.21'):
            room.HuggingFaceSAM(folder, crops_n_layers=1)
        room.HuggingFaceSAM(folder)

    def test_bad_settings(self, folder):
        with pytest.raises(ValueError, match='factor=3 leaves no point of 8'):
            room.HuggingFaceSAM(
                folder,
                points_per_crop=8,
                crops_n_layers=2,
                crop_n_points_downscale_factor=3)


def watch_prompts(source: room.HuggingFaceSAM) -> list[torch.Tensor]:
    """Prompts (P, 2) of each pass, in pixels of what the network sees."""
    points = []
    source._pipeline.model.register_forward_pre_hook(
        lambda _, __, inputs: points.append(inputs['input_points'].reshape(
            -1, 2).float()),
        with_kwargs=True)
    return points


def source_image(seed: int) -> Image.Image:
    return Image.fromarray(picture(seed))


def test_registry():
    assert {'segment-anything', 'huggingface',
            'regions'} <= set(room.CANDIDATE_SOURCES.module_dict)
