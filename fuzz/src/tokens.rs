//! What is read before anybody is let in, and what is read under a session's seal.

use hyperv_replica::wsman::auth::negotiate::{self, Acceptor, Initiator, Step, Wrapping};
use hyperv_replica::wsman::auth::ntlm::FileTime;
use hyperv_replica::wsman::auth::{Credentials, Entropy, Users, basic, sealed};

/// No chance at all.
struct Zeros;

impl Entropy for Zeros {
    fn fill(&mut self, bytes: &mut [u8]) {
        bytes.fill(0);
    }
}

const NOW: FileTime = FileTime(133_500_000_000_000_000);

/// The first byte says where a token arrives, the others are the token. Nobody is let in by a token
/// that was not made with the password, and nothing panics.
pub fn tokens(bytes: &[u8]) {
    let Some((place, token)) = bytes.split_first() else { return };
    let users = Users::default().with("admin", "secret");
    let wrapping = if place & 1 == 0 { Wrapping::Spnego } else { Wrapping::Bare };
    let admin = Credentials::new("admin", "secret");
    let mut server = Acceptor::new("tokyo");
    let mut step = |token: &[u8]| server.step(token, &users, NOW, &mut Zeros);

    if place & 2 != 0 {
        // The server has challenged somebody, who answers with this.
        let (_, first) = Initiator::begin(admin.clone(), wrapping);
        assert!(matches!(step(&first), Ok(Step::Continue(_))));
    }
    for _ in 0..3 {
        match step(token) {
            Ok(Step::Done(done)) => panic!("{} was let in", done.user),
            Ok(Step::Continue(_)) | Err(_) => {}
        }
    }

    // The client is challenged with this, and told this in the end.
    let (client, _) = Initiator::begin(admin.clone(), wrapping);
    if let Ok((proven, _)) = client.answer(token, NOW, &mut Zeros) {
        let _ = proven.finish(Some(token));
    }

    // A session is told this.
    let mut server = Acceptor::new("tokyo");
    let [.., proof] = handshake(&mut server, admin, wrapping);
    let Ok(Step::Done(done)) = server.step(&proof, &users, NOW, &mut Zeros) else {
        panic!("not let in")
    };
    let mut session = done.session.expect("one that seals");
    assert!(sealed::unwrap(&mut session, token).is_err());

    if let Ok(header) = str::from_utf8(token) {
        assert!(basic::check(header, &users).is_err());
        if let Some(token) = negotiate::token(header) {
            assert_eq!(negotiate::token(&negotiate::header(&token)), Some(token));
        }
    }
}

/// What is said until a server lets somebody in: a name, its challenge, the proof.
fn handshake(server: &mut Acceptor, who: Credentials, wrapping: Wrapping) -> [Vec<u8>; 3] {
    let (client, first) = Initiator::begin(who, wrapping);
    let challenged = server.step(&first, &Users::default(), NOW, &mut Zeros);
    let Ok(Step::Continue(challenge)) = challenged else { panic!("not challenged") };
    let (_, proof) = client.answer(&challenge, NOW, &mut Zeros).expect("a challenge");
    [first, challenge, proof]
}

/// First inputs: every message of somebody whom the server does not know, everywhere.
pub fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for wrapping in [Wrapping::Spnego, Wrapping::Bare] {
        let nobody = Credentials::new("nobody", "unknown");
        let said = handshake(&mut Acceptor::new("tokyo"), nobody, wrapping);
        let headers = said.iter().map(|it| negotiate::header(it).into_bytes());
        for token in
            said.iter().cloned().chain(headers).chain([b"Basic bm9ib2R5OnVua25vd24=".into()])
        {
            seeds.extend((0..4).map(|place| [&[place][..], &token].concat()));
        }
    }
    seeds
}
