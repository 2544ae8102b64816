//! TLS: who a server is, and whom a client believes.
//!
//! ```
//! use hyperv_replica::wsman::tls::{Identity, Tls, Trust};
//!
//! let tokyo = Identity::generate(["tokyo", "127.0.0.1"])?;
//! let server = Tls::new(&tokyo)?;
//! let client = Trust::Pinned(tokyo.fingerprint());
//! # Ok::<(), hyperv_replica::wsman::tls::TlsError>(())
//! ```

use super::{Accepting, Encrypt, Stream};
use sha2::{Digest, Sha256};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio_rustls::rustls;
use tokio_rustls::{TlsAcceptor, TlsConnector};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, ServerConfig};
use rustls::{SignatureScheme, version};

/// Why there is no TLS: what is wrong with a certificate, a key or a setting.
#[derive(Debug)]
pub struct TlsError(Box<dyn std::error::Error + Send + Sync>);

impl TlsError {
    fn new(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self(source.into())
    }
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TLS cannot be used: {}", self.0)
    }
}

impl std::error::Error for TlsError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&*self.0)
    }
}

/// A server's certificate, with those that vouch for it, and its key.
pub struct Identity {
    /// The server's own first.
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity({})", self.fingerprint())
    }
}

impl Identity {
    /// From the text of files as OpenSSL writes them: certificates, the server's own first, and a
    /// key in any of its forms, which is not encrypted.
    ///
    /// # Errors
    /// If there is no certificate or no key.
    pub fn from_pem(certificates: &str, key: &str) -> Result<Self, TlsError> {
        let chain = read_certificates(certificates)?;
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes());
        let key = key.map_err(|error| TlsError::new(format!("the key: {error}")))?;
        Ok(Self { chain, key })
    }

    /// A new one under these names, each a DNS name or an address, which nobody vouches for. A
    /// client has to be told of it: by its [fingerprint](Self::fingerprint), or its
    /// [text](Self::certificate_pem) as an authority.
    ///
    /// # Errors
    /// If a name is none.
    pub fn generate<T: Into<String>>(names: impl IntoIterator<Item = T>) -> Result<Self, TlsError> {
        let names: Vec<String> = names.into_iter().map(Into::into).collect();
        let made = rcgen::generate_simple_self_signed(names).map_err(TlsError::new)?;
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der());
        let key = key.map_err(TlsError::new)?;
        Ok(Self { chain: vec![made.cert.der().clone()], key })
    }

    /// What tells the server's certificate from any other.
    pub fn fingerprint(&self) -> Fingerprint {
        // There is one: a chain is never empty.
        Fingerprint::of(self.chain.first().map(CertificateDer::as_ref).unwrap_or_default())
    }

    /// The server's certificate as text.
    pub fn certificate_pem(&self) -> String {
        let der = self.chain.first().map(CertificateDer::as_ref).unwrap_or_default();
        pem("CERTIFICATE", der)
    }

    /// The key as text, not encrypted: a secret.
    pub fn key_pem(&self) -> String {
        let label = match &self.key {
            PrivateKeyDer::Pkcs1(_) => "RSA PRIVATE KEY",
            PrivateKeyDer::Sec1(_) => "EC PRIVATE KEY",
            _ => "PRIVATE KEY",
        };
        pem(label, self.key.secret_der())
    }
}

fn pem(label: &str, der: &[u8]) -> String {
    use base64::{Engine, engine::general_purpose::STANDARD};
    const COLUMNS: usize = 64;
    let text = STANDARD.encode(der);
    let mut pem = format!("-----BEGIN {label}-----\n");
    for line in text.as_bytes().chunks(COLUMNS) {
        pem.extend(line.iter().map(|it| char::from(*it)));
        pem.push('\n');
    }
    pem + &format!("-----END {label}-----\n")
}

fn read_certificates(pem: &str) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let read = CertificateDer::pem_slice_iter(pem.as_bytes()).collect::<Result<Vec<_>, _>>();
    let read = read.map_err(|error| TlsError::new(format!("the certificates: {error}")))?;
    if read.is_empty() {
        return Err(TlsError::new("there is no certificate in the text"));
    }
    Ok(read)
}

/// The SHA-256 of a certificate.
///
/// ```
/// use hyperv_replica::wsman::tls::Fingerprint;
///
/// let text = "SHA256:".to_owned() + &"0123456789ABCDEF".repeat(4);
/// let one: Fingerprint = text.parse()?;
/// assert_eq!(one.to_string().to_uppercase(), "0123456789ABCDEF".repeat(4));
/// assert!("0123".parse::<Fingerprint>().is_err());
/// # Ok::<(), hyperv_replica::wsman::tls::TlsError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint(pub [u8; 32]);

impl Fingerprint {
    fn of(der: &[u8]) -> Self {
        Self(Sha256::digest(der).into())
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Reads 64 hexadecimal digits, in which colons and blanks may stand, perhaps behind `SHA256:`.
impl FromStr for Fingerprint {
    type Err = TlsError;

    fn from_str(text: &str) -> Result<Self, TlsError> {
        let wrong = || TlsError::new("a fingerprint has 64 hexadecimal digits");
        let bare = text.trim();
        let bare = bare.strip_prefix("SHA256:").unwrap_or(bare);
        let digits = bare.chars().filter(|it| !matches!(it, ':' | ' '));
        let digits: Option<Vec<u32>> = digits.map(|it| it.to_digit(16)).collect();
        let digits = digits.filter(|it| it.len() == 64).ok_or_else(wrong)?;
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.as_chunks::<2>().0) {
            *byte = u8::try_from(pair[0] << 4 | pair[1]).map_err(|_| wrong())?;
        }
        Ok(Self(bytes))
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

/// Windows Server 2012 to 2019 have nothing newer than 1.2.
const VERSIONS: &[&rustls::SupportedProtocolVersion] = &[&version::TLS13, &version::TLS12];

/// Encrypts the connections of a server.
#[derive(Clone)]
pub struct Tls(TlsAcceptor);

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls(..)")
    }
}

impl Tls {
    /// For a server with this identity. Clients are not asked for certificates.
    ///
    /// # Errors
    /// If the key is not that of the certificate.
    pub fn new(identity: &Identity) -> Result<Self, TlsError> {
        let Identity { chain, key } = identity;
        let config = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(VERSIONS)
            .map_err(TlsError::new)?
            .with_no_client_auth()
            .with_single_cert(chain.clone(), key.clone_key())
            .map_err(TlsError::new)?;
        Ok(Self(TlsAcceptor::from(Arc::new(config))))
    }
}

impl Encrypt for Tls {
    fn accept(&self, stream: TcpStream) -> Accepting {
        let accepting = self.0.accept(stream);
        Box::pin(async move { Ok(Box::new(accepting.await?) as Box<dyn Stream>) })
    }
}

/// Which servers a client believes to be who they say.
#[derive(Clone, Debug, Default)]
pub enum Trust {
    /// Those for whom somebody vouches whom this machine believes.
    #[default]
    System,
    /// Those for whom one of these vouches: certificates as text. It may be the server's own.
    Authority(String),
    /// The one with this certificate, whatever is in it.
    Pinned(Fingerprint),
    /// Whoever answers. What is said is encrypted, but nobody knows for whom: an attacker who sits
    /// in between reads and changes everything.
    DangerAnyone,
}

impl Trust {
    /// What opens connections that are encrypted so.
    pub(super) fn connector(&self) -> Result<TlsConnector, TlsError> {
        let builder = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(VERSIONS)
            .map_err(TlsError::new)?;
        let config = match self.expected() {
            Err(certificates) => builder.with_root_certificates(roots(certificates)?),
            Ok(expected) => {
                let verifier = Arc::new(Expected { expected, provider: provider() });
                builder.dangerous().with_custom_certificate_verifier(verifier)
            }
        };
        Ok(TlsConnector::from(Arc::new(config.with_no_client_auth())))
    }

    /// The certificate that is expected, if any; else the text of those who vouch, if not the
    /// machine's.
    fn expected(&self) -> Result<Option<Fingerprint>, Option<&str>> {
        match self {
            Self::System => Err(None),
            Self::Authority(certificates) => Err(Some(certificates)),
            Self::Pinned(fingerprint) => Ok(Some(*fingerprint)),
            Self::DangerAnyone => Ok(None),
        }
    }
}

fn roots(certificates: Option<&str>) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    if let Some(text) = certificates {
        for certificate in read_certificates(text)? {
            roots.add(certificate).map_err(TlsError::new)?;
        }
        return Ok(roots);
    }
    let loaded = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(loaded.certs);
    if roots.is_empty() {
        return Err(TlsError::new("this machine believes nobody: it has no certificates"));
    }
    Ok(roots)
}

/// Believes the one that is expected, or anyone; that a server has the key of its certificate is
/// checked in any case.
#[derive(Debug)]
struct Expected {
    expected: Option<Fingerprint>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Expected {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let found = Fingerprint::of(end_entity);
        if self.expected.is_none_or(|it| it == found) {
            return Ok(ServerCertVerified::assertion());
        }
        Err(CertificateError::ApplicationVerificationFailure.into())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
