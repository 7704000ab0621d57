"""One file for all environments (dev, stage, prod): what differs between them, laid over every spec.

`dags/environments.yaml` beside `dags/models/` has a section for each environment; SAGEWIND_ENVIRONMENT names
the one that counts. A section may say what belongs to a place, not to a model: account, tags, machines.
"""

from __future__ import annotations

import yaml

CHOSEN = "SAGEWIND_ENVIRONMENT"
FILE = "environments.yaml"
SECTIONS = ("account", "budget", "endpoint", "evaluation", "poll_seconds", "tags", "training", "transform")


def merge(below: yaml.Node, above: yaml.Node) -> yaml.Node:
    """Return `below` with the keys of `above` in it; mappings merge, everything else is replaced.

    Nodes keep their marks, so an error names the file and line that the value came from.
    """
    if not isinstance(below, yaml.MappingNode) or not isinstance(above, yaml.MappingNode):
        return above
    entries = {key.value: (key, value) for key, value in below.value}
    for key, value in above.value:
        old = entries.get(key.value)
        entries[key.value] = (key, merge(old[1], value) if old else value)
    return yaml.MappingNode(below.tag, list(entries.values()), below.start_mark, below.end_mark)
