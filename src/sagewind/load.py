"""YAML → spec. An error names file, line, key, the value got and what is allowed.

PyYAML's nodes carry the line of each key and value, and the dataclasses of `spec` say which keys there are
and of what type; so this is one small walk over both, not a schema.
"""

from __future__ import annotations

import csv
import dataclasses
import difflib
import functools
import os
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Union, get_args, get_origin, get_type_hints

import yaml

from sagewind import overlay, rules, spec
from sagewind.errors import SagewindError

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_WORDS = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}
_NOT_IN_YAML = {"path"}


class LoadError(SagewindError, ValueError):
    """A spec file cannot be used; the message begins with `file:line:`."""


@dataclasses.dataclass(frozen=True)
class _Place:
    """Where the walk is: for the messages."""

    file: Path
    key: str = ""

    def at(self, key: str) -> _Place:
        return dataclasses.replace(self, key=f"{self.key}.{key}" if self.key else key)

    def error(self, node: yaml.Node, message: str) -> LoadError:
        return LoadError(f"{node.start_mark.name}:{node.start_mark.line + 1}: {message}")


def load(path: Path | str, *, environ: Mapping[str, str] | None = None) -> spec.Model:
    """Read a model's spec, laid over by the environment that SAGEWIND_ENVIRONMENT names, if it does.

    See that the files which it names are there.

    Raises:
        LoadError: the file is missing or no YAML, a key is unknown, missing, given twice or of a wrong value,
            or a file that the spec names does not exist.

    """
    file = Path(path)
    root = _overlaid(_compose(file), file, os.environ if environ is None else environ)
    model: spec.Model = _build(spec.Model, root, _Place(file))
    model = dataclasses.replace(model, path=file.resolve())
    _check_columns(model, root, _Place(file))
    _check_files(model, root, _Place(file))
    _check_attributes(model, root, _Place(file))
    return model


def source_directory(model: spec.Model) -> Path | None:
    """Return the folder of the model's code, or None when it is on S3 already or there is none."""
    if model.is_algorithm or model.source.directory.startswith("s3://"):
        return None
    return _beside(model, model.source.directory)


def data_file(model: spec.Model) -> Path:
    """Return the CSV file that travels with the spec."""
    return _beside(model, model.data.file)


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


def _beside(model: spec.Model, relative: str) -> Path:
    folder = model.path.parent if model.path else Path.cwd()
    return (folder / relative).resolve()


def _compose(file: Path) -> yaml.Node:
    try:
        with file.open(encoding="utf-8") as stream:
            root = yaml.compose(stream, Loader=_LOADER)
    except (OSError, UnicodeDecodeError) as error:
        raise LoadError(f"{file}:1: cannot be read: {error}") from error
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise LoadError(f"{file}:{line}: is no YAML: {error.problem}") from error
    except yaml.YAMLError as error:
        raise LoadError(f"{file}:1: is no YAML: {error}") from error
    if root is None:
        raise LoadError(f"{file}:1: is empty; a model's spec is needed")
    return root


@functools.cache
def _hints(kind: Any) -> dict[str, Any]:
    """Return a dataclass's types: resolving them is most of a load's time."""
    return get_type_hints(kind)


def _build(kind: Any, node: yaml.Node, place: _Place, **given: Any) -> Any:
    """Make a spec dataclass of a mapping node."""
    hints = _hints(kind)
    known = [f for f in dataclasses.fields(kind) if f.name not in _NOT_IN_YAML and f.name not in given]
    nodes = _entries(node, place, [f.name for f in known])
    for each in known:
        if each.name not in nodes and _required(each):
            raise place.error(node, f"{place.at(each.name).key} is missing")
    values = {key: _value(hints[key], value, place.at(key)) for key, value in nodes.items()}
    try:
        return kind(**values, **given)
    except rules.SpecError as error:
        where = nodes.get(error.key, node)
        message = f"{place.at(error.key).key} is {error.value!r}; allowed is {error.allowed}"
        raise place.error(where, message) from error


def _entries(node: yaml.Node, place: _Place, known: list[str] | None) -> dict[str, yaml.Node]:
    if not isinstance(node, yaml.MappingNode):
        raise place.error(node, f"{place.key or 'the spec'} is {_shown(node)}; allowed is a mapping of keys")
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


def _required(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _value(hint: Any, node: yaml.Node, place: _Place) -> Any:
    """Make a value of type `hint`."""
    origin = get_origin(hint)
    if dataclasses.is_dataclass(hint):
        return _build(hint, node, place)
    if origin is Mapping:
        return _mapping(get_args(hint)[1], node, place)
    if origin is tuple:
        return _tuple(get_args(hint)[0], node, place)
    if origin in (Union, types.UnionType):
        values = [each for each in get_args(hint) if dataclasses.is_dataclass(each)]
        if values:
            return _build(values[0], node, place)
        return _scalar(get_args(hint), node, place)
    return _scalar((hint,), node, place)


def _mapping(inner: Any, node: yaml.Node, place: _Place) -> Mapping[str, Any]:
    """Make `{name: value}`; a value that has a name of its own takes the key for it."""
    entries = _entries(node, place, None)
    if not dataclasses.is_dataclass(inner):
        return {key: _value(inner, value, place.at(key)) for key, value in entries.items()}
    named = {key: _build(inner, value, place.at(key), name=key) for key, value in entries.items()}
    return types.MappingProxyType(named)


def _tuple(inner: Any, node: yaml.Node, place: _Place) -> tuple[Any, ...]:
    if not isinstance(node, yaml.SequenceNode):
        raise place.error(node, f"{place.key} is {_shown(node)}; allowed is a list")
    return tuple(_value(inner, item, place.at(str(index))) for index, item in enumerate(node.value))


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
    hint = "; put it in quotes" if str in allowed and isinstance(node, yaml.ScalarNode) else ""
    raise place.error(node, f"{place.key} is {_shown(node)}; allowed is {words}{hint}")


def _parsed(node: yaml.Node) -> object:
    if not isinstance(node, yaml.ScalarNode):
        return node
    constructor = yaml.constructor.SafeConstructor()
    return typing.cast("object", constructor.construct_object(node))


def _shown(node: yaml.Node) -> str:
    if isinstance(node, yaml.ScalarNode):
        return repr(_parsed(node))
    return "a list" if isinstance(node, yaml.SequenceNode) else "a mapping"


def _check_columns(model: spec.Model, root: yaml.Node, place: _Place) -> None:
    """See that the columns which the sections name agree."""
    roles = {model.data.target: "data.target", model.data.id_column: "data.id_column"}
    for name in model.score.features:
        if name in roles:
            where = _find(root, "score", "features")
            raise place.error(where, f"score.features has {name!r}; that is {roles[name]}, and no feature")
    if model.schema is None or model.schema.allow_extra:
        return
    for name in filter(None, roles):
        if name not in model.schema.columns:
            listed = ", ".join(model.schema.columns)
            where = _find(root, "schema", "columns")
            raise place.error(where, f"schema.columns lacks {name!r}, {roles[name]}; it has {listed}")


def _check_files(model: spec.Model, root: yaml.Node, place: _Place) -> None:
    """See that the code and the data are there, and that nothing else is named."""
    table = data_file(model)
    if not table.is_file():
        raise place.error(
            _find(root, "data", "file"), f"data.file is {model.data.file!r}; no file is at {table}"
        )
    folder = source_directory(model)
    if folder is None:
        return
    _check_folder(model, folder, root, place)


def _check_folder(model: spec.Model, folder: Path, root: yaml.Node, place: _Place) -> None:
    """See that the scripts are in the folder of the code."""
    if not folder.is_dir():
        where = _find(root, "source", "directory")
        allowed = "allowed is a folder, or the s3:// address of a sourcedir.tar.gz"
        raise place.error(
            where, f"source.directory is {model.source.directory!r}; no folder is at {folder}; {allowed}"
        )
    scripts = {"source": model.source.entry_point}
    if model.gate.has_rules and model.evaluates_by_script:
        scripts["evaluation"] = model.evaluation.entry_point
    for section, script in scripts.items():
        if not (folder / script).is_file():
            found = ", ".join(sorted(p.name for p in folder.glob("*.py"))) or "no .py file"
            where = _find(root, section, "entry_point")
            raise place.error(where, f"{section}.entry_point is {script!r}; {folder} has {found}")


def _check_attributes(model: spec.Model, root: yaml.Node, place: _Place) -> None:
    """See that what is taken from a DynamoDB table are columns of the training table."""
    if model.data.dynamodb is None or not model.data.dynamodb.attributes:
        return
    with data_file(model).open(encoding="utf-8-sig", newline="") as stream:
        header = next(csv.reader(stream), [])
    for column in model.data.dynamodb.attributes:
        if column not in header:
            where = _find(root, "data", "dynamodb", "attributes", column)
            allowed = f"allowed are the columns of {model.data.file}: {', '.join(header)}"
            raise place.error(where, f"data.dynamodb.attributes has {column!r}; {allowed}")


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
