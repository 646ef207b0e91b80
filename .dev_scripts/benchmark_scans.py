"""Benchmark of reading PLY files; see benchmark.py."""
from __future__ import annotations
import importlib.util
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from benchmark_report import Comparison, Variant
from plyfile import PlyData, PlyElement
from torch import Tensor

from mmlangseg.less.scans import read_scan

COLORS = ('red', 'green', 'blue')
COMMENT = 'comment Küche\n'.encode()
Reader = Callable[[Path], tuple[np.ndarray, np.ndarray]]


def scan_ply(points: int) -> list[Comparison]:
    """Points and colors of PLY files of several kinds.

    The plain reader is plyfile alone. A library that cannot read a kind, or
    reads something else, is named in the title in place of a row.
    """
    files = PlyFiles(points)
    print_cut_short(files.paths['binary'])
    comparisons = []
    for kind, path in files.paths.items():
        plain = files.paths['binary'] if 'comment' in kind else path
        expected = as_tensors(*read_plyfile(plain))
        title, variants = f'{points} points, {kind}', [
            Variant('plain, plyfile', files.run(read_plyfile, plain), 1, True)
        ]
        for name, reader in readers().items():
            fault = find_fault(reader, path, expected)
            if fault:
                title += f'; {name}: {fault}'
            else:
                variants.append(Variant(name, files.run(reader, path)))
        comparisons.append(Comparison(title, 'file', variants, 1e-6))
    return comparisons


def print_cut_short(path: Path) -> None:
    """What each reader makes of the first half of a file."""
    data = path.read_bytes()
    half = path.with_name('half.ply')
    half.write_bytes(data[:len(data) // 2])
    for name, reader in {'plyfile': read_plyfile, **readers()}.items():
        try:
            print(f'cut short, {name}: {len(reader(half)[0])} points')
        except Exception as error:  # as it should be
            print(f'cut short, {name}: {type(error).__name__}')


def readers() -> dict[str, Reader]:
    """Ours, and those of the libraries that are installed."""
    found: dict[str, Reader] = {'ours': read_ours}
    for name, reader in (('trimesh', read_trimesh), ('open3d', read_open3d)):
        if importlib.util.find_spec(name) is not None:
            found[name] = reader
    return found


def read_plyfile(path: Path) -> tuple[np.ndarray, np.ndarray]:
    vertices = PlyData.read(str(path))['vertex'].data
    return (np.stack([vertices[name] for name in 'xyz'],
                     1), np.stack([vertices[name] for name in COLORS], 1))


def read_ours(path: Path) -> tuple[np.ndarray, np.ndarray]:
    scan = read_scan(path)
    return scan[:, :3], scan[:, 3:]


def read_trimesh(path: Path) -> tuple[np.ndarray, np.ndarray]:
    import trimesh
    scan = trimesh.load(str(path), process=False)
    colors = scan.visual.vertex_colors if hasattr(scan, 'faces') else \
        scan.colors
    return np.asarray(scan.vertices), np.asarray(colors)[:, :3]


def read_open3d(path: Path) -> tuple[np.ndarray, np.ndarray]:
    import open3d
    scan = open3d.io.read_point_cloud(str(path))
    return np.asarray(scan.points), np.rint(np.asarray(scan.colors) * 255)


def as_tensors(xyz: np.ndarray, rgb: np.ndarray) -> list[Tensor]:
    return [torch.from_numpy(array.astype('f8')) for array in (xyz, rgb)]


def find_fault(reader: Reader, path: Path, expected: list[Tensor]) -> str:
    """What is wrong with a reader, '' if nothing."""
    try:
        found = as_tensors(*reader(path))
    except Exception as error:  # of a library that does not know the kind
        return f'{type(error).__name__} ({error})'
    same = all(a.shape == b.shape and torch.equal(a, b)
               for a, b in zip(found, expected))
    return '' if same else 'other points or colors'


class PlyFiles:
    """Files of one scan each.

    Attributes:
        paths (dict[str, Path]): By what is particular about the file.
    """

    def __init__(self, points: int) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.rng = np.random.default_rng(0)
        self.points = points
        self.paths: dict[str, Path] = {}
        extra = (('nx', 'f4'), ('ny', 'f4'), ('nz', 'f4'), ('alpha', 'u1'),
                 ('label', 'i4'), ('quality', 'f8'))
        self._write('binary', self._vertices())
        self._write('letters in a comment', self._vertices())
        self._write('big endian', self._vertices(), byte_order='>')
        self._write('ASCII', self._vertices(), text=True)
        self._write('double coordinates', self._vertices('f8'))
        self._write('extra properties', self._vertices(extra=extra))
        self._write('triangles behind', self._vertices(), self._faces(3))
        self._write('triangles first', self._faces(3), self._vertices())
        self._write('quads first', self._faces(4), self._vertices())
        self._write('lists at vertices',
                    self._vertices(extra=(('near', 'O'), )))
        binary = self.paths['binary'].read_bytes()
        end = binary.index(b'\n', binary.index(b'format')) + 1
        self.paths['letters in a comment'].write_bytes(binary[:end] + COMMENT +
                                                       binary[end:])

    def run(self, reader: Reader, path: Path) -> Callable[[], list[Tensor]]:
        """Reads a file; keeps the folder as long as it can be called."""
        return lambda: as_tensors(*reader(path)) if self.folder else []

    def _write(self, kind: str, *elements: PlyElement, **options: Any) -> None:
        path = Path(self.folder.name, f'{len(self.paths)}.ply')
        if not options:
            options = dict(byte_order='<')
        PlyData(list(elements), **options).write(str(path))
        self.paths[kind] = path

    def _vertices(self,
                  coordinates: str = 'f4',
                  extra: tuple = ()) -> PlyElement:
        fields = [(name, coordinates) for name in 'xyz']
        fields += [(name, 'u1') for name in COLORS]
        rows = np.zeros(self.points, [*fields, *extra])
        far = 600000.125 if coordinates == 'f8' else 0
        for name in rows.dtype.names:
            if name == 'near':
                for i in range(self.points):
                    rows[name][i] = np.arange(i % 4, dtype='i4')
            elif name in COLORS:
                rows[name] = self.rng.integers(0, 256, self.points)
            else:
                rows[name] = self.rng.random(self.points) * 8 + far
        return PlyElement.describe(
            rows,
            'vertex',
            len_types=dict(near='u1'),
            val_types=dict(near='i4'))

    def _faces(self, corners: int) -> PlyElement:
        shape = self.points // 2, corners
        rows = np.zeros(shape[0], [('vertex_indices', 'i4', (corners, ))])
        rows['vertex_indices'] = self.rng.integers(0, self.points, shape)
        return PlyElement.describe(rows, 'face')
