//! What is left at a gateway's provider, asked for when somebody wants to know.

use super::server;
use crate::dispatch::Dispatch;
use crate::words::DirectoryError;
use std::sync::Arc;
use textgate_gateway::Balance;
use textgate_sms::VsId;

/// Why there is no balance to tell.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BalanceRefusal {
    /// There is no such virtual server or gateway, or its provider cannot be asked.
    #[error("{0} does not exist")]
    NotFound(String),
    /// The provider gave no answer of use; the reason holds no secret.
    #[error("{0}")]
    NoAnswer(String),
}

impl Dispatch {
    /// Asks the provider of a virtual server's own gateway what is left there.
    ///
    /// # Errors
    /// [`BalanceRefusal`].
    pub async fn balance(&self, vs: VsId, gateway: &str) -> Result<Balance, BalanceRefusal> {
        let view = self.engine.view.load_full();
        let server = server(&view, vs).map_err(|error| match error {
            DirectoryError::NotFound(what) => BalanceRefusal::NotFound(what),
            other => BalanceRefusal::NoAnswer(other.to_string()),
        })?;
        let mut stations = server.gateways.iter().filter_map(|id| view.stations.get(id));
        let station = stations.find(|station| station.built().name == gateway);
        let station = station.ok_or_else(|| BalanceRefusal::NotFound("this gateway".into()))?;
        let built = station.built();
        let gateway = built.gateway.as_ref().map_err(|reason| BalanceRefusal::NoAnswer(reason.clone()))?;
        let asked = Arc::clone(gateway).balance();
        let asked =
            asked.ok_or_else(|| BalanceRefusal::NotFound("a balance query of this provider".into()))?;
        let balance = asked.await.map_err(BalanceRefusal::NoAnswer)?;
        // Whoever has paid in and looks need not wait for the next time that it is asked for the alerts' sake.
        self.engine.observe_balance(station, &balance);
        Ok(balance)
    }
}
