//! The table of token formats. Each has a keyword that is searched for in one pass over the
//! text and a regular expression that is tried only there.
//! Sources: the providers' documentation and `research/content.md` section 3.3.

use super::Strength::{self, Strong, Weak};
use super::checksum;
use super::placeholders::distinct;

/// One token format.
pub struct Pattern {
    /// Kebab-case kind, kept in facts.
    pub kind: &'static str,
    /// The kind in people's words, with its article.
    pub title: &'static str,
    /// Literal parts, one of which every token of this format holds.
    pub keywords: &'static [&'static str],
    /// Where the keyword stands.
    pub place: Place,
    /// Matches from the token's first byte; group 1, when there is one, is the secret part.
    pub regex: &'static str,
    /// Says how sure a match is, given the value and the text behind it; `None`: no secret.
    pub check: fn(&[u8], &[u8]) -> Option<Strength>,
}

/// Where a keyword stands in its token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// At its first byte.
    Start,
    /// Inside; the token begins where its characters begin.
    Inside,
}

fn sure(value: &[u8], _: &[u8]) -> Option<Strength> {
    (distinct(value) >= 8).then_some(Strong)
}

fn unsure(value: &[u8], _: &[u8]) -> Option<Strength> {
    (distinct(value) >= 8).then_some(Weak)
}

/// The prefix up to and with the underscore, then the body with its checksum.
fn checksummed(value: &[u8], _: &[u8]) -> Option<Strength> {
    let body = value.splitn(2, |byte| *byte == b'_').nth(1)?;
    Some(if checksum::holds(body) { Strong } else { Weak })
}

/// Mixed case and digits or many letters: no identifier of a program.
fn mixed(value: &[u8], behind: &[u8]) -> Option<Strength> {
    let upper = value.iter().any(u8::is_ascii_uppercase);
    let lower = value.iter().skip(4).any(u8::is_ascii_lowercase);
    if upper && lower { sure(value, behind) } else { None }
}

/// Real tokens are 34 letters; with digits it may be a hash under a similar name.
fn hugging_face(value: &[u8], behind: &[u8]) -> Option<Strength> {
    mixed(value, behind)?;
    let body = value.get(3..)?;
    let letters = body.len() == 34 && body.iter().all(u8::is_ascii_alphabetic);
    Some(if letters { Strong } else { Weak })
}

/// An access key id alone opens nothing; with its secret close behind it does.
fn aws_id(value: &[u8], behind: &[u8]) -> Option<Strength> {
    if distinct(value) < 8 {
        return None;
    }
    let near = behind.get(..200).unwrap_or(behind);
    let has_secret = near
        .split(|byte| !(byte.is_ascii_alphanumeric() || *byte == b'/' || *byte == b'+'))
        .any(|run| run.len() == 40 && aws_secret(run, &[]).is_some());
    Some(if has_secret { Strong } else { Weak })
}

/// Forty characters of base64; a Git commit has only lower-case hexadecimal ones.
fn aws_secret(value: &[u8], _: &[u8]) -> Option<Strength> {
    let upper = value.iter().any(u8::is_ascii_uppercase);
    let lower = value.iter().any(u8::is_ascii_lowercase);
    (upper && lower && distinct(value) >= 16).then_some(Strong)
}

macro_rules! pattern {
    ($kind:literal, $title:literal, [$($keyword:literal),+], $regex:literal, $check:expr) => {
        pattern!($kind, $title, [$($keyword),+], Place::Start, $regex, $check)
    };
    ($kind:literal, $title:literal, [$($keyword:literal),+], $place:expr, $regex:literal, $check:expr) => {
        Pattern { kind: $kind, title: $title, keywords: &[$($keyword),+], place: $place, regex: $regex, check: $check }
    };
}

/// Every token format.
pub static PATTERNS: &[Pattern] = &[
    // Model hubs and inference providers.
    pattern!(
        "huggingface-token",
        "a Hugging Face token",
        ["hf_"],
        r"hf_[A-Za-z0-9]{34,40}",
        hugging_face
    ),
    pattern!(
        "huggingface-org-token",
        "a Hugging Face organisation token",
        ["api_org_"],
        r"api_org_[A-Za-z]{34}",
        mixed
    ),
    pattern!(
        "openai-key",
        "an OpenAI API key",
        ["T3BlbkFJ"],
        Place::Inside,
        r"sk-(?:(?:proj|svcacct|admin|None)-)?[A-Za-z0-9_-]{16,120}T3BlbkFJ[A-Za-z0-9_-]{16,120}",
        sure
    ),
    pattern!(
        "anthropic-key",
        "an Anthropic API key",
        ["sk-ant-"],
        r"sk-ant-[a-z]{3,5}[0-9]{2}-[A-Za-z0-9_-]{80,110}AA",
        sure
    ),
    pattern!(
        "openrouter-key",
        "an OpenRouter API key",
        ["sk-or-v1-"],
        r"sk-or-v1-[a-f0-9]{64}",
        sure
    ),
    pattern!("nvidia-key", "an NVIDIA API key", ["nvapi-"], r"nvapi-[A-Za-z0-9_-]{60,80}", sure),
    pattern!("replicate-token", "a Replicate API token", ["r8_"], r"r8_[A-Za-z0-9]{37}", mixed),
    pattern!("groq-key", "a Groq API key", ["gsk_"], r"gsk_[A-Za-z0-9]{52}", mixed),
    pattern!("xai-key", "an xAI API key", ["xai-"], r"xai-[A-Za-z0-9]{70,90}", mixed),
    pattern!(
        "perplexity-key",
        "a Perplexity API key",
        ["pplx-"],
        r"pplx-[A-Za-z0-9]{48,56}",
        mixed
    ),
    pattern!(
        "langsmith-key",
        "a LangSmith API key",
        ["lsv2_"],
        r"lsv2_(?:pt|sk)_[a-f0-9]{32}_[a-f0-9]{10}",
        sure
    ),
    pattern!(
        "pinecone-key",
        "a Pinecone API key",
        ["pcsk_"],
        r"pcsk_[A-Za-z0-9]{5,6}_[A-Za-z0-9]{60,66}",
        mixed
    ),
    pattern!(
        "databricks-token",
        "a Databricks token",
        ["dapi"],
        r"dapi[a-f0-9]{32}(?:-[0-9])?",
        sure
    ),
    pattern!("kaggle-token", "a Kaggle API token", ["KGAT_"], r"KGAT_[a-f0-9]{32}", sure),
    // Clouds.
    pattern!(
        "aws-access-key-id",
        "an AWS access key id",
        ["AKIA", "ASIA", "ABIA", "ACCA"],
        r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}",
        aws_id
    ),
    pattern!(
        "aws-secret-key",
        "an AWS secret access key",
        [
            "aws_secret_access_key",
            "AWS_SECRET_ACCESS_KEY",
            "SecretAccessKey",
            "secretAccessKey",
            "aws_session_secret"
        ],
        r#"[A-Za-z_]{14,24}["']?[ \t]{0,8}[:=,][ \t]{0,8}["']?([A-Za-z0-9/+]{40})(?:[^A-Za-z0-9/+=]|$)"#,
        aws_secret
    ),
    pattern!(
        "aws-bedrock-key",
        "an Amazon Bedrock API key",
        ["ABSK"],
        r"ABSK[A-Za-z0-9+/]{109,269}={0,2}",
        sure
    ),
    pattern!("google-api-key", "a Google API key", ["AIza"], r"AIza[A-Za-z0-9_-]{35}", mixed),
    pattern!(
        "google-oauth-token",
        "a Google OAuth access token",
        ["ya29."],
        r"ya29\.[A-Za-z0-9_-]{60,400}",
        mixed
    ),
    pattern!(
        "google-client-secret",
        "a Google OAuth client secret",
        ["GOCSPX-"],
        r"GOCSPX-[A-Za-z0-9_-]{28}",
        mixed
    ),
    pattern!(
        "azure-storage-key",
        "an Azure storage account key",
        ["AccountKey="],
        r"AccountKey=([A-Za-z0-9+/]{86}==)",
        sure
    ),
    pattern!(
        "azure-shared-key",
        "an Azure shared access key",
        ["SharedAccessKey="],
        r"SharedAccessKey=([A-Za-z0-9+/]{43}=)",
        sure
    ),
    pattern!(
        "azure-client-secret",
        "a Microsoft Entra client secret",
        ["8Q~", "7Q~"],
        Place::Inside,
        r"[A-Za-z0-9_~.]{3}[78]Q~[A-Za-z0-9_~.-]{31,34}",
        mixed
    ),
    pattern!(
        "digitalocean-token",
        "a DigitalOcean token",
        ["dop_v1_", "doo_v1_"],
        r"do[op]_v1_[a-f0-9]{64}",
        sure
    ),
    // Code, packages and artifacts.
    pattern!(
        "github-token",
        "a GitHub token",
        ["ghp_", "gho_", "ghu_", "ghs_", "ghr_"],
        r"gh[pousr]_[A-Za-z0-9]{36}",
        checksummed
    ),
    pattern!(
        "github-fine-grained-token",
        "a GitHub fine-grained token",
        ["github_pat_"],
        r"github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}",
        mixed
    ),
    pattern!(
        "gitlab-token",
        "a GitLab token",
        ["glpat-", "glcbt-", "gldt-", "glrt-", "glptt-", "glsoat-"],
        r"gl(?:pat|cbt|dt|rt|ptt|soat)-(?:[A-Za-z0-9_-]{27,300}\.[0-9a-z]{2}[0-9a-z]{7}|[A-Za-z0-9_-]{20,40})",
        sure
    ),
    pattern!("npm-token", "an npm token", ["npm_"], r"npm_[A-Za-z0-9]{36}", checksummed),
    pattern!("pypi-token", "a PyPI token", ["pypi-AgE"], r"pypi-AgE[A-Za-z0-9_-]{60,300}", sure),
    pattern!(
        "docker-hub-token",
        "a Docker Hub token",
        ["dckr_pat_", "dckr_oat_"],
        r"dckr_(?:pat|oat)_[A-Za-z0-9_-]{27,40}",
        sure
    ),
    pattern!(
        "terraform-token",
        "a Terraform Cloud token",
        [".atlasv1."],
        Place::Inside,
        r"[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_-]{60,70}",
        sure
    ),
    // Everything else that is common and unmistakable.
    pattern!(
        "vault-token",
        "a Vault token",
        ["hvs.", "hvb."],
        r"hv[sb]\.[A-Za-z0-9_-]{90,220}",
        mixed
    ),
    pattern!(
        "slack-token",
        "a Slack token",
        ["xoxb-", "xoxp-", "xoxa-", "xoxr-", "xoxs-"],
        r"xox[abprs]-(?:[0-9]{8,14}-){1,3}[A-Za-z0-9-]{20,80}",
        sure
    ),
    pattern!(
        "slack-webhook",
        "a Slack webhook",
        ["hooks.slack.com/services/T"],
        r"hooks\.slack\.com/services/(T[A-Z0-9]{8,12}/B[A-Z0-9]{8,12}/[A-Za-z0-9]{24})",
        sure
    ),
    pattern!(
        "stripe-key",
        "a Stripe live key",
        ["sk_live_", "rk_live_"],
        r"[sr]k_live_[A-Za-z0-9]{24,120}",
        mixed
    ),
    pattern!(
        "sendgrid-key",
        "a SendGrid API key",
        ["SG."],
        r"SG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}",
        mixed
    ),
    pattern!(
        "grafana-token",
        "a Grafana service account token",
        ["glsa_"],
        r"glsa_[A-Za-z0-9]{32}_[A-Fa-f0-9]{8}",
        mixed
    ),
    pattern!(
        "tailscale-key",
        "a Tailscale key",
        ["tskey-"],
        r"tskey-(?:auth|api|client)-[A-Za-z0-9]{8,24}-[A-Za-z0-9]{24,48}",
        sure
    ),
    pattern!(
        "age-secret-key",
        "an age secret key",
        ["AGE-SECRET-KEY-1"],
        r"AGE-SECRET-KEY-1[A-Z0-9]{58}",
        sure
    ),
    pattern!(
        "authorization-header",
        "an Authorization header",
        ["uthorization: Bearer ", "uthorization: bearer ", "uthorization: token "],
        r"uthorization: [A-Za-z]{5,6} ([A-Za-z0-9._~+/=-]{32,2000})",
        unsure
    ),
];
