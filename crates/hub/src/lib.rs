//! The hub: keeps a fleet of devices in the state that its operators declared.
//!
//! Owns what joins the parts: the operators' listener (`api`), the devices' listener (`device`), who may do what
//! (`identity`), certificates and keys (`authority`), what each device is to have (`publish`), the executor of rollouts
//! (`rollouts`), the registry, webhooks and backups. Nodes keep nothing that another node would need: everything that was
//! acknowledged is in the store or among the blobs.

pub mod api;
pub mod authority;
pub mod backup;
pub mod bundle;
mod causes;
pub mod collect;
pub mod device;
pub mod event;
pub mod hub;
pub mod identity;
pub mod model;
pub mod node;
pub mod publish;
pub mod registry;
pub mod rollouts;
pub mod settings;
pub mod webhooks;

pub use causes::chain;
pub use hub::Hub;
pub use settings::Settings;
