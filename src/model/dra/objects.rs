//! The objects of dynamic resource allocation in a cluster, with the devices that claims hold.

use std::sync::Arc;

use super::{
    Allocation, ClaimOwner, ClaimSource, Consumer, DeviceClass, DeviceId, PodClaim, PodClaims,
    RequestedDevices, ResourceClaim, ResourceSlice,
};
use crate::Text;
use units::nearest::hint;
use units::{PodId, SortedMap};

/// A claim or a template, by namespace and name.
pub type ClaimKey = (Text, Text);

/// Devices that drivers offer, classes of them, and claims on them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeviceObjects {
    /// Slices of pools, in the order of their file.
    pub slices: Arc<Vec<ResourceSlice>>,
    /// Classes by name.
    pub classes: Arc<SortedMap<Text, DeviceClass>>,
    /// Templates of claims, by namespace and name.
    pub templates: Arc<SortedMap<ClaimKey, ResourceClaim>>,
    claims: SortedMap<ClaimKey, Arc<ResourceClaim>>,
    /// Claims that were made for pods, by namespace, pod and entry.
    made: SortedMap<(Text, Text, Text), Vec<ClaimKey>>,
    in_flight: SortedMap<ClaimKey, InFlight>,
    /// Claims that keep a device from others: the number of them.
    held: SortedMap<DeviceId, u32>,
}

/// Devices that a claim gets with the binding of a pod that has a place already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InFlight {
    /// The devices.
    pub allocation: Allocation,
    /// The pod.
    pub pod: PodId,
}

/// A claim of a pod that is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MissingClaim<'a> {
    /// The claim of this name.
    Named(&'a Text),
    /// The claim that is yet to be made for an entry.
    Unmade(&'a PodClaim),
}

impl DeviceObjects {
    /// Whether there is nothing of this kind.
    pub fn is_empty(&self) -> bool {
        self.slices.is_empty()
            && self.classes.is_empty()
            && self.templates.is_empty()
            && self.claims.is_empty()
    }

    /// Returns the offers and the templates, without any claim.
    #[must_use]
    pub fn without_claims(&self) -> Self {
        Self {
            slices: Arc::clone(&self.slices),
            classes: Arc::clone(&self.classes),
            templates: Arc::clone(&self.templates),
            ..Self::default()
        }
    }

    /// Number of the objects.
    pub fn len(&self) -> usize {
        self.slices.len() + self.classes.len() + self.templates.len() + self.claims.len()
    }

    /// Takes in the objects of a file that is applied while the cluster runs: they are there from the
    /// start. The value is the number of those that were added, and of those that were there already.
    pub fn merge_applied(&mut self, other: &Self) -> (usize, usize) {
        let before = self.len();
        let known = self.clone();
        let is_new = |slice: &&ResourceSlice| known.slices.iter().all(|own| own.name != slice.name);
        let slices: Vec<ResourceSlice> = other.slices.iter().filter(is_new).cloned().collect();
        if !slices.is_empty() {
            Arc::make_mut(&mut self.slices).extend(slices);
        }
        for (name, class) in other.classes.iter() {
            if !self.classes.contains_key(name) {
                Arc::make_mut(&mut self.classes).insert(name.clone(), class.clone());
            }
        }
        for (key, template) in other.templates.iter() {
            if !self.templates.contains_key(key) {
                Arc::make_mut(&mut self.templates).insert(key.clone(), template.clone());
            }
        }
        for (key, claim) in &other.claims {
            if !self.claims.contains_key(key) {
                self.put(Arc::clone(claim));
            }
        }
        let added = self.len() - before;
        (added, other.len() - added)
    }

    /// Takes in the objects of another file.
    pub fn merge(&mut self, other: Self) {
        if !other.slices.is_empty() {
            Arc::make_mut(&mut self.slices).extend(other.slices.iter().cloned());
        }
        for (name, class) in other.classes.iter() {
            Arc::make_mut(&mut self.classes).insert(name.clone(), class.clone());
        }
        for (key, template) in other.templates.iter() {
            Arc::make_mut(&mut self.templates).insert(key.clone(), template.clone());
        }
        for (_, claim) in other.claims {
            self.put(claim);
        }
    }

    /// The claims, by namespace and name.
    pub fn claims(&self) -> impl Iterator<Item = &Arc<ResourceClaim>> {
        self.claims.values()
    }

    /// The claim of a namespace and name.
    pub fn claim(&self, key: &ClaimKey) -> Option<&Arc<ResourceClaim>> {
        self.claims.get(key)
    }

    /// Puts a claim in the place of the one of its name, if there is one.
    pub fn put(&mut self, claim: Arc<ResourceClaim>) {
        let key = (claim.namespace.clone(), claim.name.clone());
        self.remove(&key);
        hold(&mut self.held, claim.held());
        if let Some(made) = made_key(&claim) {
            self.made.entry(made).or_default().push(key.clone());
        }
        self.claims.insert(key, claim);
    }

    /// Removes a claim.
    pub fn remove(&mut self, key: &ClaimKey) -> Option<Arc<ResourceClaim>> {
        let claim = self.claims.remove(key)?;
        release(&mut self.held, claim.held());
        if let Some(made) = made_key(&claim)
            && let Some(keys) = self.made.get_mut(&made)
        {
            keys.retain(|own| own != key);
            if keys.is_empty() {
                self.made.remove(&made);
            }
        }
        Some(claim)
    }

    /// A claim, template or class that claims of a pod name and that is not there, in words.
    pub fn unknown_to(&self, namespace: &Text, claims: &PodClaims) -> Option<String> {
        for (index, entry) in claims.0.iter().enumerate() {
            let (kind, field, name) = match &entry.source {
                ClaimSource::Named(name) => ("ResourceClaim", "resourceClaimName", name),
                ClaimSource::Template(name) => {
                    ("ResourceClaimTemplate", "resourceClaimTemplateName", name)
                }
            };
            let key = (namespace.clone(), name.clone());
            let found = match &entry.source {
                ClaimSource::Named(_) => self.claims.get(&key).map(|claim| &**claim),
                ClaimSource::Template(_) => self.templates.get(&key),
            };
            let Some(found) = found else {
                let keys: Vec<&ClaimKey> = match &entry.source {
                    ClaimSource::Named(_) => self.claims.keys().collect(),
                    ClaimSource::Template(_) => self.templates.keys().collect(),
                };
                let known = keys.iter().filter(|key| key.0 == *namespace);
                let hint = hint(name, known.map(|own| &*own.1));
                return Some(format!(
                    "spec.resourceClaims[{index}].{field}: no file declares the {kind} `{name}` of the \
                     namespace `{namespace}`; {hint}"
                ));
            };
            if let Some(what) = self.unknown_class(found) {
                return Some(format!("{kind} `{namespace}/{name}`: {what}"));
            }
        }
        None
    }

    /// A class that a claim or a template names and that is not there, in words.
    pub fn unknown_class(&self, claim: &ResourceClaim) -> Option<String> {
        let mut named = claim.requests.iter().enumerate().flat_map(|(index, own)| {
            let field = format!("spec.devices.requests[{index}]");
            match &own.devices {
                RequestedDevices::Exactly(own) => {
                    vec![(format!("{field}.exactly.deviceClassName"), &own.class)]
                }
                RequestedDevices::FirstAvailable(all) => {
                    let all = all.iter().enumerate().map(|(place, (_, own))| {
                        let field = format!("{field}.firstAvailable[{place}].deviceClassName");
                        (field, &own.class)
                    });
                    all.collect()
                }
            }
        });
        let (field, class) = named.find(|(_, class)| !self.classes.contains_key(*class))?;
        let hint = hint(class, self.classes.keys().map(|own| &**own));
        Some(format!(
            "{field}: no file declares the DeviceClass `{class}`; {hint}"
        ))
    }

    /// The claims of a pod, in its order.
    ///
    /// # Errors
    /// One of them is not there.
    pub fn of_pod<'a>(
        &'a self,
        namespace: &Text,
        pod: &str,
        id: PodId,
        claims: &'a PodClaims,
    ) -> Result<Vec<&'a Arc<ResourceClaim>>, MissingClaim<'a>> {
        let find = |own: &'a PodClaim| match &own.source {
            ClaimSource::Named(name) => {
                let key = (namespace.clone(), name.clone());
                self.claims.get(&key).ok_or(MissingClaim::Named(name))
            }
            ClaimSource::Template(_) => {
                let made = self.made_for(namespace, pod, id, &own.name);
                made.ok_or(MissingClaim::Unmade(own))
            }
        };
        claims.0.iter().map(find).collect()
    }

    /// The claim that was made for an entry of a pod.
    pub fn made_for(
        &self,
        namespace: &Text,
        pod: &str,
        id: PodId,
        entry: &Text,
    ) -> Option<&Arc<ResourceClaim>> {
        let keys = self
            .made
            .get(&(namespace.clone(), pod.into(), entry.clone()))?;
        let mut claims = keys.iter().filter_map(|key| self.claims.get(key));
        claims.find(|claim| {
            let made_for = claim.made_for.as_ref();
            made_for.is_some_and(|made_for| made_for.pod.is(pod, id))
        })
    }

    /// The claim to be made for an entry of a pod; `None` if it names a claim, or a template that is
    /// not there.
    pub fn to_be_made(
        &self,
        namespace: &Text,
        pod: &Text,
        id: PodId,
        entry: &PodClaim,
    ) -> Option<ResourceClaim> {
        let ClaimSource::Template(template) = &entry.source else {
            return None;
        };
        let template = self.templates.get(&(namespace.clone(), template.clone()))?;
        Some(ResourceClaim {
            namespace: namespace.clone(),
            name: format!("{pod}-{}-{}", entry.name, suffix(id, &entry.name)).into(),
            made_for: Some(ClaimOwner {
                pod: Consumer {
                    name: pod.clone(),
                    id: Some(id),
                },
                entry: entry.name.clone(),
            }),
            allocation: None,
            reserved_for: Vec::new(),
            ..template.clone()
        })
    }

    /// Keeps devices for a claim until its pod is bound.
    pub fn begin(&mut self, key: ClaimKey, own: InFlight) {
        self.end(&key);
        hold(&mut self.held, own.allocation.held());
        self.in_flight.insert(key, own);
    }

    /// The devices that are kept for a claim whose pod is not bound yet.
    pub fn in_flight(&self, key: &ClaimKey) -> Option<&InFlight> {
        self.in_flight.get(key)
    }

    /// Keeps devices for a claim no longer.
    pub fn end(&mut self, key: &ClaimKey) -> Option<InFlight> {
        let own = self.in_flight.remove(key)?;
        release(&mut self.held, own.allocation.held());
        Some(own)
    }

    /// Keeps devices for the claims of a pod no longer.
    pub fn end_for(&mut self, pod: PodId) -> bool {
        let own = self.in_flight.iter().filter(|(_, own)| own.pod == pod);
        let keys: Vec<ClaimKey> = own.map(|(key, _)| key.clone()).collect();
        for key in &keys {
            self.end(key);
        }
        !keys.is_empty()
    }

    /// The devices that claims keep from others.
    pub fn held(&self) -> impl Iterator<Item = &DeviceId> {
        self.held.keys()
    }

    /// Whether a claim keeps a device from others.
    pub fn is_held(&self, device: &DeviceId) -> bool {
        self.held.contains_key(device)
    }
}

fn made_key(claim: &ResourceClaim) -> Option<(Text, Text, Text)> {
    let made_for = claim.made_for.as_ref()?;
    let (pod, entry) = (&made_for.pod.name, &made_for.entry);
    Some((claim.namespace.clone(), pod.clone(), entry.clone()))
}

fn hold<'d>(held: &mut SortedMap<DeviceId, u32>, devices: impl Iterator<Item = &'d DeviceId>) {
    for device in devices {
        *held.entry(device.clone()).or_insert(0) += 1;
    }
}

fn release<'d>(held: &mut SortedMap<DeviceId, u32>, devices: impl Iterator<Item = &'d DeviceId>) {
    for device in devices {
        if let Some(count) = held.get_mut(device) {
            *count -= 1;
            if *count == 0 {
                held.remove(device);
            }
        }
    }
}

/// Letters of the ends of names that the API server makes.
const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";

/// End of the name of a claim that is made for a pod: five letters, drawn from the pod's identity.
fn suffix(id: PodId, entry: &str) -> String {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64 ^ id.index() as u64;
    for &byte in entry.as_bytes() {
        state = (state ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    let mut letters = String::with_capacity(5);
    for _ in 0..5 {
        state = state
            .wrapping_mul(0x5851_f42d_4c95_7f2d)
            .wrapping_add(0x1405_7b7e_f767_814f);
        let letter = LETTERS[(state >> 33) as usize % LETTERS.len()];
        letters.push(char::from(letter));
    }
    letters
}

#[cfg(test)]
mod tests {
    use super::super::AllocatedDevice;
    use super::*;

    fn id(device: &str) -> DeviceId {
        DeviceId {
            driver: "d".into(),
            pool: "p".into(),
            device: device.into(),
        }
    }

    fn allocation(device: &str) -> Allocation {
        Allocation {
            devices: vec![AllocatedDevice {
                request: "r".into(),
                id: id(device),
                admin_access: false,
            }],
            nodes: None,
        }
    }

    #[test]
    fn devices_are_held_as_long_as_a_claim_has_them() {
        let mut objects = DeviceObjects::default();
        let claim = |allocation| {
            Arc::new(ResourceClaim {
                namespace: "n".into(),
                name: "c".into(),
                allocation,
                ..ResourceClaim::default()
            })
        };
        let key = ("n".into(), "c".into());
        objects.put(claim(None));
        let pod = PodId::from_index(7);
        objects.begin(
            ("n".into(), "c".into()),
            InFlight {
                allocation: allocation("a"),
                pod,
            },
        );
        assert!(objects.is_held(&id("a")));
        // The store has it now: it is held once more, and no less once the pod is bound.
        objects.put(claim(Some(allocation("a"))));
        assert!(objects.end_for(pod) && objects.is_held(&id("a")));
        objects.put(claim(Some(allocation("b"))));
        assert!(!objects.is_held(&id("a")) && objects.is_held(&id("b")));
        objects.remove(&key);
        assert_eq!(objects.held().count(), 0);
    }

    #[test]
    fn a_claim_is_made_for_each_pod_that_names_a_template() {
        let mut objects = DeviceObjects::default();
        let template = ResourceClaim {
            namespace: "n".into(),
            name: "t".into(),
            ..ResourceClaim::default()
        };
        Arc::make_mut(&mut objects.templates).insert(("n".into(), "t".into()), template);
        let claims = PodClaims(vec![PodClaim {
            name: "gpu".into(),
            source: ClaimSource::Template("t".into()),
        }]);
        let (namespace, pod) = (Text::from("n"), Text::from("web-0"));
        let (old, new) = (PodId::from_index(1), PodId::from_index(2));
        let missing = objects.of_pod(&namespace, &pod, old, &claims);
        assert_eq!(missing, Err(MissingClaim::Unmade(&claims.0[0])));
        let made = objects.to_be_made(&namespace, &pod, old, &claims.0[0]);
        objects.put(Arc::new(made.expect("the template is there")));
        let found = objects.of_pod(&namespace, &pod, old, &claims);
        assert_eq!(found.map(|found| found.len()), Ok(1));
        // A later pod of the name has a claim of its own.
        assert!(objects.of_pod(&namespace, &pod, new, &claims).is_err());
    }
}
