"""Train Hadron's own demonstration network and write it as a fully quantized TFLite file.

Data: the 1797 handwritten digits of 8x8 pixels that scikit-learn carries (UCI "Optical Recognition
of Handwritten Digits", CC BY 4.0). Network: a convolution, a residual block of a depthwise and a
pointwise convolution, pooling, a classifier, so that it runs every kind of operator the NPU has:
CONV_2D, DEPTHWISE_CONV_2D, ADD, MAX_POOL_2D, AVERAGE_POOL_2D, FULLY_CONNECTED and SOFTMAX.

Run it from the project's root, in an environment of its own with the extra ``train`` installed::

    python train/digits.py

It prints the accuracy on images held out from training, in float and in INT8, and writes
``toolchain/hadron/data/digits.tflite`` and a few of the held-out images with their labels. The
same TensorFlow release on the same kind of machine writes the same bytes.
"""

import argparse
import json
import os
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("TF_DETERMINISTIC_OPS", "1")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import tensorflow as tf
from tensorflow import keras

__all__ = ["build", "main", "quantize"]

DATA = Path(__file__).resolve().parents[1] / "toolchain" / "hadron" / "data"
SEED = 8
HELD_OUT = 360
"""Images kept from training: one in five."""
SHIFT_COPIES = 4
"""Copies of each training image moved by up to one pixel."""


def load() -> tuple[np.ndarray, ...]:
    """Return training images, held-out images and their labels; pixels are 0 to 255."""
    digits = load_digits()
    # Of 16 levels, 0 to 16, make the bytes a PNG holds.
    images = np.rint(digits.images * (255 / 16)).astype(np.uint8)[..., None]
    return tuple(train_test_split(images, digits.target.astype(np.int64), test_size=HELD_OUT,
                                  random_state=SEED, stratify=digits.target))


def augment(images: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the images and `SHIFT_COPIES` copies of each, moved by at most one pixel."""
    generator = np.random.default_rng(SEED)
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)))
    copies = [images]
    for _ in range(SHIFT_COPIES):
        offsets = generator.integers(0, 3, (len(images), 2))
        copies.append(np.stack([image[y : y + 8, x : x + 8]
                                for image, (y, x) in zip(padded, offsets, strict=True)]))
    return np.concatenate(copies), np.tile(labels, 1 + SHIFT_COPIES)


def build(batch: int | None = None) -> keras.Model:
    """Return the untrained network; its input is 8x8x1, 0 to 1, `batch` images or any number."""
    layers = keras.layers

    def convolution(x, filters: int, size: int):
        x = layers.Conv2D(filters, size, padding="same", use_bias=False)(x)
        return layers.ReLU()(layers.BatchNormalization()(x))

    image = keras.Input((8, 8, 1), batch_size=batch, name="image")
    x = convolution(image, 16, 3)
    skip = x
    x = layers.DepthwiseConv2D(3, padding="same", use_bias=False)(x)
    x = layers.ReLU()(layers.BatchNormalization()(x))
    x = layers.Conv2D(16, 1, use_bias=False)(x)
    x = layers.BatchNormalization()(x)
    x = layers.ReLU()(layers.Add()([x, skip]))
    x = layers.MaxPooling2D(2)(x)
    x = convolution(x, 24, 3)
    x = layers.AveragePooling2D(2)(x)
    x = layers.Flatten()(x)
    x = layers.Dropout(0.2)(x)
    scores = layers.Dense(10, activation="softmax", name="digit")(x)
    return keras.Model(image, scores, name="digits")


def quantize(model: keras.Model, images: np.ndarray) -> bytes:
    """Return `model` with INT8 weights (per channel), activations, input and output.

    Parameters
    ----------
    model : keras.Model
        The trained network.
    images : ndarray
        Calibration images, pixels 0 to 255. Their range, 0 to 1 after scaling, makes the input's
        scale 1/255 and its zero point -128: a pixel p of a PNG is the byte p - 128.
    """
    # A fixed batch of 1 keeps Flatten a RESHAPE to a constant shape.
    single = build(batch=1)
    single.set_weights(model.get_weights())
    converter = tf.lite.TFLiteConverter.from_keras_model(single)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: (
        [image[None].astype(np.float32) / 255] for image in images)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = tf.int8
    converter.inference_output_type = tf.int8
    return converter.convert()


def evaluate(content: bytes, images: np.ndarray) -> np.ndarray:
    """Return the digit the quantized network sees in each image."""
    interpreter = tf.lite.Interpreter(
        model_content=content,
        experimental_op_resolver_type=tf.lite.experimental.OpResolverType.BUILTIN_REF)
    interpreter.allocate_tensors()
    source, result = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    assert source["quantization"][1] == -128
    digits = []
    for image in images:
        # Flipping the top bit subtracts 128.
        interpreter.set_tensor(source["index"], (image[None] ^ 0x80).view(np.int8))
        interpreter.invoke()
        digits.append(int(interpreter.get_tensor(result["index"])[0].argmax()))
    return np.array(digits)


def write_samples(images: np.ndarray, labels: np.ndarray, folder: Path) -> None:
    """Write the first held-out image of every digit and ``labels.json`` beside them."""
    folder.mkdir(parents=True, exist_ok=True)
    names = {}
    for digit in range(10):
        image = images[np.flatnonzero(labels == digit)[0]]
        name = f"digit_{digit}.png"
        Image.fromarray(image[..., 0]).save(folder / name)
        names[name] = digit
    (folder / "labels.json").write_text(json.dumps(names, indent=2) + "\n", encoding="utf-8")


def main() -> None:
    """Train, quantize, report and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=DATA, metavar="DIR")
    parser.add_argument("--epochs", type=int, default=60)
    options = parser.parse_args()

    keras.utils.set_random_seed(SEED)
    tf.config.experimental.enable_op_determinism()
    train_x, test_x, train_y, test_y = load()
    x, y = augment(train_x, train_y)
    model = build()
    steps = options.epochs * -(-len(x) // 64)
    model.compile(keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(3e-3, steps)),
                  loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x.astype(np.float32) / 255, y, batch_size=64, epochs=options.epochs, verbose=2)

    scores = model.predict(test_x.astype(np.float32) / 255, verbose=0)
    content = quantize(model, train_x)
    float_accuracy = float((scores.argmax(1) == test_y).mean())
    int8_accuracy = float((evaluate(content, test_x) == test_y).mean())
    print(f"held-out images: {len(test_y)}")
    print(f"float accuracy: {float_accuracy:.4f}")
    print(f"INT8 accuracy:  {int8_accuracy:.4f}")

    options.output.mkdir(parents=True, exist_ok=True)
    (options.output / "digits.tflite").write_bytes(content)
    print(f"digits.tflite: {len(content)} bytes, {model.count_params()} parameters")
    write_samples(test_x, test_y, options.output / "digits")


if __name__ == "__main__":
    main()
