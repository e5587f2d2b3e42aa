from django.apps import AppConfig


class RiskConfig(AppConfig):
    name = "qunzhu.risk"
    label = "risk"
    verbose_name = "风控"
