"""What holds for a whole rulebook, as sentences and as a form."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from qunzhu.console.reading import rule_words
from qunzhu.console.reading.rule_page import ladder_of
from qunzhu.ui.formats import duration

_UNITS = {"minutes": 1, "hours": 60, "days": 1440}
_LONGEST = 43_200  # minutes, what the engine takes for a mute


def not_counted_names() -> dict[str, str]:
    """What may be left out of the number of messages."""
    return {
        "command.posted": _("口令"), "checkin": _("签到"), "vote": _("投票"), "image": _("图片"), "link": _("链接"),
        "quote": _("引用"),
    }  # fmt: skip


def sentences(settings: Mapping[str, Any]) -> list[str]:
    """The settings in force, one sentence each."""
    names = not_counted_names()
    left_out = _("、").join(names.get(code, code) for code in settings.get("not_counted", ()))
    hours = int(settings.get("repeat_case_hours", 24))
    return [
        rule_words.ladder_sentence(ladder_of(settings)),
        _("不计入发言的:%(what)s。") % {"what": left_out} if left_out else _("所有消息都计入发言。"),
        _("同一条规则对同一个人,%(time)s内不重复开工单。") % {"time": duration(hours * 3600, get_language() or "")},
    ]


class SettingsForm(forms.Form):
    """Ladder, strikes and their expiry, what does not count."""

    mute_n = forms.IntegerField(label=lazy("阶梯里禁言多久"), min_value=1, max_value=_LONGEST)
    mute_unit = forms.ChoiceField(
        label=lazy("单位"), choices=[("minutes", lazy("分钟")), ("hours", lazy("小时")), ("days", lazy("天"))]
    )
    strikes_to_remove = forms.IntegerField(label=lazy("满几次违规移出"), min_value=1, max_value=100)
    strike_days = forms.IntegerField(label=lazy("违规多少天后不再算"), min_value=1, max_value=3650)
    repeat_case_hours = forms.IntegerField(label=lazy("同一人多少小时内不重复开工单"), min_value=1, max_value=8760)
    not_counted = forms.MultipleChoiceField(
        label=lazy("不计入发言的"), required=False, widget=forms.CheckboxSelectMultiple
    )

    def __init__(self, settings: Mapping[str, Any], data: Any = None) -> None:
        ladder = ladder_of(settings)
        unit = next(u for u in ("days", "hours", "minutes") if ladder.mute_minutes % _UNITS[u] == 0)
        kept = list(settings.get("not_counted", ()))
        super().__init__(
            data,
            initial={
                "mute_n": ladder.mute_minutes // _UNITS[unit], "mute_unit": unit,
                "strikes_to_remove": ladder.strikes_to_remove, "strike_days": ladder.strike_days,
                "repeat_case_hours": settings.get("repeat_case_hours", 24), "not_counted": kept,
            },
        )  # fmt: skip
        self.before = settings
        names = not_counted_names()
        choices = self.fields["not_counted"]
        assert isinstance(choices, forms.MultipleChoiceField)  # noqa: S101  (for the type checker)
        choices.choices = [*names.items(), *((code, code) for code in kept if code not in names)]

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        minutes = cleaned.get("mute_n", 1) * _UNITS.get(cleaned.get("mute_unit", ""), 1)
        if minutes > _LONGEST:
            self.add_error("mute_n", _("最长 30 天"))
        return cleaned

    def settings(self) -> dict[str, Any]:
        """The settings as the engine takes them; what the form does not show stays."""
        data = self.cleaned_data
        order = [*self.before.get("not_counted", ()), *data["not_counted"]]
        ladder = {
            **dict(self.before.get("ladder") or {}),
            "mute_minutes": data["mute_n"] * _UNITS[data["mute_unit"]],
            "strikes_to_remove": data["strikes_to_remove"],
            "strike_days": data["strike_days"],
        }
        return {
            **self.before,
            "ladder": ladder,
            "repeat_case_hours": data["repeat_case_hours"],
            "not_counted": [code for code in dict.fromkeys(order) if code in data["not_counted"]],
        }
