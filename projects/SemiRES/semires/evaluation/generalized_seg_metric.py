"""The metric of gRefCOCO in training and testing."""
from __future__ import annotations
from collections.abc import Sequence

from mmengine.logging import print_log
from mmseg.registry import METRICS

from mmlangseg.cli.table import format_rows
from mmlangseg.evaluation import ReferringSegMetric
from mmlangseg.io.files import write_json
from .generalized_sums import GeneralizedSums


@METRICS.register_module()
class GeneralizedSegMetric(ReferringSegMetric):
    """The scores of :class:`GeneralizedSums` of images.

    Args:
        no_target_pixels: A predicted mask of fewer pixels says that nothing
            is meant, for models without a head that says so (50 is the
            rule of several evaluations of gRefCOCO; 1 takes every pixel
            seriously). It depends on the size of the masks, which the table
            names. Of a model with :class:`NoTargetHead` only the head counts.
        thresholds: Of ``Pr@t``.
        inclusive: Whether an IoU equal to the threshold counts.
        kwargs: ``out_file``, ``collect_device``, ``prefix`` and
            ``collect_dir`` of :class:`ReferringSegMetric`.
    """

    def __init__(self,
                 no_target_pixels: int = 50,
                 thresholds: Sequence[float] = (0.7, 0.8, 0.9),
                 inclusive: bool = True,
                 **kwargs) -> None:
        if no_target_pixels < 1:
            raise ValueError(f'no_target_pixels={no_target_pixels} must be at '
                             'least 1: an empty mask says that there is none')
        super().__init__(
            thresholds=thresholds,
            inclusive=inclusive,
            accuracy_name='Pr',
            zero_target_min_points=no_target_pixels,
            **kwargs)

    def _process_image(self, sample: dict) -> list[dict]:
        if 'says_none' not in sample:
            return super()._process_image(sample)
        # the mask counts in the union even where nothing is said to be meant
        record, = super()._process_image(
            dict(sample, pred_sem_seg=sample['any_sem_seg']))
        return [dict(record, says_none=sample['says_none'])]

    def compute_metrics(self, results: list) -> dict:
        """Add the records up, print the table, write ``out_file``.

        Returns:
            dict: Name of the score to percent.
        """
        records = [record for sample in results for record in sample]
        if not records:
            raise ValueError('No expression was evaluated: is the annotation '
                             'file of the test set empty?')
        sums = GeneralizedSums(self.thresholds, self.inclusive)
        limit = self.zero_target_min_points
        for record in records:
            sums.add(record['inter'], record['n_pred'], record['n_target'],
                     not record['zero_target'],
                     record.get('says_none', record['n_pred'] < limit))
        scores = sums.summary()
        sizes = sorted({tuple(r['mask_size']) for r in records})
        shown = ' x '.join(map(str, sizes[0])) if len(sizes) == 1 else \
            'several sizes'
        cells = [
            str(value) if name == 'count' else f'{value:.2f}'
            for name, value in scores.items()
        ]
        rule = 'said by a head' if 'says_none' in records[0] else \
            f'fewer than {limit} pixels'
        title = f'masks compared at {shown}; no target: {rule}'
        print_log('\n' + format_rows([['', *scores], ['all', *cells]], title),
                  'current')
        count = scores.pop('count')
        if self.out_file is not None:
            write_json(self.out_file,
                       dict(metrics=scores, count=count, records=records))
        return scores
