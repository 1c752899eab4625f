"""A prediction, computed from the JSON of an exported model alone, in plain Python."""

import math
import re
from datetime import datetime, timedelta

EPOCH = datetime(1970, 1, 1)
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def recomputed(model, row, weight=None):
    """Return the prediction of a row, and its interval: None twice where there is none.

    A row has a float, a text (also "true" or "false") or a datetime by column; None is missing.
    """
    model = serving(model, row)
    row = with_parts(model, row)
    predicted = [prediction(member, row) for member in model["members"]]
    mean, interval = sum(predicted) / len(predicted), model["interval"]
    more = line_of(model["members"][0], row).get("more", {})
    ends = [end_of(interval, more, row, weight, mean, side) for side in (0, 1)]
    return mean, *ends


def serving(model, row):
    """Return the model that serves the segment of a row, which is the champion for most."""
    own = [row[name] for name in model.get("segment", ())]
    found = (r["description"] for r in model.get("routes", ()) if own in r["segments"])
    return next(found, model)


def with_parts(model, row):
    parts = {}
    for part in model["parts"]:
        time = row[part["time"]]
        parts[part["name"]] = None if time is None else part_of(time, part["part"])
    return {**row, **parts}


def part_of(time, part):
    midnight = datetime(time.year, time.month, time.day)
    return {
        "days": (time - EPOCH) / timedelta(days=1),
        "quarter": f"Q{(time.month + 2) // 3}",
        "month": f"{time.month:02d}",
        "weekday": WEEKDAYS[time.weekday()],
        "hour": (time - midnight) / timedelta(hours=1),
    }[part]


def prediction(member, row):
    if "terms" in member:
        return sum(
            estimate * math.prod(factor_of(member, factor, row) for factor in term["factors"])
            for term, estimate in zip(member["terms"], estimates_of(member, row), strict=True)
        )
    linear = sum(entry["weight"] * input_of(member, entry, row) for entry in member["linear"])
    values = [input_of(member, entry, row) for entry in member["inputs"]]
    *hidden, last = member["layers"]
    for layer in hidden:
        values = [gelu(z) for z in sums(layer, values)]
    (output,) = sums(last, values)
    target = member["target"]
    return target["mean"] + target["sd"] * (member["intercept"] + linear + output)


def line_of(member, row):
    """Return the line of the segment of a row, empty where that of all rows holds."""
    lines = member.get("segments", {"columns": [], "estimates": []})
    own = [row[name] for name in lines["columns"]]
    return next((line for line in lines["estimates"] if line["segment"] == own), {})


def estimates_of(member, row):
    of_all = [term["estimate"] for term in member["terms"]]
    return line_of(member, row).get("estimates", of_all)


def sums(layer, values):
    columns = zip(*layer["weights"], strict=True) if values else [()] * len(layer["bias"])
    return [
        bias + sum(w * v for w, v in zip(column, values, strict=True))
        for bias, column in zip(layer["bias"], columns, strict=True)
    ]


def gelu(z):
    return 0.5 * z * (1 + math.tanh(math.sqrt(2 / math.pi) * (z + 0.044715 * z**3)))


def factor_of(member, factor, row):
    if "number" in factor:
        return filled(member, factor["number"], row) ** factor["power"]
    return input_of(member, factor, row)


def input_of(member, entry, row):
    if "missing" in entry:
        return float(all(row[name] is None for name in entry["missing"]))
    if "category" in entry:
        column = named(member["categories"], entry["category"])
        label = label_of(column, row[column["name"]])
        share = column["shares"][entry["label"]]
        return (share if label is None else float(label == entry["label"])) - entry.get("less", 0)
    if "word" in entry:
        return float(entry["word"] in re.findall(r"\w+", (row[entry["of"]] or "").casefold()))
    if "effect" in entry:
        return group_of(member["groups"][entry["effect"]], row)[0]
    if "count" in entry:
        return group_of(member["groups"][entry["count"]], row)[1]
    name = next(entry[kind] for kind in ("standardised", "squashed", "piece") if kind in entry)
    value, number = filled(member, name, row), named(member["numbers"], name)
    if "standardised" in entry:
        return (value - number["mean"]) / number["sd"]
    if "squashed" in entry:
        q = (value - number["median"]) / number["spread"]
        return q / math.sqrt(1 + (q / 3) ** 2)
    share = (value - entry["low"]) / (entry["high"] - entry["low"])
    return min(max(share, 0), 1) - 0.5


def filled(member, name, row):
    return named(member["numbers"], name)["median"] if row[name] is None else row[name]


def label_of(column, value):
    if value is None:
        return column["label_of_missing"]
    return column["label_of"].get(value, column["label_of_others"])


def group_of(group, row):
    level = [row[name] for name in group["columns"]]
    if level in group["levels"]:
        at = group["levels"].index(level)
        return group["effects"][at], group["counts"][at]
    return group["effect_of_others"], group["count_of_others"]


def named(columns, name):
    return next(column for column in columns if column["name"] == name)


def end_of(interval, more, row, weight, mean, side):
    """Return the lower (0) or upper (1) end of the interval, None where that takes the program."""
    if interval is None:
        return None
    own = interval["groups"].get(row[interval["by"]]) if interval["by"] else None
    reach = (own or interval["reaches"])[0][side]
    if interval["scale"] is not None:
        reach *= scale_of(interval["scale"], row, mean)
    if interval["by_prediction"] is not None:
        reach *= height_of(interval["by_prediction"][0][side], mean)
    if interval["mean_weight"] is not None and weight is not None and weight > 0:
        reach *= math.sqrt(interval["mean_weight"] / weight)
    for part in interval["unknown"]:
        if all(is_unknown(condition, row, row[part["part"]]) for condition in part["if_all"]):
            if part["more"] is None:
                return None
            reach = math.hypot(reach, more.get(part["part"], part["more"])[0])
    end = mean + reach if side else mean - reach
    end = end if interval["lowest"] is None else max(end, interval["lowest"])
    return end if interval["highest"] is None else min(end, interval["highest"])


def scale_of(scale, row, mean):
    total = scale["intercept"] + height_of(scale["predicted"], mean)
    total += sum(height_of(curve, row[name]) for name, curve in scale["numbers"].items())
    for name, effects in scale["categories"].items():
        missing = row[name] is None
        total += effects["missing"] if missing else effects["levels"].get(row[name], 0.0)
    return math.exp(min(max(total, scale["low"]), scale["high"]))


def height_of(curve, value):
    if value is None:
        return curve["missing"]
    knots, heights = curve["knots"], curve["heights"]
    if value <= knots[0]:
        return heights[0]
    for i in range(len(knots) - 1):
        if value <= knots[i + 1]:
            share = (value - knots[i]) / (knots[i + 1] - knots[i])
            return heights[i] + share * (heights[i + 1] - heights[i])
    return heights[-1]


def is_unknown(condition, row, value):
    if value is not None:
        return condition["texts"] is not None and value not in condition["texts"]
    if not condition["missing"]:
        return False
    unless = condition.get("unless")
    if unless is None:
        return True
    if "all_missing" in unless:
        return not all(row[name] is None for name in unless["all_missing"])
    column = unless["category"]
    return label_of(column, row[column["name"]]) not in unless["labels"]
