//! Rules between fields, after types and grammars are right: what a schema cannot say.

use super::diagnostic::{Code, Finding, Findings};
use super::file_fields::{Named, file_fields};
use super::files::{FileLookup, Files, SearchPath};
use super::scalar::Bound;
use super::schema::{
    Arrivals, Depart, MeasuredWindow, NodeSource, Objective, Scenario, Stop, StopWhen, Template,
    Usage, WorkloadSource, WorkloadTrace,
};
use super::tree::{Span, Tree};
use model::usage::Pattern;
use units::{Duration, SortedMap, plural};

/// Most node names that are compared one by one; larger clusters come from traces.
const MAX_NAMES_COMPARED: u32 = 1_000_000;

/// Whether a letter can't stand in the name of a file or folder.
pub(super) fn is_barred(letter: char) -> bool {
    matches!(letter, '/' | '\\') || letter.is_control()
}

/// Reports every broken rule of one scenario and finds its files.
pub(super) fn validate(
    scenario: &Scenario,
    tree: &Tree,
    search: &SearchPath,
    lookup: &dyn FileLookup,
    findings: &mut Findings,
) -> Files {
    let mut validator = Validator {
        tree,
        search,
        lookup,
        findings,
        files: Files::new(),
    };
    validator.name(&scenario.name);
    validator.files_of(scenario);
    validator.node_names(&scenario.cluster.nodes);
    for (position, source) in scenario.workload.iter().enumerate() {
        if let WorkloadSource::Trace(trace) = source {
            validator.window(trace, position);
            validator.edits(trace, position);
        }
    }
    validator.stop(scenario);
    validator.measured_window(scenario);
    validator.resolution(scenario);
    validator.powers(&scenario.cluster.nodes);
    validator.usage(&scenario.models.usage);
    super::domains::check(scenario, tree, validator.findings);
    super::failures::check(scenario, tree, validator.findings);
    super::images::check(scenario, tree, validator.findings);
    super::traffic::check(scenario, tree, validator.findings);
    super::delivery::check(scenario, tree, validator.findings);
    super::storage::check(scenario, tree, validator.findings);
    super::alerts::check(scenario, tree, validator.findings);
    super::throughputs::check(scenario, tree, validator.findings);
    super::job_queues::check(scenario, tree, validator.findings);
    super::without_effect::check(scenario, tree, validator.findings);
    for (position, objective) in scenario.objectives.iter().enumerate() {
        validator.objective(objective, position);
    }
    validator.files
}

struct Validator<'run> {
    tree: &'run Tree,
    search: &'run SearchPath,
    lookup: &'run dyn FileLookup,
    findings: &'run mut Findings,
    files: Files,
}

impl Validator<'_> {
    /// Position at which a path such as `cluster.nodes.0.count` was written.
    fn at(&self, path: &str) -> Span {
        self.tree.locate(path.split('.'))
    }

    /// The result folder is named after the experiment.
    fn name(&mut self, name: &str) {
        if name.contains(is_barred) || name.starts_with(['.', '-']) {
            let message = format!("`{name}` can't be the name of a folder");
            self.findings.push(
                Finding::new(Code::Impossible, message, self.at("name"))
                    .label(
                        "expected a name without `/`, `\\` and control characters that does not begin with \
                         `.` or `-`",
                    )
                    .help("the result folder is named after the experiment"),
            );
        }
    }

    fn files_of(&mut self, scenario: &Scenario) {
        let mut scenario = scenario.clone();
        for field in file_fields(&mut scenario) {
            match field.named {
                Named::File => self.file(field.path, &field.place),
                Named::FileOrFolder => self.file_or_folder(field.path, &field.place),
                Named::Trace => self.trace(field.path, &field.place),
            }
        }
    }

    fn file_or_folder(&mut self, written: &str, place: &str) {
        let inside = match self.search.find(written, self.lookup) {
            Some(_) => Vec::new(),
            None => self.search.find_in(written, self.lookup),
        };
        if inside.is_empty() {
            return self.file(written, place);
        }
        self.files.extend(inside);
    }

    /// A folder of parts counts as a file, also one that has them in folders of its own.
    fn trace(&mut self, written: &str, place: &str) {
        let folder = match self.search.find(written, self.lookup) {
            Some(_) => None,
            None => self.search.find_folder(written, self.lookup),
        };
        match folder {
            Some(folder) => {
                self.files.insert(written.to_owned(), folder);
            }
            None => self.file(written, place),
        }
    }

    fn file(&mut self, written: &str, place: &str) {
        match self.search.find(written, self.lookup) {
            Some(found) => {
                self.files.insert(written.to_owned(), found);
            }
            None => self
                .findings
                .push(self.search.missing(written, self.at(place), self.lookup)),
        }
    }

    /// Checks that the usage of pods is stated in words that can be read.
    fn usage(&mut self, usage: &Usage) {
        let Usage::Rules(usage) = usage else {
            return;
        };
        for (field, text) in [("cpu", &usage.cpu), ("memory", &usage.memory)] {
            let Some(text) = text else { continue };
            let known = |name: &str| usage.traces.contains_key(name);
            let why = match text.parse::<Pattern>() {
                Err(why) => why,
                Ok(pattern) => match pattern.trace() {
                    Some(name) if !known(name) => {
                        format!("no series is named `{name}`; declare it under `traces`")
                    }
                    _ => continue,
                },
            };
            let span = self.at(&format!("models.usage.{field}"));
            let message = format!("`{text}` is not a resource usage");
            let finding = Finding::new(Code::Impossible, message, span).label(why);
            self.findings.push(finding);
        }
    }

    /// Every templated node needs a name of its own.
    fn node_names(&mut self, sources: &[NodeSource]) {
        let templates: Vec<(usize, &Template)> = sources
            .iter()
            .enumerate()
            .filter_map(|(position, source)| match source {
                NodeSource::Template(template) => Some((position, &**template)),
                _ => None,
            })
            .collect();
        let mut seen: SortedMap<String, usize> = SortedMap::new();
        let mut n_left = MAX_NAMES_COMPARED;
        for (position, template) in templates {
            let span = self.at(&format!("cluster.nodes.{position}.name"));
            // A pattern that repeats shows it within a few names; one that does not needs none.
            let n_compared = template.count.min(n_left);
            n_left -= n_compared;
            for index in 0..u64::from(n_compared) {
                let name = template.name.render(index);
                let message = format!("two nodes are named `{name}`");
                let Some(earlier) = seen.insert(name, position) else {
                    continue;
                };
                let finding = Finding::new(Code::DuplicateName, message, span);
                self.findings.push(if earlier == position {
                    finding
                        .label(format!(
                            "{} need {} names",
                            plural::count(template.count, "node"),
                            template.count
                        ))
                        .help("put the index into the name, such as `worker-{:04}`")
                } else {
                    let other = self.at(&format!("cluster.nodes.{earlier}.name"));
                    finding
                        .label("this pattern repeats the name")
                        .context(other, "first used here")
                        .help("give the two groups different names")
                });
                break;
            }
        }
    }

    fn edits(&mut self, trace: &WorkloadTrace, position: usize) {
        for (number, edit) in trace.edit.iter().enumerate() {
            let place = |field: &str| format!("workload.{position}.trace.edit.{number}.{field}");
            if edit
                .until
                .is_some_and(|until| until <= edit.from.unwrap_or_default())
            {
                let message = "the edit keeps nothing: `until` is not after `from`";
                let finding = Finding::new(Code::Conflict, message, self.at(&place("until")));
                self.findings
                    .push(finding.label("expected a time after `from`"));
            }
            let share = edit
                .sample
                .as_ref()
                .map_or(1.0, |sample| sample.share.as_f64());
            if !(1e-6..=1.0).contains(&share) {
                let message = format!("a sample can't keep a share of {share}");
                let field = self.at(&place("sample.share"));
                let finding = Finding::new(Code::Impossible, message, field);
                self.findings
                    .push(finding.label("expected a share above 0, at most 100%"));
            }
        }
    }

    fn window(&mut self, trace: &WorkloadTrace, position: usize) {
        let Arrivals::Times {
            window: Some(window),
            ..
        } = &trace.arrivals
        else {
            return;
        };
        if window.to > window.from {
            return;
        }
        let span = self.at(&format!("workload.{position}.trace.arrivals.window.to"));
        let message = format!(
            "the window ends at {} and starts at {}",
            window.to, window.from
        );
        self.findings.push(
            Finding::new(Code::Conflict, message, span).label("expected a time after `from`"),
        );
    }

    fn stop(&mut self, scenario: &Scenario) {
        if let (Some(at), warmup) = (scenario.stop.at, scenario.metrics.warmup)
            && at <= warmup
            // Times that can't be are told by themselves.
            && at > Duration::ZERO
        {
            let message = format!("the run stops at {at}, before the warm-up of {warmup} is over");
            self.findings.push(
                Finding::new(Code::Conflict, message, self.at("metrics.warmup"))
                    .label(format!("expected less than {at}"))
                    .context(self.at("stop.at"), "the run stops here"),
            );
        }
        let Stop { at: None, when } = scenario.stop else {
            return;
        };
        let span = self.at("stop.when");
        if when == Some(StopWhen::Drained)
            && let Some(position) = scenario.workload.iter().position(never_departs)
        {
            let place = format!("workload.{position}.trace.arrivals");
            self.findings.push(
                Finding::new(Code::NeverStops, "the run never stops", span)
                    .label("pods that never depart never drain")
                    .context(self.at(&place), "these never depart")
                    .help("stop when `idle`, or at a time (`at: 30d`)"),
            );
        }
    }

    fn measured_window(&mut self, scenario: &Scenario) {
        let MeasuredWindow::Time { from, to: Some(to) } = scenario.metrics.window else {
            return;
        };
        let from = from.unwrap_or(scenario.metrics.warmup);
        if to > from {
            return;
        }
        let message = format!("the measured window ends at {to} and starts at {from}");
        self.findings.push(
            Finding::new(Code::Conflict, message, self.at("metrics.window.to"))
                .label(format!("expected a time after {from}")),
        );
    }

    /// A time series needs rows that it can hold.
    fn resolution(&mut self, scenario: &Scenario) {
        let (resolution, least) = (scenario.metrics.resolution, Duration::from_millis(1));
        if resolution > Duration::ZERO && resolution < least {
            let message = format!("a time series with a row every {resolution} never ends");
            let span = self.at("metrics.resolution");
            self.findings.push(
                Finding::new(Code::Impossible, message, span).label("expected `1ms` or more"),
            );
        }
    }

    /// A node that works draws at least what one that does nothing draws.
    fn powers(&mut self, sources: &[NodeSource]) {
        for (position, source) in sources.iter().enumerate() {
            let NodeSource::Template(template) = source else {
                continue;
            };
            if let Some(power) = &template.template.power
                && let (Some(idle), Some(max)) = (power.idle, power.max)
                && max < idle
            {
                let place = format!("cluster.nodes.{position}.template.power");
                let message = format!("a node uses {idle} when idle and at most {max}");
                self.findings.push(
                    Finding::new(Code::Conflict, message, self.at(&format!("{place}.max")))
                        .label(format!("expected {idle} or more"))
                        .context(self.at(&format!("{place}.idle")), "used when idle"),
                );
            }
        }
    }

    fn objective(&mut self, objective: &Objective, position: usize) {
        let (Some(min), Some(max)) = (&objective.min, &objective.max) else {
            return;
        };
        let contradicts = match (min, max) {
            (Bound::Number(min), Bound::Number(max)) => min > max,
            (Bound::Duration(min), Bound::Duration(max)) => min > max,
            _ => true,
        };
        if contradicts {
            let span = self.at(&format!("objectives.{position}.max"));
            let message = format!("no value is at least {min} and at most {max}");
            let finding = Finding::new(Code::Conflict, message, span);
            self.findings
                .push(finding.label(format!("expected a bound of {min} or more")));
        }
    }
}

fn never_departs(source: &WorkloadSource) -> bool {
    let WorkloadSource::Trace(trace) = source else {
        return false;
    };
    match trace.arrivals {
        Arrivals::Times { depart, .. } | Arrivals::FillUp { depart, .. } => depart == Depart::Never,
    }
}
