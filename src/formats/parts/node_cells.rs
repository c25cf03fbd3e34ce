//! Cells of a table of nodes for what a machine has beside cores, memory and GPUs: amounts by resource, labels, taints and
//! later events. Labels and taints are written as kubectl takes them; a text with a separator in it is one of JSON.

use crate::parts::resize_list;
use crate::prelude::*;
use arrivals::format::{NodeEvent, NodeEventKind};
use arrivals::pod::template::named;
use intake::number::MOST_OF_A_RESOURCE;
use model::resource_list::{CPU, MEMORY, PODS};
use model::{Node, Taint};

/// The columns, each with the notation of its cells. An empty cell says nothing.
pub(crate) const COLUMNS: [NodeColumn; 4] = [
    NodeColumn {
        name: "resources",
        notation: "amounts by resource, such as `pods=110 memory=4Gi`",
    },
    NodeColumn {
        name: "labels",
        notation: "labels, each once, such as `zone=a,disk=ssd`; a text with `,`, `=`, `:` or quotes stands in quotes as in JSON",
    },
    NodeColumn {
        name: "taints",
        notation: "taints, such as `gpu=yes:NoSchedule,old:NoExecute`; a text with `,`, `=`, `:` or quotes stands in quotes as in JSON",
    },
    NodeColumn {
        name: "events",
        notation: "events in order of time, such as `0s goes | 1h comes | 2h cpu=8 memory=4Gi | 3h refuses | 4h accepts`; \
                   amounts that are not named stay; only what is there goes, and only what is away comes",
    },
];

/// A column of machines.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NodeColumn {
    /// The name in the header.
    pub(crate) name: &'static str,
    /// The notation of its cells.
    pub(crate) notation: &'static str,
}

/// Characters that separate texts of a cell, or stand about them.
const SEPARATORS: [char; 4] = [',', '=', ':', '"'];

/// The events that a word says.
const WORDS: [(&str, NodeEventKind); 4] = [
    ("comes", NodeEventKind::Comes),
    ("goes", NodeEventKind::Goes),
    ("refuses", NodeEventKind::Refuses),
    ("accepts", NodeEventKind::Accepts),
];

/// The cells of a node with these events, of which other columns say `said`.
pub(crate) fn written(node: &Node, said: &Node, events: &[&NodeEvent]) -> [String; COLUMNS.len()] {
    let amounts = node.allocatable.iter();
    let amounts = amounts.filter(|(name, amount)| said.allocatable.stated(name) != Some(*amount));
    let amounts = amounts.map(|(name, amount)| format!("{name}={amount}"));
    let labels = node.labels.iter();
    let labels = labels.filter(|(key, value)| said.labels.get(key) != Some(value));
    let labels = labels.map(|(key, value)| format!("{}={}", plain(key), plain_value(value)));
    let taints = node.taints.iter().map(|taint| {
        // Effects are named as in Kubernetes.
        let effect = taint.effect;
        let key = plain(&taint.key);
        match &*taint.value {
            "" => format!("{key}:{effect:?}"),
            value => format!("{key}={}:{effect:?}", plain(value)),
        }
    });
    let mut offered_now = &node.allocatable;
    let events = events.iter().map(|event| {
        let at = event.at;
        match (
            &event.kind,
            WORDS.iter().find(|(_, kind)| *kind == event.kind),
        ) {
            (NodeEventKind::Resized(offered), _) => {
                let gone = std::mem::replace(&mut offered_now, offered).iter();
                let gone = gone.filter(|(name, _)| !offered.contains(name));
                let mut none = ResourceList::default();
                for (name, _) in gone {
                    none.set(name, Quantity::ZERO);
                }
                format!(
                    "{at}{}{}",
                    resize_list::words(offered),
                    resize_list::words(&none)
                )
            }
            (_, Some((word, _))) => format!("{at} {word}"),
            (_, None) => String::new(),
        }
    });
    [
        amounts.collect::<Vec<_>>().join(" "),
        labels.collect::<Vec<_>>().join(","),
        taints.collect::<Vec<_>>().join(","),
        events.collect::<Vec<_>>().join(" | "),
    ]
}

/// Adds to the node of a place what its cells say; returns the events.
///
/// # Errors
/// The column of a cell that is not in its notation.
pub(crate) fn read(
    cells: [&str; COLUMNS.len()],
    node: &mut Node,
    place: usize,
) -> Result<Vec<NodeEvent>, NodeColumn> {
    let [amounts, own_labels, own_taints, own_events] = cells;
    let [of_amounts, of_labels, of_taints, of_events] = COLUMNS;
    let amounts = parts(amounts, resources).ok_or(of_amounts)?;
    for (name, amount) in amounts.named() {
        node.allocatable.insert(name.clone(), amount);
    }
    node.labels
        .extend(parts(own_labels, labels).ok_or(of_labels)?);
    node.taints = parts(own_taints, taints).ok_or(of_taints)?;
    let offered = &node.allocatable;
    parts(own_events, |cell| events(cell, place, offered)).ok_or(of_events)
}

/// The amounts that a machine offers once it has these: others stay, and one of 0 goes, unless each machine has some of it.
fn resized(before: &ResourceList, amounts: &ResourceList) -> ResourceList {
    let mut offered = before.clone();
    for (name, amount) in amounts.named() {
        let is_gone = amount == Quantity::ZERO && ![CPU, MEMORY, PODS].contains(&&**name);
        if is_gone {
            offered.remove(name);
        } else {
            offered.insert(name.clone(), amount);
        }
    }
    offered
}

/// The content of a cell; an empty one has none.
fn parts<T: Default>(cell: &str, read: impl Fn(&str) -> Option<T>) -> Option<T> {
    if cell.is_empty() {
        return Some(T::default());
    }
    read(cell)
}

fn resources(cell: &str) -> Option<ResourceList> {
    let list = resize_list::amounts(cell.split_whitespace())?;
    let mut amounts = list.iter();
    let are_bounded = amounts.all(|(name, amount)| is_bounded(name, amount));
    drop(amounts);
    are_bounded.then_some(list)
}

/// Whether an amount is one that a run takes, so that sums over a cluster are numbers.
fn is_bounded(name: &str, amount: Quantity) -> bool {
    let whole = match name {
        CPU => amount.milli_ceil(),
        _ => amount.units_ceil(),
    };
    whole.is_ok_and(|own| own <= MOST_OF_A_RESOURCE)
}

fn labels(cell: &str) -> Option<Labels> {
    let mut labels = Labels::new();
    let mut rest = cell;
    loop {
        let key = Token::first(rest, &['=', ','])?;
        let value = Token::first(key.rest.strip_prefix('=')?, &[','])?;
        if labels.insert(key.text, value.text).is_some() {
            return None;
        }
        match value.rest.strip_prefix(',') {
            Some(next) => rest = next,
            None => return value.rest.is_empty().then_some(labels),
        }
    }
}

fn taints(cell: &str) -> Option<Vec<Taint>> {
    let mut taints = Vec::new();
    let mut rest = cell;
    loop {
        let key = Token::first(rest, &['=', ':', ','])?;
        let value = match key.rest.strip_prefix('=') {
            Some(value) => Token::first(value, &[':', ','])?,
            None => Token {
                text: Text::default(),
                rest: key.rest,
            },
        };
        let effect = Token::first(value.rest.strip_prefix(':')?, &[','])?;
        taints.push(Taint {
            key: key.text,
            value: value.text,
            effect: named(&effect.text)?,
        });
        match effect.rest.strip_prefix(',') {
            Some(next) => rest = next,
            None => return effect.rest.is_empty().then_some(taints),
        }
    }
}

fn events(cell: &str, node: usize, offered: &ResourceList) -> Option<Vec<NodeEvent>> {
    let mut offered = offered.clone();
    let mut events: Vec<NodeEvent> = Vec::new();
    let mut is_there = true;
    for one in cell.split('|') {
        let mut words = one.split_whitespace();
        let after: Duration = words.next()?.parse().ok()?;
        let at = Instant::ZERO.checked_add(after)?;
        let is_later = events.last().is_none_or(|last| last.at <= at);
        let rest = words.clone().next()?;
        let kind = if let Some((_, kind)) = WORDS.iter().find(|(word, _)| *word == rest) {
            words.next();
            words.next().is_none().then(|| kind.clone())?
        } else {
            let amounts = resources(one.trim().split_once(char::is_whitespace)?.1)?;
            offered = resized(&offered, &amounts);
            NodeEventKind::Resized(offered.clone())
        };
        let is_out_of_turn = match kind {
            NodeEventKind::Comes => std::mem::replace(&mut is_there, true),
            NodeEventKind::Goes => !std::mem::replace(&mut is_there, false),
            _ => false,
        };
        if after < Duration::ZERO || !is_later || is_out_of_turn {
            return None;
        }
        events.push(NodeEvent { at, node, kind });
    }
    Some(events)
}

/// A text at the beginning of another.
struct Token<'c> {
    text: Text,
    /// The rest behind it.
    rest: &'c str,
}

impl<'c> Token<'c> {
    /// The text up to one of these characters, or in quotes.
    fn first(cell: &'c str, ends: &[char]) -> Option<Self> {
        let cell = cell.trim_start();
        if cell.starts_with('"') {
            let mut read = serde_json::Deserializer::from_str(cell).into_iter::<String>();
            let text = read.next()?.ok()?;
            let rest = cell[read.byte_offset()..].trim_start();
            return Some(Self {
                text: text.as_str().into(),
                rest,
            });
        }
        let end = cell.find(ends).unwrap_or(cell.len());
        let (text, rest) = cell.split_at(end);
        Some(Self {
            text: text.trim_end().into(),
            rest,
        })
    }
}

/// A text as it stands in a cell.
fn plain(text: &str) -> String {
    let is_plain = !text.is_empty() && text == text.trim() && !text.contains(SEPARATORS);
    if is_plain && !text.contains(char::is_control) {
        return text.to_owned();
    }
    serde_json::Value::from(text).to_string()
}

/// The value of a label, which may be nothing.
fn plain_value(value: &str) -> String {
    match value {
        "" => String::new(),
        value => plain(value),
    }
}
