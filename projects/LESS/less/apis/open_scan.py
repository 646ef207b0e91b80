"""A scan that waits for sentences."""
from __future__ import annotations
from collections.abc import Sequence

import numpy as np
import torch
from mmengine.dataset import Compose, pseudo_collate
from mmengine.model import BaseModel

from mmlangseg.apis.inferencer import check_sentences
from mmlangseg.text import split_words, unknown_words
from .scan_results import ScanResult


class OpenScan:
    """A scan that has been read, in which sentences are looked for.

    What does not depend on the sentences is computed for the first one, kept
    for the others and freed with this object. Made by
    :meth:`LESSInferencer.open`. One thread at a time.

    Args:
        model: LESS.
        pipeline: Of testing.
        tokenized: Whether the model was trained on ScanRefer's tokens.
        name: Of the scan.
        points: (N, 6) as given.
        xyz: float32 (N, 3) in meters, where the model expects the scan.

    Attributes:
        name: Of the scan.
        points: (N, 6) as given.
        xyz: float32 (N, 3) in meters, where the model expects the scan.
    """

    def __init__(self, model: BaseModel, pipeline: Compose, tokenized: bool,
                 name: str, points: np.ndarray, xyz: np.ndarray) -> None:
        self.name = name
        self.points = points
        self.xyz = xyz
        self._model = model
        self._pipeline = pipeline
        self._tokenized = tokenized
        self._inputs: dict | None = None

    def find(self, texts: str | Sequence[str]) -> list[ScanResult]:
        """Find what each sentence refers to.

        Args:
            texts: One or several sentences.

        Returns:
            list[ScanResult]: One per sentence, in the coordinates of the scan
            as given.

        Raises:
            ValueError: A sentence is empty, or there is none.
        """
        texts = check_sentences(texts)
        expressions = [self._expression(i, t) for i, t in enumerate(texts)]
        masks, logits, scores = self._predict(expressions)
        results = []
        for i, (text, fed) in enumerate(zip(texts, expressions)):
            found = self.points[masks[i], :3]
            box = np.stack([found.min(0), found.max(0)
                            ]) if len(found) else None
            results.append(
                ScanResult(text, masks[i], float(scores[i]), box, logits[i],
                           unknown_words(self._model, fed['text'])))
        return results

    def _expression(self, index: int, text: str) -> dict:
        # in training the model read ScanRefer's tokens, or no blanks around
        # the sentence, of which RoBERTa makes other tokens
        fed = ' '.join(split_words(text)) if self._tokenized else text.strip()
        return dict(
            text=fed,
            description=text,
            object_ids=[],
            object_name='',
            ann_id=str(index),
            groups=[])

    def _predict(
            self, expressions: list[dict]
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Masks, bool (E, N), logits, (E, N), and scores, (E,)."""
        order = np.arange(len(self.points))
        sample = dict(
            scene_id=self.name,
            points=np.concatenate(
                [self.xyz, self.points[:, 3:].astype(np.float32)], 1),
            pts_instance_mask=order,  # goes along with the points
            axis_align_matrix=np.eye(4),
            expressions=expressions)
        # takes little time, and may change sentences
        packed = self._pipeline(sample)
        count = len(packed['inputs']['points'])
        if count != len(order):
            raise ValueError(
                f'The test pipeline made {count} of {len(order)} '
                'points: take out the transforms that sample or filter '
                'points')
        if not np.array_equal(sample['pts_instance_mask'], order):
            raise ValueError('The test pipeline changed the order of the '
                             'points, so that masks would be of others: take '
                             'out the transforms that sample or shuffle them')
        batch = pseudo_collate([packed])
        with torch.no_grad():
            if self._inputs is None:
                batch = self._model.data_preprocessor(batch)
                self._inputs = self._model.encode(batch['inputs'])
            output, = self._model(
                self._inputs, batch['data_samples'], mode='predict')
        pred = output.pred_instances_3d
        return (pred.masks.cpu().numpy(), pred.logits.cpu().numpy(),
                pred.scores.cpu().numpy())
