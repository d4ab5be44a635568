//! Files that are read later than the configuration, looked at in advance for `config check`:
//! certificates, the clients' CA, docker configurations. Not at every load, because they come and
//! go on their own: what serves already does not end over a secret that is being rotated.

use std::path::Path;

use super::files::read_capped;
use super::problem::Problems;
use super::{Certificate, Config, ConfigError, MAX_CONFIG_BYTES};
use crate::registry::credentials::Credentials;
use crate::tls::{Pair, TlsError, server};

impl Config {
    /// Opens and parses the files; all problems at once, with the paths of their keys.
    pub fn check_files(&self) -> Result<(), ConfigError> {
        let mut problems = Problems::default();
        if let Some(certificate) = &self.tls.certificate {
            check_pair(certificate, &mut problems);
        }
        if let Some(path) = &self.tls.client_ca {
            let roots = server::roots(path).map_err(|error| error.to_string());
            problems.keep("tls.client-ca", roots);
        }
        for (index, registry) in self.registries.iter().enumerate() {
            if let Credentials::DockerConfig(path) = &registry.credentials {
                let key = format!("registries[{index}].credentials.docker-config");
                problems.keep(&key, check_docker_config(path));
            }
        }
        if problems.is_empty() {
            return Ok(());
        }
        let (problems, sources) = (problems.into_vec(), self.sources.clone());
        Err(ConfigError { file: None, problems, sources })
    }
}

/// The two must also belong together, which neither tells alone.
fn check_pair(Certificate { cert, key }: &Certificate, problems: &mut Problems) {
    if let Err(error) = Pair::load(cert, key) {
        let is_key = match &error {
            TlsError::File { path, .. } | TlsError::TooLarge { path, .. } => path == key,
            TlsError::Key | TlsError::Mismatch => true,
            _ => false,
        };
        problems.add(if is_key { "tls.key" } else { "tls.cert" }, error.to_string());
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
    use super::*;
    use crate::tls::make_certificates;

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
            let checked = Config::parse(&text, folder.path()).unwrap().check_files();
            let text = checked.map_or_else(|error| error.to_string(), |()| "ok".to_owned());
            text.replace(&folder.path().display().to_string(), "DIR")
        };
        insta::assert_snapshot!(said("tls.crt", "tls.key", "ca.crt", "config.json"), @"ok");
        insta::assert_snapshot!(said("gone", "tls.key", "gone", "gone"), @r"
        configuration: 3 problems
          registries[0].credentials.docker-config: cannot read `DIR/gone`: No such file or directory (os error 2)
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
