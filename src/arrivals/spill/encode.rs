//! Arrivals as bytes: the record of one, alone or behind that of another.

use super::buffer::Buffer;
use super::numbers::{HEAD, IS_RARE, Numbers, RARE, TEXT, Times, Writing, lengths};
use super::previous::Previous;
use super::{Flat, FlatLinks, FlatName, NONE, key_of};
use units::Duration;

/// Adds the record of an arrival. Numbers take as many bytes as they need, and nothing if they are what they mostly
/// are. With a record before it, the arrival states only how it differs from that one. So a quarter of what the values
/// take is held in memory and written to disk.
#[inline]
pub(super) fn encode(own: &Flat<'_>, previous: &mut Previous, out: &mut Buffer) {
    let start = out.records().len();
    let Some(bytes) = out.room() else {
        return;
    };
    let mut record = Writing {
        bytes,
        length: HEAD,
        kinds: 0,
    };
    let is_rare = own.members != 1
        || own.origin.file != 0
        || own.part != 0
        || own.time_limit.is_some()
        || own.links.is_some();
    if is_rare {
        record.kinds |= IS_RARE;
        encode_rare(own, record.bytes);
        record.length += RARE;
    }
    let times = Times::of(own, previous.submit());
    record.kinds |= times.unit;
    record.number(times.submit as u64, lengths::SUBMIT);
    record.number(previous.line_of(own).into(), lengths::LINE);
    previous.pass(own.submit, own.origin.line);
    let name = previous.state(own.name);
    record.kinds |= name.kind;
    record.number(name.number, lengths::NUMBER);
    record.number(name.member, lengths::MEMBER);
    record.time(times.run, lengths::RUN);
    record.time(times.start_after, lengths::START);
    record.number(own.class.into(), lengths::CLASS);
    record.number(own.tenant.into(), lengths::TENANT);
    if name.kind == TEXT && name.long.is_empty() {
        record.short_text(name.short, name.number as usize);
    }
    let (length, kinds) = (record.length, record.kinds);
    out.add(length);
    if !name.long.is_empty() {
        out.extend(|bytes| bytes.extend_from_slice(name.long));
    }
    if let Some(links) = &own.links {
        out.extend(|bytes| encode_links(links, bytes));
    }
    let record = &mut out.records_mut()[start..];
    let head = u64::from(kinds) << 32 | record.len() as u64;
    record[..HEAD].copy_from_slice(&head.to_le_bytes());
}

/// Writes what most records don't have behind the head of one.
fn encode_rare(own: &Flat<'_>, bytes: &mut Numbers) {
    let limit = own.time_limit.map_or(NONE, Duration::as_nanos);
    let rare = &mut bytes[HEAD..HEAD + RARE];
    rare[..2].copy_from_slice(&own.origin.file.to_le_bytes());
    rare[2..4].copy_from_slice(&own.part.to_le_bytes());
    rare[4..8].copy_from_slice(&own.members.to_le_bytes());
    rare[8..16].copy_from_slice(&limit.to_le_bytes());
    rare[16] = own.links.is_some().into();
}

#[inline]
fn encode_name(name: FlatName<'_>, out: &mut Vec<u8>) {
    match name {
        FlatName::Text(text) => {
            out.push(0);
            out.extend_from_slice(&(text.len() as u32).to_le_bytes());
            out.extend_from_slice(text);
        }
        FlatName::Job(job) => {
            out.push(1);
            out.extend_from_slice(&job.to_le_bytes());
        }
        FlatName::Member(job, member) => {
            out.push(2);
            out.extend_from_slice(&job.to_le_bytes());
            out.extend_from_slice(&member.to_le_bytes());
        }
    }
}

fn encode_links(links: &FlatLinks<'_>, out: &mut Vec<u8>) {
    out.push(u8::from(links.part_of.is_some()) | u8::from(links.gang.is_some()) << 1);
    for name in links.gang.into_iter().chain(links.part_of) {
        encode_name(name, out);
    }
    out.extend(links.delay.as_nanos().to_le_bytes());
    out.extend((links.after.len() as u64).to_le_bytes());
    links.after.each(|name| encode_name(name, out));
}

/// The key by which members of a gang come together; nothing is the key of none.
pub(super) fn gang_key(own: &Flat<'_>) -> [u64; 2] {
    let gang = own.links.as_ref().and_then(|links| links.gang);
    gang.map_or([0; 2], |gang| {
        let mut name = Vec::new();
        encode_name(gang, &mut name);
        key_of(&name)
    })
}

/// The bit of a record's length that marks one which states only how it differs from the record before it.
const RELATIVE: u32 = 1 << 31;

/// Marks the record that begins at a place as one that states only how it differs from the one before it.
#[inline(always)]
pub(super) fn mark_relative(records: &mut [u8], start: usize) {
    records[start + 3] |= 0x80;
}

/// Whether a record states only how it differs from the one before it.
#[inline(always)]
pub(super) fn is_relative(record: &[u8]) -> bool {
    record.get(3).is_some_and(|byte| byte >> 7 == 1)
}

/// The length of the first record of these bytes; `None` if it goes on beyond them.
#[inline]
pub(super) fn whole(bytes: &[u8]) -> Option<usize> {
    let length = (u32::from_le_bytes(*bytes.first_chunk()?) & !RELATIVE) as usize;
    (length <= bytes.len()).then_some(length)
}
