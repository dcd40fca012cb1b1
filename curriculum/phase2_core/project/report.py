# %% [markdown]
# # Report: a recommender
#
# Fill in `my_recommender.py` first; after a change of it, restart the kernel. Then run this notebook, look at its
# figures, and answer the questions below them in your own words: 15 words at least, 100 at most.
# %%
import matplotlib.pyplot as plt
import my_recommender
import numpy as np
import pandas as pd

from recsys_lab import ItemKNN, Popularity
from recsys_lab.course.project import practice
from recsys_lab.evaluate import hit_table
from recsys_lab.metrics import ndcg
from recsys_lab.split import per_user_split

train, _, items = practice(2)
fit_part, check_part = per_user_split(train, test=0.2, seed=1)
model = my_recommender.fit(fit_part, items)
people = sorted(check_part["user"].unique())
lists = {
    "most rated": Popularity().fit(fit_part).recommend(people),
    "item k-NN": ItemKNN().fit(fit_part).recommend(people),
    "mine": my_recommender.recommend(model, people, 10),
}
liked = check_part[check_part["rating"] >= 4]
scores = pd.DataFrame({name: ndcg(*hit_table(made, liked, people, 10)) for name, made in lists.items()}, index=people)
print(scores.mean().round(4).to_string())
# %% [markdown]
# ## 1. What the model does
# Which model did you choose, and what did you try that was worse?
# %% [markdown] tags=["answer"]
# *Your answer here.*
# %% [markdown]
# ## 2. Is it better?
# %% tags=["figure"]
means = scores.mean()
spread = 1.96 * scores.std() / np.sqrt(scores.count())
fig, ax = plt.subplots(figsize=(6, 3))
ax.barh(means.index, means, xerr=spread)
ax.set(title="nDCG@10 on ratings kept aside here, with 95 % intervals", xlabel="nDCG@10")
plt.show()
# %% [markdown]
# Two intervals that overlap do not settle a difference. Which comparison does, and what does it say here?
# %% [markdown] tags=["answer"]
# *Your answer here.*
# %% [markdown]
# ## 3. Whom does it serve badly?
# %% tags=["figure"]
busy = fit_part["user"].value_counts().reindex(people)
quarter = pd.qcut(busy, 4, labels=["fewest ratings", "second", "third", "most ratings"])
by_quarter = scores.groupby(quarter, observed=True).mean()
fig, ax = plt.subplots(figsize=(6, 3))
ax.plot(by_quarter.index.astype(str), by_quarter, "o-", label=list(by_quarter))
ax.legend()
ax.set(title="Users in four groups by the number of their ratings", ylabel="nDCG@10")
plt.show()
# %% [markdown]
# For which group is your model worst? Name one reason, and one thing that you would try.
# %% [markdown] tags=["answer"]
# *Your answer here.*
# %% [markdown]
# ## 4. How much of the catalogue does anybody see?
# %% tags=["figure"]
fig, ax = plt.subplots(figsize=(6, 3))
for name, made in lists.items():
    shown = made["item"].value_counts().to_numpy()
    ax.plot(np.arange(1, len(shown) + 1), np.cumsum(shown) / shown.sum(), label=f"{name}: {len(shown)} films")
ax.legend()
ax.set(title="What share of all places the most shown films take", xlabel="films, most shown first", ylabel="share")
ax.set_xscale("log")
plt.show()
# %% [markdown]
# How many different films does each model show? What would you tell the owner of a small film about it?
# %% [markdown] tags=["answer"]
# *Your answer here.*
# %% [markdown]
# ## 5. Newcomers
# What does a stranger get, what somebody with five ratings? Look at the two lists; would you show them?
# %% [markdown] tags=["answer"]
# *Your answer here.*
