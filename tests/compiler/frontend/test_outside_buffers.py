"""Constants behind the flatbuffer, where newer converters write them."""

import flatbuffers
import numpy as np
import pytest
from tflite_micro.tensorflow.lite.micro.python import schema_py_generated as schema

from hadron_compiler import ModelFormatError, compile_model
from hadron_spec.config import CONFIGS
from hadron_testing.random_models import random_network

H64 = CONFIGS["h64"]


def with_buffers_outside(model: bytes) -> bytes:
    """Return a model with its buffers behind the flatbuffer, as LiteRT's own tools leave them."""
    tree = schema.ModelT.InitFromObj(schema.Model.GetRootAs(model, 0))
    contents = [b"" if buffer.data is None else bytes(buffer.data) for buffer in tree.buffers]

    def packed(begin: int) -> bytes:
        for buffer, content in zip(tree.buffers, contents, strict=True):
            buffer.data = None
            # A number of another size would change the flatbuffer's: 1 stands for none, too.
            buffer.offset, buffer.size = (begin, len(content)) if content else (1, 1)
            begin += len(content)
        builder = flatbuffers.Builder(4096)
        builder.Finish(tree.Pack(builder), b"TFL3")
        return bytes(builder.Output())

    return packed(len(packed(2))) + b"".join(contents)


def test_they_are_read(rng: np.random.Generator) -> None:
    model = random_network(rng, size=8, blocks=1).model
    outside = with_buffers_outside(model)
    assert compile_model(outside, H64).memory == compile_model(model, H64).memory


def test_a_file_that_ends_before_them_is_refused(rng: np.random.Generator) -> None:
    outside = with_buffers_outside(random_network(rng, size=8, blocks=1).model)
    with pytest.raises(ModelFormatError, match=r"^net.tflite: .*a buffer ends early"):
        compile_model(outside[:-1], H64, name="net.tflite")
