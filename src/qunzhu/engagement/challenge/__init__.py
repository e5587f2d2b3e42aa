"""打卡挑战: members stake points on doing something every day; who does shares what the others lose.

Consumer `challenge` hears command.posted (挑战, 打卡 …, 打卡通过, 打卡不通过). Job time.challenges opens the first
day and settles after the last. Stakes lie in `sys:challenge:<id>`; every exit empties it exactly.
"""
