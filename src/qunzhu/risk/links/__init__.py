"""Short links: where they lead is asked for once, in the background, where the community wants it (off by default).

Hears message.posted, defers a job for each short link not seen before; the job follows the redirects without reading
any page and appends `link.resolved`. From then on the rules read the target too (`risk/watch.py`). Table: `short_link`.
"""
