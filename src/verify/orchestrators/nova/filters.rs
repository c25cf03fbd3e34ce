//! Cases of Nova's filters: server groups, instances that a request names, and services that fall silent.

use serde::Deserialize;
use serde_json::{Value, json};

use super::super::timeline::{duration, instant};
use super::super::{Case, Trouble, read};
use super::{HostCase, all_hosts};
use model::Text;
use systems::nova::NovaOptions;
use systems::nova::filter::{Filter, Limits};
use systems::nova::flavor::{Group, GroupPolicy};
use systems::nova::hints::Hints;
use systems::nova::options::Rules;
use systems::nova::scheduler::{Cloud, Request};
use systems::nova::service::ServiceOptions;
use units::{Instant, SortedSet};

#[derive(Deserialize)]
struct Member {
    host: Text,
    #[serde(default)]
    group: Option<Text>,
}

/// Names of the hosts that pass the filters of groups.
fn passing(cloud: &Cloud, policy: GroupPolicy) -> Vec<Text> {
    let request = Request {
        group: Some(Group {
            name: "group".into(),
            policy,
        }),
        ..Request::default()
    };
    let rules = Rules {
        filters: vec![Filter::AntiAffinity, Filter::Affinity],
        ..Rules::default()
    };
    let hosts = cloud
        .feasible(&request, &all_hosts(cloud), &rules)
        .unwrap_or_default();
    let names = hosts.into_iter().map(|host| &cloud.hosts()[host].name);
    names.cloned().collect()
}

pub(super) fn groups(case: &Case) -> Result<Value, Trouble> {
    let hosts: Vec<HostCase> = read(&case.nodes)?;
    let members: Vec<Member> = read(&case.existing)?;
    let (mut cloud, services) = (Cloud::default(), ServiceOptions::default());
    for host in &hosts {
        cloud.add_host(host.host(&services)?);
    }
    let empty = cloud.clone();
    let asked: Option<Text> = read(&case.request["group"])?;
    let is_of_group = |member: &&Member| {
        let both = asked.as_ref().zip(member.group.as_ref());
        both.is_none_or(|(asked, own)| asked == own)
    };
    for (number, host) in hosts.iter().enumerate() {
        let listed = members.iter().filter(is_of_group);
        let listed = listed.filter(|member| member.host == host.id);
        for _ in 0..host.group_members + listed.count() as i64 {
            cloud.add_member(&"group".into(), number);
        }
    }
    let policy: String = read(&case.request["policy"])?;
    let most = case.request.get("max_server_per_host");
    match policy.as_str() {
        "anti-affinity" => {
            let apart = |most_per_host| GroupPolicy::AntiAffinity { most_per_host };
            let most = most.map_or(Ok(1), read)?;
            Ok(json!({
                "passes": passing(&cloud, apart(most)),
                "passes_default_1": passing(&cloud, apart(1)),
            }))
        }
        "affinity" => Ok(json!({
            "passes": passing(&cloud, GroupPolicy::Affinity),
            "passes_when_group_empty": passing(&empty, GroupPolicy::Affinity),
        })),
        other => Err(Trouble::Unsupported(format!("no policy `{other}`"))),
    }
}

#[derive(Deserialize)]
#[serde(default)]
struct ServiceCase {
    report_interval_s: f64,
    service_down_time_s: f64,
}

impl Default for ServiceCase {
    fn default() -> Self {
        let usual = ServiceOptions::default();
        Self {
            report_interval_s: usual.report_interval.as_secs_f64(),
            service_down_time_s: usual.down_time.as_secs_f64(),
        }
    }
}

impl ServiceCase {
    fn options(&self) -> Result<ServiceOptions, Trouble> {
        Ok(ServiceOptions {
            report_interval: duration(self.report_interval_s)?,
            down_time: duration(self.service_down_time_s)?,
        })
    }
}

pub(super) fn services(case: &Case) -> Result<Value, Trouble> {
    let name: String = read(&case.request["filter"])?;
    let filter = match name.as_str() {
        "ComputeFilter" => Filter::Compute,
        "IoOpsFilter" => Filter::IoOperations,
        "NumInstancesFilter" => Filter::Instances,
        "SameHostFilter" => Filter::SameHost,
        "DifferentHostFilter" => Filter::DifferentHost,
        _ => return Err(Trouble::Unsupported(format!("no filter `{name}`"))),
    };
    let written: ServiceCase = read(&case.request)?;
    let limit = |field: &str, usual: i64| case.request.get(field).map_or(Ok(usual), read);
    let usual = Limits::default();
    let limits = Limits {
        most_io_operations: limit("max_io_ops_per_host", usual.most_io_operations)?,
        most_instances: limit("max_instances_per_host", usual.most_instances)?,
        ..usual
    };
    let hosts: Vec<HostCase> = read(&case.nodes)?;
    let mut cloud = Cloud::default();
    for host in &hosts {
        cloud.add_host(host.host(&written.options()?)?);
    }
    let rules = Rules {
        filters: vec![filter],
        limits,
        ..Rules::default()
    };
    let hosts_of = |field: &str| -> Result<Option<SortedSet<usize>>, Trouble> {
        let named: Option<Vec<Text>> = read(&case.request[field])?;
        Ok(named.map(|named| {
            let has_one = |own: &HostCase| own.instances.iter().any(|id| named.contains(id));
            let numbered = hosts.iter().enumerate().filter(|(_, own)| has_one(own));
            numbered.map(|(number, _)| number).collect()
        }))
    };
    let request = Request {
        hints: Some(Hints {
            same: hosts_of("same_host")?,
            different: hosts_of("different_host")?.unwrap_or_default(),
        }),
        ..Request::default()
    };
    let feasible = cloud.feasible(&request, &all_hosts(&cloud), &rules);
    let names = feasible.unwrap_or_default().into_iter();
    let names: Vec<&Text> = names.map(|host| &cloud.hosts()[host].name).collect();
    Ok(json!({"passes": names}))
}

pub(super) fn crash(case: &Case) -> Result<Value, Trouble> {
    let options: ServiceCase = read(&case.request)?;
    let options = options.options()?;
    let crash: f64 = read(&case.request["crash_at_s"])?;
    let first: f64 = read(&case.request["last_report_s"])?;
    // Reports are at multiples of the interval from the last one that the case gives.
    let report = options.last_report(instant(first)?, instant(crash)?);
    let last_up = options.last_up(report).since(Instant::ZERO).as_nanos() as f64 / 1e9;
    Ok(json!({
        "still_passes_at_s": last_up,
        "fails_after_s": last_up,
        "instances_restarted": NovaOptions::default().evacuate_after.is_some(),
    }))
}
