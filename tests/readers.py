"""Reads a result folder with pyarrow, pandas and DuckDB, from Parquet and from CSV.

usage: readers.py FOLDER < COLUMNS

COLUMNS is a JSON object: for each table a list of [name, type, nullable]. Every reader must find
these columns and the same values. Ends with 77 where a package is missing.
"""

import json
import sys
from pathlib import Path

try:
    import duckdb
    import pandas
    import pyarrow
    import pyarrow.csv
    import pyarrow.parquet
except ImportError as missing:
    print(missing)
    sys.exit(77)

ARROW = {"utf8": pyarrow.string(), "int64": pyarrow.int64(), "double": pyarrow.float64()}
DUCKDB = {"utf8": "VARCHAR", "int64": "BIGINT", "double": "DOUBLE"}
PANDAS = {"utf8": "string", "int64": "Int64", "double": "Float64"}


def rows(table, schema):
    """A table of any reader as rows of plain values."""
    if isinstance(table, pandas.DataFrame):
        table = pyarrow.Table.from_pandas(table, preserve_index=False)
    return table.select(schema.names).cast(schema).to_pylist()


def text(path):
    """A text file, compressed or not, as a stream."""
    compression = "zstd" if path.suffix == ".zst" else None
    return pyarrow.input_stream(str(path), compression=compression)


def readers(parquet, csv, columns):
    """Every way of reading a table, by name."""
    types = {name: kind for name, kind, _ in columns}
    arrow = {name: ARROW[kind] for name, kind in types.items()}
    duck = {name: DUCKDB[kind] for name, kind in types.items()}
    frame = {name: PANDAS[kind] for name, kind in types.items()}
    convert = pyarrow.csv.ConvertOptions(
        column_types=arrow, strings_can_be_null=True, null_values=[""]
    )
    only_empty = {"keep_default_na": False, "na_values": [""]}
    nullable = {"dtype_backend": "numpy_nullable"}
    return {
        "Parquet by pandas": lambda: pandas.read_parquet(parquet, **nullable),
        "Parquet by DuckDB": lambda: duckdb.read_parquet(str(parquet)).to_arrow_table(),
        "CSV by pyarrow": lambda: pyarrow.csv.read_csv(text(csv), convert_options=convert),
        "CSV by pandas": lambda: pandas.read_csv(text(csv), dtype=frame, **only_empty),
        "CSV by DuckDB": lambda: duckdb.read_csv(
            str(csv), dtype=duck, header=True
        ).to_arrow_table(),
    }


def check_table(folder, name, csv, columns):
    parquet = folder / f"{name}.parquet"
    table = pyarrow.parquet.read_table(parquet)
    found = [[field.name, field.type, field.nullable] for field in table.schema]
    expected = [[column, ARROW[kind], nullable] for column, kind, nullable in columns]
    assert found == expected, f"{name}: {found}, expected {expected}"
    reference = rows(table, table.schema)
    for reader, read in readers(parquet, folder / csv, columns).items():
        other = rows(read(), table.schema)
        assert len(other) == len(reference), f"{name}: {reader} has {len(other)} rows"
        for line, (one, two) in enumerate(zip(reference, other)):
            assert one == two, f"{name}, row {line}: {one}; {reader} has {two}"
    print(f"{name}: {len(reference)} rows, the same by every reader")
    return reference


def check_decisions(folder, pods):
    """Every pod that holds a node was bound there last."""
    last = {}
    count = 0
    for line in text(folder / "decisions.jsonl.zst").read().splitlines():
        decision = json.loads(line)
        assert list(decision) == ["time_ns", "variant", "pod", "node", "gpus", "outcome", "reason"]
        last[decision["variant"], decision["pod"]] = decision
        count += 1
    for pod in pods:
        if pod["bound_ns"] is not None:
            decision = last[pod["variant"], pod["pod"]]
            assert decision["outcome"] == "bound", decision
            assert decision["time_ns"] == pod["bound_ns"], (decision, pod)
            assert decision["node"] == pod["node"], (decision, pod)
            gpus = "-".join(map(str, decision["gpus"])) or None
            assert gpus == pod["gpus"], (decision, pod)
    print(f"decisions: {count}, as the table of pods has them")


def main():
    folder = Path(sys.argv[1])
    columns = json.load(sys.stdin)
    check_table(folder, "timeseries", "timeseries.csv", columns["timeseries"])
    pods = check_table(folder, "pods", "pods.csv.zst", columns["pods"])
    check_decisions(folder, pods)
    summary = json.loads((folder / "summary.json").read_text())
    for variant in summary["variants"]:
        mine = [pod for pod in pods if pod["variant"] == variant["name"]]
        assert len(mine) == variant["pods"], f"{variant['name']}: {len(mine)} pods"


main()
