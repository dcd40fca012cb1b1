"""The coding drills: every reference passes, every named wrong answer is told what it is, and counting counts."""

from __future__ import annotations

import bisect
import functools
import heapq
import inspect
import json
import random
from collections import deque

import pytest
from typer.testing import CliRunner

from recsys_lab.cli import app
from recsys_lab.course import drills, lessons, progress
from recsys_lab.course.drills import files
from recsys_lab.course.drills.counting import Endless, Stream, Tally, watch
from recsys_lab.course.drills.drill import GROWTH, SLACK, call, play
from recsys_lab.course.drills.judging import hidden, judge, measure
from recsys_lab.errors import DataError, MissingDataError, UnknownIdError

EVERY = drills.every()
MISTAKES = [(drill, mistake) for drill in EVERY.values() for mistake in drill.mistakes]


@functools.cache
def verdict(drill, answer):
    return judge(drill, answer)


# ------------------------------------------------------------------ the twenty
def test_there_are_twenty_each_complete():
    assert len(EVERY) == 20
    names = [entry.id for phase in lessons.course_map() for entry in phase.lessons]
    for drill in EVERY.values():
        assert drill.lesson in names
        assert len(drill.visible) >= 2
        assert len(hidden(drill)) >= 5
        assert len(drill.hints) == 3
        kinds = [mistake.kind for mistake in drill.mistakes]
        assert kinds.count("wrong") >= 4
        assert "slow" in kinds
        assert ("hoards" in kinds) == (drill.cost.held is not None)


@pytest.mark.parametrize("drill", EVERY.values(), ids=EVERY)
def test_the_reference_passes_and_is_well_below_its_limit(drill):
    found = verdict(drill, drill.reference)
    assert found.passed, found.message
    small, large = found.measured
    bound = drill.cost.grows(large.n) / drill.cost.grows(small.n)
    assert large.operations / small.operations < (1 + SLACK) / 2 * bound
    assert large.n == GROWTH * small.n


@pytest.mark.parametrize(("drill", "mistake"), MISTAKES, ids=lambda x: getattr(x, "name", ""))
def test_a_named_wrong_answer_is_rejected_with_its_own_message(drill, mistake):
    found = verdict(drill, mistake.answer)
    assert not found.passed
    assert mistake.says in found.message
    others = [m.says for m in drill.mistakes if m is not mistake]
    assert not any(says in found.message for says in others)
    slow = "too many operations" in found.message, "values of the input" in found.message
    assert slow == (mistake.kind == "slow", mistake.kind == "hoards")


def test_no_two_mistakes_of_all_say_the_same():
    said = [mistake.says for _, mistake in MISTAKES]
    assert len(set(said)) == len(said)


@pytest.mark.parametrize("drill", EVERY.values(), ids=EVERY)
def test_the_same_count_at_every_run(drill):
    assert measure(drill, drill.reference, drill.cost.n) == measure(drill, drill.reference, drill.cost.n)


@pytest.mark.parametrize("drill", EVERY.values(), ids=EVERY)
def test_the_hidden_tests_notice_an_answer_that_knows_only_the_visible_ones(drill):
    """Whoever writes the examples' outputs down has not solved the problem."""
    wanted = [case.want for case in hidden(drill) if not callable(case.want)]
    assert len({repr(want) for want in wanted}) > 3 or drill.name == "reservoir"


# ------------------------------------------------------------------ other right answers pass, too
def test_other_right_answers_pass():
    def top_k(stream, k):
        heap = []
        for place, (item, score) in enumerate(stream):
            heapq.heappush(heap, (score, -place, item))
            if len(heap) > k:
                heapq.heappop(heap)
        return [item for _, _, item in sorted(heap, reverse=True)]

    def nlargest(stream, k):
        return [item for item, _ in heapq.nlargest(k, stream, key=lambda pair: pair[1])]

    def reservoir(stream, k, rng):
        kept = []
        for seen, item in enumerate(stream, 1):
            if len(kept) < k:
                kept.append(item)
            elif k and rng.random() < k / seen:
                kept[rng.randrange(k)] = item
        return kept

    def smallest_keys(stream, k, rng):
        heap = []
        for item in stream:
            heapq.heappush(heap, (rng.random(), item))
            if len(heap) > k:
                heapq.heappop(heap)
        return {item for _, item in heap}

    def middle(stream, width):  # its medians are values of the stream themselves, where their number is odd
        window, ordered, medians = deque(), [], []
        for value in stream:
            window.append(value)
            bisect.insort(ordered, value)
            if len(window) > width:
                del ordered[bisect.bisect_left(ordered, window.popleft())]
            n = len(ordered)
            medians.append(ordered[n // 2] if n % 2 else (ordered[n // 2 - 1] + ordered[n // 2]) / 2)
        return medians

    def by_sets(small, large):
        found = []
        for number in small:
            at = bisect.bisect_left(large, number)
            if at < len(large) and large[at] == number:
                found.append(number)
        return found

    def auc(scores, labels):
        pos = [s for s, label in zip(scores, labels) if label]
        neg = sorted(s for s, label in zip(scores, labels) if not label)
        if not pos or not neg:
            return 0.5
        won = sum((bisect.bisect_left(neg, s) + bisect.bisect_right(neg, s)) / 2 for s in pos)
        return won / len(pos) / len(neg)

    class Node:
        def __init__(self, key=None, value=None):
            self.key, self.value, self.before, self.after = key, value, self, self

    class LRU:
        def __init__(self, capacity):
            self.capacity, self.nodes, self.end = capacity, {}, Node()

        def _out(self, node):
            node.before.after, node.after.before = node.after, node.before

        def _last(self, node):
            node.before, node.after = self.end.before, self.end
            node.before.after = node.after.before = node

        def get(self, key):
            if key not in self.nodes:
                return None
            node = self.nodes[key]
            self._out(node)
            self._last(node)
            return node.value

        def put(self, key, value):
            if key in self.nodes:
                self._out(self.nodes.pop(key))
            elif len(self.nodes) == self.capacity:
                oldest = self.end.after
                self._out(oldest)
                del self.nodes[oldest.key]
            self.nodes[key] = Node(key, value)
            self._last(self.nodes[key])

    from recsys_lab.course.drills.problems.windows import _asof_bisect

    answers = {
        "top-k": (top_k, nlargest),
        "reservoir": (reservoir, smallest_keys),
        "moving-median": (middle,),
        "gallop": (by_sets,),
        "auc": (auc,),
        "lru": (LRU,),
    }
    for name, given in {**answers, "asof-join": (_asof_bisect,)}.items():
        for answer in given:
            found = judge(EVERY[name], answer)
            assert found.passed, (name, found.message)


@pytest.mark.parametrize("chance", [random, random.Random(1)], ids=["global", "its own"])
def test_a_sample_is_drawn_from_the_given_generator_only(chance):
    def reservoir(stream, k, rng):
        kept = []
        for seen, item in enumerate(stream, 1):
            if len(kept) < k:
                kept.append(item)
            elif (place := chance.randrange(seen)) < k:
                kept[place] = item
        return kept

    random.seed(0)
    found = judge(EVERY["reservoir"], reservoir)
    assert "hidden test 6 of 6: reservoir(iter(['a', 'b'" in found.message
    assert "10 runs, each with an `rng` in the same state" in found.message
    assert found.message.endswith(
        "Draw from `rng` only: chance from elsewhere cannot be repeated, so nobody can test it."
    )


# ------------------------------------------------------------------ counting
def test_what_is_counted():
    tally = Tally()
    values = tally.wrap([3, 1, 2])
    assert 2 in values
    assert tally.reads == 3
    assert tally.comparisons == 3
    assert values[:2] == [3, 1]
    assert tally.reads == 5
    {values[0]: "x"}
    assert tally.hashes == 1
    assert min(-v for v in values) == -3
    assert tally.wrap(abs)(-3) == 3  # built-ins count nothing


def test_a_stream_can_be_read_once_and_what_is_dropped_is_not_held():
    tally = Tally()
    stream = tally.wrap(Stream([1.0, 2.0, 3.0]))
    with pytest.raises(TypeError):
        len(stream)
    for _ in stream:
        pass
    assert list(stream) == []
    assert tally.held <= 2
    tally = Tally()
    kept = list(tally.wrap(Stream([1.0, 2.0, 3.0])))
    assert (tally.held, tally.alive, len(kept)) == (3, 3, 3)
    del kept
    assert tally.alive == 0


def test_lines_of_the_answer_are_counted_and_an_endless_one_is_ended():
    def loops(n):
        for _ in range(n):
            pass

    def forever():
        try:
            while True:
                pass
        except Exception:
            pass

    tally = Tally()
    watch(tally, loops, lambda: loops(10), 1000)
    assert 20 <= tally.lines <= 24
    with pytest.raises(Endless):
        watch(Tally(), forever, forever, 1000)


def test_an_endless_answer_and_one_that_raises_are_told_so():
    def auc(scores, labels):
        while True:
            pass

    found = judge(EVERY["auc"], auc)
    assert "was still going" in found.message
    assert "visible test 1 of 3: auc([0.9, 0.1], [1, 0])" in found.message
    found = judge(EVERY["auc"], lambda scores: 1.0)
    assert "raised TypeError" in found.message
    found = judge(EVERY["lru"], type("LRU", (), {"__init__": lambda self, c: None}))
    assert "raised AttributeError" in found.message


def test_a_message_has_the_input_what_was_expected_and_what_came():
    found = judge(EVERY["top-k"], lambda stream, k: ["b"])
    assert found.message.startswith(
        "visible test 1 of 3: top_k(iter([('a', 3.0), ('b', 5.0), ('c', 4.0)]), 2) should be ['b', 'c'], but is ['b']"
    )
    found = judge(EVERY["ttl-cache"], EVERY["ttl-cache"].mistakes[1].answer)
    assert "at(10.0), get('a') should give None, but gives 1" in found.message
    found = judge(EVERY["moving-median"], lambda stream, width: [0.0 for _ in stream])
    assert "..)" not in found.message
    assert ".)." not in found.message


def test_an_answer_cannot_spoil_a_test_for_the_next_one():
    def gallop(small, large):
        found = EVERY["gallop"].reference(small, large)
        small.clear()
        large.clear()
        return found

    assert judge(EVERY["gallop"], gallop).passed
    assert judge(EVERY["gallop"], EVERY["gallop"].reference).passed


def test_play_and_call_give_plain_values():
    assert call(sorted, Tally(), [2, 1]) == [1, 2]
    assert play(EVERY["lru"].reference, Tally(), (1,), [("put", "a", 0), ("get", "a")]) == [None, 0]


# ------------------------------------------------------------------ stubs, files, commands
@pytest.mark.parametrize("drill", EVERY.values(), ids=EVERY)
def test_a_file_begins_as_a_stub_and_passes_with_the_solution(drill, tmp_path):
    file = files.start(drill.name, tmp_path)
    text = file.read_text(encoding="utf-8")
    names = {}
    exec(compile(text, str(file), "exec"), names)
    stub, reference = names[drill.function], drill.reference
    assert inspect.signature(stub) == inspect.signature(reference)
    assert files.judged(type("module", (), {drill.function: stub}), drill.name)["report"].startswith("○")
    assert not any(line.strip().startswith("def _") and "__init__" not in line for line in text.split("\n"))
    for case in drill.visible:
        assert drill.function in drill.shown(case.given)


def run(*words):
    return CliRunner().invoke(app, ["code", *map(str, words)])


def test_code_start_check_and_list(tmp_path, monkeypatch):
    monkeypatch.setenv("RECSYS_LAB_PROGRESS", str(tmp_path / "progress.json"))
    assert run("start", "asof-join", "--dir", tmp_path).exit_code == 0
    file = tmp_path / "asof_join.py"
    found = run("check", file)
    assert found.exit_code == 1
    assert found.output.startswith("○ asof-join not attempted")
    drill = EVERY["asof-join"]
    file.write_text(f"from __future__ import annotations\n\n{drill.solution()}", encoding="utf-8")
    found = run("check", file)
    assert found.exit_code == 0, found.output
    assert found.output.startswith("✓ asof-join: right, and within O(m + n) time")
    assert "hidden tests: 28 of 28 passed" in found.output
    assert progress.drills().keys() == {"asof-join"}
    assert "✓" in run().output
    slow = "import math\n" + inspect.getsource(inspect.getmodule(drill.reference)._asof_wrongly)
    file.write_text(
        "from __future__ import annotations\n" + slow + "\nasof_join = _asof_wrongly('right')\n", encoding="utf-8"
    )
    found = run("check", file)
    assert found.exit_code == 1
    assert "too many operations" in found.output
    assert "m n steps" in found.output


def test_files_that_cannot_be_judged(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "LIMIT", 20.0)
    broken = tmp_path / "auc.py"
    broken.write_text("def auc(:\n", encoding="utf-8")
    found = run("check", broken)
    assert found.exit_code == 1
    assert "SyntaxError" in found.output
    broken.write_text("x = 1\n", encoding="utf-8")
    assert "defines no `auc`" in run("check", broken).output
    broken.write_text("raise SystemExit\n", encoding="utf-8")
    assert run("check", broken).exit_code == 1
    other = tmp_path / "mine.py"
    other.write_text(EVERY["gallop"].solution().replace("bisect.", "__import__('bisect')."), encoding="utf-8")
    assert run("check", other).exit_code != 0
    with pytest.raises(UnknownIdError, match="--name"):
        files.check(other)
    assert run("check", other, "--name", "gallop").exit_code == 0
    with pytest.raises(MissingDataError):
        files.check(tmp_path / "none.py")
    with pytest.raises(DataError):
        files.start("auc", tmp_path)
    with pytest.raises(DataError, match="is a file: --dir wants a folder"):
        files.start("auc", broken)


def test_hints_solutions_and_names():
    assert run("hint", "auc", 3).output.strip() == EVERY["auc"].hints[2]
    assert "Mann-Whitney" in run("solution", "auc").output
    with pytest.raises(UnknownIdError, match="Did you mean 'top-k'"):
        drills.get("topk")


def test_check_in_a_notebook_prints_what_was_found(capsys):
    assert drills.check("gallop", EVERY["gallop"].reference).passed
    drills.show("gallop")
    drills.hint("gallop", 2)
    said = capsys.readouterr().out
    assert "✓ gallop: right, and within O(m log(n / m))" in said
    assert "...  # your code here" in said


def test_verdicts_are_plain_enough_for_json():
    found = verdict(EVERY["auc"], EVERY["auc"].reference)
    assert json.loads(json.dumps(found))[0] is True


def test_draws_do_not_depend_on_who_drew_before():
    random.seed(1)
    first = judge(EVERY["reservoir"], EVERY["reservoir"].reference)
    random.seed(2)
    assert judge(EVERY["reservoir"], EVERY["reservoir"].reference) == first
