"""Which exchanges have public streams that we read."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from marketdata.exchanges import binance_streams, bybit_streams
from marketdata.exchanges.stream_events import StreamWire

STREAM_WIRES: Mapping[str, StreamWire] = MappingProxyType(
    {"binance": binance_streams.WIRE, "bybit": bybit_streams.WIRE}
)
