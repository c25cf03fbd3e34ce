//! Arrivals as their readers make them, before they are bytes.

use crate::links::Links;
use crate::origin::Origin;
use crate::stream::Arrival;
use model::PodName;
use units::{Duration, Instant};

/// An arrival whose texts stand elsewhere.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flat<'a> {
    pub(crate) submit: Instant,
    pub(crate) name: FlatName<'a>,
    pub(crate) class: u32,
    pub(crate) members: u32,
    pub(crate) tenant: u32,
    pub(crate) run_time: Option<Duration>,
    pub(crate) time_limit: Option<Duration>,
    pub(crate) historic_start: Option<Instant>,
    pub(crate) links: Option<&'a Links>,
    pub(crate) part: u16,
    pub(crate) origin: Origin,
}

/// A name whose text stands elsewhere.
#[derive(Clone, Copy, Debug)]
pub(crate) enum FlatName<'a> {
    /// UTF-8.
    Text(&'a [u8]),
    Job(u64),
    Member(u64, u32),
}

impl<'a> From<&'a PodName> for FlatName<'a> {
    fn from(name: &'a PodName) -> Self {
        match name {
            PodName::Text(text) => Self::Text(text.as_bytes()),
            PodName::Job(job) => Self::Job(*job),
            PodName::Member(job, member) => Self::Member(*job, *member),
        }
    }
}

impl From<FlatName<'_>> for PodName {
    fn from(name: FlatName<'_>) -> Self {
        match name {
            FlatName::Text(text) => Self::Text(String::from_utf8_lossy(text).into()),
            FlatName::Job(job) => Self::Job(job),
            FlatName::Member(job, member) => Self::Member(job, member),
        }
    }
}

impl<'a> From<&'a Arrival> for Flat<'a> {
    fn from(own: &'a Arrival) -> Self {
        Self {
            submit: own.submit,
            name: (&own.name).into(),
            class: own.class,
            members: own.members,
            tenant: own.tenant,
            run_time: own.run_time,
            time_limit: own.time_limit,
            historic_start: own.historic_start,
            links: own.links.as_deref(),
            part: own.part,
            origin: own.origin,
        }
    }
}
