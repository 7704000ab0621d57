"""Whose resources these are: the account and region in every ARN."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Account:
    """An AWS account in a region."""

    number: str
    region: str

    def arn(self, kind: str, name: str) -> str:
        """Return the ARN of a SageMaker resource."""
        return f"arn:aws:sagemaker:{self.region}:{self.number}:{kind}/{name}"

    @property
    def owner(self) -> dict[str, Any]:
        """Who makes resources here: the account itself, as a UserContext."""
        return {"IamIdentity": {"Arn": f"arn:aws:iam::{self.number}:root", "PrincipalId": self.number}}
