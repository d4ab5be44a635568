//! Metrics as Prometheus reads them.

use reqwest::Client;

/// The text of one `GET /metrics`.
pub struct Scrape(String);

impl Scrape {
    /// Asks an admin listener, such as `http://127.0.0.1:9090`.
    pub async fn of(client: &Client, admin: &str) -> Self {
        let response = client.get(format!("{admin}/metrics")).send().await.unwrap();
        assert_eq!(response.status(), 200);
        Self(response.text().await.unwrap())
    }

    /// The text of a series' value. Series are written as in the text: labels in alphabetical order.
    fn text(&self, series: &str) -> Option<&str> {
        self.0.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '))
    }

    /// The value of a series that counts, which must be there.
    pub fn value(&self, series: &str) -> u64 {
        let found = self.text(series).unwrap_or_else(|| panic!("no {series}:\n{}", self.0));
        found.parse().unwrap()
    }

    /// The value of a series that measures time.
    pub fn seconds(&self, series: &str) -> f64 {
        self.text(series).unwrap().parse().unwrap()
    }

    /// How often something was decided for a kind of caller.
    pub fn decisions(&self, source: &str, decision: &str) -> u64 {
        let labels = format!(r#"{{decision="{decision}",source="{source}"}}"#);
        self.value(&format!("plimsoll_decisions_total{labels}"))
    }

    /// How often something was not known for a cause.
    pub fn undecided(&self, cause: &str) -> u64 {
        self.value(&format!(r#"plimsoll_undecided_total{{cause="{cause}"}}"#))
    }

    /// How often a rule complained.
    pub fn findings(&self, rule: &str, level: &str) -> u64 {
        self.value(&format!(r#"plimsoll_findings_total{{level="{level}",rule="{rule}"}}"#))
    }

    /// How many events of receiver `main` came to this.
    pub fn events(&self, outcome: &str) -> u64 {
        self.value(&format!(r#"plimsoll_events_total{{outcome="{outcome}",receiver="main"}}"#))
    }

    /// How many requests to a path were answered with a code.
    pub fn requests(&self, path: &str, code: u16) -> u64 {
        let series = format!(r#"plimsoll_http_requests_total{{code="{code}",path="{path}"}}"#);
        // It appears with the first one.
        self.text(&series).map_or(0, |value| value.parse().unwrap())
    }
}
