//! `plimsoll config check|schema`.

use std::path::Path;
use std::process::ExitCode;

use jiff::civil::Date;

use crate::config::Config;
use crate::policy::Policy;

/// Runs the subcommand.
pub fn run(command: &super::Config) -> anyhow::Result<ExitCode> {
    match command {
        super::Config::Check { file } => check(file),
        super::Config::Schema => schema(),
    }
}

fn check(file: &Path) -> anyhow::Result<ExitCode> {
    let config = Config::load_with_files(file)?;
    let today = crate::judge::utc_day(jiff::Timestamp::now());
    let mut lines = vec![format!("{}: ok, policy {}", file.display(), config.policy.hash())];
    lines.extend(ended(&config.policy, today));
    super::print(&format!("{}\n", lines.join("\n")))?;
    Ok(ExitCode::SUCCESS)
}

/// Exceptions that do nothing any more. No problem: their end must not stop a restart.
fn ended(policy: &Policy, today: Date) -> Vec<String> {
    let all = policy.exceptions.iter().enumerate();
    all.filter(|(_, exception)| exception.until < today)
        .map(|(index, exception)| {
            format!("  note: policy.exceptions[{index}] ended on {}", exception.until)
        })
        .collect()
}

fn schema() -> anyhow::Result<ExitCode> {
    super::print(&format!("{:#}\n", crate::config::json_schema()))?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn tells_of_exceptions_that_ended() {
        let text = "policy: {exceptions: [{images: [x], rules: [cuda-devel], until: 2027-01-31, reason: y}]}";
        let policy = Config::parse(text, Path::new("")).unwrap().policy;
        assert!(ended(&policy, date(2027, 1, 31)).is_empty());
        assert_eq!(
            ended(&policy, date(2027, 2, 1)),
            ["  note: policy.exceptions[0] ended on 2027-01-31"]
        );
    }
}
