//! The data of the template: everything that the report shows, as text.

use minijinja::{Value, context};
use serde::Serialize;

use super::closer::{self, Details};
use super::costs::PageCosts;
use super::faults::{self, PageFault};
use super::paired::{self, PageStudy};
use super::queues::PageQueues;
use super::remarks::{self, PageDefinition, PageRemark};
use super::services::PageServices;
use super::workloads::PageWorkloads;
use super::{RenderError, embedded_json, tables};
use crate::clock::Clock;
use crate::comparison::{Comparison, Row, Rows};
use crate::embedded::EmbeddedScenario;
use crate::format;
use crate::plot::{self, NotDrawn, Plot};
use crate::runs::{Gathered, RunScenario};
use crate::sense::Sense;
use crate::study;
use crate::verdict::Verdict;
use lab::compare::RecordedStudy;
use lab::summary::{InputSummary, VariantSummary};
use metrics::registry::placement;
use metrics::{Group, Placement};

#[derive(Serialize)]
pub(super) struct Page<'a> {
    name: &'a str,
    question: &'a str,
    facts: &'a [String],
    verdict: String,
    is_apart: bool,
    /// `good`, `bad` or `neither`.
    sense: &'static str,
    sign: &'static str,
    caveats: &'a [String],
    study: Option<PageStudy>,
    columns: Vec<&'a str>,
    headline: Vec<PageGroup<'a>>,
    groups: Vec<PageGroup<'a>>,
    other_count: usize,
    census: Vec<PageGroup<'a>>,
    /// Attributes of which the census counts none.
    nobody: Vec<&'a str>,
    plots: Vec<Value>,
    missing: &'a [NotDrawn],
    runs: Vec<Value>,
    workloads: PageWorkloads,
    services: PageServices,
    costs: PageCosts,
    traffic: Vec<Value>,
    alerts: Vec<Value>,
    notifications: Vec<Value>,
    faults: Vec<PageFault<'a>>,
    autoscalers: Vec<Value>,
    fights: Vec<Value>,
    queues: PageQueues,
    waiting: Vec<Value>,
    confusion: Vec<Value>,
    aggregated: Vec<PageRemark<'a>>,
    /// Of the metrics in the main table, then of the others.
    definitions: [Vec<PageDefinition<'a>>; 2],
    undefined: Vec<PageRemark<'a>>,
    ledger: Vec<PageRemark<'a>>,
    inputs: &'a [InputSummary],
    scenarios: Vec<Value>,
    version: String,
    schema_version: u32,
    summary_json: Value,
    details_json: Value,
    scenarios_json: Value,
    /// Record of the comparison, from which it can be made again; none without one.
    comparison_json: Option<Value>,
    series_css: Value,
    script: Value,
    script_hash: Value,
}

/// Rows under a heading.
#[derive(Serialize)]
struct PageGroup<'a> {
    title: &'a str,
    rows: Vec<Value>,
}

/// Content of a page.
pub(super) struct Shown<'a> {
    gathered: &'a Gathered,
    headline: Comparison,
    all: Comparison,
    verdict: Verdict,
    plots: &'a [Plot],
    missing: &'a [NotDrawn],
}

impl<'a> Shown<'a> {
    pub(super) fn new(gathered: &'a Gathered, plots: &'a [Plot], missing: &'a [NotDrawn]) -> Self {
        let compared = |rows: Rows| {
            let mut comparison = Comparison::of(gathered, rows);
            if let Some(figures) = &gathered.figures {
                figures.show_means(&mut comparison);
            }
            comparison
        };
        let headline = compared(Rows::Headline);
        Self {
            gathered,
            all: compared(Rows::All),
            verdict: match &gathered.study {
                Some(study) => Verdict {
                    sentence: study::headline(study),
                    caveats: study::remarks(study),
                },
                None => Verdict::new(&gathered.summary, &headline),
            },
            headline,
            plots,
            missing,
        }
    }

    /// The page.
    pub(super) fn page(&self) -> Result<Page<'_>, RenderError> {
        let summary = &self.gathered.summary;
        let columns: Vec<&str> = (self.headline.columns.iter())
            .map(|column| column.name.as_str())
            .collect();
        let (census, others): (Vec<&Row>, Vec<&Row>) = (self.all.rows.iter())
            .filter(|row| !self.headline.rows.iter().any(|other| other.id == row.id))
            .partition(|row| placement(&row.id).group == Group::Census);
        let is_none = |row: &&Row| (row.cells.iter()).all(|cell| cell.text == "0");
        let (nobody, census): (Vec<&Row>, Vec<&Row>) = census.into_iter().partition(is_none);
        let runs = summary.variants.iter().zip(&columns);
        let sense = self.sense();
        Ok(Page {
            name: &self.headline.name,
            question: &summary.description,
            facts: &self.headline.facts,
            verdict: unbroken(&self.verdict.sentence),
            is_apart: self.headline.apart.is_some(),
            sense: sense.class(),
            sign: sense.sign(),
            caveats: &self.verdict.caveats,
            study: self.gathered.study.as_ref().map(PageStudy::new),
            headline: vec![group("", self.headline.rows.iter())],
            other_count: others.len(),
            groups: grouped(&others),
            census: vec![group("", census.into_iter())],
            nobody: nobody.iter().map(|row| row.label.as_str()).collect(),
            plots: self.plots.iter().map(page_plot).collect(),
            missing: self.missing,
            runs: runs.map(|(run, name)| page_run(run, name)).collect(),
            workloads: PageWorkloads::new(summary, &columns),
            services: PageServices::new(summary, &columns),
            costs: PageCosts::new(summary, &columns),
            traffic: tables::traffic(self.gathered),
            alerts: tables::alerts(self.gathered),
            notifications: tables::notifications(self.gathered),
            faults: faults::faults(self.gathered),
            autoscalers: tables::autoscalers(summary, &columns),
            fights: tables::fights(summary, &columns),
            queues: PageQueues::new(summary, &columns),
            waiting: tables::waiting(self.gathered),
            confusion: tables::confusion(self.gathered),
            aggregated: self.aggregated(&columns),
            definitions: remarks::definitions(summary, &self.headline, &self.all),
            undefined: remarks::undefined(&self.all),
            ledger: remarks::ledger(summary, &columns),
            inputs: &summary.inputs,
            scenarios: self.gathered.scenarios.iter().map(page_scenario).collect(),
            version: summary.program(),
            schema_version: summary.schema_version,
            summary_json: Value::from_safe_string(embedded_json(summary)?),
            details_json: Value::from_safe_string(embedded_json(&Details::new(
                &self.gathered.data,
                &self.gathered.series(),
                Clock::shared(summary),
            ))?),
            scenarios_json: Value::from_safe_string(embedded_json(&self.embedded_scenarios())?),
            comparison_json: (self.gathered.study.as_ref())
                .map(|study| embedded_json(&RecordedStudy::of(study)))
                .transpose()?
                .map(Value::from_safe_string),
            series_css: Value::from_safe_string(plot::series_variables()),
            script: Value::from_safe_string(closer::SCRIPT.to_owned()),
            script_hash: Value::from_safe_string(closer::script_hash()),
            columns,
        })
    }

    /// The sense of the verdict: only a comparison with a baseline finds something better or worse.
    fn sense(&self) -> Sense {
        let study = self.gathered.study.as_ref();
        study.map_or(Sense::Neither, paired::sense)
    }

    fn embedded_scenarios(&self) -> Vec<EmbeddedScenario> {
        let scenarios = self.gathered.scenarios.iter();
        let embedded = scenarios.map(|scenario| EmbeddedScenario {
            // One run is known by its experiment, whatever its folder is called.
            run: match self.gathered.scenarios.len() {
                1 => self.gathered.summary.name.clone(),
                _ => scenario.run.clone(),
            },
            hash: scenario.hash.clone(),
            text: scenario.text.clone(),
            fork: scenario.fork.clone(),
        });
        embedded.collect()
    }

    fn aggregated<'p>(&self, columns: &[&'p str]) -> Vec<PageRemark<'p>> {
        let variants = self.gathered.data.variants.iter().zip(columns);
        let count = columns.len();
        let clock = Clock::shared(&self.gathered.summary);
        let parts = variants.flat_map(|(variant, &name)| {
            let parts = closer::aggregated(variant, count, clock);
            parts.into_iter().map(move |part| (part, name))
        });
        remarks::gathered(parts, count)
    }
}

fn group<'a>(title: &'a str, rows: impl Iterator<Item = &'a Row>) -> PageGroup<'a> {
    PageGroup {
        title,
        rows: rows.map(page_row).collect(),
    }
}

/// The rows in their groups, each in the order of its families; those of no group last.
fn grouped<'a>(rows: &[&'a Row]) -> Vec<PageGroup<'a>> {
    let groups = Group::SHOWN.iter().map(|&shown| {
        let placed = rows.iter().map(|&row| (placement(&row.id), row));
        let mut own: Vec<(Placement, &Row)> =
            placed.filter(|(place, _)| place.group == shown).collect();
        own.sort_by_key(|&(place, _)| place);
        group(shown.title(), own.into_iter().map(|(_, row)| row))
    });
    groups.filter(|group| !group.rows.is_empty()).collect()
}

fn page_row(row: &Row) -> Value {
    let cells = row.cells.iter().map(|cell| {
        context! {
            text => &cell.text,
            best => cell.best,
            difference => cell.difference.as_deref(),
        }
    });
    context! {
        id => &row.id,
        label => &row.label,
        direction => row.better.words(),
        cells => cells.collect::<Vec<Value>>(),
    }
}

/// No line ends between a number and its unit.
fn unbroken(sentence: &str) -> String {
    sentence.replace(" %", "\u{a0}%").replace(" pp", "\u{a0}pp")
}

fn page_plot(plot: &Plot) -> Value {
    context! {
        name => plot.name,
        title => plot.title,
        caption => plot.caption.clone(),
        svg => Value::from_safe_string(plot.svg.clone()),
    }
}

fn page_run<'a>(variant: &'a VariantSummary, name: &'a str) -> Value {
    context! {
        name,
        system => &variant.system,
        scheduler => &variant.scheduler,
        releases => variant.releases.join(", "),
        seed => variant.seed,
        nodes => format::count(variant.nodes),
        pods => format::count(variant.pods),
        ended => ended(&variant.ended),
        simulated => Clock::of(variant).duration(variant.end_ns as f64 / 1e9),
        decisions => format::count(variant.decisions),
        changes => format::count(variant.changes),
        digest => &variant.digest,
    }
}

fn page_scenario(scenario: &RunScenario) -> Value {
    const MODELLED: [&str; 6] = [
        "models:",
        "failures:",
        "traffic:",
        "alerts:",
        "stop:",
        "metrics:",
    ];
    let mut models = String::new();
    let mut is_wanted = false;
    for line in scenario.text.lines() {
        if !line.starts_with([' ', '-', '#']) {
            is_wanted = MODELLED.iter().any(|key| line.starts_with(key));
        }
        if is_wanted {
            models.push_str(line);
            models.push('\n');
        }
    }
    context! {
        run => &scenario.run,
        hash => &scenario.hash,
        text => &scenario.text,
        models,
    }
}

/// Reason a run ended, in words.
fn ended(reason: &str) -> &str {
    match reason {
        "reached" => "time reached",
        "drained" => "all done",
        "idle" => "no events left",
        other => other,
    }
}
