//! Lines of shell, as people and attackers write them.

use super::*;

fn shown(line: &str) -> Vec<String> {
    let one = |command: &Command| {
        let words: Vec<&str> =
            std::iter::once(command.program()).chain(command.arguments()).collect();
        words.join("|")
    };
    commands(line).iter().map(one).collect()
}

#[test]
fn splits_commands() {
    insta::assert_debug_snapshot!(
        shown("set -e; A=1 B='x y' sudo /usr/bin/apt-get update && \\\n pip install 'torch>=2' \"a b\" # end\n(cd /x || exit) | tee; if true; then conda install -y gcc; fi"),
        @r#"
    [
        "set|-e",
        "apt-get|update",
        "pip|install|torch>=2|a b",
        "cd|/x",
        "exit",
        "tee",
        "true",
        "conda|install|-y|gcc",
        "fi",
    ]
    "#);
    assert_eq!(shown("echo 'a;b' \"c && d\" e\\;f"), ["echo|a;b|c && d|e;f"]);
    assert_eq!(shown(""), Vec::<String>::new());
    assert_eq!(shown("\\"), Vec::<String>::new());
}

#[test]
fn knows_which_program_runs() {
    let table = [
        ("python3 -m pip install x", "pip|install|x"),
        ("/opt/venv/bin/python3.12 -I -X dev -m pip install x", "pip|install|x"),
        ("python -Im pip install x", "pip|install|x"),
        ("python -c 'import m' -m pip", "python|-c|import m|-m|pip"),
        ("python setup.py install", "python|setup.py|install"),
        ("sudo -E -H -u app pip install x", "pip|install|x"),
        ("env -u A B=c timeout -k 5 600 pip install x", "pip|install|x"),
        ("gosu app pip install x", "pip|install|x"),
        ("conda run -n ml --no-capture-output pip install x", "pip|install|x"),
        ("uv run pip install x", "pip|install|x"),
        ("conda install x", "conda|install|x"),
        ("xargs -n 1 pip install", "pip|install"),
        ("! time -p nice -n 5 make", "make"),
        ("sudo", ""),
        ("timeout 5", ""),
    ];
    for (line, expected) in table {
        assert_eq!(shown(line), [expected], "{line}");
    }
    assert_eq!(commands("A=1 PIP_X='y z' pip")[0].variable("PIP_X"), Some("y z"));
    assert_eq!(commands("A=1 pip B=2")[0].variable("B"), None);
}

#[test]
fn reads_scripts_that_shells_are_given() {
    let table: [(&str, &[&str]); 8] = [
        ("bash -lc 'pip install x && make'", &["pip|install|x", "make"]),
        ("sh -c \"bash -c 'pip install x'\"", &["pip|install|x"]),
        ("su app -c 'pip install x'", &["pip|install|x"]),
        ("eval \"pip install x\"", &["pip|install|x"]),
        ("bash script.sh", &["bash|script.sh"]),
        ("bash <<EOF\npip install x\nEOF\nmake", &["bash", "pip|install|x", "make"]),
        ("pip install $(cat x) && `make`", &["pip|install|$", "cat|x", "make"]),
        ("echo \"$(pip install x)\"", &["echo|$(pip install x)"]),
    ];
    for (line, expected) in table {
        assert_eq!(shown(line), expected, "{line}");
    }
}

#[test]
fn leaves_out_redirections_and_documents() {
    let table: [(&str, &[&str]); 9] = [
        ("pip install x > /dev/null 2>&1 && make", &["pip|install|x", "make"]),
        ("pip install x &>log; make", &["pip|install|x", "make"]),
        ("pip install x 2>log <in >>out y", &["pip|install|x|y"]),
        ("pip install torch>=2", &["pip|install|torch"]),
        ("pip install x<<<y z", &["pip|install|x|z"]),
        ("pip install -r <(cat x)", &["pip|install|-r", "cat|x"]),
        ("cat <<'A' >a <<-B\npip install x\nA\n\tpip install y\n\tB\nmake", &["cat", "make"]),
        ("echo $((1<<2))\nmake\npip", &["echo|$", "make", "pip"]),
        ("cat << EOF\nmake", &["cat", "make"]),
    ];
    for (line, expected) in table {
        assert_eq!(shown(line), expected, "{line}");
    }
}

#[test]
fn the_number_of_commands_and_words_is_capped() {
    for (count, expected) in [(999, 999), (1000, 1000), (1001, 1000)] {
        assert_eq!(commands(&"a;".repeat(count)).len(), expected);
    }
    for (count, expected) in [(19_999, 19_999), (20_000, 20_000), (20_001, 20_000)] {
        assert_eq!(commands(&"a ".repeat(count))[0].words.len(), expected);
    }
}

#[test]
fn the_depth_of_scripts_is_capped() {
    let nest = |depth: usize| {
        (0..depth).fold("make".to_owned(), |inner, _| {
            format!("bash -c '{}'", inner.replace('\'', "'\\''"))
        })
    };
    assert_eq!(shown(&nest(3)), ["make"]);
    assert!(shown(&nest(4))[0].starts_with("bash|-c|"), "{:?}", shown(&nest(4)));
}

#[test]
fn the_number_of_documents_is_capped() {
    for (count, expected) in [(49, 0), (50, 0), (51, 1)] {
        let makes = commands(&"cat <<E\nmake\nE\n".repeat(count)).into_iter();
        assert_eq!(makes.filter(|command| command.program() == "make").count(), expected);
    }
}

#[test]
fn the_number_of_wrappers_is_capped() {
    for (count, expected) in [(19, "make"), (20, "make"), (21, "sudo")] {
        assert_eq!(commands(&("sudo ".repeat(count) + "make"))[0].program(), expected);
    }
}

proptest::proptest! {
    #[test]
    fn hostile_lines_are_no_panic(
        line in "([ ;&|\\\\'\"#\n()=<>`-]|<<|bash -c |python -m |sudo |[a-zä0-9]{1,4}){0,60}"
    ) {
        for command in commands(&line) {
            let _ = (command.program(), command.arguments().count());
        }
    }
}
