//! The family `cloudsim`: what `CloudSim` 4.0 printed about consolidations of virtual machines on a
//! day of `PlanetLab` (spec: published-results.md section 6).
//!
//! A row is an experiment. The machine that runs use decides; `CloudSim`'s clock moves it: use is read a
//! tenth of a second after each sample, and at the end of each move.

#[cfg(test)]
mod tests;

use std::io::Read;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::door::Door;
use super::table::Table;
use super::{Family, FamilyReport, Judge, VerifyOptions, file_name};
use formats::planetlab::{self, SAMPLE_SECONDS, VmDay};
use intake::archive::{Member, members};
use intake::ledger::Journal;
use intake::{Input, RowPolicy, TraceError, read_error};
use metrics::PowerCurve;
use systems::consolidation::account::Totals;
use systems::consolidation::{
    Books, Datacenter, Detection, HostKind, Move, Rules, Selection, VmId, VmKind,
};

/// Tables of `CloudSim`.
pub const FAMILY: Family = Family {
    name: "cloudsim",
    summary: "energy, moves and violations of consolidated virtual machines",
    claims,
    kinds: &[],
    judge: Judge::One(judge),
    door: Door::Closed(
        "the clock of the recorder: it reads use a tenth of a second after each sample and at the end of moves, which \
        no run does",
    ),
};

const PREFIX: &str = "results_";

/// The day that a table is about, as in `results_20110303.csv`.
fn day_of(path: &Path) -> Option<&str> {
    let name = file_name(path);
    let name = name.strip_suffix(".gz").unwrap_or(name);
    let day = name.strip_prefix(PREFIX)?.strip_suffix(".csv")?;
    let is_day = day.len() == 8 && day.bytes().all(|byte| byte.is_ascii_digit());
    is_day.then_some(day)
}

fn claims(path: &Path) -> bool {
    day_of(path).is_some()
}

fn judge(files: &[PathBuf], options: &VerifyOptions) -> Result<FamilyReport, String> {
    let mut report = FamilyReport::new(FAMILY.name);
    for file in files {
        judge_table(file, options, &mut report)?;
    }
    Ok(report)
}

fn judge_table(
    file: &Path,
    options: &VerifyOptions,
    report: &mut FamilyReport,
) -> Result<(), String> {
    let day = day_of(file).unwrap_or_default();
    let table = Table::read(file)?;
    let (order, name) = (table.column("listing_order")?, table.column("experiment")?);
    let rows: Vec<&Vec<String>> = table
        .rows
        .iter()
        .filter(|row| options.wants(&row[name]))
        .collect();
    let names = [
        day.to_owned(),
        format!("{day}.tar.gz"),
        format!("{day}.tar"),
    ];
    let found = options
        .traces
        .iter()
        .flat_map(|root| [root.join("planetlab"), root.clone()]);
    let mut found = found.flat_map(|root| names.iter().map(move |name| root.join(name)));
    let Some(path) = found.find(|path| path.exists()) else {
        report.leave_out(rows.len() as u64, || {
            format!(
                "{}: needs the day `{day}` of PlanetLab; say with --traces DIR where \
                 `{day}.tar.gz` or the folder `{day}` is kept (there, or in a folder `planetlab`)",
                file.display()
            )
        });
        return Ok(());
    };
    let sorted = machines(&path).map_err(|error| error.to_string())?;
    let judged: Vec<Result<Result<(), String>, String>> = rows
        .par_iter()
        .map(|row| {
            let day = in_order(&sorted, &row[order], file, day)?;
            let experiment = Experiment::parse(&row[name])?;
            let totals = experiment.run(&day)?;
            Ok(compare(&table, row, &totals))
        })
        .collect();
    for (row, outcome) in rows.iter().zip(judged) {
        let case = format!("{}: {} ({})", file.display(), row[name], row[order]);
        match outcome {
            Ok(agreed) => report.case(agreed.map_err(|words| format!("{case}: {words}"))),
            Err(why) => report.leave_out(1, || format!("{case}: {why}")),
        }
    }
    Ok(())
}

/// The machines of a day, without a fault.
fn machines(path: &Path) -> Result<Vec<VmDay>, TraceError> {
    let mut journal = Journal::new(path.to_string_lossy().into(), RowPolicy::default());
    planetlab::day(files(path)?, &mut journal)
}

/// The files of a folder, or of an archive of one.
fn files(path: &Path) -> Result<Vec<Member>, TraceError> {
    let name = path.to_string_lossy();
    if !path.is_dir() {
        return members(&name, &bytes(path)?);
    }
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path).map_err(|error| read_error(&name, &error))? {
        let path = entry.map_err(|error| read_error(&name, &error))?.path();
        if path.is_file() {
            files.push(Member {
                name: file_name(&path).to_owned(),
                place: path.to_string_lossy().into(),
                bytes: bytes(&path)?,
            });
        }
    }
    Ok(files)
}

fn bytes(path: &Path) -> Result<Vec<u8>, TraceError> {
    let mut bytes = Vec::new();
    let read = Input::path(path).open()?.read_to_end(&mut bytes);
    read.map_err(|error| read_error(&path.to_string_lossy(), &error))?;
    Ok(bytes)
}

/// The machines of a day in the order of a row.
fn in_order(sorted: &[VmDay], order: &str, table: &Path, day: &str) -> Result<Vec<VmDay>, String> {
    if order == "sorted_by_name" {
        return Ok(sorted.to_vec());
    }
    let list = table.with_file_name(format!("vm_order_{day}.txt"));
    let names = Input::path(&list)
        .read_to_string()
        .map_err(|error| error.to_string())?;
    let mut vms = Vec::with_capacity(sorted.len());
    for name in names.lines().map(str::trim).filter(|name| !name.is_empty()) {
        let found = sorted.binary_search_by(|vm| vm.name.as_str().cmp(name));
        let found = found.map_err(|_| format!("{}: no machine `{name}`", list.display()))?;
        vms.push(sorted[found].clone());
    }
    Ok(vms)
}

/// What an experiment of `CloudSim` does, as in `20110303_thr_mmt_0.8`.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Experiment {
    rules: Option<Rules>,
    /// Marks the experiment in which hosts always draw their greatest power.
    is_power_blind: bool,
}

impl Experiment {
    fn parse(name: &str) -> Result<Self, String> {
        let words: Vec<&str> = name.split('_').skip(1).collect();
        let of = |detection, selection| Self {
            rules: Some(Rules {
                detection,
                selection,
                interval_s: SAMPLE_SECONDS,
            }),
            is_power_blind: false,
        };
        let unknown = || format!("`{name}` is not an experiment such as `20110303_thr_mmt_0.8`");
        match words[..] {
            ["npa"] => Ok(Self {
                rules: None,
                is_power_blind: true,
            }),
            ["dvfs"] => Ok(Self {
                rules: None,
                is_power_blind: false,
            }),
            [detection, selection, parameter] => {
                let selection = match selection {
                    "mmt" => Selection::MinimumMigrationTime,
                    "mc" => Selection::MaximumCorrelation,
                    "mu" => Selection::MinimumUtilization,
                    "rs" => {
                        return Err(
                            "CloudSim draws its random selections from the clock".to_owned()
                        );
                    }
                    _ => return Err(unknown()),
                };
                let parameter: f64 = parameter.parse().map_err(|_| unknown())?;
                let detection = match detection {
                    "thr" => Detection::Threshold(parameter),
                    "iqr" => Detection::InterquartileRange(parameter),
                    "mad" => Detection::MedianAbsoluteDeviation(parameter),
                    "lr" => Detection::LocalRegression(parameter),
                    "lrr" => Detection::RobustLocalRegression(parameter),
                    _ => return Err(unknown()),
                };
                Ok(of(detection, selection))
            }
            _ => Err(unknown()),
        }
    }

    fn run(&self, day: &[VmDay]) -> Result<Totals, String> {
        self.run_with(day.len(), &|vm, now| day[vm.index()].share_at(now))
    }

    /// Runs machines that use these shares of their processors, by instant in seconds.
    fn run_with(&self, vms: usize, used: &dyn Fn(VmId, f64) -> f64) -> Result<Totals, String> {
        let mut simulation = Simulation {
            books: Books::new(datacenter(self.rules, vms)?),
            used,
            settled: 0.0,
            is_power_blind: self.is_power_blind,
        };
        let mut now = START + SAMPLE_SECONDS;
        while now < END {
            simulation.interval(now);
            now += SAMPLE_SECONDS;
        }
        Ok(simulation.books.account.close())
    }
}

/// Time of the first event after the machines are there, in seconds.
const START: f64 = 0.1;
/// Length of the run, in seconds.
const END: f64 = 86_400.0;
/// Number of hosts; even ones are of the first kind.
const HOSTS: usize = 800;
/// Kinds of hosts: machine, speed of a core.
const HOST_KINDS: [(&str, f64); 2] = [("HpMl110G4", 1860.0), ("HpMl110G5", 2660.0)];

fn datacenter(rules: Option<Rules>, vms: usize) -> Result<Datacenter, String> {
    let mut datacenter = Datacenter::new(rules, 0);
    for index in 0..HOSTS {
        let (machine, core_mips) = HOST_KINDS[index % 2];
        let Some(PowerCurve::Table(watts)) = PowerCurve::of_machine(machine) else {
            return Err(format!("no power table of {machine}"));
        };
        datacenter.add_host(HostKind {
            cores: 2,
            core_mips,
            memory_mb: 4096,
            bandwidth_mbit: 1000,
            watts: watts.map(|micro| micro as f64 / 1e6),
        });
    }
    for index in 0..vms {
        let (mips, memory_mb) = planetlab::kind(index, vms);
        let vm = datacenter.add_vm(VmKind {
            mips: mips as f64,
            memory_mb,
            bandwidth_mbit: 100,
        });
        datacenter.place(vm).ok_or("a machine finds no host")?;
    }
    Ok(datacenter)
}

/// A run under `CloudSim`'s clock.
struct Simulation<'a> {
    books: Books,
    /// Shares of their processors that machines use, by instant in seconds.
    used: &'a dyn Fn(VmId, f64) -> f64,
    /// Instant up to which energy is accounted for, in seconds.
    settled: f64,
    is_power_blind: bool,
}

impl Simulation<'_> {
    fn interval(&mut self, now: f64) {
        self.observe(now);
        self.books.datacenter.remember();
        let mut ends: Vec<(f64, Move)> = Vec::new();
        for order in self.books.datacenter.decide() {
            self.books.start(order, now);
            ends.push((now + self.books.datacenter.seconds(order), order));
        }
        ends.sort_by(|a, b| a.0.total_cmp(&b.0));
        for together in ends.chunk_by(|a, b| a.0.total_cmp(&b.0).is_eq()) {
            let at = together[0].0;
            self.observe(at);
            for &(_, order) in together {
                self.books.datacenter.finish(order);
            }
            self.books.settle(at);
            self.books.datacenter.retire_idle();
        }
    }

    /// Takes over the use at an instant, and accounts for the time up to it.
    fn observe(&mut self, now: f64) {
        let used = self.used;
        self.books.observe(now, |vm| used(vm, now));
        let span = now - self.settled;
        let Books {
            datacenter,
            account,
        } = &mut self.books;
        if self.is_power_blind {
            account.consume_all(datacenter, span);
        } else {
            account.consume(datacenter, span);
        }
        self.settled = now;
        datacenter.retire_idle();
    }
}

/// A column of a table, its digits, and its value.
type Column = (&'static str, usize, fn(&Totals) -> f64);

/// Columns of a table and the digits that they are printed with.
const COLUMNS: &[Column] = &[
    ("energy_kwh", 2, |totals| totals.energy_kwh),
    ("migrations", 0, |totals| totals.moves as f64),
    ("sla_percent", 5, |totals| totals.violation * 100.0),
    ("pdm_percent", 2, |totals| totals.degradation * 100.0),
    ("slatah_percent", 2, |totals| totals.overload_time * 100.0),
    ("overall_sla_violation_percent", 2, |totals| {
        totals.overall_violation * 100.0
    }),
    ("average_sla_violation_percent", 2, |totals| {
        totals.average_violation * 100.0
    }),
    ("host_shutdowns", 0, |totals| totals.shutdowns as f64),
    ("mean_time_before_shutdown_s", 2, |totals| {
        totals.shutdown_mean_s
    }),
    ("sd_time_before_shutdown_s", 2, |totals| {
        totals.shutdown_deviation_s
    }),
];

/// Every digit has to agree, but for the last, which rounding decides.
fn compare(table: &Table, row: &[String], totals: &Totals) -> Result<(), String> {
    let mut wrong = Vec::new();
    for (name, digits, value) in COLUMNS {
        let Ok(column) = table.column(name) else {
            continue;
        };
        let expected = &row[column];
        let found = value(totals);
        let apart = expected
            .parse::<f64>()
            .map(|expected| (found - expected).abs());
        let unit = libm::pow(0.1, *digits as f64);
        if !apart.is_ok_and(|apart| apart <= 0.51 * unit) {
            wrong.push(format!("{name} is {found:.digits$}, expected {expected}"));
        }
    }
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(wrong.join(", "))
    }
}
