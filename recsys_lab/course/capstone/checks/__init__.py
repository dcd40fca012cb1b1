"""The checks of the capstone's rubric: each takes a Bench, and gives what was found or raises Lost."""
