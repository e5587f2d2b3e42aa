"""Forms of the console: what a person may type, with errors that say what to do. Acts themselves stand in services."""

from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django import forms
from django.contrib.auth import get_user_model, password_validation
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from qunzhu.console.reading import word_options
from qunzhu.console.reading.codes import ROLES
from qunzhu.console.reading.rule_words import categories
from qunzhu.kernel.community.models import Community, Member, Staff
from qunzhu.kernel.text.options import EXACT, default_options, ordered
from qunzhu.risk.models import Keyword

UPLOAD_BYTES = 512 * 1024 * 1024
WORDS_FILE_BYTES = 8 * 1024 * 1024


class StaffForm(forms.Form):
    """A post for a console account, which is made when it does not exist and a first password is given."""

    username = forms.CharField(label=_("账号"), max_length=150)
    password = forms.CharField(
        label=_("初始密码"),
        required=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=_("账号已存在时留空"),
    )
    role = forms.ChoiceField(label=_("角色"), choices=list(ROLES.items()))
    member = forms.IntegerField(
        label=_("群内身份"), required=False, help_text=_("成员编号;填了以后,机器不会处罚这个人")
    )

    def __init__(self, community: Community, data: Any = None) -> None:
        super().__init__(data, initial={"role": Staff.Role.MODERATOR})
        self.community = community

    def clean_username(self) -> str:
        username: str = self.cleaned_data["username"].strip()
        get_user_model().username_validator(username)
        return username

    def clean_member(self) -> Member | None:
        number = self.cleaned_data["member"]
        if number is None:
            return None
        member = Member.objects.filter(community=self.community, pk=number).first() if 0 < number < 1 << 63 else None
        if member is None:
            raise ValidationError(_("这个社群里没有编号为 %(number)s 的成员"), params={"number": number})
        return member

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        username, password = cleaned.get("username"), cleaned.get("password")
        if username is None or password is None:
            return cleaned
        model = get_user_model()
        cleaned["user"] = user = model.objects.filter(**{model.USERNAME_FIELD: username}).first()
        if user is None and not password:
            self.add_error("password", _("账号“%(name)s”还不存在:请设一个初始密码来新建它") % {"name": username})
        elif user is not None and password:
            self.add_error("password", _("账号“%(name)s”已存在:请把密码留空") % {"name": username})
        elif user is None:
            try:
                password_validation.validate_password(password, model(**{model.USERNAME_FIELD: username}))
            except ValidationError as error:
                self.add_error("password", error)
        return cleaned


class WordForm(forms.Form):
    """One word for the library."""

    word = forms.CharField(label=_("关键词"), max_length=100)
    category = forms.ChoiceField(label=_("类别"), choices=Keyword.Category.choices)
    level = forms.ChoiceField(
        label=_("级别"),
        required=False,
        choices=[("", _("按类别")), ("yellow", _("黄色")), ("orange", _("橙色")), ("red", _("红色"))],
    )
    allow = forms.BooleanField(label=_("白名单"), required=False)
    ways = forms.ChoiceField(
        label=_("哪些写法也算"),
        required=False,
        choices=[("", _("按长度(推荐)")), (EXACT, _("一字不差")), ("own", _("自己选"))],
    )
    options = forms.MultipleChoiceField(label=_("写法"), required=False, widget=forms.CheckboxSelectMultiple)

    def __init__(self, data: Any = None, initial: dict[str, Any] | None = None) -> None:
        super().__init__(data, initial={"options": ordered(default_options(3, 3)), **(initial or {})})
        category, options = self.fields["category"], self.fields["options"]
        assert isinstance(category, forms.ChoiceField)  # noqa: S101  (for the type checker)
        assert isinstance(options, forms.MultipleChoiceField)  # noqa: S101
        category.choices = list(categories().items())
        options.choices = list(word_options.labels().items())

    def clean(self) -> dict[str, Any]:
        """`stored` is what the library keeps of `ways` and `options`."""
        data = super().clean() or {}
        ways, chosen = data.get("ways", ""), data.get("options", [])
        if ways == "own" and not chosen:
            self.add_error("options", _("至少选一种写法,或者改为“一字不差”"))
        return {**data, "stored": " ".join(ordered(chosen)) if ways == "own" else ways}


class WordsFileForm(forms.Form):
    """A CSV or Excel file of words: word, category, level, allow, options."""

    file = forms.FileField(label=_("CSV 或 Excel 文件"))

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        if file.size > WORDS_FILE_BYTES:
            raise ValidationError(_("文件超过 8 MB,请分成几个再上传"))
        return file


class LongSelect(forms.Select):
    """A select of a thousand choices: Django's own makes a dictionary and renders a template for each of them."""

    template_name = "console/parts/select.html"

    def optgroups(self, name: str, value: list[Any], attrs: dict[str, Any] | None = None) -> list[Any]:  # noqa: ARG002
        """One group of (value, label, selected)."""
        return [("", [(str(key), label, str(key) in value) for key, label in self.choices], 0)]


class ImportForm(forms.Form):
    """A chat export to be read into a group's history."""

    group = forms.TypedChoiceField(label=_("导入到"), coerce=int, widget=LongSelect)
    format = forms.ChoiceField(label=_("格式"))
    timezone = forms.CharField(label=_("文件里的时区"), max_length=40)
    file = forms.FileField(label=_("聊天记录文件"))
    again = forms.BooleanField(label=_("时区不同也再导入一次"), required=False)

    def __init__(
        self,
        community: Community,
        groups: dict[int, str],
        formats: list[tuple[str, Any]],
        data: Any = None,
        files: Any = None,
    ) -> None:
        super().__init__(data, files, initial={"timezone": community.timezone})
        for name, choices in (("group", list(groups.items())), ("format", formats)):
            field = self.fields[name]
            assert isinstance(field, forms.ChoiceField)  # noqa: S101  (for the type checker)
            field.choices = choices

    def clean_timezone(self) -> str:
        name: str = self.cleaned_data["timezone"].strip()
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValidationError(_("没有叫“%(name)s”的时区,例如 Asia/Shanghai"), params={"name": name}) from error
        return name

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        if file.size > UPLOAD_BYTES:
            raise ValidationError(_("文件超过 512 MB:请在服务器上用 qunzhu import 导入"))
        return file
