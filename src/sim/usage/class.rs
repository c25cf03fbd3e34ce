//! Use of the pods of a class: curves of the pod as a whole and of its containers, and how what is the
//! pod's is divided among its containers.

use model::behaviour::ContainerUsage;
use model::resource_list::{CPU, MEMORY};
use model::usage::{Curve, Pattern, Scale};
use model::{Container, PodSpec, ResourceList, ResourceUsage, Text};
use units::{Duration, Instant};

use super::UsageOptions;
use super::row::{LiveProcess, Row};

/// The two amounts that are used.
pub(super) const SCALES: [Scale; 2] = [Scale::Cpu, Scale::Memory];

/// The use of the pods of a class.
#[derive(Clone, Debug)]
pub(super) struct Class {
    /// The use of the pod, which its parts share, by [`SCALES`].
    whole: [Option<Use>; 2],
    /// Containers in the order of their node: init containers first.
    pub(super) parts: Vec<Part>,
}

/// A use, and whether it is that of a whole workload, which its serving pods share evenly.
#[derive(Clone, Debug)]
struct Use {
    curve: Curve,
    is_shared: bool,
}

/// A container.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) name: Text,
    /// Whether it ends before the containers begin that do the pod's work.
    is_init: bool,
    /// Use stated of the container, by [`SCALES`].
    own: [Option<Use>; 2],
    /// Its share of the pod's use otherwise.
    of_whole: [Option<Share>; 2],
    /// Its share of what clients' requests cause.
    of_traffic: Option<Share>,
    cpu_limit: Option<i64>,
    memory_limit: Option<i64>,
}

/// A part of an amount: what lies between two points of its whole length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Share {
    from: i64,
    to: i64,
    all: i64,
}

impl Share {
    /// All of it.
    const ALL: Self = Self {
        from: 0,
        to: 1,
        all: 1,
    };

    fn of(self, whole: i64) -> i64 {
        if self == Self::ALL {
            return whole;
        }
        let upto = |point: i64| i128::from(whole) * i128::from(point) / i128::from(self.all);
        (upto(self.to) - upto(self.from)) as i64
    }

    /// The amount of which this share is so much.
    fn whole(self, part: i64) -> i64 {
        let own = i128::from(self.to - self.from);
        if own <= 0 {
            return i64::MAX;
        }
        let whole = (i128::from(part) * i128::from(self.all) + own - 1) / own;
        i64::try_from(whole).unwrap_or(i64::MAX)
    }
}

/// Shares by request, one for each that has a part; even ones where none requests anything.
fn shares(requests: &[Option<i64>]) -> Vec<Option<Share>> {
    let known = || requests.iter().flatten();
    let sum = known().fold(0_i64, |sum, &own| sum.saturating_add(own));
    let all = if sum > 0 { sum } else { known().count() as i64 };
    let mut from = 0_i64;
    let share = |own: &Option<i64>| {
        let own = (*own)?;
        let to = from.saturating_add(if sum > 0 { own } else { 1 });
        let share = Share { from, to, all };
        from = to;
        Some(if share.from == 0 && to == all {
            Share::ALL
        } else {
            share
        })
    };
    requests.iter().map(share).collect()
}

/// The manner in which a use is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum UsageMode {
    /// As it is at the instant.
    Instant,
    /// As it is held until the next change ([`Curve::held`]).
    Held,
}

/// The instant and the manner in which a use is read.
#[derive(Clone, Copy, Debug)]
pub(super) struct UseQuery {
    pub(super) at: Instant,
    pub(super) manner: UsageMode,
    /// Number of pods that share what is shared.
    pub(super) sharers: i64,
    /// The most that can be used.
    pub(super) most: i64,
}

impl Use {
    /// The use that a pattern gives a pod with this request. The builder of the world has made sure that
    /// every series is there.
    fn of(pattern: &Pattern, request: i64, scale: Scale, options: &UsageOptions) -> Option<Self> {
        let series = |name: &str| {
            let series = options.traces.get(name)?.iter();
            Some(series.map(|&(at, value)| (at, scale.of(value))).collect())
        };
        let (curve, is_shared) = Curve::of(pattern, request, scale, &series)?;
        Some(Self { curve, is_shared })
    }
}

impl Part {
    /// A container, with what is stated of it.
    fn of(
        container: &Container,
        is_init: bool,
        stated: Option<&ContainerUsage>,
        options: &UsageOptions,
    ) -> Self {
        let use_of = |scale: Scale| {
            let text = match scale {
                Scale::Cpu => stated?.cpu.as_ref(),
                Scale::Memory => stated?.memory.as_ref(),
            };
            let request = amount(&container.requests, scale).unwrap_or(0);
            Use::of(&pattern(text)?, request, scale, options)
        };
        Self {
            name: container.name.clone(),
            is_init,
            own: SCALES.map(use_of),
            of_whole: [None; 2],
            of_traffic: None,
            cpu_limit: amount(&container.limits, Scale::Cpu),
            memory_limit: amount(&container.limits, Scale::Memory),
        }
    }
}

/// A pattern that was checked when it was read.
fn pattern(text: Option<&Text>) -> Option<Pattern> {
    text?.parse().ok()
}

impl Class {
    /// The use of the pods of a class; `None` where nothing is known of it.
    pub(super) fn of(object: &PodSpec, options: &UsageOptions) -> Option<Self> {
        let stated = object.behaviour.as_deref();
        let whole = [
            pattern(stated.and_then(|stated| stated.cpu_usage.as_ref()))
                .or_else(|| options.cpu.clone()),
            pattern(stated.and_then(|stated| stated.memory_usage.as_ref()))
                .or_else(|| options.memory.clone()),
        ];
        let listed = stated.map_or(&[][..], |stated| &stated.container_usage);
        let per_request = (object.server.as_ref()).and_then(|server| server.cpu_per_request);
        let per_request = per_request.unwrap_or(options.cpu_per_request);
        let is_served = options.serves_traffic && per_request > Duration::ZERO;
        if whole.iter().all(Option::is_none) && listed.is_empty() && !is_served {
            return None;
        }
        let bare = Container::default();
        let mut containers = containers(object);
        if containers.is_empty() {
            containers.push((&bare, false));
        }
        let parts = containers.iter().map(|&(container, is_init)| {
            let mut listed = listed.iter();
            let stated = listed.find(|own| own.container == container.name);
            Part::of(container, is_init, stated, options)
        });
        let mut parts: Vec<Part> = parts.collect();
        let requests = |scale: Scale, has_part: &dyn Fn(usize) -> bool| -> Vec<Option<i64>> {
            let all = containers.iter().enumerate();
            all.map(|(place, (own, is_init))| {
                let request = amount(&own.requests, scale).unwrap_or(0);
                (!is_init && has_part(place)).then_some(request)
            })
            .collect()
        };
        let all = object.requests().unwrap_or_default();
        let mut known = [None, None];
        for (place, scale) in SCALES.into_iter().enumerate() {
            let is_unstated = |part: usize| parts[part].own[place].is_none();
            let unstated = requests(scale, &is_unstated);
            // A share is one of what those request that have a part.
            let request = if parts.iter().all(|part| part.own[place].is_none()) {
                amount(&all, scale).unwrap_or(0)
            } else {
                { unstated.iter().flatten() }.fold(0, |sum: i64, &own| sum.saturating_add(own))
            };
            let pattern = whole[place].as_ref();
            known[place] = pattern.and_then(|pattern| Use::of(pattern, request, scale, options));
            for (part, share) in parts.iter_mut().zip(shares(&unstated)) {
                part.of_whole[place] = share;
            }
        }
        let of_traffic = shares(&requests(Scale::Cpu, &|_| true));
        for (part, share) in parts.iter_mut().zip(of_traffic) {
            part.of_traffic = share;
        }
        Some(Self {
            whole: known,
            parts,
        })
    }

    /// Whether the use of a part is known: it is stated, or the part does the pod's work.
    fn counts(&self, place: usize) -> bool {
        let part = &self.parts[place];
        !part.is_init || part.own.iter().any(Option::is_some)
    }

    /// Places of the parts whose use is known.
    pub(super) fn places(&self) -> impl Iterator<Item = usize> {
        (0..self.parts.len()).filter(|&place| self.counts(place))
    }

    /// Whether any use changes while nothing happens.
    pub(super) fn varies(&self) -> bool {
        self.uses()
            .any(|own| !matches!(own.curve, Curve::Constant(_)))
    }

    /// Whether pods share any use.
    pub(super) fn is_shared(&self) -> bool {
        self.uses().any(|own| own.is_shared)
    }

    fn uses(&self) -> impl Iterator<Item = &Use> {
        let own = self.parts.iter().flat_map(|part| &part.own);
        own.chain(&self.whole).flatten()
    }

    /// The use stated of a part or of its pod, and its share.
    fn use_of(&self, place: usize, scale: usize) -> Option<(&Use, Share)> {
        let part = &self.parts[place];
        if let Some(own) = &part.own[scale] {
            return Some((own, Share::ALL));
        }
        Some((self.whole[scale].as_ref()?, part.of_whole[scale]?))
    }

    /// Whether the use of processors of a part is stated of itself.
    pub(super) fn is_stated(&self, place: usize) -> bool {
        self.parts[place].own[0].is_some()
    }

    /// The use of a part that is up, with nothing in its way and as far as its limit allows.
    pub(super) fn read(
        &self,
        place: usize,
        row: &Row,
        up: LiveProcess,
        query: UseQuery,
    ) -> (ResourceUsage, ResourceUsage) {
        let part = &self.parts[place];
        let limit = part.cpu_limit.unwrap_or(i64::MAX);
        let traffic = |used: i64| part.of_traffic.map_or(0, |share| share.of(used));
        let [cpu, memory] = [row.traffic.cpu_milli, row.traffic.memory_bytes].map(traffic);
        let wanted = self.value(place, 0, row, up, query);
        let left = limit.saturating_sub(cpu).max(0);
        let used = match (part.cpu_limit, query.manner) {
            (Some(_), UsageMode::Held) => {
                let query = UseQuery {
                    most: left,
                    ..query
                };
                self.value(place, 0, row, up, query)
            }
            _ => wanted.min(left),
        };
        let memory_bytes = self.value(place, 1, row, up, query);
        let memory_bytes = memory_bytes.saturating_add(memory);
        let of = |cpu_milli: i64| ResourceUsage {
            cpu_milli,
            memory_bytes,
        };
        let used = used.saturating_add(cpu).min(limit);
        (of(wanted.saturating_add(cpu)), of(used))
    }

    /// What a part uses of a scale, no more than so much.
    fn value(
        &self,
        place: usize,
        scale: usize,
        row: &Row,
        up: LiveProcess,
        query: UseQuery,
    ) -> i64 {
        let Some((own, share)) = self.use_of(place, scale) else {
            return 0;
        };
        let sharers = match (own.is_shared, row.is_serving) {
            (false, _) => 1,
            (true, false) => return 0,
            (true, true) => query.sharers.max(1),
        };
        let since = up.start_of(&own.curve);
        let value = match query.manner {
            UsageMode::Instant => own.curve.at(query.at, since),
            UsageMode::Held => {
                let most = share.whole(query.most).saturating_mul(sharers);
                own.curve.held(query.at, since, most)
            }
        };
        share.of(value / sharers).min(query.most)
    }

    /// The first instant after another one at which another value of a part may be held.
    pub(super) fn held_until(
        &self,
        place: usize,
        up: LiveProcess,
        now: Instant,
    ) -> Option<Instant> {
        let part = &self.parts[place];
        let next = |scale: usize| {
            let (own, share) = self.use_of(place, scale)?;
            let until = |most| own.curve.held_until(now, up.start_of(&own.curve), most);
            let limit = part.cpu_limit.filter(|_| scale == 0 && !own.is_shared);
            let limited = limit.and_then(|limit| until(share.whole(limit)));
            limited.into_iter().chain(until(i64::MAX)).min()
        };
        next(0).into_iter().chain(next(1)).min()
    }

    /// The curve of a part that is its own; `None` of what is shared or not stated.
    pub(super) fn curve(
        &self,
        place: usize,
        scale: Scale,
        up: LiveProcess,
    ) -> Option<ProcessCurve<'_>> {
        let (own, share) = self.use_of(place, scale as usize)?;
        (!own.is_shared).then(|| ProcessCurve {
            curve: &own.curve,
            since: up.start_of(&own.curve),
            share,
        })
    }

    /// Whether the use of a scale by a part is one that pods share.
    pub(super) fn shares(&self, place: usize, scale: Scale) -> bool {
        let own = self.use_of(place, scale as usize);
        own.is_some_and(|(own, _)| own.is_shared)
    }

    /// The limit of memory of a part.
    pub(super) fn memory_limit(&self, place: usize) -> Option<i64> {
        self.parts[place].memory_limit
    }

    /// Whether the use of processors by a pod doesn't change by itself.
    pub(super) fn is_steady(&self) -> bool {
        let own = self.parts.iter().map(|part| &part.own[0]);
        let mut uses = own.chain([&self.whole[0]]).flatten();
        uses.all(|own| matches!(own.curve, Curve::Constant(_)))
    }
}

/// A curve that is a process's own, or its share of its pod's.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct ProcessCurve<'a> {
    pub(in super::super) curve: &'a Curve,
    since: Instant,
    share: Share,
}

impl ProcessCurve<'_> {
    /// The value at an instant.
    pub(in super::super) fn at(&self, now: Instant) -> i64 {
        self.share.of(self.curve.at(now, self.since))
    }

    /// The first instant from `now` on at which the value is `level` or more ([`Curve::reaches`]).
    pub(in super::super) fn reaches(&self, level: i64, now: Instant) -> Option<Instant> {
        let level = self.share.whole(level);
        self.curve.reaches(level, now, self.since)
    }

    /// The instant of the next step ([`Curve::next_step`]).
    pub(in super::super) fn next_step(&self, now: Instant) -> Option<Instant> {
        self.curve.next_step(now, self.since)
    }
}

/// The containers of a pod in the order of their node, and whether they end before the others begin.
fn containers(object: &PodSpec) -> Vec<(&Container, bool)> {
    let init = object.init_containers.iter();
    let init = init.map(|own| (own, !own.restartable));
    let main = object.containers.iter().map(|container| (container, false));
    init.chain(main).collect()
}

fn amount(list: &ResourceList, scale: Scale) -> Option<i64> {
    let name = match scale {
        Scale::Cpu => CPU,
        Scale::Memory => MEMORY,
    };
    let amount = list.get(name);
    (!amount.is_zero()).then(|| scale.of(amount))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_go_by_request_and_leave_nothing_over() {
        let parted = |requests: &[Option<i64>], whole: i64| -> Vec<Option<i64>> {
            let shares = shares(requests).into_iter();
            shares.map(|own| own.map(|own| own.of(whole))).collect()
        };
        let own = [Some(300), None, Some(100)];
        assert_eq!(parted(&own, 2_000), [Some(1_500), None, Some(500)]);
        assert_eq!(parted(&own, 7), [Some(5), None, Some(2)]);
        assert_eq!(parted(&[Some(0), Some(0)], 7), [Some(3), Some(4)]);
        assert_eq!(parted(&[None, Some(0)], i64::MAX), [None, Some(i64::MAX)]);
    }
}
