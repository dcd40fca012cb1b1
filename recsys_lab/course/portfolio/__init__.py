"""The portfolio: a repository made of what the learner has done, and nothing else.

    gather.py    what there is: progress, rows on the leader-board, the capstone's score; and what is missing
    diagram.py   how the capstone is made, read off its code
    draw.py      the figures
    texts.py     the generated blocks of README.md and DEMO.md
    page.py      the same as one HTML file
    build.py     write it; a second build keeps what is the learner's
    check.py     the checklist
    command.py   `recsys-lab portfolio`

All numbers go through one file, measured.json: texts, figures and page are made from it, and `check` holds them to it.
"""
