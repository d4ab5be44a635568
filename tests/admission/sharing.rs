//! Images that share layers: what is wrong with one image's way to a layer must not become
//! another image's verdict.

use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::support::app::TestApp;
use crate::support::image::{ImageBuilder, LayerBuilder};
use crate::support::registry::{FakeRegistry, Fault};
use crate::support::reviews::pod;
use crate::support::samples::{clean, publish};
use crate::support::wait::wait_for;

/// Asks about the bad image; when its first layer is being asked for, asks about the good one,
/// which joins; then lets the registry answer. Gives both answers.
async fn both(
    app: &TestApp,
    registry: &FakeRegistry,
    layer: &str,
    held: &CancellationToken,
) -> [Value; 2] {
    let (bad, good) =
        (pod(registry.reference("ml/bad", "1")), pod(registry.reference("ml/good", "1")));
    let second = async {
        let asked = || registry.requests_to(&format!("/ml/bad/blobs/{layer}"));
        wait_for("the bad image's layer", async || (!asked().is_empty()).then_some(())).await;
        let release = async {
            let config = || registry.requests_to("/ml/good/blobs/");
            wait_for("the good image", async || (!config().is_empty()).then_some(())).await;
            held.cancel();
        };
        tokio::join!(app.validate(&good), release).0
    };
    let (bad, good) = tokio::join!(app.validate(&bad), second);
    [bad, good]
}

#[tokio::test]
async fn a_layer_that_cannot_be_had_in_one_repository_is_had_in_the_other() {
    let registry = FakeRegistry::start().await;
    let shared = LayerBuilder::new("COPY app/ /app # buildkit").file("app/main.py", "print()");
    let image = ImageBuilder::new().layer(&shared).build();
    publish(&registry, "ml/bad", "1", &image);
    publish(
        &registry,
        "ml/good",
        "1",
        &ImageBuilder::new().layer(&shared).env("MODE", "good").build(),
    );
    let layer = image.layers()[0].digest.to_string();
    let path = format!("/ml/bad/blobs/{layer}");
    let held = registry.hold(&path);
    registry.fault(&path, Fault::Status(404));
    let app = TestApp::start(&registry, "").await;
    let [bad, good] = both(&app, &registry, &layer, &held).await;
    assert_eq!(bad["allowed"], false, "{bad}");
    assert_eq!(good["allowed"], true, "{good}");
    app.stop().await;
}

#[tokio::test]
async fn a_manifest_that_lies_about_a_shared_layer_harms_itself_only() {
    let registry = FakeRegistry::start().await;
    let image = clean("1");
    publish(&registry, "ml/good", "1", &image);
    let shared = &image.layers()[0];
    let liar = ImageBuilder::new().claimed_layer("COPY . /", &shared.digest, 5).build();
    publish(&registry, "ml/bad", "1", &liar);
    let layer = shared.digest.to_string();
    let held = registry.hold(&format!("/ml/bad/blobs/{layer}"));
    let app = TestApp::start(&registry, "").await;
    let [bad, good] = both(&app, &registry, &layer, &held).await;
    assert_eq!(bad["allowed"], false, "{bad}");
    assert_eq!(good["allowed"], true, "{good}");
    // Once the layer's true size is known, the lie is one by itself.
    let again = app.validate(&pod(registry.reference("ml/bad", "1"))).await;
    assert_eq!(again["status"]["code"], 403, "{again}");
    app.stop().await;
}
