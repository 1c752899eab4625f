"""What each declared format makes of texts, with Python's `datetime` and `decimal` as the truth."""

import datetime as dt
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.declarations.value_formats import value_format
from data.errors import DeclarationMistake
from data.sources.value_formats import read_column

TIMES = st.datetimes(dt.datetime(1, 1, 1), dt.datetime(9999, 12, 31, 23, 59, 59))


def read(written, *values):
    column = read_column(pa.chunked_array([pa.array(values)]), value_format(written))
    return column and column.values.to_pylist()


@pytest.mark.parametrize(
    ("written", "text", "value"),
    [
        ("%m/%d/%Y", "3/14/2012", dt.date(2012, 3, 14)),
        ("%d.%m.%y", "14.03.69", dt.date(1969, 3, 14)),
        ("%d.%m.%y", "14.03.68", dt.date(2068, 3, 14)),
        ("%b %d %Y", "Sept. 5 2010", dt.date(2010, 9, 5)),
        ("%d %B %Y", "5\u00a0JANUARY 2010", dt.date(2010, 1, 5)),
        ("%Y%m%d", "20121104", dt.date(2012, 11, 4)),
        ("%Y%m%d", "20121104.0", dt.date(2012, 11, 4)),
        ("%Y Q%q", "2012 Q4", dt.date(2012, 10, 1)),
        ("%G-W%V", "2020-W53", dt.date(2020, 12, 28)),
        ("%G-W%V-%u", "2012-W05-7", dt.date(2012, 2, 5)),
        ("%Y-%j", "2012-366", dt.date(2012, 12, 31)),
        ("%m/%d/%Y %I:%M %p", "3/14/2012 12:05 a.m.", dt.datetime(2012, 3, 14, 0, 5)),
        ("%F %T.%f", "2012-03-14 01:02:03.1234567", dt.datetime(2012, 3, 14, 1, 2, 3, 123456)),
        (
            "%d/%b/%Y:%H:%M:%S %z",
            "10/Oct/2000:13:55:36 -0700",
            dt.datetime(2000, 10, 10, 20, 55, 36),
        ),
        ("%Y-%m-%d %H:%M %Z", "2012-03-14 10:00 UTC", dt.datetime(2012, 3, 14, 10)),
        ("%I:%M %p", "2:30 PM", 52_200.0),
        ("excel", "40982.5", dt.datetime(2012, 3, 14, 12)),
        ("excel", "59", dt.date(1900, 2, 28)),
        ("excel", "61", dt.date(1900, 3, 1)),
        ("excel", "2958465", dt.date(9999, 12, 31)),
        ("excel 1904", "39520", dt.date(2012, 3, 14)),
        ("epoch milliseconds", "1331683200123", dt.datetime(2012, 3, 14, 0, 0, 0, 123_000)),
        ("epoch nanoseconds", "-1", dt.datetime(1969, 12, 31, 23, 59, 59, 999_999)),
        ("$1,234.50", "($1,234.50)", -1234.5),
        ("$1,234.50", "−$3.5", -3.5),
        ("$1,234.50", "$-3.5", -3.5),
        ("$1,234.50", "$3.5-", -3.5),
        ("1.234,50 €", "1.234,5\u00a0€", 1234.5),
        ("CHF 1'234.50", "CHF1’234.5", 1234.5),
        ("1 234,5", "1\u202f234,5", 1234.5),
        ("12.5 %", "0.1%", 0.001),
        ("%12,5", "%12,5", 0.125),
        ("5 ‰", "7 ‰", 0.007),
        ("1.2k", "3M", 3e6),
        ("1.2k", "950", 950.0),
        ("$3m", "$2.5bn", 2.5e9),
        ("5 K", "7K", 7),
        ("5.2 l/100km", "6.1 l/100km", 6.1),
        ("12,34,567.50", "1,23,456", 123_456),
        ("ja/nein", "NEIN", False),
        ("x/", "", False),
        ("1/0", "1", True),
    ],
)
def test_a_text_has_the_value_that_its_format_says(written, text, value):
    assert read(written, text) == [value]


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("%m/%d/%Y", "02/30/2012"),
        ("%m/%d/%Y", "14/03/2012"),
        ("%m/%d/%Y", "3/4/12"),
        ("%m/%d/%Y", "2012-03-14"),
        ("%m/%d/%Y", "03/14/2012 10:00"),
        ("%Y%m%d", "20121314"),
        ("%Y%m%d", "2012111"),
        ("%Y-%m-%d", "0000-01-01"),
        ("%b %d %Y", "Jänner 5 2010"),
        ("%Y Q%q", "2012 Q5"),
        ("%G-W%V", "2019-W53"),
        ("%Y-%j", "2011-366"),
        ("%Y-%m-%d %I:%M %p", "2012-03-14 13:00 PM"),
        ("%Y-%m-%d %H:%M", "2012-03-14 24:00"),
        ("%Y-%m-%d %H:%M %Z", "2012-03-14 10:00 CET"),
        ("%Y-%m-%d %H:%M%z", "9999-12-31 23:00-02:00"),
        ("excel", "60"),
        ("excel", "0.5"),
        ("excel", "2958466"),
        ("epoch seconds", "1.33E+09"),
        ("epoch seconds", "99999999999999999999"),
        ("$1,234.50", "€5"),
        ("$1,234.50", "5"),
        ("$1,234.50", "$12,34"),
        ("$1,234.50", "($5"),
        ("$1,234.50", "-($5)"),
        ("$1,234.50", "--$5"),
        ("$12.5", "$1,234"),
        ("12,50 €", "1.250 €"),
        ("CHF 12.5", "CHF 5.-"),
        ("12.5 %", "12.5"),
        ("12 kg", "12 lb"),
        ("1.2k", "7x"),
        ("ja/nein", "yes"),
    ],
)
def test_a_text_of_another_form_or_outside_the_calendar_has_none(written, text):
    assert read(written, text) == [None]


@pytest.mark.parametrize(
    "written",
    [
        *("%m/%d/%Y", "%d.%m.%Y", "%Y%m%d", "%b %d %Y", "%d %B %Y", "%a, %d %b %Y", "%Y-%j"),
        *("%Y-%m-%dT%H:%M:%S.%f", "%d/%m/%Y %I:%M:%S %p", "%Y%m%d%H%M%S", "%G-W%V-%u"),
    ],
)
@settings(deadline=None)
@given(times=st.lists(TIMES, min_size=1, max_size=5))
def test_what_python_writes_is_read_back(written, times):
    texts = [
        time.strftime(
            written.replace("%Y", f"{time.year:04}").replace("%G", f"{time.isocalendar()[0]:04}")
        )
        for time in times
    ]
    expected = [
        time.replace(microsecond=time.microsecond if "%f" in written else 0)
        if "%H" in written or "%I" in written
        else time.date()
        for time in times
    ]
    assert read(written, *texts) == expected


@settings(deadline=None)
@given(st.from_regex(r"[0-3]?[0-9]/[0-3]?[0-9]/[0-9]{2,4}", fullmatch=True))
def test_a_text_is_read_where_python_reads_it_and_as_python_does(text):
    try:
        expected = dt.datetime.strptime(text, "%m/%d/%Y").date()
    except ValueError:
        expected = None
    assert read("%m/%d/%Y", text) == [expected]


@settings(deadline=None)
@given(
    st.decimals(
        allow_nan=False, allow_infinity=False, places=7, min_value=-(10**15), max_value=10**15
    )
)
def test_a_number_is_the_double_nearest_to_its_digits(number):
    for written, text, value in (
        ("$1,234.50", f"${number:,.7f}".replace("$-", "-$"), number),
        ("1.234,50 €", f"{number:,.7f} €".translate(str.maketrans(",.", ".,")), number),
        ("12.5 %", f"{number:.7f} %", number / 100),
        ("1.2k", f"{number:.7f}M", number * 10**6),
        ("12 ‰", f"{number:.7f}‰", number / 1000),
    ):
        assert read(written, text) == [float(value)]
    assert read("(1,234.5)", f"({abs(number):,.7f})") == [-float(abs(number))]


@settings(deadline=None)
@given(st.decimals(min_value=-62_135_596_800, max_value=253_402_300_799, places=6))
def test_a_count_of_seconds_is_exact_to_the_microsecond(seconds):
    micros = int((seconds * 10**6).to_integral_value("ROUND_FLOOR"))
    expected = dt.datetime(1970, 1, 1) + dt.timedelta(microseconds=micros)
    assert read("epoch seconds", f"{seconds:f}") == [expected]
    assert read("epoch microseconds", micros) == [expected]
    assert read("epoch milliseconds", str(Decimal(micros) / 1000)) == [expected]


@settings(deadline=None)
@given(st.datetimes(dt.datetime(1900, 3, 1), dt.datetime(9999, 12, 30)))
def test_a_day_of_a_spreadsheet_is_exact_to_the_millisecond(time):
    time = time.replace(microsecond=time.microsecond // 1000 * 1000)
    serial = (time - dt.datetime(1899, 12, 30)) / dt.timedelta(days=1)
    (found,) = read("excel", serial)
    assert found == (time if isinstance(found, dt.datetime) else time.date())


def test_whole_numbers_stay_whole_and_keep_all_their_digits():
    big = 9_007_199_254_740_993
    assert read("$1,234", f"${big:,}", "$1") == [big, 1]
    assert read("$1,234", f"${big:,}", "$1.5") == [float(big), 1.5]


def test_numbers_of_a_source_with_types_are_read_where_a_format_counts_times():
    assert read("epoch seconds", 1331683200, None) == [dt.datetime(2012, 3, 14), None]
    assert read("epoch milliseconds", 1331683200123.0) == [
        dt.datetime(2012, 3, 14, 0, 0, 0, 123_000)
    ]
    assert read("%Y%m%d", 20120314, None, 7) == [dt.date(2012, 3, 14), None, None]
    assert read("%m%d%Y", 3142012) == [dt.date(2012, 3, 14)]
    assert read("%H%M", 930) == [34_200.0]
    assert read("%m/%d/%Y", 20120314) is None
    assert read("$5", 5) is None


@pytest.mark.parametrize(
    ("written", "hint"),
    [
        ("MM/DD/YYYY", "Did you mean '%m/%d/%Y'?"),
        ("dd.MM.yyyy HH:mm", "Did you mean '%d.%m.%Y %H:%M'?"),
        ("epoch second", "Did you mean 'epoch seconds'?"),
        ("percent", "Did you mean '12.5 %'?"),
        ("excell", "Did you mean 'excel'?"),
        ("03/14/2012", "a pattern for times"),
        ("%Y-%M-%d", "%m for the month"),
        ("%Y-W%V", "%V needs %G"),
        ("%H:%M %p", "%I with %p"),
        ("%d/%m", "needs a year"),
        ("%Y %Q", "%q for the quarter"),
        ("%s", "epoch seconds"),
        ("%Y-%m-%m", "Write it once"),
        ("1.234", "Write '1.5' or '1.234,5'"),
        ("12.34.56", "an example for numbers"),
        ("yes/yes", "yes/no"),
        ("", "a pattern for times"),
    ],
)
def test_what_is_no_format_is_refused_with_what_may_be_meant(written, hint):
    with pytest.raises(DeclarationMistake) as caught:
        value_format(written)
    assert hint in f"{caught.value.what} {caught.value.next_step}"
