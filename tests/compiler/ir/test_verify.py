"""The verifier notices what a pass must not do."""

import re

import pytest

from hadron_compiler.errors import VerifyError
from hadron_compiler.ir.graph import (
    ConcatenationAttributes,
    DType,
    Graph,
    Operation,
    OpKind,
    Tensor,
)
from hadron_compiler.ir.verify import verify
from hadron_compiler.passes import alias_reshapes, remove_dead_operations, split_concatenations


def tensor(name: str, *shape: int, **options: object) -> Tensor:
    return Tensor(name, shape or (1, 4), DType.INT8, **({"scales": (0.1,), "zero_points": (0,)}
                                                       | options))


def graph() -> Graph:
    x, y, z = tensor("x"), tensor("y"), tensor("z", 4, 1)
    return Graph("net", [Operation(OpKind.SOFTMAX, 0, [x], [y], None),
                         Operation(OpKind.RESHAPE, 1, [y], [z], None)], [x], [z])


def refuses(changed: Graph, rule: str) -> None:
    with pytest.raises(VerifyError, match=re.escape(rule)):
        verify(changed)


def test_sound_graph_passes() -> None:
    sound = graph()
    assert verify(sound) is sound


def test_read_before_written() -> None:
    changed = graph()
    changed.operations.reverse()
    refuses(changed, "net: RESHAPE #1 reads y before it is written")


def test_written_twice() -> None:
    changed = graph()
    changed.operations.append(changed.operations[0])
    refuses(changed, "net: tensor y is written twice")


def test_output_never_written() -> None:
    changed = graph()
    changed.operations.pop()
    refuses(changed, "net: output z is never written")


def test_activation_without_quantization() -> None:
    changed = graph()
    changed.inputs[0].scales = ()
    refuses(changed, "net: activation x has no per-tensor quantization")


def test_alias_of_another_size() -> None:
    changed = alias_reshapes.run(graph())
    changed.outputs[0].shape = (5, 1)
    other = tensor("w")
    changed.operations.append(Operation(OpKind.SOFTMAX, 2, [changed.outputs[0]], [other], None))
    refuses(changed, "net: z differs in size from y")


def test_reshape_becomes_an_alias() -> None:
    changed = verify(alias_reshapes.run(graph()))
    assert [operation.kind for operation in changed.operations] == [OpKind.SOFTMAX]
    assert changed.outputs[0].storage.name == "y"


def test_dead_operations_go() -> None:
    changed = graph()
    dead = Operation(OpKind.SOFTMAX, 2, [changed.inputs[0]], [tensor("unused")], None)
    changed.operations.insert(0, dead)
    assert dead not in verify(remove_dead_operations.run(changed)).operations


def joined() -> Graph:
    x, y = tensor("x", 1, 4), tensor("y", 1, 8)
    join = Operation(OpKind.CONCATENATION, 0, [x, x], [y], ConcatenationAttributes(1))
    return split_concatenations.run(Graph("net", [join], [x], [y]))


def test_concatenation_becomes_one_operation_an_input() -> None:
    split = verify(joined())
    assert [(operation.label, operation.attributes) for operation in split.operations] == [
        ("CONCATENATION #0", ConcatenationAttributes(1, 0)),
        ("CONCATENATION #0", ConcatenationAttributes(1, 4))]


def test_a_tensor_joined_in_part_is_not_written() -> None:
    changed = joined()
    changed.operations.pop()
    refuses(changed, "net: output y is never written")


def test_more_joined_than_fits() -> None:
    changed = joined()
    changed.operations.append(changed.operations[0])
    refuses(changed, "net: tensor y is written twice")
