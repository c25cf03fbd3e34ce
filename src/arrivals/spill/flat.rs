//! Arrivals as their readers make them, before they are bytes.

use crate::links::Links;
use crate::stream::Arrival;
use intake::origin::Origin;
use model::PodName;
use units::{Duration, Instant};

/// An arrival whose texts stand elsewhere.
#[derive(Clone, Copy, Debug)]
pub struct Flat<'a> {
    /// Instant of the submission.
    pub submit: Instant,
    /// The name.
    pub name: FlatName<'a>,
    /// Number of the class.
    pub class: u32,
    /// Number of members.
    pub members: u32,
    /// Number of the tenant.
    pub tenant: u32,
    /// Run time, if it is known.
    pub run_time: Option<Duration>,
    /// Time limit, if one is stated.
    pub time_limit: Option<Duration>,
    /// Recorded start, if it is known.
    pub historic_start: Option<Instant>,
    /// Links to other arrivals.
    pub links: Option<FlatLinks<'a>>,
    /// Number of the file's part.
    pub part: u16,
    /// Place of the record.
    pub origin: Origin,
}

/// A name whose text stands elsewhere.
#[derive(Clone, Copy, Debug)]
pub enum FlatName<'a> {
    /// UTF-8.
    Text(&'a [u8]),
    /// The number of a job.
    Job(u64),
    /// The number of a job and of a member.
    Member(u64, u32),
}

/// Links whose texts stand elsewhere.
#[derive(Clone, Copy, Debug, Default)]
pub struct FlatLinks<'a> {
    /// The workflow or job that the arrival is part of.
    pub part_of: Option<FlatName<'a>>,
    /// The arrivals that it waits for.
    pub after: FlatNames<'a>,
    /// Time from the end of these to the submission.
    pub delay: Duration,
    /// The gang that it starts with.
    pub gang: Option<FlatName<'a>>,
}

/// Names whose texts stand elsewhere.
#[derive(Clone, Copy, Debug)]
pub enum FlatNames<'a> {
    /// Names of their own.
    Own(&'a [PodName]),
    /// Names whose texts stand elsewhere.
    Flat(&'a [FlatName<'a>]),
}

impl<'a> FlatLinks<'a> {
    /// The links of a member of a gang that says nothing else.
    pub fn of_gang(gang: &'a [u8]) -> Self {
        Self {
            gang: Some(FlatName::Text(gang)),
            ..Self::default()
        }
    }

    /// The links of an arrival that waits for others; `None` if these are none.
    pub fn after(others: &'a [FlatName<'a>]) -> Option<Self> {
        (!others.is_empty()).then(|| Self {
            after: FlatNames::Flat(others),
            ..Self::default()
        })
    }

    /// Whether the arrival has a place in a graph of precedence.
    pub const fn has_precedence(&self) -> bool {
        self.part_of.is_some() || self.after.len() > 0
    }
}

impl<'a> From<&'a Links> for FlatLinks<'a> {
    fn from(links: &'a Links) -> Self {
        let Links {
            part_of,
            after,
            delay,
            gang,
        } = links;
        Self {
            part_of: part_of.as_ref().map(FlatName::from),
            after: FlatNames::Own(after),
            delay: *delay,
            gang: gang.as_ref().map(FlatName::from),
        }
    }
}

impl<'a> FlatNames<'a> {
    /// The number of names.
    pub(crate) const fn len(&self) -> usize {
        match self {
            Self::Own(names) => names.len(),
            Self::Flat(names) => names.len(),
        }
    }

    /// Takes each name.
    pub fn each(&self, mut take: impl FnMut(FlatName<'a>)) {
        match *self {
            Self::Own(names) => names.iter().for_each(|name| take(name.into())),
            Self::Flat(names) => names.iter().for_each(|name| take(*name)),
        }
    }
}

impl Default for FlatNames<'_> {
    fn default() -> Self {
        Self::Flat(&[])
    }
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
            links: own.links.as_deref().map(FlatLinks::from),
            part: own.part,
            origin: own.origin,
        }
    }
}
