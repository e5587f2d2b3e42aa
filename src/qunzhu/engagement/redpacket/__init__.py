"""红包雨 Red-packet rain: a budget is cut into shares by lot; who is quick gets one.

A packet is planned (by hand, or by lot inside the community's window), opened, grabbed from and closed. Opening moves
the budget to "sys:packet:<id>", every grab moves one share from there to a member, closing gives the rest back; each
is one transaction with its events, under the lock of the packet, so a crash leaves a packet before or after a step.
The cuts follow from a seed: its digest is in the opening event, the seed itself in the closing one.
"""
