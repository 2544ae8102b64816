//! Certificates: of a listener, of a sender, and when they expire.

use super::{play, status, why};
use hyperv_replica::engine::HostSpec;
use hyperv_replica::model::{Call, Certificate, CertificateFault, Output, ServiceStatus};
use hyperv_replica::sim::Lab;
use hyperv_replica::{Outcome, ReplicationService};

/// powershell/module/hyper-v/set-vmreplicationserver, `-CertificateThumbprint`: not expired; client
/// and server authentication; a private key; a valid root; the host's name.
#[test]
fn a_replica_server_needs_a_suitable_certificate() {
    let table = [
        // What the store has beside the thumbprint         what is wrong with it
        ("name=tokyo.contoso.com", None),
        ("name=other name=TOKYO.contoso.com", None),
        ("name=*.contoso.com", None),
        ("name=tokyo.contoso.com until=2h", None),
        ("name=tokyo.contoso.com until=1h", Some(CertificateFault::Expired)),
        ("name=tokyo.contoso.com from=2h", Some(CertificateFault::NotYetValid)),
        ("name=tokyo.contoso.com client_auth=no", Some(CertificateFault::NoClientAuthentication)),
        ("name=tokyo.contoso.com server_auth=no", Some(CertificateFault::NoServerAuthentication)),
        ("name=tokyo.contoso.com private_key=no", Some(CertificateFault::NoPrivateKey)),
        ("name=tokyo.contoso.com trusted=no", Some(CertificateFault::Untrusted)),
        ("name=osaka.contoso.com", Some(CertificateFault::OtherName)),
        ("name=*.tokyo.contoso.com", Some(CertificateFault::OtherName)),
        ("name=*", Some(CertificateFault::OtherName)),
        ("", Some(CertificateFault::OtherName)),
    ];
    let mut found = vec![CertificateFault::Missing];
    for (store, fault) in table {
        let answer = if fault.is_some() { 32768 } else { 0 };
        let text = format!(
            "host tokyo.contoso.com
             certificate tokyo.contoso.com AB12 {store}
             advance 1h
             tokyo.contoso.com ModifyServiceSettings auth=Both certificate=ab12  => {answer}",
        );
        let said = why(&text);
        match fault {
            Some(fault) => assert!(said.ends_with(fault.says()), "{store}: {said}"),
            None => assert_eq!(said, "", "{store}"),
        }
        found.extend(fault);
    }
    let untried: Vec<_> = CertificateFault::ALL.iter().filter(|it| !found.contains(it)).collect();
    assert!(untried.is_empty(), "{untried:?}");
    play("
        host tokyo
        tokyo ModifyServiceSettings auth=Certificate                              => 32773  # no thumbprint
        tokyo ModifyServiceSettings certificate=AB12                              => 32773  # Kerberos takes none
        tokyo ModifyServiceSettings auth=Certificate certificate=AB12             => 32768  # not in the store
        tokyo ModifyServiceSettings server=off auth=Certificate certificate=AB12  => 0      # no listener, no need");
}

/// Two hosts that replicate `web` with certificates; osaka's is valid for ten days, tokyo's for
/// twenty.
const CERTIFIED: &str = "
    host tokyo auth=Certificate certificate=11 store=11 name=tokyo until=20d
    host osaka auth=Certificate certificate=22 store=22 name=osaka until=10d
    vm web on tokyo running disk=127GiB
    tokyo CreateReplicationRelationship web to=osaka port=443 auth=Certificate certificate=11  => 4096 job1
    wait job1
    tokyo StartReplication web Network => 4096
    advance 1h
    expect tokyo web Replicating
    expect osaka web Replicating
";

/// windows/win32/hyperv_v2/msvm-replicationservice: `OperationalStatus` 6, a listener does not run;
/// azure/site-recovery/hyper-v-azure-architecture: an authentication error is not retried.
#[test]
fn an_expired_certificate_stops_the_listener_and_its_senders() {
    let before = play(&format!("{CERTIFIED} advance 9d22h"));
    assert_eq!(status(&before, 1), ServiceStatus::Ok);
    let after = play(&format!("{CERTIFIED} advance 10d"));
    assert_eq!(status(&after, 1), ServiceStatus::Error);
    assert_eq!(status(&after, 0), ServiceStatus::Ok);
    play(&format!(
        "{CERTIFIED} advance 10d
         expect tokyo web state=Critical
         expect osaka web Replicating
         tokyo TestReplicationConnection osaka port=443 auth=Certificate certificate=11 => 4096 job2
         wait job2
         expect job2 Exception 32769
         tokyo RequestReplicationStateChangeEx web Replicating => 4096
         advance 10m
         expect tokyo web state=Critical
         certificate osaka 33 name=osaka
         osaka ModifyServiceSettings auth=Certificate certificate=33 => 0
         tokyo RequestReplicationStateChangeEx web Replicating => 4096
         advance 10m
         expect tokyo web Replicating"
    ));
}

/// windows/win32/hyperv_v2/msvm-replicationsettingdata: the thumbprint is of the sender's own
/// certificate, which has to meet the same conditions.
#[test]
fn a_sender_needs_a_suitable_certificate_of_its_own() {
    let fails = |certificate: &str| {
        why(&format!(
            "host tokyo store=11 name=tokyo store=44 name=tokyo private_key=no store=55 name=osaka
             host osaka auth=Certificate certificate=22 store=22 name=osaka
             vm web on tokyo
             tokyo CreateReplicationRelationship web to=osaka port=443 auth=Certificate certificate={certificate} => 4096 job1
             wait job1
             expect job1 Exception 32768"
        ))
    };
    for (certificate, fault) in [
        ("22", CertificateFault::Missing), // It is osaka's.
        ("44", CertificateFault::NoPrivateKey),
        ("55", CertificateFault::OtherName),
    ] {
        let said = fails(certificate);
        assert!(said.contains(fault.of_this_host()), "{said}");
    }
    // Expired in the midst of cycles; a renewed one is named in the settings, then all is well.
    play(&format!(
        "{CERTIFIED}
         certificate osaka 23 name=osaka
         osaka ModifyServiceSettings auth=Certificate certificate=23 => 0
         advance 20d
         expect tokyo web state=Critical
         tokyo ModifyReplicationSettings web to=osaka port=443 auth=Certificate certificate=12 => 4096 job2
         wait job2
         expect job2 Exception 32768
         certificate tokyo 12 name=tokyo
         tokyo ModifyReplicationSettings web to=osaka port=443 auth=Certificate certificate=12 => 4096 job3
         wait job3
         expect job3 Completed
         tokyo RequestReplicationStateChangeEx web Replicating => 4096
         advance 10m
         expect tokyo web Replicating"
    ));
}

/// virtualization/community/team-blog/2012/20120731-types-of-failover-operations-in-hyper-v-replica-part-ii-planned-failover:
/// the old primary must be able to receive.
#[test]
fn a_failback_fails_if_the_old_primarys_certificate_expired() {
    let text = format!(
        "{CERTIFIED}
         certificate osaka 23 name=osaka
         osaka ModifyServiceSettings auth=Certificate certificate=23 => 0
         tokyo RequestStateChange web Disabled => 4096 job2
         wait job2
         tokyo RequestReplicationStateChangeEx web Synced => 4096 job3
         wait job3
         osaka InitiateFailover web => 4096 job4
         wait job4
         advance 20d
         osaka ReverseReplicationRelationship web => 4096 job5
         wait job5
         expect job5 Exception 32768
         expect osaka web Replica Recovered
         expect tokyo web Primary Synced"
    );
    let said = why(&text);
    assert!(said.contains("the other host's certificate has expired"), "{said}");
    play(&format!(
        "{text}
         certificate tokyo 12 name=tokyo
         tokyo ModifyServiceSettings auth=Certificate certificate=12 => 0
         osaka ReverseReplicationRelationship web => 4096 job6
         wait job6
         expect osaka web Primary Replicating
         expect tokyo web Replica Replicating"
    ));
}

/// windows/win32/hyperv_v2/getsystemcertificates-msvm-replicationservice: base64, one for each.
#[test]
fn the_personal_store_can_be_read() {
    let lab = Lab::with_seed(0);
    let certificate = |thumbprint: &str, encoded: &str| Certificate {
        encoded: encoded.to_owned(),
        ..Certificate::of("tokyo", thumbprint)
    };
    let certificates = vec![certificate("ff", "MIIB"), certificate("AA", "MIIA")];
    lab.add_host(&HostSpec { certificates, ..HostSpec::trusting("tokyo") });
    let read = lab.host("tokyo").call(&Call::GetSystemCertificates).unwrap();
    let expected = Output::Certificates(vec!["MIIA".to_owned(), "MIIB".to_owned()]);
    assert_eq!(read, Outcome::Returned(Box::new(expected)));
}
