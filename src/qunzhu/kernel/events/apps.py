from django.apps import AppConfig


class EventsConfig(AppConfig):
    name = "qunzhu.kernel.events"
    label = "events"
    verbose_name = "行为黑匣子"
