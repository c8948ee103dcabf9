from __future__ import annotations

from pathlib import Path

import pytest
from dioptra_builtins.data.images import resize, rotate
from PIL import Image

from dioptra import pyplugs


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    (folder / "inner").mkdir(parents=True)
    half = Image.new("RGB", (40, 20), "red")
    half.paste("blue", (20, 0, 40, 20))
    half.save(folder / "half.png")
    Image.new("L", (10, 10), 128).save(folder / "inner" / "grey.jpg")
    return folder


def test_resize_keeps_sub_folders_and_formats_and_leaves_inputs_alone(pictures: Path) -> None:
    before = (pictures / "half.png").read_bytes()
    result = Path(resize(pictures, (8, 4)))
    assert {path.relative_to(result).as_posix() for path in result.rglob("*.*")} == {"half.png", "inner/grey.jpg"}
    with Image.open(result / "half.png") as image:
        assert (image.size, image.format) == ((8, 4), "PNG")
    assert (pictures / "half.png").read_bytes() == before


def test_rotating_by_ninety_degrees_turns_left_to_bottom(pictures: Path, tmp_path: Path) -> None:
    result = Path(rotate(pictures, (20, 40), output_dir=tmp_path / "turned"))
    with Image.open(result / "half.png") as image:
        assert image.getpixel((10, 39)) == (255, 0, 0)
        assert image.getpixel((10, 0)) == (0, 0, 255)


def test_the_camera_orientation_is_applied(tmp_path: Path) -> None:
    folder = tmp_path / "camera"
    folder.mkdir()
    image = Image.new("RGB", (40, 20))
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees
    image.save(folder / "photo.jpg", exif=exif)
    result = Path(rotate(folder, (40, 20), angle=0))
    with Image.open(result / "photo.jpg") as turned:
        assert turned.size == (40, 20)
        assert 0x0112 not in turned.getexif()


def test_palette_images_are_mixed_in_real_colours(tmp_path: Path) -> None:
    folder = tmp_path / "palette"
    folder.mkdir()
    Image.new("RGB", (8, 8), (250, 10, 10)).convert("P").save(folder / "flat.png")
    with Image.open(Path(resize(folder, (4, 4))) / "flat.png") as image:
        red, green, *_ = image.convert("RGB").getpixel((2, 2))  # type: ignore[misc]  # an RGB pixel is a tuple
    assert red > 200
    assert green < 60


def test_an_unreadable_image_is_named(pictures: Path) -> None:
    (pictures / "broken.png").write_bytes(b"no image")
    with pytest.raises(ValueError, match=r"broken\.png is not a readable image"):
        resize(pictures, (4, 4))


def test_a_folder_without_images_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="holds no image"):
        resize(tmp_path, (4, 4), output_dir=tmp_path.parent / "elsewhere")


@pytest.mark.parametrize("size", [(0, 4), (4, -1)])
def test_sizes_must_be_positive(pictures: Path, size: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="must be positive"):
        resize(pictures, size)


def test_output_inside_the_input_is_refused(pictures: Path) -> None:
    with pytest.raises(ValueError, match="overlap"):
        resize(pictures, (4, 4), output_dir=pictures / "out")


def test_the_current_folder_has_a_name_too(pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(pictures)
    assert resize(".", (4, 4)) == str(pictures.with_name("pictures-resized-4x4"))


@pytest.mark.parametrize("size", [("3", "4"), (3,), (3, 4, 5), (2.5, 4), 7])
def test_a_size_that_is_no_pair_of_whole_numbers_is_named(pictures: Path, size: object) -> None:
    with pytest.raises(ValueError, match="two whole numbers"):
        resize(pictures, size)  # type: ignore[arg-type]  # what a deployment may send


def test_an_image_above_pillows_limit_is_named(pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    with pytest.raises(ValueError, match=r"half\.png is not a readable image: .*bomb"):
        resize(pictures, (4, 4))


def test_a_format_that_pillow_only_reads_is_named_and_leaves_no_file(tmp_path: Path) -> None:
    folder = tmp_path / "read-only"
    folder.mkdir()
    rows = ",\n".join(['"ab"'] * 2)
    (folder / "dots.png").write_text(
        f'/* XPM */\nstatic char *dots[] = {{\n"2 2 2 1",\n"a c #ff0000",\n"b c #0000ff",\n{rows}\n}};\n'
    )
    with pytest.raises(ValueError, match=r"dots\.png cannot be written as XPM"):
        resize(folder, (4, 4), output_dir=tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_transparency_of_a_gif_is_kept(tmp_path: Path) -> None:
    folder = tmp_path / "clear"
    folder.mkdir()
    image = Image.new("RGBA", (40, 40), (0, 0, 0, 0))
    image.paste((0, 200, 0, 255), (20, 0, 40, 40))
    image.save(folder / "half.gif")
    with Image.open(Path(resize(folder, (20, 20))) / "half.gif") as resized:
        colours = resized.convert("RGBA")
        assert colours.getpixel((2, 10))[3] == 0  # type: ignore[index]  # an RGBA pixel is a tuple
        assert colours.getpixel((17, 10))[3] == 255  # type: ignore[index]


def test_what_a_killed_process_left_is_no_image(pictures: Path, tmp_path: Path) -> None:
    (pictures / ".abc.part").write_bytes(b"half an image")
    result = Path(resize(pictures, (4, 4), output_dir=tmp_path / "out"))
    assert sorted(path.name for path in result.rglob("*") if path.is_file()) == ["grey.jpg", "half.png"]


def test_the_tasks_are_found_by_name() -> None:
    assert pyplugs.funcs("dioptra_builtins.data", "images") == ["resize", "rotate"]
