"""The Models page as HTML: nothing that is shown becomes markup, and nothing foreign may be loaded or run."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import itertools
import re
from html.parser import HTMLParser

import pytest
from tests.unit.ui import models_shown as shown

from sagewind import load
from sagewind.ui.models import render, values
from sagewind.ui.models.values import Broken, Unanswered

BASE = "s3://bucket/diabetes/"
NOBODY = Unanswered(what=f"not {shown.EVIL}", why=f"AccessDenied {shown.EVIL}")
PARTS = ("standing", "endpoint", "scored", "watched", "cost", "airflow")


def overview(*summaries, broken=(), **rest):
    return render.overview(summaries, broken, links=shown.LINKS, now=shown.NOW, **rest)


def model(detail):
    return render.model(detail, base=BASE, links=shown.LINKS, now=shown.NOW)


def version(text=""):
    [_, each, _] = values.show(shown.versions(text))
    return render.version(shown.DIABETES, each, links=shown.LINKS, now=shown.NOW)


class Reader(HTMLParser):
    """Collects what a browser would load, run or follow."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.links, self.attributes, self.open = [], [], [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]
        self.links += [value for name, value in attrs if name in ("href", "src")]
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def every_page(text=""):
    iris = load.load(shown.ROOT / "dags" / "models" / "iris.yaml", environ={})
    return {
        "list": overview(
            shown.summary(text), shown.summary(text, asks=True),
            broken=[Broken(name="bad" + text, why="why" + text)],
        ),
        "unread": overview(unread=Unanswered(what=text, why=text)),
        "by hand": overview(shown.summary(text, model=iris)),
        "no run yet": overview(
            shown.summary(
                text, airflow=values.Airflow(
                    training=values.Dag(dag_id="diabetes" + text, paused=True),
                    scoring=values.Dag(dag_id="diabetes_score" + text, paused=True),
                )
            )
        ),
        "model": model(shown.detail(text, asks=True)),
        "version": version(text),
        "nobody": overview(shown.summary(text, **dict(zip(PARTS, itertools.repeat(NOBODY), strict=False)))),
        "nothing": model(
            values.Detail(
                summary=shown.summary(
                    standing=values.Standing(champion=None), endpoint=None, scored=(),
                    watched=dataclasses.replace(shown.chronicle(), days=()), airflow=values.Airflow(),
                )
            )
        ),
    }  # fmt: skip


@pytest.mark.parametrize("name", sorted(every_page()))
def test_no_value_becomes_markup(name):
    plain, evil = Reader(every_page()[name]), every_page(shown.EVIL)[name]
    found = Reader(evil)
    assert "<script>alert" not in evil
    assert found.tags.count("script") == plain.tags.count("script") == 1
    assert not [each for each in found.attributes if each.startswith("on") or each == "style"]
    assert not [each for each in found.links if not each.startswith("/") or each.startswith("//")]
    assert found.open == []  # whatever is opened is closed


def test_dags_that_have_not_run_say_so():
    assert every_page()["no run yet"].count("no run yet") == 1


def test_the_policy_names_what_the_pages_hold_and_nothing_else():
    policy = render.headers()["Content-Security-Policy"]
    for html in every_page().values():
        for tag, rule in (("style", "style-src"), ("script", "script-src")):
            allowed = next(part for part in policy.split("; ") if part.startswith(rule))
            for text in re.findall(rf"<{tag}>(.*?)</{tag}>", html, re.DOTALL):
                digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
                assert f"'sha256-{digest}'" in allowed
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'self'" in policy


def test_a_card_is_of_no_origin_and_runs_nothing():
    policy = render.card_headers()["Content-Security-Policy"]
    assert policy.startswith("sandbox;")
    assert "allow-" not in policy
    assert "script-src" not in policy
    assert "default-src 'none'" in policy


def test_the_list_says_what_there_is_to_say():
    html = overview(shown.summary(), shown.summary(asks=True))
    for words in (
        "2 models, 1 to look at, 1 open approval, 11.16 USD",
        "version 2",
        "16 days ago",
        "by ada",
        "version 3 not answered",
        "≥ 0.25",
        "InService",
        "serves the champion",
        "1,237 rows, version 2",
        "5.58 USD",
        "of 20.00 USD",
        "waits for approval",
        "in order",
        'href="/dags/diabetes_score"',
        'href="/dags/diabetes/runs/run/tasks/register.approve/required_actions"',
    ):
        assert words in html, words


def test_a_model_that_has_never_run_is_shown():
    dags = {
        "training": values.Dag(dag_id="diabetes", paused=False),
        "scoring": values.Dag(dag_id="diabetes_score", paused=False),
    }
    new = values.Airflow(**dags)
    for html in (overview(shown.summary(airflow=new)), model(shown.detail(airflow=new))):
        assert "no run yet" in html
        assert 'href="/dags/diabetes"' in html


def test_a_run_that_waits_for_its_start_is_shown():
    queued = dataclasses.replace(shown.run("diabetes", "queued"), start=None, end=None)
    dags = {each: values.Dag(dag_id=each, paused=False, runs=(queued,)) for each in ("training", "scoring")}
    waits = values.Airflow(**dags)
    for html in (overview(shown.summary(airflow=waits)), model(shown.detail(airflow=waits))):
        assert "not begun yet, scheduled" in html


def test_a_part_that_does_not_answer_is_said_in_its_cell_and_the_rest_is_there():
    for part in PARTS:
        html = overview(shown.summary(**{part: Unanswered(what="not allowed", why=f"no {part}")}))
        assert f"no {part}" in html
        assert html.count("partly unknown") == 1
        assert "diabetes" in html


def test_a_models_page_has_its_life_versions_partitions_and_runs():
    html = model(shown.detail())
    for words in (
        "<svg",
        "diabetes: champions, quality and drift",
        'href="/sagewind/models/diabetes/versions/3"',
        "Approved <time",
        'href="/sagewind/jobs/training-job/diabetes-train-job-2"',
        "4f1c4f1c4f1c",
        "version 2, the champion",
        "2026-02-28",
        "bmi",
        "s3://bucket/diabetes/scores/",
        "9 jobs",
    ):
        assert words in html, words


def test_an_endpoint_that_serves_an_older_version_is_named():
    endpoint = dataclasses.replace(shown.summary().endpoint, artifact=shown.artifact(1))
    assert "version 1, which is not the champion" in model(shown.detail(endpoint=endpoint))
    endpoint = dataclasses.replace(endpoint, artifact="s3://elsewhere/model.tar.gz")
    assert "a model that is no version here" in model(shown.detail(endpoint=endpoint))


def test_a_versions_page_frames_its_card_without_any_right():
    html = version()
    assert '<iframe title="Model card" sandbox="" src="/sagewind/models/diabetes/versions/2/card">' in html


def test_links_keep_the_place_that_airflow_is_at_and_quote_what_they_name():
    links = render.Links(root="/airflow", environ={})
    assert links.model("a b/c") == "/airflow/sagewind/models/a%20b%2Fc"
    assert links.run("d", "manual__2026-03-10T00:00:00+00:00") == (
        "/airflow/dags/d/runs/manual__2026-03-10T00%3A00%3A00%2B00%3A00"
    )
    assert links.leaves
    assert links.job("t").startswith("https://us-east-1.console.aws.amazon.com/")
    local = dataclasses.replace(links, environ=shown.LINKS.environ)
    assert local.job("t") == "/airflow/sagewind/jobs/training-job/t"
