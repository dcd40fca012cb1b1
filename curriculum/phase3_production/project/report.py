# %% [markdown]
# # Report: a service that survives
#
# Fill in `my_service.py` first. Then run this notebook, look at its figures, and answer the questions below them in your
# own words: 15 words at least, 100 at most. It starts your service as the grader does, on this machine, and stops it again.
# %%
import hashlib
import tempfile
import threading
import time
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from recsys_lab import datasets, registry, storage
from recsys_lab.course.projects.asking import latencies, put, started

MINE, PLACE = Path("my_service.py").resolve(), Path(tempfile.mkdtemp())
ratings = datasets.load("ml-100k").ratings
users = np.random.default_rng(0).permutation(ratings["user"].unique()).tolist()
artefacts = {}
for name in ("ease", "pure-svd"):
    saved = storage.save(registry.make(name).fit(ratings), PLACE / f"{name}.npz")
    artefacts[name] = saved.read_bytes()
put(artefacts["ease"], PLACE / "model.npz")
# %% [markdown]
# ## 1. How it is built
# Draw the way of one request through your service in words: which thread or task does what, and what is done only once?
# %% [markdown] tags=["answer"]
# *Your answer here.*
# %% [markdown]
# ## 2. How long does a list take?
# %% tags=["figure"]
fig, ax = plt.subplots(figsize=(6, 3))
with started(MINE, PLACE / "model.npz", PLACE / "latency.db") as (client, _):
    for clients, style in ((1, "--"), (8, "-")):
        for what, path in (("empty endpoint", "/empty"), ("list", "/v1/users/{}/recommendations?n=10")):
            taken = np.sort(latencies(client, [path.format(user) for user in users[:200]], clients)) * 1000
            shown = f"{what}, {clients} at once: p50 {np.median(taken):.1f} ms, p99 {np.percentile(taken, 99):.1f} ms"
            ax.plot(taken, np.linspace(0, 1, len(taken)), style, label=shown)
ax.legend(fontsize=7)
ax.set(title="Share of answers that came within so many milliseconds", xlabel="ms", xscale="log", ylabel="share")
plt.show()
# %% [markdown]
# What does your service add to an endpoint that does nothing, and what changes with eight clients? Which would you promise
# to a customer: p50 or p99?
# %% [markdown] tags=["answer"]
# *Your answer here.*
# %% [markdown]
# ## 3. What do users see while the model changes?
# %% tags=["figure"]
seen, ended = [], threading.Event()


def ask(client):
    while not ended.is_set():
        for user in users[:20]:
            answer = client.user(user)
            state = answer.get("model") if answer.status == 200 else f"status {answer.status}"
            seen.append((time.perf_counter(), "popular" if answer.get("fallback") else state))


with started(MINE, PLACE / "model.npz", PLACE / "exchange.db") as (client, _):
    put(artefacts["ease"], PLACE / "model.npz")
    asking = threading.Thread(target=ask, args=(client,))
    asking.start()
    begun = time.perf_counter()
    for artefact in (artefacts["pure-svd"][:5000], artefacts["pure-svd"], artefacts["ease"]):
        time.sleep(2)
        put(artefact, PLACE / "model.npz")
    time.sleep(2)
    ended.set()
    asking.join()
names = {hashlib.sha256(content).hexdigest()[:12]: name for name, content in artefacts.items()}
fig, ax = plt.subplots(figsize=(6, 2.5))
ax.plot([at - begun for at, _ in seen], [names.get(state, str(state)) for _, state in seen], ".")
for at, what in ((2, "cut short"), (4, "pure-svd"), (6, "ease")):
    ax.axvline(at, color="gray", linewidth=0.8)
    ax.text(at, 1.02, what, transform=ax.get_xaxis_transform(), ha="center", fontsize=7)
ax.set(title="What answered, while artefacts were exchanged (lines)\n", xlabel="seconds")
plt.show()
# %% [markdown]
# How long does a new model wait until it is in use, and why? How do you know that no answer mixes two models?
# %% [markdown] tags=["answer"]
# *Your answer here.*
# %% [markdown]
# ## 4. What does it cost not to lose an event?
# %% tags=["figure"]
sizes, rates = (1, 10, 100, 500), []
with started(MINE, PLACE / "model.npz", PLACE / "events.db") as (client, _):
    for size in sizes:
        begun, stored = time.perf_counter(), 0
        while time.perf_counter() - begun < 0.5:
            ids = [f"{size}-{stored + i}" for i in range(size)]
            stored += client.events(ids).get("stored") or 0
        rates.append(stored / (time.perf_counter() - begun))
fig, ax = plt.subplots(figsize=(6, 3))
ax.plot(sizes, rates, "o-")
ax.set(title="Events stored a second, by one client", xlabel="events in a post", xscale="log", ylabel="events / s")
ax.set_yscale("symlog")
plt.show()
# %% [markdown]
# What is paid once for each post, and what for each event? Name one failure that your service does not survive.
# %% [markdown] tags=["answer"]
# *Your answer here.*
# %% [markdown]
# ## 5. What would you watch?
# Name three numbers of the running service that you would watch, with a limit for each, and what you would do beyond it.
# %% [markdown] tags=["answer"]
# *Your answer here.*
