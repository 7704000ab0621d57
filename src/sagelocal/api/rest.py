"""The rest of the service model, put together: the derived resources, and what some of them need beyond."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sagelocal.api import conventions, recorded
from sagelocal.api.derived import Derived
from sagelocal.api.experiments import Experiments
from sagelocal.api.lineage import Lineage
from sagelocal.api.model_cards import ModelCards

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sagelocal.api.account import Account
    from sagelocal.jobs.store import Store
    from sagelocal.wire.dispatch import Handler
    from sagelocal.wire.model import Operation


@dataclass(frozen=True, kw_only=True)
class Rest:
    """What `build` returns, for the dispatch table."""

    resources: tuple[object, ...]
    """Those with handlers of their own."""
    derived: Mapping[str, Handler]
    rows: Mapping[str, recorded.Row]
    """Which row of the table an operation belongs to."""


def build(operations: Mapping[str, Operation], store: Store, account: Account) -> Rest:
    """Derive the resources of `recorded` from the operations of the service model."""
    changing = threading.RLock()
    by_noun = {
        row.noun: Derived(conventions.read(row, operations), store, account, changing)
        for row in recorded.ROWS
        if f"Create{row.noun}" in operations
    }
    return Rest(
        resources=(
            Experiments(
                experiments=by_noun["Experiment"],
                trials=by_noun["Trial"],
                components=by_noun["TrialComponent"],
                store=store,
                changing=changing,
            ),
            Lineage(store=store, account=account, changing=changing),
            ModelCards(cards=by_noun["ModelCard"], store=store, account=account, changing=changing),
        ),
        derived={name: handler for each in by_noun.values() for name, handler in each.handlers().items()},
        rows={name: each.row for each in by_noun.values() for name in each.handlers()},
    )
