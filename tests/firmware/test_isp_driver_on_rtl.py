"""The ISP's C driver sets up the RTL and reads its statistics, as firmware would on a board."""

import ctypes

import numpy as np
import pytest

from hadron.isp.example import EXAMPLE_SENSOR, load_photo, photograph, to_image
from hadron.isp.raw import RawImage
from hadron.isp.session import process_golden
from hadron.isp.tuning import load_tuning
from hadron_cosim.cxxrtl.streams import Stream
from hadron_cosim.isp_simulator import IspSimulator, raw_beats
from hadron_spec.isp.config import ISP_CONFIGS
from hadron_spec.isp.registers import TABLES, isp_register, settings_image, table_words
from hadron_testing.c_3a import Balance, IspDriver
from hadron_testing.c_driver import Status

pytestmark = pytest.mark.slow  # the simulation is built, once

pytest.importorskip("skimage")

FRAME, STATISTICS = 1, 2
SIZE = 48


@pytest.fixture(scope="module")
def image() -> RawImage:
    photo = load_photo("astronaut")[60:60 + SIZE, 200:200 + SIZE]
    pixels = to_image(photograph(photo, EXAMPLE_SENSOR))
    # An instance for 12 bits takes 10 shifted up.
    return RawImage(pixels=pixels.pixels << 2, bits=12, phase=pixels.phase)


def _run(simulator: IspSimulator, image: RawImage) -> None:
    simulator.isp.clear()
    simulator.isp.feed_raw(raw_beats(image.pixels))
    simulator.isp.run(40_000, until_irq=True)


def test_settings_tables_statistics_and_gains(algorithms: ctypes.CDLL, image: RawImage) -> None:
    simulator = IspSimulator(ISP_CONFIGS["isp64"])
    driver = IspDriver(algorithms, simulator.isp.read, simulator.isp.write)
    assert driver.connect() == Status.OK
    assert (driver.isp.max_width, driver.isp.input_bits, driver.isp.bus_bytes) == (64, 12, 16)

    tuning = load_tuning("example")
    expected = process_golden(image, tuning, config="isp64")
    for offset, word in settings_image(expected.settings).items():
        driver.write(offset, word)
    for table in TABLES:
        # One call for each run of addresses.
        runs: list[tuple[int, list[int]]] = []
        for address, value in table_words(table, expected.settings):
            if not runs or address != runs[-1][0] + len(runs[-1][1]):
                runs.append((address, []))
            runs[-1][1].append(value)
        for first, values in runs:
            driver.write_table(table.number, first, (ctypes.c_uint16 * len(values))(*values),
                               len(values))
    assert driver.commit() == Status.OK
    driver.run(1, FRAME | STATISTICS)
    _run(simulator, image)
    simulator.isp.run(4000)
    assert driver.interrupt() & (FRAME | STATISTICS) == FRAME | STATISTICS
    status, statistics = driver.statistics()
    assert (status, statistics.frame) == (Status.OK, 1)
    wanted = expected.statistics
    assert wanted is not None
    assert [list(zone.count) for zone in statistics.zones] == wanted.zone_valid.reshape(
        -1, 4).tolist()
    assert [list(zone.sum) for zone in statistics.zones] == (
        wanted.zone_sum.reshape(-1, 4) // 16 * 16).tolist()
    assert list(statistics.sharpness) == wanted.sharpness.tolist()
    assert list(statistics.brightness) == wanted.brightness.tolist()

    driver.set_balance(ctypes.byref(Balance(4096, 4096, 8192, 5000)))
    assert driver.commit() == Status.OK
    _run(simulator, image)
    simulator.isp.run(4000)
    other = tuning.with_sections(white_balance={"gain": [1.0, 1.0, 2.0]})
    beats = simulator.isp.beats(Stream.PICTURE)
    picture = beats["bytes"][:, :3].reshape(SIZE, SIZE, 3)
    np.testing.assert_array_equal(picture, process_golden(image, other, config="isp64").picture)
    assert driver.read(isp_register("FRAME_INDEX").offset) == 2
