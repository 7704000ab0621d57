"""Stands in for sagemaker-containers 2.8.6.post2, for what scripts use of it; sagelocal's own."""

from __future__ import annotations

from .beta.framework import training_env

__all__ = ["training_env"]
