"""Terms are read into columns and powers, and anything else is refused in one sentence."""

import pytest

from data.declarations.file import load_dataset
from data.declarations.model import Declaration
from data.declarations.terms import product_of, text_of
from data.errors import CallError

FEATURES = "features: [age, education, member]\n"


def declared(folder, text: str) -> Declaration:
    (folder / "shop.yaml").write_text("source: {path: rows.csv}\nkey: id\ntarget: y\n" + text)
    return load_dataset("shop", folder)


@pytest.mark.parametrize(
    ("term", "product"),
    [
        ("age^2", (("age", 2),)),
        ("age^9", (("age", 9),)),
        ("age:education", (("age", 1), ("education", 1))),
        ("education:age", (("education", 1), ("age", 1))),
        ("age^2:education:member", (("age", 2), ("education", 1), ("member", 1))),
        ("job class:age^3", (("job class", 1), ("age", 3))),
        ("m^x:age", (("m^x", 1), ("age", 1))),
        ("a^2^3", (("a^2", 3),)),
    ],
)
def test_a_term_is_columns_and_powers_in_the_order_written(term, product):
    assert product_of(term) == product
    assert text_of(product) == term


def test_terms_of_declared_features_are_read_and_a_single_one_needs_no_brackets(tmp_path):
    shop = declared(tmp_path, FEATURES + "terms: [age^2, age^2:education, education:member]\n")
    assert shop.terms == ("age^2", "age^2:education", "education:member")
    assert shop.products[1] == (("age", 2), ("education", 1))
    assert declared(tmp_path, "terms: age^2:education\n").products == (shop.products[1],)
    assert declared(tmp_path, "terms: []\n").products == ()


def test_a_weight_that_is_a_feature_can_stand_in_a_term(tmp_path):
    shop = declared(tmp_path, "weight: w\nfeatures: [w, age]\nterms: w:age\n")
    assert shop.products == ((("w", 1), ("age", 1)),)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("termss: age^2", "line 4: 'termss' is not a key of a declaration. Did you mean 'terms'?"),
        (
            "terms: age",
            "'age' is a single column, which needs no term to be a feature. A term joins",
        ),
        ("terms:\n- age^2\n- age^1", "line 6: 'terms[2]': in 'age^1' the power is not a whole"),
        ("terms: age^10", "in 'age^10' the power is not a whole number from 2 to 9."),
        ("terms: age^23", "in 'age^23' the power is not a whole number from 2 to 9."),
        ("terms: age^02", "in 'age^02' the power is not"),
        ("terms: age^-1", "in 'age^-1' the power is not"),
        ("terms: age^2.5:member", "in 'age^2.5' the power is not"),
        ("terms: age:age", "'age:age' has 'age' twice: write age^2."),
        ("terms: age^2:member:age", "has 'age' twice: write age^3:member."),
        ("terms: age^5:age^6", "has 'age' twice, and no power can be above 9."),
        ("terms: ['age:']", "in 'age:' a column is missing. A term joins"),
        ("terms: ^2", "in '^2' a column is missing."),
        ("terms: ''", "should be text that is not empty"),
        ("terms: [2]", "'terms[1]' should be text (put it in quotes"),
        ("terms:", "'terms[1]' should be a single text, but is empty."),
        ("terms: {age: 2}", "line 4: 'terms[1]': this is a mapping, but a term is text. Write"),
        ("terms:\n- a:b\n- age: member", "line 6: 'terms[2]': this is a mapping"),
        ("terms: [age^2, age^2]", "line 4: 'terms': 'age^2' is listed twice."),
        ("terms: [age:b, b:age]", "line 4: 'terms': 'age:b' and 'b:age' are the same term."),
        ("terms: y:age", "'y' is the target and cannot explain itself."),
        (FEATURES + "terms: agee^2", "'agee' is not one of the 'features'. Did you mean 'age'?"),
        (FEATURES + "terms: zzz:age", "The features are age, education, member."),
        (FEATURES + "terms: 'age^2, age^3'", "is not one of the 'features'. A term joins columns"),
        (FEATURES + "terms: age*member:age", "'age*member' is not one of the 'features'. A term"),
    ],
)
def test_text_that_is_not_a_term_is_refused_with_its_line(tmp_path, text, message):
    with pytest.raises(CallError) as caught:
        declared(tmp_path, text + "\n")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
