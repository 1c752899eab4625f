"""Hostile words and numbers, which several generators put into cells, names and options."""

from random import Random

NUMBERS = (
    "0",
    "-0",
    "1e400",
    "-1e400",
    "1e-400",
    "9" * 25,
    str(2**63),
    str(-(2**63) - 1),
    str(2**64),
    "1" * 5_000,
    "0x1f",
    "0x_",
    "1_000",
    "1,5",
    "1.234,56",
    "Infinity",
    "-inf",
    "nan",
    "١٢٣",
    "１２３",
    "½",
    "1e",
    "+-1",
    "--1",
    "1.2.3",
    ".",
)
DATES = (
    "2024-02-30",
    "2023-02-29",
    "2024-13-01",
    "2024-00-00",
    "0000-00-00",
    "0001-01-01",
    "9999-12-31",
    "10000-01-01",
    "10183-05-01",
    "-0044-03-15",
    "2024-03-31T25:00:00",
    "2024-03-31 12:00:60",
    "2024-03-31T12:00:00+99:99",
    "2024-03-31T02:30:00+14:01",
    "24:00:00",
    "12:60:00",
    "2024-W05",
    "31/12/2023",
    "2024-06-30T23:59:60Z",
)
TEXTS = (
    "",
    " ",
    "\u00a0",
    "\ufeff",
    "\u202e",
    "\u200b",
    "NA",
    "NULL",
    "-",
    "?",
    "#DIV/0!",
    "true",
    "yes",
    "=1+1",
    "@SUM(1)",
    "+1-1",
    "-2+3",
    '=HYPERLINK("http://x")',
    "'; DROP TABLE run; --",
    "${HOME}",
    "$(touch marker)",
    "`id`",
    "{{7*7}}",
    "%s%s%n",
    "{0}",
    "[red]",
    "[/]",
    "\x1b[31m",
    "\x1b]0;x\x07",
    "../../etc/passwd",
    "a" * 5_000,
    "é" * 300,
    "🦊" * 100,
    "e\u0301",
    "\\",
    "\\N",
    '"',
    "''",
    "\t",
    "\r",
    "\n",
    "\x7f",
    "\x85",
    "\u2028",
)


def word(chance: Random) -> str:
    """Return a number, a date or a text that programs stumble over."""
    return chance.choice(chance.choice((NUMBERS, DATES, TEXTS)))


def flipped(data: bytes, chance: Random, most: int = 8) -> bytes:
    """Return the bytes with some of them changed, removed, repeated or cut off."""
    damaged = bytearray(data)
    for _ in range(chance.randint(1, most)):
        if not damaged:
            break
        at = chance.randrange(len(damaged))
        length = chance.randint(1, 40)
        match chance.randrange(6):
            case 0 | 1:
                damaged[at] ^= 1 << chance.randrange(8)
            case 2:
                damaged[at] = chance.choice((0, 9, 10, 13, 34, 44, 127, 128, 255))
            case 3:
                del damaged[at : at + length]
            case 4:
                damaged[at:at] = damaged[at : at + length]
            case _:
                damaged[at:at] = chance.randbytes(length)
    return bytes(damaged)
