"""The systolic array."""

from .layouts import COLUMN_PARAMETERS, StepLayout, Sums, parameters_layout
from .systolic_array import SystolicArray

__all__ = [
    "COLUMN_PARAMETERS",
    "StepLayout",
    "Sums",
    "SystolicArray",
    "parameters_layout",
]
