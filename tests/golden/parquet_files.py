"""Writes tests/fixtures/formats/*.parquet with another library: pip install pyarrow==26.0.1; python tests/golden/parquet_files.py"""

import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

OUT = Path(__file__).parent.parent / "fixtures" / "formats"

items = pa.table(
    {
        "id": pa.array([9007199254740993, 2, 3], pa.int64()),
        "title": ["Lamp", "Chaise été", "Tisch"],
        "keywords": pa.array([["red", "light"], [], None], pa.list_(pa.string())),
        "available": pa.array([True, False, None], pa.bool_()),
        "price": [1.5, 2.5, 3.5],
    }
)
for codec in ("snappy", "zstd", "gzip"):
    pq.write_table(items, OUT / f"items-{codec}.parquet", row_group_size=2, compression=codec)

moment = datetime.datetime(2024, 2, 29, 1, 2, 3, 456000)
events = pa.table(
    {
        "user_id": ["u1", "u2"],
        "item_id": pa.array([9007199254740993, 2], pa.int64()),
        "event": ["addtocart", "view"],
        "timestamp": pa.array([moment, moment], pa.timestamp("us", tz="UTC")),
    }
)
pq.write_table(events, OUT / "events.parquet")
