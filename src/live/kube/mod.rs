//! The schedulers of an experiment on a Kubernetes cluster that is there: its objects are watched, and pods that
//! name the scheduler are bound. Controllers, autoscalers and kubelets stay those of the cluster.
//!
//! - `kubeconfig`: where the API is, and who asks.
//! - `api`: requests over HTTP; `reflector` lists and watches, `writer` writes, `lease` elects a leader.
//! - `engine`: the loop around the driver, which has the decisions (`driver::mirror`).
//! - `role`: the rights that all this needs.

pub mod address;
pub mod api;
pub mod engine;
pub mod kubeconfig;
mod lease;
mod news;
mod reflector;
pub mod role;
mod writer;

use crate::runtime::clock::wall_ns;
use crate::runtime::timestamp as written;

/// The time of the wall clock as the API takes it: to the microsecond where it asks for that, else to the second.
fn timestamp(is_exact: bool) -> String {
    let text = written(wall_ns());
    let (seconds, rest) = text
        .split_once('.')
        .unwrap_or((text.trim_end_matches('Z'), ""));
    if is_exact {
        let micros: String = rest
            .chars()
            .take_while(char::is_ascii_digit)
            .chain("000000".chars())
            .take(6)
            .collect();
        format!("{seconds}.{micros}Z")
    } else {
        format!("{seconds}Z")
    }
}
