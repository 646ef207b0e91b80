"""Any sampler, with the number of the draw in the index."""
from __future__ import annotations
from collections.abc import Iterator

from mmengine.dist import get_dist_info
from mmengine.registry import DATA_SAMPLERS
from torch.utils.data import Sampler

from .seeding import SeededSampleMixin, number_draw


@DATA_SAMPLERS.register_module()
class NumberedSampler(Sampler):
    """Let a sampler tell the data set which draw of the training it is.

    MMEngine's ``DefaultSampler`` and ``InfiniteSampler`` yield plain indices,
    with which each sample would have the same augmentation in every epoch.
    This one puts the epoch there, and the number of the draw, counted over
    the epochs and the processes, so that no two draws are equal and a resumed
    training has those of the uninterrupted one. An epoch ends with that of
    the sampler, or after as many draws as there are samples.
    ``tools/train.py`` puts it around samplers that need it.

    Args:
        dataset: With :class:`SeededSampleMixin`, or one that takes virtual
            indices otherwise.
        sampler: The sampler, or its config.
        seed: Seed of the run, which the sampler gets as well.
    """

    virtual_indices = True

    def __init__(self,
                 dataset: SeededSampleMixin,
                 sampler: dict | Sampler,
                 seed: int | None = None) -> None:
        if not getattr(dataset, 'virtual_indices', False):
            raise TypeError(
                'NumberedSampler needs a dataset that takes virtual indices, '
                f'but got {type(dataset).__name__}: put '
                "dict(type='SeededDataset', dataset=...) around it")
        if isinstance(sampler, dict):
            sampler = DATA_SAMPLERS.build(
                sampler, default_args=dict(dataset=dataset, seed=seed))
        self.rank, self.world_size = get_dist_info()
        self.dataset = dataset
        self.sampler = sampler
        self.epoch = 0
        if seed is not None:  # now: workers may start ahead of the training
            dataset.sample_seed = seed

    @property
    def seed(self) -> int | None:
        """Seed of the order."""
        return getattr(self.sampler, 'seed', None)

    @seed.setter
    def seed(self, seed: int) -> None:
        if hasattr(self.sampler, 'seed'):
            self.sampler.seed = seed

    def __iter__(self) -> Iterator[int]:
        size = len(self.dataset)
        first = self.epoch * len(self.sampler) * self.world_size
        for number, index in enumerate(self.sampler):
            place = number * self.world_size + self.rank
            epoch = self.epoch + place // size
            yield index + number_draw(epoch, first + place) * size

    def __len__(self) -> int:
        return len(self.sampler)

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch, of the sampler as well."""
        self.epoch = epoch
        if hasattr(self.sampler, 'set_epoch'):
            self.sampler.set_epoch(epoch)
