//! The command line as users run it: words, streams and exit codes.

use assert_cmd::Command;

const README: &str = include_str!("../README.md");

fn plimsoll(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_plimsoll"));
    // Whoever runs the tests may have a Plimsoll of their own.
    command.env_remove("PLIMSOLL_CONFIG").env_remove("PLIMSOLL_LOG").args(arguments);
    command
}

/// Exit code, stdout and stderr.
fn run(arguments: &[&str]) -> (i32, String, String) {
    let output = plimsoll(arguments).output().unwrap();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A help text, without the blanks that clap leaves at line ends.
fn help(arguments: &[&str]) -> String {
    let (code, stdout, _) = run(arguments);
    assert_eq!(code, 0);
    stdout.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_readme_lists_the_rules() {
    let (_, behind) = README
        .split_once("<!-- rules: written by `plimsoll rules --markdown` -->\n")
        .expect("README.md has the opening marker");
    let (block, _) =
        behind.split_once("<!-- /rules -->").expect("README.md has the closing marker");
    let (code, table, _) = run(&["rules", "--markdown"]);
    assert_eq!(code, 0);
    assert_eq!(block, table, "write the output of `plimsoll rules --markdown` into README.md");
}

#[test]
fn help_names_the_subcommands() {
    insta::assert_snapshot!(help(&["--help"]), @r"
    Keeps overloaded and unsafe ML images out of registries and clusters.

    Environment: `PLIMSOLL_CONFIG` names the configuration file, `PLIMSOLL_LOG` filters the log (such as
    `info` or `plimsoll=debug`), `NO_COLOR` switches colours off.

    Usage: plimsoll <COMMAND>

    Commands:
      serve   Run the webhook
      check   Check images and say what is wrong, where, and what to do instead
      rules   Show every rule, or all about one
      config  Check the configuration, or print its JSON Schema
      certs   Make a CA and a server certificate for development; print the caBundle
      help    Print this message or the help of the given subcommand(s)

    Options:
      -h, --help
              Print help (see a summary with '-h')

      -V, --version
              Print version
    ");
}

#[test]
fn help_explains_check() {
    insta::assert_snapshot!(help(&["check", "--help"]), @r"
    Check images and say what is wrong, where, and what to do instead.

    Exit code: 0 when every image is allowed (warnings or not), 1 when at least one is denied, 2 when
    something could not be decided or went wrong.

    Usage: plimsoll check [OPTIONS] <IMAGE>...

    Arguments:
      <IMAGE>...
              A reference (`registry.example.com/ml/app:1.4`), an OCI layout (a folder `oci:DIR[:TAG]`
              or an archive `oci-archive:FILE[:TAG]`, as `docker buildx build -o type=oci` writes it) or
              an archive of `docker save` (`docker-archive:FILE[:REF]`)

    Options:
          --config <FILE>
              Configuration file (YAML). Without one the defaults hold

              [env: PLIMSOLL_CONFIG]

      -o, --output <OUTPUT>
              How to print

              Possible values:
              - table:  For people
              - json:   One JSON object per image, one after the other: a stream that `jq` reads
              - sarif:  One SARIF 2.1.0 log of all images, for code scanning
              - github: Annotations for a GitHub Actions job

              [default: table]

          --platform <OS/ARCH>
              Judge only this platform of a multi-platform image. May be repeated

          --plain-http
              Speak HTTP without TLS to the registries of the IMAGEs

          --all
              Read every layer to its end, also when a denial is certain.

              Images on disk are read so anyway, and with `-o sarif` or `-o github` all are.

          --no-cache
              Scan every layer anew, and remember nothing

      -h, --help
              Print help (see a summary with '-h')
    ");
}

#[test]
fn help_explains_certs_and_config() {
    insta::assert_snapshot!(help(&["certs", "--help"]), @r"
    Make a CA and a server certificate for development; print the caBundle

    Usage: plimsoll certs [OPTIONS] --out <DIR>

    Options:
          --out <DIR>    Folder for ca.crt, ca.key, tls.crt and tls.key; made when missing
          --host <NAME>  DNS name or IP address of the server. May be repeated [default: localhost
                         127.0.0.1 ::1 plimsoll plimsoll.plimsoll.svc]
          --force        Overwrite existing files
      -h, --help         Print help
    ");
    insta::assert_snapshot!(help(&["config", "--help"]), @r"
    Check the configuration, or print its JSON Schema

    Usage: plimsoll config <COMMAND>

    Commands:
      check   Tell all problems of a configuration file with the paths of their keys
      schema  Print the JSON Schema of the configuration file
      help    Print this message or the help of the given subcommand(s)

    Options:
      -h, --help  Print help
    ");
}

#[test]
fn usage_errors_are_2() {
    for arguments in [
        &[][..],
        &["sail"],
        &["check"],
        &["check", "x", "-o", "xml"],
        &["check", "x", "--platform", "amd64"],
        &["rules", "no-such-rule"],
        &["rules", "image-size", "--markdown"],
        &["config", "check"],
        &["config", "check", "/nonexistent/plimsoll.yaml"],
        &["certs"],
        &["serve", "--config", "/nonexistent/plimsoll.yaml"],
        &["check", "x", "--config", "/nonexistent/plimsoll.yaml"],
    ] {
        let (code, stdout, stderr) = run(arguments);
        assert_eq!(code, 2, "{arguments:?}: {stderr}");
        assert_eq!(stdout, "", "{arguments:?}");
        assert!(!stderr.is_empty(), "{arguments:?}");
    }
}

#[test]
fn junk_gets_an_object_too() {
    let (code, stdout, stderr) = run(&["check", "--no-cache", "-o", "json", "UPPER", "oci:"]);
    assert_eq!(code, 2);
    insta::assert_snapshot!(stderr, @r"
    error: UPPER: not an image reference (invalid reference format; hint: write the name in lower case)
    error: oci:: path is missing
    ");
    let stream = serde_json::Deserializer::from_str(&stdout).into_iter::<serde_json::Value>();
    let verdicts: Vec<serde_json::Value> = stream.map(Result::unwrap).collect();
    assert_eq!(verdicts.len(), 2);
    for (verdict, image) in verdicts.iter().zip(["UPPER", "oci:"]) {
        assert_eq!((&verdict["image"], &verdict["decision"]), (&image.into(), &"undecided".into()));
        assert_eq!(verdict["undecided"][0]["cause"], "not-found");
    }
}

#[test]
fn an_image_on_disk_is_not_looked_for_on_docker_hub() {
    let (code, _, stderr) = run(&["check", "--no-cache", "src", "./gone.tar", "OCI:gone"]);
    assert_eq!(code, 2);
    insta::assert_snapshot!(stderr, @r"
    error: src: a folder, not an image (hint: write `oci:src` for an OCI layout; for the image in a registry `docker.io/library/src:latest`)
    error: ./gone.tar: a path, not an image (hint: write `oci:DIR`, `oci-archive:FILE` or `docker-archive:FILE`)
    error: OCI:gone: not an image (hint: did you mean `oci:gone`?)
    ");
    let (_, stdout, _) = run(&["check", "--no-cache", "oci:src"]);
    let hint = "not-found: not an OCI layout: there is no `index.json`: `src` (hint: write it \
        anew, with `skopeo copy` or `docker buildx build -o type=oci`)\n";
    assert!(stdout.contains(hint), "{stdout}");
}

#[test]
fn a_missing_cache_is_a_warning() {
    let mut command = plimsoll(&["check", "oci:gone"]);
    let output = command.env("XDG_CACHE_HOME", "/dev/null").output().unwrap();
    let stderr = text(&output.stderr);
    assert!(stderr.starts_with("warning: no cache, every layer is read anew: "), "{stderr}");
    assert_eq!((stderr.lines().count(), output.status.code()), (1, Some(2)), "{stderr}");
}

#[test]
fn every_rule_has_a_page() {
    let (_, list, _) = run(&["rules"]);
    let ids: Vec<&str> =
        list.lines().skip(1).filter_map(|line| line.split_whitespace().next()).collect();
    assert!(ids.contains(&"image-size"), "{list}");
    for id in ids {
        let (code, page, _) = run(&["rules", id]);
        assert_eq!(code, 0);
        assert!(page.starts_with(&format!("{id} (")), "{page}");
        let longest = page.lines().map(|line| line.chars().count()).max();
        assert!(longest <= Some(100), "{page}");
    }
}

#[test]
fn config_check_tells_every_problem() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("plimsoll.yaml");
    let path = file.to_str().unwrap();
    std::fs::write(&file, "policy: {mode: warn}\n").unwrap();
    let (code, stdout, stderr) = run(&["config", "check", path]);
    assert_eq!((code, stderr.as_str()), (0, ""));
    assert!(stdout.starts_with(&format!("{path}: ok, policy ")), "{stdout}");

    std::fs::write(&file, "polcy: {}\nlisten: {webhook: x}\n").unwrap();
    let (code, stdout, stderr) = run(&["config", "check", path]);
    assert_eq!((code, stdout.as_str()), (2, ""));
    insta::assert_snapshot!(stderr.replace(path, "plimsoll.yaml"), @r"
    error: plimsoll.yaml: 2 problems
      listen.webhook: expected an address such as `0.0.0.0:8443`, got `x`
      polcy: unknown key (hint: did you mean `policy`?)
    ");
}

#[test]
fn a_file_that_cannot_be_read_is_named_once() {
    let folder = tempfile::tempdir().unwrap();
    let said = |arguments: &[&str]| {
        let (code, stdout, stderr) = run(arguments);
        assert_eq!((code, stdout.as_str()), (2, ""), "{stderr}");
        stderr.replace(folder.path().to_str().unwrap(), "DIR")
    };
    let gone = folder.path().join("gone.yaml");
    let gone = gone.to_str().unwrap();
    insta::assert_snapshot!(said(&["config", "check", gone]), @"error: DIR/gone.yaml: cannot be read: No such file or directory (os error 2)");
    insta::assert_snapshot!(said(&["check", "x", "--config", gone]), @"error: DIR/gone.yaml: cannot be read: No such file or directory (os error 2)");
    insta::assert_snapshot!(said(&["config", "check", folder.path().to_str().unwrap()]), @"error: DIR: cannot be read: Is a directory (os error 21)");

    let file = folder.path().join("plimsoll.yaml");
    let listen = "listen: {webhook: '127.0.0.1:0', admin: '127.0.0.1:0'}\nstore: 'memory:'\n";
    std::fs::write(&file, format!("{listen}tls: {{cert: tls.crt, key: tls.key}}")).unwrap();
    let file = file.to_str().unwrap();
    let expected = "error: DIR/plimsoll.yaml: tls.cert: cannot access `DIR/tls.crt`: \
        No such file or directory (os error 2)\n";
    assert_eq!(said(&["config", "check", file]), expected);
    assert_eq!(said(&["serve", "--config", file]), expected);
}

#[test]
fn config_check_finds_its_file_in_the_environment() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("plimsoll.yaml");
    std::fs::write(&file, "{}").unwrap();
    plimsoll(&["config", "check"]).env("PLIMSOLL_CONFIG", &file).assert().success();
}

#[test]
fn config_schema_is_json() {
    let (code, stdout, _) = run(&["config", "schema"]);
    let schema: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(code, 0);
    assert_eq!(schema["additionalProperties"], false);
    let folder = tempfile::tempdir().unwrap();
    // Next to `config check FILE`, a file named here may well be a configuration.
    let file = folder.path().join("plimsoll.yaml");
    std::fs::write(&file, "{}").unwrap();
    plimsoll(&["config", "schema", file.to_str().unwrap()]).assert().code(2).stdout("");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "{}");
}

#[test]
fn certs_are_written_once() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("certs");
    let arguments = ["certs", "--out", out.to_str().unwrap(), "--host", "plimsoll.test"];
    let (code, bundle, stderr) = run(&arguments);
    assert_eq!((code, stderr.as_str()), (0, ""));
    for name in ["ca.crt", "ca.key", "tls.crt", "tls.key"] {
        assert!(out.join(name).is_file(), "{name}");
    }
    assert!(bundle.trim_end().chars().all(|c| c.is_ascii_alphanumeric() || "+/=".contains(c)));

    let before = std::fs::read(out.join("tls.key")).unwrap();
    let (code, stdout, stderr) = run(&arguments);
    assert_eq!((code, stdout.as_str()), (2, ""));
    assert!(stderr.starts_with("error: file exists already (hint: `--force`"), "{stderr}");
    assert_eq!(std::fs::read(out.join("tls.key")).unwrap(), before);
}
