//! The commands that serve a lab and arrange it: `hvr serve`, `hvr ctl`. The real command is started,
//! spoken to over loopback, and ended.

mod clock;

mod faults;

mod hosts;

mod identity;

mod journal;

mod run;

use hyperv_replica::cim::{CimClient, CimService, Instance, WbemStatus};
use hyperv_replica::prelude::*;
use hyperv_replica::wsman::auth::Credentials;
use hyperv_replica::wsman::tls::{Fingerprint, Trust};
use hyperv_replica::wsman::{Client, Options, Scheme};
use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

const TWO_SITES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/labs/two-sites.hvr");

fn folder(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("hvr-serve").join(name);
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).unwrap();
    path
}

fn hvr() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hvr"));
    command.env("COLUMNS", "100").stdin(Stdio::null());
    command.env_remove("HVR_TOKEN").env_remove("HVR_PASSWORD");
    command
}

/// Exit status, standard output and standard error.
fn ended(output: Output) -> (i32, String, String) {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// `hvr serve` that is refused: what it says.
fn refused(args: &[&str]) -> String {
    let (status, out, err) = ended(hvr().arg("serve").args(args).output().unwrap());
    assert_eq!((status, &*out), (2, ""), "{err}");
    err
}

/// A lab that is being served. It is killed when it is dropped.
struct Served {
    child: Child,
    told: Value,
    /// What it says besides, when it has ended.
    err: PathBuf,
}

impl Served {
    /// Starts it on free ports, and waits until hosts answer.
    fn start(folder: &Path, script: impl AsRef<Path>, args: &[&str]) -> Self {
        let mut command = hvr();
        command.args(["serve", "--json", "--port", "0"]).arg(script.as_ref()).args(args);
        Self::of(command.current_dir(folder), folder)
    }

    /// The same of any command that serves, and tells of it in JSON.
    fn of(command: &mut Command, folder: &Path) -> Self {
        let err = folder.join("stderr.txt");
        let mut child =
            command.stdout(Stdio::piped()).stderr(fs::File::create(&err).unwrap()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let told = serde_json::from_str(&line)
            .unwrap_or_else(|it| panic!("{it}: {line}{}", fs::read_to_string(&err).unwrap()));
        Self { child, told, err }
    }

    fn err(&self) -> String {
        fs::read_to_string(&self.err).unwrap()
    }

    fn url(&self, host: &str) -> &str {
        let hosts = self.told["hosts"].as_array().unwrap();
        hosts.iter().find(|it| it["name"] == host).unwrap()["url"].as_str().unwrap()
    }

    fn password(&self) -> &str {
        self.told["password"].as_str().expect("it was made")
    }

    /// A client of a host, which gets in with the password that was made.
    fn host(&self, name: &str) -> CimService<Client> {
        self.host_by(name, self.password(), |it| it)
    }

    fn host_by(
        &self,
        name: &str,
        password: &str,
        change: impl FnOnce(Options) -> Options,
    ) -> CimService<Client> {
        let options = Options::new(self.url(name), Credentials::new("admin", password));
        let options = change(Options { timeout: Duration::from_secs(30), ..options });
        CimService::new(Client::new(options).unwrap())
    }

    fn ctl(&self, args: &[&str]) -> (i32, String, String) {
        let url = self.told["control"]["url"].as_str().unwrap();
        let mut command = hvr();
        command.args(["ctl", "--url", url]).args(args);
        if let Some(token) = self.told["control"]["token"].as_str() {
            command.env("HVR_TOKEN", token);
        }
        ended(command.output().unwrap())
    }

    /// Lines that go as they say.
    fn told(&self, lines: &[&str]) -> String {
        let (status, out, err) = self.ctl(lines);
        assert_eq!((status, &*err), (0, ""), "{out}");
        out
    }

    /// Asks it to end, as Ctrl-C does, and waits for that.
    fn end(mut self) -> i32 {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
        self.child.wait().unwrap().code().expect("it ended by itself")
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // It may have ended before.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn names(host: &dyn ReplicationService) -> Vec<String> {
    let mut names: Vec<_> = host.vms().unwrap().iter().map(|it| it.name.to_string()).collect();
    names.sort();
    names
}

fn vm(host: &dyn ReplicationService, name: &str) -> VmId {
    host.vms().unwrap().iter().find(|it| *it.name == *name).expect("it is there").id
}

#[test]
fn every_host_of_a_lab_is_served_until_somebody_ends_it() {
    let served = Served::start(&folder("hosts"), TWO_SITES, &["--clock", "manual"]);
    let (tokyo, osaka) = (served.host("tokyo"), served.host("osaka"));
    assert_eq!(names(&tokyo), ["files", "mail", "print", "shop-db", "shop-web"]);
    assert_eq!(names(&osaka), ["backup", "files", "mail", "shop-db", "shop-web"]);
    let files = vm(&tokyo, "files");
    let id = RelationshipId::primary(files);
    assert_eq!(tokyo.relationship(id).unwrap().state, ReplicationState::Suspended);
    assert_eq!(osaka.relationship(id).unwrap().state, ReplicationState::Replicating);
    // A lab as real as that is refused as a real host refuses.
    let refused = osaka.commit_failover(files).unwrap_err();
    assert_eq!(refused.code(), Some(ErrorCode::InvalidState));
    // Whoever does not know the password learns nothing.
    let stranger = served.host_by("tokyo", "secret", |it| it).vms().unwrap_err();
    assert!(stranger.to_string().contains("not let in"), "{stranger}");
    let clear = |it| Options { scheme: Scheme::DangerBasicInClear, ..it };
    assert!(served.host_by("tokyo", served.password(), clear).vms().is_ok(), "on loopback");

    let address = served.url("osaka")["http://".len()..].trim_end_matches("/wsman").to_owned();
    assert!(TcpStream::connect(&address).is_ok());
    assert_eq!(served.err(), "");
    assert_eq!(served.end(), 0);
    assert!(TcpStream::connect(&address).is_err());
}

#[test]
fn time_passes_as_the_clock_is_told() {
    let lab = folder("clock").join("lab.hvr");
    fs::write(&lab, "host tokyo\nhost osaka\nvm web on tokyo running\n").unwrap();
    // Whoever polls a job never waits.
    let served = Served::start(&folder("jump"), &lab, &["--clock", "jump"]);
    let tokyo = served.host("tokyo");
    assert_eq!(tokyo.now().unwrap(), SimTime::ZERO);
    let web = vm(&tokyo, "web");
    tokyo.wait(tokyo.create_replication_relationship(web, Settings::to("osaka")).unwrap()).unwrap();
    assert!(tokyo.now().unwrap() > SimTime::ZERO);

    // A day and more in a second.
    let served = Served::start(&folder("fast"), &lab, &["--clock", "x100000"]);
    let tokyo = served.host("tokyo");
    let begun = tokyo.now().unwrap();
    std::iter::repeat_with(|| tokyo.now().unwrap()).find(|now| *now >= begun + minutes(10));

    // Nothing passes by itself, whatever passes here.
    let served = Served::start(&folder("manual"), &lab, &["--clock", "manual", "--control"]);
    let tokyo = served.host("tokyo");
    let begun = tokyo.now().unwrap();
    served.told(&["advance 90m"]);
    assert_eq!(tokyo.now().unwrap(), begun + minutes(90));
}

#[test]
fn a_lab_is_arranged_while_clients_use_it() {
    let folder = folder("ctl");
    let served = Served::start(&folder, TWO_SITES, &["--clock", "manual", "--control"]);
    let osaka = served.host("osaka");
    let web = vm(&osaka, "shop-web");
    assert_eq!(osaka.vm(web).unwrap().power, EnabledState::Disabled);

    let out =
        served.told(&["crash tokyo", "osaka InitiateFailover shop-web => 4096 job1", "wait job1"]);
    assert!(out.contains("osaka  InitiateFailover shop-web") && out.contains("4096 job1"), "{out}");
    let id = RelationshipId::primary(web);
    assert_eq!(osaka.relationship(id).unwrap().state, ReplicationState::Recovered);
    let down = served.host("tokyo").vms().unwrap_err();
    assert!(matches!(down, Error::Transport { .. }), "{down}");

    // A fork is nobody's but control's.
    served.told(&["fork what-if", "osaka CommitFailover shop-web => 4096 job2", "wait job2"]);
    served.told(&["fork what-if", "expect osaka shop-web Committed"]);
    assert_eq!(osaka.relationship(id).unwrap().state, ReplicationState::Recovered);
    served.told(&["drop what-if"]);

    // What does not go as it says, what is no line, and JSON of either.
    let (status, out, err) = served.ctl(&["advance 1m", "expect osaka shop-web Replicating"]);
    assert_eq!((status, &*err), (1, ""));
    assert!(out.contains("--> <lines>:2:1") && out.contains("+ found"), "{out}");
    let (status, out, err) = served.ctl(&["advnace 1m"]);
    assert_eq!((status, &*out), (2, ""));
    assert!(err.contains("advnace") && err.contains("<lines>:1:1"), "{err}");
    let (status, out, _) = served.ctl(&["--json", "advance 1m"]);
    let json: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((status, json["steps"][0]["what"].as_str()), (0, Some("advance 1m")));

    // What happened is a script, which begins where control did; and then it has not happened.
    let trace = served.told(&["trace"]);
    assert!(trace.starts_with("crash tokyo\n") && !trace.contains("CommitFailover"), "{trace}");
    hyperv_replica::script::parse(&trace).unwrap();
    served.told(&["reset", "expect tokyo shop-web Primary Replicating running"]);
    assert_eq!(osaka.relationship(id).unwrap().state, ReplicationState::Replicating);
}

#[test]
fn only_who_has_the_token_arranges_a_lab() {
    let folder = folder("token");
    let file = folder.join("token");
    fs::write(&file, "what others can read\n").unwrap();
    let path = file.to_str().unwrap();
    let args = ["--control", "--token-file", path];
    let served = Served::start(&folder, TWO_SITES, &args);
    assert_eq!(served.told["control"]["token"], Value::Null, "it is in the file");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    served.told(&["--token-file", path, "advance 1s"]);
    let (status, _, err) = served.ctl(&["advance 1s"]);
    assert_eq!(status, 2);
    assert!(err.contains("there is no `--token`, `--token-file` or HVR_TOKEN"), "{err}");
    for token in ["guess", served.password()] {
        let (status, _, err) = served.ctl(&["--token", token, "crash tokyo"]);
        assert_eq!(status, 2);
        assert!(err.contains("does not know this token"), "{err}");
    }
    served.told(&["--token-file", path, "expect tokyo print running"]);
    // And it is no password of hosts.
    let token = fs::read_to_string(&file).unwrap();
    assert!(served.host_by("tokyo", token.trim(), |it| it).vms().is_err());

    // A page in a browser can send this without asking; it is not looked at.
    let url = served.told["control"]["url"].as_str().unwrap();
    let address = url["http://".len()..].trim_end_matches("/control");
    let mut stream = TcpStream::connect(address).unwrap();
    let request = "POST /control HTTP/1.1\r\nHost: lab\r\nContent-Type: text/plain\r\n\
                   Content-Length: 11\r\n\r\ncrash tokyo";
    stream.write_all(request.as_bytes()).unwrap();
    let mut reply = [0; 12];
    stream.read_exact(&mut reply).unwrap();
    assert_eq!(str::from_utf8(&reply).unwrap(), "HTTP/1.1 415");
}

#[test]
fn what_is_said_to_other_machines_is_encrypted() {
    let folder = folder("tls");
    let certificate = folder.join("lab.pem");
    let save = ["--tls", "--save-cert", certificate.to_str().unwrap()];
    let served = Served::start(&folder, TWO_SITES, &save);
    let url = served.url("tokyo");
    assert!(url.starts_with("https://127.0.0.1:"), "{url}");
    let pin: Fingerprint = served.told["fingerprint"].as_str().unwrap().parse().unwrap();
    let authority = fs::read_to_string(&certificate).unwrap();
    for trust in [Trust::Pinned(pin), Trust::Authority(authority)] {
        let change = |it| Options { trust, scheme: Scheme::Basic, ..it };
        assert!(served.host_by("tokyo", served.password(), change).vms().is_ok());
    }
    let nobody = |it| Options { trust: Trust::System, ..it };
    assert!(served.host_by("tokyo", served.password(), nobody).vms().is_err());

    // Every address of this machine, and what is asked there is sealed.
    let served = Served::start(&folder, TWO_SITES, &["--listen", "0.0.0.0", "--sealed"]);
    assert!(served.url("tokyo").starts_with("http://127.0.0.1:"));
    assert!(served.host("tokyo").vms().is_ok());
}

#[test]
fn what_cannot_be_served_is_told() {
    let folder = folder("refused");
    let exposed = refused(&[TWO_SITES, "--listen", "0.0.0.0"]);
    for says in ["other machines can reach 0.0.0.0", "--tls", "--sealed"] {
        assert!(exposed.contains(says), "{exposed}");
    }
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let says = refused(&[TWO_SITES, "--port", &port]);
    assert!(says.contains(&format!("cannot listen on 127.0.0.1:{port}")), "{says}");
    assert!(refused(&[TWO_SITES, "--port", "65535"]).contains("65535"));
    for (script, says) in [
        ("host tokyo\nexpect tokyo event 32086\n", "lab.hvr:2: "),
        ("hsot tokyo\n", "expected"),
        ("advance 1h\n", "has no host to serve"),
    ] {
        let path = folder.join("lab.hvr");
        fs::write(&path, script).unwrap();
        let told = refused(&[path.to_str().unwrap(), "--port", "0"]);
        assert!(told.contains(says), "{script}: {told}");
    }
    let empty = folder.join("empty");
    fs::write(&empty, "\n").unwrap();
    for (args, says) in [
        (&["--password-file", empty.to_str().unwrap()][..], "is empty"),
        (&["--password", ""], "the password is empty"),
        (&["--clock", "later"], "expected `real`"),
        (&["--tls", "--sealed"], "cannot be used with"),
        (&["--tls", "--cert", "lab.pem"], "--key"),
        (&["--token-file", "token"], "--control"),
    ] {
        let args = [&[TWO_SITES, "--port", "0"], args].concat();
        let told = refused(&args);
        assert!(told.contains(says), "{args:?}: {told}");
    }
}

/// What is found over the network is what is found in the lab itself.
#[test]
fn hosts_are_examined_over_the_network() {
    let folder = folder("network");
    let served = Served::start(&folder, TWO_SITES, &["--clock", "jump", "--tls"]);
    let pin = served.told["fingerprint"].as_str().unwrap();
    let ask = |command: &str, address: &dyn Fn(&str) -> String, more: &[&str]| {
        let (tokyo, osaka) = (address("tokyo"), address("osaka"));
        let mut hvr = hvr();
        hvr.arg(command).args([
            "--host",
            &*format!("hq={tokyo}"),
            "--host",
            &*format!("dr={osaka}"),
        ]);
        ended(hvr.args(more).env("HVR_PASSWORD", served.password()).output().unwrap())
    };
    let here = |host: &str| format!("lab:{TWO_SITES}#{host}");
    let there = |host: &str| served.url(host).to_owned();
    let login = ["--user", "admin", "--pin", pin];
    let pair = ["--from", "hq", "--to", "dr"];
    let found = ask("doctor", &there, &[&login[..], &pair].concat());
    assert_eq!(found, ask("doctor", &here, &pair));
    assert!(found.1.contains("hq/files") && found.1.contains("paused"), "{}", found.1);
    // The captured script comes to the same.
    let (_, out, err) = ask("capture", &there, &login);
    assert_eq!(err, "");
    assert_eq!(out, ask("capture", &here, &[]).1);

    for (more, says) in [
        (&["--pin", pin][..], "`--user NAME`"),
        (&["--user", "admin"], "cannot be reached"),
        (&["--user", "nobody", "--pin", pin], "not let in"),
    ] {
        let (status, _, err) = ask("doctor", &there, more);
        assert_eq!(status, 2);
        assert!(err.contains(says), "{more:?}: {err}");
    }
}

/// What [libvirt] asks before anything else is in the namespace that describes computers.
///
/// [libvirt]: https://github.com/libvirt/libvirt/blob/master/src/hyperv/hyperv_driver.c
#[test]
fn a_host_describes_its_computer() {
    let lab = folder("cimv2").join("lab.hvr");
    fs::write(&lab, "host tokyo.contoso.com build=17763\n").unwrap();
    let served = Served::start(&folder("cimv2-served"), &lab, &["--clock", "manual"]);
    let url = served.url("tokyo.contoso.com");
    let options = Options::new(url, Credentials::new("admin", served.password()));
    let client = Client::new(Options { namespace: "root/cimv2".to_owned(), ..options }).unwrap();
    let only = |wql: &str| {
        let mut found = client.query(wql).unwrap_or_else(|it| panic!("{wql}: {it}"));
        assert_eq!(found.len(), 1, "{wql}");
        found.remove(0)
    };
    let text =
        |it: &Instance, property: &str| it.read::<&str>(property).unwrap().unwrap().to_owned();
    let computer = only("SELECT * FROM Win32_ComputerSystem");
    assert_eq!(text(&computer, "Domain"), "contoso.com");
    let windows = only("SELECT * FROM Win32_OperatingSystem");
    assert_eq!(text(&windows, "BuildNumber"), "17763");
    only("SELECT * FROM Win32_ComputerSystemProduct");
    only("SELECT * FROM Win32_Processor");
    // Other namespaces are not there.
    let options = Options::new(url, Credentials::new("admin", served.password()));
    let other = Client::new(Options { namespace: "root/wmi".to_owned(), ..options }).unwrap();
    let error = other.query("SELECT * FROM Win32_Processor").unwrap_err();
    assert_eq!(error.wbem_status(), Some(WbemStatus::INVALID_NAMESPACE), "{error}");
}

/// What is printed for a person: where hosts are, and what to paste.
#[test]
fn a_person_is_told_how_clients_get_there() {
    let folder = folder("person");
    let mut child = hvr()
        .args(["serve", TWO_SITES, "--port", "0", "--clock", "x60", "--control"])
        .current_dir(&folder)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut text = String::new();
    for line in lines.map_while(Result::ok) {
        text += &line;
        text.push('\n');
        if line.starts_with("hvr doctor --host osaka=") {
            break;
        }
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(r"127\.0\.0\.1:\d+", "127.0.0.1:PORT");
    settings.add_filter(r"(--port |port=)\d+", "${1}PORT");
    settings.add_filter(r"(export HVR_\w+=)\w{24}", "${1}SECRET");
    settings.add_filter(r"23:30:26\.\d+", "23:30:26");
    settings.bind(|| insta::assert_snapshot!(text, @r#"
host   address
tokyo  http://127.0.0.1:PORT/wsman
osaka  http://127.0.0.1:PORT/wsman

clock    x60: time passes 60 times as fast
time     23:30:26
user     admin
control  http://127.0.0.1:PORT/control

# For the shell in which you paste what follows.
export HVR_PASSWORD=SECRET
export HVR_TOKEN=SECRET
hvr ctl --url http://127.0.0.1:PORT/control trace

# tokyo
WSMAN_PASS="$HVR_PASSWORD" wsman enumerate http://schemas.microsoft.com/wbem/wsman/1/wmi/root/virtualization/v2/Msvm_ComputerSystem --hostname 127.0.0.1 --port PORT --auth basic --username admin
virsh -c 'hyperv://admin@127.0.0.1:PORT/?transport=http' list --all
python3 -c 'import os, pypsrp.wsman as w, xml.etree.ElementTree as x; h = w.WSMan("127.0.0.1", port=PORT, ssl=False, auth="ntlm", username="admin", password=os.environ["HVR_PASSWORD"]); s = w.SelectorSet(); s.add_option("Name", "tokyo"); print(x.tostring(h.get("http://schemas.microsoft.com/wbem/wsman/1/wmi/root/virtualization/v2/Msvm_ComputerSystem", selector_set=s), "unicode"))'
hvr doctor --host tokyo=http://127.0.0.1:PORT/wsman --user admin

# osaka
WSMAN_PASS="$HVR_PASSWORD" wsman enumerate http://schemas.microsoft.com/wbem/wsman/1/wmi/root/virtualization/v2/Msvm_ComputerSystem --hostname 127.0.0.1 --port PORT --auth basic --username admin
virsh -c 'hyperv://admin@127.0.0.1:PORT/?transport=http' list --all
python3 -c 'import os, pypsrp.wsman as w, xml.etree.ElementTree as x; h = w.WSMan("127.0.0.1", port=PORT, ssl=False, auth="ntlm", username="admin", password=os.environ["HVR_PASSWORD"]); s = w.SelectorSet(); s.add_option("Name", "osaka"); print(x.tostring(h.get("http://schemas.microsoft.com/wbem/wsman/1/wmi/root/virtualization/v2/Msvm_ComputerSystem", selector_set=s), "unicode"))'
hvr doctor --host osaka=http://127.0.0.1:PORT/wsman --user admin
"#));
}
