//! `windtunnel schema`: the JSON Schema of experiment files and of results, and the definitions of
//! metrics.

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use history::ReportData;
use lab::names::Registered;
use lab::summary::Summary;
use metrics::REGISTRY;
use scenario::json_schema;

use super::{Exit, terminal};

/// Arguments of `schema`.
#[derive(Clone, Debug, Args)]
pub(super) struct SchemaArguments {
    /// Subject of the schema
    #[arg(value_enum, default_value_t = Subject::Scenario)]
    subject: Subject,
}

/// Subject of a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Subject {
    /// Experiment file.
    Scenario,
    /// Summary of a run, `summary.json`.
    Summary,
    /// Data of a report beyond the summary, `report.json`.
    Report,
    /// Plan of a cluster, `plan.json`.
    Plan,
    /// Metrics: id, unit, direction, formula, census, censoring rule.
    Metrics,
}

pub(super) fn run(arguments: &SchemaArguments) -> Exit {
    let schema = match arguments.subject {
        Subject::Scenario => json_schema(&Registered),
        Subject::Summary => schemars::schema_for!(Summary).to_value(),
        Subject::Report => schemars::schema_for!(ReportData).to_value(),
        Subject::Plan => {
            terminal::print(report::plan::SCHEMA_TEXT);
            return Exit::Done;
        }
        Subject::Metrics => metrics(),
    };
    terminal::print(&format!("{schema:#}\n"));
    Exit::Done
}

fn metrics() -> Value {
    let entries = REGISTRY.iter().flat_map(|entry| {
        entry.ids().map(|(id, statistic)| {
            json!({
                "id": id,
                "unit": statistic.unit,
                "better": statistic.direction.name(),
                "noiseThreshold": statistic.threshold,
                "smallestRelevant": statistic.floor,
                "summary": entry.summary,
                "formula": entry.formula,
                "denominators": entry.denominators,
                "census": entry.census,
                "censoring": entry.censoring,
                "source": entry.source,
            })
        })
    });
    entries.collect()
}
