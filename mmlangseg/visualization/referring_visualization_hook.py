"""Draws predictions while validating and testing."""
from __future__ import annotations
import itertools
import os.path as osp
from collections.abc import Iterator, Sequence

import numpy as np
from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.registry import HOOKS
from mmengine.runner import Runner
from mmengine.structures import BaseDataElement
from mmengine.visualization import Visualizer
from torch.utils.data import Dataset

from mmlangseg.io.images import read_image
from mmlangseg.io.load_image import ignores_orientation
from .expressions import draw_expressions, transforms_of
from .image_io import write_png


@HOOKS.register_module()
class ReferringVisualizationHook(Hook):
    """Draw the masks of referring expressions, without a display.

    In validation, the first expression of every ``interval``-th batch goes to
    the visualizer's backends (local files, TensorBoard, WandB) under a name
    that stays the same, so that one can follow it through the training. Of a
    teacher and a student each has its own, ``val_teacher_...``.

    In testing, one picture per expression goes to ``test_out_dir``, named
    ``<scene>_<objects>_<ann>.png``; without a folder, to the backends as in
    validation.

    Args:
        draw: Whether to draw at all. ``tools/test.py --show-dir`` sets it.
        interval: Of the batches drawn to the backends.
        show: Whether to show each picture of the test in a window.
        wait_time: Seconds that a window stays, 0 = until it is closed.
        test_out_dir: Folder for the pictures of the test, relative to
            ``<work_dir>/<timestamp>``.
        draw_gt: Whether to draw the true masks.
        draw_pred: Whether to draw the predicted masks.
    """

    def __init__(self,
                 draw: bool = False,
                 interval: int = 50,
                 show: bool = False,
                 wait_time: float = 0.,
                 test_out_dir: str | None = None,
                 draw_gt: bool = True,
                 draw_pred: bool = True) -> None:
        self.draw = draw
        self.interval = interval
        self.show = show
        self.wait_time = wait_time
        self.test_out_dir = test_out_dir
        self.draw_gt = draw_gt
        self.draw_pred = draw_pred

    def before_test(self, runner: Runner) -> None:
        """Fail before the test instead of after it."""
        import matplotlib.pyplot as plt
        if self.draw and self.show and plt.get_backend().lower() == 'agg':
            raise RuntimeError(
                'Pictures cannot be shown: there is no display. Write them '
                'to a folder with --show-dir instead of --show')

    def after_val_iter(self, runner: Runner, batch_idx: int, data_batch: dict,
                       outputs: Sequence[BaseDataElement]) -> None:
        """Give a picture to the visualizer's backends.

        Args:
            runner: The runner.
            batch_idx: Index of the batch.
            data_batch: ``inputs`` and ``data_samples``, lists of length B.
            outputs: The predicted data samples, of length B.
        """
        model = getattr(runner, 'model', None)
        if is_model_wrapper(model):
            model = model.module
        # mmdet's TeacherStudentValLoop sets it to both, one after the other
        network = getattr(model, 'semi_test_cfg', {}).get('predict_on')
        stage = f'val_{network}' if network else 'val'
        self._to_backends(runner, stage, runner.val_dataloader.dataset,
                          batch_idx, data_batch, outputs)

    def after_test_iter(self, runner: Runner, batch_idx: int, data_batch: dict,
                        outputs: Sequence[BaseDataElement]) -> None:
        """Write or show one picture per expression.

        Args:
            runner: The runner.
            batch_idx: Index of the batch.
            data_batch: ``inputs`` and ``data_samples``, lists of length B.
            outputs: The predicted data samples, of length B.
        """
        if not self.draw:
            return
        dataset = runner.test_dataloader.dataset
        if self.test_out_dir is None and not self.show:
            self._to_backends(runner, 'test', dataset, batch_idx, data_batch,
                              outputs)
            return
        for i, output in enumerate(outputs):
            for name, picture in self._pictures(dataset, data_batch, i,
                                                output):
                if self.test_out_dir is not None:
                    path = osp.join(runner.work_dir, runner.timestamp,
                                    self.test_out_dir, f'{name}.png')
                    write_png(path, picture)
                if self.show:
                    # not the 3D visualizers' own show, which opens Open3D
                    Visualizer.show(runner.visualizer, picture, name,
                                    self.wait_time)

    def _to_backends(self, runner: Runner, stage: str, dataset: Dataset,
                     batch_idx: int, data_batch: dict,
                     outputs: Sequence[BaseDataElement]) -> None:
        if batch_idx % self.interval or not self.draw or not is_main_process():
            return
        pictures = self._pictures(dataset, data_batch, 0, outputs[0])
        for name, picture in itertools.islice(pictures, 1):
            runner.visualizer.add_image(
                f'{stage}_{name}', picture, step=runner.iter)

    def _pictures(self, dataset: Dataset, data_batch: dict, i: int,
                  output: BaseDataElement) -> Iterator:
        if 'expressions' in output:
            inputs = data_batch['inputs']['points'][i]
        else:
            inputs = self._image(dataset, output)
        return draw_expressions(
            output,
            inputs,
            transforms_of(dataset),
            draw_pred=self.draw_pred,
            draw_gt=self.draw_gt)

    @staticmethod
    def _image(dataset: Dataset, output: BaseDataElement) -> np.ndarray:
        """The pixels that the pipeline loaded, uint8 RGB (H, W, 3)."""
        return read_image(
            output.img_path,
            ignore_orientation=ignores_orientation(transforms_of(dataset)))
