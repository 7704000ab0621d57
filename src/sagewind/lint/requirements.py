"""The user's `requirements.txt` against what the image brings.

The toolkit installs it over the image's packages, so a line may replace the framework itself; a model pickled
by one scikit-learn and loaded by another is the usual end of it.
"""

from __future__ import annotations

import codecs
import re
from typing import TYPE_CHECKING

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from sagewind.lint.finding import Finding, Place

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sagewind.lint.subject import Subject

_ELSEWHERE = re.compile(r"^[\w+.-]+:|^[^@;]*[/\\]|^\.|\.(?:whl|zip|tar\.\w+|tgz)$|\$\{")
"""What no package index is asked for, or is known only when pip runs: URLs, paths, files, variables."""

PACKAGES = {
    "sklearn": "scikit-learn",
    "xgboost": "xgboost",
    "pytorch": "torch",
    "tensorflow": "tensorflow",
    "mxnet": "mxnet",
}
"""The package that gives a framework's image its version."""


def check(subject: Subject) -> Iterator[Finding]:
    """Yield a finding for each line that pip cannot read, contradicts another, or replaces the framework."""
    path = subject.source_dir / "requirements.txt" if subject.source_dir else None
    if path is None or not path.is_file():
        return
    seen: dict[str, tuple[int, Requirement]] = {}
    for number, line in _lines(path):
        place = Place(file=path, line=number)
        try:
            requirement = Requirement(line)
        except InvalidRequirement as error:
            yield Finding(
                rule="requirement-invalid",
                place=place,
                what=f"{line!r} is no requirement ({str(error).splitlines()[0]})",
                mend="write it as name==version",
            )
            continue
        name = canonicalize_name(requirement.name)
        if name in seen and _exclusive(seen[name][1], requirement):
            yield Finding(
                rule="requirement-conflict",
                place=place,
                what=f"{line!r} contradicts line {seen[name][0]} ({seen[name][1]})",
                mend="keep one of the two",
            )
        seen[name] = (number, requirement)
        yield from _framework(subject, name, requirement, place)


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield each named requirement as pip reads it: lines put together, without comments and options."""
    start, whole = 1, ""
    for number, line in enumerate([*_decoded(path.read_bytes()).splitlines(), ""], start=1):
        start = start if whole else number
        whole += re.sub(r"(^|\s)#.*", "", line)
        if whole.endswith("\\"):
            whole = whole.removesuffix("\\")
            continue
        text = re.split(r"(?:^|\s)-", whole, maxsplit=1)[0].strip()
        whole = ""
        if text and not _ELSEWHERE.search(text):
            yield start, text


def _decoded(data: bytes) -> str:
    marks = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
    encoding = next((each for mark, each in marks if data.startswith(mark)), "utf-8")
    return data.decode(encoding, errors="replace")


def _exclusive(one: Requirement, other: Requirement) -> bool:
    if one.marker or other.marker:
        return False
    pins = [{s.version for s in r.specifier if s.operator == "=="} for r in (one, other)]
    return bool(
        pins[0] and pins[1] and not any("*" in pin for pin in pins[0] | pins[1]) and pins[0] != pins[1]
    )


def _framework(subject: Subject, name: str, requirement: Requirement, place: Place) -> Iterator[Finding]:
    brought = release(subject.framework_version)
    concerns = name == PACKAGES.get(subject.framework or "") and not requirement.marker
    if brought is None or not concerns or not requirement.specifier:
        return
    patches = [brought, *(f"{brought}.{patch}" for patch in range(20))]
    if not any(requirement.specifier.contains(version, prereleases=True) for version in patches):
        yield Finding(
            rule="requirement-clash",
            place=place,
            what=f"'{requirement}' replaces the {name} {brought} of the image ({subject.framework_version})",
            mend=f"drop the line, or choose the image of that version ({name}~={brought}.0 would agree)",
        )


def release(version: str | None) -> str | None:
    """Return `1.9` for the image version `1.9-0-cpu-py3`; `None` when it starts with no version."""
    match = re.match(r"(\d+\.\d+(?:\.\d+)?)", version or "")
    return match[1] if match else None
