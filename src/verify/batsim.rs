//! The family `batsim`: schedules as Batsim wrote them, a job a row with its start and its hosts (spec:
//! published-results.md section 3).
//!
//! A schedule holds its own input: submission, hosts and time asked for, and run time. Its rule is in
//! the name of its file or folder: `easy`, `conservative`, `filler` and so on. The machine has as many hosts as the
//! summary beside the schedule says, or as the schedule uses. Every start has to agree within two
//! microseconds, twice the last digit of the files, and every set of hosts as it stands.
//! `opportunistic_shutdown` and `inertial_shutdown` switch hosts off and on too; their options are
//! beside the schedules.

use std::path::{Path, PathBuf};

use super::batsim_shutdown::{self, Recorded};
use super::door::{Door, DoorReport, Said, Share, batch as door};
use super::job_runs::{JobMachine, RigidJob, Started, run_jobs};
use super::{Family, FamilyReport, Judge, VerifyOptions, file_name};
use intake::Input;
use policy::backfill::RuleOptions;
use policy::backfill::shutdown::ShutdownOptions;
use scheduler::pipeline::evaluate::Form;
use sim::DecisionTime;
use systems::TimeLimits;
use systems::batch::BatchOptions;
use units::{Duration, Instant};

/// Schedules of Batsim.
pub const FAMILY: Family = Family {
    name: "batsim",
    summary: "starts and hosts of Batsim's backfilling schedulers",
    claims,
    kinds: &[],
    judge: Judge::One(judge),
    door: Door::Judge(open),
};

/// Ending of the name of a schedule that Batsim wrote.
const JOBS: &str = "out_jobs.csv";
/// Name of the summary beside it.
const SUMMARY: &str = "out_schedule.csv";
/// Ending of the names of schedules of the workload of middle size.
const MEDIUM: &str = "_smallPF.csv";

fn plain_name(path: &Path) -> &str {
    let name = file_name(path);
    name.strip_suffix(".gz").unwrap_or(name)
}

fn claims(path: &Path) -> bool {
    let name = plain_name(path);
    name.ends_with(JOBS) || name.ends_with(MEDIUM)
}

/// The rule of a schedule and the time that its decisions take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Rule {
    backfill: &'static str,
    delay: Duration,
}

/// Delay of the decisions of the recorded filler, which tells its starts with each answer.
const FILLER_DELAY: Duration = Duration::from_nanos(5_000_000);

impl Rule {
    fn switches_hosts(self) -> bool {
        self.backfill.ends_with("-shutdown")
    }
}

fn rule_of(path: &Path) -> Option<Rule> {
    let folder = path.parent().and_then(Path::file_name);
    let folder = folder.and_then(|name| name.to_str()).unwrap_or_default();
    let is_named = |words: &str| file_name(path).contains(words) || folder.contains(words);
    let rule = |backfill, delay| Some(Rule { backfill, delay });
    if is_named("opportunistic_shutdown") {
        rule("opportunistic-shutdown", Duration::ZERO)
    } else if is_named("inertial_shutdown") {
        rule("inertial-shutdown", Duration::ZERO)
    } else if is_named("shutdown") {
        None
    } else if is_named("conservative") {
        rule("conservative-hosts", Duration::ZERO)
    } else if is_named("easy") {
        rule("easy-hosts", Duration::ZERO)
    } else if is_named("filler") {
        rule("skip", FILLER_DELAY)
    } else if is_named("fcfs") {
        rule("strict", Duration::ZERO)
    } else {
        None
    }
}

fn judge(files: &[PathBuf], options: &VerifyOptions) -> Result<FamilyReport, String> {
    let mut report = FamilyReport::new(FAMILY.name);
    for file in files {
        let name = file.display().to_string();
        if options.wants(&name) {
            judge_schedule(file, &name, &mut report)?;
        }
    }
    Ok(report)
}

/// A row of a schedule.
#[derive(Clone, Debug)]
struct Row {
    id: String,
    job: RigidJob,
    recorded: Recorded,
}

fn judge_schedule(file: &Path, name: &str, report: &mut FamilyReport) -> Result<(), String> {
    let stated = stated_hosts(file)?;
    let rows = read_rows(&Table::read(file)?, stated)?;
    let Some(rule) = rule_of(file) else {
        let rows = rows.len() as u64;
        report.leave_out(rows, || {
            format!(
                "{name}: no rule is known by that name; name the folder or the file after `easy`, \
                 `conservative`, `filler`, `fcfs`, `opportunistic_shutdown` or \
                 `inertial_shutdown`"
            )
        });
        return Ok(());
    };
    let used = rows
        .iter()
        .filter_map(|row| row.recorded.hosts.iter().max())
        .max();
    let nodes = stated.unwrap_or(used.map_or(0, |&most| most + 1));
    let mut order: Vec<usize> = (0..rows.len()).collect();
    order.sort_by_key(|&row| rows[row].job.submit);
    let jobs: Vec<RigidJob> = order.iter().map(|&row| rows[row].job).collect();
    let machine = machine(nodes, &rule, file)?;
    let started = if rule.switches_hosts() {
        let recorded = order.iter().map(|&row| rows[row].recorded.clone());
        batsim_shutdown::run(&jobs, &recorded.collect::<Vec<_>>(), &machine)
    } else {
        run_jobs(&jobs, &machine)
    };
    let started = match started {
        Ok(started) => started,
        Err(why) => {
            report.fail(|| format!("{name}: {why}"));
            return Ok(());
        }
    };
    for own in started {
        let row = &rows[order[own.position]];
        report.case(agrees(name, row, &rule, &own));
    }
    Ok(())
}

/// Judges schedules through files: their jobs as a table under a batch queue. A schedule is one run, so all
/// of its jobs go through the door, whatever share is asked for.
fn open(
    files: &[PathBuf],
    options: &VerifyOptions,
    _share: Share,
) -> Result<Vec<(String, DoorReport)>, String> {
    let mut report = DoorReport::default();
    for file in files {
        let name = file.display().to_string();
        if !options.wants(&name) {
            continue;
        }
        let stated = stated_hosts(file)?;
        let rows = read_rows(&Table::read(file)?, stated)?;
        let rule = rule_of(file).filter(|rule| !rule.switches_hosts());
        let Some(rule) = rule.filter(|rule| rule.delay == Duration::ZERO) else {
            report.leave_out(OUTSIDE.to_owned(), rows.len() as u64);
            continue;
        };
        let used = { rows.iter() }.filter_map(|row| row.recorded.hosts.iter().max());
        let nodes = stated.unwrap_or(used.max().map_or(0, |&most| most + 1));
        let mut order: Vec<&Row> = rows.iter().collect();
        order.sort_by_key(|row| row.job.submit);
        let jobs: Vec<RigidJob> = order.iter().map(|row| row.job).collect();
        match door::run(&jobs, nodes, "fcfs", rule.backfill, true) {
            Err(why) => report.count(Said::Differs(format!("{name}: {why}"))),
            Ok(started) => started.iter().for_each(|own| {
                let agreed = agrees(&name, order[own.position], &rule, own);
                report.count(agreed.map_or_else(Said::Differs, |()| Said::Agrees));
            }),
        }
    }
    Ok(vec![(FAMILY.name.to_owned(), report)])
}

/// Why some schedules have no door.
const OUTSIDE: &str = "the pace of the recorder: times of hosts that switch, and of answers that queue up \
    behind each other, are those of its platform";

/// The machine of a schedule, whose scheduler follows a rule.
fn machine(nodes: u32, rule: &Rule, file: &Path) -> Result<JobMachine, String> {
    Ok(JobMachine {
        nodes,
        options: BatchOptions {
            order: "fcfs".to_owned(),
            backfill: rule.backfill.to_owned(),
            rules: RuleOptions {
                shutdown: if rule.switches_hosts() {
                    batsim_shutdown::options(file)?
                } else {
                    ShutdownOptions::default()
                },
                ..RuleOptions::default()
            },
            ..BatchOptions::default()
        },
        form: Form::Incremental,
        time_limits: TimeLimits::Enforced,
        decision_time: DecisionTime::default(),
    })
}

/// Whether a job starts as recorded, or how it does.
fn agrees(name: &str, row: &Row, rule: &Rule, started: &Started) -> Result<(), String> {
    let at = started.at;
    let hosts = batsim_shutdown::hosts(started);
    let is_same = if rule.delay == Duration::ZERO {
        batsim_shutdown::agrees(started, &row.recorded)
    } else {
        // Answers queue up behind each other.
        let apart = at.saturating_add(rule.delay).since(row.recorded.start);
        let is_near = apart.as_nanos() <= 0 && apart.as_nanos().abs() < FILLER_DELAY.as_nanos();
        is_near && hosts == row.recorded.hosts
    };
    if is_same {
        Ok(())
    } else {
        Err(format!(
            "{name}: job {} starts at {at} on {hosts:?}, expected {} on {:?}",
            row.id, row.recorded.start, row.recorded.hosts
        ))
    }
}

/// The number of hosts in the summary beside a schedule, if there is one.
fn stated_hosts(file: &Path) -> Result<Option<u32>, String> {
    let beside = [format!("{SUMMARY}.gz"), SUMMARY.to_owned()];
    let mut paths = beside.iter().map(|name| file.with_file_name(name));
    let is_schedule = plain_name(file).ends_with(JOBS);
    let Some(path) = paths.find(|path| is_schedule && path.is_file()) else {
        return Ok(None);
    };
    let table = Table::read(&path)?;
    let Some(row) = table.rows.first() else {
        return Ok(None);
    };
    let column = table.column(&["nb_computing_machines"])?;
    table.number(row, column).map(Some)
}

struct Table {
    name: String,
    header: csv::StringRecord,
    rows: Vec<csv::StringRecord>,
}

impl Table {
    fn read(path: &Path) -> Result<Self, String> {
        let open = Input::path(path).open();
        let open = open.map_err(|error| error.to_string())?;
        Self::parse(path.display().to_string(), open)
    }

    fn parse(name: String, text: impl std::io::Read) -> Result<Self, String> {
        let wrong = |error: csv::Error| format!("{name}: {error}");
        let mut reader = csv::Reader::from_reader(text);
        let header = reader.headers().map_err(wrong)?.clone();
        let rows = reader.records().collect::<Result<_, _>>().map_err(wrong)?;
        Ok(Self { name, header, rows })
    }

    /// The column of the first of these names that there is.
    fn column(&self, names: &[&str]) -> Result<usize, String> {
        let found = names
            .iter()
            .find_map(|name| self.header.iter().position(|known| known == *name));
        found.ok_or_else(|| {
            let names = names.join("` or `");
            format!("{}:1: expected a column `{names}`", self.name)
        })
    }

    fn wrong(&self, row: &csv::StringRecord, column: usize, expected: &str) -> String {
        let line = row.position().map_or(0, csv::Position::line);
        let (field, text) = (&self.header[column], &row[column]);
        format!(
            "{}:{line}: column `{field}`: `{text}`: expected {expected}",
            self.name
        )
    }

    fn number<T: std::str::FromStr>(
        &self,
        row: &csv::StringRecord,
        column: usize,
    ) -> Result<T, String> {
        let parsed = row[column].parse();
        parsed.map_err(|_| self.wrong(row, column, "a number that is not negative"))
    }

    fn time(&self, row: &csv::StringRecord, column: usize) -> Result<Duration, String> {
        let seconds: f64 = self.number(row, column)?;
        let is_time = seconds.is_finite() && (0.0..1e9).contains(&seconds);
        if !is_time {
            return Err(self.wrong(row, column, "seconds from 0 to 1e9"));
        }
        Ok(Duration::from_nanos((seconds * 1e9).round() as i64))
    }

    /// Numbers and ranges of hosts, such as `0-3 7`.
    fn hosts(&self, row: &csv::StringRecord, column: usize) -> Result<Vec<u32>, String> {
        let wrong = || self.wrong(row, column, "hosts such as `0-3 7`");
        let mut hosts = Vec::new();
        for part in row[column]
            .split([' ', ','])
            .filter(|part| !part.is_empty())
        {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let first: u32 = first.parse().map_err(|_| wrong())?;
            let last: u32 = last.parse().map_err(|_| wrong())?;
            if last < first || last - first > 1 << 20 {
                return Err(wrong());
            }
            hosts.extend(first..=last);
        }
        Ok(hosts)
    }
}

/// The jobs of a schedule, whose hosts are below a stated number.
fn read_rows(table: &Table, stated: Option<u32>) -> Result<Vec<Row>, String> {
    let id = table.column(&["job_id", "jobID"])?;
    let submit = table.column(&["submission_time"])?;
    let members = table.column(&[
        "requested_number_of_resources",
        "requested_number_of_processors",
    ])?;
    let requested = table.column(&["requested_time"])?;
    let start = table.column(&["starting_time"])?;
    let run = table.column(&["execution_time"])?;
    let allocated = table.column(&["allocated_resources", "allocated_processors"])?;
    let row = |row: &csv::StringRecord| {
        let hosts = table.hosts(row, allocated)?;
        if let Some(stated) = stated.filter(|stated| hosts.iter().any(|host| host >= stated)) {
            let expected = format!("hosts of a machine that has {stated}, counted from 0");
            return Err(table.wrong(row, allocated, &expected));
        }
        let members: u32 = table.number(row, members)?;
        Ok(Row {
            id: row[id].to_owned(),
            job: RigidJob {
                submit: Instant::ZERO.saturating_add(table.time(row, submit)?),
                run: table.time(row, run)?,
                requested: table.time(row, requested)?,
                members,
            },
            recorded: Recorded {
                start: Instant::ZERO.saturating_add(table.time(row, start)?),
                hosts,
            },
        })
    };
    table.rows.iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starts_and_hosts_of_recorded_schedules_are_reproduced() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors/batsim");
        if !folder.exists() {
            println!("skipped: needs ../shared/vectors/batsim");
            return;
        }
        let names = [
            "easy/out_jobs.csv.gz",
            "medium_small/easy_mediumWL_smallPF.csv.gz",
            "medium_small/filler_mediumWL_smallPF.csv.gz",
        ];
        let files: Vec<PathBuf> = names.iter().map(|name| folder.join(name)).collect();
        assert!(files.iter().all(|file| claims(file)));
        let report = judge(&files, &VerifyOptions::default()).expect("files that can be read");
        assert_eq!(
            (report.passed, report.failed),
            (2_401, 0),
            "{:#?}",
            report.disagreements
        );
    }

    #[test]
    fn schedules_over_hosts_that_are_switched_off_are_reproduced() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors/batsim");
        if !folder.exists() {
            println!("skipped: needs ../shared/vectors/batsim");
            return;
        }
        for rule in ["opportunistic_shutdown", "inertial_shutdown"] {
            let file = folder.join(rule).join("out_jobs.csv.gz");
            let report = judge(&[file], &VerifyOptions::default()).expect("a readable file");
            let counts = (report.passed, report.failed);
            assert_eq!(counts, (801, 0), "{rule}: {:#?}", report.disagreements);
        }
    }

    #[test]
    fn hosts_outside_the_machine_are_refused_with_their_line() {
        let text = "job_id,submission_time,requested_number_of_resources,requested_time,starting_time,\
                    execution_time,allocated_resources\n\
                    1,0,2,10,0,5,0-1\n\
                    2,0,1,10,0,5,4\n";
        let table = Table::parse("out_jobs.csv".to_owned(), text.as_bytes()).expect("a table");
        assert_eq!(read_rows(&table, None).map(|rows| rows.len()), Ok(2));
        let error = read_rows(&table, Some(4)).expect_err("a host too many");
        let expected = "out_jobs.csv:3: column `allocated_resources`: `4`: expected hosts of a machine that has \
                        4, counted from 0";
        assert_eq!(error, expected);
    }

    #[test]
    fn rules_are_known_by_folders_and_files() {
        for (path, backfill) in [
            ("easy/out_jobs.csv", Some("easy-hosts")),
            (
                "conservative_bf/out_jobs.csv.gz",
                Some("conservative-hosts"),
            ),
            ("medium/filler_x_smallPF.csv", Some("skip")),
            (
                "opportunistic_shutdown/out_jobs.csv",
                Some("opportunistic-shutdown"),
            ),
            ("inertial_shutdown/out_jobs.csv", Some("inertial-shutdown")),
            ("idle_shutdown/out_jobs.csv", None),
        ] {
            let rule = rule_of(Path::new(path));
            assert_eq!(rule.map(|rule| rule.backfill), backfill, "{path}");
        }
    }
}
