//! Configurations that pass, that fail, and that hide.

use super::super::secrets::tokens::tests::{BASE62, LETTERS, github, noise};
use super::super::testing::Sample;
use super::*;

#[test]
fn ordinary_base_images_pass() {
    let sample = Sample::of(&SecretConfig)
        .env(&[
            "PATH=/usr/local/nvidia/bin:/usr/local/cuda/bin:/usr/bin",
            "GPG_KEY=A035C8C19219BA821ECEA86B64E628F8D684696D",
            "GPG_KEYS=528995BFEDFBA7191D46839EF9BA0ADA31CBD89E 39B641343D8C104B2B146DC3F9C39DC0B9698544",
            "PYTHON_SHA256=c909157bb25ec114e5869124cc2a9c4a4d4c1e957ca4ff553f1edc692101154e",
            "PYTHON_GET_PIP_URL=https://github.com/pypa/get-pip/raw/def4aec84b261b939137dd1c69eff0aabb4a7bf4/public/get-pip.py",
            "NVIDIA_REQUIRE_CUDA=cuda>=12.8 brand=unknown,driver>=470,driver<471",
            "NVIDIA_GPGKEY_SUM=d0664fbbdb8c32356d45de36c5984617217b2d0bef41b93ccecd326ba3b80c87",
            "NV_CUDNN_PACKAGE=libcudnn9-cuda-12=9.7.0.66-1",
            "TOKENIZERS_PARALLELISM=false",
            "MAX_TOKENS=4096",
            "OPENAI_API_KEY=EMPTY",
            "ANTHROPIC_API_KEY=",
            "HF_TOKEN=${HF_TOKEN}",
            "HF_TOKEN_PATH=/run/secrets/hf_token_2026",
            "KEYCLOAK_URL=https://sso.corp/realms/ml",
            "ACCESS_LOG=/dev/stdout",
            "APT_KEY_DONT_WARN_ON_DANGEROUS_USAGE=DontWarn1",
            "PIP_NO_CREDENTIALS=0",
            "PIP_INDEX_URL=https://pypi.corp/simple",
            "DATABASE_URL=postgresql://postgres:postgres@localhost:5432/postgres",
            "SSH_AUTH_SOCK=/tmp/agent.12345678",
            "RABBITMQ_PGP_KEY_ID=0x0A9AF2115F4687BD29803A206B73A36E6026DFCA",
            "AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE",
            "PWD=/workspace/project1",
        ])
        .label("org.opencontainers.image.revision", "0a1b2c3d4e5f60718293a4b5c6d7e8f901234567")
        .label("maintainer", "NVIDIA CORPORATION <cudatools@nvidia.com>")
        .step("/bin/sh -c #(nop)  ARG TARGETARCH")
        .unread("RUN |1 TARGETARCH=amd64 /bin/sh -c apt-get update && apt-get install -y --no-install-recommends gnupg2 curl ca-certificates && curl -fsSLO https://developer.download.nvidia.com/compute/cuda/repos/ubuntu2204/${NVARCH}/cuda-keyring_1.1-1_all.deb && NVIDIA_GPGKEY_SUM=d0664fbbdb8c32356d45de36c5984617217b2d0bef41b93ccecd326ba3b80c87 && echo \"$NVIDIA_GPGKEY_SUM cuda.pub\" | sha256sum -c # buildkit", 10)
        .unread("RUN /bin/sh -c set -eux; for key in 4ED778F539E3634C779C87C6D7062848A1AB005C; do gpg --batch --keyserver hkps://keys.openpgp.org --recv-keys \"$key\"; done", 10)
        .unread("RUN --mount=type=secret,id=token TOKEN=$(cat /run/secrets/token) make", 10);
    assert_eq!(sample.words(), "");
}

#[test]
fn secrets_are_refused_and_never_shown() {
    let token = format!("hf_{}", noise(34, LETTERS));
    let key = noise(24, BASE62);
    let table = [
        format!("HF_TOKEN={token}"),
        format!("HARMLESS={token}"),
        format!("SERVICE_API_KEY={key}"),
        "DB_PASSWORD=hunter2secure".to_owned(),
        "PIP_EXTRA_INDEX_URL=https://ci:t0psecr3t@pypi.corp/simple".to_owned(),
        "HTTPS_PROXY=http://svc:W1nter2026@proxy.corp:3128".to_owned(),
    ];
    for pair in &table {
        let sample = Sample::of(&SecretConfig).env(&[pair]);
        assert_eq!(sample.level(), Some(Level::Deny), "{pair}");
        let value = pair.split_once('=').unwrap().1;
        assert!(!sample.words().contains(value), "{pair}");
        assert!(!sample.words().contains("t0psecr3t"));
    }
    insta::assert_snapshot!(Sample::of(&SecretConfig).env(&[&table[3]]).words(), @r"
    deny: environment variable `DB_PASSWORD` holds a secret value (13 characters, fingerprint eaf5166a)
      fix: remove it from the Dockerfile and pass it when the container starts (Kubernetes `valueFrom.secretKeyRef`, `docker run --env-file`); revoke the value, it must be taken as known
    ");
}

#[test]
fn build_arguments_are_found_in_the_history() {
    let token = github("ghp_");
    let sample = Sample::of(&SecretConfig)
        .step(&format!("ARG GH_TOKEN={token}"))
        .unread("COPY . . # buildkit", 1)
        .unread(&format!("RUN |2 GH_TOKEN={token} V=1 /bin/sh -c pip install x # buildkit"), 1);
    let findings = sample.findings();
    assert_eq!(findings.len(), 1, "one secret, one finding");
    let layer = findings[0].layer.as_ref().unwrap();
    assert_eq!(layer.index, 1);
    assert_eq!(
        layer.created_by.as_deref(),
        Some("RUN |2 GH_TOKEN=*** V=1 /bin/sh -c pip install x # buildkit")
    );
    let shown = serde_json::to_string(&findings).unwrap();
    assert!(!shown.contains(&token));
    insta::with_settings!({filters => vec![(r"fingerprint [0-9a-f]{8}", "fingerprint F")]}, {
        insta::assert_snapshot!(sample.words(), @r"
        deny: step 1 of the build history holds a GitHub token (40 characters, fingerprint F); also in step 3 of the build history
          fix: use a build secret, `RUN --mount=type=secret,id=token`, which leaves no trace in the history as ARG and ENV do; revoke the value, it must be taken as known
        ");
    });
}

#[test]
fn hiding_in_commands_labels_and_annotations_does_not_help() {
    let key = noise(24, BASE62);
    let token = github("gho_");
    let label = Sample::of(&SecretConfig).label("build.info", &format!("x={token};y"));
    assert_eq!(label.level(), Some(Level::Deny));
    let mut command = Sample::of(&SecretConfig);
    command.image.config.entrypoint = ["serve", "--api-key", &key].map(str::to_owned).to_vec();
    assert_eq!(command.level(), Some(Level::Deny));
    let mut annotation = Sample::of(&SecretConfig);
    annotation.image.manifest.annotations.insert("ci.token".into(), key);
    assert_eq!(annotation.level(), Some(Level::Deny));
}

#[test]
fn hiding_where_nothing_is_run_does_not_help() {
    let token = github("gho_");
    let hide: [fn(&mut Image, String); 10] = [
        |image, token| image.config.healthcheck = vec!["CMD".into(), token],
        |image, token| image.config.on_build = vec![format!("RUN TOKEN={token} make")],
        |image, token| image.config.shell = vec!["sh".into(), token],
        |image, token| image.config.build_env = vec![format!("X={token}")],
        |image, token| image.config.build_cmd = vec!["sh".into(), token],
        |image, token| image.config.author = token,
        |image, token| image.config.history[0].comment = token,
        |image, token| image.config.history[0].author = token,
        |image, token| {
            image.manifest.layers[0].annotations.insert("x".into(), token);
        },
        |image, token| {
            image.manifest.config.annotations.insert("x".into(), token);
        },
    ];
    for (at, hide) in hide.into_iter().enumerate() {
        let mut sample = Sample::of(&SecretConfig).unread("COPY . .", 1);
        assert_eq!(sample.level(), None);
        hide(&mut sample.image, token.clone());
        assert_eq!(sample.level(), Some(Level::Deny), "{at}");
        assert!(!sample.words().contains(&token));
    }
}

#[test]
fn ordinary_remarks_pass() {
    let mut sample = Sample::of(&SecretConfig).unread("COPY . .", 1);
    let config = &mut sample.image.config;
    config.healthcheck =
        vec!["CMD-SHELL".into(), "curl -f http://localhost:8080/health || exit 1".into()];
    config.on_build = vec![
        "COPY requirements.txt /tmp/".into(),
        "RUN pip install -r /tmp/requirements.txt".into(),
    ];
    config.shell = vec!["/bin/bash".into(), "-o".into(), "pipefail".into(), "-c".into()];
    config.author = "NVIDIA CORPORATION <cudatools@nvidia.com>".into();
    config.history[0].comment = "buildkit.dockerfile.v0".into();
    config.history[0].author = "Bazel <https://github.com/bazelbuild/rules_oci>".into();
    sample.image.manifest.layers[0].annotations.extend([
        ("containerd.io/snapshot/stargz/toc.digest".into(), format!("sha256:{}", "a1".repeat(32))),
        ("buildkit/rewritten-timestamp".into(), "1700000000".into()),
        ("io.github.containers.zstd-chunked.manifest-position".into(), "123:456:789:1".into()),
    ]);
    assert_eq!(sample.words(), "");
}

#[test]
fn doubt_is_a_warning() {
    for pair in ["DB_PASSWORD=wintermute", "FERNET_KEY=qT9vLm4Zr1Xw8Kd2Pb"] {
        assert_eq!(Sample::of(&SecretConfig).env(&[pair]).level(), Some(Level::Warn), "{pair}");
    }
}

#[test]
fn doubtful_values_push_no_sure_one_out() {
    let pairs: Vec<String> = (b'a'..=b'z')
        .flat_map(|a| (b'a'..=b'f').map(move |b| (char::from(a), char::from(b))))
        .map(|(a, b)| format!("K{a}{b}_PASSWORD=wintermute{a}{b}"))
        .collect();
    let mut pairs: Vec<&str> = pairs.iter().map(String::as_str).collect();
    pairs.push("LAST_PASSWORD=hunter2secure");
    let sample = Sample::of(&SecretConfig).env(&pairs);
    assert!(sample.words().contains("LAST_PASSWORD"));
    assert_eq!(sample.findings().len(), 100);
}

#[test]
fn the_number_of_findings_is_capped() {
    for (count, expected) in [(99, 99), (100, 100), (101, 100)] {
        let pairs: Vec<String> =
            (0..count).map(|n| format!("K{n}_PASSWORD=hunter2secure{n}")).collect();
        let pairs: Vec<&str> = pairs.iter().map(String::as_str).collect();
        assert_eq!(Sample::of(&SecretConfig).env(&pairs).findings().len(), expected);
    }
}

#[test]
fn every_channel_is_read_however_it_is_written() {
    let (key, p) = (noise(32, BASE62), "Winter-Mute9x");
    let env = [
        format!("DB_PASSWORD=\"{p}\""),
        format!("UV_INDEX_PRIVATE_PASSWORD={p}"),
        format!("UV_INDEX_URL=https://ci:{p}@pypi.corp/simple"),
        format!("PIP_EXTRA_INDEX_URL=https://pypi.org/simple https://ci:{p}@pypi.corp/simple"),
        format!("MLFLOW_TRACKING_URI=https://ml:{p}@mlflow.corp"),
        format!("http_proxy=http://svc:{p}@proxy.corp:3128"),
        format!("ANYTHING=postgresql+asyncpg://ml:{p}@db:5432/app"),
        format!("MISTRAL_API_KEY={key}"),
        format!("JAVA_OPTS=-Xmx1g -Djavax.net.ssl.keyStorePassword={p}"),
        format!("SPRING_APPLICATION_JSON={{\"spring\":{{\"password\":\"{p}\"}}}}"),
        format!("DB_CONNECTION=Server=db.corp;Uid=sa;Pwd={p};Encrypt=yes"),
    ];
    for pair in &env {
        let sample = Sample::of(&SecretConfig).env(&[pair]);
        assert_eq!(sample.level(), Some(Level::Deny), "{pair}");
        assert!(!sample.words().contains(p) && !sample.words().contains(&key), "{pair}");
    }
    let steps = [
        format!("RUN |2 API_TOKEN={key} OTHER=x /bin/sh -c make # buildkit"),
        format!("RUN |1 MODE=a b DB_PASSWORD={p} /bin/bash -c make # buildkit"),
        format!("|1 DB_PASSWORD={p} /bin/sh -c make"),
        format!("/bin/sh -c #(nop)  ENV API_TOKEN={key} A=b"),
        format!("/bin/sh -c #(nop)  ARG DB_PASSWORD={p}"),
        format!("RUN /bin/sh -c echo '{{\"api_key\": \"{key}\"}}' > /app/c.json # buildkit"),
        format!("RUN /bin/sh -c wandb login {} # buildkit", noise(40, "0123456789abcdef")),
        format!("RUN /bin/sh -c echo root:{p} | chpasswd # buildkit"),
        format!("CMD [\"serve\" \"--api-key\" \"{key}\"]"),
        format!("LABEL ci.token={key}"),
    ];
    for step in &steps {
        let sample = Sample::of(&SecretConfig).unread(step, 1);
        assert_eq!(sample.level(), Some(Level::Deny), "{step}");
        let shown = serde_json::to_string(&sample.findings()).unwrap();
        assert!(!shown.contains(p) && !shown.contains(&key), "{step}: {shown}");
    }
}

#[test]
fn a_value_with_blanks_is_shown_in_no_part() {
    let step = "RUN |2 DB_PASSWORD=Winter9 Mute X=1 /bin/sh -c make # buildkit";
    let sample = Sample::of(&SecretConfig).unread(step, 1);
    assert_eq!(sample.level(), Some(Level::Warn), "words with blanks may be a sentence");
    let place = sample.findings()[0].layer.clone().unwrap();
    let shown = place.created_by.unwrap();
    assert_eq!(shown, "RUN |2 DB_PASSWORD=*** X=1 /bin/sh -c make # buildkit");
}

#[test]
fn keys_that_go_into_web_pages_are_doubtful() {
    let key = format!("AIza{}", noise(35, BASE62));
    for (name, expected) in
        [("VITE_FIREBASE_API_KEY", Level::Warn), ("GEMINI_API_KEY", Level::Deny)]
    {
        let pair = format!("{name}={key}");
        let sample = Sample::of(&SecretConfig).env(&[&pair]).step(&format!("ENV {pair} A=b"));
        assert_eq!(sample.level(), Some(expected), "{name}");
        assert_eq!(sample.findings().len(), 1, "{name}");
    }
}
