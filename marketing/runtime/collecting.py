"""How often a process looks for circles among its objects."""

import gc

# A batch makes tens of thousands of small objects that all live until its end: looking through
# them time and again takes a tenth of its time and finds nothing.
_OBJECTS = 100_000


def seldom() -> None:
    """Look once a few batches only; what is loaded by now is never looked at again."""
    gc.freeze()
    gc.set_threshold(_OBJECTS, 20, 20)
