"""Vectors to search among: drawn, like given factors, like vectors that were trained, or made to be hard."""
import numpy


def gaussian(n, dim, n_queries, seed):
    random = numpy.random.default_rng(seed)
    return random.standard_normal((n, dim), numpy.float32), random.standard_normal((n_queries, dim), numpy.float32)


def like_factors(factors, n, random):
    """Synthetic vectors with the spectrum and the norms of real ones: directions from a Gaussian of their covariance, norms from their
    quantiles."""
    spread = numpy.linalg.cholesky(factors.T.astype(numpy.float64) @ factors / len(factors) + 1e-12 * numpy.eye(factors.shape[1]))
    made = random.standard_normal((n, factors.shape[1])) @ spread.T
    norms = numpy.quantile(numpy.linalg.norm(factors, axis=1), random.uniform(size=n))
    return (made * (norms / numpy.linalg.norm(made, axis=1))[:, None]).astype(numpy.float32)


def movielens_like(folder, n, n_queries, seed):
    random = numpy.random.default_rng(seed)
    load = lambda name: numpy.load(folder / name).astype(numpy.float32)
    return like_factors(load("item_factors.npy"), n, random), like_factors(load("user_factors.npy"), n_queries, random)


def hard_cases(n, n_queries):
    """Where a threshold or an error bound is of little use: (title, items, queries)."""
    items, queries = gaussian(n, 64, n_queries, 3)
    one = numpy.abs(queries)
    rising = numpy.abs(items[:1]) * numpy.linspace(0.5, 1, n, dtype=numpy.float32)[:, None]
    yield "rising: every item beats those before it", rising, one
    yield "equal: one item, repeated", numpy.repeat(items[:1], n, axis=0), queries
    huge = items.copy()
    huge[:: n // 100] *= 1e6
    yield "huge: a hundred items a million times as long", huge, queries
    outlier = items.copy()
    outlier[:, 0] *= 100
    yield "outlier: one dimension a hundred times as wide", outlier, queries


def mixture(trained, n, random, n_clusters=256):
    """Synthetic vectors like trained ones, whose neighbourhoods are not Gaussian: clusters of the trained vectors, in each a Gaussian of
    the cluster's own covariance, norms from the quantiles of all."""
    import faiss

    k_means = faiss.Kmeans(trained.shape[1], n_clusters, niter=15, seed=1, max_points_per_centroid=10**9)
    k_means.train(trained)
    cluster = k_means.assign(trained)[1]
    sizes = numpy.bincount(cluster, minlength=n_clusters)
    drawn = random.choice(n_clusters, size=n, p=sizes / sizes.sum())
    made = numpy.empty((n, trained.shape[1]), numpy.float32)
    for c in range(n_clusters):
        members = trained[cluster == c]
        rows = numpy.flatnonzero(drawn == c)
        mean = members.mean(0)
        weights = random.standard_normal((len(rows), len(members)), numpy.float32) / numpy.sqrt(max(1, len(members) - 1))
        made[rows] = mean + weights @ (members - mean)
    norms = numpy.quantile(numpy.linalg.norm(trained, axis=1), random.uniform(size=n)).astype(numpy.float32)
    return made * (norms / numpy.linalg.norm(made, axis=1))[:, None]


def vectors_of_bundle(bundle, sessions, n_queries):
    """Item vectors of a bundle without features, and the vectors of `n_queries` sessions (a file of items by line, gzip or plain), by the
    plain Python of the parity tests."""
    import gzip
    import pathlib
    import sys

    sys.path.append(str(pathlib.Path(__file__).resolve().parents[3] / "tests" / "parity"))
    import bundle_reader

    reader = bundle_reader.Bundle(bundle)
    table = reader.weights["item_embedding.weight" if reader.options["tied"] else "output_embedding.weight"]
    items = numpy.array(table.numbers, numpy.float32).reshape(table.shape)[: len(reader.items)]
    if reader.options["normalize"]:
        items /= numpy.linalg.norm(items, axis=1, keepdims=True)
    queries = []
    with (gzip.open if str(sessions).endswith(".gz") else open)(sessions, "rt") as lines:
        for line in lines:
            rows = [reader.row_of[item] for item in line.split()[:-1] if item in reader.row_of][-20:]
            if rows:
                nothing = [[]] * len(rows)
                queries.append(reader.vector(rows, nothing, nothing))
            if len(queries) == n_queries:
                break
    return items, numpy.array(queries, numpy.float32)


def trained_like(bundle, sessions, n, n_queries, seed):
    """Items by mixture() of the bundle's, queries as they are."""
    items, queries = vectors_of_bundle(bundle, sessions, n_queries)
    return mixture(items, n, numpy.random.default_rng(seed)), queries
