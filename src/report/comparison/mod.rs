//! Model behind every format of the summary: terminal table, Markdown, CSV, JSON and HTML show the
//! same rows, the same text and the same best values.

#[cfg(test)]
mod tests;

use thiserror::Error;

use crate::clock::Clock;
use crate::format;
use crate::releases;
use crate::runs::Gathered;
use lab::compare::{CandidateRun, metric_hint};
use lab::summary::{MetricSummary, Summary, VariantSummary};
use metrics::registry::{self, short_list};
use metrics::{Direction, ShortList};
use units::{SortedSet, plural};

/// Statistic of a subject that says most about a fill-up, where pods never depart.
const STATISTICS_OF_FILL_UP: [&str; 3] = ["end", "peak", "mean"];

/// Statistic of a subject that says most about a run over time.
const STATISTICS_OVER_TIME: [&str; 3] = ["mean", "peak", "end"];

/// Selection of the metrics shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rows {
    /// Headline metrics that distinguish the variants.
    Headline,
    /// Every metric that was measured or could not be (`-v`).
    All,
}

/// One metric over all variants.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Id of the metric.
    pub id: String,
    /// Name of the metric for people.
    pub label: String,
    /// Unit of the metric, as in `summary.json`.
    pub unit: String,
    /// Better direction of the metric.
    pub better: Direction,
    /// Cells of the row, one per variant.
    pub cells: Vec<Cell>,
}

impl Row {
    /// Returns whether some variant is better than another.
    pub fn has_best(&self) -> bool {
        self.cells.iter().any(|cell| cell.best)
    }
}

/// One metric of one variant.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    /// Value of the metric; `None` if undefined.
    pub value: Option<f64>,
    /// Value as people read it.
    pub text: String,
    /// Best value: no comparable variant is better, and some are worse.
    pub best: bool,
    /// True if the variant is comparable with the first.
    pub comparable: bool,
    /// Difference from the best value.
    pub difference: Option<String>,
    /// Reason why it is undefined, or a note about it.
    pub note: Option<String>,
}

/// Column head of a variant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Name of the variant, without control characters.
    pub name: String,
    /// Digest, cut to a length that still distinguishes the variants.
    pub digest: String,
}

/// Variants side by side.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// Name of the experiment, without control characters.
    pub name: String,
    /// Facts about the run: `10,866 pods on 1,213 nodes`, `seed 42`, `6 variants`.
    pub facts: Vec<String>,
    /// Columns, one per variant.
    pub columns: Vec<Column>,
    /// Rows, one per metric shown.
    pub rows: Vec<Row>,
    /// Reason why nothing is compared, if the variants are of different scenarios.
    pub apart: Option<String>,
    /// Notices to read before relying on the figures.
    pub notices: Vec<String>,
}

/// Error for an id that is no metric of the runs.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("no metric `{id}` in these runs; {hint}")]
pub struct UnknownMetric {
    /// Id as given.
    pub id: String,
    /// Hint at the metric that may be meant.
    pub hint: String,
}

impl Comparison {
    /// Compares the variants of `summary`.
    pub fn new(summary: &Summary, rows: Rows) -> Self {
        Self::with(summary, |is_comparable| {
            let headline = match rows {
                Rows::All => Vec::new(),
                Rows::Headline => headline(summary, is_comparable),
            };
            if headline.is_empty() {
                all_rows(summary, is_comparable)
            } else {
                headline
            }
        })
    }

    /// Compares the variants of `summary` in these metrics, in this order; those that the runs lack are left out.
    pub(crate) fn in_metrics(summary: &Summary, ids: &[String]) -> Self {
        Self::with(summary, |is_comparable| {
            let rows = ids.iter().filter_map(|id| row(summary, id, is_comparable));
            rows.collect()
        })
    }

    fn with(summary: &Summary, rows: impl FnOnce(&[bool]) -> Vec<Row>) -> Self {
        let unlike = incomparable(summary);
        let is_comparable: Vec<bool> = unlike.iter().map(Option::is_none).collect();
        let rows = rows(&is_comparable);
        let digests: Vec<&str> = summary
            .variants
            .iter()
            .map(|variant| variant.digest.as_str())
            .collect();
        let columns = summary
            .variants
            .iter()
            .zip(shortened_digests(&digests))
            .map(|(variant, digest)| Column {
                name: format::clean(&variant.name),
                digest,
            })
            .collect();
        Self {
            name: format::clean(&summary.name),
            facts: facts(summary),
            columns,
            rows,
            apart: None,
            notices: unlike
                .into_iter()
                .flatten()
                .chain(statements(summary))
                .chain(same_decisions(summary))
                .collect(),
        }
    }

    /// Compares the variants of runs; nothing is judged if they are not comparable.
    pub fn of(gathered: &Gathered, rows: Rows) -> Self {
        let mut comparison = Self::new(&gathered.summary, rows);
        let own = std::mem::take(&mut comparison.notices);
        comparison.notices.clone_from(&gathered.notices);
        if gathered.apart.is_none() {
            comparison.notices.extend(own);
        }
        comparison.apart.clone_from(&gathered.apart);
        if comparison.apart.is_some() {
            let rows = comparison.rows.iter_mut();
            for cell in rows.flat_map(|row| &mut row.cells) {
                cell.best = false;
                cell.difference = None;
            }
        }
        comparison
    }

    /// Keeps only these metrics, in this order.
    ///
    /// # Errors
    /// If the runs have no metric of an id.
    pub fn only(mut self, ids: &[String]) -> Result<Self, UnknownMetric> {
        let find = |id: &String| {
            let known = self.rows.iter().find(|row| row.id == *id);
            known.cloned().ok_or_else(|| UnknownMetric {
                id: format::clean(id),
                hint: metric_hint(id, self.rows.iter().map(|row| row.id.as_str())),
            })
        };
        self.rows = ids.iter().map(find).collect::<Result<_, _>>()?;
        Ok(self)
    }

    /// Row that decides the verdict: the first that distinguishes the variants.
    pub fn deciding_row(&self) -> Option<&Row> {
        self.rows.iter().find(|row| row.has_best())
    }
}

/// Statement of what makes each variant not comparable with the first; none if nothing does. One that
/// is not comparable is never called the best.
fn incomparable(summary: &Summary) -> Vec<Option<String>> {
    let Some(first) = summary.variants.first() else {
        return Vec::new();
    };
    let statement = |other: &VariantSummary| {
        if let Some(why) = &other.stopped {
            return Some(format!(
                "{} is incomplete and compared with nothing: {}",
                format::clean(&other.name),
                format::clean(why)
            ));
        }
        let reasons = lab::compare::incomparable(&first.name, &[first], &other.name, &[other]);
        let reasons: Vec<String> = reasons.iter().map(|own| format::clean(own)).collect();
        let name = format::clean(&other.name);
        let told = || format!("{name} is not comparable: {}", reasons.join("; "));
        (!reasons.is_empty()).then(told)
    };
    summary.variants.iter().map(statement).collect()
}

/// Statements on variants that limits of their own hold back where others know none, and on jobs that they lost.
fn statements(summary: &Summary) -> Vec<String> {
    let runs = summary.variants.iter().map(|run| CandidateRun {
        name: &run.name,
        run,
    });
    let runs: Vec<CandidateRun<'_>> = runs.collect();
    let all = lab::compare::finished_apart(&runs).into_iter();
    let all = all.chain(lab::compare::statements(&runs));
    all.map(|words| format::clean(&words)).collect()
}

/// Statements on variants that decide as another does.
fn same_decisions(summary: &Summary) -> Vec<String> {
    let variants = &summary.variants;
    let names: Vec<String> = variants
        .iter()
        .map(|run| format::clean(&run.name))
        .collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    lab::compare::same_decisions(&names, |one, other| {
        variants[one].digest == variants[other].digest
    })
}

fn row(summary: &Summary, id: &str, is_comparable: &[bool]) -> Option<Row> {
    let metrics: Vec<Option<&MetricSummary>> = summary
        .variants
        .iter()
        .map(|variant| variant.metrics.get(id))
        .collect();
    let first = metrics.iter().flatten().next()?;
    let (unit, better) = (
        shown_unit(summary, first),
        Direction::of_name(&first.better),
    );
    let values: Vec<Option<f64>> = metrics
        .iter()
        .map(|metric| {
            metric
                .and_then(|metric| metric.value)
                .filter(|value| value.is_finite())
        })
        .collect();
    let candidates = values.iter().zip(is_comparable);
    let candidates = candidates.map(|(value, is_comparable)| value.filter(|_| *is_comparable));
    let candidates: Vec<Option<f64>> = candidates.collect();
    let best = best_value(&candidates, better);
    let texts = format::values(&values, &unit);
    let best_text = candidates
        .iter()
        .position(|value| best.is_some() && *value == best)
        .map(|index| texts[index].clone());
    // What reads the same is equally good; where everything does, nothing is marked.
    let tells_apart = candidates
        .iter()
        .zip(&texts)
        .any(|(value, text)| value.is_some() && Some(text) != best_text.as_ref());
    let cells = metrics
        .iter()
        .zip(values)
        .zip(is_comparable)
        .zip(texts)
        .map(|(((metric, value), is_comparable), text)| Cell {
            value,
            best: tells_apart
                && *is_comparable
                && value.is_some()
                && Some(&text) == best_text.as_ref(),
            comparable: *is_comparable,
            difference: value
                .filter(|_| *is_comparable)
                .zip(best)
                .and_then(|(value, best)| format::difference(value, best, &unit)),
            note: metric
                .and_then(|metric| metric.note.as_deref())
                .map(format::clean),
            text,
        })
        .collect();
    Some(Row {
        id: id.to_owned(),
        label: label(summary, id),
        unit,
        better,
        cells,
    })
}

/// The unit that a metric is shown in.
fn shown_unit(summary: &Summary, metric: &MetricSummary) -> String {
    Clock::shared(summary).unit(&metric.unit).to_owned()
}

fn best_value(values: &[Option<f64>], better: Direction) -> Option<f64> {
    let present = values.iter().flatten().copied();
    match better {
        Direction::Higher => present.max_by(f64::total_cmp),
        Direction::Lower => present.min_by(f64::total_cmp),
        Direction::None => None,
    }
}

/// Rows of all metrics that some variant has, in order of id.
fn all_rows(summary: &Summary, is_comparable: &[bool]) -> Vec<Row> {
    let metrics = summary.variants.iter();
    let metrics = metrics.flat_map(|variant| variant.metrics.keys().map(String::as_str));
    let ids: SortedSet<&str> = metrics.collect();
    let rows = ids.into_iter();
    rows.filter_map(|id| row(summary, id, is_comparable))
        .collect()
}

/// Headline metrics that were measured and distinguish the variants; those that were measured, if
/// none does.
fn headline(summary: &Summary, is_comparable: &[bool]) -> Vec<Row> {
    let statistics = if summary
        .variants
        .iter()
        .any(|variant| variant.arrived.is_some())
    {
        STATISTICS_OF_FILL_UP
    } else {
        STATISTICS_OVER_TIME
    };
    // A bill of nothing says that nodes have no price.
    let least = |row: &Row| (row.id == "cost.total").then_some(0.0);
    let measured = |row: &Row| row.cells.iter().any(|own| own.value > least(row));
    let find = |id: &str| row(summary, id, is_comparable).filter(measured);
    let find_subject = |subject: &String| {
        let statistic = |name: &&str| find(&format!("{subject}.{name}"));
        find(subject).or_else(|| statistics.iter().find_map(statistic))
    };
    // Who leaves jobs undone comes first: all else is of what was left.
    let has_lost = |run: &VariantSummary| run.unfinished.is_some_and(|undone| undone.lost > 0);
    let is_lost = summary.variants.iter().any(has_lost);
    let lost = is_lost.then(|| find("jobs.evicted"));
    let picked = short_list(ShortList::Headline);
    let picked = picked
        .iter()
        .filter_map(|ids| ids.iter().find_map(find_subject));
    let picked: Vec<Row> = lost.flatten().into_iter().chain(picked).collect();
    let differing: Vec<Row> = picked
        .iter()
        .filter(|row| row.cells.iter().any(|cell| cell.text != row.cells[0].text))
        .cloned()
        .collect();
    if differing.is_empty() {
        picked
    } else {
        differing
    }
}

/// Name of the metric for people: its title, or a text made from its id.
fn label(summary: &Summary, id: &str) -> String {
    let title = summary.title(id);
    title.map_or_else(|| registry::title(id), format::clean)
}

fn facts(summary: &Summary) -> Vec<String> {
    let mut facts = Vec::new();
    let range = |values: Vec<u64>| match (values.iter().min(), values.iter().max()) {
        (Some(&low), Some(&high)) if low == high => format::count(low),
        (Some(&low), Some(&high)) => format!("{}–{}", format::count(low), format::count(high)),
        _ => "0".to_owned(),
    };
    let column = |of: fn(&lab::summary::VariantSummary) -> u64| {
        summary.variants.iter().map(of).collect::<Vec<u64>>()
    };
    let counted = |values: Vec<u64>, word: &str| {
        let plural = if values.iter().all(|&value| value == 1) {
            ""
        } else {
            "s"
        };
        format!("{} {word}{plural}", range(values))
    };
    facts.push(format!(
        "{} on {}",
        counted(column(|variant| variant.pods), "pod"),
        counted(column(|variant| variant.nodes), "node")
    ));
    let seeds: SortedSet<u64> = column(|variant| variant.seed).into_iter().collect();
    match seeds.len() {
        0 => {}
        1 => facts.extend(seeds.first().map(|seed| format!("seed {seed}"))),
        seed_count => facts.push(plural::count(seed_count, "seed")),
    }
    facts.push(plural::count(summary.variants.len(), "variant"));
    facts.extend(releases::fact(
        summary
            .variants
            .iter()
            .map(|own| (&own.name, &own.releases)),
    ));
    let interrupted = summary
        .variants
        .iter()
        .filter(|variant| variant.ended == "interrupted")
        .count();
    if interrupted > 0 {
        facts.push(format!("{interrupted} interrupted"));
    }
    facts
}

/// Cuts digests to the shortest length of 4 to 8 characters that keeps different ones different.
fn shortened_digests(digests: &[&str]) -> Vec<String> {
    let cut = |length: usize| -> Vec<String> {
        digests
            .iter()
            .map(|digest| digest.chars().take(length).collect())
            .collect()
    };
    let distinct = digests.iter().collect::<SortedSet<_>>().len();
    (4..8)
        .map(cut)
        .find(|short| short.iter().collect::<SortedSet<_>>().len() == distinct)
        .unwrap_or_else(|| cut(8))
}
