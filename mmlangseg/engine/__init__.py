"""What makes training resumable and independent of the number of workers."""
from mmlangseg.io.checkpoint_damage import CheckpointError
from .checkpoint_backend import AtomicBackend
from .checkpoint_check import (CheckpointMatchHook, plain_state,
                               require_matching_checkpoint)
from .epoch_sampler import EpochSampler
from .iteration_seed_hook import IterationSeedHook
from .missed_validation_hook import MissedValidationHook
from .multi_source import MultiSourceDataset, MultiSourceEpochSampler
from .numbered_sampler import NumberedSampler
from .partwise_constructor import PartwiseOptimWrapperConstructor
from .patience_hook import PatienceHook
from .pretrained import watch_load_from, watch_pretrained
from .resume import find_resume_checkpoint
from .resume_schedule_hook import ResumeScheduleHook
from .run_summary_hook import RunSummaryHook
from .seeded_dataset import SeededDataset
from .seeding import SeededSampleMixin, seeded
from .synced_statistics_hook import SyncedStatisticsHook
from .timed_logger_hook import TimedLoggerHook

__all__ = [
    'AtomicBackend', 'CheckpointError', 'CheckpointMatchHook', 'EpochSampler',
    'IterationSeedHook', 'MissedValidationHook', 'MultiSourceDataset',
    'MultiSourceEpochSampler', 'NumberedSampler',
    'PartwiseOptimWrapperConstructor', 'PatienceHook', 'ResumeScheduleHook',
    'RunSummaryHook', 'SeededDataset', 'SeededSampleMixin',
    'SyncedStatisticsHook', 'TimedLoggerHook', 'find_resume_checkpoint',
    'plain_state', 'require_matching_checkpoint', 'seeded', 'watch_load_from',
    'watch_pretrained'
]
