from __future__ import annotations

from mmcv.transforms import BaseTransform
from mmdet3d.registry import TRANSFORMS


@TRANSFORMS.register_module()
class ConstantSentence(BaseTransform):
    """Replaces every sentence: what can be found without language.

    Args:
        text (str): The sentence that all expressions get.
    """

    def __init__(self, text: str) -> None:
        self.text = text

    def transform(self, results: dict) -> dict:
        """Overwrite ``text`` of all ``results['expressions']``."""
        results['expressions'] = [
            dict(expression, text=self.text)
            for expression in results['expressions']
        ]
        return results
