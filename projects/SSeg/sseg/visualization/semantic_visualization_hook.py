"""Draws semantic maps while validating and testing."""
from __future__ import annotations
import os
from collections.abc import Iterator

from mmengine.registry import HOOKS
from mmengine.structures import BaseDataElement
from torch.utils.data import Dataset

from mmlangseg.visualization.expressions import safe_name
from mmlangseg.visualization.referring_visualization_hook import \
    ReferringVisualizationHook
from .semantic_overlay import draw_labels


@HOOKS.register_module()
class SemanticVisualizationHook(ReferringVisualizationHook):
    """Draw images, predicted and true label maps side by side.

    When and where pictures go is as in :class:`ReferringVisualizationHook`:
    in validation to the visualizer's backends, in testing to
    ``test_out_dir``, one ``<image>.png`` per image. The names are the classes
    of the data set. mmseg's own hook has no folder for the test, and paints
    the background like a class.

    Args: See :class:`ReferringVisualizationHook`.
    """

    def _pictures(self, dataset: Dataset, data_batch: dict, i: int,
                  output: BaseDataElement) -> Iterator:
        while not hasattr(dataset, 'metainfo'):  # wrapped
            dataset = dataset.dataset
        panels = [('image', None)]
        for wanted, caption, key in ((self.draw_pred, 'predicted',
                                      'pred_sem_seg'),
                                     (self.draw_gt, 'ground truth',
                                      'gt_sem_seg')):
            if wanted and key in output:
                labels = output.get(key).data
                panels.append(
                    (caption, labels.reshape(labels.shape[-2:]).cpu().numpy()))
        name = _image_name(output.img_path, dataset)
        picture = draw_labels(
            self._image(dataset, output), panels, dataset.metainfo['classes'],
            name)
        yield safe_name(name), picture


def _image_name(path: str, dataset: Dataset) -> str:
    """Path inside the data set, where names may repeat in several folders;
    without its ending, unless images end in several ways."""
    root = getattr(dataset, 'data_prefix', {}).get('img_path') or ''
    name = os.path.relpath(path, root) if root else path
    if name.startswith(os.pardir):
        name = os.path.basename(path)
    stem, ending = os.path.splitext(name)
    alike = getattr(dataset, 'img_suffix', ending).endswith(ending)
    return stem if alike else name
