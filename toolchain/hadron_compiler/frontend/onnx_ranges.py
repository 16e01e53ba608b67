"""Scales for what a file leaves in real numbers between two operators.

Quantizers for floating-point accelerators put QuantizeLinear in front of layers alone: what lies
between (a sum, an activation, a residual) has none of its own. The NPU has bytes there. Their range
follows from the file: from another reader's QuantizeLinear, or backwards from the next one, because
what is beyond the range that is kept behind an operator need not be told apart before it. At the
end of a network, where nothing follows, it is chosen between the largest sums that the weights
allow and six standard deviations of sums of numbers that have nothing to do with one another.
"""

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from hadron_compiler.frontend.onnx_inputs import options_of
from hadron_compiler.frontend.onnx_normalization import normalization
from hadron_compiler.frontend.onnx_values import (
    Constant,
    Function,
    Image,
    Pending,
    Quantized,
    Range,
    Value,
    hull,
    kept_range,
    quantization,
    range_of,
)
from hadron_compiler.ir.graph import Activation
from hadron_spec.real_tables import REAL_FUNCTIONS

if TYPE_CHECKING:
    from hadron_compiler.frontend.onnx import OnnxImporter

__all__ = ["Ranges"]

_MOVES = frozenset({
    "Reshape", "Transpose", "Flatten", "Squeeze", "Unsqueeze", "Concat", "MaxPool", "GlobalMaxPool",
    "Resize", "Upsample", "Slice", "Split", "Pad", "DepthToSpace", "SpaceToDepth", "Identity",
    "Dropout", "Gather", "Tile", "Expand"})
"""Operators whose outputs have no numbers that their inputs do not have."""
_ENDS = frozenset({"Softmax", "ArgMax", "GroupNormalization", "InstanceNormalization",
                   "LayerNormalization", "LpNormalization"})
_ALL = (-math.inf, math.inf)
_AVERAGES = frozenset({"AveragePool", "GlobalAveragePool", "ReduceMean"})
_OVER_AVERAGE = 8.0
"""How far beyond the largest mean the numbers that it is of are kept; an average is as exact as
before, for what is rounded coarsely is many."""
_FLAT = {"Sigmoid": 8.0, "Tanh": 4.0, "Erf": 3.0}
"""Where functions have come within half a step of their limits."""
_GATED = {"HardSwish": -3.0, "Swish": -9.0, "Gelu": -4.0, "Mish": -9.0, "Softplus": -8.0,
          "Elu": -6.0, "Celu": -6.0}
"""Functions that rise without end, and that are flat below this."""
_MADE = {"Relu": (0.0, math.inf), "Sigmoid": (0.0, 1.0), "HardSigmoid": (0.0, 1.0),
         "Softmax": (0.0, 1.0), "Tanh": (-1.0, 1.0)}
"""What functions make, whatever a quantization of it says."""


class Ranges:
    """Finds them; `importer` has walked the nodes as far as the one that asks."""

    def __init__(self, importer: "OnnxImporter") -> None:
        self.importer = importer
        self.readers: dict[str, list[Any]] = {}
        self.makers: dict[str, Any] = {}
        for _, node in importer.nodes:
            for name in node.input:
                self.readers.setdefault(name, []).append(node)
            self.makers |= dict.fromkeys(node.output, node)
        self.outputs = {value.name for value in importer.graph.output}
        self.found: dict[str, Range | None] = {}

    def is_read_once(self, name: str) -> bool:
        """Tell whether one node alone reads a value."""
        return len(self.readers.get(name, ())) + (name in self.outputs) == 1

    def quantization(self, pending: Pending) -> tuple[float, int] | None:
        """Return scale and zero point of INT8 for a value, None where nothing tells them."""
        taken = self.taken_behind(pending.name)
        if taken is not None:
            return taken
        self.found.clear()
        found = self._before(pending.name)
        if found is None:
            return None
        least, most = _likely(pending) or _ACTIVATIONS[pending.activation]
        low, high = min(max(found[0], least), 0.0), max(min(found[1], most), 0.0)
        if not math.isfinite(high - low):
            return None
        (scale,), (point,) = quantization(low, high)
        return scale, point

    def taken_behind(self, name: str) -> tuple[float, int] | None:
        """Return the quantization of a value, or of what moves its numbers, by a QuantizeLinear."""
        readers = self.readers.get(name, ())
        for node in readers:
            if node.op_type == "QuantizeLinear" and (taken := self._taken(node)) is not None:
                return taken
        for node in readers:
            for output in node.output if node.op_type in _MOVES else ():
                if (taken := self.taken_behind(output)) is not None:
                    return taken
        return None

    def _taken(self, node: Any) -> tuple[float, int] | None:
        """Return the quantization of a QuantizeLinear; None where it is not one of a tensor."""
        constants = [self.importer.values.get(name) for name in node.input[1:] if name]
        if not all(isinstance(value, Constant) for value in constants):
            return None
        found = self.importer.scale_of([None, *constants])
        if found is None or len(found[0]) != 1 or len(found[1]) != 1:
            return None
        return found[0][0], found[1][0]

    def _before(self, name: str) -> Range | None:
        """Return the range of a value that makes a difference to any of its readers."""
        if name not in self.found:
            readers = self.readers.get(name, ())
            # What an average is of says little: only where nothing else does.
            ranges = [self._before_node(node, name) for node in readers
                      if node.op_type not in _AVERAGES]
            ranges += [_ALL] if name in self.outputs else []
            ranges = ranges or [self._before_node(node, name) for node in readers]
            known = [some for some in ranges if some is not None]
            self.found[name] = None if len(known) < max(1, len(ranges)) else (
                min(low for low, _ in known), max(high for _, high in known))
        return self.found[name]

    def _before_node(self, node: Any, name: str) -> Range | None:
        kind = node.op_type
        if kind == "QuantizeLinear":
            taken = self._taken(node)
            return None if taken is None else kept_range(*taken)
        if kind in _ENDS:
            return _ALL
        if kind in _FLAT:
            return -_FLAT[kind], _FLAT[kind]
        behind = [found for output in node.output
                  if (found := self._before(output)) is not None]
        if not behind:
            return None
        low, high = min(some[0] for some in behind), max(some[1] for some in behind)
        options = options_of(self.importer.onnx, node)
        if kind in _MOVES:
            return low, high
        if kind in _AVERAGES:
            most = _OVER_AVERAGE * max(-low, high)
            return -most, most
        if kind in _GATED:
            return _GATED[kind], _below(REAL_FUNCTIONS[kind], high)
        if kind in _FUNCTIONS:
            return _FUNCTIONS[kind](low, high, options, self._constants(node))
        if kind in ("Add", "Sub", "Mul", "Div"):
            return self._before_pair(node, name, low, high)
        if kind == "BatchNormalization" and (numbers := normalization(
                [self.importer.values.get(other) for other in node.input], options)) is not None:
            gains, offsets = numbers
            matters = np.abs(gains) > np.abs(gains).max(initial=0) / 16
            ends = (np.array([[low], [high]]) - offsets[matters]) / gains[matters]
            return (float(ends.min()), float(ends.max())) if ends.size else None
        return None

    def _constants(self, node: Any) -> list[float]:
        """Return the least and the largest of each constant input but the first, in a row."""
        found = []
        for name in node.input[1:]:
            value = self.importer.values.get(name)
            real = (value.real if isinstance(value, Quantized) else
                    value.data if isinstance(value, Constant) else None)
            found += [math.nan] * 2 if real is None else [float(real.min()), float(real.max())]
        return found

    def _before_pair(self, node: Any, name: str, low: float, high: float) -> Range | None:
        """Return the range of one of two operands."""
        other = node.input[1] if node.input[0] == name else node.input[0]
        widest = max(-low, high)
        known = self._known(other)
        if node.op_type in ("Mul", "Div") and isinstance(self.importer.values.get(other),
                                                         Quantized | Constant):
            divides = node.op_type == "Div" and node.input[0] != name
            if known is None or divides or known[0] * known[1] <= 0:
                return None
            return hull(end / factor if node.op_type == "Mul" else end * factor
                        for end in (low, high) for factor in known)
        if node.op_type == "Div":
            return None
        if node.op_type == "Mul":
            if self._depends(other, name):  # x times its sigmoid, or the like
                return _GATED["Swish"], _below(REAL_FUNCTIONS["Swish"], high)
            return 2 * low, 2 * high
        if known is None:
            return -widest, widest
        first, last = known
        if node.op_type == "Add":
            return low - last, high - first
        # name - other, or other - name
        return ((low + first, high + last) if node.input[0] == name
                else (first - high, last - low))

    def _known(self, name: str) -> Range | None:
        """Return the range of a value that is constant, or quantized for itself or a reader."""
        value = self.importer.values.get(name)
        if isinstance(value, Quantized | Constant):
            real = value.real if isinstance(value, Quantized) else value.data
            return (float(real.min()), float(real.max())) if real.size else None
        found = self._quantized(name, value)
        if found is None:
            return None
        maker = self.makers.get(name)
        while maker is not None and maker.op_type in ("QuantizeLinear", "DequantizeLinear"):
            maker = self.makers.get(maker.input[0])
        least, most = _MADE.get(maker.op_type if maker else "", (-math.inf, math.inf))
        return max(found[0], least), min(found[1], most)

    def _quantized(self, name: str, value: Value | None) -> Range | None:
        image = value.source if isinstance(value, Function) else value
        if isinstance(image, Image) and image.tensor.scales:
            return value.range if isinstance(value, Function) else range_of(image.tensor)
        taken = self.taken_behind(name)
        return None if taken is None else kept_range(*taken)

    def _depends(self, name: str, source: str) -> bool:
        """Tell whether a value is made of another one by few operators."""
        names = [name]
        for _ in range(6):
            if source in names:
                return True
            names = [given for one in names if one in self.makers
                     for given in self.makers[one].input]
        return False


def _below(function: Callable[[float, float, float], float], high: float) -> float:
    """Return up to where a function that rises from 0 on makes no more than `high`."""
    if not math.isfinite(high):
        return high
    first, last = 0.0, max(2 * high, 1.0)
    for _ in range(40):
        middle = (first + last) / 2
        first, last = (middle, last) if function(middle, 1.0, 0.0) <= high else (first, middle)
    return last


def _likely(pending: Pending) -> Range | None:
    """Return the range in which what is waiting is likely to be."""
    if pending.likely is None:
        return None
    low, high = pending.likely
    least, most = _ACTIVATIONS[pending.activation]
    return min(max(low, least), most) * pending.gain, min(max(high, least), most) * pending.gain


_ACTIVATIONS = {Activation.NONE: (-math.inf, math.inf), Activation.RELU: (0.0, math.inf),
                Activation.RELU6: (0.0, 6.0), Activation.RELU_N1_TO_1: (-1.0, 1.0)}


def _relu(low: float, high: float, options: dict[str, Any], others: Sequence[float]) -> Range:
    return 0.0, max(high, 0.0)


def _clip(low: float, high: float, options: dict[str, Any], others: Sequence[float]) -> Range:
    limits = [*others[0:1], *others[2:3]] if others else []
    least = limits[0] if limits else float(options.get("min", -math.inf))
    most = limits[1] if len(limits) > 1 else float(options.get("max", math.inf))
    least, most = (-math.inf if math.isnan(least) else least,
                   math.inf if math.isnan(most) else most)
    return max(low, least), min(high, most)


def _leaky(low: float, high: float, options: dict[str, Any], others: Sequence[float]) -> Range:
    # A quantization with a zero point of 0 says nothing of the lower end; sums are about as large
    # on either side.
    slope = others[0] if others else float(options.get("alpha", 0.01))
    return (max(low / slope, -2 * high) if low < 0 < slope else low), high


def _hard_sigmoid(low: float, high: float, options: dict[str, Any],
                  others: Sequence[float]) -> Range:
    alpha, beta = float(options.get("alpha", 0.2)), float(options.get("beta", 0.5))
    return (-beta / alpha, (1 - beta) / alpha) if alpha > 0 else (low, high)


_FUNCTIONS: dict[str, Callable[[float, float, dict[str, Any], Sequence[float]], Range]] = {
    "Relu": _relu, "Clip": _clip, "LeakyRelu": _leaky, "PRelu": _leaky,
    "HardSigmoid": _hard_sigmoid,
}
"""The range of what a function is given, by that of what it makes, its attributes and constants."""
