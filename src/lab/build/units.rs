//! Units of unit files: what they ask of Fleet, and the pods that they are.
//!
//! What a unit does once it runs is said in a section `[X-Windtunnel]`, which Fleet itself would pass
//! on to systemd: `Cpu=`, `Memory=`, `RunTime=`, and `FirstConnection=` of a socket.

use std::sync::Arc;

use crate::model::{
    Behaviour, Container, NodeSelector, NodeSelectorTerm, Operator, PodName, PodSpec, Requirement,
    ResourceList, Text,
};
use crate::scenario::schema::WorkloadSource;
use crate::systems::fleet::options::SubmittedUnit;
use crate::systems::fleet::unit::Requirements;
use crate::systems::fleet::unit_file::{UnitFile, UnitName};
use crate::trace::intern::ClassTable;
use crate::trace::memory::{MemorySource, Recorded};
use crate::trace::{Arrival, ArrivalSource};
use crate::units::{Duration, Instant, Quantity};

use super::{BuildError, FileSource};

/// A unit that is submitted.
pub(super) struct Unit {
    /// Its name.
    pub(super) name: Text,
    /// What it asks of Fleet.
    pub(super) asked: SubmittedUnit,
    at: Duration,
    spec: PodSpec,
}

/// The section that says what a unit does once it runs.
const OWN_SECTION: &str = "X-Windtunnel";

/// The units of a source; none of one that has no unit files.
pub(super) fn units(
    source: &WorkloadSource,
    files: &FileSource<'_>,
) -> Result<Vec<Unit>, BuildError> {
    let WorkloadSource::Units {
        files: written,
        instances,
        at,
    } = source
    else {
        return Ok(Vec::new());
    };
    let mut units = Vec::new();
    let mut sockets = Vec::new();
    for path in written {
        let input = files.open(path);
        let wrong = |why: &dyn std::fmt::Display| BuildError::Experiment(why.to_string());
        let file_name = path.rsplit(['/', '\\']).next().unwrap_or(path);
        let text = input.read_to_string()?;
        let file = UnitFile::parse(path, &text).map_err(|why| wrong(&why))?;
        if let Some(socket) = file_name.strip_suffix(".socket") {
            Requirements::of_file(file_name, &file).map_err(|why| wrong(&why))?;
            let connects = duration(&file, "FirstConnection", path)?;
            sockets.push((format!("{socket}.service"), connects));
            continue;
        }
        for name in names(file_name, *instances) {
            let requirements = Requirements::of_file(&name, &file).map_err(|why| wrong(&why))?;
            if requirements.is_global {
                return Err(BuildError::Experiment(format!(
                    "{path}: a global unit is on every machine that matches: declare it as a \
                     DaemonSet in a manifest, and take `Global` out here"
                )));
            }
            units.push(Unit {
                at: *at,
                spec: spec_of(&name, &file, &requirements, path)?,
                name: name.into(),
                asked: SubmittedUnit {
                    requirements,
                    first_connection: None,
                },
            });
        }
    }
    for (service, connects) in sockets {
        let unit = units.iter_mut().find(|unit| *unit.name == *service);
        if let Some(unit) = unit {
            unit.asked.first_connection = Some(connects.unwrap_or(Duration::MAX));
        }
    }
    Ok(units)
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
                ..Behaviour::default()
            })
        }),
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
    let mut table = ClassTable::default();
    for unit in units {
        let run_time = unit.spec.behaviour.as_ref();
        let run_time = run_time.and_then(|own| own.run_time.as_ref()?.parse().ok());
        recorded.arrivals.push(Arrival {
            submit: Instant::ZERO.saturating_add(unit.at),
            name: PodName::Text(unit.name.clone()),
            class: table.class_of(unit.spec.clone()),
            members: 1,
            tenant: 0,
            run_time,
            time_limit: None,
            historic_start: None,
        });
    }
    recorded.classes.clone_from(table.classes());
    Box::new(MemorySource::new(recorded))
}
