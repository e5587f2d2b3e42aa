"""荣誉 Honours: the weekly contribution list, its TOP 10 with a picture, badges, the hall of fame.

Consumer `honours` keeps `honour_week` (points earned, by member and local week) and `honour_count` (what badges count)
from the log, so that a list or a rank is one walk along an index. Job `time.honours` closes a week once, in one
transaction: the event honour.closed and the announcements are there together or not at all.
"""
