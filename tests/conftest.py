"""What every test shares: one seed, a generator per test, and the folder of third-party data."""

import hashlib
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

DEFAULT_SEED = 1
PROJECT = Path(__file__).resolve().parent.parent
SHARED = Path(os.environ.get("HADRON_SHARED", PROJECT.parent / "shared"))
"""Third-party networks, inputs and RAW frames: beside the project, or where HADRON_SHARED says."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--seed``."""
    parser.addoption(
        "--seed",
        type=int,
        default=DEFAULT_SEED,
        help=f"seed of every random test (default {DEFAULT_SEED}); shown in the report header",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Make Hypothesis follow ``--seed`` and forget the examples of earlier runs."""
    settings.register_profile("hadron", deadline=None, database=None)
    settings.load_profile("hadron")
    if config.option.hypothesis_seed is None:
        config.option.hypothesis_seed = str(config.getoption("--seed"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest; the other processes take over the tests behind it."""
    items.sort(key=lambda item: item.get_closest_marker("longest") is None)


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Name the seed and the third-party data, so that a log says what was run."""
    shared = SHARED if SHARED.is_dir() else f"absent ({SHARED}): tests that need it skip"
    return [f"hadron: --seed={config.getoption('--seed')}", f"hadron: shared data {shared}"]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):
    """Say in every failure how to repeat it."""
    report = yield
    if report.when == "call" and report.failed:
        seed = item.config.getoption("--seed")
        report.sections.append(("seed", f"pytest --seed={seed} '{item.nodeid}'"))
    return report


def _derived_seed(seed: int, node_id: str) -> int:
    digest = hashlib.sha256(f"{seed}:{node_id}".encode()).digest()
    return int.from_bytes(digest[:8], "little")


@pytest.fixture
def test_seed(request: pytest.FixtureRequest) -> int:
    """A 64-bit integer derived from (``--seed``, test id): the same whatever runs beside it."""
    return _derived_seed(request.config.getoption("--seed"), request.node.nodeid)


@pytest.fixture
def rng(test_seed: int) -> np.random.Generator:
    """A generator derived from (``--seed``, test id)."""
    return np.random.default_rng(test_seed)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of third-party data; the test skips where it is absent."""
    if not SHARED.is_dir():
        pytest.skip(f"third-party data not found at {SHARED} (set HADRON_SHARED to its folder)")
    return SHARED


@pytest.fixture(scope="session")
def project() -> Path:
    """The root of the source tree."""
    return PROJECT
