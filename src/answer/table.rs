//! What `plimsoll check` prints for a person. Readable without colour; wrapped to the terminal,
//! and not wrapped at all when piped, so that `grep` finds whole sentences.

use comfy_table::{CellAlignment, Table, presets};

use super::group::{Groups, Room};
use super::plain::line;
use super::wrap::{Layout, Paint};
use super::{count, message, size};
use crate::model::{Decision, Level, Verdict};

/// Most findings of one rule that are shown. More are in the JSON.
const MAX_PER_RULE: usize = 5;
/// Longest parts of a complaint.
const ROOM: Room = Room { text: 600, instruction: 100 };
/// What a verdict on the first certain denial does not tell.
const STOPPED: &str = "reading stopped at the first certain denial: there may be more faults, and \
    larger sums (read all with `--all`)";

/// How to print.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Style {
    /// Whether to colour.
    pub colour: bool,
    /// Columns of the terminal; `None` when piped.
    pub width: Option<usize>,
}

/// The verdict in lines, the last one ended.
pub fn render(verdict: &Verdict, style: Style) -> String {
    let mut page = Layout::new(style);
    header(verdict, &mut page);
    sizes(verdict, &mut page);
    for level in [Level::Deny, Level::Warn] {
        findings(verdict, level, &mut page);
    }
    not_known(verdict, &mut page);
    waived(verdict, &mut page);
    footer(verdict, &mut page);
    page.finish()
}

fn header(verdict: &Verdict, page: &mut Layout) {
    let (word, paint) = match verdict.decision {
        Decision::Allow => ("ALLOWED", Paint::Good),
        Decision::Deny => ("DENIED", Paint::Bad),
        Decision::Undecided => ("UNDECIDED", Paint::Doubtful),
    };
    page.painted_line(paint, word, &format!("  {}", line(&verdict.image, 300)));
    if let Some(digest) = &verdict.digest {
        page.faint_line(&digest.to_string());
    }
}

fn sizes(verdict: &Verdict, page: &mut Layout) {
    if verdict.images.is_empty() {
        if verdict.decision == Decision::Allow && verdict.undecided.is_empty() {
            page.blank();
            page.paragraph("", "nothing to run in it (not a container image), nothing to judge");
        }
        return;
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING).force_no_tty();
    table.set_header(["platform", "compressed", "unpacked", "layers"]);
    for image in &verdict.images {
        let is_read = image.layers.iter().all(|layer| layer.unpacked_size.is_some());
        let unpacked = if is_read { size(image.unpacked_size) } else { "not read".to_owned() };
        table.add_row([
            line(&image.platform, 40),
            size(image.compressed_size),
            unpacked,
            image.layers.len().to_string(),
        ]);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    page.blank();
    for row in table.lines() {
        page.raw_line(&format!(" {}", row.trim_end()));
    }
}

fn findings(verdict: &Verdict, level: Level, page: &mut Layout) {
    let of_level = || verdict.findings.iter().filter(|finding| finding.level == level);
    let mut rules = Vec::new();
    for finding in of_level() {
        if !rules.contains(&&finding.rule) {
            rules.push(&finding.rule);
        }
    }
    for rule in rules {
        let groups = Groups::of(of_level().filter(|finding| finding.rule == *rule), verdict);
        page.blank();
        let (word, paint) = match level {
            Level::Deny => ("deny", Paint::Bad),
            Level::Warn | Level::Ignore => ("warn", Paint::Doubtful),
        };
        let many = if groups.are_several() {
            format!(" ({})", groups.count("finding"))
        } else {
            String::new()
        };
        page.painted_line(paint, word, &format!("  {rule}{many}"));
        rule_findings(verdict, &groups, page);
    }
}

/// The findings of one rule; a remedy stands once behind all findings that share it.
fn rule_findings(verdict: &Verdict, groups: &Groups<'_>, page: &mut Layout) {
    let mut rest = groups.listed.iter().take(MAX_PER_RULE).peekable();
    while let Some(group) = rest.next() {
        page.paragraph("  - ", &group.complaint(verdict, ROOM));
        let is_last = rest.peek().is_none_or(|next| next.finding.fix != group.finding.fix);
        let remedy = group.remedy("", ROOM);
        if is_last && let Some(fix) = remedy.strip_prefix("fix: ") {
            page.paragraph("    fix: ", fix);
        }
    }
    let shown = groups.listed.len().min(MAX_PER_RULE);
    if let Some(more) = groups.beyond(shown, "more finding") {
        let lists = if groups.surplus.is_empty() {
            "all".to_owned()
        } else {
            format!("the first {}", groups.listed.len())
        };
        page.paragraph("  ", &format!("... and {more}; `-o json` lists {lists}"));
    }
}

fn not_known(verdict: &Verdict, page: &mut Layout) {
    if verdict.undecided.is_empty() {
        return;
    }
    page.blank();
    page.painted_line(Paint::Doubtful, "could not be checked", "");
    for undecided in verdict.undecided.iter().take(MAX_PER_RULE) {
        page.paragraph("  - ", &message::cause(undecided, 600));
    }
    let more = verdict.undecided.len().saturating_sub(MAX_PER_RULE);
    if more > 0 {
        page.paragraph("  ", &format!("... and {more} more; `-o json` lists all"));
    }
}

fn waived(verdict: &Verdict, page: &mut Layout) {
    if verdict.exceptions.is_empty() {
        return;
    }
    page.blank();
    page.raw_line("excepted");
    for waived in &verdict.exceptions {
        let findings = count(waived.findings, "finding");
        let until = line(&waived.until, 20);
        let reason = line(&waived.reason, 300);
        page.paragraph("  - ", &format!("{}: {findings}, until {until}: {reason}", waived.rule));
    }
}

fn footer(verdict: &Verdict, page: &mut Layout) {
    let stats = &verdict.stats;
    let is_cut = !verdict.complete && verdict.decision == Decision::Deny;
    let is_read = stats.bytes_read > 0 || stats.layers_scanned > 0 || stats.layers_cached > 0;
    if is_cut || is_read {
        page.blank();
    }
    if is_cut && verdict.undecided.is_empty() {
        page.paragraph("", STOPPED);
    } else if is_cut {
        page.paragraph("", "not everything could be read: there may be more");
    }
    if is_read {
        page.faint_line(&format!(
            "read {} in {}.{} s, {} scanned, {} known",
            size(stats.bytes_read),
            stats.elapsed_ms / 1000,
            stats.elapsed_ms % 1000 / 100,
            count(usize::try_from(stats.layers_scanned).unwrap_or(usize::MAX), "layer"),
            stats.layers_cached,
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::message::tests::{
        allowed, denied, flooded, hostile, hundred_findings, not_known,
    };
    use crate::model::verdict::Stats;

    fn piped(verdict: &Verdict) -> String {
        render(verdict, Style::default())
    }

    #[test]
    fn a_denied_image() {
        insta::assert_snapshot!(piped(&denied()), @r"
        DENIED  registry.example.com/ml/app:1.4
        sha256:1bc04b5291c26a46d918139138b992d2de976d6851d0893b0476b85bfbdfc6e6

          platform     compressed  unpacked  layers
          linux/amd64     4.6 GiB   4.7 GiB       1
          linux/arm64     4.5 GiB   4.7 GiB       1

        deny  image-size
          - compressed size of 4.6 GiB is over the limit of 3.0 GiB on linux/amd64
            fix: leave out build tools, caches and weights

        deny  model-weights
          - holds model weights (safetensors), `app/models/model.safetensors`, 4.6 GiB, layer 3 (`COPY models/ /app/models`) on all platforms
            fix: mount the weights at run time, or pull them when the container starts

        warn  package-cache
          - pip cache left in the image, `root/.cache/pip`, 900.0 MiB on linux/amd64
            fix: pip install --no-cache-dir

        excepted
          - cuda-devel: 2 findings, until 2027-01-31: JIT kernels, ML-142

        reading stopped at the first certain denial: there may be more faults, and larger sums (read all with `--all`)
        read 1.7 GiB in 12.3 s, 4 layers scanned, 7 known
        ");
    }

    #[test]
    fn a_denied_image_in_80_columns() {
        let page = render(&denied(), Style { colour: false, width: Some(80) });
        assert!(page.lines().all(|line| line.chars().count() <= 80));
        insta::assert_snapshot!(page, @r"
        DENIED  registry.example.com/ml/app:1.4
        sha256:1bc04b5291c26a46d918139138b992d2de976d6851d0893b0476b85bfbdfc6e6

          platform     compressed  unpacked  layers
          linux/amd64     4.6 GiB   4.7 GiB       1
          linux/arm64     4.5 GiB   4.7 GiB       1

        deny  image-size
          - compressed size of 4.6 GiB is over the limit of 3.0 GiB on linux/amd64
            fix: leave out build tools, caches and weights

        deny  model-weights
          - holds model weights (safetensors), `app/models/model.safetensors`, 4.6 GiB,
            layer 3 (`COPY models/ /app/models`) on all platforms
            fix: mount the weights at run time, or pull them when the container starts

        warn  package-cache
          - pip cache left in the image, `root/.cache/pip`, 900.0 MiB on linux/amd64
            fix: pip install --no-cache-dir

        excepted
          - cuda-devel: 2 findings, until 2027-01-31: JIT kernels, ML-142

        reading stopped at the first certain denial: there may be more faults, and
        larger sums (read all with `--all`)
        read 1.7 GiB in 12.3 s, 4 layers scanned, 7 known
        ");
    }

    #[test]
    fn a_denied_image_in_120_columns() {
        let page = render(&denied(), Style { colour: false, width: Some(120) });
        assert!(page.lines().all(|line| line.chars().count() <= 120));
        insta::assert_snapshot!(page, @r"
        DENIED  registry.example.com/ml/app:1.4
        sha256:1bc04b5291c26a46d918139138b992d2de976d6851d0893b0476b85bfbdfc6e6

          platform     compressed  unpacked  layers
          linux/amd64     4.6 GiB   4.7 GiB       1
          linux/arm64     4.5 GiB   4.7 GiB       1

        deny  image-size
          - compressed size of 4.6 GiB is over the limit of 3.0 GiB on linux/amd64
            fix: leave out build tools, caches and weights

        deny  model-weights
          - holds model weights (safetensors), `app/models/model.safetensors`, 4.6 GiB, layer 3 (`COPY models/ /app/models`) on
            all platforms
            fix: mount the weights at run time, or pull them when the container starts

        warn  package-cache
          - pip cache left in the image, `root/.cache/pip`, 900.0 MiB on linux/amd64
            fix: pip install --no-cache-dir

        excepted
          - cuda-devel: 2 findings, until 2027-01-31: JIT kernels, ML-142

        reading stopped at the first certain denial: there may be more faults, and larger sums (read all with `--all`)
        read 1.7 GiB in 12.3 s, 4 layers scanned, 7 known
        ");
    }

    #[test]
    fn an_allowed_image() {
        insta::assert_snapshot!(piped(&allowed()), @r"
        ALLOWED  registry.example.com/ml/app:1.4
        sha256:1bc04b5291c26a46d918139138b992d2de976d6851d0893b0476b85bfbdfc6e6

          platform     compressed  unpacked  layers
          linux/amd64     1.7 GiB   4.7 GiB       1

        read 1.7 GiB in 12.3 s, 4 layers scanned, 7 known
        ");
    }

    #[test]
    fn an_undecided_image() {
        insta::assert_snapshot!(piped(&not_known()), @r"
        UNDECIDED  registry.example.com/ml/app:1.4

        could not be checked
          - registry-unreachable: connection refused: registry.example.com:443 (hint: check that the registry is up and reachable, then try again)
          - registry-denied: registry denied access (hint: check `registries[].credentials`): 401

        read 1.7 GiB in 12.3 s, 4 layers scanned, 7 known
        ");
    }

    #[test]
    fn nothing_read_is_nothing_told() {
        let stats = Stats { layers_scanned: 1, ..Stats::default() };
        let undecided = Verdict { stats: Stats::default(), ..not_known() };
        assert!(!piped(&undecided).contains("read 0 B"), "{}", piped(&undecided));
        let scanned = piped(&Verdict { stats, ..allowed() });
        assert!(scanned.ends_with("\nread 0 B in 0.0 s, 1 layer scanned, 0 known\n"), "{scanned}");
    }

    #[test]
    fn an_artifact() {
        let artifact = Verdict { images: Vec::new(), stats: Stats::default(), ..allowed() };
        insta::assert_snapshot!(piped(&artifact), @r"
        ALLOWED  registry.example.com/ml/app:1.4
        sha256:1bc04b5291c26a46d918139138b992d2de976d6851d0893b0476b85bfbdfc6e6

        nothing to run in it (not a container image), nothing to judge
        ");
    }

    #[test]
    fn a_hundred_findings_stay_short() {
        let page = piped(&hundred_findings());
        assert!(page.lines().count() < 25, "{page}");
        assert!(page.contains("  ... and 95 more findings; `-o json` lists all\n"), "{page}");
    }

    #[test]
    fn a_flood_is_counted() {
        let mut verdict = flooded();
        // Wherever it stands.
        verdict.findings.rotate_right(1);
        let page = piped(&verdict);
        let count = |words: &str| page.matches(words).count();
        assert_eq!(
            count("deny  model-weights (250 findings)\n  - holds model weights"),
            1,
            "{page}"
        );
        assert_eq!((count("\n  - "), count("of this rule")), (6, 0), "{page}");
        let last = "  ... and 245 more findings; `-o json` lists the first 100\n";
        assert_eq!(count(last), 1, "{page}");
    }

    #[test]
    fn what_could_not_be_read_did_not_stop_at_a_denial() {
        let verdict = Verdict { undecided: not_known().undecided, ..denied() };
        let page = piped(&verdict);
        assert!(page.contains("\nnot everything could be read: there may be more\n"), "{page}");
        assert!(!page.contains("reading stopped"), "{page}");
        let whole = Verdict { complete: true, ..denied() };
        assert!(!piped(&whole).contains("there may be more"), "{page}");
    }

    #[test]
    fn hostile_texts_are_harmless() {
        let page = piped(&hostile());
        let is_bad = |letter: char| letter != '\n' && super::super::plain::is_treacherous(letter);
        assert!(!page.chars().any(is_bad), "{page:?}");
        assert!(page.contains(r"a \u{1b}[2Jb\u{202e}c\u{7}"), "{page}");
    }

    #[test]
    fn colour_changes_nothing_but_colour() {
        let coloured = render(&denied(), Style { colour: true, width: None });
        assert!(coloured.starts_with("\u{1b}[1;31mDENIED\u{1b}[0m  registry"), "{coloured:?}");
        let mut without = coloured;
        for code in ["\u{1b}[1;31m", "\u{1b}[1;32m", "\u{1b}[1;33m", "\u{1b}[2m", "\u{1b}[0m"] {
            without = without.replace(code, "");
        }
        assert_eq!(without, piped(&denied()));
    }
}
