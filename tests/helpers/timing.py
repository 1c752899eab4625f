"""How long something may take, whatever else the process of the tests has to do."""

import gc
import time
from contextlib import contextmanager


@contextmanager
def within(seconds):
    """Assert that what is done here takes less processor time than this.

    The objects that other tests have left are not looked through for garbage meanwhile: that takes
    seconds in a process that has run thousands of tests.
    """
    gc.freeze()
    started = time.process_time()
    try:
        yield
        spent = time.process_time() - started
    finally:
        gc.unfreeze()
    assert spent < seconds
