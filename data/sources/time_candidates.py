"""The patterns of time that a text may be written in, told by its look alone."""

import re
from collections.abc import Iterator

SEPARATOR = r"[/.\-]"
CLOCK = re.compile(
    r"(?P<between>[ T]|, |:)?(?P<hour>\d{1,2}):(?P<minute>\d{2})"
    r"(?P<second>:\d{2})?(?P<fraction>\.\d{1,9})?"
    r"(?P<half>(?P<gap> ?)[ap]\.?m\.?)?"
    r"(?P<zone> ?(?:Z|UTC|GMT|[+-]\d{2}:?\d{2}))?$",
    re.I,
)
WORD = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
WEEKDAY = re.compile(r"(?P<name>(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*)(?P<between>,? )", re.I)

NUMBERED = re.compile(rf"(\d{{1,2}})({SEPARATOR})(\d{{1,2}})\2(\d{{4}}|\d{{2}})")
YEAR_FIRST = re.compile(rf"\d{{4}}({SEPARATOR})\d{{1,2}}\1\d{{1,2}}")
NAMED = (
    (
        re.compile(rf"{WORD}(?P<a>[ -])\d{{1,2}}(?P<b>,? |-)(?P<y>\d{{4}}|\d{{2}})", re.I),
        "%b{a}%d{b}{y}",
    ),
    (
        re.compile(rf"\d{{1,2}}(?P<a>\.? ?|-|/){WORD}(?P<b>,? ?|-|/)(?P<y>\d{{4}}|\d{{2}})", re.I),
        "%d{a}%b{b}{y}",
    ),
    (re.compile(rf"{WORD}(?P<a>,? ?|-|/)(?P<y>\d{{4}})", re.I), "%b{a}{y}"),
    (re.compile(rf"{WORD}(?P<a>[ '-]+)(?P<y>\d{{2}})", re.I), "%b{a}{y}"),
    (
        re.compile(rf"(?P<y>\d{{4}})(?P<a>[ /-]?){WORD}(?P<b>[ /-]?)\d{{1,2}}", re.I),
        "{y}{a}%b{b}%d",
    ),
    (re.compile(rf"(?P<y>\d{{4}})(?P<a>[ /-]?){WORD}", re.I), "{y}{a}%b"),
    (re.compile(r"(?P<y>\d{4})(?P<a>[ -/]?)Q[1-4]", re.I), "{y}{a}Q%q"),
    (re.compile(r"Q[1-4](?P<a>[ -/]?)(?P<y>\d{4}|'?\d{2})", re.I), "Q%q{a}{y}"),
    (re.compile(r"\d{4}(?P<a>[ -]?)W\d{2}", re.I), "%G{a}W%V"),
    (re.compile(r"\d{4}(?P<a>-?)W\d{2}(?P<b>-?)[1-7]", re.I), "%G{a}W%V{b}%u"),
    (re.compile(r"(?:19|20)\d{2}(?P<a>[/.])\d{1,2}"), "%Y{a}%m"),
    (re.compile(r"\d{1,2}(?P<a>[/.-])(?:19|20)\d{2}"), "%m{a}%Y"),
)
"""The looks of dates that are not three numbers, and their patterns."""


def patterns_of(text: str) -> Iterator[str]:
    """Yield the patterns of a text that looks like a date or a time; there may be none."""
    text = " ".join(text.split())
    clock, zone = CLOCK.search(text), ""
    if clock and clock.start() == 0 and clock["between"] is None:
        if clock["half"] or len(clock["hour"]) == 1:
            yield _clock(clock)  # other times of day are read as they are
        return
    if clock and clock["between"] is not None:
        text, zone = text[: clock.start()], clock["between"] + _clock(clock)
    weekday = WEEKDAY.match(text)
    before = ""
    if weekday:
        text, before = text[weekday.end() :], f"%a{weekday['between']}"
    for date in _dates(text):
        yield before + date + zone


def _clock(match: re.Match[str]) -> str:
    half = f"{match['gap']}%p" if match["half"] else ""
    zone = match["zone"] or ""
    if zone:
        gap = " " if zone.startswith(" ") else ""
        zone = gap + ("%Z" if zone.strip().upper() in ("UTC", "GMT", "Z") else "%z")
    return "".join(
        (
            "%I" if half else "%H",
            ":%M",
            ":%S" if match["second"] else "",
            ".%f" if match["fraction"] else "",
            half,
            zone,
        )
    )


def _dates(text: str) -> Iterator[str]:
    if match := NUMBERED.fullmatch(text):
        mark, year = match[2], "%Y" if len(match[4]) == 4 else "%y"
        first = "%m{0}%d{0}{1}", "%d{0}%m{0}{1}"
        for pattern in first if mark == "/" else first[::-1]:
            yield pattern.format(mark, year)
        if year == "%y":
            yield f"%y{mark}%m{mark}%d"
    elif match := YEAR_FIRST.fullmatch(text):
        yield f"%Y{match[1]}%m{match[1]}%d"
    elif re.fullmatch(r"(?:19|20)\d{6}", text):
        yield "%Y%m%d"
    for look, pattern in NAMED:
        if match := look.fullmatch(text):
            parts = match.groupdict()
            year = parts.get("y") or ""
            parts["y"] = ("'" if "'" in year else "") + ("%Y" if len(year) == 4 else "%y")
            yield pattern.format(**parts)
