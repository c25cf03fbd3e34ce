//! `windtunnel-mcp`: questions to windtunnel as tools of the Model Context Protocol, so that an assistant
//! asks the simulator instead of guessing.
//!
//! It runs the program for each question, and shares no library with it: what the protocol's crate
//! asks of others (features of `schemars`) would build half the house a second time.

mod call;
mod server;
mod tools;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use rmcp::ServiceExt as _;

use call::Limits;
use server::Server;

/// Answer questions about clusters and experiments as tools of the Model Context Protocol, over standard
/// input and output
#[derive(Clone, Debug, Parser)]
#[command(name = "windtunnel-mcp", version, max_term_width = 100)]
struct Arguments {
    /// Folder that the files of questions lie in; paths that lead out of it are refused
    #[arg(long, value_name = "DIR", default_value = ".")]
    root: PathBuf,
    /// Seconds that a question may take
    #[arg(long, value_name = "SECONDS", default_value_t = 300,
        value_parser = clap::value_parser!(u64).range(1..=86_400))]
    time_limit: u64,
    /// Bytes of an answer; what is longer is cut, and says so
    #[arg(long, value_name = "BYTES", default_value_t = 65_536,
        value_parser = clap::value_parser!(u32).range(1_024..=16_777_216))]
    size_limit: u32,
}

#[expect(clippy::print_stderr, reason = "standard output is the client's")]
fn main() -> ExitCode {
    match serve(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(told) => {
            eprintln!("error: {told}");
            ExitCode::from(2)
        }
    }
}

fn serve(arguments: &Arguments) -> Result<(), String> {
    let root = arguments.root.canonicalize();
    let root = root.map_err(|error| format!("--root {}: {error}", arguments.root.display()))?;
    let limits = Limits {
        time: Duration::from_secs(arguments.time_limit),
        bytes: arguments.size_limit as usize,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    runtime.block_on(async {
        let served = Server::new(root, limits)
            .serve(rmcp::transport::stdio())
            .await
            .map_err(|error| format!("the client does not speak the protocol: {error}"))?;
        let ended = served.waiting().await;
        ended.map(drop).map_err(|error| error.to_string())
    })
}
