"""A linear model over hashed grams, and how it is fitted: exactly reproducible, standard library only.

The fit is dual coordinate descent for the squared hinge loss. Only + − × ÷ of doubles in a fixed order: the same
examples give the same weights, bit for bit, on any machine. A text counts with length one (each gram 1/√n).
"""

import array
import math
import sys
from collections.abc import Collection, Mapping, Sequence

import msgspec

from qunzhu.risk.detect.grams import BUCKETS


class Example(msgspec.Struct, frozen=True, gc=False):
    """What a fit learns from: grams, whether they are a case of it, how much it counts, and what is known already."""

    grams: tuple[int, ...]
    positive: bool
    cost: float = 1.0
    margin: float = 0.0  # what another model says; the fit adds to it


class Linear(msgspec.Struct, frozen=True):
    """Weights by bucket (quantised to bytes), with their scale and the bias."""

    scale: float
    bias: float
    weights: memoryview

    def margin(self, grams: Collection[int]) -> float:
        """Below 0 no, above 0 yes; −1 and 1 are where the fit wanted examples to be."""
        if not grams:
            return self.bias
        return self.bias + self.scale * sum(map(self.weights.__getitem__, grams)) / math.sqrt(len(grams))


LANES = 3  # of 24 bits: room for the weights of all the grams that a text can have
_LANE, _BYTES = 24, 8
_MASK = (1 << _LANE) - 1
_LIFT = 128  # a weight as a byte without a sign
_LIFTED = bytes(b ^ _LIFT for b in range(256))


class Panel:
    """Up to three models in one table: one pass over the grams gives the margins of all, to the last bit the same."""

    __slots__ = ("_models", "_weights")

    def __init__(self, models: Mapping[str, Linear]) -> None:
        """Raises ValueError for more than LANES models."""
        if len(models) > LANES:
            raise ValueError(f"{len(models)} models for {LANES} lanes")
        table = bytearray(_BYTES * BUCKETS)
        for lane, model in enumerate(models.values()):
            at = lane * _LANE // 8
            first = at if sys.byteorder == "little" else _BYTES - 1 - at
            table[first::_BYTES] = bytes(model.weights).translate(_LIFTED)
        self._models = {name: (lane * _LANE, m.bias, m.scale) for lane, (name, m) in enumerate(models.items())}
        self._weights = memoryview(table).cast("Q").__getitem__

    def total(self, grams: Collection[int]) -> int:
        """What `margin` of each model needs of the grams; they need not be looked at again."""
        return sum(map(self._weights, grams))

    def margin(self, name: str, total: int, count: int) -> float:
        """`Linear.margin` of one model over `count` grams. Raises KeyError."""
        lane, bias, scale = self._models[name]
        if not count:
            return bias
        return bias + scale * ((total >> lane & _MASK) - _LIFT * count) / math.sqrt(count)


def fit(examples: Sequence[Example], *, epochs: int = 20, size: int = BUCKETS) -> tuple["array.array[float]", float]:
    """Weights and bias over `examples`, in their order."""
    weights = array.array("d", bytes(8 * size))
    alphas = [0.0] * len(examples)
    rows = [
        (
            e.grams,
            1.0 / math.sqrt(len(e.grams)) if e.grams else 0.0,
            1.0 if e.positive else -1.0,
            0.5 / e.cost,
            e.margin,
        )
        for e in examples
    ]
    bias = 0.0
    order = list(range(len(rows)))
    state = 20_261
    for _ in range(epochs):
        state = _shuffle(order, state)
        for i in order:
            grams, value, sign, damp, known = rows[i]
            told = known + bias + value * sum(map(weights.__getitem__, grams))
            alpha = alphas[i]
            new = max(0.0, alpha - (sign * told - 1.0 + alpha * damp) / (2.0 + damp))
            step = (new - alpha) * sign
            if step:
                alphas[i] = new
                bias += step
                step *= value
                for bucket in grams:
                    weights[bucket] += step
    return weights, bias


def _shuffle(order: list[int], state: int) -> int:
    """Fisher–Yates with a fixed generator; `random` does not promise the same order in every version."""
    for i in range(len(order) - 1, 0, -1):
        state = (state * 6_364_136_223_846_793_005 + 1_442_695_040_888_963_407) & 0xFFFF_FFFF_FFFF_FFFF
        j = (state >> 33) % (i + 1)
        order[i], order[j] = order[j], order[i]
    return state


def quantised(weights: "array.array[float]", bias: float) -> Linear:
    """The same model in a byte a weight; rounding moves a margin by less than a hundredth."""
    largest = max(map(abs, weights), default=0.0) or 1.0
    scale = largest / 127
    packed = array.array("b", [round(w / scale) for w in weights])
    return Linear(scale, bias, memoryview(packed).toreadonly())


def pack(models: Mapping[str, Linear]) -> bytes:
    """Models as a file."""
    return msgspec.msgpack.encode({name: [m.scale, m.bias, bytes(m.weights)] for name, m in sorted(models.items())})


def unpack(blob: bytes) -> dict[str, Linear]:
    """Models of a file written by `pack`."""
    raw = msgspec.msgpack.decode(blob, type=dict[str, tuple[float, float, bytes]])
    return {name: Linear(scale, bias, memoryview(packed).cast("b")) for name, (scale, bias, packed) in raw.items()}
