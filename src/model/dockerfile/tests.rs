//! Instructions of every builder, and what is read out of them.

use super::*;

#[test]
fn reads_what_every_builder_writes() {
    let table = [
        ("COPY models/ /app/models # buildkit", "COPY models/ /app/models"),
        ("RUN /bin/sh -c pip install torch # buildkit", "RUN pip install torch"),
        ("RUN |1 TARGETARCH=amd64 /bin/sh -c make # buildkit", "RUN make"),
        ("/bin/sh -c #(nop)  CMD [\"python\"]", "CMD [\"python\"]"),
        ("/bin/sh -c #(nop) COPY dir:4f in /app ", "COPY dir:4f in /app"),
        ("/bin/sh -c apt-get update", "RUN apt-get update"),
        ("RUN |2 TOKEN=hunter2 B=c d /bin/sh -c make all # buildkit", "RUN make all"),
        ("|1 TOKEN=hunter2 /bin/sh -c make", "RUN make"),
        ("|1 TOKEN=hunter2 make", "..."),
        ("RUN /bin/bash -o pipefail -c conda install x", "RUN conda install x"),
        ("RUN pip install x", "RUN pip install x"),
        ("/bin/sh -c pip install x|unsetLabel=true|", "RUN pip install x"),
        ("bazel build ...", "bazel build ..."),
        ("", ""),
    ];
    for (created_by, expected) in table {
        assert_eq!(written(created_by), expected);
    }
}

#[test]
fn long_instructions_are_cut() {
    for (length, expected) in [(-1, -1), (0, 0), (1, 0)] {
        let cap = isize::try_from(MAX_INSTRUCTION_BYTES).unwrap();
        let text = "x".repeat(usize::try_from(cap + length).unwrap());
        assert_eq!(isize::try_from(written(&text).len()).unwrap(), cap + expected);
    }
}

fn instruction(text: &str) -> String {
    let step = Step { number: 0, layer: None, is_base: false, written: text.into() };
    format!("{:?}", step.instruction())
}

#[test]
fn tells_instructions_apart() {
    insta::assert_snapshot!(instruction("RUN pip install x"), @r#"Some(Run("pip install x"))"#);
    insta::assert_snapshot!(
        instruction("COPY --chown=1:1 --chmod=755 a b/ /app/"),
        @r#"Some(Copy(Copied { sources: ["a", "b/"], destination: "/app/" }))"#
    );
    insta::assert_snapshot!(
        instruction("ADD file:4f2a in / "),
        @r#"Some(Copy(Copied { sources: ["file:4f2a"], destination: "/" }))"#
    );
    insta::assert_snapshot!(
        instruction("COPY [\"a\", \"/b\"]"),
        @r#"Some(Copy(Copied { sources: ["a"], destination: "/b" }))"#
    );
    insta::assert_snapshot!(instruction("ENV A=b"), @r#"Some(Other("ENV", "A=b"))"#);
    for none in ["COPY x", "bazel build", "", "# debian.sh --arch amd64"] {
        assert_eq!(instruction(none), "None", "{none}");
    }
}

#[test]
fn knows_what_is_copied() {
    let table = [
        (". .", true, false),
        ("./ /app", true, false),
        ("src /app", false, false),
        ("/opt/venv /opt/venv", false, true),
        ("/ /", true, false),
        ("requirements.txt .", false, false),
    ];
    for (text, whole, staged) in table {
        let copied = copied(text).unwrap();
        assert_eq!((copied.is_whole_context(), copied.is_from_stage()), (whole, staged), "{text}");
    }
}

proptest::proptest! {
    #[test]
    fn hostile_instructions_are_no_panic(
        text in "(RUN |COPY |/bin/sh -c |#\\(nop\\)|\\|[0-9]|# buildkit|[ =\\[\\],\"]|[a-zä]{1,5}){0,12}"
    ) {
        let step = Step { number: 0, layer: None, is_base: false, written: written(&text) };
        let _ = step.instruction();
    }
}
