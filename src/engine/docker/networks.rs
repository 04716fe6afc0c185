//! Bridge networks. Engines before API 1.44 allow several of one name, so they are found by name, label and nothing
//! less, and removed by ID.

use std::collections::HashMap;

use bollard::errors::Error;
use bollard::models::{Network, NetworkCreateRequest};
use bollard::query_parameters::ListNetworksOptionsBuilder;
use hyper::Method;
use serde::Serialize;

use super::failure::Call;
use super::{Docker, gone_is_done, patience, request};
use crate::engine::{EngineError, NetworkSpec, ObjectKind};
use crate::model::{Instance, labels};

/// bollard's type follows the newest API, where the check cannot be left out; older engines want to be asked for it.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct CheckedCreateRequest {
    check_duplicate: bool,
    #[serde(flatten)]
    request: NetworkCreateRequest,
}

impl Docker {
    pub(super) async fn ensure_bridge(&self, network: &NetworkSpec) -> Result<bool, EngineError> {
        let name = network.name.escape_debug();
        let call = Call::about(ObjectKind::Network, format!("ensure network `{name}`"));
        let Some(instance) = network.labels.get(labels::INSTANCE) else {
            return Err(call.invalid(format!("it lacks the label `{}`", labels::INSTANCE)));
        };
        let _alone = self.creating_network.lock().await;
        if self.is_there(&call, &network.name, instance).await? {
            return Ok(false);
        }
        match self.run(&call, patience::SLOW, self.create_bridge(network)).await {
            Ok(()) => Ok(true),
            // Another process was faster; whose it is decides.
            Err(EngineError::Conflict { .. }) if self.is_there(&call, &network.name, instance).await? => Ok(false),
            Err(error) => Err(error),
        }
    }

    pub(super) async fn remove_bridge(&self, instance: &Instance, name: &str) -> Result<(), EngineError> {
        let call = Call::about(ObjectKind::Network, format!("remove network `{}`", name.escape_debug()));
        for network in self.networks_named(&call, name).await? {
            if !belongs_to(&network, instance.as_str()) {
                continue;
            }
            let id = network.id.unwrap_or_default();
            gone_is_done(self.run(&call, patience::SLOW, self.client.remove_network(super::safe(&call, &id)?)).await)?;
        }
        Ok(())
    }

    /// Whether the instance has a network of this name; a conflict when only others have one.
    async fn is_there(&self, call: &Call, name: &str, instance: &str) -> Result<bool, EngineError> {
        let named = self.networks_named(call, name).await?;
        let (own, others): (Vec<_>, Vec<_>) = named.into_iter().partition(|network| belongs_to(network, instance));
        if !own.is_empty() {
            self.keep_one(call, own).await?;
            return Ok(true);
        }
        match others.first() {
            None => Ok(false),
            Some(_) => Err(EngineError::Conflict {
                operation: call.operation.clone(),
                message: format!("a network with this name exists that does not belong to instance `{instance}`"),
            }),
        }
    }

    /// A process that ends while it makes a network, and the next one that makes it, too, may both succeed; then no container can be
    /// started on either. The oldest stays.
    async fn keep_one(&self, call: &Call, mut own: Vec<Network>) -> Result<(), EngineError> {
        own.sort_by(|a, b| (&a.created, &a.id).cmp(&(&b.created, &b.id)));
        for surplus in own.into_iter().skip(1) {
            let id = surplus.id.unwrap_or_default();
            let removed = self.run(call, patience::SLOW, self.client.remove_network(super::safe(call, &id)?)).await;
            match gone_is_done(removed) {
                // Somebody's container is on it.
                Ok(()) | Err(EngineError::Conflict { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// The engine's filter also finds names that merely contain what is asked for.
    async fn networks_named(&self, call: &Call, name: &str) -> Result<Vec<Network>, EngineError> {
        let options = ListNetworksOptionsBuilder::new().filters(&HashMap::from([("name", vec![name])])).build();
        let mut found = self.run(call, patience::QUICK, self.client.list_networks(Some(options))).await?;
        found.retain(|network| network.name.as_deref() == Some(name));
        Ok(found)
    }

    async fn create_bridge(&self, network: &NetworkSpec) -> Result<(), Error> {
        let body = CheckedCreateRequest { check_duplicate: true, request: request::network(network) };
        self.transport.open(Method::POST, "/networks/create", Some(&body)).await.map(drop)
    }
}

fn belongs_to(network: &Network, instance: &str) -> bool {
    network.labels.as_ref().and_then(|found| found.get(labels::INSTANCE)).is_some_and(|owner| owner == instance)
}
