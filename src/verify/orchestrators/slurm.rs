//! Cases of Slurm's multifactor priority (spec: orchestrators-b.md section 7.5).

use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Case, Decide, Trouble, read};
use policy::job_order::slurm::fair_tree::{Member, TiedAccounts, rank};
use policy::job_order::slurm::multifactor::{
    Factors, Offsets, Size, SizeRule, Weights, age, priority, size,
};
use policy::job_order::slurm::{SlurmOptions, fair_share};

/// The judge of a kind.
pub(super) fn decide(kind: &str) -> Option<Decide> {
    let decide: Decide = match kind {
        "slurm-priority" => priorities,
        "slurm-fs" => classic,
        "slurm-fairtree" => tree,
        "slurm-decay" => decay,
        _ => return None,
    };
    Some(decide)
}

#[derive(Deserialize)]
struct Cluster {
    nodes: f64,
    cpus: f64,
}

/// A trackable resource: its weight and its factor.
#[derive(Deserialize)]
struct Resource(f64, f64);

#[derive(Deserialize)]
struct Stated {
    #[serde(default)]
    age: u32,
    #[serde(default)]
    fairshare: u32,
    #[serde(default)]
    jobsize: u32,
    #[serde(default)]
    partition: u32,
    #[serde(default)]
    qos: u32,
    #[serde(default)]
    assoc: u32,
}

#[derive(Deserialize)]
struct Priority {
    weights: Stated,
    #[serde(default)]
    waited_s: f64,
    max_age_s: Option<f64>,
    #[serde(default)]
    fs: f64,
    #[serde(default)]
    job_nodes: f64,
    #[serde(default)]
    job_cpus: f64,
    #[serde(default)]
    favor_small: bool,
    #[serde(default)]
    relative_to_time: bool,
    time_limit_min: Option<f64>,
    #[serde(default)]
    partition_factor: f64,
    #[serde(default)]
    qos_factor: f64,
    #[serde(default)]
    assoc_factor: f64,
    #[serde(default)]
    tres: IndexMap<String, Resource>,
    #[serde(default)]
    site: f64,
    #[serde(default)]
    nice: f64,
}

fn priorities(case: &Case) -> Result<Value, Trouble> {
    let cluster: Cluster = read(&case.nodes)?;
    let given: Priority = read(&case.request)?;
    let weights = Weights {
        age: given.weights.age,
        fair_share: given.weights.fairshare,
        job_size: given.weights.jobsize,
        partition: given.weights.partition,
        qos: given.weights.qos,
        association: given.weights.assoc,
    };
    let job = Size {
        nodes: given.job_nodes,
        processors: given.job_cpus,
        minutes: given.time_limit_min.unwrap_or(f64::INFINITY),
        cluster_nodes: cluster.nodes,
        cluster_processors: cluster.cpus,
    };
    let rule = SizeRule {
        favor_small: given.favor_small,
        relative_to_time: given.relative_to_time,
    };
    let usual = SlurmOptions::default().max_age.as_secs_f64();
    let factors = Factors {
        age: age(given.waited_s, given.max_age_s.unwrap_or(usual)),
        fair_share: given.fs,
        job_size: size(&job, rule),
        partition: given.partition_factor,
        qos: given.qos_factor,
        association: given.assoc_factor,
    };
    let resources = given
        .tres
        .values()
        .map(|Resource(weight, factor)| weight * factor);
    let offsets = Offsets {
        resources: resources.sum(),
        site: given.site,
        nice: given.nice,
    };
    Ok(json!({ "priority": priority(&weights, &factors, &offsets) }))
}

#[derive(Deserialize)]
struct Share {
    usage: f64,
    shares: f64,
    #[serde(default = "undamped")]
    damp: f64,
}

const fn undamped() -> f64 {
    1.0
}

fn classic(case: &Case) -> Result<Value, Trouble> {
    let given: Vec<Share> = read(&case.request)?;
    let factor = |own: &Share| fair_share::classic(own.usage, own.shares, own.damp);
    let factors: Vec<f64> = given.iter().map(factor).collect();
    Ok(json!({ "factor": factors }))
}

#[derive(Deserialize)]
struct User {
    shares: f64,
    usage: f64,
}

#[derive(Deserialize)]
struct Account {
    shares: f64,
    #[serde(default)]
    users: IndexMap<String, User>,
    #[serde(default)]
    accounts: IndexMap<String, Account>,
}

impl Account {
    fn member(&self, name: &str) -> Member {
        let user = |(name, user): (&String, &User)| Member {
            name: name.clone(),
            shares: Some(user.shares),
            usage: user.usage,
            members: None,
        };
        let users = self.users.iter().map(user);
        let accounts = self.accounts.iter().map(|(name, own)| own.member(name));
        Member {
            name: name.to_owned(),
            shares: Some(self.shares),
            usage: 0.0,
            members: Some(users.chain(accounts).collect()),
        }
    }
}

fn tree(case: &Case) -> Result<Value, Trouble> {
    let given: IndexMap<String, Account> = read(&case.request)?;
    let members: Vec<Member> = given.iter().map(|(name, own)| own.member(name)).collect();
    let (mut levels, mut factors) = (Map::new(), Map::new());
    for standing in rank(&members, TiedAccounts::Merged) {
        let level = if standing.level.is_infinite() {
            json!("inf")
        } else {
            json!(standing.level)
        };
        levels.insert(standing.name.clone(), level);
        if let Some(factor) = standing.factor {
            factors.insert(standing.name, json!(factor));
        }
    }
    Ok(json!({ "level_fs": levels, "factor": factors }))
}

#[derive(Deserialize)]
struct Decay {
    half_life_s: f64,
    usage: f64,
    elapsed_s: Vec<f64>,
}

fn decay(case: &Case) -> Result<Value, Trouble> {
    let given: Decay = read(&case.request)?;
    let kept = |&elapsed: &f64| fair_share::decay(given.half_life_s, elapsed);
    let factors: Vec<f64> = given.elapsed_s.iter().map(kept).collect();
    let usage: Vec<f64> = factors.iter().map(|factor| factor * given.usage).collect();
    Ok(json!({ "factor": factors, "usage": usage }))
}
