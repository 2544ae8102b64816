//! Every input is expressible: text, line and input lead back to each other.

use crate::arbitrary::config;
use hyperv_replica::engine::{
    Answer, Caller, Disturbance, HostChange, HostSpec, HostTrouble, Input, Policy, Refusals,
    VmSpec, VmTrouble, Weakness, World,
};
use hyperv_replica::layer::{Asked, Fault, Plan, Read, Verdict, VmRef};
use hyperv_replica::model::*;
use hyperv_replica::script::{
    Action, EventFacts, Expectation, Expected, JobFacts, Line, Names, Runner, Script, Statement,
    Subject, VmFacts, When, Word, parse, record,
};
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use std::time::Duration;

/// As `prop_oneof!` with equal weights, on the heap: its arms are many and large.
macro_rules! any_of {
    ($($arm:expr),+ $(,)?) => {
        prop::strategy::Union::new([$($arm.boxed()),+]).boxed()
    };
}

/// Names that a table says, with everything that makes names hard.
#[derive(Debug)]
struct Table;

const HOSTS: [&str; 4] = ["tokyo", "advance", "job1", "a b\"c\\"];
const VMS: [(u128, &str); 7] = [
    (1, "web"),
    (2, "SQL Server"),
    (3, "twin"),
    (4, "twin"),
    (5, "{1}=\n#"),
    (6, "on"),
    (7, "event"),
];

fn vm_id(n: u128) -> VmId {
    VmId(Guid(n))
}

impl Names for Table {
    fn host_named(&self, name: &str) -> Option<HostId> {
        (0..).zip(HOSTS).find(|(_, it)| it.eq_ignore_ascii_case(name)).map(|(n, _)| HostId(n))
    }
    fn host_name(&self, host: HostId) -> Option<String> {
        HOSTS.get(usize::from(host.0)).map(ToString::to_string)
    }
    fn vms_named(&self, _: HostId, name: &str) -> Vec<VmId> {
        VMS.iter().filter(|(_, it)| *it == name).map(|(n, _)| vm_id(*n)).collect()
    }
    fn vm_names(&self, _: HostId) -> Vec<String> {
        Vec::new()
    }
    fn vm_name(&self, _: HostId, vm: VmId) -> Option<String> {
        VMS.iter().find(|(n, _)| vm_id(*n) == vm).map(|(_, name)| (*name).to_owned())
    }
    fn points(&self, _: HostId, _: VmId) -> Vec<PointId> {
        (1..4).map(|n| PointId(Guid(n))).collect()
    }
    fn job(&self, alias: &str) -> Option<JobId> {
        alias.strip_prefix("job")?.parse().ok().filter(|n| *n < 5).map(|n| JobId(Guid(n)))
    }
    fn job_alias(&self, job: JobId) -> Option<String> {
        Some(format!("job{}", job.0.0))
    }
    fn now(&self) -> SimTime {
        SimTime::from_ticks(1_000_000_000)
    }
}

fn text() -> impl Strategy<Value = String> {
    let hard = ["none", "all", "", "\u{feff}", "a b", "#1", "=>", "\0\r\n\t\u{2028}", "x=y", "@2"];
    let hard = prop::sample::select(hard.to_vec()).prop_map(str::to_owned);
    prop_oneof![3 => "[a-z.*\\\\:]{1,12}", 1 => hard, 1 => any::<String>()]
}

fn guid() -> impl Strategy<Value = Guid> {
    prop_oneof![2 => 0u128..8, 1 => any::<u128>()].prop_map(Guid)
}

fn host_id() -> impl Strategy<Value = HostId> {
    (0u16..6).prop_map(HostId)
}

fn number() -> impl Strategy<Value = u16> {
    prop_oneof![2 => 0u16..20, 1 => any::<u16>()]
}

fn time() -> impl Strategy<Value = SimTime> {
    prop_oneof![any::<u64>(), 0u64..2_000_000_000].prop_map(SimTime::from_ticks)
}

fn one_of<T: WireEnum>() -> impl Strategy<Value = T> {
    prop::sample::select(T::ALL.to_vec())
}

prop_compose! {
    fn relationship()(vm in guid(), extended: bool) -> RelationshipId {
        let leg = if extended { Leg::Extended } else { Leg::Primary };
        RelationshipId { vm: VmId(vm), leg }
    }
}

prop_compose! {
    fn service_settings()(
        recovery_server_enabled: bool,
        allowed_authentication in one_of(),
        certificate_thumbprint in text(),
        http_port in number(), https_port in number(),
        monitoring_start_s: u32, monitoring_interval_s: u32,
    ) -> ServiceSettings {
        ServiceSettings {
            recovery_server_enabled, allowed_authentication, certificate_thumbprint,
            http_port, https_port, monitoring_start_s, monitoring_interval_s,
        }
    }
}

prop_compose! {
    fn entry()(
        allowed_primary in text(), trust_group in text(), storage_location in text(),
    ) -> AuthorizationEntry {
        AuthorizationEntry { allowed_primary, trust_group, storage_location }
    }
}

prop_compose! {
    fn settings()(
        texts in vec(text(), 6),
        numbers in (number(), number(), number(), number()),
        authentication in of(one_of()),
        flags: [bool; 4],
        disks in of(vec(any::<u8>().prop_map(DiskId), 0..4)),
        window: (u32, u32),
        provider in guid(),
        plain: bool,
    ) -> Settings {
        let [recovery_connection_point, thumbprint, additional, host, point, primary] =
            <[String; 6]>::try_from(texts).unwrap();
        if plain {
            return Settings::to(&recovery_connection_point);
        }
        Settings {
            recovery_connection_point,
            recovery_server_port: numbers.0,
            authentication,
            certificate_thumbprint: thumbprint,
            compression: flags[0],
            bypass_proxy: flags[1],
            replicate_host_kvp: flags[2],
            application_consistent_interval_h: numbers.1,
            recovery_history: numbers.2,
            included_disks: disks,
            auto_resynchronize: flags[3],
            auto_resynchronize_start_s: window.0,
            auto_resynchronize_end_s: window.1,
            provider,
            replication_interval_s: numbers.3,
            additional_settings: additional,
            recovery_host: host,
            primary_connection_point: point,
            primary_host: primary,
        }
    }
}

prop_compose! {
    fn adapter()(
        adapter in any::<u8>().prop_map(AdapterId), protocol in one_of(), dhcp: bool,
        lists in vec(vec(text(), 0..3), 4),
    ) -> FailoverNetworkAdapterSettings {
        let [addresses, subnets, gateways, dns_servers] =
            <[Vec<String>; 4]>::try_from(lists).unwrap();
        FailoverNetworkAdapterSettings {
            adapter, protocol, dhcp, addresses, subnets, gateways, dns_servers,
        }
    }
}

fn call() -> BoxedStrategy<Call> {
    let vm = || guid().prop_map(VmId);
    let job = || guid().prop_map(JobId);
    let point = || of(guid().prop_map(PointId));
    let boxed = || settings().prop_map(Box::new).boxed();
    let service = any_of![
        service_settings().prop_map(|it| Call::ModifyServiceSettings { settings: Box::new(it) }),
        entry().prop_map(|entry| Call::AddAuthorizationEntry { entry }),
        entry().prop_map(|entry| Call::ModifyAuthorizationEntry { entry }),
        text().prop_map(|allowed_primary| Call::RemoveAuthorizationEntry { allowed_primary }),
        (vm(), entry()).prop_map(|(vm, entry)| Call::SetAuthorizationEntry { vm, entry }),
        Just(Call::GetSystemCertificates),
        (text(), number(), number(), of(text()), any::<bool>()).prop_map(
            |(
                recovery_connection_point,
                port,
                authentication,
                certificate_thumbprint,
                bypass_proxy,
            )| {
                Call::TestReplicationConnection {
                    recovery_connection_point,
                    port,
                    authentication,
                    certificate_thumbprint,
                    bypass_proxy,
                }
            }
        ),
        number().prop_map(|requested| Call::RequestServiceStateChange { requested }),
        Just(Call::StartService),
        Just(Call::StopService),
    ];
    let life = any_of![
        (vm(), boxed())
            .prop_map(|(vm, settings)| Call::CreateReplicationRelationship { vm, settings }),
        (vm(), boxed()).prop_map(|(vm, settings)| Call::ModifyReplicationSettings { vm, settings }),
        (vm(), of(relationship())).prop_map(|(vm, relationship)| {
            Call::RemoveReplicationRelationship { vm, relationship }
        }),
        (vm(), number(), of(text()), of(time())).prop_map(
            |(vm, initial, export_location, start)| Call::StartReplication {
                vm,
                initial,
                export_location,
                start
            }
        ),
        (vm(), text())
            .prop_map(|(vm, import_location)| Call::ImportInitialReplica { vm, import_location }),
        (vm(), of(boxed()).boxed())
            .prop_map(|(vm, settings)| Call::ReverseReplicationRelationship { vm, settings }),
        (vm(), of(time())).prop_map(|(vm, start)| Call::Resynchronize { vm, start }),
        (vm(), of(relationship()), number()).prop_map(|(vm, relationship, requested)| {
            Call::RequestReplicationStateChange { vm, relationship, requested }
        }),
        (vm(), relationship()).prop_map(|(vm, relationship)| {
            Call::ChangeReplicationModeToPrimary { vm, relationship }
        }),
        (vm(), boxed(), of(text())).prop_map(|(vm, settings, point)| Call::InitiateFailback {
            vm,
            settings,
            point
        }),
    ];
    let rest = any_of![
        (vm(), point()).prop_map(|(vm, point)| Call::InitiateFailover { vm, point }),
        (vm(), point()).prop_map(|(vm, point)| Call::TestReplicaSystem { vm, point }),
        vm().prop_map(|vm| Call::RevertFailover { vm }),
        vm().prop_map(|vm| Call::CommitFailover { vm }),
        vm().prop_map(|vm| Call::DestroySystem { vm }),
        (vm(), vec(adapter(), 0..3)).prop_map(|(vm, settings)| {
            Call::SetFailoverNetworkAdapterSettings { vm, settings }
        }),
        (vm(), of(relationship()))
            .prop_map(|(vm, relationship)| Call::GetReplicationStatistics { vm, relationship }),
        (vm(), of(relationship()))
            .prop_map(|(vm, relationship)| Call::ResetReplicationStatistics { vm, relationship }),
        (vm(), number()).prop_map(|(vm, requested)| Call::RequestStateChange { vm, requested }),
        (job(), number())
            .prop_map(|(job, requested)| { Call::RequestJobStateChange { job, requested } }),
        job().prop_map(|job| Call::GetError { job }),
        job().prop_map(|job| Call::GetErrorEx { job }),
    ];
    any_of![service, life, rest]
}

prop_compose! {
    fn certificate()(
        texts in (text(), text()), names in vec(text(), 0..3), valid in (time(), time()),
        flags: [bool; 4],
    ) -> Certificate {
        let (thumbprint, encoded) = texts;
        let [client_authentication, server_authentication, private_key, trusted] = flags;
        Certificate {
            thumbprint, names, valid_from: valid.0, valid_until: valid.1, client_authentication,
            server_authentication, private_key, trusted, encoded,
        }
    }
}

prop_compose! {
    fn provider()(name in guid(), element_name in text()) -> ReplicationProvider {
        ReplicationProvider { name, element_name }
    }
}

fn change() -> BoxedStrategy<HostChange> {
    any_of![
        certificate().prop_map(HostChange::InstallCertificate),
        text().prop_map(HostChange::RemoveCertificate),
        number().prop_map(HostChange::OccupyPort),
        number().prop_map(HostChange::ReleasePort),
        text().prop_map(HostChange::CloseFolder),
        text().prop_map(HostChange::OpenFolder),
        provider().prop_map(HostChange::RegisterProvider),
        guid().prop_map(HostChange::RemoveProvider),
        one_of().prop_map(HostChange::Upgrade),
        number().prop_map(HostChange::LimitTransfers),
    ]
}

prop_compose! {
    fn host_spec()(
        name in text(), build in one_of(), settings in service_settings(),
        entries in vec(entry(), 0..3), client: bool, clustered: bool, utc_offset_min: i16,
        certificates in vec(certificate(), 0..3), occupied_ports in vec(number(), 0..3),
        closed_folders in vec(text(), 0..3), providers in vec(provider(), 0..3), plain: bool,
        max_active_transfers in number(),
    ) -> HostSpec {
        if plain {
            return HostSpec::trusting(&name);
        }
        let edition = if client { Edition::Client } else { Edition::Server };
        HostSpec {
            name: name.into(), build, edition, clustered, utc_offset_min, settings, entries,
            certificates, occupied_ports, closed_folders, providers, max_active_transfers,
        }
    }
}

fn plug() -> impl Strategy<Value = Plug> {
    any::<(bool, bool)>().prop_map(|(connected, test_switch)| Plug { connected, test_switch })
}

prop_compose! {
    fn spec_of_adapter()(
        id: u8, legacy: bool, plug in plug(), addresses in vec(text(), 0..3),
    ) -> Adapter {
        let kind = if legacy { AdapterKind::Legacy } else { AdapterKind::Synthetic };
        Adapter { id: AdapterId(id), kind, plug, addresses }
    }
}

prop_compose! {
    fn vm_spec()(
        id in guid(), name in text(), running: bool,
        disks in vec((any::<u8>(), any::<u64>(), 0u64..1 << 40), 0..3), write_rate in 0u64..1 << 40,
        linux: bool, adapters in vec(spec_of_adapter(), 0..3),
    ) -> VmSpec {
        let disk = |(id, capacity_bytes, used_bytes)| {
            Disk { id: DiskId(id), capacity_bytes, used_bytes }
        };
        VmSpec {
            id: VmId(id), name: name.into(), running,
            disks: disks.into_iter().map(disk).collect(), write_rate,
            guest: if linux { GuestSystem::Linux } else { GuestSystem::Windows }, adapters,
        }
    }
}

fn host_trouble() -> impl Strategy<Value = HostTrouble> {
    prop::sample::select(HostTrouble::ALL.to_vec())
}

fn vm_trouble() -> impl Strategy<Value = VmTrouble> {
    prop::sample::select(VmTrouble::ALL.to_vec())
}

fn input() -> BoxedStrategy<Input> {
    let host = host_id;
    let pair = || (host_id(), host_id());
    let caller = prop::sample::select(vec![Caller::Administrator, Caller::Other]);
    let flaw = prop::sample::select(vec![None, Some(Flaw::Null), Some(Flaw::WrongClass)]);
    let vm = || guid().prop_map(VmId);
    let disk = || {
        (any::<u8>(), any::<u64>(), 0u64..1 << 40).prop_map(|(id, capacity_bytes, used_bytes)| {
            Disk { id: DiskId(id), capacity_bytes, used_bytes }
        })
    };
    let disturbance = any_of![
        pair().prop_map(|(a, b)| Disturbance::CutLink(a, b)),
        pair().prop_map(|(a, b)| Disturbance::CutOneWay(a, b)),
        pair().prop_map(|(a, b)| Disturbance::HealLink(a, b)),
        (pair(), any::<u64>()).prop_map(|((a, b), rate)| Disturbance::WeakenLink(
            a,
            b,
            Weakness::Slow(rate)
        )),
        (pair(), any::<u32>()).prop_map(|((a, b), every)| Disturbance::WeakenLink(
            a,
            b,
            Weakness::Lossy(every)
        )),
        host().prop_map(Disturbance::CrashHost),
        host().prop_map(Disturbance::ShutDownHost),
        host().prop_map(Disturbance::BootHost),
        (host(), host_trouble()).prop_map(|(host, it)| Disturbance::TroubleHost(host, it)),
        (host(), host_trouble()).prop_map(|(host, it)| Disturbance::RelieveHost(host, it)),
        (host(), vm(), vm_trouble()).prop_map(|(h, vm, it)| Disturbance::TroubleVm(h, vm, it)),
        (host(), vm(), vm_trouble()).prop_map(|(h, vm, it)| Disturbance::RelieveVm(h, vm, it)),
        (host(), vm()).prop_map(|(host, vm)| Disturbance::ChangeDisks(host, vm)),
        (host(), vm()).prop_map(|(host, vm)| Disturbance::CorruptLog(host, vm)),
        (host(), vm(), guid()).prop_map(|(host, vm, point)| {
            Disturbance::CorruptUndoLog(host, vm, PointId(point))
        }),
        (host(), vm()).prop_map(|(host, vm)| Disturbance::DeleteVm(host, vm)),
        (host(), vm(), host()).prop_map(|(from, vm, to)| Disturbance::MigrateVm(from, vm, to)),
        (host(), vm(), disk()).prop_map(|(host, vm, disk)| Disturbance::ResizeDisk(host, vm, disk)),
        (host(), guid(), any::<u8>(), plug()).prop_map(|(host, vm, adapter, plug)| {
            Disturbance::PlugAdapter(host, VmId(vm), AdapterId(adapter), plug)
        }),
    ];
    prop_oneof![
        1 => host_spec().prop_map(Input::AddHost).boxed(),
        1 => (host(), vm_spec()).prop_map(|(host, vm)| Input::AddVm { host, vm }).boxed(),
        8 => (host(), caller, call(), flaw)
            .prop_map(|(host, caller, call, flaw)| {
                Input::Call { host, caller, call: call.with_flaw(flaw) }
            })
            .boxed(),
        1 => any::<Duration>().prop_map(Input::Advance),
        2 => (host(), change())
            .prop_map(|(host, change)| Input::Configure { host, change }).boxed(),
        1 => disturbance.prop_map(Input::Disturb),
    ]
    .boxed()
}

prop_compose! {
    fn vm_facts()(
        others in statistics(),
        mode in of(one_of()), state in of(one_of()), health in of(one_of()),
        power in of(one_of()), points in 0u32..1000, last in of(one_of()),
        failed_over in of(one_of()), test_replica: Option<bool>,
        lacks: Option<u64>, own: Option<u64>, split_brain: Option<bool>,
        outage: Option<Duration>, lost: Option<u64>,
        relationship in of(prop_oneof![Just(Leg::Primary), Just(Leg::Extended)]),
        address in of(any::<std::net::IpAddr>()),
    ) -> VmFacts {
        // One thing at least is looked at.
        VmFacts {
            mode, state, health, power, points: Some(points), last, failed_over, test_replica,
            relationship, lacks, own, split_brain, outage, lost, address, ..others
        }
    }
}

fn when() -> impl Strategy<Value = When> {
    of(time()).prop_map(When::from)
}

prop_compose! {
    fn statistics()(
        times in (of(when()), of(when()), of(when()), of(when()), of(when())),
        counts: [Option<u32>; 8], bytes: [Option<u64>; 3], issue in of(one_of()),
    ) -> VmFacts {
        let [
            successes, misses, latency, max_latency, network_failures, replication_failures,
            application_consistent_failures, issues,
        ] = counts;
        let [size, max_size, pending] = bytes;
        VmFacts {
            last_replication: times.0, last_apply: times.1, last_application_consistent: times.2,
            last_test_failover: times.3, window_start: times.4, successes, misses, latency,
            max_latency, network_failures, replication_failures, application_consistent_failures,
            issues, size, max_size, pending, issue, ..VmFacts::default()
        }
    }
}

prop_compose! {
    fn job_facts()(
        state in one_of(), percent in of((0u8..=100, 0u8..=100)), error in of(one_of()),
        job_type in of(one_of()),
    ) -> JobFacts {
        let percent = percent.map(|(a, b)| (a.min(b), a.max(b)));
        JobFacts { state: Some(state), percent, error, job_type }
    }
}

prop_compose! {
    fn event_facts()(id in one_of(), hresult: Option<u32>, says in of(text())) -> EventFacts {
        EventFacts { id, hresult, says }
    }
}

/// Any policy but the default, which no line says.
fn policy() -> impl Strategy<Value = Policy> {
    let answers = prop_oneof![Just(Answer::Now), Just(Answer::Job)];
    let operation = || prop::sample::select(Operation::ALL.to_vec());
    let answers = || prop::collection::btree_map(operation(), answers.clone(), 0..4);
    let of_build = prop::sample::select(WindowsBuild::ALL);
    let answers = (answers(), prop::collection::btree_map(of_build, answers(), 0..4));
    let warnings = prop::collection::btree_set(operation(), 0..4);
    let times = vec(any::<Duration>(), 14);
    let rest = (any::<[u64; 2]>(), any::<[bool; 2]>(), of(one_of()));
    (times, rest, answers, warnings).prop_map(|(times, rest, answers, warnings)| {
        let [
            link_latency,
            apply,
            local,
            contact,
            checkpoint,
            undo,
            merge,
            boot,
            guest_shutdown,
            guest_talks,
            job_retention,
            job_new,
            job_starting,
            job_shutting_down,
        ] = <[Duration; 14]>::try_from(times).unwrap();
        let ([link_rate, compare_rate], [late, auto_resynchronize], since) = rest;
        Policy {
            link_rate,
            link_latency,
            compare_rate,
            apply,
            local,
            contact,
            checkpoint,
            undo,
            merge,
            boot,
            guest_shutdown,
            guest_talks,
            answers: answers.0,
            answers_of_build: answers.1,
            refusals: if late { Refusals::Late } else { Refusals::Early },
            job_retention,
            job_new,
            job_starting,
            job_shutting_down,
            completed_with_warnings: warnings,
            auto_resynchronize,
            survives_shutdown: since,
        }
    })
}

fn fault() -> BoxedStrategy<Fault> {
    let asked = any_of![
        Just(Asked::Anything),
        Just(Asked::AnyCall),
        Just(Asked::AnyRead),
        prop::sample::select(Operation::ALL).prop_map(Asked::Call),
        prop::sample::select(Read::ALL).prop_map(Asked::Read),
    ];
    let host = of(prop_oneof![1 => Just("any".to_owned()), 3 => text()]);
    let vm = of(any_of![text().prop_map(VmRef::Name), guid().prop_map(|it| VmRef::Id(VmId(it))),]);
    let verdict = any_of![
        Just(Verdict::Pass),
        Just(Verdict::LoseAnswer),
        Just(Verdict::Unreachable),
        Just(Verdict::Missing),
        any::<Duration>().prop_map(Verdict::Delay),
        one_of().prop_map(Verdict::Refuse),
    ];
    let window = (of(time()), of(time()), any::<u32>(), of(any::<u32>()));
    (host, asked, vm, window, verdict)
        .prop_map(|(host, asked, vm, (from, until, after, times), verdict)| Fault {
            host,
            asked,
            vm,
            from,
            until,
            after,
            times,
            verdict,
        })
        .boxed()
}

fn line() -> BoxedStrategy<Line> {
    let job = || prop::sample::select(vec!["job1".to_owned(), "{GUID}".into(), "job-x".into()]);
    let name = |text: String| Word::name(&text);
    let expect_vm = (text(), text(), of(vm_facts()))
        .prop_map(move |(host, vm, facts)| Subject::Vm { host: name(host), vm: name(vm), facts });
    let expect_job =
        (job(), of(job_facts())).prop_map(|(job, facts)| Subject::Job { job: plain(&job), facts });
    let expect_event = (text(), event_facts(), of(text()), any::<bool>()).prop_map(
        move |(host, facts, vm, there)| Subject::Event {
            host: name(host),
            facts,
            vm: vm.map(name),
            there,
        },
    );
    let expect = any_of![expect_vm, expect_job, expect_event]
        .prop_map(|it| Statement::Expect(Expectation::from(it)));
    let wait = job().prop_map(|job| Statement::Wait { job: plain(&job) });
    // Behind pointers: a test has little stack.
    let statement = prop_oneof![
        5 => input()
            .prop_map(|it| {
                (Statement::from_input(&it, &Table), matches!(it, Input::Call { .. }))
            })
            .boxed(),
        2 => expect.prop_map(|it| (it, false)).boxed(),
        1 => wait.prop_map(|it| (it, false)).boxed(),
        1 => fault().prop_map(|it| (Statement::Fault(it), false)).boxed(),
        1 => text().prop_map(|it| (Statement::Fail(it.into()), false)).boxed(),
    ]
    .boxed();
    let answer = any_of![
        Just(Expected::Completed),
        Just(Expected::Started(None)),
        Just(Expected::Missing),
        Just(Expected::Unanswered),
        Just(Expected::NotImplemented),
        one_of().prop_map(Expected::Refused),
    ];
    let comment = of(prop_oneof!["[ -~]{0,20}", any::<String>()]);
    (of(statement), of(answer), comment)
        .prop_map(|(statement, answer, comment)| {
            let is_call = matches!(&statement, Some((_, true)));
            Line {
                statement: statement.map(|(it, _)| it),
                answer: answer.filter(|_| is_call).map(Into::into),
                comment,
            }
        })
        .boxed()
}

/// A word that is read from a text, so that it is bare.
fn plain(job: &str) -> Word {
    let guid = "{564D8B6E-3C3D-4C4B-8A53-0C6D3B6A7D01}";
    let line: Line = format!("wait {}", job.replace("{GUID}", guid)).parse().unwrap();
    match line.statement {
        Some(Statement::Wait { job }) => job,
        other => panic!("{other:?}"),
    }
}

proptest! {
    #![proptest_config(config(300))]

    #[test]
    fn an_input_is_written_and_read_back(input in input()) {
        let line = Line::from_input(&input, &Table);
        let printed = line.to_string();
        let read: Line = printed.parse().unwrap_or_else(|error| panic!("{printed}\n{error}"));
        prop_assert_eq!(&read, &line, "{}", printed);
        let action = read.statement.unwrap().resolve(&Table);
        prop_assert_eq!(action, Ok(Action::Input(input)), "{}", printed);
    }

    /// A world is written down from its beginning, and a run of what was written begins so.
    #[test]
    fn a_beginning_is_written_and_read_back(seed: u64, policy in policy()) {
        let world = World::with_policy(seed, policy);
        let printed = record(world.clone(), &[Input::Advance(Duration::ZERO)]).to_string();
        let script = parse(&printed).unwrap_or_else(|error| panic!("{printed}\n{error}"));
        prop_assert_eq!(script.to_string(), &*printed);
        let mut runner = Runner::observed(World::new(0));
        for (number, line) in (1..).zip(&script.lines) {
            let fault = runner.step(number, line).and_then(|it| it.fault);
            prop_assert_eq!(fault, None, "{}", printed);
        }
        prop_assert!(*runner.world() == world, "{}", printed);
    }

    #[test]
    fn a_script_is_printed_and_read_back(lines in vec(line(), 1..20)) {
        let mut lines = lines;
        lines.push("advance 1s".parse().unwrap());
        lines.insert(0, "a GetSystemCertificates => 4096 job1".parse().unwrap());
        lines.insert(0, "a GetSystemCertificates => 4096 job-x".parse().unwrap());
        lines.insert(0, "a GetSystemCertificates => 4096 job4".parse().unwrap());
        for n in [0, 2, 3, 5, 6, 7, 8] {
            lines.insert(0, format!("a StopService => 4096 job{n}").parse().unwrap());
        }
        let printed = Script { lines }.to_string();
        let script = parse(&printed).unwrap_or_else(|error| panic!("{printed}\n{error}"));
        prop_assert_eq!(script.to_string(), &*printed);
        prop_assert_eq!(parse(&script.to_string()), Ok(script), "{}", printed);
    }

    #[test]
    fn a_plan_is_printed_and_read_back(faults in vec(fault(), 0..6)) {
        let plan = Plan::from_iter(faults);
        let printed = plan.to_string();
        let read: Result<Plan, _> = printed.parse();
        prop_assert_eq!(read, Ok(plan), "{}", printed);
    }

    #[test]
    fn any_text_is_read_or_refused(text in prop_oneof![any::<String>(), "[ -~\n]{0,80}"]) {
        if let Ok(script) = parse(&text) {
            prop_assert_eq!(parse(&script.to_string()), Ok(script));
        }
    }

    /// One letter more, less or other: still read as something or refused, never a panic.
    #[test]
    fn a_slip_of_the_hand_is_survived(
        line in line(), at: prop::sample::Index, with in of("[ -~]"),
    ) {
        let mut text = line.to_string();
        let places: Vec<_> = text.char_indices().map(|(at, _)| at).collect();
        if !places.is_empty() {
            let at = *at.get(&places);
            text.remove(at);
            text.insert_str(at, &with.unwrap_or_default());
        }
        if let Ok(line) = text.parse::<Line>() {
            prop_assert_eq!(line.to_string().parse(), Ok(line), "{}", text);
        }
    }
}
