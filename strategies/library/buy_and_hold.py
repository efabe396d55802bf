"""Always in: what every other strategy is compared with."""

from __future__ import annotations

import numpy as np

from marketdata.bars import Bars, Floats
from strategies.protocol import Params, Strategy


class BuyAndHoldParams(Params):
    """Only the protective exits."""


class BuyAndHold(Strategy[BuyAndHoldParams]):
    name = "buy_and_hold"
    title = "Buy and hold"
    description = "Buys at the first close and stays in: the yardstick of the others."
    params_model = BuyAndHoldParams

    def warmup(self, params: BuyAndHoldParams) -> int:
        return 1

    def targets(self, bars: Bars, params: BuyAndHoldParams) -> Floats:
        return np.ones(len(bars))
