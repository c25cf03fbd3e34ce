//! The search for devices: depth first over claims, requests and devices, the first solution being taken
//! (spec: batch-on-kubernetes.md 2.3 steps 3 to 6).

use model::dra::ResourceClaim;

use super::constraint::Constraint;
use super::error::AllocationError;
use super::inventory::Inventory;
use super::outcome::{AllocatedDevice, Variant};
use super::pools::{Pool, State};
use super::requests::{MOST_DEVICES, Request};

/// Way through the choices of devices for one request. Both give the same devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Walk {
    /// Every order of the devices, which defines the result.
    Orders,
    /// Every set of them once: devices of one request stand for each other, so that another order of
    /// devices that failed together fails as well.
    Sets,
}

/// Steps after which a search is given up; the original gives up after ten seconds.
const MOST_STEPS: u64 = 100_000_000;

/// A device that is asked for.
#[derive(Clone, Copy, Debug)]
struct Step {
    claim: usize,
    request: usize,
    alternative: usize,
    /// Number of the devices that the request has already.
    device: usize,
    /// Whether one alternative is being tried.
    in_alternative: bool,
    /// The first choice to look at.
    from: usize,
}

/// A reason that a branch of the search ends without an answer.
enum Stop {
    /// The claim would hold too many devices; another alternative may take fewer.
    TooMany,
    Failed(AllocationError),
}

impl From<AllocationError> for Stop {
    fn from(error: AllocationError) -> Self {
        Self::Failed(error)
    }
}

/// Something that the search comes across in the pools.
#[derive(Clone, Copy, Debug)]
enum Choice<'a> {
    Device(usize),
    /// A pool that ends the search.
    Broken(&'a Pool),
}

/// Devices of a claim, by their places among all.
type ClaimDevices = Vec<(usize, AllocatedDevice)>;

/// A search with the devices chosen so far.
pub(crate) struct Search<'a> {
    inventory: &'a Inventory,
    pools: &'a [Pool],
    claims: &'a [ResourceClaim],
    requests: Vec<Vec<Request<'a>>>,
    constraints: Vec<Vec<Constraint<'a>>>,
    choices: Vec<Choice<'a>>,
    /// Claims that hold a device, by the number of its id.
    holders: Vec<Vec<usize>>,
    chosen: Vec<ClaimDevices>,
    walk: Walk,
    steps: u64,
}

impl<'a> Search<'a> {
    pub(crate) fn new(
        inventory: &'a Inventory,
        pools: &'a [Pool],
        claims: &'a [ResourceClaim],
        requests: Vec<Vec<Request<'a>>>,
    ) -> Self {
        let constraints = claims.iter();
        let constraints =
            constraints.map(|claim| claim.constraints.iter().map(Constraint::new).collect());
        let mut choices = Vec::new();
        for pool in pools {
            match (inventory.variant, pool.state) {
                (Variant::V1_34, State::Invalid) => choices.push(Choice::Broken(pool)),
                (Variant::V1_36, State::Invalid | State::Incomplete) => {}
                _ => choices.extend(inventory.devices_of(&pool.slices).map(Choice::Device)),
            }
        }
        Self {
            inventory,
            pools,
            claims,
            constraints: constraints.collect(),
            choices,
            holders: vec![Vec::new(); inventory.identities()],
            chosen: vec![Vec::new(); claims.len()],
            requests,
            walk: Walk::Sets,
            steps: 0,
        }
    }

    /// The devices of each claim; `None` if there is no solution.
    pub(crate) fn run(mut self, walk: Walk) -> Result<Option<Vec<ClaimDevices>>, AllocationError> {
        self.walk = walk;
        match self.claim(0) {
            Ok(true) => return Ok(Some(self.chosen)),
            Ok(false) => {}
            // No other claim before it can make the first one take fewer devices.
            Err(Stop::TooMany) => {
                let claim = self.claims[0].name.clone();
                let fewest = MOST_DEVICES + 1;
                return Err(AllocationError::TooMany { claim, fewest });
            }
            Err(Stop::Failed(error)) => return Err(error),
        }
        // 1.36 speaks of pools that it passed over once it found no solution elsewhere.
        let is_new = self.inventory.variant == Variant::V1_36;
        match self
            .pools
            .iter()
            .find(|pool| is_new && pool.state == State::Invalid)
        {
            Some(pool) => Err(broken(pool)),
            None => Ok(None),
        }
    }

    fn claim(&mut self, claim: usize) -> Result<bool, Stop> {
        self.step(Step {
            claim,
            request: 0,
            alternative: 0,
            device: 0,
            in_alternative: false,
            from: 0,
        })
    }

    /// Counts a step, or a device that is looked at.
    fn count(&mut self) -> Result<(), Stop> {
        self.steps += 1;
        if self.steps > MOST_STEPS {
            return Err(AllocationError::Abandoned(MOST_STEPS).into());
        }
        Ok(())
    }

    /// Chooses a device and all that come after it.
    fn step(&mut self, step: Step) -> Result<bool, Stop> {
        self.count()?;
        if step.claim >= self.requests.len() {
            return Ok(true);
        }
        let Some(request) = self.requests[step.claim].get(step.request) else {
            return match self.claim(step.claim + 1) {
                // Other devices for this claim may change what the next ones can have.
                Err(Stop::TooMany) => Ok(false),
                found => found,
            };
        };
        if request.has_alternatives && !step.in_alternative {
            return self.alternatives(step, request.wanted.len());
        }
        let wanted = &request.wanted[step.alternative];
        if wanted.all.as_ref().is_some_and(Vec::is_empty) {
            return Ok(false);
        }
        if step.device >= wanted.number {
            return self.step(Step {
                request: step.request + 1,
                alternative: 0,
                device: 0,
                in_alternative: false,
                from: 0,
                ..step
            });
        }
        let after = self.chosen[step.claim].len() + (wanted.number - step.device);
        if after > MOST_DEVICES {
            return Err(Stop::TooMany);
        }
        match wanted.all.as_ref().map(|all| all[step.device]) {
            Some(device) => self.one_of_all(step, device),
            None => self.any(step),
        }
    }

    /// Tries one alternative after the other.
    fn alternatives(&mut self, step: Step, count: usize) -> Result<bool, Stop> {
        let mut all_exceed = true;
        for alternative in 0..count {
            let tried = self.step(Step {
                alternative,
                in_alternative: true,
                ..step
            });
            match tried {
                Err(Stop::TooMany) => {}
                Ok(false) => all_exceed = false,
                decided => return decided,
            }
        }
        if all_exceed {
            Err(Stop::TooMany)
        } else {
            Ok(false)
        }
    }

    /// Chooses a device that a request for all devices has to have.
    fn one_of_all(&mut self, step: Step, device: usize) -> Result<bool, Stop> {
        if !self.take(step, device, true)? {
            return Ok(false);
        }
        // 1.34 forgets which alternative it was about.
        let alternative = match self.inventory.variant {
            Variant::V1_34 => 0,
            Variant::V1_36 => step.alternative,
        };
        let found = self.step(Step {
            alternative,
            device: step.device + 1,
            from: 0,
            ..step
        });
        if !matches!(found, Ok(true)) {
            self.give_back(step, device);
        }
        found
    }

    /// Chooses any device that will do.
    fn any(&mut self, step: Step) -> Result<bool, Stop> {
        let first = match self.walk {
            Walk::Orders => 0,
            Walk::Sets => step.from,
        };
        for place in first..self.choices.len() {
            self.count()?;
            let device = match self.choices[place] {
                Choice::Device(device) => device,
                Choice::Broken(pool) => return Err(broken(pool).into()),
            };
            if !self.is_free(step, device) {
                continue;
            }
            let request = &mut self.requests[step.claim][step.request];
            if !request.selects(self.inventory, step.alternative, device)? {
                continue;
            }
            if !self.take(step, device, false)? {
                continue;
            }
            let found = self.step(Step {
                device: step.device + 1,
                from: place + 1,
                ..step
            });
            if matches!(found, Ok(true)) {
                return found;
            }
            self.give_back(step, device);
            found?;
        }
        Ok(false)
    }

    /// Whether a device is free for a request: administrators share devices, but not within a claim.
    fn is_free(&self, step: Step, device: usize) -> bool {
        let identity = self.inventory.devices[device].identity;
        let holders = &self.holders[identity];
        let wanted = &self.requests[step.claim][step.request].wanted[step.alternative];
        if wanted.admin_access {
            !holders.contains(&step.claim)
        } else {
            !self.inventory.in_use[identity] && holders.is_empty()
        }
    }

    /// Takes a device if it is free and meets the constraints; one that must be had and does not meet
    /// them ends the search.
    fn take(&mut self, step: Step, device: usize, must: bool) -> Result<bool, Stop> {
        if !self.is_free(step, device) {
            return Ok(false);
        }
        let wanted = &self.requests[step.claim][step.request].wanted[step.alternative];
        let names = wanted.names();
        let (driver, stated) = self.inventory.device(device);
        let constraints = &mut self.constraints[step.claim];
        let fails = constraints
            .iter_mut()
            .position(|constraint| !constraint.add(names, driver, stated));
        if let Some(count) = fails {
            if must {
                return Err(Stop::Failed(AllocationError::Constraint {
                    request: wanted.whole.clone(),
                    device: stated.name.clone(),
                }));
            }
            for own in &mut constraints[..count] {
                own.remove(names);
            }
            return Ok(false);
        }
        let identity = self.inventory.devices[device].identity;
        self.holders[identity].push(step.claim);
        let own = AllocatedDevice {
            request: wanted.whole.clone(),
            id: self.inventory.id(device),
            admin_access: wanted.admin_access,
        };
        self.chosen[step.claim].push((device, own));
        Ok(true)
    }

    /// Undoes the last [`Search::take`].
    fn give_back(&mut self, step: Step, device: usize) {
        let wanted = &self.requests[step.claim][step.request].wanted[step.alternative];
        let names = wanted.names();
        for own in &mut self.constraints[step.claim] {
            own.remove(names);
        }
        let identity = self.inventory.devices[device].identity;
        self.holders[identity].pop();
        self.chosen[step.claim].pop();
    }
}

fn broken(pool: &Pool) -> AllocationError {
    AllocationError::BrokenPool {
        driver: pool.driver.clone(),
        pool: pool.name.clone(),
    }
}
