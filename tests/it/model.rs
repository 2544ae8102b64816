//! The vocabulary: numbers, names, identifiers, and what settings are valid by themselves.

use hyperv_replica::model::*;
use std::collections::BTreeSet;

pub(crate) mod schema;

/// Runs a generic check for every enumeration of the wire.
macro_rules! for_every_enum {
    ($check:ident) => {
        for_every_enum!($check: ReplicationState ReplicationHealth ReplicationMode ReplicationType
            InitialReplicationType AuthenticationType AllowedAuthentication
            RequestedReplicationState RecoveryPointKind ServiceStatus IpProtocol EnabledState
            RequestedState Power ErrorCode JobState RequestedJobState JobType WindowsBuild
            ErrorType PerceivedSeverity ProbableCause CimStatus MessageId EventId)
    };
    ($check:ident: $($name:ident)+) => { $($check::<$name>();)+ };
}

/// A value written as its number.
#[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize)]
struct Number<T: WireEnum>(#[serde(with = "as_number")] T);

fn wire_number<T: WireEnum>() {
    let numbers: BTreeSet<_> = T::ALL.iter().map(|it| it.number()).collect();
    let names: BTreeSet<_> = T::ALL.iter().map(|it| it.name().to_lowercase()).collect();
    let labels: BTreeSet<_> = T::ALL.iter().map(|it| it.label()).collect();
    let sizes = [numbers.len(), names.len(), labels.len()];
    assert_eq!(sizes, [T::ALL.len(); 3], "{} repeats a number, a name or a label", T::TYPE);
    assert!(T::PAGE.starts_with("https://learn.microsoft.com/"), "{}", T::TYPE);
    for number in 0..=u32::from(u16::MAX) {
        let found = T::from_number(number);
        assert_eq!(found.is_some(), numbers.contains(&number), "{} {number}", T::TYPE);
        assert_eq!(found.map_or(number, T::number), number);
    }
}

#[test]
fn every_number_makes_the_round_trip() {
    for_every_enum!(wire_number);
}

fn names<T: WireEnum>() {
    for it in T::ALL {
        assert_eq!(T::parse(it.name()), Ok(*it));
        assert_eq!(T::parse(&it.name().to_lowercase()), Ok(*it));
        assert_eq!(T::parse(&it.number().to_string()), Ok(*it));
        assert!(it.name().chars().all(char::is_alphanumeric), "{}", it.name());
    }
    for wrong in ["", " ", "-1", "4294967296", "65536", "nonsense", "Replicating "] {
        let error = T::parse(wrong).unwrap_err();
        assert_eq!((error.found.as_str(), error.of), (wrong, T::TYPE));
        assert_eq!(error.expected.len(), T::ALL.len());
    }
    assert_eq!(T::parse(&"é".repeat(99)).unwrap_err().found.chars().count(), 64);
}

#[test]
fn a_name_and_a_number_are_parsed_and_nothing_else() {
    for_every_enum!(names);
    let error = "halted".parse::<ReplicationHealth>().unwrap_err();
    assert_eq!(
        error.to_string(),
        "`halted` is no ReplicationHealth; \
         expected a number or one of NotApplicable, Ok, Warning, Critical"
    );
}

fn written<T: WireEnum + serde::Serialize + serde::de::DeserializeOwned>() {
    for it in T::ALL {
        let name = serde_json::to_string(it).expect("a name");
        assert_eq!(name, format!("\"{}\"", it.name()));
        assert_eq!(serde_json::from_str::<T>(&name).expect("it back"), *it);
        let number = serde_json::to_string(&Number(*it)).expect("a number");
        assert_eq!(number, it.number().to_string());
        assert_eq!(serde_json::from_str::<Number<T>>(&number).expect("it back"), Number(*it));
    }
    let error = serde_json::from_str::<Number<T>>("64999").unwrap_err().to_string();
    assert_eq!(error, format!("64999 is no {}", T::TYPE));
}

#[test]
fn serde_writes_the_name_or_as_number_the_number() {
    for_every_enum!(written);
}

#[test]
fn a_value_is_displayed_with_its_label_and_number() {
    assert_eq!(ReplicationState::Synced.to_string(), "Synced replication complete (4)");
    assert_eq!(ErrorCode::InvalidState.to_string(), "Invalid state for this operation (32775)");
}

fn numbers<T: WireEnum>() -> Vec<u32> {
    T::ALL.iter().map(|it| it.number()).collect()
}

#[test]
fn closed_ranges_are_complete() {
    assert_eq!(numbers::<ReplicationState>(), (0..=21).collect::<Vec<_>>());
    assert_eq!(numbers::<ErrorCode>(), (32768..=32779).collect::<Vec<_>>());
    assert_eq!(numbers::<ReplicationMode>(), (0..=4).collect::<Vec<_>>());
    assert_eq!(numbers::<RequestedReplicationState>(), [1, 2, 3, 4, 7, 9, 15]);
    let jobs: Vec<_> = JobType::ALL.iter().filter(|it| it.is_replication()).collect();
    let jobs: Vec<_> = jobs.iter().map(|it| it.to_wire()).collect();
    assert_eq!(jobs, (90..=125).collect::<Vec<_>>());
}

#[test]
fn a_set_has_the_members_it_was_given() {
    let set = hyperv_replica::set!(ReplicationState: Ready | Suspended | FiredrillInProgress);
    let members: Vec<_> = set.iter().map(ReplicationState::to_wire).collect();
    assert_eq!(members, [1, 7, 21]);
    assert!(!set.contains(ReplicationState::Replicating));
    assert!(!Set::<ErrorCode>::EMPTY.contains(ErrorCode::Failed), "a number above 31 is no member");
}

#[test]
fn terminal_and_successful_job_states() {
    let terminal = |it: &&JobState| it.is_terminal();
    let numbers: Vec<_> = JobState::ALL.iter().filter(terminal).map(|it| it.to_wire()).collect();
    assert_eq!(numbers, [7, 8, 9, 10, 32768]);
    assert!(JobState::ALL.iter().all(|it| !it.is_success() || it.is_terminal()));
}

#[test]
fn an_operation_is_found_by_its_name_and_by_its_methods() {
    for operation in Operation::ALL {
        let names = [Some(operation.method()), operation.deprecated_method()];
        for name in names.into_iter().flatten() {
            assert!(Operation::named(name).contains(operation), "{name}");
            assert!(Operation::named(&name.to_uppercase()).contains(operation), "{name}");
        }
        assert!(Operation::named(operation.name()).contains(operation));
        assert_eq!(operation.name().parse(), Ok(*operation));
    }
    let names: BTreeSet<_> = Operation::ALL.iter().map(|it| it.name()).collect();
    assert_eq!(names.len(), Operation::ALL.len());
    assert_eq!(Operation::named("RequestStateChange").len(), 10, "service, eight of power, job");
    assert_eq!(Operation::named("RequestReplicationStateChangeEx").len(), 8);
    assert_eq!(Operation::PrepareFailover.to_string(), "RequestReplicationStateChangeEx(4)");
    let error = "Fail over".parse::<Operation>().unwrap_err();
    assert_eq!(error.to_string(), "no method or operation is called `Fail over`");
}

const GUID: &str = "564D8B6E-3C3D-4C4B-8A53-0C6D3B6A7D01";

#[test]
fn a_guid_is_read_in_every_form_and_printed_in_one() {
    for text in [GUID.to_owned(), GUID.to_lowercase(), format!("{{{GUID}}}")] {
        assert_eq!(text.parse::<Guid>().expect("a GUID").to_string(), GUID);
        assert_eq!(text.parse::<VmId>().expect("a GUID").to_string(), GUID);
    }
    let zero = "00000000-0000-0000-0000-000000000001";
    assert_eq!(Guid(1).to_string(), zero);
    assert_eq!(serde_json::to_string(&JobId(Guid(1))).expect("text"), format!("\"{zero}\""));
    assert!(serde_json::from_str::<VmId>("\"web\"").is_err());
}

#[test]
fn a_malformed_guid_is_refused_at_its_place() {
    let more = "more of a GUID (8-4-4-4-12 digits)";
    let cases = [
        (String::new(), more, 1),
        (GUID[..35].to_owned(), more, 36),
        (format!("{{{}}}", &GUID[..35]), more, 37),
        (format!("{GUID}0"), "the end of the GUID", 37),
        (format!("{{{GUID}"), "`}` to close the GUID", 38),
        (GUID.replacen('8', "G", 1), "a hexadecimal digit", 5),
        (GUID.replacen('-', "_", 1), "`-`", 9),
        (GUID.replacen('-', "", 1), "`-`", 9),
        (GUID.replacen('4', "é", 1), "a hexadecimal digit", 3),
        (format!("{GUID}}}"), "the end of the GUID", 37),
        ("web".to_owned(), "a hexadecimal digit", 1),
    ];
    for (text, expected, at) in cases {
        let error = text.parse::<Guid>().unwrap_err();
        let says = format!("`{text}`: expected {expected} at character {at}");
        assert_eq!(error.to_string(), says);
    }
}

#[test]
fn a_relationship_is_read_with_and_without_its_index() {
    let vm: VmId = GUID.parse().expect("a GUID");
    let cases = [
        (format!(r"Microsoft:{GUID}\HVR\0"), RelationshipId::primary(vm)),
        (format!(r"Microsoft:{GUID}\HVR\1"), RelationshipId::extended(vm)),
        (format!(r"Microsoft:{GUID}\HVR"), RelationshipId::primary(vm)),
        (format!(r"microsoft:{}\hvr\1", GUID.to_lowercase()), RelationshipId::extended(vm)),
    ];
    for (text, id) in cases {
        assert_eq!(text.parse(), Ok(id));
        assert_eq!(id.to_string().parse(), Ok(id));
    }
    let id = RelationshipId::extended(vm);
    let text = serde_json::to_string(&id).expect("text");
    assert_eq!(serde_json::from_str::<RelationshipId>(&text).expect("it back"), id);
}

#[test]
fn a_malformed_relationship_is_refused_at_its_place() {
    let tail = r"`\HVR\0` or `\HVR\1` and nothing after it";
    let cases = [
        (String::new(), "`Microsoft:`", 1),
        (GUID.to_owned(), "`Microsoft:`", 1),
        ("Microsoft".to_owned(), "`Microsoft:`", 1),
        ("Micrösoft:".to_owned(), "`Microsoft:`", 1),
        (format!("Microsoft:{GUID}"), r"`\HVR`", 47),
        (r"Microsoft:5Z\HVR\0".to_owned(), "a hexadecimal digit", 12),
        (r"Microsoft:\HVR\0".to_owned(), "more of a GUID (8-4-4-4-12 digits)", 11),
        (format!(r"Microsoft:{GUID}\HVR\2"), tail, 47),
        (format!(r"Microsoft:{GUID}\HVR\0\"), tail, 47),
        (format!(r"Microsoft:{GUID}\"), tail, 47),
    ];
    for (text, expected, at) in cases {
        let error = text.parse::<RelationshipId>().unwrap_err();
        let found: String = text.chars().take(64).collect();
        assert_eq!(error.to_string(), format!("`{found}`: expected {expected} at character {at}"));
    }
}

/// <https://learn.microsoft.com/powershell/module/hyper-v/new-vmreplicationauthorizationentry>.
#[test]
fn an_entry_covers_a_name_a_domain_or_any_host() {
    let cases = [
        ("*", "hv01.contoso.com", true),
        ("*", "hv01", true),
        ("*.contoso.com", "hv01.contoso.com", true),
        ("*.contoso.com", "HV01.CONTOSO.COM", true),
        ("*.contoso.com", "hv01.emea.contoso.com", false),
        ("*.contoso.com", "contoso.com", false),
        ("*.contoso.com", "hv01.fabrikam.com", false),
        ("*.contoso.com", "hv01", false),
        ("hv01.contoso.com", "Hv01.Contoso.Com", true),
        ("hv01.contoso.com", "hv02.contoso.com", false),
        ("hv01", "hv01.contoso.com", false),
        ("hv01.contoso.com", "", false),
    ];
    for (allowed, host, covered) in cases {
        let entry = AuthorizationEntry {
            allowed_primary: allowed.to_owned(),
            ..AuthorizationEntry::any(r"D:\Replica")
        };
        assert_eq!(entry.covers(host), covered, "{allowed} {host}");
        assert!(entry.is_valid(), "{allowed}");
    }
    for wrong in ["", "*.", "*contoso.com", "hv*.contoso.com", "a..b", "a b", "*.*", ".com"] {
        let any = AuthorizationEntry::any(r"D:\Replica");
        assert!(
            !AuthorizationEntry { allowed_primary: wrong.to_owned(), ..any }.is_valid(),
            "{wrong}"
        );
    }
    assert!(!AuthorizationEntry::any("").is_valid());
}

type Case = (fn(&mut Settings), WindowsBuild, &'static str);

/// Ranges: <https://learn.microsoft.com/windows/win32/hyperv_v2/msvm-replicationsettingdata>.
const FAULTS: &[Case] = {
    use WindowsBuild::{Server2012, Server2025 as Newest};
    &[
        (
            |it| it.recovery_connection_point.clear(),
            Newest,
            "RecoveryConnectionPoint names no host",
        ),
        (
            |it| it.recovery_connection_point = "é".repeat(257),
            Newest,
            "RecoveryConnectionPoint is longer than 256 characters",
        ),
        (|it| it.recovery_server_port = 0, Newest, "RecoveryServerPortNumber must be 1 to 65535"),
        (
            |it| it.authentication = None,
            Newest,
            "AuthenticationType must be 1 (Kerberos) or 2 (certificate)",
        ),
        (
            |it| it.authentication = Some(AuthenticationType::Certificate),
            Newest,
            "certificate authentication needs CertificateThumbPrint",
        ),
        (
            |it| it.certificate_thumbprint.push_str("AB"),
            Newest,
            "Kerberos authentication takes no CertificateThumbPrint",
        ),
        (
            |it| {
                it.authentication = Some(AuthenticationType::Certificate);
                it.certificate_thumbprint = "A".repeat(129);
            },
            Newest,
            "CertificateThumbPrint is longer than 128 characters",
        ),
        (
            |it| it.replication_interval_s = 60,
            Newest,
            "ReplicationInterval must be 30, 300 or 900 seconds",
        ),
        (
            |it| it.replication_interval_s = 30,
            Server2012,
            "ReplicationInterval is fixed at 300 seconds on Windows Server 2012",
        ),
        (
            |it| it.recovery_history = 25,
            Newest,
            "RecoveryHistory must be 0 to 24 (0 to 16 on Windows Server 2012)",
        ),
        (
            |it| it.recovery_history = 17,
            Server2012,
            "RecoveryHistory must be 0 to 24 (0 to 16 on Windows Server 2012)",
        ),
        (
            |it| (it.recovery_history, it.application_consistent_interval_h) = (4, 13),
            Newest,
            "ApplicationConsistentSnapshotInterval must be 0 to 12 hours",
        ),
        (
            |it| it.application_consistent_interval_h = 1,
            Newest,
            "ApplicationConsistentSnapshotInterval needs a RecoveryHistory above 0",
        ),
        (
            |it| it.included_disks = Some(Vec::new()),
            Newest,
            "IncludedDisks must name at least one disk",
        ),
        (
            |it| it.auto_resynchronize_start_s = 86_400,
            Newest,
            "AutoResynchronizeIntervalStart and -End must be times of a day",
        ),
        (
            |it| it.auto_resynchronize_end_s = 86_400,
            Newest,
            "AutoResynchronizeIntervalStart and -End must be times of a day",
        ),
    ]
};

#[test]
fn each_fault_of_settings_is_named() {
    for (spoil, build, says) in FAULTS {
        let mut settings = Settings::to("osaka");
        assert_eq!(settings.fault(*build), None);
        spoil(&mut settings);
        assert_eq!(settings.fault(*build), Some(*says));
    }
}

#[test]
fn the_limits_of_settings_are_within_them() {
    let at_the_limits = Settings {
        recovery_connection_point: "o".repeat(Settings::MAX_NAME),
        recovery_server_port: u16::MAX,
        authentication: Some(AuthenticationType::Certificate),
        certificate_thumbprint: "A".repeat(Settings::MAX_THUMBPRINT),
        recovery_history: 16,
        application_consistent_interval_h: 12,
        included_disks: Some(vec![DiskId(0)]),
        auto_resynchronize_start_s: 86_399,
        auto_resynchronize_end_s: 0,
        ..Settings::default()
    };
    for build in WindowsBuild::ALL {
        assert_eq!(at_the_limits.fault(*build), None, "{build}");
        let newer = *build > WindowsBuild::Server2012;
        let more = Settings { recovery_history: 24, ..at_the_limits.clone() };
        assert_eq!(more.fault(*build).is_none(), newer, "{build}");
        for replication_interval_s in Settings::INTERVALS_S {
            let settings = Settings { replication_interval_s, ..at_the_limits.clone() };
            assert_eq!(settings.fault(*build).is_none(), newer || replication_interval_s == 300);
        }
    }
    assert!(Settings::default().fault(WindowsBuild::Server2025).is_some(), "class defaults");
}
