//! `windtunnel-live`: the control plane of an experiment on real Linux hosts, and its users. `windtunnel live …` runs it.

#![expect(
    clippy::disallowed_methods,
    reason = "of a program, the environment is read where its command line is"
)]

mod access;
mod agent;
mod control;
mod get;
mod host;
mod hour;
mod kinds;
mod kube;
mod list;
mod load;
mod logs;
mod predict;
mod record;
mod requests;
mod show;
mod store;
mod table;
mod what_if;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};

use live::access::{ADMIN_FILE, location};
use live::client::{Client, ClientError};
use live::joining::Renewal;
use live::security::credentials::Credentials;
use live::security::gate::ADMIN;
use live::security::secrets::secret;
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
    /// Create the objects of manifest files, or update those that exist
    Apply(requests::ApplyArguments),
    /// Delete an object, a pod or a node
    Delete(requests::ObjectArguments),
    /// Set the number of replicas of a workload
    Scale(requests::ScaleArguments),
    /// Keep new pods off a node
    Cordon(requests::NodeArguments),
    /// Let new pods on a node again
    Uncordon(requests::NodeArguments),
    /// Keep new pods off a node and evict those on it, as budgets allow
    Drain(requests::NodeArguments),
    /// Create, list and delete the tokens by which agents and users join
    #[command(subcommand)]
    Token(access::TokenCommand),
    /// Show the authority of the certificates, or put another one in its place, step by step
    Authority(access::AuthorityArguments),
    /// Take the certificates of an agent or a user back
    Revoke(access::RevokeArguments),
    /// Join a control server as a user; other commands find it by `--state`
    Login(access::LoginArguments),
    /// List pods, nodes, services, deployments, jobs and all else that the control server holds
    #[command(after_help = get::EXAMPLES)]
    Get(get::GetArguments),
    /// Show the output of a pod's containers
    Logs(logs::LogsArguments),
    /// List what happened lately to pods and nodes
    Events(show::EventsArguments),
    /// Show the use of processors and memory by nodes and pods
    Top(show::TopArguments),
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
                 `--state`, or join it with `windtunnel live login`",
                state.display()
            ))
        };
        let location = location(state).map_err(unread)?;
        if location.is_plain {
            let secret = secret(&state.join(ADMIN_FILE)).map_err(unread)?;
            return Ok(Client::plain(location.address, &secret).remembering(state));
        }
        let credentials = Credentials::read(state, ADMIN).map_err(Failure::input)?;
        let config = tls::client(&credentials).map_err(Failure::input)?;
        let client = Client::secured(location.address, config).remembering(state);
        // What the server says about its authorities is known once it has answered.
        let _ = client.fetch("/healthz");
        // One that can't be renewed now is good until it expires.
        let _ = Renewal::new(state, ADMIN, credentials).keep(&client);
        Ok(client)
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
        LiveCommand::Apply(arguments) => requests::apply(arguments),
        LiveCommand::Delete(arguments) => requests::delete(arguments),
        LiveCommand::Scale(arguments) => requests::scale(arguments),
        LiveCommand::Cordon(arguments) => requests::cordon(arguments),
        LiveCommand::Uncordon(arguments) => requests::uncordon(arguments),
        LiveCommand::Drain(arguments) => requests::drain(arguments),
        LiveCommand::Token(command) => access::token(command),
        LiveCommand::Authority(arguments) => access::authority(arguments),
        LiveCommand::Revoke(arguments) => access::revoke(arguments),
        LiveCommand::Login(arguments) => access::login(global, arguments),
        LiveCommand::Get(arguments) => get::get(arguments),
        LiveCommand::Logs(arguments) => logs::logs(arguments),
        LiveCommand::Events(arguments) => show::events(arguments),
        LiveCommand::Top(arguments) => show::top(arguments),
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
