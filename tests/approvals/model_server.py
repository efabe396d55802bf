"""A loopback server that speaks each provider's wire format, as badly as a test wants."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(slots=True)
class ModelServer:
    """What it says; `text` is the model's answer, wrapped as the path's provider does it."""

    port: int = 0
    text: str = '{"ok": true}'
    texts: list[str] = field(default_factory=list)  # one per call, before `text`
    model: str = ""  # "" echoes the one that was asked
    tokens: tuple[Any, Any] | None = (120, 40)
    end: str = ""  # why it ended; "" is the provider's word for well
    refusal: bool = False
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    raw: bytes | None = None  # instead of an envelope
    pause_s: float = 0.0  # before the headers
    drip_s: float = 0.0  # between two bytes of the body
    drip_headers_s: float = 0.0
    cut_at: int | None = None  # bytes of the body after which the line is cut
    endless: bool = False  # chunk upon chunk
    failures: int = 0  # answers of 503 before the first good one
    asked: list[dict[str, Any]] = field(default_factory=list)
    sent: int = 0  # bytes of bodies

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def base(self, provider: str) -> str:
        """What LLM_BASE_URL would be."""
        return self.url + {"openai": "/v1", "openrouter": "/api/v1"}.get(provider, "")

    def says(self) -> str:
        return self.texts.pop(0) if self.texts else self.text


@contextmanager
def model_server(**behaviour: Any) -> Iterator[ModelServer]:
    server = ModelServer(**behaviour)
    http = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"behaviour": server}))
    http.daemon_threads = True
    server.port = http.server_address[1]
    threading.Thread(target=http.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield server
    finally:
        http.shutdown()
        http.server_close()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    behaviour: ModelServer

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length) or b"{}")
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.behaviour.asked.append({"path": self.path, "headers": headers, "body": body})
        time.sleep(self.behaviour.pause_s)
        if self.behaviour.failures:
            self.behaviour.failures -= 1
            self._answer(503, b"busy")
            return
        content = self.behaviour.raw
        if content is None:
            content = json.dumps(envelope(self.behaviour, self.path, body)).encode()
        with suppress(BrokenPipeError, ConnectionResetError):
            self._answer(self.behaviour.status, content)

    do_GET = do_POST

    def _answer(self, status: int, content: bytes) -> None:
        head = [f"HTTP/1.1 {status} X", f"Content-Length: {len(content)}"]
        if self.behaviour.endless:
            head[1] = "Transfer-Encoding: chunked"
        head += [f"{name}: {value}" for name, value in self.behaviour.headers.items()]
        self._write(("\r\n".join(head) + "\r\n\r\n").encode(), self.behaviour.drip_headers_s)
        if self.behaviour.endless:
            self._endless()
        if self.behaviour.cut_at is not None:
            self._write(content[: self.behaviour.cut_at], 0)
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
            return
        self._write(content, self.behaviour.drip_s)

    def _endless(self) -> None:
        while True:
            self._write(b"10000\r\n" + b" " * 65_536 + b"\r\n", 0)

    def _write(self, content: bytes, drip_s: float) -> None:
        if not drip_s:
            self.wfile.write(content)
            self.behaviour.sent += len(content)
            return
        for place in range(len(content)):
            self.wfile.write(content[place : place + 1])
            self.wfile.flush()
            self.behaviour.sent += 1
            time.sleep(drip_s)

    def log_message(self, format: str, *args: Any) -> None:
        pass


def envelope(server: ModelServer, path: str, body: dict[str, Any]) -> Any:
    """The answer as the provider of that path packs it."""
    if path.startswith("/api/tags"):
        return {"models": [{"name": "llama3:8b"}, {"name": "tiny:1b"}]}
    if path.startswith("/v1beta/models?"):
        return {"models": [{"name": "models/gemini-9"}]}
    if path.endswith("/models") or path.startswith("/v1/models?"):
        return {"data": [{"id": "model-b"}, {"id": "model-a"}]}
    model = server.model or body.get("model") or path.split("/models/")[-1].split(":")[0]
    if path.endswith("/chat/completions"):
        return _openai(server, model)
    if path.endswith("/v1/messages"):
        return _anthropic(server, model)
    if ":generateContent" in path:
        return _gemini(server, model)
    return _ollama(server, model)


def _openai(server: ModelServer, model: str) -> Any:
    message = {"role": "assistant", "content": server.says(), "refusal": None}
    if server.refusal:
        message |= {"content": None, "refusal": "I can't help with that."}
    choice = {"index": 0, "message": message, "finish_reason": server.end or "stop"}
    told: dict[str, Any] = {"id": "c", "model": model, "choices": [choice]}
    if server.tokens:
        names = ("prompt_tokens", "completion_tokens")
        told["usage"] = dict(zip(names, server.tokens, strict=True))
    return told


def _anthropic(server: ModelServer, model: str) -> Any:
    end = "refusal" if server.refusal else server.end or "end_turn"
    content = [] if server.refusal else [{"type": "text", "text": server.says()}]
    told: dict[str, Any] = {"type": "message", "model": model, "content": content}
    told |= {"stop_reason": end, "stop_sequence": None}
    if server.tokens:
        names = ("input_tokens", "output_tokens")
        told["usage"] = dict(zip(names, server.tokens, strict=True))
    return told


def _gemini(server: ModelServer, model: str) -> Any:
    told: dict[str, Any] = {"modelVersion": model}
    if server.refusal:
        told["promptFeedback"] = {"blockReason": "SAFETY"}
    else:
        content = {"role": "model", "parts": [{"text": server.says()}]}
        told["candidates"] = [{"content": content, "finishReason": server.end or "STOP"}]
    if server.tokens:
        names = ("promptTokenCount", "candidatesTokenCount")
        told["usageMetadata"] = dict(zip(names, server.tokens, strict=True))
    return told


def _ollama(server: ModelServer, model: str) -> Any:
    if server.refusal:
        return {"error": "model refuses"}
    told: dict[str, Any] = {"model": model, "done": True, "done_reason": server.end or "stop"}
    told["message"] = {"role": "assistant", "content": server.says()}
    if server.tokens:
        names = ("prompt_eval_count", "eval_count")
        told |= dict(zip(names, server.tokens, strict=True))
    return told
