"""Training that continues after a resume as if it had not stopped."""
from __future__ import annotations

import numpy as np
from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmengine.runner import Runner, set_random_seed


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
        copy the dataset start after this.
        """
        dataloader = runner.train_dataloader
        seed = runner.seed
        # the processes share the samples of one order
        if runner._randomness_cfg.get('diff_rank_seed'):
            seed -= get_rank()
        for owner, name in ((dataloader.sampler, 'seed'), (dataloader.dataset,
                                                           'sample_seed')):
            if hasattr(owner, name):
                setattr(owner, name, seed)

    def before_train_iter(self,
                          runner: Runner,
                          batch_idx: int,
                          data_batch=None) -> None:
        """Seed all generators of this process, GPUs included."""
        keys = np.random.SeedSequence([runner.seed, get_rank(), runner.iter])
        set_random_seed(int(keys.generate_state(1)[0]))
