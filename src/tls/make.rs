//! Making certificates: a CA and a server certificate signed by it, for development and for a first
//! start without any. ECDSA P-256 throughout, which every client of the last decade reads.

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan as _, tz::TimeZone};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, SigningKey,
};
use rustls::pki_types::ServerName;

use super::TlsError;

/// Names of a server that nobody named: this machine, and the Service of the usual installation,
/// called from inside of its namespace and from the API server.
pub const DEFAULT_HOSTS: [&str; 5] =
    ["localhost", "127.0.0.1", "::1", "plimsoll", "plimsoll.plimsoll.svc"];

/// Common name of every CA made here. An issuer is found by name, so it never changes.
const CA_NAME: &str = "Plimsoll CA";
/// Validity of a CA in years.
const CA_YEARS: i64 = 10;
/// Validity of a server certificate in days. Go and rustls take any; Apple ends at 398.
const LEAF_DAYS: i64 = 365;
/// Days that validity begins before now: clocks differ, and a cluster's may be off by hours.
const BACKDATED_DAYS: i64 = 1;
/// Most hosts in one certificate.
const MAX_HOSTS: usize = 100;

/// A CA and a server certificate with their keys, as PEM.
#[derive(Clone)]
pub struct MadeCertificates {
    /// The CA's certificate, which clients trust (`caBundle`).
    pub ca_cert_pem: String,
    /// The CA's key, PKCS#8.
    pub ca_key_pem: String,
    /// The server's certificate.
    pub cert_pem: String,
    /// The server's key, PKCS#8.
    pub key_pem: String,
}

impl std::fmt::Debug for MadeCertificates {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MadeCertificates").finish_non_exhaustive()
    }
}

/// Makes a CA for ten years and a server certificate for one year, for `hosts`: DNS names (also
/// `*.example.com`) and IP addresses.
pub fn make_certificates(hosts: &[String]) -> Result<MadeCertificates, TlsError> {
    make_certificates_at(hosts, Timestamp::now())
}

/// The same as if it were `now`.
pub fn make_certificates_at(
    hosts: &[String],
    now: Timestamp,
) -> Result<MadeCertificates, TlsError> {
    let ca = CertifiedIssuer::self_signed(ca_params(now)?, KeyPair::generate().map_err(failed)?)
        .map_err(failed)?;
    let (cert_pem, key_pem) = make_leaf(hosts, &ca, now)?;
    Ok(MadeCertificates {
        ca_cert_pem: ca.pem(),
        ca_key_pem: ca.key().serialize_pem(),
        cert_pem,
        key_pem,
    })
}

/// Makes another server certificate, signed by the CA whose key is given: its certificate stays
/// valid for the clients that trust it.
pub(super) fn make_leaf_by(
    ca_key_pem: &str,
    hosts: &[String],
    now: Timestamp,
) -> Result<(String, String), TlsError> {
    let key = KeyPair::from_pem(ca_key_pem).map_err(|_| TlsError::Key)?;
    make_leaf(hosts, &Issuer::new(ca_params(now)?, key), now)
}

fn make_leaf(
    hosts: &[String],
    ca: &Issuer<'_, impl SigningKey>,
    now: Timestamp,
) -> Result<(String, String), TlsError> {
    let params = leaf_params(hosts, now)?;
    let key = KeyPair::generate().map_err(failed)?;
    let certificate = params.signed_by(&key, ca).map_err(failed)?;
    Ok((certificate.pem(), key.serialize_pem()))
}

fn ca_params(now: Timestamp) -> Result<CertificateParams, TlsError> {
    let mut params = CertificateParams::default();
    params.distinguished_name = name(CA_NAME);
    // No CA below this one.
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    set_validity(&mut params, now, CA_YEARS.years())?;
    Ok(params)
}

fn leaf_params(hosts: &[String], now: Timestamp) -> Result<CertificateParams, TlsError> {
    check_hosts(hosts)?;
    let mut params = CertificateParams::new(hosts).map_err(failed)?;
    params.distinguished_name = name("plimsoll");
    params.is_ca = IsCa::ExplicitNoCa;
    params.use_authority_key_identifier_extension = true;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    set_validity(&mut params, now, LEAF_DAYS.days())?;
    Ok(params)
}

fn check_hosts(hosts: &[String]) -> Result<(), TlsError> {
    if hosts.is_empty() || hosts.len() > MAX_HOSTS {
        let reason = format!("wants 1 to {MAX_HOSTS} hosts, got: {}", hosts.len());
        return Err(TlsError::Make(reason));
    }
    let is_name = |host: &str| ServerName::try_from(host).is_ok();
    match hosts.iter().find(|host| !is_name(host.strip_prefix("*.").unwrap_or(host))) {
        Some(host) => Err(TlsError::Host(host.chars().take(260).collect())),
        None => Ok(()),
    }
}

fn name(common: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common);
    name
}

fn set_validity(
    params: &mut CertificateParams,
    now: Timestamp,
    validity: jiff::Span,
) -> Result<(), TlsError> {
    let today = now.to_zoned_datetime(TimeZone::UTC).date();
    let (year, month, day) = parts(today.checked_sub(BACKDATED_DAYS.days()).map_err(failed)?)?;
    params.not_before = rcgen::date_time_ymd(year, month, day);
    let (year, month, day) = parts(today.checked_add(validity).map_err(failed)?)?;
    params.not_after = rcgen::date_time_ymd(year, month, day);
    Ok(())
}

fn parts(date: Date) -> Result<(i32, u8, u8), TlsError> {
    let part = |number: i8| u8::try_from(number).map_err(failed);
    Ok((i32::from(date.year()), part(date.month())?, part(date.day())?))
}

fn failed(error: impl std::fmt::Display) -> TlsError {
    TlsError::Make(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::Pair;

    fn pair(made: &MadeCertificates) -> Pair {
        Pair::parse(made.cert_pem.as_bytes(), made.key_pem.as_bytes()).unwrap()
    }

    #[test]
    fn lasts_a_year() {
        let now = "2026-08-01T12:00:00Z".parse().unwrap();
        let made = make_certificates_at(&["a.example".into()], now).unwrap();
        assert_eq!(pair(&made).not_after.to_string(), "2027-08-01T00:00:00Z");
    }

    #[test]
    fn names_hosts_of_every_kind_and_refuses_others() {
        let make = |host: &str| make_certificates(&[host.to_owned()]);
        for good in ["plimsoll.plimsoll.svc", "*.example.com", "localhost", "127.0.0.1", "::1"] {
            assert!(make(good).is_ok(), "{good}");
        }
        for bad in
            ["", "a b", "a.*.example", "**.example.com", "https://a.example", "a.example:8443"]
        {
            assert!(matches!(make(bad), Err(TlsError::Host(_))), "{bad}");
        }
        insta::assert_snapshot!(make("a b").unwrap_err(), @"not a host name or IP address: `a b`");
    }

    #[test]
    fn caps_the_number_of_hosts() {
        for (count, fits) in [(0, false), (1, true), (99, true), (100, true), (101, false)] {
            let hosts: Vec<_> = (0..count).map(|n| format!("h{n}.example")).collect();
            assert_eq!(make_certificates(&hosts).is_ok(), fits, "{count}");
        }
    }

    #[test]
    fn debug_shows_no_key() {
        let made = make_certificates(&["a.example".into()]).unwrap();
        insta::assert_snapshot!(format!("{made:?}"), @"MadeCertificates { .. }");
    }
}
