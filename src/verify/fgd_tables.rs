//! The published tables of the GPU packing study: allocation, fragmentation and fragmented share
//! over arrived demand, per workload, policy and seed (spec: published-results.md 1.2 and 1.8).
//!
//! Rows of the five deterministic policies must be equal in every cell. The random policy can only
//! be held to a band: per workload, at 100 % and at 130 % arrived demand, the mean over the
//! published seeds plus or minus three standard errors of the published values.

use std::path::{Path, PathBuf};

use rayon::prelude::*;

use metrics::ArrivedTables;

use super::door::Door;
use super::published::{PublishedRun, RANDOM, Unmade};
use super::table::Table;
use super::{Family, FamilyReport, Judge, VerifyOptions, file_name};
use units::{SortedMap, plural};

/// Published tables.
pub const FAMILY: Family = Family {
    name: "fgd-tables",
    summary: "published rows over arrived demand, equal in every cell; a band for the random policy",
    claims,
    kinds: &[],
    judge: Judge::One(judge),
    door: Door::Same,
};

/// Kind of a file among the three tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Allocation,
    Fragmented,
    FragmentedShare,
}

/// Prefixes of the files' names.
const NAMES: [(&str, Kind); 3] = [
    ("analysis_allo", Kind::Allocation),
    ("analysis_frag_ratio", Kind::FragmentedShare),
    ("analysis_frag", Kind::Fragmented),
];

impl Kind {
    fn of(path: &Path) -> Option<Self> {
        let name = file_name(path);
        NAMES
            .iter()
            .find(|(prefix, _)| name.starts_with(prefix))
            .map(|&(_, kind)| kind)
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Allocation => "allocation",
            Self::Fragmented => "fragmentation",
            Self::FragmentedShare => "fragmented share",
        }
    }

    fn decided(self, tables: &ArrivedTables) -> &[Option<f64>] {
        match self {
            Self::Allocation => &tables.allocation,
            Self::Fragmented => &tables.fragmented,
            Self::FragmentedShare => &tables.fragmented_share,
        }
    }
}

fn claims(path: &Path) -> bool {
    Kind::of(path).is_some()
}

/// The published rows of one run, by table.
type Rows = SortedMap<Kind, Vec<Option<f64>>>;

fn judge(files: &[PathBuf], options: &VerifyOptions) -> Result<FamilyReport, String> {
    let mut runs: SortedMap<PublishedRun, Rows> = SortedMap::new();
    for file in files {
        if let Some(kind) = Kind::of(file) {
            read(file, kind, &mut runs).map_err(|error| format!("{}: {error}", file.display()))?;
        }
    }
    runs.retain(|run, _| options.wants(&run.to_string()));
    let (random, exact): (Vec<_>, Vec<_>) =
        runs.into_iter().partition(|(run, _)| run.policy == RANDOM);
    let mut report = FamilyReport::new(FAMILY.name);
    let exact = sampled(exact, options.sample);
    let judged: Vec<FamilyReport> = exact
        .par_iter()
        .map(|(run, rows)| judge_exact(run, rows, options))
        .collect();
    for part in judged {
        report.merge(part);
    }
    let mut workloads: SortedMap<String, Vec<(PublishedRun, Rows)>> = SortedMap::new();
    for (run, rows) in random {
        workloads
            .entry(run.workload.clone())
            .or_default()
            .push((run, rows));
    }
    let workloads: Vec<_> = workloads.into_values().collect();
    // A sample takes a workload of the random policy for every ten runs of the others.
    let kept = options
        .sample
        .map_or(workloads.len(), |runs| runs.div_ceil(10));
    for rows in workloads.into_iter().take(kept) {
        report.merge(judge_band(&rows, options));
    }
    Ok(report)
}

fn read(file: &Path, kind: Kind, runs: &mut SortedMap<PublishedRun, Rows>) -> Result<(), String> {
    let table = Table::read(file)?;
    let (workload, policy) = (table.column("workload")?, table.column("sc_policy")?);
    let seed = table.column("seed")?;
    let first = table.column("0")?;
    for row in &table.rows {
        let run = PublishedRun {
            workload: row[workload].clone(),
            policy: row[policy].clone(),
            seed: row[seed]
                .parse()
                .map_err(|_| format!("seed `{}` is not a number", row[seed]))?,
        };
        let cells = row[first..]
            .iter()
            .map(|cell| cell_value(cell))
            .collect::<Result<_, _>>()?;
        runs.entry(run).or_default().insert(kind, cells);
    }
    Ok(())
}

fn cell_value(cell: &str) -> Result<Option<f64>, String> {
    match cell.trim() {
        "" | "nan" | "NaN" => Ok(None),
        text => text
            .parse()
            .map(Some)
            .map_err(|_| format!("`{text}` is not a number")),
    }
}

/// About `count` runs, spread over workloads, policies and seeds; the same ones every time.
fn sampled<T>(runs: Vec<T>, count: Option<usize>) -> Vec<T> {
    let Some(count) = count.filter(|&count| count > 0 && count < runs.len()) else {
        return runs;
    };
    // A step without a common factor with the runs per policy and workload walks over all of both.
    let total = runs.len();
    (runs.into_iter().enumerate())
        .filter(|(index, _)| (index * count) % total < count)
        .map(|(_, run)| run)
        .collect()
}

fn judge_exact(run: &PublishedRun, rows: &Rows, options: &VerifyOptions) -> FamilyReport {
    let mut report = FamilyReport::new(FAMILY.name);
    match tables(run, options, 0) {
        Err(Unmade::Unsupported(words)) => report.leave_out(1, || words),
        Err(Unmade::Failed(words)) => report.fail(|| words),
        Ok(tables) => {
            let outcome = rows.iter().try_for_each(|(&kind, row)| {
                compare(row, kind.decided(&tables))
                    .map_err(|words| format!("{run}, {}: {words}", kind.name()))
            });
            report.case(outcome);
        }
    }
    report
}

fn tables(
    run: &PublishedRun,
    options: &VerifyOptions,
    draws: u64,
) -> Result<ArrivedTables, Unmade> {
    let outcome = run.make(options, draws, None)?;
    outcome
        .metrics
        .arrived
        .ok_or_else(|| Unmade::Failed(format!("{run}: no fill-up")))
}

/// Equality of every cell, to the last bit.
fn compare(recorded: &[Option<f64>], decided: &[Option<f64>]) -> Result<(), String> {
    if recorded.len() != decided.len() {
        return Err(format!(
            "{} recorded, {} decided",
            plural::count(recorded.len(), "column"),
            decided.len()
        ));
    }
    let same = |(recorded, decided): (&Option<f64>, &Option<f64>)| {
        recorded.map(f64::to_bits) == decided.map(f64::to_bits)
    };
    match recorded.iter().zip(decided).position(|pair| !same(pair)) {
        None => Ok(()),
        Some(at) => Err(format!(
            "at {at} % arrived: published {:?}, decided {:?}",
            recorded[at], decided[at]
        )),
    }
}

/// Draws of the random policy per published run: enough that our own noise adds little to the
/// published one.
const DRAWS: u64 = 8;

/// Columns at which the band is asked for, in percent of arrived demand.
const BAND_COLUMNS: [usize; 2] = [100, 130];

/// Judges all published rows of the random policy on one workload: each passes if the workload's
/// means lie in their bands.
fn judge_band(rows: &[(PublishedRun, Rows)], options: &VerifyOptions) -> FamilyReport {
    let mut report = FamilyReport::new(FAMILY.name);
    let jobs: Vec<(&PublishedRun, u64)> = rows
        .iter()
        .flat_map(|(run, _)| (0..DRAWS).map(move |draw| (run, draw)))
        .collect();
    let made: Result<Vec<ArrivedTables>, Unmade> = jobs
        .into_par_iter()
        .map(|(run, draw)| tables(run, options, draw))
        .collect();
    match made {
        Err(Unmade::Unsupported(words)) => report.leave_out(rows.len() as u64, || words),
        Err(Unmade::Failed(words)) => {
            for _ in rows {
                report.fail(|| words.clone());
            }
        }
        Ok(made) => {
            let outcome = within_bands(rows, &made);
            for _ in rows {
                report.case(outcome.clone());
            }
        }
    }
    report
}

fn within_bands(rows: &[(PublishedRun, Rows)], made: &[ArrivedTables]) -> Result<(), String> {
    let kinds: Vec<Kind> = rows
        .first()
        .map(|(_, rows)| rows.keys().copied().collect())
        .unwrap_or_default();
    for kind in kinds {
        for column in BAND_COLUMNS {
            let published: Vec<f64> = rows
                .iter()
                .filter_map(|(_, rows)| *rows.get(&kind)?.get(column)?)
                .collect();
            let decided: Vec<f64> = made
                .iter()
                .filter_map(|tables| *kind.decided(tables).get(column)?)
                .collect();
            // One published value has no spread to make a band of.
            if published.len() < 2 || decided.is_empty() {
                continue;
            }
            let (mean, error) = (mean(&published), standard_error(&published));
            let own = self::mean(&decided);
            if (own - mean).abs() > 3.0 * error {
                return Err(format!(
                    "{}, {RANDOM}, {} at {column} %: published {mean:.4} ± 3 × {error:.4}, decided \
                     {own:.4}",
                    rows[0].0.workload,
                    kind.name(),
                ));
            }
        }
    }
    Ok(())
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The standard error of a mean.
fn standard_error(values: &[f64]) -> f64 {
    let mean = mean(values);
    let squares: f64 = values
        .iter()
        .map(|value| (value - mean) * (value - mean))
        .sum();
    (squares / (values.len() - 1) as f64 / values.len() as f64).sqrt()
}
