//! Invariants about jobs.

use super::{Verdict, broken};
use crate::engine::Change;
use crate::model::{JobId, SimTime, VmId};
use crate::oracle::{Finding, Memory, Step};

/// A finding about the virtual machine of a job.
#[cold]
fn of_job(about: Option<&VmId>, says: &str) -> Result<Verdict, Box<Finding>> {
    broken(about.copied(), format_args!("{says}"))
}

pub(super) fn ended_job_never_changes(
    step: &Step<'_>,
    _: &Memory,
) -> Result<Verdict, Box<Finding>> {
    let Step { before, after, events, .. } = *step;
    let mut verdict = Verdict::Vacuous;
    for (id, (_, now), was) in after.jobs.beside(&before.jobs) {
        let ended = was.map(|(_, job)| job).filter(|job| job.state.is_terminal());
        verdict = verdict.or(Verdict::of(ended.is_some()));
        if let Some(job) = ended.filter(|job| *job != now) {
            let says = format!("job {id} was {job:?} and is {now:?}");
            return of_job(job.affected.first(), &says);
        }
    }
    for event in events {
        let Change::Job { job: id, .. } = event.change else { continue };
        let before = before.jobs.get(&id).map(|(_, job)| job);
        if let Some(job) = before.filter(|job| job.state.is_terminal()) {
            let says = format!("job {id} had ended and changed its state");
            return of_job(job.affected.first(), &says);
        }
    }
    Ok(verdict)
}

pub(super) fn ended_job_stays_five_minutes(
    step: &Step<'_>,
    _: &Memory,
) -> Result<Verdict, Box<Finding>> {
    let (now, kept) = (step.after.now, step.after.job_retention);
    let mut verdict = Verdict::Vacuous;
    for (id, (_, job)) in step.after.jobs.iter() {
        let ended = job.state.is_terminal();
        verdict = verdict.or(Verdict::of(ended));
        if ended && job.state_changed < now && now.since(job.state_changed) >= kept {
            let says = format!("job {id} has ended at {} and is still there", job.state_changed);
            return of_job(job.affected.first(), &says);
        }
    }
    for event in step.events {
        let Change::JobRemoved { job: id } = event.change else { continue };
        if step.after.hosts.get(&event.host).is_none_or(|host| !host.up) {
            continue;
        }
        let ended = ended_at(step, id);
        if ended.is_none_or(|ended| event.at.since(ended) != kept) {
            let about = step.before.jobs.get(&id).and_then(|(_, job)| job.affected.first());
            let says = match ended {
                Some(ended) => format!("job {id} ended at {ended} and was removed at {}", event.at),
                None => format!("job {id} was removed and had not ended"),
            };
            return of_job(about, &says);
        }
        verdict = Verdict::Holds;
    }
    Ok(verdict)
}

/// When a job ended, as far as the step shows it.
fn ended_at(step: &Step<'_>, id: JobId) -> Option<SimTime> {
    let before = step.before.jobs.get(&id).map(|(_, job)| job).filter(|it| it.state.is_terminal());
    let announced = step.events.iter().find_map(|event| match event.change {
        Change::Job { job, to, .. } if job == id && to.is_terminal() => Some(event.at),
        _ => None,
    });
    before.map(|it| it.state_changed).or(announced)
}

pub(super) fn percentage_never_falls(step: &Step<'_>, _: &Memory) -> Result<Verdict, Box<Finding>> {
    for (id, (_, job), before) in step.after.jobs.beside(&step.before.jobs) {
        let percent = job.percent_complete;
        let before = before.map_or(0, |(_, it)| it.percent_complete);
        let about = job.affected.first();
        if percent < before {
            return of_job(about, &format!("job {id} was at {before}% and is at {percent}%"));
        }
        if percent > 100 || (percent == 100) != job.state.is_success() {
            return of_job(about, &format!("job {id} is {} at {percent}%", job.state));
        }
    }
    Ok(Verdict::of(step.after.jobs.iter().next().is_some()))
}
