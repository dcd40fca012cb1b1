# ---
# lesson:
#   id: "5.3"
#   title: "Coding interview drills"
#   phase: 5
#   minutes: 300
#   prerequisites: ["2.5", "3.1", "3.2"]
#   objectives:
#     - "Go through a coding problem aloud: question, example, simple answer, its cost, better answer, code, tests"
#     - "Measure how an answer grows by counting its operations, and say from two counts which bound it follows"
#     - "Write five classics of the trade: best k of a stream, fair sample, AUC, LRU cache, as-of join"
#     - "Find the input on which a plausible answer is wrong"
#     - "Go on alone with fifteen more, judged by hidden tests and a limit on their cost"
# ---
# %% [markdown]
# ## What you already know
#
# You write code every day, and somebody reviews it tomorrow. In an interview they review it while you type, for 45 minutes, without your
# editor, your tests and your search engine. It is a different sport, and it can be trained.
#
# Ask beforehand which sport it is: since 2025 some firms, Canva for one, expect you to work with an assistant that writes code, and watch how you judge what it wrote.
# Then most of the typing is done for you. The questions, the cost (section 2) and the input on which a plausible answer is wrong (section 6) are not.
#
# | in your backend | in this lesson |
# |---|---|
# | a ticket that leaves half of it open | a problem statement: ask before you type |
# | a profiler | counting operations: the same number on every machine |
# | a load test at two sizes | the growth from n to 4n |
# | `ORDER BY score DESC LIMIT 10` over a queue that never ends | a heap of ten |
# | a cache with an eviction policy | LRU, in fifteen lines |
# | `COUNT(*) GROUP BY` that does not fit into memory | a sketch |
# | a join on "the price that was valid then" | an as-of join |
#
# For a recommender team the problems are not puzzles about chess knights. They are the small parts that this course is made of: ranking, sampling,
# caching, joining logs. You have used nearly all of them in the phases before; here you write them, from nothing, and say what they cost.
#
# %% [markdown] instructor=true
# **Timing (300 minutes alone; in class three sessions of 100).** Session one: sections 1 to 3 with exercise 1. Session two: sections 4 to 6 with
# exercises 2 to 4. Session three: sections 7 to 9 with exercises 5 and 6, quiz. In class let people work in pairs, one solving aloud at a whiteboard, the
# other with the script of section 1 in hand, changing roles at each exercise.
#
# **Prepare.** Nobody types for the first five minutes of a problem. It is the hardest rule, and the most useful one.
# %%
import itertools
import math
import random

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from recsys_lab import datasets
from recsys_lab.course import PALETTE, drills, figure_alt, show, start
from recsys_lab.course.drills.counting import Tally

ex, quiz = start("5.3")
# %% [markdown]
# ## 1. How 45 minutes go
#
# What does an interviewer write down? Seldom "it ran". A usual sheet has four rows: problem solving (did they understand it, find a good way, know its cost?), technical competency (is the
# code right and clean?), testing, communication (the page "Coding Signals" of the Tech Interview Handbook). All four can be *heard*, and none of them if you are silent. So here is a script; each step has a sentence to begin with.
#
# | minutes | step | say something like |
# |---|---|---|
# | 0-5 | ask | "May scores be equal? Which one comes first then? Can k be larger than the list?" |
# | 5-8 | one example, by hand | "For these five, with k = 2, I expect b, c. And for an empty stream, nothing." |
# | 8-12 | the simple answer, and its cost | "I could sort everything: n log n, and n in memory. That is my fallback." |
# | 12-18 | what is wasted? | "I sort 100,000 to keep ten. I only ever need to know the worst of the ten." |
# | 18-35 | code it | "I keep a heap whose top is the worst kept. Now the case of a tie ..." |
# | 35-42 | test it, aloud, line by line | "k = 0: the heap stays empty, so I must not look at its top." |
# | 42-45 | what next? | "On average it is far cheaper. With several machines I would merge their top k." |
#
# Three habits make the difference. **Say the simple answer first**, with its cost: it shows that you see the problem, and something correct is on the board. **Name the waste**: "sorting what I throw
# away", "asking again what I asked before", "walking along what is sorted". Nearly every better answer removes one of these three. And **when stuck, say where**: "I know
# how to find the worst of ten, but I do not see how to do it without looking at all" is a sentence to which an interviewer can give a hint. Silence is not.
#
# %% [markdown]
# ## 2. Count, do not time
#
# "Is it fast?" A clock answers for one machine, one minute, one size. An interviewer asks another question: how does it *grow*? Counting answers that. `Tally` wraps values, so that they count every comparison, and lists, so that
# they count every read. Let it watch two ways to look for a film in the sorted list of all film ids of MovieLens:
# %%
import bisect

data = datasets.load("ml-100k")
films = sorted(data.items["item"].tolist())
wanted = films[1200]

counts = {}
for name, look in {
    "in a list": lambda ids: wanted in ids,
    "bisect": lambda ids: bisect.bisect_left(ids, wanted),
}.items():
    tally = Tally()
    ids = tally.wrap(films)
    look(ids)
    counts[f"{name}: comparisons"] = tally.comparisons
show({"films": len(films)} | counts)
# %% [markdown]
# One is 1,201, because film number 1,201 is the one we look for; the other is 11, because 1,682 halves eleven times before nothing is left. Run it on another machine, next year: the same numbers.
#
# One count says little. Two say how it grows. Write $C(n)$ for the operations that are counted on an input of size $n$. Then the **growth** over four times the size is
#
# $$g = \frac{C(4 n)}{C(n)}$$
#
# Constants drop out: an answer that needs three operations where yours needs one has the same $g$. A bound has its growth, too: 4 for $n$, 16 for $n^2$, and for $n \log n$ a bit more than 4. Here is sorting, which compares
# real scores: the mean rating of each of MovieLens' films, in random order.
# %%
means = data.ratings.groupby("item")["rating"].agg(["mean", "count"])
damped = (means["mean"] * means["count"] + 3.5 * 10) / (means["count"] + 10)  # lesson 2.1: ten ratings of 3.5 more
scores = damped.sample(frac=1, random_state=0).tolist()


def comparisons(answer, values):
    tally = Tally()
    answer(tally.wrap(values))
    return tally.comparisons


n = 400
C = {size: comparisons(sorted, scores[:size]) for size in (n, 4 * n)}
g = C[4 * n] / C[n]
bounds = {"n": 4.0, "n log n": 4 * math.log(4 * n) / math.log(n), "n^2": 16.0}
show({"C(n)": C[n], "C(4n)": C[4 * n], "g": g} | {f"growth of {name}": value for name, value in bounds.items()})


# %% [markdown]
# Sorting lands beside $n \log n$, as it should. The drills of this lesson are judged like that: `C` has comparisons, hashes, reads of lists, calls of given functions, and the lines of your own code as they run; and $g$ may be at most 1.4
# times that of the bound. Where a stream must not be kept, the values that are alive at once are counted, too. Nothing is timed.
#
# Seen over many sizes, growth is a slope. Four ways to find out whether a list has two equal entries, or to walk along it, on axes that are both logarithmic:
# %%
def all_pairs(values):
    return sum(values[i] == values[j] for i in range(len(values)) for j in range(i))


def neighbours(values):
    ordered = sorted(values)
    return sum(a == b for a, b in itertools.pairwise(ordered))


ways = {
    "every pair": all_pairs,
    "sort, then neighbours": neighbours,
    "the largest": max,
    "halving (sorted)": lambda values: bisect.bisect_left(values, 3.5),
}
sizes = [50, 100, 200, 400, 800]
fig, ax = plt.subplots()
for (name, way), colour in zip(ways.items(), PALETTE):
    counted = [comparisons(way, sorted(scores[:size]) if "(sorted)" in name else scores[:size]) for size in sizes]
    ax.plot(sizes, counted, marker="o", color=colour)
    ax.annotate(name, (sizes[-1], counted[-1]), xytext=(6, 0), textcoords="offset points", va="center")
ax.set(
    xscale="log",
    yscale="log",
    xlim=(45, 3500),
    xlabel="n, number of scores (log scale)",
    ylabel="comparisons (log scale)",
)
ax.set_xticks(sizes, [str(size) for size in sizes])
ax.minorticks_off()
ax.set_title("Growth is a slope: four bounds, counted")
figure_alt(
    fig,
    "Comparisons against n, both logarithmic: four lines, from nearly flat (halving) to twice as steep as the largest (every pair).",
)
# %% [markdown]
# The line of *every pair* is twice as steep as that of *the largest*: that is what a square looks like here. *Sort, then neighbours* runs nearly parallel to *the largest*, only higher. The step from $n$ to
# $n \log n$ is cheap, the one to $n^2$ is not. When you look for a better answer, that last step is the one to save.
#
# One trap before we begin: do not count *loops*. A loop over n items with an `in list` inside is a square, though there is only one `for`. A loop in a loop whose inner counter never goes back is linear, though there are two. Ask of each line how often it runs in
# the *whole* run; the quiz comes back to it.
#
# %% [markdown] instructor=true
# **Timing.** Sections 1 and 2: 50 minutes.
#
# **Misconceptions.** "Two nested loops are n squared" (not if the inner counter only rises); "a heap always costs log n" (with ten in it, its size does not grow); "`in` is one step" (on a set, yes).
#
# **To discuss.** What does counting not see? What runs inside NumPy, the copying that `list.insert` and `pop(0)` do, caches of the processor. When is the answer with the worse bound the right one? (Small n; a bound that
# is rarely reached; code that others must maintain.)
# %% [markdown]
# ## 3. A stream, and ten places
#
# The commonest question of the trade: a million candidates are scored, and ten are shown. Sorting all of them keeps a million pairs in memory and orders 999,990 of them for nothing. Name the waste, and you have the answer.
# %% exercise="5.3.1"
import heapq


def top_k(stream, k):
    """The items with the k highest scores, the best first; of equal scores the one that came first.

    stream: pairs (item, score), one by one; it can be read once. k: 0 or more.
    """
    ### BEGIN SOLUTION
    heap = []  # its top is the worst that is kept
    for place, (item, score) in enumerate(stream):
        entry = (score, -place, item)
        if len(heap) < k:
            heapq.heappush(heap, entry)
        elif heap and entry > heap[0]:
            heapq.heapreplace(heap, entry)
    return [item for _, _, item in sorted(heap, reverse=True)]
    ### END SOLUTION


# %% check="5.3.1"
top_k_checked = ex("5.3.1").check(top_k)
# %% [markdown]
# On real scores: the damped means of all 1,682 films, which come one by one, against pandas, which holds them all.
# %%
titles = data.items.set_index("item")["title"]
best = top_k_checked(((titles[film], score) for film, score in damped.items()), 5)
pandas_best = titles[damped.sort_values(ascending=False, kind="stable").index[:5]].tolist()
print(*best, sep="\n")
show({"same as pandas": best == pandas_best})


# %% [markdown]
# The worst case costs $n \log k$. But what is usual? It depends on the order in which the scores come, and an interviewer who is content with the worst case may well go on: "and on average?" Guess before you read on: 100,000 different scores in random order, ten places. How often does a newcomer replace one of
# the ten: 50,000 times, 10,000 times, 100 times?
# %% [markdown]
# In random order, item number $i$ of a stream is among the best $k$ of the first $i$ with chance $k / i$: it may stand at any of the $i$ ranks, all alike, and $k$ of
# them are good enough. Summed over all items that find the heap full, the expected number $E$ of replacements is
#
# $$E = \sum_{i = k + 1}^{n} \frac{k}{i}$$
# %%
def replacements(values, k):
    """After each value: how often the heap of the best k has changed since it was full."""
    heap, changed, counts = [], 0, []
    for value in values:
        if len(heap) < k:
            heapq.heappush(heap, value)
        elif value > heap[0]:
            heapq.heapreplace(heap, value)
            changed += 1
        counts.append(changed)
    return counts


k, n = 10, len(scores)
E = sum(k / i for i in range(k + 1, n + 1))
rng = np.random.default_rng(0)
orders = [replacements(rng.permutation(scores), k) for _ in range(200)]
rising = replacements(sorted(scores), k)
show({"expected for 100,000": sum(k / i for i in range(k + 1, 100_001))})
show(
    {"expected for the films": E, "mean of 200 orders": np.mean([order[-1] for order in orders]), "rising": rising[-1]}
)
show({"films after the first 100": n - 100, "expected replacements then": sum(k / i for i in range(101, n + 1))})
# %%
seen = np.arange(1, n + 1)
fig, ax = plt.subplots()
for order in orders[:20]:
    ax.plot(seen, order, color=PALETTE[0], alpha=0.3, linewidth=1)
ax.plot(seen, rising, color=PALETTE[1], label="rising: the worst case")
expected = np.cumsum(np.where(seen > k, k / seen, 0))
ax.plot(seen, expected, color=PALETTE[2], linewidth=2.5, linestyle="--", label="expected")
ax.plot([], [], color=PALETTE[0], alpha=0.6, label="20 random orders")
ax.set(yscale="symlog", ylim=(0, 3000), xlabel="films seen", ylabel="replacements so far (log scale)")
ax.set_title("The longer the stream, the rarer a newcomer that is good enough")
ax.legend(loc="center right", bbox_to_anchor=(1, 0.3))
figure_alt(
    fig,
    "Replacements in the heap against films seen: rising order climbs to 1,482, random orders flatten near 50, around the expected curve.",
)


# %% [markdown]
# The rising order has 1,482 replacements and not 1,672, because many films share a score, and an equal one replaces nothing. In random order, little happens after the first hundred films: of the 1,582 that follow, 28 are expected to enter, and all others are compared once, and refused. So for a random stream the heap costs little more than reading it. The rising stream is not made up, though: items that come in the order of a model's
# score, from a sorted file that is read backwards, are just that.
#
# %% [markdown]
# ## 4. Ten requests, fairly
#
# To see what a service really does, you keep a few of its requests for a closer look. How many will come is not known. A colleague has written a sampler. Of 20 requests it keeps 2, so each should be kept in one run out of ten. We run it 20,000 times:
# %%
def colleagues_sampler(requests, rng):
    kept = []
    for seen, request in enumerate(requests):
        if len(kept) < 2:
            kept.append(request)
        elif (place := rng.randrange(seen)) < 2:
            kept[place] = request
    return kept


def kept_shares(sampler, runs=20_000, requests=20):
    rng, times = random.Random(0), np.zeros(requests)
    for _ in range(runs):
        times[sampler(range(requests), rng)] += 1
    return times / runs


shares = kept_shares(colleagues_sampler)
fig, ax = plt.subplots()
ax.bar(np.arange(1, 21), shares, color=PALETTE[0])
ax.axhline(0.1, color="#888888", linestyle="--")
ax.annotate("fair:\n2 of 20", (0.5, 0.1), xytext=(0, -4), textcoords="offset points", va="top", color="#888888")
ax.set(xlabel="place of the request in the stream", ylabel="share of runs that keep it", xticks=[1, 5, 10, 15, 20])
ax.set_title("The first two requests are kept half as often as they should")
figure_alt(
    fig, "Share of runs that keep each of 20 requests: the first two near 0.05, all others slightly above the fair 0.1."
)


# %% [markdown]
# Twenty bars, and all but two look innocent. That is how such a bug lives for years: the sample is *nearly* right, and whoever looks at the first minutes after each restart sees half of what is there. No single run shows it; only the share over many runs does.
# %% exercise="5.3.2"
def reservoir(stream, k, rng):
    """k items of a stream, each set of k equally likely; all of them where there are fewer.

    stream: items, one by one; its length is not known. rng: the only source of chance, such as rng.randrange(10).
    """
    ### BEGIN SOLUTION
    kept = []
    for seen, item in enumerate(stream, 1):
        if len(kept) < k:
            kept.append(item)
        else:
            place = rng.randrange(seen)
            if place < k:
                kept[place] = item
    return kept
    ### END SOLUTION


# %% check="5.3.2"
reservoir_checked = ex("5.3.2").check(reservoir)
# %% [markdown]
# The same 20,000 runs with the sampler that passed, beside the colleague's. Five standard errors of such a share are about 0.011, so a deviation below that may be luck:
# %%
fair = kept_shares(lambda requests, rng: reservoir_checked(requests, 2, rng))
table = {"colleague": shares, "mended": fair}
error = math.sqrt(0.1 * 0.9 / 20_000)
show({f"{name}: largest deviation from 0.1": np.abs(share - 0.1).max() for name, share in table.items()}, digits=2)
show({"five standard errors": 5 * error}, digits=2)


# %% [markdown]
# To test chance, repeat and count. It is how the drill judges you, and in an interview it is the answer to "how would you test this?", after which few will ask for more. (The proof is an induction, and takes three sentences: `ex("5.3.2").solution()` has
# it.)
#
# %% [markdown] instructor=true
# **Timing.** Sections 3 and 4: 80 minutes with two exercises.
#
# **Misconceptions.** "Each item with the same chance is enough": a sampler that keeps a block of neighbours gives each item the same chance, and its samples are useless. The drill counts pairs, too.
#
# **To discuss.** How would you merge the reservoirs of two servers? (Draw from each in proportion to what it has *seen*, not to what it holds.)
# %% [markdown]
# ## 5. AUC without its pairs
#
# AUC is defined by pairs: take a random positive and a random negative; with what chance does the positive score higher? The definition is also the simple answer, and with half of n ratings positive it has $n^2 / 4$ steps. For MovieLens' 100,000 ratings these are some two and a half thousand million.
#
# Name the waste: every positive is compared with *all* negatives, although, in sorted order, it beats exactly those that stand below it. Write $P$ and $N$ for the numbers of positives and negatives, $b_i$ for the negatives with a lower score
# than positive $i$, and $t_i$ for those with the same. Then
#
# $$\mathrm{AUC} = \frac{1}{P N} \sum_{i=1}^{P} \left( b_i + \frac{t_i}{2} \right)$$
# %% exercise="5.3.3"
def auc(scores, labels):
    """The chance that a positive scores higher than a negative; a tie counts a half.

    labels: 1 or 0, one for each score. Returns 0.5 where one of the two kinds is missing.
    """
    ### BEGIN SOLUTION
    pairs = sorted(zip(scores, labels))
    positives = sum(labels)
    negatives = len(labels) - positives
    if positives == 0 or negatives == 0:
        return 0.5
    won, below, at = 0.0, 0, 0
    while at < len(pairs):
        score, pos, neg = pairs[at][0], 0, 0
        while at < len(pairs) and pairs[at][0] == score:
            pos += pairs[at][1]
            neg += 1 - pairs[at][1]
            at += 1
        won += pos * (below + neg / 2)
        below += neg
    return won / (positives * negatives)
    ### END SOLUTION


# %% check="5.3.3"
auc_checked = ex("5.3.3").check(auc)
# %% [markdown]
# ### From scratch, then the library
#
# A question that has an answer: how well does a film's damped mean tell ratings of four stars and more from the others? (On the ratings it was made from, so do not take it for a result.) Yours against scikit-learn and `recsys_lab.metrics`, on all 100,000 ratings:
# %%
from sklearn.metrics import roc_auc_score

from recsys_lab import metrics

score = data.ratings["item"].map(damped).to_numpy()
liked = (data.ratings["rating"] >= 4).to_numpy()
mine = auc_checked(score.tolist(), liked.astype(int).tolist())
library = metrics.auc(score[None, :], liked[None, :])[0]
show({"AUC": mine})
show(
    {
        "difference to scikit-learn": round(abs(mine - roc_auc_score(liked, score)), 12),
        "to recsys_lab": round(abs(mine - library), 12),
    },
    digits=1,
)
# %% [markdown]
# Equal to twelve digits. And ties matter here: with 1,682 films for 100,000 ratings, nearly every score occurs many times.
#
# %% [markdown]
# ## 6. Where would it be wrong?
#
# Your code passes the example. Now the interviewer looks at you, and waits. What they wait for is that you attack it: not with *more* inputs, but with those where a plausible mistake would show. It is a skill of its own, so here it is an exercise of its own.
# %% exercise="5.3.4"
### BEGIN SOLUTION
_user = [(1, 3.0), (2, 4.0)]
broken = {
    "sparse-cosine": (_user, _user[:1]),  # against somebody who has seen the first of the two films
    "sessions": ([("a", 0), ("a", 5)], 5),
    "lsh": ([[1, 2], [2, 3]], 2),
}
### END SOLUTION
# %% check="5.3.4"
broken_checked = ex("5.3.4").check(broken)
# %% [markdown]
# Take a list of places to attack into every interview: empty; one; k larger than n; all equal; the border of each comparison; what is on one side only; already sorted, and sorted the wrong way; the same key twice.
#
# %% [markdown]
# ## 7. A cache that forgets
#
# A recommender's service answers many requests from a cache (lesson 3.1). When it is full, something must go. The order in which MovieLens' ratings were given makes a decent stream of requests: which film's page was asked for, one after the other.
#
# Two policies: throw out what was *stored* first (FIFO), or what was *used* least recently (LRU). A colleague has written the second one. Or so they think.
# %% exercise="5.3.5"
from collections import OrderedDict


class LRU:
    """A cache of at most `capacity` entries; where one too many comes, the one not used for longest goes."""

    def __init__(self, capacity):
        ### BEGIN SOLUTION
        self._items = OrderedDict()
        self._capacity = capacity
        ### END SOLUTION

    def get(self, key):
        ### BEGIN SOLUTION
        if key not in self._items:
            return None
        self._items.move_to_end(key)
        return self._items[key]
        ### END SOLUTION

    def put(self, key, value):
        ### BEGIN SOLUTION
        self._items[key] = value
        self._items.move_to_end(key)
        if len(self._items) > self._capacity:
            self._items.popitem(last=False)
        ### END SOLUTION


# %% check="5.3.5"
lru_checked = ex("5.3.5").check(LRU)


# %% [markdown]
# What is the difference worth? We send the first 20,000 requests through both, for caches of several sizes. A request that finds its film is a hit; one that does not stores it.
# %%
class FIFO:
    def __init__(self, capacity):
        self.items, self.capacity = {}, capacity

    def get(self, key):
        return self.items.get(key)

    def put(self, key, value):
        if len(self.items) >= self.capacity:
            del self.items[next(iter(self.items))]
        self.items[key] = value


def hit_share(cache, requests):
    hits = 0
    for film in requests:
        if cache.get(film) is None:
            cache.put(film, "page")
        else:
            hits += 1
    return hits / len(requests)


requests = data.ratings.sort_values(["timestamp", "user", "item"])["item"].tolist()[:20_000]
capacities = [25, 50, 100, 200, 400, 800]
hits = {
    name: [hit_share(kind(c), requests) for c in capacities]
    for name, kind in {"LRU": lru_checked, "FIFO": FIFO}.items()
}
show(pd.DataFrame(hits, index=pd.Index(capacities, name="capacity")), digits=3)
show({"films that a user rates, median": data.ratings.groupby("user").size().median()})
# %%
fig, ax = plt.subplots()
for (name, share), colour in zip(hits.items(), PALETTE):
    ax.plot(capacities, share, marker="o", color=colour, label=name)
ax.set(xscale="log", xlabel="capacity, in films (log scale)", ylabel="share of requests that hit")
ax.set_xticks(capacities, [str(c) for c in capacities])
ax.minorticks_off()
ax.set_title("A cache smaller than one visit is worth little")
ax.legend()
figure_alt(
    fig,
    "Share of hits against capacity: both stay under 0.05 up to 50 films and rise to more than 0.8 at 800; from 200 on LRU lies above FIFO.",
)


# %% [markdown]
# From 200 films on, LRU has two to six points more: the price of moving one entry to the end. Below that it does not matter, and the table says something else: the cache is hardly worth having. People come and
# rate 65 films, as the median says, most of them in one go and each of them once. A film is asked for again when somebody *else* comes, and by then a small cache has been washed through. "Which policy?" is the second question about a cache. The first is how
# many other keys come between two requests for the same one.
#
# %% [markdown] instructor=true
# **Timing.** Sections 5 to 7: 80 minutes with three exercises.
#
# **Misconceptions.** "A dictionary keeps its order, so it is an LRU": it keeps the order of *storing*. And `del d[next(iter(d))]`, over and over, walks along the entries that were deleted: another reason for `OrderedDict`.
#
# **To discuss.** What does LRU do when a crawler reads the whole catalogue once? (It throws out everything useful. Hence LFU, segmented LRU, and admission policies.)
# %% [markdown]
# ## 8. Counting what does not fit
#
# What is popular right now? One counter for each film is no problem here, and one for each pair of user and film, query or address of a web page is. A **count-min sketch** keeps a small table of counters, and several items share each of them. It needs hash functions, one for each row: here SHA-256 with
# a salt, as in lesson 3.5.
#
# Each row has a counter for the item, at `hash(item) % width`. To add is to add in every row. To ask is to take the **smallest** of the item's counters: none is too low, since others only ever add. It is the drill `count-min`; we take the reference here, and you write it afterwards.
#
# Now 100,000 ratings of 1,682 films into 400 counters, arranged in three ways: one row of 400, two of 200, four of 100. How far above the truth are the estimates?
# %%
from recsys_lab.course.drills.problems.sketches import HASHES

CountMin = drills.get("count-min").reference
truth = data.ratings["item"].value_counts()
over = {}
for rows in (1, 2, 4):
    sketch = CountMin(400 // rows, HASHES[:rows])
    for film, count in truth.items():
        sketch.add(str(film), count)
    over[f"{rows} x {400 // rows}"] = pd.Series({film: sketch.estimate(str(film)) for film in truth.index}) - truth
errors = pd.DataFrame({name: {"lowest": e.min(), "median": e.median(), "highest": e.max()} for name, e in over.items()})
show(errors)
# %%
fig, ax = plt.subplots()
for (name, e), colour in zip(over.items(), PALETTE):
    ax.plot(np.sort(e.to_numpy()), np.arange(1, len(e) + 1) / len(e), color=colour, label=name)
ax.set(xlabel="estimate minus true count", ylabel="share of films with at most this error")
ax.set_title("400 counters for 1,682 films: more rows are narrower rows")
ax.legend(title="rows x width", loc="lower right")
figure_alt(
    fig,
    "Cumulated share of films against the error of the estimate, for three tables: all errors are 0 or above; one row of 400 has the smallest typical error.",
)
# %% [markdown]
# No error is below 0, as promised. But the estimates are far too high: with four films to a counter, most of what you read is somebody else. With so little room, more rows make it *worse*: each is narrower, so each counter is shared by more. Rows are made for the other case, where the width
# is ample and only the collision with a very popular item hurts. Same code, ten times the room:
# %%
for rows in (1, 2, 4):
    sketch = CountMin(4000 // rows, HASHES[:rows])
    for film, count in truth.items():
        sketch.add(str(film), count)
    e = np.array([sketch.estimate(str(film)) - count for film, count in truth.items()])
    show({f"{rows} x {4000 // rows}": f"exact for {(e == 0).mean():.0%} of the films, highest error {e.max()}"})


# %% [markdown]
# A second row makes more films exact and takes the worst error down by two fifths. Four rows of 1,000 take it down further, but fewer films are exact: the rows have become narrow again. There is no best shape without knowing which error hurts.
#
# An interviewer who asks for a sketch wants two sentences of you: in which direction it errs (upwards only), and what drives the error (the total of the others over the width, and the number of rows against bad luck).
#
# %% [markdown]
# ## 9. What was known then
#
# The last one is the one you will use most. A training set joins each impression with the user's features *as they were at that moment*. The ordinary join takes the latest value, and that is a leak: lesson 3.2 planted one. Both logs are sorted by time. Name the waste of the simple answer, and remember the counter that never goes back.
# %% exercise="5.3.6"
def asof_join(left, right):
    """For each (time, key) on the left the value that was known then: the last on the right with the same key at that
    time or before; None where there is none yet.

    left, right: sorted by time. Of several values of a key at the same time the one that stands last counts.
    """
    ### BEGIN SOLUTION
    known, values, at = {}, [], 0
    for time, key in left:
        while at < len(right) and right[at][0] <= time:
            known[right[at][1]] = right[at][2]
            at += 1
        values.append(known.get(key))
    return values
    ### END SOLUTION


# %% check="5.3.6"
asof_checked = ex("5.3.6").check(asof_join)
# %% [markdown]
# Against pandas' `merge_asof`, on real logs: on the left every rating of the second half of MovieLens, on the right every rating of the first three quarters, as a change of its user's latest stars. (The halves overlap, so that there is a past and a future to be confused.)
# %%
log = data.ratings.sort_values(["timestamp", "user", "item"]).reset_index(drop=True)
later, earlier = log[len(log) // 2 :], log[: 3 * len(log) // 4]
left = list(later[["timestamp", "user"]].itertuples(index=False, name=None))
right = list(earlier[["timestamp", "user", "rating"]].itertuples(index=False, name=None))

mine = pd.Series(asof_checked(left, right), dtype=float).to_numpy()
theirs = pd.merge_asof(
    later[["timestamp", "user"]], earlier[["timestamp", "user", "rating"]], on="timestamp", by="user"
)["rating"].to_numpy()
latest = later["user"].map(earlier.groupby("user")["rating"].last()).to_numpy()
show(
    {
        "impressions": len(left),
        "different from pandas": int((~np.isclose(mine, theirs, equal_nan=True)).sum()),
        "the ordinary join would give another value": int((~np.isclose(mine, latest, equal_nan=True)).sum()),
    }
)
# %% [markdown]
# No difference to pandas; and the last line counts the rows in which the ordinary join would have put something else, from the future. It takes one walk along both logs, and a dictionary.
#
# %% [markdown]
# ## 10. Fifteen more
#
# Five of the problems are done, and three more you have seen from their weak side. Here are all twenty, with the technique that each is about, what a good answer costs, and the lesson that had the idea first:
# %%
twenty = pd.DataFrame(
    [(d.name, d.topic, d.complexity, d.lesson) for d in drills.every().values()],
    columns=["drill", "technique", "a good answer", "lesson"],
).set_index("drill")
with pd.option_context("display.max_colwidth", None):
    show(twenty)


# %% [markdown]
# Each comes with examples, hidden tests, a limit on its growth, three hints, and a solution. Work on them where you like:
#
# - **in any editor**: `recsys-lab code start mmr` writes `my_work/drills/mmr.py`, and `recsys-lab code check my_work/drills/mmr.py` judges it, in a process of its own; `recsys-lab code` lists what you have passed;
# - **in a notebook**: `drills.show("mmr")` prints the problem, `drills.hint("mmr", 1)` a hint, `drills.check("mmr", mmr)` judges your function.
#
# Train as you will play: 25 minutes on a clock, aloud, without running anything before you have tested it on paper. One a day is three weeks. What the check says of an answer that is right and too slow looks like this; the answer compares every positive with every negative:
# %%
def slow_auc(scores, labels):
    pairs = [(p, q) for p, x in zip(scores, labels) if x == 1 for q, y in zip(scores, labels) if y == 0]
    return sum((p > q) + (p == q) / 2 for p, q in pairs) / len(pairs) if pairs else 0.5


verdict = drills.check("auc", slow_auc)
# %% [markdown] instructor=true
# **Timing.** Sections 8 to 10 and the quiz: 70 minutes.
#
# **To discuss.** Which of the twenty has a better answer than its reference? (Reservoir: skip ahead by a drawn distance, so that most items cost nothing. Moving median: two heaps. Weighted sampling: the alias method.)
# %% [markdown]
# ## Quiz
# %%
quiz()
# %%
quiz.check({1: ..., 2: ..., 3: ..., 4: ...})
# %% [markdown]
# ## In production
#
# - **Redis** does not keep an exact LRU. Its documentation says that it samples a few keys (five by default), keeps the best candidates in a small pool since version 3.0, and throws out the one not used for longest among them: no list to maintain, and nearly the same hits ("Key eviction", redis.io).
# - **Consistent hashing** was published by Karger and others in 1997 for web caches, and Amazon's Dynamo (DeCandia and others, 2007, section 4.2) spread its data with it, with several points for each node, as in the drill.
# - **Bloom filters** stand in front of the files of Google's Bigtable (Chang and others, 2006, section 6): a lookup of a row that is not there need not touch the disk.
# - **Sampling by reservoir** is older than the web: Vitter's paper of 1985 speaks of records on a magnetic tape of unknown length.
#
# None of these was invented by whoever uses it. That is the point of knowing them: the problem in front of you has a name, and the name has a literature.
#
# %% [markdown]
# ## In the interview
#
# **"We get a stream of play events. Show the ten most played songs of the last hour, at any moment."**
#
# An outline of a good answer:
#
# - *Ask.* How many songs, how many events a second? Exactly, or nearly? Does the last hour slide, or is it a clock hour? May a song lag behind by a minute?
# - *Simple.* A dictionary of counts and a queue of the hour's events; each event enters and leaves once, so it is O(1) an event. The ten best: one pass with a heap, n log 10, when somebody asks. Say what it costs in memory: all events of an hour.
# - *What is wasted?* Single events are kept only to be forgotten. Sixty dictionaries, one a minute, are enough if a minute's lag is allowed: add the newest, take off the oldest.
# - *If it does not fit.* A count-min sketch for each minute, and a heap of candidates beside it; sketches add up, also over servers. It errs upwards, so a rare song might slip in: check the candidates exactly.
# - *Test.* No event; a tie at place ten; a song that leaves the window while it is in the list; events that come late. For the sketch: never below the truth.
# - *Next.* Ten most played by *whom*? A bot plays one song a million times. Count users, not events.
#
# %% [markdown]
# ## Take-aways
# - Ask, example, simple answer with its cost, name the waste, code, attack. Aloud.
# - Count at n and at 4n: 4 is linear, a bit more is n log n, 16 is a square. The clock is not needed.
# - Two nested loops can be linear: ask how often the inner counter can rise *altogether*.
# - Randomness is tested by repeating and counting, pairs as well as single items.
# - A sketch is judged by the direction of its error and by what drives it.
# - In a join by time, *before or at* is right, *nearest* and *latest* are leaks.
#
# ## Further reading
# - Y. Tay: *Coding Signals*, Tech Interview Handbook. The rows of a feedback sheet, with what counts for and against you in each.
# - S. Newton: *Yes, You Can Use AI in Our Interviews*, Canva Engineering Blog, June 2025. Why, and what is asked instead.
# - J. S. Vitter: *Random Sampling with a Reservoir*, ACM Transactions on Mathematical Software 11 (1), 1985. Section 2 is the drill; the rest does better.
# - J. L. Bentley and A. C. Yao: *An Almost Optimal Algorithm for Unbounded Searching*, Information Processing Letters 5 (3), 1976. The jumps of `gallop`.
# - G. Cormode and S. Muthukrishnan: *An Improved Data Stream Summary: The Count-Min Sketch and its Applications*, Journal of Algorithms 55 (1), 2005.
# - B. H. Bloom: *Space/Time Trade-offs in Hash Coding with Allowable Errors*, Communications of the ACM 13 (7), 1970.
# - D. Karger and others: *Consistent Hashing and Random Trees*, STOC 1997.
# - A. Z. Broder: *On the Resemblance and Containment of Documents*, 1997. MinHash; the bands of `lsh` are in chapter 3 of Leskovec, Rajaraman and Ullman, *Mining of Massive Datasets*.
# - J. Carbonell and J. Goldstein: *The Use of MMR, Diversity-Based Reranking for Reordering Documents and Producing Summaries*, SIGIR 1998.
