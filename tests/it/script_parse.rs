//! What the language accepts, what it refuses, and in which words.

use hyperv_replica::script::{Line, MAX_BYTES, MAX_LINES, Method, Script, parse, parse_bytes};

/// The messages of a text that is no script.
fn refused(text: &str) -> Vec<String> {
    let error = parse(text).expect_err(text);
    error.problems().iter().map(ToString::to_string).collect()
}

/// Each line means itself, or what stands behind `→`: the same without what goes without saying.
#[test]
fn lines_and_their_plain_form() {
    let mut wrong = Vec::new();
    for line in include_str!("script_lines.txt").lines() {
        let (text, plain) = line.split_once(" → ").unwrap_or((line, line));
        match text.parse::<Line>() {
            Err(error) => wrong.push(format!("{text}\n  {error}")),
            Ok(parsed) => {
                let printed = parsed.to_string();
                if printed != plain || printed.parse() != Ok(parsed) {
                    wrong.push(format!("{text} → {printed}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Each line is refused with the message behind `→`.
#[test]
fn refusals_say_where_and_what() {
    let mut wrong = Vec::new();
    for line in include_str!("script_refusals.txt").lines() {
        let (text, message) = line.split_once(" → ").unwrap_or((line, ""));
        match text.parse::<Line>().map_err(|error| error.to_string()) {
            Err(found) if found.replace('\n', " ¦ ") == message => {}
            Err(found) => wrong.push(format!("{text} → {}", found.replace('\n', " ¦ "))),
            Ok(parsed) => wrong.push(format!("{text} → parsed as {parsed}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_problem_of_a_file_is_reported_in_order() {
    let text = "host tokyo\nvm web on\n\ntokyo GetEror {x} => 99\nwait job1\n# fine\nadvance 1\n";
    assert_eq!(
        refused(text),
        [
            "2:10: expected the name of a host, found the end of the line",
            "4:7: expected a method, found `GetEror` (did you mean `GetError`?)",
            "4:22: expected `0`, `1`, `4096`, `32768` to `32779`, `missing`, `unanswered` or \
             `rejected`, found `99`",
            "5:6: no line before this one ends with `=> 4096 job1`",
            "7:10: expected a unit (d, h, m, s, ms, us, ns), found the end of the text in the \
             duration `1`",
        ]
    );
}

#[test]
fn aliases_are_bound_once_and_before_they_are_used() {
    let text = "tokyo CommitFailover web => 4096 job1\ntokyo GetError job2\nexpect job1 gone\n\
                tokyo CommitFailover web => 4096 job1\n";
    assert_eq!(
        refused(text),
        [
            "2:16: no line before this one ends with `=> 4096 job2` (did you mean `job1`?)",
            "4:29: `job1` is the job of line 1 already",
        ]
    );
}

#[test]
fn a_world_begins_once_and_first() {
    let text = "# A world.\nseed 1\n  seed 2\npolicy boot=1s\nhost a\nwait job1\npolicy undo=1s\n";
    assert_eq!(
        refused(text),
        [
            "3:3: `seed` is given in line 2 already",
            "6:6: no line before this one ends with `=> 4096 job1`",
            "7:1: `policy` is given in line 4 already",
        ]
    );
    let text = "host a\n\tpolicy boot=1s\n";
    assert_eq!(refused(text), ["2:2: expected `policy` before line 1: it is how the world begins"]);
}

#[test]
fn keys_that_nothing_has_are_refused_with_those_there_are() {
    for (text, column, some, near) in [
        ("policy bot=30s", 8, "`boot`, `guest_shutdown`", "`boot`"),
        ("policy StartReplicatoin=0", 8, "`StartReplication`, ", "`StartReplication`"),
        ("expect tokyo web off success=3", 22, "`window_start`, `successes`", "`successes`"),
    ] {
        let found = refused(text).concat();
        assert!(found.starts_with(&format!("1:{column}: expected `")), "{found}");
        assert!(found.contains(some), "{found}");
        assert!(found.ends_with(&format!("(did you mean {near}?)")), "{found}");
    }
}

#[test]
fn what_is_no_text_is_refused() {
    let one = |bytes: &[u8]| parse_bytes(bytes).unwrap_err().to_string();
    assert_eq!(one(b""), "1:1: expected a statement, found an empty script");
    assert_eq!(one(b"# nothing\n\n"), "1:1: expected a statement, found an empty script");
    assert_eq!(one(b"host a\nhost \0"), "2:6: expected a text, found a NUL character");
    assert_eq!(one(b"host a\nhost \xff"), "2:6: expected UTF-8 text, found the byte 0xFF");
    assert_eq!(one(b"MZ\x90\x00\x03"), "1:3: expected UTF-8 text, found the byte 0x90");
    let huge = vec![b'#'; MAX_BYTES + 1];
    assert_eq!(one(&huge), "1:1: expected at most 1048576 bytes of script, found 1048577");
    let long = "\n".repeat(MAX_LINES + 1);
    assert_eq!(one(long.as_bytes()), "100001:1: expected at most 100000 lines, found 100001");
}

#[test]
fn problems_are_counted_when_there_are_too_many() {
    let error = parse(&"advance\n".repeat(1000)).unwrap_err();
    assert_eq!((error.problems().len(), error.more()), (100, 900));
    assert!(error.to_string().ends_with("and 900 more"));
}

#[test]
fn a_byte_order_mark_and_windows_line_ends_are_fine() {
    let script = parse("\u{feff}host tokyo\r\nadvance 1s # x \r\n").unwrap();
    assert_eq!(script.to_string(), "host tokyo\nadvance 1s  # x\n");
}

#[test]
fn comments_and_blank_lines_come_back() {
    let text = "# Title: \"quoted\" => # x\n\nhost tokyo  # default\n   # indented\n";
    let script: Script = text.parse().unwrap();
    assert_eq!(script.to_string(), text.replace("   # ind", "# ind"));
    assert_eq!(parse(&script.to_string()).unwrap(), script);
}

#[test]
fn methods_have_one_name_each() {
    let all = Method::all();
    assert_eq!(all.len(), 36);
    for method in all {
        assert_eq!(Method::named(method.name()), Some(method), "{method}");
        assert_eq!(Method::named(&method.name().to_uppercase()), Some(method), "{method}");
    }
    assert_eq!(
        Method::named("RequestStateChange").unwrap().operation().class(),
        "Msvm_ComputerSystem"
    );
    assert_eq!(Method::named("ReplicationService.GetError"), None);
}

#[test]
fn the_worst_lines_are_read_quickly() {
    const HEADS: [&str; 3] =
        ["host a ", "a CommitFailover ", "a SetFailoverNetworkAdapterSettings b adapter=0 "];
    for piece in ["\"", "=>", "a=", "x ", "allow=x ", "address=1 ", "adapter=0 ", "{", "\\", "#"] {
        for head in HEADS {
            let text = format!("{head}{}", piece.repeat(200_000 / piece.len()));
            if let Err(error) = parse(&text) {
                assert!(error.to_string().len() < 100_000, "{head}{piece}");
            }
        }
    }
}
