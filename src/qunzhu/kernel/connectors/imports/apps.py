from django.apps import AppConfig


class ImportsConfig(AppConfig):
    name = "qunzhu.kernel.connectors.imports"
    label = "imports"
    verbose_name = "聊天记录导入"
