"""回测 Backtest: what a rulebook would have decided on recorded history. In memory: nothing is sent, nothing written.

`replay.py` goes through the log with the very `Order` of the live consumer, `compare.py` (pure) sets two sets of hits
against each other, `verdicts.py` reads what people thought of them, `run.py` puts the three together.
"""
