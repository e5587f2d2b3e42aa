"""Reading messages: one normal form, keywords, links, and named reasons why a text looks like an ad.

`reading.Reading` is what the rules use: each part is worked out when it is asked for, and once.
"""
