//! Control over HTTP: lines of a script come in, what came of them goes out as JSON.

use super::estate::Estate;
use hyperv_replica::script::{Control, ControlAnswer, MAX_BYTES};
use hyperv_replica::wsman::{Request, Respond, Response};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The path to which lines are posted.
pub(crate) const PATH: &str = "/control";
/// The type of lines. It is none that a page in a browser sends without asking.
pub(crate) const LINES: &str = "application/x-hvr";

/// What whoever arranges a lab is told.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Told {
    #[serde(flatten)]
    pub(crate) answer: ControlAnswer,
    /// The hosts that clients reach.
    pub(crate) hosts: Vec<HostRecord>,
    /// Why a host of the lab is not among them.
    pub(crate) unserved: Vec<String>,
}

/// A host, and where it is served.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct HostRecord {
    pub(crate) name: String,
    pub(crate) url: String,
    /// Whether it was not served before.
    #[serde(default)]
    pub(crate) is_new: bool,
}

/// Somebody arranges the lab that is served.
#[derive(Debug)]
pub(super) struct Controlled {
    control: Control,
    estate: Arc<Estate>,
}

impl Controlled {
    pub(super) fn new(estate: Arc<Estate>) -> Self {
        let control = Control::new(estate.clock().lab().clone()).under(estate.faults().clone());
        Self { control, estate }
    }

    /// Does what lines say, and serves what they have made.
    fn run(&self, lines: &str) -> Told {
        let answer = self.estate.alone(|| self.control.run(lines));
        let (mut new, mut unserved) = (Vec::new(), Vec::new());
        for it in self.estate.keep_up() {
            match it {
                Ok(place) => new.push(place.address),
                Err(why) => unserved.push(why),
            }
        }
        let places = self.estate.places();
        let record = |it: &super::estate::Place| HostRecord {
            name: it.name.to_string(),
            url: self.estate.url(it),
            is_new: new.contains(&it.address),
        };
        Told { answer, hosts: places.iter().map(record).collect(), unserved }
    }
}

impl Respond for Controlled {
    fn path(&self) -> &'static str {
        PATH
    }

    fn takes(&self, content_type: &str) -> bool {
        content_type.eq_ignore_ascii_case(LINES)
    }

    fn max_body_bytes(&self) -> usize {
        MAX_BYTES
    }

    fn identify(&self, _body: &[u8]) -> Option<Response> {
        None
    }

    fn answer(&self, request: Request<'_>) -> Response {
        let text = |status, body: &str| Response {
            status,
            content_type: "text/plain;charset=UTF-8",
            body: body.as_bytes().to_vec(),
        };
        let Ok(lines) = str::from_utf8(request.body) else {
            return text(400, "The lines are not in UTF-8.\n");
        };
        self.estate.clock().keep_up();
        match serde_json::to_vec(&self.run(lines)) {
            Ok(body) => Response { status: 200, content_type: "application/json", body },
            Err(error) => text(500, &error.to_string()),
        }
    }
}
