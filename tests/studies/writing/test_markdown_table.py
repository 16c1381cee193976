"""Names in Markdown are shown as they are, and say nothing to a browser."""

import doctest

import pytest
from automl.studies.writing import markdown_table
from automl.studies.writing.markdown_table import cell, code, plain, table


def test_the_examples_hold():
    assert doctest.testmod(markdown_table).failed == 0


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("<script>alert(1)</script>", "&lt;script>alert(1)&lt;/script>"),
        ("<img src=x onerror=y>", "&lt;img src=x onerror=y>"),
        ("&lt;b&gt; &#60;", "&amp;lt;b&amp;gt; &amp;#60;"),
        ("[a](javascript:x)", r"\[a\](javascript:x)"),
        ("![a](x)", r"!\[a\](x)"),
        ("*a* __b__ `c`", r"\*a\* \_\_b\_\_ \`c\`"),
        ("a\\", "a\\\\"),
        ("two\nlines", "two lines"),
    ],
)
def test_marks_of_markdown_and_html_are_escaped(name: str, shown: str):
    assert plain(name) == shown


@pytest.mark.parametrize(
    "name", ["nas-bench_macro 40 % α·β² ≈ 2", "a & b, 3 > 2", "automl search --budget 400M..500M", "/data/my_set/x.npz"]
)
def test_ordinary_names_stay_as_they_are(name: str):
    assert plain(name) == name


def test_code_holds_every_backtick():
    assert code("a`` b `") == "``` a`` b ` ```"
    assert code("<script>") == "`<script>`"  # code shows what it holds


def test_no_name_breaks_a_table():
    assert cell(plain("a|b\n|c")) == r"a\|b \|c"
    assert len(table(["a", "b"], [[plain("|\n|"), "c"]]).splitlines()) == 3
