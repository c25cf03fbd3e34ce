//! `windtunnel live predict` and `live calibrate`: the story of a recorded run as an experiment, what the
//! simulator makes of it, and how far that is from what happened.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use live::story::compare::{Pair, pairs, sums};
use live::story::delays::{Delays, mean, quantile};
use live::story::{Fitted, Story};
use units::{Duration, Instant, plural};

use super::control::{LogArguments, Recorded};
use super::table::aligned;
use cli::{Exit, Failure, Global, output};
use live::simulated::story::{Folder, Told};

pub(super) const EXAMPLES: &str = "Examples:
  windtunnel live record --out run.log
  windtunnel live predict run.log experiment.yaml
  windtunnel live predict run.log experiment.yaml --out predicted && windtunnel run predicted/experiment.yaml

Of a control server, machines that joined, requests of users, silences of nodes and absences of the control server are those of
the record; everything else is simulated. Of a Kubernetes cluster (`live record --kubeconfig`), nodes and pods are those
of the record, and pods have their nodes for as long as they had them; which node they get, and when, is simulated.";

/// Arguments of `live predict` and `live calibrate`.
#[derive(Clone, Debug, Args)]
pub(super) struct PredictArguments {
    #[command(flatten)]
    recorded: LogArguments,
    /// Folder for the experiment that the record is, and for the comparison as JSON
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Take the delays that `calibrate` fits to the record for those of the models
    #[arg(long)]
    calibrated: bool,
    /// Override a field of the experiment, such as `system.scheduler.profile=first-fit`, for the record of a
    /// Kubernetes cluster; may be repeated
    #[arg(long = "set", value_name = "PATH=VALUE")]
    sets: Vec<String>,
}

fn told(global: &Global, arguments: &PredictArguments) -> Result<Told, Failure> {
    let Recorded {
        log,
        plane,
        document,
    } = arguments.recorded.read(global)?;
    let story = Story::of(&log, plane);
    let story = story.map_err(|error| arguments.recorded.named(&error))?;
    Ok(Told { story, document })
}

pub(super) fn predict(global: &Global, arguments: &PredictArguments) -> Result<Exit, Failure> {
    let log = arguments.recorded.whole_log()?;
    if log.header.mirrored.is_some() {
        super::control::note_torn(&log);
        let chosen = arguments.recorded.choose(global, &arguments.sets)?;
        return super::hour::predict(global, &log, &chosen.document, arguments.out.as_deref());
    }
    if !arguments.sets.is_empty() {
        return Err(Failure::input(
            "--set: the record is of a control server; `live replay --with` shows what other settings do",
        ));
    }
    let told = told(global, arguments)?;
    let folder = Folder::create(arguments.out.as_deref())?;
    let models = if arguments.calibrated {
        fitted(&told.story).1
    } else {
        Fitted::default()
    };
    let predicted = told.simulate(global, &folder.folder, &models)?.events;
    let pairs = pairs(&told.story.events, &predicted);
    let json = pairs.iter().map(as_json).collect::<Vec<_>>();
    let written = folder.folder.json("comparison.json", &json);
    written.map_err(Failure::incomplete)?;
    folder.finish()?;
    output::print(table(&pairs).as_bytes())?;
    Ok(Exit::Done)
}

/// Delays of a record, and the models that are fitted to them.
fn fitted(story: &Story) -> (Delays, Fitted) {
    let real = Delays::of(&story.events, &story.silences);
    let pulls = real.pulls.iter();
    let pulls = pulls.filter_map(|(image, times)| Some((image.clone(), quantile(times, 50)?)));
    let fitted = Fitted {
        pulls: pulls.collect(),
        start: log_normal(&real.start),
        stop: mean(&real.stop).map(|stop| stop.to_string()),
        heartbeat: story.heartbeat_phase().map(|phase| phase.to_string()),
    };
    (real, fitted)
}

pub(super) fn calibrate(global: &Global, arguments: &PredictArguments) -> Result<Exit, Failure> {
    if arguments.recorded.whole_log()?.header.mirrored.is_some() {
        return Err(Failure::input(
            "the record is of a Kubernetes cluster: `live predict` takes the times of its pods as they were",
        ));
    }
    let told = told(global, arguments)?;
    let silences = &told.story.silences;
    let (real, fitted) = fitted(&told.story);
    let first = Folder::create(None)?;
    let before = told
        .simulate(global, &first.folder, &Fitted::default())?
        .events;
    first.finish()?;
    let folder = Folder::create(arguments.out.as_deref())?;
    let after = told.simulate(global, &folder.folder, &fitted)?.events;
    let (before, after) = (Delays::of(&before, silences), Delays::of(&after, silences));
    folder.finish()?;
    let text = format!("{}\n{}", settings(&fitted), metrics(&real, &before, &after));
    output::print(text.as_bytes())?;
    Ok(Exit::Done)
}

fn as_json(pair: &Pair) -> Value {
    let seconds = |at: Option<Instant>| at.map(|at| seconds(at.since(Instant::ZERO)));
    json!({
        "object": pair.object,
        "reason": pair.reason,
        "recorded": seconds(pair.recorded),
        "predicted": seconds(pair.predicted),
        "recordedNode": pair.nodes[0],
        "predictedNode": pair.nodes[1],
    })
}

/// Events side by side, and their sums by reason.
fn table(pairs: &[Pair]) -> String {
    let head = ["RECORDED", "PREDICTED", "LATE", "EVENT", "OBJECT", "NODE"];
    let mut rows = vec![words(head)];
    let at = |at: Option<Instant>| at.map_or("-".to_owned(), |at| seconds(at.since(Instant::ZERO)));
    for pair in pairs {
        rows.push(vec![
            at(pair.recorded),
            at(pair.predicted),
            pair.late().map(seconds).unwrap_or_default(),
            pair.reason.clone(),
            pair.object.clone(),
            nodes(pair),
        ]);
    }
    let head = ["EVENT", "RECORDED", "PREDICTED", "BOTH", "MEAN", "MOST"];
    let mut sum_rows = vec![words(head)];
    for sum in sums(pairs) {
        sum_rows.push(vec![
            sum.reason,
            sum.recorded.to_string(),
            sum.predicted.to_string(),
            sum.both.to_string(),
            seconds(sum.mean),
            seconds(sum.most),
        ]);
    }
    format!(
        "{}\nDistances of events that both have, in seconds:\n{}\n{}",
        aligned(&rows),
        aligned(&sum_rows),
        same_nodes(pairs)
    )
}

/// The node that a pod was given, and that of the prediction where it is another.
fn nodes(pair: &Pair) -> String {
    match &pair.nodes {
        [Some(one), Some(other)] if one != other => format!("{one}, predicted {other}"),
        [Some(one), _] => one.clone(),
        [None, Some(other)] => format!("predicted {other}"),
        [None, None] => String::new(),
    }
}

/// How many pods both accounts gave the same node.
fn same_nodes(pairs: &[Pair]) -> String {
    let both: Vec<bool> = pairs.iter().filter_map(Pair::is_same_node).collect();
    let same = both.iter().filter(|same| **same).count();
    let pods = plural::count(both.len(), "pod");
    format!("Of {pods} that both gave a node, {same} have the same one.\n")
}

pub(super) fn words<const N: usize>(words: [&str; N]) -> Vec<String> {
    words.map(str::to_owned).to_vec()
}

/// A time in seconds, to the millisecond.
pub(super) fn seconds(time: Duration) -> String {
    let millis = time.as_nanos() / 1_000_000;
    let sign = if millis < 0 { "-" } else { "" };
    let millis = millis.unsigned_abs();
    format!("{sign}{}.{:03}", millis / 1_000, millis % 1_000)
}

/// The log-normal distribution of delays, by the median and the mean.
fn log_normal(delays: &[Duration]) -> Option<String> {
    let (median, mean) = (quantile(delays, 50)?, mean(delays)?);
    let law = rng::Law::log_normal_of_mean(median, mean.max(median));
    let fitted = rng::Distribution::new(law).ok()?;
    Some(fitted.to_string())
}

/// The fitted delays as an experiment states them.
fn settings(fitted: &Fitted) -> String {
    let mut text = String::new();
    let images = fitted.images();
    if fitted.start.is_some() || fitted.heartbeat.is_some() || images.is_some() {
        let _ = writeln!(text, "models:");
    }
    if let Some(images) = images {
        let _ = writeln!(text, "  images: {images}");
    }
    if let Some(start) = &fitted.start {
        let _ = writeln!(text, "  startup: {{containerStart: {start:?}}}");
    }
    if let Some(heartbeat) = &fitted.heartbeat {
        let _ = writeln!(text, "  leaseOffset: {heartbeat}");
    }
    if let Some(stop) = &fitted.stop {
        let _ = writeln!(
            text,
            "windtunnel.dev/stop-time: {stop}   # of pod templates"
        );
    }
    text
}

/// Statistic of delays.
type Statistic = fn(&[Duration]) -> Option<Duration>;

/// Delays of the record, of the simulation without the fitted ones, and with them.
fn metrics(real: &Delays, before: &Delays, after: &Delays) -> String {
    let head = [
        "DELAY",
        "COUNT",
        "",
        "REAL",
        "SIMULATED",
        "OFF",
        "FITTED",
        "OFF",
    ];
    let mut rows = vec![words(head)];
    let named = real
        .named()
        .into_iter()
        .zip(before.named())
        .zip(after.named());
    for (((name, real), (_, before)), (_, after)) in named {
        if real.is_empty() && before.is_empty() {
            continue;
        }
        let statistics: [(&str, Statistic); 3] = [
            ("mean", mean),
            ("p50", |delays| quantile(delays, 50)),
            ("p95", |delays| quantile(delays, 95)),
        ];
        for (number, (label, of)) in statistics.into_iter().enumerate() {
            let shown = |delays: &[Duration]| of(delays).map(seconds).unwrap_or_default();
            let off = |simulated: &[Duration]| {
                let (real, simulated) = (of(real), of(simulated));
                let difference = real.zip(simulated).map(|(real, simulated)| {
                    Duration::from_nanos(simulated.as_nanos() - real.as_nanos())
                });
                difference.map(seconds).unwrap_or_default()
            };
            let is_first = number == 0;
            rows.push(vec![
                if is_first { name } else { "" }.to_owned(),
                if is_first {
                    real.len().to_string()
                } else {
                    String::new()
                },
                label.to_owned(),
                shown(real),
                shown(before),
                off(before),
                shown(after),
                off(after),
            ]);
        }
    }
    aligned(&rows)
}
