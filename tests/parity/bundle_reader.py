"""A bundle read and scored with nothing but Python's own library, in doubles: the formulas of src/models/gru_session.h and
src/models/two_tower.h, and the transforms of features.json, written down a second time. Slow on purpose: nothing here is shared with the program."""
import array
import bisect
import csv
import datetime
import json
import math
import pathlib
import struct

DAY_MS = 86_400_000


class Tensor:
    def __init__(self, shape, numbers):
        self.shape, self.numbers = shape, numbers

    def row(self, i):
        width = self.shape[1]
        return self.numbers[i * width:(i + 1) * width]

    def rows(self):
        return [self.row(i) for i in range(self.shape[0])]


def read_weights(path):
    content = pathlib.Path(path).read_bytes()
    (length,) = struct.unpack_from("<Q", content)
    header = json.loads(content[8:8 + length])
    header.pop("__metadata__", None)
    tensors = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        code = {"F32": "f", "I32": "i", "I64": "q"}[entry["dtype"]]
        tensors[name] = Tensor(entry["shape"], list(array.array(code, content[8 + length:][begin:end])))
    return tensors


def dot(a, b):
    return math.fsum(x * y for x, y in zip(a, b))


def add(a, b):
    return [x + y for x, y in zip(a, b)]


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


def unit(x):
    length = math.sqrt(dot(x, x))
    return [value / length for value in x]


def hashed(item):
    """The row of an item among hashed ids, before the remainder: the finisher of SplitMix64 of item + 1."""
    x, mask = item + 1, (1 << 64) - 1
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9 & mask
    x = (x ^ x >> 27) * 0x94D049BB133111EB & mask
    return x ^ x >> 31


def gru_step(weights, biases, x, h):
    width = len(h)
    from_x = [dot(row, x) + bias for row, bias in zip(weights[0], biases[0])]
    from_h = [dot(row, h) + bias for row, bias in zip(weights[1], biases[1])]
    r = [sigmoid(a + b) for a, b in zip(from_x[:width], from_h[:width])]
    z = [sigmoid(a + b) for a, b in zip(from_x[width:2 * width], from_h[width:2 * width])]
    n = [math.tanh(a + gate * b) for a, gate, b in zip(from_x[2 * width:], r, from_h[2 * width:])]
    return [(1 - gate) * new + gate * old for gate, new, old in zip(z, n, h)]


def milliseconds(text):
    return round(datetime.datetime.fromisoformat(text).replace(tzinfo=datetime.timezone.utc).timestamp() * 1000)


class Bundle:
    def __init__(self, directory):
        directory = pathlib.Path(directory)
        self.manifest = json.loads((directory / "manifest.json").read_text())
        self.options = self.manifest["model"]["options"]
        self.items = [json.loads(line) for line in (directory / "items.txt").read_text().splitlines()]
        self.items = [str(item) for item in self.items]
        self.row_of = {item: row for row, item in enumerate(self.items)}
        self.transforms = json.loads((directory / "features.json").read_text())
        self.weights = read_weights(directory / "weights.safetensors")
        self.columns = self.manifest["data"]["columns"]
        self.item_specs = self.manifest.get("item_features", [])
        self.item_tables = {}
        if self.item_specs:
            self.item_transforms = json.loads((directory / "item_features.json").read_text())
            self.item_tables = read_weights(directory / "item_features.safetensors")

    # Features

    def code(self, transform, row, before=None):
        """The code or value of one event or item (a dict of texts); `before` is the event before it, or None."""
        kind, column = transform["kind"], transform.get("column")
        time = self.transforms["time_column"]
        if kind == "category":
            values = transform["values"]
            return values.index(row[column]) + 1 if row[column] in values else 0
        if kind == "categories":
            words = {word.strip() for word in row[column].split(transform["separator"])} - {""}
            return sorted({transform["values"].index(word) + 1 if word in transform["values"] else 0 for word in words})
        if kind == "number":
            return (float(row[column]) - transform["mean"]) / transform["deviation"] if row[column] else 0.0
        if kind == "bucket":
            return bisect.bisect_left(transform["edges"], float(row[column])) + 1 if row[column] else 0
        if kind == "month":
            return int(row[column or time][5:7])
        if kind == "gap":
            if before is None:
                return 0
            return bisect.bisect_left(transform["edges"], milliseconds(row[column or time]) - milliseconds(before[column or time])) + 1
        if kind == "duration":
            days = (milliseconds(row[transform["until"]]) - milliseconds(row[column or time])) // DAY_MS
            return min(max(days, 0), transform["max_value"]) + 1
        raise NotImplementedError(kind)

    def item_value(self, name, row):
        """What the bundle's tables hold of an item: a value, a code, or a list of codes."""
        numbers = self.item_tables[name].numbers
        if name + ".offsets" not in self.item_tables:
            return numbers[row]
        return numbers[slice(*self.item_tables[name + ".offsets"].numbers[row:row + 2])]

    def features_of(self, rows):
        """One list of codes a row, in the order of the features."""
        return [[self.code(transform, row, rows[i - 1] if i else None) for transform in self.transforms["features"]]
                for i, row in enumerate(rows)]

    def arguments(self, rows):
        """What a model reads of one history: rows of items, codes of the history features, codes of the context features."""
        rows = sorted(rows, key=lambda row: row[self.columns["time"]])
        codes = self.features_of(rows)
        has_request = rows[-1][self.columns["item"]] == ""
        n = len(rows) - has_request
        items = [self.row_of.get(row[self.columns["item"]], len(self.items)) for row in rows[:n]]
        nothing = [0] * len(self.transforms["features"])
        codes.append(nothing)
        specs = self.manifest["features"]
        history = [[code for code, spec in zip(codes[i], specs) if spec["history"]] for i in range(n)]
        context = [[code for code, spec in zip(codes[i + 1], specs) if spec["context"]] for i in range(n)]
        return items, history, context

    # Model

    def linear(self, x, name):
        return [dot(row, x) + bias for row, bias in zip(self.weights[name + ".weight"].rows(), self.weights[name + ".bias"].numbers)]

    def norm(self, x, name):
        mean = math.fsum(x) / len(x)
        variance = math.fsum((value - mean) ** 2 for value in x) / len(x)
        return [(value - mean) / math.sqrt(variance + 1e-5) * weight + bias
                for value, weight, bias in zip(x, self.weights[name + ".weight"].numbers, self.weights[name + ".bias"].numbers)]

    def gru(self, layer, x, h):
        name = f"layers.{layer}.gru."
        return gru_step(self.gru_rows[layer], [self.weights[name + "bias_" + part].numbers for part in ("ih", "hh")], x, h)

    def vector(self, items, history, context):
        o, specs = self.options, self.manifest["features"]
        self.gru_rows = [[self.weights[f"layers.{l}.gru.weight_{part}"].rows() for part in ("ih", "hh")] for l in range(o["n_layers"])]
        states = [[0.0] * o["hidden_dim"] for _ in range(o["n_layers"])]
        for item, past, ahead in zip(items, history, context):
            x = list(self.weights["item_embedding.weight"].row(item))
            for spec in self.item_specs:
                x += self.embedded("item_features", spec, self.item_value(spec["name"], item))
            for codes, part in ((past, "history"), (ahead, "context")):
                for code, spec in zip(codes, [spec for spec in specs if spec[part]]):
                    x += self.weights[f"features.{spec['name']}.weight"].row(code) if spec["categorical"] else [code]
            if o["layer_norm"]:
                x = self.norm(x, "input_norm")
            if o["residual"] and len(x) != o["hidden_dim"]:
                x = self.linear(x, "input_projection")
            for l in range(o["n_layers"]):
                y = self.norm(x, f"layers.{l}.norm") if o["layer_norm"] and o["residual"] else x
                states[l] = self.gru(l, y, states[l])
                x = add(x, states[l]) if o["residual"] else states[l]
                if o["feed_forward_dim"]:
                    inner = self.linear(self.norm(x, f"layers.{l}.ffn_norm"), f"layers.{l}.ffn_in")
                    inner = [value / 2 * (1 + math.erf(value / math.sqrt(2))) for value in inner]
                    x = add(x, self.linear(inner, f"layers.{l}.ffn_out"))
        if o["layer_norm"]:
            x = self.norm(x, "output_norm")
        if o["hidden_dim"] != o["embedding_dim"]:
            x = self.linear(x, "output_projection")
        if o["normalize"]:
            x = [o["scale"] * value / math.sqrt(dot(x, x)) for value in x]
        return x

    def scores(self, items, history, context):
        """{item id: score}"""
        towers = self.manifest["model"]["kind"] == "two_tower"
        vector = (self.user_vector if towers else self.vector)(items, history, context)
        scores = {}
        for row, item in enumerate(self.items):
            score = dot(vector, self.item_vector(row) if towers else self.output_vector(row))
            if self.options["output_bias"]:
                score += self.weights["output_bias"].numbers[row]
            if self.options.get("visited_weights") and row in items:
                score += self.weights["visited_weights"].numbers[0 if row == items[-1] else 1]
            scores[item] = score
        return scores

    def output_vector(self, row):
        output = self.weights["item_embedding.weight" if self.options["tied"] else "output_embedding.weight"].row(row)
        return unit(output) if self.options["normalize"] else output

    # The two towers

    def embedded(self, table, spec, value):
        if spec.get("multiple"):
            weight = self.weights[f"{table}.{spec['name']}.weight"]
            return [math.fsum(column) / max(len(value), 1) for column in zip([0.0] * weight.shape[1], *map(weight.row, value))]
        return self.weights[f"{table}.{spec['name']}.weight"].row(value) if spec["categorical"] else [value]

    def describe(self, table, row):
        buckets = self.options["id_buckets"]
        x = list(self.weights[table].row(row if buckets == 0 else buckets if row == len(self.items) else hashed(row) % buckets))
        for spec in self.item_specs:
            x += self.embedded("item_features", spec, self.item_value(spec["name"], row))
        return x

    def tower(self, name, x, n_hidden):
        for layer in range(n_hidden + 1):
            x = self.linear(x, f"{name}.{layer}")
            if layer < n_hidden:
                x = [max(value, 0.0) for value in x]
        return x

    def user_vector(self, items, history, context):
        o, specs = self.options, self.manifest["features"]
        events = []
        for item, codes in zip(items, history):
            x = self.describe("item_embedding.weight", item)
            for code, spec in zip(codes, [spec for spec in specs if spec["history"]]):
                x += self.embedded("features", spec, code)
            events.append(x)
        if o["history"] == "gru":
            name = "history.gru."
            rows = [self.weights[name + "weight_" + part].rows() for part in ("ih", "hh")]
            u = [0.0] * o["hidden_dim"]
            for x in events:
                u = gru_step(rows, [self.weights[name + "bias_" + part].numbers for part in ("ih", "hh")], x, u)
        else:
            rates = [1.0] * len(events[0])
            if o["history"] != "mean":
                rates = [2 ** (-1 / math.exp(h)) for h in self.weights["history.log_half_life"].numbers]
            weights = [1.0] * len(events)
            if o["history"] == "attention":
                attention = self.weights["history.attention"].numbers
                weights = [math.exp(max(-10, min(10, dot(attention, x)))) for x in events]
            u = []
            for k, rate in enumerate(rates):
                w = [rate ** (len(events) - 1 - i) * weight for i, weight in enumerate(weights)]
                u.append(dot(w, [x[k] for x in events]) / math.fsum(w))
        for code, spec in zip(context[-1], [spec for spec in specs if spec["context"]]):
            u += self.embedded("features", spec, code)
        u = self.tower("user_tower", u + [0.0, 0.0] * o["example_age"], len(o["user_layers"]))
        if not o["normalize"]:
            return u
        scale = math.exp(self.weights["log_scale"].numbers[0]) if o["learn_temperature"] else 1 / o["temperature"]
        return [scale * value for value in unit(u)]

    def item_vector(self, row):
        o = self.options
        y = self.describe("item_embedding.weight" if o["tied"] else "output_embedding.weight", row)
        if "item_tower.0.weight" in self.weights:
            y = self.tower("item_tower", y, len(o["item_layers"]))
        return unit(y) if o["normalize"] else y


def read_histories(path, column):
    """{sequence: [row, ...]} in the order of the file."""
    histories = {}
    with open(path, newline="") as file:
        for row in csv.DictReader(file):
            histories.setdefault(row[column], []).append(row)
    return histories
