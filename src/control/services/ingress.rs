//! Requests from outside: to which service by host and path, and by weight where several share a
//! path (spec: kubernetes.md part 5; orchestrators-a.md 8.4).

pub use model::service::{Backend, Ingress, PathKind, PathRule, Rule};
use rng::Stream;

/// Returns the backends of a request; empty if there are none. An exact host precedes a pattern, a
/// pattern precedes any host; then the longest path wins, with exact paths before prefixes.
pub fn route<'a>(ingress: &'a Ingress, host: &str, path: &str) -> &'a [Backend] {
    let ranks = ingress
        .rules
        .iter()
        .filter_map(|rule| Some((host_rank(rule, host)?, rule)));
    let best_host = ranks.clone().map(|(rank, _)| rank).max();
    let rules = ranks.filter(|(rank, _)| Some(*rank) == best_host);
    let paths = rules.flat_map(|(_, rule)| &rule.paths);
    let matching = paths.filter(|rule| is_match(rule, path));
    // The first of equals, as rules are written.
    let best = matching.rev_max_by_key(|rule| {
        let is_exact = rule.kind == PathKind::Exact;
        (trimmed(&rule.path).len(), is_exact)
    });
    best.map_or(&ingress.default, |rule| &rule.backends)
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
    let mut open = backends.iter().filter(|own| own.weight > 0);
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

    #[test]
    fn hosts_before_patterns_and_longest_paths_first() {
        let own = ingress();
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
            let route = route(&own, host, path);
            assert_eq!(&*route[0].service, expected, "{host}{path}");
        }
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
