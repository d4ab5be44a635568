//! The rules about habits, through the command line: what a careless Dockerfile leaves behind.

use assert_cmd::Command;
use serde_json::Value;

use crate::support::image::{ImageBuilder, LayerBuilder, write_layout};

const MIB: usize = 1 << 20;

/// Bytes of no kind; they compress well, and count unpacked.
fn filled(bytes: usize) -> Vec<u8> {
    vec![1; bytes]
}

fn base() -> ImageBuilder {
    let system = LayerBuilder::new("/bin/sh -c #(nop) ADD file:9f5a2b in / ")
        .file("etc/os-release", "ID=debian\n")
        .file("usr/bin/python3", filled(20_000));
    ImageBuilder::new().layer(&system)
}

fn careless() -> ImageBuilder {
    let site = "usr/local/lib/python3.12/site-packages";
    let tools =
        LayerBuilder::new("RUN /bin/sh -c apt-get update && apt-get install gcc # buildkit")
            .file("usr/lib/gcc/x86_64-linux-gnu/12/cc1", filled(12 * MIB))
            .file("var/lib/apt/lists/deb_main_Packages.lz4", filled(2 * MIB));
    let packages = LayerBuilder::new("RUN /bin/sh -c pip install pytest # buildkit")
        .file(&format!("{site}/pytest-9.2.0.dist-info/METADATA"), "Name: pytest\n")
        .file(&format!("{site}/pytest-9.2.0.dist-info/INSTALLER"), "pip\n")
        .file(&format!("{site}/pytest-9.2.0.dist-info/REQUESTED"), "")
        .file("root/.cache/pip/http-v2/a/b/c/d/e/abcde1.body", filled(3 * MIB));
    let app = LayerBuilder::new("COPY . /app # buildkit")
        .file("app/main.py", "print(1)\n")
        .file("app/.git/objects/pack/pack-1.pack", filled(MIB))
        .file("app/eda.ipynb", "{}");
    let cleaned = LayerBuilder::new("RUN /bin/sh -c rm -rf /var/lib/apt/lists/* # buildkit")
        .delete("var/lib/apt/lists/deb_main_Packages.lz4");
    base().layer(&tools).layer(&packages).layer(&app).layer(&cleaned)
}

/// Exit code and what was printed.
fn check(image: &ImageBuilder, policy: &str, arguments: &[&str]) -> (i32, String) {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("plimsoll.yaml");
    std::fs::write(&config, policy).unwrap();
    write_layout(dir.path(), "1", &image.build());
    let output = Command::new(env!("CARGO_BIN_EXE_plimsoll"))
        .env_remove("PLIMSOLL_CONFIG")
        .env_remove("PLIMSOLL_LOG")
        .args(["check", "--no-cache", "--config", config.to_str().unwrap()])
        .args(arguments)
        .arg(format!("oci:{}:1", dir.path().display()))
        .output()
        .unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
}

/// Level, rule and path of each finding.
fn findings(json: &str) -> Vec<(String, String, String)> {
    let verdict: Value = serde_json::from_str(json).unwrap();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let findings = verdict["findings"].as_array().unwrap();
    findings
        .iter()
        .map(|found| (text(&found["level"]), text(&found["rule"]), text(&found["path"])))
        .collect()
}

#[test]
fn habits_warn_and_never_refuse_by_default() {
    let (code, json) = check(&careless(), "{}", &["-o", "json"]);
    let found = findings(&json);
    let found: Vec<_> =
        found.iter().map(|(a, b, c)| (a.as_str(), b.as_str(), c.as_str())).collect();
    assert_eq!(code, 0, "{json}");
    for expected in [
        ("warn", "package-cache", "root/.cache/pip"),
        ("warn", "package-cache", "var/lib/apt/lists"),
        ("warn", "build-tools", "usr/lib/gcc/x86_64-linux-gnu/12/cc1"),
        ("warn", "dev-files", "app/.git"),
        ("warn", "dev-files", "app"),
    ] {
        assert!(found.contains(&expected), "{expected:?} is not among {found:?}");
    }
    let (_, page) = check(&careless(), "{}", &[]);
    assert!(
        page.contains("`var/lib/apt/lists` (deleted by layer 4 but still in the image)"),
        "{page}"
    );
    assert!(page.contains("gcc, pytest"), "{page}");
}

#[test]
fn habits_refuse_where_the_policy_says_so() {
    for rule in ["package-cache", "build-tools", "dev-files"] {
        let policy = format!("policy: {{rules: {{{rule}: {{level: deny}}}}}}");
        let (code, json) = check(&careless(), &policy, &["-o", "json"]);
        assert_eq!(code, 1, "{rule}: {json}");
        let denied: Vec<_> =
            findings(&json).into_iter().filter(|(level, ..)| level == "deny").collect();
        assert!(!denied.is_empty() && denied.iter().all(|(_, of, _)| of == rule), "{denied:?}");
        assert_eq!(check(&base(), &policy, &[]).0, 0, "{rule} on a clean image");
    }
}
