//! Scale-up estimates recorded from the cluster autoscaler (release branch 1.34), held against
//! [`autoscale::cluster_autoscaler`]: which pods fit a template, how many nodes they need,
//! and which groups the expanders keep.

mod door;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};

use super::cases::{Differences, first_case, has_json_lines, judge_compared, typed};
use super::kube_scheduler::world::{World, manifests};
use super::{Family, FamilyReport, Judge, VerifyOptions};
use crate::door::Door;
use autoscale::cluster_autoscaler::{
    Choice, Estimate, Expander, PodGroup, Template, estimate, fits_template,
};
use autoscale::snapshot::KubeSnapshot;
use model::Text;
use rng::Stream;
use scheduler::kube::PodInfo;

/// Estimates of the cluster autoscaler.
pub const FAMILY: Family = Family {
    name: "cluster-autoscaler",
    summary: "scale-up estimates of the cluster autoscaler and what its expanders keep",
    kinds: &[],
    claims,
    judge: Judge::Several(judge),
    door: Door::Judge(door::judge),
};

fn claims(path: &Path) -> bool {
    let is_ours = |case: Value| case.get("templates").is_some() && case.get("groups").is_some();
    has_json_lines(path) && first_case(path).is_some_and(is_ours)
}

fn judge(files: &[PathBuf], options: &VerifyOptions) -> Result<Vec<FamilyReport>, String> {
    judge_compared(files, options, FAMILY.name, compare)
}

/// A recorded result of a run.
#[derive(Deserialize)]
struct Recorded {
    nodes: usize,
    scheduled: Vec<usize>,
}

/// A node group with what was decided about it.
struct Judged {
    id: Text,
    template: Template,
    estimate: Estimate,
    /// Places of the pod groups that were part of the estimate.
    groups: Vec<usize>,
}

fn compare(id: &str, case: &Value) -> Result<Differences, String> {
    let mut world = World::read(id, case, model::Changes::default())?;
    let groups = read_groups(id, case, &mut world)?;
    let templates = read_templates(id, case, &mut world)?;
    let max_nodes: usize = typed(&case["maxNodes"])?;
    let first = groups.first().and_then(|group| group.pods.first());
    let first = first.ok_or("the case has no pods")?;
    let profile = world.profile(first)?;
    let mut differences = Differences::default();
    let mut judged = Vec::new();
    let mut is_sure = true;
    for (group_id, template) in templates {
        let recorded = &case["expect"]["estimates"][&*group_id];
        let mut cluster = KubeSnapshot::new(world.cache.clone(), Arc::new(profile.clone()));
        let own = decide(&mut cluster, group_id, template, &groups, max_nodes)?;
        is_sure &= hold(&mut differences, recorded, &own, groups.len())?;
        judged.push(own);
    }
    if is_sure {
        expanders(&mut differences, case, &groups, &judged);
    }
    Ok(differences)
}

fn decide(
    cluster: &mut KubeSnapshot,
    id: Text,
    template: Template,
    groups: &[PodGroup],
    max_nodes: usize,
) -> Result<Judged, String> {
    let mut fitting = Vec::new();
    for (place, group) in groups.iter().enumerate() {
        let Some(pod) = group.pods.first() else {
            continue;
        };
        let fits = fits_template(cluster, &template, pod).map_err(|error| error.to_string())?;
        if fits {
            fitting.push(place);
        }
    }
    let list: Vec<PodGroup> = fitting.iter().map(|&place| groups[place].clone()).collect();
    let estimate = estimate(cluster, &template, &list, max_nodes);
    Ok(Judged {
        id,
        template,
        estimate: estimate.map_err(|error| error.to_string())?,
        groups: fitting,
    })
}

impl Judged {
    /// Number of placed pods of each group, of all groups.
    fn scheduled(&self, count: usize) -> Vec<usize> {
        let mut all = vec![0; count];
        for (&group, &own) in self.groups.iter().zip(&self.estimate.scheduled) {
            all[group] = own;
        }
        all
    }
}

/// Holds an estimate against the recorded ones; whether these were all alike. Of several any is
/// right, and so is what lies between them.
fn hold(
    differences: &mut Differences,
    recorded: &Value,
    own: &Judged,
    count: usize,
) -> Result<bool, String> {
    let fits: Vec<bool> = (0..count)
        .map(|place| own.groups.contains(&place))
        .collect();
    let field = format!("fits of {}", own.id);
    differences.field(&field, recorded.get("fits"), &json!(fits));
    let outcomes: Vec<Recorded> = typed(&recorded["outcomes"])?;
    let scheduled = own.scheduled(count);
    let within = |value: usize, of: &dyn Fn(&Recorded) -> usize| {
        let (least, most) = (outcomes.iter().map(of).min(), outcomes.iter().map(of).max());
        least.is_some_and(|least| least <= value) && most.is_some_and(|most| value <= most)
    };
    let pods = |place: usize| move |one: &Recorded| one.scheduled.get(place).copied().unwrap_or(0);
    let is_right = within(own.estimate.nodes, &|one| one.nodes)
        && (0..count).all(|place| within(scheduled[place], &pods(place)));
    if !is_right {
        let decided = json!([{"nodes": own.estimate.nodes, "scheduled": scheduled}]);
        let field = format!("outcomes of {}", own.id);
        differences.field(&field, recorded.get("outcomes"), &decided);
    }
    Ok(outcomes.len() == 1)
}

fn expanders(differences: &mut Differences, case: &Value, groups: &[PodGroup], judged: &[Judged]) {
    let Some(recorded) = case["expect"].get("expanders") else {
        return;
    };
    let mut choices = Vec::new();
    for own in judged.iter().filter(|own| own.estimate.nodes > 0) {
        let placed = own.groups.iter().zip(&own.estimate.scheduled);
        let pods = placed.filter_map(|(&group, &count)| {
            let pod: &PodInfo = groups[group].pods.first()?;
            Some((pod, count))
        });
        choices.push(Choice {
            group: own.id.clone(),
            node: &own.template.node,
            nodes: own.estimate.nodes,
            pods: pods.collect(),
        });
    }
    let mut rng = Stream::new(0, "expander", 0);
    for expander in [
        Expander::LeastWaste,
        Expander::MostPods,
        Expander::LeastNodes,
    ] {
        let kept = expander.keep(&choices, &mut rng);
        let mut names: Vec<&str> = kept.iter().map(|&place| &*choices[place].group).collect();
        names.sort_unstable();
        let name = expander.name();
        differences.field(name, recorded.get(name), &json!(names));
    }
}

fn read_groups(id: &str, case: &Value, world: &mut World) -> Result<Vec<PodGroup>, String> {
    let mut groups = Vec::new();
    for group in case["groups"].as_array().into_iter().flatten() {
        let count: usize = typed(&group["count"])?;
        let sample = world.pod(id, &group["pod"])?;
        let pods = (0..count).map(|number| {
            let mut pod = sample.clone();
            pod.name = format!("{}-{number}", sample.name).into();
            Arc::new(pod)
        });
        groups.push(PodGroup {
            pods: pods.collect(),
        });
    }
    Ok(groups)
}

fn read_templates(
    id: &str,
    case: &Value,
    world: &mut World,
) -> Result<Vec<(Text, Template)>, String> {
    let mut templates = Vec::new();
    for own in case["templates"].as_array().into_iter().flatten() {
        let group: Text = typed(&own["id"])?;
        let read = manifests(id, &[&own["node"]])?;
        let node = read
            .nodes
            .into_iter()
            .next()
            .ok_or("a template has no node")?;
        let mut daemons = Vec::new();
        for pod in own["pods"].as_array().into_iter().flatten() {
            daemons.push(Arc::new(world.pod(id, pod)?));
        }
        let node = Arc::new(node);
        templates.push((group, Template { node, daemons }));
    }
    Ok(templates)
}
