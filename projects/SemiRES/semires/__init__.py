"""SemiRES: semi-supervised referring image segmentation with SAM's masks."""
import mmlangseg.engine  # noqa: F401  (these four register shared parts)
import mmlangseg.evaluation  # noqa: F401
import mmlangseg.text  # noqa: F401
import mmlangseg.visualization  # noqa: F401
from mmlangseg.compat.loading import repair_checkpoint_loading
from .candidates import *  # noqa: F401,F403
from .datasets import *  # noqa: F401,F403
from .engine import *  # noqa: F401,F403
from .evaluation import *  # noqa: F401,F403
from .losses import *  # noqa: F401,F403
from .models import *  # noqa: F401,F403
from .refiners import *  # noqa: F401,F403
from .transforms import *  # noqa: F401,F403
from .visualization import *  # noqa: F401,F403

repair_checkpoint_loading()
