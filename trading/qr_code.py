"""A text as a QR code (ISO/IEC 18004), drawn as one path of an SVG. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

QUIET = 4  # modules around it that stay light, section 9.1


@dataclass(frozen=True, slots=True)
class QrCode:
    """`path` fills the dark modules of a square with `size` modules a side, quiet zone and all."""

    size: int
    path: str


def qr_code(text: str) -> QrCode:
    """The smallest code that holds `text`, readable with 15 % of it hidden."""
    # Only the page that sets up a second factor draws one: nobody else waits for the import.
    from qrcode import QRCode
    from qrcode.constants import ERROR_CORRECT_M

    code = QRCode(error_correction=ERROR_CORRECT_M, border=QUIET)
    code.add_data(text)
    code.make(fit=True)
    rows = code.get_matrix()
    return QrCode(len(rows), "".join(_row(y, row) for y, row in enumerate(rows)))


def _row(y: int, row: list[bool]) -> str:
    drawn, x = "", 0
    for dark, modules in groupby(row):
        many = len(list(modules))
        drawn += f"M{x} {y}h{many}v1h-{many}z" if dark else ""
        x += many
    return drawn
