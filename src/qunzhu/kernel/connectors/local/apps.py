from django.apps import AppConfig


class LocalChatConfig(AppConfig):
    name = "qunzhu.kernel.connectors.local"
    label = "local_chat"
    verbose_name = "本地群聊"
