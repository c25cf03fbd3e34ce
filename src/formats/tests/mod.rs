//! The readers together: wrong files, dirty rows, real files, and what lies below readers, on real formats.

mod bad_traces;
mod cache;
pub(crate) mod dirty_rows;
mod duplicate_names;
mod file_order;
mod fill_up;
mod headerless;
mod implausible;
mod inspect;
mod inspect_records;
mod outcomes;
mod partitions;

mod precedence;
pub(crate) mod prelude;
mod read_ahead;
mod real_files;
mod relations;
mod transform;
mod unknown_columns;

pub(crate) use outcomes::outcomes;
