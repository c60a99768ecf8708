"""The cyclic garbage collector in a process that serves for months: it looks only at what is new, and not all the time.

What a webhook or an event is made of holds no cycles and is freed by counting references. At its defaults the
collector goes through the dicts of a batch again and again while they are in use, for about a tenth of the time.
"""

import gc

NEW_OBJECTS = 50_000  # between two looks; some megabytes at most


def freeze_startup_objects() -> None:
    """Call once, when what lives as long as the process has been made."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(NEW_OBJECTS)
