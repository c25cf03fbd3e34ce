//! Traces: the uniform workload stream, one reader per format, and what turns a trace into
//! arrivals (its own times, or a fill-up).

pub mod error;
pub mod manifest;
pub mod stream;

pub use error::TraceError;
pub use stream::{Arrival, ArrivalSource, Classes};
