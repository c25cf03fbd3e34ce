//! The allocator against the examples of the specification, and both walks against each other.

use proptest::prelude::*;

use super::*;
use model::Labels;
use model::dra::{
    Attribute, ClaimRequest, Device, DeviceClass, DeviceCount, DeviceRequest, MatchAttribute,
    RequestedDevices, ResourceClaim, ResourceSlice, SliceNodes,
};
use units::SortedSet;

const DRIVER: &str = "drv";

fn device(name: &str, numa: i64) -> Device {
    Device {
        name: name.into(),
        attributes: [("numa".into(), Attribute::Int(numa))].into(),
        capacity: [].into(),
        has_binding_conditions: false,
    }
}

fn slice(pool: &str, devices: Vec<Device>) -> ResourceSlice {
    ResourceSlice {
        name: format!("slice-{pool}").as_str().into(),
        driver: DRIVER.into(),
        pool: pool.into(),
        generation: 1,
        slice_count: 1,
        nodes: SliceNodes::Named("n0".into()),
        devices,
    }
}

fn wanted(count: DeviceCount) -> DeviceRequest {
    DeviceRequest {
        class: "any".into(),
        selectors: Vec::new(),
        count,
        admin_access: false,
    }
}

fn exactly(name: &str, own: DeviceRequest) -> ClaimRequest {
    ClaimRequest {
        name: name.into(),
        devices: RequestedDevices::Exactly(own),
    }
}

fn same_numa(requests: Vec<ClaimRequest>) -> ResourceClaim {
    ResourceClaim {
        namespace: "default".into(),
        name: "claim".into(),
        requests,
        constraints: vec![MatchAttribute {
            attribute: "drv/numa".into(),
            requests: Vec::new(),
        }],
        ..ResourceClaim::default()
    }
}

fn used(names: &[&str]) -> SortedSet<DeviceId> {
    let ids = names.iter().map(|&device| DeviceId {
        driver: DRIVER.into(),
        pool: "p".into(),
        device: device.into(),
    });
    ids.collect()
}

fn allocator(variant: Variant, slices: Vec<ResourceSlice>, in_use: &[&str]) -> Allocator {
    let any = DeviceClass {
        name: "any".into(),
        selectors: Vec::new(),
    };
    Allocator::new(variant, slices, &[any], &used(in_use))
}

type Decision = Result<Option<Vec<Allocated>>, AllocationError>;

fn decide(allocator: &Allocator, claims: &[ResourceClaim]) -> Decision {
    let labels = Labels::new();
    let place = Place {
        name: "n0",
        labels: &labels,
    };
    allocator.allocate(&place, claims)
}

/// Requests with their devices, of all claims.
fn names(decided: Decision) -> Option<Vec<String>> {
    let all = decided.expect("no error")?;
    let devices = all.iter().flat_map(|own| &own.devices);
    let named = devices.map(|own| format!("{}={}", own.request, own.id.device));
    Some(named.collect())
}

fn four() -> Vec<ResourceSlice> {
    let devices = [("d0", 0), ("d1", 0), ("d2", 1), ("d3", 1)];
    let devices = devices.map(|(name, numa)| device(name, numa));
    vec![slice("p", devices.into())]
}

#[test]
fn the_worked_example_goes_back_over_a_choice() {
    let one = || wanted(DeviceCount::Exact(1));
    let alternatives = ClaimRequest {
        name: "a".into(),
        devices: RequestedDevices::FirstAvailable(vec![
            ("big".into(), wanted(DeviceCount::Exact(3))),
            ("small".into(), one()),
        ]),
    };
    for variant in [Variant::V1_34, Variant::V1_36] {
        let allocator = allocator(variant, four(), &["d0"]);
        let plain = same_numa(vec![exactly("a", one()), exactly("b", one())]);
        let found = names(decide(&allocator, &[plain]));
        assert_eq!(found, Some(vec!["a=d2".to_owned(), "b=d3".to_owned()]));
        let listed = same_numa(vec![alternatives.clone(), exactly("b", one())]);
        let found = names(decide(&allocator, &[listed]));
        assert_eq!(
            found,
            Some(vec!["a/small=d2".to_owned(), "b=d3".to_owned()])
        );
        let many = same_numa(vec![exactly("a", wanted(DeviceCount::Exact(3)))]);
        assert_eq!(names(decide(&allocator, &[many])), None);
    }
}

#[test]
fn all_among_alternatives_is_forgotten_in_1_34() {
    let claim = ResourceClaim {
        name: "claim".into(),
        requests: vec![ClaimRequest {
            name: "a".into(),
            devices: RequestedDevices::FirstAvailable(vec![
                ("big".into(), wanted(DeviceCount::Exact(33))),
                ("all".into(), wanted(DeviceCount::All)),
            ]),
        }],
        ..ResourceClaim::default()
    };
    let two = || vec![slice("p", vec![device("d0", 0), device("d1", 0)])];
    let found = decide(
        &allocator(Variant::V1_34, two(), &[]),
        std::slice::from_ref(&claim),
    );
    assert!(matches!(found, Err(AllocationError::TooMany { .. })));
    let found = names(decide(&allocator(Variant::V1_36, two(), &[]), &[claim]));
    let expected = vec!["a/all=d0".to_owned(), "a/all=d1".to_owned()];
    assert_eq!(found, Some(expected));
}

#[test]
fn devices_that_wait_for_conditions_are_left_alone() {
    let waiting = Device {
        has_binding_conditions: true,
        ..device("d0", 0)
    };
    for variant in [Variant::V1_34, Variant::V1_36] {
        let slices = vec![slice("p", vec![waiting.clone(), device("d1", 0)])];
        let allocator = allocator(variant, slices, &[]);
        let claim = same_numa(vec![exactly("a", wanted(DeviceCount::All))]);
        assert_eq!(
            names(decide(&allocator, &[claim])),
            Some(vec!["a=d1".to_owned()])
        );
    }
    let slices = vec![slice("p", vec![waiting]), slice("q", vec![device("d0", 0)])];
    let labels = Labels::new();
    let place = Place {
        name: "n0",
        labels: &labels,
    };
    let pools = allocator(Variant::V1_36, slices, &[]).pools(&place);
    let order: Vec<&str> = pools.iter().map(|pool| &*pool.name).collect();
    assert_eq!(order, ["q", "p"]);
}

#[test]
fn administrators_share_devices_between_claims() {
    let admin = DeviceRequest {
        admin_access: true,
        ..wanted(DeviceCount::Exact(1))
    };
    let claim = || ResourceClaim {
        requests: vec![exactly("watch", admin.clone())],
        ..ResourceClaim::default()
    };
    let allocator = allocator(Variant::V1_36, four(), &["d0", "d1", "d2", "d3"]);
    let found = names(decide(&allocator, &[claim(), claim()]));
    assert_eq!(
        found,
        Some(vec!["watch=d0".to_owned(), "watch=d0".to_owned()])
    );
}

#[test]
fn mistakes_and_broken_pools_end_the_attempt() {
    let claim = |own: DeviceRequest| ResourceClaim {
        requests: vec![exactly("a", own)],
        ..ResourceClaim::default()
    };
    let said = |slices: Vec<ResourceSlice>, own: DeviceRequest| {
        let allocator = allocator(Variant::V1_36, slices, &[]);
        let error = decide(&allocator, &[claim(own)]).expect_err("an error");
        error.to_string()
    };
    let all = || wanted(DeviceCount::All);
    let unknown = DeviceRequest {
        class: "gpu".into(),
        ..all()
    };
    assert!(said(four(), unknown).contains("there is no DeviceClass `gpu`"));
    let lacking = DeviceRequest {
        selectors: vec![r#"device.attributes["drv"].model == "a""#.into()],
        ..all()
    };
    assert!(said(four(), lacking).contains("no such key: model"));
    let text = said(four(), wanted(DeviceCount::Exact(33)));
    assert!(text.contains("a claim holds 32 devices at most, and it asks for at least 33"));
    let twins = || vec![slice("p", vec![device("d0", 0), device("d0", 1)])];
    assert!(said(twins(), all()).contains("incomplete or has two devices of one name"));
    assert!(said(twins(), wanted(DeviceCount::Exact(1))).contains("two devices of one name"));
    let mixed = same_numa(vec![exactly("a", all())]);
    let error = decide(&allocator(Variant::V1_36, four(), &[]), &[mixed]);
    assert!(matches!(error, Err(AllocationError::Constraint { .. })));
}

/// One to three requests of small counts, some with alternatives, with or without a constraint.
fn claims() -> impl Strategy<Value = Vec<ResourceClaim>> {
    let count = prop_oneof![
        (1_u64..4).prop_map(DeviceCount::Exact),
        Just(DeviceCount::All)
    ];
    let own = (count, prop::option::of(0_i64..3)).prop_map(|(count, numa)| DeviceRequest {
        selectors: numa
            .map(|numa| format!("device.attributes[\"drv\"].numa == {numa}").into())
            .into_iter()
            .collect(),
        ..wanted(count)
    });
    let request = prop::collection::vec(own, 1..3);
    let claim = (prop::collection::vec(request, 1..3), any::<bool>());
    let claim = claim.prop_map(|(requests, constrained)| {
        let requests = requests.into_iter().enumerate().map(|(number, mut all)| {
            let devices = if all.len() == 1 {
                RequestedDevices::Exactly(all.remove(0))
            } else {
                let named = all.into_iter().enumerate();
                let named = named.map(|(number, own)| (format!("s{number}").as_str().into(), own));
                RequestedDevices::FirstAvailable(named.collect())
            };
            ClaimRequest {
                name: format!("r{number}").as_str().into(),
                devices,
            }
        });
        let mut claim = same_numa(requests.collect());
        if !constrained {
            claim.constraints.clear();
        }
        claim
    });
    prop::collection::vec(claim, 1..3)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn sets_of_devices_are_decided_like_orders_of_them(
        claims in claims(),
        numas in prop::collection::vec(0_i64..3, 1..6),
        more in prop::collection::vec(0_i64..3, 0..3),
        used in prop::collection::vec(0_usize..6, 0..3),
        is_new in any::<bool>(),
    ) {
        let devices = |numas: &[i64]| {
            let named = numas.iter().enumerate();
            named.map(|(number, &numa)| device(&format!("d{number}"), numa)).collect()
        };
        let slices = vec![slice("p", devices(&numas)), slice("q", devices(&more))];
        let names: Vec<String> = used.iter().map(|number| format!("d{number}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let variant = if is_new { Variant::V1_36 } else { Variant::V1_34 };
        let sets = allocator(variant, slices, &names);
        let orders = sets.clone().with_walk(Walk::Orders);
        let found = decide(&sets, &claims);
        prop_assert_eq!(&found, &decide(&orders, &claims));
        // No device twice, none in use, and every request has what it asks for.
        if let Ok(Some(all)) = found {
            let devices: Vec<&AllocatedDevice> = all.iter().flat_map(|own| &own.devices).collect();
            let ids: SortedSet<&DeviceId> = devices.iter().map(|device| &device.id).collect();
            prop_assert_eq!(ids.len(), devices.len());
            let taken = self::used(&names);
            prop_assert!(ids.iter().all(|id| !taken.contains(*id)));
        }
    }
}
