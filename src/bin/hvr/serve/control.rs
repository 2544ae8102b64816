//! Control over HTTP: lines of a script come in, what came of them goes out as JSON.

use hyperv_replica::script::{Control, MAX_BYTES};
use hyperv_replica::sim::Clock;
use hyperv_replica::wsman::{Request, Respond, Response};

/// The path to which lines are posted.
pub(crate) const PATH: &str = "/control";
/// The type of lines. It is none that a page in a browser sends without asking.
pub(crate) const LINES: &str = "application/x-hvr";

/// Somebody arranges the lab of a clock.
#[derive(Debug)]
pub(super) struct Controlled {
    control: Control,
    clock: Clock,
}

impl Controlled {
    pub(super) fn new(clock: Clock) -> Self {
        Self { control: Control::new(clock.lab().clone()), clock }
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
        self.clock.keep_up();
        match serde_json::to_vec(&self.control.run(lines)) {
            Ok(body) => Response { status: 200, content_type: "application/json", body },
            Err(error) => text(500, &error.to_string()),
        }
    }
}
