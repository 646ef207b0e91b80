"""The order of pairs, what became of broken ones, parts of checkpoints."""
from .broken_pairs_hook import BrokenPairsHook
from .checkpoint_parts import require_own_parts
from .shard_shuffle_sampler import ShardShuffleSampler

__all__ = ['BrokenPairsHook', 'ShardShuffleSampler', 'require_own_parts']
