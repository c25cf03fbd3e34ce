//! Requests: how clients ask for instances, and how instances come and go (spec: orchestrators-a.md
//! section 6.1).

use std::sync::Arc;

use cluster::Store;
use fixedbitset::FixedBitSet;
use model::rules::affinity;
use model::{DeviceSet, EndReason, Event, PodChange, PodRef, PodSpec, Text};
use scheduler::pipeline::evaluate::Form;
use units::{ClassId, Duration, Instant, NodeId, SortedSet};

use super::super::aggregate;
use super::super::entry::CAPABILITIES;
use super::super::filter::Filter;
use super::super::flavor::{self, GroupPolicy};
use super::super::hints::{Hints, Named};
use super::super::scheduler::{Choice, NoValidHost, Request};
use super::{Batch, Due, Nova, Template};
use crate::mapping::refusal;
use crate::parts::turn::Turn;

/// Hosts that a choice names beside the best one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Alternates {
    /// As many as a build is tried on.
    OfBuild,
    /// All that the filters pass.
    All,
}

/// Whether a pod still waits for its host.
pub(super) fn waits(pod: PodRef, store: &Store) -> bool {
    let record = store.pods().get(pod);
    let waits = record.is_some_and(|record| record.node().is_none());
    waits && !store.pod_states().is_terminating(pod)
}

impl Nova {
    /// Makes the request of a class; one that can't be expressed has none.
    pub(super) fn prepare(&mut self, class: ClassId, store: &Store) {
        while self.templates.len() <= class.index() {
            let next = ClassId::from_index(self.templates.len());
            let spec = &store.class(next).spec;
            let missing = self.missing_filter(spec);
            self.missing_filters.extend(missing);
            let is_taken = missing.is_none() && refusal(CAPABILITIES, spec).is_none();
            let template = is_taken.then(|| self.template(next, store));
            let known = self.templates.iter_mut().flatten();
            for named in known.filter_map(|own| own.named.as_mut()) {
                named.look_at(next, spec);
            }
            self.templates.push(template);
        }
    }

    /// The filter without which requests for the server group of a pod are refused (`scheduler/utils.py`,
    /// `_get_group_details`).
    fn missing_filter(&self, spec: &PodSpec) -> Option<Filter> {
        let needed = match flavor::group(spec, &self.options)?.policy {
            GroupPolicy::Affinity => Filter::Affinity,
            GroupPolicy::AntiAffinity { .. } => Filter::AntiAffinity,
            GroupPolicy::SoftAffinity | GroupPolicy::SoftAntiAffinity => return None,
        };
        (!self.options.rules.filters.contains(&needed)).then_some(needed)
    }

    /// Lines about server groups whose filter is not there.
    pub(super) fn unsupported_groups(&self) -> impl Iterator<Item = String> {
        self.missing_filters.iter().map(|filter| {
            let (name, word) = match filter {
                Filter::Affinity => ("ServerGroupAffinityFilter", "affinity"),
                _ => ("ServerGroupAntiAffinityFilter", "anti-affinity"),
            };
            format!(
                "instances of server groups with {word} ended in ERROR: ServerGroup policy is not supported: \
                 {name} not configured; add `{word}` to `system.nova.filters`"
            )
        })
    }

    /// The request of a class, with the hosts that have what it names.
    fn template(&self, class: ClassId, store: &Store) -> Template {
        let (options, spec) = (&self.options, &store.class(class).spec);
        let divided = aggregate::extra_specs(spec, options);
        let (extra_specs, rest) = divided.map_or_else(
            || (Vec::new(), Arc::clone(spec)),
            |(asked, rest)| (asked, Arc::new(rest)),
        );
        let image = spec.containers.first().map(|own| &own.image);
        let isolated = &options.isolation.images;
        let stated = options.hints.iter().find(|own| own.select(spec));
        let request = Request {
            flavor: flavor::flavor(spec, options),
            group: flavor::group(spec, options),
            extra_specs,
            is_image_isolated: image.is_some_and(|image| isolated.contains(image)),
            query: stated.and_then(|own| own.query.clone()),
            near: stated.and_then(|own| own.near),
            ..Request::default()
        };
        let hosts = self.cloud.hosts().len();
        let mut matching = FixedBitSet::with_capacity(hosts);
        for host in 0..hosts {
            let object = store.nodes().object(NodeId::from_index(host));
            let matches = object.is_some_and(|object| affinity::admits(&rest, object));
            matching.set(host, matches);
        }
        let mut named = Named::of(spec, &options.rules.filters);
        if let Some(named) = &mut named {
            for other in (0..=class.index()).map(ClassId::from_index) {
                named.look_at(other, &store.class(other).spec);
            }
        }
        Template {
            request: Arc::new(request),
            matching,
            spec: rest,
            named,
        }
    }

    /// The hints of a request for an instance of a class, which names the instances that have hosts.
    pub(super) fn hints(&self, class: ClassId) -> Option<Hints> {
        let template = self.templates.get(class.index())?.as_ref()?;
        let named = template.named.as_ref()?;
        let instances = self.instances.iter().flatten();
        Some(named.hints(instances.filter_map(|own| Some((own.class, own.host?)))))
    }

    /// Something may have become possible: clients ask again, each when it would have anyway.
    pub(super) fn changed(&mut self, now: Instant) {
        self.migrations.look_again();
        self.changes += 1;
        for (_, batch) in std::mem::take(&mut self.resting) {
            self.ask_from(now, batch);
        }
        self.evacuate_again(now);
    }

    /// The client of a request asks again at the next of its times from an instant on.
    fn ask_from(&mut self, from: Instant, batch: Batch) {
        let (Some(asked), Some(first)) = (batch.first_asked, batch.pods.first()) else {
            return;
        };
        self.timers
            .push(self.next_ask(asked, from), Due::Ask(first.id));
        self.asking.insert(first.id, batch);
    }

    /// The next instant from one on at which a client asks again that first asked at another.
    pub(super) fn next_ask(&self, asked: Instant, from: Instant) -> Instant {
        let every = self.options.client_retry.as_nanos().max(1);
        let passed = from.since(asked).as_nanos().max(0);
        let times = (passed + every - 1) / every;
        let wait = Duration::from_nanos(times.max(1).saturating_mul(every));
        asked.saturating_add(wait).max(from)
    }

    /// A request failed that others took the room of, or whose builds did: the next attempt may go another
    /// way, so the client asks again without waiting for a change.
    pub(super) fn fail(&mut self, batch: Batch, turn: &mut Turn<'_>) {
        if let Some(batch) = self.unplaced(batch, turn) {
            self.ask_from(turn.now.saturating_add(Duration::from_nanos(1)), batch);
        }
    }

    /// A client asks for instances: all of them, or none.
    pub(super) fn ask(&mut self, batch: Batch, turn: &mut Turn<'_>) {
        let Some(batch) = self.asked(batch, turn) else {
            return;
        };
        for (number, &pod) in batch.pods.iter().enumerate() {
            if self.place(pod).is_err() {
                for &placed in &batch.pods[..number] {
                    self.leave(placed);
                }
                return self.rest(batch, turn);
            }
        }
        if let [first, _, ..] = batch.pods[..] {
            let ranked = self.ranked(first);
            self.give_alternates(&batch.pods, &ranked);
        }
        for &pod in &batch.pods {
            self.build(pod, turn);
        }
    }

    /// The instances of a request that can be decided on; those that can't be expressed are refused.
    pub(super) fn asked(&self, mut batch: Batch, turn: &mut Turn<'_>) -> Option<Batch> {
        batch.first_asked.get_or_insert(turn.now);
        batch.pods.retain(|&pod| waits(pod, turn.store));
        let mut refused = Vec::new();
        batch.pods.retain(|&pod| {
            let known = self
                .instances
                .get(pod.slot.index())
                .and_then(Option::as_ref);
            let class = known.map(|own| own.class);
            let is_known = class.is_some_and(|class| self.templates[class.index()].is_some());
            if !is_known {
                refused.push(pod);
            }
            is_known
        });
        for pod in refused {
            let reason = EndReason::Rejected;
            turn.write(Event::PodEnded { pod, reason });
        }
        if batch.pods.is_empty() {
            return None;
        }
        turn.out.decided_pods += batch.pods.len() as u32;
        turn.out.decided_jobs += 1;
        Some(batch)
    }

    /// An instance whose host did not take it goes to the next of its alternates with room, while there is
    /// one.
    pub(super) fn retry(&mut self, pod: PodRef, turn: &mut Turn<'_>) {
        let alternates = self
            .instance_mut(pod)
            .map(|own| std::mem::take(&mut own.alternates));
        let alternates = alternates.unwrap_or_default();
        if let Some(place) = self.claim(pod, &alternates) {
            if let Some(own) = self.instance_mut(pod) {
                own.alternates = alternates[place + 1..].to_vec();
            }
            return self.build(pod, turn);
        }
        if waits(pod, turn.store) {
            let batch = Batch {
                pods: vec![pod],
                submitted: turn.now,
                first_asked: Some(turn.now),
            };
            self.fail(batch, turn);
        }
    }

    /// Requests that no host can take wait for a change, or end if their client asks once.
    pub(super) fn rest(&mut self, batch: Batch, turn: &mut Turn<'_>) {
        let Some(batch) = self.unplaced(batch, turn) else {
            return;
        };
        if let Some(first) = batch.pods.first() {
            self.resting.insert(first.id, batch);
        }
    }

    /// States that a request has no host; the request, unless its client asks once.
    fn unplaced(&self, batch: Batch, turn: &mut Turn<'_>) -> Option<Batch> {
        let gives_up = self.options.client_retry <= Duration::ZERO;
        for &pod in &batch.pods {
            turn.write(Event::PodUnschedulable { pod });
            if gives_up {
                let reason = EndReason::Rejected;
                turn.write(Event::PodEnded { pod, reason });
            }
        }
        (!gives_up).then_some(batch)
    }

    /// Chooses a host for an instance and counts the instance there.
    fn place(&mut self, pod: PodRef) -> Result<(), NoValidHost> {
        let choice = self.choose(pod, Alternates::OfBuild)?;
        self.take(pod, choice);
        Ok(())
    }

    /// Chooses a host for an instance, with alternates.
    pub(super) fn choose(
        &mut self,
        pod: PodRef,
        alternates: Alternates,
    ) -> Result<Choice, NoValidHost> {
        let unknown = || NoValidHost {
            reason: "the instance is unknown".to_owned(),
        };
        let own = self
            .instances
            .get(pod.slot.index())
            .and_then(Option::as_ref);
        let own = own.filter(|own| own.pod == pod).ok_or_else(unknown)?;
        let template = self.templates.get(own.class.index());
        let template = template.and_then(Option::as_ref).ok_or_else(unknown)?;
        let mut request = Arc::clone(&template.request);
        let class = own.class;
        if let Some(hints) = self.hints(class) {
            Arc::make_mut(&mut request).hints = Some(hints);
        }
        self.select(&request, class, alternates)
    }

    /// Chooses a host for a request of a class, with alternates.
    pub(super) fn select(
        &mut self,
        request: &Request,
        class: ClassId,
        alternates: Alternates,
    ) -> Result<Choice, NoValidHost> {
        let template = self.templates.get(class.index());
        let template = template
            .and_then(Option::as_ref)
            .ok_or_else(|| NoValidHost {
                reason: "the instance is unknown".to_owned(),
            })?;
        let rules = match alternates {
            Alternates::OfBuild => &self.options.rules,
            Alternates::All => &self.claimed,
        };
        let matching = &template.matching;
        match self.form {
            Form::Plain => {
                let plain = self.cloud.plain();
                plain.select(request, matching, rules, &mut self.subset)
            }
            Form::Incremental => {
                let subset = &mut self.subset;
                self.cloud.select(request, matching, rules, subset)
            }
        }
    }

    /// The hosts that a request passes, in their order with the claims that there are.
    pub(super) fn ranked(&mut self, pod: PodRef) -> Vec<usize> {
        let choice = self.choose(pod, Alternates::All).ok();
        let hosts = |own: Choice| std::iter::once(own.host).chain(own.alternates);
        choice.into_iter().flat_map(hosts).collect()
    }

    /// Gives the instances of a request the hosts to try if a build fails. A host that the request has taken
    /// for any of them is none, as it has less room left (`_get_alternate_hosts`).
    pub(super) fn give_alternates(&mut self, pods: &[PodRef], ranked: &[usize]) {
        let hosts = pods.iter().map(|&pod| self.instance_mut(pod)?.host);
        let taken: SortedSet<usize> = hosts.flatten().collect();
        let others = ranked.iter().copied().filter(|host| !taken.contains(host));
        let most = self.options.rules.max_attempts.max(1) - 1;
        let others: Vec<usize> = others.take(most).collect();
        for &pod in pods {
            if let Some(own) = self.instance_mut(pod) {
                own.alternates.clone_from(&others);
            }
        }
    }

    pub(super) fn request_of(&self, class: ClassId) -> Option<Arc<Request>> {
        let template = self.templates.get(class.index())?.as_ref()?;
        Some(Arc::clone(&template.request))
    }

    pub(super) fn take(&mut self, pod: PodRef, choice: Choice) {
        let class = self.instance_mut(pod).map(|own| own.class);
        let Some(request) = class.and_then(|class| self.request_of(class)) else {
            return;
        };
        self.cloud.add(choice.host, &request, true);
        if let Some(own) = self.instance_mut(pod) {
            (own.host, own.is_building) = (Some(choice.host), true);
            (own.request, own.alternates) = (Some(request), choice.alternates);
        }
    }

    /// Takes an instance off its host, which it keeps nothing of.
    pub(super) fn leave(&mut self, pod: PodRef) -> Option<usize> {
        let own = self.instance_mut(pod)?;
        let (host, request) = (own.host.take()?, own.request.take()?);
        let is_building = std::mem::take(&mut own.is_building);
        self.cloud.remove(host, &request, is_building);
        Some(host)
    }

    pub(super) fn bind(&mut self, pod: PodRef, turn: &mut Turn<'_>) {
        let own = self.instance_mut(pod);
        let Some(host) = own.and_then(|own| own.host) else {
            return;
        };
        let node = NodeId::from_index(host);
        let devices = DeviceSet::EMPTY;
        turn.write(Event::PodBound { pod, node, devices });
    }

    /// A pod that was on a node before the run began is an instance there.
    pub(super) fn bound(&mut self, pod: PodRef, node: NodeId) {
        let Some(own) = self.instance_mut(pod).filter(|own| own.host.is_none()) else {
            return;
        };
        let class = own.class;
        let request = self.request_of(class).unwrap_or_default();
        self.cloud.add(node.index(), &request, false);
        if let Some(own) = self.instance_mut(pod) {
            (own.host, own.request) = (Some(node.index()), Some(request));
        }
    }

    /// An instance runs: its build is done, and went well.
    pub(super) fn runs(&mut self, pod: PodRef) {
        let Some(own) = self.instance_mut(pod) else {
            return;
        };
        if !std::mem::take(&mut own.is_building) {
            return;
        }
        if let Some(host) = own.host {
            self.cloud.change(host, |host| {
                host.io_operations -= 1;
                host.failed_builds = 0;
            });
        }
    }

    pub(super) fn ended(&mut self, pod: PodRef, reason: EndReason, turn: &mut Turn<'_>) {
        let was_building = self.instance_mut(pod).is_some_and(|own| own.is_building);
        let host = self.leave(pod);
        let has_failed = matches!(reason, EndReason::Error | EndReason::Refused(_));
        if let Some(host) = host.filter(|_| was_building && has_failed) {
            self.cloud.change(host, |own| own.failed_builds += 1);
        }
        let row = self.instances.get_mut(pod.slot.index());
        if row.is_some_and(|row| row.take_if(|own| own.pod == pod).is_some()) {
            self.changed(turn.now);
        }
        if self.workloads.ended(pod) && reason.leaves_object() {
            let change = PodChange::Forgotten;
            turn.write(Event::PodChanged { pod, change });
        }
    }

    /// The message of a pod that waits: that of Nova for a request that no host can take.
    pub(super) fn why_it_waits(&self, pod: PodRef) -> Option<Text> {
        let own = self.instances.get(pod.slot.index())?.as_ref()?;
        if own.pod != pod || own.host.is_some() {
            return None;
        }
        let template = self.templates.get(own.class.index())?.as_ref()?;
        let rules = &self.options.rules;
        let plain = self.cloud.plain();
        let request = Request {
            hints: self.hints(own.class),
            ..Request::clone(&template.request)
        };
        let refused = plain.feasible(&request, &template.matching, rules);
        let why = match refused {
            Err(none) => none.to_string(),
            Ok(_) => "No valid host was found. not all instances of the request fit".to_owned(),
        };
        Some(why.into())
    }
}
