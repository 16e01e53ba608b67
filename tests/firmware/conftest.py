"""The 3A algorithms, compiled once for all tests of the firmware."""

import ctypes
from pathlib import Path

import pytest

from hadron_testing.c_3a import build_3a


@pytest.fixture(scope="session")
def algorithms(project: Path, tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    """The library of ``firmware/src/hadron_ae.c``, ``hadron_awb.c`` and ``hadron_af.c``."""
    return build_3a(project, tmp_path_factory.mktemp("3a"))
