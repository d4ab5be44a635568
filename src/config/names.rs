//! What a wrong word was meant to be: other names of keys, and the nearest known word.

/// Keys as people call them elsewhere, or as they were called before: path (list places as `[]`,
/// rule names as `*`) and today's name.
const ALSO_CALLED: &[(&str, &str)] = &[
    ("listen.metrics", "admin"),
    ("listen.https", "webhook"),
    ("database", "store"),
    ("log", "PLIMSOLL_LOG, an environment variable"),
    ("rules", "policy.rules"),
    ("exceptions", "policy.exceptions"),
    ("mode", "policy.mode"),
    ("tls.certificate", "cert"),
    ("tls.crt", "cert"),
    ("tls.ca", "client-ca"),
    ("registries[].name", "host"),
    ("registries[].url", "host"),
    ("registries[].insecure", "plain-http"),
    ("registries[].auth", "credentials"),
    ("receivers[].type", "kind"),
    ("receivers[].host", "registry"),
    ("receivers[].auth.token-file", "bearer-file"),
    ("receivers[].auth.basic.user", "username"),
    ("scan.workers", "concurrency"),
    ("policy.rules.*.severity", "level"),
    ("policy.rules.*.action", "level"),
    ("policy.rules.*.enabled", "level"),
    ("policy.scopes[].rules.*.severity", "level"),
    ("policy.scopes[].rules.*.action", "level"),
    ("policy.scopes[].rules.*.enabled", "level"),
    ("policy.ignore", "exceptions"),
    ("policy.scopes[].namespaces", "match.namespaces"),
    ("policy.scopes[].repositories", "match.repositories"),
    ("policy.exceptions[].expires", "until"),
    ("policy.exceptions[].repositories", "images"),
    ("policy.exceptions[].rule", "rules"),
    ("policy.exceptions[].image", "images"),
    ("policy.exceptions[].comment", "reason"),
];

/// Today's name of the key at `path`, if it is known by another name.
pub(super) fn also_called(path: &str) -> Option<&'static str> {
    let general = general(path);
    ALSO_CALLED.iter().find(|(called, _)| *called == general).map(|(_, now)| *now)
}

/// `policy.scopes[3].rules.image-size.x` as `policy.scopes[].rules.*.x`.
fn general(path: &str) -> String {
    let mut previous = "";
    let parts: Vec<String> = path
        .split('.')
        .map(|part| {
            let general = match part.split_once('[') {
                Some((name, _)) => format!("{name}[]"),
                None if previous == "rules" => "*".to_owned(),
                None => part.to_owned(),
            };
            previous = part;
            general
        })
        .collect();
    parts.join(".")
}

/// The known word that `word` was most likely meant to be.
pub(crate) fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase().replace('_', "-");
    let patience = (word.chars().count() / 3).clamp(1, 4);
    known
        .map(|candidate| (edits(&word, candidate), candidate))
        .filter(|(distance, _)| *distance <= patience)
        .min()
        .map(|(_, candidate)| candidate)
}

/// Edits (insert, delete, replace) from one word to the other: Levenshtein's distance, row by row.
fn edits(from: &str, to: &str) -> usize {
    // Longer words are not worth the square of their length.
    let to: Vec<char> = to.chars().take(64).collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (deleted, from_char) in from.chars().take(64).enumerate() {
        let mut left = deleted + 1;
        let mut next = vec![left];
        for (to_char, above) in to.iter().zip(row.windows(2)) {
            let [diagonal, up] = above else { continue };
            left = (diagonal + usize::from(*to_char != from_char)).min(up + 1).min(left + 1);
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_edits() {
        for (from, to, distance) in
            [("", "", 0), ("", "abc", 3), ("abc", "", 3), ("kitten", "sitting", 3), ("ab", "ba", 2)]
        {
            assert_eq!(edits(from, to), distance, "{from} {to}");
        }
    }

    #[test]
    fn finds_what_was_meant() {
        let known = ["registries", "receivers", "policy", "scan"];
        let near = |word| nearest(word, known.into_iter());
        assert_eq!(near("registires"), Some("registries"));
        assert_eq!(near("Policy"), Some("policy"));
        assert_eq!(near("scna"), None);
        assert_eq!(near("scans"), Some("scan"));
        assert_eq!(near("webhook"), None);
        assert_eq!(
            nearest("max_compressed", ["max-compressed"].into_iter()),
            Some("max-compressed")
        );
    }

    #[test]
    fn knows_other_names_wherever_they_stand() {
        assert_eq!(also_called("receivers[12].type"), Some("kind"));
        assert_eq!(also_called("policy.rules.image-size.severity"), Some("level"));
        assert_eq!(also_called("policy.scopes[0].rules.x.action"), Some("level"));
        assert_eq!(also_called("policy.rules.severity"), None);
    }
}
