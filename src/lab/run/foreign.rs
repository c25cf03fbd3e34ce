//! Code of the user's own that takes part in a run: programs, sockets, libraries, functions and extenders.

use std::path::Path;

use control::Exchange;
use external::Foreign;
use model::SchedulerConfig;
use scenario::Scenario;
use scenario::schema::{self, AnswerSource, ExternalPoint};
use scheduler::external::ExternalPoints;
use systems::{ExtenderLine, ExternalPolicy, SchedulerKind};
use units::Duration;

use world::BuildError;

/// The program outside that takes part, where the caller allows it.
pub(super) fn external(
    scenario: &Scenario,
    kind: SchedulerKind,
) -> Result<Option<ExternalPolicy>, BuildError> {
    let Some(own) = &scenario.system.scheduler.external else {
        return Ok(None);
    };
    let wrong = |what: String| {
        let what = format!("system.scheduler.external: {what}");
        Err(BuildError::Experiment(what))
    };
    let points = match external_points(scenario, own, kind) {
        Ok(points) => points,
        Err(what) => return wrong(what.to_owned()),
    };
    let foreign = match foreign(own) {
        Ok(foreign) => foreign,
        Err(what) => return wrong(what),
    };
    let nanos = own.answer_limit.as_nanos().unsigned_abs();
    let limit = std::time::Duration::from_nanos(nanos);
    let exchange = exchange(&own.answers, |folder| {
        foreign.exchange(folder.to_path_buf(), limit)
    });
    let Some(exchange) = exchange else {
        let (does, name) = (
            if own.socket.is_some() { "asks" } else { "runs" },
            own.name(),
        );
        return wrong(format!(
            "it {does} `{name}` on this machine; allow that with `--allow-external`"
        ));
    };
    Ok(Some(ExternalPolicy {
        exchange,
        points,
        weight: own.weight,
        watch_delay: own.watch_delay,
    }))
}

/// The program, socket or library that is stated.
fn foreign(own: &schema::External) -> Result<Foreign, String> {
    let command = (!own.command.is_empty()).then(|| Foreign::Command(own.command.clone()));
    let socket = own.socket.clone().map(Foreign::Socket);
    let library = own.library.clone().map(Foreign::Library);
    let mut stated: Vec<Foreign> = [command, socket, library].into_iter().flatten().collect();
    match (stated.pop(), stated.len()) {
        (Some(only), 0) => Ok(only),
        (last, others) => {
            let found = others + usize::from(last.is_some());
            let what = "expected exactly one of `command`, `socket` and `library`";
            Err(format!("{what}, found {found}"))
        }
    }
}

/// The way to answers from outside; `None` where they are refused. `ask` makes the way to who answers.
fn exchange(
    answers: &AnswerSource,
    ask: impl FnOnce(&Path) -> Box<dyn Exchange>,
) -> Option<Box<dyn Exchange>> {
    let (asked, record) = match answers {
        AnswerSource::Refused => return None,
        AnswerSource::Recorded(stem) => {
            return Some(Box::new(external::Replay::new(stem.clone())));
        }
        AnswerSource::Program { folder, record } => (ask(folder), record),
        AnswerSource::Function { function, record } => (function.0.start(), record),
    };
    Some(match record {
        Some(stem) => Box::new(external::Recorder::new(asked, stem.clone())),
        None => asked,
    })
}

/// The way to the extenders that kube-scheduler's configuration names, where the caller allows them.
pub(super) fn extenders(
    scenario: &Scenario,
    config: &SchedulerConfig,
) -> Result<Option<ExtenderLine>, BuildError> {
    let scheduler = &scenario.system.scheduler;
    let file = scheduler.config.as_deref().unwrap_or_default();
    let wrong = |index: usize, what: &str| {
        let url = &config.extenders[index].url_prefix;
        let what = format!("{file}: extenders[{index}].urlPrefix: `{url}` {what}");
        Err(BuildError::Experiment(what))
    };
    if config.extenders.is_empty() {
        return Ok(None);
    }
    let mut urls = config.extenders.iter().map(|own| &own.url_prefix);
    if let Some(index) = urls.position(|url| !external::is_on_this_machine(url)) {
        let what = "is not on this machine; expected such as `http://127.0.0.1:8888`, without TLS";
        return wrong(index, what);
    }
    match exchange(&scheduler.extender_answers, |_| Box::new(external::Servers)) {
        Some(exchange) => Ok(Some(ExtenderLine(exchange))),
        None => wrong(0, "is asked over HTTP; allow that with `--allow-external`"),
    }
}

/// The points at which a program outside is asked, or why a system of a kind doesn't ask there.
fn external_points(
    scenario: &Scenario,
    own: &schema::External,
    kind: SchedulerKind,
) -> Result<ExternalPoints, &'static str> {
    let points = own.points.iter().map(|point| match point {
        ExternalPoint::Filter => ExternalPoints::FILTER,
        ExternalPoint::Score => ExternalPoints::SCORE,
        ExternalPoint::Order => ExternalPoints::ORDER,
        ExternalPoint::Schedule => ExternalPoints::SCHEDULE,
    });
    let points = points.fold(ExternalPoints::default(), ExternalPoints::and);
    let about_nodes = ExternalPoints::FILTER.and(ExternalPoints::SCORE);
    let is_whole = points.has(ExternalPoints::SCHEDULE);
    match kind {
        SchedulerKind::Pipeline if is_whole && points != ExternalPoints::SCHEDULE => {
            Err("points: a program with the point `schedule` decides alone; leave the others out")
        }
        _ if own.watch_delay > Duration::ZERO && !is_whole => Err(
            "watchDelay: only a program with the point `schedule` has a view of its own; leave it out",
        ),
        SchedulerKind::KubeScheduler if points.has(ExternalPoints::ORDER) || is_whole => Err(
            "points: kube-scheduler orders its queue and places pods itself; expected `filter` and \
             `score`, or `name: pipeline` under `system`",
        ),
        SchedulerKind::Planner if points.has(about_nodes) || is_whole => Err(
            "points: the system `batch` plans jobs and takes the first nodes with room; expected \
             `points: [order]`",
        ),
        SchedulerKind::Own => Err(
            "this system asks no program outside; expected `name: pipeline`, `kubernetes` or `batch`",
        ),
        _ if points.has(ExternalPoints::ORDER) && scenario.system.scheduler.queue.is_some() => {
            Err("points: `order` and `queue` both order the queue; leave one of them out")
        }
        _ => Ok(points),
    }
}
