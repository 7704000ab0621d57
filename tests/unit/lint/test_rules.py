"""Each rule finds what it is for, and nothing else: one row, one way to be wrong, or to be right."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sagewind.lint import LintError, Place, Request, Severity, demand_clean, lint

if TYPE_CHECKING:
    from collections.abc import Callable

    from sagewind.lint import Subject

    Rules = Callable[..., list[str]]
    Declare = Callable[..., Subject]


def parser(*lines: str, call: str = "parse_known_args") -> str:
    body = "\n".join(f"p.{line}" for line in lines)
    return f"import argparse\np = argparse.ArgumentParser()\n{body}\nif True:\n    p.{call}()\n"


def test_a_good_script_has_no_finding(rules: Rules, good: str) -> None:
    found = rules(
        good,
        hyperparameters={"n-estimators": 100},
        channels={"train": "s3://b/k"},
        metrics=[r"accuracy=([0-9.]+);"],
        names={"TrainingJobName": "iris"},
        role="arn:aws:iam::123456789012:role/service-role/SageMakerRole",
    )
    assert found == []


HYPERPARAMETERS = [
    # declared, given, expected
    (['add_argument("--n-estimators", type=int)'], {"n_estimators": 1}, ["hyperparameter-spelling"]),
    (['add_argument("--n_estimators", type=int)'], {"n-estimators": 1}, ["hyperparameter-spelling"]),
    (['add_argument("--n-estimators", "--n_estimators")'], {"n_estimators": 1}, []),  # both are declared
    (['add_argument("--min-samples-leaf")'], {"min_leaf_nodes": 3}, ["hyperparameter-unknown"]),
    (['add_argument("--epochs")'], {"ep": 3}, []),  # argparse takes a unique prefix
    (['add_argument("-n")'], {"n": 3}, []),  # one letter becomes -n
    (['add_argument("--num", required=True)'], {}, ["hyperparameter-missing"]),
    (['add_argument("--num", type=int)'], {"num": 10.5}, ["hyperparameter-value"]),
    (['add_argument("--num", type=int)'], {"num": "10"}, []),
    (['add_argument("--num", type=int)'], {"num": "{{ params.n }}"}, []),  # rendered later
    (['add_argument("--num", type=float)'], {"num": 10}, []),
    (['add_argument("--num", type=float)'], {"num": "ten"}, ["hyperparameter-value"]),
    (['add_argument("--num", choices=["gini", "entropy"])'], {"num": "gini"}, []),
    (['add_argument("--num", choices=["gini", "entropy"])'], {"num": "log"}, ["hyperparameter-value"]),
    (['add_argument("--verbose", type=bool)'], {"verbose": False}, ["hyperparameter-value"]),
    (['add_argument("--verbose", type=bool)'], {"verbose": True}, []),
    (['add_argument("--verbose", action="store_true")'], {"verbose": "false"}, ["hyperparameter-value"]),
    (['add_argument("--verbose", action="store_true")'], {"verbose": True}, []),
    (["add_argument(*NAMES)"], {"anything": 1}, []),  # options that are computed are not judged
    (['add_argument("--num")'], {"sagemaker_program": "train.py", "num": 1}, []),  # the toolkit's own
    (['add_argument("--num", nargs="+", type=int)'], {"num": "1 2"}, []),
    (['add_argument("--n")'], {"n": 3}, ["hyperparameter-spelling"]),  # it is passed as -n
    (['add_argument("--learning-rate", required=True)'], {"learning": 3}, []),
    (['add_argument("--num", type=float, choices=[1, 2])'], {"num": "1.0"}, []),  # once it is converted
    (['add_argument("--num", type=str.lower, choices=["a"])'], {"num": "A"}, []),
    (['add_argument("--num", choices={"a", "b"})'], {"num": "c"}, ["hyperparameter-value"]),
    (['add_argument("--tol", type=float)'], {"tol": -1e-5}, ["hyperparameter-value"]),  # "-1e-05"
    (['add_argument("--tol", type=float)'], {"tol": -0.5}, []),
    (
        ['add_argument("--warm", action=argparse.BooleanOptionalAction)'],
        {"warm": "false"},
        ["hyperparameter-value"],
    ),
    (["add_argument", 'add_argument("--num")'], {"other": 1}, []),  # it may be called by another name
    (['add_argument("--num", action=Special)'], {"num": 1}, []),
]  # fmt: skip


@pytest.mark.parametrize(("declared", "given", "expected"), HYPERPARAMETERS)
def test_hyperparameters(
    rules: Rules, declared: list[str], given: dict[str, Any], expected: list[str]
) -> None:
    assert rules(parser(*declared), hyperparameters=given, serves=False) == expected


FLAG = 'add_argument("--warm", action="store_true")'
STRICT = [
    ([FLAG], ["hyperparameter-value"]),  # a value follows, and belongs to nothing
    (['add_argument("--warm", action=argparse.BooleanOptionalAction)'], ["hyperparameter-value"]),
    ([FLAG, 'add_argument("rest", nargs="*")'], []),
    ([FLAG, 'add_argument("--other", nargs="*")'], []),
]


@pytest.mark.parametrize(("declared", "expected"), STRICT)
def test_the_value_of_a_flag_ends_a_script_that_takes_none(
    rules: Rules, declared: list[str], expected: list[str]
) -> None:
    script = parser(*declared, call="parse_args")
    assert rules(script, hyperparameters={"warm": True}, serves=False) == expected


PARSED = [
    # how the command line is parsed, and what is said of n_estimators where --n-estimators is declared
    ("p.parse_args()", ["hyperparameter-spelling"]),
    ("p.parse_args(sys.argv[1:])", ["hyperparameter-spelling"]),
    ("def main(argv=None): p.parse_args(argv)", ["hyperparameter-spelling"]),
    ("args, rest = p.parse_known_args()\nprint('ignored', rest)", ["hyperparameter-spelling"]),
    (
        "args, rest = p.parse_known_args()\nif rest: raise SystemExit(f'unknown: {rest}')",
        ["hyperparameter-spelling"],
    ),
    ("args, rest = p.parse_known_args()\nf(dict(zip(rest[::2], rest[1::2])))", []),
    ("p.parse_args([each.replace('_', '-') for each in sys.argv[1:]])", []),
    ("given = list(map(spell, sys.argv[1:]))\np.parse_args(given)", []),
    ("sys.argv = [each.replace('_', '-') for each in sys.argv]\np.parse_args()", []),
    ("sys.argv[1:] = map(spell, sys.argv[1:])\np.parse_args()", []),
]


@pytest.mark.parametrize(("line", "expected"), PARSED)
def test_options_that_a_script_spells_itself_are_not_judged(
    rules: Rules, line: str, expected: list[str]
) -> None:
    script = f"import argparse, sys\np = argparse.ArgumentParser()\np.add_argument('--n-estimators')\n{line}"
    assert rules(script, hyperparameters={"n_estimators": 1}, serves=False) == expected


def test_what_one_of_several_parsers_requires_may_not_be_the_jobs(rules: Rules) -> None:
    other = "def other(): argparse.ArgumentParser().add_argument('--file', required=True)\n"
    script = parser('add_argument("--depth")') + other
    assert rules(script, hyperparameters={"depth": 1}, serves=False) == []


OTHER_READERS = [
    ("import json, os\njson.loads(os.environ['SM_HPS'])", []),
    ("import os\nos.environ['SM_HP_N']", []),
    ("import sys\nsys.argv[1:]", []),
    ("import click", []),
    ("from sys import argv\nargv[1:]", []),
    ("import tyro\ntyro.cli(main)", []),
    ("from jsonargparse import CLI\nCLI(main)", []),
    ("from lightning.pytorch.cli import LightningCLI\nLightningCLI(Model)", []),
    ("import tensorflow as tf\ntf.compat.v1.flags.DEFINE_float('n', 1, '')", []),
    ("from company import options\noptions.parse_args()", []),
    ("import argparse\nadd = argparse.ArgumentParser().add_argument\nadd('--n')", []),
    ("open('/opt/ml/input/config/hyperparameters.json')", []),
    ("x = 1", ["hyperparameter-unread"]),
]


@pytest.mark.parametrize(("script", "expected"), OTHER_READERS)
def test_scripts_without_argparse(rules: Rules, script: str, expected: list[str]) -> None:
    assert rules(script, hyperparameters={"n": 1}, serves=False) == expected


CLICK = """
import click, os
@click.command()
@click.option("-n", "--n-estimators", "trees", type=int, required=True)
@click.option("--warm/--no-warm")
@click.option("--verbose", is_flag=True)
def main(trees, warm, verbose): ...
"""
CHOICE = """
import click
@click.command()
@click.option("--kind", type=click.Choice(["a", "b"]))
@click.option("--warm", type=bool)
@click.option("--train", required=True, envvar="SM_CHANNEL_TRAIN")
@click.option("--flag", is_flag=True)
def main(kind, warm, train, flag): ...
"""
TYPER = "import typer\ndef main(n_estimators: int = 10): ...\ntyper.run(main)"
FIRE = "import fire\ndef main(n_estimators=10): ...\nfire.Fire(main)"
FIELDS = """
import argparse, dataclasses
@dataclasses.dataclass
class Config:
    n_estimators: int = 10
p = argparse.ArgumentParser()
for each in dataclasses.fields(Config):
    p.add_argument(f"--{each.name.replace('_', '-')}")
"""
CLASSES = """
from dataclasses import dataclass
from transformers import HfArgumentParser
@dataclass
class Config:
    n_estimators: int = 10
HfArgumentParser(Config).parse_args_into_dataclasses()
"""
LIBRARIES = [
    (CLICK, "n-estimators", 1, []),
    (CLICK, "n_estimators", 1, ["hyperparameter-spelling error", "hyperparameter-missing error"]),
    (CLICK, "n-estimators", "ten", ["hyperparameter-value error"]),
    (CLICK + "main(context_settings={'ignore_unknown_options': True})", "depth", 1, None),
    (TYPER, "n-estimators", 1, []),
    (CHOICE, "kind", "a", []),
    (CHOICE, "kind", "c", ["hyperparameter-value error"]),
    (CHOICE, "warm", "false", []),
    (CHOICE, "flag", "true", ["hyperparameter-value error"]),
    (TYPER, "depth", 1, ["hyperparameter-unknown error"]),
    (TYPER, "n_estimators", 1, ["hyperparameter-spelling error"]),
    (TYPER.replace("int = 10", "int = typer.Option(10, '--n_estimators')"), "n_estimators", 1, []),
    (FIRE, "n_estimators", 1, []),
    (FIRE, "depth", 1, ["hyperparameter-unknown error"]),
    (FIELDS, "n-estimators", 1, []),
    (FIELDS, "depth", 1, ["hyperparameter-unknown warning"]),
    (CLASSES, "n_estimators", 1, []),
    (CLASSES, "depth", 1, ["hyperparameter-unknown warning"]),
    (CLASSES + "import transformers\ntransformers.TrainingArguments", "learning_rate", 1, []),
]


@pytest.mark.parametrize(("script", "key", "value", "expected"), LIBRARIES)
def test_what_reaches_other_parsers(
    subject: Declare, script: str, key: str, value: object, expected: list[str] | None
) -> None:
    found = lint(subject(script, hyperparameters={key: value}, serves=False))
    if expected is None:
        assert "drops it without a word" in found[1].what
    else:
        assert sorted(f"{each.rule} {each.severity}" for each in found) == sorted(expected)


TOOLKIT = "from sagemaker_training import environment\nenv = environment.Environment()\n"
PASSED = "import sagemaker_training.environment as e\ndef fit(env): ...\nfit(e.Environment())\n"
CONTAINERS = "from sagemaker_containers.beta.framework import training_env\nenv = training_env()\n"
HPS = "import json, os\nhp = json.loads(os.environ.get('SM_HPS', '{}'))\n"
FILE = """
import json
with open("/opt/ml/input/config/hyperparameters.json") as file:
    hp = json.load(file)
"""
MAPPED = [
    # a script that reads hyperparameters of a mapping, and what is found where n-estimators is given
    (TOOLKIT + "f(env.hyperparameters['n-estimators'])", []),
    (TOOLKIT + "f(env.hyperparameters.get('n-estimators', 10))", []),
    (TOOLKIT + "f(env['hyperparameters']['n-estimators'])", []),
    (TOOLKIT + "hp = env.hyperparameters\nf(hp['n-estimators'])", []),
    (TOOLKIT + "f(**env.hyperparameters)", []),
    (TOOLKIT + "for key in env.hyperparameters: ...", []),
    (TOOLKIT + "parser.parse(env.to_cmd_args())", []),
    (TOOLKIT + "f(env.hyperparameters[name])", []),
    (TOOLKIT + "f(env.hyperparameters['n_estimators'])", ["hyperparameter-spelling"]),
    (TOOLKIT + "f(env.hyperparameters['depth'])", ["hyperparameter-unknown"]),
    (TOOLKIT + "print(env.hyperparameters)\nsave(env.model_dir)", ["hyperparameter-unread"]),
    (PASSED + "f(env.hyperparameters['n-estimators'])", []),
    (CONTAINERS + "f(env.hyperparameters['n-estimators'])", []),
    (CONTAINERS + "f(env.hyperparameters['depth'])", ["hyperparameter-unknown"]),
    (TOOLKIT + "config['all'] = env.hyperparameters", []),
    ("f(model.hyperparameters['n-estimators'])", ["hyperparameter-unread"]),  # no toolkit
    (HPS + "f(hp['n-estimators'])", []),
    (HPS + "f(hp.pop('n-estimators'))", []),
    (HPS + "f(hp)", []),
    (HPS + "f({**hp})", []),
    (HPS + "f(hp['depth'])", ["hyperparameter-unknown"]),
    (HPS + "print(f'given: {hp}')\nlogger.info('given: %s', hp)", ["hyperparameter-unread"]),
    ("import json, os\nf(json.loads(os.environ['SM_HPS'])['n-estimators'])", []),
    ("import json, os\nf(json.loads(os.environ['SM_HPS'])['estimators'])", ["hyperparameter-unknown"]),
    ("import json, os\nhp = json.loads(os.environ['SM_TRAINING_ENV'])['hyperparameters']\nhp['depth']",
     ["hyperparameter-unknown"]),
    ("import json, os\nf(json.loads(os.environ['SM_TRAINING_ENV']))", []),
    (FILE + "f(hp['n-estimators'])", []),
    (FILE + "f(hp.get('n_estimators', 10))", ["hyperparameter-spelling"]),
    (
        "import json, os\ndef read(): return json.loads(os.environ['SM_HPS'])\nhp = read()\nf(hp['depth'])",
        ["hyperparameter-unknown"],
    ),
    ("def read(path='/opt/ml/input/config/hyperparameters.json'): ...", []),  # not followed
    ("import os\nf(os.environ['SM_HP_N-ESTIMATORS'])", []),
    ("import os\nf(os.environ.get('SM_HP_N_ESTIMATORS', 10))", ["hyperparameter-spelling"]),
    ("import os\nf(os.environ['SM_HP_N'])", ["hyperparameter-unknown"]),
    ("import os\nf(os.environ['SM_HP_' + name])", []),
    ("import os\nf(os.environ[f'SM_HP_{name}'])", []),
    ("'''Train; SM_HPS is not read.'''", ["hyperparameter-unread"]),
]  # fmt: skip


@pytest.mark.parametrize(("script", "expected"), MAPPED)
def test_hyperparameters_that_are_read_of_a_mapping(rules: Rules, script: str, expected: list[str]) -> None:
    assert rules(script, hyperparameters={"n-estimators": 1}, serves=False) == expected


def test_a_variable_in_small_letters_is_named(tmp_path: Path, subject: Declare) -> None:
    script = "import os\nos.environ['SM_HP_depth']"
    (finding,) = lint(subject(script, hyperparameters={"depth": 3}, serves=False))
    assert f"reads SM_HP_depth ({tmp_path / 'train.py'}:2)" in finding.what
    assert finding.mend.startswith("read SM_HP_DEPTH")


def test_a_mapping_beside_arguments(rules: Rules) -> None:
    script = TOOLKIT + parser('add_argument("--depth")') + "f(env.hyperparameters['rate'])"
    given = {"depth": 1, "rate": 2, "n": 3}
    assert rules(script, hyperparameters=given, serves=False) == ["hyperparameter-unknown"]


def test_a_mapping_of_a_local_module_is_read(tmp_path: Path, rules: Rules) -> None:
    (tmp_path / "options.py").write_text(HPS)
    script = "from options import hp\nf(hp['depth'])"
    assert rules(script, hyperparameters={"depth": 1}, serves=False) == []
    assert rules(script, hyperparameters={"dept": 1}, serves=False) == ["hyperparameter-unknown"]


def test_a_key_that_is_read_by_another_spelling_is_named(tmp_path: Path, subject: Declare) -> None:
    script = HPS + "f(hp.get('n_estimators', 10))"
    (finding,) = lint(subject(script, hyperparameters={"n-estimators": 3}, serves=False))
    assert f"'n_estimators' ({tmp_path / 'train.py'}:3)" in finding.what
    assert finding.mend.startswith("write the key as 'n_estimators'")


def test_arguments_of_a_local_module_are_read(tmp_path: Path, subject: Declare) -> None:
    (tmp_path / "options.py").write_text(parser('add_argument("--depth")'))
    declared = subject("from options import p", hyperparameters={"depth": 1}, serves=False)
    assert lint(declared) == ()


def test_an_unknown_hyperparameter_names_the_nearest_one(tmp_path: Path, subject: Declare) -> None:
    script = parser('add_argument("--n-jobs")', 'add_argument("--min-samples-leaf")')
    (finding,) = lint(subject(script, hyperparameters={"min_leaf_nodes": 3}, serves=False))
    assert "min-samples-leaf" in finding.mend
    assert str(finding.place) == f"{tmp_path / 'spec.yaml'}:1"


CHANNELS = [
    ("os.environ['SM_CHANNEL_TRAIN']", {"train": 1}, []),
    ("os.environ['SM_CHANNEL_TEST']", {"train": 1}, ["channel-unread", "channel-missing"]),
    ("open('/opt/ml/input/data/train/iris.csv')", {"train": 1}, []),
    ("os.environ[f'SM_CHANNEL_{name}']", {"train": 1}, []),  # computed
    ("os.listdir('/opt/ml/input/data')", {"train": 1}, []),
    ("import sagemaker_training\nf(env.channel_input_dirs['train'])", {"train": 1}, []),
    ("pass", {"train": 1}, ["channel-unread"]),
    ('"""SM_CHANNEL_TRAIN is not read."""', {"train": 1}, ["channel-unread"]),
    ("open('/opt/ml/input/data/train_0')", {"train": 1}, []),  # a pipe
    ("open('/opt/ml/input/data/train_0')", {"train_0": 1}, []),
    ("os.path.join('/opt/ml/', 'input/data', 'train')", {"train": 1}, []),
    ("os.environ['SM_CHANNEL_%s' % 'TRAIN']", {"train": 1}, []),
]


@pytest.mark.parametrize(("script", "given", "expected"), CHANNELS)
def test_channels(rules: Rules, script: str, given: dict[str, Any], expected: list[str]) -> None:
    assert sorted(rules(f"import os\n{script}", channels=given, serves=False)) == sorted(expected)


OPTIONAL = [
    ("os.environ['SM_CHANNEL_TEST']", Severity.ERROR),
    ("open('/opt/ml/input/data/test/x.csv')", Severity.ERROR),
    ("os.environ.get('SM_CHANNEL_TEST')", Severity.WARNING),
    ("f(os.environ['SM_CHANNEL_TEST'] if 'SM_CHANNEL_TEST' in os.environ else None)", Severity.WARNING),
    ("p.add_argument('--test', default='/opt/ml/input/data/test')", Severity.WARNING),
]


@pytest.mark.parametrize(("script", "severity"), OPTIONAL)
def test_a_channel_that_the_script_may_do_without_is_only_a_warning(
    subject: Declare, script: str, severity: Severity
) -> None:
    read = f"import os\nos.environ['SM_CHANNEL_TRAIN']\n{script}"
    (finding,) = lint(subject(read, channels={"train": 1}, serves=False))
    assert (finding.rule, finding.severity) == ("channel-missing", severity)


def test_a_default_does_not_do_where_no_channel_is_read_at_all(subject: Declare) -> None:
    script = "import os\nos.environ.get('SM_CHANNEL_TEST')"
    missing, _ = sorted(lint(subject(script, channels={"train": 1}, serves=False)), key=lambda f: f.rule)
    assert (missing.rule, missing.severity) == ("channel-missing", Severity.ERROR)


METRICS = [
    ('print("Accuracy=" + str(x))', "Accuracy=(.*)", ["metric-greedy"]),
    ('print("Accuracy=" + str(x))', r"Accuracy=([0-9.]+)", []),
    ('print(f"Accuracy={x:.3f}, loss={y}")', "Accuracy=(.*),", []),  # the comma ends the group
    ('print(f"a={x}; b={y};")', "a=(.*);", ["metric-greedy"]),  # reaches the second semicolon
    ('print(f"a={x}; b={y};")', "a=(.*?);", []),
    ('print("acc: %.4f" % x)', r"acc: ([0-9.]+)", []),
    ('print("acc: {:.4f}".format(x))', r"acc: ([0-9.]+)", []),
    ('print("acc:", x)', r"acc: (\S+)", []),
    ('print("acc", x, sep="=")', r"acc=(\S+)", []),
    ('import logging\nlogging.getLogger().info("acc=%s", x)\nlogger.info("acc=%s", x)', r"acc=(\S+)", []),
    ('print(json.dumps({"acc": x}))', r'"acc": ([0-9.]+)', []),
    ('print(f"acc={x:.3f}")', r"acc=(\d+)", ["metric-partial"]),  # 0 of 0.935
    ('print(f"epoch={x}")', r"epoch=(\d+)", []),  # a whole number may be printed
    ('print("Accuracy=" + str(x))', r"accuracy=([0-9.]+)", ["metric-unmatched"]),  # case
    ('print("done")', r"acc=(\S+)", ["metric-unmatched"]),
    ('import xgboost\nprint("done")', r"validation-rmse:(\S+)", []),  # the library prints it
    ('print("acc=1")', r"acc=[0-9]+", ["metric-group"]),
    ('print("acc=1")', r"acc=([0-9]+", ["metric-regex"]),
    ('text = "acc={:.3f}"\nprint(text.format(x))', r"acc=(\S+)", []),
    ('text = "acc=%.3f"\nprint(text % x)', r"acc=(\S+)", []),
    ('line = f"acc={x}"\nprint(line)', r"acc=(\S+)", []),
    ('print(f"acc: {x:.2%}")', r"acc: ([0-9.]+)%", []),
    ('found = {"acc": x}\nprint(json.dumps(found))', r'"acc": ([0-9.]+)', []),
    ('from sys import stdout\nstdout.write("acc=%.3f\\n" % x)', r"acc=([0-9.]+)", []),
    ("bar.set_postfix(loss=x, acc=y)", r" acc=([0-9.]+)", []),  # tqdm's
    ('log.info("end of epoch", acc=y)', r"acc=([0-9.]+)", []),  # structlog's
]


@pytest.mark.parametrize(("script", "regex", "expected"), METRICS)
def test_metrics(rules: Rules, script: str, regex: str, expected: list[str]) -> None:
    assert rules(script, metrics=[regex], serves=False) == expected


SELF = """
import logging
class Trainer:
    def __init__(self):
        self.out = logging.getLogger()
    def end(self):
        self.out.info("acc=%s;", x)
"""
PRINTED = [
    'import logging\nlogging.getLogger(__name__).info("acc=%.4f;", x)',
    'import logging\nlogging.getLogger(__name__).info(f"acc={x:.4f};")',
    'from logging import getLogger\ngetLogger().warning("acc=%s;", x)',
    'import logging\nout = logging.getLogger("train")\nout.info("acc=%s;", x)',
    'import logging\nout: logging.Logger = logging.getLogger("train")\nout.info("acc=%s;", x)',
    SELF,
    'import logging\ndef end(out: logging.Logger):\n  out.info("acc=%s;", x)',
    'import logging as say\nsay.info("acc=%s;", x)',
    'import logging\nlogging.getLogger().getChild("x").log(logging.INFO, "acc=%s;", x)',
    'import logging\nTEXT = "acc=%s;"\nlogging.error(TEXT, x)',
    'from loguru import logger\nlogger.info("acc={:.4f};", x)',
    'from tqdm import tqdm\ntqdm.write(f"acc={x};")',
    'from tqdm.auto import tqdm\nbar = tqdm(rows)\nbar.set_description(f"acc={x};")',
    'from rich.console import Console\nConsole().print(f"acc={x};")',
    'import rich\nrich.print(f"acc={x};")',
    'import click\nclick.echo(f"acc={x};", err=True)',
    'import sys\nprint(f"acc={x};", file=sys.stderr)',
]


@pytest.mark.parametrize("script", PRINTED)
def test_what_is_printed_in_other_ways_is_seen(rules: Rules, script: str) -> None:
    assert rules(script, metrics=["acc=([0-9.]+);"], serves=False) == []


@pytest.mark.parametrize(
    "script",
    [
        'import logging\nlogging.getLogger().info("loss=%s;", x)',
        'import logging\nlogging.getLogger().info("acc=%.4f;")',  # nothing is put in: printed as it stands
        "logits.log(2)",
        'box.info("acc=%s;", x)',  # not known to be a logger
        'print(f"acc={x};", file=report)',  # a file
        'report.write(f"acc={x};")',
    ],
)
def test_what_is_no_output_is_not_taken_for_it(rules: Rules, script: str) -> None:
    assert rules(script, metrics=["acc=([0-9.]+);"], serves=False) == ["metric-unmatched"]


UNKNOWN = [
    ("print(text)", r"acc=(\S+)", Severity.WARNING),
    ('print("epoch", e, end=" ")\nprint("acc=%.3f" % x)', r"epoch \d+ acc=([0-9.]+)", Severity.WARNING),
    ('print("acc", x, sep=SEPARATOR)', r"acc=([0-9.]+)", Severity.WARNING),
    ('print(json.dumps({"acc": x}, separators=(",", ":")))', r'"acc":([0-9.]+)', Severity.WARNING),
    ("GridSearchCV(model, grid, verbose=3).fit(x, y)", r"score=([0-9.]+)", Severity.WARNING),
    ("GridSearchCV(model, grid, verbose=0).fit(x, y)", r"score=([0-9.]+)", Severity.ERROR),
    ('import os\nos.system("python other.py")', r"acc=([0-9.]+)", Severity.WARNING),
    ('print(f"train_{name}={x:.4f};")', r"acc=([0-9.]+);", Severity.WARNING),
    ('print(f"metric: {name}={x};")', r"(?i)acc=([0-9.]+);", Severity.WARNING),
    ('print("metric: %s=%.4f;" % (name, x))', r"acc=([0-9.]+);", Severity.WARNING),
    ('print(f"{part}: acc={x}")', r"valid(?:ation)?: acc=(\S+)", Severity.WARNING),
    ('print(f"train_{name}={x:.4f}")', r"acc=([0-9.]+);", Severity.ERROR),  # whatever the name, no semicolon
    ('print(f"metric {name}: {x}")', r"acc=([0-9.]+)", Severity.ERROR),  # nor this sign
    ('print(f"epoch {e}: loss={x}")', r"acc=([0-9.]+)", Severity.ERROR),  # the name is written there
    ('print("Accuracy:", x, y)', r"accuracy: ([0-9.]+)", Severity.ERROR),
    ('print(f"epoch {len(e)}: {x}")', r"acc: ([0-9.]+)", Severity.ERROR),  # a number is no name
    ('for e in range(9):\n  print(f"epoch {e}: {x}")', r"acc: ([0-9.]+)", Severity.ERROR),
    ('for e, b in enumerate(z):\n  print(f"epoch {e}: {x}")', r"acc: ([0-9.]+)", Severity.ERROR),
    ('print("epoch %d: %.4f" % (e, x))', r"acc: ([0-9.]+)", Severity.ERROR),
]


@pytest.mark.parametrize(("script", "regex", "severity"), UNKNOWN)
def test_a_metric_whose_name_is_not_known_is_only_a_warning(
    subject: Declare, script: str, regex: str, severity: Severity
) -> None:
    (finding,) = lint(subject(script, metrics=[regex], serves=False))
    assert (finding.rule, finding.severity) == ("metric-unmatched", severity)


def test_a_line_that_may_be_the_metric_is_named(tmp_path: Path, subject: Declare) -> None:
    (finding,) = lint(subject('print(f"of {name}={x};")', metrics=[r"acc=([0-9.]+);"], serves=False))
    assert f"'of <value>=<value>;' ({tmp_path / 'train.py'}:1)" in finding.what


SERVING = [
    ("def model_fn(d): ...", []),
    ("from inference import model_fn", []),
    ("model_fn = load", []),
    ("try:\n  from a import model_fn\nexcept ImportError:\n  from b import model_fn", []),
    ("try:\n  import torch\nexcept ImportError:\n  def model_fn(d): ...", []),
    ("if True:\n  def model_fn(d): ...", []),
    ("class model_fn: ...", []),
    ("def f():\n  def model_fn(d): ...", ["model-fn-missing"]),
    ("def other(): ...", ["model-fn-missing"]),
    ("def model_fn(d): ...\ndef transform_fn(*a): ...\ndef predict_fn(*a): ...", ["transform-fn-excludes"]),
    ("import argparse\ndef model_fn(d): ...\nargparse.ArgumentParser().parse_args()", ["main-guard"]),
]


@pytest.mark.parametrize(("script", "expected"), SERVING)
def test_serving(rules: Rules, script: str, expected: list[str]) -> None:
    assert rules(script, trains=False) == expected


OPENED = """
import joblib, os
import re
from pathlib import Path
out = Path(os.environ["SM_MODEL_DIR"])
with (out / "m").open("wb") as file:
    joblib.dump(m, file)
"""
ARTIFACTS = [
    ("import joblib\njoblib.dump(m, 'model.joblib')", ["artifact-outside"]),
    ("import joblib\njoblib.dump(m, '/tmp/model.joblib')", ["artifact-outside"]),
    ("import joblib\njoblib.dump(m, '/opt/ml/model/model.joblib')", []),
    ("import joblib, os\njoblib.dump(m, os.path.join(os.environ['SM_MODEL_DIR'], 'm'))", []),
    (
        "import os, pickle\nwith open(f\"{os.environ['SM_MODEL_DIR']}/m\") as f:\n    pickle.dump(m, f)",
        [],
    ),
    ("import pickle\nwith open('m.pkl', 'wb') as f:\n    pickle.dump(m, f)", ["artifact-outside"]),
    ("from pathlib import Path\nout = Path('out')\nbooster.save_model(out / 'm.json')", ["artifact-outside"]),
    (OPENED, []),
    ("import gzip, pickle\npickle.dump(m, gzip.open('m.gz', 'wb'))", ["artifact-outside"]),
    ("import joblib\nfrom pathlib import Path\njoblib.dump(m, Path('m').open('wb'))", ["artifact-outside"]),
    ("def save(folder):\n    joblib.dump(m, folder)", []),  # not known where it comes from
    ("import joblib\njoblib.dump(value=m, filename='m')", ["artifact-outside"]),
    ("import onnx\nonnx.save(m, 'm.onnx')", ["artifact-outside"]),
    ("import joblib, os\nprefix = '/opt/ml/'\njoblib.dump(m, os.path.join(prefix, 'model', 'm'))", []),
    ("import joblib, os\nos.chdir(os.environ['SM_MODEL_DIR'])\njoblib.dump(m, 'm')", []),
    ("p.add_argument('--path', default='/tmp')\njoblib.dump(m, self.path)", []),  # an attribute of another
    ("print('no model at all')", ["artifact-missing"]),
]


@pytest.mark.parametrize(("script", "expected"), ARTIFACTS)
def test_artifacts(rules: Rules, script: str, expected: list[str]) -> None:
    serves = expected == ["artifact-missing"]
    assert rules(script, serves=serves, framework="pytorch") == expected


def test_the_toolkits_model_dir_is_the_models_folder(rules: Rules) -> None:
    save = "keras.save(m, env.model_dir)"
    assert rules(f"import sagemaker_training\n{save}", framework="pytorch") == []
    assert rules(save, framework="pytorch") == ["artifact-missing"]


TO = "os.path.join(args.model_dir, 'm')"
ARGS = """
import argparse, joblib, os, shutil, torch
import re
from pathlib import Path
from shutil import copytree
p = argparse.ArgumentParser()
p.add_argument("--model-dir", default=os.environ["SM_MODEL_DIR"])
args, _ = p.parse_known_args()
"""
MOVED = [
    # saved, and what follows; the severities of artifact-outside
    ("joblib.dump(m, '/tmp/m')", f"shutil.move('/tmp/m', {TO})", []),
    ("joblib.dump(m, '/tmp/m')", "shutil.copy(src='/tmp/m', dst=args.model_dir)", []),
    ("joblib.dump(m, 'm')", f"os.replace('./m', {TO})", []),
    ("t = '/tmp/m'\njoblib.dump(m, t)", f"os.rename(t, {TO})", []),
    ("joblib.dump(m, '/tmp/out/m')", "copytree('/tmp/out', args.model_dir, dirs_exist_ok=True)", []),
    ("joblib.dump(m, os.path.join('/tmp/out', 'm'))", f"shutil.copy2('/tmp/out/m', {TO})", []),
    ("t = Path('/tmp/m')\njoblib.dump(m, t)", f"t.rename({TO})", []),
    ("joblib.dump(m, '/tmp/m')", "def keep(folder): shutil.move('/tmp/m', folder)", []),  # not known where
    ("joblib.dump(m, '/tmp/m')", f"shutil.move('/tmp/other', {TO})", ["error"]),
    ("joblib.dump(m, '/tmp/m')", "shutil.move('/tmp/m', '/data/m')", ["error"]),
    ("joblib.dump(m, '/tmp/m')", f"shutil.move({TO}, '/tmp/m')", ["error"]),
    ("joblib.dump(m, '/tmp/m')", "text.replace('/tmp/m', 'x')", ["error"]),
    ("joblib.dump(m, '/tmp/m')", "for f in found: shutil.copy(f, args.model_dir)", ["warning"]),
    # passed on
    ("joblib.dump(m, '/tmp/m')", "client.upload_file('/tmp/m', bucket, key)", []),
    ("joblib.dump(m, '/tmp/out/m')", "mlflow.log_artifacts('/tmp/out')", []),
    ("joblib.dump(m, '/tmp/m')", "tar.add(name='/tmp/m')", []),
    ("t = '/tmp/m'\njoblib.dump(m, t)", "subprocess.run(['cp', t, args.model_dir], check=True)", []),
    ("joblib.dump(m, '/tmp/m')", "os.system('cp /tmp/m /opt/ml/model')", []),
    ("joblib.dump(m, '/tmp/m')", "subprocess.run(['ls', '/data'])", ["error"]),
    # what may be no model, where one is kept
    ("pickle.dump(seen, open('/tmp/seen', 'wb'))", f"joblib.dump(m, {TO})", ["warning"]),
    # what training itself reads again, where the model is kept
    ("torch.save(m, 'best.pt')", f"m = torch.load('best.pt')\ntorch.save(m, {TO})", []),
    ("torch.save(m, 'best.pt')", "m = torch.load('best.pt')", ["error"]),
    ("torch.save(m, 'best.pt')", f"torch.save(m, {TO})", ["error"]),
    (
        "torch.save(m, 'best.pt')",
        f"torch.save(m, {TO})\ndef model_fn(d): return torch.load('best.pt')",
        ["error"],  # which the server has not
    ),
]


@pytest.mark.parametrize(("saved", "then", "severities"), MOVED)
def test_what_is_moved_into_the_models_folder_is_kept(
    subject: Declare, saved: str, then: str, severities: list[str]
) -> None:
    found = lint(subject(f"{ARGS}{saved}\n{then}\n", serves=False))
    assert [(each.rule, each.severity) for each in found] == [
        ("artifact-outside", severity) for severity in severities
    ]


DEFAULTS = [
    ("", {}, ["artifact-outside"]),
    ("", {"out": "/opt/ml/model"}, []),
    ("p.set_defaults(out=os.environ['SM_MODEL_DIR'])", {}, []),
    ("args.out = os.environ['SM_MODEL_DIR']", {}, []),
    ("if HERE: p.add_argument('--out', default=os.environ['SM_MODEL_DIR'])", {}, []),
]


@pytest.mark.parametrize(("line", "given", "expected"), DEFAULTS)
def test_a_path_is_that_of_a_default_while_nothing_else_is_given(
    rules: Rules, line: str, given: dict[str, Any], expected: list[str]
) -> None:
    script = f"{ARGS}p.add_argument('--out', default='/tmp')\n{line}\njoblib.dump(m, args.out)"
    assert rules(script, hyperparameters=given, serves=False) == expected


REQUIREMENTS = [
    ("pandas==3.1.1\n# comment\n-r other.txt\n", []),
    ("scikit-learn==1.2.2", ["requirement-clash"]),
    ("scikit_learn==1.9.1  # agrees", []),
    ("scikit-learn", []),
    ("pandas=>3", ["requirement-invalid"]),
    ("numpy==2.4.0\nnumpy==2.5.0", ["requirement-conflict"]),
    ("numpy==1.0; python_version<'3.9'\nnumpy==2.0; python_version>='3.9'", []),
    ("scikit-learn==1.0; python_version<'3.8'", []),
    ("hg+https://host/x\nfile:///x.whl\nx/y.whl\nx.whl\nx @ https://host/x.whl\n-e .", []),
    ("pandas \\\n  ==2.0 \\\n  --hash=sha256:0 \\\n  --hash=sha256:1\nnumpy", []),
    ("pandas --config-settings=x=y\nnumpy --no-binary :all:\nscipy==${VERSION}", []),
    ("\ufeffpandas==2.0", []),  # as Windows writes it
    ("pandas=1.0", ["requirement-invalid"]),
]


@pytest.mark.parametrize(("text", "expected"), REQUIREMENTS)
def test_requirements(tmp_path: Path, text: str, expected: list[str], good: str, subject: Declare) -> None:
    (tmp_path / "requirements.txt").write_text(text)
    assert [f.rule for f in lint(subject(good))] == expected


def test_requirements_in_another_encoding_are_read(tmp_path: Path, good: str, subject: Declare) -> None:
    for data in ("pandas=1.0\n".encode("utf-16"), b"# \xe9\npandas=1.0\n"):
        (tmp_path / "requirements.txt").write_bytes(data)
        assert [f.rule for f in lint(subject(good))] == ["requirement-invalid"]


NAMES = [
    ({"ModelName": "a" * 63}, []),
    ({"ModelName": "a" * 64}, ["name-too-long"]),
    ({"HyperParameterTuningJobName": "a" * 33}, ["name-too-long"]),
    ({"ModelName": "with_underscore"}, ["name-characters"]),
    ({"base_job_name": "a" * 64}, []),  # the SDK cuts it
    ({"base_job_name": "with_underscore"}, ["name-characters"]),
    ({"ModelName": "{{ run_id }}"}, []),
]


@pytest.mark.parametrize(("names", "expected"), NAMES)
def test_names(rules: Rules, names: dict[str, str], expected: list[str], good: str) -> None:
    assert rules(good, names=names) == expected


ROLES = [
    ("arn:aws:iam::123456789012:role/SageMakerRole", []),
    ("arn:aws-cn:iam::123456789012:role/path/SageMakerRole", []),
    ("SageMakerRole", ["role-form warning"]),  # it is looked up
    ("arn:aws:iam::1234:role/SageMakerRole", ["role-form error"]),
    ("arn:aws:iam::123456789012:user/me", ["role-form error"]),
]


@pytest.mark.parametrize(("role", "expected"), ROLES)
def test_roles(subject: Declare, role: str, expected: list[str], good: str) -> None:
    assert [f"{each.rule} {each.severity}" for each in lint(subject(good, role=role))] == expected


GUARD = "pass"
SHAPES = [
    ("DescribeTrainingJob", {"TrainingJobName": "iris"}, []),
    ("DescribeTrainingJob", {}, ["request-shape"]),  # a member is missing
    ("DescribeTrainingJob", {"TrainingJobName": 1}, ["request-shape"]),  # of another type
    ("DescribeTrainingJob", {"TrainingJobName": "a_b"}, ["request-shape"]),  # breaks the pattern
    ("ListTrainingJobs", {"StatusEquals": "Done"}, ["request-shape"]),  # not in the enumeration
    ("TrainPlease", {}, ["request-shape"]),
]


@pytest.mark.parametrize(("operation", "parameters", "expected"), SHAPES)
def test_requests(operation: str, parameters: dict[str, Any], expected: list[str], subject: Declare) -> None:
    request = Request(operation=operation, parameters=parameters, place=Place(file=Path("dag.py")))
    assert [f.rule for f in lint(subject(GUARD, requests=(request,), serves=False))] == expected


def test_a_script_that_is_not_there_or_no_python(tmp_path: Path, subject: Declare) -> None:
    declared = subject("def (:")
    assert [f.rule for f in lint(declared)] == ["script-syntax"]
    (tmp_path / "train.py").unlink()
    assert [f.rule for f in lint(declared)] == ["script-missing"]


WRITTEN = [
    # a script as bytes, and where it is no Python
    (b"\xef\xbb\xbfx = 1\r\n", None),  # as Windows writes it
    (b"# -*- coding: latin-1 -*-\nx = '\xe9'\n", None),
    (b"x = 1\n# \xe9\n", 2),
    ("x = 1".encode("utf-16"), 1),
    (b"x = 1\0", 1),
    (b"x = " + b"+".join([b"1"] * 99999), 1),
    (b"print(" + b"+".join([b"'a'"] * 800) + b")", None),  # Python runs it
    (b"x = 1\ndef (:\n", 2),
]


@pytest.mark.parametrize(("text", "line"), WRITTEN)
@pytest.mark.parametrize("name", ["train.py", "helper.py"])
def test_a_script_is_read_as_python_reads_it(
    tmp_path: Path, subject: Declare, text: bytes, line: int | None, name: str
) -> None:
    declared = subject("import helper", serves=False, metrics=["a(.)"])
    (tmp_path / "helper.py").touch()
    (tmp_path / name).write_bytes(text)
    found = [str(each.place) for each in lint(declared) if each.rule == "script-syntax"]
    assert found == ([] if line is None else [f"{tmp_path / name}:{line}"])


IMPORTED = [
    ("from src import options", ["src/__init__.py", "src/options.py"]),
    ("from src import options", ["src/options.py"]),  # no __init__.py is needed
    ("import src.options", ["src/options.py"]),
    ("import src.options", ["src/options/__init__.py"]),
]


@pytest.mark.parametrize(("script", "files"), IMPORTED)
def test_modules_of_local_packages_are_read(
    tmp_path: Path, rules: Rules, script: str, files: list[str]
) -> None:
    for file in files:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text("")
    (tmp_path / files[-1]).write_text(parser('add_argument("--depth")'))
    assert rules(script, hyperparameters={"depth": 1}, serves=False) == []
    assert rules(script, hyperparameters={"dept_h": 1}, serves=False) == ["hyperparameter-unknown"]


@pytest.mark.parametrize(
    "line", ["from .options import p", "from . import options", "from .. import options"]
)
def test_a_module_that_a_package_imports_from_itself_is_read(tmp_path: Path, rules: Rules, line: str) -> None:
    folder = tmp_path / "src" / "inner" if ".." in line else tmp_path / "src"
    folder.mkdir(parents=True)
    (folder / "main.py").write_text(line)
    (tmp_path / "src" / "options.py").write_text(parser('add_argument("--depth")'))
    script = "import src.inner.main" if ".." in line else "import src.main"
    assert rules(script, hyperparameters={"depth": 1}, serves=False) == []


def test_what_a_module_does_as_a_program_is_not_done_by_importing_it(tmp_path: Path, rules: Rules) -> None:
    main = "if __name__ == '__main__':\n    "
    saving = "p.add_argument('--depth', required=True)\n    joblib.dump(m, 'm')\n    p.parse_args()"
    (tmp_path / "helper.py").write_text(f"import joblib\n{main}{saving}")
    script = "import helper\n" + parser('add_argument("--rate")')
    assert rules(script, hyperparameters={"rate": 1}, serves=False) == []


def test_errors_are_raised_together_and_warnings_are_not(subject: Declare) -> None:
    bad = subject(parser('add_argument("--n")'), hyperparameters={"one": 1, "two": 2}, serves=False)
    with pytest.raises(LintError, match=r"(?s)'one'.*'two'"):
        demand_clean(lint(bad))
    greedy = subject('print("a=" + x)', metrics=["a=(.*)"], serves=False)
    demand_clean(lint(greedy))


def test_every_rule_is_on_the_page_and_no_other() -> None:
    root = Path(__file__).parents[3]
    page = (root / "docs" / "reference" / "lint.md").read_text()
    documented = {
        rule for cell in re.findall(r"^\| (`.*?) \|", page, re.MULTILINE) for rule in cell.split(", ")
    }
    code = "".join(file.read_text() for file in (root / "src" / "sagewind" / "lint").glob("*.py"))
    made = re.findall(r'(?:rule=|_finding\(\s*)"([a-z-]+)"', code)
    made += re.findall(r'rule="[a-z-]+" if \w+ else "([a-z-]+)"', code)
    assert documented == {f"`{rule}`" for rule in made}
