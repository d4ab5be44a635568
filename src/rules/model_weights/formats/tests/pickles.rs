//! Pickles of models, and of what is pickled as often.

use super::super::*;

#[test]
fn pickles_are_models_by_their_classes_and_not_by_their_words() {
    let by = |extension, head: &[u8]| by_magic(extension, head, 50 << 20).map(|format| format.by);
    let framed = |rest: &[u8]| [&b"\x80\x04\x95\0\x10\0\0\0\0\0\0"[..], rest].concat();
    let class = |module: &str, name: &str| {
        let text = |word: &str| {
            [&[0x8c, u8::try_from(word.len()).unwrap()], word.as_bytes(), b"\x94"].concat()
        };
        [text(module), text(name), b"\x93".to_vec()].concat()
    };
    let array = |kind: &str| {
        let start = class("numpy._core.multiarray", "_reconstruct");
        framed(&[start, class("numpy", "dtype"), [b"\x8c\x02", kind.as_bytes()].concat()].concat())
    };
    let words = framed(
        b"]\x94(\x8c\x05torch\x94\x8c\x05keras\x94\x8c\x1esklearn is a library of models\x94",
    );
    let index = framed(&class("langchain_community.docstore.in_memory", "InMemoryDocstore"));
    let tokens = framed(&class("keras.src.legacy.preprocessing.text", "Tokenizer"));
    let bunch = framed(&class("sklearn.utils._bunch", "Bunch"));
    for (name, head, expected) in [
        ("a list of words", &words, By::Name),
        ("documents of an index", &index, By::Name),
        ("a tokenizer", &tokens, By::Name),
        ("a data set", &bunch, By::Name),
        ("images", &array("u1"), By::Name),
        ("measurements", &array("f8"), By::Name),
        ("tensors", &array("f4"), By::Magic),
        ("halves", &array("f2"), By::Magic),
        (
            "a model",
            &framed(&class("sklearn.ensemble._forest", "RandomForestClassifier")),
            By::Magic,
        ),
    ] {
        for extension in ["pkl", "dill", ""] {
            assert_eq!(by(extension, head), Some(expected), "{name} {extension}");
        }
    }
    // Protocol 0, with and without its memory.
    for text in ["csklearn.ensemble._forest\nForest\np0\n", "csklearn.ensemble._forest\nForest\n(t"]
    {
        assert_eq!(by("bin", text.as_bytes()), Some(By::Magic), "{text}");
    }
    assert_eq!(by("txt", b"cat\ndog\nbird\n"), None);
    assert_eq!(by("txt", b"class.a\nclass.b\npear\n"), None);
    assert_eq!(by("dat", b"capp.models\nChurn\np0\n"), Some(By::Name));
}
