from django.apps import AppConfig


class CommunityConfig(AppConfig):
    name = "qunzhu.kernel.community"
    label = "community"
    verbose_name = "社群"
