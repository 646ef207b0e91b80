# What a run needs besides model, data and schedule. Shared by all systems;
# an entry config adds `default_scope`, `custom_imports` and the visualization.
default_hooks = dict(
    timer=dict(type='IterTimerHook'),
    # every 50 iterations; in validation and test every 15 s, too
    logger=dict(type='TimedLoggerHook', interval=50),
    param_scheduler=dict(type='ParamSchedulerHook'),
    # 'atomic': a run killed while it saves keeps its last checkpoint
    checkpoint=dict(
        type='CheckpointHook',
        interval=1,
        max_keep_ckpts=2,
        backend_args=dict(backend='atomic')),
    sampler_seed=dict(type='DistSamplerSeedHook'))

custom_hooks = [
    # model, device and data at the start
    dict(type='RunSummaryHook'),
    # the same loss curve after --resume as without the interruption
    dict(type='IterationSeedHook'),
    # all processes validate, and save, the same statistics of batch norm
    dict(type='SyncedStatisticsHook'),
    # at which rate a pretrained text encoder is trained, and if too fast
    dict(type='PretrainedTextHook'),
    # words that the text encoder cannot know
    dict(type='UnknownWordsHook'),
]

env_cfg = dict(
    cudnn_benchmark=False,
    mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0),
    dist_cfg=dict(backend='nccl'))  # our tools take gloo on a CPU

log_processor = dict(type='LogProcessor', window_size=50, by_epoch=True)
log_level = 'INFO'
load_from = None
resume = False
randomness = dict(seed=0)
