"""A recommender from data to demo page. `python -m myrec --help` lists what it can do.

    data.py      which data, and how they are divided
    recipe.py    which model: the file to change
    model.py     train, recommend, save, load: what everything else calls
    pipeline.py  train, judge against the champion, publish
    service.py   the service and its page
    report.py    the numbers of README.md and MODEL_CARD.md

Imports run one way, from the top of this list to its end.
"""
