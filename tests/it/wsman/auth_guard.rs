//! What becomes of requests at the server's door, connection by connection.

use hyper::header::{CONNECTION, CONTENT_TYPE, HeaderName, WWW_AUTHENTICATE};
use hyper::{HeaderMap, Response, StatusCode};
use hyperv_replica::wsman::auth::ntlm::{FileTime, Session};
use hyperv_replica::wsman::auth::{Credentials, Guard, OsEntropy, Users, basic, negotiate, sealed};
use hyperv_replica::wsman::{Authenticate, Authenticator, Peer, Verdict};
use negotiate::Wrapping;

const SOAP: &str = "application/soap+xml;charset=UTF-8";

fn guard() -> Guard {
    Guard::new("tokyo", Users::default().with("admin", "secret"))
}

fn peer(address: &str, is_encrypted: bool) -> Peer {
    Peer { address: address.parse().unwrap(), is_encrypted }
}

fn here() -> Peer {
    peer("127.0.0.1:50000", false)
}

fn elsewhere() -> Peer {
    peer("192.0.2.1:50000", false)
}

fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap());
    }
    headers
}

fn admin() -> Credentials {
    Credentials::new("admin", "secret")
}

fn answer(verdict: Verdict) -> Response<Vec<u8>> {
    match verdict {
        Verdict::Answer(response) => response,
        Verdict::Granted { user, .. } => panic!("let in as {user}"),
    }
}

fn granted(verdict: Verdict) -> (String, Vec<u8>) {
    match verdict {
        Verdict::Granted { user, body } => (user.to_string(), body),
        Verdict::Answer(response) => panic!("not let in: {response:?}"),
    }
}

fn challenges(response: &Response<Vec<u8>>) -> Vec<&str> {
    let all = response.headers().get_all(WWW_AUTHENTICATE);
    all.iter().map(|it| it.to_str().unwrap()).collect()
}

/// NTLM on a connection, as clients do it: with empty bodies.
fn log_in(door: &mut dyn Authenticator, who: Credentials, wrapping: Wrapping) -> Session {
    let (client, token) = negotiate::Initiator::begin(who, wrapping);
    let header = negotiate::header(&token);
    let asked = answer(door.check(&headers(&[("authorization", &header)]), Vec::new()));
    assert_eq!(asked.status(), StatusCode::UNAUTHORIZED);
    let [challenge] = challenges(&asked)[..] else { panic!("{asked:?}") };
    let challenge = negotiate::token(challenge).unwrap();
    let (client, token) = client.answer(&challenge, FileTime(0), &mut OsEntropy).unwrap();
    let header = negotiate::header(&token);
    let (user, body) = granted(door.check(&headers(&[("authorization", &header)]), Vec::new()));
    assert_eq!((user.as_str(), body), ("admin", Vec::new()));
    let response = door.seal(Response::new(Vec::new()));
    let last = challenges(&response).first().and_then(|it| negotiate::token(it));
    assert_eq!(last.is_some(), wrapping == Wrapping::Spnego);
    client.finish(last.as_deref()).unwrap()
}

#[test]
fn who_says_nothing_is_asked_in_both_ways() {
    let mut door = guard().connection(here());
    let asked = answer(door.check(&headers(&[("content-type", SOAP)]), b"<full/>".to_vec()));
    assert_eq!(asked.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(challenges(&asked), ["Negotiate", "Basic realm=\"WSMAN\""]);
    for strange in ["Kerberos YQ==", "Negotiate", "Negotiate ?", "Bearer x", ""] {
        let asked = answer(door.check(&headers(&[("authorization", strange)]), Vec::new()));
        assert_eq!(challenges(&asked).len(), 2, "{strange}");
    }
    assert!(guard().is_sealed());
    assert!(!guard().allow_unencrypted().is_sealed());
}

#[test]
fn a_password_in_clear_is_taken_from_this_machine_and_over_tls_only() {
    let header = basic::header(&admin());
    let basic = headers(&[("authorization", &header), ("content-type", SOAP)]);
    for (guard, peer, is_let_in) in [
        (guard(), here(), true),
        (guard(), peer("[::1]:50000", false), true),
        (guard(), peer("[::ffff:127.0.0.1]:50000", false), true),
        (guard(), peer("192.0.2.1:50000", true), true),
        (guard(), elsewhere(), false),
        (guard(), peer("[2001:db8::1]:50000", false), false),
        (guard().allow_unencrypted(), elsewhere(), true),
    ] {
        let mut door = guard.connection(peer);
        let verdict = door.check(&basic, b"<body/>".to_vec());
        if is_let_in {
            assert_eq!(granted(verdict), ("admin".to_owned(), b"<body/>".to_vec()), "{peer:?}");
            // It holds for a request, not for the connection.
            answer(door.check(&headers(&[("content-type", SOAP)]), Vec::new()));
        } else {
            // Nor is anybody asked to say one there.
            assert_eq!(challenges(&answer(verdict)), ["Negotiate"], "{peer:?}");
        }
    }
}

#[test]
fn ntlm_lets_a_connection_in_and_seals_it() {
    for wrapping in [Wrapping::Spnego, Wrapping::Bare] {
        let mut door = guard().connection(elsewhere());
        let mut session = log_in(&mut *door, admin(), wrapping);
        for has_tabs in [true, false, true] {
            let style = sealed::Style { has_tabs, ..sealed::Style::default() };
            let body = sealed::wrap(&mut session, b"<question/>", &style);
            let sealed_type = headers(&[("content-type", sealed::CONTENT_TYPE)]);
            let (user, body) = granted(door.check(&sealed_type, body));
            assert_eq!((user.as_str(), &body[..]), ("admin", &b"<question/>"[..]));

            let mut reply = Response::new(b"<answer/>".to_vec());
            *reply.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
            reply.headers_mut().insert(CONTENT_TYPE, SOAP.parse().unwrap());
            let reply = door.seal(reply);
            assert_eq!(reply.status(), StatusCode::INTERNAL_SERVER_ERROR);
            assert_eq!(reply.headers()[CONTENT_TYPE], sealed::CONTENT_TYPE);
            let (opened, its_style) = sealed::unwrap(&mut session, reply.body()).unwrap();
            assert_eq!((&opened[..], its_style), (&b"<answer/>"[..], style));
        }
        // A body in clear is not taken from elsewhere, even now.
        let refused = answer(door.check(&headers(&[("content-type", SOAP)]), b"<in/>".to_vec()));
        assert_eq!(refused.status(), StatusCode::FORBIDDEN);
        // Another connection is another one.
        let mut other = guard().connection(elsewhere());
        answer(other.check(&headers(&[("content-type", SOAP)]), Vec::new()));
    }
}

/// As go-wsman and winrm-rs do: NTLM, then bodies that are not sealed.
#[test]
fn bodies_after_ntlm_may_be_in_clear_on_this_machine() {
    let mut door = guard().connection(here());
    log_in(&mut *door, admin(), Wrapping::Bare);
    let clear = headers(&[("content-type", SOAP)]);
    let (user, body) = granted(door.check(&clear, b"<question/>".to_vec()));
    assert_eq!((user.as_str(), &body[..]), ("admin", &b"<question/>"[..]));
    let reply = door.seal(Response::new(b"<answer/>".to_vec()));
    assert_eq!(reply.body(), b"<answer/>");
}

#[test]
fn a_sealed_body_that_was_changed_ends_the_connection() {
    let mut door = guard().connection(here());
    let mut session = log_in(&mut *door, admin(), Wrapping::Spnego);
    let sealed_type = headers(&[("content-type", sealed::CONTENT_TYPE)]);
    let mut body = sealed::wrap(&mut session, b"<question/>", &sealed::Style::default());
    let at = body.len() - "--Encrypted Boundary--\r\n".len() - 1;
    body[at] ^= 1;
    let refused = answer(door.check(&sealed_type, body));
    assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
    assert_eq!(refused.headers()[CONNECTION], "close");
    let body = sealed::wrap(&mut session, b"<question/>", &sealed::Style::default());
    let asked = answer(door.check(&sealed_type, body));
    assert_eq!(asked.status(), StatusCode::UNAUTHORIZED);
}

#[test]
fn whoever_guesses_is_cut_off() {
    let guard = guard();
    let wrong = basic::header(&Credentials::new("admin", "guess"));
    let wrong = headers(&[("authorization", &wrong)]);
    let right = basic::header(&admin());
    let right = headers(&[("authorization", &right)]);
    let mut door = guard.connection(here());
    for _ in 0..5 {
        let asked = answer(door.check(&wrong, Vec::new()));
        assert_eq!(asked.status(), StatusCode::UNAUTHORIZED);
    }
    let cut_off = answer(door.check(&right, Vec::new()));
    assert_eq!(cut_off.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(cut_off.headers()[CONNECTION], "close");
    // Another connection may guess, until the network has guessed too often.
    let mut guesses = 5;
    loop {
        let mut door = guard.connection(here());
        if answer(door.check(&wrong, Vec::new())).status() == StatusCode::TOO_MANY_REQUESTS {
            break;
        }
        guesses += 1;
        assert!(guesses < 40);
    }
    assert!(guesses >= 20, "{guesses}");
    // Others are not concerned.
    let mut door = guard.connection(peer("192.0.2.1:1", true));
    granted(door.check(&right, Vec::new()));
}

#[test]
fn a_failed_negotiation_is_followed_by_a_new_one() {
    let mut door = guard().connection(elsewhere());
    let (client, token) =
        negotiate::Initiator::begin(Credentials::new("admin", "guess"), Wrapping::Bare);
    let header = negotiate::header(&token);
    let asked = answer(door.check(&headers(&[("authorization", &header)]), Vec::new()));
    let challenge = negotiate::token(challenges(&asked)[0]).unwrap();
    let (_, token) = client.answer(&challenge, FileTime(0), &mut OsEntropy).unwrap();
    let header = negotiate::header(&token);
    let refused = answer(door.check(&headers(&[("authorization", &header)]), Vec::new()));
    assert_eq!(challenges(&refused), ["Negotiate"]);
    log_in(&mut *door, admin(), Wrapping::Bare);
    // Who begins anew is nobody until that has succeeded.
    let header = negotiate::header(&token);
    answer(door.check(&headers(&[("authorization", &header)]), Vec::new()));
    let asked = answer(door.check(&headers(&[("content-type", SOAP)]), b"<in/>".to_vec()));
    assert_eq!(asked.status(), StatusCode::UNAUTHORIZED);
}
