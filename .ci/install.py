"""Set up everything the course needs in .venv, once: `python3 .ci/install.py [EXTRA ...]` (default: course).

It makes .venv, installs the project with its extras at the versions of constraints.txt, fetches MovieLens 100K,
and compiles the library's kernels into their cache. Each step says what it does and how long it took.
The parts `airflow` and `deploy` are environments of their own, .venv-airflow at the versions of .ci/airflow.txt, and so on.

This file is written so that any Python can read it: an old one must get as far as the message. environment.py does
the work.
"""

import sys

OLDEST = (3, 11)


def too_old(version):
    """The one line for a Python that is too old, or None."""
    if tuple(version[:2]) >= OLDEST:
        return None
    have, need = (".".join(str(part) for part in parts[:2]) for parts in (version, OLDEST))
    return (
        "RecSys Lab needs Python "
        + need
        + " or newer; "
        + sys.executable
        + " is "
        + have
        + (". Install a newer one and name it: make lab PYTHON=python3.12")
    )


if __name__ == "__main__":
    complaint = too_old(sys.version_info)
    if complaint:
        sys.exit(complaint)
    from environment import main

    sys.exit(main(sys.argv[1:]))
