"""Our torch code: attention over packed segments, the training loss, and weight files that are safe to load.

Nothing is imported here: the words of the room's errors must be readable where torch is not installed.
"""
