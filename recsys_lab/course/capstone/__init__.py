"""The capstone: a project of the learner's own, from data to demo page, and the rubric that it is scored by.

    new.py        write a project from template/, which runs as it is
    subjects.py   what it is about: the data that are cut, and what counts as found
    bench.py      a copy of a project in a clean environment: installed, trained, asked for lists, each once
    score.py      the rubric, and which check fills in which line
    checks/       the checks: building.py, judging.py, serving.py, testing.py, papers.py, safety.py
    command.py    `recsys-lab capstone`

A project is judged by its commands (template/README.md lists them), by `create_app` of its service.py, and by the three
functions of its model.py into which mistakes are planted. What is behind them is the learner's own.
"""
