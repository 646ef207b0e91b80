"""LESS: label-efficient and single-stage referring 3D segmentation."""
import mmlangseg.engine  # noqa: F401  (these four register shared parts)
import mmlangseg.evaluation  # noqa: F401
import mmlangseg.text  # noqa: F401
import mmlangseg.visualization  # noqa: F401
from mmlangseg.compat.loading import (repair_checkpoint_loading,
                                      repair_kernel_loading,
                                      silence_fx_tracing)
from mmlangseg.cpu.sparse_conv import repair_spconv_cpu
from .datasets import *  # noqa: F401,F403
from .losses import *  # noqa: F401,F403
from .models import *  # noqa: F401,F403
from .transforms import *  # noqa: F401,F403
from .visualization import *  # noqa: F401,F403

repair_checkpoint_loading()
repair_kernel_loading()
repair_spconv_cpu()
silence_fx_tracing()
