//! The labels. Each type is one label name and the values it may have.

use crate::model::{Cause, Decision, Level, RuleId};
use crate::rules::{self, RULES};

/// A label whose values cannot grow without end.
pub trait Label: Clone {
    /// Its name.
    const NAME: &'static str;

    /// Every value, if they are known from the start.
    fn all() -> Vec<Self>;

    /// This value.
    fn text(&self) -> String;
}

/// Declares a closed label: type, name, values with their texts.
macro_rules! labels {
    ($(
        $(#[$about:meta])+
        $label:ident = $name:literal { $( $(#[$value_about:meta])+ $value:ident = $text:literal, )+ }
    )+) => { $(
        $(#[$about])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $label { $( $(#[$value_about])+ $value, )+ }

        impl $label {
            /// The value as written in the label.
            pub fn as_str(self) -> &'static str {
                match self { $( Self::$value => $text, )+ }
            }
        }

        impl Label for $label {
            const NAME: &'static str = $name;

            fn all() -> Vec<Self> {
                vec![$( Self::$value ),+]
            }

            fn text(&self) -> String {
                self.as_str().to_owned()
            }
        }
    )+ };
}

labels! {
    /// Who asked for a decision.
    Source = "source" {
        /// kube-apiserver with an AdmissionReview.
        Admission = "admission",
        /// kube-apiserver with an `ImageReview`.
        ImageReview = "image-review",
        /// Gatekeeper.
        ExternalData = "external-data",
        /// A registry's event.
        Event = "event",
        /// `POST /check` or the command line.
        Check = "check",
        /// The push gate.
        PushGate = "push-gate",
    }

    /// How much of what a decision took was known already.
    CacheUse = "cache" {
        /// Everything.
        Hit = "hit",
        /// Some layers.
        Partial = "partial",
        /// Nothing.
        Miss = "miss",
    }

    /// Part of the work on one image.
    Phase = "phase" {
        /// From the reference to digests.
        Resolve = "resolve",
        /// Waiting for the registry.
        Fetch = "fetch",
        /// Reading layers.
        Scan = "scan",
        /// From facts to a verdict.
        Judge = "judge",
    }

    /// What became of a layer.
    LayerResult = "result" {
        /// Read to its end.
        Scanned = "scanned",
        /// Its facts were known.
        Cached = "cached",
        /// Not read to its end.
        Failed = "failed",
    }

    /// What became of an event.
    EventOutcome = "outcome" {
        /// At least one job was made of it.
        Queued = "queued",
        /// Its images wait or are being worked on already.
        Duplicate = "duplicate",
        /// It is about nothing that has to be judged.
        Ignored = "ignored",
        /// It was kept as a dead letter: at once, because it could not be understood, or after it
        /// had been queued, because its image could not be judged.
        DeadLetter = "dead-letter",
        /// Its sender did not show the right credentials.
        Unauthorized = "unauthorized",
        /// It could not be made durable; the sender was told to try again.
        Refused = "refused",
    }

    /// Kind of an HTTP path; what follows it is not told.
    Path = "path" {
        /// `/validate`.
        Validate = "/validate",
        /// `/mutate`.
        Mutate = "/mutate",
        /// `/image-review`.
        ImageReview = "/image-review",
        /// `/external-data`.
        ExternalData = "/external-data",
        /// `/events/{receiver}`.
        Events = "/events",
        /// `/check`.
        Check = "/check",
        /// `/v2/*` of the push gate.
        Registry = "/v2",
        /// `/metrics`.
        Metrics = "/metrics",
        /// `/livez`.
        Livez = "/livez",
        /// `/readyz`.
        Readyz = "/readyz",
        /// Any other.
        Other = "other",
    }
}

impl Path {
    /// The kind of a request's path. `/eventsx` is not below `/events`.
    pub fn of(path: &str) -> Self {
        let is = |kind: &Self| {
            let rest = path.strip_prefix(kind.as_str());
            rest.is_some_and(|rest| {
                rest.is_empty()
                    || (matches!(kind, Self::Events | Self::Registry) && rest.starts_with('/'))
            })
        };
        Self::all().into_iter().find(is).unwrap_or(Self::Other)
    }
}

impl Label for Decision {
    const NAME: &'static str = "decision";

    fn all() -> Vec<Self> {
        vec![Self::Allow, Self::Deny, Self::Undecided]
    }

    fn text(&self) -> String {
        self.as_str().to_owned()
    }
}

impl Label for Cause {
    const NAME: &'static str = "cause";

    fn all() -> Vec<Self> {
        Self::ALL.to_vec()
    }

    fn text(&self) -> String {
        self.as_str().to_owned()
    }
}

impl Label for Level {
    const NAME: &'static str = "level";

    /// What is ignored is not found.
    fn all() -> Vec<Self> {
        vec![Self::Deny, Self::Warn]
    }

    fn text(&self) -> String {
        self.as_str().to_owned()
    }
}

impl Label for RuleId {
    const NAME: &'static str = "rule";

    fn all() -> Vec<Self> {
        RULES.iter().map(|rule| rule.meta().id.clone()).collect()
    }

    /// A stored verdict may name a rule of another version, or anything if the store was tampered
    /// with.
    fn text(&self) -> String {
        rules::find(self.as_str()).map_or("other", |rule| rule.meta().id.as_str()).to_owned()
    }
}

/// Codes that have a series of their own; a hostile registry could send a thousand others.
const CODES: [u16; 28] = [
    200, 201, 202, 204, 206, 301, 302, 303, 304, 307, 308, 400, 401, 403, 404, 405, 406, 408, 409,
    413, 415, 416, 429, 499, 500, 502, 503, 504,
];

/// A status code, its class if it is a rare one, or `none`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Code(Option<u16>);

impl Code {
    /// The code of an answer, or that there was none.
    pub fn new(code: Option<u16>) -> Self {
        Self(code)
    }
}

impl Label for Code {
    const NAME: &'static str = "code";

    fn all() -> Vec<Self> {
        Vec::new()
    }

    fn text(&self) -> String {
        match self.0 {
            None => "none".to_owned(),
            Some(code) if CODES.contains(&code) => code.to_string(),
            Some(code @ 100..600) => format!("{}xx", code / 100),
            Some(_) => "other".to_owned(),
        }
    }
}

/// The name of a receiver, out of the configuration and never out of a request.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Configured(String);

impl Configured {
    /// A name that the operator wrote.
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }
}

impl Label for Configured {
    const NAME: &'static str = "receiver";

    fn all() -> Vec<Self> {
        Vec::new()
    }

    fn text(&self) -> String {
        self.0.clone()
    }
}

/// The hash of the policy in force.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PolicyHash(String);

impl PolicyHash {
    /// As [`crate::policy::Policy::hash`] says.
    pub fn new(hash: &str) -> Self {
        Self(hash.to_owned())
    }
}

impl Label for PolicyHash {
    const NAME: &'static str = "hash";

    fn all() -> Vec<Self> {
        Vec::new()
    }

    fn text(&self) -> String {
        self.0.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outsiders_cannot_make_labels() {
        let paths = [
            ("/validate", "/validate"),
            ("/validate/x", "other"),
            ("/events/main", "/events"),
            ("/eventsx", "other"),
            ("/v2", "/v2"),
            ("/v2/ml/app/manifests/1", "/v2"),
            ("/other", "other"),
            ("other", "other"),
            ("", "other"),
        ];
        for (path, expected) in paths {
            assert_eq!(Path::of(path).as_str(), expected, "{path}");
        }
        let codes = [
            (None, "none"),
            (Some(200), "200"),
            (Some(299), "2xx"),
            (Some(777), "other"),
            (Some(0), "other"),
        ];
        for (code, expected) in codes {
            assert_eq!(Code::new(code).text(), expected, "{code:?}");
        }
        assert_eq!(RuleId::new("image-size").text(), "image-size");
        assert_eq!(RuleId::new("registry.example.com/app").text(), "other");
    }
}
