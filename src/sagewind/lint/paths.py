"""From a path on the command line to findings: specs, files that call the SageMaker SDK, folders of them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from sagewind.lint import check, declared, operators, sdk
from sagewind.lint.finding import Finding, Place, syntax
from sagewind.load import LoadError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sagewind.lint.subject import Subject

SPECS = frozenset({".yaml", ".yml"})
CODE = frozenset({".py", ".ipynb", ".md"})
_FOLDER = ("dags", "models")
"""Where each YAML file is a spec, however broken."""
_TELLING = ("name", "image", "metrics")
"""Keys by which a spec is known elsewhere: all specs have them."""
_SKIPPED = frozenset({"node_modules", "__pycache__", "site-packages"})


def lint_path(path: Path) -> tuple[Finding, ...]:
    """Return the findings about a file, or about every spec and SDK call below a folder.

    Raises:
        FileNotFoundError: `path` does not exist.

    """
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist; give a spec, a Python file, a notebook or a folder")
    findings: list[Finding] = []
    for file in _files(path):
        findings += _lint_file(file, explicit=file == path)
    return tuple(dict.fromkeys(findings))


def subjects(path: Path) -> tuple[Subject, ...]:
    """Return what one file declares; nothing when it declares nothing.

    Raises:
        LoadError: a YAML file is no spec.
        SyntaxError: a Python file is no Python.

    """
    if path.suffix in SPECS:
        return (declared.read(path),)
    if path.suffix == ".py":
        return sdk.read(path)
    if path.suffix == ".ipynb":
        return sdk.read(path, _notebook(path))
    if path.suffix == ".md":
        return tuple(subject for text in _blocks(path) for subject in sdk.read(path, text))
    return ()


def _lint_file(file: Path, *, explicit: bool) -> Iterator[Finding]:
    if not explicit and not _concerns(file):
        return
    try:
        for subject in subjects(file):
            yield from check.lint(subject)
        if file.suffix == ".py":
            yield from operators.check(file)
    except LoadError as error:
        # The error's own words begin with file:line.
        where, line, what = str(error).split(":", maxsplit=2)
        place = (
            Place(file=file, line=int(line)) if where == str(file) and line.isdecimal() else Place(file=file)
        )
        yield Finding(rule="spec-invalid", place=place, what=what.strip(), mend="correct the spec")
    except SyntaxError as error:
        yield syntax(error, file)


def _files(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
        return
    for child in sorted(path.iterdir()):
        if child.name.startswith(".") or child.name in _SKIPPED:
            continue
        if child.is_dir():
            yield from _files(child)
        elif child.suffix in SPECS | CODE:
            yield child


def _concerns(file: Path) -> bool:
    """Tell whether a file that was met on a walk is a spec, calls the SDK, or has operators."""
    if file.suffix in SPECS and file.parent.resolve().parts[-2:] == _FOLDER:
        return True  # also one that cannot be read
    text = file.read_text(encoding="utf-8", errors="replace")
    if file.suffix in SPECS:
        return all(f"\n{key}:" in f"\n{text}" for key in _TELLING)
    has_operators = file.suffix == ".py" and any(f"{name}(" in text for name in operators.OPERATIONS)
    return has_operators or ("sagemaker" in text and "entry_point" in text)


def _notebook(path: Path) -> str:
    """Return a notebook's code cells as one text; magics and shell lines become comments."""
    try:
        cells = json.loads(path.read_bytes())["cells"]
    except (ValueError, KeyError, TypeError) as error:
        what = f"is no notebook: expected JSON with a list of cells ({error})"
        raise SyntaxError(what, (str(path), getattr(error, "lineno", 1), None, None)) from error
    code = ["".join(cell.get("source", [])) for cell in cells if cell.get("cell_type") == "code"]
    lines = "\n\n".join(code).splitlines()
    return "\n".join(f"# {line}" if line.lstrip().startswith(("%", "!")) else line for line in lines)


def _blocks(path: Path) -> Iterator[str]:
    """Yield each fenced Python block of a Markdown file, moved down to its own line numbers."""
    inside, start, block = False, 0, list[str]()
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines()):
        if inside and line.strip().startswith("```"):
            text = "\n" * start + "\n".join(block)
            if _parses(text):
                yield text
            inside = False
        elif inside:
            block.append(line)
        elif line.strip() in {"```python", "```py"}:
            inside, start, block = True, number + 1, []


def _parses(text: str) -> bool:
    """Tell whether a block is Python: prose in Markdown is often abridged (`...`, placeholders)."""
    try:
        compile(text, "<markdown>", "exec", dont_inherit=True)
    except SyntaxError:
        return False
    return True
