//! Markdown to blocks and inlines.

use std::mem::take;
use std::ops::Range;

use bitdial_protocol::{Block, Figure, Inline};
use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, LinkType, Options, Parser, Tag, TagEnd};

use crate::faults::Faults;
use crate::form::quoted;
use crate::key::key;

/// Deeper nesting is refused: everything that walks over the tree may then do so by calling itself.
const DEEPEST: usize = 16;

/// What a text is made of, at its outermost level.
pub enum Item {
    /// A heading of the first or second level: its words.
    Heading(u8, String),
    /// A code block of settings: its kind, and the TOML, which begins at the next line.
    Settings(String, String),
    /// Anything else.
    Block(Block),
}

/// A term of the glossary that a text names, and its line.
pub type Named = (String, u32);

/// Reads Markdown that begins at line `first` of the file. With `settings`, code blocks named `toml` and headings of the
/// first two levels are items of their own.
pub fn read(text: &str, first: u32, settings: bool, faults: &mut Faults, terms: &mut Vec<Named>) -> Vec<(u32, Item)> {
    let ends = text.bytes().enumerate().filter_map(|(at, byte)| (byte == b'\n').then_some(at)).collect();
    let mut reader = Reader { text, ends, first, settings, faults, terms, stack: Vec::new(), items: Vec::new() };
    for (event, range) in Parser::new_ext(text, Options::ENABLE_TABLES).into_offset_iter() {
        if !reader.take(event, range) {
            break;
        }
    }
    reader.items
}

/// The same where there are only blocks.
pub fn blocks(text: &str, first: u32, faults: &mut Faults, terms: &mut Vec<Named>) -> Vec<Block> {
    let items = read(text, first, false, faults, terms).into_iter();
    items.filter_map(|(_, item)| if let Item::Block(block) = item { Some(block) } else { None }).collect()
}

/// What a frame becomes when it ends.
enum Holds {
    Paragraph,
    Heading(u8),
    List(Option<u32>),
    ListItem,
    Quote,
    /// The kind of settings, if it is any.
    Code(Option<String>),
    Html,
    Table,
    Row,
    Cell,
    Emphasis,
    Strong,
    Link(String),
    Term,
    Image(String),
    /// Something that is not of this format: its content alone is kept.
    Other,
}

/// An element that is not at its end yet.
struct Frame {
    holds: Holds,
    line: u32,
    blocks: Vec<Block>,
    inlines: Vec<Inline>,
    /// Words in a row, and the line where they begin.
    words: (String, u32),
    items: Vec<Vec<Block>>,
    rows: Vec<Vec<Vec<Inline>>>,
}

struct Reader<'a, 'f> {
    text: &'a str,
    /// Where its lines end.
    ends: Vec<usize>,
    first: u32,
    settings: bool,
    faults: &'a mut Faults<'f>,
    terms: &'a mut Vec<Named>,
    stack: Vec<Frame>,
    items: Vec<(u32, Item)>,
}

impl Reader<'_, '_> {
    /// Takes an event; `false` if there is no use in going on.
    fn take(&mut self, event: Event, range: Range<usize>) -> bool {
        let line = self.first + self.ends.partition_point(|end| *end < range.start) as u32;
        match event {
            Event::Start(tag) => return self.begin(tag, range, line),
            Event::End(end) => self.end(end),
            // Raw HTML is text as any other.
            Event::Text(text)
            | Event::Html(text)
            | Event::InlineHtml(text)
            | Event::InlineMath(text)
            | Event::DisplayMath(text)
            | Event::FootnoteReference(text) => self.words(&text, line),
            Event::Code(text) => self.inline(Inline::Code(text.into_string())),
            Event::SoftBreak => self.words(" ", line),
            Event::HardBreak => self.inline(Inline::Break {}),
            Event::Rule => self.block(Block::Rule {}, line),
            Event::TaskListMarker(_) => {}
        }
        true
    }

    fn begin(&mut self, tag: Tag, range: Range<usize>, line: u32) -> bool {
        if self.stack.len() == DEEPEST {
            self.faults.add(line, format!("This is nested more than {DEEPEST} deep."));
            return false;
        }
        let holds = match tag {
            Tag::Paragraph => Holds::Paragraph,
            Tag::Heading { level, .. } => Holds::Heading(match level {
                HeadingLevel::H1 => 1,
                HeadingLevel::H2 => 2,
                _ => 3,
            }),
            Tag::List(start) => Holds::List(start.map(|start| start.try_into().unwrap_or(u32::MAX))),
            Tag::Item => Holds::ListItem,
            Tag::BlockQuote(_) => Holds::Quote,
            Tag::CodeBlock(kind) => {
                self.flush_loose(line);
                Holds::Code(self.code(kind, range, line))
            }
            Tag::HtmlBlock => Holds::Html,
            Tag::Table(_) => Holds::Table,
            Tag::TableHead | Tag::TableRow => Holds::Row,
            Tag::TableCell => Holds::Cell,
            Tag::Emphasis => Holds::Emphasis,
            Tag::Strong => Holds::Strong,
            Tag::Link { dest_url, link_type, .. } => self.link(&dest_url, link_type, line),
            Tag::Image { dest_url, .. } => {
                if let Some(reason) = not_here(&dest_url) {
                    self.faults.add(line, format!("The image {} is not of this site: {reason}", quoted(&dest_url)));
                }
                Holds::Image(dest_url.into_string())
            }
            _ => Holds::Other,
        };
        if matches!(holds, Holds::Paragraph | Holds::Heading(_) | Holds::List(_) | Holds::Quote | Holds::Html | Holds::Table) {
            self.flush_loose(line);
        }
        let frame = Frame {
            holds,
            line,
            blocks: Vec::new(),
            inlines: Vec::new(),
            words: (String::new(), line),
            items: Vec::new(),
            rows: Vec::new(),
        };
        self.stack.push(frame);
        true
    }

    /// The kind of settings that a code block holds, if it holds any.
    fn code(&mut self, kind: CodeBlockKind, range: Range<usize>, line: u32) -> Option<String> {
        let CodeBlockKind::Fenced(info) = kind else { return None };
        let source = self.text.get(range).unwrap_or_default().trim_end_matches('\n');
        let fence = |line: &str| {
            let line = line.trim_start_matches([' ', '>']).trim_end();
            let mark = line.chars().next().unwrap_or(' ');
            let length = line.chars().take_while(|c| *c == mark).count();
            (mark, length, length == line.chars().count())
        };
        let (opened, closed) = (source.lines().next().map(fence), source.lines().skip(1).last().map(fence));
        if !opened.zip(closed).is_some_and(|(opened, closed)| opened.0 == closed.0 && closed.1 >= opened.1 && closed.2) {
            self.faults.add(line, "The code block that begins here is not closed: it ends with a line ```.");
        }
        let mut words = info.split_whitespace();
        let (Some("toml"), Some(kind), true) = (words.next(), words.next(), self.settings) else { return None };
        if !self.stack.is_empty() {
            self.faults.add(line, "Settings stand by themselves, not in a list or a quotation.");
            return None;
        }
        Some(kind.to_owned())
    }

    fn link(&mut self, to: &str, kind: LinkType, line: u32) -> Holds {
        if kind == LinkType::Email {
            self.faults.add(line, "A link to a mail address is not taken.");
        } else if to.is_empty() {
            return Holds::Term;
        } else if !is_web(to)
            && let Some(reason) = not_here(to)
        {
            self.faults.add(line, format!("The link to {} is not taken: {reason}", quoted(to)));
        }
        Holds::Link(to.to_owned())
    }

    /// Words, which may come in pieces.
    fn words(&mut self, text: &str, line: u32) {
        let Some(frame) = self.stack.last_mut() else { return };
        if frame.words.0.is_empty() {
            frame.words.1 = line;
        }
        frame.words.0.push_str(text);
        // Figures are looked for line by line, so that a fault has its line.
        if text == " " && !matches!(frame.holds, Holds::Code(_) | Holds::Html) {
            self.settle();
        }
    }

    /// The words so far become inlines: text, and live figures.
    fn settle(&mut self) {
        let Some(frame) = self.stack.last_mut() else { return };
        let (words, line) = (take(&mut frame.words.0), frame.words.1);
        let mut rest = words.as_str();
        while let Some((before, name, after)) = figure(rest) {
            push_text(&mut frame.inlines, before);
            match Figure::named(name) {
                Some(figure) => frame.inlines.push(Inline::Figure(figure)),
                None => self.faults.add(line, format!("There is no figure {{{name}}}; there are {}.", figures())),
            }
            rest = after;
        }
        push_text(&mut frame.inlines, rest);
    }

    fn inline(&mut self, inline: Inline) {
        self.settle();
        if let Some(frame) = self.stack.last_mut() {
            frame.inlines.push(inline);
        }
    }

    /// Inlines that stand in a list's item without a paragraph get one.
    fn flush_loose(&mut self, line: u32) {
        self.settle();
        if let Some(frame) = self.stack.last_mut()
            && !frame.inlines.is_empty()
        {
            let inlines = take(&mut frame.inlines);
            self.block(Block::Paragraph(inlines), line);
        }
    }

    /// A block goes into what is around it.
    fn block(&mut self, block: Block, line: u32) {
        match self.stack.last_mut() {
            Some(frame) => frame.blocks.push(block),
            None => self.items.push((line, Item::Block(block))),
        }
    }

    fn end(&mut self, end: TagEnd) {
        if matches!(self.stack.last(), Some(Frame { holds: Holds::Code(_) | Holds::Html, .. })) {
            return self.end_raw();
        }
        if end == TagEnd::Item {
            self.flush_loose(0);
        }
        self.settle();
        let Some(Frame { holds, line, mut blocks, inlines, mut items, mut rows, .. }) = self.stack.pop() else { return };
        match holds {
            Holds::Paragraph => self.block(Block::Paragraph(inlines), line),
            Holds::Heading(level) if level < 3 && self.settings && self.stack.is_empty() => {
                self.items.push((line, Item::Heading(level, plain(&inlines))));
            }
            Holds::Heading(_) => self.block(Block::Heading(inlines), line),
            Holds::List(start) => self.block(Block::List { start, items: take(&mut items) }, line),
            Holds::Quote => self.block(Block::Quote(blocks), line),
            Holds::Table => {
                let head = if rows.is_empty() { Vec::new() } else { rows.remove(0) };
                self.block(Block::Table { head, rows }, line);
            }
            Holds::Emphasis => self.inline(Inline::Emphasis(inlines)),
            Holds::Strong => self.inline(Inline::Strong(inlines)),
            Holds::Link(href) => self.inline(Inline::Link { external: is_web(&href), href, text: inlines }),
            Holds::Term => {
                let key = key(&plain(&inlines));
                self.terms.push((key.clone(), line));
                self.inline(Inline::Term { key, text: inlines });
            }
            Holds::Image(src) => self.inline(Inline::Image { src, alt: plain(&inlines) }),
            Holds::ListItem | Holds::Row | Holds::Cell => {
                let Some(parent) = self.stack.last_mut() else { return };
                match holds {
                    Holds::ListItem => parent.items.push(blocks),
                    Holds::Row => parent.rows.push(take(&mut rows).into_iter().flatten().collect()),
                    _ => parent.rows.push(vec![inlines]),
                }
            }
            Holds::Code(_) | Holds::Html | Holds::Other => {
                if let Some(parent) = self.stack.last_mut() {
                    parent.inlines.extend(inlines);
                    parent.blocks.append(&mut blocks);
                }
            }
        }
    }

    /// The end of what is kept letter by letter.
    fn end_raw(&mut self) {
        let Some(Frame { holds, line, words, .. }) = self.stack.pop() else { return };
        match holds {
            Holds::Code(Some(kind)) => self.items.push((line, Item::Settings(kind, words.0))),
            Holds::Code(None) => self.block(Block::Code(words.0.trim_end_matches('\n').to_owned()), line),
            _ => self.block(Block::Paragraph(vec![Inline::Text(words.0.trim_end().to_owned())]), line),
        }
    }
}

fn push_text(inlines: &mut Vec<Inline>, text: &str) {
    match inlines.last_mut() {
        _ if text.is_empty() => {}
        Some(Inline::Text(before)) => before.push_str(text),
        _ => inlines.push(Inline::Text(text.to_owned())),
    }
}

/// The first `{name}` in a text: what is before it, the name, what is after it.
fn figure(text: &str) -> Option<(&str, &str, &str)> {
    let mut from = 0;
    while let Some(open) = text.get(from..)?.find('{') {
        let start = from + open + 1;
        let inner = text.get(start..)?;
        let length = inner.find(|c: char| !(c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')).unwrap_or(inner.len());
        if length > 0 && inner.as_bytes().get(length) == Some(&b'}') && inner.starts_with(|c: char| c.is_ascii_lowercase()) {
            return Some((text.get(..start - 1)?, inner.get(..length)?, inner.get(length + 1..)?));
        }
        from = start;
    }
    None
}

/// Every figure, for a sentence.
pub fn figures() -> String {
    Figure::ALL.map(Figure::name).join(", ")
}

/// The words alone.
fn plain(inlines: &[Inline]) -> String {
    let mut text = String::new();
    for inline in inlines {
        match inline {
            Inline::Text(words) | Inline::Code(words) | Inline::Image { alt: words, .. } => text.push_str(words),
            Inline::Emphasis(inner) | Inline::Strong(inner) | Inline::Link { text: inner, .. } | Inline::Term { text: inner, .. } => {
                text.push_str(&plain(inner));
            }
            Inline::Figure(figure) => text.push_str(figure.name()),
            Inline::Break {} => text.push(' '),
        }
    }
    text.trim().to_owned()
}

/// Whether an address is one of the web.
fn is_web(to: &str) -> bool {
    let starts = |scheme: &str| to.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme));
    (starts("https://") || starts("http://")) && !to.contains(odd)
}

/// Why an address is not a path, query or fragment of this site.
fn not_here(to: &str) -> Option<&'static str> {
    let scheme = to.find([':', '/', '?', '#']).is_some_and(|at| to.as_bytes().get(at) == Some(&b':'));
    let other = scheme || to.starts_with("//") || to.contains(odd);
    other.then_some("it begins with https:// or is relative to the page.")
}

/// What a browser leaves out or turns round when it reads an address.
fn odd(c: char) -> bool {
    c.is_control() || c.is_whitespace() || c == '\\'
}
