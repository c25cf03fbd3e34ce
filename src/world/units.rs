//! Units of unit files: what they ask of Fleet, and the pods that they are.
//!
//! What a unit does once it runs is said in a section `[X-Windtunnel]`, which Fleet itself would pass
//! on to systemd: `Cpu=`, `Memory=`, `RunTime=`, `ExitCode=`, and `FirstConnection=` of a socket. Whether a service is
//! started again is what its `Restart=` says.

use std::sync::Arc;

use arrivals::intern::ClassTable;
use arrivals::memory::{MemorySource, Recorded};
use arrivals::{Arrival, ArrivalSource};
use model::pod_life::ContainerLife;
use model::workload::DaemonSet;
use model::{
    Behaviour, Container, ExitPlan, LabelSelector, NodeSelector, NodeSelectorTerm, Object,
    Operator, PodLife, PodName, PodSpec, Requirement, ResourceList, RestartPolicy, Text,
};
use scenario::schema::{UnitFiles, WorkloadSource};
use systems::fleet::options::SubmittedUnit;
use systems::fleet::unit::{Requirements, SECTION};
use systems::fleet::unit_file::{UnitFile, UnitFileError, UnitName};
use units::nearest::nearest;
use units::{Duration, Instant, Quantity};

use super::{BuildError, FileSource};

/// A unit that is submitted.
pub(super) struct Unit {
    /// The unit's name.
    pub(super) name: Text,
    /// Unit as submitted to Fleet.
    pub(super) asked: SubmittedUnit,
    at: Duration,
    spec: PodSpec,
}

/// The section that says what a unit does once it runs.
const OWN_SECTION: &str = "X-Windtunnel";
/// The options of that section.
const OWN_OPTIONS: [&str; 5] = ["Cpu", "Memory", "RunTime", "ExitCode", "FirstConnection"];

/// Submission of a source.
#[derive(Default)]
pub(super) struct Submission {
    /// Units, one machine each.
    pub(super) units: Vec<Unit>,
    /// Units that every machine with their metadata runs.
    pub(super) globals: Vec<Unit>,
}

impl Submission {
    /// Global units as the object that every system has for them.
    pub(super) fn daemon_sets(&self) -> impl Iterator<Item = (Duration, Object)> + '_ {
        self.globals.iter().map(|unit| {
            let name = UnitName::new(&unit.name).name;
            let set = DaemonSet {
                name: name.into(),
                selector: selector_of(&unit.spec),
                template: Arc::new(unit.spec.clone()),
                ..DaemonSet::default()
            };
            (unit.at, Object::DaemonSet(Arc::new(set)))
        })
    }
}

/// The pods with these labels.
fn selector_of(spec: &PodSpec) -> LabelSelector {
    let labels = spec.labels.iter();
    let requirements = labels.map(|(key, value)| Requirement {
        key: key.clone(),
        operator: Operator::In,
        values: vec![value.clone()],
    });
    LabelSelector {
        requirements: requirements.collect(),
    }
}

/// The kinds of units that Fleet takes; other files of a folder are none.
const SUFFIXES: [&str; 7] = [
    ".service",
    ".socket",
    ".timer",
    ".path",
    ".device",
    ".mount",
    ".automount",
];

/// The unit files of a source as written: those of a folder, or those that are listed.
fn paths(written: &UnitFiles, files: &FileSource<'_>) -> Vec<String> {
    let UnitFiles::In(path) = written else {
        return written.written().to_vec();
    };
    if files.files.contains_key(path) {
        return vec![path.clone()];
    }
    let folder = format!("{}/", path.trim_end_matches('/'));
    let inside = files.files.keys().filter(|file| {
        let is_unit = SUFFIXES.iter().any(|suffix| file.ends_with(suffix));
        file.starts_with(&folder) && is_unit
    });
    inside.cloned().collect()
}

fn wrong(why: &dyn std::fmt::Display) -> BuildError {
    BuildError::Experiment(why.to_string())
}

/// Returns the problems of a unit, and on which line of its file, where the message does not say so
/// itself.
fn pointed(path: &str, file: &UnitFile, why: &UnitFileError) -> BuildError {
    let in_section = |section: &'static str| file.section(section);
    let line = match why {
        UnitFileError::ExecStart { .. } => in_section("Service").next().map(|option| option.line),
        UnitFileError::Exclusive { other: name, .. } | UnitFileError::Peer { option: name, .. } => {
            let options = in_section(SECTION).filter(|option| option.name.ends_with(name));
            options.last().map(|option| option.line)
        }
        _ => return wrong(why),
    };
    wrong(&format!("{why}\n --> {path}:{}", line.unwrap_or(1)))
}

/// The units of a source; none of one that has no unit files.
///
/// A socket and the service of its name are on one machine: where neither names the other, the
/// service has the socket for a peer, and the socket asks for the service's machine.
pub(super) fn units(
    source: &WorkloadSource,
    files: &FileSource<'_>,
) -> Result<Submission, BuildError> {
    let WorkloadSource::Units {
        files: written,
        instances,
        at,
    } = source
    else {
        return Ok(Submission::default());
    };
    let mut submission = Submission::default();
    let mut sockets = Vec::new();
    let paths = paths(written, files);
    if paths.is_empty() {
        let folder = written.written().join(", ");
        return Err(wrong(&format!(
            "workload: no unit files in `{folder}`; their names end with one of {}",
            SUFFIXES.join(", ")
        )));
    }
    for path in &paths {
        let input = files.open(path);
        let file_name = path.rsplit(['/', '\\']).next().unwrap_or(path);
        let text = input.read_to_string()?;
        let file = UnitFile::parse(path, &text).map_err(|why| wrong(&why))?;
        check_own(&file, path)?;
        for name in names(file_name, *instances) {
            let requirements = Requirements::of_file(&name, &file);
            let requirements = requirements.map_err(|why| pointed(path, &file, &why))?;
            if let Some(service) = name.strip_suffix(".socket") {
                let connects = duration(&file, "FirstConnection", path)?;
                sockets.push((format!("{service}.service"), name, requirements, connects));
                continue;
            }
            let list = if requirements.is_global {
                &mut submission.globals
            } else {
                &mut submission.units
            };
            list.push(Unit {
                at: *at,
                spec: spec_of(&name, &file, &requirements, path)?,
                name: name.into(),
                asked: SubmittedUnit {
                    requirements,
                    ..SubmittedUnit::default()
                },
            });
        }
    }
    for (service, socket, requirements, connects) in sockets {
        let unit = submission.units.iter_mut();
        let Some(unit) = { unit }.find(|unit| *unit.name == *service) else {
            return Err(wrong(&format!(
                "{socket}: connections start no unit: there is no unit `{service}`"
            )));
        };
        unit.asked.first_connection = Some(connects.unwrap_or(Duration::MAX));
        let (name, mut requirements) = (Text::from(socket), requirements);
        tie(unit, &name, &mut requirements)?;
        unit.asked.socket = Some((name, requirements));
    }
    Ok(submission)
}

/// Has a socket and its service on one machine, where the files don't say so themselves.
fn tie(service: &mut Unit, name: &Text, socket: &mut Requirements) -> Result<(), BuildError> {
    let asked = &mut service.asked.requirements;
    if asked.peers.contains(name) || socket.peers.contains(&service.name) {
        return Ok(());
    }
    asked.peers.insert(name.clone());
    if socket.machine_id.is_none() {
        socket.machine_id = asked.machine_id.take();
    }
    for (key, values) in &asked.metadata {
        let known = socket.metadata.entry(key.clone());
        known.or_insert_with(|| values.clone());
    }
    asked.check(&service.name).map_err(|why| wrong(&why))
}

/// The names of a unit: a template has several.
fn names(file: &str, instances: u32) -> Vec<String> {
    match file.split_once("@.") {
        None => vec![file.to_owned()],
        Some((prefix, suffix)) => (1..=instances)
            .map(|number| format!("{prefix}@{number}.{suffix}"))
            .collect(),
    }
}

fn own<'a>(file: &'a UnitFile, name: &str) -> Option<&'a str> {
    let mut options = file.section(OWN_SECTION);
    options
        .find(|option| &*option.name == name)
        .map(|option| &*option.value)
}

/// Refuses what is no option of the section about the behavior of units.
fn check_own(file: &UnitFile, path: &str) -> Result<(), BuildError> {
    let mut options = file.section(OWN_SECTION);
    let Some(unknown) = options.find(|own| !OWN_OPTIONS.contains(&&*own.name)) else {
        return Ok(());
    };
    let (name, line) = (&unknown.name, unknown.line);
    let near = nearest(name, OWN_OPTIONS).map(|near| format!("did you mean `{near}`? "));
    Err(wrong(&format!(
        "{path}:{line}: unrecognized option in [{OWN_SECTION}] section: `{name}`; {}expected one of `{}`",
        near.unwrap_or_default(),
        OWN_OPTIONS.join("`, `")
    )))
}

/// The code that a unit's process ends with, or its codes by start.
fn exit_codes(file: &UnitFile, path: &str) -> Result<(i32, ExitPlan), BuildError> {
    let text = own(file, "ExitCode").unwrap_or("0");
    let mut codes = text.split(',').map(|code| code.trim().parse::<u8>());
    let plan = text.parse().ok();
    let plan = plan.filter(|_| codes.all(|code| code.is_ok()));
    let plan = plan.ok_or_else(|| {
        wrong(&format!(
            "{path}: [{OWN_SECTION}] ExitCode={text}: expected a number from 0 to 255, or numbers by start \
             such as `1,1,0`"
        ))
    })?;
    match text.parse() {
        Ok(code) => Ok((code, ExitPlan::default())),
        Err(_) => Ok((0, plan)),
    }
}

/// Whether systemd starts a service again that ended with a code: what its `Restart=` says
/// (`systemd.service(5)`); a process that ends with a code has not ended abnormally.
fn restart(file: &UnitFile, code: Option<i32>, path: &str) -> Result<RestartPolicy, BuildError> {
    let stated = { file.section("Service") }.filter(|own| &*own.name == "Restart");
    let Some(stated) = stated.last() else {
        return Ok(RestartPolicy::Never);
    };
    match &*stated.value {
        "always" => Ok(RestartPolicy::Always),
        "on-failure" => Ok(RestartPolicy::OnFailure),
        "on-success" if code == Some(0) => Ok(RestartPolicy::Always),
        "on-success" if code.is_none() => Err(wrong(&format!(
            "{path}:{}: Restart=on-success: expected one ExitCode, not codes by start",
            stated.line
        ))),
        "" | "no" | "on-success" | "on-abnormal" | "on-abort" | "on-watchdog" => {
            Ok(RestartPolicy::Never)
        }
        other => Err(wrong(&format!(
            "{path}:{}: Restart={other}: expected `no`, `always`, `on-success`, `on-failure`, `on-abnormal`, \
             `on-abort` or `on-watchdog`",
            stated.line
        ))),
    }
}

/// The life of a unit that is more than a process that ends once and well.
fn life(code: Option<i32>, restart: RestartPolicy) -> Option<Arc<PodLife>> {
    let is_plain = code == Some(0) && restart == RestartPolicy::Never;
    (!is_plain).then(|| {
        Arc::new(PodLife {
            restart,
            containers: vec![ContainerLife::default()],
            ..PodLife::default()
        })
    })
}

fn duration(file: &UnitFile, name: &str, path: &str) -> Result<Option<Duration>, BuildError> {
    let Some(text) = own(file, name) else {
        return Ok(None);
    };
    let parsed: Result<Duration, _> = text.parse();
    parsed.map(Some).map_err(|why| {
        BuildError::Experiment(format!("{path}: [{OWN_SECTION}] {name}={text}: {why}"))
    })
}

/// The pod that a unit is: to other systems its machine's metadata are labels of nodes, and so is its
/// machine's name.
fn spec_of(
    name: &str,
    file: &UnitFile,
    asked: &Requirements,
    path: &str,
) -> Result<PodSpec, BuildError> {
    let mut requests = ResourceList::default();
    for (key, column) in [("Cpu", "cpu"), ("Memory", "memory")] {
        let Some(text) = own(file, key) else { continue };
        let amount: Quantity = text.parse().map_err(|why| {
            BuildError::Experiment(format!("{path}: [{OWN_SECTION}] {key}={text}: {why}"))
        })?;
        requests.set(column, amount);
    }
    let run_time = duration(file, "RunTime", path)?;
    let (exit_code, exit_plan) = exit_codes(file, path)?;
    let only_code = exit_plan.is_empty().then_some(exit_code);
    let restart = restart(file, only_code, path)?;
    let mut term = NodeSelectorTerm::default();
    for (key, values) in &asked.metadata {
        term.match_expressions.push(Requirement {
            key: key.clone(),
            operator: Operator::In,
            values: values.iter().cloned().collect(),
        });
    }
    let mut spec = PodSpec {
        namespace: "default".into(),
        labels: [("unit".into(), UnitName::new(name).prefix.into())].into(),
        containers: vec![Container {
            name: "main".into(),
            requests,
            ..Container::default()
        }],
        behaviour: run_time.map(|_| {
            Arc::new(Behaviour {
                run_time: own(file, "RunTime").map(Text::from),
                exit_code,
                exit_plan,
                ..Behaviour::default()
            })
        }),
        life: run_time.and_then(|_| life(only_code, restart)),
        ..PodSpec::default()
    };
    if !term.match_expressions.is_empty() {
        spec.affinity.node.required = Some(NodeSelector { terms: vec![term] });
    }
    Ok(spec)
}

/// The units as they arrive.
pub(super) fn submitted(units: &[Unit]) -> Box<dyn ArrivalSource> {
    let mut recorded = Recorded::default();
    let mut table = ClassTable::holding(usize::MAX);
    for unit in units {
        let run_time = unit.spec.behaviour.as_ref();
        let run_time = run_time.and_then(|own| own.run_time.as_ref()?.parse().ok());
        recorded.arrivals.push(Arrival {
            class: table.class_of(unit.spec.clone()),
            run_time,
            ..Arrival::new(
                Instant::ZERO.saturating_add(unit.at),
                PodName::Text(unit.name.clone()),
            )
        });
    }
    recorded.classes = table.classes().held().to_vec();
    Box::new(MemorySource::new(recorded))
}
