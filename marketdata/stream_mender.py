"""Makes up for what an exchange's streams lost, one question at a time, and keeps the ledger.

Prints that are missing are asked for while the exchange still has them; where it doesn't, the
symbol's features begin anew from candles. Candles are made up for by catching up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

import structlog

from config import clock
from marketdata import services
from marketdata.exchanges.live_market import LiveMarket
from marketdata.exchanges.protocol import Exchange, RecentTrades, TradePrint
from marketdata.exchanges.stream_pool import Break
from marketdata.models import FeedInterruption
from marketdata.stream_prints import StreamedPrints
from marketdata.stream_state import FeedStream

log = structlog.get_logger(__name__)

Cause, Outcome = FeedInterruption.Cause, FeedInterruption.Outcome

PACE_S = 1.0  # between two questions: one weighs 25 of the 6,000 that Binance allows a minute
IDLE_S = 0.5
TORN = 3  # holes in a symbol's prints before it is subscribed anew
STOPPED_S = 2.0  # the feed at work writes each second
SETTLE_S = 3.0  # late prints come by themselves; and only the first one after tells of a hole


@dataclass(slots=True)
class Case:
    """One row of the ledger that is not closed yet."""

    id: int
    began_ms: int
    ended_at: datetime | None = None
    due: float = 0.0
    waiting: list[str] = field(default_factory=list)
    missed: int = 0
    filled: int = 0
    anew: bool = False
    uncertain: bool = False  # nobody can say how many were missed


class StreamMender:
    """Follows one exchange's inbox; `step` does one thing and gives the seconds to wait."""

    def __init__(self, exchange: Exchange, live: LiveMarket, prints: StreamedPrints) -> None:
        self.exchange, self.live, self.prints = exchange, live, prints
        self._breaks: list[Break] = []
        self._open: dict[tuple[str, ...], Case] = {}  # connections that are broken now
        self._cases: list[Case] = []
        self._holes: dict[str, float] = {}  # since when a symbol's prints have a hole
        self._refused: dict[str, int] = {}
        self._torn: dict[str, int] = {}  # how often a symbol lost prints with no break between
        self._deaf: list[str] = []
        self._began = False
        self.left: FeedStream | None = None  # how the streams of the feed before this one were

    def note(self, breaks: Sequence[Break], refused: Sequence[str]) -> None:
        """What the connections have told since the last step. Writes."""
        self._breaks += breaks
        while self._breaks:
            one = self._breaks[0]
            self._note_break(one)
            del self._breaks[0]  # only now: a database that is away loses none
        self._note_refused(refused)

    def take_deaf(self) -> list[str]:
        """Symbols that lose prints again and again: they have to be subscribed anew."""
        taken, self._deaf = self._deaf, []
        return taken

    def step(self) -> float:
        """Begin a symbol, or make up for one hole. Raises what `ask` raises."""
        if not self._began:
            services.end_left_interruptions(exchange=self.exchange.name, now=clock.now())
            self._note_stop()
            self._began = True
        if wanting := self.prints.wanting():
            self.prints.make(wanting[0])
            return 0.0
        for case in [one for one in self._cases if clock.mono() >= one.due]:
            if self._mend_next(case):
                return PACE_S
            self._close(case)
        self._find_holes()
        self._note_overflow()
        return IDLE_S

    def _note_break(self, one: Break) -> None:
        key = tuple(one.symbols)
        case = self._open.get(key)
        if case is None:
            began_at = clock.from_ms(one.from_ms)
            cause = Cause.SILENT if one.silent else Cause.DISCONNECTED
            case = Case(self._begin(cause, one.symbols, began_at, one.detail), one.from_ms)
            self._open[key] = case
        if one.until_ms is not None:
            case.ended_at, case.due = clock.from_ms(one.until_ms), clock.mono() + SETTLE_S
            case.waiting = list(one.symbols)
            self._cases.append(self._open.pop(key))

    def _note_stop(self) -> None:
        """From the last word of the feed before until now nobody listened."""
        if self.left is None or self.left.age_s(clock.now_ms()) < STOPPED_S:
            return
        began_at = clock.from_ms(self.left.heard_ms or self.left.at_ms)
        row = self._begin(Cause.STOPPED, sorted(self.live.sequences()), began_at, "")
        services.end_interruption(interruption_id=row, outcome=Outcome.ANEW, ended_at=clock.now())

    def _begin(self, cause: str, symbols: Sequence[str], began_at: datetime, detail: str) -> int:
        return services.begin_interruption(
            exchange=self.exchange.name,
            cause=cause,
            symbols=symbols,
            began_at=began_at,
            detail=detail,
        )

    def _mend_next(self, case: Case) -> bool:
        """Whether a question had to be asked."""
        sequences = self.live.sequences()
        while case.waiting:
            name = case.waiting[0]
            sequence = sequences.get(name)
            whole = sequence is None or not sequence.begun
            whole = whole or (sequence is not None and sequence.counted and not sequence.holes)
            if not whole:
                self._mend(case, name)
            case.waiting.pop(0)
            self._holes.pop(name, None)
            if not whole:
                return True
        return False

    def _mend(self, case: Case, name: str) -> None:
        """Fill the holes of one symbol from the newest trades, or begin it anew."""
        sequence = self.live.sequences().get(name)
        if sequence is None:
            return
        trades = self._recent(name)
        if not trades or not self._covers(case, name, trades):
            lost = self.live.give_up(name)
            case.missed += lost
            case.anew, case.uncertain = True, case.uncertain or not sequence.counted
            self.prints.begin_again(name)
            return
        if not sequence.counted:
            trades = [trade for trade in trades if trade.at_ms >= case.began_ms - 1_000]
        found = self.live.refill(name, [one for one in trades if not sequence.knows(one.id)])
        case.filled += found
        case.missed += found

    def _covers(self, case: Case, name: str, trades: Sequence[TradePrint]) -> bool:
        """Whether these reach back to before the hole: by number, else by an id that is known."""
        sequence = self.live.sequences()[name]
        if sequence.counted:
            return not sequence.holes or int(trades[0].id) <= sequence.holes[0][0]
        return trades[0].at_ms < case.began_ms and any(
            sequence.knows(trade.id) for trade in trades if trade.at_ms <= case.began_ms
        )

    def _recent(self, name: str) -> list[TradePrint]:
        source = self.exchange
        if not isinstance(source, RecentTrades):
            return []
        trades: list[TradePrint] = services.ask(
            exchange=self.exchange,
            call=lambda: source.fetch_recent_trades(name),
            now=clock.now(),
            attempts=1,
        )
        return trades

    def _close(self, case: Case) -> None:
        outcome = Outcome.ANEW if case.anew else Outcome.FILLED if case.filled else Outcome.WHOLE
        services.end_interruption(
            interruption_id=case.id,
            outcome=outcome,
            ended_at=case.ended_at or clock.now(),
            missed=None if case.uncertain else case.missed,
            filled=case.filled,
        )
        self._cases.remove(case)
        log.info("stream.mended", exchange=self.exchange.name, outcome=str(outcome))

    def _find_holes(self) -> None:
        """Prints that are missing though no connection broke."""
        now, waiting = clock.mono(), {name for case in self._cases for name in case.waiting}
        holes = {
            name: sequence
            for name, sequence in self.live.sequences().items()
            if sequence.holes and name not in waiting
        }
        for name in self._holes.keys() - holes.keys():
            del self._holes[name]
        if self._open:  # the row of that connection will speak of them
            return
        lasting = [name for name in holes if now - self._holes.setdefault(name, now) > SETTLE_S]
        if lasting:
            began_at = clock.now()
            detail = f"{sum(holes[name].missing for name in lasting)} prints"
            case = Case(
                self._begin(Cause.SEQUENCE, lasting, began_at, detail), clock.to_ms(began_at)
            )
            case.waiting = sorted(lasting)
            self._cases.append(case)
            for name in lasting:
                self._torn[name] = self._torn.get(name, 0) + 1
                if self._torn[name] % TORN == 0:
                    self._deaf.append(name)

    def _note_overflow(self) -> None:
        lost = self.live.take_overflowed()
        if not lost:
            return
        now = clock.now()
        case = Case(self._begin(Cause.OVERFLOW, sorted(lost), now, ""), clock.to_ms(now))
        case.missed, case.anew = sum(lost.values()), True
        for name in lost:
            self.prints.begin_again(name)
        self._cases.append(case)

    def _note_refused(self, refused: Sequence[str]) -> None:
        for name in set(refused) - self._refused.keys():
            text = "the exchange refused the subscription; REST is asked instead"
            self._refused[name] = self._begin(Cause.REFUSED, [name], clock.now(), text)
        for name in self._refused.keys() - set(refused):
            services.end_interruption(
                interruption_id=self._refused[name], outcome=Outcome.WHOLE, ended_at=clock.now()
            )
            del self._refused[name]
