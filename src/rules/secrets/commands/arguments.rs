//! Build arguments and variables in the builders' spelling, in which values with blanks have no
//! quotes: `RUN |2 TOKEN=a b OTHER=c /bin/sh -c ...`, `ENV TOKEN=a b`.

use std::ops::Range;

use super::Value;

/// Most arguments looked at in one instruction.
const MAX_ARGUMENTS: usize = 1000;

/// The values that have blanks and no quotes.
pub(super) fn with_blanks(text: &str) -> Vec<Value> {
    let Some(range) = arguments(text).or_else(|| variables(text)) else { return Vec::new() };
    let starts = starts(text, &range);
    let ends = starts.iter().skip(1).map(|next| next.start).chain([range.end]);
    starts
        .iter()
        .zip(ends)
        .filter_map(|(name, end)| {
            let from = name.end.checked_add(1)?;
            let value = text.get(from..end)?.trim_end();
            let plain = !value.starts_with(['"', '\'']) && value.contains(' ');
            let span = from..from.checked_add(value.len())?;
            plain.then(|| Some(Value { name: text.get(name.clone())?.to_owned(), span }))?
        })
        .collect()
}

/// Between `|2 ` and the shell.
fn arguments(text: &str) -> Option<Range<usize>> {
    let text_start = text.strip_prefix("RUN ").map_or(0, |_| 4);
    let rest = text.get(text_start..)?.strip_prefix('|')?;
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let start = text_start.checked_add(1)?.checked_add(digits)?;
    let behind = text.get(start..)?;
    let shells = [" /bin/", " /usr/bin/", " /busybox/", " powershell", " cmd /"];
    let end = shells.iter().filter_map(|shell| behind.find(shell)).min()?;
    (digits > 0).then_some(start..start.checked_add(end)?)
}

/// Behind `ENV ` and `ARG ` of either builder.
fn variables(text: &str) -> Option<Range<usize>> {
    let plain = text.strip_prefix("/bin/sh -c #(nop)").unwrap_or(text).trim_start();
    let values = plain.strip_prefix("ENV ").or_else(|| plain.strip_prefix("ARG "))?;
    let end = values.find(" # buildkit").unwrap_or(values.len());
    let start = text.len().checked_sub(values.len())?;
    Some(start..start.checked_add(end)?)
}

/// Every name in front of an equals sign, behind a blank.
fn starts(text: &str, range: &Range<usize>) -> Vec<Range<usize>> {
    let part = text.get(range.clone()).unwrap_or_default();
    part.match_indices('=')
        .take(MAX_ARGUMENTS)
        .filter_map(|(at, _)| {
            let before = part.get(..at)?;
            let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
            let name = before.rsplit(|c: char| !is_name(c)).next()?;
            let start = at.checked_sub(name.len())?;
            let bounded = start == 0 || part.get(..start)?.ends_with(' ');
            (bounded && !name.is_empty())
                .then(|| range.start.saturating_add(start)..range.start.saturating_add(at))
        })
        .collect()
}
