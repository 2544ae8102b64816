//! The certificate that the command makes, for clients that remember it.

use super::{Served, TWO_SITES, ended, folder, hvr};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

fn fingerprint(folder: &Path, args: &[&str]) -> (String, String) {
    let served = Served::start(folder, TWO_SITES, &[&["--tls"], args].concat());
    let pin = served.told["fingerprint"].as_str().unwrap().to_owned();
    let trust = pin.parse().unwrap();
    let change = |it| hyperv_replica::wsman::Options {
        trust: hyperv_replica::wsman::tls::Trust::Pinned(trust),
        ..it
    };
    let host = served.host_by("tokyo", served.password(), change);
    assert_eq!(super::names(&host).len(), 5);
    (pin, served.err())
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_certificate_that_is_made_is_kept_with_the_lab() {
    let folder = folder("kept");
    for (args, certificate, key) in [
        (["--journal", "lab.hvr"], "lab.hvr.cert.pem", "lab.hvr.key.pem"),
        (["--state", "state/tls"], "state/tls/cert.pem", "state/tls/key.pem"),
    ] {
        let (first, said) = fingerprint(&folder, &args);
        assert_eq!(said, "");
        let path = folder.join(key);
        assert_eq!(mode(&path), 0o600, "{key}");
        assert!(fs::read_to_string(&path).unwrap().starts_with("-----BEGIN PRIVATE KEY-----\n"));
        let (second, said) = fingerprint(&folder, &args);
        assert_eq!(second, first);
        assert!(said.contains(&format!("that of an earlier start, `{certificate}`")), "{said}");
        // Half of it is not enough to go on, and nothing is written over.
        fs::rename(&path, folder.join("elsewhere")).unwrap();
        let mut broken = hvr();
        broken.args(["serve", TWO_SITES, "--port", "0", "--tls"]).args(args);
        let (status, _, err) = ended(broken.current_dir(&folder).output().unwrap());
        assert_eq!(status, 2);
        assert!(err.contains(&format!("`{certificate}` is there, and `{key}` is not")), "{err}");
        fs::remove_file(folder.join(certificate)).unwrap();
        assert_ne!(fingerprint(&folder, &args).0, first, "a new one");
    }
    // Without a place of its own each start has another.
    assert_ne!(fingerprint(&folder, &[]).0, fingerprint(&folder, &[]).0);
}
