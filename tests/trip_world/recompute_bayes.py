"""Recomputes best reachable predictions from world.json, cities.csv and test.csv by the formula alone.

    recompute_bayes.py DIRECTORY N

Compares the first N test trips with both Parquet files, prints the largest relative difference of a probability and
fails above 1e-4 (the files hold single precision). Shares no code with the program: bearings instead of direction
vectors, plain lists.
"""

import csv
import datetime
import json
import math
import sys

import pyarrow.parquet

EARTH_KM = 6371.0


def distance_km(a, b):
    (p, q), (r, s) = [(math.radians(x[0]), math.radians(x[1])) for x in (a, b)]
    cosine = math.sin(p) * math.sin(r) + math.cos(p) * math.cos(r) * math.cos(q - s)
    return EARTH_KM * math.acos(max(-1.0, min(1.0, cosine)))


def bearing(a, b):
    """Radians clockwise from north in which the way from a to b sets out."""
    (p, q), (r, s) = [(math.radians(x[0]), math.radians(x[1])) for x in (a, b)]
    return math.atan2(
        math.sin(s - q) * math.cos(r), math.cos(p) * math.sin(r) - math.sin(p) * math.cos(r) * math.cos(s - q)
    )


def home_place(places):
    x = sum(math.cos(math.radians(a)) * math.cos(math.radians(o)) for a, o in places)
    y = sum(math.cos(math.radians(a)) * math.sin(math.radians(o)) for a, o in places)
    z = sum(math.sin(math.radians(a)) for a, o in places)
    return math.degrees(math.atan2(z, math.hypot(x, y))), math.degrees(math.atan2(y, x))


def warmth(style, month, latitude):
    celsius = (
        27
        - 0.45 * abs(latitude)
        + 0.28 * abs(latitude) * math.copysign(1, latitude) * math.cos(math.pi * (month - 7) / 6)
    )
    away = (celsius - style["best_celsius"]) / 8
    liking = {"beach": away, "winter": -away, "culture": -abs(away), "nature": -abs(away)}.get(style["name"], 0.0)
    return max(-2.0, min(1.5, liking))


class World:
    def __init__(self, directory):
        self.text = json.load(open(directory + "/world.json"))
        rows = list(csv.DictReader(open(directory + "/cities.csv", encoding="utf-8")))
        assert [int(r["city"]) for r in rows] == self.text["cities"]
        self.index = {r["city"]: i for i, r in enumerate(rows)}
        self.place = [(float(r["latitude"]), float(r["longitude"])) for r in rows]
        self.country = [r["country"] for r in rows]
        self.home = {
            b: home_place([p for p, c in zip(self.place, self.country) if c == b]) for b in self.text["bookers"]
        }

    def next_city(self, style, legs, t, booker):
        """P(city of leg t | style, cities of the legs before)."""
        c, month = self.text["constants"], legs[t]["month"]
        past = [leg["city"] for leg in legs[:t]]
        logits = []
        for j, place in enumerate(self.place):
            z = c["affinity_weight"] * style["affinity"][j] + self.text["log_popularity"][j]
            z += style["season"] * warmth(style, month, place[0])
            home = min(distance_km(place, self.home[booker]), c["home_reach_km"])
            if t == 0:
                logits.append(z - home / c["first_scale_km"])
                continue
            i = past[-1]
            z -= distance_km(self.place[i], place) / style["scale_km"]
            z += style["same_country"] * (self.country[i] == self.country[j]) - c["self_penalty"] * (i == j)
            if t > 1 and past[-2] != i and i != j:
                arrived = bearing(self.place[i], self.place[past[-2]]) + math.pi
                z += style["turn"] * math.cos(bearing(self.place[i], place) - arrived)
            pull = max(0.0, min(1.0, (t - 2) / 6))
            z += (
                pull
                * c["home_weight"]
                * (-home / c["home_scale_km"] + c["home_country"] * (self.country[j] == booker))
            )
            logits.append(z - c["seen_penalty"] * past.count(j))
        top = max(logits)
        weights = [math.exp(z - top) for z in logits]
        total = sum(weights)
        return [w / total for w in weights]

    def predict(self, legs, booker):
        """Serving and challenge prediction of the last leg; its city is not looked at."""
        last, kept = len(legs) - 1, self.text["constants"]["device_kept"]
        serving, challenge, mixed = [], [], []
        for style in self.text["styles"]:
            weight = style["share"]
            for t, leg in enumerate(legs):
                device = style["devices"][self.text["devices"].index(leg["device"])]
                weight *= device if t == 0 else (1 - kept) * device + kept * (leg["device"] == legs[t - 1]["device"])
                if t < last:
                    weight *= style["nights"][leg["nights"] - 1]
                    weight *= self.next_city(style, legs, t, booker)[leg["city"]]
            serving.append(weight)
            challenge.append(weight * style["nights"][legs[last]["nights"] - 1])
            mixed.append(self.next_city(style, legs, last, booker))
        return [
            [sum(w * p[j] for w, p in zip(posterior, mixed)) / sum(posterior) for j in range(len(self.place))]
            for posterior in (serving, challenge)
        ]


def main():
    directory, n = sys.argv[1], int(sys.argv[2])
    world, trips = World(directory), {}
    for row in csv.DictReader(open(directory + "/test.csv", encoding="utf-8")):
        trips.setdefault(row["utrip_id"], []).append(row)
    tables = [pyarrow.parquet.read_table(f"{directory}/bayes_{p}.parquet") for p in ("serving", "challenge")]
    worst = 0.0
    for position, (trip, rows) in enumerate(list(trips.items())[:n]):
        legs = []
        for row in rows:
            checkin, checkout = [datetime.date.fromisoformat(row[k]) for k in ("checkin", "checkout")]
            legs.append(
                {
                    "month": checkin.month,
                    "nights": (checkout - checkin).days,
                    "city": world.index[row["city_id"]],
                    "device": row["device_class"],
                }
            )
        for expected, table in zip(world.predict(legs, rows[0]["booker_country"]), tables):
            assert (
                table.schema.metadata[b"cities"]
                and json.loads(table.schema.metadata[b"cities"]) == world.text["cities"]
            )
            assert table["utrip_id"][position].as_py() == trip and table["leg"][position].as_py() == len(legs) - 1
            actual = table["probabilities"][position].as_py()
            worst = max([worst] + [abs(a - e) / (e + 1e-9) for a, e in zip(actual, expected)])
    print(f"{n} trips, largest relative difference {worst:.2e}")
    sys.exit(worst > 1e-4)


if __name__ == "__main__":
    main()
