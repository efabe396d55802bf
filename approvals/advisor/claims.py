"""Whether the numbers in a model's text are numbers that it was given. Pure.

Each number is read with its unit and its precision and held against the stored values that the
words beside it speak of. One that nothing supports is marked: a person who approves must say why.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

FRACTION, BPS, SECONDS, PLAIN = "fraction", "bps", "s", "1"
PERCENT = "%"
NEAR = 48  # characters between a number and the word that says what it is
CLOSE = 14

_UNIT = (
    r"(?P<unit>\s*%|\s*‰|[\s-]*(?:per\s?cent|percent|pct|percentage[\s-]points?|pp|bps?|basis[\s-]"
    r"points?|k|x|seconds?|secs?|minutes?|mins?|hours?|days?)\b)?"
)
_DIGITS = re.compile(
    r"(?P<sign>(?<![\w.)])[-+])?(?P<digits>\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)"
    r"(?P<exponent>e[+-]?\d{1,3})?" + _UNIT
)
_ONES = {"two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9}
_TEENS = {"ten": 10, "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15}
_TEENS |= {"sixteen": 16, "seventeen": 17, "eighteen": 18, "nineteen": 19}
_TENS = {"twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70}
_TENS |= {"eighty": 80, "ninety": 90}
_OTHERS = {"hundred": 100, "thousand": 1000}
_OTHERS |= {"twice": 2, "double": 2, "doubled": 2, "doubles": 2, "triple": 3, "tripled": 3}
_WORDS = {word: Decimal(value) for word, value in {**_ONES, **_TEENS, **_TENS, **_OTHERS}.items()}
_WORDS |= {"half": Decimal("0.5"), "halved": Decimal("0.5")}
_SPELLED = re.compile(
    r"\b(?P<tens>" + "|".join(_TENS) + r")[\s-](?P<ones>one|" + "|".join(_ONES) + r")\b" + _UNIT
    + r"|\b(?P<word>" + "|".join(sorted(_WORDS, key=len, reverse=True)) + r")\b"
    + _UNIT.replace("?P<unit>", "?P<unit2>")
)  # fmt: skip
_LOSSES = re.compile(
    r"\b(?:loss(?:es)?|lost|los(?:es|ing)|fell|falls?|fallen|drop(?:s|ped)?|down|declin\w+|negative"
    r"|minus|below|worse|decreas\w+|reduc\w+|lower\w*|shrank|shrink\w*|cut)\b"
)
_SIGNED_LOSS = re.compile(r"\b(?:loss(?:es)?|lost|los(?:es|ing)|negative|minus)\b[^.;]{0,24}$")
_CLAUSE = re.compile(r"(?:[.;!?](?=\s|$))|\n")


@dataclass(frozen=True, slots=True)
class Fact:
    """A stored value that a model was given. `words` are how a text speaks of it.

    `magnitude`: it is stored without a sign and people write it with one, as a drawdown.
    `gain`: "a loss of 3" means -3.
    """

    key: str
    value: Decimal
    unit: str = PLAIN
    words: tuple[str, ...] = ()
    magnitude: bool = False
    gain: bool = False


@dataclass(frozen=True, slots=True)
class Claim:
    """A number of a text; `by` is the key of the fact that supports it, or ""."""

    text: str
    start: int
    end: int
    by: str

    @property
    def supported(self) -> bool:
        return bool(self.by)


@dataclass(frozen=True, slots=True)
class _Number:
    text: str
    start: int
    end: int
    value: Decimal
    half: Decimal  # of its last written place
    unit: str
    signed: bool


def check(text: str, facts: Sequence[Fact], *, tokens: Iterable[str] = ()) -> list[Claim]:
    """Every number of `text` in order, with what supports it.

    `tokens` are texts of ours that hold digits and claim nothing, as "1h".
    """
    plain = _plain(text)
    for token in sorted(tokens, key=len, reverse=True):
        pattern = rf"(?<!\w){re.escape(token.lower())}(?!\w)"
        plain = re.sub(pattern, lambda found: "_" * len(found[0]), plain)
    places = _places(plain, facts)
    return [
        Claim(text[one.start : one.end], one.start, one.end, _support(one, plain, facts, places))
        for one in _numbers(plain)
    ]


def _plain(text: str) -> str:
    """One character for one, so that places stay: digits of any script, one kind of minus."""
    return "".join(_plain_char(each) for each in text)


def _plain_char(each: str) -> str:
    if each in "\u2212\u2013\u2014\u2010\u2011\ufe63\uff0d":
        return "-"
    digit = unicodedata.digit(each, None)
    if digit is not None:
        return str(digit)
    folded = unicodedata.normalize("NFKC", each).lower()
    return folded if len(folded) == 1 else each.lower()[:1]


def _numbers(plain: str) -> Iterator[_Number]:
    """Digits and spelled numbers in the order of the text."""
    found = [(match.start(), match) for match in _DIGITS.finditer(plain)]
    spelled = [(match.start(), match) for match in _SPELLED.finditer(plain)]
    for start, match in sorted([*found, *spelled], key=lambda pair: pair[0]):
        yield _of_digits(match) if match.re is _DIGITS else _of_words(match, start)


def _of_digits(match: re.Match[str]) -> _Number:
    digits = match["digits"].replace(",", "")
    scale = Decimal(10) ** int(match["exponent"][1:]) if match["exponent"] else Decimal(1)
    places = len(digits.partition(".")[2])
    unit = _unit(match["unit"])
    if unit == "k":
        scale, unit = scale * 1000, ""
    return _Number(
        text=match[0],
        start=match.start(),
        end=match.end(),
        value=Decimal(digits) * scale * (-1 if match["sign"] == "-" else 1),
        half=Decimal(5).scaleb(-places - 1) * scale,
        unit=unit,
        signed=bool(match["sign"]),
    )


def _of_words(match: re.Match[str], start: int) -> _Number:
    if match["tens"]:
        value = Decimal(_TENS[match["tens"]] + _ONES.get(match["ones"], 1))
    else:
        value = _WORDS[match["word"]]
    unit = _unit(match["unit"] or match["unit2"])
    half = Decimal(0) if value == Decimal("0.5") else Decimal("0.5")
    return _Number(match[0], start, match.end(), value, half, unit, signed=False)


_UNITS = (
    (PERCENT, ("%", "per", "pct", "pp")),
    (BPS, ("bp", "basis")),
    ("‰", ("‰",)),
    ("k", ("k",)),
    ("days", ("day",)),
    ("hours", ("hour",)),
    ("minutes", ("min",)),
    ("seconds", ("sec",)),
)


def _unit(text: str | None) -> str:
    short = (text or "").strip(" -\n\t")
    for unit, beginnings in _UNITS:
        if short.startswith(beginnings):
            return unit
    return ""


def _places(plain: str, facts: Sequence[Fact]) -> list[tuple[int, int, str]]:
    """Where the text speaks of facts: (start, end, word), the longest word at each place."""
    words = {word for fact in facts for word in fact.words}
    found: list[tuple[int, int, str]] = []
    for word in sorted(words, key=len, reverse=True):
        for match in re.finditer(rf"(?<![a-z]){re.escape(word)}(?![a-z])", plain):
            if not any(start <= match.start() < end for start, end, _ in found):
                found.append((match.start(), match.end(), word))
    return found


def _support(
    number: _Number, plain: str, facts: Sequence[Fact], places: Sequence[tuple[int, int, str]]
) -> str:
    """The fact that the number can be; among those that the words beside it name, if any."""
    start, end = _clause(plain, number)
    named = _named(number, [place for place in places if start <= place[0] < end])
    before, after = plain[start : number.start], plain[number.end : end]
    for fact in facts:
        if named and not named & set(fact.words):
            continue
        if _is(number, fact, before, after, named=bool(named)):
            return fact.key
    return ""


def _clause(plain: str, number: _Number) -> tuple[int, int]:
    """The sentence that a number stands in."""
    start, end = 0, len(plain)
    for match in _CLAUSE.finditer(plain):
        if match.end() <= number.start:
            start = match.end()
        elif match.start() >= number.end:
            return start, match.start()
    return start, end


def _named(number: _Number, places: Sequence[tuple[int, int, str]]) -> set[str]:
    """The nearest word before the number and the nearest one after it."""
    before = [(number.start - end, word) for _, end, word in places if end <= number.start]
    after = [(start - number.end, word) for start, _, word in places if start >= number.end]
    inside = {word for start, end, word in places if start < number.end and end > number.start}
    near = [min(each) for each in (before, after) if each]
    return inside | {word for distance, word in near if distance <= NEAR}


def _is(number: _Number, fact: Fact, before: str, after: str, *, named: bool) -> bool:
    falls = bool(_LOSSES.search(before[-NEAR:]) or _LOSSES.match(after.lstrip()[:CLOSE]))
    loses = bool(_SIGNED_LOSS.search(before[-NEAR:])) and not number.signed
    for value in _readings(fact, number.unit, named=named):
        if fact.magnitude:
            agrees = abs(abs(value) - abs(number.value)) <= number.half
        elif loses and fact.gain:
            agrees = abs(-value - number.value) <= number.half
        else:
            agrees = abs(value - number.value) <= number.half
            agrees = agrees or (
                falls and not number.signed and abs(-value - number.value) <= number.half
            )
        if agrees:
            return True
    return False


def _readings(fact: Fact, unit: str, *, named: bool) -> Iterator[Decimal]:
    """The fact's value in the unit that a number was written in; nothing where it has none."""
    factors = _FACTORS.get(fact.unit, {"": (Decimal(1),), fact.unit: (Decimal(1),)})
    yield from (fact.value * factor for factor in factors.get(unit, ()))
    if fact.unit == FRACTION and not unit and named:  # "a win rate of 45"
        yield fact.value * 100


# What a stored value is multiplied by to read it in a unit.
_FACTORS = {
    FRACTION: {
        PERCENT: (Decimal(100),),
        "‰": (Decimal(1000),),
        BPS: (Decimal(10_000),),
        "": (Decimal(1),),
    },
    BPS: {BPS: (Decimal(1),), PERCENT: (Decimal("0.01"),), "": (Decimal(1),)},
    SECONDS: {
        "": (Decimal(1),),
        "seconds": (Decimal(1),),
        "minutes": (1 / Decimal(60),),
        "hours": (1 / Decimal(3600),),
        "days": (1 / Decimal(86_400),),
    },
}
