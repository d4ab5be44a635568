//! Every way to write a pair, and what is none.

use super::*;

fn all(text: &str) -> Vec<(&str, &str, Form)> {
    find(text).pairs.into_iter().map(|pair| (pair.name, pair.value, pair.form)).collect()
}

#[test]
fn pairs_are_read_however_they_are_written() {
    use Form::{Comment, Line, Literal};
    let table = [
        ("API_TOKEN=abc", "API_TOKEN", "abc", Line),
        ("\u{feff}API_TOKEN=abc\r\n", "API_TOKEN", "abc", Line),
        ("A=1\nexport API_TOKEN=abc; make", "API_TOKEN", "abc", Line),
        ("API_TOKEN=abc && make", "API_TOKEN", "abc", Line),
        ("API_TOKEN=a#b # c", "API_TOKEN", "a#b", Line),
        ("API_TOKEN=\"a b\"", "API_TOKEN", "a b", Line),
        ("API_TOKEN='a\"b'", "API_TOKEN", "a\"b", Line),
        ("# API_TOKEN=abc", "API_TOKEN", "abc", Comment),
        ("  api_token: abc  # prod", "api_token", "abc", Line),
        ("  - API_TOKEN=abc", "API_TOKEN", "abc", Line),
        ("api.token = abc", "api.token", "abc", Line),
        ("{\"api_token\":\"abc\"}", "api_token", "abc", Line),
        ("{\"a\": 1, \"api_token\": \"abc\"}", "api_token", "abc", Literal),
        ("f(user='ml', password='abc')", "password", "abc", Literal),
        ("os.environ[\"API_TOKEN\"] = \"abc\"", "API_TOKEN", "abc", Literal),
        ("os.environ.setdefault('API_TOKEN', 'abc')", "API_TOKEN", "abc", Literal),
        ("define('DB_PASSWORD', 'abc');", "DB_PASSWORD", "abc", Line),
        ("    api_key: str = \"abc\"", "api_key", "abc", Line),
        ("x => {secret: `abc`}", "secret", "abc", Literal),
        ("token := \"abc\"", "token", "abc", Line),
        ("token = b\"abc\"", "token", "abc", Line),
        ("  <password>abc</password>", "password", "abc", Line),
        ("<add key=\"DbPassword\" value=\"abc\" />", "DbPassword", "abc", Literal),
        ("- name: DB_PASSWORD\n  value: \"abc\"", "DB_PASSWORD", "abc", Literal),
        ("\"Server=db;Uid=sa;Pwd=abc;\"", "Pwd", "abc", Literal),
        ("https://x.y/z?a=b&token=abc&c=d", "token", "abc", Literal),
        (":rubygems_api_key: abc", "rubygems_api_key", "abc", Line),
        ("- name: DB_PASSWORD\n  value: abc\n", "DB_PASSWORD", "abc", Line),
        ("{\"name\":\"DB_PASSWORD\",\"value\":\"abc\"}", "DB_PASSWORD", "abc", Literal),
        ("   \"export API_TOKEN=abc\\n\",", "API_TOKEN", "abc", Line),
        ("   \"%env API_TOKEN=abc\\n\",", "API_TOKEN", "abc", Line),
        ("\"import os\\nAPI_TOKEN = \\\"abc\\\"\\n\"", "API_TOKEN", "abc", Line),
        ("\"os.environ[\\\"API_TOKEN\\\"] = \\\"abc\\\"\\n\",", "API_TOKEN", "abc", Literal),
        ("\"f(token='abc')\\n\",", "token", "abc", Literal),
    ];
    for (text, name, value, form) in table {
        // In `key="X" value="y"` the word `key` is a name too.
        let last = all(text).pop();
        assert_eq!(last, Some((name, value, form)), "{text}");
        let pairs = find(text).pairs;
        assert!(pairs.iter().all(|pair| text[pair.start..].starts_with(pair.value)), "{text}");
    }
}

#[test]
fn what_is_no_pair_is_none() {
    for text in [
        "if token == \"abc\"",
        "the secret is out",
        "password",
        "password=",
        "token::<T>()",
        "x = token",
        "token = \"\"",
        "call(token)",
        "token(\"abc\")",
        "<password></password>",
        "socks5h://<username>:<password>@proxy-host",
        "(?P<token>[a-z]+)",
        "['key', 'password', 'password_2']",
        "'token', ",
    ] {
        assert_eq!(all(text), [], "{text}");
    }
}

#[test]
fn the_work_on_one_text_is_capped() {
    for (names, flooded) in [(MAX_NAMES - 1, false), (MAX_NAMES, false), (MAX_NAMES + 1, true)] {
        let text = "key ".repeat(names);
        assert_eq!(find(&text).is_flooded, flooded, "{names}");
    }
    // Values overlap only in different quotes, so that all together are little longer than the
    // text.
    for part in [
        "key=",
        "key=\"",
        "key='key=\"",
        "{key={",
        ";key=",
        "\nkey: ",
        "\nexport key=",
        "\\nkey=\\\"",
    ] {
        let text = part.repeat(20_000);
        let values: usize = find(&text).pairs.iter().map(|pair| pair.value.len()).sum();
        assert!(values <= text.len() * 4, "{part}: {values}");
    }
    // One word of the list again and again is one name at a time.
    let text = "key".repeat(1 << 20);
    assert!(find(&text).pairs.is_empty());
}
