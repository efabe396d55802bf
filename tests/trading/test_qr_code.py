"""The picture of a seed, as modules that a camera reads."""

from __future__ import annotations

import re

from trading.qr_code import QUIET, QrCode, qr_code

FINDER = [(0, 0), (6, 0), (0, 6), (3, 3)]


def dark(code: QrCode) -> set[tuple[int, int]]:
    found = set()
    for x, y, many in re.findall(r"M(\d+) (\d+)h(\d+)v1h-\3z", code.path):
        found |= {(int(x) + step, int(y)) for step in range(int(many))}
    return found


def test_it_has_its_quiet_zone_and_three_corners() -> None:
    code = qr_code("otpauth://totp/Countersign:olga?secret=ABC&issuer=Countersign")
    modules, last = dark(code), code.size - QUIET - 1

    assert all(QUIET <= x <= last and QUIET <= y <= last for x, y in modules)
    for x, y in ((QUIET, QUIET), (last - 6, QUIET), (QUIET, last - 6)):
        assert {(x + dx, y + dy) for dx, dy in FINDER} <= modules
        assert (x + 1, y + 1) not in modules
    assert (code.size - 2 * QUIET - 17) % 4 == 0  # a version of the standard


def test_longer_texts_need_larger_pictures() -> None:
    assert qr_code("a" * 300).size > qr_code("a").size
