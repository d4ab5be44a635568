//! What must be inside before a name counts.

use super::super::named::named;
use super::*;

fn strengths(path: &str, text: &str) -> Option<Strength> {
    let named = named(path).unwrap_or_else(|| panic!("{path} has no gate"));
    gate(named, text, text.as_bytes()).sightings.into_iter().map(|found| found.strength).max()
}

#[test]
fn gates_let_pass_what_holds_nothing() {
    let table = [
        (".env", "DEBUG=1\nDB_PASSWORD=\nAPI_KEY=changeme\nPORT=8080\n"),
        ("root/.docker/config.json", r#"{"credsStore":"ecr-login","auths":{}}"#),
        ("root/.docker/config.json", r#"{"auths":{"https://index.docker.io/v1/":{}}}"#),
        ("root/.npmrc", "registry=https://npm.corp/\n//npm.corp/:_authToken=${NPM_TOKEN}\n"),
        ("root/.netrc", "machine x login y password <token>\n"),
        ("etc/pip.conf", "[global]\nindex-url = https://pypi.corp/simple\n"),
        ("app/.git/config", "[remote \"origin\"]\n\turl = https://github.com/o/r\n"),
        ("root/.kube/config", "clusters: []\nusers: []\n"),
        (
            "root/.aws/credentials",
            "[default]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY\n",
        ),
        ("run/secrets/token", "\n"),
        ("root/.pgpass", "# host:port:db:user:password\n*:*:*:*:${PW}\n"),
        ("root/.bash_history", "ls\nexport TOKEN=$(cat x)\ncd /app\n"),
        ("root/.cache/huggingface/token", ""),
    ];
    for (path, text) in table {
        assert_eq!(strengths(path, text), None, "{path}: {text}");
    }
}

#[test]
fn gates_stop_what_holds_secrets() {
    let strong = Some(Strength::Strong);
    let table = [
        ("app/.env", "DB_PASSWORD=hunter2secure", strong),
        ("app/.env.production", "export API_TOKEN='qT9vLm4Zr1Xw8Kd2Pb'", strong),
        (
            "root/.docker/config.json",
            r#"{"auths":{"r.corp":{"auth":"bWw6aHVudGVyMnNlY3VyZQ=="}}}"#,
            strong,
        ),
        ("root/.npmrc", "//npm.corp/:_authToken=qT9vLm4Zr1Xw8Kd2Pb\n", strong),
        (
            "root/.netrc",
            "machine api.wandb.ai\n  login user\n  password qT9vLm4Zr1Xw8Kd2Pb\n",
            strong,
        ),
        ("etc/pip.conf", "[global]\nindex-url = https://ci:t0psecr3t@pypi.corp/simple\n", strong),
        ("root/.pypirc", "[pypi]\nusername = __token__\npassword = qT9vLm4Zr1Xw8Kd2Pb\n", strong),
        ("app/.git/config", "\textraheader = AUTHORIZATION: basic eDp5cVQ5dkxtNFpyMVh3\n", strong),
        ("app/.git/config", "\turl = https://ml:qT9vLm4Zr1Xw@git.corp/r\n", strong),
        ("root/.git-credentials", "https://ml:qT9vLm4Zr1Xw@git.corp\n", strong),
        (
            "root/.kaggle/kaggle.json",
            r#"{"username":"x","key":"0a1b2c3d4e5f60718293a4b5c6d7e8f9"}"#,
            strong,
        ),
        (
            "x/application_default_credentials.json",
            r#"{"type":"authorized_user","refresh_token":"1//0qT9vLm4Zr1Xw8Kd2Pb"}"#,
            strong,
        ),
        ("run/secrets/hf", "qT9vLm4Zr1Xw8Kd2Pb\n", strong),
        ("root/.vault-token", "s.qT9vLm4Zr1Xw8Kd2Pb", strong),
        ("root/.pgpass", "db:5432:app:ml:Winter-Mute9", strong),
        ("etc/nginx/.htpasswd", "ml:$apr1$x1$yz2345", Some(Strength::Weak)),
        ("root/.bash_history", "docker login -u ml -p hunter2secure r.corp", strong),
    ];
    for (path, text, expected) in table {
        assert_eq!(strengths(path, text), expected, "{path}: {text}");
    }
}
