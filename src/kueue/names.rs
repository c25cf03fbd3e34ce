//! Dense numbers for the names of flavors and resources.

use model::Text;
use units::{Quantity, SortedMap};

/// A flavor, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Flavor(pub usize);

/// A resource, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Resource(pub usize);

/// A resource of a flavor, by number: what quota is given for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FlavorResource(pub usize);

/// Name of the resource that counts pods.
pub const PODS: &str = "pods";

/// Names of flavors and resources.
#[derive(Clone, Debug, Default)]
pub struct Names {
    flavors: Vec<Text>,
    flavor_of: SortedMap<Text, Flavor>,
    resources: Vec<Text>,
    hashes: Vec<u64>,
    resource_of: SortedMap<Text, Resource>,
    pairs: Vec<(Flavor, Resource)>,
    pair_of: SortedMap<(Flavor, Resource), FlavorResource>,
}

impl Names {
    /// The number of a flavor.
    pub fn flavor(&mut self, name: &str) -> Flavor {
        if let Some(known) = self.flavor_of.get(name) {
            return *known;
        }
        let flavor = Flavor(self.flavors.len());
        self.flavors.push(name.into());
        self.flavor_of.insert(name.into(), flavor);
        flavor
    }

    /// The number of a resource.
    pub fn resource(&mut self, name: &str) -> Resource {
        if let Some(known) = self.resource_of.get(name) {
            return *known;
        }
        let resource = Resource(self.resources.len());
        self.resources.push(name.into());
        self.hashes.push(fnv1a(name));
        self.resource_of.insert(name.into(), resource);
        resource
    }

    /// The number of a resource of a flavor.
    pub fn pair(&mut self, flavor: Flavor, resource: Resource) -> FlavorResource {
        if let Some(known) = self.pair_of.get(&(flavor, resource)) {
            return *known;
        }
        let pair = FlavorResource(self.pairs.len());
        self.pairs.push((flavor, resource));
        self.pair_of.insert((flavor, resource), pair);
        pair
    }

    /// The number of a resource of a flavor, if it was met before.
    pub fn known_pair(&self, flavor: Flavor, resource: Resource) -> Option<FlavorResource> {
        self.pair_of.get(&(flavor, resource)).copied()
    }

    /// The number of a resource, if it was met before.
    pub fn known_resource(&self, name: &str) -> Option<Resource> {
        self.resource_of.get(name).copied()
    }

    /// The number of a flavor, if it was met before.
    pub fn known_flavor(&self, name: &str) -> Option<Flavor> {
        self.flavor_of.get(name).copied()
    }

    /// The name of a flavor.
    pub fn flavor_name(&self, flavor: Flavor) -> &Text {
        &self.flavors[flavor.0]
    }

    /// The name of a resource.
    pub fn resource_name(&self, resource: Resource) -> &Text {
        &self.resources[resource.0]
    }

    /// The flavor and the resource of a pair.
    pub fn split(&self, pair: FlavorResource) -> (Flavor, Resource) {
        self.pairs[pair.0]
    }

    /// Pairs met so far, in order of number.
    pub fn pairs(&self) -> impl Iterator<Item = (FlavorResource, Flavor, Resource)> {
        let pairs = self.pairs.iter().enumerate();
        pairs.map(|(place, (flavor, resource))| (FlavorResource(place), *flavor, *resource))
    }

    /// Number of pairs met so far.
    pub fn pair_count(&self) -> usize {
        self.pairs.len()
    }

    /// Number of resources met so far.
    pub fn resource_count(&self) -> usize {
        self.resources.len()
    }

    /// The order in which the resources of a request are visited: that of the hashes of their names
    /// (spec: batch-on-kubernetes.md 1.5).
    pub fn visiting_key(&self, resource: Resource) -> u64 {
        self.hashes[resource.0]
    }

    /// An amount of a resource as quotas count it: CPU in milli, all else in whole units, rounded up;
    /// what is too large is without limit.
    pub fn amount(name: &str, quantity: Quantity) -> i64 {
        let amount = if name == "cpu" {
            quantity.milli_ceil()
        } else {
            quantity.units_ceil()
        };
        amount.unwrap_or(i64::MAX)
    }

    /// The quantity that an amount of a resource stands for.
    pub fn quantity(name: &str, amount: i64) -> Quantity {
        if name == "cpu" {
            Quantity::from_milli(amount)
        } else {
            Quantity::from_units(amount)
        }
    }

    /// An amount as a quantity, in the words of messages.
    pub fn words(&self, resource: Resource, amount: i64) -> String {
        let name = self.resource_name(resource);
        let family = match &**name {
            "memory" | "ephemeral-storage" => units::quantity::SuffixFamily::Binary,
            _ if name.starts_with("hugepages-") => units::quantity::SuffixFamily::Binary,
            _ => units::quantity::SuffixFamily::Decimal,
        };
        let quantity = Self::quantity(name, amount);
        if &**name == "cpu" {
            quantity.to_string()
        } else {
            quantity.with_family(family).to_string()
        }
    }
}

/// The 64-bit FNV-1a hash of a name.
fn fnv1a(name: &str) -> u64 {
    let start: u64 = 14_695_981_039_346_656_037;
    name.bytes().fold(start, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(1_099_511_628_211)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_resources_are_visited_in_the_order_of_the_specification() {
        let mut names = Names::default();
        let expected = [
            "ephemeral-storage",
            "amd.com/gpu",
            "memory",
            "nvidia.com/gpu",
            "pods",
            "example.com/gpu",
            "hugepages-2Mi",
            "google.com/tpu",
            "cpu",
        ];
        let mut resources: Vec<Resource> = expected
            .iter()
            .rev()
            .map(|name| names.resource(name))
            .collect();
        resources.sort_by_key(|resource| names.visiting_key(*resource));
        let visited: Vec<&str> = resources
            .iter()
            .map(|resource| &**names.resource_name(*resource))
            .collect();
        assert_eq!(visited, expected);
    }
}
