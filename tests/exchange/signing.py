"""Who is asking: signatures, timestamps and permissions, checked as strictly as the venues do."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from typing import Any

from tests.exchange.accounts import Accounts, ApiKey
from tests.exchange.routes import Refused, Request

AHEAD_MS = 1000  # how far in the future a timestamp may be, at both venues
BINANCE_KEY = re.compile(r"[A-Za-z0-9]{64}")


def _hmac(secret: str, payload: str) -> str:
    return hmac.new(secret.encode(), payload.encode(), hashlib.sha256).hexdigest()


def binance_refused(status: int, code: int, msg: str) -> Refused:
    return Refused(status, {"code": code, "msg": msg})


def binance_key(accounts: Accounts, name: str, ip: str) -> ApiKey:
    """The key of a request, if it may be used from `ip`."""
    key = accounts.keys.get(name)
    if key is None and not BINANCE_KEY.fullmatch(name):
        raise binance_refused(401, -2014, "API-key format invalid.")
    if key is None:
        raise binance_refused(401, -2008, "Invalid Api-Key ID.")
    if key.ips and ip not in key.ips:
        raise binance_forbidden()
    return key


def binance_forbidden() -> Refused:
    return binance_refused(401, -2015, "Invalid API-key, IP, or permissions for action.")


def check_binance(request: Request, accounts: Accounts, ip: str, now_ms: int) -> ApiKey:
    """The key of a signed REST request. The signature covers query and body as they came."""
    key = binance_key(accounts, request.headers.get("X-MBX-APIKEY", ""), ip)
    params = request.params
    for name in ("timestamp", "signature"):
        if not params.get(name):
            raise _missing(name)
    check_binance_time(params, now_ms)
    payload = _unsigned(request.query) + _unsigned(request.body)
    if not hmac.compare_digest(_hmac(key.secret, payload), params["signature"]):
        raise binance_refused(400, -1022, "Signature for this request is not valid.")
    return key


def check_binance_socket(
    params: Mapping[str, Any], accounts: Accounts, ip: str, now_ms: int
) -> ApiKey:
    """The key of a signed WebSocket API request: its parameters sorted by name are the payload."""
    key = binance_key(accounts, str(params.get("apiKey", "")), ip)
    check_binance_time(params, now_ms)
    payload = "&".join(f"{name}={params[name]}" for name in sorted(params) if name != "signature")
    if not hmac.compare_digest(_hmac(key.secret, payload), str(params.get("signature", ""))):
        raise binance_refused(400, -1022, "Signature for this request is not valid.")
    return key


def check_binance_time(params: Mapping[str, Any], now_ms: int) -> None:
    """Refuse a timestamp outside the window around `now_ms`."""
    window = float(params.get("recvWindow", 5000))
    if window > 60_000:
        raise binance_refused(400, -1131, "recvWindow must be less than 60000")
    stamp = int(params.get("timestamp", 0))
    if stamp >= now_ms + AHEAD_MS:
        ahead = "Timestamp for this request was 1000ms ahead of the server's time."
        raise binance_refused(400, -1021, ahead)
    if now_ms - stamp > window:
        late = "Timestamp for this request is outside of the recvWindow."
        raise binance_refused(400, -1021, late)


def _missing(name: str) -> Refused:
    text = f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed."
    return binance_refused(400, -1102, text)


def _unsigned(payload: str) -> str:
    return re.sub(r"(^|&)signature=[^&]*", "", payload)


def bybit_refused(code: int, msg: str, now_ms: int) -> Refused:
    body = {"retCode": code, "retMsg": msg, "result": {}, "retExtInfo": {}, "time": now_ms}
    return Refused(200, body)


def check_bybit(request: Request, accounts: Accounts, ip: str, now_ms: int) -> ApiKey:
    """The key of a signed v5 request: time, key, window and the raw query or body are signed."""
    name = request.headers.get("X-BAPI-API-KEY", "")
    stamp = request.headers.get("X-BAPI-TIMESTAMP", "0")
    window = request.headers.get("X-BAPI-RECV-WINDOW", "5000")
    key = bybit_key(accounts, name, ip, now_ms)
    if not now_ms - int(window) <= int(stamp) < now_ms + AHEAD_MS:
        text = (
            "invalid request, please check your server timestamp or recv_window param."
            f" req_timestamp[{stamp}],server_timestamp[{now_ms}],recv_window[{window}]"
        )
        raise bybit_refused(10002, text, now_ms)
    payload = stamp + name + window + (request.body or request.query)
    if not hmac.compare_digest(_hmac(key.secret, payload), request.headers.get("X-BAPI-SIGN", "")):
        text = f"error sign! origin_string[{payload}]"
        raise bybit_refused(10004, text, now_ms)
    return key


def bybit_key(accounts: Accounts, name: str, ip: str, now_ms: int) -> ApiKey:
    """The key with this name, if it may be used from `ip`."""
    key = accounts.keys.get(name)
    if key is None:
        raise bybit_refused(10003, "API key is invalid.", now_ms)
    if key.ips and ip not in key.ips:
        text = "Unmatched IP, please check your API key's bound IP addresses."
        raise bybit_refused(10010, text, now_ms)
    return key


def check_bybit_socket(args: list[Any], accounts: Accounts, ip: str, now_ms: int) -> ApiKey | None:
    """The key of an `auth` message, or None: it signs its own expiry."""
    if len(args) != 3:
        return None
    name, expires, signature = (str(arg) for arg in args)
    key = accounts.keys.get(name)
    if key is None or (key.ips and ip not in key.ips) or int(expires) < now_ms:
        return None
    right = _hmac(key.secret, f"GET/realtime{expires}")
    return key if hmac.compare_digest(right, signature) else None
