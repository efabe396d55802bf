"""The one door through which notifications leave. Only a worker opens it: it loads slowly."""

from approvals.guard import AddressRefused, Networks, guarded
from approvals.outgoing.channels import send
from approvals.outgoing.heartbeat import ping
from approvals.outgoing.message import Message

__all__ = ["AddressRefused", "Message", "Networks", "guarded", "ping", "send"]
