import pytest
from mmengine.runner import Runner
from toy_task import ToyLineDataset

from mmlangseg.engine.subset import keep_evenly_spaced


@pytest.mark.parametrize('number, expected', [
    (1, [0]),
    (2, [0, 9]),
    (4, [0, 3, 6, 9]),
    (10, list(range(10))),
    (99, list(range(10))),
])
def test_which_samples_are_left(number, expected):
    dataset = ToyLineDataset(num_scenes=10)
    keep_evenly_spaced(dataset, number)
    names = [dataset.get_data_info(i)['scene_id'] for i in range(len(dataset))]
    assert names == [f'scene{i}' for i in expected]


def test_a_loader_gives_each_of_them_once():
    dataset = ToyLineDataset(num_scenes=10)
    keep_evenly_spaced(dataset, 3)
    loader = Runner.build_dataloader(
        dict(
            batch_size=1,
            num_workers=0,
            sampler=dict(type='DefaultSampler', shuffle=False),
            dataset=dataset))
    assert len(list(loader)) == 3
