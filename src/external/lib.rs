//! Programs outside that take part in deciding: started by a command and asked over their standard input
//! and output, waiting at a socket, or servers on this machine that are asked over HTTP; and libraries that
//! are asked by calls of C.
//!
//! A program is started at its first question and ended with the run. It has a limit of real time for each
//! answer, so a program that hangs ends the run with an error; no decision depends on how long it took.

mod columns;
mod http;
mod library;
mod line;
mod process;
mod record;
mod socket;

pub use http::{Servers, is_on_this_machine};
pub use library::Library;
pub use process::{Process, Program};
pub use record::{Recorder, Replay};
pub use socket::Socket;

/// Interface of libraries, as a header of C.
pub const HEADER: &str = include_str!("windtunnel.h");

/// Length of the longest answer, in bytes.
const ANSWER_MAX: u64 = 64 << 20;
