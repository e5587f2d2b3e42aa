"""报备: a member asks to post an ad, staff approve it for a window or decline it; the rules then let that ad pass.

Hears command.posted (报备), clearance.requested, granted, declined, withdrawn and ended. Writes `clearance` (a
projection), opens a case for each request and answers the member. What a clearance covers is judged in
`kernel/engine/clearances.py`.
"""
