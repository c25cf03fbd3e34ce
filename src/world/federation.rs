//! Cells of a scenario and the deployments that are divided among them: each becomes one deployment a
//! cell, without replicas until the federation orders some.

use std::sync::Arc;

use control::federation::{
    CellOptions, FederationOptions, Preference, Preferences, WorkloadOptions, member_name,
};
use k8s::{DeclaredWorkload, Manifests};
use model::{Node, Object, PodSpec, Text, rules};
use scenario::Scenario;
use scenario::schema::{CellShare, FederatedWorkload, Federation, WorkloadSource};
use units::{SortedMap, plural};

use super::{BuildError, Remarks};

/// Field of the federation.
const FIELD: &str = "system.federation";

/// Deployment before it was divided.
struct Whole {
    replicas: i64,
    template: Arc<PodSpec>,
    file: String,
}

/// Division of the deployments in manifests among cells.
#[derive(Default)]
pub(super) struct Division {
    written: Option<Federation>,
    /// Deployments that were divided, by namespace and name.
    wholes: SortedMap<(Text, Text), Whole>,
}

impl Division {
    /// The division that a scenario asks for, if any.
    pub(super) fn of(scenario: &Scenario) -> Self {
        Self {
            written: scenario.system.federation.clone(),
            wholes: SortedMap::new(),
        }
    }

    /// Divides the deployments of a file.
    ///
    /// # Errors
    /// A deployment stands in two files, has pods already, or something belongs to no cell.
    pub(super) fn divide(
        &mut self,
        file: &str,
        manifests: &mut Manifests,
    ) -> Result<(), BuildError> {
        let Some(written) = &self.written else {
            return Ok(());
        };
        let mut workloads = Vec::new();
        for declared in std::mem::take(&mut manifests.workloads) {
            let object = &declared.object;
            let entry = (written.workloads.iter()).find(|own| is_meant(own, object));
            let (Some(entry), Object::Deployment(own)) = (entry, object) else {
                belongs(written, file, &declared)?;
                workloads.push(declared);
                continue;
            };
            let key = (own.namespace.clone(), own.name.clone());
            let whole = Whole {
                replicas: i64::from(own.replicas),
                template: Arc::clone(&own.template),
                file: file.to_owned(),
            };
            if let Some(before) = self.wholes.insert(key, whole) {
                return Err(wrong(format!(
                    "{file}: Deployment/{} stands in {} already; rollouts of a divided deployment are \
                     not modelled: declare it once",
                    entry.deployment, before.file
                )));
            }
            workloads.extend(parts(written, entry, &declared));
        }
        manifests.workloads = workloads;
        if let Some(own) = manifests.dependents.first() {
            let object = &own.object;
            return Err(wrong(format!(
                "{file}: {}/{}/{} is controlled by a workload; a federation does not take over what \
                 runs already: leave it out",
                object.kind(),
                object.namespace(),
                object.name()
            )));
        }
        for pod in &manifests.pods {
            if !has_cell(written, &pod.spec) {
                let what = format!("Pod/{}/{}", pod.namespace(), pod.name);
                return Err(without_cell(written, file, &what));
            }
        }
        Ok(())
    }

    /// Options of the federation, once all files were read.
    ///
    /// # Errors
    /// Cells without nodes or with nodes of others, deployments that nothing declares, replicas that
    /// fit no cell.
    pub(super) fn options(
        &self,
        scenario: &Scenario,
        nodes: &[Arc<Node>],
        remarks: &mut Remarks,
    ) -> Result<Option<FederationOptions>, BuildError> {
        let Some(written) = &self.written else {
            return Ok(None);
        };
        let others = |source: &&WorkloadSource| !matches!(source, WorkloadSource::Manifests { .. });
        if scenario.workload.iter().any(|source| others(&source)) {
            return Err(wrong(format!(
                "workload: only manifests say to which cell of `{FIELD}` a pod belongs; write \
                 `manifests:`, or leave `federation` out"
            )));
        }
        let cells: Vec<CellOptions> = written.cells.iter().map(cell).collect();
        check_cells(&cells, nodes, remarks)?;
        let mut workloads = Vec::new();
        for (number, entry) in written.workloads.iter().enumerate() {
            let (namespace, name) = entry.parts().unwrap_or_default();
            let field = format!("{FIELD}.workloads[{number}]");
            let Some(whole) = self.wholes.get(&(namespace.into(), name.into())) else {
                return Err(wrong(format!(
                    "{field}.deployment: no manifest declares the Deployment `{}`",
                    entry.deployment
                )));
            };
            let workload = WorkloadOptions {
                namespace: namespace.into(),
                name: name.into(),
                preferences: preferences(entry, whole.replicas),
            };
            check_room(&field, entry, whole, &cells, nodes)?;
            note_minimums(&field, &workload.preferences, &cells, remarks);
            workloads.push(workload);
        }
        for (number, operation) in scenario.operations.iter().enumerate() {
            if let Some((field, target)) = operation.object()
                && let Some(own) = target.strip_prefix("Deployment/")
                && written
                    .workloads
                    .iter()
                    .any(|entry| entry.deployment == own)
            {
                return Err(wrong(format!(
                    "operations[{number}].{field}: `{own}` is divided among cells, and operations on all \
                     its parts at once are not modelled; leave it out"
                )));
            }
        }
        Ok(Some(FederationOptions {
            cells,
            workloads,
            period: written.period,
            failures: written.failures,
            successes: written.successes,
            unschedulable_after: written.unschedulable_after,
        }))
    }
}

fn wrong(what: String) -> BuildError {
    BuildError::Experiment(what)
}

fn is_meant(entry: &FederatedWorkload, object: &Object) -> bool {
    let is_named = entry.parts() == Some((&**object.namespace(), &**object.name()));
    is_named && matches!(object, Object::Deployment(_))
}

fn cell(written: &scenario::schema::FederationCell) -> CellOptions {
    CellOptions {
        name: written.name.as_str().into(),
        nodes: (&written.nodes).into(),
        delay: written.delay,
    }
}

fn preference(share: &CellShare) -> Preference {
    Preference {
        weight: share.weight,
        min: i64::from(share.min_replicas),
        max: share.max_replicas.map(i64::from),
    }
}

fn preferences(entry: &FederatedWorkload, replicas: i64) -> Preferences {
    let named = entry.cells.iter().filter(|(name, _)| *name != "*");
    Preferences {
        replicas,
        rebalances: entry.rebalance,
        cells: named
            .map(|(name, share)| (name.as_str().into(), preference(share)))
            .collect(),
        others: entry.cells.get("*").map(preference),
    }
}

/// The deployments that a divided one becomes, one for each cell that may have replicas of it.
fn parts<'a>(
    written: &'a Federation,
    entry: &'a FederatedWorkload,
    whole: &'a DeclaredWorkload,
) -> impl Iterator<Item = DeclaredWorkload> + 'a {
    let preferences = preferences(entry, 0);
    let cells = written.cells.iter();
    let cells = cells.filter(move |cell| preferences.of(&cell.name).is_some());
    cells.map(|cell| {
        let mut part = whole.clone();
        if let Some(template) = part.object.template_mut() {
            template.scheduler_name = cell.name.as_str().into();
        }
        if let Object::Deployment(own) = &mut part.object {
            let own = Arc::make_mut(own);
            own.name = member_name(&own.name, &cell.name);
            own.replicas = 0;
        }
        part
    })
}

fn has_cell(written: &Federation, spec: &PodSpec) -> bool {
    (written.cells.iter()).any(|cell| cell.name[..] == spec.scheduler_name[..])
}

/// Refuses a workload whose pods no scheduler would place.
fn belongs(
    written: &Federation,
    file: &str,
    declared: &DeclaredWorkload,
) -> Result<(), BuildError> {
    let object = &declared.object;
    let template = object.template();
    if template.is_none_or(|template| has_cell(written, template)) {
        return Ok(());
    }
    let what = format!("{}/{}/{}", object.kind(), object.namespace(), object.name());
    Err(without_cell(written, file, &what))
}

fn without_cell(written: &Federation, file: &str, what: &str) -> BuildError {
    let names: Vec<&str> = written
        .cells
        .iter()
        .map(|cell| cell.name.as_str())
        .collect();
    let divided: Vec<&str> = (written.workloads.iter())
        .map(|own| own.deployment.as_str())
        .collect();
    let divided = match divided.join(", ") {
        none if none.is_empty() => "nothing yet".to_owned(),
        all => all,
    };
    wrong(format!(
        "{file}: {what} belongs to no cell; divide it under `{FIELD}.workloads`, which has {divided}, or \
         name a cell in `spec.schedulerName`: {}",
        names.join(", ")
    ))
}

/// Checks that every cell has nodes, and no node two cells.
fn check_cells(
    cells: &[CellOptions],
    nodes: &[Arc<Node>],
    remarks: &mut Remarks,
) -> Result<(), BuildError> {
    let mut outside = 0;
    let mut has_nodes = vec![false; cells.len()];
    for node in nodes {
        let mut holding = (0..cells.len()).filter(|&place| cells[place].holds(&node.labels));
        let Some(first) = holding.next() else {
            outside += 1;
            continue;
        };
        has_nodes[first] = true;
        if let Some(second) = holding.next() {
            return Err(wrong(format!(
                "{FIELD}.cells[{second}].nodes: the node `{}` is in the cell `{}` already; expected \
                 labels that tell the cells apart",
                node.name, cells[first].name
            )));
        }
    }
    if let Some(empty) = has_nodes.iter().position(|&has| !has) {
        return Err(wrong(format!(
            "{FIELD}.cells[{empty}].nodes: no node has the labels of the cell `{}`",
            cells[empty].name
        )));
    }
    if outside > 0 {
        let nodes = plural::count(outside, "node");
        remarks.note(format!(
            "{FIELD}: {nodes} outside of all cells, which get no pods"
        ));
    }
    Ok(())
}

/// Tells of minimums that can't all be met.
fn note_minimums(
    field: &str,
    preferences: &Preferences,
    cells: &[CellOptions],
    remarks: &mut Remarks,
) {
    let least = cells
        .iter()
        .filter_map(|cell| preferences.of(&cell.name))
        .fold(0_i64, |sum, own| sum.saturating_add(own.min));
    if least > preferences.replicas {
        let replicas = plural::count(preferences.replicas, "replica");
        remarks.note(format!(
            "{field}.cells: the minimums of all cells come to {least}, and there are {replicas}: the cells \
             of the largest weights get theirs first"
        ));
    }
}

/// Refuses replicas that no cell can take, whatever else runs there.
fn check_room(
    field: &str,
    entry: &FederatedWorkload,
    whole: &Whole,
    cells: &[CellOptions],
    nodes: &[Arc<Node>],
) -> Result<(), BuildError> {
    let preferences = preferences(entry, whole.replicas);
    let most = cells.iter().map(|cell| {
        preferences
            .of(&cell.name)
            .map_or(0, |own| match own.weight {
                0 => own.min.min(own.max.unwrap_or(i64::MAX)),
                _ => own.max.unwrap_or(i64::MAX),
            })
    });
    let most = most.fold(0_i64, i64::saturating_add);
    if most < whole.replicas {
        return Err(wrong(format!(
            "{field}.cells: of {} {} fit no cell: together the cells may have {most}; raise \
             `maxReplicas`, or give a cell a `weight`",
            plural::count(whole.replicas, "replica"),
            whole.replicas - most
        )));
    }
    let open = |node: &Arc<Node>| {
        let mut own = cells.iter().filter(|cell| cell.holds(&node.labels));
        own.any(|cell| preferences.of(&cell.name).is_some())
    };
    let mut open = nodes.iter().filter(|node| open(node));
    let template = &whole.template;
    let is_stated = whole.replicas > 0;
    if is_stated && !open.any(|node| rules::admits(template, node) && has_room(template, node)) {
        return Err(wrong(format!(
            "{field}.deployment: a replica of `{}` fits no cell: no node of any cell admits it and \
             has the room that it requests; lower its requests, or add such nodes",
            entry.deployment
        )));
    }
    Ok(())
}

/// Whether an empty node has what a pod requests.
fn has_room(template: &PodSpec, node: &Node) -> bool {
    let Ok(requests) = template.requests() else {
        // What does not add up is refused where the pod's class is made.
        return true;
    };
    let mut requests = requests.iter();
    requests.all(|(name, wanted)| node.allocatable.get(name) >= wanted)
}
