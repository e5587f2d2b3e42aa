"""What every benchmark shares: a scratch installation of its own, made-up messages, and how a figure is printed."""

import os
import random
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

# What messages are made of: clauses as a working group writes them, so that ordinary text looks ordinary.
WHO, WHEN, HOW, DOES, WHAT, ENDS = (
    line.split()
    for line in (
        "我 你 他 她 我们 大家 老师 经理 客户 同事 领导 小李 老王 张姐 新人 谁 财务那边 群主 有人 他们组",
        "今天 明天 昨天 刚才 下午 晚上 周五 这周 月底 上个月 早上 一会儿 中午 回头 过年前 三点半 8点 十分钟后",
        "已经 还没 正在 打算 可能 应该 一定 顺便 赶紧 慢慢 也 都 又 再 先 马上 尽量 终于 差点 居然",
        (
            "看 改 发 写 做 交 讨论 整理 修改 确认 检查 提交 准备 下载 打印 翻译 分析 学习 复习 预约 取消 联系"
            " 通知 催 汇总 拒绝 批准 转发 备份 收藏 解释 更新"
        ),
        (
            "报告 方案 合同 表格 资料 会议纪要 简历 课程 作业 PPT 数据 图表 邮件 流程 预算 进度 需求 接口 文档"
            " 稿子 海报 通知 名单 发票 快递 会议室 午饭 机票 车票 样品 报价 笔记 书单 视频 录屏 截图 模板 周报"
            " OKR 绩效 工资条 社保 请假条 账号 密码 软件 服务器"
        ),
        "了 吧 吗 呢 啊 哈哈 。 ， ？ ！ 嗯 哦 … 呀 谢谢 辛苦了 收到 好的 没问题 不太懂 怎么弄 有点难 太贵了 真不错",
    )
)
WORDS_SEED = 20_261
START = datetime(2026, 11, 23, 0, 30, tzinfo=UTC)


def shipped() -> dict[str, Any]:
    """Rules and settings as a new community gets them: those of the blueprint that is shipped."""
    from qunzhu.kernel.blueprint.loader import load

    blueprint = load(Path(__file__).parent.parent / "blueprints/workplace-knowledge.yaml").data
    return {"rules": list(blueprint["rules"]), "settings": {"zone": "Asia/Shanghai"}}


@contextmanager
def scratch_home() -> Iterator[Path]:
    """A fresh installation with its own PostgreSQL in a short path; removed afterwards."""
    home = Path(tempfile.mkdtemp(prefix="qzb-", dir="/tmp"))
    home.chmod(0o755)
    os.environ["QUNZHU_HOME"] = str(home)
    os.environ.pop("DATABASE_URL", None)
    try:
        yield home
    finally:
        from qunzhu.kernel.database import stop_embedded

        stop_embedded(home / "pg")
        shutil.rmtree(home, ignore_errors=True)


def set_up() -> None:
    """Django, and an empty migrated database, in the scratch home."""
    from qunzhu.kernel.bootstrap import setup_django

    setup_django()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)


def keyword_list(count: int = 50_000) -> list[str]:
    """`count` different made-up words of 2–6 rare characters, so that they hit about as seldom as a real library."""
    draw = random.Random(WORDS_SEED)
    words: set[str] = set()
    while len(words) < count:
        words.add("".join(chr(draw.randrange(0x4E00, 0x9FA5)) for _ in range(draw.choice((2, 3, 3, 4, 4, 5, 6)))))
    return sorted(words)


def texts(count: int, seed: int = 7) -> list[str]:
    """`count` chat messages of one to six clauses (4–80 characters); 4 % carry a link, 1 % sound like an ad."""
    draw = random.Random(seed)
    result = []
    for _ in range(count):
        clauses = []
        for _ in range(min(6, 1 + int(draw.expovariate(1.1)))):
            parts = [draw.choice(DOES), draw.choice(WHAT), draw.choice(ENDS)]
            for more in (HOW, WHO, WHEN):
                if draw.random() < 0.6:
                    parts.insert(0, draw.choice(more))
            clauses.append("".join(parts))
        text = draw.choice(("，", "。", " ", "")).join(clauses)
        roll = draw.random()
        if roll < 0.04:
            text += f" https://example.com/p/{draw.randrange(400)}?utm_source=wx"
        elif roll < 0.05:
            text += f" 优惠代理加微信 vx{draw.randrange(10**6):06d}"
        result.append(text)
    return result


def spread(count: int, seconds: int = 36_000) -> list[datetime]:
    """`count` instants in order over a working day, as messages come."""
    step = timedelta(seconds=seconds / count)
    return [START + step * n for n in range(count)]


def rate(work: str, count: int, seconds: float) -> float:
    """Print one figure and return it, in events a second."""
    per_second = count / seconds
    print(f"{work:<58} {per_second:>12,.0f} /s   ({seconds:.2f} s)")
    return per_second


def percentile(values: list[float], share: float) -> float:
    """The value below which `share` of the values lie."""
    return statistics.quantiles(values, n=1000, method="inclusive")[round(share * 1000) - 1]


@contextmanager
def clocked() -> Iterator[list[float]]:
    """Yields a list that receives the elapsed seconds."""
    out: list[float] = []
    begun = time.perf_counter()
    yield out
    out.append(time.perf_counter() - begun)
