"""Single image files of every kind."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from automl.search.data.decode import read_header, read_pixels
from PIL import Image, features


def encoded(image: Image.Image, format: str, **options: object) -> io.BytesIO:
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    buffer.seek(0)
    return buffer


def decoded(image: Image.Image, format: str, side: int = 8, channels: int = 3, **options: object) -> np.ndarray:
    return read_pixels(encoded(image, format, **options), side, channels)


class TestModes:
    @pytest.mark.parametrize(
        ("mode", "format", "grey"),
        [
            ("1", "PNG", True),
            ("L", "PNG", True),
            ("LA", "PNG", True),
            ("L", "JPEG", True),
            ("I;16", "PNG", True),
            ("I;16", "TIFF", True),
            ("RGB", "PNG", False),
            ("RGBA", "PNG", False),
            ("RGB", "JPEG", False),
            ("CMYK", "JPEG", False),
            ("CMYK", "TIFF", False),
            ("YCbCr", "TIFF", False),
            ("RGB", "WEBP", False),
            ("RGB", "BMP", False),
            ("RGB", "PPM", False),
        ],
    )
    def test_every_mode_is_read_and_known_as_grey_or_coloured(self, mode: str, format: str, grey: bool):
        image = Image.new(mode, (10, 8))
        assert read_header(encoded(image, format)).grey is grey
        for channels in (1, 3):
            pixels = decoded(image, format, channels=channels)
            assert pixels.shape == (channels, 8, 8)
            assert pixels.dtype == (np.float32 if mode == "I;16" else np.uint8)

    def test_the_header_tells_the_shorter_and_the_longer_side(self):
        assert read_header(encoded(Image.new("L", (10, 8)), "PNG")).sides == (8, 10)
        assert read_header(encoded(Image.new("L", (8, 10)), "PNG")).sides == (8, 10)

    @pytest.mark.parametrize("format", ["PNG", "TIFF"])
    @pytest.mark.parametrize("channels", [1, 3])
    def test_sixteen_bit_grey_keeps_its_values_in_every_channel(self, format: str, channels: int):
        values = np.linspace(7334, 7575, 64).astype(np.uint16).reshape(8, 8)
        pixels = decoded(Image.fromarray(values), format, channels=channels)
        assert pixels.dtype == np.float32
        np.testing.assert_array_equal(
            pixels, np.broadcast_to(values, (channels, 8, 8))
        )  # by 257, all would be one shade

    def test_a_portable_map_with_more_than_eight_bits_is_deep(self):
        values = (np.arange(64) * 1023 // 63).astype(">u2")
        content = b"P5 8 8 1023\n" + values.tobytes()
        assert read_header(io.BytesIO(content)).deep
        np.testing.assert_allclose(read_pixels(io.BytesIO(content), 8, 1).ravel(), values / 1023 * 65535, atol=1)

    @pytest.mark.parametrize(
        ("dtype", "kind"),
        [
            (np.int32, "TIFF (32-bit grey)"),
            (np.float32, "TIFF (floating-point grey)"),
            (np.uint16, "TIFF (16-bit grey)"),
        ],
    )
    def test_grey_of_any_depth_is_read_with_its_own_values(self, dtype: type, kind: str):
        values = (np.arange(64).reshape(8, 8) * 100 - (0 if dtype is np.uint16 else 3000)).astype(dtype)
        header = read_header(encoded(Image.fromarray(values), "TIFF"))
        assert (header.deep, header.grey, header.kind) == (True, True, kind)
        np.testing.assert_array_equal(decoded(Image.fromarray(values), "TIFF", channels=1)[0], values)

    @pytest.mark.parametrize("value", [np.nan, np.inf])
    def test_values_that_are_no_numbers_are_refused(self, value: float):
        values = np.ones((8, 8), np.float32)
        decoded(Image.fromarray(values), "TIFF")  # the control
        values[3, 4] = value
        with pytest.raises(ValueError, match="grey values must be finite numbers"):
            decoded(Image.fromarray(values), "TIFF")

    def test_a_palette_of_greys_is_grey_and_one_with_a_colour_is_not(self):
        image = Image.new("P", (8, 8), 1)
        image.putpalette([0, 0, 0, 90, 90, 90])
        assert read_header(encoded(image, "PNG")).grey
        assert (decoded(image, "PNG", channels=1) == 90).all()
        image.putpalette([0, 0, 0, 90, 90, 91])
        assert not read_header(encoded(image, "PNG")).grey
        assert decoded(image, "PNG")[:, 0, 0].tolist() == [90, 90, 91]

    @pytest.mark.parametrize("format", ["GIF", "PNG", "TIFF", "WEBP", "AVIF"])
    def test_the_first_frame_of_an_animation_and_the_first_page_are_taken(self, format: str):
        if format == "AVIF" and not features.check("avif"):
            pytest.skip("this Pillow reads no AVIF")
        red, blue = Image.new("RGB", (8, 8), "red"), Image.new("RGB", (8, 8), "blue")
        file = encoded(red, format, save_all=True, append_images=[blue])
        with Image.open(file) as image:
            assert getattr(image, "n_frames", 1) == 2
        np.testing.assert_allclose(read_pixels(file, 8, 3)[:, 0, 0], [255, 0, 0], atol=3)

    @pytest.mark.parametrize("format", ["JPEG", "TIFF"])
    def test_colours_of_print_become_those_of_the_screen(self, format: str):
        cyan = Image.new("CMYK", (8, 8), (255, 0, 0, 0))
        np.testing.assert_allclose(decoded(cyan, format)[:, 0, 0], [0, 255, 255], atol=3)


class TestTransparency:
    @pytest.mark.parametrize(("mode", "format"), [("RGBA", "PNG"), ("LA", "PNG"), ("RGBA", "WEBP"), ("RGBA", "TIFF")])
    def test_what_is_transparent_is_white(self, mode: str, format: str):
        assert (decoded(Image.new(mode, (8, 8)), format) == 255).all()

    def test_a_transparent_colour_of_a_palette_is_white_without_a_warning(self):
        image = Image.new("P", (8, 8), 0)
        image.putpalette([10, 20, 30, 90, 0, 0])
        image.putpixel((0, 0), 1)
        assert decoded(image, "PNG", transparency=b"\x00\xff")[:, 0, :2].tolist() == [[90, 255], [0, 255], [0, 255]]

    def test_a_colour_declared_transparent_is_white(self):
        assert (decoded(Image.new("RGB", (8, 8), (1, 2, 3)), "PNG", transparency=(1, 2, 3)) == 255).all()

    def test_opaque_pixels_keep_their_colour(self):
        assert decoded(Image.new("RGBA", (8, 8), (10, 20, 30, 255)), "PNG")[:, 0, 0].tolist() == [10, 20, 30]


class TestGeometry:
    @pytest.mark.parametrize("orientation", range(1, 9))
    def test_a_photograph_is_turned_upright(self, orientation: int):
        upright = Image.new("RGB", (16, 16), "black")
        upright.paste("red", (0, 0, 8, 8))
        upright.paste("blue", (8, 0, 16, 8))
        turned = {
            1: None,
            2: Image.Transpose.FLIP_LEFT_RIGHT,
            3: Image.Transpose.ROTATE_180,
            4: Image.Transpose.FLIP_TOP_BOTTOM,
            5: Image.Transpose.TRANSPOSE,
            6: Image.Transpose.ROTATE_90,
            7: Image.Transpose.TRANSVERSE,
            8: Image.Transpose.ROTATE_270,
        }[orientation]
        stored = upright if turned is None else upright.transpose(turned)
        exif = Image.Exif()
        exif[0x0112] = orientation
        np.testing.assert_array_equal(
            decoded(stored, "PNG", side=16, exif=exif), np.asarray(upright).transpose(2, 0, 1)
        )
        if turned is not None:
            assert (decoded(stored, "PNG", side=16) != decoded(stored, "PNG", side=16, exif=exif)).any()

    def test_damaged_metadata_does_not_cost_the_image(self):
        image = Image.new("RGB", (8, 8), (0, 128, 0))
        assert decoded(image, "PNG", exif=b"Exif\x00\x00nonsense")[:, 0, 0].tolist() == [0, 128, 0]

    @pytest.mark.parametrize("large", [200, 800])
    def test_a_large_jpeg_decoded_at_a_fraction_looks_like_the_whole(self, large: int):
        waves = (127 + 120 * np.sin(np.indices((large, large)).sum(axis=0) * 50 / large)).astype(np.uint8)
        whole = Image.fromarray(waves).resize((32, 32), Image.Resampling.BICUBIC)
        quick = decoded(Image.fromarray(waves), "JPEG", side=32, channels=1, quality=95)
        assert np.abs(quick[0].astype(int) - np.asarray(whole)).mean() < 2

    def test_small_images_are_made_larger(self):
        assert decoded(Image.new("L", (2, 3), 9), "PNG", side=32, channels=1).shape == (1, 32, 32)


class TestDamage:
    @pytest.mark.parametrize("format", ["PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "PPM"])
    def test_half_a_file_is_an_error(self, format: str, tmp_path: Path):
        noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8))
        content = encoded(noise, format).getvalue()
        read_pixels(io.BytesIO(content), 8, 3)
        with pytest.raises(Exception, match=r"."):
            read_pixels(io.BytesIO(content[: len(content) // 2]), 8, 3)

    @pytest.mark.parametrize("pixels", [399, 150])
    def test_a_decompression_bomb_is_refused_by_its_header(self, monkeypatch: pytest.MonkeyPatch, pixels: int):
        """Pillow warns up to twice its limit, and raises beyond; here both raise."""
        source = encoded(Image.new("L", (20, 20)), "PNG")
        assert read_header(source).sides == (20, 20)
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", pixels)
        for read in (lambda: read_header(source), lambda: read_pixels(source, 8, 1)):
            with pytest.raises(
                (ValueError, Image.DecompressionBombError, Image.DecompressionBombWarning), match="decompression bomb"
            ):
                read()
