//! Traces: the uniform workload stream, one reader per format, and what turns a trace into
//! arrivals (its own times, or a fill-up).

pub mod ahead;
pub mod archive;
pub mod budget;
pub mod cache;
mod calendar;
pub mod class_keys;
pub mod convert;
mod cut_file;
mod cut_tasks;
pub mod edit;
pub mod error;
pub mod expression;
pub mod failure_log;
pub mod fit;
pub mod format;
pub mod formats;
mod gather;
pub mod generate;
pub mod input;
pub mod inspect;
pub mod intern;
mod json;
mod known_tasks;
pub mod ledger;
pub mod lines;
pub mod links;
pub mod listed;
pub mod lookahead;
mod machine_course;
pub mod memory;
pub mod merge;
mod msgpack;
pub mod nameless;
mod number;
mod numbered;
pub mod options;
pub mod order;
mod origin;
pub mod output;
mod parquet;
pub mod partitioned;
mod pipe;
pub mod planetlab;
mod plans;
mod pod_template;
pub mod quantiles;
pub mod rates;
mod records;
pub mod registry;
mod renumbered;
mod resizes;
mod rewritten;
mod rows;
mod samples;
mod scan;
mod side_by_side;
mod spill;
mod sqlite;
pub mod stream;
pub mod table;
mod texts;
mod timed;
pub mod transform;
mod unfold;
mod unrecognized;
mod waits;
pub mod writers;

#[cfg(test)]
mod bad_traces;
#[cfg(test)]
mod dirty_rows;
#[cfg(test)]
mod real_files;

pub use error::TraceError;
pub use input::Input;
pub use ledger::{Action, Ledger, OnBadRow, RowPolicy};
pub use links::Links;
pub use memory::{MemorySource, Recorded};
pub use options::ReadOptions;
pub use order::{FillOrder, FillResource, FillUp, Filled, fill_up};
pub use origin::Origin;
pub use stream::{Arrival, ArrivalSource, Classes};
pub use waits::WaitFault;
