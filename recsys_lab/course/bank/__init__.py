"""The question bank: questions as interviewers ask them, answers that explain, and what brings them back in time.

`entries.load()` reads and checks all of it, `recsys-lab drill` asks. The questions are in `questions/`, a TOML file a
subject; `schedule` says when one comes back, `record` keeps the answers, `anki` and `page` write them out.
"""
