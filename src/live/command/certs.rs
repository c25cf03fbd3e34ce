//! `windtunnel live certs`: certificates for agents and users on other machines.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;

use live::access::{announce, location};
use live::security::certs::{LIFE_DAYS, has_authority, party};
use live::security::identity::Identity;

use cli::{Exit, Failure};

/// Examples for the help of the command.
pub(super) const EXAMPLES: &str = "Examples:
  windtunnel live certs agent/n1 --state ./state --out n1.certs --server 10.0.0.1:7320
  windtunnel live certs viewer/ada --state ./state --out ada";

/// Arguments of `live certs`.
#[derive(Clone, Debug, Args)]
pub(super) struct CertsArguments {
    /// Role and name of the party; the roles are agent, viewer, submitter and admin
    #[arg(value_name = "ROLE/NAME")]
    party: Identity,
    /// Folder for the certificate and its key, which the party gives with `--state`
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Address at which the party reaches the control server [default: the one that it listens at]
    #[arg(long = "server", value_name = "ADDRESS")]
    address: Option<SocketAddr>,
    /// Days for which the certificate is good
    #[arg(long, value_name = "DAYS", default_value_t = LIFE_DAYS, value_parser = clap::value_parser!(u32).range(1..=7300))]
    days: u32,
    #[command(flatten)]
    server: super::ServerArguments,
}

pub(super) fn certs(arguments: &CertsArguments) -> Result<Exit, Failure> {
    let state = &arguments.server.state;
    if !has_authority(state) {
        return Err(Failure::input(format!(
            "{}: there is no key of an authority (`ca.key`); give the folder of a control server's state, \
             or have the certificates made where the key is",
            state.display()
        )));
    }
    let address = arguments.address.map_or_else(|| location(state), Ok);
    let address = address.map_err(|error| {
        Failure::input(format!(
            "{}: no control server was started with this state ({error}); give its address with `--server`",
            state.display()
        ))
    })?;
    party(state, &arguments.out, &arguments.party, arguments.days).map_err(Failure::incomplete)?;
    announce(&arguments.out, address).map_err(Failure::incomplete)?;
    Ok(Exit::Done)
}
