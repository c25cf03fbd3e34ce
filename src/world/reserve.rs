//! Reserves of nodes in managed clouds, and the pods that they take: by the published formulas, for instance types
//! of which a cluster has no node to measure.
//!
//! Sources: EKS keeps 255 MiB and 11 MiB for each pod that fits, 100 MiB before evictions, and a part of each core
//! (`awslabs/amazon-eks-ami`, `nodeadm/internal/kubelet`); its pods are bounded by the addresses of the network
//! interfaces (`eni-max-pods.txt` there). GKE: "Plan node sizes" of its documentation. AKS from 1.29: "Node resource
//! reservations" of its documentation.

use model::node::{INSTANCE_TYPE_LABEL, label_of};
use model::resource_list::{CPU, MEMORY, PODS};
use model::{Node, ResourceList};
use units::Quantity;
use units::nearest::hint;

use super::catalogue::matches;
pub use super::instance_labels::Cloud;
use super::instance_labels::{CLOUDS, cloud_of};
use super::instance_type::less;
use super::offers::Offer;

/// Bytes of a mebibyte.
const MEBI: i64 = 1 << 20;

/// Part of the amounts of an instance type that a node keeps.
#[derive(Clone, Debug, PartialEq)]
pub enum Reserve {
    /// Nothing.
    Nothing,
    /// Amounts that are alike for every type.
    Amounts(ResourceList),
    /// By the formulas of a cloud.
    Of(Cloud),
}

impl Cloud {
    /// CPU that a node keeps, in nanocores, of whole cores.
    fn cpu(self, instance_type: &str, cores: i64) -> i128 {
        // Shared cores of GKE have one whole core less than they show.
        const SHARED: [&str; 3] = ["e2-micro", "e2-small", "e2-medium"];
        if self == Self::Gke && SHARED.contains(&instance_type) {
            return 1_060_000_000;
        }
        // Millionths of a core of the first, the second, the third and fourth, and each further one.
        let [first, second, third, further] = match self {
            Self::Eks | Self::Gke => [60_000, 10_000, 5_000, 2_500],
            Self::Aks => [60_000, 40_000, 20_000, 10_000],
        };
        let kept = (1..=cores).map(|core| match core {
            1 => first,
            2 => second,
            3 | 4 => third,
            _ => further,
        });
        i128::from(kept.sum::<i64>()) * 1_000
    }

    /// Memory that a node keeps, in bytes, with what it holds back before it evicts.
    fn memory(self, bytes: i64, pods: i64) -> i64 {
        let kept = match self {
            Self::Eks => (255 + 11 * pods) * MEBI,
            Self::Gke if bytes < 1024 * MEBI => 255 * MEBI,
            Self::Gke => {
                // Percent of the first 4 GiB, the next 4, the next 8, the next 112, and the rest.
                let steps = [(4, 25), (4, 20), (8, 10), (112, 6), (i64::MAX >> 30, 2)];
                let mut rest = bytes;
                let parts = steps.map(|(gibi, percent)| {
                    let part = rest.min(gibi * 1024 * MEBI);
                    rest -= part;
                    part * percent / 100
                });
                parts.iter().sum()
            }
            Self::Aks => ((20 * pods + 50) * MEBI).min(bytes / 4),
        };
        kept + 100 * MEBI
    }
}

impl Reserve {
    /// Reads a name of a cloud, `none`, or amounts such as `cpu=80m,memory=1Gi`.
    ///
    /// # Errors
    /// If it is none of these; the message says what is.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text == "none" {
            return Ok(Self::Nothing);
        }
        if let Some((_, _, cloud)) = CLOUDS.iter().find(|(name, _, _)| *name == text) {
            return Ok(Self::Of(*cloud));
        }
        let mut amounts = ResourceList::default();
        for part in text.split(',') {
            let Some((name, amount)) = part.split_once('=') else {
                let known = CLOUDS.iter().map(|(name, _, _)| *name).chain(["none"]);
                return Err(format!(
                    "`{part}` is neither a cloud nor RESOURCE=AMOUNT; expected `eks`, `gke`, `aks`, `none` or amounts such as \
                     `cpu=80m,memory=1Gi`; {}",
                    hint(part, known)
                ));
            };
            if ![CPU, MEMORY].contains(&name) {
                return Err(format!(
                    "`{name}`: expected `cpu` or `memory`; pods are a column `max_pods` of the price list"
                ));
            }
            let parsed = amount.parse::<Quantity>().ok();
            let Some(parsed) = parsed.filter(|own| !own.is_negative()) else {
                return Err(format!(
                    "`{part}`: `{amount}` is not an amount of 0 or more"
                ));
            };
            if amounts.stated(name).is_some() {
                return Err(format!("`{name}` is given twice"));
            }
            amounts.set(name, parsed);
        }
        Ok(Self::Amounts(amounts))
    }

    /// Reserve that the nodes of a cluster show: by the formulas of the cloud whose instance types it has, if a node of
    /// such a type offers a part of a core less than whole ones, as all nodes that keep something do.
    pub fn seen<'n>(nodes: impl Iterator<Item = &'n Node>) -> Self {
        let kept = nodes.filter_map(|node| {
            let cloud = cloud_of(label_of(&node.labels, INSTANCE_TYPE_LABEL)?)?;
            (!has_whole_cores(node)).then_some(cloud)
        });
        kept.into_iter().next().map_or(Self::Nothing, Self::Of)
    }

    /// Takes what is kept from the amounts of an offer, and bounds its pods where its list doesn't.
    pub fn keep(&self, offer: &mut Offer) {
        let has_whole_cores = has_whole_cores(&offer.node);
        let own = &mut offer.node.allocatable;
        let (cpu, memory) = match self {
            Self::Nothing => return,
            // A list that states parts of cores states what is left of them.
            Self::Of(_) if !has_whole_cores => return,
            Self::Amounts(amounts) => (amounts.get(CPU), amounts.get(MEMORY)),
            Self::Of(cloud) => {
                if let (false, Cloud::Eks, Some(pods)) =
                    (offer.states_pods, cloud, pods_by_interfaces(&offer.name))
                {
                    own.set(PODS, Quantity::from_units(pods));
                }
                let whole = |resource| own.get(resource).units_ceil().unwrap_or(i64::MAX);
                let cpu = cloud.cpu(&offer.name, whole(CPU).min(1 << 20));
                let memory = cloud.memory(whole(MEMORY).min(1 << 50), whole(PODS).min(1 << 20));
                (Quantity::from_nanos(cpu), Quantity::from_units(memory))
            }
        };
        own.set(CPU, less(own.get(CPU), Some(cpu)));
        own.set(MEMORY, less(own.get(MEMORY), Some(memory)));
    }
}

/// Whether a node offers cores that nothing is taken from.
fn has_whole_cores(node: &Node) -> bool {
    node.allocatable.get(CPU).nanos() % 1_000_000_000 == 0
}

/// Pods that the sizes of families take whose interfaces differ from those of their size: families, with `*` for
/// any text, and pairs of a size and its pods; the first row that has a type counts.
const ODD: &[(&str, &str)] = &[
    ("t3a", "small 8 nano 4 micro 4 medium 17 large 35"),
    ("t2", "xlarge 44 2xlarge 44"),
    ("t2 t3 t4g", "nano 4 micro 4 small 11 medium 17 large 35"),
    ("m4", "large 20 16xlarge 234"),
    ("m1 m3 c1", "small 8 medium 12"),
    ("m2 m3", "2xlarge 118"),
    (
        "g4dn",
        "xlarge 29 2xlarge 29 4xlarge 29 8xlarge 58 16xlarge 58",
    ),
    (
        "g4ad",
        "xlarge 8 2xlarge 8 4xlarge 29 8xlarge 58 16xlarge 234",
    ),
    ("g5", "12xlarge 737 16xlarge 234 48xlarge 345"),
    ("g6e", "12xlarge 292 24xlarge 492 48xlarge 492"),
    ("g6f", "large 20"),
    ("p3", "16xlarge 234"),
    ("p5", "4xlarge 118"),
    ("p5en p6-*", "48xlarge 198"),
    ("p5*", "48xlarge 100"),
    ("inf1", "xlarge 38 2xlarge 38 24xlarge 321"),
    ("f1 h1", "16xlarge 394"),
    ("i4i", "24xlarge 437"),
    ("i7ie", "12xlarge 394"),
    ("*6in *6idn", "32xlarge 394 metal 394"),
    ("m5zn z1d", "3xlarge 234 12xlarge 737"),
    ("d3 d3en", "xlarge 10 2xlarge 18 4xlarge 38 6xlarge 58"),
    ("d3", "8xlarge 59"),
    ("d3en", "8xlarge 78 12xlarge 89"),
    (
        "c8i* m8i* r8i*",
        "large 59 xlarge 118 2xlarge 118 4xlarge 394 8xlarge 492 12xlarge 590 16xlarge 1010 24xlarge 1010 32xlarge 1514 48xlarge 1514 96xlarge 1514 metal-48xl 1514 metal-96xl 1514",
    ),
    (
        "c8a m8a r8a",
        "large 59 xlarge 78 2xlarge 158 4xlarge 314 8xlarge 392 12xlarge 758 16xlarge 1010 24xlarge 1010 48xlarge 1514 metal-24xl 1010 metal-48xl 1514",
    ),
    (
        "*8gn *8gb",
        "8xlarge 292 12xlarge 350 16xlarge 786 24xlarge 1178 48xlarge 590 metal-24xl 1178 metal-48xl 590",
    ),
    (
        "i8ge",
        "3xlarge 176 6xlarge 292 12xlarge 350 18xlarge 786 24xlarge 786 48xlarge 1178",
    ),
];

/// Pods that the sizes of all other families take.
const USUAL: &str = "medium 8 large 29 xlarge 58 2xlarge 58 3xlarge 58 4xlarge 234 6xlarge 234 8xlarge 234 9xlarge 234 10xlarge 234 12xlarge 234 16xlarge 737 18xlarge 737 24xlarge 737 32xlarge 737 48xlarge 737 metal 737 metal-24xl 737 metal-48xl 737";

/// Pods for which the network interfaces of an EC2 instance type have addresses.
fn pods_by_interfaces(instance_type: &str) -> Option<i64> {
    let (family, size) = instance_type.split_once('.')?;
    let of = |sizes: &str| {
        let mut words = sizes.split(' ');
        words.find(|name| *name == size)?;
        words.next()?.parse().ok()
    };
    let is_own = |families: &str| families.split(' ').any(|own| matches(own, family));
    let mut odd = ODD.iter().filter(|(families, _)| is_own(families));
    odd.find_map(|(_, sizes)| of(sizes)).or_else(|| of(USUAL))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer(name: &str, cores: i64, gibi: i64) -> Offer {
        let mut node = Node::default();
        node.allocatable.set(CPU, Quantity::from_units(cores));
        node.allocatable
            .set(MEMORY, Quantity::from_units(gibi * 1024 * MEBI));
        node.allocatable.set(PODS, Quantity::from_units(110));
        Offer {
            prices: Vec::new(),
            name: name.to_owned(),
            node,
            price: 1,
            spot: None,
            states_pods: false,
        }
    }

    #[test]
    fn clouds_keep_what_their_formulas_say() {
        // Allocatable milli-cores and mebibytes, and pods: EKS and GKE as their documents work out, AKS by its
        // example of 30 pods and its table.
        for (name, cores, gibi, cloud, cpu, kept, pods) in [
            ("m6i.large", 2, 8, Cloud::Eks, 1930, 255 + 11 * 29 + 100, 29),
            (
                "m6i.xlarge",
                4,
                16,
                Cloud::Eks,
                3920,
                255 + 11 * 58 + 100,
                58,
            ),
            (
                "c5.4xlarge",
                16,
                32,
                Cloud::Eks,
                15_890,
                255 + 11 * 234 + 100,
                234,
            ),
            ("e2-standard-4", 4, 16, Cloud::Gke, 3920, 2662 + 100, 110),
            ("e2-medium", 2, 4, Cloud::Gke, 940, 1024 + 100, 110),
            (
                "n2-highmem-16",
                16,
                128,
                Cloud::Gke,
                15_890,
                9543 + 100,
                110,
            ),
            (
                "Standard_D4s_v5",
                4,
                16,
                Cloud::Aks,
                3860,
                20 * 110 + 50 + 100,
                110,
            ),
            ("Standard_B2s", 2, 4, Cloud::Aks, 1900, 1024 + 100, 110),
        ] {
            let mut own = offer(name, cores, gibi);
            Reserve::Of(cloud).keep(&mut own);
            let amounts = &own.node.allocatable;
            assert_eq!(amounts.get(CPU).milli_ceil(), Ok(cpu), "{name}");
            let memory = amounts.get(MEMORY).units_ceil().expect("bytes");
            assert_eq!((gibi * 1024 * MEBI - memory) / MEBI, kept, "{name}");
            assert_eq!(amounts.get(PODS).units_ceil(), Ok(pods), "{name}");
        }
    }

    #[test]
    fn a_list_of_allocatable_amounts_stays_as_it_is() {
        let mut own = offer("m5.2xlarge", 8, 32);
        own.node.allocatable.set(CPU, Quantity::from_milli(7910));
        let before = own.node.clone();
        Reserve::Of(Cloud::Eks).keep(&mut own);
        assert_eq!(own.node, before);
    }

    #[test]
    fn pods_of_a_list_stay_as_they_are() {
        let mut own = offer("m6i.large", 2, 8);
        own.states_pods = true;
        Reserve::Of(Cloud::Eks).keep(&mut own);
        assert_eq!(own.node.allocatable.get(PODS).units_ceil(), Ok(110));
    }

    #[test]
    fn interfaces_of_odd_families_go_before_those_of_a_size() {
        let odd = [
            ("t3.small", 11),
            ("t3a.small", 8),
            ("g4dn.xlarge", 29),
            ("m4.large", 20),
        ];
        let odd = odd
            .into_iter()
            .chain([("p5.48xlarge", 100), ("p5en.48xlarge", 198)]);
        for (name, pods) in odd.chain([
            ("c6in.32xlarge", 394),
            ("t3.2xlarge", 58),
            ("r7g.metal", 737),
        ]) {
            assert_eq!(pods_by_interfaces(name), Some(pods), "{name}");
        }
        assert_eq!(pods_by_interfaces("Standard_D4s_v5"), None);
    }

    #[test]
    fn a_cluster_whose_nodes_offer_whole_cores_keeps_nothing() {
        let node = |kind: &str, cpu: &str| {
            let mut node = offer(kind, 4, 16).node;
            node.allocatable.set(CPU, cpu.parse().expect("an amount"));
            node.labels.insert(INSTANCE_TYPE_LABEL.into(), kind.into());
            node
        };
        for (kind, cpu, expected) in [
            ("m5.xlarge", "4", Reserve::Nothing),
            ("m5.xlarge", "3920m", Reserve::Of(Cloud::Eks)),
            ("Standard_D4s_v5", "3860m", Reserve::Of(Cloud::Aks)),
            ("rack-7", "3500m", Reserve::Nothing),
        ] {
            assert_eq!(
                Reserve::seen([node(kind, cpu)].iter()),
                expected,
                "{kind} {cpu}"
            );
        }
    }

    #[test]
    fn words_of_the_option_are_read_or_explained() {
        assert_eq!(Reserve::parse("gke"), Ok(Reserve::Of(Cloud::Gke)));
        assert_eq!(Reserve::parse("none"), Ok(Reserve::Nothing));
        assert!(matches!(
            Reserve::parse("cpu=80m,memory=1Gi"),
            Ok(Reserve::Amounts(_))
        ));
        for (text, part) in [
            ("ekss", "did you mean `eks`"),
            ("cpu=-1", "not an amount of 0 or more"),
            ("pods=10", "max_pods"),
            ("cpu=1,cpu=2", "twice"),
        ] {
            let message = Reserve::parse(text).expect_err(text);
            assert!(message.contains(part), "{message}");
        }
    }
}
