//! Images for the rules' tests: a configuration, and layers whose facts come from running one
//! rule's `want` and `look` over files, as the scanner does.

use std::collections::BTreeMap;

use super::{Around, Rule, Seen, Settings, Tally, Want};
use crate::model::dockerfile;
use crate::model::manifest::Manifest;
use crate::model::{
    Descriptor, Digest, Entry, EntryKind, Finding, Image, ImageConfig, LayerFacts, Level, Platform,
};
use crate::scan::{HEAD_BYTES, Limits, ReadAll, scan_layer};

/// One file of a layer.
pub(crate) struct File {
    path: String,
    content: Vec<u8>,
    size: u64,
    kind: EntryKind,
    link: Option<String>,
}

/// A file with that content.
pub(crate) fn file(path: &str, content: impl AsRef<[u8]>) -> File {
    let content = content.as_ref().to_vec();
    let size = u64::try_from(content.len()).unwrap();
    File { path: path.to_owned(), content, size, kind: EntryKind::File, link: None }
}

/// A file that begins like that and is that large.
pub(crate) fn sized(path: &str, head: impl AsRef<[u8]>, size: u64) -> File {
    let mut content = head.as_ref().to_vec();
    let whole = usize::try_from(size).unwrap().min(HEAD_BYTES);
    content.resize(whole.max(content.len()), 0);
    File { path: path.to_owned(), content, size, kind: EntryKind::File, link: None }
}

/// An entry without content.
pub(crate) fn entry(path: &str, kind: EntryKind) -> File {
    File { path: path.to_owned(), content: Vec::new(), size: 0, kind, link: None }
}

/// A link of that kind to `target`.
pub(crate) fn link(path: &str, kind: EntryKind, target: &str) -> File {
    File { link: Some(target.to_owned()), ..entry(path, kind) }
}

/// A tar archive of those files.
pub(crate) fn tar_of(files: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (path, content) in files {
        let mut header = tar::Header::new_ustar();
        header.set_size(content.len().try_into().unwrap());
        header.set_mode(0o644);
        builder.append_data(&mut header, path, &content[..]).unwrap();
    }
    builder.into_inner().unwrap()
}

/// An image under construction, for one rule.
pub(crate) struct Sample {
    rule: &'static dyn Rule,
    pub(crate) image: Image,
    pub(crate) facts: Vec<Option<LayerFacts>>,
    pub(crate) settings: Settings,
    pub(crate) around: Around,
}

/// Media type of the layers made here.
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

pub(crate) fn descriptor(media_type: &str, name: &str, size: u64) -> Descriptor {
    Descriptor {
        media_type: media_type.to_owned(),
        digest: Digest::of(name.as_bytes()),
        size,
        urls: Vec::new(),
        annotations: BTreeMap::new(),
        platform: None,
    }
}

impl Sample {
    pub(crate) fn of(rule: &'static dyn Rule) -> Self {
        let manifest = Manifest {
            config: descriptor("application/vnd.oci.image.config.v1+json", "config", 100),
            layers: Vec::new(),
            annotations: BTreeMap::new(),
            artifact_type: None,
            media_type: None,
        };
        let image = Image {
            platform: Platform::default(),
            digest: Digest::of(b"manifest"),
            manifest,
            config: ImageConfig::default(),
            defects: Vec::new(),
        };
        Self {
            rule,
            image,
            facts: Vec::new(),
            settings: Settings::default(),
            around: Around::default(),
        }
    }

    pub(crate) fn env(mut self, pairs: &[&str]) -> Self {
        self.image.config.env.extend(pairs.iter().map(|pair| (*pair).to_owned()));
        self
    }

    pub(crate) fn label(mut self, name: &str, value: &str) -> Self {
        self.image.config.labels.insert(name.to_owned(), value.to_owned());
        self
    }

    /// A step that made no layer.
    pub(crate) fn step(mut self, created_by: &str) -> Self {
        self.image.config.history.push(crate::model::image::History {
            created_by: created_by.to_owned(),
            empty_layer: true,
            ..Default::default()
        });
        self
    }

    /// A layer that has not been read, of that compressed size.
    pub(crate) fn unread(mut self, created_by: &str, size: u64) -> Self {
        self = self.step(created_by);
        if let Some(step) = self.image.config.history.last_mut() {
            step.empty_layer = false;
        }
        let name = format!("layer {}", self.facts.len());
        self.image.manifest.layers.push(descriptor(LAYER, &name, size));
        self.facts.push(None);
        self
    }

    /// A layer with those files, looked at by the rule.
    pub(crate) fn layer(self, created_by: &str, files: &[File]) -> Self {
        let mut sample = self.unread(created_by, 1000);
        let rule = sample.rule;
        let mut facts = LayerFacts::empty(Digest::of(created_by.as_bytes()), 1000);
        let mut tally = rule.tally();
        for file in files {
            let entry = Entry {
                path: &file.path,
                kind: file.kind,
                size: file.size,
                link: file.link.as_deref(),
            };
            if let Some(tally) = &mut tally {
                tally.note(&entry);
            }
            let head = &file.content[..file.content.len().min(HEAD_BYTES)];
            let limits = Limits::default();
            facts.unpacked_bytes += file.size;
            facts.listing.push_with(&file.path, file.kind, file.size, file.link.as_deref());
            match rule.want(&entry, head) {
                // What is packed needs the real scanner: `Self::scanned`.
                Want::Nothing | Want::Inside => {}
                Want::Head => rule.look(&entry, head, &limits, &mut facts.facts),
                Want::Whole | Want::Windows => {
                    rule.look(&entry, &file.content, &limits, &mut facts.facts);
                }
            }
        }
        facts.facts.extend(tally.into_iter().flat_map(Tally::facts));
        facts.whole = true;
        if let Some(last) = sample.facts.last_mut() {
            *last = Some(facts);
        }
        sample
    }

    /// Steps as builders write them; one that begins with `+` makes a layer without files.
    pub(crate) fn built(mut self, steps: &[&str]) -> Self {
        for (text, step) in steps.iter().zip(dockerfile::samples::history(steps)) {
            self = match text.strip_prefix('+') {
                Some(text) => self.layer(text, &[]),
                None => self.step(text),
            };
            if let Some(last) = self.image.config.history.last_mut() {
                *last = step;
            }
        }
        self
    }

    /// A layer with those files, read by the real scanner. Sizes are those of the contents.
    pub(crate) fn scanned(self, created_by: &str, files: &[(&str, Vec<u8>)]) -> Self {
        let mut sample = self.unread(created_by, 1000);
        let bytes = tar_of(files);
        let digest = Digest::of(&bytes);
        let size = u64::try_from(bytes.len()).unwrap();
        let facts =
            scan_layer(&bytes[..], &digest, size, &Limits::default(), &mut ReadAll).unwrap();
        if let Some(last) = sample.facts.last_mut() {
            *last = Some(facts);
        }
        sample
    }

    pub(crate) fn findings(&self) -> Vec<Finding> {
        let facts: Vec<Option<&LayerFacts>> = self.facts.iter().map(Option::as_ref).collect();
        let seen = Seen::new(&self.image, &facts).with(self.around.clone());
        self.rule.judge(&seen, &self.settings)
    }

    /// The highest level of all findings.
    pub(crate) fn level(&self) -> Option<Level> {
        self.findings().iter().map(|finding| finding.level).max()
    }

    /// The findings as people read them, one a line.
    pub(crate) fn words(&self) -> String {
        let lines: Vec<String> = self
            .findings()
            .iter()
            .map(|finding| {
                format!("{}: {}\n  fix: {}", finding.level, finding.message, finding.fix)
            })
            .collect();
        lines.join("\n")
    }
}
