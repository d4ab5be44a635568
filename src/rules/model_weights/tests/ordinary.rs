//! Ordinary images that hold large files of the same formats: packages wherever they were
//! installed, data sets, what model repositories hold beside weights.

use super::super::super::testing::{File, Sample, entry, file, sized};
use super::super::*;
use super::{MIB, binary, one, safetensors};

const RECORD: &str = "rapidocr_onnxruntime/__init__.py,sha256=x,2\n";

fn onnx(path: &str, size: u64) -> File {
    sized(path, b"\x08\x03\x12\x07pytorch\x3a\x80\x80\x80\x05\x0a", size)
}

/// A layer that is still being read.
fn unfinished(mut sample: Sample) -> Sample {
    for facts in sample.facts.iter_mut().flatten() {
        facts.whole = false;
    }
    sample
}

#[test]
fn models_of_packages_only_warn_wherever_those_lie() {
    for path in [
        "opt/wheels/rapidocr_onnxruntime-1.4.4-py3-none-any.whl!/rapidocr_onnxruntime/models/x.onnx",
        "root/.cache/uv/archive-v0/3kf9x/rapidocr_onnxruntime/models/x.onnx",
        "root/.cache/pip/http-v2/1/2/3.body!/rapidocr_onnxruntime/models/x.onnx",
    ] {
        assert_eq!(one(onnx(path, 11 * MIB)).level(), Some(Level::Warn), "{path}");
        assert_eq!(one(onnx(path, 50 * MIB)).level(), Some(Level::Deny), "{path}");
    }
}

#[test]
fn models_of_packages_beside_their_lists_only_warn() {
    let model = |size| onnx("var/task/rapidocr_onnxruntime/models/x.onnx", size);
    let record = || file("var/task/rapidocr_onnxruntime-1.4.4.dist-info/RECORD", RECORD);
    let installed = |size| one(model(size)).layer("b", &[]);
    let beside = |size| {
        Sample::of(&ModelWeights)
            .layer("RUN pip install --target /var/task", &[model(size), record()])
    };
    assert_eq!(installed(11 * MIB).level(), Some(Level::Deny));
    assert_eq!(beside(11 * MIB).level(), Some(Level::Warn));
    assert_eq!(beside(50 * MIB).level(), Some(Level::Deny));
    // The list of another layer says nothing about what somebody copied there.
    let copied = one(model(11 * MIB)).layer("RUN pip install", &[record()]);
    assert_eq!(copied.level(), Some(Level::Deny));
    // Neither does it for what lies beside the list itself.
    let loose = onnx("var/task/x.onnx", 11 * MIB);
    let loose = Sample::of(&ModelWeights).layer("RUN", &[loose, record()]);
    assert_eq!(loose.level(), Some(Level::Deny));
}

#[test]
fn nothing_is_refused_before_it_is_known_who_brought_it() {
    let models = |size| {
        let names = ["a", "b", "c", "d", "e", "f"];
        let files: Vec<File> = names
            .iter()
            .map(|name| onnx(&format!("var/task/{name}/models/x.onnx"), size))
            .collect();
        Sample::of(&ModelWeights).layer("RUN pip install", &files)
    };
    let one_model = || one(onnx("var/task/ocr/models/x.onnx", 11 * MIB));
    assert_eq!(unfinished(one_model()).level(), Some(Level::Warn));
    assert_eq!(one_model().level(), Some(Level::Deny));
    assert_eq!(unfinished(models(9 * MIB)).level(), Some(Level::Warn));
    assert_eq!(models(9 * MIB).level(), Some(Level::Deny));
    // What is too large for a package too, or lies where no package can, is refused at once.
    assert_eq!(unfinished(models(50 * MIB)).level(), Some(Level::Deny));
    let root = unfinished(one(safetensors("model.safetensors", 11 * MIB)));
    assert_eq!(root.level(), Some(Level::Deny));
}

#[test]
fn a_list_is_noted_once() {
    let records: Vec<File> =
        (0..9).map(|n| file(&format!("app/libs/p{n}-1.0.dist-info/RECORD"), RECORD)).collect();
    let sample = Sample::of(&ModelWeights).layer("RUN", &records);
    assert_eq!(sample.facts[0].as_ref().unwrap().facts.len(), 1);
}

#[test]
fn data_sets_only_warn() {
    let float = b"\x93NUMPY\x01\0v\0{'descr': '<f4', ";
    let docs = b"\x80\x04\x95\0\0\x01\0\0\0\0\0]\x94(\x8c\x05torch\x94\x8c\x05keras\x94";
    let cifar = b"\x80\x02}q\x01(U\x04dataq\x02cnumpy.core.multiarray\n_reconstruct\nq\x03\
        cnumpy\ndtype\nq\x04U\x02u1q\x05";
    let h5 = [&b"\x89HDF\r\n\x1a\n"[..], &[0; 700], b"images\0\0labels\0\0"].concat();
    for file in [
        sized("app/data/train.npy", float, 12 * MIB),
        sized("app/X_train.npy", float, 12 * MIB),
        sized("app/data/train.npz!/x.npy", float, 12 * MIB),
        sized("app/cifar-10-batches-py/data_batch_1", cifar, 30 * MIB),
        sized("app/data/docs.pkl", docs, 12 * MIB),
        sized("app/docs.dill", docs, 12 * MIB),
        sized("app/data/train.h5", &h5, 12 * MIB),
        sized("app/train.hdf5", &h5, 12 * MIB),
    ] {
        assert_eq!(one(file).level(), Some(Level::Warn));
    }
    assert_eq!(one(sized("app/data/weights.npy", float, 12 * MIB)).level(), Some(Level::Deny));
    assert_eq!(one(sized("app/model.h5", &h5, 12 * MIB)).level(), Some(Level::Deny));
    insta::assert_snapshot!(one(sized("app/data/train.npy", float, 12 * MIB)).words(), @r"
    warn: what may be NumPy arrays of 12.0 MiB: `app/data/train.npy`
      fix: keep the weights outside the image (volume, object storage, model registry) and load them when the container starts; add their directory to `.dockerignore`
    ");
}

#[test]
fn what_lies_beside_weights_in_a_cache_passes() {
    let blob = format!("root/.cache/huggingface/hub/models--o--m/blobs/{}", "0a".repeat(32));
    for head in [&b"GIF89a"[..], b"\x89PNG\r\n\x1a\n", b"PAR1", b"%PDF-1.7", b"\0\0\0\x1cftypmp42"]
    {
        assert_eq!(one(sized(&blob, head, 12 * MIB)).level(), None, "{head:?}");
    }
    assert_eq!(one(binary(&blob, 12 * MIB)).level(), Some(Level::Deny));
    let download = Sample::of(&ModelWeights).layer(
        "a",
        &[
            sized("m/demo.dat", b"OggS\0", 12 * MIB),
            file("m/.cache/huggingface/download/demo.dat.metadata", "x"),
        ],
    );
    assert_eq!(download.level(), None);
    assert_eq!(
        one(entry("root/.cache/torch/hub/checkpoints/x.pth", EntryKind::Symlink)).level(),
        None
    );
}

#[test]
fn archives_in_a_cache_are_opened() {
    use super::packed::{GGUF, filled, gzip, zip_of};
    let hub = "root/.cache/torch/hub/checkpoints";
    let scanned = |path: &str, content| {
        Sample::of(&ModelWeights).scanned("RUN", &[(&format!("{hub}/{path}"), content)])
    };
    let noise = || filled(b"\x01\xff", 11 * MIB);
    let texts = zip_of(&[("README.md", b"# Notes\n".repeat(200_000))]);
    assert_eq!(scanned("x.zip", texts).words(), "");
    assert_eq!(scanned("x.zip", zip_of(&[("images.rec", noise())])).words(), "");
    let weights = zip_of(&[("deep/blob", filled(GGUF, 11 * MIB))]);
    assert_eq!(scanned("x.zip", weights).level(), Some(Level::Deny));
    // What was compressed alone is what lies there.
    assert_eq!(scanned("resnet.gz", gzip(&noise())).level(), Some(Level::Deny));
}

#[test]
fn objects_of_any_kind_are_refused_only_by_what_they_are_called() {
    let words = b"\xdf\0\x09\x27\xc0\xa3the\x01\xa2of\x02";
    let table: [(&str, &[u8], Level); 7] = [
        ("app/data/dictionary.msgpack", words, Level::Warn),
        ("app/data/reviews.joblib", b"BZh91AY&SY", Level::Warn),
        ("app/data/reviews.joblib", b"\xfd7zXZ\0\0", Level::Warn),
        ("app/models/flax_model.msgpack", words, Level::Deny),
        ("app/classifier/model.joblib", b"BZh91AY&SY", Level::Deny),
        ("app/rf_weights.joblib", b"\x04\x22\x4d\x18", Level::Deny),
        (
            "app/data/dictionary.msgpack",
            b"\x82\xa4bias\xc8\x03\x38\x01\x93\x91\xcc\xc8",
            Level::Deny,
        ),
    ];
    for (path, head, expected) in table {
        assert_eq!(one(sized(path, head, 12 * MIB)).level(), Some(expected), "{path}");
    }
}
