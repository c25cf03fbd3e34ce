//! Cases of Nova: weights and choices, capacities, server groups, and services that fall silent. Runs
//! choose in [`FastCloud`]; [`Cloud`] defines what it chooses.

mod filters;

use fixedbitset::FixedBitSet;
use rng::Stream;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::timeline::duration;
use super::{Case, Forms, Trouble, read};
use model::Text;
use systems::nova::fast::FastCloud;
use systems::nova::flavor::{Group, GroupPolicy};
use systems::nova::host::{Amounts, Host, Ratios, Traits};
use systems::nova::options::Rules;
use systems::nova::scheduler::{Cloud, Request};
use systems::nova::service::ServiceOptions;
use systems::nova::weigher::{Multipliers, Weigher};
use units::SortedMap;

/// Both forms of the scheduler.
pub(super) const FORMS: Forms = Forms::Both {
    plain: |case| decide(case, choice_of_plain),
    fast: |case| decide(case, choice_of_fast),
};

const MIB_IN_GIB: i64 = 1 << 10;
/// Draws after which every host of a small subset has come.
const DRAWS: u64 = 256;

/// Choice of a form: the host of one draw.
type Choose = fn(&Question, &mut Stream) -> Option<usize>;

/// A request, and the hosts that are asked for it.
struct Question {
    cloud: Cloud,
    request: Request,
    rules: Rules,
}

impl Question {
    fn all_hosts(&self) -> FixedBitSet {
        all_hosts(&self.cloud)
    }

    fn name(&self, host: usize) -> &Text {
        &self.cloud.hosts()[host].name
    }
}

/// Every host of a cloud: cases name no capabilities.
fn all_hosts(cloud: &Cloud) -> FixedBitSet {
    let mut all = FixedBitSet::with_capacity(cloud.hosts().len());
    all.insert_range(..);
    all
}

fn choice_of_plain(asked: &Question, draw: &mut Stream) -> Option<usize> {
    let all = asked.all_hosts();
    let choice = asked.cloud.select(&asked.request, &all, &asked.rules, draw);
    choice.ok().map(|choice| choice.host)
}

fn choice_of_fast(asked: &Question, draw: &mut Stream) -> Option<usize> {
    let mut fast = FastCloud::default();
    for host in asked.cloud.hosts() {
        fast.add_host(host.clone());
    }
    for (group, members) in asked.cloud.groups() {
        for (&host, &count) in members {
            for _ in 0..count {
                // Nothing is asked of the host: the members are on it already.
                fast.add_member(group, host);
            }
        }
    }
    let all = asked.all_hosts();
    let choice = fast.select(&asked.request, &all, &asked.rules, draw);
    choice.ok().map(|choice| choice.host)
}

/// A host as cases give it.
#[derive(Deserialize, Default)]
#[serde(default)]
struct HostCase {
    id: Text,
    free_ram_mb: i64,
    vcpus_total: i64,
    cpu_ratio: f64,
    #[serde(alias = "used_vcpus")]
    vcpus_used: i64,
    used_ram_mb: i64,
    used_disk_gb: i64,
    free_disk_mb: i64,
    io_ops: i64,
    failed_builds: i64,
    num_instances: i64,
    instances: Vec<Text>,
    group_members: i64,
    last_report_age_s: f64,
    enabled: Option<bool>,
    disabled: bool,
    vcpus: i64,
    reserved_cpus: i64,
    ram_mb: i64,
    reserved_ram_mb: i64,
    disk_gb: i64,
    reserved_disk_gb: i64,
    hypervisor_version: i64,
    #[serde(alias = "free_pci", alias = "pci_free", alias = "free_devices")]
    pci_devices: i64,
    #[serde(alias = "cell")]
    cross_cell: i64,
    #[serde(alias = "matching_properties")]
    image_props: i64,
}

/// Amounts with so much free: what is over-promised is used.
fn free(amount: i64) -> (i64, i64) {
    (amount.max(0), (-amount).max(0))
}

impl HostCase {
    fn host(&self, services: &ServiceOptions) -> Result<Host, Trouble> {
        let (memory, over_memory) = free(self.free_ram_mb);
        let (disk, over_disk) = free(self.free_disk_mb);
        let instances = self.num_instances.max(self.instances.len() as i64);
        Ok(Host {
            name: self.id.clone(),
            total: Amounts {
                vcpus: self.vcpus_total,
                memory,
                disk,
            },
            used: Amounts {
                vcpus: self.vcpus_used,
                memory: over_memory,
                disk: over_disk,
            },
            ratios: Ratios {
                cpu: self.cpu_ratio,
                memory: 1.0,
                disk: 1.0,
            },
            io_operations: self.io_ops,
            failed_builds: self.failed_builds,
            instances,
            is_enabled: self.enabled.unwrap_or(!self.disabled),
            is_up: services.is_up(duration(self.last_report_age_s)?),
            traits: Traits {
                hypervisor_version: self.hypervisor_version,
                free_devices: self.pci_devices,
                cell: self.cross_cell,
                image_properties: self.image_props,
            },
            ..Host::default()
        })
    }

    fn inventory(&self, ratios: Ratios) -> Host {
        Host {
            name: self.id.clone(),
            total: Amounts {
                vcpus: self.vcpus,
                memory: self.ram_mb,
                disk: self.disk_gb.saturating_mul(MIB_IN_GIB),
            },
            reserved: Amounts {
                vcpus: self.reserved_cpus,
                memory: self.reserved_ram_mb,
                disk: self.reserved_disk_gb.saturating_mul(MIB_IN_GIB),
            },
            used: Amounts {
                vcpus: self.vcpus_used,
                memory: self.used_ram_mb,
                disk: self.used_disk_gb.saturating_mul(MIB_IN_GIB),
            },
            ratios,
            ..Host::default()
        }
    }
}

fn decide(case: &Case, choose: Choose) -> Result<Value, Trouble> {
    let asked = |field: &str| case.request.get(field).is_some();
    if asked("multipliers") || asked("host_subset_size") {
        weights(case, choose)
    } else if asked("flavor") || asked("ratios") {
        capacities(case)
    } else if asked("policy") {
        filters::groups(case)
    } else if asked("filter") {
        filters::services(case)
    } else if asked("crash_at_s") {
        filters::crash(case)
    } else {
        Err(Trouble::Unsupported("a request of another kind".to_owned()))
    }
}

#[derive(Deserialize)]
struct WeightRequest {
    #[serde(default)]
    multipliers: Option<SortedMap<String, f64>>,
    #[serde(default)]
    group: Option<(String, Vec<Text>)>,
    #[serde(default = "one")]
    host_subset_size: usize,
}

const fn one() -> usize {
    1
}

/// The weigher of a name, or of the option that states its factor.
fn weigher(name: &str) -> Result<Weigher, Trouble> {
    let bare = name.trim_end_matches("_weight_multiplier");
    let bare = if bare == "io_ops" { "io" } else { bare };
    Weigher::named(bare).ok_or_else(|| Trouble::Unsupported(format!("no weigher `{name}`")))
}

fn question(case: &Case, written: &WeightRequest) -> Result<Question, Trouble> {
    let multipliers = match &written.multipliers {
        None => Multipliers::default(),
        Some(factors) => {
            let mut own = Multipliers::NONE;
            for (name, &factor) in factors {
                own.set(weigher(name)?, factor);
            }
            own
        }
    };
    let hosts: Vec<HostCase> = read(&case.nodes)?;
    let mut cloud = Cloud::default();
    let services = ServiceOptions::default();
    let group = match &written.group {
        None => None,
        Some((policy, _)) => Some(Group {
            name: "group".into(),
            policy: soft_policy(policy)?,
        }),
    };
    for (number, host) in hosts.iter().enumerate() {
        cloud.add_host(host.host(&services)?);
        let (Some(group), Some((_, members))) = (&group, &written.group) else {
            continue;
        };
        let there = host.instances.iter().filter(|own| members.contains(own));
        for _ in there {
            cloud.add_member(&group.name, number);
        }
    }
    Ok(Question {
        cloud,
        request: Request {
            group,
            ..Request::default()
        },
        rules: Rules {
            multipliers,
            host_subset_size: written.host_subset_size,
            ..Rules::default()
        },
    })
}

fn soft_policy(name: &str) -> Result<GroupPolicy, Trouble> {
    match name {
        "soft-affinity" => Ok(GroupPolicy::SoftAffinity),
        "soft-anti-affinity" => Ok(GroupPolicy::SoftAntiAffinity),
        "affinity" => Ok(GroupPolicy::Affinity),
        "anti-affinity" => Ok(GroupPolicy::AntiAffinity { most_per_host: 1 }),
        _ => Err(Trouble::Unsupported(format!("no policy `{name}`"))),
    }
}

fn weights(case: &Case, choose: Choose) -> Result<Value, Trouble> {
    let written: WeightRequest = read(&case.request)?;
    let asked = question(case, &written)?;
    let ranking = asked
        .cloud
        .ranking(&asked.request, &asked.all_hosts(), &asked.rules);
    let Ok(ranking) = ranking else {
        return Ok(json!({"scores": {}, "ranking": [], "chosen": null}));
    };
    let mut scores = Map::new();
    for own in &ranking {
        let parts = own.parts.iter();
        let parts = parts.map(|(weigher, part)| (weigher.name().to_owned(), json!(part)));
        let mut parts: Map<String, Value> = parts.collect();
        // A weigher that is named with a factor of zero gives a part of zero; the only host is not weighed.
        let named = written.multipliers.iter().flat_map(SortedMap::keys);
        for name in named.filter(|_| ranking.len() > 1) {
            let part = parts.remove(weigher(name)?.name());
            parts.insert(name.clone(), part.unwrap_or(json!(0.0)));
        }
        let name = asked.name(own.host).to_string();
        scores.insert(name, json!({"total": own.total, "parts": parts}));
    }
    let names: Vec<&Text> = ranking.iter().map(|own| asked.name(own.host)).collect();
    let mut came: Vec<usize> = Vec::new();
    for draw in 0..DRAWS {
        let mut stream = Stream::new(draw, "nova.subset", 0);
        came.extend(choose(&asked, &mut stream).filter(|host| !came.contains(host)));
        if written.host_subset_size <= 1 {
            break;
        }
    }
    let among: Vec<&Text> = ranking
        .iter()
        .filter(|own| came.contains(&own.host))
        .map(|own| asked.name(own.host))
        .collect();
    let chosen = match among[..] {
        [only] => json!(only),
        _ => json!({"uniform_among": among}),
    };
    Ok(json!({"scores": scores, "ranking": names, "chosen": chosen}))
}

#[derive(Deserialize)]
struct RatiosCase {
    cpu: f64,
    ram: f64,
    disk: f64,
}

#[derive(Deserialize)]
struct FlavorCase {
    vcpus: i64,
    ram_mb: i64,
    disk_gb: i64,
}

fn capacities(case: &Case) -> Result<Value, Trouble> {
    let ratios: Vec<RatiosCase> = read(&case.request["ratios"])?;
    let flavor: Option<FlavorCase> = read(&case.request["flavor"])?;
    let flavor = flavor.map(|own| Amounts {
        vcpus: own.vcpus,
        memory: own.ram_mb,
        disk: own.disk_gb.saturating_mul(MIB_IN_GIB),
    });
    let hosts: Vec<HostCase> = read(&case.nodes)?;
    let (mut capacity, mut most) = (Vec::new(), Vec::new());
    for host in &hosts {
        for ratios in &ratios {
            let own = host.inventory(Ratios {
                cpu: ratios.cpu,
                memory: ratios.ram,
                disk: ratios.disk,
            });
            let amounts = own.capacity();
            capacity.push(json!({
                "cpu": amounts.vcpus,
                "ram_mb": amounts.memory,
                "disk_gb": amounts.disk / MIB_IN_GIB,
            }));
            most.extend(flavor.map(|flavor| own.most_instances(flavor)));
        }
    }
    Ok(json!({"capacity": capacity, "max_instances": most}))
}
