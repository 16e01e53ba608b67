"""Settings, configurations and registers of the ISP: limits, places, messages."""

from dataclasses import replace

import pytest

from hadron_spec.config import ConfigError
from hadron_spec.isp.bayer import CropSettings, DefectSettings, ShadingSettings
from hadron_spec.isp.config import ISP_CONFIGS, IspConfig
from hadron_spec.isp.fields import SettingsError, settings_of
from hadron_spec.isp.registers import (
    ISP_REGISTERS,
    ISP_SPACE_BYTES,
    SETTINGS_BEGIN,
    TABLES,
    isp_register,
    setting_words,
    settings_image,
    table_words,
    writes,
)
from hadron_spec.isp.settings import STAGES, IspSettings, check, default_settings
from hadron_spec.registers import Access


def test_registers_are_aligned_apart_and_inside_the_block():
    offsets = [r.offset for r in ISP_REGISTERS]
    assert offsets == sorted(set(offsets))
    assert all(offset % 4 == 0 and offset < ISP_SPACE_BYTES for offset in offsets)
    assert len({r.name for r in ISP_REGISTERS}) == len(ISP_REGISTERS)
    for register in ISP_REGISTERS:
        taken = 0
        for field in register.fields:
            mask = ((1 << field.width) - 1) << field.lsb
            assert mask < 1 << 32
            assert not taken & mask
            taken |= mask
        assert register.doc.endswith(".")


def test_every_setting_has_a_place_of_its_own():
    words = list(setting_words())
    places = {(w.offset, w.lsb) for w in words}
    assert len(places) == len(words)
    named = {(w.stage, w.setting) for w in words} | {(t.stage, t.known.name) for t in TABLES}
    assert named == {(stage, known.name) for stage, group in STAGES.items()
                     for known in settings_of(group)}
    for word in words:
        assert isp_register(word.register).access is Access.RW
        assert word.offset >= SETTINGS_BEGIN
        assert word.lsb + word.known.bits <= 32


def test_an_image_holds_what_was_set():
    settings = replace(IspSettings(), defect=DefectSettings(enable=1, hot=5, cold=4095))
    image = settings_image(settings)
    assert image[isp_register("DEFECT_ENABLE").offset] == 1
    assert image[isp_register("DEFECT_HOT").offset] == 5
    assert image[isp_register("DEFECT_COLD").offset] == 4095
    gains = [image[isp_register(f"WHITE_BALANCE_GAIN_{i}").offset] for i in (0, 1)]
    assert gains == [0x1000_1000] * 2


def test_table_addresses_pad_all_dimensions_but_the_first():
    table = next(t for t in TABLES if t.name == "shading.mesh")
    mesh = tuple(range(13 * 17 * 4))
    settings = replace(IspSettings(), shading=ShadingSettings(mesh=mesh))
    words = list(table_words(table, settings))
    assert words[:5] == [(0, 0), (1, 1), (2, 2), (3, 3), (4, 4)]
    assert words[17 * 4] == (128, 17 * 4)
    assert len({address for address, _ in words}) == len(mesh)
    assert max(address for address, _ in words).bit_length() == table.known.address_bits


def test_writes_name_a_table_address_only_where_the_counter_is_elsewhere():
    table_address = isp_register("TABLE_ADDRESS").offset
    addresses = [word for offset, word in writes(IspSettings()) if offset == table_address]
    mesh = next(t for t in TABLES if t.name == "shading.mesh").number
    assert [a & 0xFFFF for a in addresses if a >> 16 == mesh] == [128 * row for row in range(13)]
    assert len(list(writes(IspSettings(), tables=False))) == len(settings_image(IspSettings()))


@pytest.mark.parametrize(("make", "message"), [
    (lambda: DefectSettings(hot=4096), "Defect.hot=4096, must be an integer from 0 to 4095"),
    (lambda: DefectSettings(hot=1.5), "Defect.hot=1.5, must be an integer from 0 to 4095"),
    (lambda: CropSettings(width=7), "Crop.width=7, must be an integer from 8 to 4095"),
    (lambda: ShadingSettings(mesh=(1, 2)), "Shading.mesh has 2 values, must be a tuple of 884"),
    (lambda: ShadingSettings(mesh=5), "Shading.mesh has int values, must be a tuple of 884"),
    (lambda: ShadingSettings(mesh=(-1, *(0,) * 883)),
     r"Shading.mesh\[0\]=-1, must be an integer from 0 to 16383"),
])
def test_values_outside_their_limits_are_refused(make, message):
    with pytest.raises(SettingsError, match=f"^{message}$"):
        make()


@pytest.mark.parametrize(("crop", "message"), [
    ({"input_width": 65}, "Crop.width=65, must be at most 64 in configuration 'isp64'"),
    ({"enable": 1, "x": 8, "width": 60},
     "Crop.x=8, must be at most 4: the part used must lie inside the input"),
    ({"enable": 1, "input_width": 48, "width": 60},
     "Crop.width=60, must be at most 48: the part used must lie inside the input"),
])
def test_frames_that_do_not_fit_are_refused(crop, message):
    config = ISP_CONFIGS["isp64"]
    settings = default_settings(config)
    with pytest.raises(SettingsError, match=f"^{message}$"):
        check(replace(settings, crop=replace(settings.crop, **crop)), config)


def test_a_mesh_that_ends_before_the_frame_is_refused():
    config = ISP_CONFIGS["isp64"]
    settings = replace(default_settings(config),
                       shading=ShadingSettings(enable=1, use_mesh=1, step_x=1 << 15))
    with pytest.raises(SettingsError, match=r"^Shading.step_x=32768, must be at most 16384: "):
        check(settings, config)


def test_a_stage_that_is_left_out_cannot_be_enabled():
    config = IspConfig(name="bare", max_width=64, max_height=64, omit=("defect",))
    settings = replace(default_settings(config), defect=DefectSettings(enable=1))
    with pytest.raises(SettingsError, match=r"^configuration 'bare' has no stage defect: "):
        check(settings, config)


@pytest.mark.parametrize(("field", "value", "limit"), [
    ("max_width", 8, "from 16 to 4095"),
    ("input_bits", 9, "8, 10 or 12"),
    ("omit", ("crop",), "some of linearize, defect, shading, statistics, bayer_denoise, luma"),
    ("axi_data_width", 16, "32, 64 or 128"),
])
def test_configurations_outside_their_limits_are_refused(field, value, limit):
    with pytest.raises(ConfigError) as caught:
        IspConfig(**{"name": "x", "max_width": 64, "max_height": 64, field: value})
    assert str(caught.value) == f"ISP configuration 'x': {field}={value!r}, must be {limit}"


@pytest.mark.parametrize("config", ISP_CONFIGS.values(), ids=lambda c: c.name)
def test_defaults_suit_their_configuration(config):
    check(default_settings(config), config)
