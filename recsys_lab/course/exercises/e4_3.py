"""Exercises and quiz of lesson 4.3, Past one machine with Spark."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from recsys_lab.course.exercise import Exercise, Incorrect, WrongAnswer, example, is_same, number, same
from recsys_lab.course.phases.keys import by_value
from recsys_lab.course.quiz import Question

Array = np.ndarray
Row = tuple[int, int, float]

# CPU seconds of all threads, seconds of the wall and peak MB of one fit, from benchmarks/results/spark.json (a test compares).
MEASURED: list[dict[str, Any]] = [
    {"ratings": 100_000, "way": "exact", "wall_s": 0.068, "cpu_s": 0.04, "peak_mb": 3.977},
    {"ratings": 999_244, "way": "exact", "wall_s": 1.64, "cpu_s": 0.3, "peak_mb": 29.62},
    {"ratings": 10_000_866, "way": "exact", "wall_s": 16.4, "cpu_s": 3.72, "peak_mb": 305.1},
    {"ratings": 100_000, "way": "spark", "wall_s": 25.8, "cpu_s": 5.47, "peak_mb": 1039},
    {"ratings": 999_244, "way": "spark", "wall_s": 75.8, "cpu_s": 15.4, "peak_mb": 1990},
    {"ratings": 10_000_866, "way": "spark", "wall_s": 152, "cpu_s": 58.8, "peak_mb": 2532},
]


def measured() -> pd.DataFrame:
    """What benchmarks/RESULTS.md says of ALS in one process and on Spark: ratings, way, wall_s, cpu_s, peak_mb."""
    return pd.DataFrame(MEASURED)


# ------------------------------------------------------------------ 4.3.1 the half-step, partition by partition
def map_part(rows: Sequence[Row], q: Array) -> dict[int, tuple[Array, Array, int]]:
    """What one partition knows of each of its users: the sums A and b, and the number of ratings."""
    k = q.shape[1]
    sums: dict[int, tuple[Array, Array, int]] = {}
    for user, item, t in rows:
        A, b, n = sums.get(user, (np.zeros((k, k)), np.zeros(k), 0))
        sums[user] = A + np.outer(q[item], q[item]), b + t * q[item], n + 1
    return sums


HalfStep = Callable[[list[list[Row]], Array, float], dict[int, Array]]


def _half_step(parts: list[list[Row]], q: Array, reg: float) -> dict[int, Array]:
    groups: dict[int, list[Any]] = {}
    for part in parts:
        for user, partial in map_part(part, q).items():
            groups.setdefault(user, []).append(partial)
    p = {}
    for user, partials in groups.items():
        A, b, n = (sum(piece) for piece in zip(*partials))
        p[user] = np.linalg.solve(A + reg * n * np.eye(len(b)), b)
    return p


def _half_step_wrongly(how: str) -> HalfStep:
    def half_step(parts: list[list[Row]], q: Array, reg: float) -> dict[int, Array]:
        groups: dict[int, list[Any]] = {}
        for part in parts:
            for user, partial in map_part(part, q).items():
                groups.setdefault(user, []).append(partial)
        p, eye = {}, np.eye(q.shape[1])
        for user, partials in groups.items():
            A, b, n = (sum(piece) for piece in zip(*partials))
            if how == "last part":
                A, b, n = partials[-1]
            if how == "mean of solutions":
                p[user] = np.mean([np.linalg.solve(a + reg * m * eye, c) for a, c, m in partials], axis=0)
                continue
            if how == "sum of solutions":
                p[user] = np.sum([np.linalg.solve(a + reg * m * eye, c) for a, c, m in partials], axis=0)
                continue
            weight = {"reg once": 1, "reg a part": len(partials), "n of the last": partials[-1][2], "none": 0}.get(
                how, n
            )
            ridge = reg * weight * (np.ones_like(eye) if how == "everywhere" else eye)
            p[user] = np.linalg.lstsq(A + ridge, b, rcond=None)[0]
        return p

    return half_step


def _parts(seed: int, n_parts: int, k: int, n: int = 60) -> tuple[list[list[Row]], Array, list[Row]]:
    rng = np.random.default_rng(seed)
    pairs = rng.choice(7 * 9, n, replace=False)
    rows = [(int(x) // 9 + 10, int(x) % 9, float(t)) for x, t in zip(pairs, rng.normal(size=n))]
    parts: list[list[Row]] = [[] for _ in range(n_parts)]
    for row in rows:
        parts[rng.integers(n_parts)].append(row)
    return parts, rng.normal(size=(9, k)), rows


_HALF_STEP_MESSAGES = {
    "mean of solutions": "each partition solved for its own vector, and you took the mean. A vector from half of the ratings "
    "is not half of the answer: add up the A and the b first, then solve once.",
    "sum of solutions": "each partition solved for its own vector, and you added the vectors. Add up the A and the b first, "
    "then solve once.",
    "last part": "only the last partition of a user counts: what came before was overwritten. Collect all partials of a "
    "user, then add them up.",
    "reg once": "reg was added without n. The pull is reg times the number of the user's ratings, over all partitions.",
    "reg a part": "the pull grows with the number of partitions in which the user happens to lie. It is reg times the number "
    "of *ratings*: add up the n.",
    "n of the last": "n is that of one partition. Add up the n as you add up A and b.",
    "none": "the pull is missing: add reg * n to the diagonal of A before you solve.",
    "everywhere": "reg * n stands everywhere in the matrix. It belongs on the diagonal: np.eye(k).",
}


def _check_half_step(half_step: HalfStep) -> None:
    for seed, n_parts, k, reg in ((0, 3, 2, 0.5), (1, 1, 3, 0.2), (2, 5, 3, 2.0), (3, 8, 1, 0.1)):
        parts, q, rows = _parts(seed, n_parts, k)
        given = [list(part) for part in parts]
        got = half_step(parts, q.copy(), reg)
        if parts != given:
            raise Incorrect("after the call the partitions hold other rows: leave them as they are.")
        want = _half_step(parts, q, reg)
        if not isinstance(got, dict):
            same(got, want)
        what = f"{n_parts} partition{'s' * (n_parts > 1)}, reg {reg}"
        if set(got) == set(want) and all(np.shape(got[u]) == np.shape(want[u]) for u in want):
            for how, message in _HALF_STEP_MESSAGES.items():
                wrong = _half_step_wrongly(how)(parts, q, reg)
                if not is_same(wrong, want) and is_same(got, wrong):
                    raise Incorrect(f"{what}: {message}")
        same(got, want, what=what)
    # The same ratings elsewhere, and an empty partition: nothing may change.
    parts, q, rows = _parts(4, 4, 2)
    same(
        half_step([[], rows[::-1], []], q, 0.3),
        _half_step(parts, q, 0.3),
        what="all ratings in one of three partitions",
    )
    same(half_step([], q, 0.3), {}, what="no partition at all")


HALF_STEP = Exercise(
    id="4.3.1",
    title="Shuffle and reduce",
    kind="build",
    prompt="""
    Write `half_step(parts, q, reg)`. `parts` is a list of partitions, each a list of rows `(user, item, t)`; a user's rows
    may lie in several of them. `map_part(rows, q)` of the cell above gives `{user: (A, b, n)}` for one partition. Bring
    together what belongs to the same user (the shuffle), and solve for each as in section 1 (the reduce), with `reg` for
    $\\lambda$.

    Return `{user: p_u}`, each an array (k,). It must be the same wherever the rows lie.
    """,
    reference=lambda: _half_step,
    check=_check_half_step,
    hints=(
        "Two loops. The first goes over the partitions and collects, for each user, a list of what the partitions know. The "
        "second goes over the users: which three things are added up, and what is solved once?",
        "`groups.setdefault(user, []).append(partial)` collects. Then `A = sum(a for a, b, n in partials)`, likewise b and n, and "
        "`np.linalg.solve(A + reg * n * np.eye(len(b)), b)`.",
    ),
    wrong=(
        WrongAnswer(
            "the mean of the partitions' vectors", lambda: _half_step_wrongly("mean of solutions"), "not half of"
        ),
        WrongAnswer(
            "the sum of the partitions' vectors", lambda: _half_step_wrongly("sum of solutions"), "added the vectors"
        ),
        WrongAnswer("the last partition wins", lambda: _half_step_wrongly("last part"), "overwritten"),
        WrongAnswer("the pull without n", lambda: _half_step_wrongly("reg once"), "without n"),
        WrongAnswer("the pull once a partition", lambda: _half_step_wrongly("reg a part"), "number of partitions"),
        WrongAnswer("n of one partition", lambda: _half_step_wrongly("n of the last"), "Add up the n"),
        WrongAnswer("no pull", lambda: _half_step_wrongly("none"), "pull is missing"),
        WrongAnswer("the pull off the diagonal", lambda: _half_step_wrongly("everywhere"), "diagonal"),
    ),
    points=3,
    explanation="A and b are sums over ratings, and sums can be taken in any order and in pieces: that is all that makes "
    "the step distributable. The solution is *not* a sum, so solving comes after the last addition. The pull is added once, "
    "from the total n: an amount that each partition adds for itself would depend on how many there are, and a result that "
    "depends on the number of machines is a bug that no test on one machine finds.",
    expected=example(
        "half_step([[(7, 0, 1.0)], [(7, 1, 2.0)]], np.eye(2), 0.5)[7]",
        lambda: _half_step([[(7, 0, 1.0)], [(7, 1, 2.0)]], np.eye(2), 0.5)[7],
    ),
)


# ------------------------------------------------------------------ 4.3.2 what goes over the wire
def _vectors_sent(users: Array, items: Array, blocks: int) -> int:
    return len(set(zip((np.asarray(users) % blocks).tolist(), np.asarray(items).tolist())))


def _vectors_sent_wrongly(how: str) -> Callable[[Array, Array, int], int]:
    def count(users: Array, items: Array, blocks: int) -> int:
        return {
            "one a rating": len(users),
            "to all": len(set(np.asarray(items).tolist())) * blocks,
            "once": len(set(np.asarray(items).tolist())),
            "the users": len(set(zip((np.asarray(items) % blocks).tolist(), np.asarray(users).tolist()))),
            "runs": len(set(zip((np.asarray(users) // blocks).tolist(), np.asarray(items).tolist()))),
            "not at home": len(
                {(u % blocks, i) for u, i in zip(users.tolist(), items.tolist()) if u % blocks != i % blocks}
            ),
        }[how]

    return count


_SENT_MESSAGES = {
    "one a rating": "that is one vector for each rating: a plain join. Two users of the same block who rated the same film "
    "share one copy.",
    "to all": "that sends every film to every block. A block in which nobody rated the film has no use for it.",
    "once": "that sends each film once. It is needed by *each* block in which somebody rated it.",
    "the users": "you sent the users' vectors to the films' blocks, which is the other half-step. Here the users are solved for: "
    "the films' vectors travel.",
    "runs": "you divided: user u lives in block u % blocks, the remainder, and not in u // blocks.",
    "not at home": "you left out the blocks in which the film itself may live. It is a good thought, but the films' blocks "
    "are not the users' blocks: count every (film, block of users) pair.",
}


def _check_sent(sent: Callable[[Array, Array, int], Any]) -> None:
    rng = np.random.default_rng(0)
    cases = [
        (np.array([0, 2, 4, 6, 1, 9, 8, 0, 3, 5, 2, 3, 0]), np.array([1, 1, 1, 1, 1, 1, 1, 2, 2, 3, 4, 5, 5]), 2),
        (np.array([4, 4, 8]), np.array([1, 2, 1]), 4),
        (rng.integers(0, 40, 300), rng.integers(0, 60, 300), 8),
        (rng.integers(0, 40, 300), rng.integers(0, 9, 300), 1),
        (rng.integers(0, 1000, 300), rng.integers(0, 60, 300), 500),
    ]
    for users, items, blocks in cases:
        pairs = np.unique(np.column_stack([users, items]), axis=0)  # nobody rates a film twice
        users, items = pairs[:, 0], pairs[:, 1]
        got, want = sent(users.copy(), items.copy(), blocks), _vectors_sent(users, items, blocks)
        if isinstance(got, (set, list, dict)):
            raise Incorrect(f"that is a {type(got).__name__} of what travels: return how many there are.")
        value = number(got, "the number of vectors")
        for how, message in _SENT_MESSAGES.items():
            wrong = _vectors_sent_wrongly(how)(users, items, blocks)
            if wrong != want and value == wrong:
                raise Incorrect(f"{len(users)} ratings, {blocks} blocks: {message}")
        same(value, float(want), what=f"{len(users)} ratings, {blocks} blocks: the number of vectors")


SENT = Exercise(
    id="4.3.2",
    title="What goes over the wire",
    kind="build",
    prompt="""
    The users are cut into blocks: user $u$ lives in block `u % blocks`, with all of their ratings. For the users'
    half-step each block needs the vectors of the films that *its* users rated, each of them once.

    Write `vectors_sent(users, items, blocks)`: how many vectors are sent in all? `users` and `items` are aligned arrays of
    whole numbers, one entry a rating.
    """,
    reference=lambda: _vectors_sent,
    check=_check_sent,
    hints=(
        "Which two things decide whether a vector travels once more: the film, and what else? Count the distinct pairs of those.",
        "`zip(users % blocks, items)` gives for each rating the block and the film. `set(...)` keeps each pair once.",
    ),
    wrong=(
        WrongAnswer("one for each rating", lambda: _vectors_sent_wrongly("one a rating"), "plain join"),
        WrongAnswer("every film to every block", lambda: _vectors_sent_wrongly("to all"), "has no use for it"),
        WrongAnswer("every film once", lambda: _vectors_sent_wrongly("once"), "*each* block"),
        WrongAnswer("the other half-step", lambda: _vectors_sent_wrongly("the users"), "other half-step"),
        WrongAnswer("u // blocks", lambda: _vectors_sent_wrongly("runs"), "you divided"),
        WrongAnswer("leaves out the film's own block", lambda: _vectors_sent_wrongly("not at home"), "good thought"),
    ),
    points=2,
    explanation="With one block it is the number of rated films; with as many blocks as users it is the number of ratings. In "
    "between, a film that everybody rates costs as many copies as there are blocks, and a film with three raters at most "
    "three. Spark's ALS works so: the lists of who needs whom are made once, before the first turn, and only vectors travel.",
    expected=example("vectors_sent([0, 2, 1], [9, 9, 9], blocks=2)", lambda: 2),
)


# ------------------------------------------------------------------ 4.3.3 a stage ends with its last task
def _stage_time(tasks: Sequence[float], cores: int) -> float:
    free = [0.0] * cores
    for seconds in tasks:
        heapq.heapreplace(free, free[0] + seconds)
    return float(max(free))


def _stage_wrongly(how: str) -> Callable[[Sequence[float], int], float]:
    def time(tasks: Sequence[float], cores: int) -> float:
        work = [float(t) for t in tasks]
        if how == "ideal":
            return sum(work) / cores
        if how == "longest task":
            return max(work)
        if how == "sum":
            return sum(work)
        if how == "round robin":
            return max(sum(work[core::cores]) for core in range(cores))
        if how == "waves":
            return sum(max(work[i : i + cores]) for i in range(0, len(work), cores))
        if how == "sorted":
            return _stage_time(sorted(work, reverse=True), cores)
        return min_end(work, cores)

    def min_end(work: list[float], cores: int) -> float:
        free = [0.0] * cores
        for seconds in work:
            heapq.heapreplace(free, free[0] + seconds)
        return min(free)

    return time


_STAGE_MESSAGES = {
    "ideal": "that is the work divided by the cores, as if tasks could be split at will. A task runs on one core to its end.",
    "sorted": "you put the longest tasks first. That would help, but the scheduler does not know how long they take: keep the "
    "order.",
    "longest task": "that is the longest task alone. A core may have had other tasks before it.",
    "sum": "that is the time of one core. The cores work side by side.",
    "round robin": "you dealt the tasks out in turn before the first began. A free core takes the next task in the queue, as "
    "your workers do: who had a short one comes back sooner.",
    "waves": "you let a whole row of tasks end before the next row begins. Nobody waits within a stage: a free core takes the "
    "next task at once.",
    "first": "that is when the *first* core runs out of work. The stage ends with the last one.",
}


def _check_stage(stage_time: Callable[[list[float], int], Any]) -> None:
    rng = np.random.default_rng(1)
    cases = [
        ([4.0, 1.0, 1.0, 3.0, 5.0, 3.0], 2),
        ([1.0, 1.0, 1.0, 1.0, 9.0], 4),
        ([3.0], 4),
        (list(rng.exponential(1.0, 40)), 6),
        (list(rng.exponential(1.0, 9)), 1),
        ([2.0] * 7, 3),
    ]
    for tasks, cores in cases:
        given = list(tasks)
        value, want = number(stage_time(tasks, cores), "the time of the stage"), _stage_time(given, cores)
        if tasks != given:
            raise Incorrect("after the call the list of tasks is another one: leave it as it is.")
        what = f"tasks {given}, {cores} cores" if len(given) < 8 else f"{len(given)} tasks, {cores} cores"
        for how, message in _STAGE_MESSAGES.items():
            wrong = _stage_wrongly(how)(given, cores)
            if not np.isclose(wrong, want) and np.isclose(value, wrong):
                raise Incorrect(f"{what}: {message}")
        same(value, want, what=what)
    same(number(stage_time([], 3), "the time of a stage without tasks"), 0.0, what="no task")


STAGE = Exercise(
    id="4.3.3",
    title="A stage ends with its last task",
    kind="build",
    prompt="""
    Write `stage_time(tasks, cores)`: `tasks` are the seconds that each task of a stage takes, in the order of the queue. A core
    that is free takes the next one and runs it to its end. When does the stage end? (No task: 0.)
    """,
    reference=lambda: _stage_time,
    check=_check_stage,
    hints=(
        "Keep for each core the moment at which it is free. The next task goes to the core that is free first.",
        "`free = [0.0] * cores`; for each task: `core = free.index(min(free))`, then `free[core] += seconds`. The answer is `max(free)`.",
    ),
    wrong=(
        WrongAnswer("work divided by cores", lambda: _stage_wrongly("ideal"), "split at will"),
        WrongAnswer("the longest task", lambda: _stage_wrongly("longest task"), "other tasks before it"),
        WrongAnswer("one core", lambda: _stage_wrongly("sum"), "side by side"),
        WrongAnswer("dealt out in turn", lambda: _stage_wrongly("round robin"), "comes back sooner"),
        WrongAnswer("row by row", lambda: _stage_wrongly("waves"), "at once"),
        WrongAnswer("longest first", lambda: _stage_wrongly("sorted"), "keep the order"),
        WrongAnswer("when the first core is idle", lambda: _stage_wrongly("first"), "last one"),
    ),
    points=2,
    explanation="It is a queue with workers, which you know. Two things follow. With one task a core, the stage takes as long as "
    "its largest task, so one hot key decides. With several tasks a core the free cores fill the gaps, and the stage comes "
    "close to work divided by cores. That is why one makes more blocks than cores; the next cell says why not thousands.",
    expected=example("stage_time([4, 1, 1, 1], cores=2)", lambda: 4.0),
)


# ------------------------------------------------------------------ 4.3.4 the same reg is not the same pull
REG, POWER, COUNTS = 1.3, 0.5, (16, 64, 400)


def _same_pull() -> dict[int, float]:
    return {n: REG * n**POWER / n for n in COUNTS}


def _check_pull(answer: Any) -> None:
    if not isinstance(answer, dict):
        same(answer, _same_pull())
    if set(answer) != set(COUNTS):
        raise Incorrect(f"give one regParam for each of the users with {', '.join(map(str, COUNTS))} ratings.")
    got = {n: number(answer[n], f"the regParam for {n} ratings") for n in COUNTS}
    lambdas = {n: REG * n**POWER for n in COUNTS}
    if all(np.isclose(got[n], REG) for n in COUNTS):
        raise Incorrect(
            "that is what the colleague did: the same number. Spark multiplies it by n, ours by the square root of n."
        )
    if all(np.isclose(got[n], lambdas[n], rtol=2e-3) for n in COUNTS):
        raise Incorrect(
            "those are the pulls, lambda. Spark multiplies its regParam by n: which regParam gives this lambda?"
        )
    if all(np.isclose(got[n], REG * n**0.5, rtol=2e-3) or np.isclose(got[n], REG * n, rtol=2e-3) for n in COUNTS):
        raise Incorrect("you multiplied. Spark's pull is regParam * n, so divide ours by n.")
    if all(np.isclose(got[n], REG / n, rtol=5e-3) for n in COUNTS):
        raise Incorrect("you divided reg by n. Ours is multiplied by the square root of n first.")
    if len({round(v, 6) for v in got.values()}) == 1:
        raise Incorrect("one regParam cannot suit all three: the two pulls grow differently with n.")
    for n in COUNTS:
        if not np.isclose(got[n], _same_pull()[n], rtol=6e-3):
            raise Incorrect(
                f"a user with {n} ratings: ours is {REG} * {n} ** {POWER} = {lambdas[n]:.4g}, and Spark's would be "
                f"{got[n]:.4g} * {n} = {got[n] * n:.4g}."
            )


PULL = Exercise(
    id="4.3.4",
    title="The port that learned nothing",
    kind="figure it out",
    prompt="""
    A colleague moves our `BiasedALS(reg=1.3, power=0.5)` to Spark and writes `regParam=1.3`. The result is no better than the
    biases alone. Ours pulls a user with $n$ ratings by `reg * n ** power`; Spark's documentation
    says that it scales `regParam` by the number of ratings.

    Which `regParam` pulls a user with 16, with 64, with 400 ratings exactly as ours does? Fill in `{16: ..., 64: ..., 400: ...}`
    (three digits are enough).
    """,
    reference=_same_pull,
    check=_check_pull,
    hints=(
        "Write down both pulls for 64 ratings: ours is 1.3 times 8. Spark's is regParam times what?",
        "regParam * n = 1.3 * sqrt(n), so regParam = 1.3 / sqrt(n).",
    ),
    wrong=(
        WrongAnswer("the same number", lambda: dict.fromkeys(COUNTS, REG), "the same number"),
        WrongAnswer("lambda itself", lambda: {n: REG * n**0.5 for n in COUNTS}, "those are the pulls"),
        WrongAnswer("multiplied by n", lambda: {n: REG * n for n in COUNTS}, "divide ours by n"),
        WrongAnswer("divided by n only", lambda: {n: REG / n for n in COUNTS}, "square root of n first"),
        WrongAnswer("one number for all", lambda: dict.fromkeys(COUNTS, 0.1625), "cannot suit all three"),
        WrongAnswer("one slip", lambda: _same_pull() | {400: 0.65}, "400 ratings"),
    ),
    points=2,
    explanation="1.3 / sqrt(n): 0.325, 0.163 and 0.065. No single regParam is the same model, so a tuned number does not "
    "survive a change of library, though its *name* does. Two ways out: tune again on the other side, or switch ours to the "
    "other rule (`power=1`), as this lesson does. A parameter is defined by the formula in which it stands.",
)


# ------------------------------------------------------------------ 4.3.5 a machine dies
def _rerun(step: int, every: int, blocks: int, machines: int) -> int:
    lost = step % every if every else step
    return lost * blocks // machines


def _rerun_wrongly(how: str) -> Callable[[int, int, int, int], int]:
    def count(step: int, every: int, blocks: int, machines: int) -> int:
        lost = step % every if every else step
        return {
            "everything": step * blocks,
            "all blocks": lost * blocks,
            "last step": blocks // machines,
            "no checkpoint": step * blocks // machines,
            "one more": (lost + 1) * blocks // machines,
            "own checkpoint": (lost or every) * blocks // machines,
            "whole steps before": blocks // machines + max(lost - 1, 0) * blocks,
            "machines": lost * machines,
            "steps": lost,
            "nothing": 0,
        }[how]

    return count


_RERUN_MESSAGES = {
    "everything": "that starts from the beginning on all machines. Those that live still have what they computed.",
    "all blocks": "the other machines did not die: of each step, only the blocks of one machine are lost.",
    "last step": "only the last step is made up for. But its input on the dead machine is gone as well, and the input of "
    "that: the chain goes back to what is stored safely.",
    "no checkpoint": "you went back to the beginning. What a checkpoint has stored need not be computed again.",
    "one more": "one step too many: a step that was checkpointed is safe itself.",
    "own checkpoint": "this half-step has been checkpointed itself, so nothing is to be run again: 0.",
    "whole steps before": "you run the earlier half-steps on all machines. Those that live still have their blocks of them: of "
    "each step, only the dead machine's are missing.",
    "machines": "of each step, the dead machine held blocks / machines blocks; you counted the machines.",
    "steps": "those are the steps. Of each, blocks / machines tasks must run again.",
    "nothing": "nothing is copied while it is computed: what the machine held is gone.",
}


def _check_rerun(rerun: Callable[[int, int, int, int], Any]) -> None:
    for step, every, blocks, machines in (
        (7, 5, 100, 10),
        (9, 0, 40, 4),
        (10, 5, 100, 10),
        (3, 5, 60, 20),
        (13, 10, 200, 10),
        (1, 0, 8, 8),
        (4, 1, 8, 4),
    ):
        value = number(rerun(step, every, blocks, machines), "the number of tasks")
        want = _rerun(step, every, blocks, machines)
        told = f"a checkpoint after each {every}." if every else "no checkpoints."
        what = f"{machines} machines, {blocks} blocks, dies after half-step {step}, {told[:-1]}"
        for how, message in _RERUN_MESSAGES.items():
            wrong = _rerun_wrongly(how)(step, every, blocks, machines)
            if wrong != want and value == wrong:
                raise Incorrect(f"{what}: {message}")
        same(value, float(want), what=what)


RERUN = Exercise(
    id="4.3.5",
    title="A machine dies",
    kind="figure it out",
    prompt="""
    Each half-step has `blocks` tasks, spread evenly over `machines` machines (`blocks` is a multiple of `machines`). A task reads a
    bit from *every* block of the half-step before. What a task made stays on the disk of its machine, and nowhere else.
    After each `every`-th half-step a checkpoint copies its result to safe storage (`every` = 0: never).

    One machine dies when half-step number `step` has just been finished (and checkpointed, if it is its turn). Write
    `rerun(step, every, blocks, machines)`: how many tasks must be run again until all blocks of half-step `step` are there?
    """,
    reference=lambda: _rerun,
    check=_check_rerun,
    hints=(
        "First without checkpoints, for step 2: which blocks of step 2 are lost? What do their tasks read, and which part of "
        "that is lost too?",
        "The chain goes back to the last checkpoint: `step % every` half-steps (all of them where `every` is 0). Of each, "
        "`blocks // machines` tasks.",
    ),
    wrong=(
        WrongAnswer("everything anew", lambda: _rerun_wrongly("everything"), "Those that live"),
        WrongAnswer("all blocks since the checkpoint", lambda: _rerun_wrongly("all blocks"), "did not die"),
        WrongAnswer("the last step only", lambda: _rerun_wrongly("last step"), "chain goes back"),
        WrongAnswer("no use of the checkpoint", lambda: _rerun_wrongly("no checkpoint"), "need not be computed again"),
        WrongAnswer("the checkpointed step too", lambda: _rerun_wrongly("one more"), "one step too many"),
        WrongAnswer(
            "its own checkpoint does not count", lambda: _rerun_wrongly("own checkpoint"), "checkpointed itself"
        ),
        WrongAnswer("earlier steps whole", lambda: _rerun_wrongly("whole steps before"), "on all machines. Those"),
        WrongAnswer("counts machines", lambda: _rerun_wrongly("machines"), "you counted the machines"),
        WrongAnswer("counts steps", lambda: _rerun_wrongly("steps"), "those are the steps"),
        WrongAnswer("believes in copies", lambda: _rerun_wrongly("nothing"), "nothing is copied"),
    ),
    points=2,
    explanation="The living machines still hold their share of every step, so each step costs one machine's share, back to the "
    "last checkpoint. Spark keeps the *recipe* of each block, its lineage, instead of a second copy: cheap while all is well, "
    "and paid for when something breaks. In `ALS`, checkpoints are taken every tenth turn, **if** a folder for them was "
    "set; without it the setting is ignored, and the chain reaches back to the input.",
    expected=example("rerun(step=7, every=5, blocks=100, machines=10)", lambda: _rerun(7, 5, 100, 10)),
)


# ------------------------------------------------------------------ 4.3.6 is there a crossing?
Line = tuple[float, float]


def _crossing(one: Line, spark: Line, cores: int) -> float:
    (fixed, slope), (start, work) = one, spark
    gain = slope - work / cores
    return max(0.0, (start - fixed) / gain) if gain > 0 else math.inf


def _crossing_wrongly(how: str) -> Callable[[Line, Line, int], float]:
    def crossing(one: Line, spark: Line, cores: int) -> float:
        (fixed, slope), (start, work) = one, spark
        if how == "no cores":
            return _crossing(one, spark, 1)
        if how == "cores help the start":
            return _crossing(one, (start / cores, work), cores)
        if how == "multiplied":
            return _crossing(one, (start, work * cores), 1)
        gain = slope - work / cores
        if how == "negative":
            return max(0.0, (start - fixed) / gain) if gain > 0 else (start - fixed) / gain if gain else math.inf
        if how == "below zero":
            return (start - fixed) / gain if gain > 0 else math.inf
        if how == "start decides":
            return 0.0 if start <= fixed else _crossing(one, spark, cores)
        if how == "no start of ours":
            return _crossing((0.0, slope), spark, cores)
        return _crossing((fixed, slope / cores), spark, cores)

    return crossing


_CROSSING_MESSAGES = {
    "no cores": "the cores are missing: Spark's work is done by all of them side by side, so its slope is divided by them.",
    "cores help the start": "the cores shortened the start as well. A JVM starts no faster on ten machines.",
    "multiplied": "more cores made Spark slower: divide its slope by the cores.",
    "negative": "a negative size is no answer: where Spark's slope, divided by the cores, is not below that of the one "
    "process, the lines never meet. Return math.inf.",
    "below zero": "a size below zero: here Spark is ahead from the first rating on. Return 0.0.",
    "start decides": "here Spark starts earlier and falls behind, since each rating costs it more: as the data grow, it is not as fast. Return math.inf.",
    "no start of ours": "the fixed part of the one process is missing.",
    "ours too": "you divided the slope of the *one* process by the cores too. It has one thread.",
}


def _check_crossing(crossing: Callable[[Line, Line, int], Any]) -> None:
    cases = [
        ((1.0, 10.0), (31.0, 8.0), 2),
        ((0.5, 4.0), (20.5, 6.0), 3),
        ((0.0, 1.0), (30.0, 5.0), 4),
        ((0.0, 1.0), (30.0, 5.0), 5),
        ((2.0, 1.0), (32.0, 5.0), 20),
        ((5.0, 1.0), (3.0, 0.5), 1),
        ((5.0, 1.0), (3.0, 4.0), 2),
        ((1.0, 2.0), (25.0, 3.0), 2),
    ]
    for one, spark, cores in cases:
        want, got = _crossing(one, spark, cores), crossing(one, spark, cores)
        if got is None and want == math.inf:
            raise Incorrect("where the lines never meet, return math.inf: a number that can be compared.")
        value = number(got, "the size")
        what = f"one process {one}, Spark {spark}, {cores} cores"
        for how, message in _CROSSING_MESSAGES.items():
            wrong = _crossing_wrongly(how)(one, spark, cores)
            if not np.isclose(wrong, want) and np.isclose(value, wrong):
                raise Incorrect(f"{what}: {message}")
        same(value, want, what=what)


CROSSING = Exercise(
    id="4.3.6",
    title="Is there a crossing?",
    kind="figure it out",
    prompt="""
    Each way costs a fixed time and a time for each million ratings: `(fixed, per_million)`, in seconds. `one` is one process
    with one thread; for `spark`, `per_million` counts the seconds of *all* cores together, and `cores` of them share it
    evenly. The fixed part, the start, is not shared.

    Write `crossing(one, spark, cores)`: from how many million ratings on, and for all that are more, is Spark as fast or faster?
    Return `math.inf` where Spark gains nothing with a further rating, and 0.0 where it is ahead from the first.
    """,
    reference=lambda: _crossing,
    check=_check_crossing,
    hints=(
        "Two straight lines: fixed + per_million * x on one side, and on the other? Where are they equal, and when never?",
        "With `gain = one[1] - spark[1] / cores`: no gain, no crossing. Else `(spark[0] - one[0]) / gain`, and at least 0.",
    ),
    wrong=(
        WrongAnswer("forgets the cores", lambda: _crossing_wrongly("no cores"), "cores are missing"),
        WrongAnswer(
            "lets the cores share the start", lambda: _crossing_wrongly("cores help the start"), "starts no faster"
        ),
        WrongAnswer("multiplies by the cores", lambda: _crossing_wrongly("multiplied"), "made Spark slower"),
        WrongAnswer("gives a negative size", lambda: _crossing_wrongly("negative"), "never meet"),
        WrongAnswer("gives a size below zero", lambda: _crossing_wrongly("below zero"), "from the first rating"),
        WrongAnswer("lets the start decide", lambda: _crossing_wrongly("start decides"), "falls behind"),
        WrongAnswer("forgets the one process's start", lambda: _crossing_wrongly("no start of ours"), "fixed part of"),
        WrongAnswer("shares the one process's work", lambda: _crossing_wrongly("ours too"), "It has one thread"),
    ),
    points=2,
    explanation="Everything hangs on the sign of the gain. If a rating costs Spark ten times the work, then nine cores lose at "
    "*every* size, however large, and the eleventh is the first that wins. McSherry, Isard and Murray (2015) call the number of "
    "cores at which a system overtakes one good thread its COST, and found systems whose COST was hundreds of cores, or none "
    "at all. Measure the one good thread first.",
    expected=example("crossing(one=(0, 4), spark=(20, 6), cores=3)", lambda: 10.0),
)

EXERCISES = [HALF_STEP, SENT, STAGE, PULL, RERUN, CROSSING]


# ------------------------------------------------------------------ quiz
QUIZ = [
    Question(
        text="A film was rated by 3 users. The users are cut into 200 blocks. How often does its vector travel in the users' half-step, at most?",
        choices={"a": "once", "b": "3 times", "c": "200 times"},
        key=by_value({"a": 1, "b": 3, "c": 200}, lambda: _vectors_sent(np.array([0, 1, 2]), np.array([5, 5, 5]), 200)),
        why={
            "a": "Once would do if its three raters lived in the same block. Nobody arranges that.",
            "b": "Once to each block in which somebody rated it, and three people live in at most three blocks. Only the popular "
            "films go everywhere.",
            "c": "That would be a broadcast. A block without a rater has no use for the vector, and Spark does not send it.",
        },
    ),
    Question(
        text="A stage is cut by a key, and one key holds 5 % of all rows. Tasks cannot be split. How much faster than one core can any number of cores be?",
        choices={"a": "as many times as there are cores", "b": "20 times", "c": "95 times"},
        key=by_value({"a": 1000.0, "b": 20.0, "c": 95.0}, lambda: 100 / _stage_time([5.0] + [1.0] * 95, 1000)),
        why={
            "a": "Not beyond the hot key: its task runs on one core, whatever the others do.",
            "b": "One core must do 5 % of the work alone, so the stage takes at least a twentieth of the whole. This is Amdahl's law "
            "in the clothes of a hot key.",
            "c": "The other 95 % can be shared, but the stage ends with its last task.",
        },
    ),
    Question(
        text="A job of 30 turns (60 half-steps, 100 blocks, 10 machines) sets `checkpointInterval=10` and no checkpoint folder. A machine dies after the last half-step. How many tasks run again?",
        choices={"a": "none", "b": "10", "c": "600"},
        key=by_value({"a": 0, "b": 10, "c": 600}, lambda: _rerun(60, 0, 100, 10)),
        why={
            "a": "So it would be if the last half-step had been checkpointed. Without a folder, Spark ignores the interval silently.",
            "b": "Those are the lost blocks of the last half-step. Their input on the dead machine is gone too, and so on, back to the input.",
            "c": "One machine's share, 10 tasks, of each of 60 half-steps. Set the folder, on storage that all machines reach.",
        },
    ),
    Question(
        text="A rating costs Spark 12 times the CPU seconds that it costs one thread of your own code. You have a machine with 8 cores. From which size on is Spark faster?",
        choices={"a": "from a few million ratings", "b": "when its start no longer matters", "c": "never"},
        key=by_value({"a": 5.0, "b": 40.0, "c": math.inf}, lambda: _crossing((0.0, 1.0), (20.0, 12.0), 8)),
        why={
            "a": "The start is paid back only if each further rating is cheaper, and 12 / 8 is more than 1.",
            "b": "Without its start Spark would still need one and a half times as long.",
            "c": "8 cores share 12 times the work: the slope is 1.5 times ours, and lines that diverge do not meet. From 13 cores on "
            "there is a crossing.",
        },
    ),
    Question(
        text="50 million users, 64 factors, 4 bytes a number. How much memory do the users' vectors take?",
        choices={"a": "128 MB", "b": "3.2 GB", "c": "12.8 GB"},
        key=by_value({"a": 0.128, "b": 3.2, "c": 12.8}, lambda: 50e6 * 64 * 4 / 1e9),
        why={
            "a": "A hundred times too little: 50 million times 256 bytes.",
            "b": "That is 50 million times 64: each number takes four bytes.",
            "c": "50 million times 256 bytes. It fits into one ordinary server, and so do a billion ratings: see section 8.",
        },
    ),
]
