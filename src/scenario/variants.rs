//! Variants: overrides on top of the experiment, or on top of another variant.

use super::check::suggest;
use super::diagnostic::{Code, Finding, Findings};
use super::set::Override;
use super::tree::{Entry, Span, Tree, Value};
use super::validate::is_barred;
use units::plural;

/// The most variants of an experiment, which stand side by side in its tables.
const VARIANTS_MAX: usize = 1_000;

/// Longest name of a variant, in bytes.
const NAME_MAX: usize = 200;

/// One variant as written.
pub(super) struct Variant {
    /// The variant's name.
    pub(super) name: String,
    extends: Option<(String, Span)>,
    name_span: Span,
    overrides: Vec<Override>,
}

impl Variant {
    /// Adds help to findings from a position on if the variant may have meant to change a field of a map and
    /// replaces the map, which loses its others.
    pub(super) fn add_help(&self, base: &Tree, from: usize, findings: &mut Findings) {
        let lost = |change: &Override| {
            let (name, value) = change.of_top()?;
            let (Value::Map(own), Value::Map(before)) = (&value.value, &base.get(name)?.value)
            else {
                return None;
            };
            let lost = before
                .iter()
                .find(|entry| value.get(&entry.key).is_none())?;
            Some(format!(
                "variant `{variant}` replaces all of `{name}`, `{name}.{lost}` too; `{name}.{field}: …` \
                 changes one field alone",
                variant = self.name,
                lost = lost.key,
                field = own.first()?.key,
            ))
        };
        if let Some(help) = self.overrides.iter().find_map(lost) {
            findings.extend_help(from, &help);
        }
    }
}

/// Reads `variants:`.
pub(super) fn read(entry: &Entry, findings: &mut Findings) -> Vec<Variant> {
    let Value::Map(entries) = &entry.value.value else {
        let message = format!("`variants` is {}", entry.value.value.kind());
        findings.push(
            Finding::new(Code::WrongType, message, entry.key_span)
                .label("expected a map from names to overrides")
                .help("for example `variants: {short-first: {system.scheduler.queue: sjf}}`"),
        );
        return Vec::new();
    };
    if entries.len() > VARIANTS_MAX {
        let message = format!("there are {}", plural::count(entries.len(), "variant"));
        let finding = Finding::new(Code::Impossible, message, entry.key_span);
        let finding = finding.label(format!("expected at most {VARIANTS_MAX}"));
        findings.push(finding.help(
            "variants stand side by side in tables and plots; many points are a sweep's: `windtunnel \
             sweep EXPERIMENT --grid PATH=A,B,C`",
        ));
        return Vec::new();
    }
    let variants: Vec<Variant> = entries
        .iter()
        .map(|entry| variant(entry, findings))
        .collect();
    for variant in &variants {
        check_chain(variant, &variants, findings);
    }
    variants
}

fn variant(entry: &Entry, findings: &mut Findings) -> Variant {
    let name = entry.key.as_str();
    if name.is_empty() || name.len() > NAME_MAX || name.contains(is_barred) || name.starts_with('.')
    {
        let message = format!("`{}` can't be the name of a variant", name.escape_debug());
        let finding = Finding::new(Code::Impossible, message, entry.key_span).label(format!(
            "expected up to {NAME_MAX} bytes without `/`, `\\` and control characters that don't begin with `.`"
        ));
        findings.push(finding.help("files of a variant are named after it"));
    }
    let mut variant = Variant {
        name: entry.key.clone(),
        extends: None,
        name_span: entry.key_span,
        overrides: Vec::new(),
    };
    let fields = match &entry.value.value {
        Value::Map(fields) => fields.as_slice(),
        // A variant without overrides is the experiment itself.
        Value::Null => &[],
        other => {
            let message = format!("variant `{}` is {}", entry.key, other.kind());
            let finding = Finding::new(Code::WrongType, message, entry.key_span);
            findings.push(finding.label("expected a map from paths to values"));
            &[]
        }
    };
    for field in fields {
        if field.key == "extends" {
            match &field.value.value {
                Value::String(name) => variant.extends = Some((name.clone(), field.value.span)),
                other => {
                    let message = format!("`extends` is {}", other.kind());
                    let finding = Finding::new(Code::WrongType, message, field.key_span);
                    findings.push(finding.label("expected the name of another variant"));
                }
            }
        } else {
            let value = field.value.clone();
            variant
                .overrides
                .extend(Override::new(&field.key, field.key_span, value, findings));
        }
    }
    variant
}

/// Every variant of the chain from `variant` upwards, itself first; stops before a repetition.
fn chain<'all>(variant: &'all Variant, all: &'all [Variant]) -> Vec<&'all Variant> {
    let mut chain = vec![variant];
    let mut current = variant;
    while let Some((name, _)) = &current.extends
        && let Some(next) = all.iter().find(|other| other.name == *name)
        && !chain.iter().any(|seen| seen.name == next.name)
    {
        chain.push(next);
        current = next;
    }
    chain
}

fn check_chain(variant: &Variant, all: &[Variant], findings: &mut Findings) {
    let Some((extends, span)) = &variant.extends else {
        return;
    };
    if !all.iter().any(|other| other.name == *extends) {
        let known: Vec<&str> = all.iter().map(|other| other.name.as_str()).collect();
        let others: Vec<&str> = known
            .into_iter()
            .filter(|name| *name != variant.name)
            .collect();
        let message = format!("there is no variant `{extends}`");
        let finding = Finding::new(Code::VariantChain, message, *span);
        findings.push(suggest(
            finding.label("unknown variant"),
            extends,
            &others,
            *span,
        ));
        return;
    }
    let chain = chain(variant, all);
    let Some(last) = chain.last() else { return };
    // Each cycle is reported once, at its first variant in written order.
    let closes = last
        .extends
        .as_ref()
        .is_some_and(|(name, _)| *name == variant.name);
    let position = |name: &str| all.iter().position(|other| other.name == name);
    let first = chain
        .iter()
        .filter_map(|member| position(&member.name))
        .min();
    if closes && first == position(&variant.name) {
        let names: Vec<&str> = chain.iter().map(|member| member.name.as_str()).collect();
        let message = format!("cyclic variant: {} → {}", names.join(" → "), variant.name);
        let mut finding = Finding::new(Code::VariantChain, message, *span)
            .label("leads back to this variant")
            .help("let one of them extend nothing");
        for member in chain.iter().skip(1) {
            finding = finding.context(member.name_span, "on the way");
        }
        findings.push(finding);
    }
}

/// The experiment with a variant's overrides, those of the variants it extends first.
pub(super) fn apply(
    base: &Tree,
    variant: &Variant,
    all: &[Variant],
    findings: &mut Findings,
) -> Tree {
    let mut tree = base.clone();
    for member in chain(variant, all).into_iter().rev() {
        for change in &member.overrides {
            change.apply(&mut tree, findings);
        }
    }
    tree
}
