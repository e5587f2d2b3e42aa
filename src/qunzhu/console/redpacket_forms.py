"""The form that schedules a red packet."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.utils.translation import gettext_lazy as _

from qunzhu.engagement.redpacket.policy import GREETING_LENGTH, MOST_BUDGET, MOST_MINUTES, MOST_SHARES, Terms
from qunzhu.kernel.blueprint.chapters.engagement import RedPacketRain
from qunzhu.kernel.community.models import Community, Group


class PacketForm(forms.Form):
    """What a packet promises, where, and when; without a time it opens at once."""

    group = forms.ChoiceField(label=_("群"))
    budget = forms.IntegerField(label=_("积分"), min_value=1, max_value=MOST_BUDGET)
    shares = forms.IntegerField(label=_("份数"), min_value=1, max_value=MOST_SHARES)
    least = forms.IntegerField(label=_("每份至少"), min_value=1, max_value=MOST_BUDGET)
    minutes = forms.IntegerField(label=_("开放分钟"), min_value=1, max_value=MOST_MINUTES)
    at = forms.DateTimeField(
        label=_("时间"), required=False, widget=forms.DateTimeInput(attrs={"type": "datetime-local"}),
        input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"], help_text=_("社群所在时区;留空就是马上开"),
    )  # fmt: skip
    greeting = forms.CharField(label=_("祝福语"), required=False, max_length=GREETING_LENGTH)

    def __init__(self, community: Community, settings: RedPacketRain, data: Any = None) -> None:
        names = ("budget", "shares", "least", "minutes")
        super().__init__(data, initial={name: getattr(settings, name) for name in names})
        groups = Group.objects.filter(community_id=community.pk).exclude(state=Group.State.CLOSED)
        field: Any = self.fields["group"]
        field.choices = [(str(g.pk), g.name) for g in groups.order_by("name", "pk")]
        self.zone = ZoneInfo(community.timezone)

    def clean_at(self) -> datetime | None:
        """The wall clock of the community, whatever zone the server has."""
        at: datetime | None = self.cleaned_data["at"]
        return at.replace(tzinfo=self.zone) if at else None

    def terms(self) -> Terms:
        """What a packet of this form promises."""
        names = ("budget", "shares", "least", "minutes", "greeting")
        return Terms(**{name: self.cleaned_data[name] for name in names})
