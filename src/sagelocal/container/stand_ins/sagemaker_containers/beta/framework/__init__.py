"""The modules that handlers import; those that start servers and scripts are not here."""

from __future__ import annotations

from . import content_types, encoders, env, errors, modules, transformer, worker

__all__ = ["content_types", "encoders", "env", "errors", "modules", "training_env", "transformer", "worker"]


def training_env() -> env.TrainingEnv:
    """Return what a training script is told of its job."""
    return env.TrainingEnv()
