//! Requests that make no sense: each is answered, and the endpoint goes on.

use super::{Bench, assert_has};

/// Whatever arrives, the status is one of HTTP's, a fault is well-formed, and nothing has changed.
#[track_caller]
fn refused(bench: &Bench, request: &[u8]) -> String {
    let before = bench.lab.world();
    let response = bench.answer(request);
    let shown = String::from_utf8_lossy(&request[..request.len().min(200)]).into_owned();
    assert!([413, 500].contains(&response.status), "{shown}");
    assert_eq!(bench.lab.world(), before, "{shown}");
    assert_eq!(bench.ask("pypsrp-config").0, 200, "{shown}");
    String::from_utf8_lossy(&response.body).into_owned()
}

fn numbered(many: u32, each: impl Fn(u32) -> String) -> String {
    (0..many).map(each).collect::<Vec<_>>().concat()
}

#[test]
fn every_line_of_garbage_is_answered() {
    let bench = Bench::new();
    let deep = format!("{}{}", "<a>".repeat(10_000), "</a>".repeat(10_000));
    let wide = format!("<a>{}</a>", "<b/>".repeat(110_000));
    let many = numbered(100, |i| format!(" a{i}=\"\""));
    let lines = [
        "",
        " ",
        "\0",
        "<",
        "garbage",
        "<a/>",
        "<a></b>",
        "<a>&nbsp;</a>",
        "<a>&#0;</a>",
        "<?xml version=\"1.0\"?>",
        "<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>",
        "<Envelope/>",
        "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body/></s:Envelope>",
        "<s:Envelope xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\"/>",
        "<s:Envelope xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\"><s:Body/></s:Envelope>",
        "\u{FEFF}\u{FEFF}",
        &deep,
        &wide,
        &format!("<a{many}/>"),
    ];
    for line in lines {
        let fault = refused(&bench, line.as_bytes());
        assert_has(&fault, &["<s:Fault>", "</s:Fault></s:Body></s:Envelope>"]);
    }
    for bytes in
        [&[0xFF; 100][..], &[0xFF, 0xFE, 0x00], &[0xC0, 0xAF], &[0, 0x3C, 0], &[0xFE, 0xFF]]
    {
        refused(&bench, bytes);
    }
}

/// A DOCTYPE is refused wherever it stands, and nothing is expanded.
#[test]
fn there_is_no_doctype() {
    let bench = Bench::new();
    let bomb = "<!DOCTYPE a [<!ENTITY x \"xxxxxxxxxx\"><!ENTITY y \"&x;&x;&x;&x;&x;&x;&x;&x;\">]>";
    let request = bench.fixture("openwsman-get");
    let at = request.find("<s:Envelope").unwrap();
    let request = format!("{}{bomb}{}", &request[..at], &request[at..]);
    assert_has(&refused(&bench, request.as_bytes()), &["DOCTYPE"]);
}

#[test]
fn a_message_is_bounded() {
    let bench = Bench::new();
    let request = bench.fixture("pypsrp-config");
    let padded = request.replace("<s:Body", &format!("{}<s:Body", " ".repeat(512_000)));
    let response = bench.answer(padded.as_bytes());
    assert_eq!((response.status, response.body.len()), (413, 0));
    let long = request.replace("uuid:22222222", &"x".repeat(3000));
    assert_has(&refused(&bench, long.as_bytes()), &["a:InvalidMessageInformationHeader"]);
}

/// Each request of each client, cut off and damaged at every place: never a panic.
#[test]
fn damaged_requests_are_answered() {
    let bench = Bench::new();
    let directory = format!("{}/fixtures/wsman", env!("CARGO_MANIFEST_DIR"));
    let mut names: Vec<_> = std::fs::read_dir(directory)
        .unwrap()
        .map(|it| it.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    names.sort();
    assert!(names.len() >= 40, "{names:?}");
    // Requests that wait would take their time.
    for name in names.iter().filter(|it| !it.contains("events") && !it.contains("subscribe")) {
        let request = bench.fixture(name).into_bytes();
        for at in (0..request.len()).step_by(17) {
            bench.answer(&request[..at]);
            let mut damaged = request.clone();
            damaged[at] = b'<';
            bench.answer(&damaged);
            damaged[at] ^= 0x15;
            bench.answer(&damaged);
            damaged.remove(at);
            bench.answer(&damaged);
        }
    }
    assert_eq!(bench.ask("pypsrp-config").0, 200);
}

/// A caller that repeats an element a hundred thousand times waits no longer for its refusal.
#[test]
fn properties_without_number_are_refused() {
    let bench = Bench::new();
    let many = numbered(20_000, |i| format!("<p:P{i}/>"));
    let request = bench
        .fixture("pypsrp-start")
        .replace("<p:ComputerSystem>", &format!("{many}<p:ComputerSystem>"));
    assert_has(&refused(&bench, request.as_bytes()), &["expected at most 512 properties"]);
}
