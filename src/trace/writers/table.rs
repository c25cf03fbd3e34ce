//! The project's own table of arrivals.

use super::Writer;
use crate::convert::write_arrivals;

/// The registry's entry.
pub(super) const ENTRY: Writer = Writer {
    name: "csv",
    summary: "the project's own table",
    has_usage: true,
    write: write_arrivals,
};
