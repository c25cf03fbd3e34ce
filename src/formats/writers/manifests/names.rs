//! Names as Kubernetes takes them: of pods and namespaces, and keys and values of labels.

use std::io;

use indexmap::{IndexMap, IndexSet};
use rustc_hash::FxBuildHasher;
use smallvec::SmallVec;

use crate::prelude::*;
use arrivals::spill::key_of;

/// The namespaces of a workload, with what has been named in them.
#[derive(Default)]
pub(super) struct Namespaces {
    /// The places of the source's namespaces.
    known: IndexMap<Text, usize, FxBuildHasher>,
    /// Their names in Kubernetes; that of none is empty.
    pub(super) labels: IndexSet<String, FxBuildHasher>,
    /// The last number behind each name of a pod, by the hash of the place of the namespace and the name.
    names: Places,
}

impl Namespaces {
    /// The place of a namespace, which becomes a label of DNS of its own.
    pub(super) fn place(&mut self, namespace: &Text) -> usize {
        if let Some(&place) = self.known.get(namespace) {
            return place;
        }
        let mut label = dns_label(namespace);
        for number in 2_u64.. {
            if !self.labels.contains(&label) {
                break;
            }
            label = format!("{}-{number}", dns_label(namespace));
        }
        let (place, _) = self.labels.insert_full(label);
        self.known.insert(namespace.clone(), place);
        place
    }

    /// A name in a namespace, with a number behind it if it is taken.
    pub(super) fn free_name(&mut self, place: usize, name: String) -> io::Result<String> {
        let key = key(place, &name);
        let Some(mut last) = self.names.get(key).map_err(io::Error::other)? else {
            self.names.put(key, 1).map_err(io::Error::other)?;
            return Ok(name);
        };
        loop {
            last += 1;
            let free = format!("{name}-{last}");
            let other = self::key(place, &free);
            let known = self.names.get(other).map_err(io::Error::other)?;
            if known.is_none() {
                let put = self.names.put(other, 1);
                let put = put.and_then(|()| self.names.put(key, last));
                put.map_err(io::Error::other)?;
                return Ok(free);
            }
        }
    }
}

/// The key of a name in a namespace.
fn key(place: usize, name: &str) -> [u64; 2] {
    let mut all: SmallVec<[u8; 128]> = SmallVec::new();
    all.extend_from_slice(&(place as u64).to_le_bytes());
    all.extend_from_slice(name.as_bytes());
    key_of(&all)
}

/// Whether Kubernetes takes a text as the value of a label.
pub(super) fn is_label_value(value: &str) -> bool {
    let is_end = |own: Option<&u8>| own.is_none_or(u8::is_ascii_alphanumeric);
    let bytes = value.as_bytes();
    let is_inner = |own: &u8| own.is_ascii_alphanumeric() || b"-_.".contains(own);
    bytes.len() <= 63 && is_end(bytes.first()) && is_end(bytes.last()) && bytes.iter().all(is_inner)
}

/// Whether Kubernetes takes a text as the key of a label.
pub(super) fn is_label_key(key: &str) -> bool {
    let (prefix, name) = match key.split_once('/') {
        Some((prefix, name)) => (Some(prefix), name),
        None => (None, key),
    };
    let is_domain = |prefix: &str| !prefix.is_empty() && is_dns_name(prefix);
    !name.is_empty() && is_label_value(name) && prefix.is_none_or(is_domain)
}

/// A label of DNS, which names a namespace; that of an empty text is empty.
pub(super) fn dns_label(name: &str) -> String {
    let kept = name
        .to_ascii_lowercase()
        .replace(|own: char| !own.is_ascii_alphanumeric(), "-");
    let kept: String = kept.trim_matches('-').chars().take(50).collect();
    let kept = kept.trim_matches('-');
    if kept.is_empty() && !name.is_empty() {
        return "namespace".to_owned();
    }
    kept.to_owned()
}

/// Whether a text is labels of DNS with dots between.
pub(super) fn is_dns_name(name: &str) -> bool {
    let is_plain = |own: u8| own.is_ascii_lowercase() || own.is_ascii_digit();
    let is_label = |label: &str| {
        let bytes = label.as_bytes();
        let ends = [bytes.first(), bytes.last()];
        ends.iter().all(|own| own.is_some_and(|&own| is_plain(own)))
            && bytes.iter().all(|&own| is_plain(own) || own == b'-')
    };
    name.split('.').all(is_label)
}

/// A name of a pod as Kubernetes has it; one that is none gets the number of the pod behind it, as
/// several could come out alike.
pub(super) fn dns_name(name: &PodName, number: u64) -> String {
    let name = name.to_string();
    if is_dns_name(&name) && name.len() <= 200 {
        return name;
    }
    let kept = name
        .to_ascii_lowercase()
        .replace(|own: char| !own.is_ascii_alphanumeric(), "-");
    let kept: String = kept.trim_matches('-').chars().take(200).collect();
    format!("{kept}-{number}").trim_matches('-').to_owned()
}
