//! Where a secret lies says much of what it is: packages ship test keys and documentation ships
//! examples (`research/content.md` section 3.4). Whoever hides a secret there gets a warning, and
//! is refused when it is a provider's token in a credential file (`app/testing/prod.env`).

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
];
/// The same, by their start.
const PACKAGE_ROOTS: &[&str] = &[
    "usr/lib/",
    "usr/lib64/",
    "usr/libexec/",
    "usr/share/",
    "usr/include/",
    "usr/src/",
    "usr/local/lib/python",
    "usr/local/go/",
    "usr/local/share/",
    "opt/conda/lib/",
    "opt/conda/pkgs/",
    "opt/conda/share/",
    "go/pkg/mod/",
    "root/go/pkg/mod/",
    "var/lib/dpkg/",
    "lib/",
];
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

/// The kind of place a path is.
pub(super) fn place(path: &str) -> Place {
    if is_generated(path) {
        return Place::PackageTests;
    }
    if path.starts_with("etc/ssh/ssh_host_") {
        return Place::HostKeys;
    }
    let (packaged, test) = (is_packaged(path), is_test(path));
    if packaged && test {
        Place::PackageTests
    } else if packaged {
        Place::Packages
    } else if test || is_example(path) || is_vendored(path) {
        Place::Quiet
    } else {
        Place::Application
    }
}

/// Keys that distributions make for themselves and nobody trusts.
fn is_generated(path: &str) -> bool {
    matches!(path, "etc/ssl/private/ssl-cert-snakeoil.key" | "etc/pki/tls/private/localhost.key")
}

/// Whether a package manager put the file there.
pub(super) fn is_packaged(path: &str) -> bool {
    PACKAGE_ROOTS.iter().any(|root| path.starts_with(root))
        || path.split('/').any(|part| PACKAGE_PARTS.contains(&part))
        || path.split_once("/lib/python3.").is_some_and(|(_, rest)| rest.contains('/'))
        || path.contains("/pkgs/")
        || path.contains("/.cargo/registry/")
        || path.contains(".dist-info/")
        || path.contains(".egg-info/")
}

/// Others' sources among the application's own.
fn is_vendored(path: &str) -> bool {
    path.split('/').any(|part| matches!(part, "vendor" | "third_party" | "third-party"))
}

/// Whether the file lies among tests, or is one.
pub(super) fn is_test(path: &str) -> bool {
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
            ("etc/ssl/private/ssl-cert-snakeoil.key".into(), Place::PackageTests),
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
            ("home/me/.aws/credentials".into(), Place::Application),
        ];
        for (path, expected) in table {
            assert_eq!(place(&path), expected, "{path}");
        }
    }
}
