"""Models of which the shapes are left open, as converters do for batches of any size."""

from collections.abc import Callable

import flatbuffers
from tflite_micro.tensorflow.lite.micro.python import schema_py_generated as schema

__all__ = ["opened"]


def opened(model: bytes, unknown: Callable[[tuple[int, ...]], tuple[int, ...]]) -> bytes:
    """Return a model in which tensors that operators write have the signature `unknown` makes of
    their shapes, and 1 in place of each size that is -1 there."""
    tree = schema.ModelT.InitFromPackedBuf(model, 0)
    graph = tree.subgraphs[0]
    for index in {int(i) for operator in graph.operators for i in operator.outputs}:
        tensor = graph.tensors[index]
        signature = unknown(tuple(int(size) for size in tensor.shape))
        tensor.shapeSignature = list(signature)
        tensor.shape = [1 if size == -1 else size for size in signature]
    packer = flatbuffers.Builder(0)
    packer.Finish(tree.Pack(packer), b"TFL3")
    return bytes(packer.Output())
