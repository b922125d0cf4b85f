//! SMS settings: shown without secrets, and put as a whole.

use super::draft::{Above, Current, Draft};
use super::{secrets, server};
use crate::dispatch::Dispatch;
use crate::station::Station;
use crate::view::{Server, View};
use crate::words::{CreditsView, DirectoryError, GatewayView, SettingsInput, SettingsView};
use serde_json::Value;
use textgate_gateway::Plugins;
use textgate_sms::{PhoneNumber, VsId};

impl Dispatch {
    /// Kinds of gateways.
    pub fn plugins(&self) -> &Plugins {
        &self.engine.plugins
    }

    /// The SMS settings of a virtual server, without secrets.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`], [`DirectoryError::StoreUnavailable`].
    pub async fn settings(&self, vs: VsId) -> Result<SettingsView, DirectoryError> {
        self.shown(&self.engine.view.load_full(), vs).await
    }

    /// The gateways of a virtual server as they are now, primary first, without secrets. Asks nobody but this process.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`].
    pub fn gateways(&self, vs: VsId) -> Result<Vec<GatewayView>, DirectoryError> {
        let view = self.engine.view.load_full();
        Ok(self.gateways_of(&view, server(&view, vs)?))
    }

    /// Puts the SMS settings of a virtual server as a whole. A gateway keeps its number by its name, and so its secrets where they
    /// are left blank. In mode Default the gateways are kept for later. Settings that are there just so write nothing.
    ///
    /// # Errors
    /// [`DirectoryError::Invalid`] with every problem at once, by its path (`gateways[0].settings.host`); nothing has changed then.
    /// [`DirectoryError::NotFound`], [`DirectoryError::StoreUnavailable`].
    pub async fn put_settings(
        &self,
        actor: &str,
        vs: VsId,
        input: SettingsInput,
    ) -> Result<SettingsView, DirectoryError> {
        let engine = &self.engine;
        let (view, ()) = engine
            .change_by_credits(actor, |view, credits| {
                let server = server(view, vs)?;
                let above = match server.parent {
                    None => Above::Nobody,
                    Some(parent) if view.route(parent).is_none() => Above::NoGateway,
                    Some(_) => Above::Gateway { allocated: credits.get(&vs).map_or(0, |c| c.allocated) },
                };
                let current = Current::of(view, server);
                let draft =
                    Draft::read(&engine.plugins, &current, above, input).map_err(DirectoryError::Invalid)?;
                if draft.differences(&current).is_empty() {
                    return Ok((Vec::new(), ()));
                }
                let mut next_gateway = view.directory.next_gateway;
                Ok((vec![draft.into_change(engine, vs, &current, &mut next_gateway)], ()))
            })
            .await?;
        self.shown(&view, vs).await
    }

    async fn shown(&self, view: &View, vs: VsId) -> Result<SettingsView, DirectoryError> {
        let server = server(view, vs)?;
        let credits = self.engine.store.credits(vs).await?.into();
        Ok(SettingsView {
            mode: server.settings.mode,
            test_number: server.settings.test_number.map(|number: PhoneNumber| number.to_string()),
            failover_after_ms: server.settings.failover_after_ms,
            on_uncertain: server.settings.on_uncertain,
            gateway_order: server.settings.gateway_order,
            gateways: self.gateways_of(view, server),
            default_unavailable: self.default_unavailable(view, server, credits).await?,
            credits,
        })
    }

    fn gateways_of(&self, view: &View, server: &Server) -> Vec<GatewayView> {
        let stations = server.gateways.iter().filter_map(|id| view.stations.get(id));
        stations.map(|station| self.gateway(station)).collect()
    }

    fn gateway(&self, station: &Station) -> GatewayView {
        let built = station.built();
        let (settings, secrets_set) = match self.engine.plugins.get(&built.plugin) {
            Some(plugin) => secrets::hide(plugin.fields(), &built.settings),
            // A plugin that this version does not have: nobody knows which of its settings are secrets.
            None => (Value::Object(serde_json::Map::new()), Vec::new()),
        };
        GatewayView {
            id: station.id,
            name: built.name.clone(),
            plugin: built.plugin.clone(),
            settings,
            secrets_set,
            receipt_url: self.receipt_url(station, &built.plugin),
            status: station.status(),
        }
    }

    fn receipt_url(&self, station: &Station, plugin: &str) -> Option<String> {
        let provider = self.engine.plugins.get(plugin)?.provider()?;
        let calls = provider.receipts.is_some() || provider.inbound.is_some();
        calls.then(|| self.engine.receipt_url(station.id))
    }

    /// Why a message could not leave in mode Default now, where it could not.
    async fn default_unavailable(
        &self,
        view: &View,
        server: &Server,
        credits: CreditsView,
    ) -> Result<Option<String>, DirectoryError> {
        let Some(parent) = server.parent else { return Ok(Above::Nobody.refusal().map(Into::into)) };
        let Some(route) = view.route(parent) else { return Ok(Above::NoGateway.refusal().map(Into::into)) };
        if let Some(refusal) = (Above::Gateway { allocated: credits.allocated }).refusal() {
            return Ok(Some(refusal.into()));
        }
        if credits.remaining == 0 {
            let reason = "all SMS credits are used: ask your service provider to allocate more, or select Custom and add a gateway";
            return Ok(Some(reason.into()));
        }
        for payer in &route.payers {
            if self.engine.store.credits(*payer).await?.remaining() == 0 {
                let reason = "your service provider has no SMS credits left itself: ask it to get some, or select Custom and add a gateway";
                return Ok(Some(reason.into()));
            }
        }
        Ok(None)
    }
}
