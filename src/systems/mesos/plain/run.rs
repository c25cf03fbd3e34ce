//! One run: guarantees first, then fair shares (spec: orchestrators-b.md section 1.5; mesos
//! `HierarchicalAllocatorProcess::__generateOffers`).

use model::Text;
use units::Instant;

use super::quota::{Quota, QuotaBook};
use super::resources::{Quantities, Resources, is_plain, is_usable};
use super::{AgentOrder, Allocator, Offer, has_gpus};

/// Kind of offers of a stage.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Guarantees,
    FairShares,
}

pub(super) fn run(
    allocator: &mut Allocator,
    mut candidates: Vec<Text>,
    now: Instant,
) -> Vec<Offer> {
    let mut book = QuotaBook::open(allocator);
    let mut offers: Vec<Offer> = Vec::new();
    for stage in [Stage::Guarantees, Stage::FairShares] {
        if let AgentOrder::Shuffled(rng) = &mut allocator.options.agent_order {
            rng.shuffle(&mut candidates);
        }
        if stage == Stage::Guarantees && allocator.quotas.is_empty() {
            continue;
        }
        for agent in &candidates {
            offer_agent(allocator, &mut book, stage, agent, now, &mut offers);
        }
    }
    offers
}

/// Offers an agent to the frameworks of every role, in the order of the sorters.
fn offer_agent(
    allocator: &mut Allocator,
    book: &mut QuotaBook,
    stage: Stage,
    agent: &Text,
    now: Instant,
    offers: &mut Vec<Offer>,
) {
    if !is_allocatable(allocator, &allocator.agents[agent].free()) {
        return;
    }
    for role in allocator.roles.sort() {
        let quota = allocator.quotas.get(&role).cloned();
        let unmet = quota
            .as_ref()
            .map(|quota| book.unsatisfied(&role, quota))
            .unwrap_or_default();
        if stage == Stage::Guarantees && unmet.is_empty() {
            continue;
        }
        let Some(sorter) = allocator.sorters.get_mut(&role) else {
            continue;
        };
        for framework in sorter.sort() {
            let asked = Asked {
                stage,
                agent,
                role: &role,
                framework: &framework,
                quota: quota.as_ref(),
            };
            if let Some((resources, guaranteed)) = offer(allocator, book, &asked, now) {
                book.enter(&role, &resources, &guaranteed);
                allocator.hold(&framework, &role, agent, &resources);
                record(offers, &asked, &resources);
            }
        }
    }
}

/// Frameworks asked, and the question.
struct Asked<'a> {
    stage: Stage,
    agent: &'a Text,
    role: &'a Text,
    framework: &'a Text,
    quota: Option<&'a Quota>,
}

/// Resources of an agent that a framework is offered, and the part of them that is its role's
/// guarantee; `None` if nothing.
fn offer(
    allocator: &mut Allocator,
    book: &QuotaBook,
    asked: &Asked<'_>,
    now: Instant,
) -> Option<(Resources, Quantities)> {
    let agent = &allocator.agents[asked.agent];
    let capabilities = allocator.frameworks.get(asked.framework)?.capabilities;
    let has_unusable_gpus =
        allocator.options.filter_gpu_resources && !capabilities.gpu_resources && has_gpus(agent);
    if has_unusable_gpus {
        return None;
    }
    let available = agent.free().only(|kind| {
        is_usable(kind, asked.role) && (capabilities.revocable_resources || !kind.is_revocable)
    });
    if !is_allocatable(allocator, &available) {
        return None;
    }
    let scalars = available.only(is_plain);
    let mut offer = available.only(|kind| !is_plain(kind));
    let mut guaranteed = Quantities::default();
    if asked.stage == Stage::Guarantees {
        let unmet = book.unsatisfied(asked.role, asked.quota?);
        let taken = scalars.cut(|name| Some(unmet.get(name)));
        guaranteed = taken.quantities();
        if guaranteed.is_empty() {
            return None;
        }
        let mut rest = scalars;
        rest.subtract(&taken);
        offer.add(&taken);
        offer.add(&book.cut(&rest, asked.role, asked.quota, &guaranteed));
    } else {
        let none = Quantities::default();
        offer.add(&book.cut(&scalars, asked.role, asked.quota, &none));
    }
    if offer.is_empty() || !is_allocatable(allocator, &offer) {
        return None;
    }
    let framework = allocator.frameworks.get_mut(asked.framework)?;
    let is_refused = framework.refuses(now, asked.role, asked.agent, &offer);
    (!is_refused).then_some((offer, guaranteed))
}

/// All offers of a run to one framework of one agent and role are one.
fn record(offers: &mut Vec<Offer>, asked: &Asked<'_>, resources: &Resources) {
    let known = offers.iter_mut().rev().find(|known| {
        known.agent == *asked.agent
            && known.framework == *asked.framework
            && known.role == *asked.role
    });
    match known {
        Some(known) => known.resources.add(resources),
        None => offers.push(Offer {
            framework: asked.framework.clone(),
            role: asked.role.clone(),
            agent: asked.agent.clone(),
            resources: resources.clone(),
        }),
    }
}

/// Whether there is one of the least amounts.
fn is_allocatable(allocator: &Allocator, resources: &Resources) -> bool {
    let least = &allocator.options.min_allocatable;
    if least.is_empty() {
        return !resources.is_empty();
    }
    let quantities = resources.quantities();
    least.iter().any(|least| quantities.contains(least))
}
