"""How the properties are searched: the same examples in every run.

``HYPOTHESIS_PROFILE=hunt`` searches longer and at random, for when a parser was changed.
"""

import os

from hypothesis import HealthCheck, settings

settings.register_profile("repeatable", derandomize=True, deadline=None, max_examples=100)
settings.register_profile(
    "hunt", deadline=None, max_examples=3000, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))
