//! Images on disk: layouts and docker archives, honest, damaged and hostile.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use futures_util::StreamExt;
use plimsoll::model::{Descriptor, Digest, Document};
use plimsoll::policy::Platforms;
use plimsoll::registry::docker_archive::DockerArchive;
use plimsoll::registry::layout::OciLayout;
use plimsoll::registry::source::Source;
use plimsoll::registry::{FetchError, Registry};
use plimsoll::resolve::resolve;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::process::plimsoll;
use crate::support::registry::{OCI_CONFIG, OCI_LAYER, descriptor, manifest};

mod docker;

use docker::{Member, archive};

/// A layout folder under construction.
struct LayoutDir(TempDir);

impl LayoutDir {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("blobs/sha256")).unwrap();
        Self(dir)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn put(&self, media_type: &str, bytes: &[u8]) -> Descriptor {
        let blob = descriptor(media_type, bytes);
        std::fs::write(self.blob_path(&blob.digest), bytes).unwrap();
        blob
    }

    fn blob_path(&self, digest: &Digest) -> PathBuf {
        self.path().join("blobs/sha256").join(digest.hex())
    }

    fn put_image(&self, layer: &[u8]) -> Descriptor {
        let config = self.put(OCI_CONFIG, br#"{"os":"linux","architecture":"amd64"}"#);
        let layer = self.put(OCI_LAYER, layer);
        let document = manifest(&config, &[layer]).to_string();
        self.put("application/vnd.oci.image.manifest.v1+json", document.as_bytes())
    }

    fn write_index(&self, children: &[(&Descriptor, Option<&str>)]) {
        let children: Vec<Value> = children
            .iter()
            .map(|(child, tag)| {
                let mut child = json!(child);
                if let Some(tag) = tag {
                    child["annotations"] = json!({"org.opencontainers.image.ref.name": tag});
                }
                child
            })
            .collect();
        let index = json!({"schemaVersion": 2, "manifests": children});
        std::fs::write(self.path().join("index.json"), index.to_string()).unwrap();
    }
}

async fn read(registry: &dyn Registry, blob: &Descriptor) -> Result<Vec<u8>, FetchError> {
    let mut bytes = Vec::new();
    let mut stream = registry.blob(&"localhost/x".parse().unwrap(), blob).await?;
    while let Some(chunk) = stream.next().await {
        bytes.extend_from_slice(&chunk?);
    }
    Ok(bytes)
}

async fn resolved(registry: &dyn Registry) -> plimsoll::resolve::Resolved {
    resolve(registry, &"localhost/x:1".parse().unwrap(), &Platforms::All).await.unwrap()
}

#[tokio::test]
async fn a_layout_is_read_by_tag_or_as_a_whole() {
    let dir = LayoutDir::new();
    let (one, two) = (dir.put_image(b"layer one"), dir.put_image(&vec![7; 700_000]));
    dir.write_index(&[(&one, Some("1")), (&two, Some("2"))]);
    let layout = OciLayout::open(dir.path(), Some("2")).await.unwrap();
    let found = resolved(&layout).await;
    assert_eq!(found.digest, two.digest);
    let layer = &found.images[0].manifest.layers[0];
    assert_eq!(read(&layout, layer).await.unwrap(), vec![7; 700_000]);

    let both = resolved(&OciLayout::open(dir.path(), None).await.unwrap()).await;
    let digests: Vec<_> = both.images.iter().map(|image| image.digest.clone()).collect();
    assert_eq!(digests, [one.digest.clone(), two.digest]);
    dir.write_index(&[(&one, None)]);
    let only = resolved(&OciLayout::open(dir.path(), None).await.unwrap()).await;
    assert_eq!(only.digest, one.digest);
}

#[tokio::test]
async fn a_layout_says_what_is_wrong_with_it() {
    let dir = LayoutDir::new();
    let image = dir.put_image(b"layer");
    let open = async |tag: Option<&str>| {
        let error = OciLayout::open(dir.path(), tag).await.unwrap_err().to_string();
        error.replace(&dir.path().display().to_string(), "DIR")
    };
    insta::assert_snapshot!(open(None).await, @"cannot read image from disk: not an OCI layout: there is no `index.json`: `DIR` (hint: write it anew, with `skopeo copy` or `docker buildx build -o type=oci`)");
    dir.write_index(&[(&image, Some("1")), (&image, Some("twice")), (&image, Some("twice"))]);
    insta::assert_snapshot!(open(Some("2")).await, @"not found: no image `2` in `DIR` (hint: it has 1, twice, twice)");
    insta::assert_snapshot!(open(Some("twice")).await, @"cannot read image from disk: not an OCI layout: several images are called `twice`: `DIR` (hint: write it anew, with `skopeo copy` or `docker buildx build -o type=oci`)");
    std::fs::write(dir.path().join("index.json"), "{}").unwrap();
    insta::assert_snapshot!(open(None).await, @"cannot read image from disk: not an OCI layout: malformed manifest: `schemaVersion` is missing: `DIR` (hint: write it anew, with `skopeo copy` or `docker buildx build -o type=oci`)");
    let hostile =
        r#"{"schemaVersion":2,"manifests":[{"digest":"sha256:../../etc/passwd","size":1}]}"#;
    std::fs::write(dir.path().join("index.json"), hostile).unwrap();
    assert!(open(None).await.contains("malformed digest"));
}

#[tokio::test]
async fn damaged_blobs_of_a_layout_are_noticed() {
    let dir = LayoutDir::new();
    let image = dir.put_image(b"layer");
    dir.write_index(&[(&image, None)]);
    let layout = OciLayout::open(dir.path(), None).await.unwrap();
    let blob = descriptor(OCI_LAYER, b"layer");
    for wrong in ["layeR", "laye", "layers"] {
        std::fs::write(dir.blob_path(&blob.digest), wrong).unwrap();
        let error = read(&layout, &blob).await.unwrap_err();
        assert!(matches!(error, FetchError::Mismatch(_)), "{wrong}: {error}");
    }
    std::fs::remove_file(dir.blob_path(&blob.digest)).unwrap();
    assert!(matches!(read(&layout, &blob).await, Err(FetchError::NotFound(_))));
    std::fs::create_dir(dir.blob_path(&blob.digest)).unwrap();
    assert!(matches!(read(&layout, &blob).await, Err(FetchError::Local(_))));
    std::fs::write(dir.blob_path(&image.digest), "{}").unwrap();
    let error = OciLayout::open(dir.path(), None).await.unwrap_err();
    assert!(matches!(error, FetchError::Mismatch(_)), "{error}");
}

/// A layout folder as an archive next to it, and the folder that holds that.
fn packed(layout: &LayoutDir) -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("image.tar");
    let mut tar = tar::Builder::new(std::fs::File::create(&path).unwrap());
    tar.append_dir_all("", layout.path()).unwrap();
    tar.finish().unwrap();
    (dir, path)
}

#[tokio::test]
async fn an_archive_of_a_layout_is_read_like_the_folder() {
    let layout = LayoutDir::new();
    let content = vec![7; 700_000];
    let (one, two) = (layout.put_image(b"layer one"), layout.put_image(&content));
    layout.write_index(&[(&one, Some("1")), (&two, Some("2"))]);
    let (_dir, file) = packed(&layout);
    let source = Source::LayoutArchive { file: file.clone(), tag: Some("2".into()) };
    let registry = source.open().await.unwrap().unwrap();
    let found = resolved(&*registry).await;
    assert_eq!(found.digest, two.digest);
    let layer = &found.images[0].manifest.layers[0];
    assert_eq!(read(&*registry, layer).await.unwrap(), content);
    let wrong = Descriptor { size: layer.size - 1, ..layer.clone() };
    assert!(matches!(read(&*registry, &wrong).await, Err(FetchError::Mismatch(_))));
    let gone = descriptor(OCI_LAYER, b"gone");
    assert!(matches!(read(&*registry, &gone).await, Err(FetchError::NotFound(_))));
    let both = resolved(&OciLayout::open_archive(file, None).await.unwrap()).await;
    assert_eq!(both.images.len(), 2);
}

#[tokio::test]
async fn an_archive_of_a_layout_lists_what_refers_to_its_images() {
    let layout = LayoutDir::new();
    let image = layout.put_image(b"a");
    let config = layout.put("application/sarif+json", b"{}");
    let mut report = manifest(&config, &[]);
    report["subject"] = json!(image);
    let report = layout.put("", report.to_string().as_bytes());
    let gone = descriptor("", b"of another copy");
    layout.write_index(&[(&image, Some("1")), (&report, None), (&gone, None)]);
    let (_dir, file) = packed(&layout);
    let opened = OciLayout::open_archive(file, Some("1")).await.unwrap();
    let referrers = opened.referrers(&"localhost/x:1".parse().unwrap(), &image.digest).await;
    assert!(referrers.missed.is_none(), "{referrers:?}");
    assert_eq!(referrers.found[0].types, ["application/sarif+json"]);
}

#[tokio::test]
async fn a_wrong_prefix_says_the_right_one() {
    let layout = LayoutDir::new();
    let image = layout.put_image(b"layer");
    layout.write_index(&[(&image, Some("1"))]);
    let (_dir, oci) = packed(&layout);
    let (_dir, docker) = archive(&[Member::File("manifest.json", b"[]")]);
    let (_dir, neither) = archive(&[Member::File("x", b"")]);
    let opened = async |prefix: &str, path: &Path| {
        let text = format!("{prefix}:{}", path.display());
        let source: Source = text.parse().unwrap();
        let Err(error) = source.open().await else { panic!("{text}") };
        error.to_string().replace(&path.display().to_string(), "PATH")
    };
    let words = [
        opened("oci", &oci).await,
        opened("oci-archive", layout.path()).await,
        opened("docker-archive", layout.path()).await,
        opened("oci-archive", &docker).await,
        opened("docker-archive", &oci).await,
        opened("oci-archive", &neither).await,
        opened("docker-archive", &neither).await,
        opened("oci-archive", &layout.path().join("index.json")).await,
        opened("oci-archive", &layout.path().join("gone")).await,
        opened("oci", &layout.path().join("gone")).await,
    ];
    insta::assert_snapshot!(words.join("\n"), @r"
    cannot read image from disk: not a folder (hint: for an archive write `oci-archive:FILE`, or `docker-archive:FILE` for one of `docker save`): `PATH`
    cannot read image from disk: a folder, no archive (hint: for a layout folder write `oci:DIR[:TAG]`): `PATH`
    cannot read image from disk: a folder, no archive (hint: for a layout folder write `oci:DIR[:TAG]`): `PATH`
    cannot read image from disk: not an OCI archive: there is no `index.json` (hint: it is one of `docker save`, `docker-archive:FILE`): `PATH`
    cannot read image from disk: not a docker archive: there is no `manifest.json` (hint: it is an OCI layout in an archive, `oci-archive:FILE`): `PATH`
    cannot read image from disk: not an OCI archive: there is no `index.json`: `PATH` (hint: write it anew, with `skopeo copy` or `docker buildx build -o type=oci`)
    cannot read image from disk: not a docker archive: there is no `manifest.json`: `PATH`
    cannot read image from disk: not a tar archive (hint: write one with `docker buildx build -o type=oci,dest=FILE`): `PATH`
    not found: no such file (hint: check the path): `PATH`
    not found: no such folder (hint: check the path): `PATH`
    ");
}

#[test]
fn what_skopeo_packs_is_read() {
    let layout = LayoutDir::new();
    let config = layout.put(
        OCI_CONFIG,
        br#"{"os":"linux","architecture":"amd64","config":{},
        "rootfs":{"type":"layers","diff_ids":[]}}"#,
    );
    let image = layout.put(
        "application/vnd.oci.image.manifest.v1+json",
        manifest(&config, &[]).to_string().as_bytes(),
    );
    layout.write_index(&[(&image, Some("1"))]);
    std::fs::write(layout.path().join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
    let file = layout.path().join("packed.tar");
    let mut skopeo = std::process::Command::new("skopeo");
    skopeo.args(["--insecure-policy", "--tmpdir"]).arg(layout.path()).arg("copy");
    skopeo.arg(format!("oci:{}:1", layout.path().display()));
    skopeo.arg(format!("oci-archive:{}:2", file.display()));
    let output = skopeo.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let image = format!("oci-archive:{}:2", file.display());
    let output = plimsoll().args(["check", "--no-cache", "-o", "json", &image]).output().unwrap();
    let verdict: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&verdict["decision"], &verdict["image"]), (&"allow".into(), &image.into()));
    assert_eq!(verdict["images"][0]["platform"], "linux/amd64");
}

#[tokio::test]
async fn a_layout_lists_what_refers_to_its_images() {
    let layout = LayoutDir::new();
    let (image, other) = (layout.put_image(b"a"), layout.put_image(b"b"));
    let oci = "application/vnd.oci.image.manifest.v1+json";
    let attach = |kind: &str, subject: Option<&Descriptor>| {
        let config = layout.put(kind, b"{}");
        let mut document = manifest(&config, &[]);
        document["subject"] = json!(subject);
        layout.put(oci, document.to_string().as_bytes())
    };
    let report = attach("application/sarif+json", Some(&image));
    let others = attach("application/spdx+json", Some(&other));
    let cosigned = attach("application/x-cosigned", None);
    let mut line = json!(attach("application/x-listed", None));
    line["artifactType"] = json!("application/x-listed");
    let list = json!({"schemaVersion": 2, "manifests": [line]}).to_string();
    let list = layout.put("application/vnd.oci.image.index.v1+json", list.as_bytes());
    let gone = descriptor(oci, b"of another copy");
    let hex = image.digest.hex();
    layout.write_index(&[
        (&image, Some("1")),
        (&other, Some("2")),
        (&report, None),
        (&others, None),
        (&gone, None),
        (&cosigned, Some(&format!("sha256-{hex}.att"))),
        (&list, Some(&format!("sha256-{hex}"))),
    ]);
    let opened = OciLayout::open(layout.path(), Some("1")).await.unwrap();
    let reference = "localhost/x:1".parse().unwrap();
    let types = async |subject: &Descriptor| {
        let referrers = opened.referrers(&reference, &subject.digest).await;
        assert!(referrers.missed.is_none(), "{referrers:?}");
        let types: Vec<_> = referrers.found.into_iter().flat_map(|found| found.types).collect();
        types.join(" ")
    };
    let expected = "application/sarif+json application/x-cosigned application/x-listed";
    assert_eq!(types(&image).await, expected);
    assert_eq!(types(&other).await, "application/spdx+json");
    assert_eq!(types(&report).await, "");

    std::fs::write(layout.blob_path(&report.digest), "damaged").unwrap();
    let referrers = opened.referrers(&reference, &image.digest).await;
    assert!(matches!(referrers.missed, Some(FetchError::Mismatch(_))), "{referrers:?}");
    assert_eq!(referrers.found.len(), 2);
}

#[tokio::test]
async fn a_layout_is_not_searched_without_end() {
    let layout = LayoutDir::new();
    let image = layout.put_image(b"a");
    let padding = "x".repeat(4 * 1024 * 1024 - r#"{"x":""}"#.len());
    let large = layout.put("", format!(r#"{{"x":"{padding}"}}"#).as_bytes());
    assert_eq!(large.size, 4 * 1024 * 1024);
    for (count, expected) in [(7, true), (8, true), (9, false)] {
        let lines = [(&image, Some("1"))].into_iter();
        let lines: Vec<_> = lines.chain(std::iter::repeat_n((&large, None), count)).collect();
        layout.write_index(&lines);
        let opened = OciLayout::open(layout.path(), Some("1")).await.unwrap();
        let reference = "localhost/x:1".parse().unwrap();
        let referrers = opened.referrers(&reference, &image.digest).await;
        assert_eq!(referrers.missed.is_none(), expected, "{count}: {referrers:?}");
    }
}
