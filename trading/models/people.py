"""Credentials of machines that speak for people."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.db import models


class ApiToken(models.Model):
    """A named, scoped, expiring token. Shown once; only its hash is kept."""

    class Scope(models.TextChoices):
        READ = "read"
        WRITE = "write"

    user = models.ForeignKey(User, models.CASCADE, related_name="api_tokens")
    name = models.CharField(max_length=60)
    scope = models.CharField(max_length=5, choices=Scope, default=Scope.READ)
    prefix = models.CharField(max_length=12)  # what lists show
    digest = models.CharField(max_length=64, unique=True)  # sha256 of the token
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}...)"
