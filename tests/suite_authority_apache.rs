//! A storefront behind Apache with `mod_auth_openidc`, which no one here wrote.

#![allow(missing_docs, clippy::unwrap_used)]

#[path = "support/authority.rs"]
mod authority;
mod support;

use std::path::Path;
use std::process::{Child, Command, Stdio};

use authority::{Client, storefront, to};
use reqwest::StatusCode;
use support::program::{free_port, have, listening};
use support::{Browser, World};
use vestibule::authority::application::{NewApplication, ResponseAlg};

const APACHE: &str = "/usr/sbin/apache2";
const MODULES: &str = "/usr/lib/apache2/modules";

struct Apache {
    child: Child,
    _files: tempfile::TempDir,
}

impl Apache {
    /// The store's web server on `port`, as a client of the broker.
    async fn start(port: u16, authority: &str, client: &Client) -> Self {
        let files = tempfile::tempdir().unwrap();
        let dir = files.path().display();
        let shop = files.path().join("shop");
        std::fs::create_dir_all(shop.join("orders")).unwrap();
        let orders =
            "orders of <!--#echo var=\"OIDC_CLAIM_name\" --> <!--#echo var=\"REMOTE_USER\" -->";
        std::fs::write(shop.join("orders/index.shtml"), orders).unwrap();
        std::fs::write(shop.join("bye.html"), "signed out").unwrap();
        let modules = [
            "mpm_event",
            "authn_core",
            "authz_core",
            "authz_user",
            "dir",
            "mime",
            "include",
            "auth_openidc",
        ]
        .map(|name| format!("LoadModule {name}_module {MODULES}/mod_{name}.so\n"))
        .concat();
        let Client { id, secret } = client;
        let secret = secret.as_deref().unwrap();
        let config = format!(
            r#"{modules}
ServerRoot {dir}
ServerName 127.0.0.1
Listen 127.0.0.1:{port}
PidFile {dir}/pid
DefaultRuntimeDir {dir}
ErrorLog {dir}/log
DocumentRoot {dir}/shop
DirectoryIndex index.shtml
TypesConfig /dev/null
AddType text/html .shtml .html
AddOutputFilter INCLUDES .shtml
<Directory {dir}/shop>
    Options +Includes
    Require all granted
</Directory>

OIDCProviderMetadataURL {authority}/.well-known/openid-configuration
OIDCClientID {id}
OIDCClientSecret {secret}
OIDCRedirectURI http://127.0.0.1:{port}/orders/redirect_uri
OIDCCryptoPassphrase a-secret-of-the-shop-for-its-own-cookie
OIDCScope "openid email profile"
OIDCResponseType code
OIDCRemoteUserClaim email
<Location /orders>
    AuthType openid-connect
    Require valid-user
</Location>
"#
        );
        let path = files.path().join("apache2.conf");
        std::fs::write(&path, config).unwrap();
        // One process, which ends with the test.
        let child = Command::new(APACHE)
            .args(["-X", "-f"])
            .arg(&path)
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        listening(port).await;
        Self {
            child,
            _files: files,
        }
    }
}

impl Drop for Apache {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shopper_logs_in_behind_apache() {
    let module = Path::new(MODULES).join("mod_auth_openidc.so");
    let how = "install the Debian packages apache2 and libapache2-mod-auth-openidc";
    if !have(Path::new(APACHE), how) || !have(&module, how) {
        return;
    }
    let world = World::start().await;
    let port = free_port();
    let shop = format!("http://127.0.0.1:{port}");
    let callback = format!("{shop}/orders/redirect_uri");
    let new = NewApplication {
        redirect_uris: vec![callback.clone()],
        post_logout_redirect_uris: vec![format!("{shop}/bye.html")],
        backchannel_logout_uri: Some(format!("{callback}?logout=backchannel")),
        // As a new application has it: the module says nothing of algorithms.
        id_token_signed_response_alg: Some(ResponseAlg::USUAL),
        ..storefront()
    };
    let client = Client::create(&world, new).await;
    let _apache = Apache::start(port, &world.origin, &client).await;
    let browser = &mut Browser::new();
    let orders = format!("{shop}/orders/");
    let greeting = "orders of Ada Lovelace ada@example.test";

    // A stranger is sent to the login, and comes back to the very page.
    let page = browser.get(&orders).await;
    assert_eq!(page.status, StatusCode::FOUND, "{}", page.body);
    let page = authority::log_in_on_the_way(browser, page).await;
    assert_eq!(page.url.as_str(), orders, "{}", page.body);
    assert_eq!(page.body, greeting);

    let url = format!("{callback}?logout={}", shop.clone() + "/bye.html");
    let page = browser.get(url).await;
    let page = browser.follow(page).await;
    assert_eq!(page.url.as_str(), format!("{shop}/bye.html"));
    assert_eq!(page.body, "signed out");
    // The shop's session is over, and the broker's too.
    let page = browser.get(&orders).await;
    let page = browser.get(to(&page).as_str()).await;
    assert_eq!(to(&page).path(), "/accounts/acme/login");

    // A logout at the store's own address reaches the shop behind the browser's back.
    let page = browser.get(&orders).await;
    let page = authority::log_in_on_the_way(browser, page).await;
    assert_eq!(page.body, greeting);
    let page = browser.post(world.url("acme", "logout"), &[]).await;
    assert_eq!(page.status, StatusCode::SEE_OTHER);
    while browser.get(&orders).await.status != StatusCode::FOUND {
        tokio::task::yield_now().await;
    }
}
