//! The client: what it asks, how it reads what a host answers, and what it does not put up with.

use super::client_responder::{Act, Responder, envelope, id_of, reply, soap, text_of};
use hyper::header::{CONTENT_TYPE, LOCATION};
use hyper::{Response, StatusCode};
use hyperv_replica::cim::{CimClient, DateTime, Error, Instance, ObjectPath, Value, WbemStatus};
use hyperv_replica::wsman::auth::negotiate::Wrapping;
use hyperv_replica::wsman::auth::{Credentials, Guard, Users};
use hyperv_replica::wsman::{Client, Options, Scheme, Waiting};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const V2: &str = "http://schemas.microsoft.com/wbem/wsman/1/wmi/root/virtualization/v2";

fn guard() -> Guard {
    Guard::new("tokyo", Users::default().with("admin", "secret"))
}

fn options(server: &Responder) -> Options {
    let admin = Credentials::new("admin", "secret");
    Options { timeout: Duration::from_secs(5), ..Options::new(server.url(), admin) }
}

fn client(server: &Responder) -> Client {
    Client::new(options(server)).unwrap()
}

/// A client that does not authenticate before it asks, so that the first request is a question.
fn bare_client(server: &Responder) -> Client {
    let scheme = Scheme::DangerBasicInClear;
    Client::new(Options { scheme, ..options(server) }).unwrap()
}

/// A client of a server that answers each question so.
fn asked(answer: impl FnMut(&str) -> Response<Vec<u8>> + Send + 'static) -> (Client, Responder) {
    let server = Responder::guarded(guard(), answer);
    (client(&server), server)
}

fn job() -> ObjectPath {
    ObjectPath::class("Msvm_ConcreteJob").with("InstanceID", "8F2C")
}

/// As a host writes an instance: section 4.2 of MS-WSMV's encoding, nulls and all.
fn a_job(id: &str) -> String {
    format!(
        r#"<p:Msvm_ConcreteJob xmlns:p="{V2}/Msvm_ConcreteJob" xsi:type="p:Msvm_ConcreteJob_Type">
        <p:Caption xsi:nil="true"/><p:ElapsedTime><cim:Interval>P0DT0H0M1.5S</cim:Interval></p:ElapsedTime>
        <p:ErrorCode>32775</p:ErrorCode><p:InstanceID>{id}</p:InstanceID><p:JobState>7</p:JobState>
        <p:OperationalStatus>2</p:OperationalStatus><p:OperationalStatus>17</p:OperationalStatus>
        <p:StartTime><cim:Datetime>2024-01-01T00:00:01Z</cim:Datetime></p:StartTime>
        </p:Msvm_ConcreteJob>"#
    )
}

#[test]
fn an_object_is_read_with_its_types() {
    for wrapping in [Wrapping::Spnego, Wrapping::Bare] {
        let server = Responder::guarded(guard(), |request| {
            let resource = text_of(request, "w:ResourceURI").unwrap();
            assert_eq!(resource, format!("{V2}/Msvm_ConcreteJob"));
            assert_eq!(
                text_of(request, "a:Action").unwrap(),
                "http://schemas.xmlsoap.org/ws/2004/09/transfer/Get"
            );
            assert!(request.contains(r#"<w:Selector Name="InstanceID">8F2C</w:Selector>"#));
            reply(request, &a_job("8F2C"))
        });
        let scheme = Scheme::Negotiate(wrapping);
        let client = Client::new(Options { scheme, ..options(&server) }).unwrap();
        for _ in 0..3 {
            let found = client.get(&job()).unwrap();
            assert_eq!(found.get("JobState"), Some(&Value::Uint16(7)));
            assert_eq!(found.get("ErrorCode"), Some(&Value::Uint16(32775)));
            assert_eq!(found.get("Caption"), Some(&Value::Null));
            assert_eq!(found.get("OperationalStatus"), Some(&Value::from(vec![2_u16, 17])));
            let elapsed = found.read::<&DateTime>("ElapsedTime").unwrap().unwrap();
            assert_eq!(elapsed.duration(), Some(Duration::from_millis(1500)));
            let path = found.path.unwrap();
            assert!(path.is_same_object(&job()), "{path}");
        }
        assert_eq!(server.connections(), 1);
    }
}

#[test]
fn a_query_is_pulled_to_its_end() {
    let (client, server) = asked(|request| {
        if let Some(query) = text_of(request, "w:Filter") {
            assert_eq!(query, "SELECT * FROM Msvm_ConcreteJob");
            assert_eq!(text_of(request, "w:ResourceURI").unwrap(), format!("{V2}/*"));
            let items = a_job("1") + &a_job("2");
            return reply(
                request,
                &format!(
                    "<n:EnumerateResponse><n:EnumerationContext>uuid:A</n:EnumerationContext>\
                     <w:Items>{items}</w:Items></n:EnumerateResponse>"
                ),
            );
        }
        let (context, items, end) = match text_of(request, "n:EnumerationContext").unwrap() {
            "uuid:A" => ("uuid:B", a_job("3"), ""),
            "uuid:B" => ("", a_job("4"), "<n:EndOfSequence/>"),
            other => panic!("{other}"),
        };
        reply(
            request,
            &format!(
                "<n:PullResponse><n:EnumerationContext>{context}</n:EnumerationContext>\
                 <n:Items>{items}</n:Items>{end}</n:PullResponse>"
            ),
        )
    });
    let found = client.query("SELECT * FROM Msvm_ConcreteJob").unwrap();
    let ids: Vec<_> =
        found.iter().map(|it| it.read::<&str>("InstanceID").unwrap().unwrap()).collect();
    assert_eq!(ids, ["1", "2", "3", "4"]);
    assert_eq!(server.connections(), 1);
}

/// What a query selects comes without a class and in no namespace; the keys are asked for, too.
#[test]
fn selected_properties_come_with_keys_and_types() {
    let (client, _server) = asked(|request| {
        let query = text_of(request, "w:Filter").unwrap();
        assert_eq!(query, "SELECT JobState, InstanceID FROM Msvm_ConcreteJob");
        reply(
            request,
            "<n:EnumerateResponse><n:EnumerationContext/><w:Items><w:XmlFragment>\
             <InstanceID>8F2C</InstanceID><JobState>4</JobState></w:XmlFragment></w:Items>\
             <w:EndOfSequence/></n:EnumerateResponse>",
        )
    });
    let found = client.query("select JobState from Msvm_ConcreteJob").unwrap();
    assert_eq!(found[0].class, *"Msvm_ConcreteJob");
    assert_eq!(found[0].get("JobState"), Some(&Value::Uint16(4)));
    assert!(found[0].path.as_ref().unwrap().is_same_object(&job()));
}

#[test]
fn a_method_is_called_with_what_it_takes() {
    let (client, _server) = asked(|request| {
        let uri = format!("{V2}/Msvm_ReplicationService");
        assert_eq!(text_of(request, "a:Action").unwrap(), format!("{uri}/StartReplication"));
        assert_eq!(text_of(request, "p:InitialReplicationType").unwrap(), "1");
        assert!(request.contains(r#"<w:Selector Name="Name">8F2C</w:Selector>"#), "{request}");
        reply(
            request,
            &format!(
                r#"<p:StartReplication_OUTPUT xmlns:p="{uri}"><p:Job><a:Address>anonymous</a:Address>
                <a:ReferenceParameters><w:ResourceURI>{V2}/Msvm_ConcreteJob</w:ResourceURI>
                <w:SelectorSet><w:Selector Name="InstanceID">8F2C</w:Selector></w:SelectorSet>
                </a:ReferenceParameters></p:Job><p:ReturnValue>4096</p:ReturnValue>
                </p:StartReplication_OUTPUT>"#
            ),
        )
    });
    let service = ObjectPath::class("Msvm_ReplicationService")
        .with("CreationClassName", "Msvm_ReplicationService");
    let vm = ObjectPath::class("Msvm_ComputerSystem").with("Name", "8F2C");
    let given =
        Instance::parameters().with("ComputerSystem", vm).with("InitialReplicationType", 1_u16);
    let reply = client.invoke(&service, "StartReplication", &given).unwrap();
    assert_eq!(reply.value, 4096);
    let Some(Value::Reference(found)) = reply.out.get("Job") else { panic!("{reply:?}") };
    assert!(found.is_same_object(&job()), "{found}");

    let nonsense = Instance::parameters().with("Nonsense", 1_u16);
    let refused = client.invoke(&service, "StartReplication", &nonsense).unwrap_err();
    assert_eq!(refused.wbem_status(), Some(WbemStatus::INVALID_METHOD_PARAMETERS));
    let refused = client.invoke(&service, "Nonsense", &Instance::parameters()).unwrap_err();
    assert_eq!(refused.wbem_status(), Some(WbemStatus::INVALID_METHOD));
}

/// As DSP0226 and MS-WSMV have it.
fn fault(subcode: &str, detail: &str) -> String {
    format!(
        r#"<s:Fault><s:Code><s:Value>s:Sender</s:Value><s:Subcode><s:Value>{subcode}</s:Value>
        </s:Subcode></s:Code><s:Reason><s:Text xml:lang="en-US">No.</s:Text></s:Reason>
        <s:Detail>{detail}</s:Detail></s:Fault>"#
    )
}

#[test]
fn a_fault_is_an_error() {
    for (subcode, status) in [
        ("a:DestinationUnreachable", WbemStatus::NOT_FOUND),
        ("n:CannotProcessFilter", WbemStatus::INVALID_QUERY),
        ("w:AccessDenied", WbemStatus::ACCESS_DENIED),
        ("w:QuotaLimit", WbemStatus::QUOTA_VIOLATION),
    ] {
        let (client, _server) = asked(move |request| {
            let text = envelope(id_of(request), &fault(subcode, ""));
            soap(StatusCode::INTERNAL_SERVER_ERROR, &text)
        });
        let error = client.get(&job()).unwrap_err();
        assert_eq!(error.to_string(), format!("{status}: No"));
        // And the connection is good for the next question.
        assert!(client.get(&job()).unwrap_err().wbem_status().is_some());
    }
}

#[test]
fn events_are_pulled_and_the_subscription_is_called_off() {
    let log = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&log);
    let mut pulls = 0;
    let (client, _server) = asked(move |request| {
        let action = text_of(request, "a:Action").unwrap().rsplit('/').next().unwrap().to_owned();
        seen.lock().unwrap().push(action.clone());
        match action.as_str() {
            "Subscribe" => {
                assert!(request.contains("/wbem/wsman/1/wsman/Pull"), "{request}");
                reply(
                    request,
                    "<e:SubscribeResponse><e:SubscriptionManager><a:Address/>\
                     <a:ReferenceParameters><e:Identifier>S1</e:Identifier></a:ReferenceParameters>\
                     </e:SubscriptionManager><n:EnumerationContext>C1</n:EnumerationContext>\
                     </e:SubscribeResponse>",
                )
            }
            "Pull" => {
                pulls += 1;
                if pulls == 2 {
                    let text = envelope(id_of(request), &fault("w:TimedOut", ""));
                    return soap(StatusCode::INTERNAL_SERVER_ERROR, &text);
                }
                reply(
                    request,
                    &format!(
                        r#"<n:PullResponse><n:EnumerationContext>C1</n:EnumerationContext><n:Items>
                        <p:__InstanceModificationEvent xmlns:p="{V2}/__InstanceModificationEvent">
                        <p:TargetInstance xmlns:p1="{V2}/Msvm_ConcreteJob"
                            xsi:type="p1:Msvm_ConcreteJob_Type"><p1:InstanceID>8F2C</p1:InstanceID>
                        <p1:JobState>7</p1:JobState></p:TargetInstance>
                        </p:__InstanceModificationEvent></n:Items></n:PullResponse>"#
                    ),
                )
            }
            "Unsubscribe" => {
                assert_eq!(text_of(request, "e:Identifier"), Some("S1"));
                reply(request, "")
            }
            other => panic!("{other}"),
        }
    });
    let wql = "SELECT * FROM __InstanceModificationEvent WITHIN 1 \
               WHERE TargetInstance ISA 'Msvm_ConcreteJob'";
    let mut events = client.subscribe(wql).unwrap();
    let event = events.next(Duration::from_secs(1)).unwrap().expect("one came");
    let target = event.read::<&Box<Instance>>("TargetInstance").unwrap().unwrap();
    assert_eq!(target.get("JobState"), Some(&Value::Uint16(7)));
    assert!(target.path.as_ref().unwrap().is_same_object(&job()));
    assert!(events.next(Duration::ZERO).unwrap().is_none());
    assert!(events.next(Duration::ZERO).unwrap().is_some());
    drop(events);
    let actions = log.lock().unwrap().join(" ");
    assert_eq!(actions, "Subscribe Pull Pull Pull Unsubscribe");
}

#[test]
fn time_is_the_hosts() {
    let mut second = 0;
    let server = Responder::guarded(guard(), move |request| {
        assert!(text_of(request, "w:ResourceURI").unwrap().ends_with("/root/cimv2/*"));
        second += 20;
        reply(
            request,
            &format!(
                "<n:EnumerateResponse><n:EnumerationContext/><w:Items><w:XmlFragment>\
                 <LocalDateTime><cim:Datetime>2024-01-01T01:00:{second:02}.5+01:00</cim:Datetime>\
                 </LocalDateTime></w:XmlFragment></w:Items><w:EndOfSequence/></n:EnumerateResponse>"
            ),
        )
    });
    let waiting = Waiting::ByTheServicesClock { every: Duration::ZERO };
    let client = Client::new(Options { waiting, ..options(&server) }).unwrap();
    assert_eq!(client.now().unwrap().to_string(), "00:00:20.500");
    // It is 00:00:40.5 when sleep begins, and 00:01:00.5 when it looks again.
    client.sleep(Duration::from_secs(15)).unwrap();
}

#[test]
fn who_is_not_let_in_is_told() {
    let server = Responder::guarded(guard(), |_| panic!("let in"));
    for scheme in [
        Scheme::Negotiate(Wrapping::Spnego),
        Scheme::Negotiate(Wrapping::Bare),
        Scheme::DangerBasicInClear,
    ] {
        let credentials = Credentials::new("admin", "guess");
        let client = Client::new(Options { credentials, scheme, ..options(&server) }).unwrap();
        let error = client.get(&job()).unwrap_err();
        assert_eq!(error.wbem_status(), Some(WbemStatus::ACCESS_DENIED), "{error}");
        assert!(!format!("{error} {client:?}").contains("guess"));
    }
}

#[test]
fn a_password_is_not_said_in_clear_unless_that_is_wanted() {
    let server = Responder::guarded(guard(), |request| reply(request, &a_job("8F2C")));
    let scheme = Scheme::Basic;
    let error = Client::new(Options { scheme, ..options(&server) }).unwrap_err();
    assert_eq!(error.wbem_status(), Some(WbemStatus::INVALID_PARAMETER), "{error}");
    assert!(bare_client(&server).get(&job()).is_ok());
    for url in ["ftp://localhost/", "localhost", "http://", "", "http://[::1", "https://a b/"] {
        let options = Options { url: url.to_owned(), ..options(&server) };
        let error = Client::new(options).unwrap_err();
        assert_eq!(error.wbem_status(), Some(WbemStatus::INVALID_PARAMETER), "{url}");
    }
}

#[test]
fn a_server_that_is_hostile_is_an_error() {
    fn malformed(expected: &str, answer: impl FnMut(&str) -> Response<Vec<u8>> + Send + 'static) {
        let (client, _server) = asked(answer);
        let error = client.get(&job()).unwrap_err();
        assert!(matches!(error, Error::Malformed(_)), "{error:?}");
        assert!(error.to_string().contains(expected), "{error} is not {expected}");
    }
    malformed("nobody follows", |_| {
        let mut response = Response::new(Vec::new());
        *response.status_mut() = StatusCode::TEMPORARY_REDIRECT;
        response.headers_mut().insert(LOCATION, "http://192.0.2.1/".parse().unwrap());
        response
    });
    malformed("another request", |request| {
        soap(StatusCode::OK, &envelope("uuid:0", &a_job(id_of(request))))
    });
    malformed("the reply is empty", |request| reply(request, ""));
    malformed("", |_| soap(StatusCode::OK, "<!DOCTYPE x [<!ENTITY y 'z'>]><x>&y;</x>"));
    malformed("", |_| soap(StatusCode::OK, &"<x>".repeat(100_000)));
    malformed("", |_| soap(StatusCode::OK, &"x".repeat(3 << 20)));
    malformed("503", |_| soap(StatusCode::SERVICE_UNAVAILABLE, "come again"));
    malformed("JobState", |request| {
        reply(request, &a_job("1").replace("<p:JobState>7<", "<p:JobState>seven<"))
    });
}

#[test]
fn an_enumeration_without_an_end_is_an_error() {
    let (client, _server) = asked(|request| {
        let name = if request.contains("<n:Pull>") { "PullResponse" } else { "EnumerateResponse" };
        let context = "<n:EnumerationContext>A</n:EnumerationContext>";
        reply(request, &format!("<n:{name}>{context}<n:Items/></n:{name}>"))
    });
    let error = client.query("SELECT * FROM Msvm_ConcreteJob").unwrap_err();
    assert!(error.to_string().contains("does not end"), "{error}");
}

/// Where requests are sealed, what is not sealed may come from anybody.
#[test]
fn a_reply_without_a_seal_is_not_believed() {
    let guarded = guard();
    let mut door = {
        use hyperv_replica::wsman::{Authenticate, Peer};
        let address = "127.0.0.1:1".parse().unwrap();
        guarded.connection(Peer { address, is_encrypted: false })
    };
    let server = Responder::new(move |_, headers, body| {
        use hyperv_replica::wsman::Verdict;
        Act::Answer(match door.check(headers, body) {
            Verdict::Answer(response) => response,
            Verdict::Granted { body, .. } if body.is_empty() => {
                door.seal(Response::new(Vec::new()))
            }
            Verdict::Granted { body, .. } => {
                let request = String::from_utf8(body).unwrap();
                reply(&request, &a_job("8F2C"))
            }
        })
    });
    let error = client(&server).get(&job()).unwrap_err();
    assert!(matches!(error, Error::Malformed(_)), "{error:?}");
    assert!(error.to_string().contains("without a seal"), "{error}");
}

#[test]
fn what_may_have_arrived_is_not_sent_again() {
    let questions = Arc::new(Mutex::new(0));
    let counter = Arc::clone(&questions);
    let server = Responder::new(move |_, _, _| {
        *counter.lock().unwrap() += 1;
        Act::Leave
    });
    let error = bare_client(&server).get(&job()).unwrap_err();
    assert!(matches!(error, Error::Transport(_)), "{error:?}");
    assert_eq!(*questions.lock().unwrap(), 1);

    let server = Responder::new(|_, _, _| Act::Silence);
    let scheme = Scheme::DangerBasicInClear;
    let timeout = Duration::from_millis(20);
    let client = Client::new(Options { scheme, timeout, ..options(&server) }).unwrap();
    let error = client.get(&job()).unwrap_err();
    assert!(matches!(error, Error::Transport(_)), "{error:?}");

    let server = Responder::new(|_, _, _| Act::Bytes(vec![0xFF; 100_000]));
    let error = bare_client(&server).get(&job()).unwrap_err();
    assert!(matches!(error, Error::Transport(_)), "{error:?}");
    let error = {
        let url = "http://127.0.0.1:1/".to_owned();
        Client::new(Options { url, ..options(&server) }).unwrap().get(&job()).unwrap_err()
    };
    assert!(error.to_string().contains("cannot be reached"), "{error}");
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a connection is idle in real time")]
fn a_connection_that_was_closed_meanwhile_is_opened_again() {
    let server = Responder::new(|_, _, body| {
        let request = String::from_utf8(body).unwrap();
        Act::AnswerAndLeave(reply(&request, &a_job("8F2C")))
    });
    let client = bare_client(&server);
    for _ in 0..3 {
        client.get(&job()).unwrap();
        std::thread::sleep(Duration::from_millis(1200));
    }
    assert_eq!(server.connections(), 3);
}

#[test]
fn a_call_within_an_asynchronous_runtime_is_refused() {
    let (client, server) = asked(|request| reply(request, &a_job("8F2C")));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let error = runtime.block_on(async { client.get(&job()).unwrap_err() });
    assert!(error.to_string().contains("spawn_blocking"), "{error}");
    assert_eq!(server.connections(), 0);
    assert!(client.get(&job()).is_ok());
}

#[test]
fn replies_in_utf_16_are_read() {
    let server = Responder::guarded(guard(), |request| {
        let text = envelope(id_of(request), &a_job("Ω"));
        let units = std::iter::once(0xFEFF).chain(text.encode_utf16());
        let mut response = Response::new(units.flat_map(u16::to_le_bytes).collect());
        let of = "application/soap+xml;charset=UTF-16".parse().unwrap();
        response.headers_mut().insert(CONTENT_TYPE, of);
        response
    });
    let found = client(&server).get(&job()).unwrap();
    assert_eq!(found.read::<&str>("InstanceID").unwrap(), Some("Ω"));
}

#[test]
fn a_client_goes_to_other_threads() {
    fn is_shared<T: Send + Sync>() {}
    is_shared::<Client>();
}

/// A clock that stands still may leap when somebody waits there; one that does not is told, since
/// nobody would ever be done waiting for it.
#[test]
fn a_clock_that_stands_is_not_waited_for_for_ever() {
    for leaps in [true, false] {
        let mut seconds = 0;
        let log = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&log);
        let responder = Responder::guarded(guard(), move |request| {
            let action =
                text_of(request, "a:Action").unwrap().rsplit('/').next().unwrap().to_owned();
            seen.lock().unwrap().push(action.clone());
            match action.as_str() {
                "Enumerate" => reply(
                    request,
                    &format!(
                        "<n:EnumerateResponse><n:EnumerationContext/><w:Items><w:XmlFragment>\
                         <LocalDateTime><cim:Datetime>2024-01-01T0{}:{:02}:{:02}Z</cim:Datetime>\
                         </LocalDateTime></w:XmlFragment></w:Items><w:EndOfSequence/>\
                         </n:EnumerateResponse>",
                        seconds / 3600,
                        seconds / 60 % 60,
                        seconds % 60,
                    ),
                ),
                "Subscribe" => reply(
                    request,
                    "<e:SubscribeResponse><e:SubscriptionManager><a:Address/>\
                     <a:ReferenceParameters><e:Identifier>S1</e:Identifier></a:ReferenceParameters>\
                     </e:SubscriptionManager><n:EnumerationContext>C1</n:EnumerationContext>\
                     </e:SubscribeResponse>",
                ),
                "Pull" => {
                    seconds += if leaps { 30 } else { 0 };
                    let text = envelope(id_of(request), &fault("w:TimedOut", ""));
                    soap(StatusCode::INTERNAL_SERVER_ERROR, &text)
                }
                _ => reply(request, ""),
            }
        });
        let waiting = Waiting::ByTheServicesClock { every: Duration::from_millis(1) };
        let client = Client::new(Options { waiting, ..options(&responder) }).unwrap();
        let slept = client.sleep(Duration::from_secs(3600));
        let log = log.lock().unwrap();
        let pulls = log.iter().filter(|it| *it == "Pull").count();
        assert_eq!(log.iter().filter(|it| *it == "Subscribe").count(), 1, "{log:?}");
        match slept {
            Ok(()) => assert_eq!((leaps, pulls), (true, 120), "half a minute each"),
            Err(error) => {
                assert_eq!((leaps, pulls), (false, 2), "a minute in all");
                assert!(matches!(error, Error::Transport(_)), "{error}");
                assert!(error.to_string().contains("stands still"), "{error}");
            }
        }
    }
}
