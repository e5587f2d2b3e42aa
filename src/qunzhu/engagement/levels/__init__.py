"""等级: how much a member gave the group lately, by quality and by active time, relative to what the group gives.

Consumer `levels` keeps active hours and the levels that the log tells of, and answers 等级. Job `time.levels`
reckons once a day (run.py): figures in one statement, then members in batches; what changes is an event. The
formula stands in docs/chapters/engagement.md.
"""
