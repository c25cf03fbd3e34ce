//! JSON of any size, taken apart before it is parsed: the items of a list are handed over one at a
//! time, so that a dump of gigabytes needs the memory of its largest object.

use std::io::{self, BufRead};

use memchr::memchr2;

use super::api_error;
use super::json_field::first_text;
use super::source::{Sink, Source, SourceError, Stop, Syntax};
use intake::budget::{OBJECT_BYTES, make_room, too_long};

/// Number of bytes read at once.
const CHUNK_BYTES: usize = 1 << 18;

/// Lists deeper within each other are refused.
const MOST_LISTS: usize = 32;

/// Beginning and end of what `kubectl cluster-info dump` prints between its objects.
const LOGS: (&[u8], &[u8]) = (b"==== START logs", b"==== END logs");

/// Hands every object of a text to a sink.
pub(super) fn read(text: &mut dyn BufRead, sink: &mut dyn Sink) -> Result<(), Stop> {
    Splitter::new(text, 0, 0, 0).documents(sink)
}

/// Hands over the one object, list or array of a text within another document.
pub(super) fn read_one(mut text: &[u8], sink: &mut dyn Sink) -> Result<(), Stop> {
    let mut splitter = Splitter::new(&mut text, 0, 0, 0);
    if splitter.token()? == Some(b'[') {
        return splitter.items(sink, None).map(|_| ());
    }
    splitter.object(sink)
}

/// The text of a field of an object, found without parsing what comes before or after it.
pub(super) fn top_level_text(object: &[u8], wanted: &str) -> Option<String> {
    let mut text = object;
    first_text(object, wanted).map(str::to_owned).or_else(|| {
        let found = Splitter::new(&mut text, 0, 0, 0).field(wanted).ok()??;
        serde_json::from_slice(&found).ok()
    })
}

/// A window on the text.
struct Splitter<'t> {
    text: &'t mut dyn BufRead,
    window: Vec<u8>,
    /// The next byte to look at.
    at: usize,
    /// Beginning of what is still needed; lines before it, and bytes of its line.
    kept: usize,
    line: u64,
    column: u64,
    lists: usize,
}

/// An item that states no kind, in a list whose kind comes after its items.
struct LateItem {
    text: Vec<u8>,
    place: String,
    line: u64,
    column: u64,
}

impl<'t> Splitter<'t> {
    fn new(text: &'t mut dyn BufRead, line: u64, column: u64, lists: usize) -> Self {
        Self {
            text,
            window: Vec::new(),
            at: 0,
            kept: 0,
            line,
            column,
            lists,
        }
    }

    /// All objects that follow each other, with or without YAML's marks between them.
    fn documents(&mut self, sink: &mut dyn Sink) -> Result<(), Stop> {
        while let Some(byte) = self.token()? {
            self.release();
            match byte {
                b'=' => self.skip_logs()?,
                b'-' => self.at += 1,
                b'{' | b'[' => {
                    sink.reader().begin_document();
                    match byte {
                        b'{' => self.object(sink)?,
                        _ => drop(self.items(sink, None)?),
                    }
                }
                _ => return Err(self.unexpected(sink, "an object or a list of objects")),
            }
        }
        Ok(())
    }

    /// An object that may be a list.
    fn object(&mut self, sink: &mut dyn Sink) -> Result<(), Stop> {
        self.release();
        self.at += 1;
        loop {
            let begun = self.at - self.kept;
            match self.token()? {
                Some(b',') => self.at += 1,
                Some(b'"') => {
                    let Some(key) = self.text_of_value()? else {
                        return Err(self.cut_off(sink, None));
                    };
                    let is_items = key == b"\"items\"";
                    if self.token()? == Some(b':') {
                        self.at += 1;
                    }
                    if self.token()? == Some(b'[') && is_items {
                        let mut head = self.window[self.kept..self.kept + begun].to_vec();
                        head.push(b'}');
                        let kind = top_level_text(&head, "kind");
                        if kind.as_deref().is_none_or(|kind| kind.ends_with("List")) {
                            return self.list(sink, kind);
                        }
                    }
                    if !self.skip_value()? {
                        return Err(self.cut_off(sink, None));
                    }
                }
                Some(_) => {
                    // The end; the parser says what it makes of anything else.
                    self.at += 1;
                    break;
                }
                None => return Err(self.cut_off(sink, None)),
            }
        }
        let source = self.source();
        Ok(sink.object(source, None)?)
    }

    /// A list at its items, with its kind if that came before them.
    fn list(&mut self, sink: &mut dyn Sink, kind: Option<String>) -> Result<(), Stop> {
        let of_items = |kind: Option<String>| {
            let kind = kind?.strip_suffix("List")?.to_owned();
            (!kind.is_empty()).then_some(kind)
        };
        let stated = kind.is_some();
        let waiting = self.items(sink, of_items(kind).as_deref())?;
        self.release();
        loop {
            match self.token()? {
                Some(b'}') => {
                    self.at += 1;
                    break;
                }
                Some(b',' | b':') => self.at += 1,
                Some(_) if self.skip_value()? => {}
                _ => return Err(self.cut_off_between(sink)),
            }
        }
        let mut tail = vec![b'{'];
        let rest = &self.window[self.kept..self.at];
        tail.extend_from_slice(rest.strip_prefix(b",").unwrap_or(rest));
        if Splitter::new(&mut &*tail, 0, 0, 0)
            .field("items")?
            .is_some()
        {
            return Err(self.unexpected(sink, "a list with `items` once"));
        }
        if !stated && !waiting.is_empty() {
            let kind = of_items(top_level_text(&tail, "kind"));
            settle(sink, waiting, kind.as_deref())?;
        }
        Ok(())
    }

    /// The elements of an array, handed over; those whose kind is to come are given back.
    fn items(&mut self, sink: &mut dyn Sink, kind: Option<&str>) -> Result<Vec<LateItem>, Stop> {
        let mut waiting = Vec::new();
        self.lists += 1;
        if self.lists > MOST_LISTS {
            return Err(self.unexpected(sink, "fewer lists within each other"));
        }
        sink.reader().enter_list();
        self.at += 1;
        loop {
            let byte = self.token()?;
            self.release();
            match byte {
                Some(b']') => break,
                Some(b',') => {
                    self.at += 1;
                    continue;
                }
                Some(b'{') => self.item(sink, kind, &mut waiting)?,
                Some(b'[') => {
                    self.items(sink, None)?;
                }
                // No object at all.
                Some(b'n') if self.skip_value()? => {}
                Some(_) => return Err(self.unexpected(sink, "an object, `,` or `]`")),
                None => return Err(self.cut_off_between(sink)),
            }
            sink.reader().next_item();
        }
        self.at += 1;
        self.lists -= 1;
        sink.reader().leave_list();
        Ok(waiting)
    }

    fn item(
        &mut self,
        sink: &mut dyn Sink,
        kind: Option<&str>,
        waiting: &mut Vec<LateItem>,
    ) -> Result<(), Stop> {
        if !self.skip_value()? {
            return Err(self.cut_off(sink, kind));
        }
        let (line, column) = (self.line, self.column);
        let source = self.source();
        let own = top_level_text(source.text, "kind");
        if own.as_deref().is_some_and(|own| own.ends_with("List")) {
            let mut text = source.text;
            return Splitter::new(&mut text, line, column, self.lists).inner(sink);
        }
        if own.is_none() && kind.is_none() {
            waiting.push(LateItem {
                text: source.text.to_vec(),
                place: sink.reader().place(),
                line,
                column,
            });
            return Ok(());
        }
        Ok(sink.object(source, kind)?)
    }

    /// A list within a list.
    fn inner(&mut self, sink: &mut dyn Sink) -> Result<(), Stop> {
        self.token()?;
        self.object(sink)
    }

    /// The raw value of a field of the object that begins here.
    fn field(&mut self, wanted: &str) -> io::Result<Option<Vec<u8>>> {
        if self.token()? != Some(b'{') {
            return Ok(None);
        }
        self.at += 1;
        loop {
            match self.token()? {
                Some(b',') => self.at += 1,
                Some(b'"') => {
                    let Some(key) = self.text_of_value()? else {
                        return Ok(None);
                    };
                    let is_it = key[1..key.len() - 1] == *wanted.as_bytes();
                    if self.token()? != Some(b':') {
                        return Ok(None);
                    }
                    self.at += 1;
                    self.token()?;
                    if is_it {
                        return self.text_of_value();
                    }
                    if !self.skip_value()? {
                        return Ok(None);
                    }
                }
                _ => return Ok(None),
            }
        }
    }

    /// Kept text up to here.
    fn source(&self) -> Source<'_> {
        Source::json(&self.window[self.kept..self.at], self.line, self.column)
    }

    /// The file ends within an object: the parser says in which, and how far it came.
    fn cut_off(&mut self, sink: &mut dyn Sink, kind: Option<&str>) -> Stop {
        self.at = self.window.len();
        match sink.object(self.source(), kind) {
            Err(refused) => refused.into(),
            Ok(()) => self.cut_off_between(sink),
        }
    }

    /// The file ends between objects.
    fn cut_off_between(&mut self, sink: &mut dyn Sink) -> Stop {
        self.at = self.window.len();
        self.release();
        let line = self.line + 1;
        let fault = format!("the file is cut off after line {line}; write it again");
        SourceError(sink.reader().describe(&fault)).into()
    }

    fn unexpected(&mut self, sink: &mut dyn Sink, expected: &str) -> Stop {
        self.release();
        let rest = &self.window[self.at..];
        let (line, column) = (self.line + 1, self.column + 1);
        if let Some(words) = api_error::in_text(rest) {
            return SourceError(format!("line {line}: {words}")).into();
        }
        let rest = String::from_utf8_lossy(&rest[..rest.len().min(20)]);
        let found = rest.lines().next().unwrap_or_default();
        let fault = format!("expected {expected} at line {line} column {column}, found `{found}`");
        SourceError(sink.reader().describe(&fault)).into()
    }

    fn skip_logs(&mut self) -> io::Result<()> {
        let mut ends = false;
        loop {
            let mut line = Vec::new();
            while let Some(byte) = self.peek()? {
                self.at += 1;
                if byte == b'\n' {
                    break;
                }
                // The marks of the beginning and the end are all that is looked at.
                line.extend((line.len() < LOGS.0.len()).then_some(byte));
            }
            self.release();
            let is_end = line.starts_with(LOGS.1);
            if line.is_empty() && self.peek()?.is_none() || is_end || ends {
                return Ok(());
            }
            ends = !line.starts_with(LOGS.0) && line.starts_with(b"====");
        }
    }
}

/// The lexical part: whitespace, extents of values, the window itself.
impl Splitter<'_> {
    fn peek(&mut self) -> io::Result<Option<u8>> {
        if self.at == self.window.len() && !self.fill()? {
            return Ok(None);
        }
        Ok(Some(self.window[self.at]))
    }

    /// The next byte that is no space.
    fn token(&mut self) -> io::Result<Option<u8>> {
        loop {
            let rest = &self.window[self.at..];
            if let Some(skipped) = rest.iter().position(|byte| !byte.is_ascii_whitespace()) {
                self.at += skipped;
                return Ok(Some(self.window[self.at]));
            }
            self.at = self.window.len();
            if !self.fill()? {
                return Ok(None);
            }
        }
    }

    /// A value's bytes; `None` if the file ends in it.
    fn text_of_value(&mut self) -> io::Result<Option<Vec<u8>>> {
        let begun = self.at - self.kept;
        let is_whole = self.skip_value()?;
        Ok(is_whole.then(|| self.window[self.kept + begun..self.at].to_vec()))
    }

    /// Passes over the value that begins here; whether the file has all of it. A wrong value ends
    /// somewhere, and the parser says what is wrong.
    fn skip_value(&mut self) -> io::Result<bool> {
        match self.peek()? {
            None => Ok(false),
            Some(b'"') => {
                self.at += 1;
                self.skip_text()
            }
            Some(b'{' | b'[') => self.skip_nested(),
            Some(_) => {
                let ends = |own| b",}]\n\r \t".contains(&own);
                while self.peek()?.is_some_and(|own| !ends(own)) {
                    self.at += 1;
                }
                Ok(true)
            }
        }
    }

    /// Passes over the rest of a text, its closing quote included.
    fn skip_text(&mut self) -> io::Result<bool> {
        loop {
            let rest = &self.window[self.at..];
            match memchr2(b'"', b'\\', rest) {
                Some(found) if rest[found] == b'"' => {
                    self.at += found + 1;
                    return Ok(true);
                }
                Some(found) => {
                    self.at += found + 1;
                    if self.peek()?.is_none() {
                        return Ok(false);
                    }
                    self.at += 1;
                }
                None => {
                    self.at = self.window.len();
                    if !self.fill()? {
                        return Ok(false);
                    }
                }
            }
        }
    }

    fn skip_nested(&mut self) -> io::Result<bool> {
        let mut depth = 0_u64;
        loop {
            let rest = &self.window[self.at..];
            let is_structural = |&byte: &u8| matches!(byte, b'"' | b'{' | b'[' | b'}' | b']');
            let Some(found) = rest.iter().position(is_structural) else {
                self.at = self.window.len();
                if !self.fill()? {
                    return Ok(false);
                }
                continue;
            };
            let byte = rest[found];
            self.at += found + 1;
            match byte {
                b'"' => {
                    if !self.skip_text()? {
                        return Ok(false);
                    }
                }
                b'{' | b'[' => depth += 1,
                _ => {
                    depth -= 1;
                    if depth == 0 {
                        return Ok(true);
                    }
                }
            }
        }
    }

    /// Nothing before here is needed any more.
    fn release(&mut self) {
        let passed = &self.window[self.kept..self.at];
        let lines: u64 = passed.iter().map(|&byte| u64::from(byte == b'\n')).sum();
        if lines == 0 {
            self.column += passed.len() as u64;
        } else {
            let last = passed.iter().rposition(|&byte| byte == b'\n');
            self.column = last.map_or(0, |last| passed.len() - 1 - last) as u64;
        }
        self.line += lines;
        self.kept = self.at;
    }

    /// Reads on; whether there was more. Drops what is not needed any more.
    fn fill(&mut self) -> io::Result<bool> {
        if self.kept > 0 {
            self.window.drain(..self.kept);
            self.at -= self.kept;
            self.kept = 0;
        }
        if self.window.len() > OBJECT_BYTES {
            let what = format!("the object at line {}", self.line + 1);
            return Err(too_long(&what, OBJECT_BYTES as u64));
        }
        make_room(&mut self.window, 2 * CHUNK_BYTES)?;
        let mut added = 0;
        while added < CHUNK_BYTES {
            let more = match self.text.fill_buf() {
                Ok(more) => more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if more.is_empty() {
                break;
            }
            let length = more.len();
            self.window.extend_from_slice(more);
            self.text.consume(length);
            added += length;
        }
        Ok(added > 0)
    }
}

/// Hands over the items whose list said only at its end what they are.
fn settle(sink: &mut dyn Sink, waiting: Vec<LateItem>, kind: Option<&str>) -> Result<(), Stop> {
    for item in waiting {
        let place = sink.reader().move_to(item.place);
        let source = Source {
            text: &item.text,
            syntax: Syntax::Json,
            lines_before: item.line,
            columns_before: item.column,
        };
        sink.object(source, kind)?;
        sink.reader().move_to(place);
    }
    Ok(())
}
