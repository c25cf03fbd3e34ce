//! `windtunnel-serve`: runs, clusters at any instant and experiments as a page in the browser of this machine.
//!
//! It reads result folders by itself and runs the program for everything else, so that it shares no library with it:
//! an answer on the page is that of the command line.

#![expect(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "a program of its own: it reads files and the clock, and its maps are never walked for a result"
)]

mod assets;
mod browser;
mod door;
mod gate;
mod jobs;
mod live;
mod log;
mod logs;
mod orders;
mod places;
mod program;
mod questions;
mod refusal;
mod routes;
mod site;
mod tail;
mod views;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use tokio::net::TcpListener;

use door::Door;
use gate::Gate;
use jobs::Jobs;
use live::Live;
use logs::Logs;
use places::Places;
use program::Program;
use site::Shared;

/// Show runs, clusters at any instant and experiments in the browser
///
/// The page is served to this machine alone, and asks for the token that the printed address holds.
#[derive(Clone, Debug, Parser)]
#[command(
    name = "windtunnel-serve",
    bin_name = "windtunnel serve",
    version,
    disable_version_flag = true,
    max_term_width = 100,
    after_help = EXAMPLES
)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each flag of the command line stands by itself"
)]
struct Arguments {
    /// Folder of results, or one result folder [default: results]
    #[arg(value_name = "RESULTS")]
    results: Option<PathBuf>,
    /// Experiment file that the editor shows first
    #[arg(value_name = "EXPERIMENT")]
    experiment: Option<PathBuf>,
    /// Folder of experiments; files that an experiment names lie below it or below `--traces`
    #[arg(long, value_name = "DIR", default_value = ".")]
    root: PathBuf,
    /// Port at which the page is served [default: a free one]
    #[arg(
        long,
        value_name = "PORT",
        default_value_t = 0,
        hide_default_value = true
    )]
    port: u16,
    /// Open the page in the browser
    #[arg(long)]
    open: bool,
    /// Also show the live cluster of a control server, by the folder of its state
    #[arg(long, value_name = "STATE")]
    live: Option<PathBuf>,
    /// Runs that may go on at once
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=16))]
    runs: u8,
    /// Seconds that a question, such as why a pod waits, may take
    #[arg(long, value_name = "SECONDS", default_value_t = 600, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    time_limit: u64,
    /// Run the programs, libraries, sockets and extenders that experiments name
    #[arg(long)]
    allow_external: bool,
    /// Folder with the traces that scenarios name; may be repeated
    #[arg(long = "traces", value_name = "DIR")]
    traces: Vec<PathBuf>,
    /// Number of threads of each run
    #[arg(long, value_name = "N")]
    threads: Option<u16>,
    /// Leave objects of these kinds out of manifests; may be repeated
    #[arg(long, value_name = "KIND", value_delimiter = ',')]
    ignore: Vec<String>,
    /// Neither read nor write the cache of decoded traces
    #[arg(long)]
    no_trace_cache: bool,
    /// Print nothing but the address
    #[arg(short, long)]
    quiet: bool,
    /// Accepted for the sake of other commands; there are no details
    #[arg(short, long, hide = true)]
    verbose: bool,
    /// Accepted for the sake of other commands; the page shows progress
    #[arg(long, hide = true)]
    no_progress: bool,
}

const EXAMPLES: &str = "Examples:
  windtunnel serve
  windtunnel serve results/packing
  windtunnel serve results packing.yaml --port 8080
  windtunnel serve --open
  windtunnel serve --live /var/lib/windtunnel

It prints the address of the page, with the token that opens it. Ctrl-C ends it and the runs that it
started. From another machine: `ssh -L 8080:127.0.0.1:8080 HOST`.";

#[expect(clippy::print_stderr, reason = "standard error has what went wrong")]
fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(8)
        .build();
    let served = match runtime {
        Ok(runtime) => {
            let served = runtime.block_on(serve(&arguments));
            // What is still being read or answered has nobody who waits for it.
            runtime.shutdown_background();
            served
        }
        Err(error) => Err(error.to_string()),
    };
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(told) => {
            eprintln!("error: {told}");
            ExitCode::from(2)
        }
    }
}

#[expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the address is the result of the command"
)]
async fn serve(arguments: &Arguments) -> Result<(), String> {
    let places = Places::new(arguments)?;
    let program = Program::new(arguments, &places);
    let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, arguments.port)))
        .await
        .map_err(|error| format!("--port {}: {error}", arguments.port))?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    let gate = Gate::new(address.port())?;
    println!("{}", gate.address());
    if !arguments.quiet {
        eprintln!("The page of this machine; Ctrl-C ends it and its runs.");
    }
    let lead = arguments.open.then(|| browser::open(&gate.address()));
    if let Some(Err(error)) = &lead {
        eprintln!("note: the browser can't be opened ({error}); open the address by hand");
    }
    let logs = Logs::default();
    let live = (arguments.live.as_ref()).map(|state| Live::start(state, &program));
    let shared = Arc::new(Shared {
        places,
        program,
        jobs: Jobs::new(usize::from(arguments.runs)),
        logs,
        live: live.transpose()?,
        gate,
    });
    shared.read_ahead();
    let service = routes::service(Arc::clone(&shared));
    let served = tokio::select! {
        served = axum::serve(Door::new(listener), service) => served.map_err(|error| error.to_string()),
        () = ended() => Ok(()),
    };
    shared.jobs.end().await;
    served
}

/// Ends when a signal asks the program to end.
async fn ended() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut terminated), Ok(mut hung_up)) = (
        signal(SignalKind::terminate()),
        signal(SignalKind::hangup()),
    ) else {
        let _ = tokio::signal::ctrl_c().await;
        return;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminated.recv() => {}
        _ = hung_up.recv() => {}
    }
}
