# ---
# lesson:
#   id: "3.8"
#   title: "Shipping it"
#   phase: 3
#   minutes: 180
#   prerequisites: ["3.1", "3.4"]
#   objectives:
#     - "Ship a model as a versioned dependency, and say what it carries along, how much memory it takes, and how you go back"
#     - "Choose startup, readiness and liveness probes for a service that has to load and compile"
#     - "Let real tools read the manifests, and say which mistakes none of them can see"
#     - "Write a gate for CI that is closed unless there is a reason to open"
#     - "Work out a rollout, an autoscaler's reaction and a bill, and name the number that must be measured"
# ---
# %% [markdown]
# ## What you already know
#
# You write Dockerfiles, Kubernetes manifests and workflows, and none of them is explained here. This lesson is about
# what changes when the thing behind them is a **model**: a dependency of 13 or 13,000 megabytes that arrives every
# week, was written by no one, cannot be reviewed, and needs a while before it can answer.
#
# | your habit | with a model |
# |---|---|
# | one artefact, one version: the image | two: code and model, each with a way forward and a way back |
# | what is in the image is yours | the model holds the people it has learned from |
# | memory: what the program needs, and some reserve | the model, twice, while a new one is loaded |
# | ready when the port is open | ready when *this* model answers |
# | CI is green: tests have passed | CI is green: and which file was judged, on which days? |
# | a pod starts in a second, so the autoscaler is quick | a pod starts in a minute, so the autoscaler is a minute late |
#
# **Before you start.** Phase 3 needs packages of its own: `make lab PHASE=3`, once. The tools that read the manifests
# are programs of others, in an environment of their own: `python3 .ci/install.py deploy`, once (half a minute). If one
# of the two is missing, the next cell says so. You need neither Docker nor a cluster nor an account, and section 9
# says what therefore nobody has checked.
#
# %% [markdown] instructor=true
# **Timing (180 minutes alone; two sessions of 90 in class).** Session one: sections 1 to 5 with exercises 1 and 2.
# Session two: sections 6 to 8 with exercises 3 to 5, quiz, interview question. The notebook takes about 25 seconds of
# CPU.
#
# **Prepare.** Ask everybody: how do you go back from last night's deployment, and when did you last do it? Ask again
# with "last night's model". Keep the times for section 7.
# %%
from recsys_lab.course.environment import needs
from recsys_lab.production import shipping

needs("phase3")  # `make lab PHASE=3` brings what this phase needs
honcho = shipping.program("honcho")  # `python3 .ci/install.py deploy` brings the tools

import heapq
import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import yaml

from recsys_lab import EASE, Ratings, datasets, registry, storage
from recsys_lab.course import figure_alt, show, start
from recsys_lab.course.exercises.e3_8 import PLANTED, colleagues_gate, found_by, planted, report_of
from recsys_lab.errors import DataError
from recsys_lab.production import starting

ex, quiz = start("3.8")
data = datasets.load("ml-100k")
ratings = Ratings.from_frame(data.ratings, scale=data.scale)
desk = tempfile.TemporaryDirectory()  # everything below is written here; the last cell removes it
lab = Path(desk.name).resolve()
with_programs = os.environ | {"PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])}
# %% [markdown]
# ## 1. One folder, two versions
#
# What has to travel? Save the EASE of lesson 2.6 as an artefact, as in 3.1, and let the library write a folder to
# ship. On the command line it is `recsys-lab save --model ease --out ease.npz` and
# `recsys-lab ship new DIR --model ease.npz`.
# %%
artefact = storage.save(EASE().fit(ratings, data.items), lab / "ease.npz")
ship = shipping.new(lab / "ship", artefact)
print(*sorted(path.name for path in ship.iterdir()))
# %% [markdown]
# A Dockerfile, a compose file, manifests, a template for a cloud, a Procfile, a workflow; the library with its pinned
# versions; and `models/`. Open the folder's `Dockerfile` beside this page (it lies in the course at
# `recsys_lab/production/deploy/`). You will find nothing new in it except its end, where it can be built in two ways:
#
# | | `--target service` | `--target with-model` |
# |---|---|---|
# | the model is | a file in a volume | a layer of the image, the last one |
# | a new model is | a renamed file, taken up while running (3.1) | a new image, rolled out pod by pod |
# | back to the old one | rename again: a second | roll back: a start for each round of pods |
# | what runs is known by | two versions: image and model | one digest |
# | all pods serve the new model | after about a second | when the rollout is over |
# | a pod on a new node | needs the volume first | needs nothing but the image |
#
# Neither is right. Many models a day, or large ones, speak for the volume; few machines to look after, and auditors,
# for the image. What you must not do is to *train while the image is built*: then the file that was judged (lesson
# 3.4) and the file that is shipped are two files. So the image refuses any other. The gate writes the checksum of what
# it has judged beside the model, and this is the step of the Dockerfile, run here as it stands there:
# %%
lines = (ship / "Dockerfile").read_text().splitlines()
step = next(line for line in lines if "champion.sha256" in line and line.startswith("RUN")).removeprefix("RUN ")
name, *options = step.split()
program = [name] if shutil.which(name) else ["shasum", "-a", "256"]  # macOS


def build_step():
    """The exit code of that step, where the models are."""
    return subprocess.run([*program, *options], cwd=ship / "models", capture_output=True).returncode


codes = {"the judged model": build_step()}
model_file = ship / "models" / "champion.npz"
sound = model_file.read_bytes()
model_file.write_bytes(sound[:-1] + b"!")
codes["one byte changed"] = build_step()
model_file.write_bytes(sound)
print(step)
show(codes)
# %% [markdown]
# 0 and 1: with another file, there is no image.
#
# ### What you ship with a model
#
# Code you can read. What is in the model? You know the format from lesson 3.1, so ask it for user 42:
# %%
with np.load(model_file) as file:
    people, films = file["train_.users.ids"], file["train_.items.ids"]
    pointers, columns, stars = (file[f"train_.matrix.{part}"] for part in ("indptr", "indices", "data"))
row = int(np.flatnonzero(people == 42)[0])
taken = slice(pointers[row], pointers[row + 1])
leaked = dict(zip(films[columns[taken]], stars[taken]))
truth = data.ratings[data.ratings["user"] == 42].set_index("item")["rating"].to_dict()
show(ratings_of_user_42_in_the_file=len(leaked), all_of_them_as_given=leaked == truth, ratings_in_the_file=len(stars))
# %% [markdown]
# All 100,000 ratings of all people are in the file, to the star. Nobody has put them there by mistake: a recommender
# has to know what a user has seen, to leave it out. And a k-NN model *is* its training data. So **the image
# `with-model` is a copy of your users' history**, and so is each layer cache, each registry mirror and each laptop
# that has pulled it. Whoever may pull may read; a person who asks to be deleted is in every old tag. And here the
# terms of MovieLens 100K forbid to pass the data on without permission, so this image must not be pushed to a public
# registry at all.
#
# Secrets of the usual kind are simpler, because you know the rules: never in a layer, never in a ConfigMap, and never
# in a log. One trap is popular in CI. `docker-compose config` checks the file, and prints it, with the variables
# filled in:
# %%
with_key = os.environ | {"RECSYS_LAB_SERVE_API_KEY": "correct-horse-battery"}
said = {}
for option in ([], ["--quiet"]):
    command = [shipping.program("docker-compose"), "config", *option]
    done = subprocess.run(command, cwd=ship, env=with_key, capture_output=True, text=True)
    said[" ".join(["docker-compose config", *option])] = "correct-horse-battery" in done.stdout + done.stderr
show(said)
# %% [markdown]
# The first puts your key into the log of every run. (`ship check` asks with `--quiet`.)
#
# %% [markdown] instructor=true
# **Timing.** Section 1: 25 minutes. Let people guess how many ratings are in the file before they run the cell.
#
# **Misconceptions.** "A model is weights": it is weights, ids, and whatever the answers need. "We anonymise: the ids
# are numbers": the ratings themselves identify people (Narayanan and Shmatikov 2008).
#
# **To discuss.** Which of your images hold customers' data today, and who may pull them? How long are old tags kept?
# %% [markdown]
# ## 2. How much memory?
#
# `limits: {memory: 512Mi}` says the manifest. Where does such a number come from? For a program you would look at a
# graph and add some reserve. For a model you can *compute* it. The header of the artefact names each array with its
# type and shape, and a shape tells how the array grows: a table of films by films grows with the square of the
# catalogue, factors and ratings grow in proportion.
#
# Take three models, and let the whole site grow to `times` its size: films, people, ratings. While a new model is
# loaded beside the old one (3.1), there are two of them.
# %%
headers = {}
for label in ("item-knn", "ease", "implicit-als"):
    with np.load(storage.save(registry.make(label).fit(ratings, data.items), lab / "x.npz")) as file:
        headers[label] = json.loads(file["header"].tobytes())["arrays"]


def bytes_at(arrays, times):
    """The bytes of a model's arrays on a site of `times` the size: an axis of hundreds of entries grows with it."""
    total = 0
    for array in arrays.values():
        size = np.dtype(array["dtype"]).itemsize * math.prod(array["shape"])
        total += size * times ** sum(length > 900 for length in array["shape"])
    return total


MIB, LIMIT = 2**20, 512
times = np.geomspace(0.5, 200, 400)
fig, ax = plt.subplots()
for label, arrays in headers.items():
    ax.plot(1682 * times, [2 * bytes_at(arrays, t) / MIB for t in times], label=f"two copies of {label}")
ax.axhline(LIMIT, color="#444444", linestyle="--", linewidth=1, label="the manifest's limit, 512 MiB")
ax.set(xscale="log", yscale="log", xlabel="films in the catalogue (log scale)", ylabel="MiB (log scale)")
ax.set_xticks([1000, 10_000, 100_000], ["1,000", "10,000", "100,000"])
ax.set_title("A table of films by films outgrows any limit")
ax.legend()
figure_alt(
    fig,
    "Memory of two copies of a model against the catalogue's size, both logarithmic. item-knn and ease rise twice as steeply as "
    "implicit-als and cross the line of 512 MiB below 10,000 films; implicit-als crosses it beyond 100,000.",
)
# %%
most = {label: 1682 * max(t for t in times if 2 * bytes_at(a, t) <= LIMIT * MIB) for label, a in headers.items()}
show({f"films, two copies of {label} in 512 MiB": round(n, -3) for label, n in most.items()})
# %% [markdown]
# With EASE, the limit is good for some 8,000 films at most, and that is before Python, NumPy and the answers that are
# kept ready. (The manifest notes 160 MB for a service with one EASE of MovieLens 100K, whose file has 14.) So the
# model's kind decides about the machine, and the team that changes `ease` to `item-knn` (twice the bytes for each
# pair) has changed the deployment without touching a manifest. Three habits follow:
#
# - The limit stands in the same commit as the model's name, and a test multiplies.
# - A pod that is killed for its memory *while loading a new model* looks like a bad model, and goes back to the old
#   one, and tries again. Look at the reason of the kill, not at the model.
# - If two do not fit, there is a choice: unload first, and answer what is popular for a moment; or never reload, and
#   ship a new pod. (TensorFlow Serving has both as settings, see "In production".)
#
# ## 3. Start it
#
# Before any tool reads a file: does it run? The smallest platform that there is has one text file, the **Procfile**,
# and a program that starts what stands in it. `honcho` is such a program. Our Procfile has one line. We let honcho
# start it, on this machine only, and ask the service: which model do you have?
# %%
print((ship / "Procfile").read_text().strip())
with starting.by_procfile(ship, honcho) as url:
    version = starting.ask(url, model_file)
    answer = starting.get(f"{url}/v1/users/42/recommendations?n=3")
    try:
        starting.ask(url, lab / "x.npz")  # the last one of section 2
    except DataError:
        print("asked whether it has another file's model: no, and that is an error")
show({"it is the model of the folder": answer["model"] == version, "answers from a fallback": answer["fallback"]})
# %% [markdown]
# Note the question. "Are you up?" would not do, and "are you ready?" would not either: this service is ready without
# any model (it answers what is popular, on purpose). After a deployment, ask **which** model answers, by its checksum,
# and whether a real answer came from it. The workflow does so before it pushes an image.
#
# And note that it was *started*. honcho also has a command `check`. Here is a Procfile with a mistake in it:
# %%
(ship / "Procfile.bad").write_text("web: recsys-lab serve --prot ${PORT:-8000}\n")
for task in ("check", "start"):
    command = [honcho, "--no-colour", "-f", "Procfile.bad", task]
    done = subprocess.run(command, cwd=ship, env=with_programs, capture_output=True, text=True)
    complains = "No such option" in done.stdout
    print(
        f"honcho {task}: exit code {done.returncode}, {'says' if complains else 'does not say'} that there is no such option"
    )
(ship / "Procfile.bad").unlink()
# %% [markdown]
# `check` has read the names of the processes, and is content. It never promised more.
#
# ### The first start is another one
#
# What takes long at the start? Loading, and **compiling**. Many models have inner loops that are compiled on the
# machine on which they run: Numba here, `torch.compile` or TensorRT elsewhere. The result is kept in a cache, and in a
# container the cache is a folder that is empty after each start. We play that with user-knn: a start with an empty
# cache, as in each new pod, and one that finds it filled, as on your laptop.
# %%
neighbours = shipping.new(lab / "neighbours", storage.save(registry.make("user-knn").fit(ratings), lab / "knn.npz"))
compiled, before = {}, set()
os.environ["NUMBA_CACHE_DIR"] = str(lab / "cache")
for start_of in ("a new container", "once more, the cache was kept"):
    with starting.by_procfile(neighbours, honcho) as url:
        starting.ask(url, neighbours / "models" / "champion.npz")
    there = set((lab / "cache").rglob("*.nbi"))
    compiled[start_of], before = len(there - before), there
del os.environ["NUMBA_CACHE_DIR"]
show(compiled)
# %% [markdown]
# Three loops are compiled in each new container, and none where the cache was kept. For these three it is about two
# seconds, twice the time of a warm start on the machine on which this was written. For a large network it is minutes.
# Could the image bring the compiled loops along? That is safe, but often in vain: Numba notes the processor for which it
# has compiled, and on any other, of which a cluster has several kinds, it compiles anew. (`NUMBA_CPU_NAME=generic` makes
# loops that fit all of them, and may be slower on each.)
#
# So a service with a model has a long and *variable* start. The rest of the lesson is mostly about what follows from
# that one fact: for probes, for rollouts, for autoscalers, for the bill.
#
# %% [markdown] instructor=true
# **Timing.** Sections 2 and 3: 30 minutes.
#
# **Misconceptions.** "It started on my machine in two seconds": with a warm cache, on a fast disk. "The health check
# is green, so the deployment worked": a service without a model is healthy.
#
# **To discuss.** How would you warm a cache before a pod counts as ready? (Answer some typical requests at the start;
# our service makes lists of ten for known users.) What does it cost, and who waits for it?
# %% [markdown]
# ## 4. Three probes, three consequences
#
# Kubernetes asks a container three questions. You have written all three probes; the point is what *happens* when one
# fails:
#
# | probe | when it is asked | when it fails often enough |
# |---|---|---|
# | startup | from the beginning, until it succeeds once; the other two wait for it | the container is killed, and starts anew |
# | readiness | always (after that) | the pod gets no requests until it succeeds again |
# | liveness | always (after that) | the container is killed, and starts anew |
#
# Six colleagues have written manifests for the same service. Here is the part that differs; the rest is sound.
# (`get: /x` stands for `httpGet: {path: /x, port: http}`.)
#
# ```yaml
# A:
#   readinessProbe: {get: /ready, periodSeconds: 5}
#   livenessProbe:  {get: /health, periodSeconds: 10, failureThreshold: 3}
# B:
#   startupProbe:   {get: /health, periodSeconds: 2, failureThreshold: 45}
#   readinessProbe: {get: /ready, periodSeconds: 5}
#   livenessProbe:  {get: "/v1/users/1/recommendations?n=30", periodSeconds: 10, failureThreshold: 3}
# C:
#   startupProbe:   {get: /health, periodSeconds: 2, failureThreshold: 45}
#   readinessProbe: {get: /ready, periodSeconds: 5}
#   livenessProbe:  {get: /health, periodSeconds: 10, failureThreshold: 3}
# D:
#   startupProbe:   {get: /health, periodSeconds: 2, failureThreshold: 45}
#   readinessProbe: {get: /ready, periodSeconds: 5}
#   livenessProbe:  {get: /ready, periodSeconds: 10, failureThreshold: 3}
# E:
#   livenessProbe:  {get: /health, initialDelaySeconds: 120, periodSeconds: 10, failureThreshold: 3}
# F:
#   startupProbe:   {get: /health, periodSeconds: 2, failureThreshold: 15}
#   readinessProbe: {get: /ready, periodSeconds: 5}
#   livenessProbe:  {get: /health, periodSeconds: 10, failureThreshold: 3}
# ```
# %% exercise="3.8.1"
# One of "sound", "never starts", "errors at first", "dies under load", "dies of a bad model" for each.
### BEGIN SOLUTION
fate_a = "never starts"
fate_b = "dies under load"
fate_c = "sound"
fate_d = "dies of a bad model"
fate_e = "errors at first"
fate_f = "never starts"
### END SOLUTION

# %% check="3.8.1"
fates = ex("3.8.1").check({"A": fate_a, "B": fate_b, "C": fate_c, "D": fate_d, "E": fate_e, "F": fate_f})
# %% [markdown]
# Here are the first minutes of four of them, by the rules of the table. (Kubernetes also pauses between restarts,
# longer each time, up to five minutes. That is left out, and makes A and F worse.)


# %%
def bars(killed_at, cold=50, seconds=180):
    """[(begin, length, state)]: a container that answers `cold` s after its start, killed so many s after it, if it does not."""
    if killed_at >= cold:
        return [(0, cold, "starting"), (cold, seconds - cold, "answers")]
    return [(begin, min(killed_at, seconds - begin), "starting") for begin in range(0, seconds, killed_at)]


def patience(delay, period, threshold):
    """Seconds after the start at which the last permitted failure is in: the first question comes after `delay`."""
    return delay + (threshold - 1) * period


waits = {
    "A: liveness alone": patience(0, 10, 3),
    "F: startup, 2 s x 15": patience(0, 2, 15),
    "C: startup, 2 s x 45": patience(0, 2, 45),
    "E: liveness after 120 s": patience(120, 10, 3),
}
colours = {"starting": "#E69F00", "answers": "#0072B2"}
fig, ax = plt.subplots(figsize=(8, 3.2))
for place, killed_at in enumerate(waits.values()):
    for number, (begin, length, state) in enumerate(bars(killed_at)):
        ax.barh(place, length, left=begin, height=0.6, color=colours[state])
        if number and state == "starting":
            ax.plot(begin, place, "kx", markersize=8, markeredgewidth=2)
for state, colour in colours.items():
    ax.barh(0, 0, color=colour, label=state)
ax.plot([], [], "kx", markersize=8, markeredgewidth=2, label="killed")
ax.set_yticks(range(len(waits)), waits)
ax.invert_yaxis()
ax.set(xlabel="seconds after the deployment", xlim=(0, 180))
ax.set_title("A model of 50 seconds under four manifests")
ax.legend(loc="upper left", bbox_to_anchor=(1, 1))
figure_alt(
    fig,
    "Four bars over 180 seconds. A is killed every 20 seconds and F every 28, always while starting. C and E start for 50 seconds and then answer.",
)
# %% [markdown]
# A and F will restart until somebody reads this lesson. And it is worse than it looks: on the laptop, with a warm
# cache, the model started in 15 seconds, so both were tested and found good. Then somebody trained a larger one. **No
# line of the manifest changed.**
#
# E starts as well as C does. Only, nothing says that it is not ready: for 50 seconds after each deployment it is sent
# a share of the requests, and refuses them. And since liveness begins so late, a process that hangs after ten seconds
# hangs for two minutes.
#
# B and D are not in the picture, since in every quiet hour they look like C. What kills them is a Saturday evening, and
# a broken file.
#
# %% [markdown] instructor=true
# **Timing.** 30 minutes with the exercise. Vote on the six letters before the check.
#
# **Misconceptions.** "A deeper health check is a better one": for readiness perhaps; for liveness it turns a slow
# service into no service. "A restart never hurts": with a model it costs the start, and the start costs the
# neighbours.
#
# **To discuss.** Our `/ready` says 200 without a model. When would you rather want 503? (Where no good fallback
# exists: then all pods leave the balancer at once. What do your users see?)
# %% [markdown]
# ## 5. What the tools see
#
# Nobody here has a cluster or an AWS account at hand. But for each of these files there is a program that knows its
# rules. None of them asks whether a file looks fine; each asks whether there is a rule that it breaks.
# `recsys-lab ship check DIR` lets them all read:
# %%
verdicts = shipping.check(ship)
checked = pd.DataFrame(verdicts)[["tool", "looks_for", "passed"]]
checked.insert(1, "reads", [" ".join(tool.files) or "compose.yaml" for tool in shipping.CHECKS])
checked
# %% [markdown]
# All is well, which is the least interesting thing that a check can say. A check that you have never seen fail is a
# decoration. So: nine mistakes, one at a time.
# %%
changes = [(letter, file, good, bad) for letter, (file, good, bad) in PLANTED.items()]
pd.set_option("display.max_colwidth", 60)
pd.DataFrame(changes, columns=["", "file", "instead of", "it says"]).set_index("")


# %% [markdown]
# A sandbox to try them in, if you like:
# %%
def sound_copy():
    """The folder once more, without a mistake."""
    shutil.rmtree(lab / "sandbox", ignore_errors=True)
    return shutil.copytree(ship, lab / "sandbox", ignore=shutil.ignore_patterns("library"))


def tried(letter):
    """The tools that object when that mistake is in a sound copy, each with what it says."""
    folder = sound_copy()
    planted(letter, folder)
    return {verdict.tool: verdict.said for verdict in shipping.check(folder) if not verdict.passed}


# %% exercise="3.8.2"
# "hadolint", "docker-compose", "check-jsonschema", "kubernetes-validate", "cfn-lint", "zizmor", or "none".
### BEGIN SOLUTION
sees_a = "hadolint"
sees_b = "kubernetes-validate"
sees_c = "none"
sees_d = "none"
sees_e = "docker-compose"
sees_f = "none"
sees_g = "cfn-lint"
sees_h = "none"
sees_i = "zizmor"
### END SOLUTION

# %% check="3.8.2"
guesses = {"A": sees_a, "B": sees_b, "C": sees_c, "D": sees_d, "E": sees_e}
guesses |= {"F": sees_f, "G": sees_g, "H": sees_h, "I": sees_i}
seen = ex("3.8.2").check(guesses)
# %% [markdown]
# Do not believe the answer key. Here all nine are really planted, and the tools really asked:
# %%
sandbox = sound_copy()
really = {letter: found_by(letter, sandbox) for letter in PLANTED}
table = pd.DataFrame({"file": [file for file, *_ in PLANTED.values()]}, index=list(PLANTED))
table["seen by"] = [", ".join(tools) or "none" for tools in really.values()]
table
# %% [markdown]
# Five are found, each by one tool alone. The four others are valid, and wrong:
#
# - **C** an autoscaler that may have at least two pods and at most one.
# - **D** a limit of 512 *bytes* of memory.
# - **F** the key in a ConfigMap, in Git, for everybody.
# - **H** a gate that is always open: each model is shipped, also the one that was refused.
#
# What catches these? For C and D, a cluster: its API server compares the two bounds, and the limit with the request,
# which no schema does. (With a limit of 64 MiB and a request of 32 it would be content, too. Only the test of section 2
# multiplies.) For F, a scanner for secrets, which guesses, or a reviewer. For H, a test that lets the gate say no, and
# looks what happens. (The check of exercise 3 is such a test.)
#
# ### An exit code is not a verdict
#
# One more plant. The disruption budget gets an old version of its API, `policy/v1beta1`, which Kubernetes has removed.
# And `gpus: all`, a field that today's Compose knows, for a model that computes on a graphics card, joins the
# undeclared volume of E:
# %%
budget = sandbox / "k8s" / "disruption.yaml"
budget.write_text(budget.read_text().replace("policy/v1", "policy/v1beta1"))
command = [shipping.program("kubernetes-validate"), "--strict", "--quiet", "k8s/disruption.yaml"]
done = subprocess.run(command, cwd=sandbox, capture_output=True, text=True)
print("kubernetes-validate, exit code", done.returncode)
print(done.stdout.split(" for kubernetes")[0])

compose, rows = (ship / "compose.yaml").read_text(), {}
readers = [tool for tool in shipping.CHECKS if tool.files in ((), ("compose.yaml",))]
for what, text in {
    "gpus: all": compose.replace("mem_limit: 512m", "mem_limit: 512m\n    gpus: all"),
    "a volume that is not declared": compose.replace("- events:/events", "- event:/events"),
}.items():
    (sandbox / "compose.yaml").write_text(text)
    rows[what] = {v.tool: "passes" if v.passed else "objects" for v in shipping.check(sandbox, readers)}
pd.DataFrame.from_dict(rows, orient="index")
# %% [markdown]
# Two lessons in one cell.
#
# - The tool for Kubernetes has found no schema for the object, so it has checked *nothing*, says so in a warning, and
#   ends with **0**. In CI that is green. `ship check` therefore demands that a tool says exactly what it says when all
#   is well, and counts any other word as a failure.
# - Of two tools for one file, one is old. docker-compose 1.29, the last one that is a Python package, does not know
#   `gpus` and objects to a sound file. The schema of today knows it, but cannot see that a volume is declared nowhere.
#   A false alarm and a blind spot. Neither replaces the other, and you should know for each of your tools which year
#   it lives in.
#
# %% [markdown] instructor=true
# **Timing.** 40 minutes with the exercise. Let pairs bet on the nine letters; the four that nobody sees are the point.
#
# **Misconceptions.** "More linters": a fifth linter sees what the four see. "`kubectl apply --dry-run=server` finds
# the rest": C and D, yes; not F or H.
#
# **To discuss.** Which check of your own CI has nobody ever seen red? Plant something on Monday.
# %% [markdown]
# ## 6. A gate before the image
#
# The workflow has two jobs. `gate` retrains and judges (lesson 3.4); `image` builds, starts, asks and pushes, *if* the
# gate has published something new. A workflow cannot be run here. But the heart of it is a script of the shell, and
# scripts can. We take it out of the file, run it as GitHub does (`bash -e`), and read what it would hand to the next
# job. Twice, since nothing is new the second time:
# %%
jobs = yaml.safe_load((ship / ".github" / "workflows" / "ship.yaml").read_text())["jobs"]
script = next(step["run"] for step in jobs["gate"]["steps"] if step.get("id") == "judge")


def ci(script, *options, output=lab / "output"):
    """Run a step as CI would: its exit code, and what it handed on."""
    output.write_text("")
    variables = with_programs | {"GITHUB_OUTPUT": str(output), "GITHUB_STEP_SUMMARY": str(lab / "summary")}
    command = ["bash", "--noprofile", "--norc", "-e", *options, "-c", script]
    done = subprocess.run(command, cwd=ship, env=variables, capture_output=True, text=True)
    return done.returncode, dict(line.split("=") for line in output.read_text().split())


runs = [ci(script) for _ in range(2)]
print("the image is built", jobs["image"]["if"])
show(
    pd.DataFrame(
        [{"exit code": code, "published": handed["published"]} for code, handed in runs], index=["first", "again"]
    )
)
# %% [markdown]
# And when the data are bad? Then the pipeline ends with 1, and the job with it. Unless somebody wants to keep the log.
# Here is a run as of October 1997, when hardly anybody had rated anything and no model can be judged; the same, with
# its output piped into a file; and once more with `pipefail`:
# %%
bad_data = "recsys-lab pipeline run --folder early --until 1997-10-01"
show(
    {
        "the pipeline": ci(bad_data)[0],
        "the pipeline, into a log": ci(f"{bad_data} | tee log.txt")[0],
        "the same with pipefail": ci(f"{bad_data} | tee log.txt", "-o", "pipefail")[0],
    }
)
# %% [markdown]
# The exit code of a pipe is that of its *last* command, and `tee` was happy. GitHub's default for a step is `bash -e`,
# without `pipefail`; writing `shell: bash` adds it. (In the same family: `|| true`, `continue-on-error: true`, and
# `if: always()` of exercise 2.)
#
# Suppose that the plumbing is right. What does the gate itself ask? A colleague has written the last step in Python.
# It reads what the judging job has found: `low` holds the lower end of the interval of each *duel*, candidate against
# popularity and candidate against champion, as in lesson 3.4.
#
# ```python
# def colleagues_gate(report, sha256):
#     """May the file with this checksum ship?"""
#     return not any(low < -report["margin"] for low in report["low"].values())
# ```
#
# And here are eight reports, with the checksum (shortened) of the file that lies there when the image is built:
# %%
nan = float("nan")
cases = [
    (report_of(), "c4fe"),
    (report_of(low={"popularity": 0.01, "champion": -0.05}), "c4fe"),
    (report_of(champion=None, low={"popularity": 0.01}), "c4fe"),
    (report_of(low={}), "c4fe"),
    (report_of(low={"popularity": 0.02, "champion": nan}), "c4fe"),
    (report_of(low={"popularity": 0.03, "champion": 0.01}), "0dd0"),
    (report_of(learned_until=128, low={"popularity": 0.31, "champion": 0.22}), "c4fe"),
    (report_of(champion="c4fe", low={"popularity": 0.01, "champion": 0.0}), "c4fe"),
]
reports = pd.DataFrame(
    [report | {"file": sha256, "colleague": colleagues_gate(report, sha256)} for report, sha256 in cases]
)
reports["low"], reports["champion"] = reports["low"].map(str), reports["champion"].fillna("none yet")
reports


# %% exercise="3.8.3"
def may_ship(report, sha256):
    """True if the file with this checksum may ship. report: a dict as above; `champion` is None before the first model."""
    ### BEGIN SOLUTION
    if sha256 != report["candidate"] or sha256 == report["champion"]:
        return False
    if report["learned_until"] > report["judged_from"]:
        return False
    wanted = {"popularity"} if report["champion"] is None else {"popularity", "champion"}
    if not wanted <= set(report["low"]):
        return False
    return all(low >= -report["margin"] for low in report["low"].values())
    ### END SOLUTION


# %% check="3.8.3"
may_ship_checked = ex("3.8.3").check(may_ship)
# %%
reports["may ship"] = [may_ship_checked(report, sha256) for report, sha256 in cases]
reports[["low", "file", "colleague", "may ship"]]


# %% [markdown]
# Three of eight. The colleague's gate looked for a reason to stop, and what is missing gives no reason. A gate has to
# look for reasons to *go*, and each of them has to be there.
#
# One line deserves a second look. The highest scores of the whole table belong to the candidate that has learned from
# the days on which it was judged. A gate that compares numbers would have called it the best model in years.
#
# %% [markdown] instructor=true
# **Timing.** 35 minutes with the exercise.
#
# **Misconceptions.** "The gate is tested, because it is in the pipeline": has it ever said no? "Exit code 0 means that
# the model is good": it means that the script ended.
#
# **To discuss.** Who may override the gate, at night, with a bad model in production? (Somebody must be able to; it
# must leave a trace; and going back should not need the gate at all.)
# %% [markdown]
# ## 7. Forward, and back
#
# A new image is rolled out pod by pod. Write $n$ for the number of pods, $s$ for the *surge*, the pods that may run
# beyond them, and $u$ for the *unavailable*, the pods that may be missing. Kubernetes starts $s$ new ones at once and
# stops $u$ old ones, whose places are filled by new ones, too. When these are ready, the next $s + u$ take their turn.
# So the number of rounds is
#
# $$w = \text{ceil}\left(\frac{n}{s + u}\right)$$
#
# where ceil rounds up. Each round lasts as long as a start, $t$ seconds, and the rollout lasts $w\,t$. For a program
# that starts in a second nobody counts rounds. With a model you do.
# %% exercise="3.8.4"
def rollout(n, surge, unavailable, start):
    """(fewest pods ready, most pods running, seconds) of a rollout of n pods that each need `start` seconds.

    surge, unavailable: whole numbers, or texts such as "25%".
    """
    ### BEGIN SOLUTION
    s, u = (n * int(x.rstrip("%")) / 100 if isinstance(x, str) else x for x in (surge, unavailable))
    s, u = math.ceil(s), math.floor(u)
    if s == 0 and u == 0:
        u = 1
    return n - u, n + s, math.ceil(n / (s + u)) * start
    ### END SOLUTION


# %% check="3.8.4"
rollout_checked = ex("3.8.4").check(rollout)
# %% [markdown]
# Ten pods whose model needs a minute, at an hour in which eight of them would just do. Four strategies; the first is
# that of our manifest, the second what you get if you write nothing:
# %%
plans = {"surge 1": (1, 0), "Kubernetes' default": ("25%", "25%"), "no surge": (0, "40%"), "blue-green": ("100%", 0)}
columns = ["fewest ready", "most running", "seconds"]
planned = pd.DataFrame([rollout_checked(10, *plan, 60) for plan in plans.values()], columns=columns, index=list(plans))
planned["enough for the load of 8"] = planned["fewest ready"] >= 8
planned
# %%
fig, panels = plt.subplots(1, 4, figsize=(10, 3.4), sharey=True)
seconds_shown = np.arange(-60, 660)
for ax, (label, plan) in zip(panels, plans.items()):
    least, most_running, seconds = rollout_checked(10, *plan, 60)
    under_way = (seconds_shown >= 0) & (seconds_shown < seconds)
    old = 10 - seconds_shown // 60 * (most_running - least)  # not replaced yet when the round begins
    ready = np.where(under_way, 10 - np.clip(old, 0, 10 - least), 10)
    running = np.where(under_way, most_running, 10)
    ax.fill_between(seconds_shown / 60, running, color="#56B4E9", alpha=0.45, step="post", label="running at most")
    ax.step(seconds_shown / 60, ready, where="post", color="#0072B2", linewidth=2, label="ready")
    ax.axhline(8, color="#D55E00", linestyle="--", linewidth=1.5, label="what the load needs")
    ax.set(xlabel="minutes", xlim=(-1, 11), ylim=(0, 21), xticks=(0, 5, 10))
    ax.set_title(f"{label}\n{seconds / 60:g} min", fontsize=11)
panels[0].set_ylabel("pods")
panels[0].legend(loc="upper left", fontsize=8)
fig.suptitle("Slow, or short of pods, or twice the machines: choose one", fontweight="bold")
figure_alt(
    fig,
    "Four panels of pods over time while ten are replaced. Surge 1: always 10 ready, 11 running, ten minutes. The default: 8 ready, 13 running, two minutes. No surge: 6 and then 8 ready, "
    "three minutes, below the line of 8. Blue-green: 10 ready, 20 running, one minute.",
)
# %% [markdown]
# Read the second column as money and the last one as a question of courage. The time is not what you wait for good
# news; it is **what you wait when you go back**. At three in the morning, with wrong lists on every screen, `surge: 1`
# needs ten minutes until the last pod is well.
#
# That is the strongest argument for the model outside of the image. There, going back is what lesson 3.4 did: one
# rename, which each pod takes up within a second. Except when the fault is in the code; and except when an old code
# should read a new model. The two can be rolled back apart only as long as each fits the other:
#
# | | code of last week | code of today |
# |---|---|---|
# | **model of last week** | fine: you came from here | must work: it is the first minute of each deployment |
# | **model of today** | must work, if you ever want to roll the code back | fine: you want to get here |
#
# So a new format of the file comes in two steps, like a change of a database's columns: first code that *reads* both,
# and only when nobody wants to go back, a job that writes the new one. Question 4 of the quiz asks what happens
# otherwise.
#
# **And when others move your pods?** A node is emptied for an update, and the pods on it are *evicted*. The disruption
# budget says how many may be away at a time. With `maxUnavailable: 1` a drain of four nodes with one pod each takes
# four starts, one after the other: the budget is a brake whose strength is the start of your model. With
# `minAvailable: 2` and two pods at night it is a wall.
#
# %% [markdown] instructor=true
# **Timing.** 25 minutes with the exercise.
#
# **Misconceptions.** "Rolling back is instant, because the old image is there": the old pods are not.
# "`maxUnavailable: 25%` of two pods is half a pod": it is none.
#
# **To discuss.** Collect the times from the beginning: how long is *your* way back? Has anybody tried it with
# production's data?
# %% [markdown]
# ## 8. How many, and what do they cost?
#
# ### How busy may they be?
#
# In lesson 3.1 one server was kept below 70 %, because beyond it the waiting explodes. Is that also right for two, or
# for eight? Write $S$ for the mean time that one answer takes to compute, $n$ for the instances behind one queue,
# $\rho$ for the share of time in which each of them is busy, and $a = n \rho$. If requests come independently of each
# other, and the work varies as an exponential distribution does, the answer is a hundred years old (Erlang 1917).
# First the share $B_k$ of requests that would find $k$ instances all busy if nobody could wait, from $B_0 = 1$
# upwards; then the share $W$ that has to wait if they can; then the mean time $T$ from the question to the answer:
#
# $$B_k = \frac{a B_{k-1}}{k + a B_{k-1}} \qquad\qquad W = \frac{B_n}{1 - \rho (1 - B_n)} \qquad\qquad T = S \left( 1 + \frac{W}{n (1 - \rho)} \right)$$
#
# Beside it, so that you need not believe a formula, a queue of 100,000 requests that are really served:


# %%
def mean_time(n, rho, S=1.0):
    """T for n instances that are each busy a share rho of the time."""
    a, B = n * rho, 1.0
    for k in range(1, n + 1):
        B = a * B / (k + a * B)
    W = B / (1 - rho * (1 - B))
    return S * (1 + W / (n * (1 - rho)))


def served(n, rho, requests=100_000):
    """The same, simulated: whoever comes first is served first, by whoever is free first."""
    gaps, work = np.random.default_rng(1).exponential(size=(2, requests))
    came, free, waited = np.cumsum(gaps) / (n * rho), [0.0] * n, 0.0
    for moment, time in zip(came, work):
        begin = max(moment, heapq.heappop(free))
        heapq.heappush(free, begin + time)
        waited += begin + time - moment
    return waited / requests


shares = np.linspace(0.05, 0.95, 91)
fig, ax = plt.subplots()
for n, marker in ((1, "o"), (2, "s"), (8, "^")):
    (line,) = ax.plot(shares, [mean_time(n, rho) for rho in shares], label=f"{n} instance{'s' * (n > 1)}, one queue")
    ax.plot([0.5, 0.7, 0.85], [served(n, rho) for rho in (0.5, 0.7, 0.85)], marker, color=line.get_color())
ax.axhline(2, color="#444444", linestyle="--", linewidth=1, label="twice the time of the work")
ax.set(
    xlabel="share of time in which each instance is busy",
    ylabel="mean time to the answer (multiples of S)",
    ylim=(0, 10),
)
ax.set_title("Eight instances may be busier than two, and two busier than one")
ax.legend()
figure_alt(
    fig,
    "Mean time to the answer against the busy share, with simulated points on the curves. It reaches twice the work at 0.5 for one instance, at 0.71 for two, at 0.91 for eight.",
)
# %%
limits = {n: max(rho for rho in np.linspace(0.01, 0.99, 981) if mean_time(n, rho) <= 2) for n in (1, 2, 8)}
show({f"busy share at twice the work, {n} in all": rho for n, rho in limits.items()}, digits=2)
# %% [markdown]
# The folklore number 70 % is right for *two* instances: there, the mean user waits as long as the work itself takes at
# a share of 0.71. Eight could run at 90 % for the same waiting.
#
# But mind "one queue". If a load balancer sends each request somewhere at random, then each instance has a queue of
# its own, and however many they are, the curve is the one for **one**. That is why balancers that send a request to
# whoever has the fewest open (`least_conn`, "least outstanding requests") are worth their while with models, whose
# answers take unequally long.
#
# ### How fast is the autoscaler?
#
# Kubernetes' autoscaler looks every 15 seconds at the mean busy share $u$ of $n$ pods, and at the target $g$, and
# wants
#
# $$n' = \text{ceil}\left(n\,\frac{u}{g}\right)$$
#
# pods, within its bounds; if $u / g$ is within 0.1 of 1, it lets things be. Two details matter here. If what a pod
# *requests* is all that it gets (a full node), it cannot be more than 100 % busy, so with a target of 70 % the
# autoscaler never asks for more than $1 / 0.7$, that is 1.43, times as many. And pods that are still starting count as
# idle, so it does not ask again before they are ready. Together: **a flood is met in steps of 43 %, rounded up to whole
# pods, and each step takes a start.**
#
# Let us send a day through it. The load has the shape of MovieLens: the ratings of each hour (UTC). It is scaled to
# 300 requests a second on average. At eight in the evening a push message goes out, and brings three times as many
# people for a quarter of an hour. One instance bears 160 a second. That is an assumption, on the careful side:
# `benchmarks/RESULTS.md` has more than twice as many for one process and lists of 30 that all have to be computed, but
# there it had a processor to itself, and our pod requests half of one.
# %%
hours = np.bincount(pd.to_datetime(data.ratings["timestamp"], unit="s").dt.hour, minlength=24)
STEP, BEARS = 15, 160
clock = np.arange(0, 24 * 3600, STEP)
load = 300 * np.interp(clock / 3600, np.arange(25), [*hours, hours[0]]) / hours.mean()
load[(clock >= 20 * 3600) & (clock < 20.25 * 3600)] *= 3


def desired(n, u, g, least=2, most=20):
    """The pods that the autoscaler wants."""
    if abs(u / g - 1) <= 0.1:
        return n
    return min(most, max(least, math.ceil(n * u / g)))


def one_day(start, g=0.7):
    """(pods, pods ready) at each step, if a pod needs `start` seconds until it is ready."""
    ready_at, wishes, out = [0] * 4, [], []
    for now, asked in zip(clock, load):
        n, ready = len(ready_at), sum(moment <= now for moment in ready_at)
        u = min(1.0, asked / (ready * BEARS))
        idle_too = u * ready / n  # the starting ones count as idle
        wish = max(n, desired(n, idle_too, g)) if u > g else desired(n, u, g)
        wishes = [*wishes[-19:], wish]  # down only to the largest wish of five minutes
        wanted = max(wish, min(n, max(wishes)))
        ready_at = sorted(ready_at)[:wanted] + [now + start] * max(0, wanted - n)
        out.append((wanted, ready))
    return np.array(out).T


fig, ax = plt.subplots()
late = {}
for seconds, colour in ((15, "#0072B2"), (300, "#D55E00")):
    pods, ready = one_day(seconds)
    ax.step(clock / 3600, ready * BEARS, color=colour, label=f"what the pods bear, {seconds} s to start", where="post")
    late[f"{seconds} s to start"] = {
        "minutes of overload": (load > ready * BEARS).sum() * STEP / 60,
        "turned away (%)": 100 * np.maximum(load - ready * BEARS, 0).sum() / load.sum(),
        "pods, mean of the day": pods.mean(),
    }
ax.plot(clock / 3600, load, color="#444444", linewidth=1.5, label="what is asked")
ax.set(xlabel="time of day (UTC)", ylabel="requests a second", xlim=(19.75, 20.75), ylim=(0, None))
ax.set_xticks([19.75, 20, 20.25, 20.5, 20.75], ["19:45", "20:00", "20:15", "20:30", "20:45"])
ax.set_title("After the push message: the autoscaler is as fast as a start")
ax.legend(loc="lower right")
figure_alt(
    fig,
    "Requests a second and what the pods bear, 19:45 to 20:45. At 20:00 the load triples for 15 minutes. With 15 s to start the pods follow within half a minute; with 300 s they climb in two steps and bear the load only after ten "
    "minutes.",
)
# %%
show(pd.DataFrame(late).T, digits=3)


# %% [markdown]
# The same rules, the same target, the same load. With a quick start, half a minute is missed. With a start of five
# minutes the service is short of pods for ten of the fifteen minutes, and turns away (or answers with what is popular)
# 0.8 % of the *whole day's* requests: twenty times as many, and they are those that the push message was sent for.
# What helps, from cheap to dear: a quicker start; more pods beforehand, when you know that a message goes out
# (`minReplicas`, by the clock); a lower target, which keeps more in reserve all day.
#
# One flood you make yourself. The answers that are kept ready belong to a model (3.1), so **each publication of a
# model empties them**, in all pods at once, and each of the next requests has to be computed. `benchmarks/RESULTS.md`
# has the two rates: kept lists are answered at about the speed of an empty endpoint, computed ones many times slower.
# Publish at four in the morning.
#
# ### The bill
#
# Now the money. In part $p$ of the day, $L_p$ requests a second arrive. One instance bears $c$ of them, and is kept at
# the share $\rho$ of that; at least $m$ instances run. There are $P$ parts, an instance costs $h$ dollars an hour, and
# a month has 730 hours:
#
# $$n_p = \max\left(m, \text{ceil}\left(\frac{L_p}{\rho\,c}\right)\right) \qquad\qquad \text{month} = 730\,h\,\frac{1}{P} \sum_{p=1}^{P} n_p$$
#
# and what a million requests cost is the month, divided by the millions of requests that it brings:
#
# $$\text{million} = \text{month} \,/\, \left( \frac{730 \times 3600}{1000000}\,\frac{1}{P} \sum_{p=1}^{P} L_p \right)$$
# %% exercise="3.8.5"
def bill(load, one_bears, usd_an_hour, busy, least, most):
    """(instances in each part, dollars a month, dollars for a million requests); None if `most` do not bear it.

    load: list of requests a second in equally long parts of the day.
    """
    ### BEGIN SOLUTION
    instances = [max(least, math.ceil(part / (busy * one_bears))) for part in load]
    if max(instances) > most:
        return None
    month = 730 * usd_an_hour * sum(instances) / len(instances)
    millions = sum(load) / len(load) * 3600 * 730 / 1e6
    return instances, month, month / millions
    ### END SOLUTION


# %% check="3.8.5"
bill_checked = ex("3.8.5").check(bill)
# %% [markdown]
# ### From scratch, then the library
#
# The library's is `shipping.cost`, or `recsys-lab ship cost` on the command line. The same day, by the hour, and a
# price of 0.05 dollars an hour, which is *made up*: prices differ by region and change, so take your provider's list.
# Do they agree, and what would other decisions cost?
# %%
by_hour = [float(x) for x in load.reshape(24, -1).mean(axis=1)]
usual = {"one_bears": 160, "usd_an_hour": 0.05, "busy": 0.7, "least": 2, "most": 20}
mine, library = bill_checked(by_hour, **usual), shipping.cost(by_hour, **usual)
show(
    same_instances=mine[0] == library.instances,
    largest_difference=max(abs(mine[1] - library.usd_a_month), abs(mine[2] - library.usd_a_million)),
)
ideas = {
    "as it is": {},
    "a model twice as slow": {"one_bears": 80},
    "nine of ten lists are kept (ten times as many borne)": {"one_bears": 1600},
    "busy at 50 %": {"busy": 0.5},
    "busy at 90 %": {"busy": 0.9},
    "never fewer than six": {"least": 6},
    "a model that needs a machine of twice the memory": {"usd_an_hour": 0.10},
}
bills = pd.DataFrame([bill_checked(by_hour, **usual | idea)[1:] for idea in ideas.values()], index=list(ideas))
show(bills.set_axis(["USD a month", "USD a million"], axis=1), digits=3)
# %%
fig, ax = plt.subplots()
for idea, colour in (
    ("as it is", "#0072B2"),
    ("a model twice as slow", "#D55E00"),
    ("never fewer than six", "#009E73"),
):
    instances, month, _ = bill_checked(by_hour, **usual | ideas[idea])
    ax.step(
        range(25), [*instances, instances[-1]], where="post", color=colour, label=f"{idea}: {month:.0f} USD a month"
    )
ax.set(xlabel="hour of the day (UTC)", ylabel="instances", ylim=(0, None), xticks=range(0, 25, 4))
ax.set_title("The bill is the area below")
ax.legend(loc="upper left")
figure_alt(
    fig,
    "Instances by the hour for three decisions. As it is: between 2 and 7. A model twice as slow: between 2 and 14. Never fewer than six: 6, and 7 at eight in the evening.",
)
# %% [markdown]
# Look at the third line. Ten times as many requests for each instance, and the bill does not fall to a tenth, because
# two instances run at any time. Below some load, the price of a model is the price of *being there*. And look at the
# last one: memory is paid for in machines, all day. That is where the square of section 2 comes back as money.
#
# None of this needs a cloud calculator. It needs `one_bears`, and that number is in no documentation. It belongs to
# your model, your machine, your share of kept answers and your limit of time. Measure it, with a load that does not
# wait politely (3.1), and measure again when the model changes.
#
# %% [markdown] instructor=true
# **Timing.** 35 minutes with the exercise.
#
# **Misconceptions.** "Autoscaling removes the need to plan": it moves it, from instances to starts. "A higher target
# saves money": at two instances it saves one and costs every user the waiting.
#
# **To discuss.** What is a recommendation worth? (A click rate from 3.5, a value for a click: compare it with the
# dollars a million. For most shops the machines are the smaller number, and for a large network they are not.)
# %% [markdown]
# ## 9. What was validated, and what was not
#
# The folder's `README.md` has this table with the versions of the tools; `recsys-lab ship check` and the library's
# tests repeat it.
#
# | file | read, or run, by | so we know |
# |---|---|---|
# | Dockerfile | hadolint | it breaks none of its rules |
# | compose.yaml | docker-compose 1.29 (old), check-jsonschema (today's schema) | fields exist, volumes are declared |
# | k8s/ | kubernetes-validate, strict | each object fits the schema of its kind |
# | cloud/fargate.yaml | cfn-lint | references lead somewhere, properties exist |
# | ship.yaml | check-jsonschema, zizmor; its gate's script is *run* | schema, known attacks; what the gate hands on |
# | Procfile | honcho, *started* and asked | it starts, and serves this model |
# | the image | built once by buildah on a stand-in for its base, started and asked (`recsys-lab ship build`, minutes, not in this notebook) | its steps, its rights, its answers |
#
# **Nobody has validated**: the real base image; a build by Docker itself; a push or a pull; that probes, autoscaler,
# budget and rollout do in a cluster what this lesson computed for them; limits of memory and processor in earnest;
# anything on AWS; a run of the workflow at GitHub. What this lesson says about Kubernetes comes from its documentation
# and its source, and was computed, not observed.
#
# Write such a list for each thing that you ship. It is short, it is honest, and on the day of the incident it is where
# to look first.
#
# ## Quiz

# %%
quiz()

# %%
quiz.check({1: ..., 2: ..., 3: ..., 4: ..., 5: ...})
# %% [markdown]
# Last, the working folder goes. Nothing of this lesson runs on.
# %%
desk.cleanup()
print("what is left of it:", sorted(lab.glob("*")))
# %% [markdown]
# ## In production
#
# - **Google**'s TensorFlow Serving treats a model as a versioned file apart from the program. When a new version
#   comes, it can load it before it unloads the old one, so that there is always an answer and memory for two; or the
#   other way round, where two do not fit. Canaries and rollbacks are a choice of which versions are loaded: Olston et
#   al., *TensorFlow-Serving: Flexible, High-Performance ML Serving*, 2017, section 2.
# - **Google** also published 28 tests for systems with models. Among those for the infrastructure: quality is checked
#   before a model is served, it is tried as a canary, and it can be rolled back quickly and safely: Breck et al., *The
#   ML Test Score*, IEEE Big Data 2017.
# - **Kubernetes**' documentation warns that a wrong liveness probe leads to restarts under high load, and so to still
#   more load for the rest; and it advises that a pod counts as ready only after the work of its start is over, or the
#   autoscaler is misled: *Configure Liveness, Readiness and Startup Probes*; *Horizontal Pod Autoscaling*.
# - **Thoughtworks** describes the whole road, with code, model and data as three things that change on their own:
#   Sato, Wider and Windheuser, *Continuous Delivery for Machine Learning*, 2019.
#
# ## In the interview
#
# *"Your recommender runs in ten pods. Each deployment takes half an hour, the autoscaler is always late, and last week
# a bad model took the service down. What do you change?"*
#
# A good answer: (1) One cause behind all three: the start is long. Measure its parts: pull, load, compile, warm up.
# (2) Take the model out of the image, or at least into a layer of its own; load it from a volume, compile in the
# background, become ready afterwards. (3) Probes by consequence: startup covers the worst start, readiness asks for
# the model, liveness for the process alone; a bad file is refused, and the old model stays. (4) A gate that is closed
# unless the judged file, by its checksum, has passed. (5) A way back that is a rename, tried once a month. (6) Memory
# for two models, a limit that is computed. Name a cost: two versions must now fit each other, and somebody has to know
# which pair runs.
#
# ## Take-aways
#
# - Code and model are two versions with one compatibility. Ship the file that was judged, and ask the running service
#   which one it has.
# - A model holds its training data. Whoever can pull the image has the ratings.
# - Memory is computed from shapes, times two. A table of films by films grows with the square.
# - A probe is chosen by what happens when it fails. Liveness asks only what a restart mends.
# - Tools find what breaks a rule. A green check that has never been red proves nothing, and an exit code is not a
#   verdict.
# - A gate looks for reasons to open.
# - The time of a start sets the rollout, the way back, the autoscaler and the reserve. Make it short before you make
#   anything else clever.
# - The bill is arithmetic on one number that only you can measure.
#
# ## Further reading
#
# - Olston et al. 2017: [arXiv:1712.06139](https://arxiv.org/abs/1712.06139).
# - Breck, Cai, Nielsen, Salib, Sculley, *The ML Test Score: A Rubric for ML Production Readiness and Technical Debt
#   Reduction*, IEEE International Conference on Big Data, 2017, section on infrastructure.
# - Sculley et al., *Hidden Technical Debt in Machine Learning Systems*, NIPS 2015: why everything around the model is
#   most of the system.
# - Narayanan, Shmatikov, *Robust De-anonymization of Large Sparse Datasets*, IEEE Symposium on Security and Privacy
#   2008: what a table of ratings tells about people, on the Netflix Prize's.
# - Harchol-Balter, *Performance Modeling and Design of Computer Systems*, Cambridge University Press 2013, part on
#   server farms: queues with many servers, and how to share work among them.
# - Kubernetes documentation: *Pod Lifecycle*, *Deployments*, *Horizontal Pod Autoscaling*, *Specifying a Disruption
#   Budget*.
