//! A stretch of arrivals as columns: each of submission (difference to the one before), name, class,
//! members, tenant, run time, time limit, historic start, origin and links; with the classes, tenants and kinds of
//! dirt met first in it, and how the ledger stood where it changed.

use std::sync::Arc;

use super::bytes::{Broken, Taken, put, put_signed, put_text};
use super::spec::{put_spec, take_spec};
use crate::links::Links;
use crate::stream::Arrival;
use intake::ledger::{Action, Ledger};
use intake::origin::Origin;
use model::{PodName, PodSpec, Text};
use units::{Duration, Instant};

/// Arrivals of a block.
pub const BLOCK_ARRIVALS: usize = 16_384;

const COLUMNS: usize = 11;

/// A block being filled.
#[derive(Debug, Default)]
pub(super) struct Filling {
    pub(super) arrivals: usize,
    submit: i64,
    number: u64,
    origin: u64,
    columns: [Vec<u8>; COLUMNS],
    /// Values that first appear in the block.
    met: Met<Vec<u8>>,
}

/// Counts of what was met first, and its bytes.
#[derive(Debug, Default)]
struct Met<B> {
    classes: (u64, B),
    tenants: (u64, B),
    dirt: (u64, B),
    marks: (u64, B),
}

impl Filling {
    /// Adds an arrival; `None` if it is of a kind that is not kept.
    pub(super) fn push(&mut self, arrival: &Arrival) -> Option<()> {
        let [
            submits,
            kinds,
            numbers,
            texts,
            classes,
            members,
            tenants,
            spans,
            starts,
            origins,
            links,
        ] = &mut self.columns;
        if arrival.part != 0 {
            return None;
        }
        let submit = arrival.submit.as_nanos();
        put_signed(submits, submit.checked_sub(self.submit)?);
        self.submit = submit;
        match &arrival.name {
            PodName::Job(number) => {
                kinds.push(0);
                put_signed(numbers, number.wrapping_sub(self.number) as i64);
                self.number = *number;
            }
            PodName::Text(text) => {
                kinds.push(1);
                put_text(texts, text);
            }
            PodName::Member(number, member) => {
                kinds.push(2);
                put(numbers, *number);
                put(numbers, u64::from(*member));
            }
        }
        put(classes, u64::from(arrival.class));
        put(members, u64::from(arrival.members));
        put(tenants, u64::from(arrival.tenant));
        put_optional(spans, arrival.run_time.map(Duration::as_nanos))?;
        put_optional(spans, arrival.time_limit.map(Duration::as_nanos))?;
        put_optional(starts, arrival.historic_start.map(Instant::as_nanos))?;
        let origin = arrival.origin.number();
        put_signed(origins, origin.wrapping_sub(self.origin) as i64);
        self.origin = origin;
        put_links(links, arrival.links.as_deref())?;
        self.arrivals += 1;
        Some(())
    }

    pub(super) fn met_class(&mut self, spec: &PodSpec) -> Option<()> {
        self.met.classes.0 += 1;
        put_spec(&mut self.met.classes.1, spec)
    }

    pub(super) fn met_tenant(&mut self, name: &str) {
        self.met.tenants.0 += 1;
        put_text(&mut self.met.tenants.1, name);
    }

    /// Stores the state of the ledger after the arrivals so far; `known` kinds were stored before.
    pub(super) fn mark(&mut self, ledger: &Ledger, known: usize) {
        for entry in ledger.entries().iter().skip(known) {
            self.met.dirt.0 += 1;
            let dirt = &mut self.met.dirt.1;
            put_text(dirt, &entry.kind);
            put(dirt, entry.action as u64);
            put(dirt, entry.line);
        }
        self.met.marks.0 += 1;
        let marks = &mut self.met.marks.1;
        put(marks, self.arrivals as u64);
        put(marks, ledger.entries().len() as u64);
        for entry in ledger.entries() {
            put(marks, entry.count);
        }
    }

    /// The block's bytes; what follows begins anew.
    pub(super) fn take(&mut self) -> Vec<u8> {
        let filled = std::mem::take(self);
        let mut out = Vec::new();
        put(&mut out, filled.arrivals as u64);
        let Met {
            classes,
            tenants,
            dirt,
            marks,
        } = filled.met;
        for (count, bytes) in [classes, tenants, dirt, marks] {
            put(&mut out, count);
            put(&mut out, bytes.len() as u64);
            out.extend_from_slice(&bytes);
        }
        for column in &filled.columns {
            put(&mut out, column.len() as u64);
            out.extend_from_slice(column);
        }
        out
    }
}

/// Encodes `None` as 0, and a number as its zigzag encoding plus one.
fn put_optional(out: &mut Vec<u8>, nanos: Option<i64>) -> Option<()> {
    match nanos {
        None => out.push(0),
        Some(nanos) => put(out, (((nanos << 1) ^ (nanos >> 63)) as u64).checked_add(1)?),
    }
    Some(())
}

fn take_optional(bytes: &mut Taken<'_>) -> Result<Option<i64>, Broken> {
    Ok(match bytes.number()? {
        0 => None,
        number => Some(((number - 1) >> 1) as i64 ^ -(((number - 1) & 1) as i64)),
    })
}

/// Encodes what an arrival waits for: 0 for nothing, else one more than the number of tasks; then the task
/// that it is a part of and the gang if there are any, the think time, and the tasks.
fn put_links(out: &mut Vec<u8>, links: Option<&Links>) -> Option<()> {
    let Some(links) = links else {
        out.push(0);
        return Some(());
    };
    put(out, (links.after.len() as u64).checked_add(1)?);
    out.push(u8::from(links.part_of.is_some()) | u8::from(links.gang.is_some()) << 1);
    put_signed(out, links.delay.as_nanos());
    for name in { links.part_of.iter() }
        .chain(&links.gang)
        .chain(&links.after)
    {
        put_task(out, name);
    }
    Some(())
}

fn put_task(out: &mut Vec<u8>, name: &PodName) {
    match name {
        PodName::Job(number) => {
            out.push(0);
            put(out, *number);
        }
        PodName::Text(text) => {
            out.push(1);
            put_text(out, text);
        }
        PodName::Member(number, member) => {
            out.push(2);
            put(out, *number);
            put(out, u64::from(*member));
        }
    }
}

fn take_links(bytes: &mut Taken<'_>) -> Result<Option<Box<Links>>, Broken> {
    let Some(count) = bytes.number()?.checked_sub(1) else {
        return Ok(None);
    };
    let has = bytes.number()?;
    if has > 3 {
        return Err(Broken);
    }
    let delay = Duration::from_nanos(bytes.signed()?);
    let part_of = (has & 1 > 0).then(|| take_task(bytes)).transpose()?;
    let gang = (has & 2 > 0).then(|| take_task(bytes)).transpose()?;
    let after = (0..count).map(|_| take_task(bytes));
    Ok(Some(Box::new(Links {
        part_of,
        after: after.collect::<Result<_, _>>()?,
        delay,
        gang,
    })))
}

fn take_task(bytes: &mut Taken<'_>) -> Result<PodName, Broken> {
    let index = |number: u64| u32::try_from(number).map_err(|_| Broken);
    Ok(match bytes.number()? {
        0 => PodName::Job(bytes.number()?),
        1 => PodName::Text(bytes.shared_text()?),
        2 => PodName::Member(bytes.number()?, index(bytes.number()?)?),
        _ => return Err(Broken),
    })
}

/// Content of a block.
#[derive(Debug, Default)]
pub(super) struct Block {
    pub(super) arrivals: Vec<Arrival>,
    pub(super) classes: Vec<Arc<PodSpec>>,
    pub(super) tenants: Vec<Text>,
    /// Kinds of dirt with what was done and the first line.
    pub(super) dirt: Vec<(Text, Action, u64)>,
    /// Numbers of the block's arrivals, with the counts of each kind after them.
    pub(super) marks: Vec<(usize, Vec<u64>)>,
}

/// Reads a block.
pub(super) fn read(bytes: &[u8]) -> Result<Block, Broken> {
    let mut bytes = Taken(bytes);
    let arrivals = bytes.count()?;
    if arrivals > BLOCK_ARRIVALS {
        return Err(Broken);
    }
    let mut block = Block::default();
    let part = |bytes: &mut Taken<'_>,
                take: &mut dyn FnMut(&mut Taken<'_>) -> Result<(), Broken>| {
        let (count, length) = (bytes.number()?, bytes.count()?);
        let mut part = Taken(bytes.bytes(length)?);
        (0..count).try_for_each(|_| take(&mut part))
    };
    part(&mut bytes, &mut |part| {
        block.classes.push(Arc::new(take_spec(part)?));
        Ok(())
    })?;
    part(&mut bytes, &mut |part| {
        block.tenants.push(part.shared_text()?);
        Ok(())
    })?;
    part(&mut bytes, &mut |part| {
        let kind = part.shared_text()?;
        let action = match part.number()? {
            0 => Action::Drop,
            1 => Action::Repair,
            2 => Action::Keep,
            3 => Action::Waive,
            _ => return Err(Broken),
        };
        block.dirt.push((kind, action, part.number()?));
        Ok(())
    })?;
    part(&mut bytes, &mut |part| {
        let (after, kinds) = (part.count()?, part.count()?);
        let counts = (0..kinds).map(|_| part.number());
        block.marks.push((after, counts.collect::<Result<_, _>>()?));
        Ok(())
    })?;
    let mut columns = [Taken::default(); COLUMNS];
    for column in &mut columns {
        let length = bytes.count()?;
        *column = Taken(bytes.bytes(length)?);
    }
    block.arrivals = arrivals_of(arrivals, columns)?;
    Ok(block)
}

fn arrivals_of(count: usize, columns: [Taken<'_>; COLUMNS]) -> Result<Vec<Arrival>, Broken> {
    let [
        mut submits,
        mut kinds,
        mut numbers,
        mut texts,
        mut classes,
        mut members,
        mut tenants,
        mut spans,
        mut starts,
        mut origins,
        mut links,
    ] = columns;
    let index = |bytes: &mut Taken<'_>| u32::try_from(bytes.number()?).map_err(|_| Broken);
    let (mut submit, mut number, mut origin) = (0_i64, 0_u64, 0_u64);
    let mut arrivals = Vec::with_capacity(count);
    for _ in 0..count {
        submit = submit.checked_add(submits.signed()?).ok_or(Broken)?;
        let name = match kinds.number()? {
            0 => {
                number = number.wrapping_add(numbers.signed()? as u64);
                PodName::Job(number)
            }
            1 => PodName::Text(texts.shared_text()?),
            2 => PodName::Member(numbers.number()?, index(&mut numbers)?),
            _ => return Err(Broken),
        };
        origin = origin.wrapping_add(origins.signed()? as u64);
        arrivals.push(Arrival {
            submit: Instant::from_nanos(submit),
            name,
            class: index(&mut classes)?,
            members: index(&mut members)?,
            tenant: index(&mut tenants)?,
            run_time: take_optional(&mut spans)?.map(Duration::from_nanos),
            time_limit: take_optional(&mut spans)?.map(Duration::from_nanos),
            historic_start: take_optional(&mut starts)?.map(Instant::from_nanos),
            links: take_links(&mut links)?,
            part: 0,
            origin: Origin::of_number(origin),
        });
    }
    Ok(arrivals)
}
