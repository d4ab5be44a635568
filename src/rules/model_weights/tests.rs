//! One image that passes, one that fails, some that hide; and the measured false positives.

use super::super::settings::SettingValue;
use super::super::testing::{File, Sample, entry, file, sized};
use super::*;

const MIB: u64 = 1 << 20;

fn safetensors(path: &str, size: u64) -> File {
    let header = [&200_u64.to_le_bytes()[..], b"{\"w\":{\"dtype\":\"F16\","].concat();
    sized(path, header, size)
}

fn binary(path: &str, size: u64) -> File {
    sized(path, b"\x01\0\xff\xfe", size)
}

fn one(file: File) -> Sample {
    Sample::of(&ModelWeights).layer("COPY . . # buildkit", &[file])
}

#[test]
fn ordinary_installs_pass() {
    let packages = "usr/local/lib/python3.12/site-packages";
    let at = |path: &str| format!("{packages}/{path}");
    let sample = Sample::of(&ModelWeights).layer(
        "RUN pip install",
        &[
            file(&at("distutils-precedence.pth"), "import os; var = 'SETUPTOOLS_USE_DISTUTILS'"),
            file(&at("__editable__app.pth"), "/app/src"),
            binary(&at("torch/lib/libtorch_cuda.so"), 520 * MIB),
            sized(&at("torch/lib/libtorch_cpu.so"), b"\x7fELF", 448 * MIB),
            binary(&at("onnx/backend/test/data/node/x/test_data_set_0/input_0.pb"), 4 * MIB),
            sized(
                &at("onnx/backend/test/data/light/light_resnet50.onnx"),
                b"\x08\x03\x12\x07pytorch",
                4 * MIB,
            ),
            sized(&at("scipy/stats/tests/data/boost.npz"), b"PK\x03\x04", 1300 * 1024),
            binary(&at("gensim/test/test_data/ft_model.bin"), 2 * MIB),
            sized(&at("silero_vad/data/small.safetensors"), b"", 900 * 1024),
            binary("var/cache/apt/pkgcache.bin", 40 * MIB),
            binary("var/cache/apt/srcpkgcache.bin", 40 * MIB),
            sized("usr/lib/udev/hwdb.bin", b"KSLPHHRH\0\x01\0\0", 12 * MIB),
            sized("lib/firmware/vendor/chip.bin", b"\x80\x02\0\0\x01", 12 * MIB),
            sized("var/lib/rpm/rpmdb.sqlite", b"SQLite format 3\0", 60 * MIB),
            sized("usr/share/fonts/truetype/noto.ttc", b"ttcf\0\x02\0\0", 60 * MIB),
            binary("var/cache/debconf/templates.dat", MIB),
            sized("app/tokenizer.json", b"{\"version\": \"1.0\"", 35 * MIB),
            sized("app/tokenizer.model", b"\x0a\x0e\x0a\x05<unk>", 4 * MIB),
            sized("app/data.csv", "a,b,c\n", 90 * MIB),
            entry(
                "root/.cache/huggingface/hub/models--o--m/snapshots/1/model.safetensors",
                EntryKind::Symlink,
            ),
        ],
    );
    // Text heads are padded with NUL by the test helper; only what is named counts here.
    assert_eq!(sample.words(), "");
}

#[test]
fn weights_are_refused() {
    insta::assert_snapshot!(one(safetensors("app/models/model.safetensors", 500 * MIB)).words(), @r"
    deny: safetensors weights of 500.0 MiB: `app/models/model.safetensors`
      fix: keep the weights outside the image (volume, object storage, model registry) and load them when the container starts; add their directory to `.dockerignore`
    ");
}

#[test]
fn sizes_decide_between_nothing_a_warning_and_a_refusal() {
    let packages = "usr/lib/python3/dist-packages/p/model.safetensors";
    let (app, test) = ("app/model.safetensors", "app/tests/model.safetensors");
    let table = [
        (app, MIB - 1, None),
        (app, MIB, Some(Level::Warn)),
        (app, 10 * MIB - 1, Some(Level::Warn)),
        (app, 10 * MIB, Some(Level::Deny)),
        (packages, 10 * MIB, Some(Level::Warn)),
        (packages, 50 * MIB - 1, Some(Level::Warn)),
        (packages, 50 * MIB, Some(Level::Deny)),
        (test, 49 * MIB, None),
        (test, 50 * MIB, Some(Level::Deny)),
    ];
    for (path, size, expected) in table {
        assert_eq!(one(safetensors(path, size)).level(), expected, "{path} {size}");
    }
    let mut sample = one(safetensors(app, 20 * MIB));
    sample.settings.set(&MIN_SIZE, SettingValue::Number(30 * MIB));
    assert_eq!(sample.level(), Some(Level::Warn));
}

#[test]
fn nothing_is_recorded_below_the_floor() {
    for (size, expected) in [(FLOOR_BYTES - 1, 0), (FLOOR_BYTES, 1), (FLOOR_BYTES + 1, 1)] {
        let sample = one(safetensors("app/model.safetensors", size));
        assert_eq!(sample.facts[0].as_ref().unwrap().facts.len(), expected);
    }
}

#[test]
fn hiding_under_another_name_does_not_help() {
    let blob = "0123456789abcdef".repeat(4);
    let hidden = [
        safetensors("usr/lib/x86_64-linux-gnu/libfoo.so.1", 500 * MIB),
        safetensors("app/.data", 500 * MIB),
        sized("app/notes.txt", [&b"GGUF\x03\0\0\0\x05"[..], &[0; 20]].concat(), 500 * MIB),
        binary(&format!("root/.cache/huggingface/hub/models--o--m/blobs/{blob}"), 500 * MIB),
        binary(&format!("root/.ollama/models/blobs/sha256-{blob}"), 500 * MIB),
        binary("root/.cache/torch/hub/checkpoints/resnet50", 98 * MIB),
        binary("srv/model/1/variables/variables.data-00000-of-00001", 98 * MIB),
    ];
    for file in hidden {
        let sample = one(file);
        assert_eq!(sample.level(), Some(Level::Deny), "{:?}", sample.image);
    }
}

#[test]
fn a_place_of_fonts_or_firmware_hides_no_weights() {
    let gguf = [&b"GGUF\x03\0\0\0\x05"[..], &[0; 20]].concat();
    for place in ["usr/share/fonts/", "lib/firmware/", "var/lib/rpm/", "usr/share/locale/"] {
        let path = format!("{place}model");
        assert_eq!(one(safetensors(&path, 20 * MIB)).level(), Some(Level::Deny), "{path}");
        assert_eq!(one(sized(&path, &gguf, 20 * MIB)).level(), Some(Level::Deny), "{path}");
    }
}

#[test]
fn openvino_weights_are_known_by_their_description() {
    let image = || Sample::of(&ModelWeights).layer("a", &[binary("srv/m/x.bin", 50 * MIB)]);
    assert_eq!(image().level(), None);
    let described = image().layer("b", &[file("srv/m/x.xml", "<net name=")]);
    assert_eq!(described.level(), Some(Level::Deny));
}

#[test]
fn a_name_alone_warns() {
    for path in ["app/x.pt", "app/frozen.pb", "app/x.engine"] {
        assert_eq!(one(binary(path, 500 * MIB)).level(), Some(Level::Warn), "{path}");
    }
    for path in ["app/x.bin", "app/x.dat", "app/x"] {
        assert_eq!(one(binary(path, 500 * MIB)).level(), None, "{path}");
    }
}

#[test]
fn the_parts_of_one_model_count_together_in_all_layers() {
    let shard = |n: u32| safetensors(&format!("app/m/model-0000{n}-of-00004.safetensors"), 4 * MIB);
    let sample = Sample::of(&ModelWeights)
        .layer("COPY a", &[shard(1), shard(2)])
        .layer("COPY b", &[shard(3), shard(4)]);
    assert_eq!(sample.findings().len(), 1);
    insta::assert_snapshot!(sample.words(), @r"
    deny: safetensors weights of 16.0 MiB in 4 files: `app/m/model-00001-of-00004.safetensors`, `app/m/model-00002-of-00004.safetensors`, `app/m/model-00003-of-00004.safetensors` and 1 more
      fix: keep the weights outside the image (volume, object storage, model registry) and load them when the container starts; add their directory to `.dockerignore`
    ");
}

fn many(paths: impl IntoIterator<Item = String>, size: u64) -> Sample {
    let files: Vec<File> = paths.into_iter().map(|path| safetensors(&path, size)).collect();
    Sample::of(&ModelWeights).layer("COPY . . # buildkit", &files)
}

#[test]
fn sharding_by_plain_numbers_does_not_help() {
    let shards =
        |count: u64| many((0..count).map(|n| format!("app/m/layer_{n:02}.safetensors")), 9 * MIB);
    assert_eq!(shards(1).level(), Some(Level::Warn));
    assert_eq!(shards(2).level(), Some(Level::Deny));
    insta::assert_snapshot!(shards(8).words(), @r"
    deny: safetensors weights of 72.0 MiB in 8 files: `app/m/layer_00.safetensors`, `app/m/layer_01.safetensors`, `app/m/layer_02.safetensors` and 5 more
      fix: keep the weights outside the image (volume, object storage, model registry) and load them when the container starts; add their directory to `.dockerignore`
    ");
    let forest = b"\x80\x03csklearn.tree._tree\nTree\nq\0";
    let arrays: Vec<File> =
        (0..8).map(|n| sized(&format!("app/m/w{n}.pkl"), forest, 9 * MIB)).collect();
    let arrays = Sample::of(&ModelWeights).layer("COPY", &arrays);
    assert_eq!(arrays.level(), Some(Level::Deny));
}

#[test]
fn cutting_a_model_into_files_of_any_name_does_not_help() {
    let names = ["attention", "embedding", "head", "norm", "router", "vision"];
    let together = |size| many(names.map(|name| format!("app/m/{name}.safetensors")), size);
    assert_eq!(together(MIB).level(), Some(Level::Warn));
    assert_eq!(together(2 * MIB).level(), Some(Level::Deny));
    assert_eq!(together(2 * MIB).findings().len(), 1);
    // Parts too small to be warned about.
    let crumbs = |count: u64| {
        many(
            (0..count)
                .map(|n| format!("app/m/{}.bin", "x".repeat(usize::try_from(n).unwrap() + 1))),
            MIB / 2,
        )
    };
    assert_eq!(crumbs(19).level(), None);
    assert_eq!(crumbs(20).level(), Some(Level::Deny));
    // A directory each.
    let apart = |size| many(names.map(|name| format!("app/{name}/model.safetensors")), size);
    assert_eq!(apart(8 * MIB).level(), Some(Level::Warn));
    assert_eq!(apart(9 * MIB).level(), Some(Level::Deny));
}

#[test]
fn small_models_of_packages_and_pickled_data_pass() {
    let pickles: Vec<File> = (0..18)
        .map(|n| {
            let language = char::from(b'a' + n);
            sized(&format!("usr/share/nltk_data/punkt/{language}.pickle"), b"\x80\x04\x95", MIB)
        })
        .collect();
    let sample = Sample::of(&ModelWeights).layer("RUN", &pickles);
    assert_eq!(sample.level(), Some(Level::Warn));
    let packages = "usr/lib/python3/dist-packages";
    let models = many((0..9).map(|n| format!("{packages}/p{n}/small.safetensors")), 9 * MIB);
    assert_eq!(models.level(), Some(Level::Warn));
}

#[test]
fn a_larger_file_among_test_data_takes_no_denial_back() {
    let cache = "root/.cache/huggingface/hub/models--o--m";
    let sample = |files: &[File]| Sample::of(&ModelWeights).layer("RUN", files).level();
    let weights = || safetensors(&format!("{cache}/blobs/a"), 12 * MIB);
    assert_eq!(sample(&[weights()]), Some(Level::Deny));
    let larger = safetensors(&format!("{cache}/tests/b"), 13 * MIB);
    assert_eq!(sample(&[weights(), larger]), Some(Level::Deny));
}

#[test]
fn tensors_of_an_onnx_model_are_known_by_its_word() {
    let names = |names: &[&str]| {
        let entry = |name: &&str| {
            let length = u8::try_from(name.len()).unwrap();
            [&b"\x0a\x08location\x12"[..], &[length], name.as_bytes()].concat()
        };
        [b"\x08\x0e\x12\x07pytorch".to_vec(), names.iter().flat_map(entry).collect()].concat()
    };
    let image = |named: &[&str]| {
        Sample::of(&ModelWeights)
            .layer("COPY a", &[file("srv/m/model.onnx", names(named))])
            .layer("COPY b", &[sized("srv/m/a1b2", b"\xff\x01", 50 * MIB)])
    };
    assert_eq!(image(&["other"]).level(), None);
    insta::assert_snapshot!(image(&["./a1b2"]).words(), @r"
    deny: tensors of an ONNX model of 50.0 MiB: `srv/m/a1b2`
      fix: keep the weights outside the image (volume, object storage, model registry) and load them when the container starts; add their directory to `.dockerignore`
    ");
    // Known by itself already: one finding, not two.
    let both = Sample::of(&ModelWeights).layer(
        "a",
        &[file("m/x.onnx", names(&["x.onnx.data"])), binary("m/x.onnx.data", 50 * MIB)],
    );
    assert_eq!((both.findings().len(), both.level()), (1, Some(Level::Deny)));
}

#[test]
fn company_makes_weights_of_what_has_no_signature() {
    let hex = "0123456789abcdef".repeat(2);
    let table = [
        ("srv/m/x.bin".to_owned(), "srv/m/x.xml".to_owned()),
        ("srv/m/x.bin".into(), "srv/m/x.param".into()),
        (format!("ckpt/d/{hex}"), "ckpt/manifest.ocdbt".into()),
        ("models/bert/1/weights".into(), "models/bert/config.pbtxt".into()),
        ("m/blob".into(), "m/.cache/huggingface/download/blob.metadata".into()),
        ("m/unet/blob.dat".into(), "m/.cache/huggingface/download/unet/blob.dat.metadata".into()),
    ];
    for (path, beside) in table {
        let alone = one(binary(&path, 50 * MIB));
        assert_eq!(alone.level(), None, "{path}");
        let together = alone.layer("b", &[file(&beside, "x")]);
        assert_eq!(together.level(), Some(Level::Deny), "{path}");
    }
    let config = file("m/config.json", "{\"architectures\": [\"LlamaForCausalLM\"]}");
    let beside_config =
        |size| one(binary("m/data.bin", size)).layer("b", &[file("m/config.json", "{}")]);
    assert_eq!(beside_config(50 * MIB).level(), None);
    assert_eq!(
        one(binary("m/data.bin", 50 * MIB)).layer("b", &[config]).level(),
        Some(Level::Warn)
    );
}

#[test]
fn the_further_pieces_of_a_file_that_was_cut_count() {
    let cut = |first: &str, second: &str| {
        Sample::of(&ModelWeights)
            .layer("COPY a", &[safetensors(first, 9 * MIB)])
            .layer("COPY b", &[sized(second, b"\x7fELF", 9 * MIB)])
    };
    for (first, second) in [("m/xaa", "m/xab"), ("m/w.001", "m/w.002"), ("m/w-00", "m/w-17")] {
        assert_eq!(cut(first, second).level(), Some(Level::Deny), "{first}");
    }
    for (first, second) in [("m/xaa", "m/xabc"), ("m/xaa", "n/xab"), ("m/w", "m/x")] {
        assert_eq!(cut(first, second).level(), Some(Level::Warn), "{first}");
    }
}

#[test]
fn a_flood_of_first_pieces_is_capped() {
    let found = |count: usize| {
        let firsts: Vec<File> =
            (0..count).map(|n| safetensors(&format!("m/{n}/w.00"), MIB)).collect();
        let last = format!("m/{}/w.01", count - 1);
        let sample = Sample::of(&ModelWeights).layer("a", &firsts);
        let sample = sample.layer("b", &[sized(&last, b"\x7fELF", 300 * MIB)]);
        sample.findings().iter().any(|finding| finding.size.unwrap() > 100 * MIB)
    };
    assert_eq!([63, 64, 65].map(found), [true, true, false]);
}

#[test]
fn only_what_is_small_is_read_whole() {
    let want = |path, size, head: &[u8]| {
        ModelWeights.want(&Entry { path, kind: EntryKind::File, size, link: None }, head)
    };
    let onnx = b"\x08\x0e\x12\x07pytorch\x3a\x05\x0a\x03";
    assert_eq!(want("m/x.onnx", ONNX_BYTES, onnx), Want::Whole);
    assert_eq!(want("m/x.onnx", ONNX_BYTES + 1, onnx), Want::Head);
    let config = b"{\"model_type\": \"llama\"}";
    assert_eq!(want("m/config.json", CONFIG_BYTES, config), Want::Head);
    assert_eq!(want("m/config.json", CONFIG_BYTES + 1, config), Want::Nothing);
    assert_eq!(want("m/config.json", 30, b"{\"debug\": true}"), Want::Nothing);
}

#[test]
fn tensors_without_a_header_are_suspected() {
    let floats: Vec<u8> = (0..1024_u32)
        .flat_map(|n| {
            let random = n.wrapping_mul(2_654_435_761).rotate_left(11);
            let value = f32::from(u16::try_from(random >> 16).unwrap()) / 2e6 + 0.001;
            (if random % 2 == 0 { value } else { -value }).to_le_bytes()
        })
        .collect();
    let level = |path: &str, size| one(sized(path, &floats, size)).level();
    assert_eq!(level("app/cache.dat", 50 * MIB - 1), None);
    assert_eq!(level("app/cache.dat", 50 * MIB), Some(Level::Warn));
    assert_eq!(level("usr/share/x/cache.dat", 50 * MIB), None);
    assert_eq!(level("usr/lib/python3/dist-packages/x/cache.dat", 50 * MIB), None);
}

#[test]
fn small_models_of_one_package_are_one_warning() {
    let packages = "usr/lib/python3/dist-packages/silero_vad/data";
    let files: Vec<File> = ["a.safetensors", "b.safetensors", "other.safetensors"]
        .iter()
        .map(|name| safetensors(&format!("{packages}/{name}"), MIB))
        .collect();
    let sample = Sample::of(&ModelWeights).layer("RUN pip", &files);
    assert_eq!((sample.findings().len(), sample.level()), (1, Some(Level::Warn)));
    let plain =
        one(sized(&format!("{packages}/x.npy"), b"\x93NUMPY\x01\0v\0{'descr': '<i8'", 9 * MIB));
    assert_eq!(plain.level(), None);
}

mod ordinary;
mod packed;
