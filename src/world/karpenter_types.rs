//! Instance types as Karpenter's own simulated provider has them (`instance_types.json` of
//! kubernetes-sigs/karpenter, `kwok`): a list of objects with `name`, `offerings`, `architecture`,
//! `operatingSystems` and `resources`. Prices are in the currency of the experiment; names of
//! fields of offerings are those of any of its releases.

use serde::Deserialize;

use intake::Input;
use model::gpu::MAX_DEVICES;
use model::node::{ARCH_LABEL, CAPACITY_LABEL, OS_LABEL, SPOT, USUAL_OS, ZONE_LABEL};
use model::resource_list::{CPU, MEMORY};
use model::{GpuInventory, Node, ResourceList};
use scenario::schema::Reserved;
use units::{Quantity, SortedMap};

use super::BuildError;
use super::instance_type::{GPU_RESOURCE, InstanceType, less};
use super::price_list::Price;

/// Most millionths an hour: as of lists of prices.
const PRICE_MAX: f64 = 1e15;

#[derive(Deserialize)]
struct Written {
    name: String,
    #[serde(default)]
    offerings: Vec<Offered>,
    #[serde(default)]
    architecture: String,
    #[serde(default, rename = "operatingSystems")]
    systems: Systems,
    resources: SortedMap<String, Quantity>,
}

#[derive(Deserialize)]
struct Offered {
    #[serde(default, rename = "capacityType", alias = "CapacityType")]
    capacity_type: String,
    #[serde(default, alias = "Zone")]
    zone: String,
    #[serde(alias = "Price")]
    price: f64,
    #[serde(default = "yes", alias = "Available")]
    available: bool,
    #[serde(default, rename = "requirements", alias = "Requirements")]
    requirements: Vec<Required>,
}

#[derive(Deserialize)]
struct Required {
    key: String,
    #[serde(default)]
    values: Vec<String>,
}

/// Operating systems, as a list or as the keys of a map.
#[derive(Deserialize)]
#[serde(untagged)]
enum Systems {
    Listed(Vec<String>),
    Named(SortedMap<String, serde_json::Value>),
}

impl Default for Systems {
    fn default() -> Self {
        Self::Listed(Vec::new())
    }
}

const fn yes() -> bool {
    true
}

impl Offered {
    fn required(&self, key: &str) -> Option<&str> {
        let own = self.requirements.iter().find(|own| own.key == key)?;
        own.values.first().map(String::as_str)
    }

    fn is_spot(&self) -> bool {
        let required = self.required(CAPACITY_LABEL);
        required.unwrap_or(&self.capacity_type) == SPOT
    }

    fn zone(&self) -> Option<String> {
        let own = (!self.zone.is_empty()).then_some(&*self.zone);
        let own = self.required(ZONE_LABEL).or(own);
        own.map(ToOwned::to_owned)
    }
}

/// The instance types of a file.
pub(super) fn read(
    input: &Input,
    list: &str,
    reserved: &Reserved,
) -> Result<SortedMap<String, InstanceType>, BuildError> {
    let wrong = |what: String| BuildError::Experiment(format!("{list}: {what}"));
    let parsed = serde_json::from_reader::<_, Vec<Written>>(input.open()?);
    let written =
        parsed.map_err(|why| wrong(format!("is not a list of Karpenter instance types: {why}")))?;
    let mut types = SortedMap::new();
    for own in written {
        let name = own.name.clone();
        let known =
            instance_type(&own, reserved).map_err(|why| wrong(format!("`{name}`: {why}")))?;
        if types.insert(name.clone(), known).is_some() {
            return Err(wrong(format!("two instance types are named `{name}`")));
        }
    }
    Ok(types)
}

fn instance_type(own: &Written, reserved: &Reserved) -> Result<InstanceType, String> {
    let mut prices: Vec<Price> = Vec::new();
    for offered in own.offerings.iter().filter(|own| own.available) {
        let micro = libm::rint(offered.price * 1e6);
        if !(0.0..=PRICE_MAX).contains(&micro) {
            let price = offered.price;
            return Err(format!(
                "price {price} is not a price; expected a number of 0 or more"
            ));
        }
        let zone = offered.zone();
        let place = prices.iter().position(|known| known.zone == zone);
        let place = place.unwrap_or_else(|| {
            prices.push(Price::of_zone(zone));
            prices.len() - 1
        });
        let price = if offered.is_spot() {
            &mut prices[place].spot
        } else {
            &mut prices[place].on_demand
        };
        if price.replace(micro as i64).is_some() {
            return Err("an offering has two prices in one zone".to_owned());
        }
    }
    let mut allocatable = ResourceList::default();
    for (resource, &amount) in &own.resources {
        if amount.is_negative() {
            return Err(format!("resources.{resource}: {amount} is below 0"));
        }
        let part = match &**resource {
            CPU => reserved.cpu,
            MEMORY => reserved.memory,
            _ => None,
        };
        allocatable.set(resource, less(amount, part));
    }
    let devices = own.resources.get(GPU_RESOURCE);
    let devices = devices.and_then(|own| u8::try_from(own.units_ceil().ok()?).ok());
    let devices = devices.filter(|own| (1..=MAX_DEVICES).contains(&usize::from(*own)));
    let mut node = Node {
        allocatable,
        gpu: devices.map(|devices| GpuInventory {
            devices,
            model: "".into(),
        }),
        ..Node::default()
    };
    let system = match &own.systems {
        Systems::Listed(names) => names.first(),
        Systems::Named(names) => names.keys().next(),
    };
    let system = system.map_or(USUAL_OS, |own| own);
    node.labels.insert(OS_LABEL.into(), system.into());
    if !own.architecture.is_empty() {
        node.labels
            .insert(ARCH_LABEL.into(), own.architecture.as_str().into());
    }
    Ok(InstanceType { node, prices })
}
