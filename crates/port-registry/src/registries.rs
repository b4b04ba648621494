//! What the command line and the agent call: resolve, pull, push, sign in.

use std::convert::Infallible;
use std::hash::{BuildHasher, Hasher};

use thimble_image::registry::{
    Credentials, Delivery, Fault, Found, Limits, ListReferrers, Machine, Operation, Pull, Push,
    RegistryError, Resolve, Secret, SignIn, Target,
};
use thimble_image::store::BlobStore;
use thimble_image::{Descriptor, Digest, Platform, Reference};

use crate::client::Client;
use crate::credentials::{DockerConfig, StoredWhere};
use crate::drive::{Check, NoStore, Stop, drive};
use crate::error::{LoginError, PullError, PushError, TransferError};
use crate::settings::{Settings, SettingsError};
use crate::{Unwatched, Watch};

/// The longest wait between attempts.
const BACKOFF_MS_MAX: u64 = 30_000;
/// The longest wait that a registry may ask for.
const RETRY_AFTER_MS_MAX: u64 = 60_000;

/// All registries, and how they are spoken to.
pub struct Registries {
    client: Client,
    docker_config: DockerConfig,
}

impl Registries {
    /// Takes settings. Nothing is asked of any registry yet.
    ///
    /// # Errors
    /// [`SettingsError`] names what cannot be used.
    pub fn new(settings: Settings) -> Result<Self, SettingsError> {
        let docker_config = DockerConfig::new(settings.docker_config.as_deref());
        let client = Client::new(settings)?;
        Ok(Self {
            client,
            docker_config,
        })
    }

    /// What the reference points at now.
    ///
    /// # Errors
    /// [`TransferError`] says why that cannot be told.
    pub fn resolve(&self, reference: &Reference) -> Result<Descriptor, TransferError> {
        self.at_sources(reference, &mut Unwatched, |target, watch| {
            let operation = Resolve::new(target.clone(), reference);
            let scopes = vec![scope(reference.repository(), "pull")];
            let machine = self.ask(target, operation, scopes, watch)?;
            let found = machine.operation().found().cloned();
            found.ok_or_else(|| {
                Stop::Fault(Fault::Registry(RegistryError::NotFound {
                    what: reference.to_string(),
                    said: String::new(),
                }))
            })
        })
        .map_err(stop_to_transfer)
    }

    /// Brings an image into the store. `check` may refuse it before any layer is fetched; signatures are in the store
    /// by then.
    ///
    /// # Errors
    /// [`PullError`] says why not; the store holds nothing that is not complete.
    pub fn pull<S: BlobStore>(
        &self,
        reference: &Reference,
        preferred: &[Platform],
        store: &S,
        watch: &mut dyn Watch,
        check: &mut dyn FnMut(&Found) -> Result<(), String>,
    ) -> Result<Found, PullError<S::Error>> {
        self.at_sources(reference, watch, |target, watch| {
            let operation = Pull::new(target.clone(), reference, preferred, store);
            let scopes = vec![scope(reference.repository(), "pull")];
            let mut machine = self.machine(target, operation, scopes)?;
            drive(
                &self.client,
                &target.registry,
                &mut machine,
                store,
                watch,
                check,
            )?;
            machine.operation().found().ok_or_else(|| {
                Stop::Fault(Fault::Registry(RegistryError::NotFound {
                    what: reference.to_string(),
                    said: String::new(),
                }))
            })
        })
        .map_err(|stop| match stop {
            Stop::Fault(fault) => fault.into(),
            Stop::Refused(reason) => PullError::Refused(reason),
        })
    }

    /// Sends an image from the store, and after it what refers to it. Blobs that a repository in `mount_from` has are
    /// taken from there.
    ///
    /// # Errors
    /// [`PushError`] says why not; the tag is moved only when everything has arrived.
    pub fn push<S: BlobStore>(
        &self,
        root: &Descriptor,
        referrers: &[Descriptor],
        to: &Reference,
        mount_from: &[String],
        store: &S,
        watch: &mut dyn Watch,
    ) -> Result<(), PushError<S::Error>> {
        let delivery = Delivery {
            root: Some(root.clone()),
            referrers: referrers.to_vec(),
            to: to.clone(),
            mount_from: mount_from.to_vec(),
        };
        self.deliver(delivery, store, watch)
    }

    /// Sends manifests that refer to an image that the registry has, signatures for example.
    ///
    /// # Errors
    /// [`PushError`] says why not.
    pub fn push_referrers<S: BlobStore>(
        &self,
        referrers: &[Descriptor],
        to: &Reference,
        store: &S,
        watch: &mut dyn Watch,
    ) -> Result<(), PushError<S::Error>> {
        let delivery = Delivery {
            root: None,
            referrers: referrers.to_vec(),
            to: to.clone(),
            mount_from: Vec::new(),
        };
        self.deliver(delivery, store, watch)
    }

    /// What refers to a manifest in the reference's repository: everything, or what has this artifact type.
    ///
    /// # Errors
    /// [`TransferError`] says why that cannot be told.
    pub fn referrers(
        &self,
        reference: &Reference,
        subject: &Digest,
        artifact_type: Option<&str>,
    ) -> Result<Vec<Descriptor>, TransferError> {
        let target = self.client.settings().target(reference.registry());
        let operation = ListReferrers::new(target.clone(), reference, *subject, artifact_type);
        let scopes = vec![scope(reference.repository(), "pull")];
        let machine = self.ask(&target, operation, scopes, &mut Unwatched);
        let machine = machine.map_err(stop_to_transfer)?;
        Ok(machine.operation().found().to_vec())
    }

    /// Stores credentials if the registry accepts them.
    ///
    /// # Errors
    /// [`LoginError`] says why not; nothing is stored then.
    pub fn login(
        &self,
        registry: &str,
        username: &str,
        password: Secret,
    ) -> Result<StoredWhere, LoginError> {
        let target = self.client.settings().target(registry);
        let credentials = Credentials::Password {
            username: username.into(),
            password: password.clone(),
        };
        let operation = SignIn::new(target.clone());
        let mut machine = self.machine_for(&target, operation, Vec::new(), Some(credentials));
        let outcome = drive(
            &self.client,
            registry,
            &mut machine,
            &NoStore,
            &mut Unwatched,
            &mut |_| Ok(()),
        );
        match outcome.map_err(stop_to_transfer) {
            Ok(()) => {}
            Err(TransferError::Unauthorized { registry, .. }) => {
                return Err(LoginError::Rejected { registry });
            }
            Err(error) => return Err(LoginError::Transfer(error)),
        }
        self.docker_config
            .store(registry, username, &password)
            .map_err(LoginError::Credentials)
    }

    /// Forgets the credentials of a registry. Whether there were any.
    ///
    /// # Errors
    /// [`LoginError::Credentials`] says why they are still there.
    pub fn logout(&self, registry: &str) -> Result<bool, LoginError> {
        self.docker_config
            .erase(registry)
            .map_err(LoginError::Credentials)
    }

    fn deliver<S: BlobStore>(
        &self,
        delivery: Delivery,
        store: &S,
        watch: &mut dyn Watch,
    ) -> Result<(), PushError<S::Error>> {
        let target = self.client.settings().target(delivery.to.registry());
        let mut scopes = vec![scope(delivery.to.repository(), "pull,push")];
        let others = delivery.mount_from.iter();
        scopes.extend(others.map(|repository| scope(repository, "pull")));
        let operation = Push::new(target.clone(), delivery, store);
        let outcome = self
            .machine(&target, operation, scopes)
            .and_then(|mut machine| {
                let check: Check<'_> = &mut |_| Ok(());
                drive(
                    &self.client,
                    &target.registry,
                    &mut machine,
                    store,
                    watch,
                    check,
                )
            });
        match outcome {
            Ok(()) => Ok(()),
            Err(Stop::Fault(fault)) => Err(fault.into()),
            Err(Stop::Refused(reason)) => {
                Err(PushError::Transfer(RegistryError::Unpushable { reason }))
            }
        }
    }

    /// Tries mirrors in their order and then the registry itself. A refusal by the caller and a failure of the store
    /// are the same everywhere.
    fn at_sources<T, E>(
        &self,
        reference: &Reference,
        watch: &mut dyn Watch,
        mut attempt: impl FnMut(&Target, &mut dyn Watch) -> Result<T, Stop<E>>,
    ) -> Result<T, Stop<E>> {
        let mut sources = self.client.settings().sources(reference.registry());
        let last = sources.pop();
        for mirror in &sources {
            match attempt(mirror, watch) {
                Err(Stop::Fault(Fault::Registry(error))) => {
                    watch.note(&format!("mirror {} is left out: {error}", mirror.registry));
                }
                outcome => return outcome,
            }
        }
        let own = self.client.settings().target(reference.registry());
        attempt(&last.unwrap_or(own), watch)
    }

    fn ask<O: Operation<StoreError = Infallible>>(
        &self,
        target: &Target,
        operation: O,
        scopes: Vec<String>,
        watch: &mut dyn Watch,
    ) -> Result<Machine<O>, Stop<Infallible>> {
        let mut machine = self.machine(target, operation, scopes)?;
        let check: Check<'_> = &mut |_| Ok(());
        drive(
            &self.client,
            &target.registry,
            &mut machine,
            &NoStore,
            watch,
            check,
        )?;
        Ok(machine)
    }

    fn machine<O: Operation>(
        &self,
        target: &Target,
        operation: O,
        scopes: Vec<String>,
    ) -> Result<Machine<O>, Stop<O::StoreError>> {
        let credentials = self.docker_config.find(&target.registry);
        let credentials = credentials.map_err(|error| {
            let reason = error.to_string();
            Stop::Fault(Fault::Registry(RegistryError::Credentials { reason }))
        })?;
        Ok(self.machine_for(target, operation, scopes, credentials))
    }

    fn machine_for<O: Operation>(
        &self,
        target: &Target,
        operation: O,
        scopes: Vec<String>,
        credentials: Option<Credentials>,
    ) -> Machine<O> {
        let settings = self.client.settings();
        let backoff_ms = u64::try_from(settings.backoff.as_millis()).unwrap_or(BACKOFF_MS_MAX);
        let limits = Limits {
            attempts_max: settings.attempts_max,
            backoff_ms: backoff_ms.min(BACKOFF_MS_MAX),
            backoff_ms_max: BACKOFF_MS_MAX,
            retry_after_ms_max: RETRY_AFTER_MS_MAX,
        };
        // Keys of hash maps are random: enough to spread waits.
        let seed = std::hash::RandomState::new().build_hasher().finish();
        Machine::new(operation, target.clone(), credentials, scopes, limits, seed)
    }
}

/// The scope of a token that may do this in a repository.
fn scope(repository: &str, actions: &str) -> String {
    format!("repository:{repository}:{actions}")
}

fn stop_to_transfer(stop: Stop<Infallible>) -> TransferError {
    match stop {
        Stop::Fault(Fault::Registry(error)) => error,
        Stop::Fault(Fault::Store(never)) => match never {},
        Stop::Refused(reason) => TransferError::Unpushable { reason },
    }
}
