"""优质内容: staff mark a message as quality content and its author gets points; the mark can be taken back.

Hears quality.marked and unmarked, command.posted (优质, 取消优质 as the answer to a message), decision.made,
case.decided and message.recalled. Writes `quality_mark` (a projection), posts the points and says so in the group. What
is punished or taken back later loses the mark and the points.
"""
