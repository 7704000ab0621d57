"""Read a DAG file as a DAG processor's child does: `read_dags.py FILE WAY MODULE …`.

WAY is `warm`, `cold`, `forked` or `describe`; the modules are imported before.
"""

import importlib
import importlib.util
import json
import os
import sys
import time

from airflow.dag_processing.dagbag import DagBag  # noqa: F401  (all of Airflow that a processor has loaded)
from airflow.sdk import DAG, XComArg
from airflow.sdk.definitions.mappedoperator import MappedOperator


def read(path):
    spec = importlib.util.spec_from_file_location("dags_read", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return {each.dag_id: each for each in vars(module).values() if isinstance(each, DAG)}


def plain(value):
    return json.loads(json.dumps(value, default=pulled))


def pulled(value):
    if not isinstance(value, XComArg):
        raise TypeError(f"{value!r} has no JSON form")
    return {"xcom": value.operator.task_id}


def describe(task):
    mapped = isinstance(task, MappedOperator)
    config = {} if mapped else plain(getattr(task, "config", None))
    function = getattr(task, "python_callable", None)
    return {
        "id": task.task_id,
        "group": task.task_group.group_id,
        "operator": task.task_type,
        "is_mapped": mapped,
        "config": config if function is None else None,
        "function": getattr(function, "__name__", None),
        "args": plain(list(getattr(task, "op_args", []))),
        "kwargs": plain(dict(getattr(task, "op_kwargs", {}))),
        "upstream": sorted(task.upstream_task_ids),
    }


def prepare_to_fork():
    """Do what the plugin has the dag processor do, then go on in a fork."""
    preload = importlib.import_module("sagewind.preload")
    preload.prepare()
    preload.keep_dags()
    importlib.import_module("airflow.providers.standard.operators.empty")
    child = os.fork()
    if child:
        os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))


path, way, *loaded = sys.argv[1:]
for each in loaded:
    importlib.import_module(each)
if way == "forked":
    prepare_to_fork()
began = time.process_time()
dags = read(path)
cpu = time.process_time() - began
if way == "describe":
    print(
        json.dumps(
            {
                dag_id: {
                    "params": {
                        key: each.schema | {"default": each.value} for key, each in dag.params.items()
                    },
                    "tasks": [describe(task) for task in dag.topological_sort()],
                }
                for dag_id, dag in dags.items()
            }
        )
    )
else:
    print(
        json.dumps({"cpu": cpu, "dags": {key: sorted(each.task_ids) for key, each in sorted(dags.items())}})
    )
