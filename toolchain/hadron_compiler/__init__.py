"""The compiler: from a quantized TFLite model to a program for the NPU."""

from hadron_compiler.compiler import compile_model
from hadron_compiler.errors import (
    CapacityError,
    CompileError,
    ModelFormatError,
    UnsupportedError,
)
from hadron_compiler.frontend.operators import supported_operators
from hadron_compiler.program import HostEdge, LayerReport, Program, TensorBinding

__all__ = ["CapacityError", "CompileError", "HostEdge", "LayerReport", "ModelFormatError",
           "Program", "TensorBinding", "UnsupportedError", "compile_model", "supported_operators"]
