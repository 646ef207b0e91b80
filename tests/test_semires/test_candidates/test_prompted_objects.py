from __future__ import annotations
import shutil

import numpy as np
import pytest
import tiny_public
import torch
from PIL import Image

from mmlangseg.prompted import SAM3Network
from mmlangseg.semires.candidates import (CANDIDATE_SOURCES, CandidateCache,
                                          CandidateCacheError, PromptedObjects)

TEXTS = ['cat', 'red dog', 'the grass']


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    return str(tiny_public.write_sam3(tmp_path_factory.mktemp('sam3')))


@pytest.fixture(scope='module')
def picture():
    return np.random.default_rng(0).integers(0, 256, (60, 90, 3), np.uint8)


@pytest.fixture(scope='module')
def found(folder, picture):
    """Masks and scores of all texts, by a direct call of transformers."""
    network = SAM3Network(folder)
    pixels = Image.fromarray(picture).resize((112, 112), Image.BILINEAR)
    inputs = torch.tensor(np.array(pixels) / 127.5 - 1).permute(2, 0, 1)
    masks, scores = [], []
    for text in TEXTS:
        tokens = network.tokenizer([text],
                                   padding='max_length',
                                   max_length=16,
                                   return_tensors='pt')
        with torch.no_grad():
            direct = network.network(
                pixel_values=inputs[None].float(),
                input_ids=tokens['input_ids'],
                attention_mask=tokens['attention_mask'])
        full = torch.nn.functional.interpolate(
            direct.pred_masks, (60, 90), mode='bilinear')[0]
        masks += list((full > 0).numpy())
        present = direct.presence_logits.sigmoid()
        scores += (direct.pred_logits.sigmoid() * present)[0].tolist()
    return masks, np.array(scores)


def test_objects_of_all_texts(folder, picture, found):
    source = CANDIDATE_SOURCES.build(
        dict(
            type='prompted',
            model=folder,
            texts=TEXTS,
            min_score=0.,
            duplicate_iou=1.))
    candidates = source(picture)
    masks, scores = found
    order = np.argsort(-scores, kind='stable')
    order = [i for i in order if masks[i].any()]
    assert len(candidates) == len(order) > 5
    np.testing.assert_allclose(candidates.scores, scores[order], rtol=1e-3)
    same = [(candidates.mask(k) == masks[i]).mean()
            for k, i in enumerate(order)]
    assert min(same) > 0.99
    assert source.parameters['texts'] == TEXTS


def test_limits(folder, picture, found, tmp_path):
    _, scores = found
    limit = float(np.median(scores))
    names = tmp_path / 'names.txt'
    names.write_text('cat\n\nred dog\ncat\nthe grass\n')
    many = PromptedObjects(folder, names, min_score=limit, duplicate_iou=1.)
    assert many.parameters['texts'] == TEXTS
    kept = many(picture)
    assert 0 < len(kept) <= (scores >= limit).sum()
    assert (kept.scores >= limit - 1e-4).all()
    limit = float(kept.scores[-1])  # this one is not smaller
    again = PromptedObjects(folder, TEXTS, min_score=limit, duplicate_iou=1.)
    assert len(again(picture)) == len(kept)
    few = PromptedObjects(
        folder, TEXTS, min_score=0., duplicate_iou=0.3)(
            picture)
    for i in range(len(few)):
        inter = few.intersections(few.mask(i))
        iou = inter / (few.areas + few.areas[i] - inter)
        assert (iou > 0.3).sum() == 1
    assert (np.diff(few.scores) <= 0).all()


def test_other_weights_in_the_same_folder(folder, tmp_path):
    """Candidates of the two do not come into one cache."""
    model = tmp_path / 'model'
    shutil.copytree(folder, model)

    def create() -> None:
        source = PromptedObjects(str(model), TEXTS)
        generator = dict(name='prompted', parameters=source.parameters)
        CandidateCache.create(
            tmp_path / 'cache',
            dict(dataset='toy', size=[8, 8], generator=generator))

    create()
    create()  # goes on
    tiny_public.replace_weights(model)
    with pytest.raises(CandidateCacheError, match='field "generator".*sha256'):
        create()


def test_other_words_in_the_same_folder(folder, tmp_path):
    """The weights are the same, but a text is other words to them."""
    model = tmp_path / 'model'
    shutil.copytree(folder, model)
    before = PromptedObjects(str(model), TEXTS).parameters
    path = model / 'tokenizer.json'
    path.write_text(path.read_text().replace('"cat"', '"kat"'))
    after = PromptedObjects(str(model), TEXTS).parameters
    assert after['sha256'] == before['sha256'] and after != before


def test_bad_input(folder, tmp_path):
    with pytest.raises(ValueError, match='there is nothing to look for'):
        PromptedObjects(folder, [])
    with pytest.raises(FileNotFoundError, match='none.txt does not exist'):
        PromptedObjects(folder, 'none.txt')
    clip = str(tiny_public.write_clip(tmp_path / 'clip'))
    with pytest.raises(ValueError, match='is a clip of transformers'):
        PromptedObjects(clip, TEXTS)
