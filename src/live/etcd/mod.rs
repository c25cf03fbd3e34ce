//! Several control servers over one etcd: the leader alone writes. Its lease is its term of office, and
//! every write states the revision at which it was elected, so that a leader that was replaced, and
//! does not know it yet, is refused (spec: live-hosts.md section 5).
//!
//! - `gateway`: requests to etcd over its JSON gateway.
//! - `election`: candidates, leases, and writes that only the leader can make.
//! - `journal`: the log of a control server under the keys of a prefix.
//! - `files`: keys and the roster, which all control servers of a cluster have in common.

pub mod election;
pub mod files;
mod gateway;
pub mod journal;

use std::path::PathBuf;

use serde::{Deserialize, Deserializer};
use thiserror::Error;
use units::Duration;

pub use gateway::{Own, Tls};

/// An etcd and the part of it that a cluster has.
#[derive(Clone, Debug)]
pub struct Place {
    /// Members, such as `http://10.0.0.1:2379`.
    pub endpoints: Vec<String>,
    /// Beginning of all keys.
    pub prefix: String,
    /// Certificates for `https`.
    pub tls: Option<Tls>,
    /// Life of a leader's lease.
    pub lease: Duration,
}

/// A problem with etcd.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum EtcdError {
    /// No member answers.
    #[error("etcd at {endpoints}: {why}; see that a majority of its members runs")]
    Unreached {
        /// The members.
        endpoints: String,
        /// Problem of the last one.
        why: String,
    },
    /// etcd refuses a request.
    #[error("etcd: {0}")]
    Refused(String),
    /// Another control server leads.
    #[error("another control server leads: this one's writes are refused")]
    Fenced,
    /// An endpoint is none.
    #[error("`{0}`: expected an endpoint such as `http://127.0.0.1:2379`")]
    Endpoint(String),
    /// A file of keys or certificates can't be used.
    #[error("{}: {why}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Problem of the file.
        why: String,
    },
}

/// Whole numbers are texts in the JSON of etcd, and left out if they are 0.
fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(serde::de::Error::custom)
}
