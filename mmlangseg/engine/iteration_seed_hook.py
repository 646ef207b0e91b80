"""Training that continues after a resume as if it had not stopped."""
from __future__ import annotations

import numpy as np
from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmengine.runner import IterBasedTrainLoop, Runner, set_random_seed
from torch.utils.data import DataLoader, Dataset, Sampler

from .seeding import SeededSampleMixin


@HOOKS.register_module()
class IterationSeedHook(Hook):
    """Seed every training iteration from (seed, rank, iteration).

    Checkpoints do not hold the state of the random generators, so dropout
    would differ after ``--resume``. With this hook (and
    :class:`EpochSampler` for the data) the loss curve is the one of the
    uninterrupted run. The seed is that of the run, which a resumed run
    takes from the checkpoint.
    """

    # before all other hooks, which may draw random numbers as well
    priority = 'VERY_HIGH'

    def before_train(self, runner: Runner) -> None:
        """Give the seed to the sampler and the dataset.

        They were built before the checkpoint was read, and the workers that
        copy the dataset start after this, but for an iteration-based loop.

        Raises:
            TypeError: Samples that are seeded by epoch would not be told the
                epoch.
        """
        dataloader = runner.train_dataloader
        dataset, sampler = dataloader.dataset, _sampler(dataloader)
        if has_seeded_samples(dataset) and not (_is_virtual(sampler)
                                                and _is_virtual(dataset)):
            raise TypeError(
                f'{type(dataset).__name__} and {type(sampler).__name__} would '
                'give every sample the same augmentation in all epochs. '
                'Train with tools/train.py, or set train_dataloader.dataset='
                "dict(type='SeededDataset', dataset=...) and train_dataloader"
                ".sampler=dict(type='NumberedSampler', sampler=...)")
        seed = runner.seed
        # the processes share the samples of one order
        if runner._randomness_cfg.get('diff_rank_seed'):
            seed -= get_rank()
        changed = False
        for owner, name in ((sampler, 'seed'), (dataset, 'sample_seed')):
            if getattr(owner, name, None) is not None:
                changed |= getattr(owner, name) != seed
                setattr(owner, name, seed)
        loop = getattr(runner, 'train_loop', None)
        if changed and isinstance(loop, IterBasedTrainLoop):
            # its iterator has drawn, and started the workers, already
            loop.dataloader = runner.build_dataloader(
                {
                    **runner._train_dataloader, 'dataset': dataset
                }, seed=seed)
            loop.dataloader_iterator = type(loop.dataloader_iterator)(
                loop.dataloader)

    def before_train_iter(self,
                          runner: Runner,
                          batch_idx: int,
                          data_batch=None) -> None:
        """Seed all generators of this process, GPUs included."""
        keys = np.random.SeedSequence([runner.seed, get_rank(), runner.iter])
        set_random_seed(int(keys.generate_state(1)[0]))


def has_seeded_samples(dataset: Dataset) -> bool:
    """Whether a data set, or one that it wraps, seeds its samples."""
    inner = [*getattr(dataset, 'datasets', ())]
    if hasattr(dataset, 'dataset'):
        inner.append(dataset.dataset)
    return isinstance(dataset, SeededSampleMixin) or any(
        map(has_seeded_samples, inner))


def _is_virtual(part: Dataset | Sampler) -> bool:
    return getattr(part, 'virtual_indices', False)


def _sampler(dataloader: DataLoader) -> Sampler:
    """The sampler, which a batch sampler may have taken over."""
    batch_sampler = getattr(dataloader, 'batch_sampler', None)
    return getattr(batch_sampler, 'sampler', dataloader.sampler)
