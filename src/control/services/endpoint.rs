//! Endpoints: they follow the readiness of pods, and a change is seen after a while (spec:
//! orchestrators-a.md 9.2; kubernetes.md 2.11).

use std::collections::VecDeque;

use model::Text;
use units::{Duration, Instant};

/// A pod that a service selects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServicePod {
    /// The pod's name, which stands for its address.
    pub name: Text,
    /// `true` if the pod has an address.
    pub has_address: bool,
    /// `true` if the pod is ready.
    pub is_ready: bool,
    /// Marks a pod that is ending.
    pub is_terminating: bool,
}

/// State of an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndpointState {
    /// It takes requests.
    Ready,
    /// It is ending and still serves: used only where there is no other.
    Terminating,
}

/// Settings by which a service shows its endpoints. Times are spans.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServiceSettings {
    /// Whether clients see the endpoints' own addresses (headless) or the service's.
    pub is_headless: bool,
    /// Whether pods that are not ready count as well.
    pub publish_not_ready: bool,
    /// Time that a change takes to reach the balancers.
    pub propagation: Duration,
    /// Time for which clients keep an answer of the name service.
    pub ttl: Duration,
    /// Time for which a client stays with an endpoint; `None` does not.
    pub affinity: Option<Duration>,
}

impl Default for ServiceSettings {
    fn default() -> Self {
        Self {
            is_headless: false,
            publish_not_ready: false,
            propagation: Duration::from_millis(100),
            ttl: Duration::from_secs(30),
            affinity: None,
        }
    }
}

/// The endpoints of a service, and what is seen of them.
#[derive(Clone, Debug)]
pub struct Registry {
    settings: ServiceSettings,
    newest: Vec<(Text, EndpointState)>,
    /// Changes on their way, by when they are seen.
    coming: VecDeque<(Instant, Vec<(Text, EndpointState)>)>,
    seen: Vec<(Text, EndpointState)>,
}

impl Registry {
    /// A service without endpoints.
    pub fn new(settings: ServiceSettings) -> Self {
        Self {
            settings,
            newest: Vec::new(),
            coming: VecDeque::new(),
            seen: Vec::new(),
        }
    }

    /// Changes from now on take so long to be seen.
    pub const fn set_propagation(&mut self, propagation: Duration) {
        self.settings.propagation = propagation;
    }

    /// The pods changed; when the change is seen, if it is one.
    pub fn update(&mut self, now: Instant, pods: &[ServicePod]) -> Option<Instant> {
        let mut list: Vec<(Text, EndpointState)> = pods
            .iter()
            .filter_map(|pod| Some((pod.name.clone(), self.state(pod)?)))
            .collect();
        list.sort_by(|one, other| one.0.cmp(&other.0));
        if list == self.newest {
            return None;
        }
        self.newest.clone_from(&list);
        let at = now.saturating_add(self.settings.propagation);
        self.coming.push_back((at, list));
        Some(at)
    }

    /// The endpoints that are seen: the ready ones, or without any those that still serve.
    pub fn endpoints(&mut self, now: Instant) -> Vec<Text> {
        while self.coming.front().is_some_and(|(at, _)| *at <= now) {
            if let Some((_, list)) = self.coming.pop_front() {
                self.seen = list;
            }
        }
        let of = |state: EndpointState| {
            let list = self.seen.iter().filter(move |(_, own)| *own == state);
            list.map(|(name, _)| name.clone()).collect::<Vec<_>>()
        };
        let ready = of(EndpointState::Ready);
        if ready.is_empty() {
            return of(EndpointState::Terminating);
        }
        ready
    }

    /// `None` if a pod is no endpoint.
    fn state(&self, pod: &ServicePod) -> Option<EndpointState> {
        if !pod.has_address {
            return None;
        }
        if self.settings.publish_not_ready {
            return Some(EndpointState::Ready);
        }
        match (pod.is_ready, pod.is_terminating) {
            (true, false) => Some(EndpointState::Ready),
            (true, true) => Some(EndpointState::Terminating),
            (false, _) => None,
        }
    }
}

/// A client's answer of the name service.
#[derive(Clone, Debug, Default)]
pub struct DnsCache {
    answer: Vec<Text>,
    until: Option<Instant>,
}

impl DnsCache {
    /// The addresses that a client uses: the answer it has, or a new one if that is too old. The
    /// service's own address if it has one, else its endpoints'.
    pub fn resolve(
        &mut self,
        now: Instant,
        settings: &ServiceSettings,
        service: &Text,
        registry: &mut Registry,
    ) -> &[Text] {
        if self.until.is_none_or(|until| until <= now) {
            self.answer = if settings.is_headless {
                registry.endpoints(now)
            } else {
                vec![service.clone()]
            };
            self.until = Some(now.saturating_add(settings.ttl));
        }
        &self.answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(name: &str, is_ready: bool, is_terminating: bool) -> ServicePod {
        ServicePod {
            name: name.into(),
            has_address: true,
            is_ready,
            is_terminating,
        }
    }

    fn names(list: &[Text]) -> String {
        list.concat()
    }

    #[test]
    fn endpoints_follow_readiness_after_the_propagation_delay() {
        let at = |millis| Instant::ZERO + Duration::from_millis(millis);
        let mut own = Registry::new(ServiceSettings::default());
        let pods = [
            pod("b", true, false),
            pod("a", true, false),
            pod("c", false, false),
        ];
        assert_eq!(own.update(at(0), &pods), Some(at(100)));
        assert_eq!(own.update(at(50), &pods), None);
        assert_eq!(names(&own.endpoints(at(99))), "");
        assert_eq!(names(&own.endpoints(at(100))), "ab");
        own.update(at(200), &[pod("a", true, true), pod("b", true, false)]);
        assert_eq!(names(&own.endpoints(at(299))), "ab");
        assert_eq!(names(&own.endpoints(at(300))), "b");
        // Where nothing is ready, what is ending still serves.
        own.update(at(400), &[pod("a", true, true), pod("b", false, true)]);
        assert_eq!(names(&own.endpoints(at(500))), "a");
    }

    #[test]
    fn a_headless_answer_is_kept_for_its_time() {
        let settings = ServiceSettings {
            is_headless: true,
            propagation: Duration::ZERO,
            ..ServiceSettings::default()
        };
        let at = Instant::from_secs;
        let mut registry = Registry::new(settings);
        let mut cache = DnsCache::default();
        let service = Text::from("web");
        registry.update(at(0), &[pod("a", true, false)]);
        assert_eq!(
            names(cache.resolve(at(0), &settings, &service, &mut registry)),
            "a"
        );
        registry.update(at(1), &[pod("b", true, false)]);
        assert_eq!(
            names(cache.resolve(at(29), &settings, &service, &mut registry)),
            "a"
        );
        assert_eq!(
            names(cache.resolve(at(30), &settings, &service, &mut registry)),
            "b"
        );
        let plain = ServiceSettings::default();
        let mut cache = DnsCache::default();
        assert_eq!(
            names(cache.resolve(at(30), &plain, &service, &mut registry)),
            "web"
        );
    }
}
