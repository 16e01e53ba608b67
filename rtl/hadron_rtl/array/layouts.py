"""What goes into the array and what comes out of it."""

from amaranth.hdl import signed, unsigned
from amaranth.lib import data, enum

from hadron_spec.commands import STRIP_PIXELS
from hadron_spec.config import NpuConfig

__all__ = ["COLUMN_PARAMETERS", "StepLayout", "Sums", "parameters_layout"]

COLUMN_PARAMETERS = data.StructLayout({
    "bias": signed(32),
    "multiplier": signed(32),
    "shift": signed(8),
})
"""What a column's results are requantized with, laid out as `hadron_spec.commands.PARAMETERS`."""


def parameters_layout(config: NpuConfig) -> data.ArrayLayout:
    """Return the layout of the parameters of all columns."""
    return data.ArrayLayout(COLUMN_PARAMETERS, config.columns)


class Sums(enum.Enum, shape=2):
    """What the array adds up."""

    PRODUCTS = 0
    """Of the activations of a step with its weights."""
    ENTRIES = 1
    """Of tables in the weight memory: column j that of activation j."""
    WINDOWS = 2
    """Of windows of pixels, formed in the groups, with the weights of a step."""
    SHALLOW = 3
    """Of both activations in each byte of a step with its weights: two results, one after the
    other."""


class StepLayout(data.StructLayout):
    """One step of the array.

    Members
    -------
    valid : unsigned(1)
        There is a step in this cycle; with WINDOWS, one that reads parameters.
    multiply : unsigned(1)
        WINDOWS: there is a step that multiplies.
    parameters : unsigned(1)
        The step reads parameters of the columns and not weights; `first`, `last`, `x` are ignored.
    first, last : unsigned(1)
        The step begins, ends a result.
    weight_step : unsigned
        Word of the weight memories; with ENTRIES, first word of a table.
    x : ArrayLayout(signed(8), config.lanes)
        Activations; with WINDOWS, a pixel.
    high : unsigned(1)
        The activations are high bytes: products count 256 times.
    push : unsigned(1)
        WINDOWS: there is a pixel, whether or not there is a step.
    pixel : unsigned
        WINDOWS: its place in the row of the strip.
    half : unsigned(1)
        WINDOWS: which half of the channels of a pixel, or of its tall windows, the step multiplies,
        the second in the cycle after the first.
    """

    def __init__(self, config: NpuConfig):
        super().__init__({
            "valid": unsigned(1),
            "multiply": unsigned(1),
            "parameters": unsigned(1),
            "first": unsigned(1),
            "last": unsigned(1),
            "weight_step": range(config.weight_steps),
            "x": data.ArrayLayout(signed(8), config.lanes),
            "high": unsigned(1),
            "push": unsigned(1),
            "pixel": range(STRIP_PIXELS),
            "half": unsigned(1),
        })
