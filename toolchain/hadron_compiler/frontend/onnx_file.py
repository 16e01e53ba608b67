"""Read ONNX files."""

from importlib import import_module
from pathlib import Path
from typing import Any

from hadron_compiler.errors import ModelFormatError

__all__ = ["is_quantized", "read_onnx"]


def read_onnx(source: str, data: bytes, folder: Path | None = None) -> Any:
    """Parse and check an ONNX model.

    Parameters
    ----------
    source : str
        What messages call the model.
    data : bytes
        The file.
    folder : Path or None
        Where it lies, and the files beside it that may hold its constants.

    Raises
    ------
    ModelFormatError
        When it is no ONNX model or a damaged one, or lacks a file of constants.
    """
    # Late, for it takes longer than compiling a small network; untyped, as protobuf messages are.
    onnx: Any = import_module("onnx")
    try:
        model = onnx.load_model_from_string(data)
        if folder is not None:
            onnx.load_external_data_for_model(model, str(folder))
        onnx.checker.check_model(model)
    except Exception as error:  # protobuf and the checker raise classes of their own
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise ModelFormatError(f"{source}: not an ONNX model, or a damaged one "
                               f"({lines[0].strip()})") from None
    return model


def is_quantized(kind: str) -> bool:
    """Tell whether an operator of this type is one of quantized networks."""
    return (kind in ("QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear", "QGemm")
            or kind.startswith("QLinear") or kind.endswith("Integer"))
