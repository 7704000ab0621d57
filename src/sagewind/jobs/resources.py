"""Models and endpoint configurations: made once, compared when they exist, deleted when they are ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sagewind.jobs import compare, failures, identity
from sagewind.jobs.failures import Cause
from sagewind.jobs.service import Caller, CallError, tags_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sagewind.jobs.identity import Identity


def model(
    caller: Caller,
    request: Mapping[str, Any],
    owner: Identity,
    told: Callable[[str], None],
    *,
    rename: bool = True,
) -> str:
    """Make a model, or find one of the same content; return its name.

    Raises:
        CallError: AWS refused, or the name is taken by another model and `rename` is false.

    """
    return _ensure(caller, "model", "ModelName", request, owner, told, rename=rename)


def endpoint_config(
    caller: Caller, request: Mapping[str, Any], owner: Identity, told: Callable[[str], None]
) -> str:
    """Make an endpoint configuration, or find one of the same content; return its name.

    Raises:
        CallError: AWS refused.

    """
    return _ensure(caller, "endpoint_config", "EndpointConfigName", request, owner, told, rename=True)


def describe(caller: Caller, method: str, **arguments: Any) -> dict[str, Any] | None:
    """Return the description of a resource; `None` when there is none."""
    try:
        return caller.call(f"describe_{method}", **arguments)
    except CallError as error:
        if error.absent:
            return None
        raise


def owned(caller: Caller, arn: str, dag_id: str) -> bool:
    """Tell whether a resource was made by a task of this DAG; unknown counts as no."""
    return (tags_of(caller, arn) or {}).get(identity.DAG_TAG) == dag_id


def _ensure(  # noqa: PLR0917
    caller: Caller,
    method: str,
    key: str,
    request: Mapping[str, Any],
    owner: Identity,
    told: Callable[[str], None],
    *,
    rename: bool,
) -> str:
    noun = method.replace("_", " ")
    wanted = {name: value for name, value in request.items() if name not in (key, "Tags")}
    content = identity.content(wanted, ignored=frozenset())
    given = str(request[key])
    for name in (
        given,
        identity.suffixed(given, content[:10], 63),
        identity.suffixed(given, owner.key[:20], 63),
    ):
        found = describe(caller, method, **{key: name})
        if found is None and _create(caller, method, {**request, key: name}, owner, content):
            told(f"{noun} {name} is made")
            return name
        found = found or describe(caller, method, **{key: name})
        if found is not None and compare.contains(found, wanted):
            told(f"{noun} {name} has this content already: it is used as it is")
            return name
        if not rename:
            break
        told(f"{noun} {name} has another content: it is left alone")
    raise CallError(
        Cause.CLIENT, "", f"a SageMaker {noun} with name {given} already exists, of other content"
    )


def _create(caller: Caller, method: str, request: Mapping[str, Any], owner: Identity, content: str) -> bool:
    tags = {tag["Key"]: tag for tag in [*request.get("Tags", []), *owner.tags(content)]}
    try:
        caller.call(f"create_{method}", **{**request, "Tags": list(tags.values())})
    except CallError as error:
        if failures.is_taken(error.code, error.message):
            return False
        raise
    return True
