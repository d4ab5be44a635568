//! Credential files by name. A name never counts alone: what must be inside is the gates' work.
//! Names are compared without regard to case: `.ENV` is read by the same programs.

mod table;

use std::collections::HashMap;
use std::sync::LazyLock;

/// A credential file's format, which decides what to look for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Named {
    /// Pairs of names and values, and URLs.
    Pairs,
    /// The same, or one bare word.
    PairsOrBare,
    /// `password value` on a line, and pairs.
    Spaced,
    /// Docker's login file.
    Docker,
    /// npm's `//registry/:_authToken=`.
    Npm,
    /// `machine x login y password z`.
    Netrc,
    /// A profile with everything a VPN needs.
    OpenVpn,
    /// Git's configuration and stored logins.
    Git,
    /// kubectl's configuration.
    Kube,
    /// `{"username": ..., "key": ...}`.
    Kaggle,
    /// The whole content is the secret.
    Bare,
    /// `host:port:database:user:password`, or `id:secret`: what follows the last colon.
    Colons,
    /// `user:hash`.
    Hashes,
    /// Commands that were typed.
    History,
    /// PKCS #12, JKS and binary private keys.
    KeyStore,
}

/// File name, the end of the folder's path (empty: anywhere), format.
type Row = (&'static str, &'static str, Named);

/// The rows by file name.
static BY_NAME: LazyLock<HashMap<&'static str, Vec<&'static Row>>> = LazyLock::new(|| {
    let mut rows: HashMap<_, Vec<_>> = HashMap::new();
    for row in table::FILES {
        rows.entry(row.0).or_default().push(row);
    }
    rows
});

/// The format of a credential file of that path, if its name is one.
pub(super) fn named(path: &str) -> Option<Named> {
    let path = path.to_ascii_lowercase();
    let (parent, name) = path.rsplit_once('/').unwrap_or(("", &path));
    let by_any = |name: &str| {
        by_name(parent, name)
            .or_else(|| by_folder(parent, name))
            .or_else(|| run_secret(&path))
            .or_else(|| by_pattern(name))
            .or_else(|| by_extension(name))
    };
    let before = without_backup(name);
    by_any(name).or_else(|| if before == name { None } else { by_any(before) })
}

/// The name that a file had before an editor, or somebody, kept its last state.
pub(super) fn without_backup(name: &str) -> &str {
    let ends = ["~", ".bak", ".backup", ".old", ".orig", ".save"];
    let stripped = ends.iter().find_map(|end| name.strip_suffix(end));
    stripped.filter(|stem| !stem.is_empty()).unwrap_or(name)
}

fn by_name(parent: &str, name: &str) -> Option<Named> {
    let rows = BY_NAME.get(name)?;
    rows.iter().find(|(_, folder, _)| is_in(parent, folder)).map(|(_, _, format)| *format)
}

/// Whether the path of a folder ends with these parts.
fn is_in(parent: &str, folder: &str) -> bool {
    parent
        .strip_suffix(folder)
        .is_some_and(|before| folder.is_empty() || before.is_empty() || before.ends_with('/'))
}

/// Folders of which every file counts.
fn by_folder(parent: &str, name: &str) -> Option<Named> {
    // A folder for each stage, with a file for each program.
    if parent.split('/').any(|part| part == ".envs") && !is_template(name) {
        return Some(Named::Pairs);
    }
    let row = table::FOLDERS
        .iter()
        .find(|(extension, folder, _)| is_in(parent, folder) && name.ends_with(extension));
    row.map(|(_, _, format)| *format)
}

/// Build secrets are mounted at `/run/secrets`; what stays there is an empty file. A Kubernetes
/// service account has public files besides its token.
fn run_secret(path: &str) -> Option<Named> {
    let rest =
        path.strip_prefix("run/secrets/").or_else(|| path.strip_prefix("var/run/secrets/"))?;
    let public =
        ["ca.crt", "namespace"].iter().any(|name| rest.ends_with(name)) || rest.starts_with("rhsm");
    (!public).then_some(Named::Bare)
}

fn by_pattern(name: &str) -> Option<Named> {
    const DATA: &[&str] = &[
        "json",
        "yml",
        "yaml",
        "toml",
        "ini",
        "cfg",
        "conf",
        "properties",
        "xml",
        "txt",
        "tfvars",
    ];
    if is_env(name) {
        return Some(Named::Pairs);
    }
    let (stem, extension) = name.rsplit_once('.')?;
    if !DATA.contains(&extension) || is_template(name) {
        return None;
    }
    let mut words = stem.split(['-', '_', '.', ' ']);
    let is_one = words.clone().any(|word| table::STEMS.contains(&word));
    let is_key = words.any(|word| matches!(word, "apikey" | "token" | "password" | "passwords"))
        || stem.contains("api_key")
        || stem.contains("api-key");
    match extension {
        "txt" if is_one || is_key => Some(Named::PairsOrBare),
        _ if is_one || stem.starts_with("kubeconfig") => Some(Named::Pairs),
        _ => None,
    }
}

/// `.env`, `.env.production`, `.env-prod`, `env.production`, `prod.env`, `.envrc`; templates of
/// them hold no values.
fn is_env(name: &str) -> bool {
    const STAGES: &[&str] =
        &["prod", "production", "stage", "staging", "live", "dev", "development", "local"];
    let dotted = [".env.", ".env-", ".env_"].iter().any(|start| name.starts_with(start));
    let named = matches!(name, ".env" | ".envrc" | ".flaskenv" | "dotenv");
    let extension = name.rsplit_once('.').is_some_and(|(_, extension)| extension == "env");
    let stage = name.strip_prefix("env.").is_some_and(|stage| STAGES.contains(&stage));
    (dotted || named || extension || stage) && !is_template(name)
}

fn is_template(name: &str) -> bool {
    const TEMPLATES: &[&str] = &[
        "example", "examples", "sample", "template", "dist", "test", "ci", "tpl", "tmpl",
        "defaults", "default", "schema",
    ];
    name.split(['.', '-', '_', '~']).any(|part| TEMPLATES.contains(&part))
}

fn by_extension(name: &str) -> Option<Named> {
    let (_, extension) = name.rsplit_once('.')?;
    match extension {
        "tfvars" | "tfstate" => Some(Named::Pairs),
        _ if name.ends_with(".tfvars.json") || name.ends_with(".tfstate.backup") => {
            Some(Named::Pairs)
        }
        "ovpn" => Some(Named::OpenVpn),
        "p12" | "pfx" | "jks" | "jceks" | "bks" | "keystore" | "ks" | "pk8" | "der" | "key"
        | "pvk" | "kdbx" | "ppk" => Some(Named::KeyStore),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_and_code_have_no_gate() {
        for path in [
            ".env.example",
            "app/.env.sample",
            "app/.env.test",
            "app/.env.example~",
            "app/.envs/prod.example",
            "app/example.env",
            "app/.env-template",
            "env.py",
            "env.d",
            "app/config.json",
            "app/secrets.py",
            "app/token.json",
            "app/tokenizer_config.json",
            "app/special_tokens_map.json",
            "app/auth.json.lock",
            "app/config",
            "usr/lib/python3.12/secrets.py",
        ] {
            assert_eq!(named(path), None, "{path}");
        }
    }

    #[test]
    fn the_table_is_in_small_letters() {
        for (name, folder, _) in table::FILES.iter().chain(table::FOLDERS) {
            assert_eq!(name.to_ascii_lowercase(), **name);
            assert_eq!(folder.to_ascii_lowercase(), **folder);
        }
    }

    #[test]
    fn credential_files_have_their_gates() {
        use Named::{Bare, Docker, Git, Hashes, History, Kaggle, KeyStore, Kube, Npm, Pairs};
        let table = [
            ("app/.ENV", Pairs),
            ("app/prod.env", Pairs),
            ("app/env.production", Pairs),
            ("app/.env-prod", Pairs),
            ("app/.envrc", Pairs),
            ("app/.env~", Pairs),
            ("app/config.env.bak", Pairs),
            ("app/.envs/.production/.django", Pairs),
            ("root/.npmrc.old", Npm),
            ("etc/environment", Pairs),
            ("root/.bashrc", Pairs),
            ("root/.docker/config.json", Docker),
            ("run/containers/0/auth.json", Docker),
            ("root/.config/containers/auth.json", Docker),
            ("root/.npmrc", Npm),
            ("root/.config/gcloud/credentials.db", Pairs),
            ("root/.config/gh/hosts.yml", Pairs),
            ("root/.cargo/credentials.toml", Pairs),
            ("root/.gem/credentials", Pairs),
            ("root/.m2/settings.xml", Pairs),
            ("root/.nuget/NuGet/NuGet.Config", Pairs),
            ("root/.composer/auth.json", Pairs),
            ("root/.azure/msal_token_cache.json", Pairs),
            ("root/.aws/sso/cache/0a1b.json", Pairs),
            ("root/.aws/credentials", Pairs),
            ("root/.config/rclone/rclone.conf", Pairs),
            ("root/clearml.conf", Pairs),
            ("root/.modal.toml", Pairs),
            ("root/.terraform.d/credentials.tfrc.json", Pairs),
            ("root/.pulumi/credentials.json", Pairs),
            ("app/terraform.tfstate.backup", Pairs),
            ("app/prod.auto.tfvars", Pairs),
            ("app/.streamlit/secrets.toml", Pairs),
            ("app/.dvc/config.local", Pairs),
            ("app/my-credentials.json", Pairs),
            ("app/hf_token.txt", Named::PairsOrBare),
            ("root/.cache/huggingface/token", Bare),
            ("root/.cache/huggingface/stored_tokens", Pairs),
            ("root/.config/vastai/vast_api_key", Bare),
            ("app/config/master.key", Bare),
            ("root/.kaggle/kaggle.json", Kaggle),
            ("root/.kube/config", Kube),
            ("etc/kubernetes/admin.conf", Kube),
            ("app/.git/config", Git),
            ("root/.gitconfig", Git),
            ("etc/shadow", Hashes),
            ("etc/redis/redis.conf", Named::Spaced),
            ("root/.msmtprc", Named::Spaced),
            ("root/.passwd-s3fs", Named::Colons),
            ("root/.python_history", History),
            ("app/keys/server.P12", KeyStore),
            ("root/.gnupg/private-keys-v1.d/0A.key", KeyStore),
        ];
        for (path, format) in table {
            assert_eq!(named(path), Some(format), "{path}");
        }
    }
}
