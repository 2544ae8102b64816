//! Certificates of a host's personal store, as far as replication looks at them.

use super::SimTime;
use serde::{Deserialize, Serialize};

/// A certificate in the personal store of a computer, `LocalMachine\My`.
///
/// What makes one fit for replication, on either side:
/// <https://learn.microsoft.com/powershell/module/hyper-v/set-vmreplicationserver>; that its name
/// may have a wildcard:
/// <https://learn.microsoft.com/virtualization/community/team-blog/2012/20120313-hyper-v-replica-prerequisites-for-certificate-based-deployments>.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools)] // Four independent properties of a certificate.
pub struct Certificate {
    /// How settings name it; at most 128 characters. Compared without regard to case.
    pub thumbprint: String,
    /// The subject's common name and the alternative DNS names. The first label may be `*`.
    pub names: Vec<String>,
    /// From when on it is valid.
    pub valid_from: SimTime,
    /// Until when it is valid, that moment excluded.
    pub valid_until: SimTime,
    /// Whether its extended key usage includes client authentication.
    pub client_authentication: bool,
    /// Whether its extended key usage includes server authentication.
    pub server_authentication: bool,
    /// Whether the store has its private key.
    pub private_key: bool,
    /// Whether it ends at a valid root certificate, and nothing on the way is revoked.
    pub trusted: bool,
    /// The certificate itself, in base64: what `GetSystemCertificates` returns. Nothing here
    /// looks into it.
    pub encoded: String,
}

impl Certificate {
    /// A certificate that this host can replicate with until the end of time.
    ///
    /// ```
    /// use hyperv_replica::model::{Certificate, CertificateFault, SimTime, time::days};
    ///
    /// let soon = SimTime::ZERO + days(30);
    /// let it = Certificate { valid_until: soon, ..Certificate::of("tokyo.contoso.com", "AB12") };
    /// assert_eq!(it.fault("TOKYO.contoso.com", SimTime::ZERO), None);
    /// assert_eq!(it.fault("TOKYO.contoso.com", soon), Some(CertificateFault::Expired));
    /// assert_eq!(it.fault("osaka.contoso.com", soon), Some(CertificateFault::Expired));
    /// ```
    pub fn of(host: &str, thumbprint: &str) -> Self {
        Self {
            thumbprint: thumbprint.to_owned(),
            names: vec![host.to_owned()],
            valid_from: SimTime::ZERO,
            valid_until: SimTime::MAX,
            client_authentication: true,
            server_authentication: true,
            private_key: true,
            trusted: true,
            encoded: String::new(),
        }
    }

    /// Why this host cannot replicate with the certificate at this time, if it cannot: the first
    /// of the conditions that is not met.
    pub fn fault(&self, host: &str, at: SimTime) -> Option<CertificateFault> {
        use CertificateFault as F;
        let faults = [
            (at < self.valid_from, F::NotYetValid),
            (at >= self.valid_until, F::Expired),
            (!self.client_authentication, F::NoClientAuthentication),
            (!self.server_authentication, F::NoServerAuthentication),
            (!self.private_key, F::NoPrivateKey),
            (!self.trusted, F::Untrusted),
            (!self.names.iter().any(|name| is_name_of(name, host)), F::OtherName),
        ];
        faults.into_iter().find_map(|(wrong, fault)| wrong.then_some(fault))
    }
}

/// Whether a DNS name, of which the first label may be `*`, stands for a host. Case is ignored.
pub(crate) fn is_name_of(name: &str, host: &str) -> bool {
    match name.strip_prefix("*.") {
        Some(domain) => {
            host.split_once('.').is_some_and(|(_, of_host)| of_host.eq_ignore_ascii_case(domain))
        }
        None => name.eq_ignore_ascii_case(host),
    }
}

macro_rules! certificate_faults {
    ($($(#[$meta:meta])* $variant:ident = $hresult:literal, $says:literal;)+) => {
        /// What is wrong with a certificate.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum CertificateFault {
            $($(#[$meta])* #[doc = concat!("\n“… ", $says, "”.")] $variant,)+
        }

        impl CertificateFault {
            /// Every fault, in the order in which they are looked for.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The fault as a sentence.
            pub const fn says(self) -> &'static str {
                match self { $(Self::$variant => concat!("the certificate ", $says),)+ }
            }

            /// The fault of the certificate that the speaker itself presents.
            pub const fn of_this_host(self) -> &'static str {
                match self { $(Self::$variant => concat!("this host's certificate ", $says),)+ }
            }

            /// The fault of the certificate that the other end presents.
            pub const fn of_the_other_host(self) -> &'static str {
                match self {
                    $(Self::$variant => concat!("the other host's certificate ", $says),)+
                }
            }

            /// The HRESULT that Windows has for it.
            ///
            /// Source: <https://learn.microsoft.com/windows/win32/com/com-error-codes-4>.
            pub const fn hresult(self) -> u32 {
                match self { $(Self::$variant => $hresult,)+ }
            }
        }
    };
}

certificate_faults! {
    /// The store has none with the thumbprint.
    Missing = 0x8009_2004, "is not in its personal store";
    /// Its validity has not begun.
    NotYetValid = 0x800B_0101, "is not yet valid";
    /// Its validity has ended.
    Expired = 0x800B_0101, "has expired";
    /// A sender needs it.
    NoClientAuthentication = 0x800B_0110, "is not for client authentication";
    /// A receiver needs it.
    NoServerAuthentication = 0x800B_0110, "is not for server authentication";
    /// Without it nothing can be proved.
    NoPrivateKey = 0x8009_000D, "has no private key";
    /// Its chain does not end at a valid root certificate.
    Untrusted = 0x800B_0109, "does not end at a valid root certificate";
    /// Neither the common name nor an alternative name is the host's.
    OtherName = 0x800B_010F, "does not name the host";
}
