# %% [markdown]
# # Report: ratings from features
#
# Fill in `my_model.py` first; after a change of it, restart the kernel. Then run this notebook, look at its figures, and
# answer the questions below them in your own words: 15 words at least, 100 at most. Write as you would to a colleague
# who must decide whether to ship this.
# %%
import matplotlib.pyplot as plt
import my_model
import numpy as np
import pandas as pd

from recsys_lab.course.project import practice
from recsys_lab.metrics import rmse
from recsys_lab.split import random_split

train, users, items = practice(1)
fit_part, check_part = random_split(train, test=0.2, seed=1)
model = my_model.fit(fit_part, users, items)
check_part["predicted"] = my_model.predict(model, check_part[["user", "item"]])
check_part["error"] = check_part["rating"] - check_part["predicted"]
print(f"RMSE on ratings kept aside here: {rmse(check_part['rating'], check_part['predicted']):.4f}")
# %% [markdown]
# ## 1. What the model knows
# Which features does your model use? Which one helps most, and how do you know?
# %% [markdown] tags=["answer"]
# *Your answer here.*
# %% [markdown]
# ## 2. Is it better than the mean?
# %% tags=["figure"]
mean = fit_part["rating"].mean()
film = check_part["item"].map(fit_part.groupby("item")["rating"].mean()).fillna(mean)
guesses = {"mean of all": np.full(len(check_part), mean), "film's mean": film, "mine": check_part["predicted"]}
fig, ax = plt.subplots(figsize=(6, 3))
ax.barh(list(guesses), [rmse(check_part["rating"], guess) for guess in guesses.values()])
ax.set(title="RMSE of two guesses and of my model: lower is better", xlabel="RMSE (stars)")
plt.show()
# %% [markdown]
# How large is the difference to the film's mean, in stars? Would a user of a site notice it?
# %% [markdown] tags=["answer"]
# *Your answer here.*
# %% [markdown]
# ## 3. For which films is it wrong?
# %% tags=["figure"]
known = check_part["item"].map(fit_part["item"].value_counts()).fillna(0)
group = pd.cut(known, [-1, 0, 5, 20, 50, 100, 1000], labels=["0", "1-5", "6-20", "21-50", "51-100", "over 100"])
by_group = (check_part["error"] ** 2).groupby(group, observed=True).mean() ** 0.5
fig, ax = plt.subplots(figsize=(6, 3))
ax.bar(by_group.index.astype(str), by_group)
ax.set(title="Films with few ratings are hard", xlabel="ratings that the film had in training", ylabel="RMSE (stars)")
plt.show()
# %% [markdown]
# What does your model say about a film that nobody has rated yet? Is that what you want?
# %% [markdown] tags=["answer"]
# *Your answer here.*
# %% [markdown]
# ## 4. Is a predicted four a four?
# %% tags=["figure"]
bins = pd.cut(check_part["predicted"], np.arange(1, 5.01, 0.25), include_lowest=True)
means = check_part.groupby(bins, observed=True)[["predicted", "rating"]].mean()
fig, ax = plt.subplots(figsize=(4, 4))
ax.plot([1, 5], [1, 5], color="grey")
ax.plot(means["predicted"], means["rating"], "o-")
ax.set(title="Predicted and given stars", xlabel="mean prediction", ylabel="mean rating given")
plt.show()
# %% [markdown]
# Where does the curve leave the diagonal, and what would you do about it?
# %% [markdown] tags=["answer"]
# *Your answer here.*
# %% [markdown]
# ## 5. How did you validate?
# Describe your split, and name one leak that you checked for. Why should the grader's number be near yours?
# %% [markdown] tags=["answer"]
# *Your answer here.*
