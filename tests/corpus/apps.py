"""The application on top of the packages, as its `COPY . /app` would bring it along: code, settings by reference,
placeholders, documentation, tests, lock files, public keys. Nothing in it is a secret, much of it looks like one.

Noise comes from generators seeded with the image's name: the same image every time.
"""

import base64
import hashlib
import json
import random
import string

# The release manager's public key and checksums, which `docker.io/python` has in its variables.
PYTHON_ENV = [
    "PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LANG=C.UTF-8",
    "GPG_KEY=" + "A035C8C19219BA821ECE" + "A86B64E628F8D684696D",
    "PYTHON_VERSION=3.11.13",
    "PYTHON_SHA256=" + hashlib.sha256(b"Python-3.11.13.tar.xz").hexdigest(),
]
# Settings as ML services have them: references, switches, limits, public identifiers.
APP_ENV = [
    "PYTHONUNBUFFERED=1",
    "HF_HOME=/models/huggingface",
    "HF_HUB_OFFLINE=1",
    "TOKENIZERS_PARALLELISM=false",
    "MAX_TOKENS=4096",
    "MAX_NEW_TOKENS=512",
    "API_KEY_FILE=/run/secrets/api_key",
    "OPENAI_API_KEY=",
    "AWS_DEFAULT_REGION=eu-central-1",
    "AWS_EC2_METADATA_DISABLED=true",
    "S3_USE_SIGV4=1",
    "SECRET_NAME=prod/ml/api",
    "TOKEN_URL=https://login.example.com/oauth2/v2.0/token",
    "DATABASE_URL=postgresql://app@db:5432/app",
    "PIP_INDEX_URL=https://pypi.example.com/simple",
    "KEYCLOAK_URL=https://sso.example.com/realms/ml",
    "MLFLOW_TRACKING_URI=http://mlflow.mlops.svc:5000",
    "WANDB_MODE=offline",
    # Names that mention secrets, with the names of other things.
    "TOKEN_COUNTER_MODEL=Qwen/Qwen2.5-7B-Instruct",
    "TOKEN_CLASSIFICATION_MODEL=dslim/bert-base-NER-v1.0.2",
    "SECRET_MANAGER_PROJECT=ml-prod-project-471112",
    "VAULT_SECRET_MOUNT=kv-v2/ml/prod-2024",
    "LLVM_PASS_PLUGIN=libFoo.so.1",
    "TWO_PASS_CODEC=x264-2pass",
    "PW_BROWSERS=chromium-1105",
    "CREDENTIAL_SERVICE=creds-svc.prod:8443",
    "TOKEN_ISSUER_SERVICE=auth-svc-v2.prod.cluster-1.local",
    "GOOGLE_APPLICATION_CREDENTIALS=ml-prod-471112-8f3c2a1b9d0e.json",
    "SECRET_KEY=collectstatic-only-0001",
    "DJANGO_SECRET_KEY=build-only-not-used-42",
    "ERRORS_DSN=https://" + hashlib.md5(b"errors").hexdigest() + "@errors.acme.io/45",
]


def doubtful_env() -> list[str]:
    """Values that are public or hashed: a warning each, so only one image has them."""
    noise = Noise("doubtful")
    return [
        f"VITE_FIREBASE_API_KEY=AI{'za'}Sy{noise.of(string.ascii_letters + string.digits, 33)}",
        f"ADMIN_PASSWORD=sha1:{noise.hex(12)}:{noise.hex(40)}",
    ]


class Noise:
    """Reproducible random text."""

    def __init__(self, name: str):
        self.random = random.Random(f"app {name}")

    def of(self, letters: str, count: int) -> str:
        """`count` letters out of `letters`."""
        return "".join(self.random.choices(letters, k=count))

    def hex(self, count: int) -> str:
        """Hexadecimal digits, as in checksums."""
        return self.of("0123456789abcdef", count)

    def base64(self, count: int) -> str:
        """Base64 of `count` random bytes."""
        return base64.b64encode(self.random.randbytes(count)).decode()


def files(name: str, packages: list[str], language: str) -> dict[str, bytes | str]:
    """All files of the application, by path."""
    noise = Noise(name)
    found: dict[str, bytes | str] = {
        "app/README.md": README,
        "app/.env.example": ENV_EXAMPLE,
        "app/.dockerignore": ".git\n.env\n*.pem\nmodels/\n",
        "app/docker-compose.yml": COMPOSE,
        "app/deploy/secret.example.yaml": SECRET_EXAMPLE,
        "app/deploy/deployment.yaml": DEPLOYMENT,
        "app/.github/workflows/ci.yml": WORKFLOW,
        "app/config/settings.yaml": SETTINGS,
        "app/config/logging.ini": LOGGING,
        "app/certs/ca.crt": certificate(noise),
        "app/certs/signing.pub": f"ssh-ed25519 {noise.base64(51)} deploy@ci\n",
        "app/certs/jwks.json": jwks(noise),
        "app/static/vendor.min.js": minified(noise),
        "app/static/vendor.min.js.map": source_map(noise),
        "app/static/style.css": "#sk-toggleable__label-arrow-estimator:before{content:'>'}\n" * 40,
        "app/docs/authentication.md": DOCS,
        "app/data/labels.txt": "\n".join(f"class_{number}" for number in range(1000)),
        "app/data/sample.csv": csv(noise),
        "app/assets/tokenizer.json": tokenizer(noise),
        "app/models/__init__.py": '"""Request and response models."""\n',
    }
    found |= references(noise)
    if name == DOUBTFUL:
        found |= doubtful(noise)
    if language == "node":
        found |= {"app/server.js": SERVER_JS, "app/package-lock.json": package_lock(noise, packages)}
    else:
        found |= {
            "app/main.py": MAIN_PY,
            "app/settings.py": SETTINGS_PY,
            "app/alembic.ini": ALEMBIC,
            "app/requirements.txt": requirements(noise, packages),
            "app/uv.lock": uv_lock(noise, packages),
            "app/notebooks/explore.ipynb": notebook(noise),
            "app/tests/test_api.py": TEST_API,
            "app/tests/fixtures/cassette.yaml": cassette(noise),
        }
    return found


def references(noise: Noise) -> dict[str, str]:
    """Values that lie elsewhere, that only a cluster can open, and words for people."""
    return {
        "app/deploy/sealed-secrets.yaml": SEALED.replace("{}", "AgBy" + noise.base64(600).rstrip("=")),
        "app/deploy/external-secrets.yaml": EXTERNAL,
        "app/infra/prod.tfvars": 'region = "eu-central-1"\ncredentials_bucket = "ml-creds-prod-2024-eu"\n',
        "app/secrets.baseline.json": json.dumps(
            {"version": "1.5.0", "results": {"a.py": [{"type": "Secret Keyword", "hashed_secret": noise.hex(40), "line_number": 7}]}}
        ),
        # The Google Cloud SDK's own client, which it publishes.
        "app/client_secret.json": json.dumps(
            {"installed": {"client_id": "764086051850.apps.googleusercontent.com", "client_secret": "d-FL95Q19q7" + "MQmFpd7hHD0Ty"}}
        ),
    }


# The one image with values that deserve a warning.
DOUBTFUL = "web"


def doubtful(noise: Noise) -> dict[str, str]:
    """What looks like a secret and is public, hashed, text for people, or somebody else's: no reason to refuse."""
    google = [f"AI{'za'}Sy{noise.of(string.ascii_letters + string.digits, 33)}" for _ in range(3)]
    elsewhere = [
        "opt/miniconda3/share/doc/openssl/key.pem",
        "opt/conda/envs/ml/share/openssl/key.pem",
        "usr/local/lib/ruby/3.3.0/openssl/key.pem",
        "usr/local/cuda-12.8/extras/demo_suite/key.pem",
        "root/.cache/uv/archive-v0/Xz81kQ/tornado/key.pem",
        "snap/core22/1748/etc/key.pem",
        "root/.vscode-server/extensions/ms-python-2026.1/key.pem",
    ]
    keys = {place: private_key(noise) for place in elsewhere}
    return keys | {
        "app/web/.env.production": f"VITE_FIREBASE_API_KEY={google[0]}\nVITE_MAPS_API_KEY={google[1]}\n",
        "app/web/index.html": f'<script src="https://maps.googleapis.com/maps/api/js?key={google[1]}&v=weekly"></script>\n',
        "app/mobile/google-services.json": json.dumps({"client": [{"api_key": [{"current_key": google[2]}]}]}, indent=2),
        "root/.jupyter/jupyter_server_config.json": json.dumps(
            {"IdentityProvider": {"hashed_password": f"argon2:$argon2id$v=19$m=10240,t=10,p=8${noise.base64(16)}${noise.base64(32)}"}}
        ),
        "root/.jupyter/jupyter_notebook_config.py": f"c.NotebookApp.password = u'sha1:{noise.hex(12)}:{noise.hex(40)}'\n",
        "app/locales/password.yml": "en:\n  password: Passwort9zurücksetzen\n  new_password: Enter8characters\n",
        "app/locale/de/secrets.json": json.dumps({"password": "Kennwort-zurücksetzen2", "secret": "Geheimnis4u"}),
        "app/prompts/secret_santa.txt": "Secret: Santa2026brings9gifts\nYou write short letters.\n",
    }


def private_key(noise: Noise) -> str:
    """The shape of a private key, as packages have it for their examples."""
    return certificate(noise).replace("CERTIFICATE", "PRIVATE" + " KEY")


def certificate(noise: Noise) -> str:
    """The shape of a public certificate."""
    body = noise.base64(900)
    lines = "\n".join(body[at : at + 64] for at in range(0, len(body), 64))
    return f"-----BEGIN CERTIFICATE-----\n{lines}\n-----END CERTIFICATE-----\n"


def jwks(noise: Noise) -> str:
    """Public keys as an identity provider publishes them."""
    key = {"kty": "RSA", "use": "sig", "alg": "RS256", "e": "AQAB"}
    key |= {"kid": noise.hex(40), "n": noise.of(string.ascii_letters + string.digits + "-_", 342)}
    return json.dumps({"keys": [key]}, indent=2)


def minified(noise: Noise) -> str:
    """One long line of script with token-like names."""
    words = ["apiKey", "accessToken", "clientSecret", "password", "authToken", "secretKey"]
    parts = [
        f'{noise.of(string.ascii_lowercase, 2)}.{noise.random.choice(words)}='
        f'{noise.of(string.ascii_lowercase, 1)}.{noise.random.choice(words)};'
        for _ in range(4000)
    ]
    return "!function(){" + "".join(parts) + "}();"


def source_map(noise: Noise) -> str:
    """A source map: 40-digit revisions and mappings without end."""
    sources = [f"webpack:///./node_modules/pkg-{noise.hex(8)}/index.js?{noise.hex(40)}" for _ in range(400)]
    mappings = ",".join(noise.of("AACDEFGIKMOQSUY", noise.random.choice([4, 4, 4, 5])) for _ in range(12_000))
    return json.dumps({"version": 3, "sources": sources, "mappings": mappings})


def tokenizer(noise: Noise) -> str:
    """A tokenizer: a large vocabulary, no weights."""
    vocabulary = {noise.of(string.ascii_letters, 7): number for number in range(60_000)}
    special = [{"id": 0, "content": "<unk>", "special": True}, {"id": 1, "content": "<pad>", "special": True}]
    model = {"type": "BPE", "unk_token": "<unk>", "vocab": vocabulary, "merges": []}
    return json.dumps({"version": "1.0", "added_tokens": special, "model": model})


def csv(noise: Noise) -> str:
    """Rows with identifiers."""
    rows = [f"{number},{noise.hex(32)},{noise.random.random():.6f}" for number in range(2000)]
    return "id,session_token_hash,score\n" + "\n".join(rows)


def pins(packages: list[str]) -> list[str]:
    """Packages written as a lock file would."""
    return [package if "==" in package else f"{package}==1.0.0" for package in packages]


def requirements(noise: Noise, packages: list[str]) -> str:
    """Pinned, with hashes."""
    hashes = f" \\\n    --hash=sha256:{{}} \\\n    --hash=sha256:{{}}\n"
    lines = [pin + hashes.format(noise.hex(64), noise.hex(64)) for pin in pins(packages)]
    return "--index-url https://pypi.example.com/simple\n" + "".join(lines)


def uv_lock(noise: Noise, packages: list[str]) -> str:
    """The same as uv writes it."""
    entry = '[[package]]\nname = "{}"\nversion = "{}"\nsdist = {{ url = "https://pypi.example.com/{}.tar.gz", hash = "sha256:{}" }}\n\n'
    found = [pin.split("==") for pin in pins(packages)]
    return "version = 1\n\n" + "".join(entry.format(*pair, noise.hex(60), noise.hex(64)) for pair in found)


def package_lock(noise: Noise, packages: list[str]) -> str:
    """npm's lock file: SHA-512 of everything."""
    found = {
        f"node_modules/{package}": {"version": "1.0.0", "integrity": f"sha512-{noise.base64(64)}"}
        for package in packages + [f"pkg-{noise.hex(6)}" for _ in range(300)]
    }
    return json.dumps({"name": "app", "lockfileVersion": 3, "packages": found}, indent=2)


def notebook(noise: Noise) -> str:
    """A notebook with a picture and identifiers in its outputs."""
    cells = [
        ["import os\n", "token = os.environ['HF_TOKEN']\n", "login(token=token)  # hf_xxxxxxxxxxxxxxxx\n"],
        ["run = wandb.init(project='churn')\n"],
    ]
    outputs = [
        {"output_type": "stream", "name": "stdout", "text": [f"run id {noise.hex(8)}, commit {noise.hex(40)}\n"]},
        {"output_type": "display_data", "data": {"image/png": noise.base64(30_000)}, "metadata": {}},
    ]
    found = [
        {"cell_type": "code", "id": noise.hex(8), "metadata": {}, "source": source, "outputs": outputs}
        for source in cells
    ]
    return json.dumps({"cells": found, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


def cassette(noise: Noise) -> str:
    """A recorded request with the token taken out."""
    return (
        "interactions:\n- request:\n    headers:\n      Authorization: [Bearer REDACTED]\n"
        f"      X-Request-Id: [{noise.hex(32)}]\n  response:\n    body: {{string: '{{\"ok\": true}}'}}\n"
    )


README = """# Service

```
export HF_TOKEN=hf_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
export OPENAI_API_KEY=sk-...
export ANTHROPIC_API_KEY=sk-ant-api03-your-key-here
export WANDB_API_KEY=<your key from the settings page>
export AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE
export DATABASE_URL=postgresql://user:password@localhost:5432/app
curl -H "Authorization: Bearer $TOKEN" http://localhost:8000/predict
```

Put a GitHub token (`ghp_...`) into `.env`, see `.env.example`.
"""

ENV_EXAMPLE = """# Copy to .env
HF_TOKEN=hf_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
OPENAI_API_KEY=sk-your-key
NVIDIA_API_KEY=nvapi-...
DATABASE_URL=postgresql://postgres:postgres@localhost:5432/app
SECRET_KEY=change-me
REDIS_URL=redis://:password@localhost:6379/0
"""

COMPOSE = """services:
  app:
    image: registry.example.com/ml/app:1.4
    environment:
      HF_TOKEN: ${HF_TOKEN}
      DATABASE_URL: postgresql://app:${POSTGRES_PASSWORD}@db:5432/app
    env_file: .env
  db:
    image: postgres:16
    environment:
      POSTGRES_PASSWORD: ${POSTGRES_PASSWORD:?set it in .env}
"""

SECRET_EXAMPLE = """apiVersion: v1
kind: Secret
metadata: {name: app}
type: Opaque
data:
  HF_TOKEN: Y2hhbmdlbWU=
stringData:
  password: <fill in>
"""

SEALED = """apiVersion: bitnami.com/v1alpha1
kind: SealedSecret
metadata: {name: app}
spec:
  encryptedData:
    password: {}
  template: {metadata: {name: app}}
"""

EXTERNAL = """apiVersion: external-secrets.io/v1beta1
kind: ExternalSecret
metadata: {name: app}
spec:
  secretStoreRef: {name: vault, kind: ClusterSecretStore}
  data:
    - secretKey: db-password-2024x
      remoteRef: {key: prod/ml/db, property: Password2024x}
---
apiVersion: secrets-store.csi.x-k8s.io/v1
kind: SecretProviderClass
metadata: {name: app}
spec:
  secretObjects:
    - secretName: app
      data: [{key: api-key, objectName: api-key-2024x}]
"""

DEPLOYMENT = """apiVersion: apps/v1
kind: Deployment
metadata: {name: app}
spec:
  template:
    spec:
      serviceAccountName: app
      imagePullSecrets: [{name: registry-login}]
      containers:
        - name: app
          image: registry.example.com/ml/app:1.4
          env:
            - name: HF_TOKEN
              valueFrom: {secretKeyRef: {name: app, key: HF_TOKEN}}
            - {name: API_KEY_FILE, value: /var/run/secrets/app/api-key}
"""

WORKFLOW = """on: push
jobs:
  test:
    runs-on: ubuntu-latest
    env:
      HF_TOKEN: ${{ secrets.HF_TOKEN }}
      PYPI_PASSWORD: ${{ secrets.PYPI_PASSWORD }}
    steps:
      - uses: actions/checkout@11bd71901bbe5b1630ceea73d27597364c9af683
      - run: docker login -u ci -p "${{ secrets.REGISTRY_PASSWORD }}" registry.example.com
"""

SETTINGS = """model: sentence-transformers/all-MiniLM-L6-v2
revision: c9745ed1d9f207416be6d2e6f8de32d1f16199bf
auth:
  token_endpoint: https://login.example.com/oauth2/v2.0/token
  client_id: 6731de76-14a6-49ae-97bc-6eba6914391e
  client_secret: ${CLIENT_SECRET}
  password_min_length: 12
cache: {key_prefix: "app:v2:", secret_backend: vault}
"""

LOGGING = """[loggers]
keys=root
[handlers]
keys=console
[formatters]
keys=plain
[logger_root]
level=INFO
handlers=console
"""

DOCS = """# Authentication

Send `Authorization: Bearer <token>`. A token looks like `eyJhbGciOiJIUzI1NiJ9.<payload>.<signature>`.

```
-----BEGIN RSA PRIVATE KEY-----
MIIEowIBAAKCAQEA...
-----END RSA PRIVATE KEY-----
```

Registries: `https://__token__:pypi-...@upload.example.com/legacy/`, npm: `//npm.example.com/:_authToken=${NPM_TOKEN}`.
"""

MAIN_PY = '''"""The service."""

import os

from fastapi import FastAPI, Header, HTTPException

app = FastAPI()
API_KEY = os.environ.get("API_KEY", "")
PASSWORD_FIELD = "password"
TOKEN_TYPE = "bearer"


@app.get("/healthz")
def healthz():
    return {"ok": True}


@app.post("/predict")
def predict(text: str, x_api_key: str = Header(default="")):
    if x_api_key != API_KEY:
        raise HTTPException(401, detail="invalid api key")
    return {"label": "positive", "max_tokens": int(os.environ.get("MAX_TOKENS", "512"))}
'''

SETTINGS_PY = '''"""Settings, all from the environment."""

from pydantic import SecretStr
from pydantic_settings import BaseSettings


class Settings(BaseSettings):
    secret_key: SecretStr = SecretStr("")
    database_password: SecretStr | None = None
    openai_api_key: str = "sk-no-key-required"
    hf_token: str | None = None
    access_token_expire_minutes: int = 60
    token_url: str = "/auth/token"
    password_hasher: str = "django.contrib.auth.hashers.Argon2PasswordHasher"

    class Config:
        env_file = ".env"
        secrets_dir = "/run/secrets"
'''

ALEMBIC = """[alembic]
script_location = migrations
sqlalchemy.url = driver://user:pass@localhost/dbname
"""

TEST_API = '''def test_key(client, monkeypatch):
    monkeypatch.setenv("API_KEY", "test-key")
    monkeypatch.setenv("DATABASE_URL", "postgresql://test:test@localhost/test")
    assert client.post("/predict", headers={"X-Api-Key": "wrong"}).status_code == 401


def test_login(client):
    assert client.post("/login", json={"user": "alice", "password": "correct horse"}).status_code == 200
'''

SERVER_JS = """const express = require('express');
const { sign, verify } = require('jsonwebtoken');
const secret = process.env.JWT_SECRET;
const app = express();
app.post('/login', (req, res) => res.json({ token: sign({ sub: req.body.user }, secret) }));
app.listen(process.env.PORT || 3000);
"""
