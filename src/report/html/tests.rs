//! Reports on made-up runs: that all parts are there, nothing is loaded, and names stay text.

use super::*;
use crate::example;
use crate::plot::{Style, draw_all};
use crate::run::ReportRun;
use lab::summary::Summary;

fn gathered(summary: Summary, scenario: &str) -> Gathered {
    let data = example::data(&summary);
    let name = summary.name.clone();
    Gathered::new(vec![ReportRun {
        name,
        summary,
        data,
        scenario: scenario.to_owned(),
        fork: None,
    }])
}

fn rendered(gathered: &Gathered) -> String {
    let (plots, missing) = draw_all(&gathered.material(), Style::Screen);
    render(gathered, &plots, &missing).unwrap()
}

fn page(summary: &Summary) -> String {
    let scenario = "windtunnel: v1\nname: gpu-packing\nmodels:\n  watchDelay: 0s\nseed: 42\n";
    rendered(&gathered(summary.clone(), scenario))
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
        "id=\"closer-search\"",
        "heat map in columns of 25 steps, one row per node",
        "Census of pods, jobs and nodes",
        "<code>models:\n  watchDelay: 0s\n</code>",
        "Slowdown and waiting (in a fill-up no pod departs",
        "shop&#x2f;&lt;large&gt;-0</td>",
        "1 node(s) were unschedulable, 2 Insufficient cpu</td>",
    ] {
        assert!(html.contains(part), "{part}");
    }
    for loading in [
        " src=",
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
    assert!(html.contains(&format!("script-src '{}'", closer::script_hash())));
}

#[test]
fn the_script_puts_text_in_as_text() {
    assert!(!closer::SCRIPT.contains("</script"));
    assert!(!closer::SCRIPT.contains("innerHTML"));
}

const ATTACK: &str = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\"'&";

/// Whatever a summary takes from outside is hostile.
fn hostile_summary() -> Summary {
    let mut summary = example::fill_up();
    summary.name = ATTACK.to_owned();
    summary.description = ATTACK.to_owned();
    summary.windtunnel = ATTACK.to_owned();
    summary.scenario_hash = ATTACK.to_owned();
    summary.inputs[0].path = ATTACK.to_owned();
    summary.inputs[0].blake3 = ATTACK.to_owned();
    for definition in &mut summary.definitions {
        for title in definition.titles.values_mut() {
            *title = ATTACK.to_owned();
        }
        definition.definition = ATTACK.to_owned();
    }
    for variant in &mut summary.variants {
        variant.name = ATTACK.to_owned();
        variant.system = ATTACK.to_owned();
        variant.scheduler = ATTACK.to_owned();
        variant.ended = ATTACK.to_owned();
        variant.digest = ATTACK.to_owned();
        variant.ledger = vec![ATTACK.to_owned()];
        let metric = variant.metrics.values().next().unwrap().clone();
        variant.metrics.insert(ATTACK.to_owned(), metric);
        for metric in variant.metrics.values_mut() {
            metric.note = Some(ATTACK.to_owned());
            metric.unit = ATTACK.to_owned();
        }
    }
    summary
}

/// Whatever `report.json` takes from outside is hostile.
fn make_data_hostile(gathered: &mut Gathered) {
    for variant in &mut gathered.data.variants {
        variant.heat.resource = ATTACK.to_owned();
        for row in &mut variant.heat.rows {
            row.first = ATTACK.to_owned();
            row.last = ATTACK.to_owned();
        }
        for bar in &mut variant.timeline.bars {
            bar.name = ATTACK.to_owned();
        }
        for pod in &mut variant.pods.listed {
            pod.name = ATTACK.to_owned();
            pod.outcome = ATTACK.to_owned();
            pod.node = Some(ATTACK.to_owned());
        }
        for node in &mut variant.nodes.listed {
            node.name = ATTACK.to_owned();
        }
        for event in &mut variant.events.listed {
            event.node = ATTACK.to_owned();
            event.what = ATTACK.to_owned();
        }
    }
    gathered.notices = vec![ATTACK.to_owned()];
}

#[test]
fn names_with_html_in_them_are_text() {
    let summary = hostile_summary();
    let scenario = format!("models: {ATTACK}\n{ATTACK}");
    let mut gathered = gathered(summary.clone(), &scenario);
    make_data_hostile(&mut gathered);
    let html = rendered(&gathered);
    assert_eq!(
        html.matches("<script").count(),
        4,
        "the summary, the scenarios, the details and the page's own script"
    );
    assert_eq!(html.matches("</script").count(), 4);
    assert!(!html.contains("<img"));
    assert!(html.contains("\\u003c/script\\u003e\\u003cscript\\u003ealert(1)"));

    let json = html
        .split_once("id=\"windtunnel-summary\">")
        .unwrap()
        .1
        .split_once("</script>")
        .unwrap()
        .0;
    let embedded: Summary = serde_json::from_str(json).unwrap();
    assert_eq!(
        embedded.name, ATTACK,
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

#[test]
fn runs_of_different_scenarios_are_not_judged() {
    let run = |name: &str, summary: Summary| ReportRun {
        name: name.to_owned(),
        data: example::data(&summary),
        summary,
        scenario: String::new(),
        fork: None,
    };
    let runs = vec![run("a", example::batch()), run("b", example::fill_up())];
    let html = rendered(&Gathered::new(runs));
    assert!(
        html.contains("NOT COMPARED: they come from different scenarios (gpu-packing, lcg-queue)")
    );
    assert!(html.contains("class=\"verdict neither apart\""));
    assert!(!html.contains("class=\"number good\""));
    assert!(html.contains("Side by side, not compared"));
}
