//! Google's cluster traces of 2019 (cells a to h), as `BigQuery` exports them: tables with a header, or
//! JSON with an object a line. Times and amounts are those of the trace of 2011. Format: `traces.md`,
//! section 3.

pub(crate) mod attributes;
mod collections;
pub mod instances;
pub mod machines;

/// The most of a resource that one takes or offers, in largest machines.
const MOST: f64 = 100.0;
