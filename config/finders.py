"""A static finder for single files of installed packages: no third-party file in the repository."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.staticfiles.finders import BaseFinder
from django.core.checks import CheckMessage, Error
from django.core.files.storage import FileSystemStorage


class PackageFileFinder(BaseFinder):
    """Serves what PACKAGE_STATIC_FILES maps: static name -> (package, path inside it)."""

    @cached_property
    def files(self) -> dict[str, Path]:
        return {
            name: Path(str(resources.files(package).joinpath(inside)))
            for name, (package, inside) in settings.PACKAGE_STATIC_FILES.items()
        }

    def check(self, **kwargs: Any) -> list[CheckMessage]:
        return [
            Error(f"The static file {name} is not at {path}.", id="config.E001")
            for name, path in self.files.items()
            if not path.is_file()
        ]

    def find(self, path: str, find_all: bool = False, **kwargs: Any) -> Any:
        found = self.files.get(path)
        if find_all:
            return [str(found)] if found else []
        return str(found) if found else []

    def list(self, ignore_patterns: Iterable[str] | None) -> Iterator[Any]:
        for name, path in self.files.items():
            yield name, _OneFile(name, path)


class _OneFile(FileSystemStorage):
    prefix = ""

    def __init__(self, name: str, file: Path) -> None:
        super().__init__(location=file.parent)
        self._name = name
        self._file = file

    def path(self, name: str) -> str:
        if name != self._name:
            raise ValueError(f"{name} is not {self._name}")
        return str(self._file)
