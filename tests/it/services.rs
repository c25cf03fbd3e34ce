//! Services, clients and horizontal autoscalers from an experiment file to the summary: what
//! orchestrators-a.md 9.2 and kubernetes.md 2.11 and 3.1 name, each once as a user writes it.
//!
//! | what | test |
//! |---|---|
//! | endpoints follow readiness, after `propagationDelay` | [`endpoints_follow_readiness_after_their_delay`] |
//! | addresses that are not ready | [`addresses_that_are_not_ready_are_published_on_request`] |
//! | headless, `dnsTtl` | [`clients_of_a_headless_service_keep_their_answers`] |
//! | sessions | [`sessions_hold_clients_at_their_pods`] |
//! | six ways of balancing, by experiment and by annotation | [`ways_of_balancing_differ_as_queueing_says`] |
//! | host, path, weights, canary | [`an_ingress_leads_by_host_path_and_weight`]; `traffic.rs`, `a_canary_costs_its_part_of_the_errors` |
//! | closed loops, files of rates, a day with a crowd | [`clients_ask_as_they_are_said_to`]; `traffic.rs` for Azure and Alibaba |
//! | time-outs, retries, percentiles, errors, saturation | [`what_is_overloaded_times_out_and_is_tried_again`] |
//! | flows and requests agree | [`both_forms_come_to_the_same`] |
//! | metrics of pods, objects and containers; behaviours | [`metrics_of_pods_and_objects_scale`], [`a_behavior_bounds_each_step`], [`a_container_is_measured_by_itself`] |
//! | pods that are missing or not ready; delay and loss | [`pods_that_are_not_ready_hold_growth_back`]; `scaling.rs`, `what_arrives_late_or_never_is_told` |
//! | scaling by hand, by the clock; why and how far, in the log | [`scaling_by_hand_and_its_words_are_in_the_log`]; `scaling.rs`, `the_clock_scales_too` |
//! | a vertical autoscaler that only recommends | [`a_recommendation_alone_is_in_the_log`] |

use std::fmt::Write as _;

use windtunnel::lab::summary::{ServiceSummary, VariantSummary};

use crate::scratch::Scratch;

/// A deployment of pods that serve, and its service.
fn app(name: &str, replicas: u32, pod: &str, service: (&str, &str)) -> String {
    let (annotations, spec) = service;
    format!(
        "apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}}}
spec:
  replicas: {replicas}
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}}}, annotations: {{{pod}}}}}
    spec: {{containers: [{{name: app, image: app, resources: {{requests: {{cpu: 500m, memory: 128Mi}}}}}}]}}
---
apiVersion: v1
kind: Service
metadata: {{name: {name}, annotations: {{{annotations}}}}}
spec: {{selector: {{app: {name}}}{spec}}}
---
"
    )
}

const QUICK: &str = "windtunnel.dev/service-time: constant(10ms), windtunnel.dev/concurrency: '4'";

struct Run {
    scratch: Scratch,
    own: VariantSummary,
}

/// Runs a cluster with these manifests, clients and further settings.
fn run(name: &str, manifests: &str, traffic: &[&str], more: &str) -> Run {
    run_with(name, manifests, traffic, (more, &[]))
}

fn run_with(
    name: &str,
    manifests: &str,
    traffic: &[&str],
    (more, files): (&str, &[(&str, &str)]),
) -> Run {
    let mut text = format!(
        "windtunnel: v1
name: services
seed: 7
cluster:
  nodes: [{{count: 4, template: {{allocatable: {{cpu: 16, memory: 64Gi, pods: 110}}}}}}]
workload: [{{manifests: shop.yaml}}]
{more}
"
    );
    if !more.contains("system:") {
        text.push_str("system: {name: kubernetes, controllers: {}}\n");
    }
    text.push_str("traffic:\n");
    for group in traffic {
        let _ = writeln!(text, "  - {group}");
    }
    let mut all = vec![("shop.yaml", manifests), ("run.yaml", text.as_str())];
    all.extend(files);
    let scratch = Scratch::new(name, &all);
    scratch.run(
        &["run", "run.yaml", "--out", "out", "--quiet", "--events"],
        0,
    );
    let own = scratch.summary("out").variants.remove(0);
    Run { scratch, own }
}

impl Run {
    fn value(&self, id: &str) -> f64 {
        let value = self.own.metrics.get(id).and_then(|own| own.value);
        value.unwrap_or_else(|| panic!("{id}: {:?}", self.own.metrics.get(id)))
    }

    fn service(&self, name: &str) -> &ServiceSummary {
        let mut all = self.own.services.iter();
        let found = all.find(|own| own.service == name);
        found.unwrap_or_else(|| panic!("{name}: {:?}", self.own.services))
    }

    fn events(&self, object: &str, kind: &str) -> String {
        let arguments = ["events", "out", "--object", object, "--kind", kind];
        self.scratch.printed(&arguments, 0)
    }
}

#[track_caller]
fn is_near(found: f64, expected: f64, part: f64) {
    let error = (found - expected).abs();
    assert!(error <= part * expected.abs(), "{found}, not {expected}");
}

#[test]
fn endpoints_follow_readiness_after_their_delay() {
    // A node is lost for good at 60 s: a quarter of what is asked goes to it until that is seen.
    let refused = |delay: &str| {
        let shop = app("web", 4, QUICK, ("", ""));
        let more = format!(
            "models: {{services: {{propagationDelay: {delay}}}}}\noperations: [{{at: 60s, scale: \
             Deployment/default/web, replicas: 3}}]\nmetrics: {{warmup: 30s}}\nstop: {{at: 3m}}"
        );
        let name = format!("services-delay-{delay}");
        let clients = "{name: all, service: default/web, rate: 400}";
        run(&name, &shop, &[clients], &more).value("requests.refused")
    };
    let (quick, slow) = (refused("100ms"), refused("10s"));
    assert!(quick <= 30.0, "{quick}");
    // A hundred a second to one of four for ten seconds, once it has stopped.
    is_near(slow, 1_000.0, 0.2);
}

#[test]
fn addresses_that_are_not_ready_are_published_on_request() {
    let served = |spec: &str| {
        let shop = app("web", 2, QUICK, ("", spec)).replace(
            "resources:",
            "readinessProbe: {initialDelaySeconds: 60, httpGet: {path: /, port: 80}}, resources:",
        );
        let name = format!("services-unready-{}", spec.len());
        let clients = "{name: all, service: default/web, rate: 50}";
        run(&name, &shop, &[clients], "stop: {at: 2m}").value("requests.no_endpoint")
    };
    is_near(served(""), 50.0 * 60.0, 0.1);
    let published = served(", publishNotReadyAddresses: true");
    assert!(published < 300.0, "{published}");
}

#[test]
fn clients_of_a_headless_service_keep_their_answers() {
    let refused = |ttl: &str| {
        let shop = app("web", 4, QUICK, ("", ", clusterIP: None"));
        let more = format!(
            "models: {{services: {{dnsTtl: {ttl}, form: requests}}}}\noperations: [{{at: 90s, scale: \
             Deployment/default/web, replicas: 3}}]\nmetrics: {{warmup: 30s}}\nstop: {{at: 4m}}"
        );
        let name = format!("services-headless-{ttl}");
        let clients = "{name: all, service: default/web, rate: 200, clients: 200}";
        run(&name, &shop, &[clients], &more).value("requests.refused")
    };
    let (short, long) = (refused("2s"), refused("60s"));
    assert!(short < 150.0, "{short}");
    // All asked at once, so that they ask again two minutes later; until then a quarter of their
    // requests goes to the pod that is gone.
    is_near(long, 0.25 * 200.0 * 30.0, 0.25);
}

#[test]
fn sessions_hold_clients_at_their_pods() {
    // One client: all that it asks goes to one of four pods, which can't do it alone.
    let errors = |spec: &str| {
        let pod = "windtunnel.dev/service-time: constant(100ms), windtunnel.dev/concurrency: '1'";
        let shop = app("web", 4, pod, ("", spec));
        let name = format!("services-sessions-{}", spec.len());
        let clients = "{name: one, service: default/web, rate: 20, clients: 1, timeout: 1s}";
        let more = "models: {services: {form: requests}}\nmetrics: {warmup: 30s}\nstop: {at: 5m}";
        run(&name, &shop, &[clients], more).value("requests.error_rate")
    };
    let held = errors(", sessionAffinity: ClientIP");
    assert!(held > 0.4, "{held}");
    let free = errors("");
    assert!(free < 0.05, "{free}");
}

#[test]
fn ways_of_balancing_differ_as_queueing_says() {
    let pod = "windtunnel.dev/service-time: exponential(50ms), windtunnel.dev/concurrency: '1'";
    let clients = "{name: all, service: default/web, rate: 128, clients: 100000}";
    let mean = |model: &str, annotation: &str| {
        let shop = app("web", 8, pod, (annotation, ""));
        let more = format!(
            "models: {{services: {{form: requests, balancing: {model}}}}}\nmetrics: {{warmup: \
             1m}}\nstop: {{at: 11m}}"
        );
        let name = format!("services-balancing-{model}-{}", annotation.len());
        run(&name, &shop, &[clients], &more).value("latency.mean")
    };
    // By the experiment, and by the service itself, which goes before.
    let random = mean("random", "");
    let turns = mean("round-robin", "");
    let least = mean("least-connections", "");
    let two = mean("random", "windtunnel.dev/balancing: two-choices");
    let smooth = mean("random", "windtunnel.dev/balancing: smooth-weighted");
    let source = mean("least-connections", "windtunnel.dev/balancing: source");
    // M/M/1 at 80 %, with a tenth for chance; the others wait less, in this order.
    is_near(random, 0.05 / 0.2, 0.12);
    assert!(
        least < two && two < turns && turns < random,
        "{least} {two} {turns}"
    );
    is_near(smooth, turns, 0.1);
    assert!(source > two, "{source}");
}

#[test]
fn an_ingress_leads_by_host_path_and_weight() {
    let mut shop = app("web", 2, QUICK, ("", ""));
    shop += &app("new", 2, QUICK, ("", ""));
    shop += &app("api", 2, QUICK, ("", ""));
    shop += "apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: shop, annotations: {windtunnel.dev/backend-weights: 'web=3,new=1'}}
spec:
  rules:
    - host: shop.example
      http:
        paths:
          - {path: /, pathType: Prefix, backend: {service: {name: web}}}
          - {path: /api, pathType: Prefix, backend: {service: {name: api}}}
";
    let traffic = [
        "{name: pages, host: shop.example, path: /cart, rate: 100}",
        "{name: calls, host: shop.example, path: /api/v1, rate: 50}",
    ];
    let own = run("services-ingress", &shop, &traffic, "stop: {at: 5m}");
    is_near(
        own.service("default/web").offered as f64,
        0.75 * 30_000.0,
        0.05,
    );
    is_near(
        own.service("default/new").offered as f64,
        0.25 * 30_000.0,
        0.05,
    );
    is_near(own.service("default/api").offered as f64, 15_000.0, 0.05);
}

#[test]
fn clients_ask_as_they_are_said_to() {
    let shop = app("web", 4, QUICK, ("", ""));
    let traffic = [
        // Ten turns of 1.01 s.
        "{name: closed, service: default/web, think: 1s, clients: 10}",
        "{name: file, service: default/web, trace: {path: rates.csv}}",
        "{name: day, service: default/web, diurnal: {mean: 20, swing: 0, period: 1h, peakAt: 0s, \
         flashCrowds: [{at: 5m, for: 1m, times: 3}]}}",
    ];
    let files = [("rates.csv", "time,rate\n0,10\n300,30\n")];
    let own = run_with(
        "services-clients",
        &shop,
        &traffic,
        ("metrics: {resolution: 10s}\nstop: {at: 10m}", &files),
    );
    let expected = 600.0 * 10.0 / 1.01 + 300.0 * 40.0 + 20.0 * (600.0 + 2.0 * 60.0);
    is_near(own.value("requests.offered"), expected, 0.03);
}

#[test]
fn what_is_overloaded_times_out_and_is_tried_again() {
    let pod = "windtunnel.dev/service-time: constant(100ms), windtunnel.dev/concurrency: '1', \
               windtunnel.dev/queue-limit: '50', windtunnel.dev/error-rate: 1%";
    let shop = app("web", 1, pod, ("", ""));
    let clients = "{name: all, service: default/web, rate: 20, timeout: 500ms, retries: {most: 1}, \
                   objective: {latency: 300ms, share: 90%}}";
    for form in ["requests", "aggregated"] {
        let more = format!(
            "models: {{services: {{form: {form}}}}}\nmetrics: {{warmup: 1m}}\nstop: {{at: 10m}}"
        );
        let own = run(&format!("services-late-{form}"), &shop, &[clients], &more);
        assert!(own.value("requests.timeout") > 1_000.0, "{form}");
        assert!(own.value("requests.retries") > 5_000.0, "{form}");
        assert!(own.value("requests.error_rate") > 0.5, "{form}");
        assert!(own.value("service_saturation.mean") > 0.9, "{form}");
        assert!(own.value("latency_objective.worst_burn") > 5.0, "{form}");
        let row = own.service("default/web");
        assert!(
            row.saturation.is_some_and(|own| own > 0.9),
            "{form} {row:?}"
        );
    }
}

#[test]
fn both_forms_come_to_the_same() {
    let pod =
        "windtunnel.dev/service-time: 'lognormal(20ms, 0.5)', windtunnel.dev/concurrency: '2'";
    let shop = app("web", 5, pod, ("", ""));
    let clients = "{name: all, service: default/web, rate: 300, timeout: 2s}";
    let of = |form: &str| {
        let more = format!(
            "models: {{services: {{form: {form}}}}}\nmetrics: {{warmup: 1m}}\nstop: {{at: 11m}}"
        );
        run(&format!("services-forms-{form}"), &shop, &[clients], &more)
    };
    let (flows, requests) = (of("aggregated"), of("requests"));
    for (id, part) in [
        ("requests.offered", 0.01),
        ("requests.served", 0.01),
        ("latency.mean", 0.1),
        ("latency.p50", 0.1),
        ("latency.p99", 0.15),
        ("service_saturation.mean", 0.03),
    ] {
        is_near(flows.value(id), requests.value(id), part);
    }
}

fn horizontal(metric: &str, behavior: &str) -> String {
    format!(
        "apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {{name: web}}
spec:
  scaleTargetRef: {{apiVersion: apps/v1, kind: Deployment, name: web}}
  minReplicas: 1
  maxReplicas: 20
  metrics: [{metric}]
  {behavior}
"
    )
}

#[test]
fn metrics_of_pods_and_objects_scale() {
    let clients = "{name: all, service: default/web, rate: 400}";
    let of = |name: &str, metric: &str| {
        let shop = app("web", 1, QUICK, ("", "")) + &horizontal(metric, "");
        run(name, &shop, &[clients], "stop: {at: 20m}")
    };
    // 53 a second for each pod at most: eight.
    for (name, metric) in [
        (
            "services-hpa-pods",
            "{type: Pods, pods: {metric: {name: requests_per_second}, target: {type: AverageValue, averageValue: 53}}}",
        ),
        (
            "services-hpa-object",
            "{type: Object, object: {describedObject: {apiVersion: v1, kind: Service, name: web}, metric: {name: requests_per_second}, target: {type: AverageValue, averageValue: 53}}}",
        ),
    ] {
        let own = of(name, metric);
        // Rates are means over half a minute, so that it goes a little too far at first.
        let stated = own.events("Deployment/default/web", "updated");
        let mut last = stated.lines().filter(|line| line.contains("replicas"));
        let last = last.next_back().unwrap_or_default();
        assert!(last.contains("to 8 replicas"), "{stated}");
        assert!(own.value("scaling.up") >= 2.0);
        let told = own.events("HorizontalPodAutoscaler/default/web", "updated");
        assert!(told.contains("1 to 4 replicas: "), "{told}");
        assert!(told.contains("above target"), "{told}");
    }
}

#[test]
fn a_behavior_bounds_each_step() {
    let metric = "{type: Pods, pods: {metric: {name: requests_per_second}, target: {type: AverageValue, averageValue: 50}}}";
    let behavior = "behavior: {scaleUp: {policies: [{type: Pods, value: 1, periodSeconds: 60}]}}";
    let shop = app("web", 1, QUICK, ("", "")) + &horizontal(metric, behavior);
    let clients = "{name: all, service: default/web, rate: 400}";
    let own = run("services-behavior", &shop, &[clients], "stop: {at: 5m}");
    let told = own.events("Deployment/default/web", "updated");
    for step in ["1 to 2 replicas", "2 to 3 replicas", "3 to 4 replicas"] {
        assert!(told.contains(step), "{told}");
    }
    assert!(!told.contains("7 replicas"), "{told}");
}

#[test]
fn a_container_is_measured_by_itself() {
    let metric = "{type: ContainerResource, containerResource: {name: cpu, container: app, target: {type: Utilization, averageUtilization: 50}}}";
    let pod = format!("{QUICK}, windtunnel.dev/cpu-usage: 'shared(2)'");
    let shop = app("web", 2, &pod, ("", "")) + &horizontal(metric, "");
    let own = run(
        "services-container",
        &shop,
        &["{name: all, service: default/web, rate: 1}"],
        "stop: {at: 20m}",
    );
    // Two cores at half of 500m each.
    let told = own.events("Deployment/default/web", "updated");
    assert!(told.contains("to 8 replicas"), "{told}");
}

#[test]
fn pods_that_are_not_ready_hold_growth_back() {
    // Twice the target: two become four once they are ready. New pods take four minutes to be so and
    // count as idle meanwhile, so that no more are asked for before.
    let pod = format!("{QUICK}, windtunnel.dev/cpu-usage: 500m");
    let metric = "{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 50}}}";
    let shop = app("web", 2, &pod, ("", "")).replace(
        "resources:",
        "readinessProbe: {initialDelaySeconds: 240, httpGet: {path: /, port: 80}}, resources:",
    ) + &horizontal(metric, "");
    let clients = ["{name: all, service: default/web, rate: 1}"];
    let told =
        [("services-unready-9", "9m"), ("services-unready-10", "10m")].map(|(name, span)| {
            let own = run(name, &shop, &clients, &format!("stop: {{at: {span}}}"));
            own.events("Deployment/default/web", "updated")
        });
    assert!(told[0].contains("2 to 4 replicas"), "{}", told[0]);
    assert!(!told[0].contains("4 to 8 replicas"), "{}", told[0]);
    assert!(told[1].contains("4 to 8 replicas"), "{}", told[1]);
}

#[test]
fn scaling_by_hand_and_its_words_are_in_the_log() {
    let shop = app("web", 2, QUICK, ("", ""));
    let more = "operations: [{at: 1m, scale: Deployment/default/web, replicas: 6}]\nstop: {at: 3m}";
    let own = run(
        "services-manual",
        &shop,
        &["{name: all, service: default/web, rate: 1}"],
        more,
    );
    let told = own.events("Deployment/default/web", "updated");
    assert!(told.contains("2 to 6 replicas"), "{told}");
}

#[test]
fn a_recommendation_alone_is_in_the_log() {
    let pod =
        format!("{QUICK}, windtunnel.dev/cpu-usage: 250m, windtunnel.dev/memory-usage: 300Mi");
    let shop = app("web", 2, &pod, ("", ""))
        + "apiVersion: autoscaling.k8s.io/v1
kind: VerticalPodAutoscaler
metadata: {name: web}
spec:
  targetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  updatePolicy: {updateMode: 'Off'}
";
    let own = run(
        "services-recommend",
        &shop,
        &["{name: all, service: default/web, rate: 1}"],
        "stop: {at: 13h}",
    );
    // The worked example of kubernetes.md 3.2.
    let told = own.events("VerticalPodAutoscaler/default/web", "updated");
    assert!(told.contains("app: cpu 296m ("), "{told}");
    assert!(told.contains("memory 362Mi ("), "{told}");
    is_near(own.value("scaling.resized"), 0.0, 0.0);
}
