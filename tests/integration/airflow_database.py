"""Airflow's own tables, in memory, for what reads or writes them in the API server."""

import contextlib

import sqlalchemy as sa
from airflow.models import import_all_models
from airflow.models.xcom import XComModel
from sqlalchemy.orm import Session


@contextlib.contextmanager
def opened():
    """Open a session on new, empty tables."""
    engine = sa.create_engine("sqlite://")
    import_all_models()
    XComModel.metadata.create_all(engine)
    with Session(engine) as session:
        yield session
    engine.dispose()
