"""The project: floor (env, clock, fields, bus, telemetry) and roof (urls, asgi, celery, errors)."""

from config.celery import app as celery_app

__all__ = ["celery_app"]
