"""What every test shares."""

from hypothesis import settings

# Machines are shared and numba compiles on first use: no test judges time.
settings.register_profile("hepy", deadline=None)
settings.load_profile("hepy")
