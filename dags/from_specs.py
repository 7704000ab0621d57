"""Airflow DAG: the pipeline and the scoring of every model that has a spec in models/, but iris (by hand)."""

from pathlib import Path

from airflow.sdk import DAG  # noqa: F401 - a DAG file is known by these words

from sagewind import lives

globals().update(lives.dags(Path(__file__).parent / "models", beside={"iris"}))
