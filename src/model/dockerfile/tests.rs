//! Instructions and steps, and where the base image ends.

use super::*;
use crate::model::{Digest, ImageConfig};

fn instruction(text: &str) -> String {
    let step = Step { number: 0, layer: None, is_base: false, written: text.into() };
    format!("{:?}", step.instruction())
}

#[test]
fn tells_instructions_apart() {
    insta::assert_snapshot!(instruction("RUN pip install x"), @r#"Some(Run("pip install x"))"#);
    insta::assert_snapshot!(
        instruction("RUN --mount=type=cache,target=/root/.cache --network=none pip install x"),
        @r#"Some(Run("pip install x"))"#
    );
    insta::assert_snapshot!(
        instruction("COPY --chown=1:1 --chmod=755 a b/ /app/"),
        @r#"Some(Copy(Copied { sources: ["a", "b/"], destination: "/app/", options: ["--chown=1:1", "--chmod=755"] }))"#
    );
    insta::assert_snapshot!(
        instruction("ADD file:4f2a in / "),
        @r#"Some(Copy(Copied { sources: ["file:4f2a"], destination: "/", options: [] }))"#
    );
    insta::assert_snapshot!(
        instruction("COPY [\"a\", \"/b\"]"),
        @r#"Some(Copy(Copied { sources: ["a"], destination: "/b", options: [] }))"#
    );
    insta::assert_snapshot!(instruction("ENV A=b"), @r#"Some(Other("ENV", "A=b"))"#);
    for none in ["COPY x", "bazel build", "", "# debian.sh --arch amd64"] {
        assert_eq!(instruction(none), "None", "{none}");
    }
}

/// An image with as many layers as its history names.
fn image(history: Vec<History>) -> Image {
    let layers = history.iter().filter(|step| !step.empty_layer).count();
    let blob = serde_json::json!({"digest": Digest::of(b"x"), "size": 1});
    serde_json::from_value(serde_json::json!({
        "platform": {}, "digest": Digest::of(b"i"),
        "manifest": {"config": blob, "layers": vec![&blob; layers]},
        "config": ImageConfig { history, ..Default::default() },
    }))
    .unwrap()
}

#[test]
fn known_images_end_where_their_vendors_stopped() {
    for sample in samples::ALL {
        let history = [samples::history(sample.steps), samples::history(samples::APP)].concat();
        let image = image(history);
        let end = steps(&image).iter().position(|step| !step.is_base).unwrap();
        assert_eq!(end, sample.steps.len(), "{}", sample.name);
        let layers = sample.steps.iter().filter(|step| step.starts_with('+')).count();
        assert_eq!(base_layers(&image), layers, "{}", sample.name);
    }
}

#[test]
fn the_numbers_of_steps_and_bytes_are_capped() {
    let step = |length| History { created_by: "x".repeat(length), ..History::default() };
    for (count, expected) in [(MAX_STEPS - 1, MAX_STEPS - 1), (MAX_STEPS + 1, MAX_STEPS)] {
        assert_eq!(steps(&image(vec![step(1); count])).len(), expected);
    }
    let read = |count: usize, length| {
        let image = image(vec![step(length); count]);
        steps(&image).iter().filter(|step| !step.written().is_empty()).count()
    };
    let most = MAX_HISTORY_BYTES / MAX_INSTRUCTION_BYTES;
    assert_eq!(read(most - 1, MAX_INSTRUCTION_BYTES), most - 1);
    assert_eq!(read(most, MAX_INSTRUCTION_BYTES), most);
    assert_eq!(read(most + 1, MAX_INSTRUCTION_BYTES), most);
    assert_eq!(read(most + 1, MAX_INSTRUCTION_BYTES + 1), most);
}

#[test]
fn a_history_longer_than_the_layers_names_none_that_are_not_there() {
    let mut short = image(samples::history(samples::APP));
    short.manifest.layers.clear();
    assert!(steps(&short).iter().all(|step| step.layer.is_none()));
    assert_eq!(base_layers(&short), 0);
}

proptest::proptest! {
    #[test]
    fn hostile_instructions_are_no_panic(
        text in "(RUN |COPY |/bin/sh -c |#\\(nop\\)|\\|[0-9]|# buildkit|\\|unsetLabel=|conda run |[ =\\[\\],\"]|[a-zä]{1,5}){0,12}"
    ) {
        let step = Step { number: 0, layer: None, is_base: false, written: written(&text) };
        if let Some(Instruction::Copy(copied)) = step.instruction() {
            let _ = (copied.is_whole_context(), copied.is_from_stage());
        }
        let _ = step.commands();
    }
}
