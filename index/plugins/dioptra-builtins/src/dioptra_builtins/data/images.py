"""Changing folders of images.

Each task reads every image below one folder and writes the changed ones to another, with the same relative paths.
Inputs are never touched; an output file is whole or absent. Of a file with several pictures the first is taken.
"""

from __future__ import annotations

import operator
import os
import struct
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from PIL import Image, ImageOps

from dioptra import pyplugs

_SUFFIXES = frozenset(
    [
        ".avif",
        ".bmp",
        ".dib",
        ".gif",
        ".j2k",
        ".jfif",
        ".jp2",
        ".jpe",
        ".jpeg",
        ".jpg",
        ".pbm",
        ".pcx",
        ".pgm",
        ".png",
        ".pnm",
        ".ppm",
        ".tga",
        ".tif",
        ".tiff",
        ".webp",
    ]
)
# What Pillow's readers raise on damaged files.
_DAMAGED = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    IndexError,
    KeyError,
    TypeError,
    struct.error,
    Image.DecompressionBombError,
)


@pyplugs.register
def resize(data_dir: str | Path, image_size: tuple[int, int], output_dir: str | Path | None = None) -> str:
    """Resize all images of a folder.

    Args:
        data_dir: Folder of images; sub-folders are included.
        image_size: Width and height of the results, in pixels.
        output_dir: Where to write; by default a folder beside `data_dir`, named after it and the size.

    Returns:
        The folder with the resized images.

    Raises:
        FileNotFoundError: `data_dir` is no folder, or holds no image.
        ValueError: A file is no readable image, its format cannot hold the result, the size is not two positive
            numbers, or the two folders overlap.
    """
    size = _checked_size(image_size)
    return _each_image(Path(data_dir), output_dir, f"resized-{size[0]}x{size[1]}", lambda image: _fit(image, size))


@pyplugs.register
def rotate(
    data: str | Path,
    image_size: tuple[int, int],
    angle: float = 90.0,
    output_dir: str | Path | None = None,
) -> str:
    """Rotate all images of a folder about their centres.

    Args:
        data: Folder of images; sub-folders are included.
        image_size: Width and height of the results, in pixels.
        angle: Degrees, counter-clockwise.
        output_dir: Where to write; by default a folder beside `data`, named after it, the angle and the size.

    Returns:
        The folder with the rotated images.

    Raises:
        FileNotFoundError: `data` is no folder, or holds no image.
        ValueError: A file is no readable image, its format cannot hold the result, the size is not two positive
            numbers, or the two folders overlap.
    """
    size = _checked_size(image_size)
    name = f"rotated-{angle:g}-{size[0]}x{size[1]}"
    return _each_image(Path(data), output_dir, name, lambda image: _fit(image.rotate(angle, expand=True), size))


def _checked_size(image_size: tuple[int, int]) -> tuple[int, int]:
    try:
        width, height = (operator.index(side) for side in image_size)
    except (TypeError, ValueError):
        raise ValueError(f"image_size is {image_size!r}; wanted width and height, two whole numbers") from None
    if width <= 0 or height <= 0:
        raise ValueError(f"image_size is {image_size!r}; width and height must be positive")
    return width, height


def _fit(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    return image.resize(size, Image.Resampling.LANCZOS)


def _each_image(
    source: Path, output_dir: str | Path | None, name: str, change: Callable[[Image.Image], Image.Image]
) -> str:
    if not source.is_dir():
        raise FileNotFoundError(f"{source} is not a folder of images")
    # Of "." only the absolute path has a name.
    beside = Path(os.path.abspath(source))  # noqa: PTH100 - links stay
    target = beside.with_name(f"{beside.name}-{name}") if output_dir is None else Path(output_dir)
    if target.resolve().is_relative_to(source.resolve()) or source.resolve().is_relative_to(target.resolve()):
        raise ValueError(f"the output folder {target} and the input folder {source} overlap")
    images = list(_images(source))
    if not images:
        raise FileNotFoundError(f"{source} holds no image ({', '.join(sorted(_SUFFIXES))})")
    for path in images:
        _change_one(path, target / path.relative_to(source), change)
    return str(target)


def _images(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.suffix.lower() in _SUFFIXES and path.is_file())


def _change_one(source: Path, target: Path, change: Callable[[Image.Image], Image.Image]) -> None:
    image, image_format = _read(source)
    changed = change(image)
    target.parent.mkdir(parents=True, exist_ok=True)
    # No image's suffix: what a killed process leaves behind is not taken for an image by the next task.
    descriptor, aside = tempfile.mkstemp(dir=target.parent, prefix=".", suffix=".part")
    try:
        with os.fdopen(descriptor, "wb") as file:
            try:
                changed.save(file, format=image_format)
            except (ValueError, KeyError, OSError) as problem:
                if isinstance(problem, OSError) and problem.errno is not None:
                    raise  # the disk's fault, not the image's
                raise ValueError(f"{source} cannot be written as {image_format}: {problem}") from problem
            os.fchmod(file.fileno(), 0o644)
        Path(aside).replace(target)
    except BaseException:
        Path(aside).unlink(missing_ok=True)
        raise


def _read(path: Path) -> tuple[Image.Image, str | None]:
    """An image, upright and with real channels, and its format."""
    try:
        with Image.open(path) as opened:
            image = ImageOps.exif_transpose(opened)
            # A palette has no colours between its own: mixing pixels needs real channels.
            if image.mode in {"P", "PA"}:
                alpha = image.mode == "PA" or "transparency" in image.info
                image = image.convert("RGBA" if alpha else "RGB")
            return image, opened.format
    except _DAMAGED as problem:
        raise ValueError(f"{path} is not a readable image: {problem}") from problem
