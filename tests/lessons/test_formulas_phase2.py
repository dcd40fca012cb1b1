r"""Each formula of lessons 2.1 to 2.7, as printed, against the code that claims to compute it.

Most of them run on 60 users and 50 films of MovieLens 100K; r is the dict of their ratings, {(user, film): stars}.
"""

from __future__ import annotations

import math
from collections import defaultdict
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from formula_checks import close, formula, functions_of, run
from scipy import sparse
from scipy.optimize import nnls

from recsys_lab import EASE, BiasBaseline, ImplicitALS, ItemKNN, Ratings, TfidfContent, UserKNN, metrics, rerank
from recsys_lab.als import BiasedALS
from recsys_lab.biases import damped_biases
from recsys_lab.bpr import BPR
from recsys_lab.halfstep import half_step
from recsys_lab.similarity import similarity_matrix
from recsys_lab.split import random_split
from recsys_lab.tfidf import documents, tfidf


@pytest.fixture(scope="module")
def real(ml100k):
    frame = ml100k.ratings
    frame = frame[(frame["user"] <= 60) & (frame["item"] <= 50)].reset_index(drop=True)
    r = {(u, i): float(stars) for u, i, stars in frame[["user", "item", "rating"]].itertuples(index=False)}
    films, raters = defaultdict(set), defaultdict(set)
    for u, i in r:
        films[u].add(i)
        raters[i].add(u)
    ratings = Ratings.from_frame(frame)
    mean = {u: sum(r[u, i] for i in films[u]) / len(films[u]) for u in films}
    return SimpleNamespace(
        frame=frame, ratings=ratings, r=r, I=dict(films), U=dict(raters), mean=mean, mu=np.mean(list(r.values()))
    )


def row(index, id):
    return index.rows([id])[0]


# ------------------------------------------------------------------ 2.1
@formula(
    "2.1",
    r"\text{RMSE} = \sqrt{\frac{1}{n} \sum_{j=1}^{n} (\hat r_j - r_j)^2} \qquad\qquad"
    r"\text{MAE} = \frac{1}{n} \sum_{j=1}^{n} |\hat r_j - r_j|",
    r"\text{RMSE}(c)^2 = \underbrace{\frac{1}{n} \sum_{j} (r_j - \bar r)^2}_{\text{the variance of the ratings}}"
    r"+ (c - \bar r)^2",
)
def test_two_ways_to_be_wrong(sides):
    _, rmse, _, mae, squared, of_constant = sides
    true, said = np.array([5.0, 1, 4, 4]), np.array([4.5, 3, 4, 1])
    close(rmse(n=4, r=true, r_hat=said), metrics.rmse(true, said))
    close(mae(n=4, r=true, r_hat=said), metrics.mae(true, said))
    for c in (2.0, 3.5, 6.0):
        square = of_constant(n=4, r=true, r_bar=true.mean(), c=c, all_j=range(1, 5))
        close(square, squared(RMSE=lambda c: metrics.rmse(true, np.full(4, c)), c=c))


@formula(
    "2.1",
    r"\tilde r_i = \frac{\sum_{u \in U_i} r_{ui} + \lambda \mu}{n_i + \lambda}",
    r"\tilde r_i = \frac{n_i}{n_i + \lambda}\, \bar r_i + \frac{\lambda}{n_i + \lambda}\, \mu",
    r"b_i = \tilde r_i - \mu",
    r"b_i = \frac{\sum_{u \in U_i} (r_{ui} - \mu)}{n_i + \lambda}",
    r"\sum (r_{ui} - \mu - b) = \lambda b",
)
def test_damped_means(sides, real):
    _, mean, _, weighted, _, above, _, effect, left_over, fine = sides
    by_lesson = functions_of("2.1", "damped_means")(real.frame, 7)
    matrix = real.ratings.matrix
    by_library = damped_biases(matrix, epochs=1, damping_user=1e12, damping_item=7).item
    for i in real.U:
        known = {"U_i": real.U[i], "n_i": len(real.U[i]), "lambda_": 7, "mu": real.mu, "r": real.r, "i": i}
        close(mean(**known), by_lesson[i])
        own = real.frame.loc[real.frame["item"] == i, "rating"].mean()
        close(weighted(**known, r_bar_i=own), by_lesson[i])
        close(above(r_tilde_i=by_lesson[i], mu=real.mu), effect(**known))
        close(effect(**known), by_library[row(real.ratings.items, i)], atol=1e-8)
        b, stars = effect(**known), np.array([real.r[u, i] for u in real.U[i]])
        close(left_over(r_ui=stars, mu=real.mu, b=b), fine(lambda_=7, b=b))


@formula("2.1", r"\frac{n / \sigma^2}{n / \sigma^2 + 1 / \tau^2} = \frac{n}{n + \sigma^2 / \tau^2}")
def test_the_data_name_their_damping(sides, real):
    by_precision, damped = sides
    sigma2, tau2, damping = functions_of("2.1", "noise_over_spread")(real.frame, "item")
    known = {"n": 12, "sigma": math.sqrt(sigma2), "tau": math.sqrt(tau2)}
    close(by_precision(**known), damped(**known))
    # The weight of a film's own mean in the damped mean: what one star more for each of its 12 ratings adds.
    frame = pd.DataFrame({"user": range(24), "item": [1] * 12 + [2] * 12, "rating": [5.0] * 12 + [1.0] * 12})
    mean = functions_of("2.1", "damped_means")(frame, damping)[1]
    close((mean - 3) / (5 - 3), damped(**known))


@formula(
    "2.1",
    r"\hat r_{ui} = \mu + b_u + b_i",
    r"b_i = \frac{\sum_{u \in U_i} (r_{ui} - \mu - b_u)}{\lambda_i + n_i} \qquad\qquad "
    r"b_u = \frac{\sum_{i \in I_u} (r_{ui} - \mu - b_i)}{\lambda_u + n_u}",
    r"\sum_{(u,i)} (r_{ui} - \mu - b_u - b_i)^2 + \lambda_u \sum_u b_u^2 + \lambda_i \sum_i b_i^2",
)
def test_alternating_averages(sides, real):
    _, predicted, _, film, _, person, fined = sides
    model = BiasBaseline(damping_user=4, damping_item=9, epochs=3).fit(real.ratings)
    mu, b_user, b_item = functions_of("2.1", "fit_biases")(real.frame, 4, 9, 3)
    known = {"r": real.r, "mu": mu, "lambda_u": 4, "lambda_i": 9}
    sums = {"all_u_i": list(real.r), "all_u": list(real.I), "all_i": list(real.U)}
    b_u, before = dict.fromkeys(real.I, 0.0), np.inf
    first_u, first_i = next(iter(real.I)), next(iter(real.U))

    def lowest(b_u, b_i, move):  # a half-step's answer is the lowest point of the sum: to either side it rises alike
        total = fined(**known, **sums, b_u=b_u, b_i=b_i)
        rises = [fined(**known, **sums, **move(step)) - total for step in (1e-3, -1e-3)]
        assert min(rises) > 0
        np.testing.assert_allclose(*rises, rtol=1e-5)

    for _ in range(3):
        b_i = {i: film(**known, i=i, U_i=real.U[i], n_i=len(real.U[i]), b_u=b_u) for i in real.U}
        lowest(b_u, b_i, lambda step, b_u=b_u, b_i=b_i: {"b_u": b_u, "b_i": {**b_i, first_i: b_i[first_i] + step}})
        b_u = {u: person(**known, u=u, I_u=real.I[u], n_u=len(real.I[u]), b_i=b_i) for u in real.I}
        lowest(b_u, b_i, lambda step, b_u=b_u, b_i=b_i: {"b_i": b_i, "b_u": {**b_u, first_u: b_u[first_u] + step}})
        total = fined(**known, **sums, b_u=b_u, b_i=b_i)
        assert total < before
        before = total
    close([b_i[i] for i in b_item.index], b_item)
    close([b_u[u] for u in b_user.index], b_user)
    said = model.predict(real.frame)
    by_hand = [predicted(mu=mu, u=u, i=i, b_u=b_u, b_i=b_i) for u, i in zip(real.frame["user"], real.frame["item"])]
    close(by_hand, said)


# ------------------------------------------------------------------ 2.2
@formula(
    "2.2",
    r"\cos(u, v) = \frac{\sum_{i \in I_{uv}} r_{ui} r_{vi}}"
    r"{\sqrt{\sum_{i \in I_{uv}} r_{ui}^2} \sqrt{\sum_{i \in I_{uv}} r_{vi}^2}}",
    r"\rho(u, v) = \frac{\sum_{i \in I_{uv}} (r_{ui} - \bar r_u)(r_{vi} - \bar r_v)}"
    r"{\sqrt{\sum_{i \in I_{uv}} (r_{ui} - \bar r_u)^2} \sqrt{\sum_{i \in I_{uv}} (r_{vi} - \bar r_v)^2}}",
    r"s' = \frac{n - 1}{n - 1 + \lambda} s",
    r"s' = s (n-1)/(n-1+\lambda)",
)
def test_similar_people(sides, real):
    _, cosine, _, pearson, _, shrunk, _, in_words = sides
    matrix, users = real.ratings.matrix, real.ratings.users
    tables = {name: similarity_matrix(matrix, name) for name in ("cosine", "pearson")}
    damped = similarity_matrix(matrix, "pearson", shrinkage=6)
    stars = np.where(matrix.toarray() > 0, matrix.toarray(), np.nan)
    correlation, compared = functions_of("2.2", "pearson"), 0
    for u, v in zip(list(real.I)[:-1], list(real.I)[1:]):
        both = real.I[u] & real.I[v]
        known = {"r": real.r, "u": u, "v": v, "I_uv": both}
        a, b = row(users, u), row(users, v)
        if not both:
            continue
        close(cosine(**known), tables["cosine"][a, b])
        means = {x: sum(real.r[x, i] for i in both) / len(both) for x in (u, v)}
        if min(np.ptp([real.r[x, i] for i in both]) for x in (u, v)) == 0:
            continue  # nothing to correlate: 0 / 0
        compared += 1
        rho = pearson(**known, r_bar_u=means, r_bar_v=means)
        close(rho, tables["pearson"][a, b])
        close(rho, correlation(stars[a], stars[b]))
        close(shrunk(n=len(both), lambda_=6, s=rho), damped[a, b])
        close(in_words(n=len(both), lambda_=6, s=rho), damped[a, b])
    assert compared > 20


@formula(
    "2.2",
    r"\hat r_{ui} = \bar r_u + \frac{\sum_{v \in N} s'_{uv} (r_{vi} - \bar r_v)}{\sum_{v \in N} s'_{uv}}",
    r"\hat r_{ui} = \bar r_u + \frac{\sum_{v \in N} s'_{uv} (r_{vi} - \bar r_v)}{\delta + \sum_{v \in N} s'_{uv}}",
)
def test_ask_the_neighbours(sides, real):
    _, plain, _, damped = sides
    k, asked = 4, 0
    common = {"k": k, "measure": "pearson", "variant": "means", "shrinkage": 6}
    models = UserKNN(**common, damping=0).fit(real.ratings), UserKNN(**common, damping=1.5).fit(real.ratings)
    predict_one = functions_of("2.2", "predict_one")
    at = real.ratings.users.rows
    for u in list(real.I)[:12]:
        for i in sorted(real.U)[:15]:
            raters = sorted(real.U[i] - {u})
            s = dict(zip(raters, models[0].similarities_[at([u])[0], at(raters)]))
            positive = [v for v in raters if s[v] > 0]
            N = sorted(positive, key=lambda v, s=s: -s[v])[:k]
            if not N or any(s[v] == s[N[-1]] for v in positive if v not in N):
                continue  # nobody, or a tie about the last place
            asked += 1
            known = {"u": u, "v": 0, "i": i, "N": N, "r": real.r, "r_bar_u": real.mean, "r_bar_v": real.mean}
            known["s_prime"] = {(u, v): s[v] for v in raters}
            pair = at([u]), real.ratings.items.rows([i])
            said = plain(**known)
            arrays = (np.array([f(v) for v in raters]) for f in (s.get, lambda v, i=i: real.r[v, i], real.mean.get))
            close(predict_one(real.mean[u], *arrays, k), said)
            close(models[0]._predict(*pair), [said])
            close(models[1]._predict(*pair), [damped(**known, delta=1.5)])
    assert asked > 50


# ------------------------------------------------------------------ 2.3
@formula(
    "2.3",
    r"\cos(i, j) = \frac{\sum_{u \in U_{ij}} r_{ui} r_{uj}}"
    r"{\sqrt{\sum_{u \in U_{ij}} r_{ui}^2} \sqrt{\sum_{u \in U_{ij}} r_{uj}^2}}",
    r"s_{ij} = \frac{\sum_{u \in U_{ij}} (r_{ui} - \bar r_u)(r_{uj} - \bar r_u)}"
    r"{\sqrt{\sum_{u \in U_{ij}} (r_{ui} - \bar r_u)^2} \sqrt{\sum_{u \in U_{ij}} (r_{uj} - \bar r_u)^2}}",
)
def test_similar_films(sides, real):
    _, cosine, _, adjusted = sides
    matrix, items = real.ratings.matrix, real.ratings.items
    table = similarity_matrix(matrix.T.tocsr(), "cosine")
    stars = np.where(matrix.toarray() > 0, matrix.toarray(), np.nan)
    adjusted_cosine = functions_of("2.3", "adjusted_cosine")
    for i, j in zip(sorted(real.U)[:-1], sorted(real.U)[1:]):
        both = real.U[i] & real.U[j]
        known = {"r": real.r, "i": i, "j": j, "U_ij": both}
        a, b = row(items, i), row(items, j)
        close(cosine(**known), table[a, b])
        close(adjusted(**known, r_bar_u=real.mean), adjusted_cosine(stars, a, b))


@formula(
    "2.3",
    r"b_{ui} = \mu + b_u + b_i",
    r"\hat r_{ui} = b_{ui} + \frac{\sum_{j \in N} s_{ij} (r_{uj} - b_{uj})}{\delta + \sum_{j \in N} s_{ij}}",
)
def test_ask_the_films(sides, real):
    _, expected, _, predicted = sides
    model = ItemKNN(k=4, shrinkage=6, damping=0.7).fit(real.ratings)
    mu, b_user, b_item = model.fallback_
    at, asked = real.ratings.items.rows, 0
    for u in list(real.I)[:12]:
        b = {}
        for i in real.U:
            b[u, i] = expected(mu=mu, b_u=b_user[row(real.ratings.users, u)], b_i=b_item[at([i])[0]])
        for i in sorted(real.U)[:15]:
            others = sorted(real.I[u] - {i})
            s = {(i, j): model.similarities_[at([i])[0], at([j])[0]] for j in others}
            positive = [j for j in others if s[i, j] > 0]
            N = sorted(positive, key=lambda j, s=s, i=i: -s[i, j])[:4]
            if not N or any(s[i, j] == s[i, N[-1]] for j in positive if j not in N):
                continue
            asked += 1
            said = predicted(u=u, i=i, N=N, s=s, r=real.r, b=b, delta=0.7)
            close(model._predict(real.ratings.users.rows([u]), at([i])), [said])
    assert asked > 50


# ------------------------------------------------------------------ 2.4
DOCUMENTS = [["space", "robot"], ["space", "opera", "opera"], ["cake"], ["space", "cake", "war", "war"]]


@formula(
    "2.4",
    r"\mathrm{idf}_t = \ln \frac{1 + n}{1 + \mathrm{df}_t} + 1",
    r"x_{it} = \frac{\mathrm{tf}_{it}\, \mathrm{idf}_t}{\sqrt{\sum_{t'} (\mathrm{tf}_{it'}\, \mathrm{idf}_{t'})^2}}",
    r"\cos(i, j) = \sum_t x_{it} x_{jt}",
)
def test_tfidf(sides):
    _, idf, _, weight, _, cosine = sides
    x, terms = tfidf(DOCUMENTS)
    T = range(1, len(terms) + 1)
    df = [sum(term in document for document in DOCUMENTS) for term in terms]
    by_formula = [idf(n=len(DOCUMENTS), df=df, t=t) for t in T]
    by_lesson = functions_of("2.4", "idf")(DOCUMENTS)
    close(by_formula, [by_lesson[term] for term in terms])
    tf = np.array([[document.count(term) for term in terms] for document in DOCUMENTS])
    known = {"tf": tf, "idf": by_formula, "all_t_prime": T}
    table = [[weight(**known, i=i, t=t) for t in T] for i in range(1, len(DOCUMENTS) + 1)]
    close(table, x.toarray())
    for i in range(4):
        for j in range(4):
            length = np.linalg.norm(table[i]) * np.linalg.norm(table[j])
            close(cosine(x=table, i=i + 1, j=j + 1, all_t=T), np.dot(table[i], table[j]) / length)


@formula(
    "2.4",
    r"b_{ui} = \mu + b_u + b_i",
    r"p_u = \sum_{i \in I_u} d_{ui}\, x_i, \qquad d_{ui} = r_{ui} - b_{ui}",
    r"s_{uj} = \cos(p_u, x_j)",
    r"\hat r_{uj} = b_{uj} + s \cdot \frac{p_u \cdot x_j}{|p_u| + \lambda}",
)
def test_profiles(sides, toy):
    _, expected, _, profile, _, deviation, _, score, _, predicted = sides
    model = TfidfContent(damping=2.0).fit(toy.ratings, toy.items)
    train, (mu, b_user, b_item) = model.train_, model.fallback_
    x = tfidf(documents(toy.items))[0].toarray()
    for u in range(train.n_users):
        columns, values = train.of(u)
        mine = [int(c) + 1 for c in columns]
        b = {(1, i): expected(mu=mu, b_u=b_user[u], b_i=b_item[i - 1]) for i in range(1, train.n_items + 1)}
        r = {(1, i): value for i, value in zip(mine, values)}
        d = {(1, i): deviation(r=r, b=b, u=1, i=i) for i in mine}
        p = profile(I_u=mine, d=d, x=x, u=1)
        close(p, model.profiles_.toarray()[u])
        close(p, functions_of("2.4", "profile")(values, np.array([b[1, i] for i in mine]), x[columns]))
        scores = model._score(np.array([u]))[0]
        stars = model._predict(np.full(train.n_items, u), np.arange(train.n_items))
        for j in range(1, train.n_items + 1):
            cos = lambda a, b: sum(a * b) / math.sqrt(sum(a**2) * sum(b**2))  # noqa: E731
            close(scores[j - 1], score(cos=cos, p_u=p, x=x, j=j))
            close(stars[j - 1], predicted(b=b, s=model.slope_, p_u=p, x=x, u=1, j=j, lambda_=2.0))


@formula("2.4", r"p \cdot x_i = d_i\,(x_i \cdot x_i) + \dots = d_i + \dots")
def test_the_leak(sides):
    own_profile, with_length, leaked = sides
    x, d = tfidf(DOCUMENTS)[0].toarray(), np.array([1.0, -0.5, 2.0, 0.7])
    p = functions_of("2.4", "profile")(d + 3, np.full(4, 3.0), x)
    honest = functions_of("2.4", "resemblance")(d, x, 1.0)
    for i in range(1, 5):
        others = p - d[i - 1] * x[i - 1]
        rest = honest[i - 1] * (np.linalg.norm(others) + 1.0)  # what the other films say, undivided
        value = own_profile(p=p, x=x, i=i)
        close(with_length(x=x, d=d, i=i, dots=rest), value)
        close(leaked(d=d, i=i, dots=rest), value)


@formula("2.4", r"s = \sum_{(u,j)} z_{uj} d_{uj} / \sum_{(u,j)} z_{uj}^2", r"g = d_{ui} / (15 + |I_u| - 1)")
def test_slope_without_leak(sides, real):
    _, slope, _, shift = sides
    z, d = {(1, 4): 0.3, (1, 7): -0.2, (2, 4): 0.5}, {(1, 4): 1.0, (1, 7): 0.5, (2, 4): 0.9}
    by_lesson = functions_of("2.4", "slope")(np.array(list(z.values())), np.array(list(d.values())))
    close(by_lesson, slope(z=z, d=d, all_u_j=list(z)))

    # Without r_ui, b_u is lower by g: fit b_u once more, the last half-step, with 15 as the damping.
    u = next(u for u in real.I if len(real.I[u]) > 3)
    i = min(real.I[u])
    biases = damped_biases(real.ratings.matrix)
    columns, values = real.ratings.of(row(real.ratings.users, u))
    without = columns != row(real.ratings.items, i)
    lower = biases.new_user(columns, values, 15) - biases.new_user(columns[without], values[without], 15)
    at = row(real.ratings.users, u), row(real.ratings.items, i)
    d_ui = real.r[u, i] - (biases.mean + biases.user[at[0]] + biases.item[at[1]])
    close(shift(d={(u, i): d_ui}, u=u, i=i, I_u=real.I[u]), lower)


# ------------------------------------------------------------------ 2.5
LISTS = [([0, 1, 0, 1, 1], 4), ([1, 0, 0, 0, 0], 9), ([0, 0, 0, 1, 0], 1), ([0, 0, 0], 2), ([1, 1, 0, 0, 0], 2)]


@formula(
    "2.5",
    r"\text{precision} = \frac{1}{k} \sum_{r=1}^{k} h_r \qquad \text{recall} = \frac{1}{n} \sum_{r=1}^{k} h_r",
    r"\text{hit rate} = \max_r h_r \qquad \text{reciprocal rank} = \max_r \frac{h_r}{r}",
    r"\text{AP} = \frac{1}{\min(k, n)} \sum_{r=1}^{k} h_r \cdot \text{precision}_r, \qquad"
    r"\text{precision}_r = \frac{1}{r} \sum_{s=1}^{r} h_s",
    r"\text{DCG} = \sum_{r=1}^{k} \frac{h_r}{\log_2(r + 1)}, \qquad"
    r"\text{ideal} = \sum_{r=1}^{\min(k, n)} \frac{1}{\log_2(r + 1)}, \qquad"
    r"\text{nDCG} = \frac{\text{DCG}}{\text{ideal}}",
)
def test_metrics_of_a_list(sides):
    _, precision, _, recall, _, hit, _, reciprocal, _, ap, _, precision_at, _, dcg, _, ideal, _, ndcg = sides
    average_precision, own_ndcg = functions_of("2.5", "average_precision", "ndcg")
    for h, n in LISTS:
        k = len(h)
        hits, found = np.array([h], dtype=bool), np.array([n])
        known = {"k": k, "n": n, "h": h, "all_r": range(1, k + 1)}
        close(precision(**known), metrics.precision(hits, found)[0])
        close(recall(**known), metrics.recall(hits, found)[0])
        close(hit(**known), metrics.hit_rate(hits, found)[0])
        close(reciprocal(**known), metrics.reciprocal_rank(hits, found)[0])
        at = [precision_at(h=h, r=r) for r in range(1, k + 1)]
        value = ap(**known, precision=at)
        close(value, metrics.average_precision(hits, found)[0])
        close(value, average_precision(hits[0], n))
        value = ndcg(DCG=dcg(**known), ideal=ideal(**known))
        close(value, metrics.ndcg(hits, found)[0])
        close(value, own_ndcg(hits[0], n))


@formula(
    "2.5",
    r"\text{precision} = \underbrace{P(\text{watched})}_{\text{of the places}} \times"
    r"\underbrace{P(\text{liked} \mid \text{watched})}_{\text{of the watched places}}",
)
def test_two_factors(sides):
    _, product = sides
    lists = pd.DataFrame({"user": [1] * 4 + [2] * 4, "item": [1, 2, 3, 4] * 2})
    test = pd.DataFrame({"user": [1, 1, 2, 2, 2], "item": [1, 3, 2, 4, 9], "rating": [5, 3, 4, 2, 5]})
    watched, liked = functions_of("2.5", "two_factors")(lists, test, 4)
    P = lambda what, given=None: {("watched", None): watched, ("liked", "watched"): liked}[what, given]  # noqa: E731
    hits = np.array([[True, False, False, False], [False, True, False, False]])
    value = product(P=P, watched="watched", liked="liked")
    close(value, metrics.precision(hits, np.array([1, 2])).mean())


@formula("2.5", r"P(\text{hit}) = \sum_{j=0}^{k-1} \binom{a}{j} \binom{n - a}{m - j} \Big/ \binom{n}{m}")
def test_chance_of_a_hit(sides):
    _, chance = sides
    for a, n, m, k in ((100, 1600, 100, 10), (3, 20, 5, 2), (0, 9, 4, 1), (9, 9, 4, 2), (4, 9, 2, 5)):
        by_lesson = functions_of("2.5", "chance_of_a_hit")(np.array([a]), np.array([n]), m, k)
        close(chance(a=a, n=n, m=m, k=k), by_lesson[0])


@formula(
    "2.5",
    r"\text{value}_i = (1 - t) \cdot \text{score}_i - t \cdot \max_{j \in \text{chosen}} \text{similarity}_{ij}",
)
def test_marginal_relevance(sides):
    _, value = sides
    score = np.array([1.0, 0.9, 0.6, 0.0])
    vectors = np.array([[1.0, 0.2], [1.0, 0.3], [0.1, 1.0], [0.5, 0.5]])
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    similarity = unit @ unit.T
    next_film = functions_of("2.5", "next_film")
    for t in (0.0, 0.3, 0.8):
        chosen: list[int] = []
        while len(chosen) < 4:
            left = [i for i in range(1, 5) if i - 1 not in chosen]
            known = {"t": t, "score": score, "similarity": similarity, "chosen": [c + 1 for c in chosen]}
            best = max(left, key=lambda i, known=known: value(i=i, **known)) - 1
            assert next_film(score.copy(), similarity, chosen, t) == best
            chosen.append(best)
        candidates = pd.DataFrame({"user": 1, "item": range(4), "score": score, "rank": range(1, 5)})
        assert rerank.mmr(candidates, pd.DataFrame(vectors), n=4, trade_off=t)["item"].tolist() == chosen


# ------------------------------------------------------------------ 2.6
@pytest.fixture(scope="module")
def choices():
    x = np.random.default_rng(0).random((12, 6)) < 0.5
    frame = pd.DataFrame([(u, i, 1.0) for u, i in np.argwhere(x)], columns=["user", "item", "rating"])
    return x.astype(float), Ratings.from_frame(frame)


@formula(
    "2.6",
    r"G = X^\top X",
    r"\text{score}_{ui} = \sum_{j} x_{uj} B_{ji}",
    r"\|X - X B\|^2 + \lambda \|B\|^2 \qquad\Longrightarrow\qquad B = (G + \lambda I)^{-1} G, \quad G = X^\top X",
    r"P = (G + \lambda I)^{-1}",
    r"B_{ji} = -\frac{P_{ji}}{P_{ii}} \quad (j \ne i) \qquad\qquad B_{ii} = 0",
    r"P (G + \lambda I) = I",
    r"B^{\text{plain}}_{ji} = -\lambda P_{ji} = \lambda P_{ii} \cdot B_{ji} = (1 - B^{\text{plain}}_{ii}) \cdot B_{ji}",
)
def test_ease(sides, choices):
    _, gram, _, score, ridge, _, plain, _, gram_again, _, inverse = sides[:11]
    _, weight, _, _, zero, undone, _, _, from_p, scaled, shared = sides[11:]
    X, ratings = choices
    lam, identity = 2.0, np.eye(6)
    known = {"X": X, "lambda_": lam, "I": identity}
    G = run("2.6", "G = X.T @ X", X=X)["G"]
    close(gram(X=X), G)
    close(gram_again(X=X), G)
    P = inverse(G=G, **known)
    close(undone(P=P, G=G, lambda_=lam, I=identity), identity)

    B_plain = plain(G=G, **known)  # the lowest point: a step in any weight, to either side, adds the same
    lowest = ridge(B=B_plain, **known)
    for j, i in ((0, 0), (1, 4), (5, 2)):
        moved = [B_plain.copy(), B_plain.copy()]
        moved[0][j, i] += 1e-4
        moved[1][j, i] -= 1e-4
        rises = [ridge(B=B, **known) - lowest for B in moved]
        assert min(rises) > 0
        np.testing.assert_allclose(*rises, rtol=1e-4)
    line = "    plain = np.linalg.solve(G + reg * np.eye(n_items), G)".strip()
    close(run("2.6", line, G=G, reg=lam, n_items=6)["plain"], B_plain)

    B = functions_of("2.6", "ease")(X, lam)
    pairs = [(j, i) for j in range(1, 7) for i in range(1, 7)]
    close(zero(), 0.0)
    for j, i in pairs:
        close(B[j - 1, i - 1], weight(P=P, j=j, i=i) if j != i else 0.0)
        if j != i:
            entries = {"P": P, "B": B, "B_plain": B_plain, "lambda_": lam, "j": j, "i": i}
            for side in (from_p, scaled, shared):
                close(side(**entries), B_plain[j - 1, i - 1])
    model = EASE(reg=lam, damping=0).fit(ratings)
    np.testing.assert_allclose(model.weights_, B, atol=1e-5)
    u = 3
    own = [score(x=X, B=B, u=u, i=i, all_j=range(1, 7)) for i in range(1, 7)]
    np.testing.assert_allclose(model._score(np.array([u - 1]))[0], own, atol=1e-5)


@formula(
    "2.6",
    r"\sum_{u, i} c_{ui} (x_{ui} - p_u \cdot q_i)^2 + \sum_u \lambda_u |p_u|^2 + \sum_i \lambda_i |q_i|^2"
    r"\qquad c_{ui} = \begin{cases} 1 + \alpha & \text{if } u \text{ chose } i \\ 1 & \text{otherwise} \end{cases}",
    r"\Big( \sum_{\text{all } i} c_{ui}\, q_i q_i^\top + \lambda_u I \Big) p_u = \sum_{\text{all } i} c_{ui}\, x_{ui}\, q_i",
    r"\sum_{\text{all } i} c_{ui}\, q_i q_i^\top = \underbrace{\sum_{\text{all } i} q_i q_i^\top}_{Q^\top Q,\text{ the same for all users}}"
    r"+ \; \alpha \!\!\sum_{i \text{ chosen by } u}\!\! q_i q_i^\top",
)
def test_implicit_als(sides, choices):
    total, _, confidence, left, right, table, by_exceptions = sides
    X, ratings = choices
    alpha, k = 3.0, 2
    c = np.array([[confidence(alpha=alpha, if_u_chose_i=x > 0) for x in line] for line in X])
    model = ImplicitALS(factors=k, alpha=alpha, reg=1.5, power=0.5, solver="exact").fit(ratings)
    p, q = model.user_factors_, model.item_factors_
    items = range(1, 7)
    lambda_u, lambda_i = 1.5 * np.sqrt(X.sum(axis=1)), 1.5 * np.sqrt(X.sum(axis=0))
    for u in range(1, 13):
        chosen = np.flatnonzero(X[u - 1])
        known = {"c": c, "q": q, "u": u, "all_i": items, "alpha": alpha}
        close(table(**known), by_exceptions(**known, all_i_chosen_by_u=[i + 1 for i in chosen]))
        of_u = {**known, "lambda_u": lambda_u[u - 1], "I": np.eye(k), "p_u": p[u - 1], "x": X}
        close(left(**of_u), right(**of_u))
        close(functions_of("2.6", "user_vector")(q, chosen, alpha, lambda_u[u - 1]), p[u - 1])

    pairs = {"all_u_i": [(u, i) for u in range(1, 13) for i in items], "all_u": range(1, 13), "all_i": items}
    fines = {f"lambda_{side}": dict(enumerate(of, 1)) for side, of in (("u", lambda_u), ("i", lambda_i))}

    def lowest(p, q, moved):  # at the best vectors of one side, a step of one number to either side adds the same
        rises = []
        for step in (1e-3, -1e-3):
            moved[4, 1] += step
            rises.append(total(c=c, x=X, p=p, q=q, **pairs, **fines))
            moved[4, 1] -= step
        rises = np.array(rises) - total(c=c, x=X, p=p, q=q, **pairs, **fines)
        assert rises.min() > 0
        np.testing.assert_allclose(*rises, rtol=1e-4)

    lowest(p, q, moved=p)
    by_item = sparse.csr_array((1 + alpha) * X.T)
    half_step(by_item, alpha, True, lambda_i, p, q, "exact")
    lowest(p, q, moved=q)


@formula(
    "2.6",
    r"s_{ui} = p_u \cdot q_i",
    r"\sum_{(u, i, j)} \ln \sigma(s_{ui} - s_{uj}) - \text{penalty} \qquad\qquad \sigma(z) = \frac{1}{1 + e^{-z}}",
    r"e = \sigma(s_{uj} - s_{ui})",
    r"p_u \leftarrow p_u + \eta \big(e\,(q_i - q_j) - \lambda p_u\big) \qquad "
    r"q_i \leftarrow q_i + \eta \big(e\, p_u - \lambda q_i\big) \qquad "
    r"q_j \leftarrow q_j + \eta \big(-e\, p_u - \lambda q_j\big)",
)
def test_bpr(sides, choices):
    _, score, goal, _, logistic, _, wrong, _, new_p, _, new_i, _, new_j = sides
    rng = np.random.default_rng(0)
    p, q_i, q_j = rng.normal(size=(3, 4))
    sigma = lambda z: logistic(e=math.e, z=z)  # noqa: E731
    e = wrong(sigma=sigma, s_ui=score(p_u=p, q_i=q_i), s_uj=score(p_u=p, q_i=q_j))
    known = {"p_u": p, "q_i": q_i, "q_j": q_j, "e": e, "eta": 0.1, "lambda_": 0.02}
    by_formula = new_p(**known), new_i(**known), new_j(**known)
    for own, lesson in zip(by_formula, functions_of("2.6", "bpr_step")(p, q_i, q_j, 0.1, 0.02)):
        close(own, lesson)

    def height(p, q_i, q_j):  # of one triple, whose penalty is half of lambda times the squares, as in bpr.py
        s = {(1, 1): score(p_u=p, q_i=q_i), (1, 2): score(p_u=p, q_i=q_j)}
        penalty = 0.01 * sum(v @ v for v in (p, q_i, q_j))
        return goal(sigma=sigma, s=s, all_u_i_j=[(1, 1, 2)], penalty=penalty)

    for place, after in enumerate(by_formula):  # a step goes up the slope
        now = [p, q_i, q_j]
        for f in range(4):
            up, down = [v.copy() for v in now], [v.copy() for v in now]
            up[place][f] += 1e-5
            down[place][f] -= 1e-5
            slope = (height(*up) - height(*down)) / 2e-5
            np.testing.assert_allclose(after[f], now[place][f] + 0.1 * slope, rtol=1e-6)

    model = BPR(factors=4, epochs=2).fit(choices[1])
    close(model._score(np.array([2]))[0], [model.b_[i] + score(p_u=model.p_[2], q_i=model.q_[i]) for i in range(6)])


@formula(
    "2.6",
    r"P(\text{click on } i \text{ at place } r) = \underbrace{v_r}_{\text{was the place looked at?}} \times"
    r"\underbrace{w_i}_{\text{is the item wanted?}}",
    r"v_r = 1/r",
)
def test_clicks(sides):
    _, chance, _, looked_at = sides
    rng = np.random.default_rng(0)
    wanted, order = rng.uniform(0.05, 0.6, 12), rng.permutation(12)
    looked = run("2.6", "looked = 1 / np.arange(1, 13)")["looked"]
    asked = []

    class Counter:
        def binomial(self, visitors, p):
            asked.append(p)
            return visitors * p

    lines = "clicks[order] = rng.binomial(visitors, looked * wanted[order])", "seen[order] = visitors * looked"
    given = {"clicks": np.zeros(12), "seen": np.zeros(12), "visitors": 2000, "rng": Counter()}
    world = run("2.6", *lines, "naive, corrected = clicks / visitors, clicks / seen", looked=looked, wanted=wanted, order=order, **given)  # fmt: skip
    for r in range(1, 13):
        close(chance(v_r=looked_at(r=r), w=wanted, i=order[r - 1] + 1), asked[0][r - 1])
    close(world["corrected"], wanted)


# ------------------------------------------------------------------ 2.7
@formula(
    "2.7",
    r"\hat r_{ui} = \mu + b_u + b_i + p_u \cdot q_i",
    r"d_j = r_{uj} - (\mu + b_u + b_j)",
    r"p_u = \arg\min_p \sum_{j} (d_j - p \cdot q_j)^2 + \lambda |p|^2 = (Q^\top Q + \lambda I)^{-1} Q^\top d",
)
def test_folding_in(sides, real):
    _, predicted, _, rest, _, total, solved = sides
    model = BiasedALS(factors=3, reg=1.2, power=0.5, damping=4).fit(real.ratings)
    (mu, b_user, b_item), q = model.biases_, model.item_factors_
    fold_in = functions_of("2.7", "fold_in")
    for u in (0, 7):
        columns, stars = real.ratings.of(u)
        n = len(columns)
        r = {(1, j): star for j, star in enumerate(stars, 1)}
        d = np.array([rest(r=r, mu=mu, b_u=b_user[u], b_j=b_item[c], u=1, j=j) for j, c in enumerate(columns, 1)])
        Q, lam = q[columns], 1.2 * math.sqrt(n)
        p = solved(Q=Q, lambda_=lam, I=np.eye(3), d=d)
        close(p, fold_in(Q, d, lam))
        close(p, model.user_factors_[u])
        for i in range(5):
            said = predicted(mu=mu, b_u=b_user[u], b_i=b_item[i], p_u=p, q_i=q[i])
            close(said, model._predict(np.array([u]), np.array([i]))[0])
        summed = {"d": d, "q": Q, "lambda_": lam, "all_j": range(1, n + 1)}
        for axis in np.eye(3) * 1e-4:
            rises = [total(p=p + step, **summed) - total(p=p, **summed) for step in (axis, -axis)]
            assert min(rises) > 0
            np.testing.assert_allclose(*rises, rtol=1e-3)


@formula("2.7", r"p_u = (G + \alpha\, Q^\top Q + \lambda I)^{-1} (1 + \alpha)\, Q^\top \mathbf{1}")
def test_folding_likes_in(sides, choices):
    _, solved = sides
    X, ratings = choices
    model = ImplicitALS(factors=2, alpha=3, reg=1.5).fit(ratings)
    q = model.item_factors_
    G = sum(np.outer(v, v) for v in q)
    close(G, model.gram_)
    implicit_scores = functions_of("2.7", "implicit_scores", vectors=q, implicit=model, gram=G)
    for u in range(12):
        liked = np.flatnonzero(X[u])
        known = {"G": G, "alpha": 3, "Q": q[liked], "lambda_": 1.5 * math.sqrt(len(liked)), "I": np.eye(2)}
        p = solved(**known, one=np.ones(len(liked)))
        close(p, model.user_factors_[u])
        close(q @ p, implicit_scores(liked, np.full(len(liked), 5.0)))


@formula("2.7", r"H_i = -\sum_{s} f_{is} \log_2 f_{is}")
def test_entropy(sides, real):
    _, bits = sides
    by_lesson = functions_of("2.7", "ask_score")(real.frame)
    for i, raters in real.U.items():
        stars = [real.r[u, i] for u in raters]
        f = {(i, s): stars.count(s) / len(stars) for s in set(stars)}  # a share of 0 adds nothing
        close(math.log2(len(stars)) * bits(f=f, i=i, all_s=set(stars)), by_lesson[i])


@formula(
    "2.7",
    r"z(s) = (s - \text{mean}(s)) / \text{sd}(s)",
    r"s_i = w\, z(\text{implicit})_i + (1 - w)\, z(\text{popular})_i \qquad w = \frac{m}{m + \kappa}",
    r"w = m/(m+\kappa)",
)
def test_mixture(sides):
    _, standard, _, mixed, _, weight, _, in_words = sides
    implicit, popular = np.array([0.1, 0.9, 0.4, 0.2]), np.array([30.0, 10, 5, 90])
    z = functions_of("2.7", "z")
    by_formula = lambda s: standard(s=s, mean=np.mean, sd=np.std)  # noqa: E731
    close(z(implicit), by_formula(implicit))
    world = {"z": z, "popularity": popular, "any_like": None, "or_popular": lambda scores_of, enough: scores_of}
    mixture = functions_of("2.7", "mixture", implicit_scores=lambda columns, stars: implicit, **world)
    stars = np.array([5.0, 4, 3, 1, 4])  # three likes
    by_lesson = mixture(2.5)(np.arange(5), stars)
    w = weight(m=3, kappa=2.5)
    close(in_words(m=3, kappa=2.5), w)
    for i in range(1, 5):
        close(mixed(w=w, z=by_formula, implicit=implicit, popular=popular, i=i), by_lesson[i - 1])


@formula("2.7", r"\hat r = \mu + \sum_m w_m (\hat r^{(m)} - \mu) \qquad w_m \ge 0")
def test_blend(sides, real):
    _, blended, _, _ = sides
    models = [lambda fit, rows: BiasBaseline().fit(Ratings.from_frame(fit)).predict(rows), lambda fit, rows: np.full(len(rows), 3.0)]  # fmt: skip
    weights = functions_of("2.7", "honest_weights", random_split=random_split, nnls=nnls)(models, real.frame)
    fit, held_out = random_split(real.frame, test=0.2, seed=1)
    mu, said = fit["rating"].mean(), [model(fit, held_out) for model in models]

    def squares(w):
        by_formula = [blended(mu=mu, w=w, r_hat={1: a, 2: b}, all_m=(1, 2)) for a, b in zip(*said)]
        return ((np.array(by_formula) - held_out["rating"]) ** 2).sum()

    assert (weights >= 0).all()
    for step in ([1e-3, 0], [-1e-3, 0], [0, 1e-3], [0, -1e-3]):
        moved = weights + step
        if (moved >= 0).all():
            assert squares(moved) > squares(weights), "no other weights fit the held-out ratings better"
