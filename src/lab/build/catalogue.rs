//! Lists of instance types and their prices.

use std::collections::BTreeMap;

use crate::model::ResourceList;
use crate::model::resource_list::{CPU, MEMORY, PODS};
use crate::scenario::schema;
use crate::trace::Input;
use crate::trace::table::{Column, Row, Table};
use crate::units::Quantity;

use super::economics::micro;
use super::{BuildError, FileSource};

/// The instance types that come with the program.
const BUNDLED: (&str, &[u8]) = ("prices.csv", include_bytes!("../../../traces/prices.csv"));

/// An instance type of a list.
#[derive(Clone, Debug)]
pub(super) struct InstanceType {
    /// What pods may use of it.
    pub(super) capacity: ResourceList,
    /// Millionths an hour on demand.
    pub(super) price: i64,
    /// The same as spot capacity, where the list says so.
    pub(super) spot: Option<i64>,
}

/// The columns of a list.
struct Columns {
    name: Column,
    cpu: Column,
    memory: Column,
    price: Column,
    spot: Option<Column>,
    /// What the column of prices is called.
    price_name: String,
}

/// The instance types of a list, and what it is called.
pub(super) fn catalogue(
    written: &schema::Provider,
    files: &FileSource<'_>,
) -> Result<(BTreeMap<String, InstanceType>, String), BuildError> {
    let input = match &written.prices {
        Some(file) => files.open(file),
        None => Input::bytes(BUNDLED.0, BUNDLED.1),
    };
    let list = written
        .prices
        .clone()
        .unwrap_or_else(|| "the bundled list".to_owned());
    let mut table = Table::open(&input)?;
    let columns = columns(&table, written, &list)?;
    let mut types = BTreeMap::new();
    while let Some(row) = table.next_row()? {
        let row = row.map_err(|bad| {
            let (line, column, rule) = (bad.line, bad.column, bad.rule);
            BuildError::Experiment(format!("{list}:{line}: column `{column}`: {rule}"))
        })?;
        // Types without a price can't be bought.
        if row.text(&columns.price).is_empty() {
            continue;
        }
        let own = instance_type(&row, &columns, written).map_err(|(column, rule)| {
            BuildError::Experiment(format!("{list}:{}: column `{column}`: {rule}", row.line))
        })?;
        types.insert(row.text(&columns.name).to_owned(), own);
    }
    Ok((types, list))
}

fn columns(table: &Table, written: &schema::Provider, list: &str) -> Result<Columns, BuildError> {
    let currency = written.currency.to_lowercase();
    let price_name = format!("on_demand_{currency}_per_hour");
    if let (None, Some(found)) = (table.column(&price_name), listed_currency(table)) {
        let own = &written.currency;
        return Err(BuildError::Experiment(format!(
            "cluster.provider.currency: prices of {list} are in {found}, those of the experiment in \
             {own}; give a list in {own}, or write `currency: {found}`"
        )));
    }
    Ok(Columns {
        name: table.required_column("instance_type")?,
        cpu: table.required_column("vcpu")?,
        memory: table.required_column("memory_mib")?,
        price: table.required_column(&price_name)?,
        spot: table.column(&format!("spot_{currency}_per_hour")),
        price_name,
    })
}

/// The currency of a list, by the name of its column of prices.
pub(super) fn listed_currency(table: &Table) -> Option<String> {
    table.columns().iter().find_map(|column| {
        let inner = column.strip_prefix("on_demand_")?;
        inner.strip_suffix("_per_hour").map(str::to_uppercase)
    })
}

/// The instance type of a row, or the column that is wrong and why.
fn instance_type(
    row: &Row<'_>,
    columns: &Columns,
    written: &schema::Provider,
) -> Result<InstanceType, (String, String)> {
    let amount = |column: &Column, name: &str| {
        let text = row.text(column);
        let parsed = text
            .parse::<Quantity>()
            .ok()
            .filter(|own| !own.is_negative());
        parsed.ok_or_else(|| {
            (
                name.to_owned(),
                format!("`{text}` is no amount of 0 or more"),
            )
        })
    };
    let money = |text: &str| {
        let parsed = text.parse::<Quantity>().ok().and_then(micro);
        parsed.ok_or_else(|| {
            let rule =
                format!("`{text}` is no price; expected a number of 0 or more, such as 0.204");
            (columns.price_name.clone(), rule)
        })
    };
    let bytes = amount(&columns.memory, "memory_mib")?.checked_mul(1 << 20);
    let bytes = bytes.map_err(|why| ("memory_mib".to_owned(), why.to_string()))?;
    let less = |whole: Quantity, part: Option<Quantity>| {
        let left = whole.checked_sub(part.unwrap_or(Quantity::ZERO));
        left.ok()
            .filter(|left| !left.is_negative())
            .unwrap_or(Quantity::ZERO)
    };
    let spot = match row.optional_text(columns.spot.as_ref()) {
        "" => None,
        text => Some(money(text)?),
    };
    let reserved = &written.reserved;
    Ok(InstanceType {
        capacity: ResourceList::from_pairs([
            (CPU, less(amount(&columns.cpu, "vcpu")?, reserved.cpu)),
            (MEMORY, less(bytes, reserved.memory)),
            (PODS, Quantity::from_units(110)),
        ]),
        price: money(row.text(&columns.price))?,
        spot,
    })
}

/// Whether a name is one of a pattern, in which `*` stands for any text.
pub(super) fn matches(pattern: &str, name: &str) -> bool {
    let mut pieces = pattern.split('*');
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else {
        return false;
    };
    let mut pieces = pieces.peekable();
    if pieces.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(piece) = pieces.next() {
        if pieces.peek().is_none() {
            return rest.ends_with(piece);
        }
        match rest.find(piece) {
            Some(place) => rest = &rest[place + piece.len()..],
            None => return false,
        }
    }
    true
}
