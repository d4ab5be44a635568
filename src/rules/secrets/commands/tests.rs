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
        ("cd /x && mysql -uroot -pS3cretPw99 < x.sql", &["S3cretPw99"]),
        ("docker exec -i db mysql -uroot -pS3cretPw99", &["S3cretPw99"]),
        ("mysql -u$(whoami) -pS3cretPw99", &["S3cretPw99"]),
        ("RUN |1 A=b /bin/sh -c sudo -E /usr/bin/sshpass -p S3cretPw99 ssh x", &["S3cretPw99"]),
        ("if ! redis-cli -a S3cretPw99 ping; then false; fi", &["S3cretPw99"]),
        ("CMD [\"redis-cli\" \"-a\" \"S3cretPw99\"]", &["S3cretPw99"]),
        ("helm registry login -u a -p S3cretPw99 r.corp", &["S3cretPw99"]),
        ("adduser ml --password S3cretPw99", &["S3cretPw99"]),
        ("apt-get install -y x && DB_PASSWORD=S3cretPw99 make", &["S3cretPw99"]),
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

#[test]
fn words_of_other_commands_are_no_secrets() {
    for text in [
        "az login --identity && mkdir -p out_v2.1",
        "huggingface-cli login --token $HF_TOKEN && mkdir -p models-v1.5",
        "gcloud auth login --cred-file=/k.json && mkdir -p run2024a",
        "apt-get install -y sshpass git && mkdir -p model-v1.2",
        "apt-get install redis-cli && cp -a models-v1.0 /opt/x",
        "curl -fsSL https://x/i.sh | bash && tar --user root:wheel2024 -xf x",
        "apt-get install mysql && gcc -pthread x.c",
        "apt-get install mysql \\\n  && gcc -pthread x.c",
        "docker login r.corp\nmkdir -p run2024a",
        "sshpass -e scp -p model-v2.1 h:",
        "docker run --name login -p 8080:80 -v /x:/y img",
        "conda install mysql -p /opt/env2024a",
        "adduser --gecos \"\" --disabled-password mluser2024",
        "adduser --disabled-password nemo-user22",
        "adduser --disabled-password appuser",
        "apt-get install sshpass=1.09-1+b1 passwd=1:4.13+dfsg1-3ubuntu3.2",
        "apt-get install -y --no-install-recommends pass=1.7.4-6ubuntu1 pass=1.7.*",
        "apk add --no-cache pass=1.7.4-r5 sshpass=1.10-r0",
        "apt-get install \\\n    passwd=1:4.13+dfsg1-3ubuntu3.2 \\\n    git",
        "helm install x --set auth.existingSecret=ml-secret-prod-01",
        "apt-key adv --recv-key A4B469963BF863CC",
        "wandb login && python3 train.py",
        "wandb login || true",
        "train.py --placeholder_token '<cat-toy2>' --initializer_token toy",
        "vllm serve --api-key token-abc123",
        "echo $PW | docker login -u a --password-stdin r.corp",
        "cat /run/secrets/pw-2024 | docker login -u a --password-stdin",
        "aws ecr get-login-password | docker login --password-stdin r-2024.corp",
        "gh auth login --with-token < token-2024.txt",
        "openssl genrsa -passout pass: -out x1.pem",
        "echo 'machine x login y password $PW' > /root/.netrc",
        "htpasswd -c /etc/x user2024 other2024",
        "mc alias set m https://minio $USER $KEY",
        "keytool -importcert -alias ca -file ca1.pem -storepass changeit -noprompt",
    ] {
        assert!(found(text).is_empty(), "{text}: {:?}", found(text));
    }
}

#[test]
fn finds_what_programs_read_and_take() {
    for text in [
        "echo VALUE | docker login -u a --password-stdin r.corp",
        "echo -n 'VALUE' | podman login --password-stdin r.corp",
        "printf '%s' VALUE | docker login --password-stdin",
        "docker login --password-stdin <<< VALUE",
        "docker login -u a -pVALUE",
        "poetry config http-basic.corp me VALUE",
        "poetry config pypi-token.corp VALUE",
        "npm config set //r/:_authToken=VALUE",
        "npm config set //r/:_authToken VALUE",
        "echo 'machine x login y password VALUE' > /root/.netrc",
        "printf 'machine x\\nlogin y\\npassword VALUE\\n' > /root/.netrc",
        "mc alias set m https://minio admin VALUE",
        "dvc remote modify --local origin secret_access_key VALUE",
        "twine upload -p VALUE dist/*",
        "htpasswd -bc /etc/x me VALUE",
        "htpasswd -nb me VALUE > /etc/x",
        "openssl rsa -in k -passin pass:VALUE",
        "keytool -importcert -storepass VALUE -noprompt",
        "curl -sSLu me:VALUE https://x",
        "curl -sSLume:VALUE https://x",
        "curl -H 'X-JFrog-Art-Api: VALUE' https://x",
        "echo VALUE | passwd --stdin root",
        "echo VALUE | sudo -S apt-get update",
        "gh auth login --with-token <<< VALUE",
        "gh auth login --with-token <<<\"VALUE\"",
        "smbclient //s/x -U me%VALUE",
        "wandb login --relogin VALUE",
    ] {
        let value = "Hunter2secure00x9Q";
        let text = text.replace("VALUE", value);
        assert_eq!(found(&text), [value], "{text}");
        assert!(!crate::rules::secrets::redact(&text).contains(value), "{text}");
    }
}
