"""`make bench`: every measurement in turn."""

from benchmarks import spine

spine.main()
