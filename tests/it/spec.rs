//! The specification, `docs/spec`, is where comments say it is: every citation of a page and section
//! resolves to an anchor, every numbered section has one, and the book lists every page. What its
//! tutorial shows is what the manual's tests run.
//!
//! A citation is a page and what follows it: a number, `section` or `part` and a number, several
//! of them or a range, a point of a list, or a heading in quotes. A link to `docs/spec` with an anchor
//! is one, too. Other files may have the name of a page: a name with a number means `docs/spec`.

use std::fs;
use std::path::{Path, PathBuf};

use windtunnel::units::{SortedMap, SortedSet};

/// A place in the specification that a file names.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Citation {
    line: usize,
    /// Without its extension.
    page: String,
    /// `None` if the page is cited as a whole.
    anchor: Option<String>,
}

fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Files below a folder that end so, in order.
fn files(folder: &Path, ending: &str, is_deep: bool) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                if is_deep && !path.ends_with("target") {
                    folders.push(path);
                }
            } else if path.to_string_lossy().ends_with(ending) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// The pages of the specification with their anchors.
fn pages() -> SortedMap<String, SortedSet<String>> {
    let mut pages = SortedMap::new();
    for path in files(&project("docs/spec"), ".md", false) {
        let name = path.file_stem().expect("a name").to_string_lossy();
        let text = fs::read_to_string(&path).expect("a page");
        let mut anchors = SortedSet::new();
        for part in text.split("<a id=\"").skip(1) {
            let anchor = part.split('"').next().unwrap_or_default();
            assert!(
                anchors.insert(anchor.to_owned()),
                "{name}.md has {anchor} twice"
            );
        }
        pages.insert(name.into_owned(), anchors);
    }
    pages
}

/// A text without the marks of comments, a paragraph of them and a broken string in one line each,
/// and the line that each of its bytes was on.
fn joined(text: &str) -> (String, Vec<usize>) {
    let (mut joined, mut lines) = (String::new(), Vec::new());
    let mut was_comment = false;
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        let mut marks = ["//!", "///", "//"].iter();
        let comment = marks.find_map(|mark| line.strip_prefix(mark));
        let bare = comment.unwrap_or(line).trim();
        if was_comment != comment.is_some() || bare.is_empty() {
            joined.push('\n');
        }
        was_comment = comment.is_some();
        joined.push_str(bare.trim_end_matches('\\'));
        joined.push(' ');
        lines.resize(joined.len(), number + 1);
    }
    (joined, lines)
}

/// What is cited after the name of a page: anchors as they come.
struct Reader<'a> {
    rest: &'a str,
    anchors: Vec<String>,
    /// After `sections` or `parts`, numbers without a point are sections, too.
    is_plural: bool,
}

impl<'a> Reader<'a> {
    fn eat(&mut self, words: &str) -> bool {
        let rest = self.rest.strip_prefix(words);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn eat_any(&mut self, words: &[&str]) -> bool {
        words.iter().any(|words| self.eat(words))
    }

    /// A number such as `1` or `1.4`, with nothing behind it that makes it another thing.
    fn number(&mut self) -> Option<&'a str> {
        let bytes = self.rest.as_bytes();
        let digits = |from: usize| {
            let found = bytes[from..]
                .iter()
                .take_while(|byte| byte.is_ascii_digit());
            from + found.count()
        };
        let mut end = digits(0);
        if end == 0 || end > 2 {
            return None;
        }
        while bytes.get(end) == Some(&b'.') && digits(end + 1) > end + 1 {
            end = digits(end + 1);
        }
        let (number, rest) = self.rest.split_at(end);
        if rest.starts_with(|next: char| next.is_alphanumeric() || next == '_' || next == '%') {
            return None;
        }
        self.rest = rest;
        Some(number)
    }

    /// A section: `1.4`, `section 2`, `part 3`. A bare number without a point is one only right
    /// after the name of the page, or after a plural.
    fn section(&mut self, is_bare_enough: bool) -> Option<&'a str> {
        let before = self.rest;
        let is_plural = self.eat_any(&["sections ", "parts "]);
        let is_named = is_plural || self.eat_any(&["section ", "part "]);
        if is_named {
            self.is_plural = is_plural;
        }
        let is_enough = is_named || self.is_plural || is_bare_enough;
        match self.number() {
            Some(number) if is_enough || number.contains('.') => Some(number),
            _ => {
                self.rest = before;
                None
            }
        }
    }

    /// What follows a number that was taken: a point of its list, or the end of a range.
    fn extend(&mut self, number: &str) {
        let anchor = format!("s{}", number.replace('.', "-"));
        let before = self.rest;
        if self.eat_any(&[
            " point ", ", point ", " rule ", ", rule ", " step ", ", step ",
        ]) {
            if let Some(point) = self.number() {
                self.anchors.push(format!("{anchor}-{point}"));
                return;
            }
            self.rest = before;
        }
        self.anchors.push(anchor);
        if !self.eat_any(&[" to ", "–", "-"]) {
            return;
        }
        let Some(last) = self.section(true) else {
            self.rest = before;
            return;
        };
        let split = |number: &str| {
            let (parent, leaf) = number.rsplit_once('.').unwrap_or(("", number));
            (parent.to_owned(), leaf.parse::<u32>().expect("digits"))
        };
        let ((parent, first), (other, end)) = (split(number), split(last));
        let last = format!("s{}", last.replace('.', "-"));
        if parent == other {
            let stem = last.trim_end_matches(|byte: char| byte.is_ascii_digit());
            let between = (first + 1)..end;
            self.anchors
                .extend(between.map(|leaf| format!("{stem}{leaf}")));
        }
        self.anchors.push(last);
    }

    /// Goes on behind words on the section: to `; 5.5`, `, 5.4` or `: 7.4` of the same sentence,
    /// parenthesis and cell, if there is such a place.
    fn skip_words(&mut self) -> bool {
        let mut depth = 0;
        for (at, next) in self.rest.char_indices() {
            let behind = &self.rest[at + next.len_utf8()..];
            match next {
                '"' | '|' | '\n' => return false,
                '(' => depth += 1,
                ')' if depth == 0 => return false,
                ')' => depth -= 1,
                '.' if behind.starts_with(' ') || behind.starts_with("md") => return false,
                ',' | ';' | ':' if depth == 0 => {
                    let mut ahead = Reader::new(behind.trim_start());
                    if ahead.section(false).is_some() {
                        self.rest = behind.trim_start();
                        return true;
                    }
                }
                _ => {}
            }
        }
        false
    }

    fn new(rest: &'a str) -> Self {
        let (anchors, is_plural) = (Vec::new(), false);
        Self {
            rest,
            anchors,
            is_plural,
        }
    }

    /// Anchors that the words after the name of a page cite.
    fn read(mut self) -> Vec<String> {
        self.eat("`");
        self.eat(",");
        if !self.eat(" ") {
            return self.anchors;
        }
        if self.eat("\"") {
            let heading = self.rest.split('"').next().unwrap_or_default();
            return vec![heading.to_lowercase().replace(' ', "-")];
        }
        let mut section = self.section(true);
        while let Some(number) = section {
            self.extend(number);
            let before = self.rest;
            section = if self.eat_any(&[", and ", ", ", "; ", " and "]) {
                self.section(false)
            } else {
                None
            };
            if section.is_none() {
                self.rest = before;
                if self.skip_words() {
                    section = self.section(false);
                }
            }
        }
        self.anchors
    }
}

/// What a text cites. `is_manual`: names without a section are those of other pages.
fn citations(text: &str, names: &SortedSet<&str>, is_manual: bool) -> Vec<Citation> {
    let (text, lines) = joined(text);
    let mut found = Vec::new();
    for (at, _) in text.match_indices(".md") {
        let before = &text[..at];
        let is_name = |byte: char| byte.is_ascii_alphanumeric() || byte == '-' || byte == '_';
        let folder = before.trim_end_matches(is_name);
        let page = &before[folder.len()..];
        let rest = &text[at + ".md".len()..];
        if page.is_empty() || rest.starts_with(is_name) {
            continue;
        }
        let is_path = folder.ends_with('/');
        let anchors = if !is_path && !rest.starts_with('#') {
            Reader::new(rest).read()
        } else if folder.ends_with("spec/") {
            let anchor = rest.strip_prefix('#').map(|rest| {
                let end = rest.find(|byte| !is_name(byte)).unwrap_or(rest.len());
                rest[..end].to_owned()
            });
            anchor.into_iter().collect()
        } else {
            continue;
        };
        let (line, page) = (lines[at], page.to_owned());
        if anchors.is_empty() && names.contains(page.as_str()) && (is_path || !is_manual) {
            let anchor = None;
            found.push(Citation { line, page, anchor });
        } else {
            found.extend(anchors.into_iter().map(|anchor| Citation {
                line,
                page: page.clone(),
                anchor: Some(anchor),
            }));
        }
    }
    found
}

#[test]
fn citations_of_the_specification_resolve() {
    let pages = pages();
    let names: SortedSet<&str> = pages.keys().map(String::as_str).collect();
    let mut paths = files(&project("docs/manual"), ".md", false);
    for folder in ["src", "tests", "benches"] {
        paths.extend(files(&project(folder), ".rs", true));
    }
    // This file has examples of every form.
    paths.retain(|path| !path.ends_with("tests/it/spec.rs"));
    let (mut seen, mut lost) = (0, Vec::new());
    for path in paths {
        let text = fs::read_to_string(&path).expect("a text");
        let is_manual = path.extension().is_some_and(|ending| ending == "md");
        let shown = path.strip_prefix(project("")).expect("it is below");
        for citation in citations(&text, &names, is_manual) {
            seen += 1;
            let Citation { line, page, anchor } = citation;
            let anchors = pages.get(&page);
            let is_there = match &anchor {
                Some(anchor) => anchors.is_some_and(|anchors| anchors.contains(anchor)),
                None => anchors.is_some(),
            };
            if !is_there {
                let anchor = anchor.unwrap_or_default();
                let shown = shown.display();
                lost.push(format!("{shown}:{line}: docs/spec/{page}.md#{anchor}"));
            }
        }
    }
    assert!(lost.is_empty(), "cited and not there:\n{}", lost.join("\n"));
    assert!(seen > 300, "only {seen} citations were found");
}

/// Texts, and what they cite.
const FORMS: [(&str, &str); 23] = [
    ("//! (spec: kubernetes.md 1.4).", "kubernetes#s1-4"),
    (
        "kubernetes.md 1.2, 1.10 and part 5)",
        "kubernetes#s1-2 kubernetes#s1-10 kubernetes#s5",
    ),
    (
        "kubernetes.md 1.4 point 8, 1.12",
        "kubernetes#s1-4-8 kubernetes#s1-12",
    ),
    ("kubernetes.md parts 2 and 4", "kubernetes#s2 kubernetes#s4"),
    (
        "metrics.md 5.5–5.7",
        "metrics#s5-5 metrics#s5-6 metrics#s5-7",
    ),
    ("metrics.md 5.1 to 5.2", "metrics#s5-1 metrics#s5-2"),
    (
        "// live-hosts.md sections 1.4 to\n// 1.6",
        "live-hosts#s1-4 live-hosts#s1-5 live-hosts#s1-6",
    ),
    (
        "\"metrics.md 5.2, first wait; 5.5, type 7\"",
        "metrics#s5-2 metrics#s5-5",
    ),
    (
        "metrics.md 5.1 (use, slack), 5.4 (all)",
        "metrics#s5-1 metrics#s5-4",
    ),
    (
        "metrics.md 5.4; kubernetes.md 2.2-2.3",
        "metrics#s5-4 kubernetes#s2-2 kubernetes#s2-3",
    ),
    ("`traces.md`, section 5.", "traces#s5"),
    ("/// traces.md\n/// section 13):", "traces#s13"),
    (
        "/// metrics.md 5.4, cost\nconst HALF: [f64; 2] = [0, 1.5];",
        "metrics#s5-4",
    ),
    (
        "\"metrics.md 5.4, cost \\\n   of all; 5.5\"",
        "metrics#s5-4 metrics#s5-5",
    ),
    ("traces.md, section 0): 12,583 machines", "traces#s0"),
    (
        "| kubernetes.md 3.1, 300 + 500m at 30 % |",
        "kubernetes#s3-1",
    ),
    ("| traces.md 5 | loads 2, 1, 0 |", "traces#s5"),
    ("kubernetes.md, \"Notation\"", "kubernetes#notation"),
    ("see docs/spec/metrics.md#s5-4.", "metrics#s5-4"),
    ("[metrics](../spec/metrics.md#s5-4)", "metrics#s5-4"),
    ("once each (spec: metrics.md).", "metrics"),
    ("nosuch.md 1.4", "nosuch#s1-4"),
    ("nosuch.md, docs/results.md 1.4", ""),
];

#[test]
fn every_form_of_a_citation_is_read() {
    let names = SortedSet::from(["metrics", "kubernetes", "traces", "live-hosts"]);
    let read = |text: &str, is_manual: bool| -> Vec<String> {
        let found = citations(text, &names, is_manual).into_iter();
        found
            .map(|citation| match citation.anchor {
                Some(anchor) => format!("{}#{anchor}", citation.page),
                None => citation.page,
            })
            .collect()
    };
    for (text, expected) in FORMS {
        assert_eq!(read(text, false).join(" "), expected, "{text}");
    }
    // In the manual another page may have the name; with a number it is the specification's.
    assert!(read("[nodes](kubernetes.md)", true).is_empty());
    assert_eq!(read("kubernetes.md 1.4", true), ["kubernetes#s1-4"]);
}

#[test]
fn numbered_sections_have_their_anchors() {
    for path in files(&project("docs/spec"), ".md", false) {
        let text = fs::read_to_string(&path).expect("a page");
        let lines: Vec<&str> = text.lines().collect();
        for pair in lines.windows(2) {
            let heading = pair[1].trim_start_matches('#');
            let number = heading.trim_start().split(' ').next().unwrap_or_default();
            let number = number.trim_end_matches('.');
            let is_number = number.starts_with(|first: char| first.is_ascii_digit());
            if pair[1].starts_with("##") && is_number {
                let anchor = format!("<a id=\"s{}\"></a>", number.replace('.', "-"));
                assert_eq!(pair[0], anchor, "{}: {}", path.display(), pair[1]);
            }
        }
    }
}

/// A page is in the book or it is not found; what the book lists is there.
#[test]
fn the_book_lists_every_page() {
    let docs = project("docs");
    let summary = fs::read_to_string(docs.join("SUMMARY.md")).expect("the table of contents");
    let links = summary.split("](").skip(1);
    let mut listed: Vec<PathBuf> = links
        .map(|link| docs.join(link.split(')').next().unwrap_or_default()))
        .collect();
    listed.sort();
    let mut pages = files(&docs, ".md", false);
    for part in ["limits", "manual", "spec"] {
        pages.extend(files(&docs.join(part), ".md", false));
    }
    pages.retain(|page| !page.ends_with("SUMMARY.md"));
    pages.sort();
    assert_eq!(listed, pages);
}

/// The tutorial is not run itself: what it shows is what pages of the manual show, which are.
#[test]
fn the_tutorial_shows_what_the_manual_holds() {
    let text = |path: &Path| fs::read_to_string(path).expect("a page");
    let manual: Vec<String> = files(&project("docs/manual"), ".md", false)
        .iter()
        .map(|path| text(path))
        .collect();
    let held: SortedSet<&str> = manual.iter().flat_map(|page| page.lines()).collect();
    let tutorial = text(&project("docs/tutorial.md"));
    let blocks = tutorial.split("```console\n").skip(1);
    let lines = blocks.flat_map(|block| block.split("```").next().unwrap_or_default().lines());
    let mut shown = 0;
    for line in lines {
        let is_shell = ["$ cd ", "$ cp ", "$ cargo "]
            .iter()
            .any(|start| line.starts_with(start));
        assert!(is_shell || held.contains(line), "{line}");
        shown += 1;
    }
    assert!(shown > 50, "only {shown} lines were found");
}
