"""淘汰机制: days in a row without interaction → tag → human review → observation group (观察群) → back.

`policy.py` counts days (pure), `schedule.py` looks once a day and asks, `consumer.py` keeps who was when here, leaves
and observations (projections), and asks for the moves. Hears messages, commands, check-ins, leaves, decisions on
silent members and what became of a move. Staff are never touched; nobody is moved twice.
"""
