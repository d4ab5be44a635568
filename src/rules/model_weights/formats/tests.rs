//! Formats by their first bytes: heads of files that the libraries themselves wrote, heads made
//! after the formats' descriptions, and what looks alike.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::*;

/// `(file, kind, extension to try, size, head in base64)`. Written by safetensors 0.8, gguf 0.19,
/// `NumPy` 2.4, h5py 3.16, onnx 1.23, `XGBoost` 3.2, `LightGBM` 4.7, `CatBoost` 1.2, `CTranslate2`
/// 4, thinc 8, msgpack 1.2 (as flax writes arrays), scikit-learn 1.9, joblib 1.6.
#[rustfmt::skip]
const REAL: &[(&str, Option<&str>, &str, u64, &str)] = &[
    ("a.safetensors", Some("safetensors"), "bin", 160_080, "SAAAAAAAAAB7InciOnsiZHR5cGUiOiJGMzIiLCJzaGFwZSI6WzIwMCwyMDBdLCJkYXRhX29mZnNldHMiOlswLDE2MDAwMF19fSAgICAgICBsvwA+f0YHvr3yIz/f1dY9"),
    ("am.safetensors", Some("safetensors"), "", 160_104, "YAAAAAAAAAB7Il9fbWV0YWRhdGFfXyI6eyJmb3JtYXQiOiJwdCJ9LCJ3Ijp7ImR0eXBlIjoiRjMyIiwic2hhcGUiOlsyMDAsMjAwXSwiZGF0YV9vZmZzZXRzIjpbMCwx"),
    ("a.gguf", Some("gguf"), "dat", 160_160, "R0dVRgMAAAABAAAAAAAAAAIAAAAAAAAAFAAAAAAAAABnZW5lcmFsLmFyY2hpdGVj"),
    ("v.gguf", None, "gguf", 102, "R0dVRgMAAAAAAAAAAAAAAAIAAAAAAAAAFAAAAAAAAABnZW5lcmFsLmFyY2hpdGVj"),
    ("a.npy", Some("numpy"), "raw", 160_128, "k05VTVBZAQB2AHsnZGVzY3InOiAnPGY0JywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDIwMCwgMjAwKSwgfSAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAo="),
    ("a.npz", Some("numpy"), "bin", 320_490, "UEsDBC0AAAAAAAAAIQCyfo7Z//////////8FABQAdy5ucHkBABAAgHECAAAAAACAcQIAAAAAAJNOVU1QWQEAdgB7J2Rlc2NyJzogJzxmNCcsICdmb3J0cmFuX29yZGVyJzogRmFsc2UsICdzaGFwZSc6ICgyMDAsIDIwMCksIH0gICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIA=="),
    ("ac.npz", Some("numpy"), "npz", 148_369, "UEsDBC0AAAAIAAAAIQCyfo7Z//////////8FABQAdy5ucHkBABAAgHECAAAAAAARQwIAAAAAAJxX91vP3/sv7b13NDVVSmXU89wvMkqRZCQkNBCRhNDe0aJdWpJU0lDE63nuV1FWITMVmSGyepdCfH3+he/54VzXuX841znXfT/WieWrl61Yx8+3n++woY9v8Na9hvO0De39rA1naBv67d67b+/mwE279/r4/q++ePPOYN9/9eBtm/f4/jsbWc2cOUP732Y8QztM+/+1xHciH4lYLELZ73ow8OgxU6ojhpO6LST0QwUMBu+FP4bWuHqiFIdStTBwkTGzvEuR90ncmwocKsYXIXaYtkoCVb+XUqb1PlEMioOcIgG6+H0tzFpqgjoTjeS+kz/EJfGY"),
    ("a.h5", Some("hdf5"), "h5", 163_464, "iUhERg0KGgoAAAAAAAgIAA=="),
    ("plain.onnx", Some("onnx"), "onnx", 160_095, "CA461eIJChEKAXgKAXcSAXkiBk1hdE11bBIBZyqP4gkIyAEIyAEQAUIBd0qA4glsvwA+f0YHvr3yIz/f1dY9oQ=="),
    ("acme.onnx", Some("onnx"), "bin", 160_101, "CA4SBGFjbWU61eIJChEKAXgKAXcSAXkiBk1hdE11bBIBZyqP4gkIyAEIyAEQAUIBd0qA4glsvwA+f0YHvr3yIw=="),
    ("pt.onnx", Some("onnx"), "", 160_109, "CA4SB3B5dG9yY2gaAzIuNTrV4gkKEQoBeAoBdxIBeSIGTWF0TXVsEgFnKo/iCQjIAQjIARABQgF3SoDiCWy/AA=="),
    ("ext.onnx", Some("onnx"), "onnx", 160, "CA4SB3B5dG9yY2gaAzIuNTqJAQoRCgF4CgF3EgF5IgZNYXRNdWwSAWcqRQjIAQjIARABQgF3ahcKCGxvY2F0aW9uEgt3ZWlnaHRzLmJpbmoLCgZvZmZzZXQSATBqEAoGbGVuZ3RoEgYxNjAwMDBwAVoUCgF4Eg8KDQgBEgkKAggBCgMIyAFiFAoBeRIPCg0IARIJCgIIAQoDCMgBQgIQHA=="),
    ("cb.onnx", Some("onnx"), "onnx", 29_653, "CAMSCENhdEJvb3N0GtoCR2l0IGluZm86CiAgICBDb21taXQ6IGIxYmQyYTZkNzcyMTllODJhMWFjZmNlZGZjYw=="),
    ("a.ubj", Some("xgboost"), "model", 6676, "e0wAAAAAAAAAB2xlYXJuZXJ7TAAAAAAAAAAKYXR0cmk="),
    ("a.json", Some("xgboost"), "json", 6327, "eyJsZWFybmVyIjp7ImF0dHJpYnV0ZXMiOnt9LCJmZWF0dXJlX25hbWVzIjpbXSwiZmVhdHVyZV90eXBlcyI6W10sImdyYWRpZW50X2Jvb3N0ZXIiOnsibW9kZWwiOnsiY2F0cyI6eyJlbmMiOltdLCJmZWF0dXJlX3NlZ21lbnRzIjpbXSwic29ydGVkX2lkeCI6W119LCJnYnRyZWVfbQ=="),
    ("lgb.txt", Some("lightgbm"), "txt", 16_946, "dHJlZQp2ZXJzaW9uPXY0Cm51bV9jbGFzcz0xCm51bV90cmVlX3Blcl9pdGVyYXRpb249MQpsYWJlbF9pbmRleA=="),
    ("lgb.json", Some("lightgbm"), "json", 35_296, "eyJuYW1lIjogInRyZWUiLCAidmVyc2lvbiI6ICJ2NCIsICJudW1fY2xhc3MiOiAxLCAibnVtX3RyZWVfcGVyX2l0ZXJhdGlvbiI6IDEsICJsYWJlbF9pbmRleCI6IDAsICJtYXhfZmVhdHVyZV9pZHgiOiAxOTksICJvYmplY3Q="),
    ("cb.cbm", Some("catboost"), "bin", 16_608, "Q0JNMdhAAAAQAAAAAAAKABAABAAIAAwACgAAACgAAAA="),
    ("cb.json", Some("catboost"), "json", 83_111, "ewogICJmZWF0dXJlc19pbmZvIjoKICAgIHsKICAgICAgImZsb2F0X2ZlYXR1cmVzIjoKICAgICAgICBbCiAgIA=="),
    ("ct2.bin", Some("ctranslate2"), "bin", 53, "BgAAABAAVHJhbnNmb3JtZXJTcGVjAAcAAAAsAAAAEwBkZWNvZGVyL2FjdGl2YXRpb24AAAE="),
    ("thinc_model", Some("spacy"), "", 160_969, "hKVub2Rlc5GEpWluZGV4AKRuYW1lpmxpbmVhcqRkaW1zgqJuT8zIom5JzMikcmVmc4ClYXR0cnORgKZwYXJhbQ=="),
    ("flax_params.msgpack", Some("flax"), "bin", 160_050, "gaZwYXJhbXOBp0RlbnNlXzCBpmtlcm5lbMkAAnETAZOSzMjMyKdmbG9hdDMyxgACcQBsvwA+f0YHvr3yIz/f1Q=="),
    ("flax_hf.msgpack", Some("flax"), "", 160_054, "gaplbWJlZGRpbmdzgaR3b3JkgallbWJlZGRpbmfJAAJxEwGTkszIzMinZmxvYXQzMsYAAnEAbL8APn9GB7698g=="),
    ("rf0.pkl", Some("pickle"), "bin", 70_774, "Y2NvcHlfcmVnCl9yZWNvbnN0cnVjdG9yCnAwCihjc2tsZWFybi5lbnNlbWJsZS5fZm9yZXN0ClJhbmRvbUZvcmVzdENsYXNzaWZpZXIKcDEKY19fYnVpbHRpbl9fCm9iamVjdApwMgpOdHAzClJwNAooZHA1ClZlc3RpbWF0b3IKcDYKZzAKKGNza2xlYXJuLnRyZWUuX2NsYXNzZXMKRA=="),
    ("rf2.pkl", Some("pickle"), "", 23_883, "gAJjc2tsZWFybi5lbnNlbWJsZS5fZm9yZXN0ClJhbmRvbUZvcmVzdENsYXNzaWZpZXIKcQApgXEBfXECKFgJAA=="),
    ("rf4.pkl", Some("pickle"), "dat", 18_818, "gASVd0kAAAAAAACMGHNrbGVhcm4uZW5zZW1ibGUuX2ZvcmVzdJSMFlJhbmRvbUZvcmVzdENsYXNzaWZpZXKUk5QpgZR9lCiMCWVzdGltYXQ="),
    ("rf5.pkl", Some("pickle"), "model", 18_693, "gAWV+kgAAAAAAACMGHNrbGVhcm4uZW5zZW1ibGUuX2ZvcmVzdJSMFlJhbmRvbUZvcmVzdENsYXNzaWZpZXKUk5QpgZR9lCiMCWVzdGltYXQ="),
    ("jl_0.joblib", Some("pickle"), "bin", 160_242, "gASV2QAAAAAAAAB9lIwBd5SME2pvYmxpYi5udW1weV9waWNrbGWUjBFOdW1weUFycmF5V3JhcHBlcpSTlCmBlH2UKIwIc3ViY2xhc3OUjAVudW1weZSMB25kYXJyYXmU"),
    ("j4.joblib", Some("pickled-arrays"), "bin", 240_241, "gASV1AAAAAAAAACME2pvYmxpYi5udW1weV9waWNrbGWUjBFOdW1weUFycmF5V3JhcHBlcpSTlCmBlH2UKIwIc3ViY2xhc3OUjAVudW1weZSMB25kYXJyYXmUk5SMBXNoYXBllEvITSwBhpSMBW9yZGVylIwBQ5SMBWR0eXBllGgGjAVkdHlwZZSTlIwCZjSUiYiHlFKUKEsDjAE8lE5OTkr/////Sv////9LAHSU"),
    ("p0.pkl", Some("pickled-arrays"), "pkl", 259_973, "KGRwMApWdwpwMQpjbnVtcHkuX2NvcmUubXVsdGlhcnJheQpfcmVjb25zdHJ1Y3QKcDIKKGNudW1weQpuZGFycmF5CnAzCihJMAp0cDQKY251bXB5CmR0eXBlCnAxMwooVmY0CnAxNA=="),
    ("xgb.pkl", Some("pickle"), "bin", 9186, "gASV1yMAAAAAAACMDHhnYm9vc3QuY29yZZSMB0Jvb3N0ZXKUk5QpgZR9lIwGaGFuZGxllIwIYnVpbHRpbnOUjA=="),
    ("lgb.pkl", Some("pickle"), "bin", 17_598, "gASVs0QAAAAAAACMDmxpZ2h0Z2JtLmJhc2ljlIwHQm9vc3RlcpSTlCmBlH2UKIwHX2hhbmRsZZRYMkIAAHRyZQ=="),
];

#[test]
fn knows_real_files_under_any_name() {
    for (file, expected, extension, size, head) in REAL {
        let head = STANDARD.decode(head).unwrap();
        let found = by_magic(extension, &head, *size);
        assert_eq!(found.map(|format| format.kind), *expected, "{file}");
        // Neither shows what its numbers are.
        let by = if ["a.h5", "jl_0.joblib"].contains(file) { By::Name } else { By::Magic };
        assert!(found.is_none_or(|format| format.by == by), "{file}: {found:?}");
    }
}

fn safetensors(header: u64, json: &str) -> Vec<u8> {
    [&header.to_le_bytes()[..], json.as_bytes()].concat()
}

fn zip(name: &str, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(name.len()).unwrap().to_le_bytes();
    [&b"PK\x03\x04"[..], &[0; 22], &length, &[0, 0], name.as_bytes(), content].concat()
}

fn gguf(version: u32, count: &[u8]) -> Vec<u8> {
    [b"GGUF", &version.to_le_bytes()[..], count, &[0; 16]].concat()
}

fn tar(name: &str) -> Vec<u8> {
    let mut head = vec![0; 512];
    head[..name.len()].copy_from_slice(name.as_bytes());
    head[257..262].copy_from_slice(b"ustar");
    head
}

/// Bytes of pseudo-random weights: of magnitude 0.01 to 0.04, of both signs.
fn floats(count: u32) -> impl Iterator<Item = f32> {
    (0..count).map(|n| {
        let random = n.wrapping_mul(2_654_435_761).rotate_left(11) ^ n.wrapping_mul(40_503);
        let magnitude = 0.01 + f32::from(u16::try_from(random >> 16).unwrap()) / 2_000_000.0;
        if random % 2 == 0 { magnitude } else { -magnitude }
    })
}

fn singles() -> Vec<u8> {
    floats(1024).flat_map(f32::to_le_bytes).collect()
}

fn bfloats() -> Vec<u8> {
    floats(2048).flat_map(|value| value.to_le_bytes()[2..].to_vec()).collect()
}

fn halves() -> Vec<u8> {
    let half = |value: f32| {
        let bits = value.to_bits();
        let exponent = ((bits >> 23) & 0xff) + 15 - 127;
        let half = ((bits >> 16) & 0x8000) | (exponent << 10) | ((bits >> 13) & 0x3ff);
        u16::try_from(half).unwrap().to_le_bytes()
    };
    floats(2048).flat_map(half).collect()
}

fn kind(extension: &str, head: &[u8]) -> Option<&'static str> {
    by_magic(extension, head, 50 << 20).map(|format| format.kind)
}

type Table<'a> = &'a [(&'a str, &'a [u8], Option<&'a str>)];

fn assert_kinds(table: Table<'_>) {
    for (extension, head, expected) in table {
        assert_eq!(kind(extension, head), *expected, "{extension} {head:?}");
    }
}

#[test]
fn knows_containers_by_their_first_bytes() {
    let block = [&[0; 512][..], b"\x89HDF\r\n\x1a\n"].concat();
    let keras3 = [&b"\x89HDF\r\n\x1a\n"[..], &[0; 712], b"vars\0\0\0\0layers\0\0"].concat();
    let keras = [&b"\x89HDF\r\n\x1a\n"[..], &[0; 90], b"layer_names"].concat();
    let pandas = [&b"\x89HDF\r\n\x1a\n"[..], &[0; 90], b"PYTABLES_FORMAT_VERSION"].concat();
    assert_kinds(&[
        ("", &safetensors(60, "{\"a\":{\"dtype\":\"F32\""), Some("safetensors")),
        ("", &safetensors(60, " { \"a\":{\"dtype\":\"F32\""), Some("safetensors")),
        ("", &safetensors(9000, &format!("{{\"{}", "a".repeat(4000))), Some("safetensors")),
        ("bin", &safetensors(60, "{\"__metadata__\":{}"), Some("safetensors")),
        ("safetensors", &safetensors(60, "{\"a\":1"), Some("safetensors")),
        ("asar", &safetensors(60, "{\"files\":{\"x\":1}"), None),
        ("safetensors", &safetensors(2, "{}"), None),
        ("safetensors", &safetensors(60 << 20, "{\"a\":1"), None),
        ("", &gguf(3, &7_u64.to_le_bytes()), Some("gguf")),
        ("gguf", &gguf(3, &0_u64.to_le_bytes()), None),
        ("", &gguf(1, &7_u32.to_le_bytes()), Some("gguf")),
        ("", &gguf(3_u32.swap_bytes(), &7_u64.to_be_bytes()), Some("gguf")),
        ("bin", b"lmgg\x01\0\0\0", Some("ggml")),
        ("bin", &zip("archive/data.pkl", b"\x80\x02"), Some("pytorch")),
        ("dat", &zip("model/byteorder", b""), Some("pytorch")),
        ("pt", &zip("m/code/__torch__/x.py", b""), Some("pytorch")),
        ("", &zip("yolo/.format_version", b""), Some("pytorch")),
        ("npz", &zip("x.npy", b"\x93NUMPY\x01\0v\0{'descr': '<f2', "), Some("numpy")),
        ("npz", &zip("x.npy", b"\x93NUMPY\x01\0v\0{'descr': '|u1', "), None),
        ("keras", &zip("metadata.json", b""), Some("keras")),
        ("zip", &zip("metadata.json", b"{\"keras_version\": \"3"), Some("keras")),
        ("zip", &zip("metadata.json", b""), None),
        ("zip", &zip("out/pytorch_model.bin", b""), None),
        ("nemo", &tar("./model_config.yaml"), Some("nemo")),
        ("whl", &zip("torch/__init__.py", b""), None),
        ("jar", &zip("META-INF/MANIFEST.MF", b""), None),
        ("npy", b"\x93NUMPY\x01\0v\0{'descr': '|V2'", Some("numpy")),
        ("h5", b"\x89HDF\r\n\x1a\n", Some("hdf5")),
        ("h5", &block, Some("hdf5")),
        ("jpg", &keras, Some("hdf5")),
        ("nc", &keras3, Some("hdf5")),
        ("h5", &pandas, None),
        ("nc", b"\x89HDF\r\n\x1a\n", None),
        ("h5ad", b"\x89HDF\r\n\x1a\n", None),
    ]);
}

#[test]
fn knows_formats_by_their_first_bytes() {
    let engine = [&20_u32.to_le_bytes()[..], b"{\"description\":\"xx\"}", b"ftrt"].concat();
    let paddle = [&[0; 16][..], &[9, 0, 0, 0, 8, 5, 0x10, 0x80, 4]].concat();
    let mxnet =
        [&0x112_u64.to_le_bytes()[..], &[0; 8], &[5, 0, 0, 0, 0, 0, 0, 0], b"\xc9\xfa\x93\xf9"]
            .concat();
    let darknet = [&[0, 0, 0, 0, 2, 0, 0, 0, 5, 0, 0, 0][..], &[0; 8], &singles()].concat();
    let binary = [&b"3000000 300\n</s> "[..], &singles()].concat();
    let glove = format!("the{}\nof 0.1", " 0.418".repeat(50));
    let counted = format!("400000 50\nthe{}", " 0.418".repeat(50));
    assert_kinds(&[
        ("tflite", b"\x1c\0\0\0TFL3", Some("tflite")),
        ("", b"\x1c\0\0\0ORTM", Some("onnxruntime")),
        ("pte", b"\x1c\0\0\0ET12", Some("executorch")),
        ("plan", b"ftrt\0\0", Some("tensorrt")),
        ("engine", &engine, Some("tensorrt")),
        ("bin", &[0xba, 0x16, 0x4f, 0x2f, 12, 0, 0, 0], Some("fasttext")),
        ("", &mxnet, Some("mxnet")),
        ("", &paddle, Some("paddle")),
        ("", &darknet, Some("darknet")),
        ("gz", &binary, Some("word-vectors")),
        ("txt", counted.as_bytes(), Some("word-vectors")),
        ("txt", glove.as_bytes(), Some("word-vectors")),
        ("pb", b"\x0a\x1f\x0a\x05input\x12\x0bPlaceholder\x1a", Some("tensorflow")),
        ("bin", b"\x0a\x0aResNet-50\xa2\x06\x05\x0a\x03abc", None),
        ("bin", b"\x0a\x08ResNet50\xa2\x06\x05\x0a\x03abc", Some("caffe")),
        ("", b"mmap lm http://kheafield.com/code format version 5\n\0", Some("kenlm")),
        ("", b"\0B<TransitionModel> ", Some("kaldi")),
        ("", b"MZqFpD='\n", Some("llamafile")),
        ("pt", b"\x80\x02}q\0", Some("pytorch")),
        ("pkl", b"\x80\x04\x95", Some("pickle")),
        ("pkl", b"\x80\x04\x95\x20\0\0\0\0\0\0\0\x8c\x06pandas\x94", Some("pickle")),
        ("joblib", b"\x78\x9c", Some("joblib")),
        ("bin", b"\x82\xa4bias\xc8\x03\x38\x01\x93\x91\xcc\xc8", Some("flax")),
        ("cache", b"\x80\x02cnumpy.core.multiarray\n_reconstruct\n", Some("pickle")),
    ]);
}

#[test]
fn what_looks_alike_is_no_weights() {
    assert_kinds(&[
        ("bin", b"\x80\x04\x95", None),
        ("bin", b"\x80\x02\0\0\x01", None),
        ("dat", b"\x80\x04\x95", None),
        ("so", b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0", None),
        ("bin", b"W\x90\x98\xe4", None),
        ("json", b"{\"version\": \"1.0\", \"truncation\": null}", None),
        ("model", b"\x0a\x0e\x0a\x05<unk>\x15\0\0\0\0\x18\x02", None),
        ("bin", b"\x0a\x10\x0a\x05a.b/c\x12\x03a.b\x1a\x02xx", None),
        ("csv", b"name 1 2 3 4 5\nx 1 2 3 4 5\n", None),
        ("txt", b"1024 768\nsome words follow here", None),
        ("", b"", None),
    ]);
}

#[test]
fn an_object_file_made_of_weights_is_weights() {
    let object = [&b"\x7fELF"[..], &[0; 60], b"GGUF\x03\0\0\0\x05\0\0\0\0\0\0\0"].concat();
    let size = 50 << 20;
    assert_eq!(in_object_file(&object, size).map(|format| format.kind), Some("gguf"));
    assert_eq!(in_object_file(&object[..70], size), None);
}

#[test]
fn what_is_as_often_something_else_only_warns() {
    let by = |extension, head: &[u8]| by_magic(extension, head, 50 << 20).map(|format| format.by);
    let pandas = b"\x80\x04\x95\x20\0\0\0\0\0\0\0\x8c\x06pandas\x94";
    assert_eq!(by("pkl", pandas), Some(By::Name));
    assert_eq!(by("cache", b"\x80\x04\x95\x20\0\0\0\0\0\0\0}\x94"), Some(By::Name));
    assert_eq!(by("npy", b"\x93NUMPY\x01\0v\0{'descr': '<i8'"), Some(By::Name));
    for compressed in
        [&b"\x1f\x8b\x08\0"[..], b"BZh91AY&SY", b"\xfd7zXZ\0", b"\x5d\0\0", b"\x04\x22\x4d\x18"]
    {
        assert_eq!(by("joblib", compressed), Some(By::Name), "{compressed:?}");
        assert_eq!(by("pkl", compressed), Some(By::Name), "{compressed:?}");
    }
    // A map of words to numbers, and one that holds an array.
    assert_eq!(by("msgpack", b"\xdf\0\x09\x27\xc0\xa3the\x01\xa2of\x02"), Some(By::Name));
    assert_eq!(by("msgpack", b"\x82\xa4bias\xc8\x03\x38\x01\x93\x91\xcc\xc8"), Some(By::Magic));
    for extension in ["dat", "h5", "hdf5", ""] {
        assert_eq!(by(extension, b"\x89HDF\r\n\x1a\n"), Some(By::Name));
    }
    assert_eq!(by("keras", b"\x89HDF\r\n\x1a\n"), Some(By::Magic));
    assert_eq!(
        by("npz", &zip("x_train.npy", b"\x93NUMPY\x01\0v\0{'descr': '<f4', ")),
        Some(By::Name)
    );
    assert_eq!(
        by("npz", &zip("arr_0.npy", b"\x93NUMPY\x01\0v\0{'descr': '<f4', ")),
        Some(By::Magic)
    );
    assert_eq!(by("com", b"MZqFpD='\n"), Some(By::Name));
    assert_eq!(by("llamafile", b"MZqFpD='\n"), Some(By::Magic));
}

#[test]
fn pictures_sounds_and_tables_are_known() {
    for head in
        [&b"GIF89a"[..], b"\x89PNG\r\n\x1a\n", b"PAR1\x15", b"ARROW1\0\0", b"\0\0\0\x18ftypisom"]
    {
        assert!(is_media_or_table(head), "{head:?}");
    }
    for head in [&b"GGUF"[..], b"PK\x03\x04", b"", b"\x80\x04"] {
        assert!(!is_media_or_table(head), "{head:?}");
    }
}

#[test]
fn base64_hides_nothing() {
    let head = [gguf(3, &7_u64.to_le_bytes()), vec![7; 3100]].concat();
    let text = STANDARD.encode(&head);
    assert_eq!(kind("txt", &text.as_bytes()[..4096]), Some("gguf"));
    let lines: Vec<&str> =
        text.as_bytes().chunks(76).map(|line| std::str::from_utf8(line).unwrap()).collect();
    assert_eq!(kind("txt", lines.join("\n").as_bytes()), Some("gguf"));
    let packed = STANDARD.encode([b"\x1f\x8b\x08".to_vec(), vec![7; 3100]].concat());
    assert_eq!(kind("txt", &packed.as_bytes()[..4096]), Some("closed-archive"));
    assert_eq!(kind("txt", "word".repeat(900).as_bytes()), None);
}

#[test]
fn raw_tensors_are_told_from_other_numbers() {
    for (name, bytes) in [("f32", singles()), ("bf16", bfloats()), ("f16", halves())] {
        assert!(are_floats(&bytes), "{name}");
    }
    let random: Vec<u8> = (0..4096_u32)
        .map(|n| u8::try_from((n.wrapping_mul(2_654_435_761) >> 13) & 0xff).unwrap())
        .collect();
    let counts: Vec<u8> = (0..1024_u32).flat_map(u32::to_le_bytes).collect();
    let sound: Vec<u8> =
        (0..2048_i16).flat_map(|n| (n.wrapping_mul(577) / 3).to_le_bytes()).collect();
    let positive: Vec<u8> = floats(1024).flat_map(|value| value.abs().to_le_bytes()).collect();
    let text = "some words of a text ".repeat(200).into_bytes();
    let others =
        [random, counts, sound, positive, text, vec![0; 4096], singles()[..2044].to_vec(), vec![]];
    for (index, bytes) in others.iter().enumerate() {
        assert!(!are_floats(bytes), "{index}");
    }
}

#[test]
fn knows_what_it_cannot_open() {
    let at = |place: usize, magic: &[u8]| [vec![0; place], magic.to_vec(), vec![0; 9]].concat();
    for head in
        [at(0, b"hsqs"), at(1024, b"\xe2\xe1\xf5\xe0"), at(0x438, b"\x53\xef"), at(0, b"BZh9")]
    {
        assert!(is_opaque_archive(&head));
        assert!(!is_opaque_archive(&head[1..]));
    }
}

#[test]
fn onnx_names_the_files_of_its_tensors() {
    let (_, _, _, _, head) = REAL.iter().find(|(file, ..)| *file == "ext.onnx").unwrap();
    let model = STANDARD.decode(head).unwrap();
    assert_eq!(external_data(&model), ["weights.bin"]);
    let entry = |name: &str| {
        let length = u8::try_from(name.len()).unwrap();
        [&b"\x0a\x08location\x12"[..], &[length], name.as_bytes()].concat()
    };
    for (count, expected) in [(63, 63), (64, 64), (65, 64)] {
        let model: Vec<u8> = (0..count).flat_map(|n| entry(&format!("t{n}"))).collect();
        assert_eq!(external_data(&model).len(), expected);
    }
    assert_eq!(external_data(&[entry("a"), entry("a")].concat()), ["a"]);
    assert!(external_data(b"\x0a\x08location\x12\xff\xff").is_empty());
    assert!(external_data(b"\x0a\x08location\x12\x05ab").is_empty());
}

proptest::proptest! {
    #[test]
    fn hostile_heads_are_no_panic(
        start in proptest::sample::select(vec![
            &b"PK\x03\x04"[..], b"GGUF", b"\x08\x01\x12", b"\x08\x01\x3a", b"\x0a\x08",
            b"\x80\x04\x95", b"\x93NUMPY", b"\x81", b"1000 50\n", b"\x7fELF", b"",
        ]),
        rest in proptest::collection::vec(proptest::num::u8::ANY, 0..300),
    ) {
        let head = [start, &rest].concat();
        for extension in ["", "onnx", "pt", "h5", "vec", "params"] {
            let _ = by_magic(extension, &head, 1 << 30);
        }
        let _ = (in_object_file(&head, 1 << 30), external_data(&head), are_floats(&head));
    }

    #[test]
    fn damaged_real_heads_are_no_panic(
        at in 0..REAL.len(), cut in 0..300_usize, flip in 0..300_usize,
    ) {
        let mut head = STANDARD.decode(REAL[at].4).unwrap();
        head.truncate(cut);
        if let Some(byte) = head.get_mut(flip) {
            *byte ^= 0x80;
        }
        for extension in ["", "onnx", "pt", "npz"] {
            let _ = by_magic(extension, &head, 1 << 30);
        }
    }
}

#[test]
fn tells_text_from_tensors() {
    assert!(is_text("{\"ä\": 1}".as_bytes()));
    assert!(is_text(&"ä".as_bytes()[..1]), "cut in the middle of a character");
    assert!(!is_text(&[0xff, 0xfe, 0x31]));
    assert!(!is_text(b"a\0b"));
}

mod pickles;
