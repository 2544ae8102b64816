//! The language: one text form for scenario files, a failing property test, a shell, a journal.
//!
//! A script is UTF-8 text, a statement a line. [`parse()`] reads it, [`Display`](std::fmt::Display)
//! writes it, [`run`] runs it in a world of its own, and [`record`] writes inputs down as a script
//! that makes the very same inputs. A [`Runner`] runs it elsewhere, too: in a lab that others use, or
//! on [`Remote`] hosts. Nothing in here reads a clock or a terminal, and only [`Journal`] a file.
//!
//! ```
//! use hyperv_replica::script;
//!
//! let script = script::parse(r"
//! ## Replication cannot start before the relationship is there.
//! host tokyo
//! host osaka
//! vm web on tokyo running disk=127GiB used=20GiB
//! tokyo StartReplication web Network                              => 32775
//! tokyo CreateReplicationRelationship web to=osaka interval=30s   => 4096 job1
//! wait job1
//! expect tokyo web Primary Ready
//! expect osaka web Replica off
//! ")?;
//! let report = script::run(&script);
//! assert!(report.passed(), "{:?}", report.faults().next());
//! # Ok::<(), script::ParseError>(())
//! ```
//!
//! # Words
//!
//! Words are separated by blanks. `"…"` quotes a word, or the value of an argument, that is empty
//! or has blanks in it; inside quotes `\"`, `\\`, `\n`, `\r`, `\t` and `\u{hex}` are escapes,
//! outside `\` stands for itself: `storage=D:\Replica`, but `storage="D:\\Hyper-V Replica"`. A `#`
//! that begins a word begins a comment, and `=>` the expected answer.
//!
//! A **host** is named by its name, or by its number as `@2`. A **virtual machine** is named by
//! its name, or by `{GUID}` if it has no name here or several have the same; a name that is not on
//! the host may be one that is or was elsewhere, so that what does not exist yet can be called. A
//! **job** is named by an alias, a word that begins with `job`, or by `{GUID}`. A name that could
//! mean something else, such as a host `advance` or `job`, is quoted.
//!
//! Durations are `1d2h3m4s5ms`, sizes `127GiB`, `512KiB` or plain bytes, enumerations their name
//! or number.
//!
//! # Statements
//!
//! - `seed NUMBER`, `policy …`: how the world begins; before every other statement.
//! - `host NAME …`: a host joins, a Windows Server 2022 whose replica server lets any host in with
//!   Kerberos.
//! - `vm NAME on HOST [running] …`: a virtual machine is defined, with a disk of 127 GiB, 20 GiB of
//!   it in use, and a guest that writes 1 MiB/s.
//! - `HOST [as=other] [with=Null|WrongClass] METHOD …`: a client, or with `as=other` one who is no
//!   administrator, calls a method of WMI. `with=` spoils one of its parameters: what must be given
//!   is Null, or an instance or reference is of a wrong class.
//! - `advance DURATION`: time passes.
//! - `wait JOB`: time passes until the job has ended; 31 days at most.
//! - `expect HOST VM …`: a virtual machine looks like this.
//! - `expect JOB …`: a job looks like this.
//! - `expect HOST event ID [VM] [absent]`: the host's log has such an entry, or has none.
//! - `cut HOST HOST`, `heal HOST HOST`: the link between two hosts breaks, or is whole again;
//!   `mute HOST HOST`: nothing passes from the first to the second; `slow HOST HOST 1MiB/s`;
//!   `lossy HOST HOST 3`: every third message in a direction is lost.
//! - `crash HOST`, `shutdown HOST`, `boot HOST`: a host loses power, is shut down in order, comes
//!   up.
//! - `trouble HOST StorageFull|MemoryLow|ServiceHangs|KerberosFails|ProxyInspects`: a host is in
//!   trouble until `relieve HOST …`; `trouble HOST VssFails|BackupRuns|ApplyFails|DiskMissing VM`:
//!   a virtual machine is; `trouble HOST StorageMoves VM`: its disks are moved on its host.
//! - `change_disks HOST VM`, `corrupt_log HOST VM`, `resize HOST VM disk=SIZE …`, `delete HOST VM`:
//!   something is done to a virtual machine behind the service's back.
//! - `corrupt_undo_log HOST VM point=#2`: what a recovery point is kept in becomes unreadable;
//!   `point=` as for a failover.
//! - `migrate HOST VM HOST`: a virtual machine is moved from the first host to the second, with its
//!   disks, and goes on running if it runs.
//! - `plug HOST VM adapter=0`: a network adapter is plugged into a switch; with `connected=no` into
//!   nothing, with `test_switch=yes` its test replicas into another switch.
//! - `certificate HOST THUMBPRINT …`, `discard HOST THUMBPRINT`: a certificate comes into the
//!   personal store of a host, or leaves it.
//! - `occupy HOST PORT`, `release HOST PORT`: another program takes a port, or frees it.
//! - `close HOST FOLDER`, `open HOST FOLDER`: a folder cannot be opened any more, or again.
//! - `provider HOST {GUID} …`, `unregister HOST {GUID}`: an external provider is installed, or
//!   uninstalled.
//! - `max_active_transfers HOST 1`: a host sends so many change logs at a time from now on.
//! - `upgrade HOST BUILD`: a host gets a newer Windows.
//! - `fault HOST OPERATION [VM] => VERDICT`: from here on, such calls go wrong at the edge, those of
//!   clients as well where a lab is served.
//! - `fail "TEXT"`: the line fails and says this. What a test has found, where no `expect` can tell.
//!
//! `policy` takes what differs from the [default](crate::engine::Policy), by the names of its
//! fields: `link_rate=1MiB/s`, `boot=30s`, `auto_resynchronize=no`, `refusals=late`,
//! `survives_shutdown=14393`, any number of `completed_with_warnings=StartReplication`; and by the
//! names of operations how they answer: `StartReplication=0`, `PrepareFailover=4096`. What follows a
//! `build=9200` is so on hosts with that Windows: `StartReplication=4096 build=9200
//! StartReplication=0`.
//!
//! `host` takes `build=9600`, `edition=Client`, `clustered=yes`, `utc_offset=-3h30m`,
//! `server=on|off`, `auth=Kerberos|Certificate|Both|Undefined`, `port=`, `https_port=`,
//! `certificate=`, `monitoring_start=9h` (after midnight UTC; otherwise 09:00 in local time),
//! `monitoring_interval=12h`, `max_active_transfers=3`, and authorization entries:
//! `allow=NAME`, each followed by its own `storage=` and `trust=`; `allow=none` is none. What it has from the start: `store=THUMBPRINT`, each followed by what
//! `certificate` takes; `occupied=PORT` and `closed=FOLDER`, any number of each; and
//! `provider={GUID}`, each followed by its own `title=`.
//!
//! `certificate` takes any number of `name=`, `from=` and `until=30d` since the beginning of time,
//! `client_auth=`, `server_auth=`, `private_key=` and `trusted=`, each `yes` unless it is `no`, and
//! `encoded=`; `provider` takes `title=`.
//!
//! `vm` takes `id={GUID}` (otherwise [`id_of_name`]), `write=1MiB/s`, and disks: `disk=SIZE`, each
//! followed by its own `used=` and `number=`; `disk=none` is none. Its guest is `guest=windows` or
//! `guest=linux`. It has one network adapter; others are `adapter=0`, each followed by its own
//! `legacy=yes`, `connected=no`, `test_switch=yes` and any number of `address=` that its guest has
//! configured; `adapter=none` is none.
//!
//! # Calls
//!
//! A call names the method as WMI does, then the virtual machine or job it is about, then what
//! else it takes:
//!
//! - `CreateReplicationRelationship`, `ModifyReplicationSettings`, `InitiateFailback`, and if it
//!   says anything `ReverseReplicationRelationship`: `to=HOST`, and what differs from Kerberos
//!   replication to port 80 with the class defaults: `port=`, `auth=Kerberos|Certificate|none`,
//!   `certificate=`, `interval=30s`, `history=4`, `application_consistent=4h`, `disks=0,2`,
//!   `compression=`, `bypass_proxy=`, `host_kvp=`, `auto_resync=`, `auto_resync_start=`,
//!   `auto_resync_end=`, `provider={GUID}`, `additional=`, `recovery_host=`,
//!   `primary_connection_point=`, `primary_host=`.
//! - `StartReplication`: `Network`, `Export` or `Seeded`; `location=`, `start=`.
//! - `Resynchronize`: `start=`. `start=+2h` is two hours from now, `start=@2h` two hours after the
//!   beginning of time.
//! - `ImportInitialReplica`: the folder.
//! - `InitiateFailover`, `TestReplicaSystem`: `point=oldest`, `point=#2` (the second oldest),
//!   `point={GUID}`; `point=latest`, as nothing, is the latest state.
//! - `RequestStateChange`, `RequestReplicationStateChangeEx`: the requested state. The job's and
//!   the service's methods of that name are written with their class:
//!   `ConcreteJob.RequestStateChange`, `ReplicationService.RequestStateChange`.
//! - Every `…Ex`, and `ChangeReplicationModeToPrimary`: `relationship=0|1`.
//! - `AddAuthorizationEntry`, `ModifyAuthorizationEntry`, `SetAuthorizationEntry`: the allowed
//!   host; `storage=`, `trust=`. `RemoveAuthorizationEntry`: the allowed host.
//! - `ModifyServiceSettings`: as `host`.
//! - `TestReplicationConnection`: the host; `port=`, `auth=`, `certificate=`, `bypass_proxy=`.
//! - `SetFailoverNetworkAdapterSettings`: `adapter=0`, each followed by its own `protocol=V4`,
//!   `dhcp=yes|no`, and any number of `address=`, `subnet=`, `gateway=`, `dns=`.
//!
//! # Answers
//!
//! `=> 0`, `=> 1` (not implemented by Windows), `=> 4096`, `=> 4096 job1` (and what later lines
//! call the job), `=> 32775` or `=> InvalidState`, `=> missing` (what the call is made to is not
//! there), and for a line that is no call `=> rejected`. A line without `=>` takes any answer.
//!
//! `=> unanswered` is a call to which no answer came: an injected fault lost it, or the call itself.
//!
//! # Faults
//!
//! `fault tokyo InitiateFailover web times=2 => 32775`: of the calls that tokyo gets, the next two
//! that fail `web` over are refused. The host is a name or `any`; then comes a method, `call` for any
//! call, `read` or the name of a read of the contract (`job`, `relationship`), or `anything`; then a
//! virtual machine by name or `{GUID}`, if it is about one. Where a method requests a state, that
//! stands behind the virtual machine or `any`, as it does in a call: `RequestStateChange web ShutDown`,
//! or `undocumented` for all that are outside the value map. `after=2` lets the first two pass, `times=1` ends it, `nth=3`
//! is both; `from=5m` and `until=10m` are times since the beginning. Behind the arrow stands what
//! becomes of it: a number (`32768` to `32779`), `lost` (it takes place, the answer does not come),
//! `unreachable` (neither), `delay 30s`, `missing`, or `pass`, which keeps later faults away. The first
//! fault with a verdict decides. `expect` and `wait` look at the world itself and meet no fault.
//!
//! A [`Plan`](crate::layer::Plan) is a text of such lines alone, for any service.
//!
//! # Expectations
//!
//! What should be seen of a virtual machine: its mode, the state and the health of its
//! relationship, and its power, in any order and each by its name; power also as `running`, `off`,
//! `saved`, `paused`. A name with two meanings (`Critical` is a state and a health, `Disabled` a
//! state and a power) is written with its key where it is not clear: `state=Critical`. Further
//! `points=4`, `disks=2`, how many it replicates, `last=Regular`, `failed_over=Planned`, `test_replica=yes`; `address=10.0.0.7`, one of
//! those that its guest reports while it runs; `vm_health=MajorFailure`, how well its host keeps it
//! running; `relationship=1` looks at the extended one. `absent` is a virtual machine that is not
//! there.
//!
//! Of its relationship, as WMI reads it: `last_replication=@2h5m`, two hours and five minutes after
//! the beginning of time, or `never`; so also `last_apply=` and `last_application_consistent=`. Of
//! its statistics: `successes=24`, `misses=0`, `size=60MiB`, `max_size=`, `latency=12s`,
//! `max_latency=`, `network_failures=`, `replication_failures=`,
//! `application_consistent_failures=`, `pending=` bytes, `last_test_failover=`, `window_start=`;
//! `issues=1`, how many things its health suffers from, and `issue=CyclesMissed`, one of those.
//!
//! What should be seen of a host's log: `event 32086 web`, an entry of this number about `web`;
//! `says="a text"` in it, `hresult=0x80072EE7`. A virtual machine that is called `event` is quoted.
//!
//! Of its writes: `lacks=12MiB` of what another copy holds, `own=0` bytes that no other holds,
//! `split_brain=yes`; and wherever it runs, `outage=40s`, the last one, and `lost=0` bytes that no
//! copy holds any more.
//!
//! What should be seen of a job: `Running`, `40%` or `40%..60%`, `Exception 32768`,
//! `type=InitiateFailover`; `gone` is a job that is not there.

mod text;
pub use text::{Arg, Span, Word};

mod problem;
pub use problem::{ParseError, Problem};

mod ast;
pub use ast::{Answer, CallLine, DisturbLine, Expected, Line, Script, Statement, Verb};

mod expect;
pub use expect::{Expectation, Subject};

mod facts;
pub use facts::{EventFacts, JobFacts, VmFacts};

mod method;
pub use method::Method;

mod hash;
pub use hash::id_of_name;

mod parse;
pub use parse::{MAX_BYTES, MAX_LINES, parse, parse_bytes};

mod names;
pub use names::{Nameless, Names};

mod resolve;
pub use resolve::Action;

mod report;
pub use report::{Fault, Report, Side, Step};

mod stage;
pub use stage::{Own, Stage};

mod scene;
pub use scene::{Mishap, Scene};

mod remote;
pub use remote::Remote;

mod runner;
pub use runner::{Runner, WAIT_LIMIT, run};

mod record;
pub use record::{record, record_under};

mod journal;
pub use journal::{Durability, Journal, JournalError, JournalLock, Rebuilt};

mod control;
pub use control::{Answer as ControlAnswer, Control, MAX_FORKS};

mod capture;
pub use capture::{Captured, HostRecord, Inventory, LegRecord, VmRecord};

mod args;
mod checked;
mod describe;
mod fault;
mod form;
pub use form::When;

mod look;
mod named;
mod print;
mod reader;
mod told;
mod writer;

#[cfg(feature = "record")]
mod recording;

#[cfg(feature = "record")]
mod because;

#[cfg(feature = "record")]
mod compare;
#[cfg(feature = "record")]
pub use compare::{Difference, NoBeginning, compare, compare_in};
