//! The files of a project as one tree: variables filled in, included files and extended services
//! taken in, later files laid over earlier ones (compose-spec `05-services.md` extends,
//! `12-interpolation.md`, `13-merge.md`, `14-include.md`).

use super::fields::AT_TOP;
use super::interpolate::{Problem, Variables, environment, fill};
use super::merge::{Tag, Tags, depends_as_map, merge};
use super::paths::{beside, plain};
use super::shapes::unknown;
use super::{ReadRequest, Unset};
use crate::diagnostic::{Code, Finding, Findings};
use crate::tree::{Entry, Sources, Span, Tree, Value};
use crate::yaml;
use units::{SortedMap, nearest};

/// Most files that include or extend each other.
const MAX_DEPTH: usize = 32;

/// The text of a file, or the reason there is none.
pub type Open<'a> = &'a dyn Fn(&str) -> Result<String, String>;

/// Loader of a project's files.
pub(super) struct Loader<'a> {
    pub(super) request: &'a ReadRequest<'a>,
    pub(super) sources: Sources,
    pub(super) findings: Findings,
    pub(super) unset: Vec<Unset>,
    tags: Tags,
    /// Variables of the file that is read: those of the request, over those of the include that took it in.
    variables: Variables,
    /// Files that are read, each included by the one before.
    including: Vec<String>,
    /// Services of files that others extend, by path.
    opened: SortedMap<String, Option<Tree>>,
}

/// The items of a list, or the one value in the place of a list.
pub(super) fn one_or_more(tree: &Tree) -> &[Tree] {
    match &tree.value {
        Value::List(items) => items,
        _ => std::slice::from_ref(tree),
    }
}

impl<'a> Loader<'a> {
    pub(super) fn new(request: &'a ReadRequest<'a>, sources: Sources) -> Self {
        Self {
            request,
            sources,
            findings: Findings::default(),
            unset: Vec::new(),
            tags: Tags::new(),
            variables: request.variables.clone(),
            including: Vec::new(),
            opened: SortedMap::new(),
        }
    }

    /// All files of the request as one tree.
    pub(super) fn project(&mut self) -> Option<Tree> {
        let mut whole: Option<Tree> = None;
        for file in self.request.files {
            let tree = self.file(file.name, file.text)?;
            whole = Some(match whole {
                None => tree,
                Some(base) => merge(base, tree, &self.tags),
            });
        }
        let mut whole = whole?;
        if let Some(own) = self.services(&whole, self.request.files.first()?.name) {
            replace(&mut whole, own);
        }
        Some(whole)
    }

    /// A file with those that it includes.
    fn file(&mut self, name: &str, text: &str) -> Option<Tree> {
        self.including.push(plain(name));
        let tree = self.document(name, text);
        let tree = tree.map(|tree| self.with_included(name, tree));
        self.including.pop();
        tree
    }

    /// Whether a file may be included: it is none of those that are read already.
    fn may_include(&mut self, place: &str, span: Span) -> bool {
        let place = plain(place);
        if let Some(first) = self.including.iter().position(|own| *own == place) {
            let circle = self.including[first..].join(" -> ");
            let message = format!("files include each other in a circle: {circle} -> {place}");
            self.wrong(&message, span, "leave one of the includes out");
            return false;
        }
        if self.including.len() > MAX_DEPTH {
            let message = format!("more than {MAX_DEPTH} files include each other");
            self.wrong(&message, span, "leave one of the includes out");
            return false;
        }
        true
    }

    /// A file's tree with what it includes.
    fn with_included(&mut self, name: &str, mut tree: Tree) -> Tree {
        let Some(include) = tree.remove("include") else {
            return tree;
        };
        for item in include.value.items() {
            let paths = match &item.value {
                Value::Map(_) => item.get("path"),
                _ => Some(item),
            };
            let Some(paths) = paths else {
                let finding = Finding::new(Code::MissingField, "`path` is missing", item.span);
                self.findings
                    .push(finding.label("expected the path of a compose file"));
                continue;
            };
            let mut included: Option<Tree> = None;
            let each = one_or_more(paths);
            let around = self.variables.clone();
            self.include_variables(name, item, each);
            for path in each {
                let Some(named) = path.text() else {
                    self.wrong_type(path, "the path of a compose file");
                    continue;
                };
                let place = beside(name, named);
                if !self.may_include(&place, path.span) {
                    continue;
                }
                let Some(text) = self.open(&place, path.span) else {
                    continue;
                };
                let Some(mut own) = self.file(&place, &text) else {
                    continue;
                };
                if let Some(services) = self.services(&own, &place) {
                    replace(&mut own, services);
                }
                included = Some(match included {
                    None => own,
                    Some(base) => merge(base, own, &self.tags),
                });
            }
            self.variables = around;
            if let Some(own) = included {
                self.take_in(&mut tree, own, item.span);
            }
        }
        tree
    }

    /// Adds the variables of an include: those of its `env_file`, or else of `.env` in its project's folder.
    /// Variables that are set around it hold all the same.
    fn include_variables(&mut self, name: &str, item: &Tree, paths: &[Tree]) {
        const KNOWN: [&str; 3] = ["path", "project_directory", "env_file"];
        for entry in item.entries() {
            if !KNOWN.contains(&&*entry.key) {
                let message = format!("there is no field `{}` of an include", entry.key);
                let finding = Finding::new(Code::UnknownField, message, entry.key_span);
                let hint = nearest::hint(&entry.key, KNOWN);
                self.findings.push(finding.label("not known").help(hint));
            }
        }
        let mut own = Variables::new();
        if let Some(stated) = item.get("env_file") {
            for file in one_or_more(stated) {
                let Some(named) = file.text() else {
                    self.wrong_type(file, "the path of a file of variables");
                    continue;
                };
                match (self.request.open)(&beside(name, named)) {
                    Ok(text) => own.extend(self.environment(&text, file.span)),
                    Err(why) => {
                        let message = format!("{named}: {why}");
                        let finding = Finding::new(Code::MissingFile, message, file.span);
                        let label = "expected a file of variables beside this one";
                        self.findings.push(finding.label(label));
                    }
                }
            }
        } else {
            let folder = item.get("project_directory").and_then(Tree::text);
            let file = match (folder, paths.first().and_then(Tree::text)) {
                (Some(folder), _) => format!("{folder}/.env"),
                (None, Some(path)) => beside(path, ".env"),
                (None, None) => return,
            };
            if let Ok(text) = (self.request.open)(&beside(name, &file)) {
                own.extend(self.environment(&text, item.span));
            }
        }
        for (variable, value) in own {
            self.variables.entry(variable).or_insert(value);
        }
    }

    /// The variables of a file that an include names.
    fn environment(&mut self, text: &str, span: Span) -> Variables {
        environment(text).unwrap_or_else(|(line, found)| {
            let message = format!("line {line} of its variables is `{found}`");
            self.wrong(&message, span, "expected lines such as `NAME=VALUE`");
            Variables::new()
        })
    }

    /// Adds what an included file declares; a name can be declared once.
    fn take_in(&mut self, tree: &mut Tree, included: Tree, place: Span) {
        let Value::Map(entries) = included.value else {
            return;
        };
        for entry in entries
            .into_iter()
            .filter(|entry| entry.key != "name" && entry.key != "version")
        {
            let Value::Map(own) = &mut tree.value else {
                return;
            };
            let Some(known) = own.iter_mut().find(|known| known.key == entry.key) else {
                own.push(entry);
                continue;
            };
            let (Value::Map(known), Value::Map(more)) = (&mut known.value.value, entry.value.value)
            else {
                continue;
            };
            for more in more {
                let twin = known.iter().find(|known| known.key == more.key);
                if let Some(twin) = twin.filter(|twin| twin.value.value != more.value.value) {
                    let message =
                        format!("`{}` of the included file is declared here, too", more.key);
                    let finding = Finding::new(Code::DuplicateName, message, place);
                    let finding = finding.context(twin.key_span, "declared here");
                    let help =
                        "rename one of the two, or lay the file over this one as a further file";
                    self.findings
                        .push(finding.context(more.key_span, "and here").help(help));
                } else if twin.is_none() {
                    known.push(more);
                }
            }
        }
    }

    fn open(&mut self, path: &str, span: Span) -> Option<String> {
        match (self.request.open)(path) {
            Ok(text) => Some(text),
            Err(why) => {
                let finding = Finding::new(Code::MissingFile, format!("{path}: {why}"), span);
                self.findings.push(finding.label("expected a compose file"));
                None
            }
        }
    }

    /// The tree of one file, with its variables filled in.
    fn document(&mut self, name: &str, text: &str) -> Option<Tree> {
        let source = self.sources.add(name, text);
        let before = self.findings.len();
        let tree = yaml::parse(&self.sources, source, &mut self.findings);
        if self.findings.len() > before {
            return None;
        }
        let mut tree = tree?;
        if matches!(tree.value, Value::Null) {
            tree.value = Value::Map(Vec::new());
        }
        if !matches!(tree.value, Value::Map(_)) {
            self.wrong_type(&tree, "a compose file: a map with `services`");
            return None;
        }
        self.fill(&mut tree, &mut Vec::new());
        for entry in tree.entries() {
            if entry.key.starts_with("x-") || AT_TOP.contains(&&*entry.key) {
                continue;
            }
            let message = format!(
                "there is no field `{}` at the top of a compose file",
                entry.key
            );
            let hint = nearest::hint(&entry.key, AT_TOP.iter().copied());
            let finding = Finding::new(Code::UnknownField, message, entry.key_span);
            self.findings.push(finding.label("not known").help(hint));
        }
        if let Value::Map(entries) = &mut tree.value {
            let services = entries.iter_mut().find(|entry| entry.key == "services");
            if let Some(Value::Map(services)) = services.map(|own| &mut own.value.value) {
                for own in services {
                    depends_as_map(&mut own.value);
                }
            }
        }
        Some(tree)
    }

    /// Fills variables in, and takes down the tags of values.
    fn fill(&mut self, tree: &mut Tree, path: &mut Vec<String>) {
        match &mut tree.value {
            Value::String(text) if text.contains('$') => match fill(text, &self.variables) {
                Ok(filled) => {
                    *text = filled.text;
                    let unset = filled.unset.into_iter().map(|name| Unset {
                        name,
                        span: tree.span,
                        path: path.clone(),
                    });
                    self.unset.extend(unset);
                }
                Err(Problem::Format) => {
                    let message = format!("`{text}` holds no variable as it should");
                    let label = "expected `$NAME`, `${NAME}`, or `$$` for a dollar sign";
                    let finding = Finding::new(Code::Syntax, message, tree.span);
                    self.findings.push(finding.label(label));
                }
                Err(Problem::Required { name, message }) => {
                    let words = if message.is_empty() { "" } else { ": " };
                    let what = format!("the variable `{name}` has to be set{words}{message}");
                    self.findings.push(unset_finding(what, &name, tree.span));
                }
            },
            Value::List(items) => {
                for item in items {
                    self.fill(item, path);
                }
            }
            Value::Map(entries) => {
                for entry in entries {
                    if let Some(tag) = self.tag_of(entry) {
                        self.tags.insert(entry.key_span, tag);
                    }
                    path.push(entry.key.clone());
                    self.fill(&mut entry.value, path);
                    path.pop();
                }
            }
            _ => {}
        }
    }

    /// The tag before an entry's value, which says how it is laid over another.
    fn tag_of(&self, entry: &Entry) -> Option<Tag> {
        let text = &self.sources.get(entry.key_span.source).text;
        let rest = text.get(entry.key_span.end as usize..)?;
        let rest = rest
            .trim_start_matches(['"', '\'', ' '])
            .strip_prefix(':')?;
        let rest = rest.trim_start_matches([' ', '\t']);
        let is = |word: &str| {
            rest.strip_prefix(word)
                .is_some_and(|rest| !rest.starts_with(char::is_alphanumeric))
        };
        if is("!reset") {
            Some(Tag::Reset)
        } else if is("!override") {
            Some(Tag::Override)
        } else {
            None
        }
    }

    /// The services of a tree, each laid over the one that it extends.
    fn services(&mut self, tree: &Tree, file: &str) -> Option<Tree> {
        let services = tree.get("services")?;
        let mut extended = Vec::new();
        for entry in services.entries() {
            let value = self.extended(services, entry, file, &mut Vec::new());
            extended.push(Entry {
                value: value.unwrap_or_else(|| entry.value.clone()),
                ..entry.clone()
            });
        }
        Some(Tree {
            span: services.span,
            value: Value::Map(extended),
        })
    }

    /// A service laid over the one that it extends, if it does.
    fn extended(
        &mut self,
        services: &Tree,
        entry: &Entry,
        file: &str,
        path: &mut Vec<(String, String)>,
    ) -> Option<Tree> {
        let stated = entry.value.get("extends")?;
        let here = (file.to_owned(), entry.key.clone());
        if path.contains(&here) {
            let names: Vec<&str> = path.iter().map(|(_, name)| &**name).collect();
            let circle = format!(
                "services extend each other in a circle: {} -> {}",
                names.join(" -> "),
                entry.key
            );
            self.wrong(&circle, stated.span, "leave `extends` out of one of them");
            return None;
        }
        path.push(here);
        for own in stated.entries() {
            const KNOWN: [&str; 2] = ["file", "service"];
            if !KNOWN.contains(&&*own.key) {
                unknown(self, own, &KNOWN);
            }
        }
        let (name, other) = match &stated.value {
            Value::Map(_) => (
                stated.get("service").and_then(Tree::text),
                stated.get("file"),
            ),
            _ => (stated.text(), None),
        };
        let Some(name) = name else {
            self.wrong_type(stated, "the name of a service, or `service` and `file`");
            return None;
        };
        let opened;
        let (services, file) = match other.and_then(|other| Some((other, other.text()?))) {
            None => (services, file.to_owned()),
            Some((other, named)) => {
                let place = beside(file, named);
                if !self.opened.contains_key(&place) {
                    let text = self.open(&place, other.span);
                    let tree = text.and_then(|text| self.document(&place, &text));
                    self.opened.insert(place.clone(), tree);
                }
                opened = self.opened.get(&place).cloned().flatten()?;
                (opened.get("services")?, place)
            }
        };
        let Some(base) = services.entry(name) else {
            let message = format!("there is no service `{name}` to extend");
            let known = services.entries().iter().map(|entry| &*entry.key);
            let hint = nearest::hint(name, known.collect::<Vec<_>>());
            let finding = Finding::new(Code::UnknownName, message, stated.span);
            self.findings.push(finding.label("not declared").help(hint));
            return None;
        };
        let deeper = self.extended(services, base, &file, path);
        if deeper.is_none() && base.value.get("extends").is_some() {
            return None;
        }
        let mut base = deeper.unwrap_or_else(|| base.value.clone());
        let mut own = entry.value.clone();
        base.remove("extends");
        own.remove("extends");
        Some(merge(base, own, &self.tags))
    }

    pub(super) fn wrong(&mut self, message: &str, span: Span, label: &str) {
        let finding = Finding::new(Code::Conflict, message, span);
        self.findings.push(finding.label(label));
    }

    pub(super) fn wrong_type(&mut self, tree: &Tree, expected: &str) {
        let message = format!("{} stands where {expected} is expected", tree.value.kind());
        let finding = Finding::new(Code::WrongType, message, tree.span);
        self.findings
            .push(finding.label(format!("expected {expected}")));
    }
}

/// The error of a variable that is not set.
pub(super) fn unset_finding(message: String, name: &str, span: Span) -> Finding {
    Finding::new(Code::UnknownName, message, span)
        .label(format!("`{name}` is not set"))
        .help(format!(
            "set it with `--variable {name}=VALUE`, in an environment file, or give it a default: \
             `${{{name}:-VALUE}}`"
        ))
}

fn replace(tree: &mut Tree, services: Tree) {
    if let Value::Map(entries) = &mut tree.value
        && let Some(entry) = entries.iter_mut().find(|entry| entry.key == "services")
    {
        entry.value = services;
    }
}
