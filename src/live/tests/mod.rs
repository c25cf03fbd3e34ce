//! The control server and daemons of several nodes in one process, over fake machines.

mod bench;
mod faults;
mod replay;
mod server;
