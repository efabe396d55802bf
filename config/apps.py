from django.apps import AppConfig
from django.db.models.signals import post_migrate, pre_migrate

from config.triggers import lay_after_migrate, lift_before_migrate


class ConfigConfig(AppConfig):
    name = "config"
    verbose_name = "Project"

    def ready(self) -> None:
        from config import checks  # noqa: F401  # registers them

        pre_migrate.connect(lift_before_migrate)
        post_migrate.connect(lay_after_migrate)
