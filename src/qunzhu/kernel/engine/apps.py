from django.apps import AppConfig


class EngineConfig(AppConfig):
    name = "qunzhu.kernel.engine"
    label = "engine"
    verbose_name = "规则"
