"""The ISP's C driver: against a register file, and with the 3A algorithms on golden statistics."""

import ctypes
from dataclasses import replace

import numpy as np
import pytest

from hadron.isp.example import EXAMPLE_SENSOR, to_image
from hadron.isp.session import process_golden
from hadron.isp.tuning import Tuning, load_tuning, parse_tuning
from hadron_model.isp.statistics import Statistics as GoldenStatistics
from hadron_sensor import Sensor
from hadron_spec.isp.config import ISP_CONFIGS
from hadron_spec.isp.picture import ColorMatrixSettings
from hadron_spec.isp.registers import ISP_BASE, ISP_ID, isp_register, settings_image
from hadron_spec.isp.settings import IspSettings
from hadron_spec.isp.statistics import STATISTICS_WORDS
from hadron_testing.c_3a import (
    Ae,
    AeSettings,
    Awb,
    AwbSettings,
    Balance,
    Exposure,
    IspDriver,
    Statistics,
)
from hadron_testing.c_driver import Status
from hadron_testing.camera import patches

FRAME, STATISTICS = 1, 2


class FakeIsp:
    """A register file with the ISP's windows; `words` are the statistics."""

    def __init__(self) -> None:
        config = ISP_CONFIGS["isp1280"]
        self.values = {
            "ID": ISP_ID, "CONFIG1": 0x7FFF | 16 << 16,
            "CONFIG0": config.max_width | config.max_height << 12 | 12 << 24 | 3 << 28}
        self.words = np.zeros(STATISTICS_WORDS, np.uint32)
        self.tables: dict[int, int] = {}
        self.writes: list[tuple[str, int]] = []
        self.reads = 0
        self._names = {ISP_BASE + r.offset: r.name for r in map(
            isp_register, ("ID", "CONFIG0", "CONFIG1", "CONTROL", "COMMIT", "STATUS", "IRQ_ENABLE",
                           "IRQ_STATUS", "STATISTICS_INDEX", "TABLE_ADDRESS", "TABLE_DATA",
                           "STATISTICS_ADDRESS", "STATISTICS_DATA", "SHADING_GAIN",
                           "WHITE_BALANCE_GAIN_0", "WHITE_BALANCE_GAIN_1",
                           *(f"COLOR_MATRIX_MATRIX_{i}" for i in range(5))))}

    def read(self, offset: int) -> int:
        name = self._names[offset]
        self.reads += 1
        if name == "STATISTICS_DATA":
            word = self.values["STATISTICS_ADDRESS"]
            self.values["STATISTICS_ADDRESS"] = word + 1
            return int(self.words[word])
        return self.values.get(name, 0)

    def write(self, offset: int, value: int) -> None:
        name = self._names[offset]
        self.writes.append((name, value))
        if name == "TABLE_DATA":
            address = self.values["TABLE_ADDRESS"]
            self.tables[address] = value
            self.values["TABLE_ADDRESS"] = address + 1
        elif name == "IRQ_STATUS":
            self.values[name] &= ~value
        else:
            self.values[name] = value


@pytest.fixture
def fake() -> FakeIsp:
    return FakeIsp()


@pytest.fixture
def driver(algorithms: ctypes.CDLL, fake: FakeIsp) -> IspDriver:
    driver = IspDriver(algorithms, fake.read, fake.write)
    assert driver.connect() == Status.OK
    return driver


def test_init_reads_what_the_device_is(driver: IspDriver) -> None:
    isp = driver.isp
    assert (isp.max_width, isp.max_height, isp.input_bits) == (1280, 720, 12)
    assert (isp.stages, isp.bus_bytes) == (0x7FFF, 16)


def test_init_refuses_what_is_not_an_isp(algorithms: ctypes.CDLL, fake: FakeIsp) -> None:
    fake.values["ID"] ^= 1
    assert IspDriver(algorithms, fake.read, fake.write).connect() == Status.NO_DEVICE
    assert fake.writes == []


def test_init_masks_the_interrupt_and_forgets_events(algorithms: ctypes.CDLL,
                                                     fake: FakeIsp) -> None:
    fake.values |= {"IRQ_ENABLE": 15, "IRQ_STATUS": 5}
    driver = IspDriver(algorithms, fake.read, fake.write)
    assert driver.connect() == Status.OK
    assert (fake.values["IRQ_ENABLE"], fake.values["IRQ_STATUS"]) == (0, 0)


def test_a_commit_waits_for_the_one_before(driver: IspDriver, fake: FakeIsp) -> None:
    assert driver.commit() == Status.OK
    assert fake.writes[-1] == ("COMMIT", 1)
    fake.values["STATUS"] = 2
    before = list(fake.writes)
    assert driver.commit() == Status.BUSY
    assert fake.writes == before


def test_running_keeps_the_other_bits_of_control(driver: IspDriver, fake: FakeIsp) -> None:
    fake.values["CONTROL"] = 2
    driver.run(1, FRAME | STATISTICS)
    assert (fake.values["CONTROL"], fake.values["IRQ_ENABLE"]) == (3, FRAME | STATISTICS)
    driver.run(0, 0)
    assert (fake.values["CONTROL"], fake.values["IRQ_ENABLE"]) == (2, 0)


def test_an_interrupt_is_read_and_cleared(driver: IspDriver, fake: FakeIsp) -> None:
    fake.values["IRQ_STATUS"] = FRAME | STATISTICS
    assert driver.interrupt() == FRAME | STATISTICS
    assert driver.interrupt() == 0


def test_a_table_is_written_from_an_address_on(driver: IspDriver, fake: FakeIsp) -> None:
    values = (ctypes.c_uint16 * 4)(9, 8, 7, 65535)
    driver.write_table(1, 128, values, 4)
    assert fake.tables == {(1 << 16) + 128 + i: v for i, v in enumerate((9, 8, 7, 65535))}


def test_gains_reach_their_fields_and_saturate(driver: IspDriver, fake: FakeIsp) -> None:
    driver.set_balance(ctypes.byref(Balance(7000, 4096, 99999, 5000)))
    assert fake.values["WHITE_BALANCE_GAIN_0"] == 7000 | 4096 << 16
    assert fake.values["WHITE_BALANCE_GAIN_1"] == 4096 | 65535 << 16
    assert not any(name.startswith("COLOR") for name, _ in fake.writes), "it has no matrix"
    driver.set_digital_gain(ctypes.byref(Exposure(10, 256, 300)))
    assert fake.values["SHADING_GAIN"] == 300
    driver.set_digital_gain(ctypes.byref(Exposure(10, 256, 99999)))
    assert fake.values["SHADING_GAIN"] == 65535


def test_a_colour_matrix_is_laid_out_as_the_specification_says(driver: IspDriver,
                                                               fake: FakeIsp) -> None:
    matrix = (1536, -400, -112, -250, 1500, -226, 20, -500, 1504)
    balance = Balance(4096, 4096, 4096, 5000)
    balance.matrix[:] = matrix
    driver.set_balance(ctypes.byref(balance))
    image = settings_image(IspSettings(color_matrix=ColorMatrixSettings(matrix=matrix)))
    for name, value in fake.writes:
        if name.startswith("COLOR_MATRIX"):
            assert value == image[isp_register(name).offset]
    assert sum(name.startswith("COLOR_MATRIX") for name, _ in fake.writes) == 5


def golden(sensor: Sensor, scene: np.ndarray, tuning: Tuning, **options) -> GoldenStatistics:
    frame = sensor.expose(scene, **options)
    statistics = process_golden(to_image(frame), tuning).statistics
    assert statistics is not None
    return statistics


def check_same(read: Statistics, wanted: GoldenStatistics) -> None:
    """The window keeps sums and clipped pixels in sixteenths."""
    for zone, total, valid, clipped in zip(
            read.zones, wanted.zone_sum.reshape(-1, 4), wanted.zone_valid.reshape(-1, 4),
            wanted.zone_clipped.reshape(-1, 4), strict=True):
        assert list(zone.sum) == (total // 16 * 16).tolist()
        assert list(zone.count) == valid.tolist()
        assert 0 <= zone.clipped - int(clipped.sum()) < 4 * 16
    assert list(read.sharpness) == wanted.sharpness.tolist()
    assert list(read.brightness) == wanted.brightness.tolist()


def test_statistics_are_those_of_the_golden_model(driver: IspDriver, fake: FakeIsp, rng) -> None:
    wanted = golden(EXAMPLE_SENSOR, patches(rng) * 1.5, load_tuning("example"))
    assert wanted.zone_clipped.any()
    fake.words = wanted.words()
    fake.values["STATISTICS_INDEX"] = 41
    fake.reads = 0
    status, statistics = driver.statistics()
    assert (status, statistics.frame) == (Status.OK, 41)
    assert fake.reads < 1300
    check_same(statistics, wanted)


def test_statistics_that_changed_while_they_were_read_say_so(driver: IspDriver,
                                                             fake: FakeIsp) -> None:
    plain = fake.read

    def read(offset: int) -> int:
        if fake.reads == 700:
            fake.values["STATISTICS_INDEX"] = 42
        return plain(offset)

    fake.values["STATISTICS_INDEX"] = 41
    moving = IspDriver(driver.library, read, fake.write)
    assert moving.connect() == Status.OK
    fake.reads = 0
    assert moving.statistics()[0] == Status.BUSY


def test_exposure_and_white_balance_converge_on_the_isps_own_statistics(driver: IspDriver,
                                                                        fake: FakeIsp, rng
                                                                        ) -> None:
    """A step in light and one in colour; sensor, golden ISP, registers, C code, gains, again."""
    sensor = replace(EXAMPLE_SENSOR, shading=replace(EXAMPLE_SENSOR.shading, loss=(0, 0, 0)))
    scene = patches(rng, grey=0.6)
    tuning = parse_tuning("black_level: {offset: 64}\nstatistics: {}\nshading: {}\ndefect: {}",
                          "3a")
    lights = [(k, 1 / red, 1 / blue) for k, (red, _, blue) in (
        (k, sensor.white_balance(k)) for k in (2500, 3500, 5000, 6500, 9000))]
    ae, awb = Ae(), Awb()
    exposure = Exposure(400, 256, 256)
    library = driver.library
    assert library.hadron_ae_init(ctypes.byref(ae), ctypes.byref(AeSettings(
        target=740, tolerance=100, speed=8, minimum_lines=1, maximum_lines=2000,
        maximum_gain=4096, gain_step=16, delay=1)), ctypes.byref(exposure)) == 0
    assert library.hadron_awb_init(ctypes.byref(awb), ctypes.byref(AwbSettings.of(
        lights, band=200, zones=8, speed=6, tolerance=80)), 6500) == 0
    light, kelvin = 1.0, 6500
    totals, kelvins = [], []
    for frame in range(60):
        if frame == 20:
            light *= 6
        if frame == 40:
            kelvin = 3000
        digital = tuning.with_sections(shading={"gain": exposure.digital_gain / 256})
        fake.words = golden(sensor, sensor.responses(scene, kelvin) * light, digital,
                            exposure=exposure.lines / 1000, gain=exposure.gain / 256,
                            seed=frame).words()
        _, statistics = driver.statistics()
        exposure = library.hadron_ae_step(ctypes.byref(ae), ctypes.byref(statistics))
        kelvins.append(library.hadron_awb_step(ctypes.byref(awb),
                                               ctypes.byref(statistics)).kelvin)
        totals.append(exposure.total)
    assert len(set(totals[12:20])) == len(set(totals[32:40])) == 1
    assert totals[19] / totals[39] == pytest.approx(6, rel=0.2)
    assert kelvins[39] == pytest.approx(6500, rel=0.1)
    assert kelvins[59] == pytest.approx(3000, rel=0.1)
    assert (np.diff(totals[20:40]) <= 0).all()
    assert (np.diff(kelvins[40:]) <= 0).all()
