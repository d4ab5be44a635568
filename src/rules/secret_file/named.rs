//! Credential files by name. A name never counts alone: what must be inside is the gates' work.

/// A credential file's format, which decides what to look for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Named {
    /// Pairs of names and values, and URLs.
    Pairs,
    /// Docker's login file.
    Docker,
    /// npm's `//registry/:_authToken=`.
    Npm,
    /// `machine x login y password z`.
    Netrc,
    /// Git's configuration and stored logins.
    Git,
    /// kubectl's configuration.
    Kube,
    /// `{"username": ..., "key": ...}`.
    Kaggle,
    /// The whole content is the secret.
    Bare,
    /// `host:port:database:user:password`.
    Pgpass,
    /// `user:hash`.
    Htpasswd,
    /// Commands that were typed.
    History,
    /// PKCS #12, JKS and binary private keys.
    KeyStore,
}

/// The format of a credential file of that path, if its name is one.
pub(super) fn named(path: &str) -> Option<Named> {
    let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
    let in_dir = |dir: &str| parent == dir || parent.ends_with(&format!("/{dir}"));
    by_name(name)
        .or_else(|| match name {
            "config.json" if in_dir(".docker") || parent == "kaniko/.docker" => Some(Named::Docker),
            "credentials" if in_dir(".aws") => Some(Named::Pairs),
            "config" if in_dir(".kube") => Some(Named::Kube),
            "config" if in_dir(".git") => Some(Named::Git),
            "config" if in_dir(".ngc") || in_dir(".config/ngc") => Some(Named::Pairs),
            "settings" if in_dir("wandb") => Some(Named::Pairs),
            "token" | "stored_tokens" if in_dir("huggingface") || in_dir(".huggingface") => {
                Some(Named::Bare)
            }
            "auth.toml" if in_dir("pypoetry") => Some(Named::Pairs),
            "secrets.toml" if in_dir(".streamlit") => Some(Named::Pairs),
            _ if in_dir(".snowflake") || in_dir("private-keys-v1.d") => {
                Some(if name.ends_with("toml") { Named::Pairs } else { Named::KeyStore })
            }
            _ => None,
        })
        .or_else(|| run_secret(path))
        .or_else(|| by_extension(name))
}

fn by_name(name: &str) -> Option<Named> {
    Some(match name {
        ".dockercfg" | ".dockerconfigjson" => Named::Docker,
        ".npmrc" => Named::Npm,
        ".netrc" | "_netrc" => Named::Netrc,
        ".git-credentials" => Named::Git,
        ".pypirc"
        | "pip.conf"
        | "uv.toml"
        | ".condarc"
        | ".yarnrc.yml"
        | ".boto"
        | ".s3cfg"
        | "rclone.conf"
        | ".databrickscfg"
        | ".comet.config"
        | ".my.cnf"
        | "application_default_credentials.json"
        | "credentials.json"
        | "credentials.yml"
        | "credentials.yaml"
        | "secrets.yml"
        | "secrets.yaml"
        | "secrets.json"
        | "secrets.toml"
        | "terraform.tfstate" => Named::Pairs,
        "kubeconfig" => Named::Kube,
        "kaggle.json" => Named::Kaggle,
        ".vault-token" => Named::Bare,
        ".pgpass" => Named::Pgpass,
        ".htpasswd" => Named::Htpasswd,
        ".bash_history" | ".zsh_history" | ".ash_history" | ".sh_history" | ".python_history"
        | ".psql_history" | ".mysql_history" => Named::History,
        _ if is_env(name) => Named::Pairs,
        _ if name.starts_with("client_secret") && name.ends_with("json") => Named::Pairs,
        _ => return None,
    })
}

/// `.env`, `.env.production`, `prod.env`; templates of them hold no values.
fn is_env(name: &str) -> bool {
    const TEMPLATES: &[&str] =
        &["example", "sample", "template", "dist", "test", "ci", "tpl", "defaults", "schema"];
    let template = name.split('.').any(|part| TEMPLATES.contains(&part));
    (name.starts_with(".env.")
        || name.rsplit_once('.').is_some_and(|(_, extension)| extension == "env"))
        && !template
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

fn by_extension(name: &str) -> Option<Named> {
    let (_, extension) = name.rsplit_once('.')?;
    match extension {
        "tfvars" => Some(Named::Pairs),
        "p12" | "pfx" | "jks" | "keystore" | "pk8" | "der" | "key" => Some(Named::KeyStore),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_have_no_gate() {
        for path in [
            ".env.example",
            "app/.env.sample",
            "app/.env.test",
            "env.py",
            "app/config.json",
            "etc/environment",
        ] {
            assert_eq!(named(path), None, "{path}");
        }
    }
}
