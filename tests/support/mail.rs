//! A broker's mail settings.

use vestibule::config;

/// Of a broker that sends by the server at this URL.
pub fn settings(url: String) -> config::Mail {
    let variables = [
        ("PUBLIC_URL", "https://login.platform.test".to_owned()),
        ("MAIL__URL", url),
        ("MAIL__FROM", "Platform <login@platform.test>".to_owned()),
    ];
    let variables = variables.map(|(name, value)| (name.to_owned(), value));
    let config = config::from_parts("", variables, None).unwrap();
    config.mail.unwrap()
}
