"""风控 Risk: keeps the groups in order. The rulebook of governance and risk runs here, message by message.

Hears messages, commands and reports, and what changes the rules themselves (rulebook, keywords, staff, clearances).
Writes decisions; asks for effects (warn, mute, remove, recall, freeze) and cases; appends `decision.made`.
`policy.py` decides (pure), `consumer.py` loads and saves, `services.py` changes keywords and clearances.
"""
