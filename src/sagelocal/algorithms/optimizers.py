"""Gradient descent in mini-batches: the optimizers that the linear algorithms document, on NumPy arrays.

No well-kept library trains linear and factorization machines with these hyperparameters (Adam with one
learning rate per group of parameters, weight decay, decaying rates), so the few lines are here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sagelocal.algorithms.data import Array

_EPSILON = 1e-8
_MOMENTUM = 0.9
_SLOW_MOMENTUM = 0.999
_RMS_DECAY = 0.9


@dataclass
class State:
    """What an optimizer remembers of one array of parameters."""

    first: Array
    second: Array
    steps: int = 0


@dataclass(kw_only=True)
class Optimizer:
    """Updates arrays in place. `name` is `sgd`, `adam`, `adagrad` or `rmsprop`."""

    name: str = "adam"
    momentum: float = 0.0
    beta_1: float = _MOMENTUM
    beta_2: float = _SLOW_MOMENTUM
    epsilon: float = _EPSILON
    _states: dict[str, State] = field(default_factory=dict)

    def step(self, key: str, parameters: Array, gradient: Array, rate: float) -> None:
        """Move `parameters` against `gradient`; `key` names the array between calls."""
        state = self._states.get(key)
        if state is None:
            state = self._states[key] = State(np.zeros_like(parameters), np.zeros_like(parameters))
        state.steps += 1
        parameters -= rate * _DIRECTIONS[self.name](self, state, gradient)


def _sgd(optimizer: Optimizer, state: State, gradient: Array) -> Array:
    state.first *= optimizer.momentum
    state.first += gradient
    return state.first


def _adam(optimizer: Optimizer, state: State, gradient: Array) -> Array:
    state.first += (1 - optimizer.beta_1) * (gradient - state.first)
    state.second += (1 - optimizer.beta_2) * (gradient**2 - state.second)
    first = state.first / (1 - optimizer.beta_1**state.steps)
    second = state.second / (1 - optimizer.beta_2**state.steps)
    return np.asarray(first / (np.sqrt(second) + optimizer.epsilon))


def _adagrad(optimizer: Optimizer, state: State, gradient: Array) -> Array:
    state.second += gradient**2
    return np.asarray(gradient / (np.sqrt(state.second) + optimizer.epsilon))


def _rmsprop(optimizer: Optimizer, state: State, gradient: Array) -> Array:
    state.second += (1 - _RMS_DECAY) * (gradient**2 - state.second)
    return np.asarray(gradient / (np.sqrt(state.second) + optimizer.epsilon))


_DIRECTIONS: dict[str, Callable[[Optimizer, State, Array], Array]] = {
    "sgd": _sgd,
    "adam": _adam,
    "adagrad": _adagrad,
    "rmsprop": _rmsprop,
}


def batches(rows: int, size: int, generator: np.random.Generator) -> Iterator[Array]:
    """Yield the row numbers of each mini-batch of one epoch, in random order."""
    order = generator.permutation(rows)
    for start in range(0, rows, size):
        yield order[start : start + size]
