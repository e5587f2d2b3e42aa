from django.apps import AppConfig


class EngagementConfig(AppConfig):
    name = "qunzhu.engagement"
    label = "engagement"
    verbose_name = "活跃"
