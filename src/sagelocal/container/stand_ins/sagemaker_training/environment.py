"""What a script is told of where it runs, by the variables that the training toolkit sets."""

from __future__ import annotations

import json
import os
from typing import Any


class Environment:
    """The members of SM_TRAINING_ENV as attributes: `hyperparameters`, `channel_input_dirs`, `hosts`, …."""

    def __init__(self) -> None:
        self.__dict__.update(json.loads(os.environ.get("SM_TRAINING_ENV", "{}")))

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(
            f"the training environment has no {name!r}; it has {', '.join(sorted(vars(self))) or 'nothing'}, "
            "what SM_TRAINING_ENV says"
        )
