//! Looking further into one entry than its head: window by window, or at what is packed in it;
//! and what is done about the facts that come of it.

use std::cell::Cell;
use std::io::{self, BufRead, Cursor, Read};
use std::ops::ControlFlow;

use super::decompress::{ContentDefect, Failure};
use super::entries::Archive;
use super::index::is_index;
use super::inside::{self, Closed, Packed, Stop, Unpacking, Visit};
use super::{Ending, HEAD_BYTES, LayerScan};
use crate::model::Entry;
use crate::rules::secrets::text::cut;
use crate::rules::unreadable_layer::{self, Defect};
use crate::rules::{RULES, Rule, Want};

/// Bytes of one window.
pub const WINDOW_BYTES: usize = 1 << 20;
/// How much of one window the next one repeats, so that nothing shorter is cut in two. Private
/// keys are looked at up to this length.
pub const OVERLAP_BYTES: usize = 64 << 10;
/// Most bytes of a file that are seen in windows. Package databases stay below 200 MB.
pub const MAX_WINDOWED_BYTES: u64 = 256 << 20;
/// Facts of one file after which no more is looked for in it.
const ENOUGH_FACTS: usize = 100;

/// A part of a text that is too long to be seen whole.
#[derive(Debug, Clone, Copy)]
pub struct Window<'a> {
    /// The part.
    pub bytes: &'a [u8],
    /// How many of them, at the beginning, were seen before.
    pub repeated: usize,
    /// How many lines end before it.
    pub lines: u64,
}

impl LayerScan<'_> {
    /// Tells the observer of the facts from `known` on, each once.
    pub(super) fn tell(&mut self, known: usize) -> Result<(), Ending> {
        let known = self.told.max(known);
        self.told = self.layer.facts.len();
        if self.told > known && self.observer.observe(&self.layer, known).is_break() {
            return Err(Ending::Stopped);
        }
        Ok(())
    }

    /// Whether a rule has recorded no more than it may; `before` is how many facts there were.
    pub(super) fn cap_facts(
        &mut self,
        index: usize,
        rule: &dyn Rule,
        before: usize,
    ) -> Result<(), Ending> {
        let Some(count) = self.counts.get_mut(index) else { return Ok(()) };
        *count += self.layer.facts.len() - before;
        let limit = self.limits.facts_per_rule;
        if *count <= limit {
            return Ok(());
        }
        self.layer.facts.truncate(self.layer.facts.len() - (*count - limit));
        let detail = format!("more than {limit} facts for the rule {}", rule.meta().id);
        Err(Failure::Content(ContentDefect { defect: Defect::TooManyFacts, detail }).into())
    }

    /// Shows the rules that asked for it what lies behind the first part of an entry, or inside.
    pub(super) fn look_further(
        &mut self,
        archive: &mut Archive<impl BufRead>,
        entry: &Entry<'_>,
        wants: &[Want],
    ) -> Result<(), Ending> {
        // An index is compared with the archive afterwards, from its first byte on.
        if is_index(entry.path) {
            return Ok(());
        }
        if wants.contains(&Want::Inside) {
            self.look_inside(archive, entry, wants)?;
        } else if wants.contains(&Want::Windows) {
            self.look_in_windows(archive, entry, wants, MAX_WINDOWED_BYTES)?;
        }
        // Also of what only begins like something packed: what unpacking left is all there is.
        let is_long = entry.size > self.limits.text_bytes && wants.contains(&Want::Whole);
        if is_long && !wants.contains(&Want::Windows) {
            self.look_on(archive, entry, wants, MAX_WINDOWED_BYTES)?;
        }
        Ok(())
    }

    /// Shows the rules that asked for it what the entry holds, window by window. The first
    /// window begins with what was read already; none begins behind `most` bytes.
    pub(super) fn look_in_windows(
        &mut self,
        archive: &mut Archive<impl BufRead>,
        entry: &Entry<'_>,
        wants: &[Want],
        most: u64,
    ) -> Result<(), Ending> {
        let mut seen = 0_u64;
        loop {
            let known = self.content.len();
            self.fill(archive, WINDOW_BYTES.max(known))?;
            let new = self.content.len() - known;
            if seen > 0 && new == 0 {
                return Ok(());
            }
            self.show(entry, wants)?;
            let repeated = if seen == 0 { 0 } else { known };
            seen = seen.saturating_add(bytes(self.content.len() - repeated));
            if seen >= most {
                return Ok(());
            }
            let keep = self.content.len().saturating_sub(OVERLAP_BYTES);
            self.content.drain(..keep);
        }
    }

    /// Shows the rules that saw the first part of a text what comes behind it. No window begins
    /// behind `most` bytes.
    pub(super) fn look_on(
        &mut self,
        archive: &mut Archive<impl BufRead>,
        entry: &Entry<'_>,
        wants: &[Want],
        most: u64,
    ) -> Result<(), Ending> {
        let (mut seen, mut lines) = (bytes(self.content.len()), 0_u64);
        let before = self.layer.facts.len();
        while seen < most && self.layer.facts.len() - before < ENOUGH_FACTS {
            let drop = self.content.len().saturating_sub(OVERLAP_BYTES);
            let dropped = self.content.drain(..drop);
            lines += bytes(dropped.filter(|byte| *byte == b'\n').count());
            let repeated = self.content.len();
            self.fill(archive, repeated + WINDOW_BYTES)?;
            if self.content.len() == repeated {
                return Ok(());
            }
            seen = seen.saturating_add(bytes(self.content.len() - repeated));
            let shown = wants.iter().zip(RULES).enumerate();
            for (index, (_, rule)) in shown.filter(|(_, (want, _))| **want == Want::Whole) {
                let window = Window { bytes: &self.content, repeated, lines };
                let known = self.layer.facts.len();
                rule.look_on(entry, &window, &mut self.layer.facts);
                self.cap_facts(index, *rule, known)?;
            }
        }
        Ok(())
    }

    fn show(&mut self, entry: &Entry<'_>, wants: &[Want]) -> Result<(), Ending> {
        for (index, (want, rule)) in wants.iter().zip(RULES).enumerate() {
            if *want == Want::Windows {
                let before = self.layer.facts.len();
                rule.look(entry, &self.content, self.limits, &mut self.layer.facts);
                self.cap_facts(index, *rule, before)?;
            }
        }
        Ok(())
    }

    /// Shows the rules that asked for it what is packed in the entry.
    pub(super) fn look_inside(
        &mut self,
        archive: &mut Archive<impl BufRead>,
        entry: &Entry<'_>,
        wants: &[Want],
    ) -> Result<(), Ending> {
        let used = self.layer.unpacked_bytes.saturating_add(self.inside_bytes);
        let most = self.limits.unpacked_bytes.saturating_sub(used);
        let stored = self.layer.compressed_bytes;
        let most = most.min(inside::allowance_of_all(stored).saturating_sub(self.inside_bytes));
        let most = most.min(inside::allowance(entry.size));
        let (left, members) = (Cell::new(most), Cell::new(self.inside_members));
        let read = std::mem::take(&mut self.content);
        let mut rest = Rest { archive, failure: None };
        let limits = self.limits;
        let asked = wants.iter().map(|want| *want == Want::Inside).collect();
        let mut visitor = Visitor { scan: self, asked, ending: None, is_told_deep: false };
        let file = Packed { path: entry.path, size: entry.size, depth: 0 };
        let stop = Unpacking { limits, left: &left, members: &members, visit: &mut visitor }
            .run(&mut Cursor::new(&read).chain(&mut rest), file);
        if let Err(Stop::Closed(why)) = stop {
            let _ = visitor.closed(entry, why);
        }
        let ending = rest.failure.map(Ending::Failure).or(visitor.ending);
        self.inside_bytes = self.inside_bytes.saturating_add(most - left.get());
        self.inside_members = members.get();
        self.content = read;
        ending.map_or_else(|| self.cap_inside(), Err)
    }

    /// Whether the packed files of the layer still unpack to what may be unpacked. What comes
    /// behind would not be looked into, so the attacker's is the first of these.
    fn cap_inside(&mut self) -> Result<(), Ending> {
        let most = inside::allowance_of_all(self.layer.compressed_bytes);
        let (defect, detail) = if self.inside_members == 0 {
            let most = inside::MAX_MEMBERS;
            (Defect::TooManyEntries, format!("packed files with more than {most} members"))
        } else if self.inside_bytes >= most {
            let most = crate::answer::size(most);
            (Defect::BombRatio, format!("packed files that unpack to more than {most}"))
        } else {
            return Ok(());
        };
        Err(Failure::Content(ContentDefect { defect, detail }).into())
    }
}

fn bytes(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

/// What was not read of the current member. A failure is kept: readers on top rewrap it.
struct Rest<'a, R> {
    archive: &'a mut Archive<R>,
    failure: Option<Failure>,
}

impl<R: BufRead> Read for Rest<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.archive.read_content(buffer).map_err(|failure| {
            self.failure = Some(failure);
            io::Error::other("the layer ends early")
        })
    }
}

/// Passes what is inside on to the rules that asked for it.
struct Visitor<'v, 'a> {
    scan: &'v mut LayerScan<'a>,
    asked: Vec<bool>,
    ending: Option<Ending>,
    is_told_deep: bool,
}

impl Visitor<'_, '_> {
    /// Whether a rule that asked wants that of an entry.
    fn is_wanted(&self, want: Want, entry: &Entry<'_>, head: &[u8]) -> bool {
        let mut asked = self.asked.iter().zip(RULES).filter(|(asked, _)| **asked);
        asked.any(|(_, rule)| rule.want(entry, head) == want)
    }

    /// Lets each rule that asked record facts, and tells the observer.
    fn each(
        &mut self,
        mut look: impl FnMut(&mut LayerScan<'_>, &'static dyn Rule),
    ) -> ControlFlow<()> {
        let known = self.scan.layer.facts.len();
        for (index, rule) in RULES.iter().copied().enumerate() {
            if self.asked.get(index) != Some(&true) {
                continue;
            }
            let before = self.scan.layer.facts.len();
            look(self.scan, rule);
            if let Err(ending) = self.scan.cap_facts(index, rule, before) {
                self.ending = Some(ending);
                return ControlFlow::Break(());
            }
        }
        if let Err(ending) = self.scan.tell(known) {
            self.ending = Some(ending);
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }
}

impl Visit for Visitor<'_, '_> {
    fn wants_text(&self, entry: &Entry<'_>, head: &[u8]) -> bool {
        self.is_wanted(Want::Whole, entry, head)
    }

    fn member(&mut self, entry: &Entry<'_>, head: &[u8]) -> ControlFlow<(), bool> {
        let (text, mut goes_inside) = (head, false);
        let head = text.get(..HEAD_BYTES).unwrap_or(text);
        self.each(|scan, rule| {
            let content = match rule.want(entry, head) {
                Want::Nothing => return,
                Want::Inside => {
                    goes_inside = true;
                    return;
                }
                Want::Head | Want::Windows => head,
                Want::Whole => text,
            };
            rule.look(entry, content, scan.limits, &mut scan.layer.facts);
        })?;
        ControlFlow::Continue(goes_inside)
    }

    fn goes_inside(&mut self, entry: &Entry<'_>, head: &[u8]) -> bool {
        self.is_wanted(Want::Inside, entry, head)
    }

    fn closed(&mut self, entry: &Entry<'_>, why: Closed) -> ControlFlow<()> {
        if why == Closed::TooDeep && !self.is_told_deep {
            let path = entry.path;
            let detail = format!("`{}`", cut(path, 200));
            self.scan.layer.facts.push(unreadable_layer::defect(Defect::PackedTooDeep, &detail));
            self.is_told_deep = true;
        }
        self.each(|scan, rule| rule.closed(entry, why, &mut scan.layer.facts))
    }
}

#[cfg(test)]
mod tests;
