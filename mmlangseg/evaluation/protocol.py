"""What a score depends on besides the model."""
from __future__ import annotations
from dataclasses import dataclass

UNKNOWN = 'not stated'


@dataclass(frozen=True)
class Protocol:
    """The conditions that stand over every table.

    Attributes:
        image_size: What the network saw, such as ``'short side 448'``; of
            scans, what the points are.
        resize_rule: How predictions got to the size at which they are
            compared.
        background_rule: What decided that a point or pixel belongs to
            nothing.
        compared_at: The size of the masks that are compared.
        inclusive: Whether an IoU equal to a threshold counts; None where no
            threshold is applied.
    """

    image_size: str = UNKNOWN
    resize_rule: str = UNKNOWN
    background_rule: str = UNKNOWN
    compared_at: str = UNKNOWN
    inclusive: bool | None = None

    @property
    def iou_rule(self) -> str:
        """How an IoU is compared with a threshold."""
        if self.inclusive is None:
            return 'no threshold'
        return 'IoU >= threshold' if self.inclusive else \
            'IoU > threshold (strict)'

    def columns(self) -> dict[str, str]:
        """Name to value, for a table with a row per benchmark."""
        return dict(
            image_size=self.image_size,
            resize_rule=self.resize_rule,
            background_rule=self.background_rule,
            compared_at=self.compared_at,
            iou_rule=self.iou_rule)

    def title(self) -> str:
        """The lines over a table."""
        return '\n'.join(f'{name.replace("_", " ")}: {value}'
                         for name, value in self.columns().items())
