import numpy as np
import pytest
from toy.sseg.web_captions import describe_picture
from toy.sseg.web_grounds import GROUNDS, paint_ground
from toy.sseg.web_pictures import (NEVER_ALONE, SPLITS, THINGS, UNSEEN_PAIRS,
                                   iter_pictures)

COUNT = 150


@pytest.fixture(scope='module')
def pictures():
    return {
        split: [picture for picture, _ in iter_pictures(split, COUNT, 48, 0)]
        for split in SPLITS
    }


def test_training_pictures_leave_out_what_they_must(pictures):
    kinds = [set(picture.names) for picture in pictures['pairs']]
    assert all(not pair <= names for pair in UNSEEN_PAIRS for names in kinds)
    assert all(names - set(NEVER_ALONE) or len(names) > 1 for names in kinds)
    assert set().union(*kinds) == set(THINGS)


def test_evaluation_pictures_show_unseen_pairs(pictures):
    for split in SPLITS[1:]:
        kinds = [set(picture.names) for picture in pictures[split]]
        share = np.mean(
            [any(pair <= names for pair in UNSEEN_PAIRS) for names in kinds])
        assert share > 0.2


def test_label_map_shows_every_object(pictures):
    names = list(THINGS)
    for picture in pictures['test'][:50]:
        labels = set(np.unique(picture.label_map)) - {0}
        assert labels == {names.index(name) + 1 for name in picture.names}


def test_pictures_depend_on_seed_split_and_place_only():
    longer = list(iter_pictures('val', 4, 48, 3))
    picture, rng = list(iter_pictures('val', 3, 48, 3))[2]
    other, other_rng = longer[2]
    assert picture.names == other.names
    assert (picture.render(rng) == other.render(other_rng)).all()
    assert (longer[2][0].scene.owner != longer[3][0].scene.owner).any()


def test_pictures_are_rgb_and_no_two_grounds_look_alike():
    means = []
    for name in GROUNDS:
        ground = paint_ground(name, 48, np.random.default_rng(0))
        assert ground.shape == (48, 48, 3)
        assert 0 <= ground.min() and ground.max() <= 255
        means.append(ground.mean((0, 1)))
    distances = [
        np.abs(a - b).max() for i, a in enumerate(means) for b in means[:i]
    ]
    assert min(distances) > 10


def test_captions_name_most_of_what_is_seen_and_nothing_else(pictures):
    rng = np.random.default_rng(0)
    named = seen = 0
    for picture in pictures['pairs']:
        caption = describe_picture(picture, rng)
        words = set(caption.replace(',', ' ').replace(':', ' ').split())
        mentioned = {name for name in THINGS if {name, f'{name}s'} & words}
        assert mentioned and mentioned <= set(picture.names)
        named += len(mentioned)
        seen += len(set(picture.names))
    assert 0.8 < named / seen < 0.97
