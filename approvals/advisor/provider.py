"""One provider as the settings name it: the door that everything about models goes through."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field

from approvals.advisor import wires
from approvals.advisor.line import CallFailed, Line, Reply, Trouble, exchange
from approvals.advisor.wires import Call, Question
from approvals.guard import Networks

LIST_TRIES = 3  # of a read: a list of models may be asked for again, an answer may not
LIST_S = 10.0
MOST_BYTES = 1_000_000
OLLAMA_AT_HOME: Networks = (ipaddress.ip_network("127.0.0.1/32"),)


@dataclass(frozen=True, slots=True)
class Provider:
    """Who is asked, where, and how far a call may go."""

    name: str
    model: str
    base_url: str = ""  # "" is the provider's own address
    key: str = field(default="", repr=False)
    networks: Networks = ()
    deadline_s: float = 60.0
    most_bytes: int = MOST_BYTES

    @property
    def base(self) -> str:
        """Where it is, without a slash at the end."""
        return (self.base_url or wires.BASES[self.name]).rstrip("/")

    @property
    def line(self) -> Line:
        return Line(self._networks, self.deadline_s, self.most_bytes)

    @property
    def _networks(self) -> Networks:
        """Ollama at its own address on this machine is the one exception that needs no setting."""
        at_home = self.name == wires.OLLAMA and not self.base_url
        return (*self.networks, *OLLAMA_AT_HOME) if at_home else self.networks

    def prepare(self, question: Question) -> Call:
        """The request, before anything is reserved or sent."""
        return wires.ask(self.name, self.model, question, self.key)

    def send(self, call: Call) -> Reply:
        """Ask once, however it ends. Raises CallFailed."""
        return self._scrubbed("POST", call, self.line)

    def read(self, reply: Reply) -> wires.Answer:
        """Raises AnswerRefused."""
        return wires.read(self.name, self.model, reply.content, most=self.most_bytes)

    def models(self) -> list[str]:
        """Names of the models there are, asked for up to three times. Raises CallFailed,
        AnswerRefused.
        """
        line = Line(self._networks, min(LIST_S, self.deadline_s), self.most_bytes)
        call = wires.ask_models(self.name, self.key)
        for left in reversed(range(LIST_TRIES)):
            try:
                reply = self._scrubbed("GET", call, line)
            except CallFailed as failure:
                if not left or failure.code not in WORTH_REPEATING:
                    raise
            else:
                return wires.read_models(self.name, reply.content, most=self.most_bytes)
        raise AssertionError("unreachable")

    def _scrubbed(self, method: str, call: Call, line: Line) -> Reply:
        """A server that echoes our key doesn't get it into the archive."""
        try:
            reply = exchange(method, self.base + call.path, call.headers, call.body, line)
        except CallFailed as failure:
            failure.raw = self._without_key(failure.raw)
            raise
        return Reply(self._without_key(reply.content), reply.took_s)

    def _without_key(self, content: bytes) -> bytes:
        return content.replace(self.key.encode(), b"[key]") if len(self.key) >= 8 else content


WORTH_REPEATING = frozenset({Trouble.UNREACHABLE, Trouble.CUT, Trouble.FAILING})
