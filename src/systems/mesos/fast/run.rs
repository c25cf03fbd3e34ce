//! One run of the fast form: guarantees first, then fair shares (spec: orchestrators-b.md section
//! 1.5). Step for step the run of the plain form.

use super::super::roles::is_at_or_above;
use super::amounts::{Amounts, Bundle, REVOCABLE, add, minus, subtract_to_nothing};
use super::tree::Order;
use super::{FastAllocator, FastOffer, FastQuota, Walk, is_some};
use rng::Stream;
use units::Instant;

/// Kind of offers of a stage.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Guarantees,
    FairShares,
}

/// A stage's look at one agent.
#[derive(Clone, Copy)]
struct Visit {
    stage: Stage,
    agent: u32,
    now: Instant,
}

/// Orders, kept between runs for their memory.
#[derive(Clone, Debug, Default)]
pub(super) struct Scratch {
    agents: Vec<u32>,
    roles: Vec<u32>,
    clients: Vec<u32>,
}

/// The book that one run keeps on quotas.
struct Book {
    /// Amounts that roles with a quota have used of it, by number of the role.
    consumed: Vec<Option<Amounts>>,
    /// Amounts that have to stay free for guarantees that are not met yet.
    required: Amounts,
    /// Amounts free for any role.
    available: Amounts,
    has_quotas: bool,
    /// Number of offers of the first stage.
    first: usize,
}

impl FastAllocator {
    /// A run over the agents that have gathered: every offer it makes.
    pub fn run(&mut self, now: Instant, offers: &mut Vec<FastOffer>) {
        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.agents.clear();
        let gathered = self.candidates.ones().map(|agent| agent as u32);
        let active = gathered.filter(|&agent| self.agents[agent as usize].is_active);
        scratch.agents.extend(active);
        self.candidates.clear();
        self.runs += 1;
        self.settle();
        if self.is_anyone_served() {
            self.offer_all(now, &mut scratch, offers);
        }
        self.scratch = scratch;
    }

    fn offer_all(&mut self, now: Instant, scratch: &mut Scratch, offers: &mut Vec<FastOffer>) {
        let mut book = Book::open(self);
        let goes_whole = self.goes_whole();
        let mut walks = (self.options.walk == Walk::Shuffled).then(|| self.stream("mesos-agents"));
        let mut sorts = (self.options.order == Order::Random).then(|| self.stream("mesos-sorter"));
        for stage in [Stage::Guarantees, Stage::FairShares] {
            if let Some(walks) = &mut walks {
                walks.shuffle(&mut scratch.agents);
            }
            if stage == Stage::Guarantees && !book.has_quotas {
                continue;
            }
            if stage == Stage::FairShares {
                book.first = offers.len();
            }
            for place in 0..scratch.agents.len() {
                let agent = scratch.agents[place];
                if goes_whole {
                    self.offer_whole(agent, now, offers);
                } else if self.is_allocatable(&self.agents[agent as usize].free) {
                    let visit = Visit { stage, agent, now };
                    self.offer_agent(visit, &mut book, scratch, &mut sorts, offers);
                }
            }
        }
    }

    /// Offers an agent to the frameworks of every role, in the order of the trees.
    fn offer_agent(
        &mut self,
        visit: Visit,
        book: &mut Book,
        scratch: &mut Scratch,
        sorts: &mut Option<Stream>,
        offers: &mut Vec<FastOffer>,
    ) {
        let Visit { stage, agent, .. } = visit;
        let (mut roles, mut clients) = (
            std::mem::take(&mut scratch.roles),
            std::mem::take(&mut scratch.clients),
        );
        self.tree.sorted(sorts, &mut roles);
        for &place in &roles {
            let role = self.placed[place as usize];
            if stage == Stage::Guarantees && !book.is_unmet(self, role) {
                continue;
            }
            self.roles[role as usize].tree.sorted(sorts, &mut clients);
            for &place in &clients {
                let client = self.roles[role as usize].clients[place as usize];
                let offer = self.offer(visit, client, role, book);
                if let Some((resources, guaranteed)) = offer {
                    book.enter(self, role, &resources.plain, &guaranteed);
                    self.hold(client, agent, &resources);
                    let offer = FastOffer {
                        client,
                        agent,
                        resources,
                    };
                    record(offers, book.first, offer);
                    // Mostly an agent goes whole, and there is nothing to ask the others about.
                    if !self.is_allocatable(&self.agents[agent as usize].free) {
                        (scratch.roles, scratch.clients) = (roles, clients);
                        return;
                    }
                }
            }
        }
        (scratch.roles, scratch.clients) = (roles, clients);
    }

    /// Resources of an agent that a client is offered, and the part of them that is its role's
    /// guarantee; `None` if nothing.
    fn offer(
        &mut self,
        visit: Visit,
        client: u32,
        role: u32,
        book: &Book,
    ) -> Option<(Bundle, Amounts)> {
        let Visit { stage, agent, now } = visit;
        if self.keeps_gpus(agent, self.clients[client as usize].framework) {
            return None;
        }
        let free = &self.agents[agent as usize].free;
        let own = &self.roles[role as usize];
        let mut offer = Bundle::nothing(self.columns());
        let framework = self.clients[client as usize].framework as usize;
        let takes_revocable = self.frameworks[framework].0.revocable_resources;
        for (owner, amounts) in &free.reserved {
            let is_usable = if *owner == REVOCABLE {
                takes_revocable
            } else {
                is_at_or_above(&self.roles[*owner as usize].name, &own.name)
            };
            if is_usable {
                let amounts = amounts.iter().map(|amount| (*amount).max(0)).collect();
                offer.reserved.push((*owner, amounts));
            }
        }
        let scalars: Amounts = free.plain.iter().map(|amount| (*amount).max(0)).collect();
        let mut available = offer.clone();
        available.plain.clone_from(&scalars);
        if !self.is_allocatable(&available) {
            return None;
        }
        let quota = own.quota.as_ref();
        let mut guaranteed = Amounts::from_elem(0, self.columns());
        if stage == Stage::Guarantees {
            let unmet = book.unmet(role, quota?);
            guaranteed = least(&scalars, &unmet);
            if !is_some(&guaranteed) {
                return None;
            }
            let rest = minus(&scalars, &guaranteed);
            offer.plain.clone_from(&guaranteed);
            add(&mut offer.plain, &book.cut(rest, role, quota, &guaranteed));
        } else {
            offer.plain = book.cut(scalars, role, quota, &guaranteed);
        }
        offer.reserved.retain(|(_, amounts)| is_some(amounts));
        if offer.is_empty() || !self.is_allocatable(&offer) {
            return None;
        }
        let whose = (client, self.clients[client as usize].epoch);
        let refusals = &self.agents[agent as usize].refusals;
        (!refusals.refuses(now, whose, &offer)).then_some((offer, guaranteed))
    }
}

impl Book {
    fn open(allocator: &FastAllocator) -> Self {
        let columns = allocator.columns();
        let nothing = || Amounts::from_elem(0, columns);
        let has_quotas = allocator.roles.iter().any(|role| role.quota.is_some());
        let mut book = Self {
            consumed: Vec::new(),
            required: nothing(),
            available: nothing(),
            has_quotas,
            first: 0,
        };
        if !has_quotas {
            return book;
        }
        for role in &allocator.roles {
            let Some(quota) = &role.quota else {
                book.consumed.push(None);
                continue;
            };
            let mut consumed = nothing();
            let below = allocator.roles.iter();
            for other in below.filter(|other| is_at_or_above(&role.name, &other.name)) {
                add(&mut consumed, &other.reserved);
                add(&mut consumed, &other.plain);
            }
            add(&mut book.required, &minus(&quota.guarantee, &consumed));
            book.consumed.push(Some(consumed));
        }
        for agent in allocator.agents.iter().filter(|agent| agent.is_known) {
            let free = agent.free.plain.iter();
            for (sum, amount) in book.available.iter_mut().zip(free) {
                *sum += (*amount).max(0);
            }
        }
        book
    }

    fn is_unmet(&self, allocator: &FastAllocator, role: u32) -> bool {
        let quota = allocator.roles[role as usize].quota.as_ref();
        quota.is_some_and(|quota| is_some(&self.unmet(role, quota)))
    }

    /// Part of a guarantee that a role has not got yet.
    fn unmet(&self, role: u32, quota: &FastQuota) -> Amounts {
        match self.consumed.get(role as usize) {
            Some(Some(consumed)) => minus(&quota.guarantee, consumed),
            _ => quota.guarantee.clone(),
        }
    }

    /// Cuts unreserved amounts to what the role's limit leaves beyond `besides`, then to what is
    /// free beyond everybody's guarantees.
    fn cut(
        &self,
        mut amounts: Amounts,
        role: u32,
        quota: Option<&FastQuota>,
        besides: &Amounts,
    ) -> Amounts {
        if let Some(quota) = quota {
            let consumed = self.consumed.get(role as usize).and_then(Option::as_ref);
            for (column, limit) in quota.limit.iter().enumerate() {
                let Some(limit) = limit else { continue };
                let used = consumed.map_or(0, |consumed| consumed[column]) + besides[column];
                amounts[column] = amounts[column].min((limit - used).max(0));
            }
        }
        if self.has_quotas && is_some(&self.required) {
            let surplus = minus(&self.available, &self.required);
            amounts = least(&amounts, &surplus);
        }
        amounts
    }

    /// A role is offered unreserved amounts, of which `guaranteed` were its guarantee's.
    fn enter(
        &mut self,
        allocator: &FastAllocator,
        role: u32,
        plain: &Amounts,
        guaranteed: &Amounts,
    ) {
        if !self.has_quotas {
            return;
        }
        let name = &allocator.roles[role as usize].name;
        let top = name.split('/').next().unwrap_or(name);
        let top = allocator.role_of.get(top);
        let consumed = top.and_then(|&top| self.consumed.get_mut(top as usize));
        if let Some(Some(consumed)) = consumed {
            add(consumed, plain);
        }
        subtract_to_nothing(&mut self.required, guaranteed);
        subtract_to_nothing(&mut self.available, plain);
    }
}

fn least(one: &Amounts, other: &Amounts) -> Amounts {
    one.iter()
        .zip(other)
        .map(|(one, other)| *one.min(other))
        .collect()
}

/// All offers of a run to one client of one agent are one: what the first stage made `first` of is
/// added to.
fn record(offers: &mut Vec<FastOffer>, first: usize, offer: FastOffer) {
    let same = |known: &&mut FastOffer| known.client == offer.client && known.agent == offer.agent;
    match offers[..first].iter_mut().find(same) {
        Some(known) => known.resources.add(&offer.resources),
        None => offers.push(offer),
    }
}
