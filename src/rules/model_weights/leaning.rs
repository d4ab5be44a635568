//! Whether a path speaks of data or of a model. Arrays are either; what somebody called them
//! decides between a warning and a refusal.

/// What a path speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leaning {
    /// What a model learns from or is tested with.
    Data,
    /// What it learned.
    Model,
}

const DATA: &[&str] = &[
    "x",
    "y",
    "xs",
    "ys",
    "train",
    "training",
    "test",
    "testing",
    "val",
    "valid",
    "validation",
    "data",
    "dataset",
    "datasets",
    "feature",
    "features",
    "label",
    "labels",
    "target",
    "targets",
    "image",
    "images",
    "input",
    "inputs",
    "sample",
    "samples",
    "corpus",
];
const MODEL: &[&str] = &[
    "model",
    "models",
    "weight",
    "weights",
    "kernel",
    "bias",
    "checkpoint",
    "checkpoints",
    "ckpt",
    "encoder",
    "decoder",
    "params",
    "state",
    "lora",
    "adapter",
];

/// What the path speaks of; the part nearest to the end that says anything decides.
pub(super) fn leaning(path: &str) -> Option<Leaning> {
    path.rsplit('/').find_map(of_name)
}

/// What one name speaks of: `model_test.npy` is a model, `X_train.npy` is data.
pub(super) fn of_name(name: &str) -> Option<Leaning> {
    let name = name.to_ascii_lowercase();
    let has = |known: &[&str]| {
        name.split(|letter: char| !letter.is_ascii_alphanumeric())
            .map(|word| word.trim_end_matches(|letter: char| letter.is_ascii_digit()))
            .any(|word| known.contains(&word))
    };
    match (has(MODEL), has(DATA)) {
        (true, _) => Some(Leaning::Model),
        (false, true) => Some(Leaning::Data),
        (false, false) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_speak_of_data_or_models() {
        let table = [
            ("app/data/train.npy", Some(Leaning::Data)),
            ("app/data/embeddings.npy", Some(Leaning::Data)),
            ("app/data/weights.npy", Some(Leaning::Model)),
            ("app/data/models/a.npy", Some(Leaning::Model)),
            ("app/models/datasets/a.npy", Some(Leaning::Data)),
            ("app/X_train.npy", Some(Leaning::Data)),
            ("app/y1.npy", Some(Leaning::Data)),
            ("app/model_test.npy", Some(Leaning::Model)),
            ("app/a.npz!/x.npy", Some(Leaning::Data)),
            ("app/a.npz!/dense/kernel.npy", Some(Leaning::Model)),
            ("app/embeddings.npy", None),
            ("app/database/a.npy", None),
        ];
        for (path, expected) in table {
            assert_eq!(leaning(path), expected, "{path}");
        }
    }
}
