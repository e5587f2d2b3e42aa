"""How much a message is worth to the group: a score from 0 to 100, made of named parts that sum to it.

Consumer `quality_score` keeps a row per message (`message_score`), a projection of the log. It is worked out from
length and information, from what different people answered, and from what staff said. What was punished counts nothing.
"""
