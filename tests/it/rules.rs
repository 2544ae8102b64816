//! The rule book, checked by enumeration: the table is finite.

use hyperv_replica::model::{
    ErrorCode, Operation, Power, ReplicationMode, ReplicationState, WindowsBuild,
};
use hyperv_replica::rules::{
    Check, Fact, Facts, RULES, Require, Rule, Side, Situation, TRANSITIONS, Target, render,
};
use std::collections::BTreeSet;
use std::path::Path;

mod applicability;

/// Asked for a state that has no operation: refused whatever else holds, by definition.
const NEVER_ACCEPTED: [Operation; 2] =
    [Operation::RequestUndocumentedState, Operation::RequestUndocumentedPower];

/// Whether a virtual machine can be in this role and state on the relationship that a call of
/// this target addresses, and send on it or not.
fn can_be(target: Target, mode: ReplicationMode, state: ReplicationState, sends: bool) -> bool {
    let disabled = state == ReplicationState::Disabled;
    // Microsoft names these, and no host shows them; the last three are for groups.
    let only_named = [
        ReplicationState::Unknown,
        ReplicationState::PreparedForSyncReplication,
        ReplicationState::PreparedForGroupReverse,
        ReplicationState::FiredrillInProgress,
    ];
    !only_named.contains(&state)
        && match (mode, target) {
            (ReplicationMode::None | ReplicationMode::TestReplica, _) => disabled && !sends,
            (ReplicationMode::Primary, _) => !disabled && sends,
            // Relationship 1 exists on every replica; where it is disabled it sends nothing.
            (ReplicationMode::Replica, Target::Named) => !sends || !disabled,
            (ReplicationMode::Replica, Target::Sending) => disabled != sends,
            _ => !disabled && !sends,
        }
}

/// Every coherent view a rule may get: mode, state, power, build and who sends, each with these
/// facts. All facts a guard asks are independent of one another but [`Fact::Sends`], so a test
/// sets them and never has to try all combinations.
fn situations(target: Target, facts: Facts) -> impl Iterator<Item = Situation> {
    let about_a_vm = !matches!(target, Target::Host | Target::Job);
    let modes = ReplicationMode::ALL.iter().copied();
    let views = modes.flat_map(|mode| {
        let states = ReplicationState::ALL.iter().copied();
        states.flat_map(move |state| [true, false].map(|sends| (mode, state, sends)))
    });
    let views = views.filter(move |(mode, state, sends)| {
        let mode = if about_a_vm { *mode } else { ReplicationMode::None };
        can_be(target, mode, *state, *sends)
    });
    views.flat_map(move |(mode, state, sends)| {
        let facts = facts.with(Fact::Sends, sends);
        let powers = Power::ALL.iter().copied();
        powers.flat_map(move |power| {
            let builds = WindowsBuild::ALL.iter().copied();
            builds.map(move |build| Situation { mode, state, power, build, facts })
        })
    })
}

/// Every situation in which all facts are favourable.
fn favourable(rule: &Rule) -> impl Iterator<Item = Situation> + use<> {
    let known = !NEVER_ACCEPTED.contains(&rule.operation);
    situations(rule.target, Facts::ALL.with(Fact::RequestedStateKnown, known))
}

#[test]
fn each_operation_has_one_rule_in_the_order_of_the_operations() {
    let ruled: Vec<_> = RULES.iter().map(|it| it.operation).collect();
    assert_eq!(ruled, Operation::ALL);
    for (place, operation) in Operation::ALL.iter().enumerate() {
        assert_eq!(operation.index(), place);
        assert_eq!(hyperv_replica::rules::rule(*operation).operation, *operation);
    }
}

/// Guards that are never the first to fail, each with the reason for keeping it.
const DEAD_GUARDS: &[(Operation, usize, &str)] = &[];

#[test]
fn no_guard_is_dead() {
    for rule in RULES {
        for (place, require) in rule.requirements().enumerate() {
            let facts = match require.check {
                Check::Holds(fact) => Facts::ALL.with(fact, false),
                _ => Facts::ALL,
            };
            let fails_first = |it: &Situation| rule.judge(it).err() == Some(require);
            let alive = situations(rule.target, facts).any(|it| fails_first(&it));
            let listed = DEAD_GUARDS.iter().any(|it| (it.0, it.1) == (rule.operation, place));
            let Require { check, says, .. } = require;
            assert!(
                alive != listed,
                "{}: requirement {place}, “{says}” ({check}), is {}",
                rule.operation.name(),
                if alive { "listed as dead and decides" } else { "dead: it never decides" }
            );
        }
    }
}

#[test]
fn no_requirement_stands_twice_in_a_rule() {
    for rule in RULES {
        let checks: Vec<_> = rule.requirements().map(|it| it.check).collect();
        for (place, check) in checks.iter().enumerate() {
            assert!(
                !checks[..place].contains(check),
                "{} requires “{check}” twice",
                rule.operation.name()
            );
        }
    }
}

#[test]
fn every_operation_can_be_accepted() {
    for rule in RULES {
        let accepted = favourable(rule).any(|it| rule.judge(&it).is_ok());
        let never = NEVER_ACCEPTED.contains(&rule.operation);
        assert_eq!(accepted, !never, "{}", rule.operation.name());
    }
}

/// Every method of replication documents 32768 to 32779, as
/// <https://learn.microsoft.com/windows/win32/hyperv_v2/initiatefailover-msvm-replicationservice>;
/// those of power, jobs and virtual machines end at 32778, as
/// <https://learn.microsoft.com/windows/win32/hyperv_v2/requeststatechange-msvm-computersystem>.
#[test]
fn every_code_is_documented() {
    for rule in RULES {
        let method = rule.operation.method();
        let replicates = rule.operation.class() == "Msvm_ReplicationService"
            || method == "RequestReplicationStateChangeEx";
        let documented = 32768..=if replicates { 32779 } else { 32778 };
        let now = rule.requirements().map(|it| it.otherwise);
        let later = rule.late.iter().map(|it| it.code);
        for code in now.chain(later) {
            assert!(documented.contains(&code.to_wire()), "{}: {code}", rule.operation);
        }
    }
}

/// The place of a requirement in the order of precedence.
fn rank(require: &Require) -> u8 {
    use Check::{Holds, Since, SinceIf};
    match (require.check, require.otherwise) {
        // A service that hangs looks at nothing.
        (Holds(Fact::ServiceAnswers | Fact::CallerIsAdministrator), _) => return 0,
        // Whether the Windows has the method, or this form of it.
        (Since(_) | SinceIf(_, Fact::RelationshipNamed) | Holds(Fact::ServerEdition), _) => {
            return 1;
        }
        // What cannot be read names nothing that could be looked for.
        (Holds(Fact::ParametersGiven | Fact::ParametersOfClass), _) => return 1,
        _ => {}
    }
    match require.otherwise {
        ErrorCode::NotAvailable => 1,
        ErrorCode::InvalidParameter | ErrorCode::IncorrectDataType => 2,
        ErrorCode::NotSupported => 3,
        ErrorCode::InvalidState => 4,
        ErrorCode::InUse => 5,
        _ => 6,
    }
}

/// Rules that judge a requirement before one of a lower rank, with the reason.
const OUT_OF_ORDER: &[(Operation, &str)] = &[];

#[test]
fn requirements_stand_in_the_order_of_precedence() {
    for rule in RULES {
        let ranks: Vec<_> = rule.requirements().map(rank).collect();
        let listed = OUT_OF_ORDER.iter().any(|it| it.0 == rule.operation);
        assert_eq!(ranks.is_sorted(), !listed, "{}: {ranks:?}", rule.operation.name());
    }
}

#[test]
fn every_requirement_and_effect_says_how_it_is_known() {
    let requirements = RULES.iter().flat_map(Rule::requirements).map(|it| (it.says, it.evidence));
    let effects = RULES.iter().map(|it| (it.effect, it.evidence));
    let late = RULES.iter().flat_map(|it| it.late).map(|it| (it.says, it.evidence));
    for (says, evidence) in requirements.chain(effects).chain(late) {
        let is_page = evidence.text().starts_with("https://");
        let is_assumption = evidence.to_string().starts_with("assumed");
        assert!(is_page != is_assumption, "“{says}”: {evidence}");
    }
}

#[test]
fn a_job_has_a_plan_in_every_accepted_situation() {
    for rule in RULES.iter().filter(|it| !it.plans.is_empty()) {
        let mut used = BTreeSet::new();
        let facts = [Fact::IsExport, Fact::IsSeeded, Fact::DiskSetChanges];
        let without = |n: usize| facts[..n].iter().fold(Facts::ALL, |all, it| all.with(*it, false));
        for facts in (0..=facts.len()).map(without) {
            for situation in situations(rule.target, facts) {
                let Ok(plan) = rule.judge(&situation) else { continue };
                let plan = plan.unwrap_or_else(|| panic!("{} {situation:?}", rule.operation));
                used.extend(rule.plans.iter().position(|it| it == plan));
            }
        }
        assert_eq!(used.len(), rule.plans.len(), "{} has a dead plan", rule.operation.name());
    }
}

#[test]
fn a_job_takes_time_and_shows_a_state_that_the_transitions_know() {
    for (rule, plan) in RULES.iter().flat_map(|rule| rule.plans.iter().map(move |it| (rule, it))) {
        assert!(!plan.phases.is_empty(), "{}", rule.operation.name());
        if let Some(during) = plan.during {
            let known = TRANSITIONS.iter().any(|it| it.to == during);
            assert!(known, "{} shows {during}", rule.operation.name());
        }
    }
}

#[test]
fn transitions_are_listed_once_and_lead_somewhere() {
    for (place, it) in TRANSITIONS.iter().enumerate() {
        let same = |other: &&hyperv_replica::rules::Transition| {
            (other.side, other.from, other.to, other.by) == (it.side, it.from, it.to, it.by)
        };
        assert!(it.from != it.to, "{it:?}");
        assert!(!TRANSITIONS[..place].iter().any(|other| same(&other)), "twice: {it:?}");
    }
}

#[test]
fn the_picture_shows_every_transition() {
    for side in [Side::Sender, Side::Receiver] {
        let edges: BTreeSet<_> =
            TRANSITIONS.iter().filter(|it| it.side == side).map(|it| (it.from, it.to)).collect();
        assert_eq!(render::mermaid(side).matches(" --> ").count(), edges.len());
    }
    let pairs: BTreeSet<_> = TRANSITIONS
        .iter()
        .filter(|it| it.side != Side::Neither)
        .map(|it| (it.side, it.from, it.to))
        .collect();
    let drawn = render::svg().matches(r#"<path class="edge"#).count();
    let legend = hyperv_replica::evidence::EvidenceKind::ALL.len();
    assert_eq!(drawn, pairs.len() + legend, "a state has no place in the picture");
}

#[test]
fn every_page_of_the_book_is_complete() {
    for rule in RULES {
        let page = render::operation(rule.operation);
        let name = rule.operation.name();
        assert!(page.contains(rule.operation.method()), "{name}");
        for require in rule.requirements() {
            assert!(page.contains(&require.otherwise.to_wire().to_string()), "{name}");
        }
        for plan in rule.plans {
            assert!(page.contains(plan.job_type.label()), "{name}");
        }
        assert!(page.lines().filter(|it| it.starts_with('|')).all(|it| it.ends_with('|')));
    }
}

#[test]
fn generated_files_are_current() {
    let mut files = vec![
        ("docs/rules.md".to_owned(), render::markdown()),
        ("docs/matrix.txt".to_owned(), render::matrix()),
        ("docs/states.svg".to_owned(), render::svg()),
        ("docs/sender.mmd".to_owned(), render::mermaid(Side::Sender)),
        ("docs/receiver.mmd".to_owned(), render::mermaid(Side::Receiver)),
    ];
    for it in Operation::ALL {
        files.push((format!("docs/refused/{}.md", it.name()), render::refusals(*it)));
    }
    let mut stale = Vec::new();
    for (name, text) in files {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(&name);
        if std::fs::read_to_string(&path).is_ok_and(|it| it.replace("\r\n", "\n") == text) {
            continue;
        }
        std::fs::create_dir_all(path.parent().expect("docs")).expect("docs can be made");
        std::fs::write(&path, text).expect("docs can be written");
        stale.push(name);
    }
    assert!(stale.is_empty(), "{stale:?} were stale and are rewritten: review and commit them");
}

fn snapshot(name: &str, text: &str) {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/snapshots");
    insta::with_settings!({
        snapshot_path => folder, prepend_module_to_snapshot => false, omit_expression => true
    }, {
        insta::assert_snapshot!(name, text);
    });
}

#[test]
fn matrix() {
    snapshot("matrix", &render::matrix());
}

#[test]
fn census() {
    snapshot("census", &render::census());
}

/// Every documented code of every operation is produced by a requirement, a job or its cancellation,
/// or there is a reason why only an injected fault has it; and each code is produced by something,
/// but for the one that nothing in the model can mean.
#[test]
fn every_code_is_produced_or_there_is_a_reason() {
    use hyperv_replica::rules::{only_by_fault, produces};
    let never = [ErrorCode::StatusUnknown];
    for code in ErrorCode::ALL {
        let by: Vec<_> = Operation::ALL.iter().filter(|it| produces(**it, *code)).collect();
        assert_eq!(by.is_empty(), never.contains(code), "{code} is produced by {by:?}");
        for operation in Operation::ALL {
            let reason = only_by_fault(*operation, *code);
            assert_eq!(reason.is_none(), produces(*operation, *code), "{operation}: {code}");
        }
    }
}
