//! A verdict as workflow commands of GitHub Actions: what stands in the log of a job, and as
//! annotations on its page. Source: "Workflow commands for GitHub Actions".

use super::group::{Group, Groups, Room};
use super::message;
use super::plain::line;
use crate::model::{Decision, Level, Verdict};

/// Most annotations of one level for an image: GitHub shows ten of each a step.
const MAX_PER_LEVEL: usize = 10;
/// Longest text of an annotation, in characters.
const MAX_TEXT_CHARS: usize = 600;
/// The same of its parts.
const ROOM: Room = Room { text: MAX_TEXT_CHARS, instruction: 80 };

/// The commands, and a last line for the log; each line ended.
pub fn commands(verdict: &Verdict) -> String {
    let image = line(&verdict.image, 200);
    let mut lines = Vec::new();
    for (level, command) in [(Level::Deny, "error"), (Level::Warn, "warning")] {
        let findings = verdict.findings.iter().filter(|finding| finding.level == level);
        let mut groups = Groups::of(findings, verdict);
        groups.one_of_each_rule_first();
        let is_over = groups.beyond(MAX_PER_LEVEL, "finding").is_some();
        let named = if is_over { MAX_PER_LEVEL.saturating_sub(1) } else { MAX_PER_LEVEL };
        let listed = groups.listed.iter().take(named);
        lines.extend(listed.map(|group| annotation(command, group, verdict)));
        if let Some(more) = groups.beyond(named, "more finding") {
            let text = format!("{image}: and {more}; see `plimsoll check -o json`");
            lines.push(written(command, "plimsoll", &text));
        }
    }
    let undecided = if verdict.decision == Decision::Undecided { "error" } else { "warning" };
    lines.extend(verdict.undecided.iter().take(MAX_PER_LEVEL).map(|one| {
        let text = format!("{image} could not be checked: {}", message::cause(one, MAX_TEXT_CHARS));
        written(undecided, "plimsoll", &text)
    }));
    lines.extend(verdict.exceptions.iter().take(MAX_PER_LEVEL).map(|waived| {
        let text = format!("{image}: excepted until {}: {}", waived.until, waived.reason);
        written("notice", &format!("plimsoll {}", waived.rule), &line(&text, MAX_TEXT_CHARS))
    }));
    let word = match verdict.decision {
        Decision::Allow => "allowed",
        Decision::Deny => "denied",
        Decision::Undecided => "could not be decided about",
    };
    // A line of the log must not begin with `::`, which would be a command.
    lines.push(format!("plimsoll: {word}: {image}"));
    lines.join("\n") + "\n"
}

fn annotation(command: &str, group: &Group<'_>, verdict: &Verdict) -> String {
    let (image, complaint) = (line(&verdict.image, 200), group.complaint(verdict, ROOM));
    let text = format!("{image}: {complaint}{}", group.remedy("\n", ROOM));
    written(command, &format!("plimsoll {}", group.finding.rule), &text)
}

/// One command. What is not escaped could end it and begin another.
fn written(command: &str, title: &str, text: &str) -> String {
    let text = text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
    let title = title.replace('%', "%25").replace(['\r', '\n'], " ");
    let title = title.replace(':', "%3A").replace(',', "%2C");
    format!("::{command} title={title}::{text}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::message::tests::{allowed, denied, flooded, hostile, not_known};
    use crate::model::Finding;

    #[test]
    fn findings_become_annotations() {
        insta::assert_snapshot!(commands(&denied()), @r"
        ::error title=plimsoll image-size::registry.example.com/ml/app:1.4: compressed size of 4.6 GiB is over the limit of 3.0 GiB on linux/amd64%0Afix: leave out build tools, caches and weights
        ::error title=plimsoll model-weights::registry.example.com/ml/app:1.4: holds model weights (safetensors), `app/models/model.safetensors`, 4.6 GiB, layer 3 (`COPY models/ /app/models`) on all platforms%0Afix: mount the weights at run time, or pull them when the container starts
        ::warning title=plimsoll package-cache::registry.example.com/ml/app:1.4: pip cache left in the image, `root/.cache/pip`, 900.0 MiB on linux/amd64%0Afix: pip install --no-cache-dir
        ::notice title=plimsoll cuda-devel::registry.example.com/ml/app:1.4: excepted until 2027-01-31: JIT kernels, ML-142
        plimsoll: denied: registry.example.com/ml/app:1.4
        ");
        insta::assert_snapshot!(commands(&allowed()), @"plimsoll: allowed: registry.example.com/ml/app:1.4");
        insta::assert_snapshot!(commands(&not_known()), @r"
        ::error title=plimsoll::registry.example.com/ml/app:1.4 could not be checked: registry-unreachable: connection refused: registry.example.com:443 (hint: check that the registry is up and reachable, then try again)
        ::error title=plimsoll::registry.example.com/ml/app:1.4 could not be checked: registry-denied: registry denied access (hint: check `registries[].credentials`): 401
        plimsoll: could not be decided about: registry.example.com/ml/app:1.4
        ");
    }

    #[test]
    fn nothing_in_an_image_makes_a_command() {
        for text in commands(&hostile()).lines() {
            let is_known = [
                "::error title=plimsoll",
                "::warning title=plimsoll",
                "::notice title=plimsoll",
                "plimsoll: ",
            ]
            .iter()
            .any(|start| text.starts_with(start));
            assert!(is_known, "{text}");
        }
        assert_eq!(
            written("error", "a:b,c%\n", "x%\r\n::y"),
            "::error title=a%3Ab%2Cc%25 ::x%25%0D%0A::y"
        );
    }

    #[test]
    fn the_number_of_annotations_is_capped() {
        for (number, expected) in [(9, 9), (10, 10), (11, 10)] {
            let mut verdict = denied();
            let finding = Finding { level: Level::Deny, ..verdict.findings[0].clone() };
            verdict.findings = (0..number)
                .map(|number| Finding { path: Some(format!("p{number}")), ..finding.clone() })
                .collect();
            let text = commands(&verdict);
            assert_eq!(text.matches("::error ").count(), expected, "{text}");
            assert_eq!(text.contains("and 2 more findings"), number == 11, "{text}");
        }
        let mut verdict = flooded();
        verdict.findings.push(denied().findings[0].clone());
        let text = commands(&verdict);
        assert!(text.contains("::error title=plimsoll image-size::"), "{text}");
        assert_eq!(text.matches("::error ").count(), 10, "{text}");
        assert!(text.starts_with("::error title=plimsoll model-weights::"), "{text}");
        assert!(text.contains("and 242 more findings"), "{text}");
    }
}
