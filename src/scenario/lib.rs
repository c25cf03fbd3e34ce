//! Experiment files: text in, ready experiment out.
//!
//! [`load`] reads YAML (or JSON) into a tree with source positions, applies `--set`, and for each
//! variant its overrides. It checks the tree against the JSON Schema of the types in [`schema`],
//! decodes it into them and checks the rules between fields. All errors are collected and reported
//! together. This layer reads no file: it asks [`FileLookup`] whether one exists.

pub mod alerts;
pub mod as_run;
mod check;
mod check_fields;
pub mod compose;
mod delivery;
pub mod diagnostic;
mod domains;
mod failures;
mod federation;
mod file_fields;
mod files;
mod grammar;
mod images;
pub mod job_queues;
pub mod known_traces;
pub mod names;
mod part;
pub mod pattern;
pub mod places;
mod relocations;
pub mod scalar;
pub mod schema;
mod set;
pub mod silent;
mod storage;
mod systems;
#[cfg(test)]
mod tests;
mod throughputs;
mod traffic;
pub mod tree;
mod validate;
mod variants;
pub mod watts;
mod without_effect;
mod yaml;

pub use as_run::json_schema;
pub use diagnostic::{Code, Color, Finding, Findings, Rejected};
pub use file_fields::{FileField, Named, file_fields, files_of};
pub use files::{FileLookup, Files, SearchPath, inside_of_folder};
pub use names::{AnyName, Misfit, NameKind, Names};
pub use options::{Arguments, DecodeError, Plain, Section, Share};
pub use places::Places;
pub use schema::Scenario;

use std::path::{Path, PathBuf};

use serde_json::Value as Json;

use tree::{Entry, Sources, Span, Tree, Value};

/// Experiment, complete and checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Experiment {
    /// Name of the experiment.
    pub name: String,
    /// Question that the experiment answers.
    pub description: String,
    /// Variants to run, in written order; a file without variants is one plan of the same name.
    pub variants: Vec<VariantPlan>,
    /// Files that the experiment names, with their locations.
    pub files: Files,
    /// Folder of the experiment file, from which its paths start.
    pub base_dir: PathBuf,
    /// Source positions of its settings.
    pub places: Places,
}

/// Answers of a program that runs in a folder.
fn program_in(folder: &Path) -> schema::AnswerSource {
    schema::AnswerSource::Program {
        folder: folder.to_path_buf(),
        record: None,
    }
}

impl Experiment {
    /// Leaves objects of further kinds out of the manifests of every variant.
    pub fn ignore_kinds(&mut self, kinds: &[String]) {
        for plan in &mut self.variants {
            plan.scenario.cluster.ignore.extend_from_slice(kinds);
        }
    }

    /// Allows the programs outside that variants name, which run in the folder of the experiment, and the
    /// extenders of their schedulers.
    pub fn allow_external(&mut self) {
        let folder = self.base_dir.clone();
        for (_, answers) in self.answers() {
            *answers = program_in(&folder);
        }
    }

    /// Takes the answers of the programs outside of every variant from one source, but not those of extenders.
    pub fn answer_programs(&mut self, source: &schema::AnswerSource) {
        for plan in &mut self.variants {
            if let Some(own) = &mut plan.scenario.system.scheduler.external {
                own.answers.clone_from(source);
            }
        }
    }

    /// Records the answers of programs outside below `folder`, each variant's under its name.
    pub fn record_external(&mut self, folder: &Path) {
        for (name, answers) in self.answers() {
            if let schema::AnswerSource::Program { record, .. }
            | schema::AnswerSource::Function { record, .. } = answers
            {
                *record = Some(folder.join(name));
            }
        }
    }

    /// Takes the answers of programs outside from what an earlier run recorded below `folder`.
    pub fn replay_external(&mut self, folder: &Path) {
        for (name, answers) in self.answers() {
            *answers = schema::AnswerSource::Recorded(folder.join(name));
        }
    }

    /// Sources of answers from outside: those of a variant's program under its name, those of its
    /// scheduler's extenders beside them.
    fn answers(&mut self) -> impl Iterator<Item = (String, &mut schema::AnswerSource)> {
        self.variants.iter_mut().flat_map(|plan| {
            let scheduler = &mut plan.scenario.system.scheduler;
            let program = scheduler.external.as_mut().map(|own| &mut own.answers);
            let extenders = format!("{}.extenders", plan.name);
            let program = program.map(|answers| (plan.name.clone(), answers));
            (program.into_iter()).chain([(extenders, &mut scheduler.extender_answers)])
        })
    }

    /// Sets the handling of bad rows for every trace, whatever the file says.
    pub fn set_on_bad_row(&mut self, on_bad_row: schema::OnBadRow) {
        for plan in &mut self.variants {
            for source in &mut plan.scenario.cluster.nodes {
                if let schema::NodeSource::Trace(trace) = source {
                    trace.on_bad_row = on_bad_row;
                }
            }
            for source in &mut plan.scenario.workload {
                if let schema::WorkloadSource::Trace(trace) = source {
                    trace.on_bad_row = on_bad_row;
                }
            }
            for failure in &mut plan.scenario.failures {
                if failure.kind == schema::FailureKind::FailureLog {
                    failure.on_bad_row = Some(on_bad_row);
                }
            }
        }
    }
}

/// One scenario to run.
#[derive(Clone, Debug, PartialEq)]
pub struct VariantPlan {
    /// Name of the variant, unique within the experiment.
    pub name: String,
    /// Scenario to run.
    pub scenario: Scenario,
}

/// Inputs of [`load`] in addition to the text.
#[derive(Clone, Copy)]
pub struct LoadOptions<'a> {
    /// Values `PATH=VALUE` of each `--set`, applied in order before the variants.
    pub sets: &'a [String],
    /// Folders in which the named files are searched.
    pub search: &'a SearchPath,
    /// Lookup that tells whether a file exists.
    pub lookup: &'a dyn FileLookup,
    /// Names that registries know.
    pub names: &'a dyn Names,
}

/// Text with its name in messages, usually its path as typed.
#[derive(Clone, Copy, Debug)]
pub struct NamedText<'a> {
    /// Name of the text in messages.
    pub name: &'a str,
    /// Content of the text.
    pub text: &'a str,
}

/// Reads an experiment. `name` is the name of the text in messages, usually its path as typed.
pub fn load(text: &str, name: &str, options: LoadOptions<'_>) -> Result<Experiment, Box<Rejected>> {
    load_with_variants(NamedText { name, text }, None, options)
}

/// Reads an experiment with the variants of another text, a map from names to overrides as below
/// `variants:`, in place of its own.
pub fn load_with_variants(
    experiment: NamedText<'_>,
    variants: Option<NamedText<'_>>,
    options: LoadOptions<'_>,
) -> Result<Experiment, Box<Rejected>> {
    let mut sources = Sources::default();
    let mut findings = Findings::default();
    let experiment = read(experiment, variants, options, &mut sources, &mut findings);
    match experiment {
        Some(mut experiment) if findings.is_empty() => {
            experiment.places.set_sources(sources);
            Ok(experiment)
        }
        _ => Err(Box::new(Rejected { findings, sources })),
    }
}

fn read(
    experiment: NamedText<'_>,
    variants: Option<NamedText<'_>>,
    options: LoadOptions<'_>,
    sources: &mut Sources,
    findings: &mut Findings,
) -> Option<Experiment> {
    let source = sources.add(experiment.name, experiment.text);
    let mut base = yaml::parse(sources, source, findings)?;
    for set in options.sets {
        if let Some(change) = set::Override::parse(set, sources, findings) {
            change.apply(&mut base, findings);
        }
    }
    if let Some(finding) = not_one(&base, Span::start_of(source)) {
        findings.push(finding);
        return None;
    }
    let schema = schema::internal_schema(options.names);
    let reader = Reader {
        schema: &schema,
        top: Span::start_of(source),
        options,
    };
    let own = base.remove("variants");
    let entry = match variants {
        Some(given) => Some(given_variants(given, sources, findings)?),
        None => own,
    };
    let all = entry
        .map(|entry| variants::read(&entry, findings))
        .unwrap_or_default();
    let mut files = Files::new();
    let (mut plans, mut places) = (Vec::new(), Places::default());
    for variant in &all {
        let tree = variants::apply(&base, variant, &all, findings);
        places.insert(&variant.name, &tree);
        let known = findings.len();
        let scenario = reader.scenario(&tree, &mut files, findings);
        variant.add_help(&base, known, findings);
        plans.extend(scenario.map(|scenario| VariantPlan {
            name: variant.name.clone(),
            scenario,
        }));
    }
    if all.is_empty() {
        let scenario = reader.scenario(&base, &mut files, findings);
        plans.extend(scenario.map(|scenario| {
            places.insert(&scenario.name, &base);
            VariantPlan {
                name: scenario.name.clone(),
                scenario,
            }
        }));
    }
    let first = plans.first()?;
    let (name, description) = (
        first.scenario.name.clone(),
        first.scenario.description.clone(),
    );
    Some(Experiment {
        name,
        description,
        variants: plans,
        files,
        base_dir: options.search.base_dir.clone(),
        places,
    })
}

/// The finding that a file is no experiment, but something else that users have.
fn not_one(base: &Tree, start: Span) -> Option<Finding> {
    let message = match base.value {
        Value::Map(_) => {
            let (what, help) = foreign(base)?;
            let finding = Finding::new(Code::WrongType, format!("this is {what}"), start);
            return Some(finding.label("expected an experiment").help(help));
        }
        Value::Null => "the experiment file is empty".to_owned(),
        _ => format!("the experiment is {}", base.value.kind()),
    };
    let finding = Finding::new(Code::WrongType, message, start).label("expected a map");
    Some(finding.help("an experiment file starts with `windtunnel: v1`"))
}

/// Kind of a file whose top-level fields are those of another format, and the command that takes it.
fn foreign(base: &Tree) -> Option<(&'static str, &'static str)> {
    let has = |fields: &[&str]| fields.iter().all(|field| base.get(field).is_some());
    if has(&["windtunnel"]) {
        return None;
    }
    if has(&["apiVersion", "kind"]) {
        return Some((
            "an object of Kubernetes, no experiment",
            "of a cluster's dump `windtunnel import kubectl FILE --out FOLDER` makes an experiment, and `plan`, \
             `place`, `queue`, `explain` and `upgrade` read it as it is; manifests are a workload: \
             `workload: [{manifests: FILE}]`",
        ));
    }
    has(&["services"]).then_some((
        "a file of Compose, no experiment",
        "`windtunnel import compose FILE --out FOLDER` makes an experiment of it",
    ))
}

/// Line numbers, from 1, of the items of `objectives:` in a text that [`load`] has read; empty if
/// it has none.
pub fn objective_lines(text: &str) -> Vec<usize> {
    let mut sources = Sources::default();
    let mut findings = Findings::default();
    let source = sources.add("", text);
    let tree = yaml::parse(&sources, source, &mut findings);
    let objectives = tree.as_ref().and_then(|tree| tree.get("objectives"));
    let items = objectives.map(Tree::items).unwrap_or_default();
    items
        .iter()
        .map(|item| sources.position(item.span).0)
        .collect()
}

/// Reads variants from a separate text; they may also be below a key `variants:` there.
fn given_variants(
    given: NamedText<'_>,
    sources: &mut Sources,
    findings: &mut Findings,
) -> Option<Entry> {
    let source = sources.add(given.name, given.text);
    let start = Span::start_of(source);
    let mut tree = yaml::parse(sources, source, findings)?;
    if let Some(entry) = tree.remove("variants") {
        return Some(entry);
    }
    if matches!(&tree.value, Value::Null)
        || matches!(&tree.value, Value::Map(map) if map.is_empty())
    {
        findings.push(
            Finding::new(Code::WrongType, "there are no variants in it", start)
                .label("expected a map from names to overrides")
                .help("for example `short-first: {system.scheduler.queue: sjf}`"),
        );
        return None;
    }
    Some(Entry {
        key: "variants".to_owned(),
        key_span: start,
        value: tree,
    })
}

/// Reads trees of one file.
struct Reader<'a> {
    schema: &'a Json,
    top: Span,
    options: LoadOptions<'a>,
}

impl Reader<'_> {
    fn scenario(
        &self,
        tree: &Tree,
        files: &mut Files,
        findings: &mut Findings,
    ) -> Option<Scenario> {
        let mut found = Findings::default();
        check::check(self.schema, tree, self.options.names, self.top, &mut found);
        let decoded = Plain::from(tree).decode::<Scenario>();
        let decoded = decoded.and_then(|mut scenario| {
            scenario.complete(self.options.names.sections())?;
            Ok(scenario)
        });
        let scenario = match decoded {
            Ok(scenario) => {
                let LoadOptions { search, lookup, .. } = self.options;
                files.extend(validate::validate(
                    &scenario, tree, search, lookup, &mut found,
                ));
                systems::check(&scenario, tree, self.options.names, &mut found);
                Some(scenario)
            }
            Err(error) => {
                // What the schema cannot say; otherwise the walk has said it with more care.
                if found.is_empty() {
                    let span = tree.locate(error.path.iter().map(String::as_str));
                    found.push(Finding::new(Code::Conflict, error.message, span));
                }
                None
            }
        };
        findings.append(found);
        scenario
    }
}
