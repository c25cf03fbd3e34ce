//! The family `metrics`: recorded schedules, and tables of what metrics of them come to (spec:
//! metrics.md 5.8). A schedule is a table `job,submit_s,start_s,end_s,cores`, plain or compressed;
//! what is expected stands in the tables of the `README.md` beside it and of the page that it
//! refers to, in a column that has the schedule's name. Every cell is compared as it is printed.
//!
//! Schedules are replayed through a recorder with the collectors of every other run.

pub mod expected;
pub mod replay;

use std::path::{Path, PathBuf};

use self::expected::{Expected, Printed, Row, numbers};
use self::replay::{COLUMNS, Schedule};
use super::door::Door;
use super::{Family, FamilyReport, Judge, VerifyOptions, file_name};
use intake::Input;
use metrics::{Recorder, RunMetrics, Setup, WarmUpFinder, Window};
use units::{Duration, Instant, SortedMap, plural};

/// Metrics of recorded schedules.
pub const FAMILY: Family = Family {
    name: "metrics",
    summary: "waits, slowdowns, allocation and warm-up of recorded schedules",
    claims,
    kinds: &[],
    judge: Judge::One(judge),
    door: Door::Closed(
        "a schedule that is imposed, start by start; in a run a scheduler makes its own",
    ),
};

/// Whether a table begins with the columns of a schedule.
fn claims(path: &Path) -> bool {
    let name = file_name(path);
    if ![".csv", ".csv.gz", ".csv.zst"]
        .iter()
        .any(|end| name.ends_with(end))
    {
        return false;
    }
    let first = Input::path(path).lines().and_then(|mut lines| {
        let line = lines.next_line()?;
        Ok(line.map(|(_, text)| String::from_utf8_lossy(text).into_owned()))
    });
    let columns = COLUMNS.join(",");
    first.is_ok_and(|line| line.is_some_and(|line| line.trim() == columns))
}

fn judge(files: &[PathBuf], options: &VerifyOptions) -> Result<FamilyReport, String> {
    let mut folders: SortedMap<&Path, Vec<&PathBuf>> = SortedMap::new();
    for file in files {
        let folder = file.parent().unwrap_or(Path::new(""));
        folders.entry(folder).or_default().push(file);
    }
    let mut report = FamilyReport::new(FAMILY.name);
    for (folder, files) in folders {
        let expected = Expected::of_folder(folder)?;
        let mut figures: SortedMap<String, Figures> = SortedMap::new();
        for file in files {
            let stem = file_name(file).split('.').next().unwrap_or_default();
            let schedule = replay::read(file, expected.cores)?;
            let wrong = |why| format!("{}: {why}", file.display());
            let mut found = Figures::of(schedule).map_err(wrong)?;
            let stem = stem.to_lowercase();
            found.choose_half(&expected, &stem);
            figures.insert(stem, found);
        }
        judge_folder(&expected, &figures, options, &mut report);
    }
    Ok(report)
}

fn judge_folder(
    expected: &Expected,
    figures: &SortedMap<String, Figures>,
    options: &VerifyOptions,
    report: &mut FamilyReport,
) {
    for (name, figures) in figures {
        let known = |row: &&Row| row.cells.iter().any(|(column, _)| column == name);
        if !expected.rows.iter().any(|row| known(&row)) {
            report.leave_out(1, || {
                format!(
                    "{name}: no table beside it has a column `{name}`; found: {}",
                    figures.in_words()
                )
            });
        }
    }
    for row in &expected.rows {
        let label = &row.label;
        for (column, cell) in &row.cells {
            if !options.wants(&format!("{column}: {label}")) {
                continue;
            }
            match column.split_once(" ÷ ") {
                None => {
                    if let Some(figures) = figures.get(column) {
                        judge_cell(label, column, cell, figures, report);
                    }
                }
                Some((over, under)) => {
                    if let (Some(over), Some(under)) = (figures.get(over), figures.get(under)) {
                        judge_ratio(label, column, cell, over, under, report);
                    }
                }
            }
        }
    }
}

/// Compares the numbers of a cell, or what it says of the warm-up.
fn judge_cell(label: &str, column: &str, cell: &str, figures: &Figures, report: &mut FamilyReport) {
    let place = format!("{column}: {label}");
    if label.starts_with("mser-5") {
        report.case(judge_cut(&place, cell, figures));
        return;
    }
    let Some(found) = figures.of_row(label) else {
        report.leave_out(1, || format!("{place}: no metric is known for these words"));
        return;
    };
    let expected = numbers(cell);
    if expected.len() != found.len() {
        report.leave_out(1, || {
            let numbers = plural::count(found.len(), "number");
            format!("{place}: expected {numbers} in `{cell}`")
        });
        return;
    }
    for (found, expected) in found.into_iter().zip(expected) {
        report.case(near(&place, found, expected));
    }
}

fn near(place: &str, found: f64, expected: Printed) -> Result<(), String> {
    if (found - expected.value).abs() <= expected.half * 1.000_001 {
        Ok(())
    } else {
        Err(format!("{place}: {found}, expected {}", expected.value))
    }
}

/// `10000 of 20000 (= m/2: too short to tell)`, `at the limit …`, `0`.
fn judge_cut(place: &str, cell: &str, figures: &Figures) -> Result<(), String> {
    let expected = numbers(cell);
    let too_short = cell.contains("limit") || cell.contains("too short");
    let jobs = figures.schedule.jobs.len() as f64;
    let found = figures.cut;
    let agrees = match (found, expected.as_slice()) {
        (None, [_, all, ..]) => {
            too_short && near(place, jobs, Printed { half: 0.5, ..*all }).is_ok()
        }
        (None, _) => too_short,
        (Some(cut), [expected, rest @ ..]) => {
            let all = rest
                .first()
                .is_none_or(|&all| near(place, jobs, all).is_ok());
            !too_short && all && near(place, cut as f64, *expected).is_ok()
        }
        (Some(_), []) => false,
    };
    if agrees {
        return Ok(());
    }
    let found = found.map_or("too short to tell".to_owned(), |cut| {
        plural::count(cut, "job")
    });
    Err(format!("{place}: {found} of {jobs}, expected {cell}"))
}

/// A ratio of two schedules, or by how much of the true mean those of the finished are too low.
fn judge_ratio(
    label: &str,
    column: &str,
    cell: &str,
    over: &Figures,
    under: &Figures,
    report: &mut FamilyReport,
) {
    let place = format!("{column}: {label}");
    let expected = numbers(cell);
    let (Some(over), Some(under)) = (over.of_row(label), under.of_row(label)) else {
        return;
    };
    match (over.as_slice(), under.as_slice(), expected.as_slice()) {
        (&[over], &[under], &[expected]) => report.case(near(&place, over / under, expected)),
        (&[a, a_finished, _], &[b, b_finished, _], &[low, high]) => {
            let mut hidden = [1.0 - a_finished / a, 1.0 - b_finished / b];
            hidden.sort_by(f64::total_cmp);
            report.case(near(&place, hidden[0] * 100.0, low));
            report.case(near(&place, hidden[1] * 100.0, high));
        }
        // Words, or nothing.
        _ => {}
    }
}

/// Figures that the collectors find in a schedule.
struct Figures {
    schedule: Schedule,
    /// Over the makespan, by the bound of the slowdown in seconds.
    whole: SortedMap<i64, RunMetrics>,
    arrivals: RunMetrics,
    cut: Option<u64>,
    /// The schedule cut where "half of the last end" may mean, the meant one first.
    halves: Vec<Half>,
}

/// A schedule cut at an instant, and what the whole of it says of the jobs submitted by then.
struct Half {
    cut: RunMetrics,
    whole: RunMetrics,
}

/// Bounds of the slowdown that tables ask for.
const BOUNDS: [i64; 2] = [10, 60];

const DAY: i64 = 86_400;

impl Figures {
    fn of(schedule: Schedule) -> Result<Self, String> {
        let [first, last_submit, end] = schedule.bounds();
        let window = |from: i64, until: Option<Instant>| Window::Time {
            from: Instant::from_secs(from),
            until,
        };
        let setup = |bound: i64, window: Window| Setup {
            window,
            slowdown_bound: Duration::from_secs(bound),
            ..Setup::default()
        };
        let [mut short, mut long] =
            BOUNDS.map(|bound| Recorder::new(&setup(bound, window(first, None))));
        let until = Some(Instant::from_secs(last_submit));
        let mut arrivals = Recorder::new(&setup(BOUNDS[0], window(first, until)));
        let mut finder = WarmUpFinder::default();
        let watch: &mut [&mut dyn cluster::Observer] =
            &mut [&mut short, &mut long, &mut arrivals, &mut finder];
        let store = schedule.replay(end, watch)?;
        let at = Instant::from_secs(end);
        let finish = |recorder: Recorder<'_>| {
            let metrics = recorder.finish(at, &store);
            metrics.map_err(|error| error.to_string())
        };
        let whole = SortedMap::from([(BOUNDS[0], finish(short)?), (BOUNDS[1], finish(long)?)]);
        let arrivals = finish(arrivals)?;
        let cut = finder.jobs_cut();
        let halves = halves(end)
            .into_iter()
            .map(|cut| Half::of(&schedule, cut, end))
            .collect::<Result<_, String>>()?;
        Ok(Self {
            schedule,
            whole,
            arrivals,
            cut,
            halves,
        })
    }

    /// The figures that a row of a table asks for, in its order; `None` if its words are unknown.
    fn of_row(&self, label: &str) -> Option<Vec<f64>> {
        let has = |word: &str| label.contains(word);
        let of = |id: &str| value(&self.whole[&bound(label)], id);
        Some(if let Some(ids) = ids_of_half(label) {
            self.halves.first()?.figures(ids)
        } else if has("slowdown") {
            let family = match () {
                () if has("per-processor") => "per_processor_slowdown",
                () if has("bounded") => "bounded_slowdown",
                () => "slowdown",
            };
            let statistic = match () {
                () if has("dropped") => "delayed.mean",
                () if has("median") => "p50",
                () if has("p99") => "p99",
                () => "mean",
            };
            vec![of(&format!("{family}.{statistic}"))]
        } else if has("weighted") {
            vec![of("weighted_wait.mean")]
        } else if has("wait") && has("median") {
            vec![
                of("first_wait.mean"),
                of("first_wait.p50"),
                of("first_wait.p99"),
            ]
        } else if has("wait") {
            vec![of("first_wait.mean")]
        } else if has("allocation") {
            let mut found = Vec::new();
            if has("makespan") {
                found.push(of("allocation.cpu.mean"));
            }
            if has("arrival window") {
                found.push(value(&self.arrivals, "allocation.cpu.mean"));
            }
            found
        } else {
            return None;
        })
    }

    /// Tables say "half of the last end" and not to the second which instant that is: the first
    /// reading that gives all of their numbers is meant, the literal one if none does.
    fn choose_half(&mut self, expected: &Expected, name: &str) {
        let fits = |half: &Half| {
            expected.rows.iter().all(|row| {
                let cell = row.cells.iter().find(|(column, _)| column == name);
                let (Some(ids), Some((_, cell))) = (ids_of_half(&row.label), cell) else {
                    return true;
                };
                let found = half.figures(ids).into_iter();
                found
                    .zip(numbers(cell))
                    .all(|(found, expected)| near("", found, expected).is_ok())
            })
        };
        if let Some(meant) = self.halves.iter().position(fits) {
            self.halves.swap(0, meant);
        }
    }

    /// The main figures, for schedules that no table tells of.
    fn in_words(&self) -> String {
        let metrics = &self.whole[&BOUNDS[0]];
        let ids = [
            "first_wait.mean",
            "weighted_wait.mean",
            "slowdown.mean",
            "slowdown.delayed.mean",
            "bounded_slowdown.mean",
            "bounded_slowdown.p50",
            "bounded_slowdown.p99",
            "per_processor_slowdown.mean",
            "allocation.cpu.mean",
        ];
        let figures = ids.map(|id| format!("{id} {}", value(metrics, id)));
        figures.join(", ")
    }
}

impl Half {
    fn of(schedule: &Schedule, cut: i64, end: i64) -> Result<Self, String> {
        // Submitted "by then" takes the instant itself in.
        let until = Instant::from_nanos(Instant::from_secs(cut).as_nanos() + 1);
        let setup = Setup {
            window: Window::Time {
                from: Instant::ZERO,
                until: Some(until),
            },
            ..Setup::default()
        };
        let metrics = |at: i64| {
            let mut recorder = Recorder::new(&setup);
            let store = schedule.replay(at, &mut [&mut recorder])?;
            let metrics = recorder.finish(Instant::from_secs(at), &store);
            metrics.map_err(|error| error.to_string())
        };
        Ok(Self {
            cut: metrics(cut)?,
            whole: metrics(end)?,
        })
    }

    /// Figures of the cut schedule, except for the mean wait, which is the true one.
    fn figures(&self, ids: &[&str]) -> Vec<f64> {
        let figure = |&id: &&str| match id {
            "first_wait.mean" => value(&self.whole, id),
            _ => value(&self.cut, id),
        };
        ids.iter().map(figure).collect()
    }
}

/// Metrics that rows about a schedule cut at half ask for; `None` of other rows.
fn ids_of_half(label: &str) -> Option<&'static [&'static str]> {
    let is_half = label.contains("half") || label.starts_with("there:");
    is_half.then_some(if label.contains("submitted") {
        &["jobs.measured", "jobs.succeeded"]
    } else {
        &[
            "first_wait.mean",
            "first_wait.finished_only",
            "first_wait.capped",
        ]
    })
}

/// The instants that "half of the last end" may mean: to the second; of whole days; whole days.
fn halves(end: i64) -> [i64; 3] {
    let days = |secs: i64| (secs + DAY / 2) / DAY * DAY;
    [end / 2, days(end) / 2, days(end / 2)]
}

/// The bound of the slowdown in the words of a row: `τ=60 s`, `(10 s)`; 10 s without.
fn bound(label: &str) -> i64 {
    let stated = |bound: &&i64| {
        label.contains(&format!("={bound} s")) || label.contains(&format!("({bound} s)"))
    };
    BOUNDS.iter().find(stated).copied().unwrap_or(BOUNDS[0])
}

fn value(metrics: &RunMetrics, id: &str) -> f64 {
    metrics
        .get(id)
        .and_then(|value| value.value)
        .unwrap_or(f64::NAN)
}
