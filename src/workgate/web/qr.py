"""QR codes as the path of an inline SVG: no image's address has to hold the secret, and no style is needed."""

from dataclasses import dataclass

_QUIET = 4  # ISO/IEC 18004, 5.3.8: light modules around it


@dataclass(frozen=True, slots=True)
class QrCode:
    """A square of ``size`` units, and the path that fills its dark modules."""

    size: int
    path: str


def qr_code(text: str) -> QrCode:
    """Draw a text; each run of dark modules in a row is one rectangle.

    Raises:
        ValueError: it is longer than any QR code holds.
    """
    # Only whoever sets up an authenticator app needs it.
    import segno  # noqa: PLC0415

    rows = [bytes(row) for row in segno.make_qr(text, error="m").matrix]
    parts = []
    for y, row in enumerate(rows):
        x = 0
        while x < len(row):
            end = x
            while end < len(row) and row[end]:
                end += 1
            if end > x:
                parts.append(f"M{x + _QUIET} {y + _QUIET}h{end - x}v1h-{end - x}z")
            x = end + 1
    return QrCode(len(rows) + 2 * _QUIET, "".join(parts))
