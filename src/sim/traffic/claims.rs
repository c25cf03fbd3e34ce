//! Claims of routes of `OpenShift`: a project has a host or a domain for itself, by its older route (openshift
//! router `pkg/router/controller`: `host_admitter.go` `displacedRoutes`, `unique_host.go`).

use std::sync::Arc;

use model::Text;
use model::service::Ingress;
use units::SortedMap;

use super::plan::Router;

/// The routes that a router admits for a host.
pub(super) struct Admission<'i> {
    router: &'i Router,
    /// Routes that it selects while an older one of another project has the host.
    refused: Vec<&'i Arc<Ingress>>,
}

impl<'i> Admission<'i> {
    /// Admits routes for a host, the oldest first. Where the router admits routes for whole domains, such a
    /// route has all hosts right below its domain, and has none while another project has one of them.
    pub(super) fn new(
        router: &'i Router,
        ingresses: impl Iterator<Item = &'i Arc<Ingress>>,
        host: &str,
    ) -> Self {
        let mut claims = Claims {
            has_domains: router.admits_wildcards,
            ..Claims::default()
        };
        let selected = ingresses.filter(|own| own.canary.is_none() && selects(router, own));
        let refused = selected.filter(|own| {
            let hosts = own.rules.iter().filter_map(|rule| rule.host.as_deref());
            let mut is_refused = false;
            for own_host in hosts.filter(|own| domain(own) == domain(host)) {
                let is_admitted = claims.admit(own_host, &own.namespace);
                is_refused |= !is_admitted && (own_host == host || is_pattern(own_host));
            }
            is_refused
        });
        let refused = refused.collect();
        Self { router, refused }
    }

    /// Whether a route is admitted.
    pub(super) fn admits(&self, own: &Arc<Ingress>) -> bool {
        selects(self.router, own) && !self.refused.iter().any(|other| Arc::ptr_eq(other, own))
    }
}

/// Whether a router selects a route, whichever route has its host.
fn selects(router: &Router, own: &Ingress) -> bool {
    let labels = &own.route.labels;
    let is_selected = (router.selector.iter()).all(|(key, value)| labels.get(key) == Some(value));
    let is_of_project = router.namespaces.is_empty() || router.namespaces.contains(&own.namespace);
    let is_allowed = router.admits_wildcards || !own.route.is_wildcard;
    is_selected && is_of_project && is_allowed
}

fn is_pattern(host: &str) -> bool {
    host.starts_with("*.")
}

/// The domain right above a host (openshift router `routeapihelpers.GetDomainForHost`).
fn domain(host: &str) -> &str {
    host.split_once('.').map_or(host, |(_, domain)| domain)
}

/// The projects that have the hosts of a domain.
#[derive(Default)]
struct Claims<'i> {
    hosts: SortedMap<&'i str, &'i Text>,
    /// The project that has the domain as a whole.
    domain: Option<&'i Text>,
    /// Whether domains are had as a whole.
    has_domains: bool,
}

impl<'i> Claims<'i> {
    /// Claims a host, or all of the domain, for a project; whether it was free.
    fn admit(&mut self, host: &'i str, project: &'i Text) -> bool {
        if self.domain.is_some_and(|holder| holder != project) {
            return false;
        }
        if !is_pattern(host) {
            return *self.hosts.entry(host).or_insert(project) == project;
        }
        let is_free = !self.has_domains || self.hosts.values().all(|holder| *holder == project);
        if is_free && self.has_domains {
            self.domain = Some(project);
        }
        is_free
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Which of the claims are admitted, oldest first.
    fn admitted(has_domains: bool, claims: &[(&'static str, &str)]) -> Vec<bool> {
        let projects: Vec<Text> = claims.iter().map(|(_, own)| Text::from(*own)).collect();
        let mut state = Claims {
            has_domains,
            ..Claims::default()
        };
        let each = claims.iter().zip(&projects);
        each.map(|((host, _), project)| state.admit(host, project))
            .collect()
    }

    #[test]
    fn the_older_claim_holds() {
        let (any, one, two) = ("*.apps.test", "one.apps.test", "two.apps.test");
        for (claims, expected) in [
            (
                vec![(one, "a"), (one, "b"), (one, "a")],
                vec![true, false, true],
            ),
            (
                vec![(any, "a"), (one, "b"), (two, "a")],
                vec![true, false, true],
            ),
            (
                vec![(one, "b"), (any, "a"), (two, "a")],
                vec![true, false, true],
            ),
            // What is refused claims nothing.
            (
                vec![(any, "a"), (one, "b"), (any, "b"), (any, "a")],
                vec![true, false, false, true],
            ),
        ] {
            assert_eq!(admitted(true, &claims), expected, "{claims:?}");
        }
        let claims = [(any, "a"), (one, "b"), (one, "a")];
        assert_eq!(admitted(false, &claims), [true, true, false]);
    }
}
