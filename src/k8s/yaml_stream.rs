//! YAML of any size as `kubectl` writes it: the items of a list are found by their indentation and
//! handed over one at a time, without the managed fields in them, which are half of a dump. A
//! document of another shape is handed over as a whole, and so are those of a small text with
//! aliases, which may stand for a part of another item.

use std::io::{self, BufRead, Read};

use super::source::{Sink, Source, SourceError, Stop, Syntax};
use super::yaml::{documents, is_document_marker, top_level_text};
use intake::budget::{OBJECT_BYTES, make_room, read_line, too_long};

/// A text with aliases is written by hand: none of these is longer.
const WRITTEN_BY_HAND: usize = 1 << 20;

/// Reads lines and hands objects to a sink.
pub(super) fn read(text: &mut dyn BufRead, sink: &mut dyn Sink) -> Result<(), Stop> {
    let mut begins = Vec::new();
    let limit = WRITTEN_BY_HAND as u64;
    (&mut *text).take(limit).read_to_end(&mut begins)?;
    if begins.len() < WRITTEN_BY_HAND
        && let Ok(whole) = std::str::from_utf8(&begins)
        && has_alias(whole)
    {
        return read_whole(whole, sink);
    }
    let mut text = io::Cursor::new(begins).chain(text);
    let mut lines = Lines::new(&mut text);
    while lines.current()?.is_some() {
        Document::default().read(&mut lines, sink)?;
    }
    Ok(())
}

/// Whether something looks like an alias of an anchor.
fn has_alias(text: &str) -> bool {
    let begins = |mark: &str| {
        text.match_indices(mark).any(|(at, _)| {
            let next = text[at + mark.len()..].chars().next();
            next.is_some_and(|next| next.is_alphanumeric() || matches!(next, '_' | '-'))
        })
    };
    begins(" &") && (begins(" *") || begins("[*"))
}

fn read_whole(text: &str, sink: &mut dyn Sink) -> Result<(), Stop> {
    for document in documents(text) {
        sink.reader().begin_document();
        if !document.text.trim().is_empty() {
            let own = source(document.text.as_bytes(), document.lines_before);
            sink.object(own, None)?;
        }
    }
    Ok(())
}

/// The lines of a text with one line of foresight.
struct Lines<'t> {
    text: &'t mut dyn BufRead,
    current: Option<Vec<u8>>,
    /// Number of lines that precede the current one.
    before: u64,
}

impl<'t> Lines<'t> {
    fn new(text: &'t mut dyn BufRead) -> Self {
        Self {
            text,
            current: None,
            before: 0,
        }
    }

    fn current(&mut self) -> io::Result<Option<&[u8]>> {
        if self.current.is_none() {
            let mut line = Vec::new();
            if read_line(&mut *self.text, &mut line)? > 0 {
                self.current = Some(line);
            }
        }
        Ok(self.current.as_deref())
    }

    fn pass_over(&mut self) {
        self.before += u64::from(self.current.take().is_some());
    }

    fn take(&mut self, into: &mut Vec<u8>) -> io::Result<()> {
        let Some(line) = self.current.take() else {
            return Ok(());
        };
        if into.len() + line.len() > OBJECT_BYTES {
            let what = format!("the object or document before line {}", self.before + 1);
            return Err(too_long(&what, OBJECT_BYTES as u64));
        }
        make_room(into, line.len())?;
        into.extend_from_slice(&line);
        self.before += 1;
        Ok(())
    }
}

/// One document as far as it has been read.
#[derive(Default)]
struct Document {
    head: Vec<u8>,
    has_content: bool,
}

impl Document {
    fn read(mut self, lines: &mut Lines<'_>, sink: &mut dyn Sink) -> Result<(), Stop> {
        let begun = lines.before;
        sink.reader().begin_document();
        while let Some(line) = lines.current()? {
            let text = String::from_utf8_lossy(line);
            let is_marker = is_document_marker(&text);
            if is_marker && self.has_content {
                break;
            }
            let is_preamble = text.trim().is_empty() || text.starts_with(['#', '%']);
            self.has_content |= is_marker || !is_preamble;
            let is_items = text.trim_end() == "items:" && self.may_be_list();
            lines.take(&mut self.head)?;
            if is_items && let Some(indent) = first_item(lines)? {
                return self.list(lines, sink, indent);
            }
        }
        if self.head.iter().all(u8::is_ascii_whitespace) {
            return Ok(());
        }
        Ok(sink.object(source(&self.head, begun), None)?)
    }

    fn kind(&self) -> Option<String> {
        let head = std::str::from_utf8(&self.head).ok()?;
        top_level_text(head, "kind").map(str::to_owned)
    }

    fn may_be_list(&self) -> bool {
        self.kind().is_none_or(|kind| kind.ends_with("List"))
    }

    /// A list at its first item; what follows the items says what they are, if nothing before did.
    fn list(
        mut self,
        lines: &mut Lines<'_>,
        sink: &mut dyn Sink,
        indent: usize,
    ) -> Result<(), Stop> {
        let known = self.kind();
        let of_items = |kind: Option<String>| {
            let kind = kind?.strip_suffix("List")?.to_owned();
            (!kind.is_empty()).then_some(kind)
        };
        let mut waiting = Vec::new();
        let kind = of_items(known.clone());
        sink.reader().enter_list();
        while let Some((text, before)) = next_item(lines, indent)? {
            let states_kind = {
                let text = std::str::from_utf8(&text).unwrap_or_default();
                top_level_text(text, "kind").is_some()
            };
            if states_kind || kind.is_some() {
                sink.object(source(&text, before), kind.as_deref())?;
            } else {
                waiting.push((text, before, sink.reader().place()));
            }
            sink.reader().next_item();
        }
        sink.reader().leave_list();
        while let Some(line) = lines.current()? {
            if is_document_marker(&String::from_utf8_lossy(line)) {
                break;
            }
            lines.take(&mut self.head)?;
        }
        let found = self.kind();
        if found.is_none() && states_version(&self.head) {
            // `kubectl` writes the kind of a list after its items.
            let fault = format!(
                "the list states no `kind` up to line {}: the file is cut off; write it again",
                lines.before
            );
            return Err(SourceError(sink.reader().describe(&fault)).into());
        }
        let kind = of_items(found);
        for (text, before, place) in waiting {
            let place = sink.reader().move_to(place);
            sink.object(source(&text, before), kind.as_deref())?;
            sink.reader().move_to(place);
        }
        Ok(())
    }
}

fn states_version(head: &[u8]) -> bool {
    std::str::from_utf8(head).is_ok_and(|head| top_level_text(head, "apiVersion").is_some())
}

fn source(text: &[u8], before: u64) -> Source<'_> {
    Source {
        text,
        syntax: Syntax::Yaml,
        lines_before: before,
        columns_before: 0,
    }
}

/// The indentation of the items, if the current line is the first of them.
fn first_item(lines: &mut Lines<'_>) -> io::Result<Option<usize>> {
    let Some(line) = lines.current()? else {
        return Ok(None);
    };
    let indent = indentation(line);
    Ok(is_dash(line, indent).then_some(indent))
}

/// The text of an item as a document of its own, and how many lines precede it.
fn next_item(lines: &mut Lines<'_>, indent: usize) -> io::Result<Option<(Vec<u8>, u64)>> {
    let before = lines.before;
    let Some(line) = lines.current()? else {
        return Ok(None);
    };
    if !is_dash(line, indent) {
        return Ok(None);
    }
    let mut text = Vec::new();
    lines.take(&mut text)?;
    // The rest of the line is the first line of a mapping that is indented as far.
    text[indent] = b' ';
    let mut managed = ManagedFields::begin(&text);
    while let Some(line) = lines.current()? {
        let own = indentation(line);
        let is_blank = line[own..].iter().all(u8::is_ascii_whitespace);
        if !is_blank && own <= indent {
            break;
        }
        if !is_blank && managed.contain(line) {
            // Lines keep their numbers.
            text.push(b'\n');
            lines.pass_over();
        } else {
            lines.take(&mut text)?;
        }
    }
    Ok(Some((text, before)))
}

/// Tells the lines of an item that are its managed fields: what is indented deeper than the key
/// `managedFields` directly below the item's `metadata`. No text of several lines is indented as
/// little as the key that it stands under, so these two keys are what they look like.
struct ManagedFields {
    /// Indent of the item's keys.
    keys: usize,
    is_in_metadata: bool,
    /// Indent of the keys of the metadata.
    of_metadata: Option<usize>,
    is_inside: bool,
}

impl ManagedFields {
    /// At the first line of an item.
    fn begin(line: &[u8]) -> Self {
        Self {
            keys: indentation(line),
            is_in_metadata: line.trim_ascii() == b"metadata:",
            of_metadata: None,
            is_inside: false,
        }
    }

    /// Whether they contain the next line that is not blank.
    fn contain(&mut self, line: &[u8]) -> bool {
        let own = indentation(line);
        let text = line[own..].trim_ascii_end();
        if own <= self.keys {
            self.is_in_metadata = own == self.keys && text == b"metadata:";
            self.of_metadata = None;
            self.is_inside = false;
            return false;
        }
        if !self.is_in_metadata {
            return false;
        }
        let keys = *self.of_metadata.get_or_insert(own);
        if self.is_inside && (own > keys || is_dash(line, own)) {
            return true;
        }
        self.is_inside = own == keys && text == b"managedFields:";
        false
    }
}

fn indentation(line: &[u8]) -> usize {
    line.iter().take_while(|&&byte| byte == b' ').count()
}

fn is_dash(line: &[u8], indent: usize) -> bool {
    let rest = &line[indent..];
    rest.first() == Some(&b'-') && rest.get(1).is_none_or(u8::is_ascii_whitespace)
}
