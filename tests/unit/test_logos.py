"""Logos are written anew within limits, or refused."""

import asyncio
import io
import struct
import zlib
from pathlib import Path

import pytest
from PIL import Image
from tests.builders import Bytes

import workgate.cli
from workgate.domain.problems import Problem
from workgate.service.logos import KEPT_SIDE, LARGEST_LOGO, read_logo

OURS = Path(workgate.cli.__file__).with_name("assets") / "clientapp-logo.png"


def picture(form: str, size: tuple[int, int] = (300, 200), mode: str = "RGB") -> bytes:
    written = io.BytesIO()
    Image.new(mode, size, 128 if mode in {"L", "P"} else None).save(written, form, comment=b"a secret place")
    return written.getvalue()


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few bytes that says it has so many pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("size", [(300, 200), (1, 1), (16, 900)])
def test_pictures_are_written_anew(form: str, size: tuple[int, int]) -> None:
    media_type, kept = asyncio.run(read_logo(picture(form, size)))
    assert media_type == "image/png"
    assert b"a secret place" not in kept
    with Image.open(io.BytesIO(kept)) as opened:
        assert opened.format == "PNG"
        assert max(opened.size) <= KEPT_SIDE
        assert opened.width / opened.height == pytest.approx(size[0] / size[1], rel=0.2)


def test_what_follows_the_picture_is_lost() -> None:
    _, kept = asyncio.run(read_logo(OURS.read_bytes() + b"<script>alert(1)</script>"))
    assert b"script" not in kept


@pytest.mark.parametrize(
    ("logo", "reason"),
    [
        (b"", "PNG, JPEG or WebP"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "PNG, JPEG or WebP"),
        (picture("GIF"), "PNG, JPEG or WebP"),
        (picture("PNG")[:60], "PNG, JPEG or WebP"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "PNG, JPEG or WebP"),
        (Bytes()(LARGEST_LOGO + 1), "262145 bytes"),
        (bomb(5000, 10), "5000 x 10 pixels"),
        (bomb(60_000, 60_000), "PNG, JPEG or WebP|60000 x 60000 pixels"),
    ],
)
def test_logos_that_are_refused(logo: bytes, reason: str) -> None:
    with pytest.raises(Problem, match=reason) as refused:
        asyncio.run(read_logo(logo))
    assert refused.value.field == "logo"
