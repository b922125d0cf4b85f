//! Signing in somebody whom an OpenID Connect provider knows.

use super::users::new_record;
use crate::dispatch::Dispatch;
use crate::people::*;
use crate::view::View;
use crate::words::DirectoryError;
use std::net::IpAddr;
use textgate_store::{Change, External, NewUser};

impl Dispatch {
    /// Lets somebody through who comes back from an OpenID Connect provider, before what they bring is looked at: counts as a failed
    /// attempt of their address until it is said to be none, by a sign-in or by [`undecided_external`](Self::undecided_external).
    ///
    /// # Errors
    /// [`SignInRefusal::TooMany`].
    pub fn begin_external(&self, from: IpAddr) -> Result<(), SignInRefusal> {
        let engine = &self.engine;
        engine.accounts.limits.begin_at(from, engine.clock.now()).map_err(|wait| {
            let refusal =
                SignInRefusal::TooMany { wait_s: wait.as_secs() + u64::from(wait.subsec_nanos() > 0) };
            engine.metrics.on_sign_in(Some(refusal));
            refusal
        })
    }

    /// Whoever was let through brought nothing that can be trusted.
    pub fn failed_external(&self) {
        self.engine.metrics.on_sign_in(Some(SignInRefusal::Wrong));
    }

    /// The provider did not say whether it knows whoever was let through: as if they had not come.
    pub fn undecided_external(&self, from: IpAddr) {
        self.engine.accounts.limits.no_failure_at(from);
    }

    /// Signs in somebody whom an OpenID Connect provider has signed in: whoever calls has verified its token. The first mapping with
    /// one of the claim's values says where and as what. A user is made at the first sign-in, and follows the mapping at each.
    ///
    /// # Errors
    /// [`ExternalRefusal`].
    pub async fn sign_in_external(
        &self,
        input: ExternalSignIn,
        mappings: &[RoleMapping],
    ) -> Result<SignedIn, ExternalRefusal> {
        let from = input.from;
        let outcome = self.try_sign_in_external(input, mappings).await;
        let refusal = match &outcome {
            Ok(_) => None,
            Err(ExternalRefusal::StoreUnavailable) => Some(SignInRefusal::StoreUnavailable),
            Err(_) => Some(SignInRefusal::Wrong),
        };
        if refusal != Some(SignInRefusal::Wrong) {
            self.undecided_external(from);
        }
        self.engine.metrics.on_sign_in(refusal);
        outcome
    }

    async fn try_sign_in_external(
        &self,
        input: ExternalSignIn,
        mappings: &[RoleMapping],
    ) -> Result<SignedIn, ExternalRefusal> {
        let engine = &self.engine;
        let ExternalSignIn { issuer, subject, name, values, from } = input;
        let external = External { issuer, subject };
        let decide = |view: &View| {
            let mapped = mappings.iter().filter(|mapping| values.contains(&mapping.value));
            let mapped =
                mapped.filter_map(|mapping| Some((view.at_path(&mapping.virtual_server)?, mapping.role)));
            let Some((vs, role)) = mapped.into_iter().next() else {
                return Err(DirectoryError::NotFound(String::new()));
            };
            let there = view.directory.users.iter().find(|user| user.external.as_ref() == Some(&external));
            let user = match there {
                Some(user) if (user.vs, user.role) == (vs, role) => return Ok((Vec::new(), user.id)),
                Some(user) => NewUser { vs, role, ..user.clone().into() },
                None => {
                    super::users::check_new(view, vs, &name)?;
                    let new = new_record(view, vs, &name, role);
                    NewUser { external: Some(external.clone()), ..new }
                }
            };
            let id = user.id;
            Ok((vec![Change::PutUser(user)], id))
        };
        let made = engine.change("oidc", decide).await;
        let (view, id) = made.map_err(|error| match error {
            DirectoryError::NotFound(_) => ExternalRefusal::NoRole,
            DirectoryError::Conflict(_) => ExternalRefusal::NameTaken(name.clone()),
            DirectoryError::Invalid(problems) => ExternalRefusal::NameInvalid(
                problems.into_iter().next().map(|it| it.message).unwrap_or_default(),
            ),
            DirectoryError::StoreUnavailable(_) => ExternalRefusal::StoreUnavailable,
        })?;
        let user = view.user(id).ok_or(ExternalRefusal::StoreUnavailable)?;
        let action = format!("signed in by {} from {from}", external.issuer);
        let begun = engine.begin_session(user, action, None).await;
        begun.ok().flatten().ok_or(ExternalRefusal::StoreUnavailable)
    }
}
