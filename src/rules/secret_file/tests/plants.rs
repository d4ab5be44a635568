//! Secrets planted where people leave them, each with what is asked for. The values are made
//! here: a token written out would make other scanners refuse this file.

use super::super::super::secrets::encoded::tests::standard;
use super::super::super::secrets::private_key::tests::pem;
use super::super::super::secrets::tokens::tests::{BASE62, HEX, LETTERS, github, noise};
use super::{Level, one};

const DENY: Option<Level> = Some(Level::Deny);
const WARN: Option<Level> = Some(Level::Warn);
const PASSWORD: &str = "Winter-Mute9x";

fn check(table: &[(&str, String, Option<Level>)]) {
    for (path, content, expected) in table {
        let sample = one(path, content);
        assert_eq!(sample.level(), *expected, "{path}: {}", sample.words());
    }
}

#[test]
fn credential_files() {
    let (key, hex) = (noise(32, BASE62), noise(40, HEX));
    let auth = standard(format!("ml:{PASSWORD}").as_bytes());
    let p = PASSWORD;
    check(&[
        ("app/.env", format!("DEBUG=1\nDB_PASSWORD={p}\n"), DENY),
        ("app/.ENV", format!("COHERE_API_KEY={key}\n"), DENY),
        ("app/prod.env", format!("export TWILIO_AUTH_TOKEN={}\r\n", noise(32, HEX)), DENY),
        ("app/.env.production", format!("\u{feff}MISTRAL_API_KEY={key}\n"), DENY),
        ("app/.env", format!("# OLD_PASSWORD={p}\n"), WARN),
        ("root/.bashrc", format!("alias ll='ls -l'\nexport WANDB_API_KEY={hex}\n"), DENY),
        ("etc/environment", format!("PATH=/bin\nAPI_SECRET=\"{key}\"\n"), DENY),
        ("root/.npmrc", format!("//npm.corp/:_authToken={key}\n"), DENY),
        ("root/.netrc", format!("machine api.wandb.ai\n  login user\n  password {hex}\n"), DENY),
        ("root/.pypirc", format!("[pypi]\nusername = __token__\npassword = {p}\n"), DENY),
        ("etc/pip.conf", format!("[global]\nindex-url = https://ci:{p}@pypi.corp/simple\n"), DENY),
        ("root/.config/uv/uv.toml", format!("url = \"https://ci:{p}@pypi.corp/simple\"\n"), DENY),
        ("root/.condarc", format!("channels:\n  - https://ml:{p}@conda.corp/x\n"), DENY),
        (
            "root/.docker/config.json",
            format!("{{\"auths\":{{\"r.corp\":{{\"auth\":\"{auth}\"}}}}}}"),
            DENY,
        ),
        ("root/.kube/config", format!("users:\n- name: x\n  user:\n    token: {key}\n"), DENY),
        ("root/.git-credentials", format!("https://ml:{p}@git.corp\n"), DENY),
        (
            "app/.git/config",
            format!("[remote \"o\"]\n\turl = https://x:{}@github.com/o/r\n", github("ghs_")),
            DENY,
        ),
        ("root/.pgpass", format!("db:5432:app:ml:{p}\n"), DENY),
        ("root/.my.cnf", format!("[client]\nuser=ml\npassword={p}\n"), DENY),
        ("etc/redis/redis.conf", format!("port 6379\nrequirepass {p}\n"), DENY),
        ("etc/redis/redis.conf", "port 6379\n# requirepass foobared\n".to_owned(), None),
        ("root/.msmtprc", format!("account x\nuser ml\npassword {p}\n"), DENY),
        ("etc/supervisor/supervisord.conf", format!("[inet_http_server]\npassword={p}\n"), DENY),
    ]);
}

#[test]
fn credential_files_of_programs() {
    let key = noise(32, BASE62);
    let p = PASSWORD;
    check(&[
        ("root/.config/gh/hosts.yml", format!("github.com:\n    oauth_token: {key}\n"), DENY),
        ("root/.cargo/credentials.toml", format!("[registry]\ntoken = \"{key}\"\n"), DENY),
        ("root/.gem/credentials", format!("---\n:rubygems_api_key: {key}\n"), DENY),
        (
            "root/.m2/settings.xml",
            format!("<server><id>x</id><password>{p}</password></server>"),
            DENY,
        ),
        (
            "app/NuGet.Config",
            format!("<x><add key=\"ClearTextPassword\" value=\"{p}\" /></x>"),
            DENY,
        ),
        (
            "root/.composer/auth.json",
            format!("{{\"http-basic\":{{\"x\":{{\"username\":\"ml\",\"password\":\"{p}\"}}}}}}"),
            DENY,
        ),
        ("app/wp-config.php", format!("<?php\ndefine('DB_PASSWORD', '{p}');\n"), DENY),
        ("app/.streamlit/secrets.toml", format!("db_password = \"{p}\"\n"), DENY),
        ("root/.huggingface/token", format!("hf_{}\n", noise(34, LETTERS)), DENY),
        ("root/.modal.toml", format!("[x]\ntoken_secret = \"as-{}\"\n", noise(22, BASE62)), DENY),
        ("root/clearml.conf", format!("api {{\n  \"secret_key\" = \"{key}\"\n}}\n"), DENY),
        ("root/.config/rclone/rclone.conf", format!("secret_access_key = {key}\n"), DENY),
        ("app/terraform.tfstate", format!("{{\"attributes\":{{\"password\":\"{p}\"}}}}"), DENY),
        ("app/prod.auto.tfvars", format!("db_password = \"{p}\"\n"), DENY),
        ("root/.config/vastai/vast_api_key", noise(64, HEX), DENY),
        ("root/.oci/config", format!("[DEFAULT]\npass_phrase={p}\n"), DENY),
        ("root/.bash_history", format!("ls\nmysql -uroot -p{p}\n"), DENY),
        ("root/.python_history", format!("openai.api_key = \"{key}\"\n"), DENY),
        ("app/hf_token.txt", key.clone(), WARN),
        ("etc/shadow", format!("root:*:1:0:::::\nml:$6$abc${key}:1:0:::::\n"), WARN),
        ("etc/shadow", "root:*:1:0:::::\nbin:!:1:0:::::\n".to_owned(), None),
        (
            "root/.config/gcloud/credentials.db",
            format!(
                "SQLite format 3\0\x10\0\u{1}{{\"client_id\": \"x\", \"refresh_token\": \"{key}\"}}"
            ),
            DENY,
        ),
    ]);
}

#[test]
fn notebooks() {
    let (token, key) = (github("ghp_"), noise(32, BASE62));
    let cell = |line: String| {
        let line = serde_json::to_string(&line).unwrap();
        format!("{{\n \"cells\": [\n  {{\n   \"source\": [\n    {line}\n   ]\n  }}\n ]\n}}")
    };
    check(&[
        ("app/a.ipynb", cell(format!("login(\"{token}\")\n")), DENY),
        ("app/a.ipynb", cell(format!("\n{token}\n")), DENY),
        ("app/a.ipynb", cell(format!("\u{1b}[31m{token}\u{1b}[0m")), DENY),
        ("app/a.ipynb", cell(format!("os.environ[\"OPENAI_API_KEY\"] = \"{key}\"\n")), WARN),
        ("app/a.ipynb", cell(format!("%env MISTRAL_API_KEY={key}\n")), WARN),
        ("app/a.ipynb", cell(format!("!export API_TOKEN={key}\n")), WARN),
        ("app/a.ipynb", cell(format!("wandb.login(key=\"{}\")\n", noise(40, HEX))), DENY),
        ("app/a.ipynb", cell("token = get_token(x)\npassword = args.password2\n".into()), None),
        ("app/a.ipynb", cell("os.environ[\"API_KEY\"] = getpass.getpass()\n".into()), None),
    ]);
    let sample = one("app/a.ipynb", cell(format!("login(\"{token}\")\n")));
    assert_eq!(sample.facts[0].as_ref().unwrap().facts[0].line, Some(5));
}

#[test]
fn manifests() {
    let encoded = standard(PASSWORD.as_bytes());
    let p = PASSWORD;
    check(&[
        ("app/k8s/db.yaml", format!("kind: Secret\ndata:\n  password: {encoded}\n"), DENY),
        ("app/k8s/secret.yaml", format!("kind: Secret\ndata:\n  password: {encoded}\n"), DENY),
        ("app/k8s/db.yaml", format!("kind: Secret\nstringData:\n  password: {p}\n"), WARN),
        ("app/k8s/db.yaml", "kind: Secret\ndata:\n  password: Y2hhbmdlbWU=\n".to_owned(), None),
        ("app/k8s/env.yaml", format!("- env:\n  - name: DB_PASSWORD\n    value: {p}\n"), WARN),
        ("app/docker-compose.yml", format!("environment:\n  - DB_PASSWORD={p}\n"), WARN),
        ("app/values.yaml", format!("auth:\n  adminPassword: {p}\n"), WARN),
        ("app/values.yaml", "auth:\n  existingSecretPasswordKey: db-password\n".to_owned(), None),
        ("app/task.json", format!("{{\"name\":\"DB_PASSWORD\",\"value\":\"{p}\"}}"), WARN),
        ("app/secrets.yaml", "password: ENC[AES256_GCM,data:a1b2c3,iv:x,type:str]\n".into(), None),
    ]);
}

#[test]
fn texts_for_people_and_what_only_the_cluster_opens() {
    let (p, token) = (PASSWORD, github("ghp_"));
    let sealed = format!("AgBy{}", noise(600, BASE62));
    let document = |version: &str, kind: &str, rest: &str| {
        format!("apiVersion: {version}\nkind: {kind}\nspec:\n{rest}\n")
    };
    let short = "  encryptedData:\n    password: AgBy3i4OJSWK1secretx";
    let remote = "  data:\n  - secretKey: db-password-2024x\n    remoteRef: {key: prod/Db2024x}";
    let secret = document("v1", "Secret", &format!("stringData:\n  password: {p}"));
    let external = document("external-secrets.io/v1beta1", "ExternalSecret", remote);
    check(&[
        ("app/locales/password.yml", format!("password: {p}\n"), WARN),
        ("app/locale/de/secrets.json", format!("{{\"password\": \"{p}\"}}"), WARN),
        ("app/prompts/secret_santa.txt", format!("Secret: {p}\n"), WARN),
        ("app/locales/password.yml", format!("password: {token}\n"), DENY),
        (
            "app/secrets.baseline.json",
            format!("{{\"hashed_secret\": \"{}\"}}", noise(40, HEX)),
            None,
        ),
        ("app/k8s/sealed-secrets.yaml", format!("password: {sealed}\n"), None),
        (
            "app/k8s/sealed-secrets.yaml",
            document("bitnami.com/v1alpha1", "SealedSecret", short),
            None,
        ),
        ("app/k8s/secrets.yaml", external.clone(), None),
        ("app/k8s/db.yaml", external.clone(), None),
        ("app/k8s/secrets.yaml", format!("{external}---\n{secret}"), DENY),
        ("app/k8s/secrets.yaml", external.replace("external-secrets.io", "apps"), WARN),
        (
            "app/k8s/secrets.yaml",
            external
                .replace("external-secrets.io", "apps")
                .replace("db-password-2024x", &noise(32, BASE62)),
            DENY,
        ),
        ("app/k8s/secrets.yaml", external.replace("prod/Db2024x", &token), DENY),
        ("app/.env", format!("# kind: SealedSecret\nDB_PASSWORD={p}\n"), DENY),
        (
            "app/jupyter_server_config.json",
            "{\"hashed_password\": \"argon2:$argon2id$v=19$x$y\"}".into(),
            WARN,
        ),
        (
            "root/.jupyter/jupyter_notebook_config.py",
            "c.X.password = u'sha1:67c9e60bb8b6:9ffede0825'\n".into(),
            WARN,
        ),
        ("app/prod.tfvars", "credentials_bucket=\"ml-creds-prod-2024-eu\"\n".into(), None),
    ]);
}

#[test]
fn keys_and_logins_of_other_programs() {
    let (p, d) = (PASSWORD, noise(43, BASE62));
    let vpn = |user: &str, password: &str| {
        format!("client\n<auth-user-pass>\n{user}\n{password}\n</auth-user-pass>\n")
    };
    check(&[
        ("app/keys/jwks.json", format!("{{\"kty\":\"EC\",\"crv\":\"P-256\",\"d\":\"{d}\"}}"), DENY),
        (
            "app/tests/jwks.json",
            format!("{{\"kty\":\"EC\",\"crv\":\"P-256\",\"d\":\"{d}\"}}"),
            WARN,
        ),
        ("app/web.config", format!("<add connectionString=\"Server=x;Password={p};\" />"), WARN),
        ("app/office.ovpn", vpn("ml", p), DENY),
        ("app/office.ovpn", vpn("ml", "changeme"), None),
        ("app/office.ovpn", "client\nauth-user-pass\n".to_owned(), None),
        ("app/token.txt", standard(github("ghp_").as_bytes()), WARN),
    ]);
}

#[test]
fn keys_in_every_wrapping() {
    let key = pem("RSA PRIVATE KEY", 1600);
    let indented = key.replace('\n', "\n    ");
    check(&[
        ("root/.ssh/id_rsa", key.clone(), DENY),
        ("app/x.env", format!("KEY=\"{}\"", key.replace('\n', "\\n")), DENY),
        ("app/x.env", format!("KEY=\"{}\"", key.replace('\n', " ")), DENY),
        ("app/x.yaml", format!("key: |\n    {indented}\n"), DENY),
        ("app/x.json", format!("{{\"k\": {}}}", serde_json::to_string(&key).unwrap()), DENY),
        ("app/x.env", format!("KEY_B64={}", standard(key.as_bytes())), DENY),
        ("app/x.txt", key[..900].to_owned(), WARN),
        ("app/x.pem", pem("ENCRYPTED PRIVATE KEY", 1600), WARN),
        ("app/x.pem", pem("CERTIFICATE", 1600), None),
    ]);
}

#[test]
fn other_wrappings() {
    let token = github("ghp_");
    let groq = format!("gsk_{}", noise(52, BASE62));
    let short = |text: &str| format!("z{}{text}N", char::from(u8::try_from(text.len()).unwrap()));
    let pyc = |text: &str| format!("\u{b}\r\r\n{}{}", "\0".repeat(60), short(text));
    check(&[
        ("app/main.pyc", pyc(&token), DENY),
        // Its length, 56, is written as the digit 8.
        ("app/main.pyc", pyc(&groq), DENY),
        ("app/environ", format!("HOME=/root\0TOKEN={token}\0A=1\0"), DENY),
        ("app/build.log", format!("\u{1b}[1;31m{token}\u{1b}[0m\n"), DENY),
        ("app/x.txt", format!("https://x.y/cb?token%3D{token}&x=1\n"), DENY),
        (
            "app/min.js",
            format!("{}b=\"{token}\";{}", "a=1;".repeat(9000), "c=2;".repeat(9000)),
            DENY,
        ),
        ("app/x.cs", format!("s = \"Server=db.corp;Uid=sa;Pwd={PASSWORD};Encrypt=yes\";\n"), WARN),
        ("app/requirements.txt", format!("-i https://ci:{PASSWORD}@pypi.corp/simple\n"), WARN),
        ("app/Dockerfile", format!("RUN curl -u ml:{PASSWORD} https://nexus.corp/x\n"), WARN),
    ]);
}

#[test]
fn the_applications_tests_hide_no_production_token() {
    let token = github("ghp_");
    check(&[
        ("app/testing/prod.env", format!("GITHUB_TOKEN={token}\n"), DENY),
        ("app/tests/.npmrc", format!("//npm.corp/:_authToken={}\n", github("npm_")), DENY),
        ("app/testing/prod.env", format!("DB_PASSWORD={PASSWORD}\n"), WARN),
        ("app/testing/test_api.py", format!("TOKEN = '{token}'\n"), WARN),
        ("app/tests/id_rsa", pem("RSA PRIVATE KEY", 1600), WARN),
        ("app/docs/prod.env", format!("GITHUB_TOKEN={token}\n"), DENY),
        ("app/docs/setup.md", format!("GITHUB_TOKEN={token}\n"), WARN),
        ("usr/src/app/.env", format!("GITHUB_TOKEN={token}\n"), DENY),
        ("usr/src/app/id_rsa", pem("RSA PRIVATE KEY", 1600), DENY),
        ("usr/src/app/tests/.env", format!("GITHUB_TOKEN={token}\n"), DENY),
        ("usr/share/nginx/html/.env", format!("GITHUB_TOKEN={token}\n"), DENY),
        ("usr/share/nginx/html/test/.env", format!("GITHUB_TOKEN={token}\n"), DENY),
        ("usr/lib/python3/dist-packages/x/.env", format!("GITHUB_TOKEN={token}\n"), DENY),
        ("usr/lib/python3/dist-packages/x/tests/.env", format!("T={token}\n"), WARN),
        ("app/node_modules/test/x.env", format!("T={token}\n"), WARN),
        ("app/node_modules/test/x.js", format!("'{token}'\n"), None),
        (
            "usr/lib/python3/dist-packages/x/a.txt",
            format!("AKIA{}", noise(16, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")),
            None,
        ),
    ]);
}

#[test]
fn a_token_cut_by_the_cap_is_none_and_one_before_it_is() {
    const TEXT: usize = 8 << 20;
    let token = github("ghp_");
    for (end, expected) in [(TEXT - 1, DENY), (TEXT, DENY), (TEXT + 1, None)] {
        let mut content = vec![b' '; end - token.len()];
        content.extend(token.as_bytes());
        content.truncate(TEXT);
        assert_eq!(one("app/data.csv", content).level(), expected, "{end}");
    }
}
