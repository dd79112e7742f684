"""Creates odd images: unusual modes, metadata and encodings, and files that must be refused."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image, PngImagePlugin

LEVELS = (0x0102, 0x0304, 0x0506)
DEEP = struct.pack(">HHH", *LEVELS)
"""A colour with 16 bits per channel."""
CAMERA_TRANSPOSITIONS = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}
"""How a camera stores an image, by EXIF orientation: numbers of Pillow's `Transpose`."""


@dataclass(frozen=True)
class Odd:
    """A file that a user may send."""

    data: bytes
    status: int = 200
    """Status of POST /predict."""
    like: Image.Image | None = None
    """What it should look like, within 16 levels; None: not compared."""
    reason: str = "."
    """Part of the error message."""


def smooth(width: int, height: int) -> Image.Image:
    """Return an image whose colour changes slowly and differs in every corner."""
    across, down = np.meshgrid(np.linspace(0, 1, width), np.linspace(0, 1, height))
    parts = [across, down, 0.5 + 0.5 * np.sin(4 * across + 3 * down)]
    return Image.fromarray((np.stack(parts, axis=2) * 255).astype(np.uint8))


def saved(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    """Return an image encoded in a format."""
    out = BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def stored(upright: Image.Image, orientation: int, kind: str = "PNG", **options: Any) -> bytes:
    """Return an image as a camera held in that EXIF orientation stores it."""
    turned = upright.transpose(Image.Transpose(CAMERA_TRANSPOSITIONS[orientation])) if orientation > 1 else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    return saved(turned, kind, exif=exif, **options)


def exif_block(*entries: tuple[int, int, int, int], order: str = ">") -> bytes:
    """Return an EXIF block whose first directory has these entries: tag, type, count, value."""
    start = (b"MM" if order == ">" else b"II") + struct.pack(order + "HLH", 42, 8, len(entries))
    packed = {1: "B3x", 3: "H2x", 4: "L"}
    rows = [struct.pack(f"{order}HHL{packed.get(kind, 'L')}", tag, kind, n, value) for tag, kind, n, value in entries]
    return b"Exif\x00\x00" + start + b"".join(rows) + bytes(4)


def png(
    width: int,
    height: int,
    depth: int,
    colour: int,
    body: bytes,
    *before: tuple[bytes, bytes],
    behind: Sequence[tuple[bytes, bytes]] = (),
) -> bytes:
    """Return a PNG of raw lines, with extra chunks `before` and `behind` the pixels."""
    header = struct.pack(">LLBBBBB", width, height, depth, colour, 0, 0, 0)
    chunks = [(b"IHDR", header), *before, (b"IDAT", zlib.compress(body)), *behind, (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">L", len(data)) + name + data + struct.pack(">L", zlib.crc32(name + data)) for name, data in chunks
    )


def with_extra_scans(data: bytes, more: int) -> bytes:
    """Return a progressive JPEG with its last scan repeated."""
    start, end = data.rfind(b"\xff\xda"), data.rfind(b"\xff\xd9")
    return data[:end] + data[start:end] * more + data[end:]


def two_images(kind: str) -> bytes:
    """Return a file of two images, the smooth one first."""
    black = Image.new("RGB", (64, 64))
    lossless = {"lossless": True} if kind == "WEBP" else {}
    return saved(smooth(64, 64), kind, save_all=True, append_images=[black], **lossless)


def ycck(image: Image.Image) -> bytes:
    """Return a CMYK JPEG with the transform that Adobe's programs write: 2 (YCCK), not 0."""
    # libjpeg reads the transformed planes as a negative, and Pillow stores the negative of its input
    negative = Image.fromarray(255 - np.asarray(image)).convert("YCbCr")
    planes = [Image.fromarray(255 - np.asarray(plane)) for plane in negative.split()]
    cmyk = Image.merge("CMYK", [*planes, Image.new("L", image.size, 0)])
    data = saved(cmyk, "JPEG", quality=95, subsampling=0)
    transform = data.index(b"Adobe") + 11
    assert data[transform] == 0
    return data[:transform] + b"\x02" + data[transform + 1 :]


def odd_images() -> Mapping[str, Odd]:
    """Return every case by name."""
    plain = smooth(64, 64)
    grey = plain.convert("L")
    jpeg = saved(plain, "JPEG", quality=95)
    see_through = plain.convert("RGBA")
    see_through.putalpha(0)
    white = Image.new("RGB", (64, 64), "white")
    palette = plain.quantize(64)
    deep = np.asarray(grey).astype(np.uint16) * 257
    lines = b"".join(b"\x00" + row.astype(">u2").tobytes() for row in deep)
    text = PngImagePlugin.PngInfo()
    text.add_text("comment", "a" * 3_000_000, zip=True)
    cut = {kind: saved(Image.effect_noise((64, 64), 90), kind) for kind in ("JPEG", "PNG", "WEBP")}
    cases = {
        "CMYK": Odd(saved(plain.convert("CMYK"), "JPEG", quality=95), like=plain),
        "CMYK stored as YCCK": Odd(ycck(plain), like=plain),
        "grey": Odd(saved(grey, "JPEG", quality=95), like=grey),
        "transparent": Odd(saved(see_through), like=white),
        "transparent grey": Odd(saved(see_through.convert("LA")), like=white),
        "transparent WebP": Odd(saved(see_through, "WEBP", lossless=True, exact=True), like=white),
        "palette": Odd(saved(palette), like=palette.convert("RGB")),
        "transparent palette": Odd(saved(palette, transparency=bytes(64)), like=white),
        "one transparent colour": Odd(saved(Image.new("RGB", (64, 64), (1, 2, 3)), transparency=(1, 2, 3)), like=white),
        "one transparent grey": Odd(saved(Image.new("L", (64, 64), 7), transparency=7), like=white),
        "one transparent deep grey": Odd(
            png(64, 64, 16, 0, (b"\x00" + b"\x01\x02" * 64) * 64, (b"tRNS", b"\x01\x02")), like=white
        ),
        "one transparent grey of 2 bits": Odd(
            png(64, 64, 2, 0, (b"\x00" + b"\x55" * 16) * 64, (b"tRNS", b"\x00\x01")), like=white
        ),
        "one transparent grey of 4 bits": Odd(
            png(64, 64, 4, 0, (b"\x00" + b"\x33" * 32) * 64, (b"tRNS", b"\x00\x03")), like=white
        ),
        "4 bits of grey, another transparent": Odd(
            png(64, 64, 4, 0, (b"\x00" + b"\x33" * 32) * 64, (b"tRNS", b"\x00\x04")),
            like=Image.new("L", (64, 64), 51),
        ),
        "one transparent deep colour": Odd(png(64, 64, 16, 2, (b"\x00" + DEEP * 64) * 64, (b"tRNS", DEEP)), like=white),
        "16 bits of colour, another transparent": Odd(
            png(64, 64, 16, 2, (b"\x00" + DEEP * 64) * 64, (b"tRNS", b"".join(struct.pack("<H", n) for n in LEVELS))),
            like=Image.new("RGB", (64, 64), (1, 3, 5)),
        ),
        "16 bits of grey": Odd(png(64, 64, 16, 0, lines), like=grey),
        "16 bits of colour": Odd(
            png(64, 64, 16, 2, b"".join(b"\x00" + row.repeat(2, axis=1).tobytes() for row in np.asarray(plain))),
            like=plain,
        ),
        "16 bits of grey and alpha": Odd(png(64, 64, 16, 4, (b"\x00" + b"\x00\x00\x00\x00" * 64) * 64), like=white),
        "one bit": Odd(saved(Image.new("1", (64, 64), 1)), like=white),
        "progressive": Odd(saved(plain, "JPEG", quality=95, progressive=True), like=plain),
        "broken metadata": Odd(
            saved(plain, "JPEG", quality=95, exif=b"Exif\x00\x00MM\x00*\xff\xff\xff\xff"), like=plain
        ),
        "metadata cut off": Odd(
            saved(plain, "JPEG", quality=95, exif=exif_block((0x010F, 2, 9999, 9999), (0x0112, 3, 1, 1))), like=plain
        ),
        "a phone's second image": Odd(two_images("MPO"), like=plain),
        "animated PNG": Odd(two_images("PNG"), like=plain),
        "animated WebP": Odd(two_images("WEBP"), like=plain),
        "data after the end": Odd(jpeg + b"more" * 100, like=plain),
        "a video after the end": Odd(jpeg + b"\xff\xda" * 200, like=plain),
        "one pixel": Odd(saved(Image.new("RGB", (1, 1), "red")), like=Image.new("RGB", (1, 1), "red")),
        "a line down": Odd(saved(smooth(1, 3000))),
        "a line across": Odd(saved(smooth(3000, 1), "JPEG")),
        "an invalid colour profile": Odd(saved(plain, icc_profile=b"no profile"), like=plain),
        "empty": Odd(b"", 415),
        "text": Odd(b"a shopping list\n", 415, reason="this is text"),
        "a GIF": Odd(saved(plain, "GIF"), 415, reason="GIF"),
        "a BMP": Odd(saved(plain, "BMP"), 415, reason="BMP"),
        "a TIFF": Odd(saved(plain, "TIFF"), 415, reason="TIFF"),
        "a PDF": Odd(b"%PDF-1.7\n", 415, reason="PDF"),
        "a phone's own format": Odd(b"\x00\x00\x00\x18ftypheic" + bytes(40), 415, reason="HEIC"),
        "a drawing": Odd(b"<svg xmlns='x'/>", 415, reason="SVG"),
        "noise": Odd(np.random.default_rng(0).bytes(500), 415, reason="no image"),
        "text that is too large": Odd(saved(plain, pnginfo=text), 422, reason="does not decode"),
        "a colour profile that is too large": Odd(
            saved(plain, icc_profile=bytes(30_000_000)), 422, reason="does not decode"
        ),
        "too many scans": Odd(with_extra_scans(saved(plain, "JPEG", progressive=True), 200), 422, reason="scans"),
        "a JPEG's first bytes": Odd(jpeg[:40], 422, reason="JPEG does not decode"),
        "only two bytes": Odd(jpeg[:2], 415),
        "a JPEG without an image": Odd(b"\xff\xd8\xff\xd9", 422, reason="JPEG does not decode"),
        "a PNG decompression bomb": Odd(png(30_000, 30_000, 8, 0, bytes(100)), 413, reason="30000 x 30000"),
        "a JPEG decompression bomb": Odd(
            jpeg.replace(struct.pack(">HH", 64, 64), b"\xff\xff\xff\xff", 1), 413, reason="pixels"
        ),
        "a WebP decompression bomb": Odd(
            b"RIFF\x16\x00\x00\x00WEBPVP8X\x0a" + bytes(7) + b"\xff\x3f\x00" * 2, 413, reason="16384 x 16384"
        ),
        "a palette PNG without a palette": Odd(
            png(4, 4, 8, 3, (b"\x00" + bytes(range(4))) * 4), 422, reason="PNG does not decode"
        ),
        "a palette of 256 with 300 transparencies": Odd(
            png(4, 4, 8, 3, (b"\x00" + bytes(range(4))) * 4, (b"PLTE", bytes(768)), (b"tRNS", bytes(300))),
            422,
            reason="PNG does not decode",
        ),
        "a PNG without a width": Odd(png(0, 5, 8, 0, b""), 422, reason="does not decode"),
    }
    for name, data in cut.items():
        cases[f"{name} cut off"] = Odd(data[: len(data) // 2], 422, reason="does not decode")
    for orientation in range(1, 9):
        turned = stored(plain, orientation, "JPEG", quality=95)
        cases[f"orientation {orientation}"] = Odd(turned, like=plain)
    return cases
