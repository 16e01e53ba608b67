"""Input files: what is taken, and what is said of what is not."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hadron import UsageError
from hadron.inputs import bind_inputs
from hadron.models import load_model
from hadron_compiler import Program

NAME = "serving_default_image:0"


@pytest.fixture(scope="module")
def program() -> Program:
    return load_model("digits", "h64").program


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def x(rng: np.random.Generator) -> np.ndarray:
    return rng.integers(-128, 128, (1, 8, 8, 1), dtype=np.int8)


@pytest.mark.parametrize("shape", [(1, 8, 8, 1), (8, 8, 1), (8, 8)])
def test_the_batch_and_channel_axes_may_be_missing(program: Program, x: np.ndarray,
                                                   shape: tuple[int, ...]) -> None:
    np.save("x.npy", x.reshape(shape))
    [[bound]] = bind_inputs(program, "x.npy").samples
    np.testing.assert_array_equal(bound, x)


@pytest.mark.parametrize("shape", [(3, 1, 8, 8, 1), (3, 8, 8, 1), (3, 8, 8)])
def test_a_leading_axis_counts_samples(program: Program, rng: np.random.Generator,
                                       shape: tuple[int, ...]) -> None:
    x = rng.integers(-128, 128, shape, dtype=np.int8)
    np.savez("x.npz", x=x, y=np.arange(3))
    bound = bind_inputs(program, "x.npz")
    assert len(bound.samples) == 3
    np.testing.assert_array_equal(np.stack([s for [s] in bound.samples]), x.reshape(3, 1, 8, 8, 1))
    chosen = bound.select(2)
    np.testing.assert_array_equal(chosen.samples[0][0].ravel(), x[2].ravel())
    assert chosen.source == "x.npz[2]"


@pytest.mark.parametrize("index", [-1, 3])
def test_an_index_without_sample_is_refused(program: Program, index: int) -> None:
    np.save("x.npy", np.zeros((3, 8, 8), np.int8))
    with pytest.raises(UsageError, match=rf"^x.npy: --index {index}, must be 0 to 2$"):
        bind_inputs(program, "x.npy").select(index)


def test_the_only_array_of_an_npz_needs_no_name(program: Program, x: np.ndarray) -> None:
    np.savez("x.npz", anything=x)
    [[bound]] = bind_inputs(program, "x.npz").samples
    np.testing.assert_array_equal(bound, x)


def test_raw_bytes_are_int8(program: Program, x: np.ndarray) -> None:
    Path("x.raw").write_bytes(x.tobytes())
    [[bound]] = bind_inputs(program, "x.raw").samples
    np.testing.assert_array_equal(bound, x)


def test_fortran_order_does_not_matter(program: Program, x: np.ndarray) -> None:
    np.save("x.npy", np.asfortranarray(x.reshape(8, 8)))
    [[bound]] = bind_inputs(program, "x.npy").samples
    np.testing.assert_array_equal(bound, x)


def _bad_files() -> None:
    np.save("float.npy", np.zeros((8, 8), np.float32))
    np.save("int64.npy", np.zeros((8, 8), np.int64))
    np.save("object.npy", np.array([{}, None]), allow_pickle=True)
    np.save("shape.npy", np.zeros((9, 8), np.int8))
    np.save("scalar.npy", np.int8(3))
    np.save("none.npy", np.zeros((0, 8, 8), np.int8))
    np.savez("two.npz", a=np.zeros(3), b=np.zeros(3))
    np.savez("empty.npz")
    Path("text.npy").write_text("hello")
    Path("nothing.npy").write_bytes(b"")
    Path("text.npz").write_text("hello")
    whole = Path("two.npz").read_bytes()
    Path("cut.npz").write_bytes(whole[:len(whole) // 2])
    np.savez("really.npz", x=np.zeros(3))
    Path("really.npz").rename("npz.npy")
    np.save("really.npy", np.zeros(3))
    Path("really.npy").rename("npy.npz")
    Path("short.raw").write_bytes(bytes(63))
    Image.new("L", (8, 9)).save("size.png")
    Image.new("I;16", (8, 8)).save("deep.png")
    Path("text.png").write_text("hello")
    Path("nothing.jpg").write_bytes(b"")
    Image.effect_noise((8, 8), 90).save("whole.png")
    Path("cut.png").write_bytes(Path("whole.png").read_bytes()[:60])
    Path("folder.png").mkdir()
    Path("x.bmp").write_bytes(b"BM")


SHAPE = "[1, 8, 8, 1]"
QUANTIZE = "(quantize with scale 0.00392156886 and zero point -128)"


@pytest.mark.parametrize(("name", "message"), [
    ("missing.npy", "missing.npy: no such file"),
    ("folder.png", "folder.png: not a file"),
    ("x.bmp", "x.bmp: unknown kind of input; known: .npy, .npz, .png, .jpg, .jpeg, .raw"),
    ("float.npy", f"float.npy: the array holds float32, must be int8, or uint8 for pixels "
                  f"{QUANTIZE}"),
    ("int64.npy", f"int64.npy: the array holds int64, must be int8, or uint8 for pixels "
                  f"{QUANTIZE}"),
    ("shape.npy", f"shape.npy: the array has the shape [9, 8], input {NAME} has {SHAPE}"),
    ("scalar.npy", f"scalar.npy: the array has the shape [], input {NAME} has {SHAPE}"),
    ("none.npy", "none.npy: the array has the shape [0, 8, 8]: no samples"),
    ("two.npz", "two.npz: one array, or one named x, is needed; the arrays are a, b"),
    ("empty.npz", "empty.npz: one array, or one named x, is needed; the arrays are none"),
    ("npz.npy", "npz.npy: not a .npy file"),
    ("npy.npz", "npy.npz: not a .npz file"),
    ("short.raw", f"short.raw: the file has 63 bytes, input {NAME} {SHAPE} has 64"),
    ("size.png", f"size.png: the image has 9 x 8 pixels (rows x columns), input {NAME} has the "
                 f"shape {SHAPE}, so it must have 8 x 8"),
    ("deep.png", "deep.png: the image has pixels of the kind I;16, must be 8 bits a channel"),
    ("text.png", "text.png: not an image, or a damaged one"),
    ("nothing.jpg", "nothing.jpg: not an image, or a damaged one"),
])
def test_a_wrong_file_is_refused(program: Program, name: str, message: str) -> None:
    _bad_files()
    with pytest.raises(UsageError) as error:
        bind_inputs(program, name)
    assert str(error.value) == message


@pytest.mark.parametrize("name", ["object.npy", "text.npy", "nothing.npy", "text.npz", "cut.npz",
                                  "cut.png"])
def test_a_damaged_file_is_refused_in_one_line(program: Program, name: str) -> None:
    _bad_files()
    with pytest.raises(UsageError, match=rf"^{name}: (not an? |cannot be read)") as error:
        bind_inputs(program, name)
    assert "\n" not in str(error.value)
