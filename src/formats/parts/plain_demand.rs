//! Demands of amounts alone, which are those of most rows: the class of one is found by its amounts, so that a spec is made
//! once a kind and not once a row.

use crate::parts::requests::{requests, whole_gpus};
use crate::prelude::*;
use arrivals::spill::{Flat, FlatLinks};
use model::GpuRequest;
use model::gpu::DEVICE_MILLI;

/// The bits of the number of classes that are found by their amounts.
const PLACE_BITS: u32 = 10;

/// A demand of pods whose spec is amounts alone, by the texts of its row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PlainDemand<'row> {
    pub(crate) submit: Instant,
    pub(crate) name: FlatName<'row>,
    /// UTF-8; empty is one for all.
    pub(crate) tenant: &'row [u8],
    pub(crate) amounts: Amounts<'row>,
    /// The gang size.
    pub(crate) members: u32,
    pub(crate) run_time: Option<Duration>,
    pub(crate) time_limit: Option<Duration>,
    pub(crate) historic_start: Option<Instant>,
    pub(crate) links: Option<FlatLinks<'row>>,
}

impl<'row> PlainDemand<'row> {
    /// The demand as an arrival of a class and a tenant.
    pub(crate) fn arrival(&self, origin: Origin, class: u32, tenant: u32) -> Flat<'row> {
        Flat {
            submit: self.submit,
            name: self.name,
            class,
            members: self.members.max(1),
            tenant,
            run_time: self.run_time,
            time_limit: self.time_limit,
            historic_start: self.historic_start,
            links: self.links,
            part: 0,
            origin,
        }
    }
}

impl Default for PlainDemand<'_> {
    fn default() -> Self {
        Self {
            submit: Instant::ZERO,
            name: FlatName::Job(0),
            tenant: b"",
            amounts: Amounts::default(),
            members: 1,
            run_time: None,
            time_limit: None,
            historic_start: None,
            links: None,
        }
    }
}

/// The amounts that a pod requests, and what else most rows state of one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Amounts<'row> {
    /// 1/1000 cores.
    pub(crate) cpu_milli: Option<i64>,
    /// Bytes.
    pub(crate) memory: Option<i64>,
    /// 1/1000 device: a share of one, or whole ones.
    pub(crate) gpu_milli: i64,
    /// The model of the devices; empty is any.
    pub(crate) model: &'row str,
    pub(crate) priority: i32,
    /// The outcome, where the options ask for it.
    pub(crate) outcome: Option<Outcome>,
    /// Whether the pods of a job stand on a node of their own each.
    pub(crate) is_one_per_node: bool,
}

impl Amounts<'_> {
    /// The amounts of 1/1000 cores and bytes alone.
    pub(crate) const fn of(cpu_milli: i64, memory: i64) -> Self {
        Self {
            cpu_milli: Some(cpu_milli),
            memory: Some(memory),
            gpu_milli: 0,
            model: "",
            priority: 0,
            outcome: None,
            is_one_per_node: false,
        }
    }

    /// The amounts of the same devices of any model.
    const fn unnamed(&self) -> Amounts<'static> {
        let Self {
            cpu_milli,
            memory,
            gpu_milli,
            model: _,
            priority,
            outcome,
            is_one_per_node,
        } = *self;
        Amounts {
            cpu_milli,
            memory,
            gpu_milli,
            model: "",
            priority,
            outcome,
            is_one_per_node,
        }
    }

    /// The place of a class with these amounts.
    fn place(&self) -> usize {
        const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
        let number = |amount: Option<i64>| amount.unwrap_or(-1) as u64;
        let others = (self.gpu_milli as u64) << 8 ^ self.model.len() as u64;
        let others = others ^ (self.priority as u64) << 32;
        [number(self.cpu_milli), number(self.memory), others]
            .into_iter()
            .fold(0, |mixed: u64, word| {
                (mixed ^ word).wrapping_mul(ODD).rotate_left(23)
            })
            .wrapping_mul(ODD) as usize
            >> (u64::BITS - PLACE_BITS)
    }

    /// The request of devices.
    fn gpus(&self) -> GpuRequest {
        let devices = self.gpu_milli / i64::from(DEVICE_MILLI);
        if devices == 0 && self.gpu_milli > 0 {
            return GpuRequest {
                milli_per_device: self.gpu_milli as u16,
                ..whole_gpus(1, self.model)
            };
        }
        whole_gpus(devices, self.model)
    }

    /// The spec of a pod with these amounts.
    pub(crate) fn spec(&self) -> PodSpec {
        let mut labels = Labels::new();
        Outcome::state(self.outcome, &mut labels);
        if self.is_one_per_node {
            state_one_per_node(&mut labels);
        }
        PodSpec {
            priority: self.priority,
            gpu: self.gpus(),
            labels,
            ..PodSpec::with_requests(requests(self.cpu_milli, self.memory))
        }
    }
}

/// Classes of amounts that were met, each at a place by these; another of the same place takes it.
#[derive(Debug)]
pub(crate) struct KnownAmounts(Vec<Option<Known>>);

/// A class that was found by its amounts.
#[derive(Debug)]
struct Known {
    /// The amounts without the model.
    amounts: Amounts<'static>,
    model: Text,
    class: u32,
}

impl Default for KnownAmounts {
    fn default() -> Self {
        Self((0..1 << PLACE_BITS).map(|_| None).collect())
    }
}

impl KnownAmounts {
    /// The class of a pod with these amounts; that of its spec is asked for if they were not met before.
    pub(crate) fn class_of(
        &mut self,
        amounts: &Amounts<'_>,
        class_of: impl FnOnce(PodSpec) -> u32,
    ) -> u32 {
        let unnamed = amounts.unnamed();
        let place = &mut self.0[amounts.place()];
        if let Some(known) = place
            && known.amounts == unnamed
            && *known.model == *amounts.model
        {
            return known.class;
        }
        let class = class_of(amounts.spec());
        *place = Some(Known {
            amounts: unnamed,
            model: amounts.model.into(),
            class,
        });
        class
    }
}

/// The 1/1000 devices of whole ones.
pub(crate) const fn milli_of_gpus(devices: i64) -> i64 {
    devices * DEVICE_MILLI as i64
}

/// A demand of GPUs, each of a pod of its own and of any model.
pub(crate) fn one_gpu_each<'row>(gpus: i64) -> PlainDemand<'row> {
    PlainDemand {
        members: gpus as u32,
        amounts: Amounts {
            gpu_milli: milli_of_gpus(1),
            ..Amounts::default()
        },
        ..PlainDemand::default()
    }
}
