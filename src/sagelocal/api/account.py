"""Whose resources these are: the account and region in every ARN."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Account:
    """An AWS account in a region."""

    number: str
    region: str

    def arn(self, kind: str, name: str) -> str:
        """Return the ARN of a SageMaker resource."""
        return f"arn:aws:sagemaker:{self.region}:{self.number}:{kind}/{name}"
