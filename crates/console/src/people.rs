//! People, until dispatch knows them: nobody can sign in yet, so that no page is shown to anybody.

use std::net::IpAddr;
use textgate_dispatch::{DirectoryError, Dispatch};
use textgate_sms::VsId;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum UserRole {
    Administrator,
    Operator,
    Auditor,
}

impl UserRole {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Administrator => "administrator",
            Self::Operator => "operator",
            Self::Auditor => "auditor",
        }
    }
}

#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub struct Person {
    pub name: String,
    pub vs: VsId,
    pub role: UserRole,
}

impl Person {
    pub(crate) fn actor(&self) -> String {
        format!("user {}", self.name)
    }
    pub(crate) fn may_read(&self, dispatch: &Dispatch, vs: VsId) -> bool {
        match self.role {
            UserRole::Operator => vs == self.vs && dispatch.is_within(vs, self.vs),
            UserRole::Administrator | UserRole::Auditor => dispatch.is_within(vs, self.vs),
        }
    }
    pub(crate) fn may_change(&self, dispatch: &Dispatch, vs: VsId) -> bool {
        self.role != UserRole::Auditor && self.may_read(dispatch, vs)
    }
    pub(crate) fn may_administer(&self, dispatch: &Dispatch, vs: VsId) -> bool {
        self.role == UserRole::Administrator && self.may_read(dispatch, vs)
    }
    pub(crate) fn is_above(&self, dispatch: &Dispatch, vs: VsId) -> bool {
        vs != self.vs && self.may_administer(dispatch, vs)
    }
}

#[allow(dead_code)]
pub(crate) struct SignIn {
    pub(crate) name: String,
    pub(crate) password: String,
    pub(crate) code: Option<String>,
    pub(crate) from: IpAddr,
}

pub(crate) struct SignedIn {
    pub(crate) token: String,
}

#[allow(dead_code)]
pub(crate) enum SignInRefusal {
    Wrong,
    SecondFactorNeeded,
    TooMany { wait_s: u64 },
    StoreUnavailable,
}

pub(crate) trait People {
    fn session(&self, _token: &str) -> Option<Person> {
        None
    }
    fn csrf(&self, _token: &str) -> String {
        String::new()
    }
    async fn sign_in(&self, _input: SignIn) -> Result<SignedIn, SignInRefusal> {
        Err(SignInRefusal::Wrong)
    }
    async fn sign_out(&self, _token: &str) -> Result<(), DirectoryError> {
        Ok(())
    }
}

impl People for Dispatch {}
