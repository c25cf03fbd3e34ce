//! Options of `live control` about the place where its state is durable.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use live::etcd::{Own, Place, Tls};
use units::Duration;

use cli::Failure;

/// Shortest lease of a leader.
const LEASE_MIN: Duration = Duration::from_secs(1);

/// Place where the state is durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum StoreKind {
    /// A file in the folder of the state: one control server
    Embedded,
    /// An etcd: several control servers, of which one leads
    Etcd,
}

/// Options about the place where the state is durable.
#[derive(Clone, Debug, Args)]
pub(super) struct StoreArguments {
    /// Place where the state is durable
    #[arg(long, value_enum, default_value_t = StoreKind::Embedded)]
    pub(super) store: StoreKind,
    /// Members of the etcd, separated by commas
    #[arg(
        long,
        value_name = "URL,…",
        value_delimiter = ',',
        required_if_eq("store", "etcd")
    )]
    etcd: Vec<String>,
    /// Beginning of the cluster's keys in the etcd
    #[arg(long, value_name = "TEXT", default_value = "/windtunnel")]
    etcd_prefix: String,
    /// Certificate of the authority of the etcd's members, for `https`
    #[arg(long, value_name = "FILE")]
    etcd_ca: Option<PathBuf>,
    /// Certificate that the etcd asks for
    #[arg(long, value_name = "FILE", requires = "etcd_key")]
    etcd_cert: Option<PathBuf>,
    /// Key of that certificate
    #[arg(long, value_name = "FILE", requires = "etcd_cert")]
    etcd_key: Option<PathBuf>,
    /// Time after which another control server takes over from one that is silent
    #[arg(long, value_name = "DURATION", default_value = "5s")]
    lease: String,
    /// Addresses of all control servers, separated by commas; agents and users go from one to the next
    #[arg(long, value_name = "ADDRESS,…", value_delimiter = ',')]
    pub(super) servers: Vec<SocketAddr>,
}

impl StoreArguments {
    /// The etcd; `None` if the store is another.
    pub(super) fn etcd(&self) -> Result<Option<Place>, Failure> {
        if self.store != StoreKind::Etcd {
            return Ok(None);
        }
        let wrong = |why: &dyn std::fmt::Display| {
            let lease = &self.lease;
            Failure::input(format!("--lease: `{lease}`: {why}; expected such as `5s`"))
        };
        let lease: Duration = self.lease.parse().map_err(|error| wrong(&error))?;
        if lease < LEASE_MIN {
            return Err(wrong(&format!("expected at least {LEASE_MIN}")));
        }
        let own = self.etcd_cert.clone().zip(self.etcd_key.clone());
        let own = own.map(|(certificate, key)| Own { certificate, key });
        Ok(Some(Place {
            endpoints: self.etcd.clone(),
            prefix: self.etcd_prefix.trim_end_matches('/').to_owned(),
            tls: self.etcd_ca.clone().map(|authority| Tls { authority, own }),
            lease,
        }))
    }
}
