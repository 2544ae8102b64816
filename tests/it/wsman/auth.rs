//! NTLM against Microsoft's published values, both halves against each other, and whoever cheats.

use hyperv_replica::wsman::auth::negotiate::{self, Done, Step, Wrapping};
use hyperv_replica::wsman::auth::ntlm::{self, FileTime, Session};
use hyperv_replica::wsman::auth::{
    AuthError, Credentials, Entropy, Password, Result, Users, basic, sealed,
};

#[allow(unreachable_pub)] // It belongs to the workspace of the fuzz targets.
#[path = "../../../fuzz/src/tokens.rs"]
mod target;

proptest::proptest! {
    #![proptest_config(crate::arbitrary::config(300))]

    /// What the fuzz target does, on a few inputs: tokens that were made, damaged.
    #[test]
    fn damaged_tokens_let_nobody_in(
        place: u8,
        which in 0..4_usize,
        cut: proptest::sample::Index,
        damage in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..40),
    ) {
        let wrapping = if place & 1 == 0 { Wrapping::Spnego } else { Wrapping::Bare };
        let mut made = Vec::new();
        let _ = negotiate(Credentials::new("guest", "other"), wrapping, |at, token| {
            if at == which {
                made.clone_from(token);
            }
        });
        let cut = cut.index(made.len() + 1);
        let end = (cut + damage.len()).min(made.len());
        made.splice(cut..end, damage);
        target::tokens(&[&[place], &made[..]].concat());
    }
}

/// With what the target begins.
#[test]
fn seeds_of_tokens_let_nobody_in() {
    let seeds = target::seeds();
    assert!(seeds.len() > 30);
    for it in &seeds {
        target::tokens(it);
    }
}

/// Random bytes that are known: these, then each one more than the last.
struct Known(Vec<u8>);

impl Known {
    fn new(bytes: &[&[u8]]) -> Self {
        Self(bytes.concat())
    }
}

impl Entropy for Known {
    fn fill(&mut self, bytes: &mut [u8]) {
        for byte in bytes {
            *byte = if self.0.len() > 1 { self.0.remove(0) } else { self.0[0] };
            if self.0.len() == 1 {
                self.0[0] = self.0[0].wrapping_add(1);
            }
        }
    }
}

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<_> = text.bytes().filter(|it| !it.is_ascii_whitespace()).collect();
    let (pairs, rest) = digits.as_chunks::<2>();
    assert!(rest.is_empty(), "{text}");
    let byte = |pair: &[u8; 2]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    pairs.iter().map(byte).collect()
}

/// The values of [MS-NLMP] 4.2.1 and 4.2.4, version 2.
///
/// <https://learn.microsoft.com/openspecs/windows_protocols/ms-nlmp/125f7a94-933e-4023-a146-a449e49bf774>
mod published {
    pub(super) const SERVER_CHALLENGE: [u8; 8] = 0x0123_4567_89AB_CDEF_u64.to_be_bytes();

    /// 4.2.4.3, `CHALLENGE_MESSAGE`.
    pub(super) const CHALLENGE: &str = "
        4e544c4d53535000 02000000 0c000c0038000000 33828ae2 0123456789abcdef 0000000000000000
        2400240044000000 060070170000000f 530065007200760065007200
        02000c0044006f006d00610069006e00 01000c00530065007200760065007200 00000000";

    /// 4.2.4.3, `AUTHENTICATE_MESSAGE`, up to the version and behind it.
    pub(super) const AUTHENTICATE: [&str; 3] = [
        "4e544c4d53535000 03000000 180018006c000000 5400540084000000 0c000c0048000000
         0800080054000000 100010005c000000 10001000d8000000 358288e2",
        "0501280a0000000f",
        "44006f006d00610069006e00 5500730065007200 43004f004d0050005500540045005200
         86c35097ac9cec102554764a57cccc19 aaaaaaaaaaaaaaaa
         68cd0ab851e51c96aabc927bebef6a1c
         0101000000000000 0000000000000000 aaaaaaaaaaaaaaaa 00000000
         02000c0044006f006d00610069006e00 01000c00530065007200760065007200 00000000 00000000
         c5dad2544fc9799094ce1ce90bc9d03e",
    ];

    /// 4.2.4.4, what `GSS_WrapEx` makes of `Plaintext`.
    pub(super) const SEALED: &str = "54e50165bf1936dc996020c1811b0f06fb5f";
    pub(super) const SIGNATURE: &str = "01000000 7fb38ec5c55d4976 00000000";
}

fn plaintext() -> Vec<u8> {
    "Plaintext".encode_utf16().flat_map(u16::to_le_bytes).collect()
}

#[test]
fn the_client_says_what_microsoft_published() {
    let (client, _) = ntlm::Initiator::begin(Credentials::new(r"Domain\User", "Password"));
    let mut entropy = Known::new(&[&[0xAA; 8], &[0x55; 16], &[0]]);
    let (mut session, message) = client
        .on("COMPUTER")
        .answer(&hex(published::CHALLENGE), FileTime(0), &mut entropy)
        .unwrap();

    let [head, _, tail] = published::AUTHENTICATE.map(hex);
    assert_eq!(message[..64], head);
    // Whose version it is differs: it is for those who debug.
    assert_eq!(message[72..], tail);

    let (signature, sealed) = session.seal(&plaintext());
    assert_eq!(sealed, hex(published::SEALED));
    assert_eq!(signature[..], hex(published::SIGNATURE));
}

#[test]
fn the_server_takes_what_microsoft_published() {
    let (_, negotiate) = ntlm::Initiator::begin(Credentials::new("", ""));
    let mut entropy = Known::new(&[&published::SERVER_CHALLENGE, &[0]]);
    let (server, challenge) =
        ntlm::Acceptor::challenge(&negotiate, "Server", FileTime(0), &mut entropy).unwrap();
    assert_eq!(challenge[24..32], published::SERVER_CHALLENGE);

    let users = Users::default().with("User", "Password");
    let accepted = server.check(&hex(&published::AUTHENTICATE.concat()), &users).unwrap();
    assert_eq!(accepted.user, *"User");
    let signature = hex(published::SIGNATURE).try_into().unwrap();
    let opened = accepted.session.unwrap().unseal(&signature, &hex(published::SEALED)).unwrap();
    assert_eq!(opened, plaintext());
}

/// A client that is told not to seal says nothing more; a server does not look at version 1.
#[test]
fn what_is_weaker_is_refused() {
    const SEAL_AT: usize = 20;
    const NT_LENGTH_AT: usize = 20;
    let mut challenge = hex(published::CHALLENGE);
    challenge[SEAL_AT] &= !0x20; // NTLMSSP_NEGOTIATE_SEAL
    let (client, negotiate) = ntlm::Initiator::begin(Credentials::new("User", "Password"));
    let error = client.answer(&challenge, NOW, &mut Known(vec![1])).unwrap_err();
    assert_eq!(error, AuthError::Unsupported("sealing with 128 bits"));

    let mut proof = hex(&published::AUTHENTICATE.concat());
    proof[NT_LENGTH_AT] = 24; // That of an answer of version 1.
    let mut entropy = Known::new(&[&published::SERVER_CHALLENGE, &[0]]);
    let (server, _) = ntlm::Acceptor::challenge(&negotiate, "Server", NOW, &mut entropy).unwrap();
    let error = server.check(&proof, &Users::default().with("User", "Password")).unwrap_err();
    assert_eq!(error, AuthError::Unsupported("NTLM version 2"));
}

/// SPNEGO's checksum over the list of mechanisms is the last of the client's last token, and of the
/// server's.
#[test]
fn the_list_of_mechanisms_is_checked() {
    const CHECKSUM_FROM_END: usize = 12;
    for which in [2, 3] {
        let error = negotiate(admin(), Wrapping::Spnego, |at, token| {
            if at == which {
                let at = token.len() - CHECKSUM_FROM_END;
                token[at] ^= 1;
            }
        });
        assert_eq!(error.unwrap_err(), AuthError::Tampered, "token {which}");
    }
}

const NOW: FileTime = FileTime(133_500_000_000_000_000);

fn users() -> Users {
    Users::default().with("admin", "Pässwörd").with("guest", "other")
}

/// A negotiation with what the tokens became on their way.
fn negotiate(
    credentials: Credentials,
    wrapping: Wrapping,
    mut on_its_way: impl FnMut(usize, &mut Vec<u8>),
) -> Result<(Session, Done)> {
    let mut entropy = Known(vec![1]);
    let mut server = negotiate::Acceptor::new("tokyo");
    let (client, mut token) = negotiate::Initiator::begin(credentials, wrapping);
    on_its_way(0, &mut token);
    let Step::Continue(mut token) = server.step(&token, &users(), NOW, &mut entropy)? else {
        panic!("let in without proof")
    };
    on_its_way(1, &mut token);
    let (client, mut token) = client.answer(&token, NOW, &mut entropy)?;
    on_its_way(2, &mut token);
    let Step::Done(mut done) = server.step(&token, &users(), NOW, &mut entropy)? else {
        panic!("asked twice")
    };
    if let Some(token) = &mut done.token {
        on_its_way(3, token);
    }
    let again = server.step(&[0], &users(), NOW, &mut entropy);
    assert!(matches!(again, Err(AuthError::Malformed(_))), "{again:?}");
    Ok((client.finish(done.token.as_deref())?, done))
}

fn admin() -> Credentials {
    Credentials::new(r"WORKGROUP\Admin", "Pässwörd")
}

#[test]
fn both_halves_agree_in_both_wrappings() {
    for wrapping in [Wrapping::Spnego, Wrapping::Bare] {
        let (mut client, done) = negotiate(admin(), wrapping, |_, _| {}).unwrap();
        assert_eq!(done.user, *"admin");
        assert_eq!(done.token.is_some(), wrapping == Wrapping::Spnego);
        let mut server = done.session.unwrap();
        for round in 0..5_u8 {
            let message = vec![round; usize::from(round) * 100];
            let (signature, sealed) = client.seal(&message);
            assert!(round == 0 || sealed != message);
            assert_eq!(server.unseal(&signature, &sealed).unwrap(), message);
            let (signature, sealed) = server.seal(&message);
            assert_eq!(client.unseal(&signature, &sealed).unwrap(), message);
        }
    }
}

#[test]
fn who_does_not_know_the_password_is_denied() {
    for wrapping in [Wrapping::Spnego, Wrapping::Bare] {
        for (user, password) in [
            ("admin", "pässwörd"),
            ("admin", ""),
            ("guest", "Pässwörd"),
            ("nobody", "Pässwörd"),
            ("", ""),
        ] {
            let credentials = Credentials::new(user, password);
            let denied = negotiate(credentials, wrapping, |_, _| {}).unwrap_err();
            assert_eq!(denied, AuthError::Denied, "{user} {password}");
        }
    }
    assert!(Users::default().is_empty());
}

/// Whatever bit of a token is changed: nobody panics, nobody becomes somebody else, and nobody is
/// talked out of sealing. Who takes the time out of a challenge takes the checksum away, too, as
/// old clients have none; the key of the session is as secret without it.
#[test]
fn a_token_that_was_changed_opens_no_door() {
    let (mut let_in, mut tried) = (0, 0);
    for wrapping in [Wrapping::Spnego, Wrapping::Bare] {
        for which in 0..4 {
            let mut length = 0;
            let _ = negotiate(admin(), wrapping, |at, token| {
                if at == which {
                    length = token.len();
                }
            });
            for (at, bit) in (0..length).flat_map(|at| [(at, 0x01), (at, 0x80)]) {
                tried += 1;
                let change = |token_at: usize, token: &mut Vec<u8>| {
                    if token_at == which {
                        token[at] ^= bit;
                    }
                };
                if let Ok((mut client, done)) = negotiate(admin(), wrapping, change) {
                    let_in += 1;
                    assert_eq!(done.user, *"admin");
                    let mut server = done.session.expect("still sealed");
                    let (signature, sealed) = client.seal(b"hello");
                    // Without SPNEGO's checksum the sides count differently, and nothing is taken.
                    match server.unseal(&signature, &sealed) {
                        Ok(opened) => assert_eq!(opened, b"hello"),
                        Err(error) => assert_eq!(error, AuthError::Tampered),
                    }
                }
            }
        }
    }
    assert!(let_in * 20 < tried, "{let_in} of {tried}");
}

#[test]
fn tokens_that_end_early_are_refused() {
    for wrapping in [Wrapping::Spnego, Wrapping::Bare] {
        for which in 0..3 {
            for length in 0..400 {
                let mut is_shorter = false;
                let result = negotiate(admin(), wrapping, |at, token| {
                    if at == which {
                        is_shorter = token.len() > length;
                        token.truncate(length);
                    }
                });
                assert!(result.is_err() || !is_shorter, "{wrapping:?} {which} {length}");
            }
        }
    }
}

#[test]
fn a_sealed_message_is_taken_once_in_its_turn_and_as_it_was() {
    let sessions = || {
        let (client, done) = negotiate(admin(), Wrapping::Bare, |_, _| {}).unwrap();
        (client, done.session.unwrap())
    };
    // Changed: each bit of signature and message.
    for at in 0..16 + 5 {
        let (mut client, mut server) = sessions();
        let (mut signature, mut sealed) = client.seal(b"hello");
        *signature.iter_mut().chain(&mut sealed).nth(at).unwrap() ^= 0x10;
        assert_eq!(server.unseal(&signature, &sealed), Err(AuthError::Tampered), "byte {at}");
        // And nothing behind it is taken, either.
        let (signature, sealed) = client.seal(b"again");
        assert_eq!(server.unseal(&signature, &sealed), Err(AuthError::Tampered));
    }
    // Messages are numbered from 0: [MS-NLMP] 3.4.4.2.
    let (mut client, _) = sessions();
    for number in 0..3_u32 {
        assert_eq!(client.seal(b"hello").0[12..], number.to_le_bytes());
    }
    // Repeated.
    let (mut client, mut server) = sessions();
    let (signature, sealed) = client.seal(b"hello");
    assert!(server.unseal(&signature, &sealed).is_ok());
    assert_eq!(server.unseal(&signature, &sealed), Err(AuthError::Tampered));
    // Left out.
    let (mut client, mut server) = sessions();
    let _ = client.seal(b"hello");
    let (signature, sealed) = client.seal(b"again");
    assert_eq!(server.unseal(&signature, &sealed), Err(AuthError::Tampered));
    // Sent back to whom it comes from.
    let (mut client, _) = sessions();
    let (signature, sealed) = client.seal(b"hello");
    assert_eq!(client.unseal(&signature, &sealed), Err(AuthError::Tampered));
}

/// A client with Kerberos as its first choice is told to use NTLM, and proves its list.
#[test]
fn a_client_that_prefers_something_else_is_told_to_use_ntlm() {
    // RFC 4178 4.2.1: NegTokenInit with Kerberos and NTLM, and a message of Kerberos.
    let list = hex("3017 06092a864886f712010202 060a2b06010401823702020a");
    let init = hex("602f 06062b0601050502 a025 3023 a019") // Around the list.
        .into_iter()
        .chain(list.clone())
        .chain(hex("a206 0404 6b657262"))
        .collect::<Vec<_>>();
    let mut entropy = Known(vec![1]);
    let mut server = negotiate::Acceptor::new("tokyo");
    let Step::Continue(token) = server.step(&init, &users(), NOW, &mut entropy).unwrap() else {
        panic!("let in without proof")
    };
    // negState request-mic (3), supportedMech NTLM.
    assert_eq!(token, hex("a115 3013 a0030a0103 a10c 060a2b06010401823702020a"));

    let wrap = |message: &[u8]| {
        let short = |tag: u8, inner: Vec<u8>| {
            let length = u16::try_from(inner.len()).unwrap().to_be_bytes();
            [vec![tag, 0x82, length[0], length[1]], inner].concat()
        };
        let token = short(0xA2, short(0x04, message.to_vec()));
        short(0xA1, short(0x30, token))
    };
    let (client, message) = ntlm::Initiator::begin(admin());
    let Step::Continue(token) = server.step(&wrap(&message), &users(), NOW, &mut entropy).unwrap()
    else {
        panic!("let in without proof")
    };
    let at = token.windows(8).position(|it| it == b"NTLMSSP\0").unwrap();
    let (_, message) = client.answer(&token[at..], NOW, &mut entropy).unwrap();
    // The proof is right, but that Kerberos was its own first choice is not proven.
    let step = server.step(&wrap(&message), &users(), NOW, &mut entropy);
    assert_eq!(step.unwrap_err(), AuthError::Tampered);
}

#[test]
fn bodies_are_sealed_as_they_were_asked_for() {
    let (mut client, done) = negotiate(admin(), Wrapping::Spnego, |_, _| {}).unwrap();
    let mut server = done.session.unwrap();
    assert!(sealed::is_sealed(sealed::CONTENT_TYPE));
    assert!(!sealed::is_sealed("application/soap+xml;charset=UTF-8"));

    for (has_tabs, content_type) in [
        (true, "application/soap+xml;charset=UTF-8"),
        (false, "application/soap+xml;charset=UTF-8"),
        (true, "application/soap+xml;charset=UTF-16"),
    ] {
        let style = sealed::Style { content_type: content_type.to_owned(), has_tabs };
        let body = sealed::wrap(&mut client, b"<hello/>", &style);
        assert_eq!(body.windows(2).any(|it| it == b"\n\t"), has_tabs);
        let opened = sealed::unwrap(&mut server, &body).unwrap();
        assert_eq!(opened, (b"<hello/>".to_vec(), style));
    }

    // OMI fills up with NULs, and counts them in the length or not; Exchange has a blank.
    let style = sealed::Style::default();
    let body = sealed::wrap(&mut client, b"<hello/>\0\0\0", &style);
    assert_eq!(sealed::unwrap(&mut server, &body).unwrap().0, b"<hello/>");
    let replace = |body: Vec<u8>, from: &str, to: &str| {
        let mut out = Vec::new();
        let mut rest = &body[..];
        while let Some(at) = rest.windows(from.len()).position(|it| it == from.as_bytes()) {
            out.extend_from_slice(&rest[..at]);
            out.extend_from_slice(to.as_bytes());
            rest = &rest[at + from.len()..];
        }
        out.extend_from_slice(rest);
        out
    };
    let body = sealed::wrap(&mut client, b"<hello/>\0\0\0", &style);
    let body = replace(body, "Length=11", "Length=8");
    assert_eq!(sealed::unwrap(&mut server, &body).unwrap().0, b"<hello/>");
    let body = sealed::wrap(&mut client, b"<hello/>", &style);
    let body = replace(body, "--Encrypted Boundary", "-- Encrypted Boundary");
    assert_eq!(sealed::unwrap(&mut server, &body).unwrap().0, b"<hello/>");

    // What is behind the said length is nothing but NULs.
    let body = sealed::wrap(&mut client, b"<hello/>", &style);
    let body = replace(body, "Length=8", "Length=5");
    let error = sealed::unwrap(&mut server, &body).unwrap_err();
    assert_eq!(error, AuthError::Malformed("the length of the sealed body"));
}

#[test]
fn a_sealed_body_that_is_none_is_refused() {
    let (mut client, done) = negotiate(admin(), Wrapping::Spnego, |_, _| {}).unwrap();
    let mut server = done.session.unwrap();
    let whole = sealed::wrap(&mut client, b"<hello/>", &sealed::Style::default());
    // The end may lack its line break and its dashes.
    let least = whole.len() - "--\r\n".len();
    for length in 0..least {
        let error = sealed::unwrap(&mut server, &whole[..length]).unwrap_err();
        assert!(matches!(error, AuthError::Malformed(_)), "{length}: {error}");
    }
    // None of these used up the session.
    assert_eq!(sealed::unwrap(&mut server, &whole[..least]).unwrap().0, b"<hello/>");
}

#[test]
fn basic_says_name_and_password() {
    let header = basic::header(&admin());
    assert_eq!(basic::check(&header, &users()).unwrap(), *"admin");
    let wrong = basic::header(&Credentials::new("admin", "x:y"));
    assert_eq!(basic::check(&wrong, &users()).unwrap_err(), AuthError::Denied);
    // A password may have colons.
    let users = Users::default().with("admin", "x:y");
    assert!(basic::check(&wrong.replace("Basic", "bASIC"), &users).is_ok());
    for header in ["", "Basic", "Basic ", "Basic ?", "Basic YWRtaW4=", "Negotiate YWRtaW46eA=="] {
        let error = basic::check(header, &users).unwrap_err();
        assert!(matches!(error, AuthError::Malformed(_)), "{header}: {error}");
    }
}

#[test]
fn secrets_are_not_shown() {
    let password = Password::generate(&mut Known(vec![7]));
    let credentials = Credentials::new("admin", password.clone());
    let users = Users::default().with("admin", password.clone());
    let (client, _) = ntlm::Initiator::begin(credentials.clone());
    let shown = format!("{password:?} {credentials:?} {users:?} {client:?}");
    assert!(!shown.contains(password.reveal()), "{shown}");
    let hash = format!("{:?}", ntlm::NtHash::of(password.reveal()));
    assert_eq!(hash, "NtHash(..)");
}
