//! The real binary as a process of its own, so that it can be killed.

use std::io::{BufRead as _, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};

use reqwest::Client;
use serde_json::Value;

use super::app::{client, own_keys};
use super::scrape::Scrape;
use super::wait::wait_for;

/// The binary, without what the environment of the test run may say.
pub fn plimsoll() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_plimsoll"));
    command.env_remove("PLIMSOLL_CONFIG").env_remove("PLIMSOLL_LOG");
    command
}

/// A process whose stderr is kept; it is killed when this is dropped.
pub struct Process {
    child: Child,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Process {
    /// Starts it.
    pub fn spawn(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = Arc::default();
        collect(child.stderr.take().unwrap(), Arc::clone(&lines));
        Self { child, lines }
    }

    /// What it has written to stderr so far.
    pub fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }

    /// Waits for a line of which `pick` makes something.
    pub async fn line<T>(&self, what: &str, pick: impl Fn(&str) -> Option<T>) -> T {
        wait_for(what, async || self.lines().iter().find_map(|line| pick(line))).await
    }

    /// `kill -9`: no chance to do anything more.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// `kill -TERM`.
    pub fn terminate(&self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    }

    /// Waits for its end.
    pub async fn ended(&mut self) -> ExitStatus {
        wait_for("the process to end", async || self.child.try_wait().unwrap()).await
    }
}

fn collect(stderr: impl Read + Send + 'static, lines: Arc<Mutex<Vec<String>>>) {
    std::thread::spawn(move || {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            lines.lock().unwrap().push(line);
        }
    });
}

/// `plimsoll serve`, ready.
pub struct Served {
    /// The process.
    pub process: Process,
    /// Trusts the server's CA only.
    pub client: Client,
    webhook: String,
    admin: String,
}

impl Served {
    /// Starts in a folder that holds certificates, and waits until it is ready.
    pub async fn start(folder: &Path, config: &str) -> Self {
        let file = folder.join("plimsoll.yaml");
        std::fs::write(&file, with_own_keys(config)).unwrap();
        let process = Process::spawn(plimsoll().arg("serve").arg("--config").arg(&file));
        let ready = process.line("`ready`", |line| {
            let line: Value = serde_json::from_str(line).ok()?;
            (line["message"] == "ready").then_some(line)
        });
        let ready = ready.await;
        let address = |key: &str| ready[key].as_str().unwrap().to_owned();
        Self {
            process,
            client: client(&std::fs::read(folder.join("ca.crt")).unwrap()),
            webhook: format!("https://{}", address("webhook")),
            admin: format!("http://{}", address("admin")),
        }
    }

    /// A request to the webhook listener.
    pub fn post(&self, path: &str, body: impl Into<reqwest::Body>) -> reqwest::RequestBuilder {
        self.client.post(format!("{}{path}", self.webhook)).body(body)
    }

    /// The metrics now.
    pub async fn metrics(&self) -> Scrape {
        Scrape::of(&self.client, &self.admin).await
    }

    /// The log lines with this message, as JSON.
    pub fn logged(&self, message: &str) -> Vec<Value> {
        let lines = self.process.lines();
        let parsed = lines.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        parsed.filter(|line| line["message"] == message).collect()
    }
}

/// A configuration with the keys that all have, and with ports that the system chooses.
pub fn with_own_keys(config: &str) -> String {
    let listen = r#"listen: {webhook: "127.0.0.1:0", admin: "127.0.0.1:0"}"#;
    format!("{listen}\n{}\n{config}", own_keys())
}
