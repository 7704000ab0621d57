"""Parsing: 500 models' DAGs from specs, beside the same DAGs in plain Python and by dag-factory.

Each is read in a fresh process that has loaded Airflow, the operators and what makes the DAGs, as a DAG
processor has; what is measured is the CPU time of executing the DAG file. The one DAG is measured with its
imports. Cosmos has as many DAGs of as many tasks; they run dbt, so that is another job.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from benchmarks import environments, processes
from benchmarks.figures import Figures, Target
from sagewind import scaffold

if TYPE_CHECKING:
    from collections.abc import Callable

OURS, PLAIN, FACTORY, BARE = "sagewind specs", "plain Python", "dag-factory", "bare DAG, empty tasks"
COSMOS = "cosmos, dbt models as tasks"
LOADED = {
    OURS: ("sagewind.operators.sagemaker", "sagewind.lives"),
    PLAIN: ("sagewind.operators.sagemaker", "sagewind.lives"),
    FACTORY: ("sagewind.operators.sagemaker", "sagewind.tasks", "dagfactory"),
    COSMOS: ("cosmos",),
}
"""What each has imported before its file is read."""
MODELS = 500
COLUMN = f"{MODELS} models, CPU s"
AGAIN = f"{MODELS} models, in the processor's fork, CPU s"
FORKED, COLD = "one model, in the processor's fork, CPU s", "one model, with every import, CPU s"
PROBE = Path(__file__).parent / "peers" / "read_dags.py"
_MARK = "first"
_COSMOS = '''"""Airflow DAG: of a dbt project, by its manifest."""
from pathlib import Path
from cosmos import DbtDag, ExecutionConfig, LoadMode, ProfileConfig, ProjectConfig, RenderConfig

HERE = Path(__file__).parent
for dag_id, manifest in {dags}.items():
    globals()[dag_id] = DbtDag(
        dag_id=dag_id,
        schedule=None,
        project_config=ProjectConfig(manifest_path=HERE / manifest, project_name="project"),
        profile_config=ProfileConfig(
            profile_name="project", target_name="dev", profiles_yml_filepath=HERE / "profiles.yml"
        ),
        execution_config=ExecutionConfig(dbt_project_path=HERE),
        render_config=RenderConfig(load_method=LoadMode.DBT_MANIFEST),
    )
'''
_PLAIN = '''"""Airflow DAG: a model's pipeline and scoring, in a loop over models."""
import datetime as dt

from airflow.sdk import DAG, CronDataIntervalTimetable, Param, TaskGroup, chain, task

from sagewind import groups, tasks
from sagewind.operators import sagemaker

NAMES = {names}
DEFAULT = {{"retries": 2, "retry_delay": dt.timedelta(seconds=10)}}


def pipeline(name):
    with DAG(dag_id=name, schedule=None, catchup=False, max_active_runs=1, default_args=DEFAULT,
             params={{key: Param(**field) for key, field in {form}.items()}},
             user_defined_macros=groups.MACROS, tags=["sagemaker", "spec", name]) as dag:
{pipeline}
    return dag


def scoring(name):
    with DAG(dag_id=name + "_score", catchup=False, default_args=DEFAULT,
             schedule=CronDataIntervalTimetable("0 0 * * *", timezone="UTC"),
             params={{key: Param(**field) for key, field in {score_form}.items()}},
             user_defined_macros=groups.MACROS, tags=["sagemaker", "spec", name]) as dag:
{scoring}
    return dag


for each in NAMES:
    globals()[each] = pipeline(each)
    globals()[each + "_score"] = scoring(each)
'''


def run(rounds: int, folder: Path, *, quick: bool) -> list[Figures]:
    """Measure; quick without dag-factory and cosmos."""
    figures = Figures(key="parse", title="Parsing DAGs", unit="s", reference=PLAIN)
    figures.targets = [
        Target(contender=OURS, reference=PLAIN, column=COLUMN, sign="≤", bound=1.2),
        Target(contender=OURS, reference=FACTORY, column=COLUMN, sign="≤", bound=0.25),
        Target(contender=OURS, reference=PLAIN, column=FORKED, sign="≤", bound=2),
        Target(contender=OURS, reference=BARE, column=FORKED, sign="≤", bound=2),
    ]
    figures.notes.append(
        "All have the same DAG ids, task ids and SageMaker operators; the bare one, empty tasks."
    )
    figures.notes.append("Airflow's dag processor forks for each file, every thirty seconds or so.")
    figures.notes.append("Before that the plugin has it import ours, and make the DAGs of the specs.")
    many, one = folder / "many", folder / "one"
    names = [_MARK, *(f"model-{number:03d}" for number in range(MODELS - 1))]
    shapes, shape = _ours(many, folder, names), _ours(one, folder, names[:1])
    plain, single, bare = (folder / name for name in ("plain", "single", "bare"))
    _plain(plain, folder, names)
    _plain(single, folder, names[:1])
    who = {OURS: (many, sys.executable), PLAIN: (plain, sys.executable)}
    for name, lock, write in () if quick else _others(folder, names, shapes):
        try:
            who[name] = (folder / lock, str(environments.ensure(lock)))
            write(folder / lock)
        except environments.MissingPeerError as error:
            figures.failures[name] = str(error)
    _bare(bare, shape)
    turns = [(OURS, many, AGAIN, "forked"), (PLAIN, plain, AGAIN, "forked")]
    for column, way in ((FORKED, "forked"), (COLD, "cold")):
        turns += [(OURS, one, column, way), (PLAIN, single, column, way), (BARE, bare, column, way)]
    for _ in range(rounds):
        for name, (where, python) in who.items():
            seen = _read(where, folder, python, "warm", *LOADED[name])
            if not _are_same(name, seen["dags"], shapes):
                figures.failures[name] = "its DAGs or tasks are others"
            figures.add(name, COLUMN, seen["cpu"])
        for name, where, column, way in turns:
            figures.add(name, column, _read(where, folder, sys.executable, way)["cpu"])
    return [figures]


def _others(
    folder: Path, names: list[str], shapes: dict[str, list[str]]
) -> tuple[tuple[str, str, Callable[[Path], None]], ...]:
    """Return the peers: name, environment, and what writes their DAGs into a folder."""
    return (
        (FACTORY, "dag-factory", lambda where: _factory(where, folder, names)),
        (COSMOS, "cosmos", lambda where: _cosmos(where, shapes)),
    )


def _are_same(name: str, dags: dict[str, list[str]], shapes: dict[str, list[str]]) -> bool:
    if name == COSMOS:
        return {key: len(tasks) for key, tasks in dags.items()} == {
            key: len(tasks) for key, tasks in shapes.items()
        }
    return dags == shapes


def _read(where: Path, folder: Path, python: str, way: str, *loaded: str) -> dict[str, Any]:
    environ = processes.environment(
        AIRFLOW_HOME=str(folder / f"airflow-{Path(python).parts[-3]}"),
        AIRFLOW__CORE__LOAD_EXAMPLES="False",
        AIRFLOW__CORE__DAGS_FOLDER=str(where / "dags"),
        PYTHONPATH=str(environments.ROOT / "src"),
    )
    argv = [python, str(PROBE), str(where / "dags.py"), way, *loaded]
    done = subprocess.run(argv, env=environ, capture_output=True, text=True, check=False, cwd=where)
    if done.returncode:
        raise RuntimeError(f"{where}: {done.stderr[-1500:]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _ours(where: Path, folder: Path, names: list[str]) -> dict[str, list[str]]:
    """Write a project of specs; return its DAGs' tasks."""
    (where / "dags").mkdir(parents=True)
    scaffold.scaffold(where, _MARK)
    text = (where / "dags" / "models" / f"{_MARK}.yaml").read_text()
    for name in names[1:]:
        (where / "dags" / "models" / f"{name}.yaml").write_text(
            text.replace(f"name: {_MARK}", f"name: {name}")
        )
    (where / "dags.py").write_text(
        '"""Airflow DAG: of specs."""\nfrom pathlib import Path\nfrom airflow.sdk import DAG\n'
        "from sagewind import lives\n"
        'globals().update(lives.dags(Path(__file__).parent / "dags" / "models"))\n'
    )
    tasks: dict[str, list[str]] = _read(where, folder, sys.executable, "warm", *LOADED[OURS])["dags"]
    return tasks


def _described(folder: Path) -> dict[str, Any]:
    """Return one model's DAGs as data: for each task its id, its operator, its configuration."""
    environ = processes.environment(
        AIRFLOW_HOME=str(folder / "airflow-described"), AIRFLOW__CORE__LOAD_EXAMPLES="False"
    )
    argv = [sys.executable, str(PROBE), str(folder / "one" / "dags.py"), "describe"]
    done = subprocess.run(argv, env=environ, capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _literal(value: object) -> str:
    """Return Python's literal of a value in which the model's name is `name`."""
    text = re.sub(r"\{'xcom': ('[^']*')\}", r"made[\1].output", repr(value))
    return re.sub(r"'[^']*'|\"[^\"]*\"", lambda m: _with_name(m[0]), text)


def _with_name(text: str) -> str:
    return text.replace(_MARK, f"{text[0]} + name + {text[0]}")


def _plain(where: Path, folder: Path, names: list[str]) -> None:
    described = _described(folder)
    where.mkdir()
    parts = {
        key: "\n".join(_statements(described[dag]["tasks"]))
        for key, dag in (("pipeline", _MARK), ("scoring", f"{_MARK}_score"))
    }
    forms = {"form": described[_MARK]["params"], "score_form": described[f"{_MARK}_score"]["params"]}
    (where / "dags.py").write_text(_PLAIN.format(names=names, **forms, **parts))


def _statements(tasks: list[dict[str, Any]]) -> list[str]:
    """Write the tasks as a person would: groups, operators with literal arguments, then the edges."""
    lines, groups = ["        made, groups_of = {}, {}"], list(dict.fromkeys(t["group"] for t in tasks))
    lines += [f"        groups_of[{each!r}] = TaskGroup({each!r})" for each in groups if each]
    for each in tasks:
        name = each["id"].rpartition(".")[2]
        more = f", task_group=groups_of[{each['group']!r}]" if each["group"] else ""
        if each["config"] is not None:
            if each["is_mapped"]:
                upstream = f"made[{each['upstream'][0]!r}].output"
                call = (
                    f"sagemaker.{each['operator']}.partial(task_id={name!r}{more}).expand(config={upstream})"
                )
            else:
                config = _literal(each["config"])
                call = f"sagemaker.{each['operator']}(task_id={name!r}, config={config}{more})"
        else:
            positional = [_literal(value) for value in each["args"]]
            arguments = ", ".join(
                [*positional, *(f"{key}={_literal(value)}" for key, value in each["kwargs"].items())]
            )
            call = f"task(task_id={name!r}{more})(tasks.{each['function']})({arguments}).operator"
        lines.append(f"        made[{each['id']!r}] = {call}")
    lines += [
        f"        chain(made[{above!r}], made[{each['id']!r}])"
        for each in tasks
        for above in each["upstream"]
    ]
    return lines


def _bare(where: Path, shapes: dict[str, list[str]]) -> None:
    """Write DAGs of as many tasks that do nothing."""
    where.mkdir()
    lines = [
        "from airflow.sdk import DAG",
        "from airflow.providers.standard.operators.empty import EmptyOperator",
    ]
    for dag_id, tasks in shapes.items():
        lines.append(f"with DAG({dag_id!r}) as {dag_id}:")
        lines += [f"    EmptyOperator(task_id={task.replace('.', '_')!r})" for task in tasks]
    (where / "dags.py").write_text("\n".join(lines) + "\n")


def _factory(where: Path, folder: Path, names: list[str]) -> None:
    """Write dag-factory's YAML: the same ids and SageMaker operators; functions as PythonOperators."""
    described = _described(folder)
    where.mkdir()
    everything: dict[str, Any] = {
        "default": {"default_args": {"owner": "airflow", "retries": 2, "start_date": "2026-01-01"}}
    }
    for name in names:
        for dag_id, dag in described.items():
            text = json.dumps(_factory_dag(dag)).replace(_MARK, name)
            everything[dag_id.replace(_MARK, name)] = json.loads(text)
    (where / "dags.yaml").write_text(yaml.safe_dump(everything))
    (where / "dags.py").write_text(
        '"""Airflow DAG: by dag-factory."""\nfrom dagfactory import load_yaml_dags\n'
        f"load_yaml_dags(globals_dict=globals(), config_filepath={str(where / 'dags.yaml')!r})\n"
    )


def _factory_dag(dag: dict[str, Any]) -> dict[str, Any]:
    tasks = []
    for each in dag["tasks"]:
        # Whole ids and no groups: it takes no two tasks of one name, in different groups either.
        made: dict[str, Any] = {"task_id": each["id"], "dependencies": each["upstream"]}
        if each["config"] is not None:
            made |= {"operator": f"sagewind.operators.sagemaker.{each['operator']}"}
            made |= {"config": {} if each["is_mapped"] else each["config"]}
        else:
            made |= {"operator": "airflow.providers.standard.operators.python.PythonOperator"}
            made |= {"python_callable": f"sagewind.tasks.{each['function']}", "op_kwargs": each["kwargs"]}
            made |= {"op_args": each["args"]}
        tasks.append(made)
    return {"schedule": None, "catchup": False, "tasks": tasks}


def _cosmos(where: Path, shapes: dict[str, list[str]]) -> None:
    """Write a dbt project with a manifest for each shape of DAG: a chain of as many models as tasks."""
    where.mkdir()
    (where / "dbt_project.yml").write_text("name: project\nversion: '1'\nprofile: project\n")
    (where / "profiles.yml").write_text("project: {target: dev, outputs: {dev: {type: sqlite}}}\n")
    sizes = {dag_id: len(tasks) for dag_id, tasks in shapes.items()}
    for size in set(sizes.values()):
        nodes = {f"model.project.m{number}": _model(number) for number in range(size)}
        content = {"metadata": {"project_name": "project"}, "nodes": nodes, "sources": {}, "exposures": {}}
        (where / f"manifest-{size}.json").write_text(json.dumps(content))
    dags = {dag_id: f"manifest-{size}.json" for dag_id, size in sizes.items()}
    (where / "dags.py").write_text(_COSMOS.format(dags=dags))


def _model(number: int) -> dict[str, Any]:
    above = [f"model.project.m{number - 1}"] if number else []
    return {
        "name": f"m{number}",
        "resource_type": "model",
        "package_name": "project",
        "original_file_path": f"models/m{number}.sql",
        "depends_on": {"nodes": above},
        "tags": [],
        "config": {"materialized": "view"},
    }
