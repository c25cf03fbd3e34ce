//! Policies inside kube-scheduler answer as they do in the pipeline, and the fast form decides as the
//! plain one with them.

use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::kube_profiles::{add_machine, build_kube_profiles};
use crate::testing::{World, device_set, node, pod};
use cluster::GpuColumns;
use cluster::fragmentation::{TypicalPod, TypicalPods};
use model::Changes;
use model::{LabelSelector, SchedulerConfig, Text, TopologySpread};
use scheduler::kube::TieBreak;
use scheduler::kube::cycle::{Nomination, Outcome, Round};
use scheduler::kube::plugin::in_whole_span;
use scheduler::pipeline::evaluate::Form;
use scheduler::pipeline::plugin::PreFilter;
use units::ClassId;

/// Scores and filters of the registry that run in kube-scheduler.
fn wrapped() -> impl Iterator<Item = &'static Entry> {
    registry::POLICIES
        .iter()
        .filter(|entry| obstacle(entry).is_none())
}

/// Half of the target workload shares a T4, half takes two whole devices of a G2.
fn setup() -> Setup {
    let typical = |devices, milli_per_device, models| TypicalPod {
        cpu_milli: 1_000,
        gpu: GpuColumns {
            devices,
            milli_per_device,
            models,
        },
        weight: 0.5,
    };
    Setup {
        typical_pods: Arc::new(TypicalPods {
            pods: vec![typical(1, 500, 1), typical(2, 1000, 2)],
        }),
        gpu_models: ["T4", "G2"].map(Text::from).into(),
        ..Setup::default()
    }
}

fn registered(name: &str, weight: i64) -> Registration {
    Registration {
        name: name.to_owned(),
        weight: Some(weight),
        ..Registration::default()
    }
}

fn kube_pod(cache: &mut Cache, spec: PodSpec, name: &str) -> PodInfo {
    PodInfo {
        class: cache.class(&Arc::new(spec)).expect("amounts that fit"),
        name: name.into(),
        ..PodInfo::default()
    }
}

/// A pod on a node of the cache and of the pipeline's store.
fn place(world: &mut World, cache: &mut Cache, spec: &PodSpec, at: usize, devices: &[usize]) {
    let id = world.spec(spec.clone());
    world.bind(id, NodeId::from_index(at), devices);
    let mut info = kube_pod(cache, spec.clone(), &format!("on-{at}-{devices:?}"));
    info.set_devices(device_set(devices));
    cache
        .add_pod(Arc::new(info), &format!("n{at}"))
        .expect("a node");
}

#[test]
fn policies_answer_as_in_the_pipeline() {
    let (mut world, mut cache) = (World::default(), Cache::default());
    for (index, gpus) in [(2, "T4"), (4, "G2"), (0, ""), (2, "T4")]
        .into_iter()
        .enumerate()
    {
        let object = node(
            &format!("n{index}"),
            8_000 + 1_000 * index as i64,
            4_096,
            gpus,
        );
        world.node(object.clone());
        cache.add_node(Arc::new(object)).expect("a new node");
    }
    place(&mut world, &mut cache, &pod(1_000, 512, (1, 400)), 0, &[1]);
    place(
        &mut world,
        &mut cache,
        &pod(2_000, 256, (2, 1000)),
        1,
        &[0, 2],
    );
    place(&mut world, &mut cache, &pod(7_000, 3_000, (0, 0)), 2, &[]);
    for entry in wrapped() {
        let wrapper = RegistryPlugin::new(&registered(entry.name, 1), &setup()).expect("a policy");
        for spec in [
            pod(500, 128, (1, 300)),
            pod(4_000, 2_048, (2, 1000)),
            pod(100, 1, (0, 0)),
        ] {
            let id: ClassId = world.spec(spec.clone());
            let info = kube_pod(&mut cache, spec, "asked");
            let ctx = AttemptContext {
                cache: &cache,
                pod: &info,
            };
            for info in cache.nodes() {
                let node = NodeId::from_index(info.slot);
                let mut own = wrapper.policy.fresh();
                let place = format!("{} on {}", entry.name, info.name());
                let expected = world.filter(&mut *own, id, node).is_ok();
                let found = wrapper
                    .policy
                    .filter(&ctx.pod.class.spec, None, info)
                    .is_ok();
                assert_eq!(found, expected, "{place}");
                let expected = own.score(&world.ctx(id), node);
                assert_eq!(
                    wrapper.policy.points_of(&ctx.pod.class.spec, info),
                    expected,
                    "{place}"
                );
                let expected = own.devices(&world.ctx(id), node);
                assert_eq!(wrapper.devices(ctx, info), expected, "{place}");
            }
        }
    }
}

#[test]
fn points_are_spread_over_the_scale() {
    for ((points, least, most), expected) in [
        ((5, 5, 5), 0),
        ((5, 5, 8), 0),
        ((7, 5, 8), 66),
        ((8, 5, 8), 100),
        ((0, i64::MIN, i64::MAX), 50),
        ((i64::MAX, i64::MIN, i64::MAX), 100),
    ] {
        assert_eq!(in_whole_span(points, least, most), expected);
    }
}

#[test]
fn policies_that_cannot_run_in_kube_scheduler_are_named() {
    for (registration, expected) in [
        (
            registered("random-device", 1),
            "`random-device` can't run in kube-scheduler: it only",
        ),
        (
            registered("round-robin", 1),
            "`round-robin` can't run in kube-scheduler: ties",
        ),
        (
            registered("fifo", 1),
            "`fifo` can't run in kube-scheduler: kube-scheduler orders",
        ),
        (
            registered("fdg", 1),
            "there is no plugin `fdg`; did you mean `fgd`?",
        ),
        (
            registered("fgd", 0),
            "the weight of `fgd` must be from 1 to 1000000, not 0",
        ),
    ] {
        let error = add_registered(&mut KubeProfile::default(), &[registration], &setup());
        let error = error.expect_err("a mistake").to_string();
        assert!(error.starts_with(expected), "{error}");
    }
    let mut odd = registered("dot-product", 1);
    odd.arguments.insert("scale".to_owned(), 1.into());
    let error = add_registered(&mut KubeProfile::default(), &[odd], &setup());
    let error = error.expect_err("an unknown argument").to_string();
    assert!(
        error.starts_with("plugin `dot-product`: unknown argument `scale`"),
        "{error}"
    );
}

/// A score that looks at labels of the pod, which the bare pod of the fast form lacks.
#[derive(Clone)]
struct ByLabel(Scope);

impl Plugin for ByLabel {
    fn name(&self) -> &'static str {
        "by-label"
    }

    fn points(&self) -> Points {
        Points::PRE_FILTER.and(Points::FILTER).and(Points::SCORE)
    }

    fn scope(&self) -> Scope {
        self.0
    }

    fn pre_filter(&mut self, ctx: &scheduler::ClassContext<'_>) -> PreFilter {
        if ctx.class.spec.labels.contains_key("app") {
            PreFilter::Run
        } else {
            PreFilter::Skip
        }
    }

    fn filter(&self, ctx: &scheduler::ClassContext<'_>, node: NodeId) -> Result<(), Reason> {
        let few = ctx.store.nodes().pods(node).len() < 5;
        few.then_some(()).ok_or(Reason::Text("too many pods"))
    }

    fn score(&self, ctx: &scheduler::ClassContext<'_>, node: NodeId) -> i64 {
        let app = ctx.class.spec.labels.get("app");
        let sign = if app.is_some_and(|app| &**app == "1") {
            1
        } else {
            -1
        };
        sign * ctx.store.nodes().pods(node).len() as i64
    }

    fn clone_plugin(&self) -> Box<dyn Plugin> {
        Box::new(self.clone())
    }
}

/// A filter that looks at several nodes and counts the mirrors that it is shown.
#[derive(Clone)]
struct CountingFilter(Arc<AtomicUsize>);

impl Plugin for CountingFilter {
    fn name(&self) -> &'static str {
        "counting"
    }

    fn points(&self) -> Points {
        Points::PRE_FILTER.and(Points::FILTER)
    }

    fn scope(&self) -> Scope {
        Scope::Cluster
    }

    fn pre_filter(&mut self, _: &scheduler::ClassContext<'_>) -> PreFilter {
        self.0.fetch_add(1, Ordering::Relaxed);
        PreFilter::Run
    }

    fn filter(&self, ctx: &scheduler::ClassContext<'_>, node: NodeId) -> Result<(), Reason> {
        let last = node.index() + 1 == ctx.store.nodes().len();
        last.then_some(()).ok_or(Reason::Text("not the last"))
    }

    fn clone_plugin(&self) -> Box<dyn Plugin> {
        Box::new(self.clone())
    }
}

#[test]
fn an_attempt_builds_one_mirror_of_all_nodes() {
    let mut cache = Cache::default();
    for index in 0..40 {
        let object = node(&format!("n{index}"), 8_000, 4_096, (0, ""));
        cache.add_node(Arc::new(object)).expect("a new node");
    }
    let pod = kube_pod(&mut cache, pod(500, 128, (0, 0)), "asked");
    let count = Arc::new(AtomicUsize::new(0));
    let wrapper =
        RegistryPlugin::wrap(Box::new(CountingFilter(count.clone())), &setup()).expect("a filter");
    let mut profile = KubeProfile {
        percentage_of_nodes_to_score: 100,
        ..KubeProfile::default()
    };
    profile.pre_filter.push(0);
    profile.filter.push(0);
    profile.plugins.push(Arc::new(wrapper));
    let mut round = Round::new(TieBreak::First, Form::Plain);
    let outcome = round.decide(&profile, &cache, &pod);
    assert!(matches!(outcome, Outcome::Placed(39)), "{outcome:?}");
    assert_eq!(count.load(Ordering::Relaxed), 1);
}

/// A profile with policies of the registry beside all default plugins.
fn profile(scope: Option<Scope>) -> KubeProfile {
    let profiles = build_kube_profiles(&SchedulerConfig::default(), Changes::default());
    let mut profile = profiles.expect("the default").remove(0);
    let own = [
        ("fgd", 2),
        ("worst-fit", 3),
        ("gpu-clustering", 1),
        ("gpu-fit", 1),
    ];
    let own = own.map(|(name, weight)| registered(name, weight));
    add_registered(&mut profile, &own, &setup()).expect("known policies");
    if let Some(scope) = scope {
        let wrapper = RegistryPlugin::wrap(Box::new(ByLabel(scope)), &setup());
        let index = profile.plugins.len();
        profile
            .plugins
            .push(Arc::new(wrapper.expect("a score and filter")));
        profile.filter.push(index);
        profile.score.push((index, 2));
    }
    add_machine(&mut profile);
    profile
}

/// A pod's spec out of some small numbers: sometimes spread over zones, sometimes with GPUs.
fn drawn([size, kind, priority]: [u8; 3]) -> PodSpec {
    let gpu = [(0, 0), (1, 300), (1, 1000), (2, 1000)][usize::from(kind) % 4];
    let mut spec = pod(500 * (1 + i64::from(size % 6)), 256, gpu);
    let app: Text = format!("{}", size % 2).as_str().into();
    spec.labels.insert("app".into(), app);
    spec.priority = i32::from(priority % 3);
    if kind >= 128 {
        spec.topology_spread.push(TopologySpread {
            max_skew: 1,
            topology_key: "zone".into(),
            hard: true,
            selector: Some(LabelSelector::default()),
            min_domains: None,
            honor_node_affinity: true,
            honor_node_taints: false,
            match_label_keys: Vec::new(),
        });
    }
    spec
}

/// Decides on pods one by one in both forms; how many the fast one decided, and how many preempted.
fn compare(profile: &KubeProfile, steps: &[[u8; 4]]) -> (u64, u32) {
    let mut cache = Cache::default();
    for index in 0..5 {
        let gpus = [(2, "T4"), (4, "G2"), (0, "")][index % 3];
        let mut object = node(&format!("n{index}"), 8_000, 4_096, gpus);
        let zone: Text = format!("z{}", index % 2).as_str().into();
        object.labels.insert("zone".into(), zone);
        cache.add_node(Arc::new(object)).expect("a new node");
    }
    let ties = TieBreak::random(7, 0);
    let mut fast = Round::with_budget(ties.clone(), 1 << 20);
    let mut plain = Round::new(ties, Form::Plain);
    let (mut placed, mut preempting) = (Vec::new(), 0);
    for (step, &[size, kind, priority, leaves]) in steps.iter().enumerate() {
        if leaves % 3 == 0 && !placed.is_empty() {
            let (pod, slot): (Arc<PodInfo>, usize) =
                placed.swap_remove(usize::from(leaves) % placed.len());
            cache.remove_pod_in(&pod, slot);
        }
        let spec = drawn([size, kind, priority]);
        let mut pod = kube_pod(&mut cache, spec, &format!("p{step}"));
        let found = fast.decide(profile, &cache, &pod);
        let expected = plain.decide(profile, &cache, &pod);
        assert_eq!(format!("{found:?}"), format!("{expected:?}"), "step {step}");
        match expected {
            Outcome::Placed(slot) => {
                let node = cache.node_in(slot).expect("a node");
                let ctx = AttemptContext {
                    cache: &cache,
                    pod: &pod,
                };
                let mut choices = profile.devices.iter();
                let devices = choices.find_map(|&index| profile.plugins[index].devices(ctx, node));
                pod.set_devices(devices.unwrap_or_default());
                let pod = Arc::new(pod);
                cache.add_pod_in(pod.clone(), slot);
                placed.push((pod, slot));
            }
            Outcome::Failed(failure) => {
                if let Nomination::Make(candidate) = failure.nomination {
                    preempting += 1;
                    for victim in &candidate.victims {
                        cache.remove_pod(victim, &candidate.node);
                        placed.retain(|(own, _)| !own.is(victim));
                    }
                }
            }
        }
    }
    (fast.taken_fast(), preempting)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_fast_form_decides_as_the_plain_one(steps in vec(any::<[u8; 4]>(), 10..80)) {
        let (fast, _) = compare(&profile(Some(Scope::Node)), &steps);
        prop_assert!(fast > 0);
        let (fast, _) = compare(&profile(Some(Scope::Cluster)), &steps[..10]);
        prop_assert_eq!(fast, 0);
    }
}

#[test]
fn pods_are_preempted_in_both_forms_alike() {
    let steps = (0..120_u8).map(|step| [step, step.wrapping_mul(37), step / 40, 1]);
    let steps: Vec<[u8; 4]> = steps.collect();
    let (fast, preempting) = compare(&profile(None), &steps);
    assert!(
        fast > 40 && preempting > 5,
        "{fast} fast, {preempting} preempting"
    );
}
