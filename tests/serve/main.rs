//! The page's server as a browser meets it, and as others would: over HTTP on this machine. The program that it runs is
//! a stand-in, or the real one where it stands beside the server.

#![expect(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "these tests make folders, start programs, wait for them and say what they skip"
)]

mod browser;
mod door;
mod foreign;
mod growth;
mod live;
mod runs;
mod site;
mod words;
