"""Holds what `wayside inject` wrote against what it read: two YAML parsers that know nothing of ours, and Kubernetes' schemas.

meaning.py INPUT OUTPUT VERSIONS [INPUT OUTPUT VERSIONS ...]: VERSIONS is 1.28,1.31 or "-". Without what was added, the output must be equal to the
input, in types and in the order of keys. Prints a line for each difference, and one with "skipped: " for what is missing here.
"""
import collections
import io
import json
import sys

OURS = ("wayside-init", "wayside-proxy")
counts = collections.Counter()


def parsers(name):
    if name.endswith(".json"):
        yield "json", json_documents
        return
    try:
        import yaml

        yield "PyYAML", lambda text: list(yaml.safe_load_all(text))
    except ImportError:
        print("skipped: PyYAML is not here")
    try:
        from ruamel.yaml import YAML

        # As YAML 1.2 and, what it shares with PyYAML, 1.1.
        yield "ruamel.yaml", lambda text: list(YAML(typ="safe", pure=True).load_all(text))
    except ImportError:
        print("skipped: ruamel.yaml is not here")


def json_documents(text):
    decoder, at, found = json.JSONDecoder(), 0, []
    while text[at:].strip():
        at += len(text[at:]) - len(text[at:].lstrip())
        document, at = decoder.raw_decode(text, at)
        found.append(document)
    return found


def stripped(node):
    """Without our containers, and without lists of init containers that hold none."""
    if isinstance(node, list):
        kept = [stripped(item) for item in node if not (isinstance(item, dict) and item.get("name") in OURS)]
        counts["removed"] += len(node) - len(kept)
        return kept
    if isinstance(node, dict):
        pairs = [(key, stripped(value)) for key, value in node.items()]
        return {key: value for key, value in pairs if key != "initContainers" or value}
    return node


def differences(a, b, path="$"):
    if type(a) is not type(b):
        yield f"{path}: {a!r} became {b!r}"
    elif isinstance(a, dict):
        if list(a) != list(b):
            yield f"{path}: keys {list(a)} became {list(b)}"
        for key in a:
            yield from differences(a[key], b.get(key), f"{path}.{key}")
    elif isinstance(a, list):
        if len(a) != len(b):
            yield f"{path}: {len(a)} items became {len(b)}"
        for index, pair in enumerate(zip(a, b)):
            yield from differences(*pair, f"{path}[{index}]")
    elif a != b and a == a:
        yield f"{path}: {a!r} became {b!r}"


def objects(documents):
    for document in documents:
        if isinstance(document, dict) and document.get("kind") == "List":
            yield from objects(document["items"])
        elif isinstance(document, dict):
            yield document


def check_schemas(name, documents, versions):
    try:
        import kubernetes_validate as schemas
    except ImportError:
        print("skipped: kubernetes-validate is not here (pip install kubernetes-validate)")
        return
    for version in versions:
        for document in objects(documents):
            try:
                schemas.validate(document, version, strict=True)
                counts["valid"] += 1
            except schemas.SchemaNotFoundError:
                counts["without a schema"] += 1
            except schemas.ValidationError as error:
                print(f"{name}: {document.get('kind')} by {version}: {error.message[:300]}")


def check(source, written, versions):
    before, after = (io.open(path, encoding="utf-8-sig", newline="").read() for path in (source, written))
    documents = None
    for parser, load in parsers(source):
        try:
            documents = load(after)
            for line in differences(stripped(load(before)), stripped(documents)):
                print(f"{written}: {parser}: {line}")
            counts[parser] += 1
        except Exception as error:  # noqa: BLE001: whatever a parser says is what we want to see
            print(f"{written}: {parser}: {error}")
        if versions != "-":
            check_schemas(written, documents or [], versions.split(","))
            versions = "-"


arguments = iter(sys.argv[1:])
for triple in zip(arguments, arguments, arguments):
    check(*triple)
print(f"checked: {dict(counts)}", file=sys.stderr)
