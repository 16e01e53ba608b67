"""Operations: what reports tell of them."""

import pytest

from hadron_compiler.ir.graph import (
    Activation,
    AddAttributes,
    Attributes,
    ConvolutionAttributes,
    DType,
    Operation,
    OpKind,
    Tensor,
    Window,
)


@pytest.mark.parametrize(("kind", "attributes", "inputs", "work"), [
    (OpKind.CONV_2D, ConvolutionAttributes(Window(1, 7), Activation.NONE), 1,
     "1x8x8x3 to 1x4x4x16, 1x7"),
    (OpKind.CONV_2D, ConvolutionAttributes(Window(3, 3, 2, 2, dilation_y=2), Activation.NONE), 1,
     "1x8x8x3 to 1x4x4x16, 3x3 stride 2 dilation 2x1"),
    (OpKind.ADD, AddAttributes(Activation.NONE), 2, "1x8x8x3 + 1x8x8x3 to 1x4x4x16"),
])
def test_work_tells_shapes_and_window(kind: OpKind, attributes: Attributes, inputs: int,
                                      work: str) -> None:
    sources: list[Tensor | None] = [Tensor("x", (1, 8, 8, 3), DType.INT8)] * inputs
    operation = Operation(kind, 0, sources, [Tensor("y", (1, 4, 4, 16), DType.INT8)], attributes)
    assert operation.work == work
