//! Questions of attempts to nodes: verdicts in the words of the original, kept answers, and shortages.

use super::*;
use model::dra::{
    ClaimRequest, ClaimSource, Consumer, Device, DeviceClass, DeviceCount, DeviceRequest, InFlight,
    PodClaim, PodClaims, ResourceSlice, SliceNodes,
};
use model::{Node, PodSpec};
use units::PodId;

fn objects(class: &str) -> DeviceObjects {
    let device = |name: &str| Device {
        name: name.into(),
        attributes: [].into(),
        capacity: [].into(),
        has_binding_conditions: false,
    };
    let mut objects = DeviceObjects::default();
    Arc::make_mut(&mut objects.slices).push(ResourceSlice {
        name: "s".into(),
        driver: "drv".into(),
        pool: "p".into(),
        generation: 1,
        slice_count: 1,
        nodes: SliceNodes::Named("n0".into()),
        devices: vec![device("a"), device("b")],
    });
    let any = DeviceClass {
        name: "any".into(),
        selectors: Vec::new(),
    };
    Arc::make_mut(&mut objects.classes).insert("any".into(), any);
    let wanted = DeviceRequest {
        class: class.into(),
        selectors: Vec::new(),
        count: DeviceCount::Exact(2),
        admin_access: false,
    };
    objects.put(Arc::new(ResourceClaim {
        namespace: "ns".into(),
        name: "c".into(),
        requests: vec![ClaimRequest {
            name: "r".into(),
            devices: RequestedDevices::Exactly(wanted),
        }],
        ..ResourceClaim::default()
    }));
    objects
}

fn world(objects: DeviceObjects) -> (Cache, PodInfo) {
    let mut cache = Cache::default();
    for name in ["n0", "n1"] {
        let node = Node {
            name: name.into(),
            ..Node::default()
        };
        cache.add_node(Arc::new(node)).expect("a new node");
    }
    cache.objects.devices = objects;
    let claim = PodClaim {
        name: "gpu".into(),
        source: ClaimSource::Named("c".into()),
    };
    let spec = Arc::new(PodSpec {
        namespace: "ns".into(),
        device_claims: PodClaims(vec![claim]),
        ..PodSpec::default()
    });
    let pod = PodInfo {
        class: cache.class(&spec).expect("no amounts"),
        name: "web".into(),
        ..PodInfo::default()
    };
    (cache, pod)
}

/// The words of the refusal of all nodes, or the verdict of each.
fn ask(objects: DeviceObjects) -> Vec<String> {
    let (cache, pod) = world(objects);
    let ctx = AttemptContext {
        cache: &cache,
        pod: &pod,
    };
    let offers = |objects: &DeviceObjects| {
        let slices = Arc::clone(&objects.slices);
        Arc::new(Offers::new(slices, objects.classes.values()))
    };
    match Question::new(Variant::V1_34, ctx, offers) {
        Err(Refusal(words)) => vec![words],
        Ok(question) => {
            let verdicts = cache.nodes().map(|node| match question.ask(node) {
                Ok(()) => "fits".to_owned(),
                Err(rejection) => rejection.reasons.join(", "),
            });
            verdicts.collect()
        }
    }
}

fn changed(change: impl FnOnce(&mut ResourceClaim)) -> DeviceObjects {
    let mut objects = objects("any");
    let key = ("ns".into(), "c".into());
    let claim = objects.claim(&key).cloned().expect("it is there");
    let mut claim = Arc::unwrap_or_clone(claim);
    change(&mut claim);
    objects.put(Arc::new(claim));
    objects
}

fn allocation(node: &str) -> Allocation {
    let only = model::Requirement {
        key: "metadata.name".into(),
        operator: model::Operator::In,
        values: vec![node.into()],
    };
    let terms = vec![model::NodeSelectorTerm {
        match_fields: vec![only],
        ..model::NodeSelectorTerm::default()
    }];
    Allocation {
        devices: Vec::new(),
        nodes: Some(model::NodeSelector { terms }),
    }
}

#[test]
fn nodes_are_judged_in_the_words_of_the_original() {
    let none = "cannot allocate all claims";
    assert_eq!(ask(objects("any")), ["fits", none]);
    assert_eq!(
        ask(objects("other")),
        ["request r: device class other does not exist"]
    );
    let far = "resourceclaim not available on the node";
    let own = changed(|claim| claim.allocation = Some(allocation("n1")));
    assert_eq!(ask(own), [far, "fits"]);
    let full = changed(|claim| {
        claim.allocation = Some(allocation("n1"));
        let user = |number: u32| Consumer {
            name: "other".into(),
            id: Some(PodId(number)),
        };
        claim.reserved_for = (1..=256).map(user).collect();
    });
    assert_eq!(ask(full), ["resourceclaim in use"]);
    let mut begun = objects("any");
    let in_flight = InFlight {
        allocation: allocation("n0"),
        pod: PodId(9),
    };
    begun.begin(("ns".into(), "c".into()), in_flight);
    assert_eq!(
        ask(begun),
        ["resource claim ns/c is in the process of being allocated"]
    );
}

/// A claim that has devices, by their names.
fn taken(name: &str, devices: &[&str]) -> Arc<ResourceClaim> {
    let devices = devices.iter().map(|device| model::dra::AllocatedDevice {
        request: "r".into(),
        id: model::dra::DeviceId {
            driver: "drv".into(),
            pool: "p".into(),
            device: (*device).into(),
        },
        admin_access: false,
    });
    Arc::new(ResourceClaim {
        namespace: "ns".into(),
        name: name.into(),
        allocation: Some(Allocation {
            devices: devices.collect(),
            nodes: None,
        }),
        ..ResourceClaim::default()
    })
}

proptest::proptest! {
    /// Kept answers are those of the allocator, whichever devices come into use and are given back,
    /// whatever claims ask for, and whether slices and nodes stay as they are.
    #[test]
    fn kept_answers_are_the_plain_ones(
        steps in proptest::collection::vec((0_u8..6, 1_u64..4), 1..40),
    ) {
        let (mut cache, pod) = world(objects("any"));
        let answers = Mutex::new(Answers::default());
        let mut offers: Option<Arc<Offers>> = None;
        for (step, count) in steps {
            let devices = &mut cache.objects.devices;
            match step {
                0 => devices.put(taken("a", &["a"])),
                1 => devices.put(taken("b", &["b"])),
                2 => drop(devices.remove(&("ns".into(), "a".into()))),
                3 => drop(devices.remove(&("ns".into(), "b".into()))),
                4 => {
                    let key = ("ns".into(), "c".into());
                    let claim = devices.claim(&key).cloned().expect("it is there");
                    let mut claim = Arc::unwrap_or_clone(claim);
                    if let RequestedDevices::Exactly(own) = &mut claim.requests[0].devices {
                        own.count = DeviceCount::Exact(count);
                    }
                    devices.put(Arc::new(claim));
                }
                _ => {
                    let mut named = ["n0", "n1"].into_iter().cycle().skip(count as usize);
                    let name = named.next().expect("without an end");
                    Arc::make_mut(&mut devices.slices)[0].nodes = SliceNodes::Named(name.into());
                    offers = None;
                }
            }
            let ctx = AttemptContext { cache: &cache, pod: &pod };
            let known = offers.get_or_insert_with(|| {
                let objects = &cache.objects.devices;
                Arc::new(Offers::new(Arc::clone(&objects.slices), objects.classes.values()))
            });
            let known = Arc::clone(known);
            let ask = || match Question::new(Variant::V1_36, ctx, |_| known.clone()) {
                Ok(question) => question,
                Err(Refusal(words)) => panic!("{words}"),
            };
            let (plain, fast) = (ask(), ask().with_kept(&answers));
            for node in cache.nodes() {
                let words = |verdict: Result<(), Rejection>| verdict.map_err(|own| own.reasons);
                proptest::prop_assert_eq!(words(fast.ask(node)), words(plain.ask(node)));
            }
        }
    }
}

#[test]
fn a_shortage_names_the_constraint_that_binds() {
    // No device has the attribute.
    let alike = model::dra::MatchAttribute {
        attribute: "drv/numa".into(),
        requests: Vec::new(),
    };
    let (cache, pod) = world(changed(|claim| claim.constraints.push(alike)));
    assert_eq!(
        shortage(Variant::V1_34, &cache, &pod),
        [
            "claim c, request r: 2 wanted; 2 devices match, 2 free, at most 2 on a node: 1 node has enough \
             by themselves",
            "claim c, spec.devices.constraints[0]: `matchAttribute: drv/numa` is in the way: without it 1 \
             node has enough"
        ]
    );
}

#[test]
fn a_shortage_names_what_each_request_finds() {
    let mut all = objects("any");
    all.put(taken("other", &["a"]));
    let (cache, pod) = world(all);
    assert_eq!(
        shortage(Variant::V1_34, &cache, &pod),
        [
            "claim c, request r: 2 wanted; 2 devices match, 1 free, at most 1 on a node: no node has \
             enough"
        ]
    );
}
