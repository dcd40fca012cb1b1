r"""Each formula of lessons 00 and 1.1 to 1.5, as printed, against the code that claims to compute it."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
from formula_checks import close, formula, functions_of, run

from recsys_lab import ItemKNN, evaluate, metrics, regression

RNG = np.random.default_rng(0)
X = RNG.normal([1, 0, -2], size=(7, 3))  # rows by features; the features are neither centred nor scaled
Y = RNG.uniform(1, 5, 7)
W, B = np.array([0.5, -1.0, 2.0]), 0.7
N, D = X.shape


# ------------------------------------------------------------------ 00
@formula("00", r"\text{points}(i) = \sum_{j \in R} s_{ij}\,(r_j - \bar r)")
def test_points(sides, toy):
    _, points = sides
    model = ItemKNN(k=8, shrinkage=1).fit(toy.ratings)
    ids = model.train_.items.ids
    table = pd.DataFrame(model.similarities_, index=ids, columns=ids)
    mine = {ids[0]: 5, ids[2]: 2, ids[5]: 4}
    votes = functions_of("00", "votes")
    by_lesson = functions_of("00", "points", votes=votes, similar=table)(mine)
    s = {(i, j): table.loc[i, j] for i in ids for j in ids}
    assert len(by_lesson) == 5
    assert np.ptp(by_lesson) > 0
    for i in by_lesson.index:
        close(by_lesson[i], points(i=i, R=list(mine), s=s, r=mine, r_bar=(5 + 2 + 4) / 3))


# ------------------------------------------------------------------ 1.1
@formula(
    "1.1",
    r"\text{mean of ratings} = \frac{1}{n} \sum_{j=1}^{n} r_j \qquad\qquad"
    r"\text{mean of users} = \frac{1}{|G|} \sum_{u \in G} \bar r_u",
)
def test_means(sides):
    _, of_ratings, _, of_users = sides
    joined = pd.DataFrame({"user": [1, 1, 1, 2, 3], "rating": [5, 4, 3, 1, 2], "occupation": ["a"] * 4 + ["b"]})
    world = run(
        "1.1",
        'by_pandas = joined.groupby("occupation")["rating"].agg(n="size", mean="mean").sort_values("mean")',
        'r_u = joined.groupby(["occupation", "user"])["rating"].mean()',
        'means = by_pandas.rename(columns={"mean": "mean of ratings"})',
        'means["mean of users"] = r_u.groupby("occupation").mean()',
        joined=joined,
    )
    means = world["means"].loc["a"]
    close(means["mean of ratings"], of_ratings(n=4, r=[5, 4, 3, 1]))
    close(means["mean of users"], of_users(G={1, 2}, r_bar={1: 4.0, 2: 1.0}))


@formula("1.1", r"\text{density} = \frac{R}{U \cdot I} \qquad\qquad \text{sparsity} = 1 - \text{density}")
def test_density(sides):
    _, density, _, sparsity = sides
    lines = "density = R / (U * I)", "show(density=density, sparsity=1 - density)"
    shown = run("1.1", *lines, R=6, U=3, I=8)["shown"]
    close(shown["density"], density(R=6, U=3, I=8))
    close(shown["sparsity"], sparsity(density=density(R=6, U=3, I=8)))


@formula("1.1", r"q_s \propto \text{pull}^{\,s}\, p_s", r"p_s \propto \text{pull}^{-s}\, q_s")
def test_the_pull(sides):
    _, seen, _, behind = sides
    mean_behind = functions_of("1.1", "mean_behind")
    stars, all_cells = [1, 2, 3, 4, 5], [16, 8, 4, 2, 4]
    visible = [int(seen(s=s, pull=2, p=all_cells)) for s in stars]
    assert visible == [32, 32, 32, 32, 128]
    close(mean_behind(np.repeat(stars, visible), 2.0), np.average(stars, weights=all_cells))
    again = [behind(s=s, pull=1.7, q=visible) for s in stars]
    close(mean_behind(np.repeat(stars, visible), 1.7), np.average(stars, weights=again))


# ------------------------------------------------------------------ 1.2
VECTORS = SimpleNamespace(x=np.array([5.0, 0, 3, 1]), y=np.array([4.0, 2, 0, 2]))
TABLE = RNG.normal(size=(5, 4))


@formula(
    "1.2",
    r"\lVert x \rVert = \sqrt{\sum_{i=1}^{m} x_i^2}",
    r"x \cdot y = \sum_{i=1}^{m} x_i\, y_i",
    r"\cos(x, y) = \frac{x \cdot y}{\lVert x \rVert\, \lVert y \rVert}",
)
def test_norm_dot_product_cosine(sides):
    size, norm, product, dot, _, cosine = sides
    x, y = VECTORS.x, VECTORS.y
    shown = run("1.2", "show(by_hand=np.sqrt((x**2).sum()), by_numpy=np.linalg.norm(x))", x=x)["shown"]
    close(norm(x=x, m=4), shown["by_hand"])
    close(size(x=x), shown["by_numpy"])
    A = np.column_stack([y, x])
    close(run("1.2", "dots = A.T @ x", A=A, x=x)["dots"][0], dot(x=x, y=y, m=4))
    close(product(x=x, y=y), dot(x=x, y=y, m=4))
    close(functions_of("1.2", "cosines")(A, 1)[0], cosine(x=x, y=y))


@formula("1.2", r"(A w)_u = \sum_{i} A_{ui}\, w_i")
def test_matrix_times_vector(sides):
    entry, total = sides
    w = np.array([1.0, 0, -1, 2])
    spent = run("1.2", "spent = A @ w", A=TABLE, w=w)["spent"]
    for u in range(1, 6):
        close(total(A=TABLE, w=w, u=u, all_i=range(1, 5)), spent[u - 1])
        close(entry(A=TABLE, w=w, u=u), spent[u - 1])


@formula(
    "1.2",
    r"p = \frac{x \cdot d}{d \cdot d}\, d",
    r"\lVert x \rVert^2 = \lVert p \rVert^2 + \lVert x - p \rVert^2",
)
def test_shadow(sides):
    _, shadow, whole, parts = sides
    x, d = VECTORS.x, VECTORS.y
    p = run("1.2", "p = (x @ d) / (d @ d) * d", x=x, d=d)["p"]
    close(shadow(x=x, d=d), p)
    close(whole(x=x), parts(x=x, p=p))


@formula("1.2", r"S = Z^\top Z / n", r"S v = \lambda v", r"\lambda (v \cdot v) = \lambda", r"v = c_1 v_1 + c_2 v_2 + \dots", r"S^t v = \lambda_1^t c_1 v_1 + \lambda_2^t c_2 v_2 + \dots")  # fmt: skip
def test_eigenvectors(sides):
    _, covariance, moved, stretched, by_length, largest, _, mixture, after, sum_after = sides
    Z = TABLE - TABLE.mean(axis=0)
    S = run("1.2", "S = Z.T @ Z / len(Z)", Z=Z)["S"]
    close(covariance(Z=Z, n=5), S)
    close(S, np.cov(TABLE.T, ddof=0))
    power_iteration = functions_of("1.2", "power_iteration")
    value, vector = power_iteration(S, np.ones(4), 500)
    close(moved(S=S, v=vector), stretched(lambda_=value, v=vector), atol=1e-8)
    close(by_length(lambda_=value, v=vector), vector @ S @ vector)
    close(largest(lambda_=value), np.linalg.eigvalsh(S)[-1])

    values, vectors = (part[..., ::-1] for part in np.linalg.eigh(S))
    c = vectors.T @ np.ones(4)
    known = {"c": c, "v": vectors.T, "lambda_": values}
    close(mixture(**known, dots=c[2] * vectors[:, 2] + c[3] * vectors[:, 3]), np.ones(4))
    rest = sum(values[i] ** 3 * c[i] * vectors[:, i] for i in (2, 3))
    close(after(S=S, t=3, v=np.ones(4)), sum_after(**known, t=3, dots=rest))
    third = after(S=S, t=3, v=np.ones(4))
    close(third / np.linalg.norm(third), power_iteration(S, np.ones(4), 3)[1])


@formula(
    "1.2",
    r"B = \sum_{i=1}^{\min(m, n)} \sigma_i\, u_i v_i^\top = U \Sigma V^\top",
    r"B_k = \sum_{i \le k} \sigma_i u_i v_i^\top",
    r"\lVert B - B_k \rVert = \sqrt{\sum_{ui} (B - B_k)_{ui}^2}",
    r"\lVert B - B_k \rVert = \sqrt{\sigma_{k+1}^2 + \sigma_{k+2}^2 + \dots}",
)
def test_singular_values(sides):
    _, layers, product, _, first_layers, size, cells, size_again, left_out = sides
    low_rank = functions_of("1.2", "low_rank")
    U, s, Vt = np.linalg.svd(TABLE, full_matrices=False)
    parts = {"sigma": s, "u": U.T, "v": Vt}
    close(layers(m=5, n=4, **parts), TABLE)
    close(product(U=U, Sigma=np.diag(s), V=Vt.T), TABLE)
    near = low_rank(TABLE, 1)
    close(first_layers(k=1, **parts), near)
    close(first_layers(k=3, **parts), low_rank(TABLE, 3))
    error = run("1.2", "error = np.linalg.norm(C - low_rank_checked(C, 3))", C=TABLE, low_rank_checked=low_rank)[
        "error"
    ]
    close(left_out(sigma=[*s, 0.0], k=3, dots=0), error)
    pairs = [(u, i) for u in range(1, 6) for i in range(1, 5)]
    close(size(B=TABLE, B_k=near), cells(B=TABLE, B_k=near, all_u_i=pairs))
    close(left_out(sigma=s, k=1, dots=s[3] ** 2), size_again(B=TABLE, B_k=near))


# ------------------------------------------------------------------ 1.3
@formula("1.3", r"\text{RMSE} = \sqrt{\frac{1}{n} \sum_{j=1}^{n} (\hat y_j - y_j)^2}")
def test_rmse(sides):
    _, rmse = sides
    said = Y + RNG.normal(size=N)
    close(rmse(n=N, y_hat=said, y=Y), functions_of("1.3", "rmse")(said, Y))
    close(rmse(n=N, y_hat=said, y=Y), metrics.rmse(Y, said))


@formula(
    "1.3",
    r"\hat y = b + w x",
    r"\hat y_j = b + w_1 x_{j1} + w_2 x_{j2} + \dots + w_d x_{jd}",
    r"\hat y = A\theta",
    r"A^\top (A\theta - y) = 0 \quad\Longleftrightarrow\quad A^\top A \,\theta = A^\top y",
)
def test_linear_model_and_normal_equation(sides):
    _, line, _, row, _, product, slope, _, left, right = sides
    theta = functions_of("1.3", "normal_equation")(X, Y)
    A = np.column_stack([np.ones(N), X])
    close(slope(A=A, theta=theta, y=Y), np.zeros(D + 1))
    close(left(A=A, theta=theta), right(A=A, y=Y))
    model = regression.LinearRegression().fit(X, Y)
    close(product(A=A, theta=theta), model.predict(X))
    wide = np.column_stack([X, X[:, 0] ** 2])
    b, *w = functions_of("1.3", "normal_equation")(wide, Y)  # theta = (b, w_1, ..., w_d): the intercept comes first
    said = regression.LinearRegression().fit(wide, Y).predict(wide)
    for j in range(1, N + 1):
        close(row(b=b, w=w, x=wide, j=j, d=4, dots=w[2] * wide[j - 1, 2]), said[j - 1])
    x = X[:, 0]
    lines = "w = np.mean((x - x.mean()) * (y_train - y_train.mean())) / np.var(x)", "b = y_train.mean() - w * x.mean()"
    fit = run("1.3", *lines, x=x, y_train=Y)
    close(line(b=fit["b"], w=fit["w"], x=x), regression.LinearRegression().fit(x[:, None], Y).predict(x[:, None]))


@formula(
    "1.3",
    r"L(w, b) = \frac{1}{2n} \sum_{j=1}^{n} e_j^2, \qquad e_j = x_j \cdot w + b - y_j",
    r"\frac{\partial L}{\partial w} = \frac{1}{n} \sum_{j=1}^{n} e_j\, x_j, \qquad"
    r"\frac{\partial L}{\partial b} = \frac{1}{n} \sum_{j=1}^{n} e_j",
    r"w \leftarrow w - \eta \frac{\partial L}{\partial w}, \qquad b \leftarrow b - \eta \frac{\partial L}{\partial b}",
    r"w \leftarrow w - \eta\, e_j\, x_j, \qquad b \leftarrow b - \eta\, e_j",
)
def test_gradient_descent(sides):
    _, loss, _, error, _, dw, _, db, _, step_w, _, step_b, _, row_w, _, row_b = sides

    def errors(w, b):
        return np.array([error(j=j, x=X, w=w, b=b, y=Y) for j in range(1, N + 1)])

    def L(w, b):
        return loss(n=N, e=errors(w, b))

    e, tiny = errors(W, B), 1e-6
    slope_w, slope_b = functions_of("1.3", "gradient")(X, Y, W, B)
    close(dw(n=N, e=e, x=X), slope_w)
    close(db(n=N, e=e), slope_b)
    by_steps = [(L(W + tiny * axis, B) - L(W - tiny * axis, B)) / (2 * tiny) for axis in np.eye(D)]
    np.testing.assert_allclose(by_steps, slope_w, rtol=1e-5)
    np.testing.assert_allclose((L(W, B + tiny) - L(W, B - tiny)) / (2 * tiny), slope_b, rtol=1e-5)

    model = regression.GradientDescent(learning_rate=0.01, epochs=2).fit(X, Y)
    for before, after, height in zip(model.path_, model.path_[1:], model.loss_):
        w, b = before[:-1], before[-1]
        close(L(w, b), height)
        e = errors(w, b)
        close(step_w(w=w, eta=0.01, dL_dw=dw(n=N, e=e, x=X)), after[:-1])
        close(step_b(b=b, eta=0.01, dL_db=db(n=N, e=e)), after[-1])

    w, b = W, B
    for j in (3, 1, 6):
        e = errors(w, b)
        w, b = row_w(w=w, eta=0.1, e=e, x=X, j=j), row_b(b=b, eta=0.1, e=e, j=j)
    w_lesson, b_lesson = functions_of("1.3", "sgd")(X, Y, W, B, 0.1, [2, 0, 5])
    close(w, w_lesson)
    close(b, b_lesson)


@formula(
    "1.3",
    r"\hat y = wx",
    r"c = \text{mean}(x^2)",
    r"\delta - \eta\, c\, \delta = (1 - \eta c)\, \delta",
    r"\eta = 2 / c",
)
def test_the_largest_step(sides):
    _, said, _, curvature, moved, factored, _, limit = sides
    x = np.array([-2.0, 1.0, 4.0, -3.0])  # mean 0, so that an intercept would stay where it is
    c = curvature(x=x, mean=np.mean)
    best, delta, eta = 0.8, 0.3, 0.2
    y = said(w=best, x=x)
    slope, _ = functions_of("1.3", "gradient")(x[:, None], y, np.array([best + delta]), 0.0)
    close(slope, [c * delta])
    close(delta - eta * slope[0], moved(delta=delta, eta=eta, c=c))
    close(moved(delta=delta, eta=eta, c=c), factored(delta=delta, eta=eta, c=c))
    close(limit(c=c), regression.largest_rate(x[:, None]))


@formula(
    "1.3",
    r"\sum_{j} (x_j \cdot w + b - y_j)^2 + \alpha \sum_{k} w_k^2",
    r"(Z^\top Z + \alpha I)\, w = Z^\top t, \qquad b = \bar y - \bar x \cdot w",
)
def test_ridge(sides):
    fined, left, right, _, intercept = sides
    w, b = functions_of("1.3", "ridge")(X, Y, 2.0)
    model = regression.Ridge(alpha=2.0).fit(X, Y)
    close(w, model.coef_)
    Z, t = X - X.mean(axis=0), Y - Y.mean()
    close(left(Z=Z, alpha=2.0, I=np.eye(D), w=w), right(Z=Z, t=t))
    close(intercept(y_bar=Y.mean(), x_bar=X.mean(axis=0), w=w), b)

    def sum_at(w, b):
        return fined(x=X, y=Y, w=w, b=b, alpha=2.0, all_j=range(1, N + 1), all_k=range(1, D + 1))

    for axis in np.eye(D + 1) * 1e-4:  # at the smallest sum, a step to either side adds the same
        steps = [sum_at(w + sign * axis[:-1], b + sign * axis[-1]) - sum_at(w, b) for sign in (1, -1)]
        assert min(steps) > 0
        np.testing.assert_allclose(steps[0], steps[1], rtol=1e-3)


# ------------------------------------------------------------------ 1.4
QUERIES = RNG.normal(size=(3, D))


@formula(
    "1.4",
    r"d(q, x) = \sqrt{\sum_{j=1}^{d} (q_j - x_j)^2}",
    r"d(q, x)^2 = \sum_j (q_j - x_j)^2 = \underbrace{\sum_j q_j^2}_{\text{one number a query}} +"
    r"\underbrace{\sum_j x_j^2}_{\text{one number a film}} - 2\, q \cdot x",
)
def test_distances(sides):
    _, distance, squared, squares, expanded = sides
    by_lesson = functions_of("1.4", "squared_distances")(QUERIES, X)
    far = regression.KNNRegressor(k=N).fit(X, Y).neighbours(QUERIES)
    for a, q in enumerate(QUERIES):
        for x, square in zip(X, by_lesson[a]):
            close(squared(q=q, x=x, d=lambda q, x: distance(q=q, x=x, d=D)), square)
            close(squares(q=q, x=x, all_j=range(1, D + 1)), square)
            close(expanded(q=q, x=x, all_j=range(1, D + 1)), square)
        close(sorted(distance(q=q, x=x, d=D) for x in X), far[0][a])


@formula(
    "1.4",
    r"\hat y(q) = \frac{1}{k} \sum_{x \in N_k(q)} y_x",
    r"\hat p(q) = \frac{\text{number of the } k \text{ nearest rows that were a like}}{k}",
)
def test_neighbours_predict(sides):
    _, mean, _, share = sides
    D_all = functions_of("1.4", "squared_distances")(QUERIES, X)
    liked = Y >= 3
    for k in (1, 3):
        said = functions_of("1.4", "knn_predict")(D_all, Y, k)
        close(said, regression.KNNRegressor(k=k).fit(X, Y).predict(QUERIES))
        shares = regression.KNNClassifier(k=k).fit(X, liked).predict_proba(QUERIES)[:, 1]
        for row in range(len(QUERIES)):
            nearest = sorted(range(1, N + 1), key=lambda x, row=row: D_all[row, x - 1])[:k]
            close(mean(q=row, k=k, N_k=lambda q, nearest=nearest: nearest, y=Y), said[row])
            likes = sum(1 for x in nearest if liked[x - 1])
            close(share(number_of_the_k_nearest_rows_that_were_a_like=likes, k=k), shares[row])


@formula(
    "1.4",
    r"\text{mean}\,(\hat y_h - y)^2 \;=\; \underbrace{\text{mean}\,(\hat y_h - \bar y)^2}_{\text{variance}} \;+\;"
    r"\underbrace{(\bar y - y)^2}_{\text{bias² and noise}}",
)
def test_variance_and_bias(sides):
    error, parts = sides
    predictions, y = RNG.normal(size=(6, 4, 1)), RNG.normal(size=4)  # halves, films, one k
    lines = (
        "variance = predictions.var(axis=0).mean(axis=0)",
        "the_rest = ((predictions.mean(axis=0) - y[:, None]) ** 2).mean(axis=0)",
        "total = ((predictions - y[:, None]) ** 2).mean(axis=(0, 1))",
    )
    world = run("1.4", *lines, predictions=predictions, y=y)
    films = [(predictions[:, film, 0], y[film]) for film in range(4)]
    close(np.mean([error(mean=np.mean, y_hat_h=said, y=true) for said, true in films]), world["total"][0])
    both = [parts(mean=np.mean, y_hat_h=said, y=true, y_bar=said.mean()) for said, true in films]
    close(np.mean(both), world["variance"][0] + world["the_rest"][0])


@formula(
    "1.4",
    r"(1 - p) \cdot \text{wrong} = p \cdot \text{missed}",
    r"p = \text{wrong} / (\text{wrong} + \text{missed})",
)
def test_break_even(sides):
    recommended, left_out, _, threshold = sides
    for wrong, missed in ((3.0, 1.0), (1.0, 4.0)):
        p = functions_of("1.4", "break_even")(wrong, missed)
        close(threshold(wrong=wrong, missed=missed), p)
        close(recommended(p=p, wrong=wrong), wrong * missed / (wrong + missed))
        close(left_out(p=p, missed=missed), wrong * missed / (wrong + missed))


# ------------------------------------------------------------------ 1.5
@formula("1.5", r"\sigma \sqrt{2 \ln T}")
def test_the_best_of_many(sides):
    (bound,) = sides
    errors = RNG.normal(size=50)
    line = "bound = valid_errors.std() * np.sqrt(2 * np.log(len(valid_errors)))"
    close(bound(sigma=np.std(errors), T=50), run("1.5", line, valid_errors=errors)["bound"])
    best = np.random.default_rng(1).normal(0, 3, size=(4000, 50)).min(axis=1).mean()
    assert 0.7 * bound(sigma=3, T=50) < -best < bound(sigma=3, T=50), "so far below its mean lies the best, at most"


@formula(
    "1.5",
    r"\underbrace{\mathbb{E}\big[(y - \hat f_S(x))^2\big]}_{\text{error}} ="
    r"\underbrace{\mathbb{E}\big[(y - f(x))^2\big]}_{\text{noise}} +"
    r"\underbrace{\mathbb{E}\big[(\bar f(x) - f(x))^2\big]}_{\text{bias}^2} +"
    r"\underbrace{\mathbb{E}\big[(\hat f_S(x) - \bar f(x))^2\big]}_{\text{variance}}",
)
def test_noise_bias_variance(sides):
    error, parts = sides
    grid = np.array([1990, 1991, 1992])
    years = np.array([1990, 1990, 1991, 1992, 1992, 1992])
    stars = np.array([1.0, 4, 3, 5, 2, 5])
    truth = pd.Series(stars).groupby(years).mean()
    share = pd.Series(years).value_counts(normalize=True).sort_index().to_numpy()
    fits = RNG.normal(3, 1, size=(5, 1, 3))  # samples, one k, years
    lines = (
        "noise = np.mean((stars - truth[years].to_numpy()) ** 2)",
        "mean_fit = fits.mean(axis=0)",
        "bias2 = (mean_fit - truth.to_numpy()) ** 2 @ share",
        "variance = ((fits - mean_fit) ** 2).mean(axis=0) @ share",
        "place = np.searchsorted(grid, years)",
    )
    world = run("1.5", *lines, stars=stars, truth=truth, years=years, fits=fits, share=share, grid=grid)
    place = world["place"]
    every = {  # each sample with each rating
        "E": np.mean,
        "y": np.tile(stars, 5),
        "x": np.tile(place, 5),
        "f": lambda x: truth.to_numpy()[x],
        "f_bar": lambda x: fits[:, 0].mean(axis=0)[x],
        "f_hat_S": lambda x: fits[np.repeat(range(5), 6), 0, x],
    }
    total = world["noise"] + world["bias2"][0] + world["variance"][0]
    close(parts(**every), total)
    close(error(**every), total)


@formula("1.5", r"\text{RMSE}^* = \sqrt{\frac{S_{u_1} + S_{u_2} + \dots}{n_{u_1} + n_{u_2} + \dots}}")
def test_resampled_rmse(sides):
    _, resampled = sides
    user, squared = np.array([0, 0, 1, 2, 2, 2]), np.array([1.0, 4, 9, 0, 2, 1])
    drawn = np.array([[0, 0, 2], [2, 1, 2], [1, 0, 2]])  # who comes third has 3 ratings, whose squares add up to 3
    by_lesson = functions_of("1.5", "resampled_rmses")(user, squared, drawn)
    for (first, second, _), value in zip(drawn, by_lesson):
        close(resampled(S={0: 5.0, 1: 9.0, 2: 3.0}, n={0: 2, 1: 1, 2: 3}, u=[first, second], dots=3), value)


@formula(
    "1.5",
    r"\Big| \sum_u d_u \Big| \qquad \text{with} \qquad \Big| \sum_u s_u d_u \Big|",
    r"p = \frac{1 + \text{number of flips that reach the data}}{1 + B}",
)
def test_sign_flips(sides):
    seen, _, flipped, _, p = sides
    d, signs = RNG.normal(0.4, 1, size=9), RNG.choice([-1, 1], size=(200, 9))
    all_u = range(1, 10)
    reached = sum(flipped(s=s, d=d, all_u=all_u) >= seen(d=d, all_u=all_u) - 1e-9 for s in signs)
    assert 0 < reached < 200
    value = p(number_of_flips_that_reach_the_data=reached, B=200)
    close(functions_of("1.5", "sign_flip_p")(d, signs), value)
    # All 2^9 signs are alike to the library's random ones, so its p lies near the share of them that reach the data.
    every = np.array(np.meshgrid(*[[-1, 1]] * 9)).reshape(9, -1).T
    share = np.mean([flipped(s=s, d=d, all_u=all_u) >= seen(d=d, all_u=all_u) - 1e-9 for s in every])
    assert abs(evaluate.sign_flip_p(d) - share) < 0.03


@formula("1.5", r"\tilde p_{(i)} = \min\Big(1,\; \max_{j \le i}\; (m - j + 1)\, p_{(j)}\Big)")
def test_holm(sides):
    _, corrected = sides
    for p in ([0.03, 0.001, 0.2, 0.02, 0.9], [0.01, 0.04, 0.03], [0.5]):
        ascending = sorted(p)
        want = [corrected(i=ascending.index(one) + 1, m=len(p), p=ascending) for one in p]
        close(functions_of("1.5", "holm")(np.array(p)), want)
        close(evaluate.holm(np.array(p)), want)
