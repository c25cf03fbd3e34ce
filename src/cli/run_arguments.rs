//! Arguments of `windtunnel run`.

use std::path::PathBuf;

use clap::Args;

use super::Failure;
use super::experiment_file::MessageFormat;
use lab::folder::{Existing, ResultFolder};
use lab::outputs::Outputs;
use lab::tables::TableFormats;
use report::Format;
use scenario::schema::OnBadRow;
use scheduler::pipeline::evaluate::Form;

/// Arguments of `run`.
#[derive(Clone, Debug, Default, Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each flag of the command line stands by itself"
)]
pub(super) struct RunArguments {
    /// Experiment file (YAML or JSON; `-` reads standard input) [default: the bundled one]
    pub(super) scenario: Option<PathBuf>,
    /// Override a field, such as `seed=7` or `system.scheduler.profile=fgd`; may be repeated
    #[arg(long = "set", value_name = "PATH=VALUE")]
    pub(super) sets: Vec<String>,
    /// Add a variant in which a program of your own gives nodes points, such as `python3 mine.py`: it is asked
    /// by lines of JSON
    #[arg(long, value_name = "COMMAND", conflicts_with = "from")]
    pub(super) policy_command: Option<String>,
    /// Add a variant in which a library of your own gives nodes points, such as `./mine.so`: it is asked by calls
    /// of C
    #[arg(long, value_name = "FILE", conflicts_with_all = ["from", "policy_command"])]
    pub(super) policy_library: Option<PathBuf>,
    /// Override the seed
    #[arg(long, value_name = "N")]
    pub(super) seed: Option<u64>,
    /// Result folder [default: results/NAME]
    #[arg(long, value_name = "DIR")]
    pub(super) out: Option<PathBuf>,
    /// Replace an existing result folder
    #[arg(long)]
    pub(super) force: bool,
    /// Handling of trace rows that cannot be read [default: as in the file, otherwise fail]
    #[arg(long, value_enum, value_name = "HOW")]
    pub(super) on_bad_row: Option<BadRows>,
    /// Output format of the summary
    #[arg(long, value_enum, default_value_t = SummaryFormat::Table)]
    pub(super) format: SummaryFormat,
    /// File format of the tables in the result folder
    #[arg(long, value_enum, default_value_t)]
    pub(super) tables: TableFiles,
    /// Also write every decision to `decisions.jsonl.zst`
    #[arg(long)]
    pub(super) decisions: bool,
    /// Also write the events of pods, nodes and objects to `events.jsonl.zst`, for `events`
    #[arg(long)]
    pub(super) events: bool,
    /// Also write the events as a trace that ui.perfetto.dev opens; implies --events
    #[arg(long, value_name = "FILE")]
    pub(super) perfetto: Option<PathBuf>,
    /// Write a snapshot of the run at a time, such as `--snapshot-at 3d FILE`, and continue
    #[arg(long, num_args = 2, value_names = ["AT", "FILE"], conflicts_with = "from")]
    pub(super) snapshot_at: Vec<String>,
    /// Replay to a snapshot and continue from there; `--set` changes what follows
    #[arg(long, value_name = "FILE", conflicts_with_all = ["scenario", "seed", "on_bad_row"])]
    pub(super) from: Option<PathBuf>,
    /// Form in which the scheduler decides: `plain` asks about every node each time, by the definition of
    /// each policy; the decisions are the same
    #[arg(long, value_enum, default_value_t = SchedulerForm::Fast, conflicts_with = "from")]
    pub(super) form: SchedulerForm,
    /// Check the experiment and what it names, and run nothing
    #[arg(long, conflicts_with_all = ["from", "snapshot_at", "perfetto"])]
    pub(super) dry_run: bool,
    /// Print where time is spent: engine, scheduler by plugin, arrivals, metrics, output (on
    /// stderr)
    #[arg(long)]
    pub(super) profile: bool,
    /// Output format for errors in the experiment file
    #[arg(long, value_enum, default_value_t = MessageFormat::Human)]
    pub(super) message_format: MessageFormat,
}

/// Form in which a scheduler decides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum SchedulerForm {
    /// Keep what does not change between decisions.
    #[default]
    Fast,
    /// Compute everything for each decision.
    Plain,
}

impl From<SchedulerForm> for Form {
    fn from(form: SchedulerForm) -> Self {
        match form {
            SchedulerForm::Fast => Self::Incremental,
            SchedulerForm::Plain => Self::Plain,
        }
    }
}

/// Handling of trace rows that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum BadRows {
    /// Fail at the first bad row.
    Fail,
    /// Skip bad rows and count them.
    Skip,
    /// Skip bad rows, count and list them.
    Report,
    /// Fail at the first bad row, and at the first irregularity that a format's rules drop, repair, keep or waive.
    Strict,
}

impl From<BadRows> for OnBadRow {
    fn from(rows: BadRows) -> Self {
        match rows {
            BadRows::Fail => Self::Fail,
            BadRows::Skip => Self::Skip,
            BadRows::Report => Self::Report,
            BadRows::Strict => Self::Strict,
        }
    }
}

/// Output format of the summary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum SummaryFormat {
    /// Table for the terminal.
    #[default]
    Table,
    /// JSON, one object.
    Json,
    /// CSV, one line per metric and variant.
    Csv,
    /// Markdown table.
    Markdown,
    /// LaTeX table, for papers (package booktabs).
    Latex,
}

impl From<SummaryFormat> for Format {
    fn from(format: SummaryFormat) -> Self {
        match format {
            SummaryFormat::Table => Self::Table,
            SummaryFormat::Json => Self::Json,
            SummaryFormat::Csv => Self::Csv,
            SummaryFormat::Markdown => Self::Markdown,
            SummaryFormat::Latex => Self::Latex,
        }
    }
}

/// File format of the tables in the result folder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum TableFiles {
    /// `timeseries.parquet`, `timeseries.csv` and `pods.parquet`
    #[default]
    Parquet,
    /// `timeseries.csv` and `pods.csv.zst`
    Csv,
    /// Every table as Parquet and CSV
    Both,
    /// No tables
    None,
}

impl RunArguments {
    /// Completes the result folder, and writes what a user wants beside it.
    pub(super) fn finish(&self, folder: ResultFolder) -> Result<PathBuf, Failure> {
        let out = folder.finish()?;
        if let Some(file) = &self.perfetto {
            super::events::write_perfetto(&out, file, Existing::forced(self.force))?;
        }
        Ok(out)
    }

    /// Whether the run records the events of pods, nodes and objects.
    pub(super) const fn records_events(&self) -> bool {
        self.events || self.perfetto.is_some()
    }
}

impl TableFiles {
    pub(super) fn outputs(self, decisions: bool, events: bool) -> Outputs {
        // The time series is small, and a text is at hand everywhere; the table of pods as CSV
        // costs as much time as both of them as Parquet.
        let (series, pods) = match self {
            Self::Parquet => (TableFormats::BOTH, TableFormats::PARQUET),
            Self::Csv => (TableFormats::CSV, TableFormats::CSV),
            Self::Both => (TableFormats::BOTH, TableFormats::BOTH),
            Self::None => (TableFormats::NONE, TableFormats::NONE),
        };
        Outputs {
            series,
            pods,
            decisions,
            events,
        }
    }
}
