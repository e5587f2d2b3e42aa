"""任务 Tasks: what members may do for points, as data; progress is a projection of the log.

`tasks.changed` puts the tasks of the blueprint into the log, compiled to units; what happens from there on counts by
them, so that a replay finds the same. A unit counts grounds (a message, a mark, a day); a ground that is taken back
takes a completion back with it.
"""
