//! Annotations of ingresses and routes that bear on requests and are not followed.

/// Names of annotations without their prefix, and what holds in their place.
type Settings = &'static [(&'static [&'static str], &'static str)];

/// Settings of ingress-nginx that bear on requests and are not followed, and what holds in their place.
const OF_NGINX: Settings = &[
    (
        &[
            "proxy-connect-timeout",
            "proxy-read-timeout",
            "proxy-send-timeout",
        ],
        TIMEOUTS,
    ),
    (
        &[
            "proxy-next-upstream",
            "proxy-next-upstream-timeout",
            "proxy-next-upstream-tries",
        ],
        "requests are tried again as `retries` of `traffic` says",
    ),
    (
        &[
            "limit-burst-multiplier",
            "limit-connections",
            "limit-rpm",
            "limit-rps",
        ],
        LIMITS,
    ),
    (
        &["affinity", "affinity-mode"],
        "`sessionAffinity` of a Service keeps clients with their endpoint",
    ),
    (
        &["load-balance", "upstream-hash-by"],
        "requests are balanced as `windtunnel.dev/balancing` of the Service says",
    ),
    (
        &[
            "canary-by-cookie",
            "canary-by-header",
            "canary-by-header-pattern",
            "canary-by-header-value",
        ],
        "requests have no headers; the canary takes its weight alone",
    ),
    (
        &["canary-weight-total"],
        "the weight of a canary is a share of 100",
    ),
    (
        &["denylist-source-range", "whitelist-source-range"],
        SOURCES,
    ),
];

/// Settings of the routers of `OpenShift` that bear on requests and are not followed.
const OF_ROUTERS: Settings = &[
    (&["timeout", "timeout-tunnel"], TIMEOUTS),
    (
        &[
            "pod-concurrent-connections",
            "rate-limit-connections",
            "rate-limit-connections.concurrent-tcp",
            "rate-limit-connections.rate-http",
            "rate-limit-connections.rate-tcp",
        ],
        LIMITS,
    ),
    (&["ip_allowlist", "ip_whitelist"], SOURCES),
];

const TIMEOUTS: &str = "requests end by the `timeout` of `traffic`";
const LIMITS: &str = "requests are let in at any rate";
const SOURCES: &str = "requests from everywhere are let in";

/// Prefixes of the annotations of ingress controllers, with those that bear on requests.
const OF_INGRESSES: [(&str, Settings); 2] = [
    ("nginx.ingress.kubernetes.io/", OF_NGINX),
    ("haproxy.router.openshift.io/", OF_ROUTERS),
];

/// Rule that requests follow instead of an annotation of an ingress or a route; `None` of others.
pub(crate) fn instead(key: &str) -> Option<&'static str> {
    let known = OF_INGRESSES.iter().find_map(|(prefix, known)| {
        let name = key.strip_prefix(prefix)?;
        known.iter().find(|(names, _)| names.contains(&name))
    });
    known.map(|(_, what)| *what)
}
