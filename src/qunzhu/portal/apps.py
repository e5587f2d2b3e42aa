from django.apps import AppConfig


class PortalConfig(AppConfig):
    name = "qunzhu.portal"
    label = "portal"
    verbose_name = "成员页"
