//! The one integration binary: shared helpers and a module per concern.

#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests read files of the project and say why they are skipped"
)]

mod cli;
mod closed_form;
mod compare;
mod forms;
mod kube_scheduler;
mod layers;
mod openb;
mod permit;
mod placements;
mod readers;
mod report;
mod results;
mod shared;
mod sim;
mod store;
mod streams;
mod world;
