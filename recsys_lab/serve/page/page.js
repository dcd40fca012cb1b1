// The demo page: ratings go out, lists with reasons come back. It asks nobody but the service that it came from.

const $ = (id) => document.getElementById(id);
const SIMILAR = 5, RECOMMENDED = 10, FOUND = 6; // lengths of the lists
const TYPING = 200, RATING = 300, LOGGING = 1000; // milliseconds of quiet before the service is asked

// ------------------------------------------------------------------ what the browser keeps
/** A value kept under this name; where the browser keeps nothing (a private window), until the page closes. */
function kept(name, store, fallback) {
  let value = fallback;
  try {
    const found = JSON.parse(store.getItem(`recsys-lab.${name}`));
    if (found?.constructor === fallback.constructor) value = found;
  } catch { /* nothing readable is kept */ }
  return {
    get: () => value,
    set(next) {
      value = next;
      try {
        store.setItem(`recsys-lab.${name}`, JSON.stringify(value));
      } catch { /* it lasts as long as the page */ }
    },
  };
}

/** A random UUID; crypto.randomUUID is missing where the page comes by plain HTTP from another machine. */
function uuid() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  return [...bytes].map((byte, i) => ([4, 6, 8, 10].includes(i) ? "-" : "") + byte.toString(16).padStart(2, "0")).join("");
}

const key = kept("key", sessionStorage, "");
const visitor = kept("visitor", localStorage, `visitor-${uuid()}`);
visitor.set(visitor.get());
let saved; // the ratings of this data set as they are kept: [{item, title, rating}], the latest last
let ratings = new Map(); // item -> {item, title, rating}: 50 and "50" are two items
let scale = [1, 5], models = [], undone = null;

const isRating = (film) => typeof film?.title === "string" && film.rating >= scale[0] && film.rating <= scale[1];

// ------------------------------------------------------------------ asking
class Refusal extends Error {}

/** What the service answers, as an object; a Refusal says in words why there is none. */
async function ask(path, { body, signal, keepalive } = {}) {
  const headers = { ...(key.get() && { "X-API-Key": key.get() }), ...(body && { "Content-Type": "application/json" }) };
  const post = body && { method: "POST", body: JSON.stringify(body) };
  let answer, content;
  try {
    answer = await fetch(`v1/${path}`, { headers, signal, keepalive, ...post });
    content = await answer.json();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refusal(answer ? `The service answered ${answer.status} without a reason.` : "The service cannot be reached. Is it running?");
  }
  if (answer.ok) return content;
  if (answer.status === 401) askForKey();
  throw new Refusal(`The service refused: ${content.detail}`);
}

/** `work(signal)` after some quiet. Called again, the work under way is given up: the latest answer wins. */
function latest(quiet, work) {
  let timer, control;
  return () => {
    clearTimeout(timer);
    control?.abort();
    const { signal } = (control = new AbortController());
    timer = setTimeout(async () => {
      try {
        await work(signal);
      } catch (error) {
        if (error.name !== "AbortError") throw error;
      }
    }, quiet);
  };
}

function askForKey() {
  $("key-why").textContent = key.get() ? "The service does not know this API key." : "This service asks for an API key.";
  $("key-form").hidden = false;
  $("key").focus();
}

const say = (text) => { $("news").textContent = text; };

/** Show in `place` what went wrong, with a button to try again; without a message, nothing is wrong. The focus stays near. */
function trouble(place, message, again) {
  const held = place.contains(document.activeElement);
  place.replaceChildren();
  place.classList.toggle("error", Boolean(message));
  place.hidden = !message;
  if (!message) {
    if (held) $(place.closest("#find") ? "query" : "recommended").focus({ preventScroll: true });
    return;
  }
  const text = document.createElement("p"), retry = document.createElement("button");
  text.textContent = message;
  text.setAttribute("role", "alert");
  retry.type = "button";
  retry.textContent = "Try again";
  retry.addEventListener("click", again);
  place.append(text, retry);
  if (held) retry.focus();
}

// ------------------------------------------------------------------ films
/** A copy of a template. */
const copy = (id) => $(id).content.firstElementChild.cloneNode(true);

/** The films of a list as they are, by item, so that a film keeps its element, and with it the focus and what is open. */
const rowsOf = (list) => new Map([...list.children].map((row) => [row.film.item, row]));

function filmRow(place, film, kind) {
  const row = copy("film");
  const [, name, year = ""] = film.title.match(/^(.*?)(?: \((\d{4})\))?$/s);
  row.film = { item: film.item, title: film.title };
  row.dataset.kind = kind;
  row.querySelector(".name").textContent = name;
  row.querySelector(".year").textContent = year;
  const stars = row.querySelector(".stars");
  stars.querySelector("legend").textContent = `Your rating of ${film.title}`;
  for (let value = Math.max(1, Math.ceil(scale[0])); value <= scale[1]; value++) {
    const star = copy("a-star"), input = star.querySelector("input");
    Object.assign(input, { name: `${place}-${film.item}`, value });
    star.querySelector("span").textContent = value === 1 ? "1 star" : `${value} stars`;
    stars.append(star);
  }
  stars.addEventListener("change", (event) => {
    if (row.shown) log(row, "click");
    rate(row.film, Number(event.target.value));
  });
  const [similar, remove] = [row.querySelector(".similar-button"), row.querySelector(".remove")];
  similar.querySelector("span").textContent = ` films to ${film.title}`;
  remove.querySelector("span").textContent = ` ${film.title} from your films`;
  if (kind !== "mine") remove.remove();
  if (kind === "mine" || kind === "similar") for (const part of [similar, row.querySelector(".similar")]) part.remove();
  similar.addEventListener("click", () => toggleSimilar(row, place));
  remove.addEventListener("click", () => forget(row));
  return row;
}

/** Put rows into a list. The row that holds the focus is not moved, and if it is no longer in, it stays until it is left. */
function arrange(list, rows) {
  const held = [...list.children].find((row) => row.contains(document.activeElement));
  if (!held) return list.replaceChildren(...rows);
  if (!rows.includes(held)) {
    const text = ratings.has(held.film.item) ? "rated: now among your films" : "no longer in the list";
    chip(held, text);
    held.querySelector(".rank").textContent = "";
    rows = rows.toSpliced([...list.children].indexOf(held), 0, held);
    held.addEventListener("focusout", function left(event) {
      if (held.contains(event.relatedTarget)) return;
      held.removeEventListener("focusout", left);
      if (held.leaving) held.remove();
    });
    held.leaving = true;
  } else {
    held.leaving = false;
  }
  for (const row of [...list.children]) if (!rows.includes(row)) row.remove();
  held.before(...rows.slice(0, rows.indexOf(held)));
  held.after(...rows.slice(rows.indexOf(held) + 1));
}

function chip(row, text) {
  const chip = row.querySelector(".chip");
  chip.textContent = text;
  chip.hidden = !text;
}

/** Have all stars of the page show the ratings as they are. */
function paint() {
  for (const row of document.querySelectorAll(".film")) {
    const rating = ratings.get(row.film.item)?.rating;
    for (const input of row.querySelector(".stars").querySelectorAll("input")) input.checked = Number(input.value) === rating;
  }
}

async function toggleSimilar(row, place) {
  const button = row.querySelector(".similar-button"), panel = row.querySelector(".similar");
  const open = button.getAttribute("aria-expanded") === "false";
  button.setAttribute("aria-expanded", open);
  if (!open) {
    panel.hidden = true;
    return;
  }
  if (row.shown) log(row, "click");
  trouble(panel);
  panel.textContent = "Looking for similar films…";
  panel.hidden = false;
  const which = place === "challenger" ? "&which=challenger" : "";
  try {
    const answer = await ask(`items/${encodeURIComponent(row.film.item)}/similar?n=${SIMILAR}${which}`);
    const heading = document.createElement("p"), list = document.createElement("ul");
    heading.className = "quiet";
    const by = answer.fallback ? "These share most of its genres:" : "Most similar, says the model:";
    heading.textContent = answer.items.length ? by : "The model finds nothing similar.";
    list.className = "films";
    list.setAttribute("role", "list");
    list.append(...answer.items.map((film) => filmRow(`${place}-${row.film.item}`, film, "similar")));
    panel.replaceChildren(heading, list);
    paint();
    say(`${answer.items.length} films similar to ${row.film.title}.`);
  } catch (error) {
    button.setAttribute("aria-expanded", "false");
    trouble(panel, error.message, () => { button.focus(); toggleSimilar(row, place); });
  }
}

// ------------------------------------------------------------------ search
const search = latest(TYPING, async (signal) => {
  const list = $("find").querySelector(".films"), query = $("query").value.trim();
  try {
    const { items } = await ask(`items?${new URLSearchParams({ query, n: FOUND })}`, { signal });
    const rows = rowsOf(list);
    arrange(list, items.map((film) => rows.get(film.item) ?? filmRow("find", film, "find")));
    paint();
    trouble($("found"));
    $("found").hidden = false;
    if (!query) $("found").textContent = "Most people know these:";
    else if (!items.length) $("found").textContent = `No title holds “${query}”.`;
    else $("found").textContent = items.length < FOUND ? "Found, the most rated first:" : `The ${FOUND} most rated that match:`;
    if (query) say(items.length ? `${items.length} films found.` : `No title holds ${query}.`);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    list.replaceChildren();
    trouble($("found"), error.message, search);
  }
});

// ------------------------------------------------------------------ my ratings
function rate(film, rating) {
  undone = null;
  ratings.set(film.item, { ...film, rating });
  changed();
}

function forget(row) {
  const next = row.nextElementSibling ?? row.previousElementSibling;
  undone = null;
  ratings.delete(row.film.item);
  (next?.querySelector(".remove") ?? $("query")).focus();
  changed();
  say(`${row.film.title} is no longer among your films.`);
}

function changed() {
  saved.set([...ratings.values()]);
  showMine();
  recommend();
}

function showMine() {
  const list = $("mine").querySelector(".films"), rows = rowsOf(list);
  const films = [...ratings.values()].reverse();
  arrange(list, films.map((film) => rows.get(film.item) ?? filmRow("mine", film, "mine")));
  const n = films.length;
  $("count").textContent = n ? `${n} rated, the latest first.` : "None yet. Rate films you know, the good and the bad.";
  $("over").hidden = !n;
  $("undo").hidden = !undone;
  paint();
}

$("over").addEventListener("click", () => {
  undone = ratings;
  ratings = new Map();
  changed();
  $("undo").focus();
  say("All your ratings are removed.");
});

$("undo").addEventListener("click", () => {
  ratings = undone;
  undone = null;
  changed();
  $("over").focus();
  say("Your ratings are back.");
});

// ------------------------------------------------------------------ recommendations
const INSTEAD = {
  "no-model": "The service has no model just now, so your ratings do not count here.",
  "model-slow": "The model took too long.",
  "model-error": "The model failed on these ratings.",
  "unsupported": "This model cannot serve somebody new without being fitted again.",
  "unknown-history": "The model does not know any of the films you rated.",
};

const asked = () => ($("compare").checked ? ["champion", "challenger"] : ["champion"]);

const recommend = latest(RATING, async (signal) => {
  const answers = await Promise.all(asked().map((which) => recommendBy(which, signal)));
  if (answers.every(Boolean)) announce(answers);
});

/** The list of one model, asked and shown; undefined where there was trouble, which is shown then. */
async function recommendBy(which, signal) {
  const list = listOf(which), notice = list.querySelector(".notice");
  const history = [...ratings.values()].slice(-1000).map(({ item, rating }) => ({ item, rating }));
  try {
    const answer = await ask("recommendations", { body: { history, n: RECOMMENDED, reasons: true, which }, signal });
    if (answer.model !== modelOf(which)?.version) ({ models } = await ask("models", { signal })); // it has a successor
    return show(list, which, answer);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    trouble(notice, `${error.message} ${list.querySelector(".film") ? "The list below is of before." : ""}`, recommend);
  }
}

const modelOf = (which) => models.find((model) => model.which === which);

function listOf(which) {
  let list = $(`list-${which}`);
  if (!list) {
    list = copy("list");
    list.id = `list-${which}`;
    list.setAttribute("aria-label", which === "champion" ? "The model in use" : "The model to compare");
    $("lists").append(list);
  }
  return list;
}

function show(list, which, answer) {
  const films = list.querySelector(".films"), rows = rowsOf(films), fresh = rows.size > 0;
  const model = modelOf(which);
  list.querySelector("h3").textContent = answer.fallback ? "What most people rated" : model.kind;
  const version = answer.model && !answer.fallback ? `version ${answer.model}` : "no model";
  list.querySelector(".about").textContent = answer.fallback ? "The same for everybody" : `${model.about ?? "a model"} · ${version}`;
  explain(list.querySelector(".notice"), answer, model);

  const most = Math.max(...answer.items.flatMap((film) => (film.reasons ?? []).map((reason) => reason.weight)));
  const next = answer.items.map((film) => {
    const row = rows.get(film.item) ?? filmRow(which, film, "recommended");
    row.querySelector(".rank").textContent = film.rank;
    chip(row, fresh && !rows.has(film.item) ? "new" : "");
    row.querySelector(".why").replaceChildren(...why(film.reasons, most, answer.fallback));
    row.shown = { rank: film.rank, request_id: answer.request_id, model: answer.fallback ? null : answer.model, which };
    return row;
  });
  arrange(films, next);
  paint();
  for (const row of next) {
    seen.unobserve(row); // observed anew, it is reported anew: this is another list
    seen.observe(row);
  }
  return { answer, fresh: next.filter((row) => !rows.has(row.film.item)).length };
}

/** Say plainly where a list is not the model's, or falls short. */
function explain(notice, { fallback, fallback_reason: reason, ignored, items }, model) {
  const popular = "These are the films that most people rated.";
  if (fallback && ratings.size) {
    const because = reason === "no-model" && model.refused ? ` (${model.refused})` : "";
    trouble(notice, `${INSTEAD[reason] ?? "The model did not answer."} ${popular}${because}`, recommend);
    notice.classList.remove("error");
    notice.firstElementChild.removeAttribute("role"); // announce() says it
    return;
  }
  trouble(notice);
  if (fallback) {
    notice.textContent = `You have not rated anything yet. ${popular}`;
  } else if (!items.length) {
    notice.textContent = "The model finds nothing for these ratings: rate a few films that you liked.";
  } else if (ignored.length) {
    notice.textContent = `The model does not know ${ignored.length} of your films.`;
  }
  notice.hidden = !notice.textContent;
}

function why(reasons, most, fallback) {
  const text = document.createElement("p");
  text.className = "quiet";
  if (fallback) return [];
  if (reasons === null) text.textContent = "The reasons took too long.";
  else if (ratings.size === 1) text.textContent = "Because of the one film you rated.";
  else text.textContent = "No single film of yours stands out.";
  if (!reasons?.length) return [text];
  const list = document.createElement("ul");
  list.setAttribute("role", "list");
  for (const { text, weight } of reasons) {
    const line = copy("reason"), part = weight / most;
    line.querySelector(".words").textContent = `Because ${text}`;
    line.querySelector(".bar span").style.inlineSize = `${Math.round(100 * part)}%`;
    line.querySelector(".size").textContent = part > 2 / 3 ? "a lot" : part > 1 / 3 ? "somewhat" : "a little";
    list.append(line);
  }
  return [list];
}

/** What changed, for those who do not see it; and what two lists share, for everybody. */
function announce(answers) {
  const [{ answer, fresh }, other] = answers;
  $("overlap").hidden = !other;
  if (other) {
    const both = answer.items.filter((film) => other.answer.items.some((theirs) => theirs.item === film.item));
    const items = new Set(both.map((film) => film.item));
    $("overlap").textContent = `${both.length} of ${answer.items.length} films are in both lists.`;
    for (const row of $("lists").querySelectorAll(".list > .films > .film")) {
      row.classList.toggle("shared", items.has(row.film.item));
      if (items.has(row.film.item)) chip(row, "in both");
    }
    say($("overlap").textContent);
  } else if (answer.items.length) {
    say(`${answer.fallback ? "Popular films are shown" : "Recommendations changed"}: ${fresh} new. First: ${answer.items[0].title}.`);
  }
}

$("compare").addEventListener("change", () => {
  document.body.classList.toggle("comparing", $("compare").checked);
  if (!$("compare").checked) {
    $("list-challenger")?.remove();
    for (const row of document.querySelectorAll(".shared")) row.classList.remove("shared");
  }
  recommend();
});

// ------------------------------------------------------------------ what was shown and chosen
const logged = new Set();
let waiting = [];
const send = latest(LOGGING, () => flush());

/** An event of a recommended film: once for each answer, however often it scrolls by or is clicked. */
function log(row, kind) {
  const { rank, request_id, model, which } = row.shown, once = `${kind} ${request_id} ${row.film.item}`;
  if (logged.has(once)) return;
  logged.add(once);
  const trial = $("compare").checked ? { experiment: "side-by-side", variant: which } : {};
  waiting.push({ id: uuid(), kind, user: visitor.get(), item: row.film.item, rank, request_id, model, ...trial });
  send();
}

/** Store what waits. It goes on waiting where that fails; the service recognises what it has already. */
async function flush(keepalive = false) {
  const events = waiting.slice(0, 200);
  if (!events.length) return;
  try {
    await ask("events", { body: { events }, keepalive });
    waiting = waiting.filter((event) => !events.includes(event));
    trouble($("trouble"));
    if (waiting.length) send();
  } catch (error) {
    trouble($("trouble"), `What you were shown and chose could not be stored. ${error.message}`, () => flush());
  }
}

/** A film counts as shown when half of it is in sight. */
const seen = new IntersectionObserver(
  (entries) => {
    for (const { isIntersecting, target } of entries) if (isIntersecting && target.isConnected) log(target, "impression");
  },
  { threshold: 0.5 },
);
addEventListener("pagehide", () => flush(true));

// ------------------------------------------------------------------ the start
async function start() {
  trouble($("trouble"));
  try {
    const about = await ask("models");
    ({ models, scale } = about);
    saved = kept(`ratings.${about.data}`, localStorage, []);
    ratings = new Map(saved.get().filter(isRating).map((film) => [film.item, film]));
  } catch (error) {
    if ($("key-form").hidden) trouble($("trouble"), error.message, start);
    return;
  }
  $("key-form").hidden = true;
  $("switch").hidden = models.length < 2;
  $("hint").hidden = models.length > 1;
  document.body.classList.add("started");
  showMine();
  search();
  recommend();
}

$("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  key.set($("key").value);
  $("key").value = "";
  start();
});
$("search").addEventListener("submit", (event) => {
  event.preventDefault();
  search();
});
$("query").addEventListener("input", search);
start();
