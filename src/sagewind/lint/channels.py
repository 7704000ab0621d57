"""Data channels against the `SM_CHANNEL_*` variables (or `/opt/ml/input/data/…`) that the script reads.

https://github.com/aws/sagemaker-training-toolkit/blob/master/ENVIRONMENT_VARIABLES.md#sm_channel_channel_name
"""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from sagewind.lint.finding import Finding, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sagewind.lint.finding import Place
    from sagewind.lint.script import Script
    from sagewind.lint.subject import Subject

_VARIABLE = re.compile(r"SM_CHANNEL_([A-Z0-9_.\-]+)$")
_DATA = "/opt/ml/input/data"
_PATH = re.compile(rf"{_DATA}/([A-Za-z0-9_.\-]+)")
_WITH_DEFAULT = ("environ.get", "getenv", "environ.setdefault")
_GENERIC = ("SM_CHANNELS", "SM_INPUT_DATA_CONFIG", "SM_INPUT_DIR", "SM_TRAINING_ENV", "inputdataconfig.json")


def check(subject: Subject, script: Script) -> Iterator[Finding]:
    """Yield a finding for each channel that the script reads and nobody fills, and the other way round."""
    if subject.channels is None or not subject.trains:
        return
    read = _read(script)
    given = {_key(name): name for name in subject.channels}
    # Where it reads nothing that is given, no default will do.
    optional = _optional(script) if given.keys() & read.keys() else frozenset()
    names = ", ".join(sorted(subject.channels)) or "none"
    for key, place in read.items():
        if {key, _piped(key)} & given.keys():
            continue
        yield Finding(
            rule="channel-missing",
            place=place,
            what=f"the script reads the channel SM_CHANNEL_{key}, and no channel {key.lower()!r} is given"
            f" (given: {names})",
            mend=f"add the channel {key.lower()!r} to the training's inputs",
            severity=Severity.WARNING if key in optional else Severity.ERROR,
        )
    if _dynamic(script):
        return
    read_of_pipes = {_piped(key) for key in read}
    for key, name in given.items():
        if key not in read and key not in read_of_pipes:
            yield Finding(
                rule="channel-unread",
                place=subject.channels[name].place,
                what=f"the channel {name!r} is downloaded, and the script never reads SM_CHANNEL_{key}",
                mend=f"read os.environ['SM_CHANNEL_{key}'] in {script.entry.path.name}, or drop the channel",
                severity=Severity.WARNING,
            )


def _piped(key: str) -> str:
    """Return a channel's name without the epoch that is added to it where it is read of a pipe."""
    return re.sub(r"_\d+$", "", key)


def _key(channel: str) -> str:
    return channel.upper()


def _read(script: Script) -> dict[str, Place]:
    found: dict[str, Place] = {}
    for text, place in script.texts():
        variable = _VARIABLE.match(text)
        path = _PATH.search(text)
        if variable:
            found.setdefault(variable[1], place)
        elif path:
            found.setdefault(path[1].upper(), place)
    return found


def _optional(script: Script) -> frozenset[str]:
    """Return the channels that are looked up with a default, or are one, or are asked for first."""
    found: set[str] = set()
    for module in script.modules:
        unsure = [node.left for node in module.nodes if isinstance(node, ast.Compare)]
        for name, call in module.calls():
            unsure += call.args if name.endswith(_WITH_DEFAULT) else []
            unsure += [keyword.value for keyword in call.keywords if keyword.arg == "default"]
        texts = [str(node.value) for node in unsure if isinstance(node, ast.Constant)]
        found |= {key for text in texts for key in _VARIABLE.findall(text) + _PATH.findall(text)}
    return frozenset(key.upper() for key in found)


def _dynamic(script: Script) -> bool:
    """Tell whether the script computes channel names (`f"SM_CHANNEL_{name}"`), lists or is told them."""
    return (
        script.mentions(*_GENERIC)
        or script.asks_toolkit("channel_input_dirs")
        or any(_begins(text) for text, _ in script.texts())
    )


def _begins(text: str) -> bool:
    """Tell whether a text is the beginning of a variable, or of a path, that ends with a channel's name."""
    begins_path = text.startswith("/opt") and f"{_DATA}/".startswith(text.rstrip("/"))
    return begins_path or re.search(r"SM_CHANNEL_($|[{%])", text) is not None
