//! Verdicts as an AdmissionReview v1 response. Rules of the API server:
//! `research/admission.md` section 4.2. Validating only: never a patch.

use serde_json::{Map, Value, json};

use super::message;
use super::plain::line;
use crate::model::{Decision, Finding, Verdict};

/// Longest message. kubectl prints it on one line behind a long prefix.
const MAX_MESSAGE_BYTES: usize = 2048;
/// Most images a message tells of.
const MAX_IMAGES_TOLD: usize = 4;
/// Most causes in `status.details`.
const MAX_CAUSES: usize = 50;
/// Most warnings; the API server drops those beyond 4096 characters in total.
const MAX_WARNINGS: usize = 20;

/// The verdict on one image of an object, and where the object names it.
#[derive(Debug, Clone)]
pub struct Judged {
    /// Such as `spec.template.spec.containers[1]`.
    pub places: Vec<String>,
    /// The verdict.
    pub verdict: Verdict,
}

/// A review that there was nothing to refuse in.
pub fn allowed(uid: &str) -> Value {
    response(json!({"uid": uid, "allowed": true}))
}

/// The answer to a review whose uid is all that could be read.
pub fn unreadable(uid: &str, detail: &str) -> Value {
    let message = format!("plimsoll cannot read this review: {}", line(detail, 300));
    response(json!({"uid": uid, "allowed": false,
        "status": {"code": 400, "reason": "BadRequest", "message": message}}))
}

/// The answer to a review of an object with images.
pub fn answer(uid: &str, judged: &[Judged]) -> Value {
    let refused: Vec<&Judged> =
        judged.iter().filter(|judged| judged.verdict.decision != Decision::Allow).collect();
    let mut answer = json!({"uid": uid, "allowed": refused.is_empty(),
        "auditAnnotations": annotations(judged)});
    let warnings = warnings(judged);
    if !warnings.is_empty() {
        set(&mut answer, "warnings", json!(warnings));
    }
    if !refused.is_empty() {
        set(&mut answer, "status", status(&refused));
    }
    response(answer)
}

#[expect(clippy::needless_pass_by_value, reason = "the macro only borrows it")]
fn response(response: Value) -> Value {
    json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response})
}

fn set(object: &mut Value, key: &str, value: Value) {
    if let Some(object) = object.as_object_mut() {
        object.insert(key.to_owned(), value);
    }
}

/// 403 for a denial; 503 when nothing is wrong but something is not known, so that people (and
/// controllers, which retry either way) see that trying again can help.
fn status(refused: &[&Judged]) -> Value {
    let denied = refused.iter().any(|judged| judged.verdict.decision == Decision::Deny);
    let (code, reason) = if denied { (403, "Forbidden") } else { (503, "ServiceUnavailable") };
    json!({"code": code, "reason": reason, "message": told(refused),
        "details": {"causes": causes(refused)}})
}

fn told(refused: &[&Judged]) -> String {
    let mut texts: Vec<String> = refused
        .iter()
        .take(MAX_IMAGES_TOLD)
        .map(|judged| {
            let place = judged.places.first().map(|place| format!("{}: ", line(place, 120)));
            format!("{}{}", place.unwrap_or_default(), message::text(&judged.verdict))
        })
        .collect();
    if let Some(more) = refused.len().checked_sub(MAX_IMAGES_TOLD).filter(|more| *more > 0) {
        texts.push(format!("and {more} more images"));
    }
    cut(&texts.join("\n"), MAX_MESSAGE_BYTES)
}

fn cut(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(most.saturating_sub(4));
    format!("{} ...", text.get(..end).unwrap_or_default())
}

/// One `StatusCause` per denial or undecided cause: shown by `kubectl -v4` and kept in audit logs.
fn causes(refused: &[&Judged]) -> Vec<Value> {
    let mut causes: Vec<Value> = Vec::new();
    for judged in refused {
        let field = judged.places.join(", ");
        for finding in judged.verdict.denials() {
            causes.push(json!({"reason": finding.rule, "field": line(&field, 300),
                "message": finding_text(finding)}));
        }
        for undecided in &judged.verdict.undecided {
            causes.push(json!({"reason": undecided.cause, "field": line(&field, 300),
                "message": line(&undecided.detail, 500)}));
        }
    }
    causes.truncate(MAX_CAUSES);
    causes
}

fn finding_text(finding: &Finding) -> String {
    let path = finding.path.as_deref().map(|path| format!(" [{path}]")).unwrap_or_default();
    line(&format!("{}{path} (fix: {})", finding.message, finding.fix), 700)
}

fn warnings(judged: &[Judged]) -> Vec<String> {
    let mut warnings: Vec<String> = Vec::new();
    for warning in judged.iter().flat_map(|judged| message::warnings(&judged.verdict)) {
        if !warnings.contains(&warning) && warnings.len() < MAX_WARNINGS {
            warnings.push(warning);
        }
    }
    warnings
}

/// Plain keys: the API server puts the webhook's name in front of them.
fn annotations(judged: &[Judged]) -> Value {
    let worst = judged
        .iter()
        .map(|judged| judged.verdict.decision)
        .max_by_key(|decision| match decision {
            Decision::Allow => 0,
            Decision::Undecided => 1,
            Decision::Deny => 2,
        })
        .unwrap_or(Decision::Allow);
    let mut rules: Vec<&str> = judged
        .iter()
        .flat_map(|judged| judged.verdict.denials())
        .map(|finding| finding.rule.as_str())
        .collect();
    rules.sort_unstable();
    rules.dedup();
    let digests: Vec<String> = judged
        .iter()
        .map(|judged| {
            let digest =
                judged.verdict.digest.as_ref().map_or("unknown".into(), ToString::to_string);
            format!("{}={digest}", line(&judged.verdict.image, 300))
        })
        .collect();
    let mut annotations = Map::new();
    let mut annotate = |key: &str, value: String| {
        if !value.is_empty() {
            annotations.insert(key.to_owned(), Value::String(value));
        }
    };
    annotate("decision", worst.to_string());
    annotate("rules", rules.join(","));
    annotate("images", cut(&digests.join(","), MAX_MESSAGE_BYTES));
    annotate(
        "policy",
        judged.first().map(|judged| judged.verdict.policy.clone()).unwrap_or_default(),
    );
    Value::Object(annotations)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::verdict::Stats;
    use crate::model::{Cause, Level, RuleId, Undecided};

    fn verdict(decision: Decision) -> Verdict {
        Verdict {
            image: "registry.example.com/ml/app:1".into(),
            digest: None,
            decision,
            findings: Vec::new(),
            undecided: Vec::new(),
            exceptions: Vec::new(),
            images: Vec::new(),
            policy: "0123456789ab".into(),
            complete: true,
            stats: Stats::default(),
        }
    }

    fn denied() -> Verdict {
        let finding = Finding::new(
            RuleId::new("model-weights"),
            Level::Deny,
            "model weights in the image (safetensors, 4.6 GiB)",
            "load the model at start from a volume or bucket",
        )
        .at_path("app/models/model.safetensors", 4_976_698_592);
        let mut verdict = verdict(Decision::Deny);
        verdict.findings = vec![finding];
        verdict
    }

    fn judged(verdict: Verdict) -> Judged {
        Judged { places: vec!["spec.containers[0]".into()], verdict }
    }

    #[test]
    fn allows_without_a_status() {
        insta::assert_json_snapshot!(answer("u-1", &[judged(verdict(Decision::Allow))]), @r#"
    {
      "apiVersion": "admission.k8s.io/v1",
      "kind": "AdmissionReview",
      "response": {
        "allowed": true,
        "auditAnnotations": {
          "decision": "allow",
          "images": "registry.example.com/ml/app:1=unknown",
          "policy": "0123456789ab"
        },
        "uid": "u-1"
      }
    }
    "#);
    }

    #[test]
    fn denies_with_403_and_says_why() {
        insta::assert_json_snapshot!(answer("u-1", &[judged(denied())]), @r#"
    {
      "apiVersion": "admission.k8s.io/v1",
      "kind": "AdmissionReview",
      "response": {
        "allowed": false,
        "auditAnnotations": {
          "decision": "deny",
          "images": "registry.example.com/ml/app:1=unknown",
          "policy": "0123456789ab",
          "rules": "model-weights"
        },
        "status": {
          "code": 403,
          "details": {
            "causes": [
              {
                "field": "spec.containers[0]",
                "message": "model weights in the image (safetensors, 4.6 GiB) [app/models/model.safetensors] (fix: load the model at start from a volume or bucket)",
                "reason": "model-weights"
              }
            ]
          },
          "message": "spec.containers[0]: registry.example.com/ml/app:1 is denied:\n- model-weights: model weights in the image (safetensors, 4.6 GiB), `app/models/model.safetensors`\n  fix: load the model at start from a volume or bucket",
          "reason": "Forbidden"
        },
        "uid": "u-1"
      }
    }
    "#);
    }

    #[test]
    fn not_knowing_is_503() {
        let mut unknown = verdict(Decision::Undecided);
        unknown.undecided = vec![Undecided::new(Cause::RateLimited, "429 from the registry")];
        let answer = answer("u-1", &[judged(unknown.clone()), judged(verdict(Decision::Allow))]);
        assert_eq!(answer["response"]["allowed"], false);
        assert_eq!(answer["response"]["status"]["code"], 503);
        let both = super::answer("u-1", &[judged(unknown), judged(denied())]);
        assert_eq!(both["response"]["status"]["code"], 403);
    }

    #[test]
    fn never_patches_and_always_echoes_the_uid() {
        for answer in
            [allowed("u-1"), unreadable("u-1", "x\ny"), answer("u-1", &[judged(denied())])]
        {
            assert_eq!(answer["apiVersion"], "admission.k8s.io/v1");
            assert_eq!(answer["kind"], "AdmissionReview");
            assert_eq!(answer["response"]["uid"], "u-1");
            assert!(answer["response"].get("patch").is_none());
            assert!(answer["response"].get("patchType").is_none());
        }
    }

    #[test]
    fn a_hundred_refused_images_stay_short() {
        let many: Vec<Judged> = (0..100).map(|_| judged(denied())).collect();
        let answer = answer("u-1", &many);
        let message = answer["response"]["status"]["message"].as_str().unwrap();
        assert!(message.len() <= MAX_MESSAGE_BYTES, "{}", message.len());
        assert!(message.contains("96 more images"));
        assert_eq!(answer["response"]["status"]["details"]["causes"].as_array().unwrap().len(), 50);
    }
}
