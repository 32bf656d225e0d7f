//! A ledger that is open.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::database::{self, Connection};
use super::failure::broken;
use super::file;
use super::lease::{self, Holder, LeaseConflict, LeaseRequest, LeaseValidity};
use super::location::Location;
use super::lock::{Lock, RETRY_INTERVAL, create_if_missing, try_lock, wait_for_lock};
use super::open_mode::{FileState, OpenMode};
use super::record::{EntityId, ItemRecord, Notice, Resource, ResourceKind, RunRecord, Step, Write};
use super::recorded::RecordedItem;
use super::version::{self, Evidence, HoldOptions, describe};
use super::writer::{Queue, Writer, WriterState};
use super::{
    Binding, Collision, Ledger, LedgerError, Written, collision, erase, marker, opening, reads,
};
use crate::api::operation::Op;
use crate::expr::Salt;
use crate::util::failpoint::failpoint;

/// The maximum wait for a holder that gives the ledger back within seconds.
const BRIEF_HOLDER_TIMEOUT: Duration = Duration::from_mins(1);

/// A ledger in a file or in Postgres, or an empty one in memory if it does not exist.
#[derive(Debug)]
pub struct Store {
    location: Location,
    reader: Mutex<Connection>,
    salt: Salt,
    next_subject: AtomicI64,
    /// The state of a file that is read without locks.
    unlocked: Option<FileState>,
    write_access: Option<WriteAccess>,
    /// The recorded names of flows by the names under which they are read.
    renamed: Mutex<BTreeMap<String, String>>,
    /// The verification of the whole file, while it runs.
    verification: Mutex<Option<JoinHandle<Result<(), LedgerError>>>>,
}

/// The access of the one run that may write. Fields are dropped in order: the lease is released
/// before the lock.
#[derive(Debug)]
struct WriteAccess {
    writer: Writer,
    lease: LeaseHandle,
    /// Whether an operator confirms that nothing was sent before, or is sent again on purpose.
    is_confirmed: bool,
    /// The evidence that the ledger supersedes.
    supersedes: Option<Vec<Evidence>>,
    _lock: Option<Lock>,
}

/// Checks whether this run still holds the lease, before a request that no other run may repeat.
#[derive(Debug, Clone)]
pub struct LeaseHandle {
    validity: LeaseValidity,
    queue: Queue,
}

impl LeaseHandle {
    /// Returns immediately while no other run can have taken the lease; otherwise renews the lease
    /// in the ledger.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Taken`] if another run holds the lease.
    pub async fn check(&self) -> Result<(), LedgerError> {
        if self.validity.is_fresh() {
            return Ok(());
        }
        self.queue.write(Vec::new()).await
    }
}

impl Store {
    /// Creates an empty ledger in memory.
    pub fn empty(binding: &Binding) -> Result<Self, LedgerError> {
        let no_location = Location::File(PathBuf::new());
        let open = || {
            let connection = rusqlite::Connection::open_in_memory()?.into();
            file::initialize(&connection, binding)?;
            Ok(connection)
        };
        let connection = open().map_err(|error| broken(&no_location, &error))?;
        Self::reader(no_location, connection, binding)
    }

    /// Opens a ledger read-only, and starts to verify its file. If it does not exist, returns an
    /// empty ledger and creates nothing.
    pub fn read(location: impl Into<Location>, binding: &Binding) -> Result<Self, LedgerError> {
        let location = location.into();
        if !opening::exists(&location)? {
            marker::allow_creation(&location, &HoldOptions::default())?;
            return Ok(Self {
                location,
                ..Self::empty(binding)?
            });
        }
        match &location {
            Location::File(path) => Self::read_as(OpenMode::for_reader(path)?, path, binding),
            Location::Postgres { .. } => {
                let connection = opening::open(&location)?;
                Self::reader(location, connection, binding)
            }
        }
    }

    /// Opens an existing ledger for reading, and starts to verify the file.
    pub(super) fn read_as(
        mode: OpenMode,
        path: &Path,
        binding: &Binding,
    ) -> Result<Self, LedgerError> {
        let state = match mode {
            OpenMode::Immutable => Some(FileState::read(path)?),
            OpenMode::ReadWrite | OpenMode::ReadOnly => None,
        };
        let connection = file::open_as(mode, path)?;
        let mut ledger = Self::reader(path.into(), connection, binding)?;
        ledger.unlocked = state;
        ledger.verification = Mutex::new(Some(start_verification(mode, path)));
        Ok(ledger)
    }

    fn reader(
        location: Location,
        connection: Connection,
        binding: &Binding,
    ) -> Result<Self, LedgerError> {
        Ok(Self {
            salt: file::check_binding(&location, &connection, binding)?,
            location,
            reader: Mutex::new(connection),
            next_subject: AtomicI64::new(0),
            unlocked: None,
            write_access: None,
            renamed: Mutex::default(),
            verification: Mutex::default(),
        })
    }

    /// Opens a ledger for writing, and takes its lease until it is dropped. The file is created if
    /// it does not exist, and verified. Waits for a holder that gives the ledger back within
    /// seconds.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Held`] if another run holds the lease; [`LedgerError::Missing`],
    /// [`LedgerError::Older`] or [`LedgerError::Replaced`] if the marker shows a later state.
    pub fn hold(
        location: impl Into<Location>,
        binding: &Binding,
        holder: &str,
        since: &str,
    ) -> Result<Self, LedgerError> {
        Self::hold_with(location, binding, holder, since, &HoldOptions::default())
    }

    /// Opens a ledger for writing like [`Self::hold`], with other evidence besides the marker and
    /// another reaction to a mismatch.
    pub fn hold_with(
        location: impl Into<Location>,
        binding: &Binding,
        holder: &str,
        since: &str,
        options: &HoldOptions,
    ) -> Result<Self, LedgerError> {
        let location = location.into();
        let lock = create_if_missing(&location, binding, options)?;
        // Before the lease is taken, because a damaged ledger must not be changed.
        opening::open(&location)?;
        opening::verify(&location)?;
        let request = LeaseRequest {
            holder,
            since,
            machine: &lease::machine(&location),
            locked: false,
            is_brief: false,
        };
        Self::acquire(
            &location,
            binding,
            lock,
            request,
            BRIEF_HOLDER_TIMEOUT,
            options,
        )
    }

    /// Takes the lease of an existing ledger for a few seconds, without verifying the file. Returns
    /// none while another run holds it.
    ///
    /// # Errors
    ///
    /// As for [`Self::hold_with`], except [`LedgerError::Held`].
    pub fn hold_briefly(
        location: impl Into<Location>,
        binding: &Binding,
        holder: &str,
        since: &str,
        options: &HoldOptions,
    ) -> Result<Option<Self>, LedgerError> {
        let location = location.into();
        let request = LeaseRequest {
            holder,
            since,
            machine: &lease::machine(&location),
            locked: false,
            is_brief: true,
        };
        let lock = try_lock(location.local())?;
        match Self::acquire(&location, binding, lock, request, Duration::ZERO, options) {
            Ok(ledger) => Ok(Some(ledger)),
            Err(LedgerError::Held(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn acquire(
        location: &Location,
        binding: &Binding,
        mut lock: Option<Lock>,
        mut request: LeaseRequest<'_>,
        wait: Duration,
        options: &HoldOptions,
    ) -> Result<Self, LedgerError> {
        let broken = |error: &database::Error| broken(location, error);
        let path = location.local();
        let connection = opening::open(location)?;
        let reader = opening::open(location)?;
        let salt = file::check_binding(location, &connection, binding)?;
        let begun = Instant::now();
        let (taken_at, fence) = loop {
            let taken_at = LeaseValidity::now();
            request.locked = lock.is_some();
            let conflict = match take_lease(&connection, &request) {
                Ok(Ok(fence)) => break (taken_at, fence),
                Ok(Err(conflict)) => conflict,
                Err(error) if error.is_busy() => {
                    // A holder that writes for so long was suspended during a transaction.
                    let holder = lease::holder(&connection).map_err(|error| broken(&error))?;
                    LeaseConflict {
                        holder: holder.unwrap_or_default(),
                        is_brief: false,
                    }
                }
                Err(error) => return Err(broken(&error)),
            };
            if !conflict.is_brief || begun.elapsed() >= wait {
                return Err(LedgerError::Held(conflict.holder));
            }
            drop(lock.take());
            std::thread::sleep(RETRY_INTERVAL);
            lock = try_lock(path)?;
        };
        failpoint("lease.taken");
        if lock.is_none() {
            lock = wait_for_lock(path)?;
            if lock.is_some() {
                let machine = lease::machine(location);
                lease::record_lock(&connection, fence, &machine).map_err(|error| broken(&error))?;
            }
        }
        let growth = marker::admit(&connection, location, options).inspect_err(|_| {
            // If that fails, the lease expires.
            let _ = lease::release(&connection, fence);
        })?;
        if !request.is_brief {
            erase::erase_remnants(location, &connection);
        }
        let next = reads::next_subject(&connection).map_err(|error| broken(&error))?;
        let validity = LeaseValidity::since(taken_at);
        let is_confirmed = growth.as_ref().is_some_and(|growth| growth.confirms);
        let supersedes = growth.as_ref().and_then(|growth| growth.supersedes.clone());
        let version = version::read(&connection).map_err(|error| broken(&error))?;
        let state = WriterState {
            first_serial: version.serial,
            ledger: location.clone(),
            connection,
            fence,
            validity: validity.clone(),
            flows: HashSet::new(),
            growth,
            marker: None,
            version: None,
            has_remnants: false,
        };
        let writer = Writer::start(state);
        Ok(Self {
            location: location.clone(),
            reader: Mutex::new(reader),
            salt,
            next_subject: AtomicI64::new(next),
            unlocked: None,
            write_access: Some(WriteAccess {
                lease: LeaseHandle {
                    validity,
                    queue: writer.queue.clone(),
                },
                writer,
                is_confirmed,
                supersedes,
                _lock: lock,
            }),
            renamed: Mutex::default(),
            verification: Mutex::default(),
        })
    }

    /// Makes `write` block until the write is on disk. For tests with a paused clock, which does
    /// not wait for the writer thread.
    #[must_use]
    pub fn synchronous(mut self) -> Self {
        if let Some(access) = &mut self.write_access {
            access.writer.queue.is_synchronous = true;
        }
        self
    }

    /// Returns the handle of the lease; none if the ledger was opened read-only.
    pub fn lease(&self) -> Option<LeaseHandle> {
        let access = self.write_access.as_ref()?;
        Some(access.lease.clone())
    }

    /// Waits for the verification of the file that [`Self::read`] has started, so that no decision
    /// depends on a damaged file. A ledger opened for writing is verified already.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Broken`] if the file is damaged.
    pub fn wait_until_verified(&self) -> Result<(), LedgerError> {
        let verification = self
            .verification
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        verification.map_or(Ok(()), |verification| {
            verification.join().unwrap_or_else(|_| {
                Err(LedgerError::Broken {
                    path: self.location.to_string(),
                    why: t!("the file could not be verified").into_owned(),
                })
            })
        })
    }

    /// Returns whether the operator confirms with this run that nothing was sent before, or is sent
    /// again on purpose.
    pub(super) fn is_confirmed_now(&self) -> bool {
        let access = self.write_access.as_ref();
        access.is_some_and(|access| access.is_confirmed)
    }

    /// Describes the ledgers that this one replaces with its first transaction, as the operator
    /// wants; none if there are none.
    pub fn replaces(&self) -> Option<String> {
        let evidence = self.write_access.as_ref()?.supersedes.as_ref()?;
        let described = evidence.iter().map(|found| match &found.version {
            Some(version) => format!("{} ({})", found.source, describe(version)),
            None => found.source.clone(),
        });
        Some(described.collect::<Vec<_>>().join(", "))
    }

    /// Describes the ids that a ledger of an older treaty records for several rows or resources,
    /// each kind with its number.
    pub fn repeated_ids(&self) -> Result<Vec<String>, LedgerError> {
        self.reading(file::repeated_ids)
    }

    /// Returns the process that holds the lease, if it has not expired.
    ///
    /// # Errors
    /// [`LedgerError`] if the ledger cannot be read.
    pub fn holder(&self) -> Result<Option<Holder>, LedgerError> {
        self.reading(|connection| lease::live_holder(connection, &self.location))
    }

    /// Returns whether a run has this name.
    pub fn has_run(&self, name: &str) -> Result<bool, LedgerError> {
        self.reading(|connection| reads::has_run(connection, name))
    }

    /// Records the start of a run, and returns its record.
    pub async fn begin_run(&self, name: &str, at: &str) -> Result<RunRecord, LedgerError> {
        let id = self.reading(reads::next_run)?;
        let run = RunRecord {
            id,
            name: name.to_owned(),
        };
        self.write(vec![Write::RunBegun {
            run: run.clone(),
            at: at.to_owned(),
        }])
        .await?;
        Ok(run)
    }

    /// Reads flows under other names, given as recorded and other name, until they are written as
    /// [`Write::FlowRenamed`].
    pub fn read_renamed<'n>(&self, moves: impl IntoIterator<Item = (&'n str, &'n str)>) {
        let moves = moves.into_iter();
        *self.renamed() = moves
            .map(|(from, to)| (to.to_owned(), from.to_owned()))
            .collect();
    }

    /// Records the names of [`Self::read_renamed`].
    ///
    /// # Errors
    /// [`LedgerError`] if the ledger cannot be written.
    pub async fn write_renamed(&self) -> Result<(), LedgerError> {
        let writes: Vec<Write> = self
            .renamed()
            .iter()
            .map(|(to, from)| Write::FlowRenamed {
                from: from.clone(),
                to: to.clone(),
            })
            .collect();
        if !writes.is_empty() {
            self.write(writes).await?;
            self.renamed().clear();
        }
        Ok(())
    }

    /// Returns the name under which a flow is recorded.
    pub(super) fn recorded_name(&self, flow: &str) -> String {
        let renamed = self.renamed();
        renamed.get(flow).map_or(flow, String::as_str).to_owned()
    }

    fn renamed(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        // Nothing panics while it is held.
        self.renamed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn location(&self) -> &Location {
        &self.location
    }

    /// Reads one state from now on, whatever a run beside it writes. Only for a ledger that was opened
    /// with [`Self::read`].
    ///
    /// # Errors
    /// [`LedgerError`] if the ledger cannot be read.
    pub fn hold_snapshot(&self) -> Result<(), LedgerError> {
        self.reading(Connection::hold_snapshot)
    }

    pub(super) fn reading<T>(
        &self,
        read: impl FnOnce(&Connection) -> database::Result<T>,
    ) -> Result<T, LedgerError> {
        let result = read(&self.connection()).map_err(|error| broken(&self.location, &error));
        if let Some(state) = &self.unlocked {
            state.check(self.location.local())?;
        }
        result
    }

    fn connection(&self) -> MutexGuard<'_, Connection> {
        // A connection is still usable after a panic during a read.
        self.reader.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ledger for Store {
    fn salt(&self) -> &Salt {
        &self.salt
    }

    fn resource(
        &self,
        kind: ResourceKind,
        identity: &str,
    ) -> Result<Option<Resource>, LedgerError> {
        self.reading(|connection| reads::resource(connection, kind, identity))
    }

    fn items(
        &self,
        flow: &str,
        each: &mut dyn FnMut(&str, RecordedItem),
    ) -> Result<(), LedgerError> {
        let flow = self.recorded_name(flow);
        self.reading(|connection| reads::items(connection, &flow, each))
    }

    fn item(&self, flow: &str, key: &str) -> Result<Option<ItemRecord>, LedgerError> {
        let flow = self.recorded_name(flow);
        self.reading(|connection| reads::item(connection, &flow, key))
    }

    fn steps(&self, subject: EntityId) -> Result<Vec<(String, Step)>, LedgerError> {
        self.reading(|connection| reads::steps(connection, subject))
    }

    fn collision(
        &self,
        kind: ResourceKind,
        identity: &str,
        remote_id: &str,
    ) -> Result<Option<Collision>, LedgerError> {
        self.reading(|connection| collision::find_resource(connection, kind, identity, remote_id))
    }

    fn refused(&self, subject: EntityId) -> Result<Vec<(String, Op)>, LedgerError> {
        self.reading(|connection| reads::refused(connection, subject))
    }

    fn flows(&self) -> Result<Vec<String>, LedgerError> {
        let mut flows = self.reading(reads::flows)?;
        let renamed = self.renamed();
        for flow in &mut flows {
            if let Some((to, _)) = renamed.iter().find(|(_, from)| *from == flow) {
                flow.clone_from(to);
            }
        }
        flows.sort_unstable();
        Ok(flows)
    }

    fn under_way(&self, each: &mut dyn FnMut(EntityId, &str, &str)) -> Result<(), LedgerError> {
        self.reading(|connection| reads::under_way(connection, each))
    }

    fn notices(&self, most: u32) -> Result<Vec<Notice>, LedgerError> {
        self.reading(|connection| reads::notices(connection, most))
    }

    fn next_subject(&self) -> EntityId {
        self.next_subject.fetch_add(1, Ordering::Relaxed)
    }

    fn write(&self, writes: Vec<Write>) -> Written {
        match &self.write_access {
            Some(access) => access.writer.queue.write(writes),
            None => Written::ready(Err(LedgerError::Broken {
                path: self.location.to_string(),
                why: "it was opened read-only".to_owned(),
            })),
        }
    }
}

fn take_lease(
    connection: &Connection,
    request: &LeaseRequest<'_>,
) -> database::Result<Result<i64, LeaseConflict>> {
    let transaction = connection.begin()?;
    transaction.lock_lease()?;
    let fence = lease::take(&transaction, request, transaction.now())?;
    transaction.commit()?;
    Ok(fence)
}

fn start_verification(mode: OpenMode, path: &Path) -> JoinHandle<Result<(), LedgerError>> {
    let path = path.to_owned();
    std::thread::spawn(move || file::verify(mode, &path))
}
