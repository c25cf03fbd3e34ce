//! Pods as they are met: each in full, or like one before it.

use std::sync::Arc;

use super::pod_times::{at, created, phase, started};
use super::{Fate, Reader};
use crate::field::{Path, Problem, parse_unix_secs};
use crate::findings::ObjectName;
use crate::parts::{Body, Parts};
use crate::similar_pod::{GROUP, PodOverrides, SimilarPod, VERSION};
use crate::{
    Maker, ManifestPod, Origin, life, pod, pod_status, raw, resize, runtime_class, server,
    template, unmodelled,
};
use model::{PodSpec, Text};
use serde_json::Value;

impl Reader {
    /// Heeds `like` of pods in every file.
    pub(in super::super) fn with_likeness(mut self) -> Self {
        self.likeness.is_everywhere = true;
        self
    }

    /// Returns whether pods may be like others here.
    pub(in super::super) fn heeds_likeness(&self) -> bool {
        self.likeness.is_in_file || self.likeness.is_everywhere
    }

    /// Returns whether the file being read is a snapshot whose pods may be like others.
    pub(in super::super) fn is_in_snapshot(&self) -> bool {
        self.likeness.is_in_file
    }

    /// Returns whether an object is the header of a snapshot, and heeds it.
    pub(super) fn is_header(&mut self, parts: &Parts) -> Result<bool, String> {
        let version = parts.api_version.as_deref().unwrap_or_default();
        if !version.starts_with(GROUP) {
            return Ok(false);
        }
        self.fate = Fate::Ignored;
        self.likeness.is_in_file = version == VERSION;
        if self.likeness.is_in_file {
            return Ok(true);
        }
        let expected = format!(
            "`{VERSION}`: another release of windtunnel wrote this snapshot; open it with that \
             release, or import the dump again"
        );
        let Problem(problem) = Path::root("apiVersion").problem(&expected, version);
        let message = format!("{}, Snapshot: {problem}", self.place());
        Err(self.problem.get_or_insert(message).clone())
    }

    pub(super) fn add_pod(&mut self, parts: &Parts) -> Result<(), Problem> {
        if let Some(like) = &parts.like {
            return self.add_alike(&own_fields(parts), like);
        }
        let (metadata, raw) = (&parts.metadata, &parts.pod_spec);
        let stem = metadata.generate_name.as_deref();
        let name = self.pod_name(metadata.name.as_deref(), stem)?;
        let object = ObjectName {
            kind: "Pod",
            namespace: Some(pod::namespace(metadata)),
            name: &name,
        };
        unmodelled::refuse_gang(object, raw, &mut self.ctx)?;
        server::check(object, raw, &mut self.ctx)?;
        let mut spec = pod::pod_spec(metadata, raw, &mut self.ctx)?;
        let tolerations = unmodelled::tolerations(object, &raw.tolerations, &mut self.ctx)?;
        let queued = self.queued_pod(parts)?;
        unmodelled::note_left_out(object, metadata, raw, &mut self.ctx);
        unmodelled::note_queue(object, metadata, raw, queued.is_some(), &mut self.ctx);
        spec.tolerations = tolerations;
        // Pods that end by themselves do so in runs without controllers, too.
        if self.reads_workloads || life::states_run_time(&metadata.annotations) {
            // The kubelet treats it like the pods of templates.
            spec.life = if pod::maker(metadata) == Maker::Nobody {
                let life = life::stated_life(raw, &metadata.annotations, &spec)?;
                Some(Arc::new(life))
            } else {
                life::life(raw, &metadata.annotations, &spec)?
            };
            spec.behaviour = template::behaviour(metadata, raw)?;
        }
        if let Some(queued) = &queued {
            queued.adapt(&mut spec);
        }
        pod::check_sums(&spec)?;
        let accounted = resize::accounted(&spec, &parts.pod_status, &mut self.ctx.texts)?;
        let node_name = filled(raw.node_name.as_deref());
        let nominated = filled(parts.pod_status.nominated_node_name.as_deref());
        let uid = metadata.uid.as_deref().filter(|_| node_name.is_some());
        let pod = ManifestPod {
            phase: phase(&parts.pod_status, node_name.is_some())?,
            uid: uid.map(Text::from),
            is_unknown: parts.pod_status.phase.as_deref() == Some("Unknown"),
            is_pending: parts.pod_status.phase.as_deref() == Some("Pending"),
            is_terminating: metadata.deletion_timestamp.is_some(),
            deleted_unix_secs: pod::deleted(metadata)?,
            created_unix_secs: created(metadata.creation_timestamp.as_deref())?,
            started_unix_secs: started(parts.pod_status.start_time.as_deref())?,
            ready_unix_secs: pod_status::ready_since(&parts.pod_status),
            report: pod_status::report(&parts.pod_status, &spec).map(Arc::new),
            end: pod_status::end(&parts.pod_status),
            failures: pod::index_failures(metadata),
            is_tracked: pod::is_tracked(metadata),
            nominated_node: nominated.map(|node| self.ctx.texts.share(node)),
            is_preempted: is_preempted(&parts.pod_status),
            at: at(metadata)?,
            time_limit: pod::time_limit(raw)?,
            maker: pod::maker(metadata),
            controller: pod::owner(metadata, &mut self.ctx.texts),
            node_name: node_name.map(|node| self.ctx.texts.share(node)),
            accounted: accounted.map(|spec| self.share_class(spec)),
            spec: self.share_class(spec),
            name,
        };
        if self.is_in_file_before(&pod) {
            self.pass_over(parts);
            return Ok(());
        }
        self.check_name(&pod.spec.namespace, &pod.name)?;
        self.note_classes(raw);
        self.queued.extend(queued);
        self.take_pod(pod);
        Ok(())
    }

    /// Remembers a pod that states no priority, and one that is yet to get what its runtime class has; classes
    /// may stand in a later file.
    fn note_classes(&mut self, raw: &raw::PodSpec) {
        if let Some(class) = runtime_class::named(raw)
            && self.ctx.origin == Origin::Submitted
        {
            self.with_runtime.push((self.pods.len(), class));
        }
        if raw.priority.is_none() {
            let class = raw.priority_class_name.clone();
            let class = class.filter(|class| !class.is_empty());
            let states_policy = raw.preemption_policy.is_some();
            if self.admission.is_of_run() && self.ctx.origin == Origin::Submitted {
                self.admitted_by_run.insert(self.pods.len());
            }
            self.without_priority
                .push((self.pods.len(), class, states_policy));
        }
    }

    /// Adds a pod that is written as one that is like another. What it comes to is what
    /// [`Reader::add`] comes to, without the parts that such a pod has not.
    pub(in super::super) fn add_written_alike(
        &mut self,
        pod: &SimilarPod<'_>,
    ) -> Result<(), String> {
        self.begin_object()?;
        self.fate = Fate::Taken;
        let own = pod.own();
        if self.is_repeated(pod.metadata.uid) {
            self.repeated += 1;
            self.fate = Fate::Repeated;
            let namespace = own.namespace.filter(|namespace| !namespace.is_empty());
            let namespace = Text::from(namespace.unwrap_or("default"));
            self.repeated_pods
                .insert((namespace, Text::from(pod.metadata.name)));
            return Ok(());
        }
        let added = self.add_alike(&own, pod.like);
        added.map_err(|Problem(problem)| {
            self.note_broken_field(&problem);
            let object = ObjectName {
                kind: "Pod",
                namespace: own.namespace,
                name: pod.metadata.name,
            };
            let message = format!("{}, {object}: {problem}", self.place());
            self.problem.get_or_insert(message).clone()
        })
    }

    /// Adds a pod that has everything but a few fields of its own from one before it.
    fn add_alike(&mut self, own: &PodOverrides<'_>, like: &str) -> Result<(), Problem> {
        let namespace = own.namespace.filter(|namespace| !namespace.is_empty());
        let namespace = self.ctx.texts.share(namespace.unwrap_or("default"));
        let known = (namespace, Text::from(like));
        if self.repeated_pods.contains(&known) {
            let expected = "a pod that no file before has, as it may be another version there: read the \
                            newest snapshot alone, or import the dumps themselves";
            return Err(Path::root("like").problem(expected, like));
        }
        let place = self.pod_places.get(&known).copied();
        let is_near = |&place: &usize| self.likeness.is_everywhere || place >= self.pods_before;
        let Some(place) = place.filter(is_near) else {
            let expected = "the name of a pod before this one in the same namespace and file";
            return Err(Path::root("like").problem(expected, like));
        };
        let name = self.pod_name(own.name, None)?;
        self.check_name(&known.0, &name)?;
        let node_name = own.node_name.filter(|node| !node.is_empty());
        let pod = ManifestPod {
            name,
            uid: own.uid.filter(|_| node_name.is_some()).map(Text::from),
            node_name: node_name.map(|node| self.ctx.texts.share(node)),
            created_unix_secs: created(own.created)?,
            started_unix_secs: started(own.started)?,
            ready_unix_secs: own.ready_since.and_then(parse_unix_secs),
            ..self.pods[place].clone()
        };
        let without = &self.without_priority;
        if let Ok(found) = without.binary_search_by_key(&place, |own| own.0) {
            let (_, class, states_policy) = without[found].clone();
            if self.admitted_by_run.contains(&place) {
                self.admitted_by_run.insert(self.pods.len());
            }
            self.without_priority
                .push((self.pods.len(), class, states_policy));
        }
        let with = &self.with_runtime;
        if let Ok(found) = with.binary_search_by_key(&place, |own| own.0) {
            let class = with[found].1.clone();
            self.with_runtime.push((self.pods.len(), class));
        }
        if let Some(findings) = self.findings_of_pods.get(&place) {
            self.ctx.findings.repeat(findings);
        }
        if pod.node_name.is_none() {
            self.queue_alike(place);
        }
        self.take_pod(pod);
        Ok(())
    }

    /// Whether a file before has the very same pod.
    fn is_in_file_before(&self, pod: &ManifestPod) -> bool {
        let known = (pod.spec.namespace.clone(), pod.name.clone());
        let place = self.pod_places.get(&known);
        place.is_some_and(|&place| place < self.pods_before && self.pods[place] == *pod)
    }

    /// Checks the name of a pod, which no other may have.
    fn check_name(&self, namespace: &Text, name: &Text) -> Result<(), Problem> {
        let known = (namespace.clone(), name.clone());
        let Some(&place) = self.pod_places.get(&known) else {
            return Ok(());
        };
        let expected = if place < self.pods_before {
            "a name unique in its namespace (also used in a file before; read dumps of one time, or the \
             newest snapshot alone; two clusters count as one by `plan --as NAME=FILE`)"
        } else {
            "a name unique in its namespace"
        };
        let path = Path::root("metadata");
        Err(path.field("name").problem(expected, name))
    }

    fn take_pod(&mut self, pod: ManifestPod) {
        if pod.is_settled() {
            self.fate = Fate::Ended;
            self.ended += 1;
        }
        let noted = self.ctx.findings.noted();
        if !noted.is_empty() && self.heeds_likeness() {
            let noted = noted.to_vec();
            self.findings_of_pods.insert(self.pods.len(), noted);
        }
        let known = (pod.spec.namespace.clone(), pod.name.clone());
        self.pod_places.insert(known, self.pods.len());
        self.taken = self.taken.max(pod.times().max());
        self.pods.push(pod);
    }

    /// Returns whether a pod is like one that stood in a file before.
    pub(in super::super) fn is_like_repeated(&self, pod: &Value) -> bool {
        let namespace = pod["metadata"]["namespace"].as_str();
        let namespace = namespace.filter(|own| !own.is_empty());
        let namespace = Text::from(namespace.unwrap_or("default"));
        pod["like"].as_str().is_some_and(|like| {
            let known = (namespace, Text::from(like));
            self.repeated_pods.contains(&known)
        })
    }

    /// Notes a pod that stood in a file before: nothing of the present file may be like it, as it may be
    /// another version of it.
    pub(super) fn note_repeated(&mut self, parts: &Parts) {
        if let (Some(Body::Pod), Some(name)) = (parts.body(), parts.metadata.name.as_deref())
            && self.heeds_likeness()
        {
            let namespace = Text::from(pod::namespace(&parts.metadata));
            self.repeated_pods.insert((namespace, Text::from(name)));
        }
    }

    fn pod_name(&self, name: Option<&str>, stem: Option<&str>) -> Result<Text, Problem> {
        match (name, stem) {
            (Some(name), _) if !name.is_empty() => Ok(name.into()),
            (_, Some(stem)) if !stem.is_empty() => {
                Ok(format!("{stem}{}", self.pods.len() + 1).into())
            }
            _ => Err(Path::root("metadata")
                .field("name")
                .missing("the pod's name")),
        }
    }

    pub(super) fn share_class(&mut self, spec: PodSpec) -> Arc<PodSpec> {
        if let Some(known) = self.classes.get(&spec) {
            return Arc::clone(known);
        }
        let class = Arc::new(spec);
        self.classes.insert(Arc::clone(&class));
        class
    }
}

/// A text that is not empty.
fn filled(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !text.is_empty())
}

/// Whether a scheduler preempted a pod.
fn is_preempted(status: &raw::PodStatus) -> bool {
    status.conditions.iter().any(|condition| {
        condition.kind == "DisruptionTarget"
            && condition.status == "True"
            && condition.reason == "PreemptionByScheduler"
    })
}

/// The fields that a pod states itself, of its parts.
fn own_fields(parts: &Parts) -> PodOverrides<'_> {
    let metadata = &parts.metadata;
    PodOverrides {
        name: metadata.name.as_deref(),
        namespace: metadata.namespace.as_deref(),
        uid: metadata.uid.as_deref(),
        created: metadata.creation_timestamp.as_deref(),
        node_name: parts.pod_spec.node_name.as_deref(),
        started: parts.pod_status.start_time.as_deref(),
        ready_since: parts.pod_status.ready_since.as_deref(),
    }
}
