"""Image-caption pairs in a JSONL file."""
from __future__ import annotations
import json

from .line_source import LineSource
from .pair_source import PAIR_SOURCES


@PAIR_SOURCES.register_module()
class JSONLSource(LineSource):
    """One JSON object a line, ``{"image": "a/1.jpg", "caption": "..."}``.

    Args:
        file: The JSONL file.
        images: Folder of the images.
        data_root: Root of relative paths.
        image_field: Field of the path of the image, relative to ``images``.
        caption_field: Field of the caption.

    Raises: See :class:`LineSource`.
    """

    def __init__(self,
                 file: str,
                 images: str,
                 data_root: str = '',
                 image_field: str = 'image',
                 caption_field: str = 'caption') -> None:
        super().__init__(file, images, data_root)
        self.image_field = image_field
        self.caption_field = caption_field

    def parse(self, line: bytes, number: int) -> tuple[str, str, str]:
        try:
            row = json.loads(line)
        except RecursionError:
            raise ValueError('it is nested too deeply') from None
        values = []
        for field in (self.image_field, self.caption_field):
            value = row.get(field) if isinstance(row, dict) else None
            if not isinstance(value, str):
                raise ValueError(f'field "{field}" is {value!r:.40}, not a '
                                 'string')
            values.append(value)
        image, caption = values
        return image, caption, image
