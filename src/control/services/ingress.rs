//! Requests from outside: to which service by host and path, and by weight where several share a
//! path (spec: kubernetes.md part 5; orchestrators-a.md 8.4).

use std::sync::Arc;

use model::Text;
pub use model::service::{Backend, Ingress, PathKind, PathRule, Rule};
use rng::Stream;

/// Way of a request: the ingress whose rule it follows, and the backends of that.
#[derive(Clone, Copy, Debug)]
pub struct RouteMatch<'a> {
    /// The ingress.
    pub ingress: &'a Arc<Ingress>,
    /// The backends; there is at least one.
    pub backends: &'a [Backend],
    /// Host and path of the rule; `None` where no rule is about the request.
    rule: Option<(Option<&'a Text>, &'a PathRule)>,
}

impl RouteMatch<'_> {
    /// The backends that a canary has for the same host and path; empty if there are none.
    pub fn canary<'b>(&self, canary: &'b Ingress) -> &'b [Backend] {
        let Some((host, path)) = self.rule else {
            return &canary.default;
        };
        let rules = canary.rules.iter();
        let mut paths = rules
            .filter(|own| own.host.as_ref() == host)
            .flat_map(|rule| &rule.paths);
        let alike = paths.find(|own| own.path == path.path && own.kind == path.kind);
        alike.map_or(&[], |alike| &alike.backends)
    }
}

/// Finds the way of a request by the rules of all ingresses, which are merged by host, in the order in which
/// they were created. An exact host precedes a pattern, a pattern precedes any host; then the longest path
/// wins, with exact paths before prefixes; then the first rule. Where no path of the host matches, the default
/// backend of the first ingress with rules for the host takes the request, or of the first that has one.
pub fn route<'a>(
    ingresses: impl Iterator<Item = &'a Arc<Ingress>> + Clone,
    host: &str,
    path: &str,
) -> Option<RouteMatch<'a>> {
    let rules = ingresses.clone().flat_map(|own| {
        let rules = own.rules.iter();
        rules.filter_map(move |rule| Some((host_rank(rule, host)?, own, rule)))
    });
    let best_host = rules.clone().map(|(rank, ..)| rank).max();
    let rules = rules.filter(|(rank, ..)| Some(*rank) == best_host);
    let paths = rules.clone().flat_map(|(_, own, rule)| {
        let paths = rule.paths.iter();
        paths.map(move |path| (own, rule.host.as_ref(), path))
    });
    let matching = paths.filter(|(.., rule)| is_match(rule, path) && !rule.backends.is_empty());
    let best = matching.rev_max_by_key(|(.., rule)| {
        let is_exact = rule.kind == PathKind::Exact;
        (trimmed(&rule.path).len(), is_exact)
    });
    if let Some((ingress, host, rule)) = best {
        return Some(RouteMatch {
            ingress,
            backends: &rule.backends,
            rule: Some((host, rule)),
        });
    }
    let of_host = rules.map(|(_, own, _)| own);
    let mut by_default = of_host
        .chain(ingresses)
        .filter(|own| !own.default.is_empty());
    by_default.next().map(|ingress| RouteMatch {
        ingress,
        backends: &ingress.default,
        rule: None,
    })
}

/// The best by a key, of equals the first.
trait RevMaxByKey: Iterator + Sized {
    fn rev_max_by_key<K: Ord>(self, key: impl Fn(&Self::Item) -> K) -> Option<Self::Item> {
        self.reduce(|best, own| if key(&own) > key(&best) { own } else { best })
    }
}

impl<I: Iterator> RevMaxByKey for I {}

fn host_rank(rule: &Rule, host: &str) -> Option<u8> {
    let Some(pattern) = &rule.host else {
        return Some(0);
    };
    if let Some(rest) = pattern.strip_prefix("*.") {
        let (label, domain) = host.split_once('.')?;
        return (!label.is_empty() && domain == rest).then_some(1);
    }
    (**pattern == *host).then_some(2)
}

fn trimmed(path: &str) -> &str {
    path.trim_end_matches('/')
}

fn is_match(rule: &PathRule, path: &str) -> bool {
    match rule.kind {
        PathKind::Exact => *rule.path == *path,
        PathKind::Prefix => {
            let rest = path.strip_prefix(trimmed(&rule.path));
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        }
    }
}

/// One of several services, by weight.
pub fn split<'a>(backends: &'a [Backend], rng: &mut Stream) -> Option<&'a Backend> {
    let weight = |own: &Backend| own.weight.max(0).unsigned_abs();
    let total: u64 = backends.iter().map(weight).sum();
    let mut open = backends.iter().filter(|backend| backend.weight > 0);
    if total == 0 {
        return None;
    }
    let mut point = rng.below(total);
    open.find(|own| match point.checked_sub(weight(own)) {
        Some(rest) => {
            point = rest;
            false
        }
        None => true,
    })
}

/// The weight of each endpoint of the services of a route, from the services' weights and numbers
/// of endpoints: parts in 32-bit floats, the largest scaled to 256 (spec: orchestrators-a.md 8.4).
pub fn endpoint_weights(services: &[(i64, usize)]) -> Vec<i64> {
    const MOST: i64 = 256;
    let clipped = |weight: i64| weight.clamp(0, MOST);
    let is_active = |&&(weight, endpoints): &&(i64, usize)| weight > 0 && endpoints > 0;
    if services.iter().filter(is_active).count() == 1 {
        let own = services.iter();
        return own.map(|own| i64::from(is_active(&own))).collect();
    }
    let part = |&(weight, endpoints): &(i64, usize)| {
        if endpoints == 0 {
            return 0.0_f32;
        }
        clipped(weight) as f32 / endpoints as f32
    };
    let largest = services.iter().map(part).fold(0.0, f32::max);
    if largest <= 0.0 {
        return vec![0; services.len()];
    }
    let scale = MOST as f32 / largest;
    let scaled = |own: &(i64, usize)| {
        let weight = (part(own) * scale) as i64;
        if is_active(&own) { weight.max(1) } else { 0 }
    };
    services.iter().map(scaled).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn backend(service: &str, weight: i64) -> Backend {
        Backend {
            service: service.into(),
            weight,
        }
    }

    fn path(path: &str, kind: PathKind, service: &str) -> PathRule {
        PathRule {
            path: path.into(),
            kind,
            backends: vec![backend(service, 1)],
        }
    }

    fn ingress() -> Ingress {
        let rule = |host: Option<&str>, paths| Rule {
            host: host.map(Into::into),
            paths,
        };
        Ingress {
            rules: vec![
                rule(
                    Some("shop.example.com"),
                    vec![
                        path("/", PathKind::Prefix, "web"),
                        path("/cart", PathKind::Prefix, "cart"),
                        path("/cart", PathKind::Exact, "cart-home"),
                        path("/cart/old", PathKind::Exact, "old"),
                    ],
                ),
                rule(
                    Some("*.example.com"),
                    vec![path("/", PathKind::Prefix, "any")],
                ),
            ],
            default: vec![backend("fallback", 1)],
            ..Ingress::default()
        }
    }

    fn service(all: &[Arc<Ingress>], host: &str, path: &str) -> String {
        let lead = route(all.iter(), host, path);
        lead.map_or_else(String::new, |lead| lead.backends[0].service.to_string())
    }

    #[test]
    fn hosts_before_patterns_and_longest_paths_first() {
        let own = [Arc::new(ingress())];
        for (host, path, expected) in [
            ("shop.example.com", "/", "web"),
            ("shop.example.com", "/cart", "cart-home"),
            ("shop.example.com", "/cart/", "cart"),
            ("shop.example.com", "/cart/1", "cart"),
            ("shop.example.com", "/cart/old", "old"),
            ("shop.example.com", "/cartoon", "web"),
            ("blog.example.com", "/x", "any"),
            ("a.b.example.com", "/x", "fallback"),
            ("example.com", "/", "fallback"),
        ] {
            assert_eq!(service(&own, host, path), expected, "{host}{path}");
        }
    }

    fn object(host: Option<&str>, at: &str, name: &str) -> Ingress {
        Ingress {
            rules: vec![Rule {
                host: host.map(Into::into),
                paths: vec![path(at, PathKind::Prefix, name)],
            }],
            ..Ingress::default()
        }
    }

    #[test]
    fn rules_of_all_objects_are_merged_and_of_equals_the_oldest_wins() {
        let mut last = object(Some("x.test"), "/deep", "deep");
        last.default = vec![backend("rest", 1)];
        let all = [
            object(None, "/", "anywhere"),
            object(Some("*.test"), "/api", "pattern"),
            object(Some("x.test"), "/", "root"),
            object(Some("x.test"), "/api", "api"),
            object(Some("x.test"), "/api", "late"),
            object(Some("y.test"), "/y", "y"),
            last,
        ]
        .map(Arc::new);
        for (host, path, expected) in [
            ("x.test", "/api/v1", "api"),
            ("x.test", "/apix", "root"),
            ("x.test", "/deep", "deep"),
            ("z.test", "/api", "pattern"),
            // A host of its own looks no further than its own rules.
            ("y.test", "/api", "rest"),
            ("other", "/api", "anywhere"),
        ] {
            assert_eq!(service(&all, host, path), expected, "{host}{path}");
        }
    }

    #[test]
    fn a_canary_is_one_of_its_own_path_alone() {
        let all = [
            object(Some("x.test"), "/", "root"),
            object(Some("x.test"), "/api", "api"),
        ]
        .map(Arc::new);
        let canary = object(Some("x.test"), "/", "new");
        let of = |path| {
            let lead = route(all.iter(), "x.test", path).expect("a rule");
            lead.canary(&canary).len()
        };
        assert_eq!((of("/"), of("/api")), (1, 0));
    }

    #[test]
    fn endpoint_weights_are_those_of_the_examples() {
        for (services, expected) in [
            (&[(20, 2), (10, 4)][..], &[256, 64][..]),
            (&[(25, 1), (75, 1)], &[85, 256]),
            (&[(20, 2), (60, 1)], &[42, 256]),
            (&[(1, 300), (256, 1)], &[1, 256]),
            (&[(50, 2)], &[1]),
            (&[(50, 2), (50, 1)], &[128, 256]),
            (&[(0, 2), (10, 4)], &[0, 1]),
            (&[(-3, 2), (500, 1), (256, 1), (9, 0)], &[0, 256, 256, 0]),
        ] {
            assert_eq!(endpoint_weights(services), expected, "{services:?}");
        }
    }

    #[test]
    fn a_canary_gets_its_part() {
        let backends = [
            backend("stable", 95),
            backend("off", 0),
            backend("canary", 5),
        ];
        let mut rng = Stream::new(3, "ingress", 0);
        let mut canary = 0_i64;
        for _ in 0..100_000 {
            let own = split(&backends, &mut rng).expect("a weight");
            assert_ne!(&*own.service, "off");
            canary += i64::from(&*own.service == "canary");
        }
        // Five standard deviations around 5000.
        assert!((canary - 5000).abs() < 345, "{canary}");
        assert_eq!(split(&backends[1..2], &mut rng), None);
    }
}
