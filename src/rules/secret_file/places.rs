//! Where a secret lies says much of what it is: packages ship test keys and documentation ships
//! examples (`research/content.md` section 3.4). Whoever hides a secret there gets a warning, and
//! is refused when it is a provider's token in a credential file (`app/testing/prod.env`).

use crate::scan::inside::SEPARATOR;

/// What kind of place a path is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Test data inside an installed package: nobody here put it there.
    PackageTests,
    /// Installed packages: what their authors put there, whoever that is.
    Packages,
    /// Documentation, examples and tests of the application: it may be meant to be public.
    Quiet,
    /// SSH host keys, made when the server package was installed.
    HostKeys,
    /// Other secrets that packages make while they are installed.
    Generated,
    /// Keys that packages make for tests of the installation; nobody trusts them.
    Dummy,
    /// Everywhere else.
    Application,
}

/// Directories of package managers, by any part of the path.
const PACKAGE_PARTS: &[&str] = &[
    "site-packages",
    "dist-packages",
    "node_modules",
    "gems",
    "google-cloud-sdk",
    "conda-meta",
    "ansible_collections",
    "bower_components",
    "_vendor",
    // Of a pex file.
    ".deps",
];
/// The same, by their start.
const PACKAGE_ROOTS: &[&str] = &[
    "usr/lib/",
    "usr/lib64/",
    "usr/libexec/",
    "usr/share/",
    "usr/include/",
    // Not all of it: `/usr/src/app` is where many a Dockerfile puts the application.
    "usr/src/linux",
    "usr/src/kernels/",
    "usr/src/nvidia-",
    "usr/src/googletest/",
    "usr/src/tensorrt/",
    "usr/src/wordpress/",
    "usr/src/python/",
    "usr/local/lib/python",
    "usr/local/lib/ruby/",
    "usr/local/lib/perl5/",
    "usr/local/lib/R/",
    "usr/local/go/",
    "usr/local/share/",
    "usr/local/cuda/",
    "usr/local/cuda-",
    "go/pkg/mod/",
    "var/lib/dpkg/",
    "snap/",
    "lib/",
];
/// The same, by what stands anywhere: homes of tools are moved by `CARGO_HOME` and `GOPATH`.
const PACKAGE_CACHES: &[&str] = &[
    "/.cargo/registry/",
    "/cargo/registry/src/",
    "/cargo/git/checkouts/",
    "/.cargo/git/checkouts/",
    "/go/pkg/mod/",
    "/pkgs/",
    "/.cache/uv/archive-v0/",
    ".dist-info/",
    ".egg-info/",
    // What a Java application brings along.
    "BOOT-INF/lib/",
    "WEB-INF/lib/",
];
/// Secrets that packages make while they are installed.
const GENERATED: &[&str] =
    &["etc/mysql/debian.cnf", "etc/unbound/unbound_server.key", "etc/unbound/unbound_control.key"];
/// Folders among them in which web servers expect the application.
const WEB_ROOTS: &[&str] = &["usr/share/nginx/html/", "usr/share/caddy/"];
/// Prefixes of conda, and what lies in one or in one of its environments.
const CONDA: &[&str] = &[
    "miniconda",
    "miniconda3",
    "anaconda",
    "anaconda3",
    "miniforge",
    "miniforge3",
    "mambaforge",
    "micromamba",
];
const CONDA_FOLDERS: &[&str] =
    &["lib", "lib64", "libexec", "share", "include", "pkgs", "doc", "man", "plugins", "ssl"];
/// Folders of texts for people and for models, in which `password` is a word.
const WORDING_PARTS: &[&str] = &["locale", "locales", "i18n", "l10n", "translations", "prompts"];
const TEST_PARTS: &[&str] = &[
    "test",
    "tests",
    "testing",
    "test_data",
    "testdata",
    "test-data",
    "fixtures",
    "__tests__",
    "spec",
    "certdata",
    "dummyserver",
    "mocks",
    "molecule",
    "testutils",
    "test-fixtures",
    "test_fixtures",
    "__fixtures__",
];
const EXAMPLE_PARTS: &[&str] =
    &["example", "examples", "sample", "samples", "doc", "docs", "demo", "demos"];

/// The kind of place a path is. What is packed lies in all the places of its path.
pub(super) fn place(path: &str) -> Place {
    let any = |kind: fn(&str) -> bool| path.split(SEPARATOR).any(kind);
    if any(is_dummy) {
        return Place::Dummy;
    }
    if any(|path| GENERATED.contains(&path)) {
        return Place::Generated;
    }
    if any(|path| path.starts_with("etc/ssh/ssh_host_")) {
        return Place::HostKeys;
    }
    let (packaged, test) = (any(is_packaged), any(is_test));
    if packaged && test {
        Place::PackageTests
    } else if packaged {
        Place::Packages
    } else if test || any(is_example) || any(is_vendored) {
        Place::Quiet
    } else {
        Place::Application
    }
}

/// Whether the configuration of a system, or what grows in one, lies there.
pub(super) fn is_system(path: &str) -> bool {
    path.starts_with("etc/") || path.starts_with("var/")
}

/// Whether texts for people or models lie there: translations, prompts.
pub(super) fn is_wording(path: &str) -> bool {
    let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent);
    parent.split('/').any(|part| WORDING_PARTS.contains(&part))
}

/// Keys that distributions make for themselves and nobody trusts.
fn is_dummy(path: &str) -> bool {
    matches!(path, "etc/ssl/private/ssl-cert-snakeoil.key" | "etc/pki/tls/private/localhost.key")
}

/// Whether a package manager put the file there.
pub(super) fn is_packaged(path: &str) -> bool {
    let is_below = |roots: &[&str]| roots.iter().any(|root| path.starts_with(root));
    (is_below(PACKAGE_ROOTS) && !is_below(WEB_ROOTS))
        || path.split('/').any(|part| PACKAGE_PARTS.contains(&part))
        || path.split_once("/lib/python3.").is_some_and(|(_, rest)| rest.contains('/'))
        || PACKAGE_CACHES.iter().any(|part| path.contains(part))
        || is_conda(path)
        || is_editor(path)
}

/// Whether conda put the file there: into its prefix, or into one of its environments.
fn is_conda(path: &str) -> bool {
    let prefix = path.split('/').position(|part| CONDA.contains(&part));
    let prefix = prefix.or_else(|| path.starts_with("opt/conda/").then_some(1));
    let Some(prefix) = prefix else { return false };
    let mut parts = path.split('/').skip(prefix.saturating_add(1));
    let first = parts.next();
    let folder = if first == Some("envs") { parts.nth(1) } else { first };
    folder.is_some_and(|folder| CONDA_FOLDERS.contains(&folder)) && parts.next().is_some()
}

/// What an editor downloads to the machine it works on.
fn is_editor(path: &str) -> bool {
    let mut parts = path.split('/');
    let is_editor = |part: &str| matches!(part, ".vscode-server" | ".cursor-server" | ".vscode");
    parts.any(is_editor) && parts.any(|part| matches!(part, "extensions" | "bin"))
}

/// Others' sources among the application's own.
fn is_vendored(path: &str) -> bool {
    path.split('/').any(|part| matches!(part, "vendor" | "third_party" | "third-party"))
}

/// Whether the file lies among tests, or is one.
fn is_test(path: &str) -> bool {
    let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
    parent.split('/').any(|part| TEST_PARTS.contains(&part))
        || name.starts_with("test_")
        || name.starts_with("conftest.")
        || name.starts_with("testing_")
        || name.rsplit_once('.').is_some_and(|(stem, _)| {
            ["_test", ".test", ".spec"].iter().any(|end| stem.ends_with(end))
        })
}

fn is_example(path: &str) -> bool {
    let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
    let named =
        [".example", ".sample", ".template", ".dist", ".tmpl", "example-", "examples-", "sample-"];
    parent.split('/').any(|part| EXAMPLE_PARTS.contains(&part))
        || named.iter().any(|word| name.contains(word))
        || name.starts_with("README")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_texts_for_people() {
        assert!(is_wording("app/locales/password.yml") && is_wording("prompts/secret_santa.txt"));
        assert!(!is_wording("app/prompts.txt") && !is_wording("app/config/secrets.json"));
    }

    #[test]
    fn caches_and_libraries_end_where_they_end() {
        for (path, expected) in [
            ("app/mango/pkg/mod/key.pem", Place::Application),
            ("app/app.jar!/BOOT-INF/lib/x.jar!/key.pem", Place::Packages),
            ("app/app.jar!/BOOT-INF/classes/key.pem", Place::Application),
        ] {
            assert_eq!(place(path), expected, "{path}");
        }
    }

    #[test]
    fn knows_places() {
        let packages = "usr/local/lib/python3.12/site-packages";
        let table = [
            (format!("{packages}/tornado/test/test.key"), Place::PackageTests),
            (format!("{packages}/gevent/tests/2_7_keycert.pem"), Place::PackageTests),
            ("opt/conda/lib/python3.12/test/certdata/keycert.pem".into(), Place::PackageTests),
            (
                "root/.pyenv/versions/3.12.1/lib/python3.12/test/certdata/x.pem".into(),
                Place::PackageTests,
            ),
            (
                "usr/lib/google-cloud-sdk/x/requests/tests/certs/server.key".into(),
                Place::PackageTests,
            ),
            ("etc/ssl/private/ssl-cert-snakeoil.key".into(), Place::Dummy),
            ("etc/mysql/debian.cnf".into(), Place::Generated),
            ("app/etc/mysql/debian.cnf".into(), Place::Application),
            ("usr/local/cargo/registry/src/index/x-1.0/key.pem".into(), Place::Packages),
            ("opt/cargo/git/checkouts/x-1/a1/tests/key.pem".into(), Place::PackageTests),
            ("usr/local/cargo/credentials.toml".into(), Place::Application),
            ("home/u/go/pkg/mod/x@v1.0/key.pem".into(), Place::Packages),
            (format!("{packages}/botocore/data/iam/2010-05-08/examples-1.json"), Place::Packages),
            (format!("{packages}/app/settings.py"), Place::Packages),
            ("app/vendor/x/y.go".into(), Place::Quiet),
            ("app/testing/prod.env".into(), Place::Quiet),
            ("app/tests/key.pem".into(), Place::Quiet),
            ("app/docs/setup.md".into(), Place::Quiet),
            ("app/config.example.yaml".into(), Place::Quiet),
            ("etc/ssh/ssh_host_rsa_key".into(), Place::HostKeys),
            ("app/latest/key.pem".into(), Place::Application),
            ("app/.env".into(), Place::Application),
            ("root/.ssh/id_rsa".into(), Place::Application),
            ("usr/local/bin/run.sh".into(), Place::Application),
            ("usr/src/app/.env".into(), Place::Application),
            ("usr/src/app/tests/.env".into(), Place::Quiet),
            ("usr/src/linux-headers-6.1/certs/key.pem".into(), Place::Packages),
            ("usr/share/nginx/html/.env".into(), Place::Application),
            ("usr/share/nginx/html/test/.env".into(), Place::Quiet),
            ("usr/share/nginx/html/node_modules/x/.env".into(), Place::Packages),
            ("opt/miniconda3/share/x/key.pem".into(), Place::Packages),
            ("opt/conda/envs/ml/share/x/key.pem".into(), Place::Packages),
            ("opt/conda/envs/ml/.env".into(), Place::Application),
            ("root/miniforge3/envs/ml/lib/x/key.pem".into(), Place::Packages),
            ("app/miniconda/main.py".into(), Place::Application),
            ("usr/local/lib/ruby/3.3.0/x/key.pem".into(), Place::Packages),
            ("usr/local/cuda-12.8/extras/x/key.pem".into(), Place::Packages),
            ("root/.cache/uv/archive-v0/a1/tornado/x.key".into(), Place::Packages),
            ("root/.cache/uv/archive-v0/a1/tornado/test/x.key".into(), Place::PackageTests),
            ("snap/core20/1/x.pem".into(), Place::Packages),
            ("home/me/.vscode-server/extensions/x/key.pem".into(), Place::Packages),
            ("home/me/.vscode-server/data/User/.env".into(), Place::Application),
            ("app/image.tar!/layer.tar!/usr/share/x/key.pem".into(), Place::Packages),
            ("app/tests/image.tar!/usr/share/x/key.pem".into(), Place::PackageTests),
            ("app/image.tar!/root/.env".into(), Place::Application),
            ("home/me/.aws/credentials".into(), Place::Application),
        ];
        for (path, expected) in table {
            assert_eq!(place(&path), expected, "{path}");
        }
    }
}
