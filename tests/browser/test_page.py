"""The demo page in a real browser, on real films: `recsys-lab serve` in a process of its own, nothing stands in for it."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from chromium import FLAGS, chromium, look

from recsys_lab import registry, storage
from recsys_lab.ratings import Ratings
from recsys_lab.serve import EventLog
from recsys_lab.serve.running import running

ROOT = Path(__file__).resolve().parents[2]
PHONE, LAPTOP = {"width": 360, "height": 780}, {"width": 1366, "height": 900}
FILMS = [("star wars", 5), ("fargo", 5), ("pulp fiction", 4), ("toy story", 4), ("independence day", 2)]
FILMS += [("godfather", 5), ("blade runner", 5), ("liar liar", 1), ("casablanca", 4), ("twelve monkeys", 5)]
AXE = "4.14.1"

pytestmark = pytest.mark.browser


class Server(NamedTuple):
    url: str
    model: Path
    events: str


@contextlib.contextmanager
def serving(folder: Path, *options: object, **settings: str) -> Iterator[Server]:
    """`recsys-lab serve` on a free port; its model is folder/model.npz, which need not be there."""
    model, events = folder / "model.npz", f"sqlite:///{folder / 'events.db'}"
    with running(folder, *options, **{"events": events, "timeout_ms": "20000", **settings}) as server:
        yield Server(server.url, model, events)


@pytest.fixture(scope="module")
def saved(ml100k, tmp_path_factory) -> dict[str, Path]:
    """Name -> the file of a model for which stars count."""
    train, folder = Ratings.from_frame(ml100k.ratings, scale=ml100k.scale), tmp_path_factory.mktemp("models")
    return {name: storage.save(registry.make(name).fit(train), folder / f"{name}.npz") for name in ("item-knn", "svd")}


@pytest.fixture(scope="module")
def server(saved, tmp_path_factory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("service")
    shutil.copy(saved["item-knn"], folder / "model.npz")
    with serving(folder, "--challenger", saved["svd"]) as server:
        yield server


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import expect, sync_playwright

    executable = chromium()
    expect.set_options(timeout=10_000)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def visit(browser) -> Iterator[Callable[..., Any]]:
    """`visit(url, ...)`: a visitor's page, opened. In the end, no page may have asked another machine, nor complained."""
    with contextlib.ExitStack() as stack:
        checks: list[Callable[[], None]] = []

        def opened(url: str, complaints: str | None = None, **options: Any):
            """`complaints`: the console lines that hold this text are expected, and no others."""
            context = stack.enter_context(contextlib.closing(browser.new_context(**{"viewport": LAPTOP, **options})))
            context.set_default_timeout(10_000)
            page, asked, said = context.new_page(), [], []
            page.on("request", lambda request: asked.append(request.url))
            page.on("console", lambda line: said.append(line.text))
            page.on("pageerror", lambda error: said.append(f"uncaught: {error}"))

            def check() -> None:
                assert asked
                assert [address for address in asked if not address.startswith(f"{url}/")] == []
                assert [line for line in said if complaints is None or complaints not in line] == []

            checks.append(check)
            page.goto(url)
            return page

        yield opened
        for check in checks:
            check()


def shown(page, which: str = "champion") -> list[str]:
    """The titles of a list."""
    return page.locator(f"#list-{which} > .films > .film > .title .name").all_inner_texts()


def reasons(page) -> list[str]:
    return page.locator("#list-champion .words").all_inner_texts()


def settled(page, action: Callable[[], Any]) -> Any:
    """Do something that changes the ratings; return the answer to it, when the page shows it."""
    with page.expect_response("**/v1/recommendations") as waiting:
        action()
    answer = waiting.value.json()
    page.wait_for_function(
        "first => document.querySelector('#list-champion .name')?.textContent.trim() === first",
        arg=answer["items"][0]["title"].rsplit(" (", 1)[0],
    )
    return answer


def find(page, words: str):
    """Search; the first film found."""
    from playwright.sync_api import expect

    with page.expect_response("**/v1/items?*") as waiting:
        page.fill("#query", words)
    title = waiting.value.json()["items"][0]["title"]
    first = page.locator("#find > .films > .film").first
    expect(first.locator(".title").first).to_contain_text(title.rsplit(" (", 1)[0])
    return first


def star(film, rating: int):
    """The star of this rating, as the mouse meets it."""
    return film.locator(f".stars label:has(input[value='{rating}'])").first


def rate(page, words: str, rating: int) -> Any:
    film = find(page, words)
    return settled(page, star(film, rating).click)


def keep(page, films: list[tuple[str, int]] = FILMS) -> None:
    """Ratings as an earlier visit left them."""
    found = [page.request.get("/v1/items", params={"query": words, "n": 1}).json()["items"][0] for words, _ in films]
    kept = [{"item": f["item"], "title": f["title"], "rating": rating} for f, (_, rating) in zip(found, films)]
    page.evaluate("kept => localStorage.setItem('recsys-lab.ratings.ml-100k', JSON.stringify(kept))", kept)
    with page.expect_response("**/v1/recommendations"):
        page.reload()
    page.locator("#list-champion .words").first.wait_for()


def log_of(server: Server, page):
    """The events of this page's visitor, when all are stored."""
    page.wait_for_timeout(1500)
    visitor = page.evaluate("() => JSON.parse(localStorage.getItem('recsys-lab.visitor'))")
    with contextlib.closing(EventLog(server.events)) as log:
        events = log.frame()
    return events[events["user"] == visitor]


# ---------------------------------------------------------------------- rating, and what it changes
def test_ten_ratings_change_the_list_and_its_reasons(server, visit):
    page = visit(server.url, base_url=server.url)
    page.locator("#list-champion .film").first.wait_for()
    assert "You have not rated anything yet" in page.locator("#list-champion .notice").inner_text()
    lists, why = [shown(page)], []
    for words, rating in FILMS:
        answer = rate(page, words, rating)
        assert not answer["fallback"]
        assert shown(page) == [film["title"].rsplit(" (", 1)[0] for film in answer["items"]]
        lists.append(shown(page))
        why.append(reasons(page))
    assert len({tuple(titles) for titles in lists}) >= 9, "the list hardly follows the ratings"
    assert len({tuple(words) for words in why}) >= 8
    assert "10 rated" in page.locator("#count").inner_text()
    rated = set(page.locator("#mine .name").all_inner_texts())
    assert len(rated) == 10
    assert not rated & set(shown(page)), "a film that was rated is recommended"
    assert all(any(title in line for title in rated) for line in reasons(page))
    assert not any("Liar Liar" in line for line in reasons(page)), "what was rated 1 convinces nobody"
    widths = page.locator("#list-champion .bar span").evaluate_all("bars => bars.map(bar => bar.style.inlineSize)")
    assert "100%" in widths
    assert len(set(widths)) > 3
    look(page, "page")

    before, mine = shown(page), page.locator("#mine .film", has_text="Blade Runner")
    settled(page, star(mine, 1).click)
    assert shown(page) != before, "a star more or less changes nothing"
    assert not any("Blade Runner" in line for line in reasons(page))

    settled(page, page.locator("#mine .film", has_text="Fargo").locator(".remove").click)
    assert not any("Fargo" in line for line in reasons(page))
    assert page.evaluate("document.activeElement.className") == "remove", "the focus is lost with the row"

    titles = page.locator("#mine .name").all_inner_texts()
    with page.expect_response("**/v1/recommendations"):
        page.reload()
    page.locator("#list-champion .words").first.wait_for()
    assert page.locator("#mine .name").all_inner_texts() == titles, "the browser forgot the ratings"

    settled(page, page.locator("#over").click)
    assert page.locator("#mine .film").count() == 0
    assert "You have not rated anything yet" in page.locator("#list-champion .notice").inner_text()
    assert page.evaluate("document.activeElement.id") == "undo"
    settled(page, page.locator("#undo").click)
    assert page.locator("#mine .name").all_inner_texts() == titles


def test_the_latest_answer_wins(server, visit):
    """The first of two answers is held up on its way; what is shown in the end belongs to the second."""
    page = visit(server.url, base_url=server.url)
    page.locator("#list-champion .film").first.wait_for()
    held = []
    page.route("**/v1/recommendations", lambda route: held.append(route) if not held else route.continue_())
    star(find(page, "star wars"), 5).click()
    page.wait_for_timeout(500)
    assert len(held) == 1
    answer = rate(page, "fargo", 5)
    with contextlib.suppress(Exception):  # the page has given this request up
        held[0].continue_()
    page.wait_for_timeout(500)
    assert shown(page) == [film["title"].rsplit(" (", 1)[0] for film in answer["items"]]
    assert {"Fargo", "Star Wars"} <= {title.strip() for title in page.locator("#mine .name").all_inner_texts()}


def test_similar_films_open_in_place_and_what_was_shown_and_chosen_is_stored(server, visit):
    page = visit(server.url, base_url=server.url)
    answers = []
    page.on("response", lambda r: answers.append(r.json()) if r.url.endswith("/recommendations") else None)
    keep(page)
    second = page.locator("#list-champion > .films > .film").nth(1)
    button = second.locator(".similar-button")
    button.click()
    second.locator(".similar .film").nth(4).wait_for()
    look(page, "similar")
    assert button.get_attribute("aria-expanded") == "true"
    item = page.evaluate("row => row.film.item", second.element_handle())
    wanted = page.request.get(f"/v1/items/{item}/similar", params={"n": 5}).json()["items"]
    assert second.locator(".similar .name").all_inner_texts() == [film["title"].rsplit(" (", 1)[0] for film in wanted]
    button.click()
    assert not second.locator(".similar").is_visible()

    events = log_of(server, page)
    answer = answers[-1]
    ours = events[events["request_id"] == answer["request_id"]]
    assert list(ours.loc[ours["kind"] == "click", "item"]) == [item]
    impressions = ours[ours["kind"] == "impression"].sort_values("rank")
    assert 5 <= len(impressions) < 10, "what is below the edge of the window was not shown"
    assert list(impressions["rank"]) == list(range(1, len(impressions) + 1))
    assert list(impressions["item"]) == [film["item"] for film in answer["items"]][: len(impressions)]
    assert set(ours["model"]) == {answer["model"]}
    page.locator("#list-champion > .films > .film").last.scroll_into_view_if_needed()
    assert sum(log_of(server, page)["kind"] == "impression") > sum(events["kind"] == "impression")


def test_two_models_side_by_side(server, visit):
    page = visit(server.url, base_url=server.url)
    keep(page)
    page.locator("#compare").check()
    page.locator("#overlap").wait_for()
    look(page, "compare")
    assert page.locator("#lists h3").all_inner_texts() == ["ItemKNN", "FunkSVD"]
    left, right = shown(page), shown(page, "challenger")
    assert len(left) == len(right) == 10
    both = len(set(left) & set(right))
    assert both < 10
    assert page.locator("#overlap").inner_text() == f"{both} of 10 films are in both lists."
    assert page.locator("#lists .shared").count() == 2 * both
    boxes = [page.locator(f"#list-{which}").bounding_box() for which in ("champion", "challenger")]
    assert boxes[0]["y"] == boxes[1]["y"], "the lists are not side by side"
    events = log_of(server, page)
    assert set(events["variant"].dropna()) == {"champion", "challenger"}
    page.locator("#compare").uncheck()
    assert page.locator("#list-challenger").count() == 0


# ---------------------------------------------------------------------- for everybody
def test_the_keyboard_is_enough(server, visit):
    page = visit(server.url, base_url=server.url)
    page.locator("#list-champion .film").first.wait_for()

    def press(*keys: str) -> None:
        for key in keys:
            page.keyboard.press(key)

    def focus() -> str:
        return page.evaluate("() => (e => e.id || e.className || `${e.name}=${e.value}`)(document.activeElement)")

    press("Tab")
    assert focus() == "skip"
    press("Tab")
    assert focus() == "query"
    with page.expect_response("**/v1/items?*"):
        page.keyboard.type("fargo")
    page.locator("#find .film").nth(1).wait_for(state="detached")
    press("Tab")
    assert focus() == "find-100=1"
    settled(page, lambda: press("Space", "ArrowRight", "ArrowRight", "ArrowRight", "ArrowRight"))
    assert focus() == "find-100=5"
    assert page.locator("#mine input:checked").get_attribute("value") == "5"
    settled(page, lambda: press("ArrowLeft"))
    assert page.locator("#mine input:checked").get_attribute("value") == "4"

    # A recommended film that is rated stays under the fingers until they leave it.
    press("Tab", "Tab", "Tab", "Tab", "Tab")
    assert focus() == "compare"
    press("Tab")
    first = page.locator("#list-champion > .films > .film").first
    title = first.locator(".name").inner_text()
    with page.expect_response("**/v1/recommendations"):
        press("ArrowRight", "ArrowRight", "ArrowRight")
    page.get_by_text("rated: now among your films").wait_for()
    assert focus().endswith("=4")
    assert shown(page)[0] == title
    press("ArrowRight")
    assert focus().endswith("=5")
    press("Tab", "Tab")
    page.locator("#list-champion > .films > .film").nth(10).wait_for(state="detached")
    assert title not in shown(page)
    assert focus() != ""

    for _ in range(40):
        press("Shift+Tab")
        if focus() == "skip":
            break
    press("Enter", "Tab")
    assert focus() == "compare", "the link skips to the recommendations"
    outline = page.evaluate("() => getComputedStyle(document.activeElement).outlineWidth")
    assert outline == "3px"


def test_changes_are_announced(server, visit):
    from playwright.sync_api import expect

    page = visit(server.url, base_url=server.url)
    page.locator("#list-champion .film").first.wait_for()
    news = page.locator("#news")
    assert news.get_attribute("role") == "status"
    answer = rate(page, "fargo", 5)
    expect(news).to_contain_text(f"First: {answer['items'][0]['title']}")
    answer = settled(page, page.locator("#mine .remove").click)
    expect(news).to_contain_text("Popular films are shown")


def test_a_phone_shows_it_without_scrolling_sideways(server, visit):
    page = visit(server.url, base_url=server.url, viewport=PHONE, has_touch=True, reduced_motion="reduce")
    keep(page)
    page.locator("#compare").check()
    page.locator("#list-challenger .film").nth(9).wait_for()
    page.locator("#list-champion .similar-button").first.click()
    page.locator("#list-champion .similar .film").first.wait_for()
    for width in (360, 320):
        page.set_viewport_size({**PHONE, "width": width})
        assert page.evaluate("() => document.documentElement.scrollWidth") == width
        targets = page.evaluate(
            """() => [...document.querySelectorAll("button, .stars label, .switch, input[type=search], footer a")]
                .filter(e => e.checkVisibility())
                .map(e => [e.textContent, e.getBoundingClientRect()])
                .filter(([, box]) => box.width < 44 || box.height < 44)
                .map(([text, box]) => `${text}: ${box.width} x ${box.height}`)"""
        )
        assert targets == []
    assert page.evaluate("() => getComputedStyle(document.querySelector('.bar span')).transitionDuration") == "0s"
    page.set_viewport_size(PHONE)
    look(page, "phone-compare")
    page.locator("#compare").uncheck()
    page.locator("#recommended").evaluate("section => section.scrollIntoView()")
    look(page, "phone")


@pytest.fixture(scope="session")
def axe() -> str:
    """The source of axe-core; fetched once."""
    folder = ROOT / ".recsys_lab" / "cache" / f"axe-{AXE}"
    source = folder / "node_modules" / "axe-core" / "axe.min.js"
    command = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--no-save", "--prefix", str(folder)]
    command += [f"axe-core@{AXE}"]
    if not source.exists():
        if shutil.which("npm") is None:
            pytest.skip(f"no npm here. Debian and Ubuntu: sudo apt-get install npm; then: {' '.join(command)}")
        folder.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        if done.returncode:
            pytest.skip(f"axe-core is not to be had ({done.stderr.strip()[-200:]}): {' '.join(command)}")
    return source.read_text(encoding="utf-8")


def test_axe_finds_nothing(server, visit, axe):
    """Every rule in the light scheme; in the dark one, which differs in its colours alone, those of contrast."""
    page = visit(server.url, base_url=server.url, reduced_motion="reduce")

    def violations() -> list[str]:
        page.evaluate(axe)
        found = page.evaluate("() => axe.run({ resultTypes: ['violations'] })")["violations"]
        page.emulate_media(color_scheme="dark")
        found += page.evaluate("() => axe.run({ runOnly: ['color-contrast'] })")["violations"]
        page.emulate_media(color_scheme="light")
        return [f"{v['id']} ({v['impact']}): {n['html'][:200]} {n['any'][:1]}" for v in found for n in v["nodes"][:3]]

    page.locator("#list-champion .film").first.wait_for()
    assert violations() == []
    keep(page)
    page.locator("#compare").check()
    page.locator("#overlap").wait_for()
    page.locator("#list-champion .similar-button").first.click()
    page.locator("#list-champion .similar .film").first.wait_for()
    page.evaluate("() => { document.getElementById('key-form').hidden = false; }")
    assert violations() == []


# ---------------------------------------------------------------------- when something is missing
def test_without_a_model_it_says_so_until_there_is_one(saved, visit, tmp_path):
    from playwright.sync_api import expect

    with serving(tmp_path, reload_seconds="0.1") as server:
        page = visit(server.url, base_url=server.url)
        page.locator("#list-champion .film").first.wait_for()
        assert not page.locator("#switch").is_visible()
        assert "--challenger" in page.locator("#hint").inner_text()
        rate(page, "fargo", 5)
        notice = page.locator("#list-champion .notice")
        expect(notice).to_contain_text("The service has no model just now")
        expect(notice).to_contain_text("the films that most people rated")
        look(page, "no-model")
        page.locator("#list-champion .similar-button").first.click()
        expect(page.locator("#list-champion .similar").first).to_contain_text("share most of its genres")
        whole = tmp_path / "whole.npz"
        shutil.copy(saved["item-knn"], whole)
        whole.replace(server.model)
        for _ in range(100):
            if page.request.get("/ready").json()["status"] == "ready":
                break
            page.wait_for_timeout(100)
        answer = settled(page, notice.get_by_role("button").click)
        assert not answer["fallback"]
        expect(notice).to_be_hidden()
        assert page.locator("#lists h3").inner_text() == "ItemKNN"
        events = log_of(server, page)
        assert set(events["model"].isna()) == {True, False}, "a fallback is not the model's"


def test_trouble_is_told_and_can_be_tried_again(server, visit):
    from playwright.sync_api import expect

    page = visit(server.url, complaints="net::ERR_INTERNET_DISCONNECTED", base_url=server.url)
    keep(page)
    before = shown(page)
    page.wait_for_timeout(1500)  # the events are on their way
    page.context.set_offline(True)
    star(page.locator("#find .film").nth(1), 5).click()
    notice = page.locator("#list-champion .notice")
    expect(notice).to_contain_text("The service cannot be reached")
    expect(notice.get_by_role("alert")).to_contain_text("The list below is of before")
    assert shown(page) == before
    page.fill("#query", "alien")
    expect(page.locator("#found")).to_contain_text("The service cannot be reached")
    page.locator("#list-champion .similar-button").first.click()
    expect(page.locator("#list-champion .similar").first).to_contain_text("The service cannot be reached")
    expect(page.locator("#trouble")).to_contain_text("could not be stored")
    look(page, "trouble")
    page.context.set_offline(False)
    settled(page, notice.get_by_role("button").click)
    assert shown(page) != before
    assert not notice.is_visible()
    page.locator("#found").get_by_role("button").click()
    expect(page.locator("#find .name").first).to_have_text("Alien")
    page.locator("#trouble").get_by_role("button").click()
    expect(page.locator("#trouble")).to_be_hidden()


def test_a_key_is_asked_for_where_one_is_set(saved, visit, tmp_path):
    from playwright.sync_api import expect

    shutil.copy(saved["svd"], tmp_path / "model.npz")
    with serving(tmp_path, api_key="correct-horse") as server:
        page = visit(server.url, complaints="401 (Unauthorized)", base_url=server.url)
        key = page.get_by_role("textbox", name="API key")
        expect(key).to_be_focused()
        look(page, "key")
        key.fill("wrong-battery")
        key.press("Enter")
        expect(page.locator("#key-why")).to_contain_text("does not know this API key")
        key.fill("correct-horse")
        key.press("Enter")
        page.locator("#list-champion .film").first.wait_for()
        expect(key).to_be_hidden()
        rate(page, "fargo", 5)
        assert page.evaluate("() => JSON.stringify(localStorage)").find("correct-horse") < 0, "a key is kept for good"
