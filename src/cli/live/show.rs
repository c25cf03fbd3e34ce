//! Subcommands of `live` that read: lists of pods and nodes, and the log.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde_json::Value;

use lab::folder::{Existing, write_file};
use live::driver::view::{NodeRow, PodRow};

use super::super::{Exit, Failure, output};
use super::ServerArguments;

/// Arguments of `live get`.
#[derive(Clone, Debug, Args)]
pub(in super::super) struct GetArguments {
    /// Kind of the objects
    #[arg(value_enum, value_name = "KIND")]
    kind: Kind,
    /// Output format
    #[arg(long, short, value_enum, default_value_t = GetFormat::Table)]
    output: GetFormat,
    #[command(flatten)]
    server: ServerArguments,
}

/// Kind of listed objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// Pods that have not ended.
    Pods,
    /// Nodes.
    Nodes,
}

/// Output format of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum GetFormat {
    /// Table for the terminal.
    Table,
    /// JSON, one list.
    Json,
}

/// Arguments of `live record`.
#[derive(Clone, Debug, Args)]
pub(in super::super) struct RecordArguments {
    /// File to write
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    server: ServerArguments,
}

pub(super) fn get(arguments: &GetArguments) -> Result<Exit, Failure> {
    let client = arguments.server.client()?;
    let path = match arguments.kind {
        Kind::Pods => "/v1/pods",
        Kind::Nodes => "/v1/nodes",
    };
    let text = match (arguments.output, arguments.kind) {
        (GetFormat::Json, _) => {
            let rows: Value = client.get(path).map_err(Failure::incomplete)?;
            format!("{rows:#}\n")
        }
        (GetFormat::Table, Kind::Pods) => {
            let rows: Vec<PodRow> = client.get(path).map_err(Failure::incomplete)?;
            pods(&rows)
        }
        (GetFormat::Table, Kind::Nodes) => {
            let rows: Vec<NodeRow> = client.get(path).map_err(Failure::incomplete)?;
            nodes(&rows)
        }
    };
    output::print(text.as_bytes())?;
    Ok(Exit::Done)
}

pub(super) fn record(arguments: &RecordArguments) -> Result<Exit, Failure> {
    let client = arguments.server.client()?;
    let log = client.fetch("/v1/log").map_err(Failure::incomplete)?;
    write_file(&arguments.out, &log, Existing::Refuse).map_err(Failure::incomplete)?;
    Ok(Exit::Done)
}

fn pods(rows: &[PodRow]) -> String {
    let head = ["NAMESPACE", "NAME", "READY", "STATUS", "RESTARTS", "NODE"];
    let mut table = vec![head.map(str::to_owned)];
    for row in rows {
        let status = if row.terminating {
            "Terminating"
        } else {
            &row.phase
        };
        let node = row.node.clone().or_else(|| row.waits.clone());
        table.push([
            row.namespace.clone(),
            row.name.clone(),
            if row.ready { "yes" } else { "no" }.to_owned(),
            status.to_owned(),
            row.restarts.to_string(),
            node.unwrap_or_default(),
        ]);
    }
    aligned(&table)
}

fn nodes(rows: &[NodeRow]) -> String {
    let head = ["NAME", "STATUS", "PODS", "COMMANDS"];
    let mut table = vec![head.map(str::to_owned)];
    for row in rows {
        let ready = if row.ready { "Ready" } else { "NotReady" };
        let cordon = if row.cordoned {
            ",SchedulingDisabled"
        } else {
            ""
        };
        table.push([
            row.name.clone(),
            format!("{ready}{cordon}"),
            row.pods.to_string(),
            row.commands.to_string(),
        ]);
    }
    aligned(&table)
}

/// A table with its columns in line.
fn aligned<const N: usize>(table: &[[String; N]]) -> String {
    let width = |column: usize| table.iter().map(|row| row[column].chars().count()).max();
    let widths: Vec<usize> = (0..N).map(|column| width(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for row in table {
        let cells = row.iter().zip(&widths);
        let cells: Vec<String> = cells
            .map(|(cell, &width)| format!("{cell:width$}"))
            .collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    text
}
