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

use std::path::PathBuf;
use std::time::Duration;

use control::Exchange;

pub use http::{Servers, is_on_this_machine};
pub use record::{Recorder, Replay};

use library::Library;
use process::{Process, Program};
use socket::Socket;

/// Code of the user's own, by the way to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Foreign {
    /// Program and its arguments, started for each run.
    Command(Vec<String>),
    /// Address of a socket at which a program waits.
    Socket(String),
    /// Path of a library.
    Library(PathBuf),
}

impl Foreign {
    /// The exchange with it. Paths start at `folder`; an answer may take `answer_limit` of real time.
    pub fn exchange(self, folder: PathBuf, answer_limit: Duration) -> Box<dyn Exchange> {
        match self {
            Self::Command(command) => Box::new(Process::new(Program {
                command,
                folder,
                answer_limit,
            })),
            Self::Socket(address) => Box::new(Socket::new(address, folder, answer_limit)),
            Self::Library(path) => Box::new(Library::new(path, folder, answer_limit)),
        }
    }
}

/// Interface of libraries, as a header of C.
pub const HEADER: &str = include_str!("windtunnel.h");

/// Length of the longest answer, in bytes.
const ANSWER_MAX: u64 = 64 << 20;
