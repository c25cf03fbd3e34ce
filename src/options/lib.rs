//! Options as experiment files state them.
//!
//! A system owns its options: a type whose fields are the ones of its section below `system:`, with
//! defaults, docs and rules ([`SystemSection`]). The type stands beside the system; the registry
//! lists it as a [`Section`]. Whoever reads experiment files knows sections alone: their schema, how
//! they are decoded, and what they complain about.

mod breach;
mod decode;
pub mod period;
mod plain;
mod requests;
mod section;
mod share;

pub use breach::{Around, Breach, BreachKind, Machines, Place, Rules};
pub use decode::{DecodeError, REST};
pub use period::Period;
pub use plain::{Arguments, Plain};
pub use requests::PodRequests;
pub use section::{Home, NamedWorkload, Section, SystemSection};
pub use share::Share;
