"""Where each number of the statistics is in their window, and what scale it has."""

from dataclasses import dataclass

from .bayer import COLOURS

__all__ = [
    "BIN_SHIFT",
    "CLIPPED_LEVELS",
    "CLIPPED_SHIFT",
    "GREY_SHIFT",
    "HISTOGRAM_BINS",
    "HISTOGRAM_LIMIT",
    "LUMA_HISTOGRAM",
    "LUMA_LIMIT",
    "SCALARS",
    "STATISTICS_WORDS",
    "SUM_BITS",
    "SUM_SHIFT",
    "WORDS",
    "ZONES_BEGIN",
    "ZONE_STRIDE",
    "StatisticsWord",
]

HISTOGRAM_BINS = 256
BIN_SHIFT = 4
"""A Bayer sample counts in bin ``sample >> BIN_SHIFT``."""

HISTOGRAM_LIMIT = (1 << 18) - 1
LUMA_LIMIT = (1 << 24) - 1
"""Counts stop there."""

LUMA_HISTOGRAM = 4 * HISTOGRAM_BINS
SCALARS = 5 * HISTOGRAM_BINS
ZONES_BEGIN = 0x800
ZONE_STRIDE = 8
STATISTICS_WORDS = 0x1000

SUM_SHIFT = 4
SUM_BITS = 20
"""A zone's word of a colour: ``sum >> SUM_SHIFT``, above it the count of valid pixels."""

CLIPPED_SHIFT = 4
"""Clipped samples of a zone and colour: ``(count + 15) >> 4``, raised to one of
:data:`CLIPPED_LEVELS`. While `low` is 0, those that are not valid are the exact number."""

CLIPPED_LEVELS = (0, 1, 2, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 255)
"""What four bits beside the sum can tell; the last one is the greatest there is, 256, in a byte."""

GREY_SHIFT = 4
"""Near-grey sums are divided by 16, rounded down."""


@dataclass(frozen=True, kw_only=True)
class StatisticsWord:
    """One word, or a run of equal ones, of the window."""

    name: str
    index: int
    count: int
    doc: str


WORDS: tuple[StatisticsWord, ...] = (
    *(StatisticsWord(name=f"HISTOGRAM_{colour}", index=i * HISTOGRAM_BINS, count=HISTOGRAM_BINS,
                     doc=f"Samples of {colour} by their upper 8 bits; at most {HISTOGRAM_LIMIT}.")
      for i, colour in enumerate(COLOURS)),
    StatisticsWord(name="HISTOGRAM_LUMA", index=LUMA_HISTOGRAM, count=HISTOGRAM_BINS,
                   doc="Luma after gamma; every second pixel counts, from the first on."),
    *(StatisticsWord(name=f"RANGE_{colour}", index=SCALARS + i, count=1,
                     doc=f"Least (bits 11:0) and greatest (27:16) sample of {colour}.")
      for i, colour in enumerate(COLOURS)),
    StatisticsWord(name="GREY_COUNT", index=SCALARS + 4, count=1, doc="Near-grey pixels."),
    *(StatisticsWord(name=f"GREY_{name}", index=SCALARS + 5 + i, count=1,
                     doc=f"Sum of {name} over near-grey pixels, divided by 16.")
      for i, name in enumerate("RGB")),
    *(StatisticsWord(name=f"SHARPNESS_{i}", index=SCALARS + 8 + i, count=1,
                     doc=f"Sum of luma's second differences in window {i}.")
      for i in range(3)),
    StatisticsWord(name="DEFECTS", index=SCALARS + 11, count=1,
                   doc="Pixels that the defect stage replaced."),
    *(StatisticsWord(name=f"BRIGHTNESS_{i}", index=SCALARS + 12 + i, count=1,
                     doc=f"Sum of luma over the pixels of window {i}, but for two at either end of "
                         "a line, which have no second difference.")
      for i in range(3)),
    StatisticsWord(name="ZONE", index=ZONES_BEGIN, count=16 * 16 * ZONE_STRIDE,
                   doc="Zone (row, column) at ZONE + 8 * (16 * row + column): words 0 to 3 are R, "
                       "GR, GB, B: sum of valid samples / 16 (bits 19:0), their count (31:20); "
                       "word 4: clipped samples / 16 of R, GR, GB, B from the lowest byte on, "
                       "rounded up to the next of "
                       f"{', '.join(map(str, CLIPPED_LEVELS))}. Zones outside the frame are 0."),
)
"""The window, in 32-bit words; all others read 0."""
