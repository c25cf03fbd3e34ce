//! `windtunnel-live`: the control plane of an experiment on real Linux hosts, and its users. `windtunnel live …` runs it.

#![expect(
    clippy::disallowed_methods,
    reason = "of a program, the environment is read where its command line is"
)]

mod agent;
mod certs;
mod control;
mod host;
mod hour;
mod kube;
mod load;
mod predict;
mod record;
mod table;
mod what_if;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};

use live::access::location;
use live::client::{Client, ClientError};
use live::security::certs::USER;
use live::security::credentials::Credentials;
use live::security::tls;

use cli::{Exit, Failure, Global};

/// Memory of the program: where there is no more, the program ends with words.
#[global_allocator]
static MEMORY: cli::SystemMemory = cli::SystemMemory;

/// Command line of `windtunnel live`.
#[derive(Debug, clap::Args)]
struct LiveArguments {
    #[command(subcommand)]
    command: LiveCommand,
}

fn main() -> ExitCode {
    if let Some(shim) = host::requested_shim(std::env::args_os()) {
        return host::run_shim(&shim);
    }
    cli::companion(
        "live",
        "Run the control plane of an experiment on real Linux hosts",
        |arguments: &LiveArguments| arguments.command.looks_at_signals(),
        |global, arguments| run(global, &arguments.command),
    )
}

/// Subcommands of `live`.
#[derive(Clone, Debug, Subcommand)]
enum LiveCommand {
    /// Run the control plane of an experiment for the nodes that register
    #[command(after_help = control::EXAMPLES)]
    Control(control::ControlArguments),
    /// Register this host as a node and run its pods as processes
    #[command(after_help = agent::EXAMPLES)]
    Agent(agent::AgentArguments),
    /// Schedule the pods of a Kubernetes cluster that is there, by the scheduler of an experiment
    #[command(after_help = kube::EXAMPLES)]
    Kube(kube::KubeArguments),
    /// Make certificates for an agent or a user on another machine
    #[command(after_help = certs::EXAMPLES)]
    Certs(certs::CertsArguments),
    /// Write the log of a control server's inputs so far, or what is seen of a Kubernetes cluster from now on
    #[command(after_help = record::EXAMPLES)]
    Record(record::RecordArguments),
    /// Replay a log; the commands must come out the same, or show those of another policy
    Replay(control::ReplayArguments),
    /// Show what the simulator predicts for a recorded run, beside what happened
    #[command(after_help = predict::EXAMPLES)]
    Predict(predict::PredictArguments),
    /// Fit delays to a recorded run, and show how far simulated times are from real ones
    Calibrate(predict::PredictArguments),
    /// Measure what a control server bears: many agents, whose containers are no processes
    #[command(after_help = load::EXAMPLES)]
    Load(load::LoadArguments),
    /// Show what live mode can use on this host, and what it has to do without
    Doctor(host::DoctorArguments),
    /// Hold a workload for an agent; agents start it themselves
    #[command(hide = true)]
    Shim(host::ShimArguments),
}

impl LiveCommand {
    /// Whether the command looks at the flag that signals set, and so ends by itself.
    const fn looks_at_signals(&self) -> bool {
        // A shim ends with its workload, and has its own ways with signals.
        match self {
            Self::Control(_) | Self::Agent(_) | Self::Kube(_) | Self::Shim(_) => true,
            Self::Record(arguments) => arguments.is_of_cluster(),
            _ => false,
        }
    }
}

/// The control server that a command talks to.
#[derive(Clone, Debug, Args)]
struct ServerArguments {
    /// Folder of the control server's state
    #[arg(long, value_name = "DIR", default_value = "windtunnel-live")]
    state: PathBuf,
}

impl ServerArguments {
    /// A client of the server, with the credentials of users.
    fn client(&self) -> Result<Client, Failure> {
        let state = &self.state;
        let unread = |error: std::io::Error| {
            Failure::input(format!(
                "{}: no control server was started with this state ({error}); give its folder with \
                 `--state`",
                state.display()
            ))
        };
        let address = location(state).map_err(unread)?;
        let credentials = Credentials::read(state, USER).map_err(Failure::input)?;
        let config = tls::client(&credentials).map_err(Failure::input)?;
        Ok(Client::secured(address, config))
    }
}

/// The failure of a request: an input to mend where the server finds fault with it, such as a name of
/// nothing or a file that is too long.
fn failed(error: ClientError) -> Failure {
    match error {
        ClientError::TooLong { .. }
        | ClientError::Refused {
            status: 400 | 404 | 409 | 413,
            ..
        } => Failure::input(error),
        _ => Failure::incomplete(error),
    }
}

fn run(global: &Global, command: &LiveCommand) -> Result<Exit, Failure> {
    match command {
        LiveCommand::Control(arguments) => control::run(global, arguments),
        LiveCommand::Agent(arguments) => agent::run(global, arguments),
        LiveCommand::Kube(arguments) => kube::run(global, arguments),
        LiveCommand::Replay(arguments) => control::replay(global, arguments),
        LiveCommand::Certs(arguments) => certs::certs(arguments),
        LiveCommand::Record(arguments) => record::record(global, arguments),
        LiveCommand::Predict(arguments) => predict::predict(global, arguments),
        LiveCommand::Calibrate(arguments) => predict::calibrate(global, arguments),
        LiveCommand::Load(arguments) => load::load(global, arguments),
        LiveCommand::Doctor(arguments) => host::doctor(arguments),
        LiveCommand::Shim(arguments) => host::hold(arguments),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_server_finds_fault_with_is_an_input_to_mend() {
        let refused = |status| ClientError::Refused {
            status,
            why: "it".to_owned(),
        };
        for (error, exit) in [
            (refused(404), Exit::Input),
            (refused(413), Exit::Input),
            (ClientError::TooLong { bytes: 1 << 21 }, Exit::Input),
            (refused(429), Exit::Incomplete),
            (refused(504), Exit::Incomplete),
        ] {
            assert_eq!(failed(error).exit, exit);
        }
    }
}
