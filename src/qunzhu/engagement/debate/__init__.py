"""每周辩论: a topic, two sides, arguments collected from the chat, a vote, a result card, points; and polls.

The clock and staff only ask (debate.asked); consumer `debate` does everything, in the order of the log, one transaction
with its cursor. So a debate has one step at a time whoever asks twice, and what dies in the middle happens again, once.
"""
