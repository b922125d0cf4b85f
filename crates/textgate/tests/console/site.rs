//! A server with people in it, and the way in for a browser.

use crate::browser::Browser;
use crate::kit::{Server, Tenant};
use std::io::Write;
use std::net::SocketAddr;
use std::process::Stdio;

/// The password of everybody in the tests.
pub const PASSWORD: &str = "correct horse battery";

/// Two tenants, one with a branch below it, without gateways.
pub fn tenants() -> String {
    let tenant = |path, more| Tenant { path, key: "", more, settings: "", gateways: &[] }.toml();
    [tenant("acme", "credits = 1000"), tenant("acme/sales", ""), tenant("other", "credits = 5")].concat()
}

/// A running server with these tenants, and users: `root`, an administrator of the root; `ada`, one of acme; `ann`, an auditor there;
/// `olga`, an operator there; and `eve`, an administrator of other.
pub async fn site() -> Server {
    let mut server = Server::stopped();
    server.apply(&tenants());
    server.serve().await;
    add_user(&server, "root", "/", "administrator");
    add_user(&server, "ada", "acme", "administrator");
    add_user(&server, "ann", "acme", "auditor");
    add_user(&server, "olga", "acme", "operator");
    add_user(&server, "eve", "other", "administrator");
    server
}

/// Makes a user with the tests' password.
pub fn add_user(server: &Server, name: &str, vs: &str, role: &str) {
    let mut command = server.command(&["user", "add", name, "--role", role, "--password-stdin", "--vs", vs]);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(PASSWORD.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// The number of the user of this name.
pub fn user(server: &Server, name: &str) -> u64 {
    let list = server.cli_ok(&["user", "list", "--json"]);
    let list: serde_json::Value = serde_json::from_str(&list).unwrap();
    let user = list["users"].as_array().unwrap().iter().find(|user| user["name"] == name).cloned();
    user.and_then(|user| user["id"].as_u64()).unwrap_or_else(|| panic!("{name}: {list:#}"))
}

/// The number of the virtual server at this path.
pub fn number(server: &Server, path: &str) -> u64 {
    let list = server.cli_ok(&["user", "list", "--json"]);
    let list: serde_json::Value = serde_json::from_str(&list).unwrap();
    let users = list["users"].as_array().unwrap();
    let user = users.iter().find(|user| user["path"] == path);
    user.and_then(|user| user["virtual_server"].as_u64()).unwrap_or_else(|| panic!("{path}: {list:#}"))
}

impl Browser {
    /// Signs in at the form, and waits for the first page.
    pub async fn sign_in(&self, at: SocketAddr, name: &str) {
        self.fill_in_sign_in(at, name, PASSWORD).await;
        let here = self.here().await;
        assert!(here.starts_with("/console/vs/"), "{here}: {}", self.text().await);
    }

    /// Fills in the form and sends it.
    pub async fn fill_in_sign_in(&self, at: SocketAddr, name: &str, password: &str) {
        self.goto(at, "/console/sign-in").await;
        self.fill("name", name).await;
        self.fill("password", password).await;
        self.submit("main form.stack").await;
    }

    /// Signs out, by the button in the account's panel.
    pub async fn sign_out(&self) {
        self.press(".seat > summary").await;
        self.submit(".seat form[action=\"/console/sign-out\"]").await;
        assert_eq!(self.here().await, "/console/sign-in");
    }
}
