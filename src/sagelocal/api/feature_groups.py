"""The features of a feature group: those of its Create request, and what its updates add. Pure.

Rules: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateFeatureGroup.html and
https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_UpdateFeatureGroup.html
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from sagelocal.errors import ValidationException

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_FEATURES = 2500
_RESERVED = ("is_deleted", "write_time", "api_invocation_time")
_TIME_TYPES = ("String", "Fractional")


def members(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return what follows from a group's body: all its features.

    Raises:
        ValidationException: the features do not make up a group.

    """
    features = [*body["FeatureDefinitions"], *body.get("FeatureAdditions", [])]
    _check(features, body["RecordIdentifierFeatureName"], body["EventTimeFeatureName"])
    # The model has every description end with a token.
    found: dict[str, Any] = {"FeatureDefinitions": features, "NextToken": ""}
    return found | ({"FeatureAdditions": {}} if "FeatureAdditions" in body else {})


def _check(features: list[dict[str, str]], identifier: str, time: str) -> None:
    names = [each["FeatureName"] for each in features]
    if len(names) > MOST_FEATURES:
        raise ValidationException(f"{len(names)} features are defined; at most {MOST_FEATURES} are allowed")
    ((most, count),) = Counter(names).most_common(1)
    if count > 1:
        raise ValidationException(f"The feature {most!r} is defined twice; names must be unique")
    for name in _RESERVED:
        if name in names:
            raise ValidationException(
                f"A feature cannot be called {name!r}: Feature Store has one of its own"
            )
    types = {each["FeatureName"]: each["FeatureType"] for each in features}
    for member, name in (("RecordIdentifierFeatureName", identifier), ("EventTimeFeatureName", time)):
        if name not in types:
            raise ValidationException(f"{member} is {name!r}; allowed are the features {', '.join(names)}")
    if types[time] not in _TIME_TYPES:
        raise ValidationException(
            f"EventTimeFeatureName {time!r} is {types[time]}; allowed are {', '.join(_TIME_TYPES)}"
        )
