//! Parquet files read back as written.
