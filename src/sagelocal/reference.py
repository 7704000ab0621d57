"""`docs/reference/cli.md`, made from the parser: `python -m sagelocal.reference > docs/reference/cli.md`."""

from __future__ import annotations

import argparse
import ast
import dataclasses
import inspect
import itertools
import sys
from typing import TYPE_CHECKING, Any

from sagelocal import __main__, settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    Subparsers = argparse._SubParsersAction[Any]  # noqa: SLF001  (argparse has no public name for it)

_HEAD = """\
# The command line of sagelocal

Made from the code by `python -m sagelocal.reference`; do not edit.

`sagelocal` and `python -m sagelocal` are the same. Without a command it serves. What goes wrong is said in
one line on standard error, and the exit code is then 1; 2 means that the command line itself is wrong.

`ps`, `logs`, `invoke`, `env` and `reset` are about a data directory: `.sagelocal` below the working
directory, or what `SAGELOCAL_DATA_DIR` or `--data` names. The service that runs there has left its address
in it. `logs` reads the folders of the jobs, and so needs no running service.

With `SAGELOCAL_CREDENTIALS=<access key>:<secret>` only requests that are signed with these are answered;
set it for `ps` and `invoke` too. Without, any credentials will do.
"""
_SETTINGS = """\

## Settings

Each is a variable; options of `serve` go before them.

| variable | default | what it is |
|---|---|---|
"""
_CACHE = "cache_dir"


def page() -> str:
    """Return the page."""
    whole = __main__.parser()
    (commands,) = (each for each in whole._actions if isinstance(each, argparse._SubParsersAction))  # noqa: SLF001
    sections = "".join(_section(commands, name) for name in commands.choices)
    told = meanings(settings.Settings)
    rows = "".join(
        f"| `{settings.PREFIX}{each.name.upper()}` | {_default(each)} | {told[each.name]} |\n"
        for each in dataclasses.fields(settings.Settings)
    )
    return _HEAD + sections + _SETTINGS + rows


def _section(commands: Subparsers, name: str) -> str:
    parser = commands.choices[name]
    (purpose,) = (each.help for each in commands._choices_actions if each.dest == name)  # noqa: SLF001
    lines = "".join(_lines(parser))
    return f"\n## `sagelocal {name}`\n\n{_sentence(purpose or '')}\n" + (f"\n{lines}" if lines else "")


def _lines(parser: argparse.ArgumentParser) -> Iterator[str]:
    for action in parser._actions:  # noqa: SLF001  (argparse tells its arguments no other way)
        if isinstance(action, argparse._HelpAction):  # noqa: SLF001
            continue
        names = ", ".join(f"`{each}`" for each in action.option_strings or [_word(action)])
        takes = f" `{_word(action)}`" if action.option_strings and action.nargs != 0 else ""
        text = (action.help or "") % {**vars(action), "prog": parser.prog}
        yield f"- {names}{takes}" + (f": {text}" if text else "") + "\n"


def _word(action: argparse.Action) -> str:
    if isinstance(action.metavar, str):
        return action.metavar
    if action.choices is not None:
        return "|".join(map(str, action.choices))
    return action.dest.upper().replace("_", "-")


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + "."


def meanings(kind: type) -> dict[str, str]:
    """Return what stands below each field of a class, which Python itself does not keep, in one line each."""
    (made,) = ast.parse(inspect.getsource(kind)).body
    assert isinstance(made, ast.ClassDef)
    return {
        field.target.id: " ".join(below.value.value.split())
        for field, below in itertools.pairwise(made.body)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(below, ast.Expr)
        and isinstance(below.value, ast.Constant)
        and isinstance(below.value.value, str)
    }


def _default(each: dataclasses.Field[Any]) -> str:
    if each.name == _CACHE:
        return "`$XDG_CACHE_HOME/sagelocal`, or `~/.cache/sagelocal`"
    return f"`{each.default}`" if each.default != "" else "none"


if __name__ == "__main__":
    sys.stdout.write(page())
