from django.apps import AppConfig


class UiConfig(AppConfig):
    name = "qunzhu.ui"
    label = "ui"
    verbose_name = "界面"
