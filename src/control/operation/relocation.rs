//! Operations of users on instances of a cloud that are shut down for them: cold migrations and resizes
//! (spec: orchestrators-a.md section 6.3).

use std::sync::Arc;

use super::{OperationError, PodChoice, Steps};
use cluster::Store;
use model::{
    Event, Labels, Pod, PodChange, PodSpec, Relocation, RelocationAnswer, ResourceList, Text,
};
use units::ClassId;

/// Instances to move: those with labels, or all of a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InstanceChoice {
    /// Those that a choice among pods admits.
    Pods(PodChoice),
    /// All of a host.
    OfNode(Text),
}

/// A cold migration or a resize.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelocationRequest {
    /// Instances that it is asked for.
    pub choice: InstanceChoice,
    /// Requests of the first container afterwards; empty asks for a cold migration.
    pub requests: ResourceList,
    /// Answer of the user once an instance runs again.
    pub answer: Option<RelocationAnswer>,
}

impl Steps {
    /// Asks for the move of instances; the system that runs them decides.
    pub(super) fn relocate(
        &mut self,
        store: &Store,
        wish: &RelocationRequest,
    ) -> Result<(), OperationError> {
        let mut pods = chosen(store, &wish.choice)?;
        pods.sort_unstable_by_key(|pod| pod.pod);
        let mut added: Vec<(Arc<PodSpec>, ClassId)> = Vec::new();
        for own in pods {
            let spec = Arc::new(asking(&store.class(own.class).spec, &wish.requests));
            let known = added.iter().find(|(known, _)| *known == spec);
            let known = known.map(|(_, class)| *class);
            let class = known.or_else(|| store.class_of(&spec)).unwrap_or_else(|| {
                let class = ClassId::from_index(store.class_count() + added.len());
                self.events.push(Event::ClassAdded {
                    class,
                    object: Arc::clone(&spec),
                });
                added.push((spec, class));
                class
            });
            let answer = wish.answer;
            let change = PodChange::Relocated(Relocation::Asked { class, answer });
            let pod = own.pod;
            self.events.push(Event::PodChanged { pod, change });
        }
        Ok(())
    }
}

fn chosen<'s>(store: &'s Store, choice: &InstanceChoice) -> Result<Vec<&'s Pod>, OperationError> {
    match choice {
        InstanceChoice::OfNode(name) => {
            let node = store.nodes().by_name(name);
            let node = node.ok_or_else(|| OperationError::NoNode(name.clone()))?;
            let pods = store.pods().iter();
            Ok(pods.filter(|own| own.node() == Some(node)).collect())
        }
        InstanceChoice::Pods(choice) => {
            let pods = store.pods().iter();
            let of_choice = |own: &&Pod| choice.admits(&store.class(own.class).spec);
            let mut pods: Vec<&Pod> = pods.filter(of_choice).collect();
            if pods.is_empty() {
                let labels: Labels = choice.labels.clone();
                return Err(OperationError::NoPodWith(choice.namespace.clone(), labels));
            }
            pods.sort_unstable_by_key(|pod| pod.pod);
            pods.truncate(choice.count.map_or(usize::MAX, |count| count as usize));
            Ok(pods)
        }
    }
}

/// A spec whose first container requests other amounts; limits below them are raised to them.
fn asking(spec: &PodSpec, requests: &ResourceList) -> PodSpec {
    let mut spec = spec.clone();
    let Some(container) = spec.containers.first_mut() else {
        return spec;
    };
    for (name, amount) in requests.iter() {
        container.requests.set(name, amount);
        if container.limits.contains(name) && container.limits.get(name) < amount {
            container.limits.set(name, amount);
        }
    }
    spec
}
