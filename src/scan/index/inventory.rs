//! What the archive of one layer holds, in forty bytes an entry, for comparison with an index.

use std::hash::{BuildHasher as _, RandomState};

use tar::EntryType;

use super::super::entries::Member;
use crate::model::entry::clean_path;

/// Most entries that are kept. Large conda layers have 300,000; beyond, no index is believed.
const MAX_RECORDS: usize = 500_000;

/// What an index calls the types of entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Regular,
    Directory,
    Symlink,
    HardLink,
    Char,
    Block,
    Fifo,
    /// No index has it.
    Other,
}

impl Kind {
    pub(super) fn parse(word: &str) -> Self {
        match word {
            "reg" => Self::Regular,
            "dir" => Self::Directory,
            "symlink" => Self::Symlink,
            "hardlink" => Self::HardLink,
            "char" => Self::Char,
            "block" => Self::Block,
            "fifo" => Self::Fifo,
            _ => Self::Other,
        }
    }

    fn of(member: &Member) -> Self {
        match member.kind {
            EntryType::Regular if member.is_old_directory => Self::Directory,
            EntryType::Regular => Self::Regular,
            EntryType::Directory => Self::Directory,
            EntryType::Symlink => Self::Symlink,
            EntryType::Link => Self::HardLink,
            EntryType::Char => Self::Char,
            EntryType::Block => Self::Block,
            EntryType::Fifo => Self::Fifo,
            _ => Self::Other,
        }
    }
}

/// One entry. Paths are hashed with a key of this process: nobody can prepare two that collide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Record {
    path: u64,
    pub(super) link: u64,
    pub(super) size: u64,
    /// Where its content begins, in plain bytes.
    pub(super) content_at: u64,
    pub(super) kind: Kind,
    /// How many of the records with this path, counted at the first, an index has named.
    named: u32,
}

/// The entries of an archive.
#[derive(Debug, Default)]
pub(in super::super) struct Inventory {
    records: Vec<Record>,
    keys: RandomState,
    named: usize,
    is_sorted: bool,
    is_over: bool,
}

impl Inventory {
    /// Adds a member. `path` is its cleaned one.
    pub(in super::super) fn add(&mut self, member: &Member, path: &str) {
        if self.records.len() >= MAX_RECORDS {
            self.is_over = true;
            return;
        }
        let kind = Kind::of(member);
        let link = member.link.as_deref().map(String::from_utf8_lossy).unwrap_or_default();
        let record = Record {
            path: self.hash(path),
            link: self.link(kind, &link),
            size: member.size,
            content_at: member.content_at,
            kind,
            named: 0,
        };
        self.records.push(record);
        self.is_sorted = false;
    }

    /// Makes ready for an index; the number of entries it has to name, or why none can be compared.
    pub(super) fn open(&mut self) -> Result<(), String> {
        if self.is_over {
            return Err(format!("more than {MAX_RECORDS} entries to compare"));
        }
        if !self.is_sorted {
            self.records.sort_unstable_by_key(|record| (record.path, record.content_at));
            self.is_sorted = true;
        }
        for record in &mut self.records {
            record.named = 0;
        }
        self.named = 0;
        Ok(())
    }

    /// The next entry of that path that the index has not named yet.
    pub(super) fn name(&mut self, path: &str) -> Option<Record> {
        let path = self.hash(path);
        let first = self.records.partition_point(|record| record.path < path);
        let named = usize::try_from(self.records.get(first)?.named).ok()?;
        let found = *self.records.get(first.checked_add(named)?)?;
        if found.path != path {
            return None;
        }
        self.records.get_mut(first)?.named += 1;
        self.named += 1;
        Some(found)
    }

    /// How many entries the index has not named.
    pub(super) fn unnamed(&self) -> usize {
        self.records.len().saturating_sub(self.named)
    }

    /// A link target as it is compared: that of a hard link is a path of the archive.
    pub(super) fn link(&self, kind: Kind, target: &str) -> u64 {
        match kind {
            Kind::Symlink => self.hash(target),
            Kind::HardLink => self.hash(&clean_path(target).unwrap_or_default()),
            _ => 0,
        }
    }

    /// Readers write another number of replacement characters for the same broken text.
    fn hash(&self, text: &str) -> u64 {
        if !text.contains(char::REPLACEMENT_CHARACTER) {
            return self.keys.hash_one(text);
        }
        let mut letters: Vec<char> = text.chars().collect();
        letters.dedup_by(|a, b| a == b && *a == char::REPLACEMENT_CHARACTER);
        self.keys.hash_one(letters.iter().collect::<String>())
    }
}
