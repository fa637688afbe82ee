"""simplejpeg gives the pixels of Pillow, or leaves a file to it; the rest is in test_layouts."""

import io
from types import SimpleNamespace

import numpy as np
import PIL.Image
import pytest

from adautomix.data import read_image
from adautomix.data.read_image import read_rgb
from adautomix.errors import DataError

RNG = np.random.default_rng(0)


def picture(mode: str, height: int = 37, width: int = 53) -> PIL.Image.Image:
    """Smooth noise, which a JPEG file holds well."""
    small = PIL.Image.fromarray(RNG.integers(0, 256, (5, 7, 3), np.uint8))
    return small.resize((width, height), PIL.Image.Resampling.BICUBIC).convert(mode)


@pytest.fixture
def by_pillow(monkeypatch):
    """Read by Pillow alone, whatever is installed."""

    def read(path):
        with monkeypatch.context() as patched:
            patched.setattr(read_image, "simplejpeg", None)
            return read_rgb(path)

    return read


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize(
    "options", [{}, {"subsampling": 0}, {"subsampling": 1}, {"progressive": True, "quality": 95}]
)
def test_simplejpeg_gives_the_pixels_of_pillow(tmp_path, by_pillow, mode, options):
    pytest.importorskip("simplejpeg", reason="the extra `fast`")
    picture(mode).save(tmp_path / "it.jpg", **options)
    assert np.array_equal(read_rgb(tmp_path / "it.jpg"), by_pillow(tmp_path / "it.jpg"))


def test_what_simplejpeg_does_not_decode_is_read_by_pillow(tmp_path, monkeypatch, by_pillow):
    def refuse(content, *_):
        raise ValueError("corrupt")

    refusing = SimpleNamespace(decode_jpeg_header=refuse, decode_jpeg=refuse)
    monkeypatch.setattr(read_image, "simplejpeg", refusing)
    picture("RGB").save(tmp_path / "it.jpg")
    assert np.array_equal(read_rgb(tmp_path / "it.jpg"), by_pillow(tmp_path / "it.jpg"))


@pytest.mark.parametrize("installed", [True, False])
@pytest.mark.parametrize("name", ["it.jpg", "it.png"])
def test_half_a_file_is_one_sentence(tmp_path, monkeypatch, name, installed):
    if not installed:
        monkeypatch.setattr(read_image, "simplejpeg", None)
    file = io.BytesIO()
    picture("RGB", 200, 200).save(file, "JPEG" if name.endswith("jpg") else "PNG")
    (tmp_path / name).write_bytes(file.getvalue()[: file.tell() // 2])
    with pytest.raises(DataError, match=rf"{name} cannot be read as an image: [^\n]*\.$"):
        read_rgb(tmp_path / name)


def test_a_jpeg_beyond_pillow_s_limit_is_left_to_pillow(tmp_path, monkeypatch):
    monkeypatch.setattr(PIL.Image, "MAX_IMAGE_PIXELS", 900)
    picture("RGB").save(tmp_path / "it.jpg")
    with pytest.raises(DataError, match=r"it\.jpg cannot be read as an image: .*exceeds limit"):
        read_rgb(tmp_path / "it.jpg")


def test_a_jpeg_of_another_side_is_one_sentence(tmp_path):
    picture("RGB").save(tmp_path / "it.jpg")
    with pytest.raises(DataError, match=r"it\.jpg is 53x37 pixels, expected 53x53"):
        read_rgb(tmp_path / "it.jpg", side=53)


def test_a_rotation_in_exif_is_left_alone_as_by_torchvision(tmp_path):
    upright = picture("RGB")
    exif = upright.getexif()
    exif[0x0112] = 6  # to be turned by 90 degrees
    upright.save(tmp_path / "turned.jpg", exif=exif)
    assert read_rgb(tmp_path / "turned.jpg").shape == (37, 53, 3)
