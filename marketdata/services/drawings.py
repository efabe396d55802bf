"""Verbs of drawings: they change no money, so they are not audited."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction

from marketdata.errors import AnnotationUnknown
from marketdata.models import Annotation, Symbol


def create_annotation(
    *,
    symbol: Symbol,
    shape_type: str,
    points: Sequence[Mapping[str, Any]],
    by: User | None,
    now: datetime,
    style: Mapping[str, str] | None = None,
    label: str = "",
) -> Annotation:
    """A drawing; `points` are {"time": ms, "price": float}."""
    return Annotation.objects.create(
        symbol=symbol,
        shape_type=shape_type,
        points=list(points),
        style=dict(style or {}),
        label=label,
        created_by=by,
        created_at=now,
    )


@transaction.atomic
def change_annotation(*, annotation_id: int, changes: Mapping[str, Any]) -> Annotation:
    """Change shape, points, style or label; refuses AnnotationUnknown."""
    rows = Annotation.objects.select_for_update(of=("self",)).select_related("symbol", "created_by")
    annotation = rows.filter(pk=annotation_id).first()
    if annotation is None:
        raise AnnotationUnknown(f"There is no annotation {annotation_id}.")
    for name, value in changes.items():
        setattr(annotation, name, value)
    annotation.save(update_fields=list(changes))
    return annotation


def delete_annotation(*, annotation_id: int) -> None:
    """Wipe it away; refuses AnnotationUnknown."""
    deleted, _ = Annotation.objects.filter(pk=annotation_id).delete()
    if not deleted:
        raise AnnotationUnknown(f"There is no annotation {annotation_id}.")
