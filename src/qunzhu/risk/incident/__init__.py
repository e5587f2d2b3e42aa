"""The red incident (红色预警): freeze, evidence, close, rebuild, invite, announce; one checklist, each step once.

Hears red cases and their decisions; its own state is folded from the log. A step is carried out in the transaction
that writes it down, so that a crash at any moment leaves a checklist that goes on where it stood.
"""
