"""Pictures for documents: labelled tiles side by side."""

import io
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

__all__ = ["encode_jpeg", "tiles"]

Picture = npt.NDArray[np.uint8]

_GAP, _LABEL, _FONT = 6, 22, 14
_INK = (40, 40, 40)


def tiles(rows: Sequence[Sequence[tuple[str, Picture]]], *, height: int) -> Picture:
    """Return rows of labelled pictures, each scaled to `height` lines; grey ones become RGB."""
    drawn = []
    for row in rows:
        images = []
        for label, picture in row:
            image = Image.fromarray(picture).convert("RGB")
            width = round(image.width * height / image.height)
            larger = height > image.height
            image = image.resize((width, height), Image.Resampling.NEAREST if larger
                                 else Image.Resampling.LANCZOS)
            tile = Image.new("RGB", (width, height + _LABEL), "white")
            tile.paste(image, (0, _LABEL))
            ImageDraw.Draw(tile).text((2, 2), label, fill=_INK, font=ImageFont.load_default(_FONT))
            images.append(tile)
        drawn.append(_join(images, across=True))
    return np.asarray(_join(drawn, across=False))


def _join(images: Sequence[Image.Image], *, across: bool) -> Image.Image:
    along = [image.width if across else image.height for image in images]
    other = max(image.height if across else image.width for image in images)
    total = sum(along) + _GAP * (len(images) - 1)
    joined = Image.new("RGB", (total, other) if across else (other, total), "white")
    at = 0
    for image, extent in zip(images, along, strict=True):
        joined.paste(image, (at, 0) if across else (0, at))
        at += extent + _GAP
    return joined


def encode_jpeg(picture: Picture, quality: int = 88) -> bytes:
    """Return the bytes of a JPEG file."""
    data = io.BytesIO()
    Image.fromarray(picture).save(data, format="JPEG", quality=quality, optimize=True)
    return data.getvalue()
