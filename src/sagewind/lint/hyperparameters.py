"""Hyperparameters against the options of the script: each must arrive, and be understood."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from sagewind.lint import arguments, mapped, values
from sagewind.lint.finding import Finding, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sagewind.lint.arguments import Argument, Parser
    from sagewind.lint.mapped import Read
    from sagewind.lint.script import Script
    from sagewind.lint.subject import Declared, Subject

RESERVED = ("sagemaker_", "_tuning_", "smdebug_", "rules_")
"""Prefixes that the toolkit, the tuner and the SDK keep for themselves."""

OTHER_PARSERS = frozenset(
    {
        "absl",
        "click",
        "configargparse",
        "cyclopts",
        "docopt",
        "fire",
        "getopt",
        "hydra",
        "jsonargparse",
        "lightning",
        "omegaconf",
        "optparse",
        "plac",
        "pydantic_settings",
        "pytorch_lightning",
        "simple_parsing",
        "tap",
        "transformers",
        "typer",
        "tyro",
    }
)
"""Libraries that read the command line in ways this file does not model."""

OF_PARAMETERS = frozenset({"typer", "fire"})
"""Those of them that make options of the parameters of the script's own functions."""


_OF_THE_COMMAND_LINE = frozenset(
    {"argv", "DEFINE_float", "DEFINE_integer", "DEFINE_string", "parse_args", "parse_known_args"}
)
"""Names by which a script, or a library of its own, reads the command line: `sys.argv`, `tf.flags`."""


def check(subject: Subject, script: Script) -> Iterator[Finding]:
    """Yield a finding for each hyperparameter that does not arrive, or arrives as something else."""
    if subject.hyperparameters is None or not subject.trains:
        return
    given = {key: value for key, value in subject.hyperparameters.items() if not key.startswith(RESERVED)}
    parser = arguments.read(script)
    read = mapped.read(script)
    if parser is None:
        yield from _unread(given, read, script)
        return
    for key, declared in given.items():
        argument = parser.find(key)
        if argument is not None:
            yield from values.check(key, declared, argument, parser)
        elif parser.complete and not read.has(key):
            yield _unknown(key, declared, parser, given)
        elif not read.has(key) and _declares_fields(script):
            yield from _unnamed(key, declared, script, Severity.WARNING)
    yield from _missing(subject, given, parser)


def _unread(given: dict[str, Declared], read: Read, script: Script) -> Iterator[Finding]:
    """Yield what a script that declares no arguments does not read."""
    if script.imports & OTHER_PARSERS or script.names & _OF_THE_COMMAND_LINE:
        severity = Severity.ERROR if script.imports & OF_PARAMETERS else Severity.WARNING
        if script.imports & OF_PARAMETERS or _declares_fields(script):
            for key, declared in given.items():
                if "typer" in script.imports and _is_underlined(key, script):
                    yield _hyphenated(key, declared)
                else:
                    yield from _unnamed(key, declared, script, severity)
        return
    for key, declared in given.items():
        if read.has(key):
            continue
        if read.names:
            yield _not_looked_up(key, declared, read, script)
            continue
        yield Finding(
            rule="hyperparameter-unread",
            place=declared.place,
            what=f"hyperparameter {key!r} is given, but {script.entry.path.name} reads no command line",
            mend=f"declare it: parser.add_argument({arguments.flag_of(key)!r})",
        )
        return


def _is_underlined(key: str, script: Script) -> bool:
    """Tell whether a parameter has that name, of which typer makes an option with hyphens."""
    own = {f"--{key}", "token_normalize_func"}
    return "_" in key and key in script.names and not script.names & own


def _hyphenated(key: str, declared: Declared) -> Finding:
    option = arguments.flag_of(key.replace("_", "-"))
    return Finding(
        rule="hyperparameter-spelling",
        place=declared.place,
        what=f"hyperparameter {key!r} reaches the script as {arguments.flag_of(key)}, and typer makes"
        f" {option} of the parameter: it exits with status 2",
        mend=f"write the key as {option.lstrip('-')!r}, or declare typer.Option({arguments.flag_of(key)!r})",
    )


def _declares_fields(script: Script) -> bool:
    """Tell whether options are made of the fields of dataclasses, all of which are the script's own."""
    names = {name.rpartition(".")[2] for module in script.modules for name, _ in module.calls()}
    return bool(names & {"fields", "HfArgumentParser"}) and "TrainingArguments" not in script.names


def _unnamed(key: str, declared: Declared, script: Script, severity: Severity) -> Iterator[Finding]:
    """Yield a hyperparameter of which there is no trace: no parameter, field or text of that name."""
    if _plain(key) in {_plain(name) for name in script.names}:
        return
    yield Finding(
        rule="hyperparameter-unknown",
        place=declared.place,
        what=f"hyperparameter {key!r} reaches the script as {arguments.flag_of(key)}, and nothing in"
        f" {script.entry.path.name} has that name",
        mend="correct the key, or drop it",
        severity=severity,
    )


def _not_looked_up(key: str, declared: Declared, read: Read, script: Script) -> Finding:
    twin = next((name for name in read.names if _plain(name) == _plain(key)), None)
    if twin and key not in read.keys and twin not in read.keys and twin.upper() == key.upper():
        return _of_lower_case(key, declared, read, script)
    near = twin or next(iter(difflib.get_close_matches(key, read.names, n=1)), None)
    reads = f"{twin!r} ({read.names[twin]})" if twin else f"only {', '.join(sorted(read.names))}"
    return Finding(
        rule="hyperparameter-spelling" if twin else "hyperparameter-unknown",
        place=declared.place,
        what=f"hyperparameter {key!r} is given, and {script.entry.path.name} reads {reads}",
        mend=f"write the key as {near!r}, or read {key!r}" if near else f"read {key!r}, or drop it",
    )


def _of_lower_case(key: str, declared: Declared, read: Read, script: Script) -> Finding:
    name, place = next((name, at) for name, at in read.variables.items() if name.upper() == key.upper())
    return Finding(
        rule="hyperparameter-spelling",
        place=declared.place,
        what=f"hyperparameter {key!r} is given, and {script.entry.path.name} reads SM_HP_{name} ({place})",
        mend=f"read SM_HP_{key.upper()}: the whole name is in capitals",
    )


def _unknown(key: str, declared: Declared, parser: Parser, given: dict[str, Declared]) -> Finding:
    flag = arguments.flag_of(key)
    twin = next((a for a in parser.arguments if _plain(key) in {_plain(o) for o in a.options}), None)
    if twin is not None:
        option = twin.options[0]
        both = f"declare both: {parser.declaring}({option!r}, {flag!r}) ({twin.place})"
        plain = option.lstrip("-")
        return Finding(
            rule="hyperparameter-spelling",
            place=declared.place,
            what=f"hyperparameter {key!r} reaches the script as {flag}, which declares {option}:"
            f" {parser.outcome}",
            mend=both if plain == key else f"write the key as {plain!r}, or {both}",
        )
    nearest = _nearest(key, [a for a in parser.arguments if not _given(a, given)])
    options = ", ".join(sorted(argument.options[0] for argument in parser.arguments))
    hint = (
        f"did you mean {nearest.options[0].lstrip('-')!r} ({nearest.place})?"
        if nearest
        else f"declared are {options}"
    )
    return Finding(
        rule="hyperparameter-unknown",
        place=declared.place,
        what=f"hyperparameter {key!r} reaches the script as {flag}, which it does not declare:"
        f" {parser.outcome}",
        mend=hint,
    )


def _given(argument: Argument, given: dict[str, Declared]) -> bool:
    return any(arguments.flag_of(key) in argument.options for key in given)


def _plain(name: str) -> str:
    return name.lstrip("-").replace("_", "-").lower()


def _nearest(key: str, candidates: list[Argument]) -> Argument | None:
    """Return the argument most like `key`, by shared words or by letters; `None` below one half."""

    def likeness(argument: Argument) -> float:
        words, others = set(_plain(key).split("-")), set(_plain(argument.options[0]).split("-"))
        letters = difflib.SequenceMatcher(None, _plain(key), _plain(argument.options[0])).ratio()
        return max(letters, len(words & others) / len(words | others))

    best = max(candidates, key=likeness, default=None)
    return best if best is not None and likeness(best) >= 0.5 else None  # noqa: PLR2004


def _missing(subject: Subject, given: dict[str, Declared], parser: Parser) -> Iterator[Finding]:
    if parser.several:
        return
    reached = [parser.find(key) for key in given]
    for argument in parser.arguments:
        if argument.required and argument not in reached:
            name = argument.options[0].lstrip("-")
            yield Finding(
                rule="hyperparameter-missing",
                place=subject.place,
                what=f"{argument.options[0]} is required ({argument.place}), and {name!r} is not given",
                mend=f"add the hyperparameter {name!r}, or give the argument a default",
            )
