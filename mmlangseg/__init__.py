"""Label-efficient, language-guided segmentation for OpenMMLab."""
from pathlib import Path

from .compat.mmcv_ext import provide_mmcv_ext
from .compat.onedl import admit_onedl, find_onedl_configs
from .version import __version__

__all__ = ['__version__']

# setuptools maps projects/LESS/less to mmlangseg.less (see setup.py), which
# holds for an installed package only. In a bare checkout these lines make the
# project packages importable; in a wheel the folders do not exist and the
# lines do nothing.
_PROJECTS = {'LESS': 'less', 'SemiRES': 'semires', 'SSeg': 'sseg'}
for _project, _package in _PROJECTS.items():
    _folder = Path(__file__).resolve().parent.parent / 'projects' / _project
    if (_folder / _package / '__init__.py').is_file():
        __path__.append(str(_folder))

# MMDetection, MMDetection3D and MMSegmentation ask for it on import.
provide_mmcv_ext()
# MMDetection3D refuses OneDL's packages, with which LESS runs.
admit_onedl()
# OneDL's MMEngine does not know under which name its MMSegmentation lies.
find_onedl_configs()
