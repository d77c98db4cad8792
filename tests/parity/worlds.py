"""Small trained models and what `segue recommend` says of the same histories."""
import csv
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "end_to_end"))
from program import good, make_world, write_config  # noqa: E402

FEATURES = """\
  features:
    - {name: month, kind: month, context: true, history: false}
    - {name: booker_country, kind: category, context: true}
    - {name: stay, kind: duration, column: checkin, until: checkout, max_value: 14}
    - {name: gap, kind: gap, n_buckets: 8}
"""
MODELS = {
    "plain": "embedding_dim: 12, hidden_dim: 16, visited_weights: true",
    "deep": "embedding_dim: 12, hidden_dim: 20, n_layers: 2, layer_norm: true, residual: true, feed_forward_dim: 24, tied: false, "
            "normalize: true, scale: 9.7",
    "items": "embedding_dim: 12, hidden_dim: 16, feature_dim: 5, layer_norm: true",
    "towers": "kind: two_tower, embedding_dim: 12, vector_dim: 10, feature_dim: 5, history: attention, user_layers: [20], "
              "item_layers: [14], example_age: true, output_bias: true, learn_temperature: true",
    "hashed": "kind: two_tower, embedding_dim: 12, vector_dim: 12, id_buckets: 61, history: gru, hidden_dim: 14, tied: false",
}
WITH_ITEMS = ("items", "towers", "hashed")  # items of one hash are told apart by their features
ITEMS = """\
  items:
    files: {work}/data/cities.csv
    column: city
    features:
      - {{name: country, kind: category, min_count: 2}}
      - {{name: size, kind: number, column: population}}
      - {{name: north, kind: bucket, column: latitude, n_buckets: 6}}
      - {{name: words, kind: categories, column: name, separator: " ", min_count: 2}}
"""


def edited(text, model, work):
    head, rest = text.split("  features:\n")
    tail = rest[rest.index("  split:"):]
    head = head.replace("item: city,", "item: city_id,")
    before, after = tail.split("model:\n")
    items = ITEMS.format(work=work) if model in WITH_ITEMS else ""
    kind = "" if MODELS[model].startswith("kind:") else "kind: gru_session, "
    return head + FEATURES + items + before + "model: {" + kind + MODELS[model] + "}\n" + after[after.index("training:"):]


def make(work, model):
    """Generates, trains and exports one model below `work`; returns (bundle, histories file, its recommendations)."""
    work = pathlib.Path(work) / model
    work.mkdir(parents=True)
    make_world(work, trips=1500, tests=60)
    config = write_config(work, epochs=2, edit=lambda text: edited(text, model, work))
    good("prepare", config)
    good("train", config)
    good("export", work / "run", "--out", work / "bundle")
    histories = work / "data" / "test_histories.csv"
    good("recommend", work / "bundle", "--histories", histories, "--out", work / "out", "recommend.format=csv")
    lists = {}
    for shard in sorted((work / "out").glob("part-*.csv")):
        with open(shard, newline="") as file:
            for row in csv.DictReader(file):
                lists.setdefault(row["sequence"], []).append((row["item"], float(row["score"])))
    return work / "bundle", histories, lists


def assert_same_list(case, expected, actual, relative=1e-5):
    """`expected` {item: score}, `actual` [(item, score)] best first: each score within the tolerance, and the same items in the same
    order, up to items whose scores are closer to each other than that."""
    largest = max(abs(score) for score in expected.values())
    best = sorted(expected.values(), reverse=True)[:len(actual)]
    for (item, score), at_this_rank in zip(actual, best):
        case.assertLessEqual(abs(score - expected[item]), relative * largest, item)
        case.assertLessEqual(abs(expected[item] - at_this_rank), relative * largest, f"{item} does not belong at its rank")
    ranked = sorted(expected, key=expected.get, reverse=True)[:len(actual)]
    return [item for item, _ in actual] == ranked
