import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from gansr.data.images import crop_to_multiple, list_images, list_pngs, read_rgb, write_png
from gansr.errors import UserError

RANDOM = np.random.default_rng(0)
RGB = RANDOM.integers(0, 256, (9, 7, 3), dtype=np.uint8)
GRAY = RANDOM.integers(0, 256, (9, 7), dtype=np.uint8)


def write_16_bit_png(file, image, colour_type):
    """By hand, because Pillow writes 16 bits per channel for gray only."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    height, width = image.shape[:2]
    header = struct.pack(">IIBBBBB", width, height, 16, colour_type, 0, 0, 0)
    lines = b"".join(b"\0" + row.astype(">u2").tobytes() for row in image)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")
    file.write_bytes(b"\x89PNG\r\n\x1a\n" + body)


def refusal(file):
    """The one line that says why a file is refused, which names the file."""
    with pytest.raises(UserError) as caught:
        read_rgb(file)
    message = str(caught.value)
    assert str(file) in message
    assert "\n" not in message
    return message


def test_what_is_written_as_png_is_read_back(tmp_path):
    write_png(tmp_path / "a.png", RGB)
    result = read_rgb(tmp_path / "a.png")
    assert result.dtype == np.uint8
    np.testing.assert_array_equal(result, RGB)


def test_a_gray_image_is_written_as_gray(tmp_path):
    write_png(tmp_path / "a.png", GRAY)
    assert Image.open(tmp_path / "a.png").mode == "L"
    np.testing.assert_array_equal(read_rgb(tmp_path / "a.png")[..., 1], GRAY)


def test_gray_gets_three_equal_channels(tmp_path):
    Image.fromarray(GRAY).save(tmp_path / "gray.png")
    np.testing.assert_array_equal(read_rgb(tmp_path / "gray.png"), np.stack([GRAY] * 3, axis=2))


def test_1_bit_becomes_black_and_white(tmp_path):
    bits = GRAY > 127
    Image.fromarray(bits).save(tmp_path / "bits.png")
    assert Image.open(tmp_path / "bits.png").mode == "1"
    np.testing.assert_array_equal(read_rgb(tmp_path / "bits.png"), np.stack([bits * np.uint8(255)] * 3, axis=2))


@pytest.mark.parametrize("suffix", ["png", "gif", "bmp"])
def test_palette_images_get_the_colours_of_their_palette(tmp_path, suffix):
    palette = RANDOM.integers(0, 256, (256, 3), dtype=np.uint8)
    image = Image.frombytes("P", (7, 9), GRAY.tobytes())
    image.putpalette(palette.tobytes())
    image.save(tmp_path / f"palette.{suffix}")
    np.testing.assert_array_equal(read_rgb(tmp_path / f"palette.{suffix}"), palette[GRAY])


def test_an_opaque_alpha_channel_is_dropped(tmp_path):
    rgba = np.dstack([RGB, np.full((9, 7), 255, np.uint8)])
    Image.fromarray(rgba).save(tmp_path / "rgba.png")
    result = read_rgb(tmp_path / "rgba.png")
    np.testing.assert_array_equal(result, RGB)
    assert result.flags.c_contiguous


def test_an_opaque_alpha_channel_of_gray_is_dropped(tmp_path):
    Image.merge("LA", [Image.fromarray(GRAY), Image.new("L", (7, 9), 255)]).save(tmp_path / "la.png")
    np.testing.assert_array_equal(read_rgb(tmp_path / "la.png"), np.stack([GRAY] * 3, axis=2))


def test_one_transparent_pixel_is_refused(tmp_path):
    rgba = np.dstack([RGB, np.full((9, 7), 255, np.uint8)])
    rgba[4, 3, 3] = 254
    Image.fromarray(rgba).save(tmp_path / "rgba.png")
    assert "transparent" in refusal(tmp_path / "rgba.png")


def test_a_transparent_palette_colour_is_refused_only_where_it_is_used(tmp_path):
    used = np.minimum(GRAY, 254)
    image = Image.frombytes("P", (7, 9), used.tobytes())
    image.putpalette(RANDOM.integers(0, 256, 768, dtype=np.uint8).tobytes())
    image.save(tmp_path / "unused.png", transparency=255)
    image.save(tmp_path / "used.png", transparency=int(used[0, 0]))
    assert read_rgb(tmp_path / "unused.png").shape == (9, 7, 3)
    assert "transparent" in refusal(tmp_path / "used.png")


def test_a_transparent_colour_of_rgb_is_refused_only_where_it_is_used(tmp_path):
    unused = next(color for color in ((0, 0, 0), (1, 2, 3)) if not (color == RGB).all(axis=2).any())
    Image.fromarray(RGB).save(tmp_path / "unused.png", transparency=unused)
    Image.fromarray(RGB).save(tmp_path / "used.png", transparency=tuple(int(value) for value in RGB[2, 2]))
    np.testing.assert_array_equal(read_rgb(tmp_path / "unused.png"), RGB)
    assert "transparent" in refusal(tmp_path / "used.png")


def test_16_bit_gray_is_refused(tmp_path):
    Image.fromarray(GRAY.astype(np.uint16) * 257).save(tmp_path / "deep.png")
    assert "8 bits" in refusal(tmp_path / "deep.png")


@pytest.mark.parametrize(("colour_type", "channels"), [(2, 3), (4, 2), (6, 4)], ids=["RGB", "LA", "RGBA"])
def test_16_bit_colour_is_refused(tmp_path, colour_type, channels):
    # Pillow opens these as 8-bit images without a word
    image = RANDOM.integers(0, 65536, (9, 7, channels), dtype=np.uint16)
    write_16_bit_png(tmp_path / "deep.png", image, colour_type)
    assert "8 bits" in refusal(tmp_path / "deep.png")


@pytest.mark.parametrize("value", [100.0, np.nan, np.inf])
def test_floating_point_images_are_refused(tmp_path, value):
    image = GRAY.astype(np.float32)
    image[3, 4] = value
    Image.fromarray(image).save(tmp_path / "float.tif")
    assert "8 bits" in refusal(tmp_path / "float.tif")


def test_cmyk_is_refused(tmp_path):
    Image.fromarray(RGB).convert("CMYK").save(tmp_path / "print.jpg")
    assert "CMYK" in refusal(tmp_path / "print.jpg")


def test_jpeg_is_read_as_pillow_decodes_it(tmp_path):
    Image.fromarray(RGB).save(tmp_path / "photo.jpg", quality=90)
    np.testing.assert_array_equal(read_rgb(tmp_path / "photo.jpg"), np.asarray(Image.open(tmp_path / "photo.jpg")))


@pytest.mark.filterwarnings("ignore:Truncated File Read")
@pytest.mark.parametrize("format", ["PNG", "JPEG", "BMP", "TIFF", "WEBP", "GIF", "PPM"])
def test_a_file_cut_anywhere_is_refused_or_whole(tmp_path, format):
    image = Image.fromarray(RANDOM.integers(0, 256, (40, 40, 3), dtype=np.uint8))
    stream = io.BytesIO()
    image.save(stream, format)
    content = stream.getvalue()
    whole = np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))
    file = tmp_path / "cut.png"
    for length in np.linspace(0, len(content) - 1, 60).astype(int):
        file.write_bytes(content[:length])
        try:
            result = read_rgb(file)
        except UserError as error:
            assert str(file) in str(error)
            assert "\n" not in str(error)
        else:
            np.testing.assert_array_equal(result, whole, err_msg=f"{format} cut to {length}")


@pytest.mark.parametrize("format", ["PNG", "JPEG"])
def test_a_damaged_file_gives_no_other_error(tmp_path, format):
    stream = io.BytesIO()
    Image.fromarray(RANDOM.integers(0, 256, (12, 12, 3), dtype=np.uint8)).save(stream, format)
    file = tmp_path / "damaged.png"
    random = np.random.default_rng(1)
    for _ in range(300):
        content = bytearray(stream.getvalue())
        content[random.integers(len(content))] = random.integers(256)
        file.write_bytes(content)
        try:
            read_rgb(file)
        except UserError as error:
            assert "\n" not in str(error)


def test_a_truncated_png_says_what_to_do(tmp_path):
    write_png(tmp_path / "cut.png", RANDOM.integers(0, 256, (40, 40, 3), dtype=np.uint8))
    content = (tmp_path / "cut.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(content[: len(content) // 2])
    assert "replace or remove" in refusal(tmp_path / "cut.png")


def test_a_text_file_named_png_is_refused(tmp_path):
    (tmp_path / "notes.png").write_text("no image\n")
    assert "not an image" in refusal(tmp_path / "notes.png")


def test_an_empty_file_is_refused(tmp_path):
    (tmp_path / "empty.png").touch()
    refusal(tmp_path / "empty.png")


def test_a_missing_file_is_named(tmp_path):
    assert "no such" in refusal(tmp_path / "missing.png")


def test_a_folder_is_refused(tmp_path):
    (tmp_path / "folder.png").mkdir()
    refusal(tmp_path / "folder.png")


@pytest.mark.parametrize("scale", [1, 2, 3, 4])
def test_cropping_drops_the_fewest_last_rows_and_columns(scale):
    result = crop_to_multiple(RGB, scale)
    np.testing.assert_array_equal(result, RGB[: 9 // scale * scale, : 7 // scale * scale])
    assert result.shape[0] > 9 - scale
    assert result.shape[1] > 7 - scale


def test_pngs_are_listed_by_name_in_order(tmp_path):
    for name in ("b.png", "a.png", "c.jpg"):
        (tmp_path / name).touch()
    files = list_pngs(tmp_path)
    assert list(files.items()) == [("a", tmp_path / "a.png"), ("b", tmp_path / "b.png")]


def test_images_are_listed_by_name_in_order_whatever_their_format(tmp_path):
    for name in ("b.png", "a.JPG", "c.tar.gz", "no_ending", ".hidden.png"):
        (tmp_path / name).touch()
    (tmp_path / "folder.png").mkdir()
    files = list_images(tmp_path)
    expected = {"a": "a.JPG", "b": "b.png", "c.tar": "c.tar.gz", "no_ending": "no_ending"}
    assert list(files.items()) == [(name, tmp_path / file) for name, file in expected.items()]


def test_an_empty_folder_has_no_images(tmp_path):
    assert list_images(tmp_path) == {}


def listing_refused(folder, *words):
    with pytest.raises(UserError) as caught:
        list_images(folder)
    message = str(caught.value)
    assert message.startswith(f"{folder}: ") and "\n" not in message
    for word in words:
        assert word in message


def test_two_files_of_one_image_are_refused_by_name(tmp_path):
    for name in ("a.png", "b.bmp", "b.png"):
        (tmp_path / name).touch()
    listing_refused(tmp_path, "b.bmp and b.png", 'the image "b"', "remove one")


def test_a_folder_that_cannot_be_read_is_refused(tmp_path):
    listing_refused(tmp_path / "absent", "cannot be read", "No such file", "correct its path")
    (tmp_path / "file").touch()
    listing_refused(tmp_path / "file", "cannot be read", "Not a directory")
