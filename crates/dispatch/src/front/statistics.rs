//! How well each gateway does for each country.

use super::server;
use crate::dispatch::Dispatch;
use crate::statistics::GatewayStanding;
use crate::words::DirectoryError;
use textgate_sms::{GatewayId, VsId};

impl Dispatch {
    /// What the gateways of a virtual server did lately, by country: for its own messages and those of virtual servers that send by
    /// them. In memory, with decay.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`].
    pub fn gateway_statistics(&self, vs: VsId) -> Result<Vec<GatewayStanding>, DirectoryError> {
        let view = self.engine.view.load();
        let named = |id: &GatewayId| Some((*id, view.stations.get(id)?.built().name.clone()));
        let gateways: Vec<(GatewayId, String)> =
            server(&view, vs)?.gateways.iter().filter_map(named).collect();
        Ok(self.engine.statistics.standings(&gateways, self.engine.clock.now_ms()))
    }
}
