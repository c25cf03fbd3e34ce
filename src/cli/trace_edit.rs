//! `windtunnel trace edit`: a part of a trace, or several traces in one, at another rate or without
//! names.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use arrivals::format::{Constructor, FormatEntry};
use arrivals::inspect::summarize_workload;
use arrivals::transform::Ratio;
use arrivals::{ArrivalSource, ReadOptions};
use formats::registry::recognize;
use formats::writers::Writer;
use intake::Input;
use report::trace as told;
use units::{Duration, Instant};
use workloads::edit::{Edit, KeptNames, Sample, SampleBy};
use workloads::expression::{Assignment, Condition};

use super::trace_files::{FileArguments, ReadingArguments, end_of, exit, opened, writer, written};
use super::{Exit, Failure, terminal};

/// Edit of a trace. The options apply in the order in which they stand here.
#[derive(Clone, Debug, Args)]
pub(super) struct EditArguments {
    #[command(flatten)]
    file: FileArguments,
    /// Keep records after this line, to go on where a file that was cut off ended
    #[arg(long, value_name = "N")]
    after_line: Option<u64>,
    /// Keep what is submitted from this time on, which becomes 0
    #[arg(long, value_name = "TIME", value_parser = time, allow_hyphen_values = true)]
    from: Option<Duration>,
    /// Keep what is submitted before this time
    #[arg(long, value_name = "TIME", value_parser = time, allow_hyphen_values = true)]
    until: Option<Duration>,
    /// Keep what this tenant submits; may be repeated
    #[arg(long, value_name = "NAME")]
    tenant: Vec<String>,
    /// Keep what meets this condition, such as `cpu > 4 && tenant == "a"`
    #[arg(long = "where", value_name = "CONDITION", value_parser = condition)]
    condition: Option<Condition>,
    /// Write a field anew, such as `memory = memory * 1.2`; may be repeated
    #[arg(long, value_name = "FIELD = VALUE", value_parser = assignment)]
    set: Vec<Assignment>,
    /// Keep a random part of this size
    #[arg(long, value_name = "PERCENT", value_parser = millionths)]
    sample: Option<u32>,
    /// Sample whole tenants instead of single jobs
    #[arg(long, value_enum, default_value_t = By::Job, requires = "sample")]
    by: By,
    /// Seed of the sample
    #[arg(long, value_name = "N", default_value_t = 42, requires = "sample")]
    seed: u64,
    /// Submit this many times as much per time; run times stay
    #[arg(long, value_name = "FACTOR", value_parser = rate)]
    rate: Option<Ratio>,
    /// Submit everything later by this time
    #[arg(long, value_name = "TIME", value_parser = time, allow_hyphen_values = true)]
    shift: Option<Duration>,
    /// Add the arrivals of another trace, unedited; may be repeated
    #[arg(long, value_name = "FILE")]
    merge: Vec<String>,
    /// Replace names by numbers: of jobs, tenants, namespaces, queues and the like, types of jobs and
    /// models of GPUs; leave out a log's names, places and dates
    #[arg(long)]
    anonymize: bool,
    /// Keep these names all the same, by which nodes or throughputs are chosen; may be repeated
    #[arg(long, value_name = "FIELD", value_enum, requires = "anonymize")]
    keep: Vec<Keep>,
    /// Output file
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Format to write the arrivals in
    #[arg(long, value_name = "FORMAT", default_value = "csv", value_parser = writer)]
    to: &'static Writer,
    #[command(flatten)]
    reading: ReadingArguments,
    /// Replace an existing file
    #[arg(long)]
    force: bool,
}

/// Names that an anonymous trace keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Keep {
    /// Types of jobs
    #[value(name = "job_type")]
    JobType,
    /// Models of GPUs
    #[value(name = "gpu_models")]
    GpuModels,
}

/// Unit of a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum By {
    /// Each job by itself
    Job,
    /// All jobs of a tenant, or none
    Tenant,
}

fn condition(text: &str) -> Result<Condition, String> {
    Condition::parse(text).map_err(|error| error.to_string())
}

fn assignment(text: &str) -> Result<Assignment, String> {
    Assignment::parse(text).map_err(|error| error.to_string())
}

/// A time since the trace's zero, as in an experiment's `transform`.
fn time(text: &str) -> Result<Duration, String> {
    match text.parse::<Duration>() {
        Ok(time) if time >= Duration::ZERO => Ok(time),
        Ok(_) => Err("expected a time that is not negative, such as `30m`".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

fn number(text: &str, expected: &str) -> Result<f64, String> {
    let number = text.parse::<f64>().ok().filter(|number| number.is_finite());
    number.ok_or_else(|| format!("expected {expected}"))
}

fn millionths(text: &str) -> Result<u32, String> {
    let expected = "a percentage above 0, at most 100, such as `12.5` or `12.5%`";
    let text = text.strip_suffix('%').unwrap_or(text);
    let millionths = (1e4 * number(text, expected)?).round();
    if (1.0..=1e6).contains(&millionths) {
        Ok(millionths as u32)
    } else {
        Err(format!("expected {expected}"))
    }
}

/// The factor on submit times of a factor on the rate.
fn rate(text: &str) -> Result<Ratio, String> {
    let expected = "a factor from 0.000001 to 1000000, such as `1.5`";
    let millionths = (1e6 * number(text, expected)?).round();
    let ratio = Ratio::new(1_000_000, millionths as i64);
    ratio
        .filter(|_| millionths <= 1e12)
        .ok_or_else(|| format!("expected {expected}"))
}

impl EditArguments {
    fn edit(&self) -> Result<Edit, Failure> {
        let at = |span: Duration| Instant::ZERO.saturating_add(span);
        let from = at(self.from.unwrap_or(Duration::ZERO));
        let until = self.until.map_or(Instant::MAX, at);
        if from >= until {
            let refused = "--until: expected a time after that of `--from`";
            return Err(Failure::input(refused));
        }
        let by = match self.by {
            By::Job => SampleBy::Job,
            By::Tenant => SampleBy::Tenant,
        };
        let edit = Edit {
            after_line: self.after_line,
            window: (self.from.is_some() || self.until.is_some()).then_some((from, until)),
            tenants: self
                .tenant
                .iter()
                .map(|name| name.as_str().into())
                .collect(),
            condition: self.condition.clone(),
            assignments: self.set.clone(),
            sample: self.sample.map(|millionths| Sample {
                millionths,
                by,
                seed: self.seed,
            }),
            times: self.rate,
            shift: self.shift.unwrap_or(Duration::ZERO),
            is_anonymous: self.anonymize,
            kept_names: KeptNames {
                job_types: self.keep.contains(&Keep::JobType),
                gpu_models: self.keep.contains(&Keep::GpuModels),
                labels: false,
            },
        };
        if edit == Edit::default() && self.merge.is_empty() {
            return Err(Failure::input(
                "no edit is named; `windtunnel trace edit --help` lists them, and `windtunnel trace \
                 convert` writes a trace as it is",
            ));
        }
        Ok(edit)
    }
}

/// A trace that is edited or merged.
struct Part {
    input: Input,
    entry: &'static FormatEntry,
    options: ReadOptions,
}

impl Part {
    fn new(
        input: Input,
        entry: &'static FormatEntry,
        arguments: &EditArguments,
    ) -> Result<Self, Failure> {
        if let Constructor::Nodes(_) = entry.open {
            return Err(Failure::input(format!(
                "{}: holds nodes ({}); an edit is one of arrivals",
                input.name, entry.name
            )));
        }
        let options = arguments
            .reading
            .options(&arguments.file, entry, arguments.to)?;
        Ok(Self {
            input,
            entry,
            options,
        })
    }

    fn open(&self) -> Result<Box<dyn ArrivalSource>, Failure> {
        match self.entry.open {
            Constructor::Workload(open) => open(&self.input, &self.options).map_err(Failure::input),
            Constructor::Nodes(_) => Err(Failure::input("holds nodes")),
        }
    }
}

pub(super) fn edit(arguments: &EditArguments) -> Result<Exit, Failure> {
    let edit = arguments.edit()?;
    let (input, entry) = opened(&arguments.file)?;
    let part = Part::new(input, entry, arguments)?;
    let others = { arguments.merge.iter() }
        .map(|name| {
            let input = Input::argument(name)?;
            let entry = recognize(&input)?;
            Part::new(input, entry, arguments)
        })
        .collect::<Result<Vec<Part>, Failure>>()?;
    let open = || -> Result<Box<dyn ArrivalSource>, Failure> {
        let others = others.iter().map(Part::open).collect::<Result<_, _>>()?;
        edit.apply(part.open()?, others).map_err(Failure::input)
    };
    let before = summarize_workload(&mut *part.open()?)?;
    let after = summarize_workload(&mut *open()?)?;
    if after.arrivals == 0 {
        return Err(Failure::input(format!(
            "{}: no arrival is left of {}; nothing is written",
            part.input.name, before.arrivals
        )));
    }
    let mut source = open()?;
    let converted = written(&arguments.out, arguments.force, |out| {
        arguments
            .to
            .write(&mut *source, arguments.reading.usage, out)
    })?;
    let edited = told::Edited {
        before,
        after,
        conversion: told::Conversion {
            file: arguments.out.display().to_string(),
            format: arguments.to.name,
            converted,
            ledger: source.ledger().clone(),
        },
    };
    terminal::print(&if arguments.file.json {
        told::edited_json(&edited)
    } else {
        told::edited(&edited)
    });
    terminal::print(&end_of(&arguments.file, &part.input)?);
    Ok(exit(&edited.conversion))
}
