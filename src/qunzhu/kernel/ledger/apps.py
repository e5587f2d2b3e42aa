from django.apps import AppConfig


class LedgerConfig(AppConfig):
    name = "qunzhu.kernel.ledger"
    label = "ledger"
    verbose_name = "账本"
