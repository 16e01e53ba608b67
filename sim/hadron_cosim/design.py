"""The RTLIL of NPU, ISP and both, elaborated once for each configuration and version."""

import importlib.metadata
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from hadron_cosim.cache import build_once, cache_root, digest
from hadron_spec.config import NpuConfig
from hadron_spec.isp.config import IspConfig
from hadron_spec.vision import VisionConfig

__all__ = ["isp_rtlil", "npu_rtlil", "rtlil_is_cached", "vision_rtlil"]

_PACKAGES = ("hadron_rtl", "hadron_spec")


def _sources(folder: Traversable) -> list[bytes]:
    found = []
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.is_dir():
            found += _sources(entry)
        elif entry.name.endswith(".py"):
            found += [entry.name.encode(), entry.read_bytes()]
    return found


def _key(config: NpuConfig | IspConfig | VisionConfig) -> str:
    parts = [part for package in _PACKAGES for part in _sources(resources.files(package))]
    return digest(repr(config), importlib.metadata.version("amaranth"), *parts)


def rtlil_is_cached(config: NpuConfig | IspConfig | VisionConfig) -> bool:
    """Whether :func:`npu_rtlil` or its like would return at once."""
    return (cache_root() / f"rtlil-{_key(config)}").is_dir()


def npu_rtlil(config: NpuConfig) -> str:
    """Return the design of an NPU as RTLIL; elaborating ``h256`` takes about ten seconds."""

    def build(folder: Path) -> None:
        from hadron_rtl.export import to_rtlil

        (folder / "npu.il").write_text(to_rtlil(config), encoding="utf-8")

    return (build_once("rtlil", _key(config), build) / "npu.il").read_text(encoding="utf-8")


def isp_rtlil(config: IspConfig) -> str:
    """Return the design of an ISP as RTLIL."""

    def build(folder: Path) -> None:
        from hadron_rtl.export import to_rtlil

        (folder / "isp.il").write_text(to_rtlil(config), encoding="utf-8")

    return (build_once("rtlil", _key(config), build) / "isp.il").read_text(encoding="utf-8")


def vision_rtlil(config: VisionConfig) -> str:
    """Return the design of an ISP and an NPU as RTLIL."""

    def build(folder: Path) -> None:
        from hadron_rtl.export import to_rtlil

        (folder / "vision.il").write_text(to_rtlil(config), encoding="utf-8")

    return (build_once("rtlil", _key(config), build) / "vision.il").read_text(encoding="utf-8")
