"""Reads Prometheus text from stdin with the official parser, and holds it to what a scraper relies on.

Prints the type of each family and the number of all samples; complains on stderr and exits with 1.
"""
import sys

from prometheus_client.parser import text_string_to_metric_families


def check_histogram(family):
    rows = {}
    for sample in family.samples:
        labels = {k: v for k, v in sample.labels.items() if k != "le"}
        row = rows.setdefault(tuple(sorted(labels.items())), {"buckets": []})
        if sample.name.endswith("_bucket"):
            row["buckets"].append((float(sample.labels["le"]), sample.value))
        else:
            row[sample.name.rsplit("_", 1)[1]] = sample.value
    for labels, row in rows.items():
        bounds = [bound for bound, _ in row["buckets"]]
        counts = [count for _, count in row["buckets"]]
        assert bounds == sorted(set(bounds)) and bounds[-1] == float("inf"), (family.name, labels, bounds)
        assert counts == sorted(counts), (family.name, labels, counts)
        assert counts[-1] == row["count"] and row["sum"] >= 0, (family.name, labels, row)


names, seen, samples = set(), set(), 0
for family in text_string_to_metric_families(sys.stdin.read()):
    assert family.name not in names, "family %s twice" % family.name
    assert family.documentation, "family %s without help" % family.name
    names.add(family.name)
    for sample in family.samples:
        key = (sample.name, tuple(sorted(sample.labels.items())))
        assert key not in seen, "sample %s twice" % (key,)
        assert "" not in sample.labels.values(), "empty label in %s" % (key,)
        seen.add(key)
        samples += 1
        assert family.type != "counter" or sample.value >= 0, key
    if family.type == "histogram":
        check_histogram(family)
    print(family.name, family.type)
print("samples", samples)
