# ---
# lesson:
#   id: "4.4"
#   title: "Neural recommenders"
#   phase: 4
#   minutes: 240
#   prerequisites: ["1.3", "1.5", "2.6"]
#   objectives:
#     - "Say what an embedding is, and compute its gradient by hand and by PyTorch"
#     - "Count what a score costs when a network joins user and item, and when a dot product does"
#     - "Train two towers with in-batch negatives, correct them for popularity, and find the leak that ruins them"
#     - "Write causal self-attention, and serve a trained transformer with NumPy alone"
#     - "Judge a neural result: tuned rivals, the same information on both sides, the full catalogue, intervals"
# ---
# %% [markdown]
# ## What you already know
#
# A neural recommender sounds like a new world. For a backend developer, much of it is familiar furniture:
#
# | in your backend | in this lesson |
# |---|---|
# | a lookup table with an integer key and a fixed-width row | an embedding |
# | a join that must run for every pair | a network that takes user and item together |
# | two services that share nothing but a message format | two towers, joined by one dot product |
# | comparing a request with the other requests of the same batch, since they are in memory anyway | in-batch negatives |
# | replaying an event stream, one consumer never ahead of the log | causal self-attention |
# | a benchmark of your tuned system against the rival's defaults | too many published comparisons |
#
# You will train three models that everybody asks about in interviews: NeuMF, a two-tower model, and SASRec, a small
# transformer. Each takes seconds. Then comes the question that the lesson is really about: **do they win?** The answer is not
# "yes", and not "no" either. It is "against what, at which question, and given which information?"
#
# **Before you start.** Phase 4 needs packages of its own, PyTorch among them. If the first cell complains, end JupyterLab
# and run `make lab PHASE=4`, once. No graphics card is needed; where PyTorch finds one, the library's models use it.
#
# %% [markdown] instructor=true
# **Timing (240 minutes alone; two sessions of 120 in class).** Session one: sections 1 to 4 with exercises 1 to 3. Session two:
# sections 5 to 8 with exercises 4 to 6, then the quiz. The interview question makes a good closing round.
#
# **Prepare.** Let everybody write down, before section 1, which of EASE, matrix factorization, NeuMF, two-tower and SASRec will
# make the best top ten on MovieLens 100K, and by how much. Collect the slips; open them in section 6.
# %%
from recsys_lab.course.environment import needs

needs("phase4")  # `make lab PHASE=4` brings what this phase needs

import copy

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from scipy import sparse, stats

from recsys_lab import EASE, ImplicitALS, ItemItem, datasets
from recsys_lab.course import PALETTE, figure_alt, leaderboard, my_ratings, show, start
from recsys_lab.evaluate import compare, evaluate_ranking
from recsys_lab.production.neural import NeuMF, SASRec, TwoTower
from recsys_lab.split import leave_last, random_split

ex, quiz = start("4.4")
torch.set_num_threads(1)  # sums in a fixed order: the same numbers in each run
# %% [markdown]
# ## 1. The bar
#
# Lesson 2.6 ended with a list of rankers that know only who liked what. Here they are again, with those of 4.1 and 4.2, all judged
# on the same hidden fifth of MovieLens 100K. A rating of four stars or more is a choice, and every film competes.
# %%
data = datasets.load("ml-100k")
films = my_ratings.shelf(data)
train, test = leaderboard.split()

board = leaderboard.show("4.2").sort_values("ndcg@10", ascending=False)
bar = board[board["rmse"].isna() | (board["model"] == "most rated films")]
bar[["lesson", "model", "ndcg@10", "ndcg@10 low", "ndcg@10 high"]].reset_index(drop=True).round(2)
# %% [markdown]
# EASE is one matrix inverse, implicit ALS ten rounds of small ridge regressions. Both have been tuned, on other splits than this
# one. Remember how wide the intervals are: less than 0.02 between two models says little by itself. We will pair them by user.
#
# %% [markdown]
# ## 2. An embedding is a table
#
# Every model of this lesson begins with a matrix of numbers, one row for each film. Looking up row $i$ is called *embedding* film
# $i$, and the rows are learned. Matrix factorization did just that; the new thing is who computes the gradient. Take the smallest
# case, one choice of film 2 by a user with the vector `p`, and as its loss minus the logarithm of the chance that the model gave
# it: $-\ln \sigma(p \cdot q_2)$, with $\sigma(x)$ the logistic function of lesson 2.6.
# %%
table = torch.tensor([[0.2, -0.1], [0.4, 0.3], [-0.5, 0.8], [0.1, 0.9]], requires_grad=True)  # four films
p = torch.tensor([1.0, 0.5])
loss = -torch.log(torch.sigmoid(table[2] @ p))
loss.backward()  # fills table.grad

doubt = 1 / (1 + np.exp(-0.1))  # sigma(-x) with x = p . q_2 = -0.1: how wrong the model still is
by_hand = np.zeros((4, 2))
by_hand[2] = -doubt * np.array([1.0, 0.5])
show({"difference to the gradient by hand": np.abs(table.grad.numpy() - by_hand).max().round(6)})
show(pd.DataFrame(table.grad.numpy(), columns=["first", "second"]), digits=3)
# %% [markdown]
# `loss.backward()` walked back through the computation, and it agrees with paper. Only the row that was looked up has a gradient;
# the other films did not take part. That is all there is to PyTorch here: you write the loss, it finds the slopes. So the price of
# trying another formula falls from a page of derivatives to one line. This is the real reason for the flood of neural models,
# and, as you will see, also a reason for its quality.
#
# The optimiser of all three models is **Adam**, which divides each number's step by the size of its recent gradients. A film with
# few choices gets few steps, but not smaller ones.
#
# %% [markdown] instructor=true
# **Timing.** Sections 1 and 2: 25 minutes.
#
# **Misconception.** "An embedding layer is a kind of network": it is an array and an index. Multiplying a one-hot vector by the
# matrix gives the same row, a thousand times slower.
#
# **To discuss.** Why does a row that was not looked up still move a little under Adam with decay? (The decay shrinks all rows.)
# %% [markdown]
# ## 3. NeuMF: a network joins user and item
#
# The dot product looks arbitrary. Why should taste be a sum of products? *Neural collaborative filtering* (He et al. 2017) proposed to
# learn the function that joins user and item. Its model NeuMF gives each user two vectors, $p_u$ and $p'_u$, and each item two, $q_i$
# and $q'_i$. The first pair, of $k$ numbers each, is multiplied factor by factor, as before, and each product gets a weight $h_f$. The second
# pair is put side by side, as one vector $z_{ui}$ of $2 k$ numbers, and goes through a network. With a number $b_i$ for each item, the score is
#
# $$x_{ui} = \sum_{f=1}^{k} h_f\, p_{uf}\, q_{if} + \text{net}(z_{ui}) + b_i$$
#
# The network has two layers, with weights $W_1$ and $W_2$ and shifts $b_1$ and $b_2$. Each ends in $\text{relu}$, which
# replaces negative numbers by 0; without it, two layers would be one. A last row of weights $h'$ makes one number of the result:
#
# $$\text{net}(z) = h' \cdot \text{relu}(W_2^\top \text{relu}(W_1^\top z + b_1) + b_2)$$
#
# It is trained like a spam filter: a logistic regression that tells choices (1) from four times as many random blanks (0). Lesson 2.6
# explained why there must be blanks.
# %%
neumf = NeuMF(threshold=4).fit(train)
print({name: weights.shape for name, weights in neumf.w_.items()})
# %% [markdown]
# Count the first four: some 330,000 numbers, learned from 44,000 choices. It could learn them by heart. What prevents that is the
# parameter `decay`, which shrinks all weights a little at each step. It was chosen on a validation part, and had to be a hundred
# times stronger than the default of PyTorch's `AdamW`.
#
# Now look at the formula with an engineer's eye. In matrix factorization the user's and the item's side meet in a dot product. Here they
# meet at the *entrance* of a network.
# %% exercise="4.4.1"
# multiplications; "seconds" for one user and a million items at 20 billion multiplications a second
costs = {}
### BEGIN SOLUTION
# p * q, the first layer from 128 to 32, the second from 32 to 16, the weights h and h'
whole = 64 + 128 * 32 + 32 * 16 + 80
costs = {"dot": 64, "neumf": whole, "halves": 64 + 32 * 16 + 80, "seconds": whole * 1_000_000 / 20e9}
### END SOLUTION
# %% check="4.4.1"
costs_checked = ex("4.4.1").check(costs)
# %% [markdown]
# And is it worth it?
# %%
judged = {
    "EASE": leaderboard.judge(EASE(threshold=4).fit(train)),
    "implicit ALS": leaderboard.judge(ImplicitALS(threshold=4).fit(train)),
    "NeuMF": leaderboard.judge(neumf),
}


def against(results, name, metric="ndcg@10"):
    """Every model's metric, its difference to one of them with a 95 % interval paired by user, and who is better."""
    table = compare(results, metric=metric, against=name).set_index("model")
    out = pd.DataFrame({metric: {model: result[metric].mean for model, result in results.items()}})
    out = out.join(table[["difference", "low", "high", "better"]]).fillna({"better": ""})
    return out.round(3)


against(judged, "implicit ALS")


# %% [markdown]
# NeuMF is clearly worse than matrix factorization with the same kind of data. This is not what the paper's tables say. Rendle and
# others (2020) repeated them: with a well-chosen regularisation, the plain dot product beat the network on the paper's own data sets.
# They also showed *why* it is hard: a network that sees two vectors side by side must first learn what a product is, and needs a lot
# of data and width for that. The dot product is not an arbitrary choice that a network can improve upon; it is knowledge that the
# network lacks.
#
# (Our network is small and trained for seconds. A larger one, trained longer, may come closer. The question is what you buy with it.)
#
# %% [markdown] instructor=true
# **Timing.** 35 minutes with the exercise.
#
# **Misconceptions.** "A network can represent any function, so it includes the dot product": representing is not learning. "NeuMF
# contains MF, so it cannot be worse": it contains it on the training data; the rest of the network can still overfit.
#
# **To discuss.** Where would a network that sees user and item together be worth its price? (In the ranking stage, on a few hundred
# candidates, with features: lesson 4.5.)
# %% [markdown]
# ## 4. Two towers
#
# Keep the dot product, and put the networks where they are cheap: one on each side. One tower turns what is known of a *user* into a
# vector, the other what is known of an *item*. Items do not change between requests, so their vectors are computed beforehand and
# searched by an index. This is how large services retrieve candidates, and lesson 4.5 builds the index.
#
# What is known of a user? In NeuMF, a row number. Here, their history: the mean of a vector $e_j$ over the items $j$ in
# $H_u$, the set of what $u$ chose. A new user has a history after the first click, and so a vector without any training. With
# $\text{unit}$ for dividing a vector by its length, and $q_i$ the vector of item $i$:
#
# $$h_u = \frac{1}{|H_u|} \sum_{j \in H_u} e_j \qquad\qquad s_{ui} = \frac{\text{unit}(h_u) \cdot \text{unit}(q_i)}{\tau}$$
#
# The **temperature** $\tau$ (a small number, here 0.15) stretches the cosine, which alone never exceeds 1. In a real service the
# towers also read age, country, genre, text, and have layers in between; the library's `TwoTower` offers one layer on the user's side,
# and we will see what it adds.
#
# ### Negatives for free
#
# To learn, each choice needs items that were not chosen. A batch of 512 choices holds 512 users and 512 items, whose vectors have just been
# computed. Multiply all with all: a table of 512 x 512 scores, with the right answers on the diagonal. Every other item in the row is a
# negative, and it cost nothing. The loss is that of a classifier which has to name the right item. A *softmax* turns the scores of a row
# into shares that add up to 1: each score becomes $e$ to its power, divided by the sum of all. The loss is minus the logarithm of the
# right item's share. With $B$ the batch's size, row $b$ its $b$-th choice, and $l_{bj}$ the score of item $j$ in that row,
#
# $$L = -\frac{1}{B} \sum_{b=1}^{B} \ln \frac{e^{l_{bb}}}{\sum_{j=1}^{B} e^{l_{bj}}}$$
#
# But these are not fair negatives. *Star Wars* is chosen hundreds of times as often as a rare film, so it stands in nearly
# every batch, and is pushed down by everybody who did not choose it. A film that is in the data only once stands in one
# batch an epoch. The cure (Yi et al. 2019) is to take off the logarithm of how often an item is drawn, $Q_j$, its share of all choices, while
# training:
#
# $$l_{bj} = s_{bj} - \ln Q_j$$
#
# When a recommendation is made, the score is $s$, without it.
# %% exercise="4.4.2"
def batch_loss(s, q, chosen_too):
    """The loss L of a batch, a float: the corrected softmax with the right answers on the diagonal.

    s: scores (B, B), row b is the user of choice b, column j the item of choice j.
    q: (B,) how often each item is drawn, above 0. chosen_too: (B, B) True where the entry must add nothing.
    """
    ### BEGIN SOLUTION
    weights = np.where(chosen_too, 0, np.exp(s - np.log(q)))
    return -np.mean(np.log(np.diag(weights) / weights.sum(axis=1)))
    ### END SOLUTION


# %% check="4.4.2"
batch_loss_checked = ex("4.4.2").check(batch_loss)
# %% [markdown]
# **From scratch, then the library.** Your function against PyTorch's own `cross_entropy`, on scores for a real batch from the
# library's model:
# %%
corrected = TwoTower(threshold=4).fit(train)
choices = train.positives(4).tocoo()
share = np.bincount(choices.col, minlength=train.n_items) / choices.nnz

batch = np.random.default_rng(0).choice(choices.nnz, 512, replace=False)
users, items = choices.row[batch], choices.col[batch]
s = corrected.u_[users] @ corrected.v_[items].T / corrected.temperature
also = train.positives(4)[users].toarray()[:, items] > 0
np.fill_diagonal(also, False)
with_torch = torch.tensor(s - np.log(share[items])).masked_fill(torch.tensor(also), -torch.inf)
with_torch = torch.nn.functional.cross_entropy(with_torch, torch.arange(512))
gap = abs(float(with_torch) - batch_loss_checked(s, share[items], also))
show({"difference to PyTorch": round(gap, 9), "entries that are no negatives, per row": also.sum() / 512}, digits=2)
# %% [markdown]
# Nearly a fifth of each row, 95 entries of 512, would have been wrong negatives: popular films that the user chose, too.
#
# Does the correction matter? Fit the same model without it, and compare.
# %%
uncorrected = TwoTower(threshold=4, logq=False).fit(train)
judged["two towers"] = leaderboard.judge(corrected)
judged["two towers, uncorrected"] = leaderboard.judge(uncorrected)
against({name: judged[name] for name in ("implicit ALS", "two towers", "two towers, uncorrected")}, "two towers")
# %% [markdown]
# One logarithm more than doubles the quality. No other line in this lesson has an effect of that size, and no error message tells you that
# it is missing: the uncorrected loss falls as nicely. Here is what the two recommend:
# %%
rank_of_film = films["ratings"].rank(ascending=False).to_dict()
groups = ["the 50 most rated", "51 to 200", "201 to 500", "the rest"]
everybody = list(train.users.ids)
parts = {}
for name, model in {"EASE": EASE(threshold=4).fit(train), "corrected": corrected, "uncorrected": uncorrected}.items():
    rank = model.recommend(everybody, n=10)["item"].map(rank_of_film)
    parts[name] = pd.cut(rank, [0, 50, 200, 500, 2000], labels=groups).value_counts(normalize=True)[groups]

fig, ax = plt.subplots()
left = np.zeros(3)
for group, colour in zip(groups, PALETTE):
    width = np.array([round(100 * part[group]) for part in parts.values()])
    ax.barh(list(parts), width, left=left, color=colour, label=group)
    left += width
ax.set(xlabel="per cent of all recommended films", ylabel="model", xlim=(0, 100))
ax.set_title("Without the correction, the towers recommend what hardly anybody knows")
ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.15), ncols=4)
figure_alt(fig, "Shares of the lists by popularity. Uncorrected: few of the 50 most rated films, many beyond rank 200.")
# %% [markdown]
# The uncorrected model does what it was told: find films that this user likes *more than others do*. That is a fine list of
# curiosities. As an answer to "what will they choose?" it is wrong.
#
# ### A splendid loss
#
# A colleague trains such towers in an evening, in thirty lines of plain PyTorch. Here they are: the whole training loop, with the
# mean of the history left open. `x` has one row of zeros and ones for each choice of the batch, all that its user chose.
# %%
X = torch.tensor(train.positives(4).toarray(), dtype=torch.float32)
log_q = torch.tensor(np.log(np.maximum(share, 1e-9)), dtype=torch.float32)


def train_towers(mean_of_history, epochs=4, k=32):
    rng = np.random.default_rng(0)
    e, q = (torch.tensor(rng.normal(0, 0.1, (train.n_items, k)).astype(np.float32)) for _ in range(2))
    adam = torch.optim.Adam([e.requires_grad_(), q.requires_grad_()], lr=0.005)
    for _ in range(epochs):
        losses = []
        for place in np.array_split(rng.permutation(choices.nnz), choices.nnz // 512):
            x, i = X[choices.row[place]], torch.tensor(choices.col[place])
            u = torch.nn.functional.normalize(mean_of_history(x, e, i))
            v = torch.nn.functional.normalize(q[i])
            l = (u @ v.T / 0.15 - log_q[i]).masked_fill((x[:, i] > 0) & ~torch.eye(len(i), dtype=bool), -torch.inf)
            loss = torch.nn.functional.cross_entropy(l, torch.arange(len(i)))
            adam.zero_grad()
            loss.backward()
            adam.step()
            losses.append(loss.item())
    served = copy.copy(corrected)  # the library's model, with these vectors in place of its own
    served.u_ = torch.nn.functional.normalize(X @ e).detach().numpy().astype(float)
    served.v_ = torch.nn.functional.normalize(q).detach().numpy().astype(float)
    return {"loss at the end": np.mean(losses), "nDCG@10": leaderboard.judge(served)["ndcg@10"].mean}


def colleagues_mean(x, e, i):
    return x @ e / x.sum(axis=1, keepdim=True)


colleague = train_towers(colleagues_mean)
show(colleague, digits=2)


# %% [markdown]
# The loss is good, and better than it should be: there is a leak in this code. It is not in the loop, and no test part is involved. Ask what the model knows when it is trained and will
# not know in production.
# %% exercise="4.4.3"
def histories(x, e, items):
    """For each choice of a batch, the mean of e over the history: (B, k).

    x: (B, n_items) zeros and ones, all that the user of each choice chose. e: (n_items, k).
    items: (B,) the column of the item that each row is asked for; x is 1 there.
    """
    ### BEGIN SOLUTION
    others = x.sum(axis=1, keepdims=True) - 1
    return (x @ e - e[items]) / np.maximum(others, 1)
    ### END SOLUTION


# %% check="4.4.3"
histories_checked = ex("4.4.3").check(histories)


# %% [markdown]
# The same loop with the item left out of its own history:
# %%
def honest_mean(x, e, i):
    return (x @ e - e[i]) / (x.sum(axis=1, keepdim=True) - 1).clamp(min=1)


honest = train_towers(honest_mean)
show(pd.DataFrame({"with the leak": colleague, "without": honest}), digits=2)
# %% [markdown]
# A worse loss and a better model. You have met the rule before: it is EASE's one condition, that no film may vote for itself (lesson
# 2.6). Here the leak is mild, since one film among fifty in a mean is hard to see; with histories of three films it would be all there is.
# The library's `TwoTower` goes further: at each step it also leaves out a random half of the rest, so that no single film
# can carry the answer.
#
# And the tower itself, the network? So far the user's vector was a plain mean. One hidden layer on top:
# %%
judged["two towers, a layer"] = leaderboard.judge(TwoTower(hidden=64, threshold=4).fit(train))
against({name: judged[name] for name in ("two towers", "two towers, a layer")}, "two towers")


# %% [markdown]
# On this data the layer buys nothing. What makes the model good is the loss, the correction, and the history. None of the three is
# a network.
#
# %% [markdown] instructor=true
# **Timing.** 60 minutes with two exercises.
#
# **Misconceptions.** "Subtracting ln Q punishes popular items": it is subtracted in training only, so the score s must *rise* to
# make up for it. "A lower loss is a better model": with different inputs, losses cannot be compared.
#
# **To discuss.** Item vectors of last night, user tower of this morning: what breaks? (Both towers must come from the same
# fit. It is an interface with two sides; version it.)
# %% [markdown]
# ## 5. SASRec: the order of things
#
# All models so far see a *set*. But a history is a stream. What somebody watched yesterday may say more about tonight than what they
# watched last spring, and after *The Empire Strikes Back* comes *Return of the Jedi*. **SASRec** (Kang and McAuley 2018)
# reads the last choices in their order, with the mechanism that language models are made of. Films take the place of words.
#
# Each place $t$ of the history has a vector. From it, three matrices make three more: a **query** $q_t$, what this place is
# looking for; a **key** $k_t$, what it can be found by; and a **value** $v_t$, what it has to say. Place $t$ listens to place $r$ in
# proportion to how well query and key match, with $d$ the length of the vectors:
#
# $$a_{tr} = \frac{e^{q_t \cdot k_r / \sqrt{d}}}{\sum_{m=1}^{t} e^{q_t \cdot k_m / \sqrt{d}}} \qquad\qquad z_t = \sum_{r=1}^{t} a_{tr} v_r$$
#
# The sums end at $t$: **no place looks ahead**. That makes the training cheap. One pass through a history of thirty films asks thirty
# questions, "what came next?", and none of them can cheat. (The paper asks at each place to tell the next film from *one* random
# film; the library ranks it among all, which Klenitskiy and Vasilev, 2023, found to matter more than the architecture.)
# %% exercise="4.4.4"
def attend(q, k, v):
    """Causal self-attention over one history: row t is the mean of the rows of v up to t, weighted by a_tr.

    q, k: (T, d); v: (T, any width). Returns (T, width of v).
    """
    ### BEGIN SOLUTION
    weights = np.exp(q @ k.T / np.sqrt(q.shape[1])) * np.tri(len(q))
    return weights / weights.sum(axis=1, keepdims=True) @ v
    ### END SOLUTION


# %% check="4.4.4"
attend_checked = ex("4.4.4").check(attend)
# %% [markdown]
# A sequence model deserves a question about sequences: *which film comes next?* We hide everybody's last rating and ask for the film
# (`leave_last`, lesson 1.5). The stars do not matter for once: coming next is a matter of attention, not of liking.
#
# But first look at the clock.
# %%
gap = data.ratings.sort_values(["user", "timestamp"]).groupby("user")["timestamp"].diff().dropna()
sitting = {"within the same second": gap == 0, "within a minute": gap <= 60, "within an hour": gap <= 3600}
show({f"per cent of next films {name}": 100 * share.mean() for name, share in sitting.items()}, digits=2)
# %% [markdown]
# People did not watch these films in this order. They *rated* them, many in one sitting, as the MovieLens site put them on the page, and
# very often several in the same second. Within such a second there is no order, and Woolridge and others (2021) found such ties in
# several of the usual data sets. Most code that sorts by time leaves such ties in the order of the file or of the film's number, and then a model can learn the numbers. We break ties by lot.
# (Epochs and rate of the model were chosen on the validation part that section 6 uses.)
# %%
lot = np.random.default_rng(0).random(len(data.ratings))
timed = data.ratings.assign(
    timestamp=data.ratings["timestamp"] + lot
)  # less than a second: other times keep their order
before, last = leave_last(timed)
sasrec = SASRec(epochs=5, rate=0.01).fit(before)
show(ratings=len(before), hidden=len(last), places_read=sasrec.length)
# %% [markdown]
# `fit` wanted a frame here, since a `Ratings` knows no times. After the fit the model is a handful of arrays, and PyTorch has
# left the room. To see that nothing is hidden, we compute one person's scores with your `attend` and a few lines of NumPy: look up,
# add the place's own vector, attend, a small network, look up again. (`norm` brings a row to mean 0 and spread 1, which keeps the
# numbers tame.)
# %%
w, d = sasrec.w_, sasrec.factors


def norm(x, name):
    x = x - x.mean(axis=1, keepdims=True)
    return x / np.sqrt((x * x).mean(axis=1, keepdims=True) + 1e-5) * w[name.format("gain")] + w[name.format("shift")]


def queries_keys(history):
    x = np.sqrt(d) * w["e"][history] + w["P"][-len(history) :]
    z = norm(x, "0.{}1")
    return x, z, z @ w["0.Wq"], z @ w["0.Wk"]


def next_scores(history):
    x, z, q, k = queries_keys(history)
    x = x + attend_checked(q, k, z @ w["0.Wv"])
    z = norm(x, "0.{}2")
    x = x + np.maximum(z @ w["0.W1"] + w["0.b1"], 0) @ w["0.W2"] + w["0.b2"]
    return (norm(x, "{}") @ w["e"].T + w["b"])[-1]


ME = 168
fitted = sasrec.train_
recent = sasrec.recent_[fitted.users.rows([ME])[0]]
recent = recent[recent < fitted.n_items]  # without the empty places in front
mine = next_scores(recent)
library = sasrec.recommend(ME, n=5)
gaps = np.abs(mine[fitted.items.rows(library["item"])] - library["score"])
print("the last three:", "; ".join(films.loc[fitted.items.ids[recent[-3:]], "title"]))
print("came next:     ", "; ".join(films.loc[last[last["user"] == ME]["item"], "title"]))
show({"scores equal the library's, largest difference": gaps.max().round(9)})
# %% [markdown]
# Your loop and the library agree. So a transformer can be served by any process that multiplies matrices, from an artefact without
# pickle, like every other model of this course.
#
# Now the contest, with rivals that see a set. They were tuned for another question. So we first ask a validation part, the rating
# *before* the hidden one, whether other settings would serve them better at this one.
# %%
earlier, last_but_one = leave_last(before)


def validated(model):
    return evaluate_ranking(model.fit(earlier), last_but_one, relevant=1)["ndcg@10"].mean


others = {
    "EASE": [EASE(reg=reg) for reg in (50, 100, 200, 600)],
    "implicit ALS": [ImplicitALS(factors=32), ImplicitALS(factors=128), ImplicitALS(alpha=1), ImplicitALS(alpha=10)],
    "item-item": [ItemItem(k) for k in (20, 50, 100, 400)],
}
usual = {"EASE": EASE(), "implicit ALS": ImplicitALS(), "item-item": ItemItem()}
retuned = {
    name: {"as it is": validated(usual[name]), "best of four": max(map(validated, others[name]))} for name in usual
}
pd.DataFrame(retuned).T.round(3)
# %% [markdown]
# A few thousandths at most: they stay as they are. Now the hidden film:
# %%
rivals = {name: model.fit(before) for name, model in usual.items()}
next_film = {name: evaluate_ranking(model, last, relevant=1) for name, model in rivals.items()}
next_film["SASRec"] = evaluate_ranking(sasrec, last, relevant=1)
against(next_film, "SASRec")


# %% [markdown]
# Here is a neural model that wins, against tuned rivals, and with intervals that say so. (One hidden film a person: the numbers are small,
# since there is one right answer among 1,600.) If this were a paper, it would end here. Nothing in its table would be false.
#
# %% [markdown] instructor=true
# **Timing.** 50 minutes with the exercise.
#
# **Misconceptions.** "Attention weights explain the prediction": they say where values came from, not what they did, and the last
# film also passes around the attention. "Position vectors are a detail": without them, attention sees a set again.
#
# **To discuss.** Let people find what is unfair about the last table before they go on. (The rivals were not given the times.)
# %% [markdown]
# ## 6. The same information on both sides
#
# What did SASRec have that EASE had not? More layers, yes. But also *the time stamps*. Before we credit the transformer, we give the
# same information to the old model, in the plainest way. In EASE, a user's profile is a row of ones (lesson 2.6). Let the ones fade: a choice
# of age $a$, counted in choices that the user made since, weighs
#
# $$w = 2^{-a / h}$$
#
# with $h$ the **half-life**. The weights between films stay as they are; nothing is fitted anew.
# %% exercise="4.4.5"
def fade(users, half_life):
    """The weight 2 ** (-a / half_life) of each choice: (n,).

    users: (n,) the user of each choice, sorted by user and within a user by time, the earliest first.
    """
    ### BEGIN SOLUTION
    age = pd.Series(users).groupby(users).cumcount(ascending=False).to_numpy()
    return 0.5 ** (age / half_life)
    ### END SOLUTION


# %% check="4.4.5"
fade_checked = ex("4.4.5").check(fade)


# %% [markdown]
# How long should the half-life be? Choose on the validation part again, the rating *before* the hidden one.
# %%
def faded(ease, frame, half_life):
    """The same EASE, with profiles that fade."""
    in_time = frame.sort_values(["user", "timestamp"])
    weights = fade_checked(in_time["user"].to_numpy(), half_life).astype(np.float32)
    place = ease.train_.users.rows(in_time["user"]), ease.train_.items.rows(in_time["item"])
    out = copy.copy(ease)
    out.chosen_ = sparse.csr_array((weights, place), shape=ease.chosen_.shape)
    return out


ease_earlier = EASE().fit(earlier)
half_lives = [1, 2, 3, 5, 10, 20, 50, 1000]
curve = [
    evaluate_ranking(faded(ease_earlier, earlier, h), last_but_one, relevant=1)["ndcg@10"].mean for h in half_lives
]

fig, ax = plt.subplots()
ax.plot(half_lives, np.round(curve, 3), marker="o", label="EASE, fading")
ax.axhline(round(curve[-1], 3), color=PALETTE[6], linestyle="--", label="EASE, hardly fading at all")
ax.set(
    xscale="log", xlabel="half-life, choices (log scale)", ylabel="nDCG@10 on the validation part", ylim=(0.05, 0.13)
)
ax.set_title("EASE finds the next film much better when it forgets")
ax.legend(loc="lower center")
figure_alt(fig, "nDCG by half-life: 0.09 without fading, 0.12 at ten films, 0.09 again at one.")
# %% [markdown]
# Ten films back, half of the weight is gone. Now the test part, once, with the best of these half-lives:
# %%
best = half_lives[int(np.argmax(curve))]
next_film["EASE, fading"] = evaluate_ranking(faded(rivals["EASE"], before, best), last, relevant=1)
against(next_film, "SASRec")


# %% [markdown]
# There goes the lead. One line of arithmetic, without any training, and the difference to SASRec lies within chance (if anything, it
# points the other way). What the transformer had found out, that the recent past matters, was its advantage. EASE had never been told.
#
# Does SASRec use anything else? A trained model can be asked. We let it read only the last few films; and we let it read
# all thirty, but shuffled. The latter is how Klenitskiy and others (2024) test whole data sets for sequences.
# %%
def reading(model, change):
    """The same SASRec, whose histories were changed before it reads them."""
    rng, out = np.random.default_rng(0), copy.copy(model)
    out.recent_ = np.array([change(row.copy(), rng, model.train_.n_items) for row in model.recent_])
    return out


def only_last(n):
    def change(row, rng, empty):
        row[:-n] = empty
        return row

    return change


def shuffled(row, rng, empty):
    there = row < empty
    row[there] = rng.permutation(row[there])
    return row


memory = [1, 2, 3, 5, 10, 20, 30]
by_memory = {n: evaluate_ranking(reading(sasrec, only_last(n)), last, relevant=1) for n in memory}
mixed = evaluate_ranking(reading(sasrec, shuffled), last, relevant=1)

fig, ax = plt.subplots()
points = [round(result["ndcg@10"].mean, 3) for result in by_memory.values()]
ax.plot(memory, points, marker="o", color=PALETTE[1], label="SASRec, the last films only")
ax.axhline(round(mixed["ndcg@10"].mean, 3), color=PALETTE[1], linestyle=":", label="SASRec, all thirty, shuffled")
ax.axhline(
    round(next_film["EASE"]["ndcg@10"].mean, 3), color=PALETTE[0], linestyle="--", label="EASE, the whole history"
)
ax.set(xlabel="how many of the last films it may read", ylabel="nDCG@10 on the last film", ylim=(0, 0.13))
ax.set_title("One film back is nearly all that the transformer needs")
ax.legend(loc="lower right")
figure_alt(fig, "SASRec stays between 0.09 and 0.10 from one film read to thirty; shuffled it falls below EASE.")
asked = {"SASRec": next_film["SASRec"], "the last film only": by_memory[1], "thirty, shuffled": mixed}
against(asked, "SASRec")
# %% [markdown]
# It may read thirty films, and with *one* the difference is within chance. Thirty in a random order, and it falls below the EASE that
# knows no times. So what it has learned is: look at the last film or two. That is recency, which one half-life captures as well, and not a grammar of films.
#
# And even that may be the page rather than taste: the film that is rated next is to a good part the film that the site showed next
# (Fan and others 2024 show this for a later MovieLens).
# A result on such data need not carry over to a music service, in either direction.
#
# Back to the question of section 1, the hidden random fifth. SASRec can be asked that too:
# %%
with_times, _ = random_split(timed, test=0.2, seed=0)  # the leader-board's split, times and all
judged["SASRec"] = leaderboard.judge(SASRec(epochs=5, rate=0.01, threshold=4).fit(with_times))
final = against(judged, "EASE").sort_values("ndcg@10", ascending=False)
final
# %% [markdown]
# And both questions in one picture:
# %%
panels = {"A random fifth of the choices": judged, "The last film": next_film}
fig, axes = plt.subplots(1, 2, figsize=(9, 4.5), layout="constrained")
for ax, (title, results) in zip(axes, panels.items()):
    names = sorted(results, key=lambda name: results[name]["ndcg@10"].mean)
    mean, low, high = np.array([results[name]["ndcg@10"][:3] for name in names]).round(3).T
    neural = [name.startswith(("two towers", "SASRec", "NeuMF")) for name in names]
    ax.barh(names, mean, color=np.where(neural, PALETTE[1], PALETTE[0]))
    ax.errorbar(mean, names, xerr=[mean - low, high - mean], fmt="none", color="#888888")
    ax.set(title=title, xlabel="nDCG@10", ylabel="model")
for colour, kind in ((PALETTE[0], "linear or nearest neighbours"), (PALETTE[1], "neural")):
    ax.barh(names[0], 0, color=colour, label=kind)  # for the legend
fig.legend(loc="outside lower center", ncols=2)
fig.suptitle("No network beats a linear model that knows the same", fontweight="bold")
figure_alt(
    fig, "nDCG with intervals. Left: EASE, ALS and two towers lead, NeuMF lower. Right: fading EASE and SASRec lead."
)
# %% [markdown]
# **Who wins, and why?**
#
# - *A random fifth of the choices*: the linear models, EASE and ALS. The two-tower model comes near, *because* it is nearly
#   linear: a mean, and a dot product. NeuMF pays for its freedom. SASRec is not a bad model but was asked the wrong question: it says
#   what comes right after tonight's films, and the hidden ones are from the whole past.
# - *The last film*: whoever knows what is recent. SASRec learns it by itself; EASE has to be told, and then does as well.
# - 44,000 choices are little. Networks earn their keep with hundreds of millions of events, with text, pictures and
#   context as inputs, with new items every hour. None of that is in this table, so this lesson cannot show it, and does not deny it.
#
# %% [markdown] instructor=true
# **Timing.** 45 minutes with the exercise. Open the slips now.
#
# **Misconceptions.** "So neural models are useless": no; the claim is about *this* data and *these* inputs. "EASE with fading is a
# sequence model, so sequence models win": call it what you like, but then say that the gain came from recency and not from attention.
#
# **To discuss.** Which further one-line rivals would you try? (The counts of "film j directly after film i".) Would a real
# paper's authors have had a reason to try?
# %% [markdown]
# ## 7. How results go wrong without anybody lying
#
# Ferrari Dacrema, Cremonesi and Jannach (2019) took 18 neural recommenders from top conferences. Seven could be reproduced with
# reasonable effort. Six of these seven were often beaten by simple, tuned methods such as nearest neighbours; the seventh did not
# consistently beat a tuned linear model. Petrov and Macdonald (2022) found the same of later transformers, from the other side: published results
# for one model, BERT4Rec, disagree widely, and its default settings train far too short (up to 30 times longer were needed).
#
# Untuned rivals you have met, and missing information as well. A third trap is the *measure*. To save time, many papers rank
# the hidden film among 100 random others instead of all. Given the rank $r$ among all $n$ films, the chance that it lands in the top ten among
# 100 random ones is a sum of the hypergeometric distribution: no simulation is needed.
# %%
contest = {**rivals, "EASE, fading": faded(rivals["EASE"], before, best), "SASRec": sasrec}
places = {}
for name, model in contest.items():
    whole_list = model.recommend(list(last["user"]), n=fitted.n_items)
    n = whole_list.groupby("user").size()
    r = whole_list.merge(last[["user", "item"]]).set_index("user")["rank"]
    r = r.reindex(n.index).fillna(n)  # a film that nobody rated before comes last
    places[name] = {"all films": (r <= 10).mean(), "100 random ones": stats.hypergeom.cdf(9, n - 1, r - 1, 100).mean()}
show(pd.DataFrame(places).T.round(2), digits=2)
# %% [markdown]
# Both columns are "hit rate at 10". On the left, EASE finds over a third more with fading than without. On the right, the two look the
# same, and every model looks several times better than it is: the ranks that decide among 100 are those around 160 of 1,600, where no user ever looks. Krichene and Rendle (2020) show that such
# sampled metrics can order models wrongly, even on average over all samples.
#
# Now you are the reviewer.
# %% exercise="4.4.6"
unfair = {}  # a set of letters, such as {"a", "b"}
### BEGIN SOLUTION
unfair = {"b", "c", "d", "g", "h"}
### END SOLUTION
# %% check="4.4.6"
unfair_checked = ex("4.4.6").check(unfair)
# %% [markdown]
# ## 8. Into production
#
# The three models are registered like all others. `recsys-lab models` lists them; `save` and `load` keep them in one file without
# pickle; the service of lesson 3.1 serves them without PyTorch. A new user, here Dana, the invented person of lesson 00, with six films
# that she likes, is served by the two-tower model at once:
# %%
dana = {item: stars for item, stars in my_ratings.DEMO.items() if stars >= 4}
shown = corrected.recommend_for(dana, n=5)
print("; ".join(films.loc[shown["item"], "title"]))
try:
    neumf.recommend_for(dana)
except TypeError as refusal:
    print(refusal)
# %% [markdown]
# NeuMF refuses: it knows users by a row number. That is the practical reason for history towers, beyond all accuracy.
#
# **A graphics card.** `device="auto"` uses one where PyTorch finds it, and it pays for itself from millions of events on. On a
# processor the models train in double precision: the same seed gives the same bytes, and another kind of processor the same printed
# digits. In single precision, which a card uses, the order of the sums decides about the last digits, a few hundred steps make them
# grow, and results agree only roughly.
#
# ## Quiz
# %%
quiz()
# %%
quiz.check({1: ..., 2: ..., 3: ..., 4: ..., 5: ...})
# %% [markdown]
# ## In production
#
# - **YouTube** (Covington, Adams and Sargin 2016): the user's vector is a network over the *mean* of the embeddings of watched videos and
#   search words; training is a softmax over sampled items, and serving is a search for the nearest vectors. To predict the *next* watch
#   did better than to predict a random hidden one, and they say why: consumption is not symmetric in time.
# - **YouTube** again (Yi et al. 2019): two towers with in-batch negatives, the logQ correction, with $Q_j$ estimated from the stream
#   itself, since a batch never sees the whole catalogue. Live tests are reported.
# - **Netflix** (Steck and others 2021) reports that deep models at first brought no significant gain over well-tuned simple ones. The gain
#   came when many features of different kinds were added to the input. The authors also saw that offline and online metrics
#   drift further apart with such models.
#
# ## In the interview
#
# **"Would you use deep learning for our recommender?"** A good answer in two minutes:
#
# 1. *For which stage?* Retrieval: two towers, because dot products can be indexed. Ranking: a network or boosted trees over features. Never
#    a network over all pairs.
# 2. *What would it know that a linear model does not?* Order, context, text, pictures, new items. If nothing, expect no gain.
# 3. *The details that decide*: negatives and their correction, no target in the inputs, recency, enough regularisation.
# 4. *The bar*: popularity, item-item, EASE or ALS, tuned, with the same information. A paired interval; then an A/B test.
# 5. *The bill*: training, serving, two artefacts that must match, someone who can debug it at night.
#
# ## Take-aways
#
# - An embedding is a table whose rows are learned. PyTorch brings the gradient; the loss is still yours to choose.
# - A network over user and item together cannot be indexed, and on this data is worse than a dot product.
# - In-batch negatives are drawn by popularity. Without $- \ln Q_j$ the model avoids what people choose.
# - If the history holds the target, the loss is splendid and the lists are bad. A causal mask is the same rule.
# - A sequence model wins where recency counts. Give the simple rival the same information before you credit the architecture.
# - Full catalogue, tuned rivals, untouched test part, paired intervals. Most surprising results do not survive all four.
#
# ## Further reading
#
# - X. He, L. Liao, H. Zhang, L. Nie, X. Hu, T.-S. Chua: *Neural Collaborative Filtering*. WWW 2017, section 3.
#   [arXiv:1708.05031](https://arxiv.org/abs/1708.05031)
# - S. Rendle, W. Krichene, L. Zhang, J. Anderson: *Neural Collaborative Filtering vs. Matrix Factorization Revisited*. RecSys 2020, sections 3 to
#   5. [doi:10.1145/3383313.3412488](https://doi.org/10.1145/3383313.3412488)
# - X. Yi and others: *Sampling-Bias-Corrected Neural Modeling for Large Corpus Item Recommendations*. RecSys 2019, section 3.
# - P. Covington, J. Adams, E. Sargin: *Deep Neural Networks for YouTube Recommendations*. RecSys 2016, section 3.
#   [doi:10.1145/2959100.2959190](https://doi.org/10.1145/2959100.2959190)
# - W.-C. Kang, J. McAuley: *Self-Attentive Sequential Recommendation*. ICDM 2018, section 3.
#   [arXiv:1808.09781](https://arxiv.org/abs/1808.09781)
# - A. Klenitskiy, A. Vasilev: *Turning Dross Into Gold Loss: is BERT4Rec really better than SASRec?* RecSys 2023: the loss matters more
#   than the architecture. [arXiv:2309.07602](https://arxiv.org/abs/2309.07602)
# - M. Ferrari Dacrema, P. Cremonesi, D. Jannach: *Are We Really Making Much Progress? A Worrying Analysis of Recent Neural Recommendation
#   Approaches*. RecSys 2019. [arXiv:1907.06902](https://arxiv.org/abs/1907.06902)
# - A. Petrov, C. Macdonald: *A Systematic Review and Replicability Study of BERT4Rec for Sequential Recommendation*. RecSys 2022.
#   [arXiv:2207.07483](https://arxiv.org/abs/2207.07483)
# - D. Woolridge, S. Wilner, M. Glick: *Sequence or Pseudo-Sequence? An Analysis of Sequential Recommendation Datasets*. 2021, CEUR-WS vol.
#   2955. And A. Klenitskiy and others: *Does It Look Sequential?* RecSys 2024. [arXiv:2408.12008](https://arxiv.org/abs/2408.12008)
# - Y. Fan, Y. Ji, J. Zhang, A. Sun: *Our Model Achieves Excellent Performance on MovieLens: What Does It Mean?* ACM TOIS 42(6), 2024.
#   [arXiv:2307.09985](https://arxiv.org/abs/2307.09985)
# - W. Krichene, S. Rendle: *On Sampled Metrics for Item Recommendation*. KDD 2020; again in Communications of the ACM 65(7), 2022.
#   [doi:10.1145/3535335](https://doi.org/10.1145/3535335)
# - H. Steck, L. Baltrunas, E. Elahi, D. Liang, Y. Raimond, J. Basilico: *Deep Learning for Recommender Systems: A Netflix Case
#   Study*. AI Magazine 42(3), 2021. [doi:10.1609/aimag.v42i3.18140](https://doi.org/10.1609/aimag.v42i3.18140)
