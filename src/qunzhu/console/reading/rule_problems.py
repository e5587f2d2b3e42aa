"""What the engine and the reader of YAML say about a mistake, in the reader's language, with what to do about it."""

import re
from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop as noop

from qunzhu.console.reading import rule_words
from qunzhu.kernel.blueprint.loader import BadBlueprint, Mistake, parse_yaml, plain
from qunzhu.kernel.engine.rules import Problem

# pattern → (what is wrong, what to do); groups of the pattern fill the %s of the first text.
_SAYINGS: tuple[tuple[str, str, str], ...] = (
    (r"^unknown fact '?([^']*)'?$", noop("没有叫“%s”的判断项"), noop("从列表里选一个判断项")),
    (r"^unknown placeholder (.*)$", noop("没有叫 {%s} 的占位符"), noop("点一下输入框下面的占位符来插入")),
    (r"^\{count\} needs", noop("没有统计窗口,就没有次数可写"), noop("先选要统计什么,或者去掉 {count}")),
    (r"^window\.count needs", noop("条件用到了次数,但没有统计窗口"), noop("加上 window(统计什么、多长时间)")),
    (r"^(\S+) is a (\S+); (\S+) does not", noop("“%s”是 %s,不能用 %s 来比"), noop("换一种比较方式")),
    (r"^(.+) does not fit (\S+), a", noop("%s 不能用在“%s”上"), noop("数目写数字,开关写是或否")),
    (r"^must not be empty$", noop("不能空着"), noop("填上它")),
    (r"^is used twice$", noop("这个编号用了两次"), noop("给其中一条换个编号")),
    (r"^exactly one of minutes", noop("时间窗要写一个长度"), noop("分钟、小时、天里选一个,至少是 1")),
    (r"is counted over minutes or hours", noop("按链接、文字或人分别计数时,只能用分钟或小时"), noop("把单位换成小时")),
    (r"^(\S+) has no keys", noop("发言和广告不能再分“同一个”和“不同的”"), noop("统计方式选“全部”")),
    (r"^placeholders take no format$", noop("占位符里只能写名字"), noop("去掉冒号或叹号后面的部分")),
    (r"^must be at most (\d+)$", noop("最大是 %s"), noop("改小一点")),
    (r"^may have at most (\d+) characters$", noop("最多 %s 个字"), noop("写短一点")),
    (r"^may have at most (\d+) rules$", noop("最多 %s 条规则"), noop("删掉不用的规则")),
    (r"^holds a character", noop("有不能保存的字符"), noop("删掉看不见的控制字符")),
    (r"^at most 31 days$", noop("最多统计 31 天"), noop("改成 31 天以内")),
    (r"^exactly one action", noop("then 的每一项只能写一个动作"), noop("把动作拆成几项")),
    (r"^between 1 and 43200$", noop("禁言时间要在 1 分钟到 30 天之间"), noop("改一下禁言时间")),
    (r"^one penalty only", noop("一条规则只能有一种处罚"), noop("阶梯、提醒、禁言、移出里只留一个")),
    (r"^at least one action$", noop("没有写会怎么处理"), noop("选一种处罚,或者收回、冻结、开工单")),
    (r"^a strike needs", noop("记违规的规则要有处罚"), noop("选一种处罚,或者不记违规")),
    (r"^expected some of", noop("没有选看哪种事件"), noop("消息、口令、举报里至少选一种")),
    (r"^unknown time zone", noop("没有这个时区"), noop("例如 Asia/Shanghai")),
    (r"^must be at least 1$", noop("至少是 1"), noop("改成 1 或更大的整数")),
    (r"^expected a list of rules$", noop("rules 要是一列规则"), noop("每条规则前写一个减号")),
    (r"^conditions may be nested", noop("条件套得太深"), noop("最多 8 层,拆成两条规则")),
    (r"^expected a list with at least one", noop("这里一个条件也没有"), noop("至少写一个条件")),
    (r"^expected one operator", noop("没有写怎么比较"), noop("每个判断项配一种比较方式和一个值")),
    (r"^expected one of all, any", noop("条件写得不对"), noop("写 all、any、not 或 fact 之一")),
    (r"^a condition is missing|^a condition is \{", noop("没有写条件"), noop("至少写一个条件,或者统计次数")),
    (r"[Ss]ingle '[{}]'|expected '}'|unmatched '[{}]'", noop("大括号没有成对"), noop("占位符写成 {nickname} 这样")),
    (r"missing required field `(\w+)`", noop("缺少 %s"), noop("补上这一项")),
    (r"contains unknown field `(\w+)`", noop("不认识 %s 这一项"), noop("检查拼写,或者删掉它")),
    (r"^Invalid enum value '?([^']*)'?", noop("“%s”不在可选的值里"), noop("换成可选的值")),
    (r"^Expected `([^`]*)`, got `([^`]*)`", noop("这里要 %s,写成了 %s"), noop("改成对的类型")),
    (r"^is no YAML: (.+)$", noop("不是正确的 YAML:%s"), noop("检查缩进、冒号和引号")),
    (r"^aliases and anchors", noop("不支持 * 和 & 引用"), noop("把值直接写出来")),
    (r"^tags \(!\)", noop("不支持 ! 标签"), noop("删掉它")),
    (r"^is nested deeper|^has more than", noop("内容太大或者套得太深"), noop("拆小一点")),
    (r"^must be a mapping", noop("这里要写成“名称: 值”的形式"), noop("检查缩进和冒号")),
    (r"^lacks 'rules'$", noop("没有 rules 这一节"), noop("加上 rules:")),
    (r"^is not a known setting$", noop("这里没有这一项"), noop("只能有 settings 和 rules")),
)  # fmt: skip


@dataclass(frozen=True)
class Said:
    """A mistake in words: which rule, which field, at which line (0: no text), what is wrong and what to do."""

    rule: str
    field: str
    line: int
    message: str
    remedy: str

    @property
    def field_name(self) -> str:
        return field_name(self.field)


def say(message: str, remedy: str = "") -> tuple[str, str]:
    """What is wrong, and what to do, in the reader's language; an unknown message is shown as it is."""
    for pattern, wrong, do in _SAYINGS:
        found = re.search(pattern, message)
        if found:
            groups = found.groups()
            return (_(wrong) % groups if groups and "%s" in wrong else _(wrong)), remedy_in_words(remedy) or _(do)
    return message, remedy


def remedy_in_words(remedy: str) -> str:
    """`did you mean 'over'?` in the reader's language."""
    close = re.match(r"did you mean '(.+)'\?", remedy)
    return _("是不是想写 %(word)s?") % {"word": close.group(1)} if close else ""


def of_problem(problem: Problem) -> Said:
    """A mistake in a rule as data."""
    message, remedy = say(problem.message)
    return Said(problem.rule, problem.field, 0, message, remedy)


def of_mistake(mistake: Mistake, rules: list[str]) -> Said:
    """A mistake in a text; `rules` are the ids in order, to name the rule by."""
    message, remedy = say(mistake.message, mistake.remedy)
    place = re.match(r"rules\[(\d+)\]\.?(.*)$", mistake.field)
    if place and int(place.group(1)) < len(rules):
        return Said(rules[int(place.group(1))], place.group(2), mistake.line, message, remedy)
    return Said("", mistake.field, mistake.line, message, remedy)


def of_form(rule: str, name: str, message: str) -> Said:
    """A field of the form that could not be understood."""
    return of_problem(Problem(rule, name, message))


def ids_in(text: str) -> list[str]:
    """The ids of the rules of a faulty text, in order; [] when it is no YAML at all."""
    try:
        rules = plain(parse_yaml(text, "yaml")).get("rules")
    except BadBlueprint:
        return []
    listed = rules if isinstance(rules, list) else []
    return [str(rule.get("id", f"#{n}")) if isinstance(rule, dict) else f"#{n}" for n, rule in enumerate(listed, 1)]


def form_field(field: str) -> str:
    """The part of the form that a field of the engine belongs to: `then[0].mute.minutes` is then."""
    return re.split(r"[.\[]", field, maxsplit=1)[0]


def field_name(field: str) -> str:
    """A field as the form calls it: `then[0].mute.minutes` is 处理."""
    name = form_field(field)
    return rule_words.field_names().get(name, name)
