//! Inputs: files, standard input and members of archives, decompressed and read as a stream or by lines, with bounds on
//! what is taken of them and errors that name the file, the line and the rule.

pub mod budget;
pub mod error;
mod input;
pub mod lines;
mod pipe;
mod scan;
mod temporary;

pub use error::{TraceError, read_error};
pub use input::{Input, encoding};
pub use scan::Marked;
pub use temporary::nameless;
