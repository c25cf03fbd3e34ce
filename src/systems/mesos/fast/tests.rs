//! The fast form offers what the plain form offers, whatever happens; and what both promise holds.

use proptest::prelude::*;

use super::super::plain::resources::{Kind, Limits, Quantities, Resources};
use super::super::plain::sorter::Fairness;
use super::super::plain::{AgentOrder, Allocator, AllocatorOptions, Capabilities, Offer, Quota};
use super::amounts::{Amounts, Bundle, REVOCABLE};
use super::tree::Order;
use super::{FastAllocator, FastOffer, FastOptions, FastQuota, Walk};
use model::Text;
use rng::Stream;
use units::{Duration, Instant, SortedMap};

const NAMES: [&str; 3] = ["cpus", "gpus", "mem"];
const ROLES: [&str; 5] = ["a", "a/b", "a/c", "d", "e/f"];
const SEED: u64 = 11;

/// Step of the test.
#[derive(Clone, Debug)]
enum Step {
    AddAgent(u32, [i64; 3], Option<(usize, i64)>),
    UpdateAgent(u32, [i64; 3]),
    /// An agent says how much of its cpus is revocable.
    Report(u32, i64),
    RemoveAgent(u32),
    Activate(u32, bool),
    AddFramework(usize, bool, bool),
    Weight(usize, u32),
    Quota(usize, i64, i64),
    /// One offer that stands is answered: what share of it is taken, and for how long the rest is
    /// refused.
    Answer(usize, i64, i64),
    /// A framework gives back what it took.
    End(usize),
    Suppress(usize),
    Revive(usize),
    Run(i64),
    RunAll(i64),
}

fn step() -> impl Strategy<Value = Step> {
    let agent = 0..6_u32;
    let amounts = [0..9_i64, 0..2_i64, 0..9_i64];
    prop_oneof![
        3 => (agent.clone(), amounts.clone(), proptest::option::of((0..5_usize, 1..4_i64)))
            .prop_map(|(agent, amounts, own)| Step::AddAgent(agent, amounts, own)),
        1 => (agent.clone(), amounts).prop_map(|(agent, all)| Step::UpdateAgent(agent, all)),
        2 => (agent.clone(), 0..7_i64).prop_map(|(agent, cpus)| Step::Report(agent, cpus)),
        1 => agent.clone().prop_map(Step::RemoveAgent),
        1 => (agent, any::<bool>()).prop_map(|(agent, is)| Step::Activate(agent, is)),
        2 => (0..5_usize, any::<bool>(), any::<bool>())
            .prop_map(|(role, gpu, revocable)| Step::AddFramework(role, gpu, revocable)),
        1 => (0..5_usize, 1..5_u32).prop_map(|(role, weight)| Step::Weight(role, weight)),
        1 => (0..5_usize, 0..6_i64, 0..9_i64).prop_map(|(role, one, two)| Step::Quota(role, one, two)),
        8 => (0..9_usize, 0..4_i64, 0..9_i64).prop_map(|(one, part, span)| Step::Answer(one, part, span)),
        3 => (0..9_usize).prop_map(Step::End),
        1 => (0..6_usize).prop_map(Step::Suppress),
        1 => (0..6_usize).prop_map(Step::Revive),
        4 => (0..3_i64).prop_map(Step::Run),
        4 => (0..3_i64).prop_map(Step::RunAll),
    ]
}

fn agent_name(agent: u32) -> Text {
    format!("agent-{agent}").into()
}

fn thousandths(amounts: &[i64; 3]) -> Amounts {
    amounts.iter().map(|amount| amount * 1_000).collect()
}

fn quantities(amounts: &[i64; 3]) -> Quantities {
    let all = NAMES.iter().zip(thousandths(amounts));
    Quantities::new(all.map(|(&name, amount)| (name.into(), amount)))
}

/// Both forms side by side.
struct Both {
    plain: Allocator,
    fast: FastAllocator,
    now: Instant,
    walk: Walk,
    runs: u64,
    /// Offers that stand.
    offers: Vec<FastOffer>,
    /// Offers in use.
    used: Vec<FastOffer>,
    /// Name and role of every framework, by client.
    frameworks: Vec<(Text, Text)>,
    roles: Vec<Text>,
}

impl Both {
    fn new(walk: Walk, first_come: bool) -> Self {
        let least = [("cpus", 10), ("mem", 1_000)];
        let options = AllocatorOptions {
            fairness: if first_come {
                Fairness::FirstCome
            } else {
                Fairness::DominantResource
            },
            min_allocatable: least
                .map(|(name, amount)| Quantities::new([(name.into(), amount)]))
                .to_vec(),
            excluded: [Text::from("gpus")].into(),
            ..AllocatorOptions::default()
        };
        let fast = FastOptions {
            interval: options.allocation_interval,
            order: if first_come {
                Order::FirstCome
            } else {
                Order::DominantResource
            },
            walk,
            min_allocatable: vec![
                [10, 0, 0].into_iter().collect(),
                [0, 0, 1_000].into_iter().collect(),
            ],
            gpu_column: Some(1),
            is_excluded: vec![false, true, false],
            seed: SEED,
        };
        Self {
            plain: Allocator::new(options),
            fast: FastAllocator::new(fast),
            now: Instant::ZERO,
            walk,
            runs: 0,
            offers: Vec::new(),
            used: Vec::new(),
            frameworks: Vec::new(),
            roles: Vec::new(),
        }
    }

    fn resources(&self, bundle: &Bundle) -> Resources {
        let mut all = Resources::default();
        let plain = (None, &bundle.plain);
        let reserved = bundle.reserved.iter();
        let reserved = reserved.filter(|(role, _)| *role != REVOCABLE);
        let reserved = reserved.map(|(role, own)| (Some(self.roles[*role as usize].clone()), own));
        if let Some(amounts) = bundle.of_role(REVOCABLE) {
            let kind = Kind {
                name: "cpus".into(),
                role: None,
                is_revocable: true,
            };
            all.add_one(&kind, amounts[0]);
        }
        for (role, amounts) in reserved.chain([plain]) {
            for (&name, &amount) in NAMES.iter().zip(amounts) {
                let kind = Kind {
                    name: name.into(),
                    role: role.clone(),
                    is_revocable: false,
                };
                all.add_one(&kind, amount);
            }
        }
        all
    }

    fn role(&mut self, name: &str) -> u32 {
        let role = self.fast.role(&name.into());
        if self.roles.len() <= role as usize {
            self.roles.push(name.into());
        }
        role
    }

    fn bundle(&mut self, amounts: &[i64; 3], reserved: Option<(usize, i64)>) -> Bundle {
        let mut bundle = Bundle::of(thousandths(amounts));
        if let Some((role, cpus)) = reserved {
            let role = self.role(ROLES[role]);
            bundle.reserved.push((role, thousandths(&[cpus, 0, 1])));
        }
        bundle
    }

    #[expect(clippy::too_many_lines, reason = "one case for each step")]
    fn step(&mut self, step: &Step) {
        match *step {
            Step::AddAgent(agent, amounts, reserved) => {
                self.remove(agent);
                let bundle = self.bundle(&amounts, reserved);
                let total = self.resources(&bundle);
                self.plain
                    .add_agent(agent_name(agent), total, SortedMap::new());
                self.fast.add_agent(agent, bundle);
            }
            Step::UpdateAgent(agent, amounts) if self.fast.is_known(agent) => {
                // What is held stays below what there is, as the master sees to.
                let mut bundle = Bundle::of(thousandths(&amounts));
                for one in self.offers.iter().chain(&self.used) {
                    if one.agent == agent {
                        bundle.add(&one.resources);
                    }
                }
                let total = self.resources(&bundle);
                self.plain.update_agent(&agent_name(agent), total);
                self.fast.update_agent(agent, bundle);
            }
            Step::Report(agent, cpus) if self.fast.is_known(agent) => {
                let mut bundle = self.fast.agents[agent as usize].total.clone();
                bundle.reserved.retain(|(role, _)| *role != REVOCABLE);
                bundle
                    .reserved
                    .push((REVOCABLE, thousandths(&[cpus, 0, 0])));
                let total = self.resources(&bundle);
                self.plain.update_agent(&agent_name(agent), total);
                self.fast.update_agent(agent, bundle);
            }
            Step::RemoveAgent(agent) => self.remove(agent),
            Step::Activate(agent, is_active) => {
                self.plain.set_agent_active(&agent_name(agent), is_active);
                self.fast.set_agent_active(agent, is_active);
            }
            Step::AddFramework(role, gpu_resources, revocable_resources)
                if self.frameworks.len() < 8 =>
            {
                let name: Text = format!("f{}", self.frameworks.len()).into();
                let role_name: Text = ROLES[role].into();
                let _ = self.role(ROLES[role]);
                let able = Capabilities {
                    gpu_resources,
                    revocable_resources,
                };
                self.plain
                    .add_framework(name.clone(), [role_name.clone()], able);
                self.fast
                    .add_framework(&name, std::slice::from_ref(&role_name), able);
                self.frameworks.push((name, role_name));
            }
            Step::Weight(role, weight) => {
                let role: Text = ROLES[role].into();
                let weight = f64::from(weight);
                self.plain.set_weight(role.clone(), weight);
                self.fast.set_weight(&role, weight);
            }
            Step::Quota(role, guarantee, limit) => {
                let role = Text::from(ROLES[role].split('/').next().unwrap());
                let _ = self.role(&role);
                let (guarantee, limit) = ([guarantee, 0, 0], limit.max(guarantee));
                let limits = [(Text::from("cpus"), limit * 1_000)];
                self.plain.set_quota(
                    role.clone(),
                    Quota {
                        guarantee: quantities(&guarantee),
                        limit: Limits::new(limits),
                    },
                );
                self.fast.set_quota(
                    &role,
                    FastQuota {
                        guarantee: thousandths(&guarantee),
                        limit: vec![Some(limit * 1_000), None, None],
                    },
                );
            }
            Step::Answer(offer, part, span) if !self.offers.is_empty() => {
                self.answer(offer % self.offers.len(), part, span);
            }
            Step::End(task) if !self.used.is_empty() => {
                let task = self.used.swap_remove(task % self.used.len());
                let (name, _) = self.frameworks[task.client as usize].clone();
                let back = self.resources(&task.resources);
                self.plain.release(&name, &agent_name(task.agent), &back);
                self.fast
                    .give_back(task.client, task.agent, &task.resources);
            }
            Step::Suppress(framework) | Step::Revive(framework)
                if framework < self.frameworks.len() =>
            {
                let (name, _) = self.frameworks[framework].clone();
                if matches!(step, Step::Suppress(_)) {
                    self.plain.suppress(&name);
                    self.fast.suppress(framework as u32);
                } else {
                    self.plain.revive(&name);
                    self.fast.revive(framework as u32);
                }
            }
            Step::Run(secs) => self.run(secs),
            Step::RunAll(secs) => {
                self.plain.gather_all();
                self.fast.gather_all();
                self.run(secs);
            }
            _ => {}
        }
    }

    fn remove(&mut self, agent: u32) {
        self.plain.remove_agent(&agent_name(agent));
        self.fast.remove_agent(agent);
        self.offers.retain(|one| one.agent != agent);
        self.used.retain(|one| one.agent != agent);
    }

    fn answer(&mut self, offer: usize, part: i64, span: i64) {
        let offer = self.offers.swap_remove(offer);
        let taken: Amounts = (offer.resources.plain.iter())
            .map(|amount| amount * part / 4)
            .collect();
        let mut rest = offer.resources.clone();
        let taken = rest.take(&taken);
        let (framework, role) = self.frameworks[offer.client as usize].clone();
        let span = Duration::from_secs(span);
        let unused = Offer {
            framework,
            role,
            agent: agent_name(offer.agent),
            resources: self.resources(&rest),
        };
        self.plain.decline_part(self.now, &unused, span);
        self.fast.give_back(offer.client, offer.agent, &rest);
        self.fast
            .refuse(offer.client, offer.agent, rest, self.now, span);
        if !taken.is_empty() {
            self.used.push(FastOffer {
                resources: taken,
                ..offer
            });
        }
    }

    fn run(&mut self, secs: i64) {
        self.now = self.now.saturating_add(Duration::from_secs(secs));
        self.runs += 1;
        if self.walk == Walk::Shuffled {
            let stream = Stream::new(SEED, "mesos-agents", self.runs);
            self.plain
                .set_agent_order(AgentOrder::Shuffled(Box::new(stream)));
        }
        let plain = self.plain.run(self.now);
        let mut offers = Vec::new();
        self.fast.run(self.now, &mut offers);
        let fast: Vec<Offer> = offers
            .iter()
            .map(|offer| {
                let (framework, role) = self.frameworks[offer.client as usize].clone();
                Offer {
                    framework,
                    role,
                    agent: agent_name(offer.agent),
                    resources: self.resources(&offer.resources),
                }
            })
            .collect();
        assert_eq!(fast, plain);
        self.offers.extend(offers);
        self.check();
    }

    /// Checks that the holdings on an agent together are what it has, less what is free, and that
    /// no client holds what is not there.
    fn check(&self) {
        for agent in 0..6 {
            let Some(free) = self.fast.free(agent) else {
                continue;
            };
            // What is revocable may be less than is held of it.
            let sure = free.reserved.iter().filter(|(role, _)| *role != REVOCABLE);
            let mut sure = sure.map(|(_, own)| own).chain([&free.plain]);
            assert!(sure.all(|own| own.iter().all(|&amount| amount >= 0)));
            let mut held = Bundle::nothing(NAMES.len());
            for one in self.offers.iter().chain(&self.used) {
                if one.agent == agent {
                    held.add(&one.resources);
                }
            }
            held.add(free);
            let known = self.fast.agents[agent as usize].total.sum();
            assert_eq!(held.sum(), known);
        }
    }
}

proptest! {
    #[test]
    fn the_fast_form_offers_what_the_plain_one_offers(
        steps in proptest::collection::vec(step(), 1..80),
        is_shuffled in any::<bool>(),
        first_come in any::<bool>(),
    ) {
        let walk = if is_shuffled { Walk::Shuffled } else { Walk::ById };
        let mut both = Both::new(walk, first_come);
        for step in &steps {
            both.step(step);
        }
    }
}
