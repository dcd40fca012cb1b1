# ---
# lesson:
#   id: "4.1"
#   title: "Matrix factorization and \"SVD\""
#   phase: 4
#   minutes: 90  # a person's time
#   prerequisites: []
#   objectives:
#     - "TODO: a thing the learner can do afterwards"
#     - "TODO"
#     - "TODO"
# ---
# %% [markdown]
# ## What you already know
# TODO: the bridge from backend work. Lead with a picture or a number, not with a definition.
# %%
import matplotlib.pyplot as plt
import numpy as np

from recsys_lab.course import figure_alt, show, start

ex, quiz = start("4.1")
# %% [markdown] instructor=true
# TODO: timing, misconceptions, what to discuss.
# %% [markdown]
# ## TODO: a question
# TODO: the idea, then the maths with every symbol defined, then code that runs, then what it shows.
# %%
fig, ax = plt.subplots()
ax.plot(np.arange(3))
ax.set(title="TODO", xlabel="TODO", ylabel="TODO")
figure_alt(fig, "TODO: what is to be seen.")
# %% exercise="4.1.1"
def answer_1(x):
    """TODO: what to write, with shapes and units."""
    ### BEGIN SOLUTION
    return x  # TODO
    ### END SOLUTION
# %% check="4.1.1"
answer_1_checked = ex("4.1.1").check(answer_1)
# %% exercise="4.1.2"
def answer_2(x):
    """TODO: what to write, with shapes and units."""
    ### BEGIN SOLUTION
    return x  # TODO
    ### END SOLUTION
# %% check="4.1.2"
answer_2_checked = ex("4.1.2").check(answer_2)
# %% exercise="4.1.3"
def answer_3(x):
    """TODO: what to write, with shapes and units."""
    ### BEGIN SOLUTION
    return x  # TODO
    ### END SOLUTION
# %% check="4.1.3"
answer_3_checked = ex("4.1.3").check(answer_3)
# %% [markdown]
# ## From scratch, then the library
# TODO: compare with recsys_lab and with the reference library, and print the difference.
# %%
show(difference=0.0)  # TODO
# %% [markdown]
# ## Quiz
# %%
quiz()
# %%
quiz.check({1: ..., 2: ..., 3: ...})
# %% [markdown]
# ## In production
# TODO: how large companies do it, with source.
# %% [markdown]
# ## In the interview
# TODO: one question that this lesson answers, and the outline of a good answer.
# %% [markdown]
# ## Take-aways
# - TODO
#
# ## Further reading
# - TODO: the primary source, with year and section.
