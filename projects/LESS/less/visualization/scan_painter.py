"""Pictures of a scan with the referred object, from three sides."""
from __future__ import annotations
from functools import cached_property

import cv2
import numpy as np
from PIL import Image, ImageDraw

from mmlangseg.visualization.colors import GT_COLOR, PRED_COLOR
from mmlangseg.visualization.header import GRAY, MARGIN, add_header, load_font
from .point_colors import highlight
from .rasterizer import Camera, outline, point_spacing, shade, splat

SUPERSAMPLING = 2
MAX_POINTS = 200000  # more do not show at the sizes drawn
MAX_RADIUS = 12  # of a point's disc, in supersampled pixels
_MARGIN = 2 * MAX_RADIUS  # of a disc and of the gaps that are closed
OBLIQUE = 38  # elevation of the oblique view in degrees
AZIMUTHS = (-60, -120, -15, -165, 30, 150, 75, 105)  # the front ones first


class ScanPainter:
    """Draws one scan with one sentence after the other.

    The top, the front and an oblique view side by side. The object stays
    visible: what hides most of it is cut away, the oblique view is taken from
    where most of it can be seen, and what is still hidden shines through.

    Args:
        xyz: (N, 3) meters, z up.
        rgb: (N, 3), 0 to 255.
        size: Height and width of each view in pixels.
    """

    def __init__(self,
                 xyz: np.ndarray,
                 rgb: np.ndarray,
                 size: tuple[int, int] = (520, 560)) -> None:
        if len(xyz) == 0:
            raise ValueError('A scan without points cannot be drawn')
        self.keep = np.arange(len(xyz))
        if len(xyz) > MAX_POINTS:
            shuffled = np.random.default_rng(0).permutation(len(xyz))
            self.keep = np.sort(shuffled[:MAX_POINTS])
        self.xyz = np.asarray(xyz, np.float64)[self.keep]
        self.rgb = np.asarray(rgb)[self.keep]
        self.size = size
        self.spacing = point_spacing(self.xyz)
        self._views: dict[tuple, _View] = {}

    def draw(self,
             text: str,
             pred: np.ndarray | None = None,
             gt: np.ndarray | None = None,
             note: str = '',
             warning: str = '') -> np.ndarray:
        """Draw the scan with the mask of one sentence.

        Args:
            text: The sentence.
            pred: Predicted mask, bool (N,).
            gt: True mask, bool (N,). An outline beside ``pred``, else
                painted.
            note: Put below the sentence, e.g. scene and score. The IoU is
                added where both masks are given.
            warning: Put below all of it, in another color.

        Returns:
            np.ndarray: uint8 RGB image.
        """
        legend = []
        if pred is not None:
            pred = np.asarray(pred, bool)
            legend.append((f'predicted ({pred.sum():,} points)', PRED_COLOR))
        if gt is not None:
            gt = np.asarray(gt, bool)
            legend.append((f'ground truth ({gt.sum():,} points)', GT_COLOR))
        if pred is not None and gt is not None:
            union = (pred | gt).sum()
            iou = (pred & gt).sum() / union if union else 1.
            note = f'{note}  IoU {100 * iou:.1f} %'.strip()

        nothing = np.zeros(len(self.xyz), bool)
        filled, color, lined = nothing, PRED_COLOR, nothing
        if pred is not None:
            filled = pred[self.keep]
            lined = lined if gt is None else gt[self.keep]
        elif gt is not None:
            filled, color = gt[self.keep], GT_COLOR
        # a prediction may be scattered: the true object is the safer focus
        focus = lined if lined.any() else filled
        views = [('top', -90, 90, False), ('front', -90, 6, False),
                 ('oblique', self._best_azimuth(focus), OBLIQUE, True)]
        panels = []
        for name, azimuth, elevation, perspective in views:
            view = self._view(azimuth, elevation, perspective)
            panels += [
                self._paint(view, name, filled, color, lined, focus),
                np.full((self.size[0], 1, 3), 200, np.uint8)
            ]
        return add_header(
            np.concatenate(panels[:-1], 1),
            text,
            note,
            legend,
            warning=warning)

    def _view(self, azimuth: float, elevation: float,
              perspective: bool) -> _View:
        key = azimuth, elevation, perspective
        if key not in self._views:
            height, width = self.size
            size = (SUPERSAMPLING * height, SUPERSAMPLING * width)
            camera = Camera(self.xyz, azimuth, elevation, size, perspective)
            self._views[key] = _View(camera, self.xyz, self.spacing)
        return self._views[key]

    def _best_azimuth(self, focus: np.ndarray) -> float:
        """From where most of the focus, bool (N,), is seen obliquely."""
        if not focus.any():
            return AZIMUTHS[0]
        some = np.arange(0, len(self.xyz), len(self.xyz) // 20000 + 1)
        size = (120, 120)
        seen = []
        for azimuth in AZIMUTHS:
            key = azimuth, 'small'
            if key not in self._views:
                camera = Camera(self.xyz, azimuth, OBLIQUE, size, True)
                self._views[key] = _View(camera, self.xyz[some], None)
            view = self._views[key]
            pixels, depth = view.camera.project(self.xyz[focus])
            pixels = pixels.clip(0, 119)
            front = view.depth_image[pixels[:, 0], pixels[:, 1]]
            in_sight = depth <= front + 0.03 * view.camera.radius
            seen.append(len(np.unique(pixels[in_sight], axis=0)))
        # only leave the front for a view that is clearly better
        return next(a for a, n in zip(AZIMUTHS, seen) if n >= 0.9 * max(seen))

    def _paint(self, view: _View, name: str, filled: np.ndarray,
               color: tuple[int, int, int], lined: np.ndarray,
               focus: np.ndarray) -> np.ndarray:
        """Paint one view, uint8 (height, width, 3)."""
        index, shading = view.index, view.shading
        if focus.any():
            alone = view.splat(focus) >= 0
            if np.append(focus, False)[index].sum() < 0.5 * alone.sum():
                plane = np.percentile(view.depth[focus], 2)
                index = view.splat(view.depth >= plane -
                                   0.02 * view.camera.radius)
                shading = view.shade(index)
                name += ', cut open'
        rgb = highlight(self.rgb, filled, color)
        rgb = np.append(rgb, [[255, 255, 255]], 0).astype(np.float32)
        image = rgb.take(index, axis=0)
        image *= shading[..., None]
        if filled.any():
            hidden = view.splat(filled) >= 0
            hidden &= ~np.append(filled, False)[index]
            image[hidden] += 0.3 * (np.float32(color) - image[hidden])
        if lined.any():
            line = outline(view.splat(lined) >= 0, 2 * SUPERSAMPLING)
            image[line] = GT_COLOR
        height, width = self.size
        image = cv2.resize(
            image, (width, height), interpolation=cv2.INTER_AREA)
        picture = Image.fromarray(image.astype(np.uint8))
        ImageDraw.Draw(picture).text((MARGIN, height - 26),
                                     name,
                                     GRAY,
                                     font=load_font(14))
        return np.asarray(picture)


class _View:
    """A cloud as one camera sees it; the same for all sentences."""

    def __init__(self, camera: Camera, xyz: np.ndarray,
                 spacing: np.ndarray | None) -> None:
        self.camera = camera
        self.pixels, self.depth = camera.project(xyz)
        if spacing is None:
            self.radius = np.full(len(xyz), 2)
        else:
            radius = 0.85 * spacing * camera.scale
            self.radius = radius.clip(1, MAX_RADIUS).astype(int)
        self.index = splat(self.pixels, self.depth, camera.size, self.radius)
        self.depth_image = np.append(self.depth, np.inf)[self.index]

    @cached_property
    def shading(self) -> np.ndarray:
        """Factors (height, width) of the image with all points."""
        return self.shade(self.index)

    def shade(self, index: np.ndarray) -> np.ndarray:
        """Factors (height, width) of an image of point indices."""
        depth = np.append(self.depth, np.inf)[index]
        return shade(depth, self.camera.radius)

    def splat(self, some: np.ndarray) -> np.ndarray:
        """The image's point indices if only some, bool (N,), existed."""
        chosen = np.flatnonzero(some)
        image = np.full(self.camera.size, -1)
        if not len(chosen):
            return image
        # What is drawn is near the points, which are often few.
        pixels = self.pixels[chosen]
        low = np.clip(pixels.min(0) - _MARGIN, 0, self.camera.size)
        high = np.clip(pixels.max(0) + _MARGIN, low, self.camera.size)
        index = splat(pixels - low, self.depth[chosen], tuple(high - low),
                      self.radius[chosen])
        image[low[0]:high[0], low[1]:high[1]] = np.append(chosen, -1)[index]
        return image
