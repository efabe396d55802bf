"""`python -m tests.exchange --exchange binance --port 8900 --keys demo`: an exchange by hand.

Only here prices move by themselves, a step of the seeded walk each `--every` seconds.
"""

from __future__ import annotations

import argparse
import time

from tests.exchange.accounts import ApiKey
from tests.exchange.emulator import Emulator
from tests.exchange.market import kline


def main() -> None:
    said = _parser().parse_args()
    key = ApiKey(f"{said.keys}-key", f"{said.keys}-secret")
    with Emulator(said.exchange, port=said.port, seed=said.seed, key=key) as emulator:
        for pair in emulator.market.pairs:  # go on where the made-up candles end
            emulator.set_price(pair.id, kline(emulator.now_ms(), pair.scale)[4])
        print(_told(emulator), flush=True)
        try:
            while True:
                time.sleep(said.every or 3600)
                emulator.advance(int(said.every > 0))
        except KeyboardInterrupt:
            pass


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.exchange", description=__doc__)
    parser.add_argument("--exchange", choices=["binance", "bybit"], default="binance")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument(
        "--keys", default="demo", help="the key is KEYS-key, the secret KEYS-secret"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--every", type=float, default=1.0, help="seconds between two steps, 0: stand"
    )
    return parser


def _told(emulator: Emulator) -> str:
    binance = emulator.venue.name == "binance"
    return "\n".join(
        [
            f"exchange  {emulator.venue.name}",
            f"rest      {emulator.url}{'/api/v3' if binance else ''}",
            f"private   {emulator.ws_url}{emulator.venue.stream_path}",
            f"public    {emulator.ws_url}{emulator.venue.market_words.PATH}",
            f"control   {emulator.url}/control/ledger",
            f"key       {emulator.key.key}",
            f"secret    {emulator.key.secret}",
        ]
    )


if __name__ == "__main__":
    main()
