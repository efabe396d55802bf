"""Counting what was asked of an exchange, in Redis by scripts and in a process by the same rules.

A window is cut into twelve slices and sums thirteen of them, so that no stretch of time as long
as the window holds more than its ceiling, wherever the exchange's own window begins. Amounts in
weight, times in ms.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

SLICES = 12


@dataclass(frozen=True, slots=True)
class Charge:
    """What a call takes from one window."""

    key: str
    period_ms: int
    ceiling: int  # for who asks: more important callers have a higher one
    cost: int


@dataclass(frozen=True, slots=True)
class Reading:
    """What an exchange says was used of a window by everybody."""

    key: str
    period_ms: int
    used: int


@dataclass(frozen=True, slots=True)
class Taken:
    """The answer: granted, or how long to wait; `used` of each window, this call included."""

    wait_ms: int = 0
    closed: bool = False  # the exchange wants silence: nobody may call
    used: tuple[int, ...] = ()

    @property
    def granted(self) -> bool:
        return self.wait_ms == 0


# A count of a time to come was written before the clock was set back: it counts as of now.
_SUM = """
local function now_ms()
  local given = tonumber(ARGV[1])
  if given > 0 then return given end
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end
local function summed(key, period, now)
  local this = math.floor(now * 12 / period)
  local row = redis.call('HGETALL', key)
  local sum, slices = 0, {}
  for i = 1, #row, 2 do
    local slice, count = tonumber(row[i]), tonumber(row[i + 1])
    if slice > this or slice < this - 12 then redis.call('HDEL', key, row[i]) end
    if slice > this then
      redis.call('HINCRBY', key, string.format('%d', this), count)
      slice = this
    end
    if slice >= this - 12 then
      sum = sum + count
      slices[#slices + 1] = {slice, count}
    end
  end
  return sum, slices, this
end
"""
TAKE = (
    _SUM
    + """
local now, gates, wait, used = now_ms(), tonumber(ARGV[2]), 0, {}
for i = 1, gates do
  local at, length = unpack(redis.call('HMGET', KEYS[i], 'at', 'for'))
  if at then
    at = tonumber(at)
    if at > now then
      at = now
      redis.call('HSET', KEYS[i], 'at', string.format('%d', now))
    end
    wait = math.max(wait, at + length - now)
  end
end
if wait > 0 then return {1, wait} end
local slots = {}
for i = gates + 1, #KEYS do
  local a = 3 * (i - gates)
  local period, ceiling, cost = tonumber(ARGV[a]), tonumber(ARGV[a + 1]), tonumber(ARGV[a + 2])
  local sum, slices, this = summed(KEYS[i], period, now)
  used[#used + 1], slots[i] = sum, this
  local over = sum + cost - ceiling
  if over > 0 then
    local free_at = now + period
    table.sort(slices, function(a, b) return a[1] < b[1] end)
    for _, slice in ipairs(slices) do
      over = over - slice[2]
      if over <= 0 then
        free_at = math.ceil((slice[1] + 13) * period / 12)
        break
      end
    end
    wait = math.max(wait, free_at - now, 1)
  end
end
if wait > 0 then return {0, wait, unpack(used)} end
for i = gates + 1, #KEYS do
  local a, n = 3 * (i - gates), i - gates
  redis.call('HINCRBY', KEYS[i], string.format('%d', slots[i]), ARGV[a + 2])
  redis.call('PEXPIRE', KEYS[i], 2 * ARGV[a])
  used[n] = used[n] + ARGV[a + 2]
end
return {0, 0, unpack(used)}
"""
)
NOTE = (
    _SUM
    + """
local now = now_ms()
for i = 1, #KEYS do
  local period, used = tonumber(ARGV[2 * i]), tonumber(ARGV[2 * i + 1])
  local sum, _, this = summed(KEYS[i], period, now)
  if used > sum then
    redis.call('HINCRBY', KEYS[i], string.format('%d', this), used - sum)
    redis.call('PEXPIRE', KEYS[i], 2 * period)
  end
end
"""
)
CLOSE = (
    _SUM
    + """
local now, length = now_ms(), tonumber(ARGV[2])
local at, old = unpack(redis.call('HMGET', KEYS[1], 'at', 'for'))
if at and math.min(at, now) + old >= now + length then return end
redis.call('HSET', KEYS[1], 'at', string.format('%d', now), 'for', ARGV[2])
redis.call('PEXPIRE', KEYS[1], length + 60000)
"""
)
# (ms for which the first key is closed, used of each further key)
LOOK = (
    _SUM
    + """
local now, found = now_ms(), {0}
local at, length = unpack(redis.call('HMGET', KEYS[1], 'at', 'for'))
if at then found[1] = math.max(0, math.min(at, now) + length - now) end
for i = 2, #KEYS do found[i] = (summed(KEYS[i], tonumber(ARGV[i]), now)) end
return found
"""
)


@dataclass
class Counters:
    """The same in one process, for while the bus is away; the tests hold both together."""

    now_ms: Callable[[], int]
    windows: dict[str, dict[int, int]] = field(default_factory=dict)
    gates: dict[str, tuple[int, int]] = field(default_factory=dict)  # closed at, for how long

    def take(self, gates: Iterable[str], charges: Sequence[Charge]) -> Taken:
        closed = self.closed_ms(gates)
        if closed:
            return Taken(closed, closed=True)
        now = self.now_ms()
        sums = [self._summed(charge.key, charge.period_ms, now) for charge in charges]
        waits = (self._wait_ms(each, used, now) for each, used in zip(charges, sums, strict=True))
        wait = max(waits, default=0)
        if wait:
            return Taken(wait, used=tuple(sums))
        for charge in charges:
            self._add(charge.key, charge.period_ms, charge.cost, now)
        pairs = zip(charges, sums, strict=True)
        return Taken(used=tuple(used + charge.cost for charge, used in pairs))

    def closed_ms(self, gates: Iterable[str]) -> int:
        """For how long the longest of these silences lasts."""
        now = self.now_ms()
        return max((self._closed_ms(gate, now) for gate in gates), default=0)

    def note(self, readings: Iterable[Reading]) -> None:
        now = self.now_ms()
        for each in readings:
            more = each.used - self._summed(each.key, each.period_ms, now)
            if more > 0:
                self._add(each.key, each.period_ms, more, now)

    def close(self, gate: str, length_ms: int) -> None:
        now = self.now_ms()
        if self._closed_ms(gate, now) < length_ms:
            self.gates[gate] = now, length_ms

    def look(self, gate: str, windows: Iterable[tuple[str, int]]) -> tuple[int, ...]:
        now = self.now_ms()
        return self._closed_ms(gate, now), *(self._summed(*each, now) for each in windows)

    def _closed_ms(self, gate: str, now: int) -> int:
        if gate not in self.gates:
            return 0
        at, length = self.gates[gate]
        if at > now:
            self.gates[gate] = at, length = now, length
        return max(0, at + length - now)

    def _summed(self, key: str, period_ms: int, now: int) -> int:
        this = now * SLICES // period_ms
        kept: dict[int, int] = {}
        for number, count in self.windows.get(key, {}).items():
            if number >= this - SLICES:
                kept[min(number, this)] = kept.get(min(number, this), 0) + count
        self.windows[key] = kept
        return sum(kept.values())

    def _wait_ms(self, charge: Charge, used: int, now: int) -> int:
        over = used + charge.cost - charge.ceiling
        if over <= 0:
            return 0
        for number, count in sorted(self.windows[charge.key].items()):
            over -= count
            if over <= 0:
                free_at = -(-(number + SLICES + 1) * charge.period_ms // SLICES)  # rounded up
                return max(1, free_at - now)
        return charge.period_ms

    def _add(self, key: str, period_ms: int, count: int, now: int) -> None:
        slices = self.windows.setdefault(key, {})
        this = now * SLICES // period_ms
        slices[this] = slices.get(this, 0) + count
