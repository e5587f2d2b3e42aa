from django.apps import AppConfig


class CasesConfig(AppConfig):
    name = "qunzhu.kernel.cases"
    label = "cases"
    verbose_name = "工单"
