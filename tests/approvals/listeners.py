"""Loopback servers that speak what channels speak: HTTP of Slack, Telegram, push services and
webhooks, and SMTP. They record what came, and behave as badly as a test wants.
"""

from __future__ import annotations

import json
import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(slots=True)
class Received:
    """One HTTP request."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(slots=True)
class Listener:
    """How it answers, and what it got."""

    port: int = 0
    status: int = 200
    answer: bytes = b"ok"
    headers: dict[str, str] = field(default_factory=dict)
    pause_s: float = 0
    drop: bool = False  # close without an answer
    got: list[Received] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def http_listener(**behaviour: Any) -> Iterator[Listener]:
    listener = Listener(**behaviour)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length)
            headers = {name.lower(): value for name, value in self.headers.items()}
            listener.got.append(Received(self.command, self.path, headers, body))
            time.sleep(listener.pause_s)
            if listener.drop:
                self.close_connection = True
                return
            self.send_response(listener.status)
            for name, value in listener.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(listener.answer)))
            self.end_headers()
            self.wfile.write(listener.answer)

        do_GET = do_POST

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    listener.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield listener
    finally:
        server.shutdown()
        server.server_close()


ANSWERS = {
    "EHLO": b"250-loopback\r\n250 AUTH PLAIN",
    "AUTH": b"235 welcome",
    "DATA": b"354 go on",
    "QUIT": b"221 bye",
}


@dataclass(slots=True)
class MailServer:
    """Speaks enough SMTP; `refuse` is the answer to that command."""

    port: int = 0
    refuse: dict[str, bytes] = field(default_factory=dict)
    mails: list[str] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)


@contextmanager
def mail_server(**behaviour: Any) -> Iterator[MailServer]:
    mails = MailServer(**behaviour)
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _smtp(mails)) as server:
        server.daemon_threads = True
        mails.port = server.server_address[1]
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield mails
        server.shutdown()


def _smtp(mails: MailServer) -> type[socketserver.StreamRequestHandler]:
    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(b"220 loopback ESMTP\r\n")
            while line := self.rfile.readline():
                command = line.decode().strip()
                word = command.split(" ")[0].upper()
                if word == "RCPT":
                    mails.recipients.append(command)
                answer = mails.refuse.get(word) or ANSWERS.get(word, b"250 ok")
                self.wfile.write(answer + b"\r\n")
                if word == "DATA" and answer.startswith(b"354"):
                    self._read_mail()
                if word == "QUIT":
                    return

        def _read_mail(self) -> None:
            lines = []
            while (line := self.rfile.readline()) not in (b".\r\n", b""):
                lines.append(line.decode())
            mails.mails.append("".join(lines))
            self.wfile.write(b"250 taken\r\n")

    return Handler
