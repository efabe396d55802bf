from django.apps import AppConfig
from django.contrib.auth.signals import user_logged_in
from django.db.models.signals import post_migrate, pre_migrate

from config.triggers import lay_after_migrate, lift_before_migrate


class ConfigConfig(AppConfig):
    name = "config"
    verbose_name = "Project"

    def ready(self) -> None:
        from config import checks  # noqa: F401  # registers them
        from config.sessions import begin_session

        user_logged_in.connect(begin_session)
        pre_migrate.connect(lift_before_migrate)
        post_migrate.connect(lay_after_migrate)
