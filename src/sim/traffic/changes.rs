//! Changes of the cluster that traffic follows: services and ingresses, pods that are ready, stop
//! and end.

use std::sync::Arc;

use cluster::{Observer, Store};
use model::{Event, Object, ObjectChange, PodChange, PodPhase, PodRef, Service};
use units::{ClassId, Instant};

use super::Traffic;
use super::service_backend::{PodCondition, ServiceBackend};

impl Traffic {
    /// A change was applied to the store.
    pub fn observe(
        &mut self,
        now: Instant,
        event: &Event,
        store: &Store,
        observer: &mut dyn Observer,
    ) {
        match event {
            Event::Object(change) => self.object_changed(now, change, store, observer),
            Event::PodStarting { pod }
            | Event::PodRunning { pod }
            | Event::PodChanged {
                pod,
                change: PodChange::Ready(_) | PodChange::Terminating { .. },
            } => self.pod_changed(now, *pod, store, observer),
            Event::PodEnded { pod, .. } => self.pod_ended(now, *pod, observer),
            Event::NodeAdded { node, .. } => self.host_known(now, *node, true, observer),
            Event::NodeRemoved { node } => self.host_known(now, *node, false, observer),
            Event::Volume(news) => self.volume_changed(now, news, store, observer),
            _ => {}
        }
    }

    fn object_changed(
        &mut self,
        now: Instant,
        change: &ObjectChange,
        store: &Store,
        observer: &mut dyn Observer,
    ) {
        let (id, object) = match change {
            ObjectChange::Created { id, object, .. } | ObjectChange::Updated { id, object } => {
                (*id, Some(object))
            }
            ObjectChange::Terminating { .. } | ObjectChange::Orphaned { .. } => return,
            ObjectChange::Deleted { id } => (*id, None),
        };
        match object {
            Some(Object::Service(service)) => {
                let number = self.service(&service.namespace, &service.name);
                self.objects.insert(id, number);
                self.declare(now, number, Some(Arc::clone(service)), store, observer);
            }
            Some(Object::Ingress(ingress)) => {
                // What came until now went by the rules that held.
                self.advance(now, observer);
                self.ingresses.insert(id, Arc::clone(ingress));
                self.route_hosts(now);
            }
            Some(_) => {}
            None if self.ingresses.contains_key(&id) => {
                self.advance(now, observer);
                self.ingresses.remove(&id);
                self.route_hosts(now);
            }
            None => {
                if let Some(number) = self.objects.remove(&id) {
                    self.declare(now, number, None, store, observer);
                }
            }
        }
    }

    fn declare(
        &mut self,
        now: Instant,
        service: usize,
        object: Option<Arc<Service>>,
        store: &Store,
        observer: &mut dyn Observer,
    ) {
        self.advance(now, observer);
        self.backings[service].declare(now, &self.plan.model, object);
        self.classes.clear();
        self.members.clear();
        for pod in store.pods().iter().map(|pod| pod.pod).collect::<Vec<_>>() {
            self.tell(pod, store, Some(service));
        }
        self.backings[service].update(now);
        self.refollow(service, now);
    }

    /// The services of a living pod.
    fn services_of(&mut self, pod: PodRef, store: &Store) -> Option<Arc<[usize]>> {
        if let Some(Some((id, known))) = self.members.get(pod.slot.index())
            && *id == pod.id
        {
            return Some(Arc::clone(known));
        }
        let spec = store.pods().get(pod)?.class;
        let services = self.services_of_class(spec, store);
        if services.is_empty() {
            return None;
        }
        if self.members.len() <= pod.slot.index() {
            self.members.resize(pod.slot.index() + 1, None);
        }
        self.members[pod.slot.index()] = Some((pod.id, Arc::clone(&services)));
        Some(services)
    }

    fn services_of_class(&mut self, class: ClassId, store: &Store) -> Arc<[usize]> {
        if let Some(Some(known)) = self.classes.get(class.index()) {
            return Arc::clone(known);
        }
        let object = &store.class(class).spec;
        let selects = |backing: &ServiceBackend| {
            let own = backing.object.as_ref();
            own.is_some_and(|own| own.selects(&object.namespace, &object.labels))
        };
        let found: Arc<[usize]> = (0..self.backings.len())
            .filter(|&service| selects(&self.backings[service]))
            .collect();
        if self.classes.len() <= class.index() {
            self.classes.resize(class.index() + 1, None);
        }
        self.classes[class.index()] = Some(Arc::clone(&found));
        found
    }

    /// Tells the services of a pod how it is, or one of them.
    pub(super) fn tell(
        &mut self,
        pod: PodRef,
        store: &Store,
        only: Option<usize>,
    ) -> Option<Arc<[usize]>> {
        let services = self.services_of(pod, store)?;
        let record = store.pods().get(pod)?;
        let state = store.pod_states().get(pod);
        let runs = record.phase == PodPhase::Running;
        let condition = PodCondition {
            node: record.node(),
            is_ready: state.map_or(runs, |state| state.is_ready),
            is_terminating: state.is_some_and(|state| state.terminating.is_some()),
            has_address: runs,
            runs,
            has_volumes: self.has_volumes(pod, store),
        };
        let server = self
            .servers
            .of(store.class(record.class).spec.server.as_ref());
        let name = record.name.text();
        for &service in services
            .iter()
            .filter(|service| only.is_none_or(|only| only == **service))
        {
            self.backings[service].set(pod, &name, server, condition);
        }
        Some(services)
    }

    fn pod_changed(
        &mut self,
        now: Instant,
        pod: PodRef,
        store: &Store,
        observer: &mut dyn Observer,
    ) {
        self.see(now, observer);
        self.balancer_changed(now, pod, store, observer);
        self.router_pod_changed(now, pod, store, observer);
        let Some(services) = self.tell(pod, store, None) else {
            return;
        };
        for &service in &*services {
            self.follow(service, now, observer);
            self.backings[service].update(now);
            self.schedule(service);
        }
    }

    fn pod_ended(&mut self, now: Instant, pod: PodRef, observer: &mut dyn Observer) {
        self.see(now, observer);
        if self.balancers.remove(&pod).is_some() {
            self.enter_at_balancers(now, observer);
        }
        if self.router_pods.remove(&pod).is_some() {
            self.reroute(now, observer);
        }
        let row = self.members.get_mut(pod.slot.index());
        let Some((_, services)) = row.and_then(|row| row.take_if(|(id, _)| *id == pod.id)) else {
            return;
        };
        for &service in &*services {
            self.follow(service, now, observer);
            self.backings[service].end(pod);
            self.backings[service].update(now);
            self.regroup(service);
        }
        self.lose(now, pod, true, observer);
    }
}
