//! Collection events of Google's traces of 2019: what is said of a job or an alloc set as a whole. Users
//! are the tenants of its instances, and collections that it starts after are waited for. There may be as many collections
//! as rows, so that they are on disk, and those that were asked for last in memory.

use std::cell::RefCell;

use serde::{Deserialize, Serialize};

use super::machines::SWITCH_LABEL;
use crate::readers::google_2011::time;
use crate::readers::prelude::*;
use arrivals::class_cache::Lately;
use arrivals::links::{Links, LinksOfJobs};
use arrivals::spill::{TextLog, key_of};
use intake::records::{each_record, object_has, record_has};
use model::node::HOSTNAME_LABEL;

columns! {
    /// The columns of collection events.
    pub(super) COLUMNS;
    TIME: or_zero("time", "µs since 600 s before the trace; 0 is before it"),
    TYPE: or_zero("type", "kind of the event, as of instances"),
    COLLECTION: required("collection_id", "job or alloc set"),
    USER: optional("user", "user; becomes the tenant of the instances"),
    CLASS: optional("scheduling_class", "0 to 3; read, not used"),
    MISSING: optional("missing_type", "kind of a record that was made up; counted"),
    KIND: optional("collection_type", "0 job, 1 alloc set"),
    PRIORITY: optional("priority", "0 to 1000, for instances that state none"),
    ALLOC: optional("alloc_collection_id", "alloc set that its tasks run in"),
    SCHEDULER: optional("scheduler", "0 default, 1 batch; becomes a label"),
    PARENT: optional("parent_collection_id", "collection that ends it with its own end"),
    START_AFTER: optional("start_after_collection_ids", "collections that must have ended before"),
    PER_MACHINE: optional("max_per_machine", "most instances on a machine; 1 with the option `constraints`"),
    PER_SWITCH: optional("max_per_switch", "most instances below a switch; 1 with the option `constraints`"),
    SCALING: optional("vertical_scaling", "0 and 1 none, 2 and 3 by the cluster"),
}

/// The publisher's columns that are not read.
const OTHERS: &[&str] = &["collection_name", "collection_logical_name"];

/// The label of instances that the batch scheduler held.
pub(super) const SCHEDULER_LABEL: &str = "google.com/scheduler";

/// Returns `Certain` if a text begins with collection events.
pub(super) fn is_collections(first: &[u8]) -> Confidence {
    let has = |names: &[&str]| record_has(first, names) == Confidence::Certain;
    let is_own = has(&["time", "type", "collection_id", "user"]) && !has(&["instance_index"]);
    // Objects leave out what is 0; a user is that of no other table.
    let objects = object_has(first, &["collection_id", "user"]);
    Confidence::certain_if(is_own && !super::is_joined(first)).max(objects)
}

/// A collection as its first event states it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Collection {
    pub(super) user: Text,
    pub(super) is_alloc_set: bool,
    pub(super) priority: Option<i64>,
    /// The alloc set that its tasks run in; 0 is none.
    pub(super) alloc_set: Option<i64>,
    is_batch: bool,
    after: Vec<i64>,
    /// Whether no two of its instances may stand in one domain, by limit.
    apart: [bool; LIMITS.len()],
}

/// The collections of a trace.
#[derive(Default)]
pub(super) struct Collections {
    /// The places of collections in the log, by their numbers.
    places: Places,
    /// Numbers and collections, in the order of their first events.
    log: TextLog<2>,
    /// The collections that were asked for last; `None` is one that no event named.
    lately: RefCell<Lately<i64, Option<Arc<Collection>>>>,
    /// Whether one waits for another.
    have_links: bool,
}

impl Collections {
    /// Takes the events of a file. What the first of a collection says stands.
    pub(super) fn read(
        &mut self,
        part: &Input,
        journal: &mut Journal,
        options: &ReadOptions,
    ) -> Result<(), TraceError> {
        each_record(part, COLUMNS, OTHERS, journal, |journal, fields| {
            time(fields, TIME)?;
            fields.number(TYPE, 0, 10)?;
            fields.integer(CLASS, 0, 3)?;
            if fields.integer(MISSING, 0, 5)?.unwrap_or_default() > 0 {
                let kind = "record made up by the publisher";
                journal.dirt(kind, Action::Keep, fields.line())?;
            }
            let id = fields.number(COLLECTION, 0, i64::MAX)?;
            let after = start_after(fields)?;
            let limits = [limit(fields, &LIMITS[0])?, limit(fields, &LIMITS[1])?];
            let own = Collection {
                user: fields.text(USER).into(),
                is_alloc_set: fields.integer(KIND, 0, 1)? == Some(1),
                priority: fields.integer(PRIORITY, 0, 1_000)?,
                alloc_set: fields.integer(ALLOC, 0, i64::MAX)?,
                is_batch: fields.integer(SCHEDULER, 0, 1)? == Some(1),
                after: after.into_iter().filter(|&other| other != id).collect(),
                apart: limits.each_ref().map(|own| own.domain.is_some()),
            };
            let beyond = beyond_instances(fields)?;
            if let Some(known) = self.get(id)? {
                let kind = "collection changes later; its first event stands";
                journal.keep_if(*known != own, kind, fields.line())?;
                return Ok(());
            }
            for kind in beyond {
                journal.dirt(kind, Action::Keep, fields.line())?;
            }
            for own in &limits {
                let is_heeded = own.domain.is_some() && options.constraints;
                if let Some(kind) = own.kind.filter(|_| !is_heeded) {
                    journal.dirt(kind, Action::Waive, fields.line())?;
                }
            }
            self.insert(id, own)?;
            Ok(())
        })
    }

    fn insert(&mut self, id: i64, own: Collection) -> Result<(), TraceError> {
        self.have_links |= !own.after.is_empty();
        let text = serde_json::to_string(&own).map_err(|error| unreadable(&error))?;
        let place = self.log.push([&id.to_string(), &text]);
        self.places.put(key(id), place)?;
        { self.lately.borrow_mut() }.insert(id, Some(Arc::new(own)));
        Ok(())
    }

    /// The facts about a collection; `None` if no event named it.
    pub(super) fn get(&self, id: i64) -> Result<Option<Arc<Collection>>, TraceError> {
        let mut lately = self.lately.borrow_mut();
        if let Some(known) = lately.get(&id) {
            return Ok(known.clone());
        }
        let found = match self.places.get(key(id))? {
            Some(place) => Some(Arc::new(collection(&self.log.get(place)?)?)),
            None => None,
        };
        lately.insert(id, found.clone());
        Ok(found)
    }

    /// Tells of collections that wait for others which are not in the trace.
    pub(super) fn tell(&self, journal: &mut Journal) -> Result<(), TraceError> {
        if !self.have_links {
            return Ok(());
        }
        self.log.each(|texts| {
            let own = collection(&texts)?;
            let kind = "waits for a task that is not in the trace; not waited for";
            journal.repair_if(self.known(&own.after)?.len() < own.after.len(), kind, 0)?;
            Ok(())
        })
    }

    /// Those of some collections that are in the trace.
    fn known(&self, all: &[i64]) -> Result<Vec<i64>, TraceError> {
        let mut known = Vec::new();
        for &id in all {
            if self.places.get(key(id))?.is_some() {
                known.push(id);
            }
        }
        Ok(known)
    }
}

/// The links of the instances of each collection, if one waits for another; collections that are not in the trace are left
/// out.
impl LinksOfJobs for Collections {
    fn of_job(&self, id: i64) -> Result<Option<Box<Links>>, TraceError> {
        if !self.have_links {
            return Ok(None);
        }
        let Some(own) = self.get(id)? else {
            return Ok(None);
        };
        let name = |id: i64| PodName::Text(id.to_string().into());
        let after = self.known(&own.after)?.into_iter().map(name).collect();
        Ok(Links::of(Some(name(id)), after))
    }
}

/// The key of a collection.
fn key(id: i64) -> [u64; 2] {
    key_of(&id.to_le_bytes())
}

/// The collection of texts that were written.
fn collection([_, text]: &[String; 2]) -> Result<Collection, TraceError> {
    serde_json::from_str(text).map_err(|error| unreadable(&error))
}

/// The failure of a collection that does not come back from the disk as it went there.
fn unreadable(error: &serde_json::Error) -> TraceError {
    TraceError::Io {
        file: "temporary file of collections".to_owned(),
        reason: format!("holds one that can't be read back ({error}); read the trace again"),
    }
}

impl Collection {
    /// Labels of nodes in whose domains no two of its instances may stand.
    pub(super) fn apart(&self) -> Vec<&'static str> {
        let limits = LIMITS.iter().zip(self.apart);
        let apart = limits.filter(|(_, is_apart)| *is_apart);
        apart.map(|(limit, _)| limit.domain).collect()
    }

    /// The labels of the instances.
    pub(super) fn labels(&self) -> Labels {
        let mut labels = Labels::new();
        if self.is_batch {
            labels.insert(SCHEDULER_LABEL.into(), "batch".into());
        }
        labels
    }
}

/// A limit of the instances of a collection in a domain.
struct Limit {
    place: usize,
    /// The label of nodes that names the domain.
    domain: &'static str,
    /// The notes about a limit of one, and about others.
    one: &'static str,
    others: &'static str,
}

const LIMITS: [Limit; 2] = [
    Limit {
        place: PER_MACHINE,
        domain: HOSTNAME_LABEL,
        one: "one instance on a machine, not enforced without `constraints`",
        others: "limit of instances on a machine, not enforced",
    },
    Limit {
        place: PER_SWITCH,
        domain: SWITCH_LABEL,
        one: "one instance below a switch, not enforced without `constraints`",
        others: "limit of instances below a switch, not enforced",
    },
];

/// A limit that a collection states: the domain in which no two instances may stand, if it is one, and what is noted where
/// no run keeps to it.
struct StatedLimit {
    domain: Option<&'static str>,
    kind: Option<&'static str>,
}

fn limit(fields: &Fields<'_, '_>, limit: &Limit) -> Result<StatedLimit, Refused> {
    let stated = fields
        .integer(limit.place, 0, i64::MAX)?
        .unwrap_or_default();
    let (domain, kind) = match stated {
        0 => (None, None),
        1 => (Some(limit.domain), Some(limit.one)),
        _ => (None, Some(limit.others)),
    };
    Ok(StatedLimit { domain, kind })
}

/// What a collection states that its instances don't do in a run.
fn beyond_instances(fields: &Fields<'_, '_>) -> Result<Vec<&'static str>, Refused> {
    let mut found = Vec::new();
    for (place, least, most, kind) in [
        (
            PARENT,
            1,
            i64::MAX,
            "child of a collection; ends as in the trace, whenever its parent ends",
        ),
        (
            SCALING,
            2,
            3,
            "requests that the cluster scales; changed as in the trace",
        ),
    ] {
        let stated = fields.integer(place, 0, most)?.unwrap_or_default();
        if stated >= least {
            found.push(kind);
        }
    }
    Ok(found)
}

/// The collections that must have ended before: numbers in a list, perhaps in quotes.
fn start_after(fields: &Fields<'_, '_>) -> Result<Vec<i64>, Refused> {
    let text = fields.text(START_AFTER);
    let list = text.trim_start_matches('[').trim_end_matches(']');
    let mut numbers = Vec::new();
    for own in list.split([',', ';', ' ']) {
        let own = own.trim_matches('"');
        if own.is_empty() {
            continue;
        }
        let number = own
            .parse()
            .map_err(|_| fields.bad(START_AFTER, "numbers in a list"))?;
        numbers.push(number);
    }
    Ok(numbers)
}

#[cfg(test)]
mod tests {
    use crate::tests::prelude::*;
    use std::fmt::Write as _;

    use super::*;
    use intake::ledger::RowPolicy;

    #[test]
    fn collections_say_who_and_what_comes_before() {
        let rows = "time,type,collection_id,user,scheduler,parent_collection_id,\
                    start_after_collection_ids,max_per_machine\n\
                    0,0,7,ann,1,,,\n0,0,8,bob,0,7,\"[7, 9]\",2\n9,6,8,eve,,,,\n";
        let input = Input::bytes("c.csv", rows.as_bytes());
        assert_eq!(is_collections(rows.as_bytes()), Confidence::Certain);
        let instances = b"time,type,collection_id,user,instance_index\n";
        assert_eq!(is_collections(instances), Confidence::No);
        let mut journal = Journal::new("c.csv".into(), RowPolicy::REPORT);
        let mut all = Collections::default();
        all.read(&input, &mut journal, &ReadOptions::default())
            .expect("readable");
        all.tell(&mut journal).expect("kept");
        let links = |id| all.of_job(id).expect("readable").expect("links");
        assert_eq!(links(8).after, ["7".into()]);
        assert_eq!(links(7).part_of, Some("7".into()));
        assert_eq!(all.of_job(9), Ok(None));
        let known = |id| all.get(id).expect("readable").expect("known");
        assert_eq!(known(7).labels()[SCHEDULER_LABEL], "batch".into());
        assert_eq!(&*known(8).user, "bob");
        assert_eq!(all.get(9), Ok(None));
        let found: Vec<_> = { journal.ledger.entries().iter() }
            .map(|own| (&*own.kind, own.count))
            .collect();
        found.are([
            (
                "child of a collection; ends as in the trace, whenever its parent ends",
                1,
            ),
            ("limit of instances on a machine, not enforced", 1),
            ("collection changes later; its first event stands", 1),
            (
                "waits for a task that is not in the trace; not waited for",
                1,
            ),
        ]);
    }

    #[test]
    fn collections_on_disk_are_those_in_memory() {
        let mut rows = "time,type,collection_id,user,start_after_collection_ids\n".to_owned();
        for id in 1..=40 {
            let _ = writeln!(rows, "0,0,{id},user-{},[{}]", id % 7, id * 2);
        }
        rows += &rows
            .lines()
            .skip(1)
            .fold(String::new(), |all, row| all + row + "\n");
        let input = Input::bytes("c.csv", rows.into_bytes());
        let read = |most_held| {
            let mut journal = Journal::new("c.csv".into(), RowPolicy::REPORT);
            let mut all = Collections {
                places: Places::holding(most_held),
                ..Collections::default()
            };
            all.read(&input, &mut journal, &ReadOptions::default())
                .expect("readable");
            all.tell(&mut journal).expect("kept");
            all.lately = RefCell::default();
            let found: Vec<_> = (0..90).map(|id| (all.get(id), all.of_job(id))).collect();
            (found, journal.ledger)
        };
        let (found, ledger) = read(usize::MAX);
        assert_eq!(ledger.total(), 20);
        assert_eq!((found, ledger), read(3));
    }

    #[test]
    fn dirty_collections_are_named() {
        let rows = "time,type,collection_id,user,priority,vertical_scaling,\
                    start_after_collection_ids\n\
                    0,11,7,a,,,\n-1,0,7,a,,,\n0,0,x,a,,,\n0,0,7,a,1001,,\n0,0,7,a,,4,\n\
                    0,0,7,a,,,[b]\n";
        let input = Input::bytes("c.csv", rows.as_bytes());
        let mut journal = Journal::new("c.csv".into(), RowPolicy::REPORT);
        let mut all = Collections::default();
        all.read(&input, &mut journal, &ReadOptions::default())
            .expect("readable");
        let bad: Vec<String> = { journal.ledger.bad_rows().iter() }
            .map(ToString::to_string)
            .collect();
        bad.are([
            "c.csv:2: column `type`: must be at most 10, found `11`",
            "c.csv:3: column `time`: must be at least 0, found `-1`",
            "c.csv:4: column `collection_id`: must be a whole number, found `x`",
            "c.csv:5: column `priority`: must be at most 1000, found `1001`",
            "c.csv:6: column `vertical_scaling`: must be at most 3, found `4`",
            "c.csv:7: column `start_after_collection_ids`: must be numbers in a list, found `[b]`",
        ]);
    }
}
