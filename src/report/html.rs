//! The report: one HTML file that needs no network, with the verdict, the table, the plots, what
//! every figure means and how to get it again.
//!
//! The text around the figures is in the template, `report.html.jinja`. Whatever comes from a
//! summary is escaped by the template engine; the plots, which escape their own text, are put in
//! as they are. The summary itself is embedded as JSON for programs that find only the report.

use std::collections::BTreeMap;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value};
use serde::Serialize;
use thiserror::Error;

use crate::lab::summary::{Summary, VariantSummary};
use crate::report::comparison::{Better, Comparison, Row, Rows};
use crate::report::format;
use crate::report::plot::Plot;
use crate::report::verdict::Verdict;

const TEMPLATE: &str = include_str!("report.html.jinja");

/// The report could not be rendered: a defect of the program or of the template.
#[derive(Debug, Error)]
#[error("the report could not be rendered: {reason}")]
pub struct RenderError {
    /// What the template engine said, with the line.
    pub reason: String,
}

#[derive(Serialize)]
struct Page<'a> {
    name: &'a str,
    question: &'a str,
    facts: &'a [String],
    verdict: String,
    caveats: &'a [String],
    columns: Vec<&'a str>,
    headline: Vec<PageRow<'a>>,
    all: Vec<PageRow<'a>>,
    plots: Vec<PagePlot<'a>>,
    runs: Vec<PageRun<'a>>,
    definitions: Vec<PageDefinition<'a>>,
    undefined: Vec<PageRemark<'a>>,
    ledger: Vec<PageRemark<'a>>,
    inputs: Vec<PageInput<'a>>,
    scenario: &'a str,
    scenario_hash: &'a str,
    version: &'a str,
    schema_version: u32,
    summary_json: Value,
}

#[derive(Serialize)]
struct PageRow<'a> {
    id: &'a str,
    label: &'a str,
    /// `higher is better`, `lower is better` or nothing.
    direction: &'static str,
    cells: Vec<PageCell<'a>>,
}

#[derive(Serialize)]
struct PageCell<'a> {
    text: &'a str,
    best: bool,
    difference: Option<&'a str>,
}

#[derive(Serialize)]
struct PagePlot<'a> {
    caption: &'a str,
    svg: Value,
}

#[derive(Serialize)]
struct PageRun<'a> {
    name: &'a str,
    system: &'a str,
    scheduler: &'a str,
    seed: u64,
    nodes: String,
    pods: String,
    ended: &'a str,
    simulated: String,
    decisions: String,
    changes: String,
    digest: &'a str,
}

#[derive(Serialize)]
struct PageDefinition<'a> {
    id: &'a str,
    label: &'a str,
    definition: &'a str,
    direction: &'static str,
}

/// A remark and the variants it is about; no variants where it is about all.
#[derive(Serialize)]
struct PageRemark<'a> {
    text: String,
    variants: Vec<&'a str>,
}

#[derive(Serialize)]
struct PageInput<'a> {
    path: &'a str,
    blake3: &'a str,
}

/// Renders the report on `summary`. `scenario` is the text of `scenario.yaml` as run.
pub fn render(summary: &Summary, plots: &[Plot], scenario: &str) -> Result<String, RenderError> {
    let headline = Comparison::new(summary, Rows::Headline);
    let all = Comparison::new(summary, Rows::All);
    let verdict = Verdict::new(summary, &headline);
    let columns: Vec<&str> = headline
        .columns
        .iter()
        .map(|column| column.name.as_str())
        .collect();
    let shown = |row: &&Row| !headline.rows.iter().any(|other| other.id == row.id);
    let page = Page {
        name: &headline.name,
        question: &summary.description,
        facts: &headline.facts,
        verdict: unbroken(&verdict.sentence),
        caveats: &verdict.caveats,
        headline: headline.rows.iter().map(page_row).collect(),
        all: all.rows.iter().filter(shown).map(page_row).collect(),
        plots: plots.iter().map(page_plot).collect(),
        runs: summary
            .variants
            .iter()
            .zip(&columns)
            .map(|(run, name)| page_run(run, name))
            .collect(),
        definitions: definitions(summary, &all),
        undefined: undefined(&all),
        ledger: ledger(summary, &columns),
        inputs: summary
            .inputs
            .iter()
            .map(|input| PageInput {
                path: &input.path,
                blake3: &input.blake3,
            })
            .collect(),
        scenario,
        scenario_hash: &summary.scenario_hash,
        version: &summary.windtunnel,
        schema_version: summary.schema_version,
        summary_json: Value::from_safe_string(embedded_json(summary)?),
        columns,
    };
    let failed = |error: minijinja::Error| RenderError {
        reason: format!("{error:#}"),
    };
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.set_syntax(
        SyntaxConfig::builder()
            .trim_blocks(true)
            .lstrip_blocks(true)
            .build()
            .map_err(failed)?,
    );
    let template = environment
        .template_from_named_str("report.html", TEMPLATE)
        .map_err(failed)?;
    let mut html = template.render(Serde(&page)).map_err(failed)?;
    html.push('\n');
    Ok(html)
}

/// JSON that can stand inside a script element: nothing in it can end the element.
fn embedded_json(summary: &Summary) -> Result<String, RenderError> {
    let json = serde_json::to_string(summary).map_err(|error| RenderError {
        reason: error.to_string(),
    })?;
    // Outside strings, JSON has none of these characters.
    Ok(json
        .replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('&', "\\u0026")
        .replace('\u{2028}', "\\u2028")
        .replace('\u{2029}', "\\u2029"))
}

fn page_row(row: &Row) -> PageRow<'_> {
    let cells = row
        .cells
        .iter()
        .map(|cell| PageCell {
            text: &cell.text,
            best: cell.best,
            difference: cell.difference.as_deref(),
        })
        .collect();
    PageRow {
        id: &row.id,
        label: &row.label,
        direction: direction(row.better),
        cells,
    }
}

/// No line ends between a number and its unit.
fn unbroken(sentence: &str) -> String {
    sentence.replace(" %", "\u{a0}%").replace(" pp", "\u{a0}pp")
}

fn direction(better: Better) -> &'static str {
    match better {
        Better::Higher => "higher is better",
        Better::Lower => "lower is better",
        Better::Neither => "",
    }
}

fn page_plot(plot: &Plot) -> PagePlot<'_> {
    PagePlot {
        caption: plot.caption,
        svg: Value::from_safe_string(plot.svg.clone()),
    }
}

fn page_run<'a>(variant: &'a VariantSummary, name: &'a str) -> PageRun<'a> {
    PageRun {
        name,
        system: &variant.system,
        scheduler: &variant.scheduler,
        seed: variant.seed,
        nodes: format::count(variant.nodes),
        pods: format::count(variant.pods),
        ended: ended(&variant.ended),
        simulated: format::duration(variant.end_ns as f64 / 1e9),
        decisions: format::count(variant.decisions),
        changes: format::count(variant.changes),
        digest: &variant.digest,
    }
}

/// Why a run ended, in words.
fn ended(reason: &str) -> &str {
    match reason {
        "reached" => "time reached",
        "drained" => "all done",
        "idle" => "nothing left to happen",
        other => other,
    }
}

fn definitions<'a>(summary: &'a Summary, all: &'a Comparison) -> Vec<PageDefinition<'a>> {
    let entry = |row: &'a Row| {
        let definition = summary.definitions.get(&row.id)?;
        Some(PageDefinition {
            id: &row.id,
            label: &row.label,
            definition: &definition.definition,
            direction: direction(row.better),
        })
    };
    all.rows.iter().filter_map(entry).collect()
}

/// Every metric that has no value somewhere, with the reason.
fn undefined(all: &Comparison) -> Vec<PageRemark<'_>> {
    let mut remarks = Vec::new();
    for row in &all.rows {
        let cells = row.cells.iter().zip(&all.columns);
        let reasons = cells
            .filter(|(cell, _)| cell.value.is_none())
            .map(|(cell, column)| {
                let reason = cell.note.as_deref().unwrap_or("not measured");
                (format!("{}: {reason}", row.label), column.name.as_str())
            });
        remarks.extend(gathered(reasons, all.columns.len()));
    }
    remarks
}

/// What was wrong in the input, each line once.
fn ledger<'a>(summary: &'a Summary, columns: &[&'a str]) -> Vec<PageRemark<'a>> {
    let lines = summary
        .variants
        .iter()
        .zip(columns)
        .flat_map(|(variant, &name)| {
            variant
                .ledger
                .iter()
                .map(move |line| (format::clean(line), name))
        });
    gathered(lines, columns.len())
}

/// Puts equal remarks together; one about all variants names none.
fn gathered<'a>(
    remarks: impl Iterator<Item = (String, &'a str)>,
    variant_count: usize,
) -> Vec<PageRemark<'a>> {
    let mut variants_by_text: BTreeMap<String, Vec<&'a str>> = BTreeMap::new();
    for (text, variant) in remarks {
        variants_by_text.entry(text).or_default().push(variant);
    }
    variants_by_text
        .into_iter()
        .map(|(text, variants)| {
            let about_all = variants.len() == variant_count;
            PageRemark {
                text,
                variants: if about_all { Vec::new() } else { variants },
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{example, plot};

    fn page(summary: &Summary) -> String {
        let plots = plot::draw_all(summary).unwrap();
        render(summary, &plots, "windtunnel: v1\nname: gpu-packing\n").unwrap()
    }

    #[test]
    fn a_report_has_all_its_parts_and_loads_nothing() {
        let html = page(&example::fill_up());
        for part in [
            "fgd has the highest GPU allocation, end: 93.1\u{a0}%, 4.2\u{a0}pp above the next",
            "<svg class=\"windtunnel-plot\"",
            "windtunnel run scenario.yaml",
            "c0ffee0000112233445566778899aabbccddeeff00112233445566778899aabb",
            "6f1c90af3310",
            "makespan: no pod finished",
            "3 rows without a GPU model",
            "<th scope=\"row\">",
            "GPUs that a pod drawn from the workload could not use, over all GPUs.",
        ] {
            assert!(html.contains(part), "{part}");
        }
        for loading in [
            "src=",
            "url(",
            "@import",
            "<link rel=\"stylesheet\"",
            "fetch(",
        ] {
            assert!(!html.contains(loading), "{loading}");
        }
        // The only addresses are those of the SVG name space.
        let addresses = html.matches("http").count();
        assert_eq!(
            addresses,
            html.matches("http://www.w3.org/2000/svg").count() + 1
        );
        assert!(html.contains("http-equiv=\"Content-Security-Policy\""));
    }

    #[test]
    fn names_with_html_in_them_are_text() {
        let attack = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\"'&";
        let mut summary = example::fill_up();
        summary.name = attack.to_owned();
        summary.description = attack.to_owned();
        summary.windtunnel = attack.to_owned();
        summary.scenario_hash = attack.to_owned();
        summary.inputs[0].path = attack.to_owned();
        summary.inputs[0].blake3 = attack.to_owned();
        for definition in summary.definitions.values_mut() {
            definition.title = attack.to_owned();
            definition.definition = attack.to_owned();
        }
        for variant in &mut summary.variants {
            variant.name = attack.to_owned();
            variant.system = attack.to_owned();
            variant.scheduler = attack.to_owned();
            variant.ended = attack.to_owned();
            variant.digest = attack.to_owned();
            variant.ledger = vec![attack.to_owned()];
            let metric = variant.metrics.values().next().unwrap().clone();
            variant.metrics.insert(attack.to_owned(), metric);
            for metric in variant.metrics.values_mut() {
                metric.note = Some(attack.to_owned());
                metric.unit = attack.to_owned();
            }
        }
        let plots = plot::draw_all(&summary).unwrap();
        let html = render(&summary, &plots, attack).unwrap();
        assert_eq!(
            html.matches("<script").count(),
            1,
            "the embedded summary and no other"
        );
        assert_eq!(html.matches("</script").count(), 1);
        assert!(!html.contains("<img"));
        assert!(html.contains("\\u003c/script\\u003e\\u003cscript\\u003ealert(1)"));

        let json = html.split_once("id=\"windtunnel-summary\">").unwrap().1;
        let json = json.split_once("</script>").unwrap().0;
        let embedded: Summary = serde_json::from_str(json).unwrap();
        assert_eq!(
            embedded.name, attack,
            "what is embedded is the summary, unharmed"
        );
        assert_eq!(embedded.variants[5].ledger, summary.variants[5].ledger);
        assert_eq!(embedded.definitions, summary.definitions);
    }

    #[test]
    fn the_same_summary_gives_the_same_bytes() {
        assert_eq!(page(&example::fill_up()), page(&example::fill_up()));
    }

    #[test]
    fn a_run_of_nothing_still_has_a_report() {
        let mut summary = example::batch();
        summary.inputs.clear();
        summary.definitions.clear();
        summary.variants.truncate(1);
        summary.variants[0].metrics.clear();
        summary.variants[0].ledger.clear();
        assert!(page(&summary).contains("Nothing was measured."));
        summary.variants.clear();
        assert!(page(&summary).contains("Nothing was measured."));
    }
}
