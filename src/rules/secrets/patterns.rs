//! The table of token formats. Each has a keyword that is searched for in one pass over the
//! text and a regular expression that is tried only there.
//! Sources: the providers' documentation and `research/content.md` section 3.3.
//!
//! A format is [`Strong`] when nothing harmless has it; where a prefix is short, or a value may
//! be public by design, it is [`Weak`]. Keys without any format (Mistral, Cohere, Datadog,
//! Twilio ...) are found by the name they stand under, see [`super::assignments`].

mod clouds;
mod forges;
mod models;
mod services;

use std::iter;

use super::Strength::{self, Strong, Weak};
use super::placeholders::distinct;
use super::{checksum, encoded, names};

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
    /// Whether the text in front of the token says that it is meant to be read by everyone.
    pub is_public_behind: fn(&[u8]) -> bool,
    /// Most bytes one look takes: the longest token, with what the check wants to see behind it.
    pub reach: usize,
}

/// Where a keyword stands in its token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// At its first byte.
    Start,
    /// Inside; the token begins where its characters begin.
    Inside,
    /// At its first byte, which may stand in the middle of a word.
    Anywhere,
}

/// Longest usual token, in bytes, with the byte behind it.
const USUAL_REACH: usize = 320;

/// Every token format.
pub fn all() -> impl Iterator<Item = &'static Pattern> {
    iter::empty()
        .chain(models::TABLE)
        .chain(clouds::TABLE)
        .chain(forges::TABLE)
        .chain(services::TABLE)
}

/// A format whose keyword stands at its first byte.
const fn token(
    kind: &'static str,
    title: &'static str,
    keywords: &'static [&'static str],
    regex: &'static str,
    check: fn(&[u8], &[u8]) -> Option<Strength>,
) -> Pattern {
    Pattern {
        kind,
        title,
        keywords,
        place: Place::Start,
        regex,
        check,
        is_public_behind: nowhere,
        reach: USUAL_REACH,
    }
}

impl Pattern {
    const fn inside(mut self) -> Self {
        self.place = Place::Inside;
        self
    }

    const fn anywhere(mut self) -> Self {
        self.place = Place::Anywhere;
        self
    }

    const fn public_behind(mut self, is: fn(&[u8]) -> bool) -> Self {
        self.is_public_behind = is;
        self
    }

    const fn reach(mut self, bytes: usize) -> Self {
        self.reach = bytes;
        self
    }
}

fn sure(value: &[u8], _: &[u8]) -> Option<Strength> {
    (distinct(value) >= 8).then_some(Strong)
}

fn unsure(value: &[u8], behind: &[u8]) -> Option<Strength> {
    sure(value, behind).map(|_| Weak)
}

/// The prefix up to and with the underscore, then the body with its checksum.
fn checksummed(value: &[u8], _: &[u8]) -> Option<Strength> {
    let body = value.splitn(2, |byte| *byte == b'_').nth(1)?;
    Some(if checksum::holds(body) { Strong } else { Weak })
}

/// Upper and lower case behind the prefix: no identifier of a program.
fn mixed(value: &[u8], behind: &[u8]) -> Option<Strength> {
    let upper = value.iter().any(u8::is_ascii_uppercase);
    let lower = value.iter().skip(4).any(u8::is_ascii_lowercase);
    if upper && lower { sure(value, behind) } else { None }
}

/// Digits too, behind a prefix so short that names in camel case would match.
fn dense(value: &[u8], behind: &[u8]) -> Option<Strength> {
    let digits = value.iter().skip(4).any(u8::is_ascii_digit);
    if digits && distinct(value) >= 12 { mixed(value, behind) } else { None }
}

/// The same where the format says little.
fn doubtful(value: &[u8], behind: &[u8]) -> Option<Strength> {
    dense(value, behind).map(|_| Weak)
}

/// Real tokens are 34 letters; with digits it may be a hash under a similar name.
fn hugging_face(value: &[u8], behind: &[u8]) -> Option<Strength> {
    mixed(value, behind)?;
    let body = value.get(3..)?;
    let letters = body.len() == 34 && body.iter().all(u8::is_ascii_alphabetic);
    Some(if letters { Strong } else { Weak })
}

/// `sk-` is what many servers with OpenAI's interface put in front; OpenAI's own have a mark.
fn openai_like(value: &[u8], behind: &[u8]) -> Option<Strength> {
    let is_own = value.windows(8).any(|part| part == b"T3BlbkFJ");
    if is_own { None } else { unsure(value, behind) }
}

/// In the configuration of a web page for Firebase or Maps, the key is meant to be read.
fn google(value: &[u8], behind: &[u8]) -> Option<Strength> {
    const PUBLIC: [&[u8]; 5] =
        [b"authDomain", b"firebaseapp", b"firebaseio", b"&callback=", b"&libraries="];
    let near = behind.get(..200).unwrap_or(behind);
    let public = PUBLIC.iter().any(|word| near.windows(word.len()).any(|part| part == *word));
    mixed(value, behind).map(|strength| if public { Weak } else { strength })
}

fn nowhere(_: &[u8]) -> bool {
    false
}

/// The address of Maps' script, Firebase's file for Android and Apple, and variables that go into
/// web pages.
fn in_web_page(before: &[u8]) -> bool {
    let line = before.rsplit(|byte| *byte == b'\n').next().unwrap_or(before);
    let line = String::from_utf8_lossy(line);
    let name = line.rsplit(|c: char| c.is_whitespace()).find(|word| word.contains(['=', ':']));
    let is_bundled = |word: &str| names::is_bundled(word.trim_start_matches(['"', '\'', '-']));
    let places = ["maps/api/js?", "maps/embed/", "maps/api/staticmap?", "current_key"];
    places.iter().any(|place| line.contains(place))
        || String::from_utf8_lossy(before).contains("API_KEY</key>")
        || name.is_some_and(is_bundled)
}

/// Behind the version, Yandex's tokens have one of a few heads; without it, random text may look
/// the same.
fn yandex(value: &[u8], behind: &[u8]) -> Option<Strength> {
    let is_known = [&b"y0_Ag"[..], b"y0__x", b"y0__w"].iter().any(|head| value.starts_with(head));
    dense(value, behind).map(|strength| if is_known { strength } else { Weak })
}

/// Scaleway's id is upper-case text like any other; with its secret, a UUID, close behind it
/// opens the account.
fn scaleway(value: &[u8], behind: &[u8]) -> Option<Strength> {
    sure(value, behind)?;
    let near = behind.get(..200).unwrap_or(behind);
    let is_uuid = |part: &[u8]| {
        let groups: Vec<usize> = part.split(|byte| *byte == b'-').map(<[u8]>::len).collect();
        groups == [8, 4, 4, 4, 12]
    };
    let is_part = |byte: &u8| byte.is_ascii_hexdigit() || *byte == b'-';
    near.split(|byte| !is_part(byte)).any(is_uuid).then_some(Strong)
}

/// An access key id alone opens nothing; with its secret close behind it does.
fn aws_id(value: &[u8], behind: &[u8]) -> Option<Strength> {
    sure(value, behind).map(|_| {
        let is_secret = |run: &[u8]| run.len() == 40 && aws_secret(run, &[]).is_some();
        if has_run(behind, is_secret) { Strong } else { Weak }
    })
}

/// Alibaba's and Tencent's ids: the secret behind has 30 or 32 letters and digits.
fn cloud_id(value: &[u8], behind: &[u8]) -> Option<Strength> {
    dense(value, behind).map(|_| {
        let is_secret = |run: &[u8]| (30..=36).contains(&run.len()) && dense(run, &[]).is_some();
        if has_run(behind, is_secret) { Strong } else { Weak }
    })
}

/// Whether a run of token characters close behind is a secret.
fn has_run(behind: &[u8], is_secret: impl Fn(&[u8]) -> bool) -> bool {
    let near = behind.get(..200).unwrap_or(behind);
    near.split(|byte| !(byte.is_ascii_alphanumeric() || *byte == b'/' || *byte == b'+'))
        .any(is_secret)
}

/// Forty characters of base64; a Git commit has only lower-case hexadecimal ones.
fn aws_secret(value: &[u8], behind: &[u8]) -> Option<Strength> {
    let goes_on = matches!(behind.first(), Some(b'/' | b'+' | b'='));
    let upper = value.iter().any(u8::is_ascii_uppercase);
    let lower = value.iter().any(u8::is_ascii_lowercase);
    (upper && lower && !goes_on && distinct(value) >= 16).then_some(Strong)
}

/// age's keys are Bech32 (BIP 173), which ends with a checksum.
fn bech32(value: &[u8], behind: &[u8]) -> Option<Strength> {
    sure(value, behind)?;
    Some(if checksum::holds_bech32(value) { Strong } else { Weak })
}

/// A JSON Web Token with a header that names its algorithm and a payload that is no example.
/// What it opens, and until when, is seldom to be seen: a warning. Supabase's key for servers
/// says that it passes every access rule.
fn jwt(value: &[u8], _: &[u8]) -> Option<Strength> {
    let mut parts = value.split(|byte| *byte == b'.');
    let (header, payload) = (encoded::base64(parts.next()?)?, encoded::base64(parts.next()?)?);
    let header: serde_json::Value = serde_json::from_slice(&header).ok()?;
    let signed = header.get("alg").and_then(serde_json::Value::as_str)? != "none";
    let payload = String::from_utf8_lossy(&payload).to_ascii_lowercase();
    let example = ["example", "john", "1234567890", "some", "sample", "test"];
    let example = payload.len() < 20 || example.iter().any(|word| payload.contains(word));
    let is_service = payload.contains("supabase") && payload.contains(r#""service_role""#);
    let strength = if is_service { Strong } else { Weak };
    (signed && !example && payload.starts_with('{')).then_some(strength)
}

/// A header's value; `Basic` has a user and a password in it.
fn header(value: &[u8], behind: &[u8]) -> Option<Strength> {
    let plain = encoded::base64(value);
    let login = plain.as_deref().and_then(|plain| plain.iter().position(|byte| *byte == b':'));
    if login.is_none() && value.len() < 32 {
        return None;
    }
    unsure(value, behind)
}

#[cfg(test)]
mod tests;
