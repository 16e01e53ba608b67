"""Load NumPy's files, which anyone may have made."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hadron.errors import UsageError

__all__ = ["load_arrays"]

_MAGIC = (b"\x93NUMPY", b"PK")
"""What .npy and .npz files begin with."""


def load_arrays(path: Path) -> npt.NDArray[Any] | dict[str, npt.NDArray[Any]]:
    """Load a .npy file as an array, a .npz file as a mapping.

    Raises
    ------
    UsageError
        When it is no such file, is damaged, or holds Python objects.
    """
    try:
        with path.open("rb") as file:
            if not file.read(8).startswith(_MAGIC):
                raise UsageError(f"{path}: not a NumPy file")
        loaded = np.load(path, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return loaded
        with loaded:
            return {name: loaded[name] for name in loaded.files}
    except UsageError:
        raise
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or 'cannot be read'}") from None
    except Exception as error:  # a damaged file raises whatever NumPy or zipfile stumbles on
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UsageError(f"{path}: cannot be read ({reason})") from None
