//! `plimsoll rules`: the list of all rules, or all about one. Everything comes from their `Meta`.

use std::process::ExitCode;

use comfy_table::{ContentArrangement, Table, presets};

use crate::answer::table::Style;
use crate::rules::{Meta, RULES, SettingKind, find};

/// Columns of a rule's page where there is no terminal: it is prose, for files and pagers.
const PIPED_WIDTH: usize = 90;

/// Prints the list, or one rule's page.
pub fn run(rules: &super::Rules) -> anyhow::Result<ExitCode> {
    let metas: Vec<&Meta> = RULES.iter().map(|rule| rule.meta()).collect();
    let text = match &rules.rule {
        None if rules.markdown => markdown(&metas),
        None => list(&metas, super::check::style_of_stdout().width),
        Some(id) => {
            let rule = find(id).ok_or_else(|| unknown(id, &metas))?;
            let style = super::check::style_of_stdout();
            page(rule.meta(), Style { width: style.width.or(Some(PIPED_WIDTH)), ..style })
        }
    };
    super::print(&text)?;
    Ok(ExitCode::SUCCESS)
}

fn unknown(id: &str, metas: &[&Meta]) -> anyhow::Error {
    let known: Vec<&str> = metas.iter().map(|meta| meta.id.as_str()).collect();
    let hint = crate::config::nearest(id, known.iter().copied()).map_or_else(
        || format!("there are {}", known.join(", ")),
        |near| format!("did you mean `{near}`?"),
    );
    anyhow::anyhow!("no such rule (hint: {hint}): `{}`", crate::answer::plain::line(id, 80))
}

/// One line per rule, wrapped to `width` columns when there is a terminal.
fn list(metas: &[&Meta], width: Option<usize>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).force_no_tty();
    if let Some(width) = width.and_then(|width| u16::try_from(width).ok()) {
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
    }
    table.set_header(["rule", "level", "what it refuses or warns about"]);
    for meta in metas {
        table.add_row([meta.id.as_str(), meta.level.as_str(), meta.title]);
    }
    if let Some(first) = table.column_mut(0) {
        first.set_padding((0, 1));
    }
    let lines: Vec<String> = table.lines().map(|line| line.trim_end().to_owned()).collect();
    format!("{}\n", lines.join("\n"))
}

/// All about one rule.
fn page(meta: &Meta, style: Style) -> String {
    let mut page = crate::answer::wrap::Layout::new(style);
    page.raw_line(&format!("{} ({})", meta.id, meta.level));
    page.paragraph("", meta.title);
    for (heading, text) in [
        ("What it finds", meta.what),
        ("Why it matters", meta.why),
        ("What to do instead", meta.fix),
    ] {
        page.blank();
        page.raw_line(heading);
        for paragraph in text.split("\n\n") {
            page.paragraph("  ", &paragraph.split_whitespace().collect::<Vec<_>>().join(" "));
        }
    }
    page.blank();
    page.raw_line("Settings");
    page.paragraph("  ", &format!("level: deny, warn or ignore (default {})", meta.level));
    for setting in meta.settings {
        let default = setting.default_text();
        page.paragraph("  ", &format!("{}: {} (default {default})", setting.name, setting.help));
    }
    page.finish()
}

/// The table of the README.
fn markdown(metas: &[&Meta]) -> String {
    let header = [
        "| rule | default | refuses or warns about | settings |".to_owned(),
        "|---|---|---|---|".to_owned(),
    ];
    let rows = metas.iter().map(|meta| markdown_row(meta));
    format!("{}\n", header.into_iter().chain(rows).collect::<Vec<_>>().join("\n"))
}

fn markdown_row(meta: &Meta) -> String {
    let settings = meta.settings.iter().map(|setting| match setting.kind {
        // Lists of names are long; the rule's page has them.
        SettingKind::Texts(_) | SettingKind::References => format!("`{}`", setting.name),
        _ => format!("`{}: {}`", setting.name, setting.default_text()),
    });
    let settings = settings.collect::<Vec<_>>().join(", ");
    format!("| `{}` | {} | {} | {settings} |", meta.id, meta.level, meta.title.replace('|', "\\|"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Level, RuleId};
    use crate::rules::Setting;

    static WEIGHTS: Meta = Meta {
        id: RuleId::new("model-weights"),
        title: "model weights baked into the image",
        what: "Weight files by their magic bytes and known cache layouts first,\n  by extension second.",
        why: "They make images slow to pull and are stored once per build.",
        fix: "Mount them, or pull them when the container starts.",
        level: Level::Deny,
        settings: &[
            Setting::bytes("min-size", 10 << 20, "smallest file that is refused"),
            Setting::texts("allow", &[], "paths that may hold weights"),
        ],
    };
    static CACHE: Meta = Meta {
        id: RuleId::new("package-cache"),
        title: "caches of package managers that were left behind | with real bytes in them, \
            in any layer of the image, whether a later layer deletes them or not",
        what: "",
        why: "",
        fix: "",
        level: Level::Warn,
        settings: &[],
    };

    #[test]
    fn lists_rules() {
        insta::assert_snapshot!(list(&[&WEIGHTS, &CACHE], Some(80)), @r"
        rule           level  what it refuses or warns about
        model-weights  deny   model weights baked into the image
        package-cache  warn   caches of package managers that were left behind | with
                              real bytes in them, in any layer of the image, whether a
                              later layer deletes them or not
        ");
        let piped = list(&[&WEIGHTS, &CACHE], None);
        assert_eq!(piped.lines().count(), 3, "{piped}");
    }

    #[test]
    fn shows_all_about_a_rule() {
        insta::assert_snapshot!(page(&WEIGHTS, Style { colour: false, width: Some(60) }), @r"
        model-weights (deny)
        model weights baked into the image

        What it finds
          Weight files by their magic bytes and known cache layouts
          first, by extension second.

        Why it matters
          They make images slow to pull and are stored once per
          build.

        What to do instead
          Mount them, or pull them when the container starts.

        Settings
          level: deny, warn or ignore (default deny)
          min-size: smallest file that is refused (default 10MiB)
          allow: paths that may hold weights (default [])
        ");
    }

    #[test]
    fn writes_the_table_of_the_readme() {
        insta::assert_snapshot!(markdown(&[&WEIGHTS, &CACHE]), @r#"
        | rule | default | refuses or warns about | settings |
        |---|---|---|---|
        | `model-weights` | deny | model weights baked into the image | `min-size: 10MiB`, `allow` |
        | `package-cache` | warn | caches of package managers that were left behind \| with real bytes in them, in any layer of the image, whether a later layer deletes them or not |  |
        "#);
    }

    #[test]
    fn names_the_rules_when_one_is_unknown() {
        insta::assert_snapshot!(unknown("size", &[&WEIGHTS, &CACHE]), @"no such rule (hint: there are model-weights, package-cache): `size`");
        insta::assert_snapshot!(unknown("Model_weight", &[&WEIGHTS, &CACHE]), @"no such rule (hint: did you mean `model-weights`?): `Model_weight`");
    }
}
