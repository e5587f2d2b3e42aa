"""THE list of who hears what. A chapter joins the product by adding its consumer here."""

from qunzhu.analytics.consumer import CONSUMER as ROLLUPS
from qunzhu.engagement.challenge.consumer import CONSUMER as CHALLENGE
from qunzhu.engagement.consumer import CONSUMER as ENGAGEMENT
from qunzhu.engagement.debate.consumer import CONSUMER as DEBATE
from qunzhu.engagement.honours.consumer import CONSUMER as HONOURS
from qunzhu.engagement.levels.consumer import CONSUMER as LEVELS
from qunzhu.engagement.mall.consumer import CONSUMER as MALL
from qunzhu.engagement.quality.consumer import CONSUMER as QUALITY_SCORE
from qunzhu.engagement.redpacket.consumer import CONSUMER as REDPACKET
from qunzhu.engagement.tasks.consumer import CONSUMER as TASKS
from qunzhu.governance.clearance.consumer import CONSUMER as CLEARANCE
from qunzhu.governance.consumer import CONSUMER as GOVERNANCE
from qunzhu.governance.elimination.consumer import CONSUMER as ELIMINATION
from qunzhu.governance.quality.consumer import CONSUMER as QUALITY
from qunzhu.kernel.community.consumer import CONSUMER as MEMBERSHIP
from qunzhu.kernel.effects.consumer import CONSUMER as CONFIRMATIONS
from qunzhu.kernel.events.runner import Consumer
from qunzhu.kernel.events.seal import CONSUMER as SEAL
from qunzhu.risk.breaker.consumer import CONSUMER as BREAKER
from qunzhu.risk.consumer import CONSUMER as ORDER
from qunzhu.risk.incident.consumer import CONSUMER as INCIDENT
from qunzhu.risk.learning import CONSUMER as LEARNING
from qunzhu.risk.links.consumer import CONSUMER as LINKS

CONSUMERS: tuple[Consumer, ...] = (
    MEMBERSHIP,  # kernel: who is in which group, and in what state
    ORDER,  # risk: runs the rulebook on messages and reports; decides, asks for effects
    BREAKER,  # risk: raids: freezes the group first, asks after
    INCIDENT,  # risk: red cases: freeze, evidence, close, rebuild, invite, announce
    GOVERNANCE,  # penalties, strikes and reports as people see them; 举报 and 帮助
    LEARNING,  # risk: what people decided, as each rule's record and as lessons for the scores
    LINKS,  # risk: where short links lead, where the community wants to know
    CLEARANCE,  # 报备: requests, windows, answers
    ELIMINATION,  # 淘汰: who was when here, leaves, silent members and their way back
    QUALITY,  # 优质内容: marks of staff, and the points for them
    ENGAGEMENT,  # 签到, 补签 and 积分
    TASKS,  # 任务: progress, points, newcomer path
    MALL,  # 兑换: orders of the points mall
    CHALLENGE,  # 挑战 and 打卡: stakes, proofs, buddies
    QUALITY_SCORE,  # 质量分: what each message is worth
    LEVELS,  # 等级: active hours, levels as the log has them, 等级 in the group
    REDPACKET,  # 抢: shares of red packets
    DEBATE,  # 辩论 and 投票: arguments, votes, results, polls
    HONOURS,  # 排行榜 and 徽章: contributions by week, badges
    ROLLUPS,  # analytics: hours and days
    CONFIRMATIONS,  # kernel: what people do by hand on a platform ends the tasks that asked for it
    SEAL,  # black box: blocks, chain, signature
)
