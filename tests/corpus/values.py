"""Secrets that open nothing: the right prefix, noise from a fixed seed, a valid checksum where the format has one.

None is written out anywhere in this repository; they come into being while the images are built.
"""

import base64
import json
import random
import sqlite3
import string
import subprocess
import tempfile
import zlib
from pathlib import Path

ALNUM = string.ascii_letters + string.digits
URL_SAFE = ALNUM + "-_"
HEX = "0123456789abcdef"
BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase


class Values:
    """The values of one plant."""

    def __init__(self, plant: str):
        self.random = random.Random(f"plimsoll-corpus {plant}")

    def of(self, letters: str, count: int) -> str:
        """`count` letters out of `letters`."""
        return "".join(self.random.choices(letters, k=count))

    def checksummed(self, prefix: str) -> str:
        """Thirty characters and their CRC-32 in base 62, as GitHub and npm make them."""
        body = self.of(ALNUM, 30)
        rest, check = zlib.crc32(body.encode()), ""
        for _ in range(6):
            rest, digit = divmod(rest, 62)
            check = BASE62[digit] + check
        return prefix + body + check

    def hugging_face(self) -> str:
        """Hugging Face: letters only."""
        return "hf_" + self.of(string.ascii_letters, 34)

    def openai(self) -> str:
        """An OpenAI project key."""
        return f"sk-proj-{self.of(URL_SAFE, 74)}T3Blbk" + f"FJ{self.of(URL_SAFE, 74)}"

    def anthropic(self) -> str:
        """An Anthropic key."""
        return f"sk-ant-api03-{self.of(URL_SAFE, 93)}AA"

    def nvidia(self) -> str:
        """An NVIDIA API catalogue key."""
        return "nvapi-" + self.of(URL_SAFE, 64)

    def github(self) -> str:
        """A classic GitHub token."""
        return self.checksummed("ghp_")

    def github_fine(self) -> str:
        """A fine-grained GitHub token."""
        return f"github_pat_{self.of(ALNUM, 22)}_{self.of(ALNUM, 59)}"

    def gitlab(self) -> str:
        """A GitLab token."""
        return "glpat-" + self.of(ALNUM, 20)

    def npm(self) -> str:
        """An npm token."""
        return self.checksummed("npm_")

    def pypi(self) -> str:
        """A PyPI token: a macaroon for the index's host."""
        caveat = b"\x02\x01\x08" + b"pypi.org" + b"\x02\x24" + self.random.randbytes(120)
        return "pypi-" + base64.urlsafe_b64encode(caveat).decode().rstrip("=")

    def aws(self) -> tuple[str, str]:
        """An AWS access key id and its secret."""
        secret = base64.b64encode(self.random.randbytes(30)).decode()
        return "AKIA" + self.of(string.ascii_uppercase + "234567", 16), secret

    def azure_storage(self) -> str:
        """A connection string."""
        key = base64.b64encode(self.random.randbytes(64)).decode()
        name = self.of(string.ascii_lowercase, 10)
        return f"DefaultEndpointsProtocol=https;AccountName={name};AccountKey={key};EndpointSuffix=core.windows.net"

    def slack(self) -> str:
        """A Slack bot token."""
        return f"xoxb-{self.of('123456789', 12)}-{self.of('123456789', 13)}-{self.of(ALNUM, 24)}"

    def jwt(self) -> str:
        """A signed JWT of a service role."""
        claims = {"iss": "supabase", "role": "service_role", "iat": 1793520000, "exp": 2108880000}
        parts = [json.dumps({"alg": "HS256", "typ": "JWT"}).encode(), json.dumps(claims).encode()]
        parts.append(self.random.randbytes(32))
        return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)

    def password(self) -> str:
        """What a person, or a generator, would choose."""
        return self.of(ALNUM, 6) + self.random.choice("-+.") + self.of(ALNUM, 11)

    def hex(self, count: int) -> str:
        """Hexadecimal digits."""
        return self.of(HEX, count)

    def of_name(self, count: int = 40) -> str:
        """A key without any shape, which only its name gives away."""
        return self.of(ALNUM, count)


# --- Keys, made by the tools that people make them with -----------------------------------------


def openssl(*arguments: str, given: str = "") -> bytes:
    """What openssl writes."""
    return subprocess.run(["openssl", *arguments], input=given.encode(), capture_output=True, check=True).stdout


def rsa_traditional() -> str:
    """-----BEGIN RSA PRIVATE KEY-----"""
    return openssl("genrsa", "-traditional", "2048").decode()


def rsa_pkcs8() -> str:
    """-----BEGIN PRIVATE KEY-----"""
    return openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048").decode()


def rsa_der() -> bytes:
    """PKCS #8, binary."""
    return openssl("pkcs8", "-topk8", "-nocrypt", "-outform", "DER", given=rsa_pkcs8())


def ec() -> str:
    """-----BEGIN EC PRIVATE KEY-----"""
    return openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout").decode()


def ssh(kind: str) -> str:
    """-----BEGIN OPENSSH PRIVATE KEY-----"""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "key"
        command = ["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", "ml@build", "-f", path]
        subprocess.run(command, check=True)
        return path.read_text()


def pkcs12() -> bytes:
    """A key and its certificate under a password."""
    with tempfile.TemporaryDirectory() as folder:
        key, cert = Path(folder) / "key", Path(folder) / "cert"
        subject = ["-subj", "/CN=client", "-days", "30", "-nodes"]
        openssl("req", "-x509", "-newkey", "rsa:2048", *subject, "-keyout", str(key), "-out", str(cert))
        return openssl("pkcs12", "-export", "-inkey", str(key), "-in", str(cert), "-passout", "pass:k7")


def gnupg() -> tuple[str, bytes]:
    """Name and content of a secret key as gpg stores it."""
    with tempfile.TemporaryDirectory() as folder:
        gpg = ["gpg", "--homedir", folder, "--batch", "--quiet", "--passphrase", ""]
        subprocess.run([*gpg, "--quick-gen-key", "ml@build", "ed25519"], check=True, capture_output=True)
        subprocess.run(["gpgconf", "--homedir", folder, "--kill", "all"], check=True)
        path = next((Path(folder) / "private-keys-v1.d").iterdir())
        return path.name, path.read_bytes()


def jks(values: Values) -> bytes:
    """A Java key store with one private key; its bytes are noise, its structure is real."""
    key, alias = values.random.randbytes(1240), b"server"
    entry = (1).to_bytes(4, "big") + len(alias).to_bytes(2, "big") + alias + bytes(8)
    entry += len(key).to_bytes(4, "big") + key + bytes(4)
    return b"\xfe\xed\xfe\xed" + (2).to_bytes(4, "big") + (1).to_bytes(4, "big") + entry + values.random.randbytes(20)


def service_account(values: Values) -> str:
    """A Google service account with a real key."""
    return json.dumps(
        {
            "type": "service_account",
            "project_id": "ml-prod-4711",
            "private_key_id": values.hex(40),
            "private_key": rsa_pkcs8(),
            "client_email": "trainer@ml-prod-4711.iam.gserviceaccount.com",
            "client_id": values.of("123456789", 21),
            "token_uri": "https://oauth2.googleapis.com/token",
        },
        indent=2,
    )


def putty() -> str:
    """An unprotected PuTTY key, version 2."""
    blob = base64.b64encode(random.Random("ppk").randbytes(300)).decode()
    lines = "\n".join(blob[at : at + 64] for at in range(0, len(blob), 64))
    return (
        "PuTTY-User-Key-File-2: ssh-rsa\nEncryption: none\nComment: ml@build\nPublic-Lines: 1\n"
        f"AAAAB3NzaC1yc2EAAAADAQABAAABAQ\nPrivate-Lines: {lines.count(chr(10)) + 1}\n{lines}\nPrivate-MAC: {'0a1f' * 10}\n"
    )


def web_key(v: Values) -> dict[str, str]:
    """An elliptic curve's private key as a JSON Web Key."""
    x, y, d = (v.of(URL_SAFE, 43) for _ in range(3))
    return {"kty": "EC", "crv": "P-256", "use": "sig", "kid": v.hex(16), "x": x, "y": y, "d": d}


def database(v: Values) -> bytes:
    """A real data base in which the token is one column among others: no sign stands between them."""
    memory = sqlite3.connect(":memory:")
    memory.execute("CREATE TABLE connection (id INTEGER PRIMARY KEY, conn_id TEXT, conn_type TEXT, host TEXT, password TEXT, extra TEXT)")
    rows = [(f"conn_{number}", "http", "hub.acme.internal", v.of_name(20), "{}") for number in range(50)]
    rows[33] = ("hf_default", "huggingface", "huggingface", v.hugging_face(), "none")
    memory.executemany("INSERT INTO connection (conn_id, conn_type, host, password, extra) VALUES (?, ?, ?, ?, ?)", rows)
    memory.commit()
    return memory.serialize()
