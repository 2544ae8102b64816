//! Reading jobs.

use super::{CimService, understood, unread};
use crate::cim::mirror::names::{self, class};
use crate::cim::mirror::read::Record;
use crate::cim::mirror::read_job::{self, Link};
use crate::cim::{CimClient, CimClientExt};
use crate::error::{Missing, Result};
use crate::model::{Job, JobId, VmId};
use std::collections::BTreeMap;

/// What each job works on: first what was there, then what it made.
#[derive(Default)]
struct Affected(BTreeMap<JobId, (Vec<VmId>, Vec<VmId>)>);

impl Affected {
    fn add(&mut self, link: &Link) {
        let (there, made) = self.0.entry(link.job).or_default();
        if link.creates { made } else { there }.push(link.vm);
    }

    fn take(&mut self, job: JobId) -> Vec<VmId> {
        let (mut there, made) = self.0.remove(&job).unwrap_or_default();
        there.extend(made);
        there
    }
}

impl<C: CimClient> CimService<C> {
    pub(super) fn read_jobs(&self) -> Result<Vec<Job>> {
        let shown = self.client.enumerate(class::JOB).map_err(unread(Missing::Host))?;
        if shown.is_empty() {
            return Ok(Vec::new());
        }
        let links = self.client.enumerate(class::AFFECTED_JOB_ELEMENT);
        let mut affected = Affected::default();
        links
            .map_err(unread(Missing::Host))?
            .iter()
            .filter_map(Link::of)
            .for_each(|it| affected.add(&it));
        let mut jobs = Vec::with_capacity(shown.len());
        for it in shown.iter().map(Record::of) {
            if !understood(read_job::is_foreign(it))? {
                let mut job = understood(read_job::job(it, Vec::new()))?;
                job.affected = affected.take(job.id);
                jobs.push(job);
            }
        }
        // A host lists them as it likes.
        jobs.sort_by_key(|it| it.submitted);
        Ok(jobs)
    }

    pub(super) fn read_job(&self, id: JobId) -> Result<Job> {
        let (path, missing) = (names::job_path(id), || unread(Missing::Job(id)));
        let shown = self.client.get(&path).map_err(missing())?;
        let links = self.client.references(&path, class::AFFECTED_JOB_ELEMENT);
        let mut affected = Affected::default();
        links.map_err(missing())?.iter().filter_map(Link::of).for_each(|it| affected.add(&it));
        understood(read_job::job(Record::of(&shown), affected.take(id)))
    }
}
