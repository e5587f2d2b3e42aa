"""Chapter 7 数据: targets, funnel and benchmarks."""

from msgspec import field

from qunzhu.kernel.blueprint.fields import Count, Days, Minutes, Percent, Positive, Section, TimeOfDay, Weekday


class AnalyticsBenchmarks(Section, frozen=True, kw_only=True):
    groups_reaching_messages: Percent = 81
    quality_share: Percent = 38
    funnel_reached: Percent = 67


class Analytics(Section, frozen=True, kw_only=True):
    """金字塔: thresholds of health; below them an alert is raised."""

    messages_per_day: Count = 120
    quality_share: Percent = 35
    funnel_layers: Positive = 4
    retention_days: Days = 7
    quiet_alarm: Minutes = 15  # no event at all for that long while a connector is up
    weekly_report_day: Weekday = "mon"
    weekly_report_at: TimeOfDay = "09:00"
    benchmarks: AnalyticsBenchmarks = field(default_factory=AnalyticsBenchmarks)
