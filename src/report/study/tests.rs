//! Forms of comparisons.

use super::*;
use crate::comparison::{Comparison, Row, Rows};
use crate::{example, plot};
use Verdict::{Equivalent, Improved, Inconclusive, NotMeasurable, NotWorse};
use lab::compare::{Candidate, Settings, judge_candidates};
use lab::summary::VariantSummary;

/// Two candidates with made-up waits over twelve seeds.
fn study() -> Study {
    of(&[("fcfs", 0.0), ("sjf|<b>", -5.0)])
}

/// Candidates with made-up waits, by how much longer than those of the first.
fn of(names: &[(&str, f64)]) -> Study {
    judged(names, false)
}

/// The same, all with all.
fn all_pairs(names: &[(&str, f64)]) -> Study {
    judged(names, true)
}

fn judged(names: &[(&str, f64)], all_pairs: bool) -> Study {
    let template = example::batch().variants.remove(0);
    let run = |seed: u64, wait: f64| -> VariantSummary {
        let mut run = template.clone();
        run.seed = seed;
        run.digest = format!("{wait}");
        run.metrics
            .retain(|id, _| id == "bounded_slowdown.mean" || id == "makespan.total");
        if let Some(metric) = run.metrics.get_mut("bounded_slowdown.mean") {
            metric.value = Some(wait);
        }
        run
    };
    let candidate = |name: &str, shift: f64| Candidate {
        name: name.to_owned(),
        by_seed: (0..12)
            .map(|seed| {
                run(
                    seed,
                    10.0 + (seed * 7 % 12) as f64 + shift + 0.1 * seed as f64,
                )
            })
            .collect(),
        ..Candidate::default()
    };
    let candidates: Vec<Candidate> = (names.iter())
        .map(|(name, shift)| candidate(name, *shift))
        .collect();
    let settings = Settings {
        pareto: Some((
            "bounded_slowdown.mean".to_owned(),
            "bounded_slowdown.mean".to_owned(),
        )),
        all_pairs,
        ..Settings::default()
    };
    judge_candidates("waits", &candidates, &settings).expect("a study")
}

fn written(form: Format) -> String {
    write_out(&study(), form)
}

fn write_out(study: &Study, form: Format) -> String {
    let mut bytes = Vec::new();
    let options = StudyOptions {
        rerun: Some("windtunnel compare waits.yaml"),
        ..StudyOptions::default()
    };
    write(&mut bytes, study, form, options).expect("a vector takes it");
    String::from_utf8(bytes).expect("text")
}

#[test]
fn the_headline_says_who_is_better_on_what_and_by_how_much() {
    let sentence = headline(&study());
    assert!(
        sentence.starts_with("sjf|<b> makes bounded slowdown, mean better than fcfs: "),
        "{sentence}"
    );
    assert!(
        sentence.ends_with("; no gated metric regressed."),
        "{sentence}"
    );
}

/// The sentence claims no more than the verdicts do.
#[test]
fn the_headline_calls_equal_only_what_is_shown_to_be() {
    let of = |verdicts: &[Option<Verdict>]| {
        let mut study = study();
        let metrics = &mut study.pairs[0].metrics;
        let own = metrics[0].clone();
        *metrics = verdicts
            .iter()
            .map(|verdict| {
                let mut own = own.clone();
                own.verdict = *verdict;
                own
            })
            .collect();
        headline(&study)
    };
    let check = |verdicts: &[Verdict], expected: &str| {
        let verdicts: Vec<Option<Verdict>> = verdicts.iter().copied().map(Some).collect();
        let sentence = of(&verdicts);
        assert!(sentence.starts_with(expected), "{sentence}");
    };
    check(
        &[Equivalent, Equivalent],
        "No gated metric differs by a relevant amount.",
    );
    check(
        &[Equivalent, NotWorse],
        "Not shown to differ: 1 of 2 gated comparisons is not-worse, and whether better is open \
         (bounded slowdown, mean of sjf|<b>: ",
    );
    check(
        &[NotMeasurable, Equivalent],
        "No gated metric differs by a relevant amount; 1 of 2 gated comparisons has no value.",
    );
    check(
        &[NotMeasurable],
        "Nothing is concluded: 1 of 1 gated comparison has no value.",
    );
    check(
        &[NotWorse, Inconclusive],
        "Undecided: 1 of 2 gated comparisons is inconclusive",
    );
    let mixed = of(&[Some(Improved), Some(Inconclusive)]);
    let others = "; none of 2 gated comparisons regressed, 1 is inconclusive.";
    assert!(mixed.ends_with(others), "{mixed}");
    let other = of(&[Some(Equivalent), None]);
    assert!(
        other.starts_with("No gated metric is better or worse: 1 of 2 "),
        "{other}"
    );
}

#[test]
fn every_form_has_the_row() {
    let table = written(Format::Table);
    assert!(table.contains("bounded slowdown, mean"), "{table}");
    assert!(table.contains("improved"), "{table}");
    let body = table
        .lines()
        .skip(2)
        .take_while(|line| !line.contains("note"));
    for line in body {
        let plain = anstream::adapter::strip_str(line).to_string();
        assert!(plain.chars().count() <= 100, "{plain}");
    }
    assert!(
        table.contains("rerun: windtunnel compare waits.yaml"),
        "{table}"
    );
    let markdown = written(Format::Markdown);
    assert!(markdown.contains("sjf\\|&lt;b&gt;"), "{markdown}");
    assert!(!markdown.contains("<b>"), "{markdown}");
    let csv = written(Format::Csv);
    let first = csv.lines().nth(1).expect("a row");
    assert!(
        first.starts_with("sjf|<b>,fcfs,true,seeds,bounded_slowdown.mean,"),
        "{first}"
    );
    let json: serde_json::Value = serde_json::from_str(&written(Format::Json)).expect("JSON");
    assert_eq!(json["pairs"][0]["metrics"][0]["verdict"], "improved");
    assert_eq!(json["pairs"][0]["method"]["kind"], "seeds");
    assert_eq!(json["pairs"][0]["notComparable"], serde_json::json!([]));
    let points = json["pairs"][0]["metrics"][0]["points"].as_array();
    assert_eq!(points.map(Vec::len), Some(12));
    assert_eq!(
        json["candidates"][0]["runs"].as_array().map(Vec::len),
        Some(12)
    );
    assert_eq!(json["pareto"]["points"][1]["onFront"], true);
}

/// All candidates are one table for a paper, with the label that its text refers to.
#[test]
fn latex_is_one_table_of_all_candidates() {
    let all = of(&[("fcfs", 0.0), ("sjf", -5.0), ("worst", 3.0)]);
    let mut bytes = Vec::new();
    let options = StudyOptions {
        label: Some("tab:waits"),
        ..StudyOptions::default()
    };
    write(&mut bytes, &all, Format::Latex, options).expect("a vector takes it");
    let text = String::from_utf8(bytes).expect("text");
    assert_eq!(text.matches("\\begin{tabular}{lrll}").count(), 1, "{text}");
    assert_eq!(text.matches("\\label{tab:waits}").count(), 1, "{text}");
    assert!(text.contains("\\begin{table*}"), "{text}");
    assert!(text.contains("metric & fcfs & sjf & worst"), "{text}");
    let line = text
        .lines()
        .find(|line| line.contains("bounded slowdown, mean &"));
    let line = line.expect("a row");
    assert!(line.contains("$^{+}$") && line.contains("$^{-}$"), "{line}");
    assert!(
        text.contains(&format!("% windtunnel {}", lab::program::identity())),
        "{text}"
    );
}

#[test]
fn more_than_two_stand_side_by_side() {
    let all = of(&[("fcfs", 0.0), ("sjf", -5.0), ("worst", 3.0)]);
    let table = write_out(&all, Format::Table);
    let at = table.find("side by side").expect("a table of all");
    let rows: Vec<&str> = table[at..].lines().take(3).collect();
    assert!(
        rows[0].contains("fcfs") && rows[0].contains("worst"),
        "{table}"
    );
    let best = rows[1].split('◀').next().unwrap_or_default();
    assert_eq!(rows[1].matches('◀').count(), 1, "{table}");
    assert!(best.split_whitespace().count() >= 4, "{table}");
    // All alike have no best.
    assert!(!rows[2].contains('◀'), "{table}");
    let markdown = write_out(&all, Format::Markdown);
    assert!(
        markdown.contains("| metric | fcfs | sjf | worst |"),
        "{markdown}"
    );
    assert!(!written(Format::Table).contains("side by side"));
}

/// A mean that is smaller by chance is not best; one of which all others are shown to be worse is.
#[test]
fn only_what_is_shown_is_best() {
    let mut all = of(&[("fcfs", 0.0), ("sjf", -5.0), ("close", -4.0)]);
    assert_eq!(overview::rows(&all)[0].best, [false, true, false]);
    let noise = [3.0, -3.0];
    let points = &mut all.pairs[1].metrics[0].head_points;
    for (point, noise) in points.iter_mut().zip(noise.iter().cycle()) {
        *point = point.map(|value| value + noise);
    }
    assert_eq!(overview::rows(&all)[0].best, [false, false, false]);
}

/// The report of a comparison shows the means that verdicts stand on, and calls no single run best.
#[test]
fn tables_of_runs_show_the_means_of_the_comparison() {
    let study = study();
    let mut summary = example::batch();
    summary.variants.truncate(2);
    for (variant, own) in summary.variants.iter_mut().zip(&study.candidates) {
        variant.name.clone_from(&own.name);
    }
    let mut comparison = Comparison::new(&summary, Rows::All);
    assert!(comparison.rows.iter().any(Row::has_best));
    let figures = StudyFigures::of(&study).expect("figures");
    figures.show_means(&mut comparison);
    assert!(!comparison.rows.iter().any(Row::has_best));
    let slowdown = |row: &&crate::comparison::Row| row.id == "bounded_slowdown.mean";
    let row = comparison.rows.iter().find(slowdown).expect("a row");
    let values: Vec<Option<f64>> = row.cells.iter().map(|cell| cell.value).collect();
    let own = &study.pairs[0].metrics[0];
    assert_eq!(values, [own.base, own.head]);
    assert!(!comparison.facts.iter().any(|fact| fact.contains("seed")));
}

/// A picture of a comparison for a paper says whether it shows means or one run, as no caption goes with it.
#[test]
fn plots_for_a_paper_say_what_runs_they_show() {
    let study = study();
    let mut summary = example::batch();
    summary.variants.truncate(2);
    for (variant, own) in summary.variants.iter_mut().zip(&study.candidates) {
        variant.name.clone_from(&own.name);
    }
    let (data, figures) = (example::data(&summary), StudyFigures::of(&study));
    let order: Vec<String> = study
        .candidates
        .iter()
        .map(|own| own.name.clone())
        .collect();
    let material = plot::Material {
        summary: &summary,
        data: &data,
        figures: figures.as_ref(),
        order: &order,
        metrics: &[],
        colors: &[],
    };
    let seed = format!("One run each, seed {}.", summary.variants[0].seed);
    for (name, words) in [
        ("waiting", "Means of all runs, with 95 % intervals of gated"),
        ("differences", "95 % intervals."),
        ("pending-time", &*seed),
        ("allocation", &*seed),
    ] {
        let entry = plot::find(name).expect("a plot");
        let of = |style| entry.draw(&material, style).expect("a plot").svg;
        assert!(of(plot::Style::Paper).contains(words), "{name}");
        assert!(!of(plot::Style::Screen).contains(words), "{name}");
    }
}

/// Lists of plain values take one line, everything else is indented, and it reads back the same.
#[test]
fn json_is_readable_and_whole() {
    let text = written(Format::Json);
    let value: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(value, serde_json::to_value(study()).expect("JSON"));
    let line = text.lines().find(|line| line.contains("\"points\""));
    assert!(line.is_some_and(|line| line.ends_with("],")), "{line:?}");
}

/// A candidate that is not comparable is said to be so on every line, is never best and gives no
/// headline.
#[test]
fn unlike_things_are_told_apart_where_they_stand() {
    let mut all = of(&[("fcfs", 0.0), ("sjf", -2.0), ("refuses", -8.0)]);
    let reason = "`refuses` refuses 28 % of the pods (28)";
    all.pairs[1].not_comparable = vec![reason.to_owned()];
    let table = anstream::adapter::strip_str(&write_out(&all, Format::Table)).to_string();
    assert!(
        table.contains(&format!("not comparable: {reason}")),
        "{table}"
    );
    assert!(table.contains("not comparable (improved)"), "{table}");
    let best = table
        .lines()
        .find(|line| line.contains('◀'))
        .expect("a best value");
    let before = best.split('◀').next().unwrap_or_default();
    assert_eq!(before.matches('.').count(), 2, "{best}");
    assert!(
        headline(&all).starts_with("sjf makes "),
        "{}",
        headline(&all)
    );
    let markdown = write_out(&all, Format::Markdown);
    assert!(markdown.contains("**not comparable: "), "{markdown}");
    let csv = write_out(&all, Format::Csv);
    assert!(csv.contains("refuses,fcfs,false,seeds,"), "{csv}");
    all.pairs.remove(0);
    assert!(headline(&all).starts_with("Nothing is concluded: not comparable: "));
}

/// What stands against a judgement is said once, with the metrics and what they are on the log itself.
#[test]
fn caveats_name_their_metrics() {
    let mut all = study();
    let metrics = &mut all.pairs[0].metrics;
    for own in metrics.iter_mut().filter(|own| own.gated) {
        own.note = Some("the log lies outside".to_owned());
        own.unshaken = Some(lab::compare::Unshaken {
            base: Some(16.7),
            head: Some(16.91),
        });
    }
    let lines = remarks(&all);
    let line = lines
        .iter()
        .find(|line| line.starts_with("the log lies outside: "));
    let line = line.expect("a remark");
    assert!(
        line.contains("bounded slowdown, mean of sjf|<b> (16.70 and 16.91 on it)"),
        "{line}"
    );
}

#[test]
fn saturation_is_told_first() {
    let mut all = study();
    let mut found = all.pairs[0].metrics[0].clone();
    "saturation.unstable".clone_into(&mut found.metric);
    found.base_points = vec![Some(0.0); 12];
    found.head_points = vec![Some(1.0), Some(0.0)];
    all.pairs[0].metrics.push(found);
    let first = remarks(&all).remove(0);
    assert!(
        first.starts_with("saturated: `sjf|<b>` has more demand than capacity")
            && first.contains("in 1 of 2 runs"),
        "{first}"
    );
}

/// The point lies within its interval in every form, and a change that has no share shows amounts.
#[test]
fn changes_without_a_share_show_amounts() {
    let mut found = study().pairs[0].metrics[0].clone();
    assert!(change(&found).contains(" % ["), "{}", change(&found));
    found.relative_interval = None;
    let told = change(&found);
    assert!(!told.contains('%') && told.contains('['), "{told}");
}

/// Every form carries the pairs among the candidates, and the ranks.
#[test]
fn all_pairs_are_in_every_form() {
    let mut study = all_pairs(&[("fcfs", 0.0), ("sjf", -5.0), ("f1|", -5.5)]);
    let table = write_out(&study, Format::Table);
    assert!(table.contains("f1| against sjf"), "{table}");
    assert!(table.contains("  1.00 [1.00, 1.00]  a"), "{table}");
    assert!(!table.contains("change [95 % CI]"), "{table}");
    let markdown = write_out(&study, Format::Markdown);
    assert!(
        markdown.contains("| mean rank | fcfs | sjf | f1\\| |"),
        "{markdown}"
    );
    assert!(markdown.contains("| f1\\| against sjf | "), "{markdown}");
    let latex = write_out(&study, Format::Latex);
    assert!(latex.contains(r"& f1\textbar{} against sjf &"), "{latex}");
    let csv = write_out(&study, Format::Csv);
    let mut lines = csv.lines();
    let head = lines.next().expect("a head");
    assert!(
        head.ends_with(",friedman_p_adjusted,critical_difference"),
        "{head}"
    );
    assert!(lines.all(|line| line.split(',').count() == head.split(',').count()));
    let again = Study::read(&write_out(&study, Format::Json)).expect("a study");
    assert_eq!(again.all_pairs, study.all_pairs);
    // Not comparable: said of the pair, which is neither good nor bad.
    if let Some(all) = &mut study.all_pairs {
        all.pairs[0].not_comparable = vec!["other limits".to_owned()];
    }
    let table = write_out(&study, Format::Table);
    assert!(table.contains("not comparable ("), "{table}");
    assert!(
        table.contains("f1| against sjf: not comparable: other limits"),
        "{table}"
    );
    let only = only(study, &["bounded_slowdown.mean".to_owned()]).expect("the metric");
    let all = only.all_pairs.expect("all pairs");
    assert_eq!((all.rankings.len(), all.unranked.len()), (1, 0));
}
