"""Logos: whatever comes is decoded within limits and written anew, so that only pixels are kept.

A file that is a picture and something else besides, metadata with a place in it, a small file that unpacks to
gigabytes: none of that gets past decoding it. SVG is a program and is not taken. Pillow is loaded when it is needed.
"""

import asyncio
import io

from workgate.domain.problems import Problem

LARGEST_LOGO = 256 * 1024
LARGEST_SIDE = 2048
KEPT_SIDE = 256
LOGO_TYPE = "image/png"
_FORMATS = ("PNG", "JPEG", "WEBP")


async def read_logo(logo: bytes) -> tuple[str, bytes]:
    """Give a logo's media type and bytes as they are kept.

    Raises:
        Problem: it is too large or not a picture that is taken.
    """
    if len(logo) > LARGEST_LOGO:
        raise Problem("the logo has {size} bytes; {most} are the most", field="logo", size=len(logo), most=LARGEST_LOGO)
    return LOGO_TYPE, await asyncio.to_thread(_written_anew, logo)


def _written_anew(logo: bytes) -> bytes:
    from PIL import Image, ImageOps  # noqa: PLC0415 - most starts never see a logo

    try:
        with Image.open(io.BytesIO(logo), formats=_FORMATS) as opened:
            # Only the header was read so far: the pixels are not unpacked before this.
            if max(opened.size) > LARGEST_SIDE:
                raise Problem(
                    "the logo has {width} x {height} pixels; {most} are the most on a side",
                    field="logo",
                    width=opened.width,
                    height=opened.height,
                    most=LARGEST_SIDE,
                )
            opened.draft("RGB", (KEPT_SIDE, KEPT_SIDE))
            upright = ImageOps.exif_transpose(opened)
            upright.thumbnail((KEPT_SIDE, KEPT_SIDE))
            pixels = upright.convert("RGBA")
    except Problem:
        raise
    # Its readers raise whatever comes to them of a broken file; a picture of absurd size is a warning of its own.
    except Exception:
        raise Problem("the logo must be a PNG, JPEG or WebP image that can be read", field="logo") from None
    pixels.info.clear()
    written = io.BytesIO()
    pixels.save(written, "PNG", optimize=True)
    return written.getvalue()
