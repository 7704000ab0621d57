"""The model card: complete, self-contained, the same each time, and with no value that becomes markup."""

import json
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import pytest

from sagewind import card, charts, gate, profile
from sagewind.card import Card, CardError, Importance
from sagewind.evaluation import Evaluation, Predictions, Problem

EVIL = '<script>alert(1)</script>"&'
CLASSIFIER = Card(
    model="iris",
    version="3",
    created="2026-01-01T00:00:00+00:00",
    description="Which iris",
    evaluation=Evaluation(
        problem=Problem.MULTICLASS,
        rows=38,
        metrics={"accuracy": 0.97},
        deviations={"accuracy": 0.031},
        rejected={"f1": "nan"},
        confusion={"setosa": {"setosa": 10, "virginica": 1}, "virginica": {"virginica": 27}},
    ),
    decision=gate.decide({"accuracy": 0.97}, thresholds=[gate.Threshold(metric="accuracy", at_least=0.9)]),
    importance=Importance(metric="accuracy", features={"petal": 0.5, "sepal": -0.01}),
    data=profile.profile({"petal": ["1", "2.5", ""], "kind": ["a", "b", "a"], "same": ["1", "1", "1"]}),
    parameters={"n-estimators": "100"},
    lineage={"job": "iris-train-1", "data": "d" * 64},
    intended_use="Teaching",
    limits=("Only irises.",),
)


class Page(HTMLParser):
    """Collects a page's tags and text."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.attributes, self.words = [], [], ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data):
        self.words += data


def test_the_page_says_everything_and_loads_nothing():
    html = CLASSIFIER.to_html()
    page = Page(html)
    for said in (
        "version 3",
        "0.97",
        "nan is not a finite number",
        "iris-train-1",
        "n-estimators",
        "Only iris",
        "± 0.031",
        "1 to 2.5",
        "2 different",
        "By how much accuracy falls",
        "Measured on 38 held-out rows only",
        "Fewer than 20 held-out rows of: setosa (11).",
        "1.75 ± 0.75",
        "Values were missing in training: petal (33.3 %).",
    ):
        assert said in page.words
    assert page.tags.count("svg") == 5
    assert not {"script", "link", "img", "iframe"} & set(page.tags)
    assert not [name for name, value in page.attributes if name in {"src", "href"} or name.startswith("on")]
    assert CLASSIFIER.to_html() == html


def test_values_never_become_markup():
    names = {EVIL: 1.0}
    evil = Card(
        model=EVIL,
        version=EVIL,
        created=EVIL,
        description=EVIL,
        evaluation=Evaluation(
            problem=Problem.BINARY, rows=1, metrics=names, rejected={EVIL: EVIL}, confusion={EVIL: {EVIL: 1}}
        ),
        decision=gate.decide({}, thresholds=[gate.Threshold(metric=EVIL, at_least=1)]),
        importance=Importance(metric=EVIL, features=names),
        data=profile.profile({EVIL: [EVIL]}),
        parameters={EVIL: EVIL},
        lineage={EVIL: EVIL},
        intended_use=EVIL,
        limits=(EVIL,),
    )
    html = evil.to_html()
    assert "<script" not in html
    assert "script" not in Page(html).tags


def test_json_has_the_same_facts():
    facts = json.loads(CLASSIFIER.to_json_text())
    assert facts["metrics"] == {"accuracy": 0.97}
    assert facts["gate"]["passed"] is True
    assert facts["confusion_matrix"]["setosa"] == {"setosa": 10, "virginica": 1}
    assert facts["data"]["dataset"] == {"item_count": 3}
    assert facts["limits"] == ["Only irises."]
    assert len(facts["limits_measured"]) == 4
    assert facts["feature_importance"] == {"metric": "accuracy", "features": {"petal": 0.5, "sepal": -0.01}}
    assert "sketch" not in CLASSIFIER.to_json_text()  # values of single rows


def test_a_regression_shows_residuals_and_a_bare_card_says_what_it_lacks():
    bare = Card(
        model="diabetes",
        version="1",
        created="2026-01-01",
        evaluation=Evaluation(problem=Problem.REGRESSION, rows=None, metrics={"rmse": 54.2}),
        predictions=Predictions(
            source="p.csv", ids=("1", "2"), labels=("100", "200"), predictions=("110", "180.5")
        ),
    )
    page = Page(bare.to_html())
    assert page.tags.count("circle") == 2
    assert "prediction minus truth" in page.words
    lacking = ("an unknown number of held-out rows", "No profile", "Unknown.", "no limits", "measured none")
    for said in lacking:
        assert said in page.words
    text = Predictions(source="p.csv", ids=("1",), labels=("a",), predictions=("b",))
    with pytest.raises(CardError, match=r"p.csv: predictions of a regression must be numbers"):
        Card(**(vars(bare) | {"predictions": text})).to_html()


@pytest.mark.parametrize(
    "svg",
    [
        charts.bars({EVIL: 1.0, "b": -2.0}, title=EVIL),
        charts.bars({}, title="none"),
        charts.matrix({"a": {"b": 0}}, title="m"),
        charts.residuals([], [], title="r"),
        charts.residuals([1.0], [1.0], title="r"),
        charts.residuals([-1e300, 0.0], [1e300, 1e-300], title="r"),
        charts.spread([], title="s", says="x"),
        charts.spread([0.0, 0.0], title="s", says="x"),
        charts.spread([-3.0, 12.0], title="s", says="x"),
        charts.histogram([], title="h"),
        charts.histogram([0, 0], title="h"),
    ],
)
def test_charts_are_well_formed_whatever_the_data(svg):
    root = ET.fromstring(svg)
    assert root.tag == "svg"
    assert "nan" not in svg


def test_each_class_has_the_share_that_was_found_and_that_was_right():
    found, other = card._classes({"a": {"a": 3, "b": 1}})
    assert found == {"name": "a", "rows": 4, "recall": "0.750", "precision": "1.000"}
    assert other == {"name": "b", "rows": 0, "recall": "-", "precision": "0.000"}


@pytest.mark.parametrize(
    ("low", "high", "marks"),
    [
        (16.0, 336.0, [0, 100, 200, 300, 400]),
        (0.0, 1.0, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (-3.0, 12.0, [-5, -2.5, 0, 2.5, 5, 7.5, 10, 12.5]),  # a step too fine by one, never two
        (5.0, 5.0, [5, 6]),
    ],
)
def test_marks_are_round_and_enclose_what_is_shown(low, high, marks):
    found = charts.ticks(low, high)
    assert found[0] <= low
    assert found[-1] >= high
    assert found == marks


def test_many_points_are_thinned():
    values = [float(number) for number in range(10_000)]
    assert charts.residuals(values, values, title="r").count("<circle") == 1000


def test_importance_is_read_by_mean():
    text = '{"features": {"bmi": {"mean": 0.3, "std": 0.1}}}'
    assert card.parse_importance(text, source="i.json").features == {"bmi": 0.3}


@pytest.mark.parametrize("text", ["", "[]", '{"features": {"a": 1}}', '{"features": {"a": {"mean": NaN}}}'])
def test_importance_of_another_shape_is_refused(text):
    with pytest.raises(CardError, match=r"i.json"):
        card.parse_importance(text, source="i.json")
