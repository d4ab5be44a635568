//! Commands as people write them into Dockerfiles.

use super::*;

fn found(text: &str) -> Vec<&str> {
    find(text, 10).iter().map(|found| &text[found.span.clone()]).collect()
}

#[test]
fn finds_secrets_in_commands() {
    let table: &[(&str, &[&str])] = &[
        (
            "RUN |2 API_TOKEN=qT9vLm4Zr1Xw8Kd2Pb X=1 /bin/sh -c make # buildkit",
            &["qT9vLm4Zr1Xw8Kd2Pb"],
        ),
        ("/bin/sh -c #(nop)  ENV DB_PASSWORD=hunter2secure", &["hunter2secure"]),
        ("export DB_PASSWORD='hunter2secure'; make", &["hunter2secure"]),
        ("docker login -u ci -p hunter2secure r.corp", &["hunter2secure"]),
        ("curl -sSL -u ml:hunter2secure https://nexus.corp/x -o x", &["hunter2secure"]),
        ("twine upload --password hunter2secure dist/*", &["hunter2secure"]),
        ("twine upload --password=hunter2secure dist/*", &["hunter2secure"]),
        ("sshpass -p \"hunter2secure\" ssh x", &["hunter2secure"]),
        ("mysql -uroot -phunter2secure -e 'x'", &["hunter2secure"]),
        ("sshpass -phunter2secure ssh x", &["hunter2secure"]),
        ("curl -uml:hunter2secure https://x", &["hunter2secure"]),
        ("redis-cli -a hunter2secure ping", &["hunter2secure"]),
        ("az login --service-principal -u x -p hunter2secure", &["hunter2secure"]),
        ("echo \"root:hunter2secure\" | chpasswd", &["hunter2secure"]),
        ("vault login qT9vLm4Zr1Xw8Kd2Pb", &["qT9vLm4Zr1Xw8Kd2Pb"]),
        ("ngrok config add-authtoken qT9vLm4Zr1Xw8Kd2Pb", &["qT9vLm4Zr1Xw8Kd2Pb"]),
        ("aws configure set aws_secret_access_key qT9vLm4Zr1Xw8Kd2Pb", &["qT9vLm4Zr1Xw8Kd2Pb"]),
        ("npm config set //npm.corp/:_authToken qT9vLm4Zr1Xw8Kd2Pb", &["qT9vLm4Zr1Xw8Kd2Pb"]),
        ("curl -H 'X-Api-Key: qT9vLm4Zr1Xw8Kd2Pb' https://x", &["qT9vLm4Zr1Xw8Kd2Pb"]),
        ("docker build --build-arg DB_PASSWORD=hunter2secure .", &["hunter2secure"]),
        ("RUN |2 DB_PASSWORD=hunter2 secure X=1 /bin/sh -c make", &["hunter2 secure"]),
        ("/bin/sh -c #(nop)  ENV DB_PASSWORD=hunter2 secure", &["hunter2 secure"]),
        ("ENV DB_PASSWORD=\"hunter2 secure\" A=b", &["hunter2 secure"]),
        ("mysql -uroot -p -e 'x'", &[]),
        ("mkdir -p /opt/mysql -pv", &[]),
        ("kubectl config set clusters.x.server https://y", &[]),
        ("CMD [\"serve\" \"--api-key\" \"qT9vLm4Zr1Xw8Kd2Pb\"]", &["qT9vLm4Zr1Xw8Kd2Pb"]),
        ("docker login -u ci --password-stdin registry.corp:5000", &[]),
        ("wandb login --relogin", &[]),
        ("docker login -p $PASSWORD r.corp", &[]),
        ("gpg --batch --keyserver hkps://keys.openpgp.org --recv-keys \"$GPG_KEY\"", &[]),
        ("mkdir -p /usr/share/keyrings && curl -fsSL https://x/key | gpg --dearmor", &[]),
        ("curl -u \"$USER:$PASS\" https://x", &[]),
        ("ENV GPG_KEY=A035C8C19219BA821ECEA86B64E628F8D684696D", &[]),
        ("cmake -DUSE_TOKEN=ON -DCMAKE_BUILD_TYPE=Release ..", &[]),
        (
            "echo \"d0664fbbdb8c32356d45de36c5984617217b2d0bef41b93ccecd326ba3b80c87 k\" | sha256sum -c",
            &[],
        ),
    ];
    for (text, expected) in table {
        assert_eq!(found(text), *expected, "{text}");
    }
}

#[test]
fn odd_quotes_do_no_harm() {
    for text in ["'", "\"", "=", "a='", "--password", "--password ''", "-u", "curl -u :", "ä=ö \"ü"]
    {
        assert!(found(text).is_empty(), "{text}");
    }
}
