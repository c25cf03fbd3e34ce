//! Workloads that run images of a repository: their templates with another image, and how far a
//! rollout has come.

use std::sync::Arc;

use cluster::Store;
use model::delivery::repository;
use model::workload::deployment::ConditionReason;
use model::{Container, ContainerLife, Object, PodRef, PodSpec, Text, VersionFault};
use units::{Duration, Instant, ObjectId, SortedMap};

use super::Trigger;

/// Time after which the containers of a version that crashes end.
const CRASH_AFTER: &str = "1s";

/// An image that a workload can run, with what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Version {
    pub(super) image: Text,
    pub(super) fault: Option<VersionFault>,
}

/// A workload that runs images of repositories.
#[derive(Clone, Debug)]
pub(super) struct WorkloadWatch {
    /// The workload as `KIND/NAMESPACE/NAME`.
    pub(super) name: Text,
    /// The template as users declared it.
    base: Arc<PodSpec>,
    /// The template as it was written last.
    written: Option<Arc<PodSpec>>,
    /// The template that was written before that, which holds again if the write is refused.
    before: Option<Arc<PodSpec>>,
    /// Whether its rollouts stand still.
    is_paused: bool,
    /// Images by the number of their pipeline.
    pub(super) lines: SortedMap<usize, Line>,
}

/// The images of a repository in a workload.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) trigger: Trigger,
    /// The version that the template asks for.
    pub(super) version: Version,
    pub(super) rollout: Option<Rollout>,
    /// The push whose rollout failed last, which the system may take back by itself.
    pub(super) failed: Option<usize>,
    /// The push that was delivered last, which the system or a user may take back.
    pub(super) delivered: Option<PushDelivery>,
    /// The image before the push that is rolled out.
    pub(super) before: Text,
}

/// A push that all pods run.
#[derive(Clone, Debug)]
pub(super) struct PushDelivery {
    pub(super) push: usize,
    /// The image before it.
    pub(super) before: Text,
}

/// A rollout of a version.
#[derive(Clone, Debug)]
pub(super) struct Rollout {
    /// The push that is rolled out, or that failed and is taken back.
    pub(super) push: usize,
    pub(super) is_back: bool,
    /// Instant of the last progress.
    pub(super) progress: Instant,
    /// Most new pods that were ready at once.
    pub(super) ready: usize,
}

/// Pods of a workload.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// Pods of the version that are ready.
    pub(super) new_ready: usize,
    /// Pods of the version.
    pub(super) new: usize,
    /// Pods of other versions.
    pub(super) old: usize,
    /// Pods that are wanted; `None` of a workload that counts nodes and does not report how many.
    pub(super) wanted: Option<usize>,
}

impl Counts {
    /// Whether all pods are of the version, and ready.
    pub(super) fn is_complete(self) -> bool {
        let wanted = self.wanted.unwrap_or(self.new.max(1));
        self.old == 0 && self.new_ready >= wanted
    }
}

/// Template of a workload whose pods a rollout replaces.
pub(super) fn rolled_out(object: &Object) -> Option<&Arc<PodSpec>> {
    match object {
        Object::Deployment(own) => Some(&own.template),
        Object::StatefulSet(own) => Some(&own.template),
        Object::DaemonSet(own) => Some(&own.template),
        _ => None,
    }
}

/// The images of a workload whose pods a rollout replaces; none of other objects.
pub fn images(object: &Object) -> impl Iterator<Item = &str> {
    let containers = rolled_out(object).map(|template| template.all_containers());
    containers.into_iter().flatten().map(|own| &*own.image)
}

/// Whether the rollouts of a workload stand still.
pub(super) fn is_paused(object: &Object) -> bool {
    matches!(object, Object::Deployment(own) if own.paused)
}

/// Whether the status of a Deployment says that its rollout is complete, its hooks included; other workloads
/// have none that says so.
pub(super) fn is_reported_complete(object: &Object) -> bool {
    let Object::Deployment(own) = object else {
        return true;
    };
    let is_seen = own.status.observed_generation >= own.generation;
    is_seen && own.status.progress() == Some(ConditionReason::NewReplicaSetAvailable)
}

/// Image of a repository that a template names, of the first container that has one.
pub(super) fn image_of<'a>(template: &'a PodSpec, wanted: &str) -> Option<&'a Text> {
    let mut images = template.all_containers().map(|own| &own.image);
    images.find(|image| repository(image) == wanted)
}

impl WorkloadWatch {
    /// A workload with a template, and no images yet.
    pub(super) fn new(name: Text, template: &Arc<PodSpec>) -> Self {
        Self {
            name,
            base: Arc::clone(template),
            written: None,
            before: None,
            is_paused: false,
            lines: SortedMap::new(),
        }
    }

    /// Takes note of whether its rollouts stand still: they go on from where they stood.
    pub(super) fn set_paused(&mut self, is_paused: bool, now: Instant) {
        if self.is_paused && !is_paused {
            let rollouts = self
                .lines
                .values_mut()
                .filter_map(|line| line.rollout.as_mut());
            rollouts.for_each(|rollout| rollout.progress = now);
        }
        self.is_paused = is_paused;
    }

    /// Takes note that the template that was written last was refused.
    pub(super) fn refused(&mut self) {
        self.written = self.before.take();
    }

    /// Whether a template is the one that was written last.
    pub(super) fn is_written(&self, template: &Arc<PodSpec>) -> bool {
        let written = self.written.as_ref();
        written.is_some_and(|written| Arc::ptr_eq(written, template) || written == template)
    }

    /// Records a template; whether another writer changed it.
    pub(super) fn declared(&mut self, template: &Arc<PodSpec>) -> bool {
        let is_same = |own: &Arc<PodSpec>| Arc::ptr_eq(own, template) || own == template;
        if is_same(self.written.as_ref().unwrap_or(&self.base)) {
            return false;
        }
        (self.base, self.written) = (Arc::clone(template), None);
        true
    }

    /// The object with the versions of all repositories in its template.
    pub(super) fn updated(&mut self, object: &Object, repositories: &[Text]) -> Object {
        let mut template = PodSpec::clone(&self.base);
        for (&pipeline, line) in &self.lines {
            if let Some(repository) = repositories.get(pipeline) {
                set_version(&mut template, repository, &line.version);
            }
        }
        let template = Arc::new(template);
        self.before = self.written.replace(Arc::clone(&template));
        let mut object = object.clone();
        match &mut object {
            Object::Deployment(own) => {
                let own = Arc::make_mut(own);
                own.template = template;
                own.generation += 1;
            }
            Object::StatefulSet(own) => Arc::make_mut(own).template = template,
            Object::DaemonSet(own) => Arc::make_mut(own).template = template,
            _ => {}
        }
        object
    }
}

/// Sets the image of a repository in a template, with what its fault does.
fn set_version(template: &mut PodSpec, wanted: &str, version: &Version) {
    let is_of = |own: &Container| repository(&own.image) == wanted;
    for own in template
        .init_containers
        .iter_mut()
        .filter(|init_container| is_of(init_container))
    {
        own.image = version.image.clone();
    }
    let mut places = Vec::new();
    for (place, own) in template.containers.iter_mut().enumerate() {
        if is_of(own) {
            own.image = version.image.clone();
            places.push(place);
        }
    }
    let Some(fault) = version.fault else {
        return;
    };
    let mut life = template.life.as_deref().cloned().unwrap_or_default();
    life.containers
        .resize_with(template.containers.len(), ContainerLife::default);
    for place in places {
        let application = &mut life.containers[place].application;
        match fault {
            VersionFault::Crash => {
                application.run_time = Some(CRASH_AFTER.into());
                application.exit_code = Some(1);
            }
            VersionFault::Unready => application.health.from = Duration::MAX,
        }
    }
    template.life = Some(Arc::new(life));
}

/// Counts the pods of a workload by their image of a repository; those that were asked to end count no
/// more.
pub(super) fn counts(store: &Store, id: ObjectId, wanted: &str, image: &Text) -> Counts {
    let mut counts = Counts::default();
    let Some(row) = store.objects().get(id) else {
        return counts;
    };
    counts.wanted = match &row.object {
        Object::Deployment(own) => Some(own.replicas.max(0) as usize),
        Object::StatefulSet(own) => Some(own.replicas.max(0) as usize),
        Object::DaemonSet(own) => usize::try_from(own.status.desired)
            .ok()
            .filter(|own| *own > 0),
        _ => None,
    };
    let children = row
        .children
        .iter()
        .filter_map(|&id| store.objects().get(id));
    let of_children = children.flat_map(|own| own.pods.iter().copied());
    for pod in row.pods.iter().copied().chain(of_children) {
        if store.pod_states().is_terminating(pod) {
            continue;
        }
        let is_new = store.pods().get(pod).is_some_and(|own| {
            image_of(&store.class(own.class).spec, wanted).is_none_or(|own| own == image)
        });
        if is_new {
            counts.new += 1;
            counts.new_ready += usize::from(is_ready(store, pod));
        } else {
            counts.old += 1;
        }
    }
    counts
}

fn is_ready(store: &Store, pod: PodRef) -> bool {
    store
        .pod_states()
        .get(pod)
        .is_some_and(|pod_state| pod_state.is_ready)
}
