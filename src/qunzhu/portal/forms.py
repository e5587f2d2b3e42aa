"""What a newcomer fills in: a nickname."""

from django import forms
from django.utils.translation import gettext_lazy as _

from qunzhu.kernel.connectors.local.parse import NICKNAME_LENGTH


class JoinForm(forms.Form):
    nickname = forms.CharField(
        label=_("你的昵称"),
        max_length=NICKNAME_LENGTH,
        widget=forms.TextInput(attrs={"autocomplete": "nickname", "enterkeyhint": "go"}),
        error_messages={
            "required": _("请填写昵称,大家好称呼你。"),
            "max_length": _("昵称最多 %(limit_value)d 个字。"),
            "null_characters_not_allowed": _("昵称里有不能显示的字符。"),
        },
    )
