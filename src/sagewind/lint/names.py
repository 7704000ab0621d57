"""Names and the role, as SageMaker takes them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sagewind.lint.finding import Finding, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sagewind.lint.subject import Declared, Subject

LIMITS = {"HyperParameterTuningJobName": 32, "AutoMLJobName": 32, "PipelineName": 256, "base_job_name": None}
"""Names that may not have the usual 63 characters (botocore's service model), or that the SDK cuts."""

LIMIT = 63
_NAME = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9])*")
# iam:RoleArn as SageMaker's own pattern has it, in any partition.
_ROLE = re.compile(r"arn:aws[a-z\-]*:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+")


def check(subject: Subject) -> Iterator[Finding]:
    """Yield a finding for each name that is too long, misspelt or not its file's, and for what is no role."""
    if subject.own_name is not None:
        yield from _own(subject.own_name)
    for kind, declared in subject.names.items():
        if isinstance(declared.value, str) and "{{" not in declared.value:
            yield from _name(kind, declared)
    if subject.role is not None and isinstance(subject.role.value, str):
        yield from _role(subject.role)


def _own(name: Declared) -> Iterator[Finding]:
    file = name.place.file
    if name.value != file.stem:
        yield Finding(
            rule="name-not-file",
            place=name.place,
            what=f"name is {name.value!r}, and the file is {file.name}",
            mend="give both one name: DAGs that are made of specs, and commands, go by the file's",
            severity=Severity.WARNING,
        )


def _name(kind: str, declared: Declared) -> Iterator[Finding]:
    name, limit = declared.value, LIMITS.get(kind, LIMIT)
    if limit is not None and len(name) > limit:
        yield Finding(
            rule="name-too-long",
            place=declared.place,
            what=f"{kind} {name!r} has {len(name)} characters; {limit} are allowed",
            mend=f"shorten it, for instance to {name[:limit].rstrip('-')!r}",
        )
    if not _NAME.fullmatch(name):
        plain = re.sub(r"[^a-zA-Z0-9]+", "-", name).strip("-")
        yield Finding(
            rule="name-characters",
            place=declared.place,
            what=f"{kind} {name!r} has characters other than letters, digits and inner hyphens",
            mend=f"write {plain!r}",
        )


def _role(declared: Declared) -> Iterator[Finding]:
    role = declared.value
    if "{{" in role or _ROLE.fullmatch(role):
        return
    if re.fullmatch(r"[\w+=,.@-]{1,64}", role):
        what, mend = "is a role's name, which costs an iam:GetRole call in every task", "write its full ARN"
        severity = Severity.WARNING
    else:
        what, mend = "is no role ARN", "write arn:aws:iam::<12 digits>:role/<name>"
        severity = Severity.ERROR
    yield Finding(
        rule="role-form", place=declared.place, what=f"role {role!r} {what}", mend=mend, severity=severity
    )
