"""Shows during training what the student learns from."""
from __future__ import annotations

from mmengine.dist import master_only
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.registry import HOOKS
from mmengine.runner import Runner

from .pseudo_label_picture import draw_pseudo_label

_BRANCH = 'unsup_teacher'


@HOOKS.register_module()
class PseudoLabelVisualizationHook(Hook):
    """Draw how a pseudo-label is refined, every so many iterations.

    The first unlabelled sample of the batch goes to the visualizer's backends
    (local files, TensorBoard, WandB) as one picture ``pseudo_label``: the
    weak view, the teacher's mask, the candidates and the refined mask, with
    the true mask if the sample has one. Training is not disturbed: the
    teacher only evaluates, and no random number is drawn. A batch without
    unlabelled samples gives no picture.

    Args:
        interval (int): Draw after so many iterations.
    """

    # behind the hook that moves the teacher
    priority = 'LOW'

    def __init__(self, interval: int = 500) -> None:
        if interval < 1:
            raise ValueError(f'interval={interval} must be positive')
        self.interval = interval

    def before_train(self, runner: Runner) -> None:
        """Fail before the training instead of in the middle of it."""
        if not hasattr(_unwrap(runner), 'pseudo_labels'):
            raise TypeError('PseudoLabelVisualizationHook needs the model '
                            'SemiRES, this config has '
                            f'{type(_unwrap(runner)).__name__}')

    def after_train_iter(self,
                         runner: Runner,
                         batch_idx: int,
                         data_batch: dict | None = None,
                         outputs: dict | None = None) -> None:
        """Give a picture to the visualizer's backends.

        Args:
            runner: The runner.
            batch_idx: Index of the batch.
            data_batch: ``inputs`` and ``data_samples``, each with the branch
                ``unsup_teacher``, a list with None for labelled samples.
            outputs: Not used.
        """
        if self.every_n_train_iters(runner, self.interval):
            self._draw(runner, data_batch)

    @master_only
    def _draw(self, runner: Runner, data_batch: dict) -> None:
        pairs = zip(data_batch['inputs'].get(_BRANCH, ()),
                    data_batch['data_samples'].get(_BRANCH, ()))
        found = next((pair for pair in pairs if pair[0] is not None), None)
        if found is None:
            return
        model = _unwrap(runner)
        view, sample = found
        # as in testing: one branch, no padding
        data = model.data_preprocessor(
            dict(inputs=[view], data_samples=[sample]), False)
        labels = model.pseudo_labels(**data)
        truth = None
        if 'gt_sem_seg' in sample:
            truth = sample.gt_sem_seg.data[0].cpu().numpy() == 1
        step = runner.iter + 1
        # BGR, float after some color changes
        pixels = view.permute(1, 2, 0).clip(0, 255).byte().cpu().numpy()
        picture = draw_pseudo_label(
            pixels[..., ::-1],
            sample.text,
            labels.pseudo[0].cpu().numpy(),
            labels.refinements[0],
            sample.get('candidates'),
            truth,
            note=f'iteration {step}, {type(model.refiner).__name__}:')
        runner.visualizer.add_image('pseudo_label', picture, step=step)


def _unwrap(runner: Runner):
    return (runner.model.module
            if is_model_wrapper(runner.model) else runner.model)
