"""The systolic array."""

from .layouts import COLUMN_PARAMETERS, ResultLayout, StepLayout, parameters_layout
from .systolic_array import SystolicArray

__all__ = [
    "COLUMN_PARAMETERS",
    "ResultLayout",
    "StepLayout",
    "SystolicArray",
    "parameters_layout",
]
