//! Requests of claims, prepared for the search: classes looked up, selectors compiled, and what "all"
//! devices are (spec: batch-on-kubernetes.md 2.3).

use model::Text;
use model::dra::{ClaimRequest, DeviceCount, DeviceRequest, RequestedDevices, ResourceClaim};

use super::constraint::Names;
use super::error::AllocationError;
use super::inventory::{CompiledSelector, Inventory};
use super::outcome::Variant;
use super::pools::{Pool, State};

/// Most devices that a claim may hold (`AllocationResultsMaxSize`).
pub(crate) const MOST_DEVICES: usize = 32;

/// Devices that one request, or one alternative of it, asks for.
#[derive(Clone, Debug)]
pub(crate) struct RequestAlternative<'a> {
    /// Name of the request.
    pub(crate) request: &'a Text,
    /// Name of the request with that of the alternative.
    pub(crate) whole: Text,
    pub(crate) admin_access: bool,
    /// Number of the devices.
    pub(crate) number: usize,
    /// The devices themselves, by their places among all, if all are asked for.
    pub(crate) all: Option<Vec<usize>>,
    selectors: Vec<CompiledSelector>,
    class: &'a [CompiledSelector],
}

impl RequestAlternative<'_> {
    /// Names of the request.
    pub(crate) fn names(&self) -> Names<'_> {
        Names {
            request: self.request,
            whole: &self.whole,
        }
    }
}

/// A request with its alternatives, or the one that it asks for.
#[derive(Clone, Debug)]
pub(crate) struct Request<'a> {
    pub(crate) wanted: Vec<RequestAlternative<'a>>,
    pub(crate) has_alternatives: bool,
    /// Answers of the selectors by alternative and device.
    answers: Vec<Vec<Option<bool>>>,
}

impl Request<'_> {
    /// Whether a device meets the selectors of an alternative.
    pub(crate) fn selects(
        &mut self,
        inventory: &Inventory,
        alternative: usize,
        device: usize,
    ) -> Result<bool, AllocationError> {
        self.answer(inventory, alternative, alternative, device)
    }

    /// The answer under the place of another alternative, where it is remembered.
    fn answer(
        &mut self,
        inventory: &Inventory,
        alternative: usize,
        remembered: usize,
        device: usize,
    ) -> Result<bool, AllocationError> {
        let known = &inventory.devices[device];
        let answers = &mut self.answers[remembered];
        answers.resize(inventory.identities(), None);
        let answer = &mut answers[known.identity];
        if let Some(answer) = *answer {
            return Ok(answer);
        }
        if inventory.device(device).1.has_binding_conditions {
            return Ok(false);
        }
        let own = &self.wanted[alternative];
        let mut matches = true;
        for selector in own.class.iter().chain(&own.selectors) {
            let failed = |words: String| AllocationError::Selector {
                request: own.whole.clone(),
                expression: selector.text.clone(),
                words,
            };
            let compiled = (*selector.program).as_ref();
            let compiled = compiled.map_err(|error| failed(error.to_string()))?;
            matches = compiled.matches(&known.facts).map_err(failed)?;
            if !matches {
                break;
            }
        }
        *answer = Some(matches);
        Ok(matches)
    }

    /// Number of devices of the alternative that takes the fewest.
    fn fewest(&self) -> usize {
        self.wanted.iter().map(|own| own.number).min().unwrap_or(0)
    }
}

/// The requests of a claim.
pub(crate) fn prepare<'a>(
    inventory: &'a Inventory,
    pools: &[Pool],
    claim: &'a ResourceClaim,
) -> Result<Vec<Request<'a>>, AllocationError> {
    let mut requests = Vec::new();
    for request in &claim.requests {
        requests.push(prepare_request(inventory, pools, request)?);
    }
    let fewest = requests
        .iter()
        .map(Request::fewest)
        .fold(0, usize::saturating_add);
    if fewest > MOST_DEVICES {
        let claim = claim.name.clone();
        return Err(AllocationError::TooMany { claim, fewest });
    }
    Ok(requests)
}

fn prepare_request<'a>(
    inventory: &'a Inventory,
    pools: &[Pool],
    request: &'a ClaimRequest,
) -> Result<Request<'a>, AllocationError> {
    let name = &request.name;
    let (stated, has_alternatives): (Vec<(Text, &DeviceRequest)>, bool) = match &request.devices {
        RequestedDevices::Exactly(own) => (vec![(name.clone(), own)], false),
        RequestedDevices::FirstAvailable(all) => {
            let whole = |own: &Text| format!("{name}/{own}").into();
            (
                all.iter()
                    .map(|(own, stated)| (whole(own), stated))
                    .collect(),
                true,
            )
        }
    };
    let mut prepared = Request {
        wanted: Vec::new(),
        has_alternatives,
        answers: vec![Vec::new(); stated.len()],
    };
    for (place, (whole, stated)) in stated.into_iter().enumerate() {
        let Some(class) = inventory.classes.get(&stated.class) else {
            return Err(AllocationError::UnknownClass {
                request: whole,
                class: stated.class.clone(),
            });
        };
        prepared.wanted.push(RequestAlternative {
            request: name,
            whole,
            admin_access: stated.admin_access,
            number: 0,
            all: None,
            selectors: { stated.selectors.iter() }
                .map(|text| inventory.compiled(text))
                .collect(),
            class,
        });
        let all = match stated.count {
            DeviceCount::Exact(_) => None,
            DeviceCount::All => Some(all_devices(inventory, pools, &mut prepared, place)?),
        };
        let own = &mut prepared.wanted[place];
        own.number = match (stated.count, &all) {
            (DeviceCount::Exact(count), _) => usize::try_from(count).unwrap_or(usize::MAX),
            (DeviceCount::All, all) => all.as_ref().map_or(0, Vec::len),
        };
        own.all = all;
    }
    // What was answered under the place of another alternative is forgotten.
    prepared.answers.iter_mut().for_each(Vec::clear);
    Ok(prepared)
}

/// Every device of all pools that an alternative selects, in use or not.
fn all_devices(
    inventory: &Inventory,
    pools: &[Pool],
    request: &mut Request<'_>,
    place: usize,
) -> Result<Vec<usize>, AllocationError> {
    // 1.34 remembers answers under the place of the alternative before.
    let remembered = match inventory.variant {
        Variant::V1_34 => place.saturating_sub(1),
        Variant::V1_36 => place,
    };
    let mut found = Vec::new();
    for pool in pools {
        if pool.state != State::Whole {
            return Err(AllocationError::AllOfBrokenPool {
                request: request.wanted[place].whole.clone(),
                driver: pool.driver.clone(),
                pool: pool.name.clone(),
            });
        }
        for device in inventory.devices_of(&pool.slices) {
            if request.answer(inventory, place, remembered, device)? {
                found.push(device);
            }
        }
    }
    Ok(found)
}
