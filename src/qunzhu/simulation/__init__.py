"""Simulated members: a seed in, a population with personas, rhythms and words out.

Nothing here knows Django or a chapter. `month.py` makes a past month as events for the log, `live.py` posts to a
running receiver. Every simulated member and group carries the mark 模拟, so that nobody takes them for people.
"""
