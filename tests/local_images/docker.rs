//! Archives as `docker save` writes them, and as nobody should.

use std::io::{Seek as _, SeekFrom};

use super::*;

pub(super) enum Member<'a> {
    File(&'a str, &'a [u8]),
    Symlink(&'a str, &'a str),
    HardLink(&'a str, &'a str),
}

pub(super) fn archive(members: &[Member<'_>]) -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("image.tar");
    let mut tar = tar::Builder::new(std::fs::File::create(&path).unwrap());
    for member in members {
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o644);
        match member {
            Member::File(name, bytes) => {
                header.set_size(bytes.len().try_into().unwrap());
                tar.append_data(&mut header, name, *bytes).unwrap();
            }
            Member::Symlink(name, target) | Member::HardLink(name, target) => {
                header.set_entry_type(match member {
                    Member::Symlink(..) => tar::EntryType::Symlink,
                    _ => tar::EntryType::Link,
                });
                header.set_size(0);
                tar.append_link(&mut header, name, target).unwrap();
            }
        }
    }
    tar.finish().unwrap();
    (dir, path)
}

const CONFIG: &[u8] =
    br#"{"os":"linux","architecture":"arm64","history":[{"created_by":"COPY a /"}]}"#;

#[tokio::test]
async fn an_archive_of_docker_save_is_an_image() {
    let index = br#"[{"Config":"c.json","RepoTags":["ml/app:1"],
        "Layers":["a/layer.tar","b/layer.tar","d/layer.tar"]}]"#;
    let big = vec![9; 300_000];
    let (_dir, path) = archive(&[
        Member::File("a/layer.tar", &big),
        Member::Symlink("b/layer.tar", "../a/layer.tar"),
        Member::HardLink("d/layer.tar", "e/layer.tar"),
        Member::File("e/layer.tar", &[0x1f, 0x8b, 8, 0, 1]),
        Member::File("c.json", CONFIG),
        Member::File("manifest.json", index),
    ]);
    for name in [None, Some("ml/app:1"), Some("docker.io/ml/app:1")] {
        let source = Source::Archive { file: path.clone(), reference: name.map(Into::into) };
        let registry = source.open().await.unwrap().unwrap();
        let found = resolved(&*registry).await;
        let image = &found.images[0];
        assert_eq!(image.platform.to_string(), "linux/arm64");
        assert_eq!(image.defects, Vec::<String>::new());
        let layers = &image.manifest.layers;
        assert_eq!(layers[0].digest, Digest::of(&big));
        assert_eq!(layers[0].digest, layers[1].digest);
        assert!(layers[2].media_type.ends_with("tar+gzip"));
        assert_eq!(read(&*registry, &layers[1]).await.unwrap(), big);
        assert_eq!(read(&*registry, &layers[2]).await.unwrap(), [0x1f, 0x8b, 8, 0, 1]);
        // The same archive has the same digest every time, and can be asked for by it.
        let again = registry.manifest(&"localhost/x:1".parse().unwrap()).await.unwrap();
        assert_eq!(again.digest, found.digest);
        assert!(matches!(Document::parse(&again.bytes), Ok(Document::Manifest(_))));
    }
}

async fn refusal(members: &[Member<'_>], name: Option<&str>) -> String {
    let (dir, path) = archive(members);
    let error = DockerArchive::open(path, name).await.unwrap_err().to_string();
    error.replace(&dir.path().display().to_string(), "DIR")
}

#[tokio::test]
async fn archives_that_lead_astray_are_refused() {
    let index = br#"[{"Config":"c.json","Layers":["l"]}]"#;
    let config = Member::File("c.json", CONFIG);
    let manifest = || Member::File("manifest.json", index);
    let with = |layer: Member<'static>| vec![Member::File("c.json", CONFIG), layer];
    insta::assert_snapshot!(refusal(&[config], None).await, @"cannot read image from disk: not a docker archive: there is no `manifest.json`: `DIR/image.tar`");
    for (layer, reason) in [
        (vec![Member::Symlink("l", "/etc/passwd")], "there is no `etc/passwd`"),
        (vec![Member::Symlink("l", "../../x")], "a link that leads out"),
        (vec![Member::Symlink("l", "l")], "links go round in circles at `l`"),
        (vec![Member::File("l", b"1"), Member::File("./l", b"2")], "two members are called `l`"),
        (vec![], "there is no `l`"),
    ] {
        let mut members = with(manifest());
        members.extend(layer);
        let text = refusal(&members, None).await;
        assert!(text.contains(reason), "{text}");
    }
    let two = br#"[{"Config":"c","RepoTags":["a:1"]},{"Config":"c","RepoTags":["b:2"]}]"#;
    insta::assert_snapshot!(refusal(&[Member::File("manifest.json", two)], None).await, @"not found: 2 images match in `DIR/image.tar` (hint: name one of a:1, b:2)");
    insta::assert_snapshot!(refusal(&[Member::File("manifest.json", b"{}")], None).await, @"cannot read image from disk: not a docker archive: manifest.json: invalid type: map, expected a sequence at line 1 column 0: `DIR/image.tar`");
    let outside = br#"[{"Config":"../../etc/passwd","Layers":[]}]"#;
    insta::assert_snapshot!(refusal(&[Member::File("manifest.json", outside)], None).await, @"cannot read image from disk: not a docker archive: a name that leads out: `DIR/image.tar`");
}

#[tokio::test]
async fn an_archive_cut_short_or_compressed_says_so() {
    let index = br#"[{"Config":"c.json","Layers":["l"]}]"#;
    let (dir, path) = archive(&[
        Member::File("manifest.json", index),
        Member::File("c.json", CONFIG),
        Member::File("l", &[1; 5000]),
    ]);
    let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    file.set_len(file.metadata().unwrap().len() - 4096).unwrap();
    let error = DockerArchive::open(path, None).await.unwrap_err();
    assert!(matches!(error, FetchError::Local(_)), "{error}");

    // None of its bytes are repeated: whoever names the file may not be whoever may read it.
    for text in ["root:x:0:0:root:/root:/bin/bash\n", "secret"] {
        let passwd = dir.path().join("passwd");
        std::fs::write(&passwd, text.repeat(50)).unwrap();
        let error = DockerArchive::open(passwd, None).await.unwrap_err();
        let text = error.to_string().replace(&dir.path().display().to_string(), "DIR");
        insta::allow_duplicates! {
            insta::assert_snapshot!(text, @"cannot read image from disk: not a tar archive (hint: write one with `docker save`): `DIR/passwd`");
        }
    }

    let gz = dir.path().join("image.tar.gz");
    std::fs::File::create(&gz).unwrap().write_all(&[0x1f, 0x8b, 8]).unwrap();
    let error = DockerArchive::open(gz, None).await.unwrap_err().to_string();
    assert!(error.contains("hint: gunzip it first"), "{error}");
}

#[tokio::test]
async fn layers_of_an_archive_are_capped() {
    for (count, is_read) in [(999, true), (1000, true), (1001, false)] {
        let index = json!([{"Config": "c.json", "Layers": vec!["l"; count]}]).to_string();
        let (_dir, path) = archive(&[
            Member::File("manifest.json", index.as_bytes()),
            Member::File("c.json", CONFIG),
            Member::File("l", b"layer"),
        ]);
        assert_eq!(DockerArchive::open(path, None).await.is_ok(), is_read, "{count}");
    }
}

#[tokio::test]
async fn members_of_an_archive_are_capped() {
    for (count, is_read) in [(19_999, true), (20_000, true), (20_001, false)] {
        let index = json!([{"Config": "c.json"}]).to_string();
        let names: Vec<String> = (2..count).map(|number| number.to_string()).collect();
        let mut members: Vec<_> = names.iter().map(|name| Member::File(name, b"")).collect();
        members.push(Member::File("manifest.json", index.as_bytes()));
        members.push(Member::File("c.json", CONFIG));
        let (_dir, path) = archive(&members);
        assert_eq!(DockerArchive::open(path, None).await.is_ok(), is_read, "{count}");
    }
}

/// An archive of one empty image, with a raw member of that type and declared size in front, whose
/// content is given as far as it goes.
fn behind(kind: u8, size: u64, content: &[u8]) -> (TempDir, PathBuf) {
    let (dir, path) = archive(&[
        Member::File("manifest.json", br#"[{"Config":"c.json"}]"#),
        Member::File("c.json", CONFIG),
    ]);
    let image = std::fs::read(&path).unwrap();
    let mut header = tar::Header::new_gnu();
    header.set_path("././@LongLink").unwrap();
    header.set_entry_type(tar::EntryType::new(kind));
    header.set_mode(0o644);
    header.set_size(size);
    header.set_cksum();
    let mut file = std::fs::File::create(&path).unwrap();
    file.write_all(header.as_bytes()).unwrap();
    file.write_all(content).unwrap();
    let end = 512 + size.next_multiple_of(512);
    // Sparse, whatever it claims to hold.
    file.set_len(end).unwrap();
    file.seek(SeekFrom::Start(end)).unwrap();
    file.write_all(&image).unwrap();
    (dir, path)
}

/// GNU long names and PAX headers are read whole: a file of 8 kB on disk asked for 4 GB of memory.
#[tokio::test]
async fn extension_headers_of_an_archive_are_capped() {
    for kind in *b"LKxg" {
        let (_dir, path) = behind(kind, 3 << 30, b"x");
        let error = DockerArchive::open(path, None).await.unwrap_err().to_string();
        let words = "an extension header of 3221225472 bytes (limit 1048576)";
        assert!(error.contains(words), "{error}");
    }
    // Other readers take this type for a file, or for nothing.
    let (_dir, path) = behind(b'7', 5, b"hello");
    let error = DockerArchive::open(path, None).await.unwrap_err().to_string();
    assert!(error.contains("an entry of type `7`"), "{error}");
    let record = |length: usize| format!("{length} comment={:x<1$}\n", "", length - 14);
    for (last, is_read) in [(1023, true), (1024, true), (1025, false)] {
        let records = record(1024).repeat(1023) + &record(last);
        assert_eq!(records.len(), (1 << 20) - 1024 + last);
        let (_dir, path) = behind(b'x', records.len().try_into().unwrap(), records.as_bytes());
        assert_eq!(DockerArchive::open(path, None).await.is_ok(), is_read, "{last}");
    }
    for (bytes, is_read) in [(4095, true), (4096, true), (4097, false)] {
        let (_dir, path) = behind(b'K', bytes, &vec![b'x'; bytes.try_into().unwrap()]);
        assert_eq!(DockerArchive::open(path, None).await.is_ok(), is_read, "{bytes}");
    }
}

/// Contents are passed without being read, and those that are not there are noticed.
#[tokio::test]
async fn contents_of_an_archive_are_not_read() {
    let (_dir, path) = behind(b'0', 1 << 40, b"x");
    assert!(DockerArchive::open(path.clone(), None).await.is_ok());
    let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    for length in [1 << 40, 1 << 20, 513] {
        file.set_len(length).unwrap();
        let error = DockerArchive::open(path.clone(), None).await.unwrap_err().to_string();
        assert!(error.contains("it ends within a member"), "{error}");
    }
}
