//! One index against the inventory, entry by entry.

use super::super::seams::Seams;
use super::inventory::{Inventory, Kind, Record};
use crate::model::entry::clean_path;

/// One entry of an index, of either format.
#[derive(Debug, Default)]
pub(super) struct IndexEntry {
    pub(super) name: String,
    pub(super) kind: String,
    pub(super) size: u64,
    pub(super) link: String,
    /// Where a chunk is, in the blob.
    pub(super) offset: u64,
    /// Where in what unpacks from there.
    pub(super) inner_offset: u64,
    /// Where a chunk belongs, in its file.
    pub(super) chunk_offset: u64,
    /// Length of a chunk; 0 is all the rest.
    pub(super) chunk_size: u64,
    pub(super) chunk_kind: String,
}

/// A file whose chunks are coming.
#[derive(Debug)]
struct Open {
    name: String,
    record: Record,
    /// How much of it the chunks so far hold.
    reached: u64,
}

/// The walk along an index.
#[derive(Debug)]
pub(super) struct Comparison<'a> {
    inventory: &'a mut Inventory,
    seams: &'a Seams,
    open: Option<Open>,
}

impl<'a> Comparison<'a> {
    pub(super) fn new(inventory: &'a mut Inventory, seams: &'a Seams) -> Result<Self, String> {
        inventory.open()?;
        Ok(Self { inventory, seams, open: None })
    }

    /// Takes the next entry. The error says where it disagrees.
    pub(super) fn entry(&mut self, entry: &IndexEntry) -> Result<(), String> {
        let name = clean_path(&entry.name).ok_or("a path with `..`")?;
        if entry.kind == "chunk" {
            return self.chunk(&name, entry);
        }
        self.close()?;
        let record = self.inventory.name(&name);
        let record = record.ok_or_else(|| format!("`{name}` is in the index only"))?;
        let kind = Kind::parse(&entry.kind);
        if kind == Kind::Other || kind != record.kind {
            return Err(format!("another type: `{name}`"));
        }
        if entry.size != record.size {
            return Err(format!("{} bytes, not {}: `{name}`", entry.size, record.size));
        }
        if self.inventory.link(kind, &entry.link) != record.link {
            return Err(format!("another link target: `{name}`"));
        }
        if record.size == 0 {
            return Ok(());
        }
        self.open = Some(Open { name: name.clone(), record, reached: 0 });
        self.chunk(&name, entry)
    }

    /// A file's chunk must come behind the one before it and begin where the archive has it.
    fn chunk(&mut self, name: &str, entry: &IndexEntry) -> Result<(), String> {
        let elsewhere = || format!("content from elsewhere: `{name}`");
        let open = self.open.as_mut().filter(|open| open.name == name).ok_or_else(elsewhere)?;
        let Open { record, reached, .. } = open;
        if !matches!(entry.chunk_kind.as_str(), "" | "data" | "zeros") {
            return Err(elsewhere());
        }
        let left = record.size.saturating_sub(*reached);
        let length = if entry.chunk_size == 0 { left } else { entry.chunk_size };
        if entry.chunk_offset != *reached || length > left || left == 0 {
            return Err(format!("chunks that overlap or leave gaps: `{name}`"));
        }
        let begins = self.seams.plain_at(entry.offset);
        let begins = begins.and_then(|begins| begins.checked_add(entry.inner_offset));
        if begins != record.content_at.checked_add(*reached) {
            return Err(elsewhere());
        }
        *reached += length;
        Ok(())
    }

    fn close(&mut self) -> Result<(), String> {
        match self.open.take() {
            Some(open) if open.reached != open.record.size => {
                Err(format!("chunks that overlap or leave gaps: `{}`", open.name))
            }
            _ => Ok(()),
        }
    }

    /// To be called behind the last entry.
    pub(super) fn finish(&mut self) -> Result<(), String> {
        self.close()?;
        match self.inventory.unnamed() {
            0 => Ok(()),
            count => Err(format!("{count} entries are in the archive only")),
        }
    }
}
