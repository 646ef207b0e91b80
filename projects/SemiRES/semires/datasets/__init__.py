"""Reading images with referring expressions."""
from .image_files import (find_images, number_of_name, read_image_ids,
                          write_image_ids)
from .refcoco_dataset import RefCOCODataset
from .refer_files import (find_refs_file, read_instances, read_refs,
                          select_split)

__all__ = [
    'RefCOCODataset', 'find_images', 'find_refs_file', 'number_of_name',
    'read_image_ids', 'read_instances', 'read_refs', 'select_split',
    'write_image_ids'
]
