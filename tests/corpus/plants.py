"""The plants: one secret, model or toolkit each, in the place and the wrapping it would have in a real image.

Every plant says which rule has to name it, and where: a path, or words of the message for what has none. `deny` plants
must be refused; `warn` plants lie where an ordinary image has the same, and must at least be warned about.
"""

import base64
import hashlib
import json
import marshal
import random
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable

import apps
import heads
import values
from heads import MIB
from layout import Image, LayerWriter
from packages import SITE, kept
from values import Values

SECRET, CONFIG, WEIGHTS, TOOLKIT = "secret-file", "secret-config", "model-weights", "cuda-devel"
HERE = Path(__file__).parent


@dataclass
class Plant:
    """One plant and what has to be said of it."""

    id: str
    rule: str
    named: tuple[str, ...]  # any of them, in the finding's path or message
    write: Callable[[LayerWriter], None] | None = None
    above: Callable[[LayerWriter], None] | None = None  # a later layer, which hides it
    configure: Callable[[Image], None] | None = None
    level: str = "deny"
    said: str = "COPY . /app # buildkit"

    def put(self, image: Image) -> None:
        """Builds the plant into an image with an ordinary application."""
        image.run("WORKDIR /app")
        image.run("COPY requirements.txt app ./ # buildkit", kept("plant-application", application))
        for at, write in enumerate((self.write, self.above)):
            if write:
                text = self.said if at == 0 else "RUN /bin/sh -c make clean # buildkit"
                image.run(text, kept(f"plant-{self.id}-{at}", written(write)))
        if self.configure:
            self.configure(image)


def written(write: Callable[[LayerWriter], None]):
    """A layer that `write` fills."""

    def make(path: Path) -> None:
        with LayerWriter(path) as layer:
            write(layer)

    return make


def application(path: Path) -> None:
    """The same application below every plant."""
    with LayerWriter(path) as layer:
        for place, content in apps.files("planted", ["fastapi==0.121.0", "torch==2.9.0"], "python").items():
            layer.file(place, content)


def fingerprint() -> str:
    """Changes with everything that decides what the planted images hold."""
    sources = [HERE / name for name in ("plants.py", "values.py", "heads.py", "layout.py", "apps.py", "build.py")]
    return hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()


PLANTS: list[Plant] = []


def file(id_: str, path: str, content, rule: str = SECRET, level: str = "deny", **more) -> None:
    """A plant that is one file. `content` gets the plant's values and gives text or bytes, as late as possible."""

    def write(layer: LayerWriter) -> None:
        layer.file(path, content(Values(id_)), 0o600 if rule == SECRET else 0o644)

    PLANTS.append(Plant(id_, rule, (path,), write, level=level, **more))


def text(id_: str, path: str, template: str, kind: str, **more) -> None:
    """A text with `{}` where the value of that kind goes."""
    file(id_, path, lambda v: template.replace("{}", str(getattr(v, kind)())), **more)


def named(id_: str, path: str, template: str, count: int, **more) -> None:
    """A text with a value that only its name gives away."""
    file(id_, path, lambda v: template.replace("{}", v.of_name(count)), **more)


# --- Secrets in files: providers ------------------------------------------------------------------

text("hf-env", "app/.env", "LOG_LEVEL=info\nHF_TOKEN={}\nPORT=8000\n", "hugging_face")
text("hf-cache-token", "root/.cache/huggingface/token", "{}", "hugging_face")
text("hf-stored-tokens", "home/ml/.cache/huggingface/stored_tokens", "[prod]\nhf_token = {}\n", "hugging_face")
text("hf-source", "app/train.py", 'from huggingface_hub import login\n\nlogin(token="{}")\n', "hugging_face")
text("openai-yaml", "app/config/prod.yaml", "llm:\n  provider: openai\n  api_key: {}\n", "openai")
text("openai-systemd", "etc/systemd/system/app.service", "[Service]\nEnvironment=OPENAI_API_KEY={}\n", "openai")
text("anthropic-source", "app/src/client.py", 'client = Anthropic(api_key="{}")\n', "anthropic")
file("wandb-netrc", "root/.netrc", lambda v: f"machine api.wandb.ai\n  login user\n  password {v.hex(40)}\n")
file("wandb-env", "app/.env.production", lambda v: f"WANDB_PROJECT=churn\nWANDB_API_KEY={v.hex(40)}\n")
text("nvidia-script", "app/start.sh", "#!/bin/sh\nexport NVIDIA_API_KEY={}\nexec python main.py\n", "nvidia")
named("ngc-config", "root/.ngc/config", "[CURRENT]\napikey = {}\nformat_type = ascii\n", 84)
file("replicate-toml", "app/settings.toml", lambda v: f'[replicate]\napi_token = "r8_{v.of_name(37)}"\n')
file("databricks-cfg", "root/.databrickscfg", lambda v: f"[DEFAULT]\nhost = https://adb-1.azuredatabricks.net\ntoken = dapi{v.hex(32)}\n")
file("groq-json", "app/config/llm.json", lambda v: json.dumps({"provider": "groq", "api_key": f"gsk_{v.of_name(52)}"}))
named("cohere-env", "app/.env.local", "COHERE_API_KEY={}\n", 40)
file("mistral-env", "srv/api/prod.env", lambda v: f"MISTRAL_API_KEY={v.of_name(32)}\n")
file("kaggle-json", "root/.kaggle/kaggle.json", lambda v: json.dumps({"username": "ml", "key": v.hex(32)}))
text("notebook-output", "app/notebooks/train.ipynb",
     '{"cells":[{"cell_type":"code","source":["!env"],"outputs":[{"output_type":"stream","text":["HOME=/root\\n","HF_TOKEN={}\\n"]}]}],"nbformat":4}',
     "hugging_face")  # fmt: skip

# --- Secrets in files: code hosts, packages, registries --------------------------------------------

text("github-requirements", "app/requirements-private.txt", "numpy==2.4.6\nchurn @ git+https://{}@github.com/acme/churn.git@v3\n", "github")
text("github-fine-script", "app/scripts/release.sh", "gh auth login --with-token <<< {}\n", "github_fine")
text("gitlab-pip-conf", "etc/pip.conf", "[global]\nextra-index-url = https://oauth2:{}@gitlab.acme.internal/api/v4/pypi/simple\n", "gitlab")
text("npmrc-unquoted", "root/.npmrc", "//registry.npmjs.org/:_authToken={}\n", "npm")
text("pypirc", "root/.pypirc", "[pypi]\nusername = __token__\npassword = {}\n", "pypi")
text("git-credentials", "root/.git-credentials", "https://ml-bot:{}@github.com\n", "github")
file("git-extraheader", "app/.git/config", lambda v: '[http "https://github.com/"]\n\textraheader = AUTHORIZATION: basic '
     + base64.b64encode(f"x-access-token:{v.github()}".encode()).decode() + "\n")  # fmt: skip
text("git-remote", "srv/checkout/.git/config", '[remote "origin"]\n\turl = https://ci:{}@git.acme.internal/ml/churn.git\n', "password")
file("docker-login", "root/.docker/config.json", lambda v: json.dumps(
    {"auths": {"registry.acme.internal": {"auth": base64.b64encode(f"ci:{v.password()}".encode()).decode()}}}))  # fmt: skip
file("condarc", "root/.condarc", lambda v: f"channels:\n  - https://ci:{v.password()}@conda.acme.internal/t/ml\n")
text("dockerfile", "app/Dockerfile", "FROM python:3.12-slim\nENV HF_TOKEN={}\nCOPY . /app\n", "hugging_face")
text("compose-token", "app/docker-compose.prod.yml", "services:\n  app:\n    environment:\n      HF_TOKEN: {}\n", "hugging_face")

# --- Secrets in files: clouds, data bases, services --------------------------------------------------

file("aws-credentials", "root/.aws/credentials", lambda v: "[default]\naws_access_key_id = %s\naws_secret_access_key = %s\n" % v.aws())
file("aws-source", "app/upload.py", lambda v: 'boto3.client("s3", aws_access_key_id="%s", aws_secret_access_key="%s")\n' % v.aws())
file("gcp-service-account", "app/service-account.json", values.service_account)
file("gcp-user", "root/.config/gcloud/application_default_credentials.json", lambda v: json.dumps(
    {"client_id": "764086051850.apps.googleusercontent.com", "client_secret": "d-" + v.of_name(22),
     "refresh_token": "1//0" + v.of_name(100), "type": "authorized_user"}))  # fmt: skip
file("google-api-key", "app/static/maps.js", lambda v: f'const maps = {{key: "AI{"za"}Sy{v.of(values.URL_SAFE, 33)}"}};\n')
text("azure-storage", "app/config/azure.json", '{"storage": {"connection_string": "{}"}}', "azure_storage")
file("kubeconfig", "root/.kube/config", lambda v: "users:\n- name: admin\n  user:\n    client-key-data: "
     + base64.b64encode(values.rsa_traditional().encode()).decode() + "\n")  # fmt: skip
text("slack-alerts", "app/alerts.yaml", "slack:\n  channel: ml\n  bot_token: {}\n", "slack")
file("stripe-source", "app/billing/config.py", lambda v: f'STRIPE_KEY = "sk_li{"ve"}_{v.of_name(32)}"\n')
file("sendgrid-ini", "app/mail.ini", lambda v: f"[mail]\nuser = apikey\npass = SG.{v.of_name(22)}.{v.of_name(43)}\n")
file("vault-token", "root/.vault-token", lambda v: f"hvs.{v.of_name(95)}")
text("database-url", "app/.env.staging", "DATABASE_URL=postgresql://app:{}@db.acme.internal:5432/app\n", "password")
text("supabase-jwt", "app/web/.env", "SUPABASE_SERVICE_ROLE_KEY={}\n", "jwt")
text("pgpass", "root/.pgpass", "db.acme.internal:5432:app:ml:{}\n", "password")
text("my-cnf", "root/.my.cnf", "[client]\nuser=ml\npassword={}\n", "password")
text("tfvars", "infra/terraform.tfvars", 'region = "eu-central-1"\ndb_password = "{}"\n', "password")
text("tfstate", "infra/terraform.tfstate", '{"version": 4, "resources": [{"type": "aws_db_instance", "instances": [{"attributes": {"password": "{}"}}]}]}', "password")
text("streamlit-secrets", "app/.streamlit/secrets.toml", '[db]\nuser = "ml"\npassword = "{}"\n', "password")
file("rclone", "root/.config/rclone/rclone.conf", lambda v: "[s3]\ntype = s3\naccess_key_id = %s\nsecret_access_key = %s\n" % v.aws())
file("kubernetes-secret", "app/deploy/secret.yaml", lambda v: "apiVersion: v1\nkind: Secret\nmetadata: {name: app}\ndata:\n  HF_TOKEN: "
     + base64.b64encode(v.hugging_face().encode()).decode() + "\n")  # fmt: skip

# --- Private keys ----------------------------------------------------------------------------------

file("rsa-key", "root/.ssh/id_rsa", lambda v: values.rsa_traditional())
file("ec-key", "app/tls/server.key", lambda v: values.ec())
file("openssh-key", "home/ml/.ssh/id_ed25519", lambda v: values.ssh("ed25519"))
file("deploy-key", "app/deploy_key", lambda v: values.ssh("rsa"))
file("pkcs8-key", "app/keys/jwt.pem", lambda v: values.rsa_pkcs8())
file("pkcs8-der", "etc/ssl/private/api.key", lambda v: values.rsa_der())
file("pkcs12", "app/certs/client.p12", lambda v: values.pkcs12())
file("jks", "app/keystore.jks", values.jks)
file("putty", "home/ml/build.ppk", lambda v: values.putty())
file("key-in-env", "srv/app/.env", lambda v: 'JWT_PRIVATE_KEY="' + values.rsa_pkcs8().replace("\n", "\\n") + '"\n')


def gnupg(layer: LayerWriter) -> None:
    """gpg names the file by the key."""
    name, content = values.gnupg()
    layer.file(f"root/.gnupg/private-keys-v1.d/{name}", content, 0o600)


PLANTS.append(Plant("gnupg-key", SECRET, ("root/.gnupg/private-keys-v1.d/",), gnupg))

# --- Secrets in odd places and wrappings -------------------------------------------------------------

text("testing-env", "app/testing/prod.env", "HF_TOKEN={}\n", "hugging_face", level="warn")
text("bash-history", "root/.bash_history", "cd /app\ndocker login -u ci -p {} registry.acme.internal\nls\n", "password")
text("python-history", "root/.python_history", 'import openai\nopenai.api_key = "{}"\n', "openai")
text("crontab", "var/spool/cron/crontabs/root", '0 3 * * * curl -H "Authorization: Bearer {}" https://hub.acme.internal\n', "hugging_face")
text("build-log", "var/log/build.log", "Step 4/9 : RUN git clone https://{}@github.com/acme/models\n", "github")
text("profile", "etc/profile.d/app.sh", "export ANTHROPIC_API_KEY={}\n", "anthropic")
file("utf-16", "app/deploy.ps1", lambda v: f"\ufeff$env:OPENAI_API_KEY = '{v.openai()}'\r\n".encode("utf-16-le"))
file("bom-crlf", "app/win/.env", lambda v: f"\ufeffMODE=prod\r\nDB_PASSWORD={v.password()}\r\n".encode())
file("nul-byte", "app/config/app.conf", lambda v: b"version=3\n\x00\ntoken=" + v.github().encode() + b"\n")
file("one-line", "app/static/bundle.js", lambda v: ";a=b.c(d);" * 150_000 + f'k="{v.openai()}"' + ";a=b.c(d);" * 150_000)
file("late-in-file", "app/data/requests.log", lambda v: "GET /healthz 200\n" * 700_000 + f"Authorization: token {v.github()}\n")
file("tar-of-home", "app/backup/home.tar", lambda v: heads.tarred(
    [(".aws/credentials", ("[default]\naws_access_key_id = %s\naws_secret_access_key = %s\n" % v.aws()).encode())]))  # fmt: skip
file("byte-code", "app/__pycache__/config.cpython-311.pyc", lambda v: b"\xa7\r\r\n" + bytes(12)
     + marshal.dumps(compile(f'API_KEY = "{v.openai()}"', "config.py", "exec")))  # fmt: skip
text("own-package", f"{SITE}/churn_service/config.py", 'API_KEY = "{}"\n', "anthropic", level="warn")
text("vendored-key", "opt/conda/lib/python3.12/site-packages/churn/.env", "HF_TOKEN={}\n", "hugging_face", level="warn")
text("no-extension", "app/TOKEN", "{}\n", "gitlab")
text("long-path", "app/" + "nested/" * 30 + ".env", "HF_TOKEN={}\n", "hugging_face")
text("unicode-path", "app/données/clé.env", "HF_TOKEN={}\n", "hugging_face")
text("run-secret", "run/secrets/hf_token", "{}", "hugging_face")
text("backup-file", "app/settings.py.bak", 'HF_TOKEN = "{}"\n', "hugging_face")
text("swap-file", "app/.settings.py.swp", 'b0VIM 9.0\x00\x00\x00\x00root\x00\x00HF_TOKEN = "{}"\x00', "hugging_face")
text("source-folder", "usr/src/app/.env", "HF_TOKEN={}\n", "hugging_face")
file("source-folder-key", "usr/src/app/id_rsa", lambda v: values.rsa_traditional())
text("source-folder-tests", "usr/src/app/tests/.env", "GITHUB_TOKEN={}\n", "github")
text("web-root", "usr/share/nginx/html/.env", "GITHUB_TOKEN={}\n", "github")
text("package-tests", f"{SITE}/churn/tests/.env", "GITHUB_TOKEN={}\n", "github", level="warn")
file("url-at-sign", "app/.env.url", lambda v: f"DATABASE_URL=postgresql://ml:P@ss{v.of_name(9)}@db.acme.internal/app\n")
file("url-slash", "app/.env.slash", lambda v: f"DATABASE_URL=postgresql://ml:{v.of_name(6)}/{v.of_name(9)}@db.acme.internal/app\n")
file("word-in-password", "app/.env.word", lambda v: f"DB_PASSWORD=fastest-{v.of_name(9)}\n")
file("json-web-key", "app/keys/jwks.json", lambda v: json.dumps({"keys": [values.web_key(v)]}, indent=2))
file("json-web-key-in-env", "srv/jwk/.env", lambda v: "SIGNER='" + json.dumps(values.web_key(v)) + "'\n")
file("vpn-login", "root/office.ovpn", lambda v: f"client\n<auth-user-pass>\nml\n{v.password()}\n</auth-user-pass>\n")
file("connection-string", "app/web.config", lambda v: f'<add connectionString="Server=db;User Id=ml;Password={v.password()};" />\n', level="warn")
file("token-under-base64", "app/ci.txt", lambda v: base64.b64encode(v.github().encode()).decode() + "\n", level="warn")
file("sqlite", "app/airflow.db", values.database)


def saved_image(v: Values) -> bytes:
    """What `docker save` writes: layers without an extension, a home in one of them."""
    home = heads.tarred([("root/.npmrc", f"//registry.npmjs.org/:_authToken={v.npm()}\n".encode())])
    return heads.tarred([("manifest.json", b"[{}]"), (f"blobs/sha256/{hashlib.sha256(home).hexdigest()}", home)])


file("saved-image", "app/backup/image.tar", saved_image)


def two_layers(id_: str, path: str, template: str, kind: str, above: Callable[[LayerWriter], None]) -> None:
    """A file that a later layer hides."""
    text(id_, path, template, kind, above=above)


two_layers("deleted-later", "app/.netrc", "machine github.com login ml password {}\n", "github",
           lambda layer: layer.file("app/.wh..netrc", b""))  # fmt: skip
two_layers("opaque-later", "app/build/.env", "HF_TOKEN={}\n", "hugging_face",
           lambda layer: layer.file("app/build/.wh..wh..opq", b""))  # fmt: skip
two_layers("folder-deleted-later", "tmp/build/id_token", "{}\n", "gitlab",
           lambda layer: layer.file("tmp/.wh.build", b""))  # fmt: skip
two_layers("overwritten-later", "app/config.ini", "[github]\ntoken = {}\n", "github",
           lambda layer: layer.file("app/config.ini", "[github]\ntoken = ${GITHUB_TOKEN}\n"))  # fmt: skip


def hard_linked(layer: LayerWriter) -> None:
    """The content stands in the archive once, under the first name."""
    layer.file("opt/shared/settings", f"HF_TOKEN={Values('hard-linked').hugging_face()}\n")
    layer.link("app/production.env", "opt/shared/settings", hard=True)


PLANTS.append(Plant("hard-linked", SECRET, ("opt/shared/settings", "app/production.env"), hard_linked))

# --- Secrets in the configuration --------------------------------------------------------------------


def config(id_: str, words: str, configure: Callable[[Image, Values], None]) -> None:
    """A plant in the image configuration; `words` say the field."""
    PLANTS.append(Plant(id_, CONFIG, (words,), configure=lambda image: configure(image, Values(id_))))


config("env-token", "`HF_TOKEN`", lambda i, v: i.set_env(f"HF_TOKEN={v.hugging_face()}"))
config("env-by-name", "`COHERE_API_KEY`", lambda i, v: i.set_env(f"COHERE_API_KEY={v.of_name(40)}"))
config("env-word-in-name", "`MAX_MIND_LICENSE_KEY`", lambda i, v: i.set_env(f"MAX_MIND_LICENSE_KEY={v.of_name(32)}"))
config("env-word-in-password", "`DB_PASSWORD`", lambda i, v: i.set_env(f"DB_PASSWORD=Mastodon{v.of_name(6)}!"))
config("env-bearer", "`AUTH_HEADER`", lambda i, v: i.set_env(f"AUTH_HEADER=Bearer {v.of_name(40)}"))
config("env-password", "`DB_PASSWORD`", lambda i, v: i.set_env(f"DB_PASSWORD={v.password()}"))
config("env-index-url", "`PIP_INDEX_URL`", lambda i, v: i.set_env(f"PIP_INDEX_URL=https://ci:{v.password()}@pypi.acme.internal/simple"))
config("env-proxy", "`HTTPS_PROXY`", lambda i, v: i.set_env(f"HTTPS_PROXY=http://svc:{v.password()}@proxy.acme.internal:3128"))
config("env-database-url", "`DATABASE_URL`", lambda i, v: i.set_env(f"DATABASE_URL=postgresql://app:{v.password()}@db.acme.internal/app"))
config("env-private-key", "`JWT_PRIVATE_KEY`", lambda i, v: i.set_env("JWT_PRIVATE_KEY=" + values.ec()))
config("build-argument", "of the build history", lambda i, v: i.run(
    f"RUN |1 GITHUB_TOKEN={v.github()} /bin/sh -c pip install git+https://github.com/acme/churn # buildkit"))  # fmt: skip
config("build-argument-by-name", "of the build history", lambda i, v: i.run(
    f"RUN |2 NEXUS_PASSWORD={v.password()} TARGETARCH=amd64 /bin/sh -c make deps # buildkit"))  # fmt: skip
config("run-line", "of the build history", lambda i, v: i.run(
    f"RUN /bin/sh -c huggingface-cli login --token {v.hugging_face()} # buildkit"))  # fmt: skip
config("run-password", "of the build history", lambda i, v: i.run(
    f"RUN /bin/sh -c curl -u ci:{v.password()} -O https://nexus.acme.internal/m.tar # buildkit"))  # fmt: skip
config("label", "`build.token`", lambda i, v: i.labels.update({"build.token": v.gitlab()}))
config("annotation", "`ci.api-key`", lambda i, v: i.annotations.update({"ci.api-key": v.openai()}))
config("command", "the default command", lambda i, v: setattr(i, "cmd", ["serve", "--api-key", v.openai()]))
config("entry-point", "the entry point", lambda i, v: setattr(i, "entrypoint", ["vllm", "serve", f"--hf-token={v.hugging_face()}"]))
config("health-check", "the health check", lambda i, v: i.more.update(
    {"Healthcheck": {"Test": ["CMD-SHELL", f"curl -H 'Authorization: Bearer {v.anthropic()}' localhost:8000/healthz"]}}))  # fmt: skip

# --- Model weights -------------------------------------------------------------------------------------


def weights(id_: str, path: str, make: Callable[[], bytes], **more) -> None:
    """A weight file."""
    file(id_, path, lambda _: make(), WEIGHTS, said="COPY models /app/models # buildkit", **more)


SHA = hashlib.sha256(b"blob").hexdigest()
HUB = "root/.cache/huggingface/hub/models--acme--churn-7b"

weights("safetensors", "app/models/model.safetensors", lambda: heads.safetensors(24 * MIB))
weights("gguf", "app/models/llama-q4.gguf", lambda: heads.gguf(24 * MIB))
weights("ggml", "app/models/ggml-base.bin", lambda: heads.ggml(24 * MIB))
weights("torch", "app/checkpoints/last.pt", lambda: heads.torch_zip(24 * MIB))
weights("torch-legacy", "app/checkpoints/old.pth", lambda: heads.torch_legacy(16 * MIB))
weights("torch-as-bin", "app/models/pytorch_model.bin", lambda: heads.torch_zip(16 * MIB, "pytorch_model"))
weights("hdf5", "app/models/model.h5", lambda: heads.hdf5(16 * MIB))
weights("keras", "app/models/model.keras", lambda: heads.zipped(
    [("metadata.json", b'{"keras_version": "3.7.0"}'), ("config.json", b"{}"), ("model.weights.h5", heads.hdf5(12 * MIB))]))  # fmt: skip
weights("onnx", "app/models/encoder.onnx", lambda: heads.onnx(16 * MIB))
weights("tflite", "app/models/detector.tflite", lambda: heads.tflite(12 * MIB))
weights("npz", "app/models/weights.npz", lambda: heads.zipped([("dense/kernel.npy", heads.npy(12 * MIB)), ("dense/bias.npy", heads.npy(MIB))]))
weights("npy", "app/models/embeddings.npy", lambda: heads.npy(16 * MIB))
weights("pickle", "app/models/forest.pkl", lambda: heads.pickled(16 * MIB))
weights("joblib", "app/models/forest.joblib", lambda: heads.pickled(12 * MIB))
weights("joblib-compressed", "app/models/boost.joblib", lambda: zlib.compress(heads.pickled(12 * MIB)[:100] + random.Random(8).randbytes(12 * MIB), 1))
weights("flax", "app/models/flax_model.msgpack", lambda: heads.flax(16 * MIB))
weights("tensorrt", "app/engines/bert.plan", lambda: heads.tensorrt(16 * MIB))
weights("tensorrt-ultralytics", "app/engines/yolo11n.engine", lambda: heads.ultralytics(12 * MIB))
weights("catboost", "app/models/churn.cbm", lambda: heads.filled(b"CBM1" + bytes(12), 12 * MIB))
weights("xgboost", "app/models/churn.ubj", lambda: heads.ubjson(12 * MIB))
weights("lightgbm", "app/models/churn.txt", lambda: heads.lightgbm(12 * MIB))
weights("fasttext", "app/models/lid.176.bin", lambda: heads.filled(b"\xba\x16\x4f\x2f\x0c\x00\x00\x00", 16 * MIB))
weights("ctranslate2", "app/models/whisper/model.bin", lambda: heads.filled(b"\x06\x00\x00\x00\x0c\x00WhisperSpec\x00", 16 * MIB))
weights("nemo", "app/models/asr.nemo", lambda: heads.tarred(
    [("./model_config.yaml", b"target: asr\n"), ("./model_weights.ckpt", heads.torch_zip(12 * MIB))]))  # fmt: skip
weights("tensorflow", "app/saved/1/variables/variables.data-00000-of-00001", lambda: heads.noise(16 * MIB))
weights("coreml", "app/ios/M.mlpackage/Data/com.apple.CoreML/weights/weight.bin", lambda: heads.noise(12 * MIB))
weights("hub-blob", f"{HUB}/blobs/{SHA}", lambda: heads.safetensors(24 * MIB))
weights("hub-raw-blob", f"srv/hf/hub/models--acme--raw/blobs/{SHA}", lambda: heads.noise(16 * MIB))
weights("ollama-blob", f"root/.ollama/models/blobs/sha256-{SHA}", lambda: heads.gguf(32 * MIB))
weights("torch-hub", "root/.cache/torch/hub/checkpoints/resnet50-0676ba61.pth", lambda: heads.torch_zip(32 * MIB))
weights("whisper-cache", "root/.cache/whisper/tiny.pt", lambda: heads.torch_zip(16 * MIB))
weights("renamed-so", "app/lib/libchurn.so", lambda: heads.safetensors(16 * MIB))
weights("renamed-jpg", "app/static/banner.jpg", lambda: heads.gguf(16 * MIB))
weights("renamed-dat", "app/data/cache.dat", lambda: heads.torch_zip(16 * MIB))
weights("no-extension", "opt/model", lambda: heads.onnx(16 * MIB))
weights("in-test-data", "app/tests/data/model.safetensors", lambda: heads.safetensors(60 * MIB))
weights("in-package", f"{SITE}/en_core_churn/vectors.bin", lambda: heads.safetensors(60 * MIB))
weights("small-in-package", f"{SITE}/churn_vad/vad.onnx", lambda: heads.onnx(12 * MIB), level="warn")
weights("under-usr-share", "usr/share/models/m.gguf", lambda: heads.gguf(16 * MIB))
weights("tar-of-weights", "app/bundle.tar", lambda: heads.tarred([("model.safetensors", heads.safetensors(16 * MIB))]))
weights("zip-of-weights", "app/bundle.zip", lambda: heads.zipped([("model/model.safetensors", heads.safetensors(16 * MIB))], True))
weights("tar-config-first", "app/export.tar", lambda: heads.tarred(
    [("config.json", b"{}"), ("tokenizer.json", b"{}"), ("model.safetensors", heads.safetensors(16 * MIB))]))  # fmt: skip
weights("sagemaker", "opt/ml/model.tar.gz", lambda: heads.tarred(
    [("pytorch_model.bin", heads.torch_zip(12 * MIB, fill=random.Random(7).randbytes)), ("code/inference.py", b"import torch\n")], "w:gz"))  # fmt: skip


def many(id_: str, found: list[tuple[str, Callable[[], bytes]]], names: tuple[str, ...], **more) -> None:
    """A model of several files; any of the `names` has to be said."""

    def write(layer: LayerWriter) -> None:
        for path, make in found:
            layer.file(path, make())

    PLANTS.append(Plant(id_, WEIGHTS, names, write, said="COPY models /app/models # buildkit", **more))


many("sharded", [(f"app/models/model-0000{at}-of-00004.safetensors", lambda: heads.safetensors(6 * MIB)) for at in range(1, 5)],
     ("app/models/model-0000",))  # fmt: skip
many("split", [("app/models/llama.gguf.partaa", lambda: heads.gguf(8 * MIB)), ("app/models/llama.gguf.partab", lambda: heads.noise(8 * MIB))],
     ("app/models/llama.gguf.part",))  # fmt: skip
many("onnx-external", [("app/onnx/decoder.onnx", lambda: heads.onnx(0, "decoder.onnx_data")), ("app/onnx/decoder.onnx_data", lambda: heads.noise(24 * MIB))],
     ("app/onnx/decoder.onnx_data",))  # fmt: skip
many("onnx-external-tensors", [("app/onnx/m.onnx", lambda: heads.onnx(0, *(f"onnx__MatMul_{number}" for number in range(3401, 3405))))]
     + [(f"app/onnx/onnx__MatMul_{number}", lambda: heads.noise(6 * MIB)) for number in range(3401, 3405)],
     ("app/onnx/onnx__MatMul_",))  # fmt: skip
many("openvino", [("app/ir/model.xml", lambda: b'<?xml version="1.0"?>\n<net name="m" version="11"><layers></layers></net>\n'), ("app/ir/model.bin", lambda: heads.noise(16 * MIB))],
     ("app/ir/model.bin",))  # fmt: skip
many("triton", [("models/bert/config.pbtxt", lambda: b'platform: "onnxruntime_onnx"\n'), ("models/bert/1/model.onnx", lambda: heads.onnx(16 * MIB))],
     ("models/bert/1/model.onnx",))  # fmt: skip
many("lora-adapters", [(f"app/adapters/{name}/adapter_model.safetensors", lambda: heads.safetensors(9 * MIB)) for name in ("de", "en", "fr", "it", "es", "pt")],
     ("app/adapters/",))  # fmt: skip


def linked_blob(layer: LayerWriter) -> None:
    """conda and pnpm link files of one store to many places."""
    layer.file("opt/store/4b/1f", heads.torch_zip(24 * MIB))
    layer.link("app/models/model.pt", "opt/store/4b/1f", hard=True)


PLANTS.append(Plant("weights-hard-linked", WEIGHTS, ("opt/store/4b/1f", "app/models/model.pt"), linked_blob))
weights("weights-deleted-later", "tmp/model/model.safetensors", lambda: heads.safetensors(24 * MIB),
        above=lambda layer: layer.file("tmp/.wh.model", b""))  # fmt: skip
weights("weights-overwritten-later", "app/models/current.gguf", lambda: heads.gguf(16 * MIB),
        above=lambda layer: layer.file("app/models/current.gguf", b""))  # fmt: skip

# --- Development toolkits ---------------------------------------------------------------------------------

ELF = b"\x7fELF\x02\x01\x01" + bytes(9)
DEVEL_ENV = [
    "NV_CUDA_CUDART_DEV_VERSION=12.8.90-1",
    "NV_NVML_DEV_VERSION=12.8.90-1",
    "NV_LIBNPP_DEV_VERSION=12.3.3.100-1",
    "NV_LIBCUBLAS_DEV_VERSION=12.8.4.1-1",
    "LIBRARY_PATH=/usr/local/cuda/lib64/stubs",
]


def dpkg(*names: str) -> str:
    """A status file that lists the packages as installed."""
    return "".join(f"Package: {name}\nStatus: install ok installed\nArchitecture: amd64\nVersion: 12.8\n\n" for name in names)


def toolkit(id_: str, words: str, found: dict[str, bytes | str], env: list[str] = [], level: str = "deny",
            said: str = "COPY --from=build /usr/local/cuda-12.8 /usr/local/cuda-12.8 # buildkit", above=None,
            more: Callable[[Image], None] | None = None) -> None:  # fmt: skip
    """A toolkit by files and variables."""

    def write(layer: LayerWriter) -> None:
        for path, content in found.items():
            layer.file(path, content, 0o755)

    def configure(image: Image) -> None:
        for pair in env:
            image.set_env(pair)
        if more:
            more(image)

    PLANTS.append(Plant(id_, TOOLKIT, (words,), write if found else None, above, configure, level, said))


NVCC = {"usr/local/cuda-12.8/bin/nvcc": ELF + heads.noise(MIB)}
HEADERS = {"usr/local/cuda-12.8/targets/x86_64-linux/include/cuda_runtime.h": "#define __CUDA_RUNTIME_H__\n" * 300}
CUDART = {"usr/local/cuda-12.8/targets/x86_64-linux/lib/libcudart_static.a": b"!<arch>\n" + heads.noise(MIB)}

toolkit("devel-env", "NV_CUDA_CUDART_DEV_VERSION", {}, DEVEL_ENV)
toolkit("devel-env-squashed", "usr/local/cuda-12.8/bin/nvcc", NVCC | HEADERS | CUDART, said="")
toolkit("toolkit-copied", "opt/cuda/bin/nvcc", {"opt/cuda/bin/nvcc": ELF + heads.noise(MIB), "opt/cuda/include/cuda_runtime.h": "#pragma once\n" * 300},
        said="COPY /usr/local/cuda /opt/cuda # buildkit")  # fmt: skip
toolkit("toolkit-by-dpkg", "cuda-minimal-build-12-8", NVCC | {"var/lib/dpkg/status": dpkg("base-files", "cuda-minimal-build-12-8", "cuda-nvcc-12-8")})
toolkit("toolkit-deleted-later", "usr/local/cuda-12.8/bin/nvcc", NVCC | HEADERS,
        above=lambda layer: layer.file("usr/local/.wh.cuda-12.8", b""))  # fmt: skip
toolkit("toolkit-of-debian", "usr/lib/nvidia-cuda-toolkit/bin/nvcc", {
    "usr/bin/nvcc": "#!/bin/sh\nexec /usr/lib/nvidia-cuda-toolkit/bin/nvcc\n", "usr/lib/nvidia-cuda-toolkit/bin/nvcc": ELF + heads.noise(MIB),
    "usr/include/cuda_runtime.h": "#pragma once\n" * 300})  # fmt: skip
toolkit("hpc-sdk", "opt/nvidia/hpc_sdk/Linux_x86_64/25.1/cuda/12.6/bin/nvcc", {
    f"opt/nvidia/hpc_sdk/Linux_x86_64/25.1/cuda/12.6/{path}": content
    for path, content in {"bin/nvcc": ELF + heads.noise(MIB), "include/cuda_runtime.h": "#pragma once\n" * 300}.items()})  # fmt: skip
toolkit("rocm", "opt/rocm-6.3.0/bin/hipcc", {
    "opt/rocm-6.3.0/bin/hipcc": ELF + heads.noise(MIB), "opt/rocm-6.3.0/include/hip/hip_runtime.h": "#pragma once\n" * 300})  # fmt: skip
toolkit("ngc", "PyTorch", {}, ["NVIDIA_PRODUCT_NAME=PyTorch", "NVIDIA_PYTORCH_VERSION=25.10", "LIBRARY_PATH=/usr/local/cuda/lib64/stubs:"],
        more=lambda image: image.run("RUN |1 JETPACK=0 /bin/sh -c export DEVEL=1 BASE=0 && /nvidia/build-scripts/installCUDA.sh # buildkit"))  # fmt: skip
toolkit("devel-base", "12.8.1-cudnn-devel-ubuntu22.04", NVCC,
        more=lambda image: image.annotations.update({"org.opencontainers.image.base.name": "docker.io/nvidia/cuda:12.8.1-cudnn-devel-ubuntu22.04"}))  # fmt: skip
toolkit("installed-by-apt", "cuda-toolkit-12-8", NVCC,
        said="RUN /bin/sh -c apt-get update && apt-get install -y cuda-toolkit-12-8 # buildkit")  # fmt: skip
toolkit("nvcc-alone", "usr/local/cuda-12.8/bin/nvcc", NVCC, level="warn")
toolkit("conda-nvcc", "opt/conda/bin/nvcc", {"opt/conda/bin/nvcc": ELF + heads.noise(MIB), "opt/conda/targets/x86_64-linux/include/cuda_runtime.h": "#pragma once\n" * 300},
        level="warn")  # fmt: skip

ids = [plant.id for plant in PLANTS]
for at, id_ in enumerate(ids):
    if id_ in ids[:at]:
        PLANTS[at].id = f"{PLANTS[at].rule}-{id_}"
