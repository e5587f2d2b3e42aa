"""Whether a hostile word is said or only spoken about: quoted, reported, refused, denied, asked for, said of oneself.

Judged by the build around the word, clause by clause. Positions are those of the squeezed text.
"""

import re

from qunzhu.risk.detect.squeeze import squeezed

REACH = 16  # how far before a hostile word, inside its clause, somebody may be named as the one who says it
TAIL = 10  # how far behind it the word may be called a word
_BREAK = re.compile(r"[,。.!?;\n…~、]+")
_QUOTED = re.compile(r"[“\"「『‘]([^”\"」』’]{1,40})[”\"」』’]")
_THROWN = re.compile(r"(?:^|[你们您]|楼[主上下])(?:就|真|才|简直|可|们|这|个|种|一|是|叫|活该|都|全|不过|货|人)*$")
_OUTSIDE = 3  # characters besides a quotation that make it one; alone in quotation marks a word is said

# Verbs of hostile speech; only "I … you" says it oneself.
_SCOLDS = r"辱骂|谩骂|咒骂|责骂|骂|嘲笑|嘲讽|讽刺|挖苦|羞辱|侮辱|诋毁|诬陷|污蔑|贬低|威胁|恐吓|吼|嚷"
_SAYS = r"说|讲|喊|叫|称呼|称|评价|形容|认为|觉得|当成|当作|刷|回复|回|发|写|问|告诉"
_OTHERS = (
    r"他们|她们|它们|他|她|别人|人家|人们|有人|某人|大家|谁|网友|网上|同学|同事|同桌|老师|老板|领导|上司|客户|孩子|家长|爸|妈|爷|奶|哥|姐|弟|妹"
    r"|老公|老婆|媳妇|邻居|朋友|前任|室友|保安|司机|医生|师傅|经理|主播|弹幕|评论|反派|主角|作者|小说|电影|台词|陌生人|有些人|很多人|的人|男人|女人"
)
_FORBIDS = r"请?不要再?|别再?|不能|不可以?|不该|不应当?该?|不许|不准|禁止|请勿|切勿|严禁|拒绝|反对|停止|抵制|杜绝|少去?"
_TOLD_BEFORE = re.compile(
    rf"(?<!你)(?<!我)(?:{_SCOLDS})(?!你[就这个们真是]|声)"
    rf"|(?:{_FORBIDS}).{{0,6}}(?:{_SAYS}|用|使用|贴|拿|把).{{0,6}}$"
    rf"|(?:{_OTHERS}).{{0,6}}(?:{_SAYS}).{{0,8}}$"
    rf"|(?:被|让|管|动不动|张口|开口|老是|总是|随便|如果|为什么|为啥|凭什么|怎么有|怎么能).{{0,8}}(?:{_SCOLDS}|{_SAYS}).{{0,8}}$"
    rf"|(?<!再)(?:{_SAYS})(?:别人|人家|他人|谁|他|她|我|孩子|女生|男生|对方|自己|一句|一声|出口|人)(?!妈)"
    r"|(?:不会|(?<!是)不是|并非|没有?|没人|没有人|没谁|从来没有?|从没|谁)(?:说过?|骂过?|叫过?|觉得|认为|讲过?).{0,6}$"
    r"|不(?:觉得|认为|相信).{0,6}$|(?<!是)(?<!还)不是.{0,2}$|不算.{0,2}$|(?:称|叫)[做作为].{0,4}$"
    r"|(?:自嘲|自称|自黑|自己|(?<![骂告诉])我)(?:就|真|可|好|简直|还|也|才|果然|总|老|觉得|感觉|怎么|这么|这个|太|都|不)*(?:是|像|真|太|这)"
    r"|所谓|什么叫|何为|什么是|(?:梦|剧|书|电影|小说|台词|歌词|剧本)[里中]"
)
_SAID_BY_ME = re.compile(r"我[^不没]{0,3}(?:说|骂|看|觉得|告诉)你|^说你.{0,3}$")
_TOLD_BEHIND = re.compile(
    r"^.{0,6}?(?:[这那](?:个|种|句|类|几个|些|两个)?(?:词|话|字|称呼|说法|梗|台词|标签|行为)"
    r"|(?:是|有)?(?:什么|啥|哪些|何)(?:含义|意思|梗)|用英[语文]|怎么(?:翻译|写|读|解释)|的(?:由来|来历|称呼|说法|人应)"
    r"|是骂人|算不算|是不是骂|属于|构成|(?:是|也是|都是)(?:一种)?(?:不对|错|歧视|偏见|违法|犯法|不礼貌|不文明|不好|不应该)"
    r"|来(?:嘲笑|形容|称呼|骂|侮辱)|(?:就|都|也|应该|应当|一律|要|会|得)(?:被)?(?:禁言|封号|处罚|举报|踢出))"
)

# Talk about hostility in which the hostile word may be none that is known.
_TALK = re.compile(
    rf"(?:为什么|为啥|怎么|什么样的?人?|是不是|有没有|总有|老有|还有|会有|如果|要是|万一|不少|很多|一堆|天天|动不动).{{0,6}}(?:人|谁|会|就|都|去)?.{{0,4}}(?:{_SCOLDS}|歧视)"
    rf"|(?:{_OTHERS}).{{0,6}}(?:{_SCOLDS}|威胁)"
    rf"|(?:{_FORBIDS}).{{0,8}}(?:{_SCOLDS}|叫|喊|歧视)"
    rf"|被.{{0,10}}(?:{_SCOLDS}|叫|喊|追着)"
    rf"|(?:{_SCOLDS})(?:别人|他人|人家|孩子|学生|陌生人|一句|我|他|她|谁|邻居|人(?!渣|妖))"
    r"|没有?(?:人|谁)?(?:说|骂)过?你|对.{1,6}说|(?:张口|开口|动不动|一言不合).{0,4}(?:就|是)"
)
_CONDEMNED = re.compile(
    r"太过分|很过分|不礼貌|不文明|不尊重|不友好|是不对的?|不应该|不合适|很伤|伤人|难受|委屈|恶毒|残忍|投诉|道歉|报警|举报"
)
_MAYBE = re.compile(rf"{_SCOLDS}|威胁|说|叫|喊|歧视")


class Telling:
    """The clauses and quotations of a text, as positions in its squeezed form."""

    def __init__(self, normal: str, tight: str) -> None:
        self.tight = tight
        self.quotes = [(s, e) for s, e in self._quotes(normal) if len(tight) - (e - s) >= _OUTSIDE]
        self.breaks = [0]
        if _BREAK.search(normal):
            for clause in _BREAK.split(normal):
                self.breaks.append(self.breaks[-1] + len(squeezed(clause)))
            if self.breaks[-1] != len(tight):  # a name of the contact app across a break
                self.breaks = [0]

    @staticmethod
    def _quotes(normal: str) -> list[tuple[int, int]]:
        found = []
        for match in _QUOTED.finditer(normal):
            start = len(squeezed(normal[: match.start(1)]))
            found.append((start, start + len(squeezed(match.group(1)))))
        return found

    def tells(self, start: int, end: int) -> bool:
        """Whether the hostile stretch is spoken about."""
        for opened, closed in self.quotes:
            if opened <= start and end <= closed:
                before = self.tight[max(0, opened - REACH) : opened]
                return before == "" or _THROWN.search(before) is None or _TOLD_BEFORE.search(before) is not None
        clause = max(b for b in self.breaks if b <= start)
        before = self.tight[max(clause, start - REACH) : start]
        if _SAID_BY_ME.search(before):
            return False
        return _TOLD_BEFORE.search(before) is not None or (
            _TOLD_BEHIND.search(self.tight[end : end + TAIL + REACH]) is not None
        )


def talks(tight: str) -> bool:
    """Whether somebody tells of, forbids or asks about scolding, whatever the words were."""
    return _MAYBE.search(tight) is not None and _TALK.search(tight) is not None and not _SAID_BY_ME.search(tight)


def condemns(normal: str, tight: str) -> bool:
    """Whether what is quoted or told is called wrong or hurtful."""
    return _CONDEMNED.search(tight) is not None and (
        _TALK.search(tight) is not None or _QUOTED.search(normal) is not None
    )
