"""Data channels against the `SM_CHANNEL_*` variables (or `/opt/ml/input/data/…`) that the script reads.

https://github.com/aws/sagemaker-training-toolkit/blob/master/ENVIRONMENT_VARIABLES.md#sm_channel_channel_name
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sagewind.lint.finding import Finding, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sagewind.lint.finding import Place
    from sagewind.lint.script import Script
    from sagewind.lint.subject import Subject

_VARIABLE = re.compile(r"SM_CHANNEL_([A-Z0-9_.\-]+)$")
_PATH = re.compile(r"/opt/ml/input/data/([A-Za-z0-9_.\-]+)")
_GENERIC = ("SM_CHANNELS", "SM_INPUT_DATA_CONFIG", "SM_INPUT_DIR", "SM_TRAINING_ENV", "inputdataconfig.json")


def check(subject: Subject, script: Script) -> Iterator[Finding]:
    """Yield a finding for each channel that the script reads and nobody fills, and the other way round."""
    if subject.channels is None or not subject.trains:
        return
    read = _read(script)
    given = {_key(name): name for name in subject.channels}
    names = ", ".join(sorted(subject.channels)) or "none"
    for key, place in read.items():
        if key not in given:
            yield Finding(
                rule="channel-missing",
                place=place,
                what=f"the script reads the channel SM_CHANNEL_{key}, and no channel {key.lower()!r} is given"
                f" (given: {names})",
                mend=f"add the channel {key.lower()!r} to the training's inputs",
            )
    if _dynamic(script):
        return
    for key, name in given.items():
        if key not in read:
            yield Finding(
                rule="channel-unread",
                place=subject.channels[name].place,
                what=f"the channel {name!r} is downloaded, and the script never reads SM_CHANNEL_{key}",
                mend=f"read os.environ['SM_CHANNEL_{key}'] in {script.entry.path.name}, or drop the channel",
                severity=Severity.WARNING,
            )


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


def _dynamic(script: Script) -> bool:
    """Tell whether the script computes channel names (`f"SM_CHANNEL_{name}"`), lists or is told them."""
    return (
        script.mentions(*_GENERIC)
        or script.asks_toolkit("channel_input_dirs")
        or any(
            text == "SM_CHANNEL_" or text.rstrip("/") == "/opt/ml/input/data" for text, _ in script.texts()
        )
    )
