"""How good and how fast is the library, next to others? `make bench`, or `python -m benchmarks PART`; see __main__.py.

One thread, in this process and in those it starts: set here, before anything imports NumPy.
"""

import os

THREADS = ("OPENBLAS", "OMP", "MKL", "RAYON", "POLARS", "BLIS", "VECLIB")
os.environ.update({f"{name}_NUM_THREADS": "1" for name in THREADS})
os.environ.update({"LK_NUM_PROCS": "1", "LK_NUM_THREADS": "1", "LK_NUM_BACKEND_THREADS": "1"})  # LensKit's own
