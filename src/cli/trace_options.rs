//! Options of the commands of `windtunnel trace` that change what is read of a trace, each as an experiment's workload has
//! it, under the same name.

use std::sync::Arc;

use clap::Args;

use arrivals::ReadOptions;
use arrivals::column_mapping::ColumnMapping;
use arrivals::format::FormatEntry;
use units::Duration;

use super::Failure;

/// Heading of these options in the help.
const HEADING: &str = "Options of formats, as an experiment's trace has them";

/// Choices about the reading of a trace; a format refuses those that it doesn't have.
#[derive(Clone, Debug, Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of the command line, by its name"
)]
pub(super) struct FormatArguments {
    /// Read the memory that a job log says was requested
    #[arg(long, help_heading = HEADING)]
    pub(super) memory: bool,
    /// Have tasks keep to constraints that their own records state (Google)
    #[arg(long, help_heading = HEADING)]
    constraints: bool,
    /// Keep jobs that ran for 0 s, with this run time
    #[arg(long, value_name = "TIME", value_parser = run_time, help_heading = HEADING)]
    min_runtime: Option<Duration>,
    /// Leave out what never ran
    #[arg(long, help_heading = HEADING)]
    ran_only: bool,
    /// End jobs that reach the time they requested
    #[arg(long, help_heading = HEADING)]
    kill_at_walltime: bool,
    /// Have tasks whose request changes ask for the most that they ever requested
    #[arg(long, help_heading = HEADING)]
    largest_request: bool,
    /// Read the shares of disks and network that machines or services request (Azure, Alibaba 2017)
    #[arg(long, help_heading = HEADING)]
    shares: bool,
    /// End machines once they use nothing from one sample to the next (`PlanetLab`)
    #[arg(long, help_heading = HEADING)]
    end_when_idle: bool,
    /// Speed of a core of the hosts: tasks request their capacity divided by it (`OpenDC`)
    #[arg(long, value_name = "MHZ", value_parser = amount(), help_heading = HEADING)]
    core_mhz: Option<i64>,
    /// Cores of the largest machine, to which a trace is normalized [default: 64]
    #[arg(long, value_name = "N", value_parser = amount(), help_heading = HEADING)]
    full_cores: Option<i64>,
    /// Memory of the largest machine in GiB, to which a trace is normalized [default: 256]
    #[arg(long, value_name = "GIB", value_parser = amount(), help_heading = HEADING)]
    full_memory_gib: Option<i64>,
    /// Cores that the open bucket `>24` counts as (Azure) [default: 30]
    #[arg(long, value_name = "N", value_parser = amount(), help_heading = HEADING)]
    open_cores: Option<i64>,
    /// Memory in GiB that the open bucket `>64` counts as (Azure) [default: 70]
    #[arg(long, value_name = "GIB", value_parser = amount(), help_heading = HEADING)]
    open_memory_gib: Option<i64>,
    /// Pod slots of a node where the format doesn't say [default: 1001]
    #[arg(long, value_name = "N", value_parser = amount(), help_heading = HEADING)]
    pods_per_node: Option<i64>,
    /// Column of another table that stands for one of `csv`, such as `submit=time_submit as unix-seconds`
    #[arg(long, value_name = "OWN=OTHER", help_heading = HEADING)]
    column: Vec<String>,
}

/// The range of amounts, as experiments have it.
fn amount() -> clap::builder::RangedI64ValueParser<i64> {
    clap::value_parser!(i64).range(1..=1_000_000)
}

fn run_time(text: &str) -> Result<Duration, String> {
    match text.parse::<Duration>() {
        Ok(time) if time > Duration::ZERO => Ok(time),
        Ok(_) => Err("expected a time above 0, such as `1s`".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// An option of the command line.
struct Choice {
    /// Name on the command line.
    name: &'static str,
    /// Name among the options of formats.
    option: &'static str,
    is_stated: bool,
    /// Words about a format without it.
    lacks: &'static str,
}

/// Words about most formats without an option.
const PLAIN: &str = "has no such choice; leave it out";

impl FormatArguments {
    /// Whether columns of another table are named.
    pub(super) fn maps_columns(&self) -> bool {
        !self.column.is_empty()
    }

    /// The options that are stated.
    fn stated(&self) -> impl Iterator<Item = Choice> {
        let all = self.choices().into_iter().chain(self.amounts());
        all.filter(|own| own.is_stated)
    }

    /// The options that are no amounts.
    fn choices(&self) -> [Choice; 9] {
        let of = |name, option, is_stated, lacks| Choice {
            name,
            option,
            is_stated,
            lacks,
        };
        [
            of(
                "memory",
                "memory",
                self.memory,
                "has no memory to choose; leave it out, what it states is written",
            ),
            of(
                "constraints",
                "constraints",
                self.constraints,
                "has no constraints to choose; leave it out",
            ),
            of(
                "min-runtime",
                "min-runtime",
                self.min_runtime.is_some(),
                "keeps runs of 0 s; leave it out",
            ),
            of(
                "ran-only",
                "ran-only",
                self.ran_only,
                "doesn't say what never ran; leave it out",
            ),
            of(
                "kill-at-walltime",
                "kill-at-walltime",
                self.kill_at_walltime,
                PLAIN,
            ),
            of(
                "largest-request",
                "largest-request",
                self.largest_request,
                PLAIN,
            ),
            of("shares", "shares", self.shares, PLAIN),
            of("end-when-idle", "end-when-idle", self.end_when_idle, PLAIN),
            of(
                "column",
                "columns",
                !self.column.is_empty(),
                "has columns of its own; say `--trace-format csv`",
            ),
        ]
    }

    /// The amounts.
    fn amounts(&self) -> [Choice; 6] {
        let of = |name, option, amount: Option<i64>, lacks| Choice {
            name,
            option,
            is_stated: amount.is_some(),
            lacks,
        };
        let scale = "is not normalized to its largest machine; leave it out";
        let buckets = "has no open buckets; leave it out";
        [
            of("core-mhz", "core-mhz", self.core_mhz, PLAIN),
            of("full-cores", "full-cpu", self.full_cores, scale),
            of(
                "full-memory-gib",
                "full-memory",
                self.full_memory_gib,
                scale,
            ),
            of("open-cores", "open-buckets", self.open_cores, buckets),
            of(
                "open-memory-gib",
                "open-buckets",
                self.open_memory_gib,
                buckets,
            ),
            of(
                "pods-per-node",
                "pods-per-node",
                self.pods_per_node,
                "has no nodes without pod slots; leave it out",
            ),
        ]
    }

    /// The options by which a trace of a format is read.
    pub(super) fn options(&self, entry: &FormatEntry) -> Result<ReadOptions, Failure> {
        if let Some(own) = { self.stated() }.find(|own| !entry.options.contains(&own.option)) {
            return Err(Failure::input(format!(
                "--{}: the format `{}` {}",
                own.name, entry.name, own.lacks
            )));
        }
        let columns = ColumnMapping::of_arguments(&self.column)
            .map_err(|error| Failure::input(format!("--column: {error}")))?;
        let default = ReadOptions::default();
        let scaled = |stated: Option<i64>, unit: i64, default: i64| {
            stated.map_or(default, |own| own.saturating_mul(unit))
        };
        let gib = 1 << 30;
        Ok(ReadOptions {
            memory: self.memory,
            constraints: self.constraints,
            min_runtime: self.min_runtime,
            ran_only: self.ran_only,
            kill_at_walltime: self.kill_at_walltime,
            largest_request: self.largest_request,
            shares: self.shares,
            end_when_idle: self.end_when_idle,
            core_mhz: self.core_mhz,
            full_cpu_milli: scaled(self.full_cores, 1_000, default.full_cpu_milli),
            full_memory_bytes: scaled(self.full_memory_gib, gib, default.full_memory_bytes),
            open_cpu_milli: scaled(self.open_cores, 1_000, default.open_cpu_milli),
            open_memory_bytes: scaled(self.open_memory_gib, gib, default.open_memory_bytes),
            pods_per_node: self.pods_per_node.unwrap_or(default.pods_per_node),
            columns: Arc::new(columns),
            ..default
        })
    }

    /// Refuses options of traces for a failure log, which has none.
    pub(super) fn refuse_for_log(&self, file: &str) -> Result<(), Failure> {
        match self.stated().next() {
            None => Ok(()),
            Some(own) => Err(Failure::input(format!(
                "--{}: {file} is read as a failure log; leave it out",
                own.name
            ))),
        }
    }
}
