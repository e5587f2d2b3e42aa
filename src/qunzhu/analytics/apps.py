from django.apps import AppConfig


class AnalyticsConfig(AppConfig):
    name = "qunzhu.analytics"
    label = "analytics"
    verbose_name = "数据"
