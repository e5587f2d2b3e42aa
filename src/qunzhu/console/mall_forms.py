"""Forms of the points mall: a good as it is edited, and its file of codes."""

import re
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from qunzhu.engagement.mall.models import MallGood
from qunzhu.engagement.mall.pictures import MOST_BYTES
from qunzhu.engagement.mall.shelf import MOST_STOCK

CODES_BYTES = 4 * 1024 * 1024
_LIMIT = re.compile(r"(\d{1,3})\s*[:=]\s*(\d{1,6})")
KINDS = (
    ("virtual", _("虚拟商品:卡密、链接")),
    ("physical", _("实物:要地址,要发货")),
    ("perk", _("特权:立即生效")),
    ("ad_slot", _("广告位:审核后报备")),
)


class GoodForm(forms.Form):
    """Everything of a good but its stock, codes and picture."""

    name = forms.CharField(label=_("名称"), max_length=80)
    kind = forms.ChoiceField(label=_("类型"), choices=KINDS)
    price = forms.IntegerField(label=_("价格(积分)"), min_value=0, max_value=1_000_000)
    about = forms.CharField(label=_("介绍"), required=False, max_length=1_000, widget=forms.Textarea(attrs={"rows": 3}))
    content = forms.CharField(
        label=_("交付内容"), required=False, max_length=2_000, widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("虚拟商品:每位买家都会看到的链接或说明。用卡密时留空;都没有时由人工交付。"),
    )  # fmt: skip
    image = forms.CharField(
        label=_("表情"), required=False, max_length=16, help_text=_("没有图片时显示,例如一个杯子表情")
    )
    low_stock = forms.IntegerField(
        label=_("库存提醒"), min_value=0, max_value=MOST_STOCK, initial=0, help_text=_("剩这么多件时开工单,0 不提醒")
    )
    per_member = forms.IntegerField(
        label=_("每人限兑"), min_value=0, max_value=MOST_STOCK, initial=0, help_text=_("0 不限")
    )
    min_level = forms.IntegerField(
        label=_("最低等级"), min_value=0, max_value=100, initial=0, help_text=_("0 不要求等级")
    )
    level_limits = forms.CharField(
        label=_("按等级限兑"), required=False, max_length=200, help_text=_("等级:件数,例如 2:2 3:5")
    )
    perk = forms.CharField(label=_("特权代号"), required=False, max_length=60, help_text=_("特权才用:群规里引用的名字"))
    days = forms.IntegerField(
        label=_("有效天数"), min_value=1, max_value=3_650, initial=30, help_text=_("特权和广告位管多久")
    )
    on_sale = forms.BooleanField(label=_("上架"), required=False, initial=True)

    def clean_level_limits(self) -> list[list[int]]:
        """Pairs of level and limit, sorted by level."""
        text: str = self.cleaned_data["level_limits"]
        pairs = [(int(level), int(limit)) for level, limit in _LIMIT.findall(text)]
        rest = _LIMIT.sub("", text).strip(" ,，;；")
        if rest or any(level < 1 or limit < 1 for level, limit in pairs):
            raise ValidationError(_("请写成 等级:件数,例如 2:2 3:5"))
        return [list(pair) for pair in sorted(dict(pairs).items())]

    def clean(self) -> dict[str, Any]:
        """A perk needs its name, or no rule can ask for it."""
        cleaned: dict[str, Any] = super().clean() or {}
        if cleaned.get("kind") == "perk" and not cleaned.get("perk"):
            self.add_error("perk", _("特权要有代号,群规才能引用它"))
        return cleaned


class NewGoodForm(GoodForm):
    """The same with the first count."""

    stock = forms.IntegerField(
        label=_("库存"), min_value=0, max_value=MOST_STOCK, initial=0, help_text=_("用卡密的填 0,导入卡密后自动计数")
    )


class CodesForm(forms.Form):
    """A CSV of codes."""

    file = forms.FileField(label=_("CSV 文件"))

    def clean_file(self) -> Any:
        """No larger than a file of ten thousand codes can be."""
        file = self.cleaned_data["file"]
        if file.size > CODES_BYTES:
            raise ValidationError(_("文件太大,最多 4 MB,请分成几份"))
        return file


class PictureForm(forms.Form):
    """A picture of a good; whether it is one, the shelf finds out."""

    file = forms.FileField(
        label=_("图片文件"), widget=forms.ClearableFileInput(attrs={"accept": "image/jpeg,image/png,image/webp"})
    )

    def clean_file(self) -> Any:
        """Larger ones are not even read."""
        file = self.cleaned_data["file"]
        if file.size > MOST_BYTES:
            raise ValidationError(_("图片太大,最多 5 MB"))
        return file


def initial_of(good: MallGood) -> dict[str, Any]:
    """What the form shows of a good."""
    names = [name for name in GoodForm.base_fields if name != "level_limits"]
    shown = {name: getattr(good, name) for name in names}
    return {**shown, "level_limits": " ".join(f"{level}:{limit}" for level, limit in good.level_limits)}
