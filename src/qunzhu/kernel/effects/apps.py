from django.apps import AppConfig


class EffectsConfig(AppConfig):
    name = "qunzhu.kernel.effects"
    label = "effects"
    verbose_name = "动作"
