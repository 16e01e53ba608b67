"""What goes into the array and what comes out of it."""

from amaranth.hdl import signed, unsigned
from amaranth.lib import data

from hadron_spec.config import NpuConfig

__all__ = ["COLUMN_PARAMETERS", "StepLayout", "parameters_layout"]

COLUMN_PARAMETERS = data.StructLayout({
    "bias": signed(32),
    "multiplier": signed(32),
    "shift": signed(8),
})
"""What a column's results are requantized with, laid out as `hadron_spec.commands.PARAMETERS`."""


def parameters_layout(config: NpuConfig) -> data.ArrayLayout:
    """Return the layout of the parameters of all columns."""
    return data.ArrayLayout(COLUMN_PARAMETERS, config.columns)


class StepLayout(data.StructLayout):
    """One step of the array.

    Members
    -------
    valid : unsigned(1)
        There is a step in this cycle.
    parameters : unsigned(1)
        The step reads parameters of the columns and not weights; `first`, `last`, `x` are ignored.
    first, last : unsigned(1)
        The step begins, ends a result.
    weight_step : unsigned
        Word of the weight memories; with `lookup`, first word of a table.
    x : ArrayLayout(signed(8), config.lanes)
        Activations.
    """

    def __init__(self, config: NpuConfig):
        super().__init__({
            "valid": unsigned(1),
            "parameters": unsigned(1),
            "first": unsigned(1),
            "last": unsigned(1),
            "weight_step": range(config.weight_steps),
            "x": data.ArrayLayout(signed(8), config.lanes),
        })
