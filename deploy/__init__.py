"""How Riverwalk is run.  One thread of linear algebra a process: a second one would wait for a core in use."""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
