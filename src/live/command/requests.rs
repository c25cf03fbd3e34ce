//! Subcommands of `live` that change the cluster.

use std::path::PathBuf;

use clap::Args;

use intake::Input;
use live::wire::request::{Outcome, Request};

use super::kinds::one_object;
use super::{ServerArguments, failed};
use cli::{Exit, Failure, output, terminal};

/// Arguments of `live apply`.
#[derive(Clone, Debug, Args)]
pub(super) struct ApplyArguments {
    /// Files of manifests, YAML or JSON
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    server: ServerArguments,
}

/// Arguments of `live delete`.
#[derive(Clone, Debug, Args)]
pub(super) struct ObjectArguments {
    /// Object such as `Deployment/default/shop`, `pod/web-0` or `Node/worker-1`
    #[arg(value_name = "KIND/NAMESPACE/NAME", value_parser = one_object)]
    object: String,
    #[command(flatten)]
    server: ServerArguments,
}

/// Arguments of `live scale`.
#[derive(Clone, Debug, Args)]
pub(super) struct ScaleArguments {
    /// Workload such as `Deployment/default/shop`
    #[arg(value_name = "KIND/NAMESPACE/NAME", value_parser = one_object)]
    object: String,
    /// Number of replicas
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(0..))]
    replicas: i32,
    #[command(flatten)]
    server: ServerArguments,
}

/// Arguments of `live cordon`, `live uncordon` and `live drain`.
#[derive(Clone, Debug, Args)]
pub(super) struct NodeArguments {
    /// Name of the node
    #[arg(value_name = "NODE")]
    node: String,
    #[command(flatten)]
    server: ServerArguments,
}

pub(super) fn apply(arguments: &ApplyArguments) -> Result<Exit, Failure> {
    let mut exit = Exit::Done;
    for file in &arguments.files {
        let text = Input::path(file).read_to_string();
        let request = Request::Apply {
            file: file.display().to_string(),
            text: text.map_err(Failure::input)?,
        };
        if ask(&arguments.server, &request)? != Exit::Done {
            exit = Exit::Input;
        }
    }
    Ok(exit)
}

pub(super) fn delete(arguments: &ObjectArguments) -> Result<Exit, Failure> {
    let object = arguments.object.clone();
    ask(&arguments.server, &Request::Delete { object })
}

pub(super) fn scale(arguments: &ScaleArguments) -> Result<Exit, Failure> {
    let (object, replicas) = (arguments.object.clone(), arguments.replicas);
    ask(&arguments.server, &Request::Scale { object, replicas })
}

pub(super) fn cordon(arguments: &NodeArguments) -> Result<Exit, Failure> {
    let node = arguments.node.clone();
    ask(&arguments.server, &Request::Cordon { node })
}

pub(super) fn uncordon(arguments: &NodeArguments) -> Result<Exit, Failure> {
    let node = arguments.node.clone();
    ask(&arguments.server, &Request::Uncordon { node })
}

pub(super) fn drain(arguments: &NodeArguments) -> Result<Exit, Failure> {
    let node = arguments.node.clone();
    ask(&arguments.server, &Request::Drain { node })
}

/// Sends a request and prints its outcome.
fn ask(server: &ServerArguments, request: &Request) -> Result<Exit, Failure> {
    let client = server.client()?;
    let outcome: Outcome = client.post("/v1/requests", request).map_err(failed)?;
    for line in &outcome.done {
        output::print(format!("{line}\n").as_bytes())?;
    }
    for line in &outcome.notes {
        terminal::complain(&format!("note: {line}"));
    }
    for line in &outcome.refused {
        terminal::complain(&format!("error: {line}"));
    }
    if outcome.refused.is_empty() {
        return Ok(Exit::Done);
    }
    Err(Failure::silent(Exit::Input))
}
