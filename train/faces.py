"""Train the network of `hadron demo`, which finds faces, and write it as a quantized TFLite file.

Data: 100 faces and 100 other patches of 25x25 grey pixels and photographs that scikit-image carries
(skimage.data.lfw_subset, from Labeled Faces in the Wild; photographs in the public domain or CC0),
and the two photographs of scikit-learn. Network: fully convolutional, so that it sees faces
anywhere: 96x96x1 in, a map of 24x24 out, above zero where the middle of a face is.

Faces and other patches are pasted, resized and blended, into parts of photographs. Kept from
training are one face in five, the photographs of `HELD_OUT`, and those that show a person:
"astronaut", which the demonstration uses, and "camera".

Run it from the project's root, in an environment of its own with the extra ``train`` installed::

    python train/faces.py

It prints how many faces of scenes it finds, in float and in INT8, how often it sees one where there
is none, and writes ``toolchain/hadron/data/faces.tflite`` and, with these numbers,
``docs/isp/faces.json``.
"""

import argparse
import json
import os
from pathlib import Path

import numpy as np
from skimage import data
from skimage.transform import AffineTransform, resize, warp
from sklearn.datasets import load_sample_image

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("TF_DETERMINISTIC_OPS", "1")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import tensorflow as tf
from tensorflow import keras

__all__ = ["build", "main", "make_scene", "quantize"]

PROJECT = Path(__file__).resolve().parents[1]
OUTPUT = PROJECT / "toolchain" / "hadron" / "data" / "faces.tflite"
REPORT = PROJECT / "docs" / "isp" / "faces.json"
SEED = 8
SIZE = 96
CELL = 4
"""Pixels of a cell of the map."""
FACE = 25
FACES = 100
HELD_OUT_FACES = 20
TRAINED_ON = ("brick", "cell", "chelsea", "coins", "grass", "gravel", "hubble_deep_field",
              "immunohistochemistry", "moon", "page", "rocket", "text", "stereo_motorcycle",
              "china.jpg")
HELD_OUT = ("coffee", "retina", "clock", "flower.jpg")


def luma(image: np.ndarray) -> np.ndarray:
    """Return luma (BT.601), 0 to 1."""
    values = image.astype(np.float32) / 255
    return values if values.ndim == 2 else values[..., :3] @ np.float32([0.299, 0.587, 0.114])


def photograph(name: str) -> np.ndarray:
    """Return luma of a bundled photograph."""
    if name.endswith(".jpg"):
        return luma(load_sample_image(name))
    image = getattr(data, name)()
    return luma(image[0] if isinstance(image, tuple) else image)


def background(rng: np.random.Generator, photographs: list[np.ndarray]) -> np.ndarray:
    """Return a part of a photograph, at a random scale."""
    image = photographs[rng.integers(len(photographs))]
    largest = min(image.shape)
    size = int(rng.integers(SIZE, largest + 1)) if largest > SIZE else largest
    y, x = (int(rng.integers(extent - size + 1)) for extent in image.shape)
    part = resize(image[y:y + size, x:x + size], (SIZE, SIZE), anti_aliasing=True)
    return part[:, ::-1] if rng.random() < 0.5 else part


def blend(rng: np.random.Generator, size: int) -> np.ndarray:
    """Return how much of a patch of `size` shows: a soft ellipse, or all of it but its edge."""
    y, x = (np.mgrid[:size, :size] + 0.5) / size * 2 - 1
    power = rng.choice([2.0, 4.0, 8.0])
    radius = (np.abs(y) ** power + np.abs(x) ** power) ** (1 / power)
    return np.clip((1 - radius) / rng.uniform(0.05, 0.3), 0, 1)


def vary_face(rng: np.random.Generator, faces: np.ndarray) -> np.ndarray:
    """Return a face nobody has: one or a mixture of two, turned, stretched, lit from a side."""
    face = faces[rng.integers(len(faces))]
    if rng.random() < 0.6:
        part = rng.uniform(0.3, 0.7)
        face = part * face + (1 - part) * faces[rng.integers(len(faces))]
    middle = (FACE - 1) / 2
    turn = AffineTransform(rotation=np.deg2rad(rng.uniform(-12, 12)),
                           scale=tuple(rng.uniform(0.88, 1.08, 2)))
    centred = (AffineTransform(translation=(-middle, -middle)) + turn
               + AffineTransform(translation=(middle, middle)))
    face = warp(face, centred, mode="edge")
    y, x = np.mgrid[-1:1:FACE * 1j, -1:1:FACE * 1j]
    return face * (1 + rng.uniform(-0.35, 0.35) * x + rng.uniform(-0.2, 0.2) * y)


def make_other(rng: np.random.Generator, photographs: list[np.ndarray], faces: np.ndarray,
               others: np.ndarray) -> np.ndarray:
    """Return a patch that is no face: of another thing, a blob, or a face that lies or stands
    on its head."""
    kind = rng.integers(5)
    if kind == 0:
        return others[rng.integers(len(others))]
    if kind == 1:
        return np.rot90(vary_face(rng, faces), rng.integers(1, 4))
    if kind == 2:
        coarse = rng.random((int(rng.integers(3, 9)),) * 2)
        patch = resize(coarse, (FACE, FACE), order=int(rng.integers(0, 4)))
        y, x = np.mgrid[-1:1:FACE * 1j, -1:1:FACE * 1j]
        return np.where(np.hypot(x, y) < rng.uniform(0.6, 0.95), patch, rng.random())
    return np.rot90(background(rng, photographs), rng.integers(4))


def make_scene(rng: np.random.Generator, photographs: list[np.ndarray], faces: np.ndarray,
               others: np.ndarray) -> tuple[np.ndarray, np.ndarray, list[tuple[float, float]]]:
    """Return a scene, what its map should be (1 face, 0 none, -1 either), and faces' middles."""
    scene = background(rng, photographs).astype(np.float32)
    cells = SIZE // CELL
    target = np.zeros((cells, cells), np.float32)
    free = np.ones((SIZE, SIZE), bool)
    middles = []
    y, x = (np.mgrid[:cells, :cells] + 0.5) * CELL
    for is_face in rng.permutation([True] * int(rng.integers(0, 3))
                                   + [False] * int(rng.integers(0, 5))):
        size = int(rng.integers(17, 34))
        top, left = (int(v) for v in rng.integers(-size // 8, SIZE - size * 7 // 8, 2))
        rows = slice(max(top, 0), min(top + size, SIZE))
        columns = slice(max(left, 0), min(left + size, SIZE))
        if not free[rows, columns].all():
            continue
        free[rows, columns] = False
        patch = (vary_face(rng, faces) if is_face
                 else make_other(rng, photographs, faces, others))
        patch = resize(patch, (size, size), anti_aliasing=True)
        patch = patch[:, ::-1] if rng.random() < 0.5 else patch
        patch = np.clip((patch - patch.mean()) * rng.uniform(0.6, 1.8)
                        + rng.uniform(0.25, 0.8), 0, 1)
        shown = blend(rng, size)[rows.start - top:rows.stop - top,
                                 columns.start - left:columns.stop - left]
        inside = patch[rows.start - top:rows.stop - top, columns.start - left:columns.stop - left]
        scene[rows, columns] += shown * (inside - scene[rows, columns])
        if is_face:
            middle = (top + size / 2, left + size / 2)
            distance = np.hypot(y - middle[0], x - middle[1]) / size
            target[distance < 0.45] = -1
            target[distance < 0.17] = 1
            middles.append(middle)
    scene = scene * rng.uniform(0.6, 1.2) + rng.uniform(-0.1, 0.1)
    scene += rng.normal(0, rng.uniform(0, 0.03), scene.shape)
    return np.clip(scene, 0, 1).astype(np.float32), target, middles


def build(batch: int | None = None) -> keras.Model:
    """Return the untrained network."""
    layers = keras.layers

    def convolution(x, filters: int, size: int, stride: int = 1):
        x = layers.Conv2D(filters, size, stride, padding="same", use_bias=False)(x)
        return layers.ReLU()(layers.BatchNormalization()(x))

    def separable(x, filters: int):
        x = layers.DepthwiseConv2D(3, padding="same", use_bias=False)(x)
        x = layers.ReLU()(layers.BatchNormalization()(x))
        return convolution(x, filters, 1)

    image = keras.Input((SIZE, SIZE, 1), batch_size=batch, name="luma")
    x = convolution(image, 16, 3, 2)
    x = convolution(x, 24, 3, 2)
    x = convolution(x, 24, 3)
    for filters in (32, 32, 48, 48):
        x = separable(x, filters)
    x = layers.SpatialDropout2D(0.2)(x)
    faces = layers.Conv2D(1, 1, name="faces")(x)
    return keras.Model(image, faces, name="faces")


def loss(target: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Return the mean cross entropy over cells that have a target; faces count ten times."""
    entropy = tf.nn.sigmoid_cross_entropy_with_logits(tf.maximum(target, 0.0), logits)
    weight = tf.where(target > 0, 10.0, tf.where(target < 0, 0.0, 1.0))
    return tf.reduce_sum(entropy * weight) / tf.reduce_sum(weight)


def quantize(model: keras.Model, images: np.ndarray) -> bytes:
    """Return `model` with INT8 weights (per channel), activations, input and output."""
    single = build(batch=1)
    single.set_weights(model.get_weights())
    converter = tf.lite.TFLiteConverter.from_keras_model(single)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    # Both ends of the range, so that the input's scale is 1/255 and its zero point -128.
    ends = np.concatenate([np.zeros_like(images[:1]), np.ones_like(images[:1])])
    converter.representative_dataset = lambda: ([image[None, ..., None]]
                                                for image in np.concatenate([ends, images]))
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = tf.int8
    converter.inference_output_type = tf.int8
    return converter.convert()


def run_quantized(content: bytes, images: np.ndarray) -> np.ndarray:
    """Return the maps of the quantized network, dequantized."""
    interpreter = tf.lite.Interpreter(
        model_content=content,
        experimental_op_resolver_type=tf.lite.experimental.OpResolverType.BUILTIN_REF)
    interpreter.allocate_tensors()
    source, result = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    assert source["quantization"][1] == -128
    scale, zero_point = result["quantization"]
    maps = []
    for image in images:
        pixels = (np.rint(image * 255) - 128).astype(np.int8)
        interpreter.set_tensor(source["index"], pixels[None, ..., None])
        interpreter.invoke()
        maps.append((interpreter.get_tensor(result["index"])[0].astype(np.float32) - zero_point)
                    * scale)
    return np.array(maps)


def score(maps: np.ndarray, targets: np.ndarray, middles: list[list[tuple[float, float]]],
          ) -> tuple[int, int, int]:
    """Return faces found, faces there are, and scenes with a cell above zero away from faces."""
    found = faces = false = 0
    for cells, target, places in zip(maps[..., 0], targets, middles, strict=True):
        for y, x in places:
            row, column = int(y // CELL), int(x // CELL)
            found += bool((cells[max(row - 1, 0):row + 2, max(column - 1, 0):column + 2] > 0).any())
        faces += len(places)
        false += bool((cells[target == 0] > 0).any())
    return found, faces, false


def scenes(rng: np.random.Generator, count: int, *source: object,
           ) -> tuple[np.ndarray, np.ndarray, list[list[tuple[float, float]]]]:
    """Return `count` scenes, their targets and their faces' middles."""
    images, targets, middles = zip(*(make_scene(rng, *source) for _ in range(count)), strict=True)
    return np.array(images), np.array(targets), list(middles)


def main() -> None:
    """Train, quantize, report and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=OUTPUT, metavar="FILE")
    parser.add_argument("--report", type=Path, default=REPORT, metavar="FILE")
    parser.add_argument("--scenes", type=int, default=9000)
    parser.add_argument("--epochs", type=int, default=16)
    options = parser.parse_args()

    keras.utils.set_random_seed(SEED)
    tf.config.experimental.enable_op_determinism()
    rng = np.random.default_rng(SEED)
    patches = data.lfw_subset().astype(np.float32)
    faces, others = patches[:FACES], patches[FACES:]
    trained_on = [photograph(name) for name in TRAINED_ON]
    held_out = [photograph(name) for name in HELD_OUT]
    x, y, _ = scenes(rng, options.scenes, trained_on, faces[:-HELD_OUT_FACES],
                     others[:-HELD_OUT_FACES])
    test_x, test_y, middles = scenes(rng, 500, held_out, faces[-HELD_OUT_FACES:],
                                     others[-HELD_OUT_FACES:])

    model = build()
    steps = options.epochs * -(-len(x) // 32)
    model.compile(keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(3e-3, steps)), loss)
    model.fit(x[..., None], y[..., None], batch_size=32, epochs=options.epochs, verbose=2)
    content = quantize(model, x[:200])

    report: dict[str, object] = {
        "parameters": model.count_params(), "scenes": len(test_x),
        "faces_trained_on": FACES - HELD_OUT_FACES}
    for name, maps in (("float", model.predict(test_x[..., None], verbose=0)),
                       ("INT8", run_quantized(content, test_x))):
        found, count, false = score(maps, test_y, middles)
        report[name] = {"faces": count, "found": found, "scenes_with_a_false_face": false}
        print(f"{name}: {found} of {count} held-out faces found; a face seen where there is none "
              f"in {false} of {len(maps)} scenes")
    for name in (*HELD_OUT, *TRAINED_ON, "camera", "astronaut"):
        image = photograph(name)
        side = min(image.shape)
        square = resize(image[:side, :side], (SIZE, SIZE), anti_aliasing=True)
        print(f"{name}: at most {run_quantized(content, square[None]).max():.1f}")
    options.output.write_bytes(content)
    options.report.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    print(f"{options.output.name}: {len(content)} bytes, {model.count_params()} parameters")


if __name__ == "__main__":
    main()
