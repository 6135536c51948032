"""How a table becomes a Parquet file."""

from __future__ import annotations

import io

import pyarrow as pa
import pyarrow.parquet as pq

from bs_study.store.schema import KEYS

FEW_ROWS = 8
"""Below, as in `trials`, a file is headers mostly: compressing it saves nothing and doubles the time to read it."""

_COUNTERS = ("epoch", "iteration", "iterations", "examples")


def column_encodings(schema: pa.Schema) -> dict[str, str]:
    """Return the Parquet encoding of each column that is not dictionary-encoded: small and quick for what it holds."""
    measured = [field for field in schema if field.name not in KEYS]
    deltas = {f.name: "DELTA_BINARY_PACKED" for f in measured if pa.types.is_integer(f.type) and f.name in _COUNTERS}
    floats = {f.name: "BYTE_STREAM_SPLIT" for f in measured if pa.types.is_floating(f.type)}
    # In evaluations an epoch is a fraction, and floats know no delta encoding.
    return deltas | floats


def encode(table: pa.Table) -> pa.Buffer:
    """Return a table as one complete Parquet file in memory."""
    sink = io.BytesIO()
    encodings = column_encodings(table.schema)
    has_few_rows = table.num_rows < FEW_ROWS
    pq.write_table(
        table,
        sink,
        compression="none" if has_few_rows else "zstd",
        use_dictionary=[] if has_few_rows else [name for name in table.schema.names if name not in encodings],
        column_encoding=encodings,
        write_page_checksum=True,  # 0.08 % larger, and a file that was damaged later is told from one that was not
    )
    return pa.py_buffer(sink.getbuffer())
