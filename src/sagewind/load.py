"""YAML → spec. An error names file, line, key, the value got and what is allowed.

PyYAML's nodes carry the line of each key and value, and the dataclasses of `spec` say which keys there are
and of what type; so this is one small walk over both, not a schema.
"""

from __future__ import annotations

import dataclasses
import difflib
import functools
import io
import os
import types
import typing
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Union, get_args, get_origin, get_type_hints

import yaml

from sagewind import consistent, overlay, rules, spec
from sagewind.consistent import data_file, source_directory
from sagewind.errors import SagewindError

__all__ = [
    "SUFFIX",
    "LoadError",
    "data_file",
    "demand_own_name",
    "error",
    "files",
    "load",
    "source_directory",
]

SUFFIX = ".yaml"

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_WORDS = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}
_NOT_IN_YAML = {"path"}
_TEXT = "tag:yaml.org,2002:str"
_PLAIN = frozenset(f"tag:yaml.org,2002:{name}" for name in ("bool", "int", "float", "null"))
_CONSTRUCTOR: Any = yaml.constructor.SafeConstructor()
_Reader = Callable[["yaml.Node", "_Place"], Any]


class LoadError(SagewindError, ValueError):
    """A spec file cannot be used; the message begins with `file:line:`."""


class _Place(typing.NamedTuple):
    """Where the walk is: for the messages."""

    file: Path
    key: str = ""

    def at(self, key: str) -> _Place:
        return _Place(self.file, f"{self.key}.{key}" if self.key else key)

    def error(self, node: yaml.Node, message: str) -> LoadError:
        return LoadError(f"{node.start_mark.name}:{node.start_mark.line + 1}: {message}")


def files(folder: Path) -> list[Path]:
    """Return the files of a folder that are specs or were meant to be, sorted.

    What begins with a dot is an editor's or a file system's own.
    """
    found = sorted((*folder.glob("*.yaml"), *folder.glob("*.yml")))
    return [file for file in found if not file.name.startswith(".")]


def load(path: Path | str, *, environ: Mapping[str, str] | None = None, alone: bool = False) -> spec.Model:
    """Read a model's spec, laid over by the environment that SAGEWIND_ENVIRONMENT names, if it does.

    See that the files which it names are there, unless it is read `alone`: only to be shown.

    Raises:
        LoadError: the file is missing or no YAML, a key is unknown, missing, given twice or of a wrong value,
            or a file that the spec names does not exist.

    """
    file = Path(path)
    if file.suffix != SUFFIX:
        raise LoadError(f"{file}:1: its name ends in {file.suffix!r}; allowed is {SUFFIX!r}")
    root = _overlaid(_compose(file), file, os.environ if environ is None else environ)
    model: spec.Model = _build(spec.Model, root, _Place(file), path=file.resolve())
    for keys, message in consistent.objections(model, alone=alone):
        raise _Place(file).error(_find(root, *keys), message)
    return model


def error(model: spec.Model, keys: tuple[str, ...], message: str) -> LoadError:
    """Make the error of a loaded spec that turns out to be unusable: at the line of these keys.

    For what only Airflow knows; everything else is found by `load`.
    """
    if model.path is None:
        return LoadError(message)
    return _Place(model.path).error(_find(_compose(model.path), *keys), message)


def demand_own_name(model: spec.Model, file: Path) -> None:
    """See that the spec has its file's name: by that its DAGs are found, and it is asked for.

    Raises:
        LoadError: it has another.

    """
    if model.name != file.stem:
        raise error(model, ("name",), f"name is {model.name!r}; allowed is the file's, {file.stem!r}")


def _overlaid(root: yaml.Node, file: Path, environ: Mapping[str, str]) -> yaml.Node:
    """Lay over the spec what its environment says; unchanged when none is chosen."""
    chosen = environ.get(overlay.CHOSEN, "")
    if not chosen:
        return root
    everything = _compose(file.parent.parent / overlay.FILE)
    place = _Place(Path(everything.start_mark.name))
    sections = _entries(everything, place, None)
    if chosen not in sections:
        allowed = f"allowed are {', '.join(sections) or 'none'}"
        raise place.error(everything, f"{overlay.CHOSEN} is {chosen!r}; {allowed}")
    _entries(sections[chosen], place.at(chosen), list(overlay.SECTIONS))
    return overlay.merge(root, sections[chosen])


class _Named(io.StringIO):
    """Text with a name, which the nodes' marks take over."""

    def __init__(self, text: str, name: str) -> None:
        super().__init__(text)
        self.name = name


def _compose(file: Path) -> yaml.Node:
    text = _text(file)
    try:
        root = yaml.compose(_Named(text, str(file)), Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        told = ", ".join(filter(None, (error.context, error.problem)))
        hint = "; YAML indents by blanks, never by tabs" if _has_tab(text, line) else ""
        raise LoadError(f"{file}:{line}: is no YAML: {told}{hint}") from error
    except yaml.YAMLError as error:
        raise LoadError(f"{file}:1: is no YAML: {error}") from error
    if root is None:
        raise LoadError(f"{file}:1: is empty; a model's spec is needed")
    return root


def _has_tab(text: str, line: int) -> bool:
    return "\t" in "".join(text.splitlines()[line - 1 : line])


def _text(file: Path) -> str:
    try:
        content = file.read_bytes()
    except OSError as error:
        raise LoadError(f"{file.absolute()}:1: cannot be read: {error.strerror}") from error
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise LoadError(f"{file}:{line}: is no UTF-8: byte {content[error.start]:#x}") from error


@functools.cache
def _readers(kind: Any) -> dict[str, _Reader]:
    """Return what makes the values of a dataclass: resolving its types is most of a load's time."""
    return {name: _reader(hint) for name, hint in get_type_hints(kind).items()}


def _build(kind: Any, node: yaml.Node, place: _Place, **given: Any) -> Any:
    """Make a spec dataclass of a mapping node."""
    readers = _readers(kind)
    known = {name: required for name, required in _fields(kind).items() if name not in given}
    nodes = _entries(node, place, list(known))
    for name, required in known.items():
        if required and name not in nodes:
            raise place.error(node, f"{place.at(name).key} is missing")
    values = {key: readers[key](value, place.at(key)) for key, value in nodes.items()}
    try:
        return kind(**values, **given)
    except rules.SpecError as error:
        message = f"{place.at(error.key).key} is {error.value!r}; allowed is {error.allowed}"
        raise place.error(_find(node, *error.key.split(".")), message) from error


def _entries(node: yaml.Node, place: _Place, known: list[str] | None) -> dict[str, yaml.Node]:
    if not isinstance(node, yaml.MappingNode):
        keys = f"a mapping with {', '.join(sorted(known))}" if known else "a mapping of names"
        raise place.error(node, f"{place.key or 'the spec'} is {_shown(node)}; allowed is {keys}")
    entries: dict[str, yaml.Node] = {}
    for key_node, value_node in node.value:
        key = str(key_node.value)
        if known is not None and key not in known:
            raise place.error(key_node, _unknown(place.at(key).key, key, known))
        if key in entries:
            raise place.error(key_node, f"{place.at(key).key} is given twice")
        entries[key] = value_node
    return entries


def _unknown(where: str, key: str, known: list[str]) -> str:
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.6)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return f"{where} is no key of a spec{hint or ';'} allowed are {', '.join(sorted(known))}"


@functools.cache
def _fields(kind: Any) -> dict[str, bool]:
    """Return the keys that a section may have, and whether it must."""
    return {
        each.name: each.default is dataclasses.MISSING and each.default_factory is dataclasses.MISSING
        for each in dataclasses.fields(kind)
        if each.name not in _NOT_IN_YAML
    }


@functools.cache
def _reader(hint: Any) -> _Reader:
    """Return what makes a value of type `hint`."""
    origin = get_origin(hint)
    if dataclasses.is_dataclass(hint):
        return functools.partial(_build, hint)
    if origin is Mapping:
        return functools.partial(_mapping, get_args(hint)[1])
    if origin is tuple:
        return functools.partial(_tuple, get_args(hint)[0])
    if origin in (Union, types.UnionType):
        values = [each for each in get_args(hint) if dataclasses.is_dataclass(each)]
        if values:
            return functools.partial(_build, values[0])
        return functools.partial(_scalar, get_args(hint))
    return functools.partial(_scalar, (hint,))


def _mapping(inner: Any, node: yaml.Node, place: _Place) -> Mapping[str, Any]:
    """Make `{name: value}`; a value that has a name of its own takes the key for it."""
    entries = _entries(node, place, None)
    if not dataclasses.is_dataclass(inner):
        return {key: _reader(inner)(value, place.at(key)) for key, value in entries.items()}
    named = {key: _build(inner, value, place.at(key), name=key) for key, value in entries.items()}
    return types.MappingProxyType(named)


def _tuple(inner: Any, node: yaml.Node, place: _Place) -> tuple[Any, ...]:
    if not isinstance(node, yaml.SequenceNode):
        raise place.error(node, f"{place.key} is {_shown(node)}; allowed is a list")
    return tuple(_reader(inner)(item, place.at(str(index))) for index, item in enumerate(node.value))


def _scalar(allowed: tuple[Any, ...], node: yaml.Node, place: _Place) -> Any:
    got = _parsed(node)
    for kind in allowed:
        if kind is type(None) and got is None:
            return None
        if kind is float and isinstance(got, int) and not isinstance(got, bool):
            return got if int in allowed else float(got)
        if type(got) is kind:
            return got
    words = " or ".join(_WORDS[kind] for kind in allowed if kind in _WORDS)
    quotable = str in allowed and isinstance(node, yaml.ScalarNode) and got is not None
    hint = "; put it in quotes" if quotable else ""
    raise place.error(node, f"{place.key} is {_shown(node)}; allowed is {words}{hint}")


def _parsed(node: yaml.Node) -> object:
    if not isinstance(node, yaml.ScalarNode):
        return node
    if node.tag == _TEXT:
        return node.value
    if node.tag not in _PLAIN:
        return typing.cast("object", yaml.constructor.SafeConstructor().construct_object(node))
    return typing.cast("object", _CONSTRUCTOR.yaml_constructors[node.tag](_CONSTRUCTOR, node))


def _shown(node: yaml.Node) -> str:
    if isinstance(node, yaml.ScalarNode):
        return "empty" if _parsed(node) is None else repr(_parsed(node))
    return "a list" if isinstance(node, yaml.SequenceNode) else "a mapping"


def _find(node: yaml.Node, *keys: str) -> yaml.Node:
    """Return the node at a path of keys, or the nearest above it that the file has."""
    for key in keys:
        if not isinstance(node, yaml.MappingNode):
            break
        found = [value for name, value in node.value if name.value == key]
        if not found:
            break
        node = found[0]
    return node
