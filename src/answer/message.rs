//! A verdict in a few lines: what a refused `kubectl apply`, an event's log line and admission
//! warnings say. Bounded, because API servers and terminals are.

use super::group::{Group, Groups, Room};
use super::plain::line;
use crate::model::{Decision, Undecided, Verdict};

/// Longest message, in bytes. API servers hand it to clients as one `Status.message`.
pub const MAX_BYTES: usize = 1024;
/// Longest warning, in characters (Kubernetes asks for at most 120).
pub const MAX_WARNING_CHARS: usize = 120;
/// Most warnings: beyond 4096 characters in total the API server cuts and drops them.
pub const MAX_WARNINGS: usize = 10;
/// Most findings that a message names; the first says what to do next, hundreds do not.
const MAX_FINDINGS: usize = 3;
/// Room for the line that says how many more there are.
const LAST_LINE_BYTES: usize = 80;
/// Longest complaint and longest remedy, in characters.
const ROOM: Room = Room { text: 280, instruction: 60 };
/// Most causes that a message names.
const MAX_CAUSES: usize = 2;

/// The verdict in a few lines, at most [`MAX_BYTES`].
pub fn text(verdict: &Verdict) -> String {
    let image = line(&verdict.image, 160);
    let message = match verdict.decision {
        Decision::Allow => format!("{image} is allowed{}", allowed_remarks(verdict)),
        Decision::Deny => denial(&image, verdict),
        Decision::Undecided => undecided(&image, verdict),
    };
    bounded(message, MAX_BYTES)
}

/// The same on one line, for logs.
pub fn one_line(verdict: &Verdict) -> String {
    let text = text(verdict).replacen(":\n- ", ": ", 1);
    let lines = text.lines().map(|line| line.trim().trim_start_matches("- "));
    lines.collect::<Vec<_>>().join("; ")
}

/// What an admission review's `warnings` say: warnings, what passed only by an exception, and
/// what was not known but let pass. At most [`MAX_WARNINGS`] of [`MAX_WARNING_CHARS`], without
/// control characters, which would make the API server drop them.
pub fn warnings(verdict: &Verdict) -> Vec<String> {
    let image = short_name(&verdict.image);
    let mut warnings: Vec<String> = Vec::new();
    if verdict.decision == Decision::Allow {
        warnings.extend(verdict.undecided.iter().map(|undecided| {
            format!("{image}: not checked, {}: {}", undecided.cause, undecided.detail)
        }));
    }
    let groups = Groups::of(verdict.warnings(), verdict);
    warnings.extend(groups.listed.iter().map(|group| {
        let finding = group.finding;
        format!("{image}: {}: {}", finding.rule, finding.message)
    }));
    warnings.extend(verdict.exceptions.iter().map(|waived| {
        format!("{image}: {}: excepted until {}: {}", waived.rule, waived.until, waived.reason)
    }));
    if warnings.len() > MAX_WARNINGS {
        // A hundred are listed before one is only counted.
        let unlisted: usize = groups.surplus.iter().map(|group| group.finding.stands_for()).sum();
        let more = warnings.len() - (MAX_WARNINGS - 1) + unlisted;
        warnings.truncate(MAX_WARNINGS - 1);
        warnings.push(format!("{image}: and {}", super::count(more, "more warning")));
    }
    warnings.iter().map(|warning| line(warning, MAX_WARNING_CHARS)).collect()
}

fn allowed_remarks(verdict: &Verdict) -> String {
    let mut remarks = Vec::new();
    let warnings = Groups::of(verdict.warnings(), verdict);
    if !warnings.is_empty() {
        remarks.push(warnings.count("warning"));
    }
    remarks.extend(verdict.exceptions.iter().map(|waived| format!("{} excepted", waived.rule)));
    remarks.extend(
        verdict.undecided.iter().map(|undecided| format!("not checked: {}", undecided.cause)),
    );
    if remarks.is_empty() { String::new() } else { format!(" ({})", remarks.join(", ")) }
}

fn denial(image: &str, verdict: &Verdict) -> String {
    let mut groups = Groups::of(verdict.denials(), verdict);
    groups.one_of_each_rule_first();
    let digest = verdict.digest.as_ref();
    let digest =
        digest.map(|digest| format!(" ({}:{})", digest.algorithm().name(), digest.short()));
    let mut message = format!("{image} is denied{}:", digest.unwrap_or_default());
    let mut named = 0;
    for group in groups.listed.iter().take(MAX_FINDINGS) {
        let complaint = complaint(group, verdict);
        // The last line needs room as well; the first complaint is never left out.
        if named > 0 && message.len() + complaint.len() + LAST_LINE_BYTES > MAX_BYTES {
            break;
        }
        message.push_str(&complaint);
        named += 1;
    }
    match groups.beyond(named, "more finding") {
        None => message,
        Some(more) => format!("{message}\nand {more}; see `plimsoll check`"),
    }
}

fn complaint(group: &Group<'_>, verdict: &Verdict) -> String {
    let complaint = group.complaint(verdict, ROOM);
    format!("\n- {}: {complaint}{}", group.finding.rule, group.remedy("\n  ", ROOM))
}

fn undecided(image: &str, verdict: &Verdict) -> String {
    let mut lines = vec![format!("{image} could not be checked:")];
    let named = verdict.undecided.iter().take(MAX_CAUSES);
    lines.extend(named.map(|undecided| format!("- {}", cause(undecided, 240))));
    let more = verdict.undecided.len().saturating_sub(MAX_CAUSES);
    if more > 0 {
        lines.push(format!("and {more} more"));
    }
    lines.join("\n")
}

/// A cause with its particulars and a hint, unless the particulars have one.
pub(super) fn cause(undecided: &Undecided, most: usize) -> String {
    let detail = line(&undecided.detail, most);
    let hint = if undecided.detail.contains("hint:") {
        String::new()
    } else {
        format!(" (hint: {})", super::hint(undecided.cause))
    };
    if detail.is_empty() {
        return format!("{}{hint}", undecided.cause);
    }
    format!("{}: {detail}{hint}", undecided.cause)
}

/// `app:1.4` of `registry.example.com/ml/app:1.4@sha256:...`: the pod's author knows the rest.
fn short_name(image: &str) -> String {
    let name = image.split_once('@').map_or(image, |(name, _)| name);
    line(name.rsplit('/').next().unwrap_or(name), 40)
}

fn bounded(mut message: String, most: usize) -> String {
    if message.len() > most {
        message.truncate(message.floor_char_boundary(most.saturating_sub('…'.len_utf8())));
        message.push('…');
    }
    message
}

#[cfg(test)]
pub(crate) mod tests;
