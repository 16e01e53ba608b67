"""Statistics, bit-exact with :class:`hadron_rtl.isp.statistics.Statistics`."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hadron_spec.isp import statistics as spec
from hadron_spec.isp.picture import ZONES, StatisticsSettings

from .image import PIXEL_MAX, Image, colours

__all__ = ["Statistics", "luma", "run"]


@dataclass(frozen=True)
class Statistics:
    """Statistics of one frame. Colours come as R, GR, GB, B.

    Attributes
    ----------
    histogram : (4, 256) int64
        Samples of each colour by their upper 8 bits.
    luma_histogram : (256,) int64
        Every second pixel's luma.
    minimum, maximum : (4,) int64
        Range of each colour.
    zone_sum, zone_valid, zone_clipped : (16, 16, 4) int64
        By row and column of the grid: sum and count of valid samples, count of clipped ones.
    grey_count : int
        Near-grey pixels.
    grey_sum : (3,) int64
        Sums of R, G, B over them.
    sharpness, brightness : (3,) int64
        Sums of luma's second differences, and of luma where there is one, in each window.
    defects : int
        Pixels that the defect stage replaced.
    """

    histogram: NDArray[np.int64]
    luma_histogram: NDArray[np.int64]
    minimum: NDArray[np.int64]
    maximum: NDArray[np.int64]
    zone_sum: NDArray[np.int64]
    zone_valid: NDArray[np.int64]
    zone_clipped: NDArray[np.int64]
    grey_count: int
    grey_sum: NDArray[np.int64]
    sharpness: NDArray[np.int64]
    brightness: NDArray[np.int64]
    defects: int

    def words(self) -> NDArray[np.uint32]:
        """Return the window as firmware reads it; its layout is in `hadron_spec.isp.statistics`."""
        window = np.zeros(spec.STATISTICS_WORDS, np.int64)
        window[:spec.LUMA_HISTOGRAM] = np.minimum(self.histogram, spec.HISTOGRAM_LIMIT).ravel()
        window[spec.LUMA_HISTOGRAM:spec.SCALARS] = np.minimum(self.luma_histogram, spec.LUMA_LIMIT)
        scalars = [*(self.minimum | self.maximum << 16), self.grey_count,
                   *(self.grey_sum >> spec.GREY_SHIFT), *self.sharpness, self.defects,
                   *self.brightness]
        window[spec.SCALARS:spec.SCALARS + len(scalars)] = scalars
        zones = window[spec.ZONES_BEGIN:].reshape(ZONES, ZONES, spec.ZONE_STRIDE)
        zones[..., :4] = self.zone_sum >> spec.SUM_SHIFT | self.zone_valid << spec.SUM_BITS
        levels = np.array(spec.CLIPPED_LEVELS)
        rounded = self.zone_clipped + (1 << spec.CLIPPED_SHIFT) - 1 >> spec.CLIPPED_SHIFT
        clipped = levels[np.searchsorted(levels[:-1], rounded)]
        zones[..., 4] = (clipped << np.arange(0, 32, 8)).sum(axis=-1)
        return window.astype(np.uint32)


def run(bayer: Image, rgb: Image, gamma: Image, settings: StatisticsSettings, *, phase: int,
        defects: int = 0) -> Statistics:
    """Return the statistics of a frame.

    Parameters
    ----------
    bayer : int32 (height, width)
        Mosaic after shading correction.
    rgb : int32 (height, width, 3)
        Linear RGB after demosaic.
    gamma : int32 (height, width, 3)
        RGB after gamma.
    settings : StatisticsSettings
        Grid, limits, windows. Disabled, nothing is counted.
    phase : int
        Colour order of the mosaic.
    defects : int
        Pixels that the defect stage replaced.
    """
    if not settings.enable:
        bayer, rgb, gamma, defects = bayer[:0], rgb[:0], gamma[:0], 0
    samples = bayer.astype(np.int64)
    height, width = samples.shape
    colour = np.broadcast_to(colours((height, width), phase), (height, width))
    y, x = np.mgrid[:height, :width]
    column = (x - settings.zone_origin[0]) // settings.zone_size[0]
    row = (y - settings.zone_origin[1]) // settings.zone_size[1]
    inside = (column >= 0) & (column < ZONES) & (row >= 0) & (row < ZONES)
    valid = (samples >= settings.low) & (samples <= settings.high)
    clipped = samples > settings.high

    def by_zone(mask: NDArray[np.bool_], value: NDArray[np.int64]) -> NDArray[np.int64]:
        zones = np.zeros((ZONES, ZONES, 4), np.int64)
        np.add.at(zones, (row[mask], column[mask], colour[mask]), value[mask])
        return zones

    each = [samples[colour == c] for c in range(4)]
    ones = np.ones_like(samples)
    red, green, blue = np.moveaxis(rgb.astype(np.int64), -1, 0)
    tolerance = green * settings.grey_tolerance >> 6
    grey = ((np.abs(red - green) <= tolerance) & (np.abs(blue - green) <= tolerance)
            & (green >= settings.grey_low) & (green <= settings.grey_high))
    bright = luma(gamma)
    sharpness, brightness = _windows(bright, settings)
    return Statistics(
        histogram=np.stack([np.bincount(e >> spec.BIN_SHIFT, minlength=256) for e in each]),
        luma_histogram=np.bincount(bright.ravel()[::2], minlength=256),
        minimum=np.array([e.min(initial=PIXEL_MAX) for e in each]),
        maximum=np.array([e.max(initial=0) for e in each]),
        zone_sum=by_zone(inside & valid, samples),
        zone_valid=by_zone(inside & valid, ones),
        zone_clipped=by_zone(inside & clipped, ones),
        grey_count=int(grey.sum()),
        grey_sum=rgb[grey].astype(np.int64).sum(axis=0),
        sharpness=sharpness,
        brightness=brightness,
        defects=defects,
    )


def luma(gamma: Image) -> NDArray[np.int64]:
    """Return the brightness that histogram and sharpness use."""
    red, green, blue = np.moveaxis(gamma.astype(np.int64), -1, 0)
    brightness: NDArray[np.int64] = red + 2 * green + blue + 2 >> 2
    return brightness


def _windows(bright: NDArray[np.int64],
             settings: StatisticsSettings) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the sums of second differences and of luma in each window."""
    second, inner = np.zeros_like(bright), np.zeros_like(bright)
    second[:, 2:-2] = np.abs(bright[:, 4:] - 2 * bright[:, 2:-2] + bright[:, :-4])
    second[second < settings.sharpness_threshold] = 0
    inner[:, 2:-2] = bright[:, 2:-2]
    windows = np.array(settings.windows).reshape(3, 4)
    return (np.array([second[y:y + h, x:x + w].sum() for x, y, w, h in windows]),
            np.array([inner[y:y + h, x:x + w].sum() for x, y, w, h in windows]))
