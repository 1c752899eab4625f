"""What stands behind the last word of a query does not belong to it."""

import pytest

from data.sources.database.statement import without_end


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("SELECT 1", "SELECT 1"),
        (" SELECT 1 ;\n", "SELECT 1"),
        ("SELECT 1; -- all of them", "SELECT 1"),
        ("SELECT 1 /* one */ ;; /* two\nlines */ -- three\n", "SELECT 1"),
        ("SELECT 1 -- all; of them", "SELECT 1"),
        ("-- all\nSELECT 1; -- of them", "-- all\nSELECT 1"),
        ("SELECT '; -- x'", "SELECT '; -- x'"),
        ("SELECT 'it''s; -- x' ; --", "SELECT 'it''s; -- x'"),
        (r"SELECT E'a\'; -- x'; --", r"SELECT E'a\'; -- x'"),
        (r"SELECT 'a\'; -- x", r"SELECT 'a\'"),
        ('SELECT 1 AS "a; -- b"; --', 'SELECT 1 AS "a; -- b"'),
        ("SELECT $t$; -- x$t$; --", "SELECT $t$; -- x$t$"),
        ("SELECT $$; /* x */$$ /* y */", "SELECT $$; /* x */$$"),
        ("SELECT 1; DELETE FROM a; --", "SELECT 1; DELETE FROM a"),
        ("-- nothing", ""),
        ("SELECT name'; -- x'", "SELECT name'; -- x'"),
    ],
)
def test_semicolons_and_comments_behind_a_query_are_left_out(query, expected):
    assert without_end(query) == expected
