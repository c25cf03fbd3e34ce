//! One object of a manifest, or a list of them, taken apart while it is parsed: the `kind` says
//! into what its `spec` and `status` are read. Where the kind comes after them, they wait as plain
//! values until the end of the object. Items that state no kind, in a list whose kind comes after
//! them, follow when the list ends.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use super::fields::{
    FieldWatch, FieldWatchSeed, List, METADATA, NODE_SPEC, POD_SPEC, UnreadFields,
};
use super::parts::{Body, Parts};
use super::reader::Reader;
use super::similar_pod::{MetadataOverrides, SpecOverrides, StatusOverrides};
use super::{revisions, runtime_class};
use units::SortedMap;

/// The fields of any object that are looked at.
#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "camelCase")]
enum Key {
    ApiVersion,
    Kind,
    Like,
    Metadata,
    Spec,
    Status,
    Items,
    Value,
    GlobalDefault,
    PreemptionPolicy,
    Provisioner,
    VolumeBindingMode,
    AllowedTopologies,
    StorageClassName,
    Capacity,
    MaximumVolumeSize,
    NodeTopology,
    FairSharing,
    WaitForPodsReady,
    Overhead,
    Scheduling,
    Data,
    Revision,
    Other(String),
}

/// Reads one object into the reader. The value is the object itself where its kind is left to the
/// list it stands in and the list's kind is still to come.
pub(super) struct ObjectSeed<'a> {
    reader: &'a mut Reader,
    kind: Option<String>,
    is_item: bool,
}

impl<'a> ObjectSeed<'a> {
    /// An object; `kind` is its own where it states none.
    pub(super) fn of_kind(reader: &'a mut Reader, kind: Option<&str>) -> Self {
        Self {
            reader,
            kind: kind.map(str::to_owned),
            is_item: false,
        }
    }

    /// A document: an object, a list, an array of them, or nothing.
    pub(super) fn document(reader: &'a mut Reader) -> Self {
        Self {
            reader,
            kind: None,
            is_item: false,
        }
    }
}

impl<'de> DeserializeSeed<'de> for ObjectSeed<'_> {
    type Value = Option<Box<Parts>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ObjectSeed<'_> {
    type Value = Option<Box<Parts>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a Kubernetes object with `apiVersion`, `kind` and `metadata`")
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_none<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Self::Value, A::Error> {
        let mut list = Parts::default();
        let items = Items {
            reader: &mut *self.reader,
            list: &mut list,
        };
        items.visit_seq(seq)?;
        settle_waiting(self.reader, list)?;
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut parts = Box::<Parts>::default();
        parts.kind = self.kind;
        if let Err(error) = read_fields(self.reader, &mut parts, &mut map) {
            self.reader.note_place(&parts);
            return Err(error);
        }
        if parts.kind.is_none() && self.is_item {
            return Ok(Some(parts));
        }
        settle(self.reader, parts)?;
        Ok(None)
    }
}

fn read_fields<'de, A: MapAccess<'de>>(
    reader: &mut Reader,
    parts: &mut Parts,
    map: &mut A,
) -> Result<(), A::Error> {
    while let Some(key) = map.next_key()? {
        match key {
            Key::ApiVersion => parts.api_version = map.next_value()?,
            Key::Kind => parts.kind = map.next_value()?,
            Key::Like if reader.heeds_likeness() && parts.body() == Some(Body::Pod) => {
                if parts.metadata.name.is_some() {
                    return Err(Error::custom(
                        "`like` stands before `metadata`; move it there",
                    ));
                }
                parts.like = map.next_value()?;
            }
            Key::Metadata | Key::Spec | Key::Status if parts.like.is_some() => {
                read_own(&key, parts, map)?;
            }
            Key::Metadata => {
                let strays = &mut parts.strays;
                parts.metadata = watched(map, METADATA, "metadata", strays)?;
            }
            Key::Spec => read_spec(reader, parts, map)?,
            Key::Status => read_status(reader, parts, map)?,
            Key::Items if parts.is_list() => {
                parts.has_items = true;
                map.next_value_seed(Items {
                    reader: &mut *reader,
                    list: &mut *parts,
                })?;
            }
            Key::Value => parts.value = of_priority_class(parts.body(), map)?,
            Key::GlobalDefault => parts.global_default = of_priority_class(parts.body(), map)?,
            Key::PreemptionPolicy => {
                parts.preemption_policy = of_priority_class(parts.body(), map)?;
            }
            Key::Provisioner => beside(parts, "provisioner", map)?,
            Key::VolumeBindingMode => beside(parts, "volumeBindingMode", map)?,
            Key::AllowedTopologies => beside(parts, "allowedTopologies", map)?,
            Key::StorageClassName => beside(parts, "storageClassName", map)?,
            Key::Capacity => beside(parts, "capacity", map)?,
            Key::MaximumVolumeSize => beside(parts, "maximumVolumeSize", map)?,
            Key::NodeTopology => beside(parts, "nodeTopology", map)?,
            Key::FairSharing => beside(parts, "fairSharing", map)?,
            Key::WaitForPodsReady => beside(parts, "waitForPodsReady", map)?,
            Key::Overhead => beside(parts, runtime_class::OVERHEAD, map)?,
            Key::Scheduling => beside(parts, runtime_class::SCHEDULING, map)?,
            Key::Data if reader.reads_workloads() && may_be_config(parts) => {
                let data: Option<SortedMap<String, IgnoredAny>> = map.next_value()?;
                parts.keys = data
                    .unwrap_or_default()
                    .into_iter()
                    .map(|own| own.0)
                    .collect();
            }
            Key::Data => of_revision(reader, parts, revisions::DATA, map)?,
            Key::Revision => of_revision(reader, parts, revisions::NUMBER, map)?,
            Key::Items => {
                parts.strays.add_beside("items".to_owned());
                skip(map)?;
            }
            Key::Like => {
                parts.strays.add_beside("like".to_owned());
                skip(map)?;
            }
            Key::Other(name) => {
                parts.strays.add_beside(name);
                skip(map)?;
            }
        }
    }
    Ok(())
}

/// A part of a pod that is like another one: nothing but fields of its own stands there.
fn read_own<'de, A: MapAccess<'de>>(
    key: &Key,
    parts: &mut Parts,
    map: &mut A,
) -> Result<(), A::Error> {
    match key {
        Key::Metadata => {
            let own: MetadataOverrides = map.next_value()?;
            parts.metadata.name = own.name;
            parts.metadata.namespace = own.namespace;
            parts.metadata.uid = own.uid;
            parts.metadata.creation_timestamp = own.creation_timestamp;
        }
        Key::Spec => parts.pod_spec.node_name = map.next_value::<SpecOverrides>()?.node_name,
        _ => {
            let own = map.next_value::<StatusOverrides>()?;
            parts.pod_status.start_time = own.start_time;
            parts.pod_status.ready_since = own.ready_since;
        }
    }
    Ok(())
}

/// A `spec`, into what the kind says, as far as it is known.
fn read_spec<'de, A: MapAccess<'de>>(
    reader: &Reader,
    parts: &mut Parts,
    map: &mut A,
) -> Result<(), A::Error> {
    match parts.body() {
        None | Some(Body::Object) => parts.late_spec = map.next_value()?,
        Some(Body::Workload) if reader.is_read_workload(parts) => {
            parts.late_spec = map.next_value()?;
        }
        Some(Body::Workload) => {
            parts.wanted = map.next_value::<Option<_>>()?.unwrap_or_default();
        }
        Some(Body::Pod) => {
            parts.pod_spec = watched(map, POD_SPEC, "spec", &mut parts.strays)?;
        }
        Some(Body::Node) => {
            parts.node_spec = watched(map, NODE_SPEC, "spec", &mut parts.strays)?;
        }
        Some(_) => skip(map)?,
    }
    Ok(())
}

/// A `status`, likewise.
fn read_status<'de, A: MapAccess<'de>>(
    reader: &Reader,
    parts: &mut Parts,
    map: &mut A,
) -> Result<(), A::Error> {
    match parts.body() {
        None | Some(Body::Object) => parts.late_status = map.next_value()?,
        Some(Body::Pod) => {
            parts.pod_status = map.next_value::<Option<_>>()?.unwrap_or_default();
        }
        Some(Body::Node) => {
            parts.node_status = map.next_value::<Option<_>>()?.unwrap_or_default();
        }
        Some(Body::Workload) if reader.is_read_workload(parts) => {
            parts.late_status = map.next_value()?;
        }
        Some(_) => skip(map)?,
    }
    Ok(())
}

/// A field of a storage object or a runtime class, which may precede the kind; of other kinds it is skipped.
fn beside<'de, A: MapAccess<'de>>(
    parts: &mut Parts,
    key: &str,
    map: &mut A,
) -> Result<(), A::Error> {
    if matches!(parts.body(), None | Some(Body::Object | Body::RuntimeClass)) {
        let value: Value = map.next_value()?;
        if !value.is_null() {
            parts.beside.insert(key.to_owned(), value);
        }
        return Ok(());
    }
    skip(map)
}

/// Whether what stands beside the metadata of an object may be that of a config.
fn may_be_config(parts: &Parts) -> bool {
    let is_of_core = || parts.api_version.as_deref() == Some("v1");
    parts
        .kind
        .as_deref()
        .map_or_else(is_of_core, |kind| kind == "ConfigMap")
}

/// A field of a revision of a set, which may precede the kind; of other kinds it is skipped.
fn of_revision<'de, A: MapAccess<'de>>(
    reader: &Reader,
    parts: &mut Parts,
    key: &'static str,
    map: &mut A,
) -> Result<(), A::Error> {
    parts.strays.add_beside(key.to_owned());
    if reader.reads_workloads() && revisions::may_be_one(parts) {
        parts.beside.insert(key.to_owned(), map.next_value()?);
        return Ok(());
    }
    skip(map)
}

/// Reads a value and notes the fields in it that no reader looks at.
fn watched<'de, T: Default + Deserialize<'de>, A: MapAccess<'de>>(
    map: &mut A,
    list: List,
    root: &'static str,
    strays: &mut UnreadFields,
) -> Result<T, A::Error> {
    let watched = FieldWatch { list, root, strays };
    let value: Option<T> = map.next_value_seed(FieldWatchSeed(watched, PhantomData))?;
    Ok(value.unwrap_or_default())
}

fn skip<'de, A: MapAccess<'de>>(map: &mut A) -> Result<(), A::Error> {
    map.next_value::<IgnoredAny>().map(|_| ())
}

/// A field of a priority class, which may precede the kind; of other kinds it is skipped.
fn of_priority_class<'de, A: MapAccess<'de>>(
    body: Option<Body>,
    map: &mut A,
) -> Result<Option<Value>, A::Error> {
    match body {
        None | Some(Body::PriorityClass | Body::Object) => map.next_value(),
        Some(_) => skip(map).map(|()| None),
    }
}

/// Hands a whole object to the reader.
fn settle<E: Error>(reader: &mut Reader, mut parts: Box<Parts>) -> Result<(), E> {
    if parts.has_items && parts.is_list() {
        return settle_waiting(reader, *parts);
    }
    if let Err(error) = parts.read_late() {
        reader.note_place(&parts);
        return Err(error);
    }
    reader.add(&mut parts).map_err(E::custom)
}

/// Settles the items that left their kind to their list.
fn settle_waiting<E: Error>(reader: &mut Reader, mut list: Parts) -> Result<(), E> {
    let kind = list.kind_of_items();
    for (mut item, place) in std::mem::take(&mut list.waiting) {
        item.kind.clone_from(&kind);
        let place = reader.move_to(place);
        settle(reader, item)?;
        reader.move_to(place);
    }
    Ok(())
}

/// The items of a list.
struct Items<'a> {
    reader: &'a mut Reader,
    list: &'a mut Parts,
}

impl<'de> DeserializeSeed<'de> for Items<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Items<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of Kubernetes objects")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_none<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let kind = self.list.kind_of_items();
        self.reader.enter_list();
        loop {
            let seed = ObjectSeed {
                reader: &mut *self.reader,
                kind: kind.clone(),
                is_item: true,
            };
            match seq.next_element_seed(seed) {
                Ok(Some(None)) => {}
                Ok(Some(Some(parts))) => self.list.waiting.push((parts, self.reader.place())),
                Ok(None) => break,
                Err(error) => {
                    self.reader.note_place(&Parts::default());
                    return Err(error);
                }
            }
            self.reader.next_item();
        }
        self.reader.leave_list();
        Ok(())
    }
}
