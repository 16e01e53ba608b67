"""RAW files: every packing and phase is read as it was written, and mistakes are one line."""

import sys
from pathlib import Path

import numpy as np
import pytest

from hadron.errors import UsageError
from hadron.isp.packing import PACKINGS, line_bytes, pack, unpack, whole_groups
from hadron.isp.raw import RawImage, crop_raw, parse_crop, parse_size, read_raw, write_raw
from hadron_spec.isp.bayer import Phase


@pytest.mark.parametrize("packing", PACKINGS)
@pytest.mark.parametrize("bits", [8, 10, 12])
def test_packed_bytes_unpack_to_the_same_pixels(bits: int, packing: str, rng) -> None:
    pixels = rng.integers(0, 1 << bits, (5, 12)).astype(np.uint16)
    data = pack(pixels, bits, packing)
    assert len(data) == 5 * line_bytes(12, bits, packing)
    assert np.array_equal(unpack(np.frombuffer(data, np.uint8), 12, bits, packing), pixels)


def test_mipi_bytes_are_in_the_order_of_the_standard() -> None:
    raw10 = np.array([0b1000000001, 0b0100000010, 0b0010000011, 0b0001000000], np.uint16)
    assert list(pack(raw10[None], 10, "mipi")) == [0x80, 0x40, 0x20, 0x10, 0b00_11_10_01]
    raw12 = np.array([0xABC, 0x123], np.uint16)
    assert list(pack(raw12[None], 12, "mipi")) == [0xAB, 0x12, 0x3C]
    assert list(pack(raw12[None], 12, "unpacked")) == [0xBC, 0x0A, 0x23, 0x01]


@pytest.mark.parametrize("packing", PACKINGS)
@pytest.mark.parametrize("bits", [8, 10, 12])
@pytest.mark.parametrize("phase", Phase)
def test_raw_bytes_are_read_with_phase_and_size(tmp_path: Path, phase: Phase, bits: int,
                                                packing: str, rng) -> None:
    pixels = rng.integers(0, 1 << bits, (10, 16)).astype(np.uint16)
    path = tmp_path / "frame.raw"
    path.write_bytes(pack(pixels, bits, packing))
    image = read_raw(path, phase=phase.name.lower(), bits=bits, size=(16, 10), packing=packing)
    assert np.array_equal(image.pixels, pixels)
    assert (image.phase, image.bits, image.width, image.height) == (phase, bits, 16, 10)


@pytest.mark.parametrize("phase", Phase)
def test_arrays_keep_phase_bits_and_black(tmp_path: Path, phase: Phase, rng) -> None:
    image = RawImage(pixels=rng.integers(0, 256, (7, 9)).astype(np.uint16), bits=10, phase=phase,
                     black=(1, 2, 3, 4), white=1000)
    write_raw(tmp_path / "frame.npz", image)
    again = read_raw(tmp_path / "frame.npz")
    assert np.array_equal(again.pixels, image.pixels)
    assert (again.bits, again.phase, again.black, again.white) == (10, phase, (1, 2, 3, 4), 1000)
    assert read_raw(tmp_path / "frame.npz", phase="BGGR", bits=12).phase is Phase.BGGR


@pytest.mark.parametrize(("largest", "bits"), [(255, 8), (256, 10), (1023, 10), (1024, 12)])
def test_a_bare_array_has_the_least_bits_that_hold_it(tmp_path: Path, largest: int,
                                                      bits: int) -> None:
    np.save(tmp_path / "frame.npy", np.full((8, 8), largest, np.int32))
    image = read_raw(tmp_path / "frame.npy")
    assert (image.bits, image.phase) == (bits, Phase.RGGB)


def test_the_third_party_frame_is_read(shared: Path) -> None:
    image = read_raw(shared / "raw/infinite_isp_indoor1_128x96.npz", phase="GRBG", bits=10)
    assert (image.width, image.height, image.bits, image.phase) == (128, 96, 10, Phase.GRBG)


def _write_dng(path: Path, pixels: np.ndarray, phase: Phase, black: tuple[int, ...],
               white: int, area: tuple[int, int, int, int] | None = None) -> None:
    """`area` is ActiveArea: top, left, bottom, right."""
    tifffile = pytest.importorskip("tifffile")
    pattern = {letter: i for i, letter in enumerate("RGB")}
    tags = [
        (33421, "H", 2, (2, 2), True),  # CFARepeatPatternDim
        (33422, "B", 4, bytes(pattern[letter] for letter in phase.name), True),  # CFAPattern
        (50706, "B", 4, bytes((1, 4, 0, 0)), True),  # DNGVersion
        (50708, "s", 0, "Hadron Test", True),  # UniqueCameraModel
        (50713, "H", 2, (2, 2), True),  # BlackLevelRepeatDim
        (50714, "H", 4, black, True),  # BlackLevel
        (50717, "H", 1, white, True),  # WhiteLevel
        (50721, "2i", 9, (1, 1, 0, 1, 0, 1, 0, 1, 1, 1, 0, 1, 0, 1, 0, 1, 1, 1), True),  # matrix
        (50728, "2I", 3, (1, 2, 1, 1, 2, 3), True),  # AsShotNeutral
        (50778, "H", 1, 21, True),  # CalibrationIlluminant1: D65
    ]
    if area is not None:
        tags.append((50829, "H", 4, area, True))
    tifffile.imwrite(path, pixels, photometric=32803, extratags=tags, subfiletype=0,
                     metadata=None)


@pytest.mark.parametrize("phase", Phase)
@pytest.mark.parametrize(("white", "bits", "shift"), [(1023, 10, 0), (4095, 12, 0),
                                                      (16383, 12, 2), (15000, 12, 2)])
def test_a_camera_file_tells_phase_black_and_gains(tmp_path: Path, phase: Phase, white: int,
                                                   bits: int, shift: int, rng) -> None:
    pytest.importorskip("rawpy")
    pixels = rng.integers(64, white + 1, (64, 96)).astype(np.uint16)
    _write_dng(tmp_path / "frame.dng", pixels, phase, (64, 64, 64, 64), white)
    image = read_raw(tmp_path / "frame.dng")
    assert np.array_equal(image.pixels, pixels >> shift)
    assert (image.phase, image.bits) == (phase, bits)
    assert image.black == (64 >> shift,) * 4
    assert image.white == white >> shift
    assert image.gains == pytest.approx((2, 1, 1.5), rel=1e-3)


@pytest.mark.parametrize("corner", [(0, 0), (3, 0), (0, 5), (3, 5)])
def test_a_camera_file_with_a_border_begins_at_its_picture(tmp_path: Path, corner: tuple[int, int],
                                                           rng) -> None:
    pytest.importorskip("rawpy")
    pixels = rng.integers(64, 4096, (64, 96)).astype(np.uint16)
    top, left = corner
    _write_dng(tmp_path / "frame.dng", pixels, Phase.GRBG, (64, 64, 64, 64), 4095,
               (top, left, 62, 94))
    image = read_raw(tmp_path / "frame.dng")
    # DNG counts the pattern from the corner of the picture; LibRaw leaves out what is odd of it.
    picture = pixels[top + (top & 1):, left + (left & 1):]
    assert np.array_equal(image.pixels, picture[:image.height, :image.width])
    assert image.phase == Phase.GRBG ^ (left & 1 | (top & 1) << 1)
    assert image.height * image.width > 50 * 80


def _problem(path: Path, **options) -> str:
    with pytest.raises(UsageError) as error:
        read_raw(path, **options)
    assert "\n" not in str(error.value)
    return str(error.value).removeprefix(f"{path}: ")


def test_mistakes_are_told_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "frame.raw"
    assert _problem(path) == "no such file"
    path.write_bytes(bytes(100))
    assert _problem(path) == "--bits and --size are needed, a .raw file holds pixels only"
    assert _problem(path, bits=10, size=(16, 10)) == (
        "100 bytes, must be 200 for 16x10 of mipi RAW10")
    assert _problem(path, bits=10, size=(18, 10)) == (
        "width 18, must be a multiple of 4 in packed RAW10")
    assert _problem(path, bits=9, size=(18, 10)) == "bits=9, must be 8, 10 or 12"
    assert _problem(path, bits=8, size=(10, 10), packing="loose") == (
        "packing 'loose', must be one of mipi, unpacked")
    path.write_bytes(b"\xff" * 200)
    assert _problem(path, bits=10, size=(10, 10), packing="unpacked") == (
        "a pixel is 65535, must be at most 1023 in RAW10")
    assert _problem(path, bits=8, size=(20, 10), phase="XYZ") == (
        "phase 'XYZ', must be one of RGGB, GRBG, GBRG, BGGR")
    assert _problem(tmp_path / "photo.jpg").startswith("unknown kind of RAW file; known: .npz")


def test_arrays_that_are_no_frames_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "frame.npy"
    for array, message in (
            (np.zeros((2, 2, 3), np.uint8),
             "array raw has the shape [2, 2, 3], must be (rows, columns)"),
            (np.zeros((2, 2)), "array raw holds float64, must be whole numbers of 0 or more"),
            (np.full((2, 2), -1), "array raw holds int64, must be whole numbers of 0 or more"),
            (np.full((2, 2), 4096), "a pixel is 4096, must be at most 4095 in RAW12")):
        np.save(path, array)
        assert _problem(path) == message
    np.savez(tmp_path / "frame.npz", picture=np.zeros((2, 2), np.uint8))
    assert _problem(tmp_path / "frame.npz") == "no array 'raw'; there are: picture"
    path.write_bytes(b"nothing of the kind")
    assert _problem(path) == "not a NumPy file"


@pytest.mark.parametrize(("arrays", "message"), [
    ({"bits": [10, 10]}, "bits is [10, 10], must be a whole number"),
    ({"bits": 11}, "bits is 11, must be 8, 10 or 12"),
    ({"white": np.nan}, "white is nan, must be a whole number"),
    ({"white": 4096}, "white is 4096, must be 1 to 1023 in RAW10"),
    ({"black": [1, 2, 3]}, "black is [1, 2, 3], must be one whole number or 4"),
    ({"black": -1}, "black is -1, -1, -1, -1, must be 0 to 1022"),
    ({"black": 64, "white": 64}, "black is 64, 64, 64, 64, must be 0 to 63"),
    ({"phase": "RGBG"}, "phase 'RGBG', must be one of RGGB, GRBG, GBRG, BGGR"),
])
def test_what_a_file_says_of_its_pixels_is_checked(tmp_path: Path, arrays: dict,
                                                   message: str) -> None:
    path = tmp_path / "frame.npz"
    np.savez(path, **{"raw": np.zeros((8, 8), np.uint16), "bits": 10, **arrays})
    assert _problem(path) == message


def test_a_truncated_array_is_told_in_one_line(tmp_path: Path) -> None:
    for path in (tmp_path / "frame.npz", tmp_path / "frame.npy"):
        if path.suffix == ".npz":
            np.savez(path, raw=np.zeros((8, 8), np.uint16))
        else:
            np.save(path, np.zeros((8, 8), np.uint16))
        path.write_bytes(path.read_bytes()[:200])
        assert _problem(path).startswith("cannot be read (")


@pytest.mark.parametrize(("bits", "packing", "stride"), [(8, "mipi", 32), (10, "mipi", 40),
                                                         (12, "mipi", 48), (10, "unpacked", 64)])
def test_lines_may_be_filled_up_and_end_within_a_group(tmp_path: Path, bits: int, packing: str,
                                                       stride: int, rng) -> None:
    pixels = rng.integers(0, 1 << bits, (9, 27)).astype(np.uint16)
    filled = np.pad(pixels, ((0, 0), (0, whole_groups(27, bits, packing) - 27)), mode="edge")
    line = np.frombuffer(pack(filled, bits, packing), np.uint8).reshape(9, -1)
    padded = np.full((9, stride), 0xFF, np.uint8)
    padded[:, :line.shape[1]] = line
    path = tmp_path / "frame.raw"
    path.write_bytes(padded.tobytes())
    options = {"bits": bits, "packing": packing, "size": (27, 9)}
    assert np.array_equal(read_raw(path, stride=stride, **options).pixels, pixels)
    short = line.shape[1] - 1
    assert _problem(path, stride=short, **options) == (
        f"stride {short}, must be {short + 1} or more for 27 pixels of {packing} RAW{bits}")
    assert _problem(path, stride=stride + 1, **options) == (
        f"{9 * stride} bytes, must be {9 * stride + 9} for 27x9 of {packing} RAW{bits} in lines of "
        f"{stride + 1} bytes")


@pytest.mark.parametrize("phase", Phase)
def test_a_part_of_a_frame_keeps_the_colours_of_its_pixels(phase: Phase) -> None:
    y, x = np.indices((12, 14))
    colours = (x & 1 ^ phase & 1) + 2 * (y & 1 ^ phase >> 1)
    image = RawImage(pixels=colours.astype(np.uint16), bits=8, phase=phase)
    for crop in ((0, 0, 14, 12), (3, 2, 8, 9), (2, 3, 9, 8), (5, 1, 8, 8)):
        part = crop_raw(image, crop)
        assert (part.width, part.height) == crop[2:]
        first = part.pixels[:2, :2].ravel()
        assert list(first) == [(p & 1 ^ part.phase & 1) + 2 * (p >> 1 ^ part.phase >> 1)
                               for p in range(4)]
    for crop in ((0, 0, 15, 12), (7, 0, 8, 12), (0, 5, 8, 8), (0, 0, 0, 8)):
        with pytest.raises(UsageError, match=r"must lie inside 14x12 pixels$"):
            crop_raw(image, crop)


def test_a_crop_is_four_numbers() -> None:
    assert parse_crop("640, 480,1920,1080") == (640, 480, 1920, 1080)
    for text in ("", "1,2,3", "1,2,3,4,5", "-1,0,8,8", "a,b,c,d", "1x2"):
        with pytest.raises(UsageError, match=f"^crop '{text}', must be X,Y,WIDTH,HEIGHT"):
            parse_crop(text)


def test_a_damaged_camera_file_is_told_in_one_line(tmp_path: Path) -> None:
    pytest.importorskip("rawpy")
    path = tmp_path / "frame.dng"
    path.write_bytes(b"II*\0" + bytes(200))
    assert _problem(path).startswith("LibRaw: ")


def test_a_size_is_width_by_height() -> None:
    assert parse_size("1920x1080") == (1920, 1080)
    for text in ("1920", "x", "0x3", "3x-1", "3x4x5"):
        with pytest.raises(UsageError, match=f"^size '{text}', must be WIDTHxHEIGHT"):
            parse_size(text)


def test_a_camera_file_without_rawpy_tells_what_to_install(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rawpy", None)
    (tmp_path / "frame.dng").write_bytes(b"")
    assert _problem(tmp_path / "frame.dng") == (
        "reading it needs rawpy: pip install 'hadron-npu[raw]'")
