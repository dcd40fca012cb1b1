"""The exercises and the quiz of each lesson: `e2_2.py` for lesson 2.2. Each defines EXERCISES and QUIZ."""
