//! Virtual servers: the tree of tenants.

use super::{invalid, names, server};
use crate::dispatch::Dispatch;
use crate::view::{Server, View};
use crate::words::{Branch, CreditsView, DirectoryError, VirtualServerView};
use std::collections::HashMap;
use textgate_sms::VsId;
use textgate_store::Change;

/// How deep the tree may be below the root: each level in mode Default pays for each message.
pub(super) const DEEPEST: usize = 16;

impl Dispatch {
    /// The virtual server of this path (`acme/sales`, `/`), if it is `within` or below it.
    pub fn find(&self, within: VsId, path: &str) -> Option<VsId> {
        let view = self.engine.view.load();
        view.at_path(path).filter(|vs| view.is_within(*vs, within))
    }

    /// Whether `vs` is `within` or below it.
    pub fn is_within(&self, vs: VsId, within: VsId) -> bool {
        self.engine.view.load().is_within(vs, within)
    }

    /// One virtual server.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`], [`DirectoryError::StoreUnavailable`].
    pub async fn virtual_server(&self, vs: VsId) -> Result<VirtualServerView, DirectoryError> {
        let view = self.engine.view.load_full();
        let server = server(&view, vs)?;
        Ok(shown(server, self.engine.store.credits(vs).await?.into()))
    }

    /// This virtual server and all below it, each before its children, and siblings by name.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`], [`DirectoryError::StoreUnavailable`].
    pub async fn virtual_servers(&self, within: VsId) -> Result<Vec<VirtualServerView>, DirectoryError> {
        let view = self.engine.view.load_full();
        server(&view, within)?;
        let credits: HashMap<VsId, _> = self.engine.store.all_credits().await?.into_iter().collect();
        let credits_of = |vs| credits.get(&vs).copied().unwrap_or_default().into();
        let mut found: Vec<VirtualServerView> = view
            .servers()
            .filter(|server| view.is_within(server.id, within))
            .map(|server| shown(server, credits_of(server.id)))
            .collect();
        found.sort_by(|a, b| names_of(&a.path).cmp(names_of(&b.path)));
        Ok(found)
    }

    /// The tree from `top` on, each virtual server before its children, and siblings by name; and whether some were left out. Where
    /// there are more than `most`: only the way from `top` to `at`, and what is directly below `at`. Asks no store.
    pub fn branches(&self, top: VsId, at: VsId, most: usize) -> (Vec<Branch>, bool) {
        let view = self.engine.view.load();
        let within = |server: &&Server| view.is_within(server.id, top);
        let mut found: Vec<&Server> = view.servers().filter(within).take(most + 1).collect();
        let is_cut = found.len() > most;
        if is_cut {
            // The way first: it is not left out for others.
            let way = view.up(at).filter(within);
            let below = view.servers().filter(|server| server.parent == Some(at)).filter(within);
            found = way.chain(below).take(most).collect();
        }
        found.sort_by(|a, b| names_of(&a.path).cmp(names_of(&b.path)));
        let depth = |server: &Server| names_of(&server.path).count();
        let top_depth = found.first().map_or(0, |top| depth(top));
        let branch = |server: &Server| Branch {
            id: server.id,
            name: server.name.clone(),
            path: server.path.clone(),
            depth: depth(server).saturating_sub(top_depth),
        };
        (found.into_iter().map(branch).collect(), is_cut)
    }

    /// Makes a virtual server. It is in mode Default, without SMS credits.
    ///
    /// # Errors
    /// [`DirectoryError::Invalid`] at `name`, [`DirectoryError::Conflict`] where a sibling has it or the tree would be too deep,
    /// [`DirectoryError::NotFound`] for the parent, [`DirectoryError::StoreUnavailable`].
    pub async fn add_virtual_server(
        &self,
        actor: &str,
        parent: VsId,
        name: &str,
    ) -> Result<VirtualServerView, DirectoryError> {
        let (view, vs) = self
            .engine
            .change(actor, |view| {
                server(view, parent)?;
                check_name(view, parent, name)?;
                if view.up(parent).count() > DEEPEST {
                    return Err(DirectoryError::Conflict(format!(
                        "virtual servers can be {DEEPEST} levels deep; make this one further up"
                    )));
                }
                let id = VsId(view.directory.next_vs);
                Ok((vec![Change::AddVirtualServer { id, parent, name: name.to_owned() }], id))
            })
            .await?;
        Ok(shown(server(&view, vs)?, CreditsView::default()))
    }

    /// Gives a virtual server another name.
    ///
    /// # Errors
    /// [`DirectoryError::Invalid`] at `name`, [`DirectoryError::Conflict`] for the root and where a sibling has the name,
    /// [`DirectoryError::NotFound`], [`DirectoryError::StoreUnavailable`].
    pub async fn rename_virtual_server(
        &self,
        actor: &str,
        vs: VsId,
        name: &str,
    ) -> Result<VirtualServerView, DirectoryError> {
        self.engine
            .change(actor, |view| {
                let server = server(view, vs)?;
                let Some(parent) = server.parent else {
                    return Err(DirectoryError::Conflict("the root has no name to be changed".into()));
                };
                if server.name == name {
                    return Ok((Vec::new(), ()));
                }
                check_name(view, parent, name)?;
                Ok((vec![Change::RenameVirtualServer { id: vs, name: name.to_owned() }], ()))
            })
            .await?;
        self.virtual_server(vs).await
    }

    /// Removes a virtual server with its settings, gateways and API keys. Its messages stay until they are pruned.
    ///
    /// # Errors
    /// [`DirectoryError::Conflict`] for the root and where it has children, [`DirectoryError::NotFound`],
    /// [`DirectoryError::StoreUnavailable`].
    pub async fn remove_virtual_server(&self, actor: &str, vs: VsId) -> Result<(), DirectoryError> {
        self.engine
            .change(actor, |view| {
                let server = server(view, vs)?;
                if server.parent.is_none() {
                    return Err(DirectoryError::Conflict("the root cannot be removed".into()));
                }
                if let Some(child) = view.servers().find(|other| other.parent == Some(vs)) {
                    let message = format!("{} is below it; remove what is below it first", child.path);
                    return Err(DirectoryError::Conflict(message));
                }
                Ok((vec![Change::RemoveVirtualServer { id: vs }], ()))
            })
            .await?;
        Ok(())
    }
}

fn check_name(view: &View, parent: VsId, name: &str) -> Result<(), DirectoryError> {
    if let Some(problem) = names::problem_of(name) {
        return Err(invalid("name", problem));
    }
    match view.servers().find(|server| server.parent == Some(parent) && server.name == name) {
        Some(there) => Err(DirectoryError::Conflict(format!("{} is there already", there.path))),
        None => Ok(()),
    }
}

/// The names of a path, so that paths sort as a tree does: none for the root.
fn names_of(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|name| !name.is_empty())
}

fn shown(server: &Server, credits: CreditsView) -> VirtualServerView {
    VirtualServerView {
        id: server.id,
        path: server.path.clone(),
        name: server.name.clone(),
        parent: server.parent,
        mode: server.settings.mode,
        credits,
    }
}
