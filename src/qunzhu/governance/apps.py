from django.apps import AppConfig


class GovernanceConfig(AppConfig):
    name = "qunzhu.governance"
    label = "governance"
    verbose_name = "群规"
