from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from mmlangseg.sseg.transforms import WideResize


@pytest.mark.parametrize('backend', ['cv2', 'pillow'])
def test_labels_of_any_type_are_read_at_the_centers(backend):
    labels = np.random.default_rng(0).integers(0, 1203, (30, 40), np.int32)
    sample = dict(
        img=np.zeros((30, 40, 3), np.uint8),
        gt_seg_map=labels,
        seg_fields=['gt_seg_map'])
    resized = WideResize(
        scale=(25, 25), keep_ratio=True, backend=backend)(
            sample)
    assert resized['img'].shape == (19, 25, 3)
    expected = Image.fromarray(labels).resize((25, 19), Image.NEAREST)
    np.testing.assert_array_equal(resized['gt_seg_map'], np.array(expected))
    assert resized['gt_seg_map'].dtype == np.int32
