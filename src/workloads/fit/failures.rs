//! Failures of nodes fitted to a log: for each class of nodes, laws of the times between failures and of repairs,
//! as `failures` of an experiment.

use std::fmt::Write as _;

use serde::Serialize;
use units::Duration;
use units::plural::count;

use super::failure_curves::curves;
pub use super::failure_curves::{ClassCurves, LawCurves};
use super::laws::{FittedLaw, TIMES_MIN, fitted};
use arrivals::failures::{FailureClass, ObservedFailures};
use intake::TraceError;
use intake::ledger::Ledger;

const YEAR: f64 = 365.25 * 86_400.0;

/// Failures that were fitted to a log.
#[derive(Clone, Debug)]
pub struct FailureFit {
    /// Text of the experiment's `failures`, with the goodness as comments.
    pub text: String,
    /// Classes of nodes with their laws.
    pub classes: Vec<FittedClass>,
    /// Distributions of the classes that have laws.
    pub curves: Vec<ClassCurves>,
    /// Ledger of the log's irregularities.
    pub ledger: Ledger,
}

/// Laws of a class of nodes.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FittedClass {
    /// Label of the nodes and its value; none where all nodes are of one class.
    pub label: Option<(&'static str, String)>,
    /// Number of nodes that failed; 0 where the log does not tell.
    pub nodes: u64,
    /// Number of failures.
    pub failures: u64,
    /// Law of the times from the end of a failure to the next one of a node.
    pub between: Option<FittedLaw>,
    /// Law of the repairs.
    pub repair: Option<FittedLaw>,
}

/// Fits the failures of the log of this name.
///
/// # Errors
/// No class of nodes has enough failures.
pub fn fit_failures(name: &str, observed: ObservedFailures) -> Result<FailureFit, TraceError> {
    let classes: Vec<FittedClass> = observed.classes.iter().map(class).collect();
    let is_fitted = |own: &FittedClass| own.between.is_some() && own.repair.is_some();
    if !classes.iter().any(is_fitted) {
        return Err(TraceError::Format {
            file: name.to_owned(),
            reason: format!(
                "no law follows from its outages; expected a class of nodes with {TIMES_MIN} different \
                 repairs and {TIMES_MIN} different times from one failure of a node to its next"
            ),
        });
    }
    let drawn = observed.classes.iter().zip(&classes);
    let drawn = drawn.map(|(observed, own)| curves(observed, own));
    let drawn: Vec<Option<ClassCurves>> = drawn.collect::<Result<_, _>>()?;
    Ok(FailureFit {
        text: text(name, &observed, &classes),
        curves: drawn.into_iter().flatten().collect(),
        classes,
        ledger: observed.ledger,
    })
}

fn class(observed: &FailureClass) -> FittedClass {
    FittedClass {
        label: observed.label.clone(),
        nodes: observed.nodes,
        failures: observed.failures,
        between: fitted(&observed.between),
        repair: fitted(&observed.repair),
    }
}

fn text(name: &str, observed: &ObservedFailures, classes: &[FittedClass]) -> String {
    let failures: u64 = classes.iter().map(|own| own.failures).sum();
    let mut text = format!(
        "# Fitted to {name}: {} of {}. Distances are those of Kolmogorov and Smirnov, 0 (the best) to 1.\n",
        count(failures, "failure"),
        count(classes.len() as u64, "class")
    );
    if classes.iter().any(|own| own.label.is_some()) {
        text.push_str("# Nodes of a class have its label; a node without one does not fail.\n");
    }
    for what in &observed.left_out {
        let _ = writeln!(text, "# Left out: {what}");
    }
    text.push_str("failures:\n");
    for own in classes {
        written(&mut text, own);
    }
    text
}

fn written(text: &mut String, own: &FittedClass) {
    let name = own.label.as_ref().map_or("all nodes", |(_, value)| value);
    let nodes = match own.nodes {
        0 => String::new(),
        nodes => format!(", {} that failed", count(nodes, "node")),
    };
    let failures = count(own.failures, "failure");
    let _ = writeln!(text, "# {name}: {failures}{nodes}");
    let (Some(between), Some(repair)) = (&own.between, &own.repair) else {
        text.push_str("#   too few for laws\n");
        return;
    };
    for (what, law) in [("between failures", between), ("repair", repair)] {
        let [mean, of_law] = [law.mean_seconds, law.law_mean_seconds].map(time);
        let _ = writeln!(
            text,
            "#   {what}: {}, mean {mean}, by the law {of_law}; distance weibull {:.3}, lognormal {:.3}",
            count(law.times, "time"),
            law.weibull_distance,
            law.lognormal_distance
        );
        if let Some(apart) = apart(law) {
            let _ = writeln!(text, "#   {what}: {apart}");
        }
    }
    let a_year = YEAR / (between.law_mean_seconds + repair.law_mean_seconds);
    let in_log = YEAR / (between.mean_seconds + repair.mean_seconds);
    let _ = writeln!(
        text,
        "#   a node fails {a_year:.2} times a year, by the means of the log {in_log:.2}"
    );
    let domain = own.label.as_ref().map_or_else(String::new, |(key, value)| {
        let value = serde_json::Value::from(value.as_str());
        format!("domain: {{{key}: {value}}}, ")
    });
    let _ = writeln!(
        text,
        "- {{kind: node-crash, {domain}mtbf: '{}', repair: '{}'}}",
        between.law, repair.law
    );
}

/// The least difference between the means of a law and of its times that is told.
const APART: f64 = 0.1;

/// Words about a law whose mean is not that of its times: maximum likelihood fits the bulk of them, and of a heavy tail
/// the mean lies in the few longest.
fn apart(law: &FittedLaw) -> Option<String> {
    let ratio = law.law_mean_seconds / law.mean_seconds - 1.0;
    let side = if ratio > 0.0 { "above" } else { "below" };
    (ratio.abs() > APART).then(|| {
        format!(
            "the mean of the likeliest law is {:.0} % {side} that of the log; scale it where the mean matters, as for \
             availability",
            100.0 * ratio.abs()
        )
    })
}

/// Seconds in words, to the minute.
fn time(seconds: f64) -> String {
    if !seconds.is_finite() {
        return "infinite".to_owned();
    }
    let minutes = (seconds / 60.0).round() as i64;
    Duration::saturating_from_millis(minutes.saturating_mul(60_000)).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use formats::failure_log::observed::observed;
    use formats::failure_log::{LogOptions, read};
    use intake::{Input, RowPolicy};
    use std::path::Path;
    use units::{Instant, SortedMap};

    fn input(text: &str) -> Input {
        Input::bytes("log.csv", text.as_bytes().to_vec())
    }

    fn fit_log(log: &Input) -> Result<FailureFit, TraceError> {
        let failures = observed(log, None, RowPolicy::REPORT)?;
        fit_failures(&log.name, failures)
    }

    #[test]
    fn a_log_of_two_few_outages_is_refused() {
        let error = fit_log(&input("node,down,up\na,0,5\nb,9,11\n")).expect_err("few");
        assert!(
            error
                .to_string()
                .starts_with("log.csv: no law follows from its outages")
        );
    }

    /// A log of failures of a node: repairs of 1, 10, 10 and 100 min in turn, and 20 h from each return to the next failure,
    /// but for one second more once.
    fn log_of(failures: usize) -> String {
        let mut text = "node,down,up\n".to_owned();
        let mut at = 0;
        for row in 0..failures {
            let repair = [60, 600, 600, 6_000][row % 4];
            let _ = writeln!(text, "a,{at},{}", at + repair);
            at += repair + 72_000 + i64::from(row == 7);
        }
        text
    }

    /// Of repairs of 1, 10, 10 and 100 min in turn, the log-normal law has the median 10 min and sigma ln 10 / √2 = 1.628,
    /// so the mean 10 exp(1.628² / 2) = 37.6 min, 24 % above the 30.25 min of the log. Of 20 h from each return to the next
    /// failure and once 20 h and 1 s, any law has the mean of the times.
    #[test]
    fn means_that_differ_are_told() {
        let fit = fit_log(&input(&log_of(20))).expect("a log");
        let repair = fit.classes[0].repair.as_ref().expect("twenty");
        assert_eq!(
            (repair.law.as_str(), repair.mean_seconds),
            ("lognormal(10m, 1.628)", 1_815.0)
        );
        let words = "#   repair: the mean of the likeliest law is 24 % above that of the log";
        assert!(fit.text.contains(words), "{}", fit.text);
        assert!(
            !fit.text.contains("between failures: the mean"),
            "{}",
            fit.text
        );
        // 31,557,600 s by 72,000 s and 1,815 s.
        assert!(
            fit.text.contains("by the means of the log 427.52"),
            "{}",
            fit.text
        );
    }

    #[test]
    fn a_law_is_drawn_beside_its_times() {
        let fit = fit_log(&input(&log_of(40))).expect("a log");
        let [class] = &fit.curves[..] else {
            panic!("one class: {:?}", fit.curves);
        };
        assert_eq!(class.name, None);
        let seconds = |seconds: i64| seconds * 1_000_000_000;
        let log = [
            (seconds(60), 0.25),
            (seconds(600), 0.75),
            (seconds(6_000), 1.0),
        ];
        assert_eq!(class.repair.log, log);
        // Half of the repairs by the law take up to its median of 10 min, and none more than the longest of the log.
        let law = &class.repair.law;
        let half = law.iter().find(|own| own.1 >= 0.5).expect("a half");
        assert!((half.0 - seconds(600)).abs() < seconds(1), "{half:?}");
        assert!(law.is_sorted_by_key(|own| own.0));
        assert!(
            law.last()
                .is_some_and(|own| own.0 <= seconds(6_000) && own.1 > 0.9)
        );
    }

    #[test]
    fn shares_of_nodes_become_failures_of_a_node() {
        let mut text = "failure_interval,failure_duration,failure_intensity\n".to_owned();
        for row in 1..=20 {
            let _ = writeln!(text, "{},{},0.1", row * 360_000, row * 60_000);
        }
        let fit = fit_log(&input(&text)).expect("a log");
        let between = fit.classes[0].between.as_ref().expect("twenty");
        // Ten times the mean interval of 63 minutes.
        assert!((between.mean_seconds - 37_800.0).abs() < 1.0, "{fit:?}");
        assert!(
            fit.text
                .contains("# Left out: that a failure takes several nodes at once")
        );
    }

    /// Published in the specification, `published-results.md` 8.2.
    #[test]
    fn los_alamos_has_its_published_laws() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/traces");
        let path = Path::new(folder).join("lanl-failures/failure-data-1996-2005.csv.gz");
        if !path.exists() {
            println!("skipped: needs {}", path.display());
            return;
        }
        let fit = fit_log(&Input::path(&path)).expect("the log");
        println!("{}", fit.text);
        for (system, law) in [
            ("system-20", "weibull(1285h, 0.48)"),
            ("system-18", "weibull(3268h, 0.67)"),
            ("system-2", "weibull(261h, 0.64)"),
        ] {
            let own = fit
                .classes
                .iter()
                .find(|own| own.label.as_ref().is_some_and(|(_, value)| value == system));
            let between = own
                .and_then(|own| own.between.as_ref())
                .expect("many failures");
            let [found, published] = [&*between.law, law].map(|law| {
                law.parse::<rng::Distribution>()
                    .expect("a law")
                    .mean()
                    .expect("finite")
            });
            let ratio = found.as_secs_f64() / published.as_secs_f64();
            assert!(
                (0.9..1.1).contains(&ratio),
                "{system}: {} for {law}",
                between.law
            );
        }
    }

    /// The published laws are those of the times from the start of a failure to that of the next one of its node
    /// (`published-results.md` 8.2): a Weibull law reaches its scale with the probability 1 - 1/e, and its median is the
    /// scale times (ln 2) to the power of 1 over the shape. Outages that touch are one here, which lengthens the times by
    /// 2 % at most.
    #[test]
    fn times_from_start_to_start_have_the_published_laws() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/traces");
        let path = Path::new(folder).join("lanl-failures/failure-data-1996-2005.csv.gz");
        if !path.exists() {
            println!("skipped: needs {}", path.display());
            return;
        }
        let names: Vec<String> = (0..2_000).map(|node: u32| node.to_string()).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        for (system, hours, shape) in [(20, 1_285.0, 0.48), (18, 3_268.0, 0.67)] {
            let options = LogOptions {
                system: Some(system),
                ..LogOptions::default()
            };
            let log = read(&Input::path(&path), &options, &names).expect("the log");
            let mut last: SortedMap<usize, Instant> = SortedMap::new();
            let mut times = Vec::new();
            for outage in log.outages {
                let before = last.insert(outage.node, outage.down);
                times.extend(before.map(|before| outage.down.since(before)));
            }
            let found = fitted(&times).expect("many failures");
            let law: rng::Distribution = found.law.parse().expect("a law");
            let scale = law.value_at(1.0 - rng::math::exp(-1.0));
            let ratio = rng::math::ln(law.value_at(0.5) / scale);
            let found_shape = rng::math::ln(std::f64::consts::LN_2) / ratio;
            println!("system {system}: {found:?}, shape {found_shape:.3}");
            assert!((scale / 3.6e12 / hours - 1.0).abs() < 0.025, "{found:?}");
            assert!((found_shape - shape).abs() < 0.01, "{found:?}");
        }
    }
}
