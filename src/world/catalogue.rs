//! Instance types: what machines of each offer, and what they cost.

use intake::Input;
use intake::table::{Column, Row, Table};
use model::gpu::MAX_DEVICES;
use model::node::{ARCH_LABEL, OS_LABEL, USUAL_OS};
use model::resource_list::{CPU, MEMORY, PODS};
use model::{GpuInventory, Node, ResourceList};
use scenario::schema;
use units::{Quantity, SortedMap};

use super::instance_type::{GPU_RESOURCE, InstanceType, less};
use super::price_list::{self, Price, at};
use super::{BuildError, FileSource, karpenter_types};

/// The instance types that come with the program.
const BUNDLED: (&str, &[u8]) = ("prices.csv", include_bytes!("../../traces/prices.csv"));

/// Pods that a machine takes, where its list says nothing else.
const PODS_USUAL: &str = "110";

/// The instance types of a provider, and what their list is called.
pub(super) fn catalogue(
    written: &schema::Provider,
    files: &FileSource<'_>,
) -> Result<(SortedMap<String, InstanceType>, String), BuildError> {
    let listed = written.prices.as_deref();
    let open = |file: Option<&str>| match file {
        Some(file) => files.open(file),
        None => Input::bytes(BUNDLED.0, BUNDLED.1),
    };
    let name = |file: Option<&str>| file.unwrap_or("the bundled list").to_owned();
    if let Some(list) = listed.filter(|own| is_json(own)) {
        let types = karpenter_types::read(&files.open(list), list, &written.reserved)?;
        return Ok((types, list.to_owned()));
    }
    // Types of a file of their own have the prices of a list that is named, and else none.
    let mut prices = if listed.is_some() || written.types.is_none() {
        let field = "cluster.provider.currency";
        let list = name(listed);
        price_list::read(&open(listed), field, &list, Some(&written.currency))?.of
    } else {
        SortedMap::new()
    };
    let file = written.types.as_deref().or(listed);
    let list = name(file);
    let mut table = Table::open(&open(file))?;
    if written.types.is_none() && table.column("vcpu").is_none() {
        return Err(BuildError::Experiment(format!(
            "cluster.provider.prices: {list} has prices, but no columns `vcpu` and `memory_mib`; \
             give a file with these columns as `types`"
        )));
    }
    let columns = Columns::find(&table)?;
    let mut types: SortedMap<String, InstanceType> = SortedMap::new();
    while let Some(row) = table.next_row()? {
        let row = row.map_err(|bad| at(&list, bad.line, &bad.column, &bad.rule))?;
        let name = row.text(&columns.name);
        let prices = prices.remove(name);
        let known = types.get(name);
        // Types of a list of prices that have none can't be bought.
        if known.is_none() && prices.is_none() && written.types.is_none() {
            continue;
        }
        let node = machine(&row, &columns, &written.reserved)
            .map_err(|(column, rule)| at(&list, row.line, &column, &rule))?;
        if let Some(known) = known {
            same(&known.node, &node, name).map_err(|rule| at(&list, row.line, NAME, &rule))?;
            continue;
        }
        let own = InstanceType {
            node,
            prices: prices.unwrap_or_default(),
        };
        types.insert(name.to_owned(), own);
    }
    Ok((types, list))
}

/// Instance type of a list.
pub(super) struct Listed {
    pub(super) name: String,
    /// One of its machines.
    pub(super) node: Node,
    /// Prices, of zones or everywhere.
    pub(super) prices: Vec<Price>,
    /// Line on which the type stands, where the list has lines.
    pub(super) line: Option<u64>,
    /// Whether the list says how many pods a machine takes.
    pub(super) states_pods: bool,
}

/// The instance types of one list, by name, and its currency. Types without a price are among them.
pub(super) fn listed(list: &Input) -> Result<(Vec<Listed>, String), BuildError> {
    let nothing = schema::Reserved::default();
    if is_json(&list.name) {
        let types = karpenter_types::read(list, &list.name, &nothing)?;
        let types = types.into_iter().map(|(name, own)| Listed {
            name,
            node: own.node,
            prices: own.prices,
            line: None,
            states_pods: true,
        });
        return Ok((types.collect(), "USD".to_owned()));
    }
    let prices = price_list::read(list, "--types", &list.name, None)?;
    let mut table = Table::open(list)?;
    let columns = Columns::find(&table)?;
    let mut types: SortedMap<String, Listed> = SortedMap::new();
    while let Some(row) = table.next_row()? {
        let row = row.map_err(|bad| at(&list.name, bad.line, &bad.column, &bad.rule))?;
        let name = row.text(&columns.name);
        let node = machine(&row, &columns, &nothing)
            .map_err(|(column, rule)| at(&list.name, row.line, &column, &rule))?;
        if let Some(known) = types.get(name) {
            let differs = same(&known.node, &node, name);
            differs.map_err(|rule| at(&list.name, row.line, NAME, &rule))?;
            continue;
        }
        let own = Listed {
            name: name.to_owned(),
            node,
            prices: prices.of.get(name).cloned().unwrap_or_default(),
            line: Some(row.line),
            states_pods: !row.optional_text(columns.pods.as_ref()).is_empty(),
        };
        types.insert(name.to_owned(), own);
    }
    Ok((types.into_values().collect(), prices.currency))
}

/// Refuses a row that gives a type another machine than one before it.
fn same(known: &Node, node: &Node, name: &str) -> Result<(), String> {
    if known == node {
        return Ok(());
    }
    Err(format!(
        "`{name}` is another machine here than in a row before; give all rows of a type the same amounts, or \
         types names of their own"
    ))
}

/// Whether a list is one of Karpenter's.
fn is_json(file: &str) -> bool {
    let ending = std::path::Path::new(file).extension();
    ending.is_some_and(|own| own.eq_ignore_ascii_case("json"))
}

/// The column of the names of types.
const NAME: &str = "instance_type";

/// The columns of a list of instance types.
struct Columns {
    name: Column,
    cpu: Column,
    memory: Column,
    gpu: Option<Column>,
    gpu_model: Option<Column>,
    architecture: Option<Column>,
    pods: Option<Column>,
}

impl Columns {
    fn find(table: &Table) -> Result<Self, BuildError> {
        Ok(Self {
            name: table.required_column(NAME)?,
            cpu: table.required_column("vcpu")?,
            memory: table.required_column("memory_mib")?,
            gpu: table.column("gpu"),
            gpu_model: table.column("gpu_model"),
            architecture: table.column("arch"),
            pods: table.column("max_pods"),
        })
    }
}

/// Machine of a row, or the column that is wrong and the rule that it breaks.
fn machine(
    row: &Row<'_>,
    columns: &Columns,
    reserved: &schema::Reserved,
) -> Result<Node, (String, String)> {
    let amount = |text: &str, name: &str| {
        let parsed = text.parse::<Quantity>().ok();
        let parsed = parsed.filter(|own| !own.is_negative());
        let rule = || format!("`{text}` is not an amount of 0 or more");
        parsed.ok_or_else(|| (name.to_owned(), rule()))
    };
    let some = |text: &str, name: &str| {
        let amount = amount(text, name)?;
        let rule = || format!("`{text}` is not an amount above 0; give what a machine has");
        let is_some = amount.nanos() > 0;
        is_some
            .then_some(amount)
            .ok_or_else(|| (name.to_owned(), rule()))
    };
    let optional = |column: &Option<Column>, usual: &str, name: &str| {
        let text = row.optional_text(column.as_ref());
        amount(if text.is_empty() { usual } else { text }, name)
    };
    let bytes = some(row.text(&columns.memory), "memory_mib")?.checked_mul(1 << 20);
    let bytes = bytes.map_err(|why| ("memory_mib".to_owned(), why.to_string()))?;
    let cpu = some(row.text(&columns.cpu), "vcpu")?;
    let gpus = optional(&columns.gpu, "0", "gpu")?;
    let mut offered = ResourceList::from_pairs([
        (CPU, less(cpu, reserved.cpu)),
        (MEMORY, less(bytes, reserved.memory)),
        (PODS, optional(&columns.pods, PODS_USUAL, "max_pods")?),
    ]);
    let devices = gpus.units_ceil().ok();
    let devices = devices.and_then(|own| u8::try_from(own).ok());
    let devices = devices.filter(|own| usize::from(*own) <= MAX_DEVICES);
    let devices = devices.ok_or_else(|| {
        let rule = format!("expected at most {MAX_DEVICES} devices");
        ("gpu".to_owned(), rule)
    })?;
    if devices > 0 {
        offered.set(GPU_RESOURCE, gpus);
    }
    let mut node = Node {
        allocatable: offered,
        gpu: (devices > 0).then(|| GpuInventory {
            devices,
            model: row.optional_text(columns.gpu_model.as_ref()).into(),
        }),
        ..Node::default()
    };
    node.labels.insert(OS_LABEL.into(), USUAL_OS.into());
    let architecture = row.optional_text(columns.architecture.as_ref());
    if !architecture.is_empty() {
        node.labels.insert(ARCH_LABEL.into(), architecture.into());
    }
    Ok(node)
}

/// Whether a name is one of a pattern, in which `*` stands for any text.
pub fn matches(pattern: &str, name: &str) -> bool {
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
