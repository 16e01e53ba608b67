"""Real functions between integers: DEQUANTIZE, operators of one operand, QUANTIZE become one table.

A converter leaves them where TensorFlow Lite has no integers for an operator, as of ELU, or of the
logarithm in a softplus. What an INT8 tensor alone decides, element by element, is a function of 256
values.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from hadron_compiler.frontend.constants import Folded
from hadron_compiler.frontend.flatbuffer import RawModel, RawOperator, RawTensor
from hadron_spec import tflite_tables

__all__ = ["fold_functions"]

Values = npt.NDArray[np.float32]
Options = dict[str, float]


@dataclass(frozen=True)
class _Function:
    """What a tensor of real numbers has for each value of INT8 tensor `source`, element by element.
    """

    source: int
    values: Values


def fold_functions(folded: Folded) -> Folded:
    """Give QUANTIZE of a function of an INT8 tensor the function's `table`; drop what only it
    needed."""
    model = folded.model
    functions: dict[int, _Function] = {}
    # Between DEQUANTIZE and QUANTIZE alone there is nothing to compute.
    unchanged: set[int] = set()
    operators = list(model.operators)
    for index, operator in enumerate(operators):
        if len(operator.outputs) != 1 or not operator.inputs or -1 in operator.inputs:
            continue
        given, made = operator.inputs[0], operator.outputs[0]
        if operator.kind == "DEQUANTIZE" and _is_plain(model.tensors[given]):
            x = model.tensors[given]
            functions[made] = _Function(given, np.array(
                tflite_tables.dequantized((x.scales[0], x.zero_points[0])), np.float32))
            unchanged.add(made)
        elif operator.kind == "QUANTIZE" and given in functions:
            y = model.tensors[made]
            if _is_plain(y) and given not in unchanged:
                operators[index] = replace(
                    operator, inputs=(functions[given].source,),
                    table=tuple(tflite_tables.quantized(functions[given].values.tolist(),
                                                        (y.scales[0], y.zero_points[0]))))
        else:
            function = _computed(operator, model, functions)
            if function is not None:
                functions[made] = function
    changed = replace(model, operators=tuple(operators))
    return _without_unread(replace(folded, model=changed), frozenset(functions))


def _is_plain(tensor: RawTensor) -> bool:
    return (tensor.dtype == "INT8" and tensor.data is None and len(tensor.scales) == 1
            and len(tensor.zero_points) == 1)


def _computed(operator: RawOperator, model: RawModel,
              functions: dict[int, _Function]) -> _Function | None:
    """Return what an operator makes of functions of one tensor and of constants of one element."""
    compute = _KINDS.get(operator.kind)
    sources = {functions[i].source for i in operator.inputs if i in functions}
    if compute is None or len(sources) != 1:
        return None
    source = sources.pop()
    given: list[Values] = []
    for i in operator.inputs:
        data = model.tensors[i].data
        if i in functions:
            given.append(functions[i].values)
        elif data is not None and data.size == 1 and data.dtype == np.float32:
            given.append(np.full(256, data.ravel()[0], np.float32))
        else:
            return None
    if model.tensors[operator.outputs[0]].shape != model.tensors[source].shape:
        return None
    try:
        with np.errstate(all="ignore"):
            values = compute(operator.options or {}, *given)
    except (KeyError, TypeError):
        return None
    return _Function(source, _activated(operator, values.astype(np.float32)))


def _activated(operator: RawOperator, values: Values) -> Values:
    """Apply the activation that is fused into a sum or product: RELU, RELU_N1_TO_1, RELU6."""
    least, most = {1: (0, np.inf), 2: (-1, 1), 3: (0, 6)}.get(
        int((operator.options or {}).get("FusedActivationFunction", 0)), (-np.inf, np.inf))
    return np.clip(values, np.float32(least), np.float32(most))


def _without_unread(folded: Folded, real: frozenset[int]) -> Folded:
    """Drop operators whose outputs, functions all of them, nobody reads any more."""
    operators = list(folded.model.operators)
    read = set(folded.model.outputs)
    gone = set(folded.operators)
    for index in range(len(operators) - 1, -1, -1):
        operator = operators[index]
        if operator.outputs and real.issuperset(operator.outputs) and not read.intersection(
                operator.outputs):
            operators[index] = RawOperator(operator.kind, (), (), None)
            gone.add(index)
        else:
            read.update(operator.inputs)
    return Folded(replace(folded.model, operators=tuple(operators)), frozenset(gone))


def _exactly(function: Callable[[npt.NDArray[np.float64]], npt.NDArray[np.float64]]
             ) -> Callable[..., Values]:
    """Return a function in single precision, rounded from double."""
    return lambda options, x: function(x.astype(np.float64)).astype(np.float32)


_KINDS: dict[str, Callable[..., Values]] = {
    "ADD": lambda options, x, y: x + y,
    "SUB": lambda options, x, y: x - y,
    "MUL": lambda options, x, y: x * y,
    "DIV": lambda options, x, y: x / y,
    "MAXIMUM": lambda options, x, y: np.maximum(x, y),
    "MINIMUM": lambda options, x, y: np.minimum(x, y),
    "SQUARED_DIFFERENCE": lambda options, x, y: (x - y) * (x - y),
    "PRELU": lambda options, x, y: np.where(x >= 0, x, x * y),
    "ABS": lambda options, x: np.abs(x),
    "NEG": lambda options, x: -x,
    "SQUARE": lambda options, x: x * x,
    "SQRT": lambda options, x: np.sqrt(x),
    "RSQRT": lambda options, x: np.float32(1) / np.sqrt(x),
    "EXP": _exactly(np.exp),
    "LOG": _exactly(np.log),
    "SIN": _exactly(np.sin),
    "COS": _exactly(np.cos),
    "TANH": _exactly(np.tanh),
    "LOGISTIC": _exactly(lambda x: 1 / (1 + np.exp(-x))),
    "FLOOR": _exactly(np.floor),
    "CEIL": _exactly(np.ceil),
    "ROUND": _exactly(np.rint),
    "ELU": _exactly(lambda x: np.where(x < 0, np.expm1(np.minimum(x, 0)), x)),
    "RELU": lambda options, x: np.maximum(x, np.float32(0)),
    "RELU_N1_TO_1": lambda options, x: np.clip(x, np.float32(-1), np.float32(1)),
    "RELU6": lambda options, x: np.clip(x, np.float32(0), np.float32(6)),
    "LEAKY_RELU": lambda options, x: np.where(x > 0, x, x * np.float32(options["Alpha"])),
    "HARD_SWISH": lambda options, x: x * np.clip(x + np.float32(3), np.float32(0), np.float32(6))
    / np.float32(6),
}
"""Functions of TensorFlow Lite's reference kernels in single precision."""
