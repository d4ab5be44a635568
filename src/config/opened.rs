//! Files that are read later than the configuration, looked at in advance for `config check`:
//! certificates, the clients' CA, docker configurations. Not at every load, because they come and
//! go on their own: what serves already does not end over a secret that is being rotated.

use std::path::Path;

use super::files::read_capped;
use super::problem::{Problem, Problems};
use super::{Certificate, Config, ConfigError, MAX_CONFIG_BYTES};
use crate::registry::credentials::Credentials;
use crate::tls::{Pair, TlsError, server};

impl Config {
    /// Opens and parses the files; notes all problems, with the paths of their keys.
    pub(super) fn check_files(&self, problems: &mut Problems) {
        if let Some(Certificate { cert, key }) = &self.tls.certificate
            && let Err(error) = Pair::load(cert, key)
        {
            problems.add(self.key_of(&error), error.to_string());
        }
        if let Some(path) = &self.tls.client_ca {
            let roots = server::roots(path).map_err(|error| error.to_string());
            problems.keep("tls.client-ca", roots);
        }
        // One with a bad host is left out, and the places of those behind it shift.
        if problems.has_any_in("registries") {
            return;
        }
        for (index, registry) in self.registries.iter().enumerate() {
            if let Credentials::DockerConfig(path) = &registry.credentials {
                let key = format!("registries[{index}].credentials.docker-config");
                problems.keep(&key, check_docker_config(path));
            }
        }
    }

    /// Words for a configured certificate that cannot be served: those of `config check`.
    pub fn refused_certificate(&self, file: Option<&Path>, error: &TlsError) -> ConfigError {
        let file = file.map(|file| file.display().to_string());
        let (path, text) = (self.key_of(error).to_owned(), error.to_string());
        ConfigError { file, problems: vec![Problem { path, text }], sources: self.sources.clone() }
    }

    /// Which of the two files of a certificate an error is about. They must also belong
    /// together, which neither tells alone.
    fn key_of(&self, error: &TlsError) -> &'static str {
        let is_key = match error {
            TlsError::File { path, .. } | TlsError::TooLarge { path, .. } => {
                self.tls.certificate.as_ref().is_some_and(|pair| *path == pair.key)
            }
            TlsError::Key | TlsError::Mismatch => true,
            _ => false,
        };
        if is_key { "tls.key" } else { "tls.cert" }
    }
}

/// The parser's own words could quote a credential.
fn check_docker_config(path: &Path) -> Result<(), String> {
    let text = read_capped(path, MAX_CONFIG_BYTES)?;
    match serde_json::from_slice(&text) {
        Ok(serde_json::Value::Object(_)) => Ok(()),
        _ => {
            Err(format!("not a JSON object (hint: `docker login` writes it): `{}`", path.display()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::files::Files;
    use super::*;
    use crate::tls::make_certificates;

    #[test]
    fn problems_of_keys_and_files_are_told_at_once() {
        let told = |text: &str| {
            let files = Files::new(Path::new("/nonexistent"));
            Config::parse_with(text, files, Config::check_files).unwrap_err().to_string()
        };
        insta::assert_snapshot!(told("polcy: {}\ntls: {cert: a, key: b}"), @r"
        configuration: 2 problems
          polcy: unknown key (hint: did you mean `policy`?)
          tls.cert: cannot access `/nonexistent/a`: No such file or directory (os error 2)
        ");
        let gone = "{host: r, credentials: {docker-config: gone}}";
        let shifted = told(&format!("registries: [{{host: 'http://x'}}, {gone}]"));
        assert!(!shifted.contains("gone"), "{shifted}");
        assert!(told(&format!("registries: [{{host: x}}, {gone}]")).contains("registries[1]"));
    }

    #[test]
    fn each_file_is_told_under_its_key() {
        let folder = tempfile::tempdir().unwrap();
        let write =
            |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        let [one, other] = [(); 2].map(|()| make_certificates(&["a.example".into()]).unwrap());
        write("tls.crt", &one.cert_pem);
        write("tls.key", &one.key_pem);
        write("other.key", &other.key_pem);
        write("ca.crt", &one.ca_cert_pem);
        write("junk", "s3cret");
        write("config.json", "{}");
        let said = |cert: &str, key: &str, ca: &str, docker: &str| {
            let text = format!(
                "tls: {{cert: {cert}, key: {key}, client-ca: {ca}}}\n\
                 registries: [{{host: r, credentials: {{docker-config: {docker}}}}}]"
            );
            let files = Files::new(folder.path());
            let checked = Config::parse_with(&text, files, Config::check_files);
            let text = checked.map_or_else(|error| error.to_string(), |_| "ok".to_owned());
            text.replace(&folder.path().display().to_string(), "DIR")
        };
        insta::assert_snapshot!(said("tls.crt", "tls.key", "ca.crt", "config.json"), @"ok");
        insta::assert_snapshot!(said("gone", "tls.key", "gone", "gone"), @r"
        configuration: 3 problems
          registries[0].credentials.docker-config: cannot be read: No such file or directory (os error 2): `DIR/gone`
          tls.cert: cannot access `DIR/gone`: No such file or directory (os error 2)
          tls.client-ca: cannot access `DIR/gone`: No such file or directory (os error 2)
        ");
        insta::assert_snapshot!(said("tls.crt", "other.key", "junk", "junk"), @r"
        configuration: 3 problems
          registries[0].credentials.docker-config: not a JSON object (hint: `docker login` writes it): `DIR/junk`
          tls.client-ca: no usable certificate (hint: PEM, the server's own first, then intermediates): none in the client CA `DIR/junk`
          tls.key: private key does not belong to the first certificate of the chain
        ");
        insta::assert_snapshot!(said("tls.crt", "gone", "ca.crt", "config.json"), @"configuration: tls.key: cannot access `DIR/gone`: No such file or directory (os error 2)");
        insta::assert_snapshot!(said("junk", "tls.key", "ca.crt", "config.json"), @"configuration: tls.cert: no usable certificate (hint: PEM, the server's own first, then intermediates): no PEM certificate in it");
    }
}
